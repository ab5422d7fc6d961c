"""Facts of other libraries' policies that no case of their files can state, by the commands of their people."""

from __future__ import annotations

import csv
import io
import re
import shlex
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_core.times import DAY_NS, HOUR_NS
from tests.looking import seed
from tests.people import PAPER
from tests.policy_library import POLICIES, No, PolicyLibrary, typed
from tests.service import wait_for
from tests.tui.cli.test_driver import run


def today() -> date:
    """By the library's own zone."""
    return datetime.now().astimezone().date()


def library_of(letter: str, folder: Path, **more: Any) -> PolicyLibrary:
    return PolicyLibrary(POLICIES / f"{letter}.toml", folder, **more)


@pytest.mark.parametrize(
    ("letter", "who", "age_ns", "rule"),
    [
        ("a", "director", 30 * DAY_NS + HOUR_NS, "at most 30 days"),
        pytest.param("j", "librarian", 366 * DAY_NS, "at most 1 year", marks=pytest.mark.soak),
    ],
)
def test_what_is_older_than_the_limit_is_gone_and_the_record_says_by_which_rule(
    letter: str, who: str, age_ns: int, rule: str, tmp_path: Path
) -> None:
    """A9, J7."""
    library = library_of(letter, tmp_path, older_ns=[age_ns])
    with library.service:
        library.settle()
        library.service.stop()
        library.service.start()  # a sweep comes soon after a start

        wait_for("what is old is gone", lambda: not old_files(library))
        assert destroyed(library, who) == dict.fromkeys(library.cameras, rule)


def old_files(library: PolicyLibrary) -> list[Path]:
    """Footage of the day before yesterday and earlier."""
    days = (library.service.data / "media" / "footage").glob("*/20*")
    return [file for day in days if day.name < str(today() - timedelta(days=2)) for file in day.glob("*.mp4")]


def destroyed(library: PolicyLibrary, who: str) -> dict[str, str]:
    """Of each camera in the printed record, by which rule."""
    said = library.run(who, "print", "destroyed", "--quarter", "now", "--as", "csv").stdout.decode("utf-8-sig")
    return {row["Camera"]: row["Rule"] for row in csv.DictReader(io.StringIO(said))}


def received(day: date, library: PolicyLibrary, who: str, *more: str) -> dict[str, Any]:
    """A request on paper that came on that day."""
    camera = next(iter(library.cameras))
    start, end = map(typed, library.span)
    words = ["--camera", camera, "--from", start, "--to", end, "--incident", "26-1", "--received", f"{day:%Y-%m-%d}"]
    found: dict[str, Any] = library.command(
        who, "release", "request", *words, *more, "--scope", f"{camera},{start},{end}", paper=True
    )
    return found


def test_a_request_that_a_monday_has_passed_over_is_overdue_and_the_director_is_told(tmp_path: Path) -> None:
    """A8: anybody asks in writing on a Monday; there is no answer when the Monday after is over."""
    library = library_of("a", tmp_path)
    day = today()
    monday = day - timedelta(days=day.weekday() + (7 if day.weekday() else 14))
    with library.service:
        library.settle()
        row = received(monday, library, "person-in-charge", "--basis", "public-record", "--stated", "name")
        assert row["overdue"] is True
        assert due_on(row) == f"{monday + timedelta(days=7)}", "five business days: a weekend is between"
        assert row["id"] in library.run("director", "today").stdout.decode()


def test_a_persons_own_request_may_take_a_month_and_two_more_with_a_reason(tmp_path: Path) -> None:
    """I10."""
    library = library_of("i", tmp_path)
    with library.service:
        library.settle()
        words = ("--basis", "own-image", "--stated", "identity")
        late = received(today() - timedelta(days=32), library, "manager", *words)
        assert late["overdue"] is True
        row = received(today() - timedelta(days=20), library, "manager", *words)
        assert row["overdue"] is False
        with pytest.raises(No, match="--why"):
            library.command("manager", "release", "extend", row["id"])
        longer = library.command("manager", "release", "extend", row["id"], "--why", "three hours to look through")
        assert longer["due_utc_ns"] - row["due_utc_ns"] > 57 * DAY_NS
        form = " ".join(library.run("manager", "print", "release", row["id"]).stdout.decode().split())
        for words in ("On record: proof of who asks", "To be answered by: ", "More time, because: three hours to look"):
            assert words in form


