"""Text within a text looks as the theme says."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from holdshelf_tui.session.line_ends import keep_amounts_whole
from holdshelf_tui.widgets.text import fitting, muted


class Two(App[None]):
    """The same words twice: a line that is muted, and muted words in a line."""

    CSS = "#line { color: $text-muted; }"

    def compose(self) -> ComposeResult:
        yield Static("less", id="line")
        yield Static(muted(Content("less"), self), id="words")


async def test_muted_words_are_as_dark_as_a_muted_line() -> None:
    app = Two()
    async with app.run_test():

        def color(widget: Widget) -> str:
            style = next(iter(widget.render_line(0))).style
            assert style is not None
            assert style.color is not None
            return style.color.name

        assert color(app.query_one("#words")) == color(app.query_one("#line"))


def test_lines_that_do_not_fit_are_told_of_and_none_is_half_there() -> None:
    lines = ["one", "two " * 10, "three"]
    assert fitting(lines, 20, 4, "…") == lines
    assert fitting(lines, 20, 3, "…") == ["one", "…"], "the second takes two rows, and one is for the sign"
    assert fitting(lines, 20, 1, "…") == ["…"] and fitting([], 20, 1, "…") == []


class Narrow(App[None]):
    """A sentence with an amount."""

    def compose(self) -> ComposeResult:
        yield Static("It was kept for (5 min 00 s) in all", id="words")


async def test_no_line_of_a_screen_ends_between_a_number_and_its_unit() -> None:
    keep_amounts_whole()
    for width in range(12, 36):
        app = Narrow()
        async with app.run_test(size=(width, 10)):
            line = app.query_one("#words")
            shown = [line.render_line(y).text.strip() for y in range(line.size.height)]
            assert any("(5 min 00 s)" in words for words in shown), shown
