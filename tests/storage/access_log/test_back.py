"""The access log read from its end: the same entries as from its beginning, at a cost that does not grow with the log."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import Entry
from holdshelf_storage.errors import LogBroken
from tests.storage.access_log.log_parts import MONTH_NS, NOVEMBER, NS, entry, made, opened

FEW, MANY = 400, 40_000


def filled(log: AccessLog, count: int) -> None:
    """So many entries, as many to a sync as the log takes."""
    waiting: list[Future[int]] = [log.submit(*entry(number, NOVEMBER + number * NS)) for number in range(count)]
    assert waiting[-1].result() == count


def bytes_read() -> int:
    """By this process since it began, as the kernel counts them."""
    told = Path("/proc/self/io").read_text()
    return int(told.split("rchar: ")[1].split()[0])


def cost_of(log: AccessLog, **asked: Any) -> tuple[int, list[int]]:
    """Bytes read for the last fifty entries, and their numbers."""
    before = bytes_read()
    found = [one.seq for one in islice(log.read_back(**asked), 50)]
    return bytes_read() - before, found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_from_its_end_it_gives_what_it_gives_from_its_beginning(data: st.DataObject, two_months: AccessLog) -> None:
    log = two_months
    first = data.draw(st.integers(-2, log.size + 3), "first")
    last = data.draw(st.none() | st.integers(-2, log.size + 3), "last")
    every = data.draw(st.integers(1, 7), "every")

    def wanted(content: Mapping[str, Any]) -> bool:
        return int(content["seq"]) % every == 0

    forward: list[Entry] = [one for one in log.read(first, last) if wanted(one.public)]
    assert list(log.read_back(first, last, wanted)) == forward[::-1]


@pytest.fixture(scope="module")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Lines longer than a piece that is read, months whose clock goes back, entries with and without private texts."""
    with opened(tmp_path_factory.mktemp("months") / "state") as log:
        for number in range(180):
            public, private = entry(number, NOVEMBER + (number // 37) * MONTH_NS * (1 if number < 150 else -1))
            if number % 19 == 0:
                public["facts"] = {"long": "x" * 50_000}
            if number % 23 == 0:
                private = {"note": "ü" * 90_000}
            log.append(public, private)
        assert len(list((log._folder).glob("*.jsonl"))) >= 4
        yield log


def test_the_last_fifty_cost_the_same_in_a_log_a_hundred_times_as_long(tmp_path: Path) -> None:
    costs = []
    for count in (FEW, MANY):
        with opened(tmp_path / str(count)) as log:
            filled(log, count)
            cost, found = cost_of(log)
            assert found == list(range(count, count - 50, -1))
            costs.append(cost)
            middle, found = cost_of(log, last_seq=count // 2)
            assert found == list(range(count // 2, count // 2 - 50, -1))
            assert middle < 400_000, "a page of older ones is found by halving"
    few, many = costs
    assert many <= few + 4096, costs
    assert many < 100_000


def test_a_filter_stops_at_its_limit_and_proves_only_what_it_gives(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as log:
        filled(log, MANY)
        before = bytes_read()
        newest = list(islice(log.read_back(wanted=lambda content: content["seq"] % 100 == 0), 5))
        assert [one.seq for one in newest] == [MANY - 100 * at for at in range(5)]
        assert bytes_read() - before < 1_000_000


def test_a_line_that_is_not_the_one_expected_is_told_from_this_side_too(tmp_path: Path) -> None:
    made(tmp_path / "state", range(9))
    (month,) = (tmp_path / "state" / "access").glob("*.jsonl")
    lines = month.read_bytes().splitlines(keepends=True)
    cut = next(at for at, line in enumerate(lines) if b'"seq":5,' in line and b'"private"' not in line)
    with opened(tmp_path / "state") as log:
        month.write_bytes(b"".join([*lines[:cut], b" " * len(lines[cut][:-1]) + b"\n", *lines[cut + 1 :]]))
        taken = log.read_back()
        assert [next(taken).seq for _ in range(3)] == [9, 8, 7]
        with pytest.raises(LogBroken, match="log verify"):
            list(taken)


@pytest.mark.parametrize("chunk", [100, 5_000, 1 << 20])
def test_the_entries_of_one_action_are_found_by_their_bytes(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdshelf_storage.access_log.files._CHUNK", chunk)
    with opened(tmp_path / "state") as log:
        wanted = []
        for number in range(210):
            public, private = entry(number, NOVEMBER + (number // 70) * MONTH_NS)
            is_wanted = number % 7 == 0
            public["action"] = "footage.root" if is_wanted else "look.open"
            if number % 50 == 0:
                public["facts"] = {"long": "x" * 40_000, "note": '"action":"footage.root"'}
            seq = log.append(public, private)
            wanted += [seq] if is_wanted else []
        assert log.numbers_of(("footage.root",)) == wanted
        assert log.numbers_of(("footage.root",), 120) == [seq for seq in wanted if seq >= 120]