def test_the_register_of_requests_has_what_came_when_it_was_due_and_how_it_was_answered(tmp_path: Path) -> None:
    """The list, the printed register and the report say the same of a late refusal, an extended request and an open one."""
    library = library_of("i", tmp_path)
    with library.service:
        library.settle()
        words = ("--basis", "own-image", "--stated", "identity")
        first, last = today() - timedelta(days=40), today()
        late = received(first, library, "manager", *words)
        library.command("manager", "release", "refuse", late["id"], "--why", "others cannot be masked")
        longer = received(first, library, "manager", *words)
        library.command("manager", "release", "extend", longer["id"], "--why", "three hours to look through")
        received(last, library, "manager", *words)

        def listed(*more: str) -> str:
            return library.run("manager", "release", "list", *more).stdout.decode()

        assert late["id"] not in listed() and longer["id"] in listed()
        one_day = listed("--from", f"{first}", "--to", f"{first}")
        head, refused, extended = one_day.splitlines()
        assert head.split()[-4:] == ["RECEIVED", "DUE", "EXTENDED", "ANSWERED"]
        assert refused.split()[-5:] == [f"{first}", due_on(late), "-", f"{last}", "LATE"]
        assert extended.split()[-4:] == [
            f"{first}",
            due_on(library.command("manager", "release", "show", longer["id"])),
            "yes",
            "-",
        ]
        assert "No request was received" in listed("--to", f"{first - timedelta(days=1)}")
        with pytest.raises(No, match="is after --to"):
            listed("--from", f"{last}", "--to", f"{first}")

        said = library.run("manager", "print", "requests", "now", "--as", "csv").stdout.decode("utf-8-sig")
        rows = {row["Request"]: row for row in csv.DictReader(io.StringIO(said))}
        assert set(rows) == {late["id"], longer["id"], f"R-{last.year}-0003"}
        assert rows[late["id"]]["Late"] == "yes" and rows[late["id"]]["Days"] == "40"
        assert rows[longer["id"]]["Extended"] == "three hours to look through"
        assert rows[longer["id"]]["Asked by"] == "a person who is seen, identity proven"
        report = library.command("manager", "print", "report", "now")["facts"]["report"]["requests"]
        assert (report["late"], report["refused"], report["open"]) == (1, 1, 2)
        refused = run("print", "requests", "now", "--data", library.service.data)
        assert "quarterly report" in refused.refusal(), "the admin is not given it, as the report"


def due_on(row: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(row['due_utc_ns'] / 1e9 - 1).astimezone():%Y-%m-%d}"


def test_the_sheet_after_a_persons_refusal_says_their_reason(tmp_path: Path) -> None:
    library = library_of("i", tmp_path)
    with library.service:
        library.settle()
        row = received(today(), library, "manager", "--basis", "own-image", "--stated", "identity")
        library.command("manager", "release", "refuse", row["id"], "--why", "others cannot be masked")
        sheet = " ".join(library.run("manager", "print", "refusal", row["id"]).stdout.decode().split())
        assert "The library has decided not to release it: others cannot be masked." in sheet


def test_another_company_than_the_insurer_has_no_basis(tmp_path: Path) -> None:
    """I5."""
    library = library_of("i", tmp_path)
    with library.service:
        library.settle()
        with pytest.raises(No, match="Video is not released on this basis"):
            received(today(), library, "manager", "--basis", "other-company", "--stated", "matter")


