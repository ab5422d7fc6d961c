"""Pictures never lie over one another or over a caption, captions stand right below, and little room stays empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from holdshelf_tui.session.graphics import ALL, KITTY, SIXEL, Graphics
from holdshelf_tui.widgets.picture_layout import GAP, LEAST_COLUMNS, SHAPE, board, cells_of
from holdshelf_tui.widgets.pixels import bands, fit_pixels

XTERM, WIDE_CELLS = Graphics(SIXEL, ALL, 6, 13), Graphics(KITTY, ALL, 9, 18)
any_terminal = st.one_of(
    st.just(Graphics()),
    st.builds(Graphics, st.sampled_from((SIXEL, KITTY)), st.just(ALL), st.integers(2, 40), st.integers(4, 80)),
)
shapes = st.floats(0.4, 2.5)


@given(st.integers(1, 500), st.integers(1, 200), any_terminal, shapes, shapes)
def test_nothing_of_a_board_lies_over_anything_else(
    columns: int, rows: int, terminal: Graphics, shape: float, small: float
) -> None:
    found = board(columns, rows, terminal, shape, small)
    assert 1 <= found.count <= 12
    right, below = (found.still.columns + GAP, 0) if found.beside else (0, found.still.rows)
    if found.count > 1:
        assert right + found.across * (found.small.columns + GAP) <= columns
        assert below + found.down * (found.small.rows + 1) <= rows
        assert found.small.columns >= LEAST_COLUMNS


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 300), st.integers(1, 100), any_terminal)
def test_a_picture_in_pixels_stays_within_its_cells(
    width: int, height: int, columns: int, rows: int, terminal: Graphics
) -> None:
    fitted, width_px, height_px = fit_pixels(width, height, columns, rows, terminal)
    assert 1 <= fitted.columns <= columns
    assert 1 <= fitted.rows <= rows
    assert width_px <= fitted.columns * terminal.cell_width_px
    assert height_px <= fitted.rows * terminal.cell_height_px


@pytest.mark.parametrize("terminal", [XTERM, WIDE_CELLS], ids=["xterm", "kitty"])
def test_the_bands_of_a_picture_follow_one_another_without_a_gap(terminal: Graphics) -> None:
    fitted, width_px, height_px = fit_pixels(640, 440, 60, 20, terminal)
    row = 0
    for band in bands(Image.new("RGB", (640, 440)), width_px, height_px, terminal):
        assert band.first_row == row
        row += band.rows
    assert row == fitted.rows


@pytest.mark.parametrize(
    ("columns", "rows", "terminal", "count", "covered"),
    [
        (150, 33, XTERM, 12, 0.75),  # a window of 150 × 45
        (150, 33, WIDE_CELLS, 12, 0.75),
        (150, 33, Graphics(), 12, 0.75),
        (158, 36, Graphics(), 12, 0.75),
        (80, 11, Graphics(), 6, 0.6),  # of 80 × 24
        (80, 45, Graphics(), 12, 0.7),  # high and narrow: the small ones stand below
    ],
)
def test_the_room_is_used(columns: int, rows: int, terminal: Graphics, count: int, covered: float) -> None:
    found = board(columns, rows, terminal)
    assert found.count >= count
    still = cells_of(1280, round(1280 / SHAPE), found.still.columns, found.still.rows, terminal)
    small = cells_of(640, round(640 / SHAPE), found.small.columns, found.small.rows, terminal)
    captions = found.count * small.columns
    area = still.columns * still.rows + found.count * small.columns * small.rows + captions
    assert area / (columns * rows) >= covered
    assert small.rows == found.small.rows, "the caption stands right below"
    assert still.columns * still.rows > 2 * small.columns * small.rows
