"""The service's clock: steps are noticed, slewing is followed, and trusted time never goes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdshelf_core.clock import (
    DISAGREEMENT_NS,
    MOST_OFF_NS,
    Clock,
    Heartbeat,
    boottime_ns,
    dump_heartbeat,
    load_heartbeat,
    utc_ns,
)
from holdshelf_core.times import NS
from tests.rig.faults import FakeClock

MOMENTS = st.integers(min_value=0, max_value=4_000_000_000 * NS)

_WATCHER = """
import sys
from holdshelf_core.clock import Clock
clock = Clock()
clock.restore(None)
print("ready", flush=True)
for line in sys.stdin:
    print(clock.async_check_step(), clock.disagreement_ns(), flush=True)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "clock.json"


@pytest.fixture
def watched() -> Iterator[tuple[FakeClock, subprocess.Popen[str]]]:
    with FakeClock() as fake:
        process = subprocess.Popen(
            [sys.executable, "-c", _WATCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=fake.environment(),
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield fake, process
            process.kill()


def ask(process: subprocess.Popen[str]) -> tuple[int, int]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    step, disagreement = process.stdout.readline().split()
    return int(step), int(disagreement)


def test_a_step_either_way_is_told_once_and_trusted_time_does_not_follow_it(
    watched: tuple[FakeClock, subprocess.Popen[str]],
) -> None:
    fake, process = watched
    assert ask(process)[0] == 0, "a clock that only runs"
    for seconds in (3600, -7200):
        before = ask(process)[1]
        fake.step(seconds)
        step, disagreement = ask(process)
        assert abs(step - seconds * NS) < NS // 2
        assert abs(disagreement - before - seconds * NS) < NS // 2
        assert ask(process)[0] == 0, "told once"


def test_slewing_is_followed_and_is_no_step(watched: tuple[FakeClock, subprocess.Popen[str]]) -> None:
    fake, process = watched
    ask(process)
    for _ in range(8):  # two seconds in all: far more than a step, a quarter of a second at a time
        fake.step(0.25)
        assert ask(process)[0] == 0


@given(MOMENTS, MOMENTS, st.integers(0, 10**15))
def test_within_one_boot_trusted_time_goes_on_from_what_was_persisted(wall: int, trusted: int, ago_ns: int) -> None:
    clock = Clock()
    boot_ns = max(0, boottime_ns() - ago_ns)
    clock.restore(Heartbeat(wall, trusted, boot_ns, clock.boot))
    since_ns = boottime_ns() - boot_ns
    assert trusted <= clock.trusted_utc_ns() <= trusted + since_ns + NS
    assert clock.trusted_utc_ns() >= trusted + since_ns - NS


@given(MOMENTS, MOMENTS, MOMENTS)
@example(0, 4_000_000_000 * NS, 0)
@example(4_000_000_000 * NS, 0, 0)
def test_after_another_boot_trusted_time_takes_no_time_back_and_no_more_than_days_forward(
    wall: int, trusted: int, boot: int
) -> None:
    clock = Clock()
    clock.restore(Heartbeat(wall, trusted, boot, "another boot"))
    assert clock.trusted_utc_ns() >= trusted
    assert clock.trusted_utc_ns() <= trusted + MOST_OFF_NS + NS
    if utc_ns() - trusted > MOST_OFF_NS:
        assert clock.disagreement_ns() > DISAGREEMENT_NS, "a person is asked"


@pytest.mark.parametrize("off_ns", [0, 3600 * NS, 3 * 86_400 * NS])
def test_after_some_days_off_trusted_time_follows_the_wall_clock(off_ns: int) -> None:
    clock = Clock()
    persisted = utc_ns() - off_ns
    clock.restore(Heartbeat(persisted, persisted, 0, "another boot"))
    assert abs(clock.disagreement_ns()) < NS


@given(MOMENTS, MOMENTS, MOMENTS, st.text(max_size=40))
def test_a_heartbeat_reads_back_as_it_was_written(file: Path, wall: int, trusted: int, boot_ns: int, boot: str) -> None:
    heartbeat = Heartbeat(wall, trusted, boot_ns, boot)
    file.write_bytes(dump_heartbeat(heartbeat))
    assert load_heartbeat(file) == heartbeat


@given(st.binary(max_size=200))
def test_garbage_counts_as_no_heartbeat(file: Path, garbage: bytes) -> None:
    file.write_bytes(garbage)
    assert load_heartbeat(file) is None


@given(st.data())
def test_a_heartbeat_cut_short_counts_as_none(file: Path, data: st.DataObject) -> None:
    whole = dump_heartbeat(Heartbeat(1, 2, 3, "boot"))
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert load_heartbeat(file) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"utc_ns": "x"}', b"\xff"])
def test_a_heartbeat_of_another_shape_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock.json").write_bytes(content)
    assert load_heartbeat(tmp_path / "clock.json") is None
    assert load_heartbeat(tmp_path / "absent.json") is None


def test_a_first_start_trusts_the_wall_clock() -> None:
    clock = Clock()
    clock.restore(None)
    assert abs(clock.disagreement_ns()) < NS


def test_without_a_heartbeat_time_does_not_begin_before_what_was_logged() -> None:
    clock = Clock()
    day_ns = 86_400 * NS
    clock.restore(None, utc_ns() + day_ns)
    assert abs(clock.disagreement_ns() + day_ns) < NS, "the clock was set back: a person says which is right"
    clock.restore(None, utc_ns() - day_ns)
    assert abs(clock.disagreement_ns()) < NS