def test_a_sign_hangs_in_a_language_in_which_nothing_else_is_adopted(tmp_path: Path) -> None:
    """As in Ireland and in Wales: by law in two languages, where the policy was adopted in one."""
    irish = '\n[sign.ga]\nheadline = ["Tá ceamaraí", "i bhfeidhm"]\nlines = ["{library}", "{contact}"]\n'
    file = tmp_path / "policy.toml"
    file.write_text((POLICIES / "i.toml").read_text() + irish)
    library = PolicyLibrary(file, tmp_path)
    with library.service:
        library.settle()
        for language in ("en-GB+ga", "ga"):
            sign = library.run("manager", "print", "sign", "--language", language).stdout.decode()
            assert "C E A M A R A Í" in sign
        before = library.command("manager", "log", "show", "--action", "print")["entries"]
        with pytest.raises(No, match="Papers are not available in 'cy'"):
            library.run("manager", "print", "sign", "--language", "cy")
        assert library.command("manager", "log", "show", "--action", "print")["entries"] == before
        assert "(ga)" in library.run("manager", "print", "checklist").stdout.decode()


@pytest.mark.parametrize(
    ("letter", "who", "words", "says"),
    [
        (
            "b",
            "administration",
            ("--basis", "interior-reported", "--agency", "the police", "--officer", "badge 12"),
            (
                "that the library itself reported it",
                "another way: a warrant or subpoena for a stated time or incident, on paper and signed",
            ),
        ),
        ("j", "librarian", ("--basis", "solicitor", "--stated", "name"), ("the number of the matter",)),
    ],
)
def test_the_sheet_after_a_gates_no_says_what_is_needed(
    letter: str, who: str, words: tuple[str, ...], says: tuple[str, ...], tmp_path: Path
) -> None:
    """B7, J4."""
    library = library_of(letter, tmp_path)
    with library.service:
        library.settle()
        with pytest.raises(No, match="This is not on record"):
            received(today(), library, who, *words)
        sheet = " ".join(library.run(who, "print", "refusal", f"R-{today().year}-0001").stdout.decode().split())
        needed = sheet.partition("What we need")[2]
        assert [one for one in says if one not in needed] == []
        assert "street" not in needed and "exterior" not in needed, "nothing that is for other cameras"
        clause = library.policy.bases[words[1]].clause
        assert clause in library.run(who, "release", "list", "--refusals").stdout.decode().splitlines()[1].split()
        report = " ".join(library.run(who, "print", "report", "now").stdout.decode().split())
        assert re.findall(r"\bP1?\d\b|\bP2[01]\b", report) == [], "the policy's own numbers alone"
        assert ("once it is older than 1 year" in report) is (library.policy.file.keeping.at_most == "1 year")


def test_whoever_may_only_receive_a_request_is_told_who_may_hold_what_it_asks_for(tmp_path: Path) -> None:
    library = library_of("a", tmp_path)
    with library.service:
        library.settle()
        words = ("--basis", "public-record", "--stated", "name")
        row = received(today(), library, "person-in-charge", *words)
        assert row["unheld"] and not row["may_hold"]
        step = row["next_step"]
        assert "ask the Library Director to hold it" in step
        command = step.partition("which needs no paper: `holdshelf ")[2].partition("`")[0]
        with pytest.raises(No):
            library.command("person-in-charge", *shlex.split(command))
        shown = library.command("director", "release", "show", row["id"])
        assert shown["may_hold"] and "; a hold needs no paper: `" in shown["next_step"]
        assert library.command("director", *shlex.split(command))["state"] == "active"


@pytest.mark.parametrize(("letter", "who"), [("i", "manager"), ("j", "librarian")])
def test_a_copy_is_approved_once_others_were_looked_for(letter: str, who: str, tmp_path: Path) -> None:
    """I11, J2."""
    library = library_of(letter, tmp_path)
    with library.service:
        library.settle()
        row = received(today(), library, who, "--basis", "own-image", "--stated", "identity")
        with pytest.raises(No, match="other people"):
            library.command(who, "release", "approve", row["id"])
        with pytest.raises(No, match="nobody else is shown"):
            library.command(who, "release", "others", row["id"], "--unmasked", "--why", "a crowd")
        library.command(who, "release", "others", row["id"], "--none")
        assert library.command(who, "release", "approve", row["id"])["state"] == "approved"


