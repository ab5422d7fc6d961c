"""Times in options: read by the one grammar (`text.time_parse`), and told back on standard error as they were understood."""

from __future__ import annotations

import time

import typer

from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.time_parse import parse
from holdshelf_tui.text.time_span import end_utc_ns, start_utc_ns, told_span


def instant(text: str, *, future: bool = False) -> int:
    """One moment, UTC ns; of a day alone its noon. ``future``: it may be still to come. Raises BadRequest."""
    return parse(text, time.time_ns(), future=future).only()


def maybe_instant(text: str | None, *, future: bool = False) -> int | None:
    """`instant` of an option that may be left out."""
    return instant(text, future=future) if text is not None else None


def span(start: str | None, end: str | None, *, future: bool = False) -> tuple[int | None, int | None]:
    """Start and end of a span, UTC ns; None where left out. A day alone is the whole day. Raises BadRequest.

    ``future``: it may start in the time to come. A span that ends before it starts is the service's to refuse.
    """
    now_utc_ns = time.time_ns()
    starts = start_utc_ns(start, now_utc_ns, future=future) if start is not None else None
    return starts, end_utc_ns(end, starts, now_utc_ns) if end is not None else None


def whole_span(start: str, end: str, *, future: bool = False) -> tuple[int, int]:
    """`span` of two options that are both given."""
    now_utc_ns = time.time_ns()
    starts = start_utc_ns(start, now_utc_ns, future=future)
    return starts, end_utc_ns(end, starts, now_utc_ns)


def tell(starts: int | None, ends: int | None) -> None:
    """Say on standard error how a typed span was understood; nothing when none was typed."""
    if starts is not None and ends is not None:
        typer.echo(told_span(starts, ends), err=True)
    elif starts is not None:
        typer.echo(f"since {when(starts, seconds=True)}", err=True)
    elif ends is not None:
        typer.echo(f"until {when(ends, seconds=True)}", err=True)
