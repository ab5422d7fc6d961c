"""Times, sizes and text: read as people type them, shown so that no terminal obeys them."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tzlocal
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.board import SETTING_WORDS
from holdshelf_tui.text.board import LABELS
from holdshelf_tui.text.time_format import date_words, local, local_day, short_date
from holdshelf_tui.text.time_span import end_utc_ns, start_utc_ns
from holdshelf_tui.text.words import inert, parse_size, quoted, size, span

TERMINAL = Path(__file__).parents[3] / "tui" / "holdshelf_tui"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON_NS = int(datetime(2026, 11, 25, 18, 0, tzinfo=UTC).timestamp()) * 10**9  # noon in Chicago
MOMENTS = st.integers(0, 230 * 366 * 86_400 * 10**6).map(lambda us: EPOCH + timedelta(microseconds=us))
HOSTILE = "a\x1b[31mred\x1b]0;title\x07\u202eevil\u2066\u200b\x9b2J\ud800\ue000"


@pytest.fixture(scope="module", autouse=True)
def _in_chicago() -> Iterator[None]:
    """Six hours behind UTC in winter, five in summer; the clocks fall back on 2026-11-01."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/Chicago"
    time.tzset()
    tzlocal.reload_localzone()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()
    tzlocal.reload_localzone()


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


# --- times -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2026-11-24 14:00", "2026-11-24 14:00-06:00"),
        ("2026-07-24 14:00", "2026-07-24 14:00-05:00"),
        ("2026-11-24", "2026-11-24 00:00-06:00"),
        ("2026-11-24T14:00:30Z", "2026-11-24 14:00:30+00:00"),
        ("2026-11-01 01:30-05:00", "2026-11-01 06:30+00:00"),
        ("2026-11-01 01:30-06:00", "2026-11-01 07:30+00:00"),
        (" 9:05 ", "2026-11-25 09:05-06:00"),
        ("2h ago", "2026-11-25 10:00-06:00"),
        ("90 min", "2026-11-25 10:30-06:00"),
        ("1.5d ago", "2026-11-24 00:00-06:00"),
        ("30s", "2026-11-25 11:59:30-06:00"),
        ("1 week ago", "2026-11-18 12:00-06:00"),
        ("now", "2026-11-25 12:00-06:00"),
        ("yesterday 15:15", "2026-11-24 15:15-06:00"),
        ("Yesterday at 3:15 pm", "2026-11-24 15:15-06:00"),
        ("yesterday", "2026-11-24 00:00-06:00"),
        ("tomorrow 9:00", "2026-11-26 09:00-06:00"),
        ("today, noon", "2026-11-25 12:00-06:00"),
        ("12 am", "2026-11-25 00:00-06:00"),
        ("midnight", "2026-11-25 00:00-06:00"),
        ("thu 14:00", "2026-11-19 14:00-06:00"),
        ("nov 24 14:00", "2026-11-24 14:00-06:00"),
        ("24 November 14:00", "2026-11-24 14:00-06:00"),
        ("11/24 14:00", "2026-11-24 14:00-06:00"),
        ("11/27/2025 11:15 am", "2025-11-27 11:15-06:00"),
        ("last Tuesday at noon", "2026-11-24 12:00-06:00"),
        ("dec 24", "2025-12-24 00:00-06:00"),
        ("Jul. 4 2026 9pm", "2026-07-04 21:00-05:00"),
        ("2026-11-24 2 pm", "2026-11-24 14:00-06:00"),
    ],
)
def test_an_option_reads_what_a_form_reads(typed: str, moment: str) -> None:
    assert start_utc_ns(typed, NOON_NS, future=True) == utc(moment)


def test_today_means_the_local_day_also_when_the_clocks_changed_in_it() -> None:
    after_the_change = utc("2026-11-01 18:00+00:00")
    assert start_utc_ns("00:30", after_the_change) == utc("2026-11-01 00:30-05:00")
    late = utc("2026-11-26 03:00+00:00")  # still the 25th in Chicago
    assert start_utc_ns("14:00", late) == utc("2026-11-25 14:00-06:00")


@pytest.mark.parametrize("typed", ["2026-11-01 01:30", "nov 1 1:30", "2026-11-01T01:30:00"])
def test_scene_10_a_time_that_came_twice_is_refused_with_both_written_out(typed: str) -> None:
    with pytest.raises(BadRequest, match="twice") as refused:
        start_utc_ns(typed, NOON_NS)
    first, second = (part for part in str(refused.value).split("'") if part.startswith("2026-11-01 01:30"))
    assert start_utc_ns(second, NOON_NS) - start_utc_ns(first, NOON_NS) == 3600 * 10**9


@given(MOMENTS)
def test_a_time_with_an_offset_is_read_to_the_microsecond(moment: datetime) -> None:
    at_ns = (moment - EPOCH) // timedelta(microseconds=1) * 1000
    assert start_utc_ns(moment.isoformat(), at_ns) == at_ns


@given(MOMENTS)
def test_a_time_as_it_is_shown_can_be_typed_again(moment: datetime) -> None:
    second_ns = (moment - EPOCH) // timedelta(seconds=1) * 10**9
    assert start_utc_ns(local(second_ns), second_ns) == second_ns


