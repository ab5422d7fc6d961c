"""Scenes 7 to 9, 11 and 15 to their end: what was asked for, approved by two, leaves as a bundle that anybody can check.

Each with its papers: what stands in the register stands on them, and the same in the bundle.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from holdshelf_core.api.errors import Conflict, Refused
from holdshelf_core.people import types as types_people
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy.instants import moment_words
from holdshelf_core.releases import types
from holdshelf_core.reports.types import PrintRequest
from holdshelf_core.times import parse_rfc3339
from holdshelf_tui.papers.catalogue import PAPERS
from tests.bundles import bundle_of, export, manifest_of, nobody_else, officer, officer_checks
from tests.looking import NS
from tests.people import PAPER, day
from tests.scenes.rig import ZONE, Library, library, typed
from tests.scenes.test_officer import scope, spans, warrant


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = library(tmp_path_factory.mktemp("bundle-scenes"), cameras=("lobby", "desk"))
    made.director.act(types_people.PersonAdd("carol", "Carol Moss"))
    named = types_people.SeatName("chair", "carol", paper_sha256=PAPER)
    made.director.act(named)
    yield made
    made.service.__exit__(None, None, None)


def one_line(text: str) -> str:
    return " ".join(text.split())


def printed(house: Library, name: str, key: str) -> str:
    """A paper as the Director prints it, without its line breaks."""
    paper = PAPERS[name]
    text = paper.as_text(house.director.act(paper.request(key)))
    assert max(len(line) for line in text.splitlines()) <= 80
    return one_line(text)


def shown(house: Library, release: str) -> types.ReleaseRow:
    return house.director.act(types.ReleaseShow(release))


def _leaves(house: Library, release: str, *, original: bool = False) -> types.ReleaseRow:
    """Approved on the Chair's paper, and exported."""
    word = hashlib.sha256(house.scan("word").read_bytes()).hexdigest()
    nobody_else(house.director, release)
    house.director.act(types.ReleaseApprove(release, word, "chair", original=original))
    return export(house, release)


def _leaves_as_typed(house: Library, release: str) -> types.ReleaseRow:
    dora = house.desk("dora")
    assert "Nobody has said yet whether other people are seen" in dora.run("release", "show", release).out
    assert dora.run("release", "others", release, "--none").code == 0
    done = dora.run("release", "approve", release, "--paper", house.scan("word"), "--seat", "chair")
    assert done.code == 0, done.err
    made = dora.run("release", "export", release)
    assert made.code == 0, made.err
    return shown(house, release)


def letter(house: Library, camera: str, start_s: int, end_s: int) -> list[str]:
    """A police letter with an active case number, for what it is asked for."""
    return [
        *("release", "request", "--basis", "active-investigation", "--paper", str(house.scan("letter"))),
        *("--issuer", "Chief Roe", "--docket", "26-0417", "--agency", "Prospect Police", "--officer", "Roe, badge 12"),
        *("--scope", scope(house, camera, start_s, end_s), *spans(house, camera, start_s, end_s)),
    ]


def adopt(house: Library, version: str, statute: str) -> None:
    text = f"Camera policy {version}.\n\nThe Library disclaims liability for what others do with a copy.\n"
    asked = PolicyAdopt(text, version, "2026-03-10", statute, PAPER if statute == "advise" else "")
    house.director.act(asked)


def test_scene_7_under_advise_the_caution_is_on_record_on_the_papers_and_in_the_bundle(house: Library) -> None:
    adopt(house, "strict", "enforce")
    dora = house.desk("dora")
    stopped = dora.run(*letter(house, "desk", 0, 20), "--sheet", "-")
    assert stopped.code == 1
    assert "Counsel's route" in stopped.err
    release = stopped.err.removeprefix("holdshelf: ").split()[0]
    sheet = one_line(stopped.out)
    assert f"Request {release}" in sheet and "or a determination by the library's counsel" in sheet
    assert [gate.passed for gate in shown(house, release).gates] == [True, False]

    adopt(house, "advising", "advise")
    again = dora.run("release", "again", release)
    assert again.code == 0, again.err
    caution = "The statute requires a court order or the person's written permission; neither is on record."
    assert caution in one_line(again.out)
    row = _leaves(house, release)
    assert row.caution == caution
    said = [e for e in house.entries("release.amend") if e.get("subject") == release][-1]
    assert said["facts"]["caution"] == caution
    form = printed(house, "release", release)
    assert f"Caution on record: {caution}" in form
    assert "The Library disclaims liability for what others do with a copy." in form, "P20: in the adopted words"
    assert "no judge signed it" in form and "badge 12" in form
    authority = one_line((bundle_of(house, release) / "authority.txt").read_text())
    assert f"Caution on record: {caution}" in authority
    adopt(house, "strict", "enforce")


