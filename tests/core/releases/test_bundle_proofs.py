"""A stranger checks a clip up to the log's signed head, with the script of docs/bundle.md; and nothing forged is signed.

What a forger has here: everything in the bundle, a release key of their own, and all documents. What they lack is the log's key.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from holdshelf_core.access_log.types import ReadHead
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.releases import check_source, types
from holdshelf_core.releases.check_proofs import MASKED as MASKED_WORDS
from holdshelf_core.releases.check_proofs import NO_PROOFS
from holdshelf_core.releases.offline import verify
from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_core.timestamps.authority import fingerprints
from holdshelf_core.timestamps.types import TimestampNow, TimestampRemove, TimestampSet
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_core.witnesses.types import WitnessAdd, WitnessAsk, WitnessRemove
from holdshelf_storage.access_log.checkpoint import PublicKey
from holdshelf_storage.access_log.proof import parse_proof
from tests.bundles import approved, await_export, bundle_of, export, manifest_of, spans_of
from tests.core.releases.test_check import sign
from tests.core.witnesses.running import running
from tests.looking import NS, commissioned, record, seed
from tests.people import PAPER, People
from tests.rig import forked
from tests.scenes.rig import ZONE, Library
from tests.service import Service
from tests.tsa import Tsa, stock_verify

PAGE = Path(__file__).resolve().parents[3] / "docs" / "bundle.md"
ORIGINAL, MASKED, FORGED, NEXT, WITNESSED, STAMPED, ADOPTED = (f"R-2026-{number:04d}" for number in range(1, 8))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("proofs")
    service = Service(folder / "data", mint=True, environment={"TZ": ZONE})
    seed(service.data, commissioned("lobby"))
    made = record(service.data, ("lobby",), (time.time_ns() // NS - 3600) * NS)
    seed(
        service.data,
        [
            approved(spans_of(made, "lobby", start_s=33.3, end_s=87.7), original=True, number=1),
            approved(spans_of(made, "lobby", start_s=0, end_s=30), number=2),
            approved(spans_of(made, "lobby", start_s=200, end_s=210), original=True, number=3),
            approved(spans_of(made, "lobby", start_s=200, end_s=210), original=True, number=4),
            approved(spans_of(made, "lobby", start_s=200, end_s=210), original=True, number=5),
            approved(spans_of(made, "lobby", start_s=33.3, end_s=50), original=True, number=6),
            approved(spans_of(made, "lobby", start_s=0, end_s=10), original=True, number=7),
        ],
    )
    service.start()
    people = People(service)
    library = Library(service, people, made, folder, people.name_director())
    try:
        yield library
    finally:
        service.__exit__(None, None, None)


@pytest.fixture(scope="module")
def original(house: Library) -> Path:
    export(house, ORIGINAL)
    return bundle_of(house, ORIGINAL)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith("from ")} == {"cryptography"}
    assert "holdshelf_core" not in text
    path = tmp_path_factory.mktemp("stranger") / "check_proofs.py"
    path.write_text(text)
    return path


def ask(script: Path, bundle: Path) -> tuple[int, str]:
    """Exit code, and what it said, run where none of our packages can be imported."""
    done = subprocess.run([sys.executable, "-I", str(script), str(bundle)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_stranger_checks_an_original_up_to_the_signed_head(house: Library, original: Path, script: Path) -> None:
    code, words = ask(script, original)
    assert code == 0, words
    report = verify(original)
    assert report.problems == [] and report.notes == []
    assert report.anchored is not None and report.anchored.files == report.anchored.framed > 1
    assert report.anchored.head.replace(" ", "") in words
    manifest = manifest_of(original)
    frames = sum(video["frames"] for video in manifest["videos"])
    assert f"{frames} frames are those that were recorded" in words
    anchored = {proof["line"]["entry"] for proof in json.loads((original / "proofs.json").read_text())["segments"]}
    assert anchored < set(manifest["log_entries"])
    # Nothing but the footage that was asked for is in it, nor the names of other cameras.
    entry = (original / "access-log" / f"entry-{min(anchored):08d}.jsonl").read_text()
    assert '{"private":{' not in entry
    assert "lobby" not in entry


def test_each_entry_in_a_bundle_has_a_proof_in_the_form_of_other_tools(original: Path, tmp_path: Path) -> None:
    manifest = manifest_of(original)
    key = PublicKey.parse(manifest["log_key"])
    assert manifest["log_entries"]
    for seq in manifest["log_entries"]:
        name = original / "access-log" / f"entry-{seq:08d}"
        proof = parse_proof(name.with_suffix(".tlog-proof").read_text())
        head, entry = proof.check(key)
        assert (entry["seq"], proof.note) == (seq, manifest["log_head"]) and head.size >= seq
        assert name.with_suffix(".jsonl").read_bytes().endswith(b"\n" + proof.line + b"\n")
    # One that is another entry's, of another head or beside no entry is found, whoever signs the bundle again.
    first, second, *_ = (f"access-log/entry-{seq:08d}" for seq in manifest["log_entries"])
    for number, (forge, words) in enumerate(
        (
            (lambda b: shutil.copy(b / f"{second}.tlog-proof", b / f"{first}.tlog-proof"), "proves another entry"),
            (lambda b: _put(b / f"{first}.tlog-proof", "index ", "index 1"), "does not lead from its entry"),
            (lambda b: _put(b / f"{first}.tlog-proof", "@v1", "@v2"), "does not begin with"),
            (lambda b: (b / f"{first}.tlog-proof").rename(b / "access-log/entry-x.tlog-proof"), "beside no export"),
        )
    ):
        bundle = copy_of(original, tmp_path / str(number))
        forge(bundle)
        sign_again(bundle)
        (problem,) = verify(bundle).problems
        assert problem.startswith("access-log/entry-") and words in problem


def _put(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_a_bundle_bears_the_signatures_of_witnesses_on_the_head_that_it_leads_to(
    house: Library, script: Path, tmp_path: Path
) -> None:
    book = WitnessBook(tmp_path / "witness")
    key = str(book.make_key("oak.example/witness"))
    book.trust(PublicKey.parse(house.service.client.read(ReadHead()).public_key))
    with running(book.folder) as witness:
        house.service.act(WitnessAdd(witness.url, key))
        assert house.service.act(WitnessAsk()).rows[0].asked.ok
        export(house, WITNESSED)
        house.service.act(WitnessRemove("oak.example/witness"))
    bundle = bundle_of(house, WITNESSED)
    head, signed = ((bundle / "access-log" / f"{name}.txt").read_text() for name in ("head", "countersigned"))
    assert signed.startswith(head) and signed.count("— ") == 2
    for proof in (bundle / "access-log").glob("*.tlog-proof"):
        assert parse_proof(proof.read_text()).note == signed
    (note,) = verify(bundle, witnesses=[key]).notes
    assert note.startswith("oak.example/witness countersigned the head of the access log that it leads to, ")
    (note,) = verify(bundle).notes
    assert "their keys were not given ('oak.example/witness')" in note
    assert ask(script, bundle)[0] == 0
    # Signed again by a forger who lacks the witness's key.
    forged = tmp_path / "forged"
    shutil.copytree(bundle, forged)
    text, _, base64 = signed.rstrip("\n").rpartition(" ")
    wrong = f"{base64[:20]}{'A' if base64[20] != 'A' else 'B'}{base64[21:]}"
    (forged / "access-log" / "countersigned.txt").write_text(f"{text} {wrong}\n")
    sign_again(forged)
    assert verify(forged, witnesses=[key]).problems == [
        "access-log/countersigned.txt bears a wrong signature of oak.example/witness."
    ]


def test_of_a_masked_copy_the_sources_are_proven(house: Library, script: Path) -> None:
    export(house, MASKED)
    bundle = bundle_of(house, MASKED)
    code, words = ask(script, bundle)
    assert code == 0, words
    assert "its pictures are the library's word" in words
    report = verify(bundle)
    assert report.anchored is not None and (report.anchored.files > 0, report.anchored.framed) == (True, 0)
    assert (report.problems, report.notes) == ([], [MASKED_WORDS])
    done = cli("verify", bundle)
    assert re.search(
        r"^\d+ files of footage that it was made from are those that the access log anchored by 20", done, re.M
    )
    assert "Note: Its videos are masked copies: what they were made from is proven" in done


def cli(*arguments: str | Path) -> str:
    """What a command said that succeeded."""
    command = [sys.executable, "-m", "holdshelf_tui.cli", *map(str, arguments)]
    done: str = forked.run(command, capture_output=True, text=True, check=True).stdout
    return done


def test_holdshelf_verify_says_in_one_line_what_is_proven_of_folder_and_zip(original: Path, tmp_path: Path) -> None:
    files = len(json.loads((original / "proofs.json").read_text())["segments"])
    line = f"{files} files of footage and their frames are those that the access log anchored by 20"
    packed = tmp_path / "b.zip"
    with zipfile.ZipFile(packed, "w") as out:
        for path in sorted(one for one in original.rglob("*") if one.is_file()):
            out.write(path, path.relative_to(original.parent))
    for bundle in (original, packed):
        said = cli("verify", bundle)
        assert line in said
        assert "Note:" not in said


def test_a_video_is_read_once_for_its_checksum_and_its_frames(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    of_folder = check_source._Folder.open

    def noted(source: check_source._Folder, name: str) -> IO[bytes]:
        opened.append(name)
        return of_folder(source, name)

    monkeypatch.setattr(check_source._Folder, "open", noted)
    copy = copy_of(original, tmp_path)
    report = verify(copy)
    assert (report.problems, report.anchored is not None) == ([], True)
    videos = [name for name in opened if name.endswith(".mp4")]
    assert (len(videos), len(set(videos))) == (1, 1)
    _flip(next(copy.rglob("*.mp4")))
    changed = verify(copy)
    assert len(changed.problems) == 1
    assert "was changed after it was signed" in changed.problems[0]
    assert changed.anchored is None


def test_of_an_older_bundle_is_said_that_nothing_proves_its_footage(original: Path, tmp_path: Path) -> None:
    bundle = copy_of(original, tmp_path)
    (bundle / "proofs.json").unlink()
    sign_again(bundle)
    report = verify(bundle)
    assert (report.problems, report.anchored, report.notes) == ([], None, [NO_PROOFS])
    assert "Note: It has no proofs.json" in cli("verify", bundle)


def copy_of(bundle: Path, folder: Path) -> Path:
    return Path(shutil.copytree(bundle, folder / bundle.name))


def sign_again(bundle: Path) -> None:
    """As whoever has a release key of their own would."""
    key = ReleaseKey.generate()
    (bundle / "allowed_signers").write_text(key.allowed_signers())
    sign(bundle, key)


def _edit(bundle: Path, name: str, change: Callable[[Any], None]) -> None:
    told = json.loads((bundle / name).read_text())
    change(told)
    (bundle / name).write_text(json.dumps(told))


def _flip(path: Path, at: int = -9) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def _leaf(bundle: Path, old: str, new: str) -> None:
    def change(told: Any) -> None:
        assert old in told["segments"][1]["line"]["leaf"]
        told["segments"][1]["line"]["leaf"] = told["segments"][1]["line"]["leaf"].replace(old, new)

    _edit(bundle, "proofs.json", change)


def _swap(told: Any) -> None:
    told["segments"][0]["line"], told["segments"][1]["line"] = told["segments"][1]["line"], told["segments"][0]["line"]


def _later(bundle: Path) -> None:
    text = (bundle / "frames.csv").read_text()
    (bundle / "frames.csv").write_text(re.sub(r",20(\d\d)-", ",2031-", text))


def _dropped(told: Any) -> None:
    told["videos"][0]["parts"].pop()


def _earlier(told: Any) -> None:
    told["videos"][0]["parts"][0]["first"] -= 1


FORGERIES: dict[str, Callable[[Path], None]] = {
    "one byte of a frame": lambda b: _flip(next((b / "videos").iterdir())),
    "a frame's time": _later,
    "the time of a segment": lambda b: _leaf(b, '"start_utc_ns":1', '"start_utc_ns":2'),
    "the camera of a segment": lambda b: _leaf(b, "footage/lobby/", "footage/desk/"),
    "segments swapped": lambda b: _edit(b, "proofs.json", _swap),
    "a part left out": lambda b: _edit(b, "proofs.json", _dropped),
    "a part moved": lambda b: _edit(b, "proofs.json", _earlier),
    "the root in the log": lambda b: _replace_in_log(b, '"root":"', '"root":"0'),
    "the time in the log": lambda b: _replace_in_log(b, '"at":"2', '"at":"1'),
    "the head": lambda b: _flip(b / "access-log" / "head.txt", 60),
}


def _other_video(bundle: Path) -> None:
    shutil.copy(next((bundle / "videos").iterdir()), bundle / "videos" / "other.mp4")


def _frames_behind(bundle: Path) -> None:
    """A video's table of places could lead a player there."""
    with next((bundle / "videos").iterdir()).open("ab") as file:
        file.write(b"\0\0\0\x10free" + b"\x55" * 8)


