"""Recorded and gaps are the time that passed, to the millisecond, whatever disk, grants, kills and clocks do.

The worker's code, the service's side and a real volume, with clock, grants and kills in the test's hand (`one_camera`).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.source import Hole
from tests.rig.one_camera import FPS, OneCamera, pictures

DAY_S = 86_400


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneCamera]:
    with OneCamera(tmp_path / "data", monkeypatch) as made:
        yield made


def _break_disk(camera: OneCamera) -> None:
    """The disk is full for the worker and for the journal."""
    writer = camera.worker._writer
    assert writer is not None
    writer.sink.errno = errno.ENOSPC
    camera.refused = {"close_segment", "cut_segment", "start_gap", "end_gap"}


def test_a_gap_for_want_of_room_begins_at_the_end_of_what_lies_on_the_disk_not_of_what_is_journalled(
    camera: OneCamera,
) -> None:
    """Seen: it began at the last journalled end and overlapped a gap and the segment that recovery brought in."""
    all_ = pictures(FPS * 30)
    camera.play(camera.live(all_[: FPS * 6]))
    camera.clock.forward(2)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 2 + 5])
        yield lambda: _break_disk(camera)
        yield from camera.live(all_[FPS * 2 + 5 : FPS * 8])
        yield lambda: setattr(camera, "refused", set())
        yield from camera.live(all_[FPS * 8 : FPS * 12])

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    camera.kill()
    camera.clock.forward(3)
    camera.start()
    camera.play(camera.live(all_[: FPS * 3]))
    reasons = camera.check()
    assert "disk full" in reasons


def test_a_gap_that_could_not_be_written_is_written_when_there_is_room_without_a_restart(camera: OneCamera) -> None:
    all_ = pictures(FPS * 30)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 2 + 5])
        yield lambda: _break_disk(camera)
        yield from camera.live(all_[FPS * 2 + 5 : FPS * 6])
        yield lambda: setattr(camera, "refused", set())
        yield camera.tick
        yield from camera.live(all_[FPS * 6 : FPS * 8])

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    assert "disk full" in camera.check()
    assert list((camera.root / "media/footage/door/open").iterdir()) == []


def test_a_full_disk_and_a_kill_before_anything_could_be_written(camera: OneCamera) -> None:
    """Nothing of the gap reached the disk, and what followed it lies in `open`: recovery tells of the hole between."""
    all_ = pictures(FPS * 30)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 2 + 5])
        yield lambda: _break_disk(camera)
        yield from camera.live(all_[FPS * 2 + 5 : FPS * 6])
        yield camera.kill

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    camera.refused = set()
    camera.clock.forward(5)
    camera.start()
    camera.clock.forward(1)
    assert camera.check() == ["connecting", "unknown", "service stopped"]
    assert camera.recovery.problems == []


def test_a_late_grant_is_told_as_that_and_ends_no_gap_before_it_begins(camera: OneCamera) -> None:
    """Seen: `recorder fault`, begun when the service heard of it, ended by a segment that began 2.1 s earlier."""
    all_ = pictures(FPS * 12)
    camera.held = []

    def burst() -> Iterator[object]:
        yield from camera.live(all_[:1])  # its thread waits two seconds for an answer
        yield camera.grant_late
        yield from all_[1 : FPS * 2]  # what came meanwhile
        yield from camera.live(all_[FPS * 2 : FPS * 10])

    camera.play(burst())  # type: ignore[arg-type]  # a script of steps
    assert camera.check() == ["connecting", "recorder busy", "stream ended"]


def test_a_kill_before_the_end_of_a_gap_is_written_leaves_no_gap_over_what_is_recovered(camera: OneCamera) -> None:
    """Seen: the spare had been numbered before the gap, so that the gap seemed to go on over it."""
    all_ = pictures(FPS * 12)
    camera.play(camera.live(all_[: FPS * 2]))
    camera.clock.forward(2)

    def script() -> Iterator[object]:
        yield lambda: setattr(camera, "refused", {"end_gap"})
        yield from camera.live(all_[: FPS * 2 + 3])
        yield camera.kill

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    camera.refused = set()
    camera.clock.forward(4)
    camera.start()
    assert camera.check() == ["connecting", "stream ended", "service stopped"]
    camera.kill()
    before = camera.lines()
    camera.start()
    assert camera.lines() == before, "a second recovery changes nothing"


def test_the_seconds_of_an_abandoned_file_are_a_gap_of_their_own(camera: OneCamera) -> None:
    """A failed sync: the file is given up, so the gap begins where it began, and not where the one before ended."""
    all_ = pictures(FPS * 12)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 2 + 5])
        yield lambda: camera.worker.torn_by_sync(camera.worker._seq, errno.EIO)
        yield from camera.live(all_[FPS * 2 + 5 : FPS * 6])

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    assert camera.check() == ["connecting", "disk error", "stream ended"]


@pytest.mark.parametrize("days", [8, -8, 400])
@pytest.mark.parametrize("spare", [True, False])
def test_a_clock_that_is_set_by_days_reads_clock_stepped_with_a_spare_and_without(
    camera: OneCamera, days: int, spare: bool
) -> None:
    """Seen: without a spare at hand `recorder fault` for eight days. Nothing is lost, with or without one."""
    all_ = pictures(FPS * 12)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS + 5])
        if spare:
            yield lambda: camera.worker._ask(camera.clock.now_ns)
        else:
            yield lambda: setattr(camera, "held", [])
        yield lambda: camera.clock.step(days * DAY_S)
        yield from camera.live(all_[FPS + 5 : FPS * 3 + 5])
        if not spare:
            yield camera.grant_late
        yield from camera.live(all_[FPS * 3 + 5 : FPS * 8])

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    assert camera.check() == ["connecting", "clock stepped", "stream ended"]


def test_where_something_was_lost_a_gap_says_so_even_where_no_time_is_missing(camera: OneCamera) -> None:
    all_ = pictures(FPS * 4)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 2])
        yield Hole(lasting=False)
        yield from camera.live(all_[FPS * 2 :])

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    assert camera.check() == ["connecting", "frames lost", "stream ended"]
    assert [line["elapsed_ns"] for line in camera.lines() if line["kind"] == "gap_end"][1] <= 1_000_000


@pytest.mark.parametrize("days", [8, -8])
def test_what_is_lost_while_the_clock_is_set_is_told_beside_that(camera: OneCamera, days: int) -> None:
    """No segment could begin since the clock was set: that it was is no reason why pictures are missing."""
    all_ = pictures(FPS * 6)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 2 + 3])
        yield lambda: camera.clock.step(days * DAY_S)
        yield from camera.live(all_[FPS * 2 + 3 : FPS * 2 + 8])
        yield Hole(lasting=False)
        yield lambda: camera.clock.forward(7 / FPS)
        yield from camera.live(all_[FPS * 3 :])

    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    assert camera.check() == ["connecting", "frames lost", "clock stepped", "stream ended"]


@pytest.mark.parametrize("days", [8, -8])
def test_a_clock_that_is_set_while_nothing_is_recorded_is_told_beside_the_reason(camera: OneCamera, days: int) -> None:
    all_ = pictures(FPS * 12)
    camera.play(camera.live(all_[: FPS * 2]))
    camera.clock.forward(30)
    camera.clock.step(days * DAY_S)
    camera.tick()
    camera.clock.forward(30)
    camera.play(camera.live(all_[: FPS * 2]))
    assert camera.check() == ["connecting", "stream ended", "clock stepped", "stream ended", "stream ended"]


@pytest.mark.parametrize("days", [8, -8])
def test_a_clock_that_is_set_while_the_service_is_stopped_is_told_beside_that(camera: OneCamera, days: int) -> None:
    all_ = pictures(FPS * 12)
    camera.play(camera.live(all_[: FPS * 2]))
    camera.kill()
    camera.clock.forward(30)
    camera.clock.step(days * DAY_S)
    camera.start()
    camera.clock.forward(1)
    camera.play(camera.live(all_[: FPS * 2]))
    assert "clock stepped" in camera.check()


def test_a_killed_worker_costs_one_gap_that_meets_what_was_kept(camera: OneCamera) -> None:
    all_ = pictures(FPS * 12)

    def script() -> Iterator[object]:
        yield from camera.live(all_[: FPS * 6 + 4])
        yield camera.kill_worker

    worker = camera.worker
    camera.play(script())  # type: ignore[arg-type]  # a script of steps
    assert camera.worker is not worker
    camera.clock.forward(1)
    camera.play(camera.live(all_[: FPS * 2]))
    assert "recorder restarted" in camera.check()


def test_a_worker_that_speaks_of_a_time_to_come_moves_no_gap_there(camera: OneCamera) -> None:
    """It may have been taken over by its camera."""
    ahead_ns = camera.clock.now_ns + 3600 * 10**9
    camera.clock.forward(2)
    utc_ns = ahead_ns + camera.clock.offset_ns
    camera.deliver(wire.Started("door", 1, utc_ns, ahead_ns, "run", "h264", 64, 48))
    camera.deliver(wire.Lost("door", "no frames", "", 1.0, ahead_ns))
    camera.clock.forward(2)
    camera.play(camera.live(pictures(FPS * 2)))
    assert camera.check() == ["connecting", "no frames", "stream ended"]