@pytest.mark.parametrize(
    ("letter", "wrong", "right", "says"),
    [
        ("f", "29", "30", "The policy keeps footage at least 30 days, and 29 days are fewer"),
        ("a", "31", "30", "The policy keeps footage at most 30 days, and 31 days are more"),
    ],
)
def test_a_floor_outside_the_policys_times_is_refused(
    letter: str, wrong: str, right: str, says: str, tmp_path: Path
) -> None:
    """F2."""
    library = library_of(letter, tmp_path)
    with library.service:
        library.settle()
        words = ("capacity", "set", "--why", "the disk", "--data", library.service.data, "--floor-days")
        assert says in run(*words, wrong).refusal()
        assert run(*words, right).code == 0


def test_a_camera_in_a_private_office_is_not_added(tmp_path: Path) -> None:
    """G4."""
    library = library_of("g", tmp_path)
    with library.service:
        library.settle()
        words = ("rtsp://127.0.0.1:9/x", "--name", "Office", "--area", "private-office")
        refused = run("camera", "add", *words, "--data", library.service.data)
        assert refused.code and "private office" in refused.refusal()


@pytest.mark.parametrize(("letter", "screen", "other"), [("g", "desks", ""), ("c", "lobby-screen", "common")])
def test_a_screen_opens_no_recording_and_no_other_camera(letter: str, screen: str, other: str, tmp_path: Path) -> None:
    """G8, C6: live pictures of its classes, with no purpose asked, and nothing else."""
    library = library_of(letter, tmp_path)
    with library.service:
        library.settle()
        library.enroll("wall")
        library.command("director", "screen", "give", screen, "wall")
        camera = other or next(iter(library.cameras))
        start, end = map(typed, library.span)
        words = ("--camera", camera, "--purpose", "incident", "--incident", "26-1")
        for more in (("--from", start, "--to", end), ("--live",)):
            with pytest.raises(No):
                library.command("wall", "look", "open", *words, *more)


def test_a_sign_without_what_the_law_asks_for_is_not_printed(tmp_path: Path) -> None:
    """H3: authority, purposes, and whom to ask with title, address and telephone."""
    library = library_of("h", tmp_path)
    lines = library.text.splitlines(keepends=True)

    def without(field: str) -> str:
        return "".join(line for line in lines if not line.startswith(field))

    file = tmp_path / "policy.toml"
    for field in ("authority", "purposes"):
        file.write_text(without(field))
        linted = run("policy", "lint", file, "--data", tmp_path / "none")
        assert linted.code and f"{{{field}}}" in linted.out + linted.err
    with library.service:
        library.settle()
        said = library.run("branch", "print", "sign").stdout.decode()
        for words in (
            "Freedom of Information",
            "safety of people",
            "Privacy Officer",
            "1 Library Road",
            "250-555-0100",
        ):
            assert words in " ".join(said.split())
        adopted = PolicyAdopt("The policy.", "2", "2026-01-02", "enforce", PAPER, without("contact"))
        library.service.client.act(adopted)
        with pytest.raises(No, match="names whom to ask, and nobody is named yet"):
            library.run("branch", "print", "sign")


def test_an_excerpt_whose_last_day_has_passed_goes_with_a_line_that_can_be_printed(tmp_path: Path) -> None:
    """D8."""
    library = library_of("d", tmp_path, older_ns=[400 * DAY_NS])
    now, (camera, *_) = time.time_ns(), library.cameras
    span = HoldSpan(camera, now - 401 * DAY_NS, now - 399 * DAY_NS)
    hold = Hold("H-2025-0001", "excerpt", "25-1", (span,), "p1", now - 366 * DAY_NS, now, last_utc_ns=now - HOUR_NS)
    with library.service:
        library.settle()
        library.service.stop()
        seed(library.service.data, [("holds", hold.id, hold)])
        library.service.start()

        wait_for("it goes", lambda: not old_files(library))
        assert destroyed(library, "branch-manager") == {
            camera: "the last day of its hold: an excerpt for an investigation"
        }
        ended = library.command("branch-manager", "hold", "show", hold.id)
        assert ended["state"] == "lifted"
