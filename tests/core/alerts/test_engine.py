"""What is told, and when: grouped, not twice, not at night, and not each time of what comes and goes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC

import msgspec
import pytest

from holdshelf_core.alerts import engine
from holdshelf_core.alerts.allowed import KINDS, OTHER, CameraState, Condition, Report
from holdshelf_core.alerts.engine import Known, Tidings, Told
from holdshelf_core.alerts.types import Rules
from holdshelf_core.alerts.words import message_of, words_of
from holdshelf_core.recorder.worker.backoff import BACKOFF_CAP_S, JITTER, LONGEST_S
from tests.service import NS

NOON = 12 * 3600 * NS
NIGHT = 23 * 3600 * NS
HOUR = 3600
TOLD_S = 30
"""Within so long somebody is told that a camera is back."""


def silent(camera: str, since: int = 0, severity: str = "error") -> Condition:
    return Condition("camera_silent", severity, camera, since)


def report(*conditions: Condition, started: int = 0) -> Report:
    cameras = tuple(
        CameraState(f"c{n}", f"Camera {n}", False, False, "camera_unreachable", 1.0, 0, 1.0) for n in range(40)
    )
    return Report(0, started, "0.1", True, 9, 8, 7, 6, 5, 1.0, 0, None, None, 1, "1:ab", cameras, conditions)


class Clock:
    """One way, a report, and a clock that is turned by hand."""

    def __init__(self, rules: Rules | None = None, now: int = NOON) -> None:
        self.rules, self.now = rules or Rules(), now
        self.told, self.report = Told(), report()

    def turn(self, seconds: float, *conditions: Condition, each: float = 1.0) -> list[Tidings]:
        """What is told while so much time passes with these conditions, asked each second."""
        self.report = report(*conditions)
        found: list[Tidings] = []
        until = self.now + round(seconds * NS)
        while self.now < until:
            self.now += round(each * NS)
            found += self._step()
        return found

    def _step(self) -> list[Tidings]:
        found, _ = engine.step(self.rules, self.told, self.report, self.now, lambda ns: ns // (60 * NS) % 1440)
        return found

    def restart(self) -> None:
        """As it reads back from its file."""
        self.told = msgspec.json.decode(msgspec.json.encode(self.told), type=Told)


def short(found: Iterable[Tidings]) -> list[str]:
    return [f"{one.what} {' '.join(line.camera or line.kind for line in one.lines)}" for one in found]


def test_begin_and_end_are_one_message_each() -> None:
    clock = Clock()
    assert short(clock.turn(30, silent("c1", NOON))) == ["begins c1"]
    assert short(clock.turn(600, silent("c1", NOON))) == []
    (over,) = clock.turn(30)
    assert short([over]) == ["ends c1"]
    assert over.lines[0].since_utc_ns == NOON and over.lines[0].until_utc_ns > NOON
    assert clock.turn(600) == []


def test_forty_cameras_that_fall_within_moments_are_one_message_within_fourteen_seconds() -> None:
    clock = Clock()
    found: list[Tidings] = []
    for fallen in range(1, 41):
        found += clock.turn(0.25, *(silent(f"c{n}") for n in range(fallen)), each=0.25)
    found += clock.turn(4, *(silent(f"c{n}") for n in range(40)))
    assert len(found) == 1 and len(found[0].lines) == 40
    message = message_of(found[0], "1", clock.now, UTC)
    assert message.subject == "Holdshelf: Camera 0 is not being recorded, and 39 more"
    assert message.text.count("holdshelf camera check") == 40


@pytest.mark.parametrize("cameras", [2, 3, 12, 40])
def test_cameras_that_return_together_are_one_message_though_each_is_connected_to_after_a_pause_of_its_own(
    cameras: int,
) -> None:
    clock = Clock()
    down = [silent(f"c{n}") for n in range(cameras)]
    assert len(clock.turn(60, *down)) == 1
    returned = clock.now
    found: list[Tidings] = []
    pauses = [n * LONGEST_S / (cameras - 1) for n in range(cameras)]
    for quarter in range(4 * TOLD_S):
        still = [one for one, pause in zip(down, pauses, strict=True) if pause > quarter / 4]
        found += clock.turn(0.25, *still, each=0.25)
        if found:
            break
    assert [one.what for one in found] == ["ends"] and len(found[0].lines) == cameras
    assert clock.now - returned < TOLD_S * NS
    assert clock.turn(60) == []


def test_cameras_that_return_after_any_pauses_of_the_recorder_are_one_message() -> None:
    """As `Backoff` draws them, each camera somewhere within its pause."""
    draw = random.Random(16)
    for _ in range(50):
        clock, down = Clock(), [silent(f"c{n}") for n in range(40)]
        clock.turn(60, *down)
        left = [draw.uniform(0, BACKOFF_CAP_S * draw.uniform(1 - JITTER, 1 + JITTER)) for _ in down]
        found: list[Tidings] = []
        for second in range(TOLD_S):
            found += clock.turn(1, *[one for one, pause in zip(down, left, strict=True) if pause > second])
        assert [(one.what, len(one.lines)) for one in found] == [("ends", 40)]


def test_a_camera_that_returns_after_the_longest_pause_while_another_stays_away_is_told_within_thirty_seconds() -> None:
    clock = Clock()
    clock.turn(60, silent("c1"), silent("c2"))
    # Then a moment for its first picture, one for the report, and one for the mail.
    found = clock.turn(LONGEST_S, silent("c1"), silent("c2")) + clock.turn(TOLD_S - 2 - LONGEST_S, silent("c2"))
    assert short(found) == ["ends c1"]


def test_what_lasts_only_moments_is_not_told() -> None:
    clock = Clock()
    assert clock.turn(3, silent("c1")) + clock.turn(100) == []


def test_a_restart_of_the_sender_or_the_service_tells_nothing_twice() -> None:
    clock = Clock()
    assert len(clock.turn(30, silent("c1"))) == 1
    clock.restart()
    assert clock.turn(30, silent("c1")) == []
    # The service has just started, and has not yet noticed that the camera is silent.
    clock.report = report(started=clock.now)
    for _ in range(40):
        clock.now += NS
        assert clock._step() == []
    assert clock.turn(60, silent("c1", clock.now)) == []
    assert clock.told.known["camera_silent:c1"].since_utc_ns == 0
    assert short(clock.turn(30)) == ["ends c1"]


def test_a_service_that_is_restarted_again_and_again_does_not_make_a_fault_come_and_go() -> None:
    clock = Clock()
    found = clock.turn(60, silent("c1"))
    for _ in range(4):
        clock.report = report(started=clock.now)
        for conditions in ((),) * 20 + ((silent("c1", clock.now),),) * 100:
            clock.report = msgspec.structs.replace(clock.report, conditions=conditions)
            clock.now += NS
            found += clock._step()
    assert short(found) == ["begins c1"]


def test_a_camera_that_came_back_while_the_service_was_stopped_is_told_as_over() -> None:
    clock = Clock()
    clock.turn(30, silent("c1"))
    clock.report = report(started=clock.now)
    found: list[Tidings] = []
    for _ in range(60):
        clock.now += NS
        found += clock._step()
    assert short(found) == ["ends c1"]


def test_what_a_job_of_the_night_finds_is_not_over_because_the_service_was_started_anew() -> None:
    clock = Clock()
    damaged = Condition("footage_damaged", "error", "", 0)
    assert short(clock.turn(30, damaged)) == ["begins footage_damaged"]
    clock.report = report(started=clock.now)
    found: list[Tidings] = []
    for _ in range(25 * 60):
        clock.now += 60 * NS
        found += clock._step()
    assert short(found) == []  # the night's job comes within a day, and sees it
    assert short(clock.turn(HOUR, damaged, each=60) + clock.turn(60)) == [
        "still footage_damaged",
        "ends footage_damaged",
    ]


def test_what_comes_and_goes_is_told_once_and_then_when_it_has_stayed() -> None:
    clock = Clock()
    found = []
    for _ in range(20):
        found += clock.turn(20, silent("c1")) + clock.turn(20)
    assert short(found) == ["begins c1", "ends c1", "begins c1", "ends c1", "flaps c1"]
    assert found[-1].lines[0].begins == 3
    assert "comes and goes" in message_of(found[-1], "1", clock.now, UTC).text
    assert short(clock.turn(1300)) == ["ends c1"]
    assert clock.turn(3600) == []
    # Anew, an hour later, it is an ordinary fault.
    assert short(clock.turn(20, silent("c1"))) == ["begins c1"]


def test_what_flickers_faster_than_a_message_waits_is_told_too_and_when_it_stays() -> None:
    clock = Clock()
    found = []
    for _ in range(10):
        found += clock.turn(2, silent("c1")) + clock.turn(2)
    assert short(found) == ["flaps c1"]
    assert short(clock.turn(1300, silent("c1"))) == ["begins c1"]


def test_a_reminder_comes_each_day_with_all_that_is_still_so() -> None:
    clock = Clock()
    clock.turn(HOUR, silent("c1"), each=10)
    clock.turn(HOUR, silent("c1"), silent("c2"), each=10)
    day = clock.turn(50 * HOUR, silent("c1"), silent("c2"), each=60)
    assert short(day) == ["still c1 c2", "still c1 c2"]
    never = Clock(Rules(remind_hours=0))
    assert short(never.turn(50 * HOUR, silent("c1"), each=60)) == ["begins c1"]


def test_in_quiet_hours_warnings_wait_and_errors_break_through() -> None:
    clock = Clock(Rules(quiet="22:00-07:00"), now=NIGHT)
    assert short(clock.turn(60, silent("c1"), silent("c2", severity="warning"))) == ["begins c1"]
    assert short(clock.turn(60)) == ["ends c1"]
    assert short(clock.turn(7 * HOUR, silent("c3", severity="warning"), each=60)) == []
    assert short(clock.turn(2 * HOUR, silent("c3", severity="warning"), each=60)) == ["begins c3"]


def test_errors_of_quiet_hours_are_told_when_these_end_where_they_may_not_break_through() -> None:
    clock = Clock(Rules(quiet="22:00-07:00", errors_break_quiet=False), now=NIGHT)
    assert clock.turn(60, silent("c1"), silent("c2", severity="warning")) == []
    assert clock.turn(60, silent("c3")) == []
    found = clock.turn(9 * HOUR, silent("c3"), each=60)
    assert sorted(short(found)) == ["begins c3", "was c1"]
    (was,) = (one for one in found if one.what == "was")
    assert "happened in quiet hours, and is over" in message_of(was, "1", clock.now, UTC).text


def test_each_way_is_told_its_own_conditions() -> None:
    overdue = Condition("reviews_overdue", "warning", "", 0, 3)
    disk = Condition("disk_room", "warning", "", 0)
    seats = Clock(Rules(audience="seats"))
    (found,) = seats.turn(30, silent("c1"), overdue, disk)
    assert message_of(found, "1", NOON, UTC).subject == "Holdshelf: Hold reviews that are overdue: 3"
    assert short(Clock(Rules(least="error")).turn(30, silent("c1"), overdue, disk)) == ["begins c1"]
    assert short(Clock(Rules(kinds=("disk_room",))).turn(30, silent("c1"), overdue, disk)) == ["begins disk_room"]


def test_what_a_change_of_the_rules_leaves_out_is_not_told_as_over() -> None:
    clock = Clock()
    clock.turn(30, silent("c1"))
    clock.rules = Rules(kinds=("disk_room",))
    assert clock.turn(60, silent("c1")) + clock.turn(60) == []


def test_a_warning_that_becomes_an_error_is_told_again() -> None:
    clock = Clock()
    clock.turn(30, silent("c1", severity="warning"))
    assert short(clock.turn(30, silent("c1"))) == ["begins c1"]
    assert clock.turn(30, silent("c1", severity="warning")) == []


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    clock = Clock()
    clock.turn(2, silent("c1"))
    clock.now -= 300 * NS
    assert short(clock.turn(2, silent("c1"))) == ["begins c1"]


def test_a_camera_with_line_breaks_in_its_name_begins_no_header() -> None:
    clock = Clock()
    clock.report = report(silent("c1"))
    hostile = msgspec.structs.replace(clock.report.cameras[1], name="Door\r\nBcc: all@example.org")
    clock.report = msgspec.structs.replace(clock.report, cameras=(hostile,))
    found: list[Tidings] = []
    for _ in range(10):
        clock.now += NS
        found += clock._step()
    message = message_of(found[0], "1", clock.now, UTC)
    assert message.subject == "Holdshelf: Door  Bcc: all@example.org is not being recorded"
    assert "\r" not in message.text


def test_what_an_earlier_version_told_by_a_name_that_is_no_longer_ends_as_other_does() -> None:
    clock = Clock()
    old = Known(
        "of_an_earlier_version", "", "", "error", 1, 0, is_so=True, changed_utc_ns=0, told="error", told_utc_ns=0
    )
    clock.told.known["of_an_earlier_version"] = old
    (ends,) = clock.turn(20)
    assert ends.what == "ends" and words_of(ends.lines[0]) == KINDS[OTHER].words.format(count=1)