def _other_head(bundle: Path) -> None:
    _edit(bundle, "manifest.json", lambda told: told.update(log_head=told["log_head"].replace("\n", "\n\n", 1)))


def _more_rows(bundle: Path) -> None:
    path = bundle / "frames.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")


def _without_paths(told: Any) -> None:
    for video in told["videos"]:
        for part in video["parts"]:
            part.pop("left", None)
            part.pop("right", None)


MORE_FORGERIES: dict[str, Callable[[Path], None]] = {
    "a video that no manifest names": _other_video,
    "bytes behind the frames": _frames_behind,
    "another head in the manifest": _other_head,
    "rows of frames that are not here": _more_rows,
    "no paths to the frames": lambda b: _edit(b, "proofs.json", _without_paths),
}


def _replace_in_log(bundle: Path, old: str, new: str) -> None:
    entry = json.loads((bundle / "proofs.json").read_text())["segments"][0]["line"]["entry"]
    path = bundle / "access-log" / f"entry-{entry:08d}.jsonl"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_with_all_but_the_logs_key_is_found(
    original: Path, script: Path, tmp_path: Path, forgery: str
) -> None:
    bundle = copy_of(original, tmp_path)
    FORGERIES[forgery](bundle)
    sign_again(bundle)
    code, words = ask(script, bundle)
    assert code != 0, words
    assert "NOT PROVEN" in words or "InvalidSignature" in words or "Error" in words
    found = verify(bundle)
    assert found.anchored is None
    assert len(found.problems) == 1
    assert found.problems[0].startswith(("What it was made from is not proven: ", "access-log/entry-")), found.problems


