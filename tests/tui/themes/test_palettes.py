"""Letters can be read in 256 and in 16 colors as well, and the numbers are the ones that were chosen."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color as RichColor
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip
from textual.theme import Theme
from textual.widgets import Input

from holdshelf_tui import app as our_app
from holdshelf_tui.session.screen_diff import ScreenDiff
from holdshelf_tui.themes import ANSI, CONTRAST, DARK, LIGHT, PALETTES, THEMES, painter
from holdshelf_tui.themes.palettes import LEAST_CONTRAST, Painter, Rgb, color_of, contrast, contrast_of, shown
from holdshelf_tui.widgets.fields import FormField, TextField

BY_NAME = {theme.name: theme for theme in THEMES}
GROUNDS = ("background", "surface", "panel")
LETTERS = (
    *("foreground", "text", "text-muted", "primary", "secondary", "accent", "text-primary"),
    *("text-warning", "text-error", "text-success", "footer-key-foreground"),
)
CURSOR = (
    ("block-cursor-foreground", "block-cursor-background"),
    ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
)
BANNERS = (
    ("text-warning", "warning-muted"),
    ("text-error", "error-muted"),
    ("text-success", "success-muted"),
)
PAIRS = [*itertools.product(LETTERS, GROUNDS), *CURSOR, *BANNERS]
every_palette = pytest.mark.parametrize(("name", "colors"), list(itertools.product(PALETTES, (256, 16))), ids=str)
rgb = st.tuples(*[st.integers(0, 255)] * 3)


def look(name: str, letters: str, ground: str) -> tuple[Rgb, Rgb]:
    """The colors of letters on a ground of a theme; those that are chosen for their ground are chosen for this one."""
    theme = BY_NAME[name]
    under = Color(*shown(theme)[ground])
    value = theme.to_color_system().generate()[letters]
    if value.startswith("auto "):
        return (under + under.get_contrast_text(float(value[5:-1]) / 100)).rgb, under.rgb
    return shown(theme)[letters], under.rgb


def painter_of(name: str, colors: int) -> Painter:
    found = painter(name, colors)
    assert found is not None
    return found


@every_palette
def test_letters_of_every_kind_can_be_read_on_every_ground(name: str, colors: int) -> None:
    painted = painter_of(name, colors)
    for letters, ground in PAIRS:
        front, under = look(name, letters, ground)
        numbers = painted.letters(front, under), painted.ground(under)
        assert contrast_of(*numbers, colors) >= LEAST_CONTRAST, (letters, ground, numbers)


@every_palette
def test_the_numbers_are_those_that_were_chosen(name: str, colors: int) -> None:
    """On the theme's own ground nothing is swapped for want of contrast."""
    theme, painted, palette = shown(BY_NAME[name]), painter_of(name, colors), PALETTES[name]
    at = (256, 16).index(colors)
    for letters in set(LETTERS) & set(palette.letters):
        assert painted.letters(theme[letters], theme["background"]) == palette.letters[letters][at], letters
    for ground in palette.grounds:
        assert painted.ground(theme[ground]) == palette.grounds[ground][at], ground


@pytest.mark.parametrize("name", PALETTES)
def test_in_all_colors_they_can_be_read_too(name: str) -> None:
    for letters, ground in PAIRS:
        assert contrast(*look(name, letters, ground)) >= LEAST_CONTRAST, (letters, ground)


@every_palette
@given(letters=rgb, ground=rgb)
def test_whatever_a_screen_blends_keeps_its_contrast(name: str, colors: int, letters: Rgb, ground: Rgb) -> None:
    painted = painter_of(name, colors)
    numbers = painted.letters(letters, ground), painted.ground(ground)
    assert contrast_of(*numbers, colors) >= min(LEAST_CONTRAST, contrast(letters, ground))


def test_of_256_none_is_one_of_the_sixteen_that_a_terminal_makes_what_it_likes() -> None:
    for palette in PALETTES.values():
        for some, few in [*palette.grounds.values(), *palette.letters.values()]:
            assert 16 <= some < 256
            assert 0 <= few < 16
        assert all(few < 8 for _, few in palette.grounds.values())  # the Linux console has no others


def test_the_dark_one_is_not_navy_and_the_light_one_not_cream() -> None:
    for name in (DARK, LIGHT):
        for ground in GROUNDS:
            red, green, blue = color_of(painter_of(name, 256).ground(shown(BY_NAME[name])[ground]))
            assert red == green == blue


def test_with_the_terminals_own_colors_all_letters_are_its_own_on_its_own_ground() -> None:
    theme = BY_NAME[ANSI]
    variables = theme.to_color_system().generate()
    for letters in (*LETTERS, "block-cursor-foreground", "footer-foreground", "link-color"):
        assert variables[letters] == "ansi_default", letters
    assert painter(ANSI, 16) is painter(ANSI, 256) is painter(DARK, 1 << 24) is painter(DARK, 2) is None


def written(style: Style, colors: int, theme: Theme = BY_NAME[DARK]) -> str:
    """What a terminal is sent for one letter."""
    screen = ScreenDiff()
    screen.painter = painter(theme.name, colors)
    system: Literal["256", "standard"] = "256" if colors == 256 else "standard"
    frame = LayoutUpdate([[Strip([Segment("x", style)])]], Region(0, 0, 1, 1))
    return screen.write(frame, Console(color_system=system, force_terminal=True))


def test_a_terminal_is_sent_the_palettes_numbers() -> None:
    theme = BY_NAME[DARK]
    style = Style(color=theme.foreground, bgcolor=theme.background)
    assert "\x1b[38;5;254;48;5;233mx" in written(style, 256)
    assert "\x1b[97;40mx" in written(style, 16)


def test_a_pictures_numbers_stay() -> None:
    style = Style(color=RichColor.from_ansi(200), bgcolor=RichColor.from_ansi(17))
    assert "38;5;200;48;5;17m" in written(style, 256)


def test_dark_letters_are_not_bold_where_bold_ones_are_gray() -> None:
    theme = BY_NAME[DARK]
    style = Style(color="#000000", bgcolor=theme.primary, bold=True)
    assert "\x1b[30;46mx" in written(style, 16)
    assert "\x1b[1;38;5;16;48;5;110mx" in written(style, 256)


class Form(App[None]):
    """Two fields with what is to be typed in them; the first has the cursor."""

    CSS_PATH = Path(our_app.__file__).with_name("app.tcss")

    def compose(self) -> ComposeResult:
        yield FormField("Number", TextField("", "case or incident number", id="number"))
        yield FormField("Why", TextField("", "a few words", id="why"))


@pytest.mark.parametrize("name", [DARK, LIGHT, CONTRAST])
async def test_what_is_to_be_typed_in_a_field_can_be_read(name: str) -> None:
    app = Form()
    for theme in THEMES:
        app.register_theme(theme)
    app.theme = name
    async with app.run_test():
        for field in app.query(Input):
            style = field.get_component_rich_style("input--placeholder")
            assert style.color is not None and style.bgcolor is not None
            letters, ground = style.color.get_truecolor(), style.bgcolor.get_truecolor()
            assert contrast(tuple(letters), tuple(ground)) >= LEAST_CONTRAST, (field.has_focus, letters, ground)
