"""log as it is typed: shown without names to the admin, verified with and without a service, copied for strangers."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import log_files
from tests.people import day, wait_past_midnight
from tests.service import wait_for
from tests.tui.cli.test_driver import tree
from tests.tui.desk import HOSTILE, Desk, Library, opened, screen


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with opened(tmp_path_factory.mktemp("log")) as made:
        yield made


@pytest.fixture
def desk(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(library, capsys, monkeypatch)


@pytest.fixture
def copy(desk: Desk, tmp_path: Path) -> Path:
    file = tmp_path / "public.txt"
    assert desk.admin("log", "export", "--public", file).code == 0
    return file


# --- show --------------------------------------------------------------------------------------------------------


def test_p21_the_admin_reads_what_was_done_and_a_seat_by_whom(desk: Desk) -> None:
    desk.admin("person", "add", "zoe", "--name", "Zoe Quux " + HOSTILE)
    shown = desk.admin("log", "show", "--action", "person.add")
    assert ": The admin enrolled p" in shown.out and "Quux" not in shown.out
    assert "Zoe Quux" in desk.person("dora", "log", "show", "--action", "person.add").out
    assert "P21" in desk.person("sam", "log", "show").refusal()
    refused = desk.admin("log", "show", "--action", "log.show", "--most", "1", "--json").json()["entries"]
    assert len(refused) == 1


def test_entries_are_found_by_person_camera_act_and_time(desk: Desk) -> None:
    wait_past_midnight(30)
    desk.person("sam", "hold", "list")
    rows = desk.person(
        "dora", "log", "show", "--person", "sam", "--from", "1h ago", "--to", "tomorrow", "--json"
    ).json()
    assert {row["entry"]["person"] for row in rows["entries"]} == {"p3"}
    assert {row["texts"]["name"] for row in rows["entries"]} == {"Sam Roe"}
    assert "No entry matches" in desk.admin("log", "show", "--camera", "attic").out
    assert "No entry matches" in desk.admin("log", "show", "--to", day(-2)).out
    assert "no person 'ghost'" in desk.admin("log", "show", "--person", "ghost").refusal()
    assert "not a time" in desk.admin("log", "show", "--from", "whenever").refusal()
    today = time.strftime("%m/%d")
    shown = desk.admin("log", "show", "--person", "sam", "--from", today, "--to", today)
    assert "Sam" in shown.out or "p3" in shown.out, "a day alone is the whole day, at both ends"
    assert time.strftime("%b %-d, %Y, 12:00:00 am") in shown.err
    assert "--most" in desk.admin("log", "show", "--most", "0").refusal()


def test_somebody_who_left_is_found_by_the_old_login(desk: Desk) -> None:
    desk.admin("person", "add", "old", "--name", "Olda Marr")
    desk.person("dora", "person", "remove", "old", "--why", "left")
    assert "No entry matches" in desk.admin("log", "show", "--person", "old").out, "known, though nothing was done"


def test_the_log_fits_eighty_columns(library: Library) -> None:
    assert len(screen(library, "log", "show", "--most", "5")) > 5


# --- head and verify ---------------------------------------------------------------------------------------------


def test_scene_14_a_head_that_was_kept_outside_shows_what_was_changed_since(
    desk: Desk, library: Library, tmp_path: Path
) -> None:
    head = tmp_path / "head.txt"
    head.write_text(desk.admin("log", "head").out)
    key = desk.admin("log", "head", "--json").json()["public_key"]
    good = desk.admin("log", "verify", "--against", head, "--key", key)
    assert good.code == 0 and "0 problems" in good.out
    assert good.out.count("\n") == 2, "what the head showed is said"
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("9999:" + "0" * 32)
    assert desk.admin("log", "verify", "--against", foreign).code == 1
    assert desk.admin("log", "show", "--most", "1").code == 0, "a head that somebody brings stops nothing"
    assert desk.person("sam", "log", "verify", "--json").json()["problems"] == [], "whoever is enrolled may verify"
    assert "no line of an access log" in desk.admin("log", "verify", "--against", library.paper).refusal()
    assert "cannot be read" in desk.admin("log", "verify", "--against", tmp_path / "none").refusal()
    cut = tmp_path / "state"
    # The service goes on: what it is about to put in place may be gone by now.
    shutil.copytree(library.service.data / "state" / "access", cut / "access", ignore=shutil.ignore_patterns("*.tmp"))
    shutil.copytree(library.service.data / "state" / "keys", cut / "keys")
    lines = sum(path.read_bytes().count(b"\n") for path in log_files.months(cut))
    log_files.cut(cut, lines // 2)  # more than was written since the head
    found = desk.admin("log", "verify", cut, "--against", head)
    assert found.code == 1 and "taken away" in found.out
    assert "not what was originally written" in found.err


def test_a_stranger_verifies_an_exported_copy_without_a_service(
    desk: Desk, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"Dora" not in copy.read_bytes()
    short = tmp_path / "short.txt"
    head = json.loads(copy.read_bytes().split(b"\n")[0])["head"]
    short.write_text(head)
    monkeypatch.setenv("HOLDSHELF_DATA", str(tmp_path / "nowhere"))
    checked = desk.admin("log", "verify", copy, "--against", short)
    assert checked.code == 0 and "0 problems" in checked.out
    raw = copy.read_bytes()
    at = raw.index(b'"person":"p1"')
    copy.write_bytes(raw[:at] + raw[at:].replace(b'"p1"', b'"p3"', 1))
    forged = desk.admin("log", "verify", copy, "--json")
    assert forged.code == 1 and forged.json()["problems"]
    assert "does not exist" in desk.admin("log", "verify", tmp_path / "none").refusal()
    text = tmp_path / "text"
    text.write_text("something else\n")
    assert "not an export" in desk.admin("log", "verify", text).refusal()


# --- export ------------------------------------------------------------------------------------------------------


def test_p21_the_whole_log_is_copied_by_a_seat_and_over_nothing(desk: Desk, tmp_path: Path) -> None:
    whole, public = tmp_path / "whole.txt", tmp_path / "public.txt"
    assert "P21" in desk.admin("log", "export", whole).refusal()
    assert not whole.exists()
    assert "cannot use files on the server" in desk.person("dora", "log", "export", whole).refusal()
    copied = desk.person("dora", "log", "export", "-")
    whole.write_text(copied.out)
    assert "Dora Reed" in copied.out
    assert desk.admin("log", "verify", whole).code == 0
    part = desk.admin("log", "export", "--public", public, "--first", "2", "--last", "4")
    assert part.out.startswith("Entries 2 to 4 of ")
    assert public.stat().st_mode & 0o777 == 0o600
    assert "3 entries in public.txt: 0 problems" in desk.admin("log", "verify", public).out
    for target, words in ((whole, "nothing was overwritten"), (tmp_path / "no" / "x", "No such file")):
        assert words in desk.admin("log", "export", "--public", target).refusal()
    for more, words in (
        (("--first", "9999"), "does not have those entries"),
        (("--first", "0"), "--first"),
        (("-", "--json"), "not both"),
    ):
        target = () if "-" in more else (tmp_path / "never",)
        assert words in desk.admin("log", "export", "--public", *target, *more).refusal()
    assert not (tmp_path / "never").exists()
    assert "written to" in desk.admin("log", "export", "--public", tmp_path / "\x1b[31mx").out


# --- tiles and proofs --------------------------------------------------------------------------------------------


def test_the_log_is_published_and_continued_while_the_service_runs(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "public-log"
    first = desk.admin("log", "tiles", folder)
    size = int(first.out.split()[0])
    assert first.out == f"{size} entries in {folder}, {size} of them new.\n"
    assert (folder / "checkpoint").read_text().split("\n")[1] == str(size)
    again = desk.admin("log", "tiles", folder, "--json").json()
    assert (again["before"], again["entries"]) == (size, size + 1), "that it was published is an entry"
    (entry,) = desk.admin("log", "show", "--action", "log.export", "--most", "1", "--json").json()["entries"]
    assert (entry["entry"]["facts"]["public"], entry["entry"]["facts"]["last"]) == (True, size + 1)
    published = b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())
    assert b"Dora" not in published and b'"commit"' in published
    assert desk.admin("log", "verify", "--against", folder / "checkpoint").code == 0
    assert "The admin runs this at the server" in desk.person("dora", "log", "tiles", folder).refusal()
    assert "No witness has signed" in desk.admin("log", "tiles", folder, "--countersigned").refusal()
    for target, words in ((tmp_path / "no" / "x", "could not be made"), (folder / "checkpoint", "checkpoint")):
        assert "The tiles were not written" in (told := desk.admin("log", "tiles", target).refusal()) and words in told
    text = (folder / "checkpoint").read_text()
    (folder / "checkpoint").write_text(text.replace("holdshelf.local/", "holdshelf.local/0"))
    assert "give this log a folder of its own" in desk.admin("log", "tiles", folder).refusal()
    (folder / "checkpoint").write_text(text)
    assert desk.admin("log", "tiles", folder).code == 0


def test_an_entry_is_proven_by_a_file_that_a_stranger_checks_with_the_logs_key(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = tmp_path / "entry-2.tlog-proof", tmp_path / "head.txt"
    assert desk.admin("log", "proof", "2", file).out == f"The proof of entry 2 is written to {file}.\n"
    assert desk.admin("log", "proof", "2", file).refusal().endswith("Choose another name.")
    assert "entry 99999 is not among them" in desk.admin("log", "proof", "99999", tmp_path / "x").refusal()
    assert "No witness has signed" in desk.admin("log", "proof", "2", tmp_path / "x", "--countersigned").refusal()
    over_ssh = desk.person("dora", "log", "proof", "2")
    assert over_ssh.out.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert "cannot use files on the server" in desk.person("dora", "log", "proof", "2", file).refusal()
    key = desk.admin("log", "head", "--json").json()["public_key"]
    other.write_text(desk.admin("log", "head").out)
    monkeypatch.setenv("HOLDSHELF_DATA", str(tmp_path / "nowhere"))
    good = desk.admin("log", "verify", file, "--key", key)
    assert good.code == 0 and "1 entry in entry-2.tlog-proof: 0 problems.\nEntry 2 (" in good.out
    head = tmp_path / "own-head.txt"
    head.write_text(file.read_text().partition("\n\n")[2])
    assert desk.admin("log", "verify", file, "--key", key, "--against", head).code == 0
    assert "does not show which library's log" in desk.admin("log", "verify", file).refusal()
    assert "and not to one over" in desk.admin("log", "verify", file, "--key", key, "--against", other).refusal()
    assert "not a log's public key" in desk.admin("log", "verify", file, "--key", key[:-2]).refusal()
    size = head.read_text().split("\n")[1]
    head.write_text(f"{size}:" + "0" * 32)
    foreign = desk.admin("log", "verify", file, "--key", key, "--against", head)
    assert foreign.code == 1 and "is not the one that this proof leads to" in foreign.out
    file.write_text(file.read_text().replace("\nindex 1\n", "\nindex 2\n"))
    forged = desk.admin("log", "verify", file, "--key", key)
    assert forged.code == 1 and "This proof does not lead from its entry to the head" in forged.out
    assert "not what was originally written" in forged.err


# --- damage ------------------------------------------------------------------------------------------------------


def test_a_whole_log_is_not_repaired(desk: Desk) -> None:
    assert "nothing to repair" in desk.admin("log", "repair", "--why", "x").refusal()
    assert "missing" in desk.admin("log", "repair", "--why", "").refusal()


def test_a_damaged_log_is_told_set_aside_and_followed_by_another(library: Library, desk: Desk) -> None:
    """The last of this module: the library's log begins anew."""
    service = library.service
    service.stop()
    month = log_files.month_with(service.data / "state", b'"action":"seat.name"')
    raw = month.read_bytes()
    at = raw.index(b'"action":"seat.name"')
    month.write_bytes(raw[:at] + b'"action":"seat.game"' + raw[at + 20 :])
    before = tree(service.data / "state" / "access")
    offline = desk.admin("log", "verify")
    assert offline.code == 1 and "Verified from its files" in offline.err
    assert tree(service.data / "state" / "access") == before, "verifying changes nothing"
    service.start()
    library.log_out("dora")
    assert desk.admin("log", "verify").code == 1
    repair = wait_for(
        "it is told",
        lambda: next((r for r in service.repairs().values() if "access log is damaged" in r.sentence), None),
    )
    assert "holdshelf log repair" in repair.next_step
    assert "log verify" in desk.admin("log", "head").err
    assert "not done" in desk.admin("log", "show").refusal(), "nothing is written to a log that was changed"
    assert desk.admin("log", "verify", "--json").json()["problems"]
    assert desk.admin("log", "repair", "--why", "disk failed").code == 0
    assert desk.admin("log", "verify").code == 0
    aside = next((service.data / "state").glob("access.broken-*"))
    assert desk.admin("log", "verify", aside).code == 1
    # Nothing proved the register that it goes on with: holds alone, until the Board's paper accepts it.
    assert "nothing proves" in desk.person("dora", "board", "set", "live_minutes", "5", "--why", "stricter").refusal()
    assert "signed paper" in desk.admin("log", "accept", "--why", "compared").refusal()
    scan = aside.parent.parent / "minutes.pdf"
    scan.write_bytes(b"the Board's minutes")
    assert "flag review" in desk.admin("log", "accept", "--why", "compared", "--paper", scan).out
    assert "nothing to accept" in desk.admin("log", "accept", "--why", "again", "--paper", scan).refusal()
    assert "log repaired" in desk.person("dora", "flag", "list").out
