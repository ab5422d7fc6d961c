"""A search of the access log passes over what cannot match, and finds what a reading of every line finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_core.access_log.actions import _matches, within
from holdshelf_core.access_log.endings import Endings, is_opening
from holdshelf_core.access_log.skim import between, may_have
from holdshelf_core.access_log.types import LogEntryRow, LogShow
from holdshelf_storage.access_log import files
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_storage.errors import LogBroken
from tests.storage.access_log.log_parts import NOVEMBER, NS, entry, opened
from tests.storage.access_log.test_back import bytes_read

ENTRIES = 3_000
ACTIONS = ("look.open", "look.close", "hold.place", "door.login", "log.show")
INCIDENTS = ("", "26-1", "Ab-7", "Ünï-1", 'q"uo')


def made(number: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Some without a private line, some far longer than the others, a clock that was set back for a while."""
    public, private = entry(number, NOVEMBER + (number if number % 900 < 800 else number - 700) * 60 * NS)
    public |= {"action": ACTIONS[number % 5], "person": f"p{number % 13}", "cameras": [f"c-{number % 7}", "front"]}
    if incident := INCIDENTS[number % 11 % 5]:
        public["incident"] = incident
    if number % 500 == 13:
        public["facts"] = {"long": "x" * 40_000, "at": "2020-01-01T00:00:00.000000000Z"}
    return public, private


@pytest.fixture(scope="module", params=[5_000, 1 << 20], ids=["small stretches", "large ones"])
def log(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[AccessLog]:
    """Small stretches: many borders, some of which would part an entry from its private line."""
    with pytest.MonkeyPatch.context() as patch, _filled(tmp_path_factory) as filled:
        patch.setattr(files, "_CHUNK", request.param)
        yield filled


@contextmanager
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessLog]:
    with opened(tmp_path_factory.mktemp("skim") / "state") as filled:
        for waiting in [filled.submit(*made(number)) for number in range(ENTRIES)]:
            waiting.result()
        yield filled


TIMES = st.none() | st.integers(-10, ENTRIES + 10).map(lambda at: NOVEMBER + at * 60 * NS)


ASKED: dict[str, st.SearchStrategy[Any]] = {
    "person": st.sampled_from(["", "p0", "p1", "p12", "p99"]),
    "camera": st.sampled_from(["", "front", "c-3", "c"]),
    "action": st.sampled_from(["", "look", "hold.place", "door.", "x", 'look.open"']),
    "incident": st.sampled_from(["", "26-1", "AB-7", "ab-7", "üNÏ-1", 'Q"UO', "26-"]),
    "since": TIMES,
    "until": TIMES,
    "last": st.none() | st.integers(0, ENTRIES),
}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**ASKED)
def test_a_search_finds_what_a_reading_of_each_line_finds(
    log: AccessLog,
    person: str,
    camera: str,
    action: str,
    incident: str,
    since: int | None,
    until: int | None,
    last: int | None,
) -> None:
    asked = LogShow(
        action=action,
        incident=incident,
        since_utc_ns=since,
        until_utc_ns=until,
        person=person,
        camera=camera,
        last=last,
    )
    actors = frozenset([person] if person else [])

    def wanted(content: Any) -> bool:
        return _matches(content, asked, actors, camera)

    every = list(log.read_back(1, last, wanted))
    for _ in range(2):  # the second time, what was learned of the times in it is passed over unread
        found = list(log.read_back(1, last, wanted, may_have(asked, actors, camera, lambda: None), between(asked)))
        assert found == every


@pytest.mark.soak
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.fixed_dictionaries(ASKED))
def test_a_search_finds_it_in_a_long_campaign(log: AccessLog, asked: dict[str, Any]) -> None:
    test_a_search_finds_what_a_reading_of_each_line_finds.hypothesis.inner_test(log, **asked)  # type: ignore[attr-defined]