_NO_TIMES = (
    "someday|yesterday 25:00|13 pm|feb 30|smarch 3|yesterday soon|25:61|24:00|14|-|2026-13-01"
    "|2026-02-30|9999999999999d|1e30d|h ago"
)


@pytest.mark.parametrize("typed", [*_NO_TIMES.split("|"), "\x1b[31m"])
def test_nonsense_is_no_time_and_is_shown_inert(typed: str) -> None:
    with pytest.raises(BadRequest, match="is not a time") as refused:
        start_utc_ns(typed, NOON_NS, future=True)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(typed: str) -> None:
    for future in (False, True):
        with contextlib.suppress(BadRequest):
            assert isinstance(start_utc_ns(typed, NOON_NS, future=future), int)
    with contextlib.suppress(BadRequest):
        assert isinstance(end_utc_ns(typed, NOON_NS, NOON_NS), int)


@given(st.integers(-(10**25), 10**25))
def test_any_number_can_be_shown_as_a_time(utc_ns: int) -> None:
    assert local(utc_ns).isprintable()


# --- sizes and spans ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("268435456", 268_435_456),
        ("900GB", 900 * 10**9),
        ("900 gb", 900 * 10**9),
        ("1.5TiB", 3 * 2**39),
        ("1.5T", 1_500_000_000_000),
        ("64KiB", 65_536),
        ("0", 0),
        ("9007199254740993", 9_007_199_254_740_993),
    ],
)
def test_a_size_is_read_with_its_unit(typed: str, count: int) -> None:
    assert parse_size(typed) == count


@pytest.mark.parametrize(
    "typed", ["", "-5GB", "nonsense", "10PB", "1e9", "inf", "nan", "5 bytes", "GB", "1,5GB", "0x10"]
)
def test_nonsense_is_no_size(typed: str) -> None:
    with pytest.raises(BadRequest, match=r"is not a size.*for example 900GB"):
        parse_size(typed)


@given(st.integers(0, 10**16))
def test_a_size_that_is_shown_reads_back_nearly_the_same(count: int) -> None:
    shown = size(count)
    assert len(shown) <= 10
    assert abs(parse_size(shown) - count) <= max(1, count * 0.06)


@given(st.floats(0, 10**9))
def test_a_span_never_says_sixty_seconds_or_minutes(seconds: float) -> None:
    words = span(seconds)
    assert "60 s" not in words
    assert " 60 min" not in f" {words}"
    assert len(words) <= 13


# --- text from cameras and people --------------------------------------------------------------------------------


@given(st.text(max_size=300), st.integers(1, 120))
def test_inert_text_has_nothing_that_a_terminal_obeys_and_is_bounded(text: str, most: int) -> None:
    shown = inert(text, most)
    assert len(shown) <= most
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") for char in shown)


def test_an_escape_in_a_name_loses_its_control_character() -> None:
    assert inert(HOSTILE) == "a[31mred]0;titleevil2J"
    # What a program may take for the end of a line ends none; a space of another width is text.
    assert inert("a\nb\u2028c\u2029d\x85e\x1cf\u00a0g\u3000h") == "abcdef\u00a0g\u3000h"


def test_what_was_typed_is_quoted_without_what_no_terminal_shows() -> None:
    assert quoted("a\x1b[31m\nb", 40) == "'a?[31m?b'"
    assert quoted("x" * 90, 40) == repr("x" * 40)


@given(st.text(max_size=100), st.integers(1, 80))
def test_a_quotation_can_be_printed_and_is_bounded(text: str, most: int) -> None:
    assert quoted(text, most).isprintable()
    assert len(quoted(text, most)) <= 2 * most + 2


def test_a_day_is_said_with_its_year_and_a_near_one_without() -> None:
    last_of_the_year = utc("2026-12-31 23:59:59-06:00")
    assert (date_words(last_of_the_year), short_date(last_of_the_year)) == ("Dec 31, 2026", "Dec 31")
    assert (local_day(last_of_the_year), local_day(None)) == ("2026-12-31", "-")


def test_every_setting_of_the_board_has_its_line_in_the_list() -> None:
    assert set(LABELS) == set(SETTING_WORDS)


ODD = re.compile(
    r"\b(anew|enrol|colours?|behaviour|organis\w+|synchronis\w+|whilst|the admin of this machine)\b", re.IGNORECASE
)
"""No American says it, or it is said in other words on all other screens (refresh, again, the admin of this server)."""


def sentences(file: Path) -> Iterator[str]:
    """What code says in two words or more; not docstrings."""
    tree = ast.parse(file.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    docs |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def _is_said(text: str) -> bool:
    return " " in text and "{ " not in text  # no style sheet


def test_nobody_reads_an_odd_word() -> None:
    files = [
        file for room in ("cli", "papers", "screens", "text", "widgets") for file in (TERMINAL / room).rglob("*.py")
    ]
    found = [
        f"{file.name}: {said}" for file in files for said in sentences(file) if _is_said(said) and ODD.search(said)
    ]
    assert found == []