def test_scene_7_under_enforce_a_standing_determination_opens_it_with_the_caution_on_record(house: Library) -> None:
    dora = house.desk("dora")
    opinion = ["counsel", "record", "--paper", house.scan("opinion"), "--basis", "active-investigation"]
    recorded = dora.run(*opinion, "--until", day(30), "--agency", "Prospect Police", "--json")
    assert recorded.code == 0, recorded.err
    number = recorded.json()["id"]
    asked = dora.run(*letter(house, "desk", 20, 40), "--json")
    assert asked.code == 0, asked.err
    caution = f"Released on counsel's determination {number}, without a court order."
    assert (asked.json()["state"], asked.json()["caution"]) == ("requested", caution)
    assert f"Caution on record: {caution}" in printed(house, "release", asked.json()["id"])
    assert f"determination {number} covers this" in printed(house, "release", asked.json()["id"])
    other = [word.replace("Prospect", "Elsewhere") for word in letter(house, "desk", 20, 40)]
    assert "Counsel's route" in dora.run(*other).refusal(), "it is for one agency's requests"
    assert dora.run("counsel", "end", number, "--why", "over").code == 0


def test_scene_8_and_9_what_leaves_is_what_the_paper_names_on_two_peoples_word(house: Library, tmp_path: Path) -> None:
    dora = house.desk("dora")
    words = ["release", "request", *warrant(house, scope(house, "desk", 30, 60)), *spans(house, "desk", 0, 120)]
    release = dora.run(*words).refusal().split()[0]
    assert "stopped" in dora.run("release", "export", release).refusal(), "nothing leaves that a gate has stopped"
    assert dora.run("release", "trim", release).code == 0
    assert "waiting for approval" in dora.run("release", "export", release).refusal()
    assert "You cannot approve" in dora.run("release", "approve", release).refusal()
    row = _leaves_as_typed(house, release)
    assert (row.state, row.approved_by) == ("exported", "chair")
    assert house.flags("paper_approval")
    bundle = bundle_of(house, release)
    (video,) = manifest_of(bundle)["videos"]
    assert (video["camera"], video["frames"]) == ("desk", 30 * 5)
    assert {e["action"] for e in house.entries("release.") if e["seq"] in manifest_of(bundle)["log_entries"]} >= {
        "release.request",
        "release.amend",
        "release.approve",
        "release.export",
    }
    receipt = dora.run("release", "receipt", release)
    assert row.bundle is not None
    assert row.bundle.fingerprint in receipt.out
    authority = one_line((bundle / "authority.txt").read_text())
    word = hashlib.sha256(house.scan("word").read_bytes()).hexdigest()
    warrant_paper = hashlib.sha256(house.scan("warrant").read_bytes()).hexdigest()
    for words in ("Approved by: Chair of the Library Board", f"Approval on paper: {word}", "Requested by: Dora Reed"):
        assert words in authority
    assert f"SHA-256 of its scan: {warrant_paper}" in authority
    form = printed(house, "release", release)
    for words in (
        "Chair of the Library Board, on signed paper",
        "flagged for a second person's review",
        word,
        warrant_paper,
        "The policy: yes.",
        "The statute: yes.",
        "Refused",
        "The paper does not cover this",
        "Received by",
    ):
        assert words in form
    assert row.bundle.sums_sha256[:32] in printed(house, "receipt", release)
    certificate, custody = printed(house, "certificate", release), printed(house, "custody", release)
    assert f"{video['file']} {video['sha256']}" in certificate
    in_bundle = one_line((bundle / "certificate.txt").read_text())
    for number in ("1. The record.", "2. The process.", "3. The copy.", "4. Other people:", "5. What to know."):
        paragraph = certificate.split(number)[1].split(".")[0]
        assert f"{number}{paragraph}" in in_bundle, "one truth: the paper says what the bundle says"
    assert "does not claim to meet them" in certificate and "does not claim to meet them" in in_bundle
    assert one_line((bundle / "custody.txt").read_text()).split("Each time")[1].split(".")[0] in custody
    assert row.bundle.fingerprint in certificate and row.bundle.fingerprint in custody
    verified = dora.run_here("verify", bundle, "--key", row.bundle.fingerprint)
    assert verified.code == 0, verified.err
    assert "the key that you gave" in verified.out
    assert "exported" in dora.run("release", "show", release).out


