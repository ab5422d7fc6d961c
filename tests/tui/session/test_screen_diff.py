"""What is written is what differs: a terminal shows the same as if every frame were written whole.

Compared cell by cell on a model of a terminal, and with what tmux shows, which is a terminal in its own right.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from holdshelf_tui.session.screen_diff import Covered, Drawing, ScreenDiff
from tests.rig.shown import Cell, Cells
from tests.service import wait_for
from tests.tui.ssh.door_rig import Tmux

COLUMNS, ROWS = 24, 6
CONSOLE = Console(color_system="truecolor", force_terminal=True)
COLORS = [
    None,
    Color.default(),
    Color.from_rgb(18, 18, 18),
    Color.from_rgb(200, 0, 7),
    Color.from_ansi(4),
    Color.from_ansi(200),
]
ATTRIBUTES = [
    {},
    {"bold": True},
    {"dim": True},
    {"bold": True, "dim": True},
    {"underline": True},
    {"reverse": True},
    {"italic": True},
]

styles = st.builds(
    lambda front, ground, attributes: Style(color=front, bgcolor=ground, **attributes),
    st.sampled_from(COLORS),
    st.sampled_from(COLORS),
    st.sampled_from(ATTRIBUTES),
)
texts = st.one_of(
    st.text("ab ▀é", min_size=1, max_size=8),
    st.integers(1, COLUMNS).map(" ".__mul__),
    st.sampled_from(["● ▸", "a    b", "ab     "]),
)


@st.composite
def lines(draw: st.DrawFn) -> Strip:
    """A row of the screen: any texts in any styles, as wide as the screen."""
    segments = draw(
        st.lists(st.tuples(texts, st.one_of(st.none(), styles)).map(lambda part: Segment(*part)), max_size=6)
    )
    return Strip(segments).adjust_cell_length(COLUMNS, draw(styles))


def whole(rows: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[row] for row in rows], Region(0, 0, COLUMNS, ROWS))


whole_frames = st.lists(lines(), min_size=ROWS, max_size=ROWS).map(whole)


@st.composite
def parts(draw: st.DrawFn) -> ChopsUpdate:
    """A few spans of the screen, in pieces of which some are not drawn."""
    spans: list[tuple[int, int, int]] = []
    chops: list[dict[int, Strip | None]] = []
    ends = []
    for y in range(ROWS):
        cuts = sorted({0, COLUMNS, *draw(st.lists(st.integers(1, COLUMNS - 1), max_size=3))})
        pieces = draw(lines()).divide(cuts[1:])
        chops.append({cut: piece if draw(st.booleans()) else None for cut, piece in zip(cuts, pieces, strict=False)})
        ends.append(cuts[1:])
        first = draw(st.sampled_from(cuts[:-1]))
        spans.append((y, first, draw(st.sampled_from([cut for cut in cuts if cut > first]))))
    return ChopsUpdate(chops, draw(st.lists(st.sampled_from(spans), min_size=1, unique=True).map(sorted)), ends)


type Frame = LayoutUpdate | ChopsUpdate
LOST = "lost"
"""The terminal shows something else now, and this is known."""


def as_textual_writes(frame: Frame) -> str:
    return "\x1b[m" + frame.render_segments(CONSOLE)


@given(whole_frames, st.lists(whole_frames | parts() | st.just(LOST), max_size=6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_terminal_shows_the_same_as_if_each_frame_were_written_whole(
    first: LayoutUpdate, others: list[Frame | str], keeps_ground: bool
) -> None:
    plain, thrifty = Cells(COLUMNS, ROWS), Cells(COLUMNS, ROWS, keeps_ground=keeps_ground)
    screen = ScreenDiff()
    screen.keeps_ground = keeps_ground
    for step in [first, *others]:
        frame = first if isinstance(step, str) else step
        if step == LOST:
            screen.forget()
            thrifty.feed(b"\x1b[41m\x1b[2J\x1b[3;3H?\x1b[m")
        plain.feed(as_textual_writes(frame).encode())
        thrifty.feed(screen.write(frame, CONSOLE).encode())
        assert thrifty.lines == plain.lines


STRANGE = ("漢字", "e\u0301a", "⚠\ufe0f!", "● ", "🚀", "ab", "   ", " " * 12)
"""Wide letters and joined ones among others."""


def random_line(chance: random.Random) -> Strip:
    def style() -> Style:
        attributes = chance.choice(ATTRIBUTES)
        return Style(color=chance.choice(COLORS), bgcolor=chance.choice(COLORS), **attributes)

    segments = [Segment(chance.choice(STRANGE), style()) for _ in range(chance.randrange(6))]
    return Strip(segments).adjust_cell_length(COLUMNS, style())


def what_tmux_shows(terminal: Tmux, stream: Path, text: str) -> list[list[Cell]]:
    """Of a screen to which that was written; two blanks that look alike are."""
    title = f"read-{stream.name}"
    stream.write_text(f"\x1b[?1049h\x1b[?7l{text}\x1b]2;{title}\x1b\\", newline="")
    terminal._do("respawn-pane", "-k", f"stty raw; cat {stream}; exec sleep 60")
    wait_for(title, lambda: title in terminal._do("display-message", "-p", "#{pane_title}"))
    cells = Cells(COLUMNS, ROWS)
    cells.feed("\r\n".join(terminal._do("capture-pane", "-p", "-e", "-N").split("\n")[:ROWS]).encode())
    return cells.lines


def test_tmux_shows_the_same_as_if_each_frame_were_written_whole(tmp_path: Path) -> None:
    chance = random.Random(41)
    with Tmux(f"diff-{os.getpid()}", ["true"], (COLUMNS, ROWS)) as terminal:
        for number in range(8):
            screen = ScreenDiff()
            screen.keeps_ground = True
            plain, thrifty = "", ""
            rows = [random_line(chance) for _ in range(ROWS)]
            for _ in range(10):
                rows = [row if chance.random() < 0.5 else random_line(chance) for row in rows]
                plain += as_textual_writes(whole(rows))
                thrifty += screen.write(whole(rows), CONSOLE)
            assert len(thrifty) < len(plain)
            wanted = what_tmux_shows(terminal, tmp_path / f"plain-{number}", plain)
            assert what_tmux_shows(terminal, tmp_path / f"thrifty-{number}", thrifty) == wanted


def row_of(*parts: str | Style) -> Strip:
    """Texts and what they are written in, in turn."""
    texts = [part for part in parts if isinstance(part, str)]
    drawn_in = [part for part in parts if isinstance(part, Style)]
    return Strip([Segment(text, style) for text, style in zip(texts, drawn_in, strict=True)])


def written(screen: ScreenDiff, *rows: Strip) -> str:
    blank = Strip.blank(COLUMNS)
    return screen.write(
        whole([*(row.adjust_cell_length(COLUMNS) for row in rows), *[blank] * (ROWS - len(rows))]), CONSOLE
    )


RED, BLUE = Style(color="red"), Style(color="blue")


def test_nothing_is_written_twice_and_of_a_row_only_what_changed() -> None:
    screen = ScreenDiff()
    assert "left" in written(screen, row_of("left", RED, " right", BLUE))
    assert written(screen, row_of("left", RED, " right", BLUE)) == ""
    assert written(screen, row_of("left", RED, " night", BLUE)) == "\x1b[1;6H\x1b[34mn\x1b[m"


def test_of_colors_and_attributes_only_what_changes_is_set() -> None:
    bold = Style(color="red", bold=True)
    assert written(ScreenDiff(), row_of("a", bold, "b", RED, "c", BLUE)).startswith(
        "\x1b[1H\x1b[1;31ma\x1b[22mb\x1b[34mc"
    )


def test_many_blanks_between_two_texts_are_erased_and_few_are_written() -> None:
    assert "a\x1b[12X\x1b[14Gb" in written(ScreenDiff(), row_of("a", RED, " " * 12, RED, "b", RED))
    assert "a    b" in written(ScreenDiff(), row_of("a", RED, " " * 4, RED, "b", RED))


def test_behind_a_character_of_one_cell_or_two_the_cursor_is_placed() -> None:
    """Terminals disagree about its width; a text of plain letters is gone on behind."""
    assert "⚠\x1b[2G\x1b[34mcd" in written(ScreenDiff(), row_of("⚠", RED, "cd", BLUE))
    assert "ab\x1b[34mcd" in written(ScreenDiff(), row_of("ab", RED, "cd", BLUE))


def test_an_accent_that_begins_a_text_belongs_to_the_letter_before_it() -> None:
    assert written(ScreenDiff(), row_of("e", RED, "\u0301a", BLUE)).startswith("\x1b[1H\x1b[31me\u0301")
    assert "漢\u0301" in written(ScreenDiff(), row_of("漢", RED, "\u0301a", BLUE))


@pytest.mark.parametrize("keeps_ground", [True, False])
def test_blanks_are_erased_in_their_color_where_the_terminal_keeps_it(keeps_ground: bool) -> None:
    screen = ScreenDiff()
    screen.keeps_ground = keeps_ground
    text = written(screen, row_of("a" + " " * (COLUMNS - 1), Style(bgcolor="red")))
    assert text.count("\x1b[K") == ROWS - 1 + keeps_ground
    assert (" " * (COLUMNS - 1) in text) != keeps_ground


def over(drawing: Drawing) -> Style:
    return Covered(drawing, None)


@pytest.mark.parametrize("erase", ["", "<away>"])
def test_a_picture_in_pixels_is_sent_once_again_when_a_cell_was_lost_and_taken_away(erase: str) -> None:
    """A toast stands before it for a while."""
    picture = Drawing("<pixels>", erase, 2, 1, 4, 2)
    shown = row_of("  ", RED, "    ", over(picture), "ab", RED)
    toast = row_of("  ", RED, "  ", over(picture), "toast", BLUE)
    screen = ScreenDiff()
    first = written(screen, row_of("text", RED), shown, shown)
    assert "\x1b[2;3H<pixels>" in first
    assert "<pixels>" not in written(screen, row_of("other", RED), shown, shown)
    covered = written(screen, row_of("other", RED), shown, toast)
    assert "<pixels>" not in covered
    assert "toast" in covered
    assert (erase in covered) or not erase
    assert written(screen, row_of("other", RED), shown, shown).count("<pixels>") == 1
    gone = written(screen, row_of("other", RED))
    assert "<pixels>" not in gone
    assert erase in gone
    assert screen.leave() == ""
    written(screen, row_of("text", RED), shown, shown)
    assert screen.leave() == erase
    assert screen.leave() == "", "it is gone by then"


def test_what_stands_before_a_picture_is_written_after_it() -> None:
    picture = Drawing("<pixels>", "", 2, 1, 4, 2)
    text = written(
        ScreenDiff(),
        Strip([]),
        row_of("  ", RED, "  ", over(picture), "x", RED),
        row_of("  ", RED, "    ", over(picture)),
    )
    assert text.index("<pixels>") < text.index("x")


def test_a_frame_of_another_size_is_written_whole() -> None:
    screen = ScreenDiff()
    written(screen, row_of("left", RED))
    smaller = LayoutUpdate([[row_of("left", RED)]], Region(0, 0, 4, 1))
    assert "left" in screen.write(smaller, CONSOLE)
