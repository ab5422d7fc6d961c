"""A source whose clock does what it likes: each file is named by the instant it was recorded at, and no gap is absurd."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_storage import layout
from holdshelf_storage.mp4 import fragments as fmp4
from tests.rig.one_camera import FPS, NS, OneCamera, pictures
from tests.rig.processes import patience
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp
from tests.service import Service, wait_for

SECONDS = 40
YEAR_S = 31_557_600
TICKS = 90_000

_jumps = st.one_of(
    st.floats(1, 3.5), st.floats(-3.5, -1), st.floats(-YEAR_S * 30, YEAR_S * 30), st.sampled_from([2.9, -2.9, 3.1, 0.7])
)
# After how many pictures, by how many seconds; every 0.3 to 6 s.
_script = st.lists(st.tuples(st.integers(5, FPS * 6), _jumps), min_size=1, max_size=20)
# Found: a clock that goes back a little reads as pictures out of order, so that a segment waits for one more picture before it
# begins; where that one came with a jump, the segment's name had the jump, too.
JUMP_BEHIND_A_TURN = [(5, 1.0)] * 7 + [(8, -1.0), (32, 1.0), (76, 1.0), (15, 2.0), (74, 1.0), (90, 2.0)]


def _jumping(camera: OneCamera, jumps: list[tuple[int, float]], rate: float) -> Iterator[object]:
    left = iter(jumps)
    until, jump_s = next(left)
    moved = 0
    for picture in pictures(FPS * SECONDS):
        if until == 0:
            moved += round(jump_s * TICKS)
            until, jump_s = next(left, (-1, 0.0))
        until -= 1
        yield from camera.live([dataclasses.replace(picture, ticks=10**15 + moved + round(picture.ticks * rate))])


def _names_are_true(camera: OneCamera, within_ns: int) -> None:
    for started, read in camera.started:
        assert abs(started.start_boot_ns - read.boot_ns) <= within_ns, (started, read)
        assert abs(started.start_utc_ns - read.utc_ns) <= within_ns, (started, read)
    told = {line["seq"]: line for line in camera.lines() if line["kind"] == "segment"}
    for path in (camera.root / "media/footage/door").glob("*/*.mp4"):
        parsed = layout.parse_segment_name(path.name)
        assert parsed is not None
        line = told[parsed[0]]
        assert layout.segment_name(line["seq"], line["start_utc_ns"]) == path.name
        assert layout.day_of(line["start_utc_ns"]) == path.parent.name
        with path.open("rb") as file:
            comment = json.loads(fmp4.read_header(file.fileno()).comment or "")
        assert comment["start_utc_ns"] == line["start_utc_ns"]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(jumps=_script, rate=st.floats(0.99, 1.01), kill_at=st.sampled_from(["", "worker", "all"]))
@example(jumps=JUMP_BEHIND_A_TURN, rate=0.9921875, kill_at="")
def test_a_source_whose_clock_jumps_every_few_seconds_gets_true_names_and_gaps(
    tmp_path_factory: pytest.TempPathFactory, jumps: list[tuple[int, float]], rate: float, kill_at: str
) -> None:
    with pytest.MonkeyPatch.context() as patch, OneCamera(tmp_path_factory.mktemp("jumps"), patch) as camera:

        def script() -> Iterator[object]:
            yield from _jumping(camera, jumps, rate)
            if kill_at == "worker":
                yield camera.kill_worker
            elif kill_at == "all":
                yield camera.kill

        camera.play(script())  # type: ignore[arg-type]  # a script of steps
        if kill_at == "all":
            camera.clock.forward(2)
            camera.start()
        camera.clock.forward(0.5)
        camera.play(camera.live(pictures(FPS * 3)))
        camera.check()
        # By a jump it may be a second off, and what the source's own pace adds until a key frame comes.
        _names_are_true(camera, NS + NS // 4)
        assert camera.recovery.problems == []


@pytest.mark.parametrize("jump_s", [2.9, -2.9, 30.0, -30.0, YEAR_S, -YEAR_S])
def test_a_clock_that_jumps_every_three_seconds_loses_at_most_a_group_of_pictures_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    """Seen: a clock that gains 2.9 s each time ran 17 s ahead; then a file began before the one before it had ended."""
    with OneCamera(tmp_path / "data", monkeypatch) as camera:
        camera.play(_jumping(camera, [(FPS * 3 + 4, jump_s)] * 12, 1.0))  # type: ignore[arg-type]  # a script of steps
        camera.check()
        _names_are_true(camera, NS)
        recorded_ns = sum(line["duration_ns"] for line in camera.lines() if line["kind"] == "segment")
        assert recorded_ns >= (SECONDS - 13) * NS


class _Jumping:
    """A camera over RTSP whose RTP clock leaps each two seconds, by turns ahead and back. Tells when it did."""

    def __init__(self, jumps_s: list[float]) -> None:
        self.jumps_s = jumps_s
        self.jumped_utc_ns: list[int] = []
        self.is_over = False

    def __iter__(self) -> Iterator[bytes | float]:
        sender = RtpSender(stamp=1 << 31)
        self.jumped_utc_ns = []
        began_s = time.monotonic()
        for number, picture in enumerate(pictures(FPS * 2 * (len(self.jumps_s) + 1))):
            if number and number % (FPS * 2) == 0:
                jump_s = self.jumps_s[len(self.jumped_utc_ns)]
                sender.stamp = (sender.stamp + round(jump_s * TICKS)) % 2**32
                self.jumped_utc_ns.append(time.time_ns())
            yield b"".join(sender.picture(split_sample(picture.data)))
            sender.next(TICKS // FPS)
            yield max(0.0, began_s + (number + 1) / FPS - time.monotonic())
        self.is_over = True


def test_a_real_camera_whose_clock_jumps_every_two_seconds_is_recorded_by_our_clock(tmp_path: Path) -> None:
    source = _Jumping([2.9, 2.9, 40.0, -2.5, -2.5, -7200.0, 2.9, 9000.0])
    waited = patience(0)
    with Service(tmp_path / "data") as service:
        with ScriptedRtsp(media=source, stay=True) as server:
            asked_ns = time.time_ns()
            door = service.add(server.url, "Door")
            added_ns = time.time_ns()
            service.await_recording(door)
            wait_for("all jumps", lambda: source.is_over)
            jumped = list(source.jumped_utc_ns)
        wait_for("the end of the stream is noticed", lambda: service.camera(door).state != "recording")
        rows, gaps = service.segments(door), service.gaps(door)
        # What the machine kept its threads waiting may come between a jump and its file.
        late_ns = 4 * NS + round((waited.passed_s - waited.own_s) * NS)
        assert len(jumped) == len(source.jumps_s)
        for jumped_ns in jumped:
            # The next key frame comes at once, for each jump is at one.
            assert any(-NS <= row.start_utc_ns - jumped_ns <= late_ns for row in rows), (jumped_ns, rows)
        for gap in gaps:
            assert gap.end_utc_ns is None or gap.end_utc_ns >= gap.start_utc_ns
        told = sorted([(r.start_utc_ns, r.end_utc_ns) for r in rows] + [(g.start_utc_ns, g.end_utc_ns) for g in gaps])  # type: ignore[type-var]
        for (_start, end), (start, _end) in pairwise(told):
            assert end is not None
            assert abs(start - end) < NS // 100, told
        # All is told from the moment in which it was added to one after the last jump, and is no longer than that took.
        assert asked_ns - NS // 100 <= told[0][0] <= added_ns + NS // 100
        assert jumped[-1] < (told[-1][1] or time.time_ns()) <= time.time_ns()
        assert service.stop() == 0
