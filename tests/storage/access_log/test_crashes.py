"""A kill or a power cut at any moment: every confirmed entry is there, nothing half written is, and the log goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import encode_entry
from tests.rig.faults import LoopImage
from tests.storage.access_log.log_parts import MONTH_NS, NOVEMBER, NS, copied, entry, made, opened, problems, publics
from tests.storage.crash import Steps

needs_root = pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="mounting needs root")


def goes_on(state: Path, where: str) -> int:
    """The number of entries that a crash left; proves that they are the first ones and that more can be appended."""
    with opened(state) as log:
        assert log.problem is None, where
        size = log.size
        assert publics(log) == [entry(number, NOVEMBER + number * MONTH_NS // 2)[0] for number in range(size)], where
        assert log.append(*entry(size, NOVEMBER + size * MONTH_NS // 2)) == size + 1, where
    assert problems(state) == [], where
    return size


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_every_step_may_be_the_last(tmp_path: Path, fault: str) -> None:
    """From the very first opening on, over new months, groups and the close."""
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "moments").mkdir()
    steps = Steps(state, tmp_path / "moments")
    confirmed: list[int] = []  # the number of steps after which so many entries are safe
    with steps.watching():
        log = AccessLog.open(state)
        for number in range(4):
            log.append(*entry(number, NOVEMBER + number * MONTH_NS // 2))
            confirmed.append(len(steps.moments))
        futures = [log.submit(*entry(number, NOVEMBER + number * MONTH_NS // 2)) for number in range(4, 8)]
        for future in futures:
            future.result()
            confirmed.append(len(steps.moments))
        log.close()
    assert len(steps.moments) > 30
    for moment in steps.moments:
        safe = sum(number <= moment.number for number in confirmed)
        where = f"{moment.number} {moment.step}"
        assert goes_on(getattr(moment, fault), where) >= safe, where


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_opening_after_a_crash_may_itself_be_interrupted_at_every_step(tmp_path: Path, fault: str) -> None:
    state = tmp_path / "state"
    made(state, range(3), MONTH_NS // 2)
    path = state / "access" / "2026-12.jsonl"
    whole = encode_entry(4, *entry(3, NOVEMBER + 3 * MONTH_NS // 2))
    with path.open("ab") as file:
        file.write(whole + encode_entry(5, *entry(4))[:-20])
    (tmp_path / "moments").mkdir()
    steps = Steps(state, tmp_path / "moments")
    with steps.watching():
        AccessLog.open(state).close()
    assert len(steps.moments) >= 5
    for moment in steps.moments:
        assert goes_on(getattr(moment, fault), moment.step) == 4


@pytest.mark.parametrize("fault", ["killed", "cut"])
@pytest.mark.parametrize("what", ["damaged", "gone"])
def test_a_new_log_never_comes_into_place_without_naming_the_old_one(tmp_path: Path, fault: str, what: str) -> None:
    state = tmp_path / "state"
    head = made(state, range(3))
    if what == "damaged":
        os.truncate(state / "access" / "2026-11.jsonl", 100)
    else:
        (state / "access").rename(tmp_path / "taken")
    (tmp_path / "moments").mkdir()
    steps = Steps(state, tmp_path / "moments")
    with opened(state) as log, steps.watching():
        log.continue_after("the disk was damaged", *entry(0))
    in_place = 0
    for moment in steps.moments:
        copy = getattr(moment, fault)
        with opened(copy) as log:
            if log.problem is None:
                in_place += 1
            else:
                log.continue_after("the disk was damaged", *entry(0))
            before = next(log.read()).public["facts"]["before"]
            assert before["why"] == "the disk was damaged", moment.step
            if what == "damaged":
                assert before["head"] == head, moment.step
                assert (copy / before["folder"] / "2026-11.jsonl").stat().st_size == 100, moment.step
        assert problems(copy) == [], moment.step
    assert 0 < in_place < len(steps.moments)


TORN_LINES = encode_entry(4, *entry(3, private=True))


@pytest.mark.parametrize("cut_at", sorted({1, 20, len(TORN_LINES) // 2, len(TORN_LINES) - 1, TORN_LINES.index(b"\n"),
                                           TORN_LINES.index(b"\n") + 1, TORN_LINES.index(b"\n") + 2}))  # fmt: skip
def test_half_an_entry_is_cut_and_its_number_given_again(tmp_path: Path, cut_at: int) -> None:
    made(tmp_path, range(3))
    path = tmp_path / "access" / "2026-11.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + TORN_LINES[:cut_at])
    assert problems(tmp_path) == []
    with opened(tmp_path) as log:
        assert (log.problem, log.size) == (None, 3)
        assert path.read_bytes() == whole
        assert log.append(*entry(3)) == 4
    assert problems(tmp_path) == []


@pytest.mark.parametrize("zeros", [1, 600, 5000])
def test_a_stretch_of_zeros_that_a_power_cut_left_is_cut(tmp_path: Path, zeros: int) -> None:
    made(tmp_path, range(3))
    path = tmp_path / "access" / "2026-11.jsonl"
    whole = path.read_bytes()
    for rest in (b"", b"\n" + encode_entry(6, *entry(5)), b'tail of a line"}\n' + encode_entry(6, *entry(5))[:50]):
        path.write_bytes(whole + bytes(zeros) + rest)
        assert problems(tmp_path) == []
        with opened(tmp_path) as log:
            assert (log.problem, log.size) == (None, 3)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("rest", [b"\n", b"garbage\n", encode_entry(5, *entry(4)), encode_entry(3, *entry(2)),
                                  encode_entry(4, *entry(3))[40:]],
                         ids=["empty", "garbage", "skips", "again", "torn"])  # fmt: skip
def test_what_no_crash_leaves_is_damage_and_is_not_cut(tmp_path: Path, rest: bytes) -> None:
    made(tmp_path, range(3))
    path = tmp_path / "access" / "2026-11.jsonl"
    path.write_bytes(path.read_bytes() + rest)
    data = path.read_bytes()
    assert problems(tmp_path) != []
    with opened(tmp_path) as log:
        assert log.problem is not None
    assert path.read_bytes() == data


def test_head_and_frontier_may_both_be_as_old_as_a_power_cut_leaves_them(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made(state, range(3))
    old = copied(state, tmp_path / "old")
    with opened(state) as log:
        for number in range(3, 30):
            log.append(*entry(number, NOVEMBER + number * 5 * 86_400 * NS))
        head = log.head()
    for names in (["head"], ["frontier"], ["head", "frontier"]):
        copy = copied(state, tmp_path / "copy")
        for name in names:
            shutil.copy(old / "access" / name, copy / "access" / name)
        assert problems(copy, head) == []
        with opened(copy) as log:
            assert (log.problem, log.size, log.head()) == (None, 30, head)
        assert problems(copy) == []


@pytest.mark.parametrize("name", ["head", "frontier"])
def test_either_of_head_and_frontier_can_be_made_again_from_the_other_and_the_lines(tmp_path: Path, name: str) -> None:
    head = made(tmp_path, range(9), 5 * 86_400 * NS)
    (tmp_path / "access" / name).unlink()
    with opened(tmp_path) as log:
        assert (log.problem, log.size, log.head()) == (None, 9, head)
    assert problems(tmp_path) == []


WRITES = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from holdshelf_storage.access_log.access_log import AccessLog
from tests.storage.access_log.log_parts import MONTH_NS, NOVEMBER, entry
log = AccessLog.open(Path(sys.argv[1]))
number = log.size
while True:
    futures = [log.submit(*entry(n, NOVEMBER + n * MONTH_NS // 200)) for n in range(number, number + 5)]
    number += 5
    for future in futures:
        print(future.result(), flush=True)
"""


