"""Facts of other libraries' policies that no case of their files can state, by the commands of their people."""

from __future__ import annotations

import csv
import io
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_core.times import DAY_NS, HOUR_NS
from tests.looking import seed
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


def test_a_copy_is_approved_once_others_were_looked_for(tmp_path: Path) -> None:
    """I11."""
    library = library_of("i", tmp_path)
    with library.service:
        library.settle()
        row = received(today(), library, "manager", "--basis", "own-image", "--stated", "identity")
        with pytest.raises(No, match="other people"):
            library.command("manager", "release", "approve", row["id"])
        library.command("manager", "release", "others", row["id"], "--none")
        assert library.command("manager", "release", "approve", row["id"])["state"] == "approved"


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
        assert destroyed(library, "branch-manager") == {camera: "at most 30 days"}
        ended = library.command("branch-manager", "hold", "show", hold.id)
        assert ended["state"] == "lifted"
