"""Times in options: read by the one grammar (`text.time_parse`), and told back on standard error as they were understood."""

from __future__ import annotations

import time
from datetime import datetime

import typer
from tzlocal import get_localzone

from holdshelf_tui.text.time_format import NS, when
from holdshelf_tui.text.time_format import day as told_day
from holdshelf_tui.text.time_parse import parse
from holdshelf_tui.text.time_span import end_utc_ns, start_utc_ns, told_span, typed_day, typed_day_or_time


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


def day(text: str, option: str) -> str:
    """'12/31/2026' of an option → '2026-12-31', told back on standard error; '' where it is left out. Raises BadRequest."""
    return _told(text, typed_day(text, time.time_ns(), option), option) if text.strip() else ""


def day_or_time(text: str, option: str) -> str:
    """As `day`, or a time of a day: '12/31/2026 6:30 pm' → '2026-12-31T18:30:00-05:00'."""
    return _told(text, typed_day_or_time(text, time.time_ns(), option), option) if text.strip() else ""


def _told(typed: str, understood: str, option: str) -> str:
    at_utc_ns = round(datetime.fromisoformat(understood).astimezone(get_localzone()).timestamp()) * NS
    if len(understood) > len("2026-12-31"):
        typer.echo(f"{option} {when(at_utc_ns)}", err=True)
    elif typed.strip() != understood:
        typer.echo(f"{option} {told_day(at_utc_ns)}", err=True)
    return understood


def tell_instant(at_utc_ns: int | None) -> None:
    """Say on standard error how a typed moment was understood; nothing when none was typed."""
    if at_utc_ns is not None:
        typer.echo(f"at {when(at_utc_ns, seconds=True)}", err=True)


def tell(starts: int | None, ends: int | None) -> None:
    """Say on standard error how a typed span was understood; nothing when none was typed."""
    if starts is not None and ends is not None:
        typer.echo(told_span(starts, ends), err=True)
    elif starts is not None:
        typer.echo(f"since {when(starts, seconds=True)}", err=True)
    elif ends is not None:
        typer.echo(f"until {when(ends, seconds=True)}", err=True)