@pytest.mark.parametrize("forgery", MORE_FORGERIES)
def test_holdshelf_verify_also_finds_what_stands_beside_the_proven(
    original: Path, tmp_path: Path, forgery: str
) -> None:
    bundle = copy_of(original, tmp_path)
    MORE_FORGERIES[forgery](bundle)
    sign_again(bundle)
    (problem,) = verify(bundle).problems
    assert problem.startswith("What it was made from is not proven: ")


def test_a_forged_segment_is_never_signed(house: Library) -> None:
    """Eight bytes changed, and the hash in journal and SHA256SUMS with it: the export is refused, and a repair says so."""
    at = house.made.start_utc_ns + 200 * NS
    (row,) = [s for s in house.service.segments("lobby") if s.start_utc_ns == at]
    (path,) = (house.service.data / "media" / "footage" / "lobby").rglob(Path(row.file).name)
    kept = {one: one.read_bytes() for one in (path, path.with_name("journal.jsonl"), path.with_name("SHA256SUMS"))}
    house.director.act(types.ReleaseExport(NEXT))
    assert await_export(house, NEXT).state == "done", "as it was recorded, it is signed"
    try:
        data = bytearray(kept[path])
        data[-8:] = b"\x55" * 8
        old, new = hashlib.sha256(kept[path]).hexdigest(), hashlib.sha256(data).hexdigest()
        path.chmod(0o600)
        path.write_bytes(data)
        for name in ("journal.jsonl", "SHA256SUMS"):
            # Many files of a test are one and the same: only this one's line.
            lines = path.with_name(name).read_text().splitlines(keepends=True)
            changed = [line.replace(old, new) if path.name in line else line for line in lines]
            path.with_name(name).write_text("".join(changed))
        house.director.act(types.ReleaseExport(FORGED))
        ended = await_export(house, FORGED)
        assert ended.state == "failed"
        assert "No bundle is signed with lobby/" in ended.step
        assert "anchored" in ended.step
        assert not bundle_of(house, FORGED).exists()
        repairs = house.service.client.status().repairs
        assert any(r.severity == "error" and "No bundle is signed with lobby/" in r.sentence for r in repairs)
        found = house.service.verify(deep=False).problems
        assert any(path.name in problem and "anchored" in problem for problem in found), found
    finally:
        for one, before in kept.items():
            one.write_bytes(before)
        path.chmod(0o400)
    made = export(house, FORGED)
    assert made.bundle is not None
    assert not any("No bundle is signed" in r.sentence for r in house.service.client.status().repairs)