def test_scene_11_two_cameras_and_a_gap_are_in_the_bundle_as_they_are_in_the_hold(house: Library) -> None:
    dora = house.desk("dora")
    both = [*spans(house, "lobby", 60, 240), "--camera", "desk"]
    hold = dora.run("hold", "place", "--ground", "investigation", "--reference", "26-11", *both, "--json").json()
    told = [
        (c["camera"], c["start_utc_ns"], c["end_utc_ns"], c["reason"]) for c in hold["coverage"] if c["kind"] == "gap"
    ]
    assert [one[3] for one in told] == ["camera unreachable"] * 2
    names = [word for camera in ("lobby", "desk") for word in ("--scope", scope(house, camera, 60, 240))]
    asked = dora.run("release", "request", *warrant(house), *names, *both, "--original", "--json")
    assert asked.code == 0, asked.err
    row = _leaves(house, asked.json()["id"], original=True)
    assert row.bundle is not None
    assert (row.bundle.kind, row.bundle.videos, row.bundle.missing) == ("original", 4, 2)
    with (bundle_of(house, row.id) / "gaps.csv").open() as file:
        gaps = [
            (g["camera"], parse_rfc3339(g["start"]), parse_rfc3339(g["end"]), g["reason"]) for g in csv.DictReader(file)
        ]
    assert sorted(gaps) == sorted(told)
    listed = [
        (g["camera"], parse_rfc3339(g["start"]), parse_rfc3339(g["end"]), g["reason"])
        for g in manifest_of(bundle_of(house, row.id))["missing"]
    ]
    assert sorted(listed) == sorted(told)
    notice, certificate = printed(house, "hold", hold["id"]), printed(house, "certificate", row.id)
    zone = ZoneInfo(ZONE)
    for part in hold["coverage"]:
        start, end = (moment_words(part[key], zone).split()[1] for key in ("start_utc_ns", "end_utc_ns"))
        words = f"{start} to {end}"
        assert words in notice, "each span is listed to the second"
        assert (words in certificate) == (part["kind"] == "gap")
    assert notice.count("gap: camera unreachable") == certificate.count("gap: camera unreachable") == 2
    assert "no. 26-11" in notice and "by Dora Reed, Library Director" in notice
    assert "another approves" in notice and "for 7 days more" in notice


