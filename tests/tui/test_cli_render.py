"""Times, sizes and text of the command line: read as people type them, shown so that no terminal obeys them."""

from __future__ import annotations

import contextlib
import os
import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.cli import render

NOON = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)  # noon in Chicago
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 230 * 366 * 86_400 * 10**6).map(lambda us: EPOCH + timedelta(microseconds=us))
HOSTILE = "a\x1b[31mred\x1b]0;title\x07\u202eevil\u2066\u200b\x9b2J\ud800\ue000"


@pytest.fixture(scope="module", autouse=True)
def _in_chicago() -> Iterator[None]:
    """Six hours behind UTC in winter, five in summer; the clocks fall back on 2026-11-01."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/Chicago"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


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
        ("14:00", "2026-11-25 14:00-06:00"),
        (" 9:05 ", "2026-11-25 09:05-06:00"),
        ("2h ago", "2026-11-25 10:00-06:00"),
        ("90 min", "2026-11-25 10:30-06:00"),
        ("1.5d ago", "2026-11-24 00:00-06:00"),
        ("30s", "2026-11-25 11:59:30-06:00"),
        ("2 hours ago", "2026-11-25 10:00-06:00"),
        ("1 week ago", "2026-11-18 12:00-06:00"),
        ("now", "2026-11-25 12:00-06:00"),
        ("yesterday 15:15", "2026-11-24 15:15-06:00"),
        ("Yesterday at 3:15 pm", "2026-11-24 15:15-06:00"),
        ("yesterday", "2026-11-24 00:00-06:00"),
        ("tomorrow 9:00", "2026-11-26 09:00-06:00"),
        ("today, noon", "2026-11-25 12:00-06:00"),
        ("12 am", "2026-11-25 00:00-06:00"),
        ("midnight", "2026-11-25 00:00-06:00"),
        ("wednesday 14:00", "2026-11-25 14:00-06:00"),  # NOON is a Wednesday
        ("thu 14:00", "2026-11-19 14:00-06:00"),
        ("nov 24 14:00", "2026-11-24 14:00-06:00"),
        ("24 November 14:00", "2026-11-24 14:00-06:00"),
        ("dec 24", "2025-12-24 00:00-06:00"),
        ("Jul. 4 2026 9pm", "2026-07-04 21:00-05:00"),
        ("2026-11-24 2 pm", "2026-11-24 14:00-06:00"),
    ],
)
def test_a_time_is_read_as_local_unless_it_says_otherwise(typed: str, moment: str) -> None:
    assert render.parse_time(typed, NOON) == utc(moment)


def test_today_means_the_local_day_also_when_the_clocks_changed_in_it() -> None:
    after_the_change = datetime(2026, 11, 1, 18, 0, tzinfo=UTC)
    assert render.parse_time("00:30", after_the_change) == utc("2026-11-01 00:30-05:00")
    late = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)  # still the 25th in Chicago
    assert render.parse_time("14:00", late) == utc("2026-11-25 14:00-06:00")


@pytest.mark.parametrize("typed", ["2026-11-01 01:30", "nov 1 1:30", "2026-11-01T01:30:00"])
def test_scene_10_a_time_that_came_twice_is_refused_with_both_written_out(typed: str) -> None:
    with pytest.raises(BadRequest, match="twice") as refused:
        render.parse_time(typed, NOON)
    first, second = (part for part in str(refused.value).split("'") if part.startswith("2026-11-01 01:30"))
    assert render.parse_time(second, NOON) - render.parse_time(first, NOON) == 3600 * 10**9


def test_a_time_that_never_came_is_refused() -> None:
    with pytest.raises(BadRequest, match="never 02:30") as refused:
        render.parse_time("2026-03-08 02:30", NOON)
    before, after = (part for part in str(refused.value).split("'") if part.startswith("2026-03-08"))
    assert render.parse_time(before, NOON) < utc("2026-03-08 08:00+00:00") < render.parse_time(after, NOON)
    assert render.parse_time("2026-03-08 01:59", NOON) == utc("2026-03-08 01:59-06:00")
    assert render.parse_time("2026-03-08 03:00", NOON) == utc("2026-03-08 03:00-05:00")


@given(MOMENTS)
def test_a_time_with_an_offset_is_read_to_the_microsecond(moment: datetime) -> None:
    assert render.parse_time(moment.isoformat()) == (moment - EPOCH) // timedelta(microseconds=1) * 1000


@given(MOMENTS)
def test_a_time_as_it_is_shown_can_be_typed_again(moment: datetime) -> None:
    second_ns = (moment - EPOCH) // timedelta(seconds=1) * 10**9
    assert render.parse_time(render.local(second_ns)) == second_ns


_NO_TIMES = (
    "someday|yesterday 25:00|13 pm|feb 30|smarch 3|yesterday soon|11/24 14:00|25:61|24:00|14|-|2026-13-01|2026-02-30|"
    "0001-01-01|9999-12-31 23:59|9999999999999d|1e30d|h ago"
)


@pytest.mark.parametrize("typed", ["", " ", *_NO_TIMES.split("|"), "\x1b[31m", "x" * 10_000])
def test_nonsense_is_no_time_and_is_shown_inert(typed: str) -> None:
    with pytest.raises(BadRequest, match="is not a time") as refused:
        render.parse_time(typed, NOON)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(typed: str) -> None:
    with contextlib.suppress(BadRequest):
        assert isinstance(render.parse_time(typed, NOON), int)


@given(st.integers(-(10**25), 10**25))
def test_any_number_can_be_shown_as_a_time(utc_ns: int) -> None:
    assert render.local(utc_ns).isprintable()


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
    assert render.parse_size(typed) == count


@pytest.mark.parametrize(
    "typed", ["", "-5GB", "nonsense", "10PB", "1e9", "inf", "nan", "5 bytes", "GB", "1,5GB", "0x10"]
)
def test_nonsense_is_no_size(typed: str) -> None:
    with pytest.raises(BadRequest, match=r"is not a size.*for example 900GB"):
        render.parse_size(typed)


@given(st.integers(0, 10**16))
def test_a_size_that_is_shown_reads_back_nearly_the_same(count: int) -> None:
    shown = render.size(count)
    assert len(shown) <= 10
    assert abs(render.parse_size(shown) - count) <= max(1, count * 0.06)


@given(st.floats(0, 10**9))
def test_a_span_never_says_sixty_seconds_or_minutes(seconds: float) -> None:
    words = render.span(seconds)
    assert "60 s" not in words
    assert " 60 min" not in f" {words}"
    assert len(words) <= 13


# --- text from cameras and people --------------------------------------------------------------------------------


@given(st.text(max_size=300), st.integers(1, 120))
def test_inert_text_has_nothing_that_a_terminal_obeys_and_is_bounded(text: str, most: int) -> None:
    shown = render.inert(text, most)
    assert len(shown) <= most
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") for char in shown)


def test_an_escape_in_a_name_loses_its_control_character() -> None:
    assert render.inert(HOSTILE) == "a[31mred]0;titleevil2J"


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=5))
def test_a_table_has_one_line_a_row_whatever_its_cells_hold(rows: list[tuple[str, str]]) -> None:
    lines = render.table(("ONE", "TWO"), rows).split("\n")
    assert len(lines) == len(rows) + 1
    assert all(render.inert(line, 1000) == line for line in lines)


@given(st.lists(st.tuples(*[st.text("ab 入e\u0301", max_size=60)] * 3), max_size=4), st.integers(1, 100))
def test_a_table_is_wrapped_to_the_terminal_and_loses_no_letter(rows: list[tuple[str, ...]], width: int) -> None:
    shown = render.table(("ONE", "TWO", "THREE"), rows, width)
    assert max(map(render.columns, shown.split("\n"))) <= max(width, 3 * 8 + 2 * 2)
    wide = render.table(("ONE", "TWO", "THREE"), rows, 10_000)
    assert sorted(shown.replace(" ", "").replace("\n", "")) == sorted(wide.replace(" ", "").replace("\n", ""))


@pytest.mark.parametrize("name", ["Front Tür", "入口カメラ", "Door 🚪📚", "e\u0301te\u0301"])
def test_columns_stay_in_line_after_wide_letters_and_pictures(name: str) -> None:
    head, row = render.table(("NAME", "STATE"), [(name, "recording")]).split("\n")
    assert cell_len(head[: head.index("STATE")]) == cell_len(row[: row.index("recording")])


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(1, 40))
def test_a_sparkline_is_as_wide_as_asked_and_shows_every_second_that_had_bytes(values: list[int], width: int) -> None:
    line = render.sparkline(values, width)
    assert len(line) == width
    for value, bar in zip(reversed(values), reversed(line), strict=False):
        assert (bar == " ") == (value == 0)