def test_what_is_passed_over_is_not_parsed(log: AccessLog, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    real = files.parse_line
    monkeypatch.setattr(files, "parse_line", lambda raw: (parsed.append(raw), real(raw))[1])
    asked = LogShow(incident="nobody had this one")
    assert not list(log.read_back(wanted=lambda _: True, may_have=may_have(asked, (), "", lambda: None)))
    assert len(parsed) < 10, "but for finding where the months begin"


def test_a_search_by_time_reads_again_only_what_is_of_that_time(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as log:
        public, private = entry(1)
        made_of = [({**public, "at": time_text(NOVEMBER + number * NS)}, private) for number in range(9_000)]
        for waiting in [log.submit(*one) for one in made_of]:
            waiting.result()
        for at in (100, 4_000, 8_990):
            asked = LogShow(since_utc_ns=NOVEMBER + at * NS, until_utc_ns=NOVEMBER + (at + 3) * NS)
            costs = []
            for _ in range(2):
                before = bytes_read()
                found = list(
                    log.read_back(
                        wanted=lambda content, asked=asked: within(content, asked.since_utc_ns, asked.until_utc_ns),
                        may_have=may_have(asked, (), "", lambda: None),
                        between=between(asked),
                    )
                )
                costs.append(bytes_read() - before)
                assert [one.seq for one in found] == [at + 3, at + 2, at + 1]
            assert costs[1] < 3_000_000, costs
        assert costs[1] < month_bytes(tmp_path / "state") / 2


def month_bytes(state: Path) -> int:
    return sum(path.stat().st_size for path in (state / "access").glob("*.jsonl"))


def test_an_entry_that_is_gone_is_missed_by_a_search_too(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as log:
        for waiting in [log.submit(*made(number)) for number in range(1, 600)]:
            waiting.result()
        (month,) = (tmp_path / "state" / "access").glob("*.jsonl")
        lines = month.read_bytes().splitlines(keepends=True)
        cut = next(at for at, line in enumerate(lines) if b'"seq":300,' in line and b'"private"' not in line)
        gone = [
            line
            for at, line in enumerate(lines)
            if at not in (cut, cut - 1 if b'"seq":300}' in lines[cut - 1] else cut)
        ]
        padding = b" " * (sum(map(len, lines)) - sum(map(len, gone)))
        month.write_bytes(b"".join([gone[0][:-2] + padding + gone[0][-2:], *gone[1:]]))
        asked = LogShow(person="p3")
        search = log.read_back(
            wanted=lambda content: content["person"] == "p3", may_have=may_have(asked, {"p3"}, "", lambda: None)
        )
        with pytest.raises(LogBroken, match="log verify"):
            list(search)


@pytest.mark.parametrize("window", [-390, 4_096])
def test_what_came_of_a_look_is_found_behind_it(tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdshelf_core.access_log.endings.BEHIND", window)
    with opened(tmp_path / "state") as log:
        numbers = []
        for number in range(400):
            public, private = entry(number)
            numbers.append(log.append({**public, "action": "look.open", "facts": {"most_pictures": 64}}, private))
        for number in numbers[:-1]:  # the last one's never came: the service was killed
            public, private = entry(number)
            log.append(
                {**public, "action": "look.close", "facts": {"lease": number, "pictures": number % 9 + 1}}, private
            )
        rows = [LogEntryRow(one.seq, one.public, {}) for one in log.read(1, 400)]
        endings = Endings(frozenset(), log.size)
        endings.find(log, [row.seq for row in rows if is_opening(row)], lambda: None)
        told = [endings.told(row).came_of for row in rows]
        assert told[6] == "8 pictures" and told[-1] == "unknown, at most 64 pictures"
        assert all(word.split()[0] == str(row.seq % 9 + 1) for row, word in zip(rows[:-1], told[:-1], strict=True))


def test_a_search_for_what_is_not_there_decodes_no_entry(log: AccessLog) -> None:
    def decoded(**how: Any) -> int:
        count = 0

        def wanted(content: Mapping[str, Any]) -> bool:
            nonlocal count
            count += 1
            return content.get("incident") == "nobody"

        assert not list(log.read_back(wanted=wanted, **how))
        return count

    assert decoded() == log.size
    assert decoded(may_have=may_have(LogShow(incident="nobody"), (), "", lambda: None)) == 0