def test_scene_15_a_clip_altered_by_one_byte_fails_and_the_read_me_says_what_that_means(
    house: Library, tmp_path: Path
) -> None:
    words = [
        "release",
        "request",
        *warrant(house, scope(house, "lobby", 0, 20)),
        *spans(house, "lobby", 0, 20),
        "--json",
    ]
    done = _leaves(house, house.desk("dora").run(*words).json()["id"])
    assert done.bundle is not None
    bundle, script = tmp_path / "bundle", officer(tmp_path)
    shutil.copytree(bundle_of(house, done.id), bundle)
    video = next((bundle / "videos").glob("*.mp4"))
    whole = video.read_bytes()
    video.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    failed = officer_checks(script, bundle, done.bundle.fingerprint, done.bundle.files)
    assert failed.returncode != 0
    assert f"videos/{video.name}: FAILED" in failed.stdout
    assert (
        '"FAILED" in step 1: that file was changed after the library signed it' in (bundle / "README.txt").read_text()
    )
    told = house.desk("dora").run_here("verify", bundle)
    assert told.code == 1
    assert f"'videos/{video.name}' was changed after it was signed" in told.out
    # Whoever mends the list of checksums has a list that nobody signed.
    sums = bundle / "SHA256SUMS"
    was, now = hashlib.sha256(whole).hexdigest(), hashlib.sha256(video.read_bytes()).hexdigest()
    sums.write_text(sums.read_text().replace(was, now))
    signed = subprocess.run(
        "ssh-keygen -Y verify -f allowed_signers -I library@holdshelf.local -n release@holdshelf.local "
        "-s SHA256SUMS.sig < SHA256SUMS",
        shell=True,
        cwd=bundle,
        capture_output=True,
        text=True,
        check=False,
    )
    assert signed.returncode != 0
    assert "Could not verify signature" in signed.stdout + signed.stderr
    read_me = one_line((bundle / "README.txt").read_text())
    assert '"Could not verify signature" in step 2: the list of checksums, or the signature, was changed' in read_me


def test_p6_the_original_leaves_only_where_the_paper_asks_for_it_and_the_approver_says_so(house: Library) -> None:
    dora = house.desk("dora")
    words = ["release", "request", *warrant(house, scope(house, "desk", 0, 20)), *spans(house, "desk", 0, 20), "--json"]
    plain = dora.run(*words).json()["id"]
    nobody_else(house.director, plain)
    approve = ["release", "approve", plain, "--paper", house.scan("word"), "--seat", "chair", "--original"]
    assert "does not ask for the original" in dora.run(*approve).refusal()
    asked = dora.run(*words, "--original").json()["id"]
    row = _leaves(house, asked)
    assert row.bundle is not None
    assert row.bundle.kind == "masked", "the paper alone is not enough"
    assert "original" not in {
        str(e["facts"].get("kind")) for e in house.entries("release.exported") if e["subject"] == asked
    }


def test_p13_an_emergency_leaves_at_once_and_its_late_paper_is_nagged_for_and_then_counts(house: Library) -> None:
    dora = house.desk("dora")
    words = ["release", "request", "--basis", "emergency", *spans(house, "lobby", 0, 20), "--why", "a child is missing"]
    release = dora.run(*words, "--json").json()["id"]
    made = dora.run("release", "export", release)
    assert made.code == 0, made.err
    assert "in imminent danger, on one word" in one_line((bundle_of(house, release) / "authority.txt").read_text())
    form = printed(house, "release", release)
    assert "a child is missing" in form and "Paper due" in form and "No paper is here." in form
    order = [
        *("release", "paper", release, "--kind", "court-order", "--paper", str(house.scan("order")), "--judge"),
        *("--issuer", "Superior Court", "--docket", "CV-26-8", "--scope", scope(house, "lobby", 0, 20)),
    ]
    assert dora.run(*order).code == 0
    row = shown(house, release)
    assert (row.state, row.paper_due_utc_ns) == ("exported", None)
    form = printed(house, "release", release)
    assert "CV-26-8" in form and "The paper has followed." in form and "Paper due" not in form
    assert [(f.needs, f.open) for f in house.flags("emergency_release") if f.note == release] == [(2, True)]


def test_p16_what_is_asked_for_and_not_on_hold_is_held_by_one_command(house: Library) -> None:
    dora = house.desk("dora")
    asked = dora.run(*letter(house, "lobby", 40, 60), "--reference", "26-55", "--sheet", "-")
    release = asked.err.removeprefix("holdshelf: ").split()[0]
    held = dora.run("release", "hold", release, "--json")
    assert held.code == 0, held.err
    assert held.json()["reference"] == "26-55"
    assert shown(house, release).holds and not shown(house, release).unheld
    assert "It is kept by" in dora.run("release", "hold", release).refusal()