def test_nothing_is_signed_while_the_log_cannot_prove_it(house: Library) -> None:
    """The lists of the anchors changed: what cannot be proven is not good."""
    folder = house.service.data / "media" / "anchors"
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    assert kept
    try:
        for path, before in kept.items():
            path.chmod(0o600)
            path.write_bytes(before.replace(b'"kind":"segment"', b'"kind":"Segment"'))
        found = house.service.verify(deep=False).problems
        assert any("is not the list that the access log holds the root of" in problem for problem in found), found
    finally:
        for path, before in kept.items():
            path.write_bytes(before)
    assert house.service.verify(deep=True).problems == []
    with pytest.raises(HoldshelfError):
        house.director.act(types.ReleaseExport(FORGED))


def test_a_bundle_bears_time_stamps_that_stock_openssl_and_the_script_check(
    house: Library, original: Path, script: Path, tmp_path: Path
) -> None:
    assert original  # its footage is anchored
    tsa = Tsa(tmp_path / "tsa")
    with tsa.serving() as url:
        house.service.act(TimestampSet(url, tsa.pem("root")))
        assert house.service.act(TimestampNow()).asked.ok
        export(house, STAMPED)
        house.service.act(TimestampRemove())
    bundle = bundle_of(house, STAMPED)
    log = bundle / "access-log"
    assert "OK" in stock_verify(log / "head.txt", log / "head.tsr", tsa.root)
    assert "OK" in stock_verify(log / "earlier-head.txt", log / "earlier-head.tsr", tsa.root)

    # The lines of README.txt, as they stand, are a shell's.
    readme = (bundle / "README.txt").read_text()
    step = readme[readme.index("5.  cd access-log") + 4 :]
    lines = re.findall(r"openssl ts -verify .*\\\n.*", step)
    assert len(lines) == 2 and all(re.search(r" -attime \d{10}$", line) for line in lines)
    for line in lines:
        done = subprocess.run(
            ["sh", "-ec", f"cd access-log\n{line}"], cwd=bundle, capture_output=True, text=True, check=True
        )
        assert "Verification: OK" in done.stdout + done.stderr

    report = verify(bundle)
    assert not report.problems
    now, earlier = report.notes
    assert now.startswith(
        "'CN=Elm County time stamps,O=Elm County' stamped the head of the access log that it leads to 20"
    )
    assert "those that anchored its footage among them" in earlier
    assert (
        f"SHA-256 {fingerprints(tsa.pem('root'))[0]}" in now and "by this server's word, they existed then" in earlier
    )
    root = str(tsa.root)
    assert "compare" not in cli("verify", bundle, "--ca", root) and "stamped the head" in cli(
        "verify", bundle, "--ca", root
    )
    code, words = ask(script, bundle)
    assert code == 0, words
    assert words.count("existed at") == 2

    # One of another authority, a head of another history, and what is bent: found by us, by the script, or by both.
    stranger = Tsa(tmp_path / "stranger", name="Stranger")
    (problem,) = {*verify(bundle, authority=stranger.pem("root")).problems[:1]}
    assert problem.endswith("is signed with a certificate that does not come from the authority that was chosen.")
    assert verify(original, authority=tsa.pem("root")).notes == [
        "The head of the access log that it leads to has no time stamp."
    ]
    for number, (file, raw, words) in enumerate(
        (
            ("head.tsr", (log / "earlier-head.tsr").read_bytes(), "is of something else than this head"),
            ("earlier-head.proof", (log / "earlier-head.proof").read_bytes()[1:], "cannot be read"),
            ("earlier-head.proof", b"0" * 64 + b"\n", "is not one that access-log/head.txt continues"),
            ("timestamp-ca.pem", b"no certificate", "contains no certificate"),
        )
    ):
        forged = copy_of(bundle, tmp_path / f"forged-{number}")
        (forged / "access-log" / file).write_bytes(raw)
        sign_again(forged)
        assert any(words in problem for problem in verify(forged).problems), (file, verify(forged).problems)
        assert ask(script, forged)[0] != 0, file