def writing(state: Path) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[3])
    return subprocess.Popen([sys.executable, "-c", WRITES, str(state), root], stdout=subprocess.PIPE, text=True)


def sound_after(state: Path, confirmed: int) -> None:
    with opened(state) as log:
        assert log.problem is None
        assert log.size >= confirmed
        people = [found.public["person"] for found in log.read()]
        assert people == [f"p{number}" for number in range(log.size)]
    assert problems(state) == []


def test_a_real_kill_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    confirmed = 0
    for turn in range(4):
        writer = writing(tmp_path)
        assert writer.stdout is not None
        for line in writer.stdout:
            confirmed = int(line)
            if confirmed >= 150 * (turn + 1):
                break
        writer.send_signal(signal.SIGKILL)
        confirmed = max([confirmed, *map(int, writer.stdout.read().split("\n")[:-1])])
        writer.wait()
        sound_after(tmp_path, confirmed)


@needs_root
def test_a_real_power_cut_loses_nothing_that_was_confirmed() -> None:
    with LoopImage(32) as disk:
        state = disk.mount_point / "state"
        state.mkdir()
        writer = writing(state)
        assert writer.stdout is not None
        for turn in range(3):
            confirmed = 0
            while confirmed < 60 * (turn + 1):
                confirmed = int(writer.stdout.readline())
            with disk.copy_as_power_cut([writer.pid]) as after:
                sound_after(after.mount_point / "state", confirmed)
        writer.kill()
        writer.wait()


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(-2, 3), st.booleans()),
        st.tuples(st.just("reopen"), st.just(0), st.just(False)),
        st.tuples(st.just("crash"), st.integers(0, 2000), st.booleans()),
    ),
    max_size=25,
)


@given(ACTS)
@settings(max_examples=60, deadline=None)
def test_any_appends_and_crashes_leave_what_was_confirmed_and_nothing_else(acts: list[tuple[str, int, bool]]) -> None:
    with tempfile.TemporaryDirectory(prefix="holdshelf-log-") as folder:
        state = Path(folder)
        log = AccessLog.open(state)
        kept: list[dict[str, object]] = []
        at = NOVEMBER
        for name, number, flag in acts:
            if name == "append":
                at += number * MONTH_NS // 2
                made_entry = entry(len(kept), at, private=flag)
                assert log.append(*made_entry) == len(kept) + 1
                kept.append(made_entry[0])
                continue
            log.close()
            if name == "crash" and kept:
                _crash(state, len(kept), number, head_lags=flag)
            log = AccessLog.open(state)
            assert log.problem is None
            assert publics(log)[: len(kept)] == kept
            kept = publics(log)
        log.close()
        assert problems(state) == []


def _crash(state: Path, size: int, cut_at: int, *, head_lags: bool) -> None:
    """Leaves the first `cut_at` bytes of two more entries in the file that was being written."""
    whole = encode_entry(size + 1, *entry(size, private=True)) + encode_entry(size + 2, *entry(size + 1, private=False))
    newest = max((state / "access").glob("*.jsonl"), key=_last_seq)
    with newest.open("ab") as file:
        file.write(whole[:cut_at])
    if head_lags:
        (state / "access" / "head").write_bytes(b"")


def _last_seq(path: Path) -> int:
    lines = path.read_bytes().splitlines()
    return int(lines[-1].split(b'"seq":')[1].split(b",")[0]) if lines else 0