def test_p21_the_papers_of_a_case_are_for_who_may_see_it_and_each_print_is_one_entry(house: Library) -> None:
    dora, admin = house.desk("dora"), house.service.client
    place = ["hold", "place", "--ground", "violation", "--reference", "26-9", *spans(house, "desk", 0, 20), "--json"]
    hold = dora.run(*place, "--note", "seen by Mary Major").json()["id"]
    notice = printed(house, "hold", hold)
    assert "no. 26-9" in notice and "Major" not in notice, "a note may hold a name; no paper shows one"
    (entry,) = [e for e in house.entries("print.facts") if e.get("subject") == hold]
    assert (entry["facts"], entry["person"]) == ({"paper": "hold"}, "p1")
    house.people.appoint("liz", "Liz Ray", house.director, "hold", "release", cameras=["lobby"])
    words = ["release", "request", *warrant(house, scope(house, "desk", 0, 5)), *spans(house, "desk", 0, 5), "--json"]
    liz, release = house.people.client("liz"), _leaves(house, dora.run(*words).json()["id"]).id
    for client, paper, key, clause in (
        (liz, "hold", hold, "P11"),
        (liz, "release", release, "P13"),
        (admin, "release", release, "P13"),
        (admin, "certificate", release, "P13"),
    ):
        with pytest.raises(Refused, match=clause):
            client.act(PAPERS[paper].request(key))
    assert admin.act(PAPERS["hold"].request(hold)).hold is not None, "P16: what fills the disk"
    assert admin.act(PAPERS["release"].request()).released is None, "the blank form is anyone's"
    with pytest.raises(Conflict, match="No bundle"):
        waiting = dora.run(*letter(house, "desk", 0, 20), "--sheet", "-").err.removeprefix("holdshelf: ").split()[0]
        house.director.act(PAPERS["receipt"].request(waiting))
    changed = bundle_of(house, release) / "manifest.json"
    changed.chmod(0o600)
    changed.write_bytes(changed.read_bytes().replace(b"videos/", b"videoz/"))
    assert "made from the register alone" in printed(house, "certificate", release)


def test_p14_a_still_on_paper_is_registered_numbered_and_taken_back(house: Library, tmp_path: Path) -> None:
    dora, at = house.desk("dora"), typed(house.made.start_utc_ns + 5 * NS)
    look = dora.run(
        "look", "open", "--purpose", "violation", "--incident", "26-9", "--camera", "lobby", "--at", at, "--json"
    )
    words = ["print", "still", look.json()["id"], "--camera", "lobby", "--at", at, "--to", "reference desk"]
    assert (
        "on the list of purposes" in dora.run(*words, "--purpose", "curious", "--file", tmp_path / "no.pdf").refusal()
    )
    sheet = dora.run(*words, "--purpose", "violation", "--days", "2", "--file", tmp_path / "still.pdf")
    assert sheet.code == 0, sheet.err
    assert not (tmp_path / "no.pdf").exists()
    read = subprocess.run(["pdftotext", tmp_path / "still.pdf", "-"], capture_output=True, text=True, check=True).stdout
    for part in (
        "View only. Return by",
        "copy 1",
        "reference desk",
        "possible violation of a library or town policy",
    ):
        assert part in one_line(read)
    listed = subprocess.run(["pdfimages", "-list", tmp_path / "still.pdf"], capture_output=True, text=True, check=True)
    assert "jpeg" in listed.stdout, "the picture as the look gave it, its legend burned in"
    picture, made, print_ = (house.entries(name)[-1] for name in ("look.open", "share.make", "print.facts"))
    assert picture["seq"] < made["seq"] < print_["seq"]
    assert (made["facts"]["kind"], made["facts"]["copy"], print_["subject"]) == ("sheet", 1, made["subject"])
    assert "reference desk" not in str(made), "to whom it was given is in the private part"
    shares = "\n".join(dora.run("share", "list").out.splitlines())
    assert "sheet no. 1" in shares and "out" in shares
    house.director.act(types_people.ShareEnd(made["subject"], "returned"))
    rows = house.director.read(types_people.ReadShares())
    assert [row.state for row in rows] == ["back"]
    with pytest.raises(Conflict, match="given back"):
        house.director.act(PrintRequest("still", share=made["subject"]))
