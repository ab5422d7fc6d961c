"""The quarterly report on a screen: as it is printed; where there is room for two pages, its bars stand beside its figures.

A report is read, never changed; which quarter it is of is stepped through with two keys.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import text
from holdshelf_tui.papers.report import report_document
from holdshelf_tui.papers.report_plots import plots

WIDE_COLUMNS = 160
"""From here on two pages of 80 columns stand beside one another."""


def neighbor(quarter: str, by: int) -> str:
    """The quarter so many before or after: '2026-Q1', -1 → '2025-Q4'."""
    year, _, number = quarter.partition("-Q")
    at = int(year) * 4 + int(number) - 1 + by
    return f"{at // 4}-Q{at % 4 + 1}"


def pages(facts: PaperFacts) -> tuple[str, str]:
    """(the report without its plots, the plots as bars), each in 80 columns."""
    whole = report_document(facts)
    kept = tuple(block for block in whole.blocks if not isinstance(block, d.Plots))
    left = text.render(replace(whole, blocks=kept))
    right = "\n".join(text.lines([plots(facts.report)])) if facts.report is not None else ""
    return left, right


class BarsPage(VerticalScroll):
    """The page of bars. Hidden where there is no room for it, and beside any other paper."""

    DEFAULT_CSS = """
    BarsPage { width: 80; height: 1fr; scrollbar-size-vertical: 0; display: none; }
    BarsPage:focus { background-tint: $foreground 3%; }
    BarsPage Static { width: 80; height: auto; padding-left: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "page_down", "Next page", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Static("", id="bars-page")

    def read(self, words: str) -> None:
        """Show these bars; '' hides the page."""
        self.display = bool(words)
        self.query_one("#bars-page", Static).update(Content(words))
        self.scroll_home(animate=False)
