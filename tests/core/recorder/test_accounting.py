"""Every second is recorded or in a gap with a reason, whatever happens to camera, service and clock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.rig.faults import FakeClock
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.told import check_journals
from tests.service import Service, wait_for

NS = 1_000_000_000
HOUR_S = 3600


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "steps_s", [(HOUR_S, -2 * HOUR_S, HOUR_S), pytest.param((HOUR_S, -HOUR_S, -HOUR_S, HOUR_S), marks=pytest.mark.soak)]
)
def test_recorded_plus_gaps_is_elapsed_across_restarts_and_clock_steps(
    tmp_path: Path, steps_s: tuple[int, ...]
) -> None:
    with FakeClock() as clock, RtspServer([Mount("door"), Mount("hall", media="h265_360p")]) as server:
        service = Service(tmp_path / "data", environment=clock.environment())
        with service:
            before_ns = boot_ns()
            ids = [service.add(server.url(name), name) for name in ("door", "hall")]
            after_ns = boot_ns()
            service.await_recording(*ids)

            server.kill()
            wait_for("the loss is noticed", lambda: service.camera(ids[0]).state != "recording")
            server.start()
            service.await_recording(*ids)

            for step_s in steps_s:
                counts = {i: len(service.segments(i)) for i in ids}
                clock.step(step_s)
                wait_for(
                    "a new run after the clock was set",
                    lambda counts=counts: all(len(service.segments(i)) > counts[i] for i in ids),
                )
                before_s = {i: service.camera(i).recorded_s for i in ids}
                wait_for(
                    "some footage in this run",
                    lambda before_s=before_s: all(service.camera(i).recorded_s > before_s[i] + 2 for i in ids),
                )

            assert service.stop() == 0
            service.start()
            service.await_recording(*ids)
            stopping_ns = boot_ns()
            assert service.stop() == 0
            stopped_ns = boot_ns()
            service.start()
            for camera in ids:
                # Read once: this service records again, and the last gap ends at any moment.
                rows, gaps = service.segments(camera), service.gaps(camera)
                reasons = [gap.reason for gap in gaps]
                assert reasons.count("service stopped") == 2
                last = max((g for g in gaps if g.reason == "service stopped"), key=lambda gap: gap.start_utc_ns)
                recorded_s = sum(row.end_utc_ns - row.start_utc_ns for row in rows) / NS
                accounted_s = recorded_s + sum(gap.elapsed_s for gap in gaps if gap is not last)
                assert (stopping_ns - after_ns) / NS - 1 < accounted_s < (stopped_ns - before_ns) / NS + 1
                assert reasons.count("clock stepped") == len(steps_s)
                ahead = [row for row in rows if row.start_utc_ns > time.time_ns() + 1800 * NS]
                behind = [row for row in rows if row.start_utc_ns < time.time_ns() - 1800 * NS]
                assert ahead
                assert behind
            assert service.verify().problems == []
            assert service.stop() == 0
            check_journals(service.data / "media" / "footage")


def test_a_jump_of_the_wall_clock_is_told_and_trusted_time_does_not_follow(tmp_path: Path) -> None:
    with FakeClock() as clock, Service(tmp_path / "data", environment=clock.environment()) as service:
        clock.step(HOUR_S)
        repair = wait_for("a repair", lambda: service.repairs().get("clock_disagreement"))
        assert "60 minutes ahead" in repair.sentence or "59 minutes ahead" in repair.sentence
        clock.step(-HOUR_S)
        wait_for("its end", lambda: "clock_disagreement" not in service.repairs())
