"""Tables and lines of bars: as wide as the terminal, whatever the cells hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from holdshelf_tui.cli.table import sparkline, table
from holdshelf_tui.text.words import columns, inert


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=5))
def test_a_table_has_one_line_a_row_whatever_its_cells_hold(rows: list[tuple[str, str]]) -> None:
    lines = table(("ONE", "TWO"), rows).split("\n")
    assert len(lines) == len(rows) + 1
    assert all(inert(line, 1000) == line for line in lines)


@given(st.lists(st.tuples(*[st.text("ab 入e\u0301", max_size=60)] * 3), max_size=4), st.integers(1, 100))
def test_a_table_is_wrapped_to_the_terminal_and_loses_no_letter(rows: list[tuple[str, ...]], width: int) -> None:
    shown = table(("ONE", "TWO", "THREE"), rows, width)
    assert max(map(columns, shown.split("\n"))) <= max(width, 3 * 8 + 2 * 2)
    wide = table(("ONE", "TWO", "THREE"), rows, 10_000)
    assert sorted(shown.replace(" ", "").replace("\n", "")) == sorted(wide.replace(" ", "").replace("\n", ""))


@pytest.mark.parametrize("name", ["Front Tür", "入口カメラ", "Door 🚪📚", "e\u0301te\u0301"])
def test_columns_stay_in_line_after_wide_letters_and_pictures(name: str) -> None:
    head, row = table(("NAME", "STATE"), [(name, "recording")]).split("\n")
    assert cell_len(head[: head.index("STATE")]) == cell_len(row[: row.index("recording")])


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(1, 40))
def test_a_sparkline_is_as_wide_as_asked_and_shows_every_second_that_had_bytes(values: list[int], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == width
    for value, bar in zip(reversed(values), reversed(line), strict=False):
        assert (bar == " ") == (value == 0)
