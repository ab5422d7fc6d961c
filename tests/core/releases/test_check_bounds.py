"""`holdshelf verify` and `log verify FILE` of what was made to hurt them: one sentence, and memory stays flat.

Each of them is so large that what took the square of it would not end.

Each runs as its own process, as a person would give the command; what it took is what the kernel counted. A copy of the helper
of `tests/rig/forked.py` begins with what is loaded there, and so does the one that the others are measured against.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest

from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_core.releases.writing import SIGNATURE, SIGNATURE_SUM, SUMS, sums_text
from holdshelf_storage.access_log.checkpoint import SigningKey
from holdshelf_storage.access_log.export import FORMAT, Header
from holdshelf_storage.access_log.lines import encode_entry
from holdshelf_storage.access_log.merkle import leaf_hash
from holdshelf_storage.anchors.anchors import ACTION, journal_path, leaf_data
from holdshelf_storage.volume.journal import Segment, encode
from tests.core.releases.test_check import bundle
from tests.rig import forked
from tests.rig.hang import HANG_S

BASE: list[int] = []


def holdshelf(*arguments: str | Path) -> tuple[int, int, str]:
    """(KB resident at most, exit code, what it said)."""
    with (
        forked.Popen([forked.HOLDSHELF, *map(str, arguments)], stdout=PIPE, stderr=STDOUT, text=True) as process,
        ended_after(process, 2 * HANG_S),
    ):
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_maxrss, process.returncode, said


@contextlib.contextmanager
def ended_after(process: forked.Popen, seconds: float) -> Iterator[None]:
    """A command that does not end is killed, and that is its exit code."""
    alarm = threading.Timer(seconds, process.kill)
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
        alarm.join()


def is_bounded(*arguments: str | Path, more_kb: int = 40_000) -> str:
    """What a command said that fails as it should; it took little memory."""
    if not BASE:
        BASE.append(holdshelf("verify", "/nonexistent")[0])
    kb, code, said = holdshelf(*arguments)
    assert code not in (0, -9, 139), said
    assert "Traceback" not in said
    assert kb < BASE[0] + more_kb, (kb, BASE, said)
    return said


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method, compresslevel=9) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


def signed(made: Path, key: ReleaseKey) -> Path:
    """A folder signed by whoever made it, with a key of their own."""
    files = {str(p.relative_to(made)): p for p in made.rglob("*") if p.is_file() and not p.name.startswith(SUMS)}
    text = sums_text({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()})
    (made / SUMS).write_text(text)
    signature = key.sign(text.encode())
    (made / SIGNATURE).write_text(signature)
    (made / SIGNATURE_SUM).write_text(f"{hashlib.sha256(signature.encode()).hexdigest()}  {SIGNATURE}\n")
    return made


def many_names(tmp_path: Path) -> Path:
    """47 MB of a zip's list: a million files of nothing."""
    local = struct.pack("<4s5HLLLHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    listed = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 1_000_000
    size = len(listed) * count
    long_end = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, len(local))
    place = struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + size, 1)
    end = struct.pack("<4s4HLLH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / "many.zip"
    path.write_bytes(local + listed * count + long_end + place + end)
    return path


def folders_without_end(tmp_path: Path) -> Path:
    return zip_of(tmp_path / "folders.zip", {f"{n:06}/": b"" for n in range(19_000)} | {SUMS: b"x"})


def a_bomb(tmp_path: Path) -> Path:
    return zip_of(tmp_path / "bomb.zip", {SUMS: b"x", "a.mp4": b"\0" * (100 << 20)}, zipfile.ZIP_DEFLATED)


def a_list_of_lines(tmp_path: Path) -> Path:
    return zip_of(tmp_path / "lines.zip", {SUMS: b"\n" * (8 << 20)}, zipfile.ZIP_DEFLATED)


def missing_and_others(tmp_path: Path) -> Path:
    """As many files missing as there are that nobody listed: each might be any other, renamed."""
    names = [f"videos/{n:05}.mp4" for n in range(9_000)]
    sums = "".join(f"{'0' * 64}  {name}\n" for name in names).encode()
    return zip_of(tmp_path / "others.zip", {SUMS: sums} | {f"other/{n:05}x.mp4": b"" for n in range(9_000)})


type Made = Callable[[], bytes]
"""What hurts is many megabytes: each test makes its own, and nothing of it lies in every process that reads this file."""


def a_manifest(text: Made) -> Callable[[Path], Path]:
    def make(tmp_path: Path) -> Path:
        key = ReleaseKey.generate()
        made = bundle(tmp_path, key=key)
        (made / "manifest.json").write_bytes(text())
        return signed(made, key)

    return make


def many_entries(tmp_path: Path) -> Path:
    key = ReleaseKey.generate()
    made = bundle(tmp_path, key=key)
    (made / "access-log").mkdir()
    for n in range(100):
        (made / "access-log" / f"entry-{n}.jsonl").write_bytes(b"\n" * (1 << 20))
    return signed(made, key)


def own_proof(
    tmp_path: Path,
    *,
    rows: int = 0,
    parts: list[dict[str, object]] | None = None,
    proofs: bytes = b"",
    frames_root: str = "0" * 64,
) -> Path:
    """A bundle whose forger has a release key and a log of their own: all of it leads to a signed head.

    ``rows``: so many frames of one byte, in as small a zip as can be; ``proofs``: another proofs.json.
    """
    key, log = ReleaseKey.generate(), SigningKey.generate()
    made = bundle(tmp_path, key=key)
    segment = Segment(
        seq=1, name="a.mp4", start_utc_ns=0, duration_ns=60 * 10**9, run="r", boot="b", start_boot_ns=0, bytes=1,
        allocated_bytes=1, sha256="0" * 64, codec="h264", width=1, height=1, frames=max(1, rows), frames_root=frames_root,
    )  # fmt: skip
    leaf = leaf_data(journal_path("lobby", "1970-01-01"), encode([segment])[:-1])
    facts = {"root": leaf_hash(leaf).hex(), "lines": 1}
    line = encode_entry(1, {"at": "2026-01-01T00:00:00.000000000Z", "action": ACTION, "facts": facts}, {})
    head = log.sign(1, leaf_hash(line[:-1]))
    (made / "access-log").mkdir()
    header = Header(FORMAT, 1, 1, head, str(log.public), [], [], private=False)
    (made / "access-log" / "entry-00000001.jsonl").write_bytes(header.encode() + line)
    (made / "access-log" / "head.txt").write_text(head)
    source = {"seq": 1, "name": "a.mp4", "day": "1970-01-01", "sha256": "0" * 64}
    video = {"file": "videos/lobby.mp4", "camera": "lobby", "sources": [source]}
    told = {"release": "R-1", "kind": "original", "log_head": head, "log_key": str(log.public), "videos": [video]}
    (made / "manifest.json").write_text(json.dumps(told))
    path = {"entry": 1, "leaf": leaf.decode(), "index": 0, "of": 1, "proof": []}
    whole = [{"seq": 1, "first": 0, "frames": max(1, rows), "of": max(1, rows), "left": [], "right": []}]
    proven = {
        "holdshelf_proofs": 1,
        "segments": [{"camera": "lobby", "seq": 1, "sha256": "0" * 64, "line": path}],
        "videos": [{"file": "videos/lobby.mp4", "parts": whole if parts is None else parts}],
    }
    (made / "proofs.json").write_bytes(proofs or json.dumps(proven).encode())
    boxes = struct.pack(">L4sL4sL4s", 8, b"ftyp", 8, b"moov", 8 + rows, b"mdat")
    (made / "videos" / "lobby.mp4").write_bytes(boxes + b"x" * rows)
    with (made / "frames.csv").open("w") as out:
        out.write("file,frame,utc,key,bytes\n")
        out.writelines(f"lobby.mp4,{n},1970-01-01T00:00:{n % 60:02}.000000000Z,1,1\n" for n in range(1, rows + 1))
    signed(made, key)
    files = {str(p.relative_to(made)): p.read_bytes() for p in made.rglob("*") if p.is_file()}
    return zip_of(tmp_path / "proof.zip", files, zipfile.ZIP_DEFLATED)


def frames_of_one_byte(tmp_path: Path) -> Path:
    return own_proof(tmp_path, rows=250_000)


def frames_that_are_not_there(tmp_path: Path) -> Path:
    part = {"seq": 1, "first": 0, "frames": 1 << 61, "of": 1 << 61, "left": [], "right": []}
    return own_proof(tmp_path, rows=1, parts=[part])


def parts_of_nothing(tmp_path: Path) -> Path:
    return own_proof(tmp_path, parts=[{"seq": 1, "first": 0, "frames": 0, "of": 1}] * 100_000)


def proofs_of(text: Made) -> Callable[[Path], Path]:
    return lambda tmp_path: own_proof(tmp_path, proofs=text())


_PROOF = (
    b'{"holdshelf_proofs":1,"segments":[{"camera":"a","seq":1,"sha256":"","line":{"entry":1,"leaf":"","index":0,'
    b'"of":1,"proof":[%s]}}]}'
)


def a_folder_of_many(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    for n in range(21):
        (folder / str(n)).mkdir(parents=True)
        for m in range(1_000):
            os.mknod(folder / str(n) / str(m))
    return folder


def a_hole(tmp_path: Path) -> Path:
    made = bundle(tmp_path)
    os.truncate(made / "videos" / "lobby.mp4", 1 << 42)
    return made


HURTS = {
    "a million names": many_names,
    "folders": folders_without_end,
    "a bomb": a_bomb,
    "a list of lines": a_list_of_lines,
    "missing and others": missing_and_others,
    "a manifest of lists": a_manifest(lambda: b'{"x":[' + b"[]," * (2 << 20) + b"[]]}"),
    "a nested manifest": a_manifest(lambda: b'{"release":"R-1","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "a manifest that is no text": a_manifest(lambda: b'{"release":"\xff\xfe"}'),
    "many entries": many_entries,
    "a folder of many": a_folder_of_many,
    "a hole of 4 TB": a_hole,
}


@pytest.mark.parametrize("hurt", HURTS)
def test_a_bundle_that_was_made_to_hurt_is_told(hurt: str, tmp_path: Path) -> None:
    said = is_bounded("verify", HURTS[hurt](tmp_path))
    assert len(said.splitlines()) < 220
    assert len(said) < 40_000
    assert ("has more files than a bundle can have" in said) == (hurt in ("a folder of many", "a million names"))


def export(path: Path, lines: bytes, entries: int) -> Path:
    key = SigningKey.generate()
    head = key.sign(entries, b"\0" * 32)
    header = Header(FORMAT, 1, entries, head, str(key.public), [], [], private=True)
    path.write_bytes(header.encode() + lines)
    return path


PROOFS = {
    "frames of one byte": frames_of_one_byte,
    "frames that are not there": frames_that_are_not_there,
    "parts of nothing": parts_of_nothing,
    "proofs of hashes": proofs_of(lambda: _PROOF % (b'"",' * (5 << 20) + b'""')),
    "nested proofs": proofs_of(lambda: b'{"holdshelf_proofs":1,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "proofs of lists": proofs_of(lambda: b'{"holdshelf_proofs":1,"x":[' + b"[]," * (5 << 20) + b"[]]}"),
    "proofs that are no text": proofs_of(lambda: b'{"holdshelf_proofs":1,"\xff\xfe"}'),
    "a number beyond all": proofs_of(lambda: b'{"holdshelf_proofs":' + b"9" * 5_000 + b"}"),
    "proofs of a million videos": proofs_of(
        lambda: b'{"holdshelf_proofs":1,"videos":[' + b'{"file":"","parts":[]},' * 600_000 + b"{}]}"
    ),
}


@pytest.mark.parametrize("hurt", PROOFS)
def test_proofs_that_were_made_to_hurt_are_told(hurt: str, tmp_path: Path) -> None:
    # 16 MB of it are held, and what they are read into; of frames, however many there are, next to nothing.
    said = is_bounded("verify", PROOFS[hurt](tmp_path), more_kb=20_000 if hurt == "frames of one byte" else 110_000)
    assert "What it was made from is not proven: " in said
    assert len(said) < 1_000


def test_proofs_that_are_too_large_prove_nothing_and_that_is_said(tmp_path: Path) -> None:
    _kb, code, said = holdshelf("verify", own_proof(tmp_path, proofs=b" " * (17 << 20)))
    assert code == 0
    assert "Note: proofs.json is too large to be read here" in said
    assert "that the access log anchored" not in said


def test_of_footage_that_is_older_than_proofs_of_frames_the_files_are_proven(tmp_path: Path) -> None:
    _kb, code, said = holdshelf("verify", own_proof(tmp_path, rows=3, frames_root=""))
    assert code == 0
    assert "1 file of footage that it was made from is one that the access log anchored by" in said
    assert "Note: Files of footage recorded by an older Holdshelf, whose journal told nothing of frames: 1." in said


LINES: dict[str, Made] = {
    "empty lines": lambda: b"\n" * (40 << 20),
    "an entry of lists": lambda: b'{"v":1,"x":[' + b"[]," * (12 << 20) + b"[]]}\n",
    "private texts without end": lambda: (
        b'{"private":{' + b",".join(b'"%d":{}' % n for n in range(3_000_000)) + b"}}\n"
    ),
    "nested": lambda: b"[" * (30 << 20) + b"\n",
    "one line": lambda: b"x" * (80 << 20),
    "no text": lambda: b'{"v":1,"at":"\xff"}\n' * 1000,
}


@pytest.mark.parametrize("lines", LINES)
def test_an_export_of_the_log_that_was_made_to_hurt_is_told_within_seconds(lines: str, tmp_path: Path) -> None:
    path = export(tmp_path / "log.jsonl", LINES[lines](), 40 << 20)
    # A line may have 64 MB: that much is held, and not a multiple of it.
    is_bounded("log", "verify", path, more_kb=300_000)


@pytest.mark.parametrize(
    "first", [b"{" * 100_000, b'{"access_log_export":1,"first":' + b"9" * 400 + b"}", b'"\xff', b""]
)
def test_an_export_without_a_first_line_that_can_be_read_is_told_in_a_sentence(first: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(first + b"\n" + json.dumps({"v": 1}).encode() + b"\n")
    is_bounded("log", "verify", tmp_path / "log.jsonl")


def test_memory_is_measured_as_the_kernel_counts_it(tmp_path: Path) -> None:
    """So that the tests above fail when it takes much: the measure itself works."""
    kb, code, _said = holdshelf("verify", tmp_path / "nothing")
    assert code != 0
    assert kb > 10_000, "an interpreter with its modules"