def test_the_manifest_names_text_and_file_of_the_policy_and_the_log_bears_it_out(
    house: Library, original: Path, script: Path, tmp_path: Path
) -> None:
    text, file = "The policy of the library.", FIRST.read_text()
    sums = [hashlib.sha256(one.encode()).hexdigest() for one in (text, file)]
    house.service.client.act(PolicyAdopt(text, "1", "2026-01-01", "enforce", PAPER, file))
    export(house, ADOPTED)
    bundle = bundle_of(house, ADOPTED)
    told, before = manifest_of(bundle), manifest_of(original)
    assert [told["policy_sha256"], told["policy_file_sha256"]] == sums
    assert (before["policy_sha256"], before["policy_file_sha256"]) == ("", "")
    assert all(one in (bundle / "manifest.txt").read_text() for one in sums)
    code, words = ask(script, bundle)
    assert code == 0 and f"names the policy {sums[0]} and its file {sums[1]}." in words, words
    assert verify(bundle).problems == []
    for number, (field, value) in enumerate(
        (("policy_file_sha256", "f" * 64), ("policy_file_sha256", ""), ("policy_sha256", "f" * 64))
    ):
        forged = copy_of(bundle, tmp_path / str(number))
        _edit(forged, "manifest.json", lambda manifest, f=field, v=value: manifest.update({f: v}))
        sign_again(forged)
        (problem,) = verify(forged).problems
        assert problem.startswith("manifest.json names another policy than entry "), problem
        assert "names another policy than the access log" in ask(script, forged)[1]
    older = copy_of(bundle, tmp_path / "older")
    _edit(older, "manifest.json", lambda manifest: manifest.pop("policy_file_sha256"))
    sign_again(older)
    assert verify(older).problems == [] and ask(script, older)[0] == 0, "it was not written down then"
