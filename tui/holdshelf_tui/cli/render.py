"""Rows, sizes, times and sparklines as text. Text from cameras is made inert here before it meets a terminal."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui import when

_LEAST_COLUMN = 8
_BARS = " ▁▂▃▄▅▆▇█"
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*$", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def inert(text: str, most: int = 80) -> str:
    """Without control, format (bidi) or surrogate characters, cut at ``most``."""
    clean = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Columns as wide as their widest cell, two spaces apart.

    ``width``: so many columns at most, by wrapping the widest cells; None: the terminal's, when this is written to one.
    """
    cells = [[inert(cell, 160) for cell in row] for row in (heads, *rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(heads))]
    width = terminal_width() if width is None else width
    if width is not None:
        _narrow(widths, width - 2 * (len(widths) - 1))
    lines = []
    for row in cells:
        parts = [_wrapped(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        for at in range(max(map(len, parts))):
            line = [part[at] if at < len(part) else "" for part in parts]
            lines.append(
                "  ".join(cell + " " * (wide - columns(cell)) for cell, wide in zip(line, widths, strict=True)).rstrip()
            )
    return "\n".join(lines)


def terminal_width() -> int | None:
    """Columns of the terminal that is written to; None for a file or a pipe, whose reader wants a row a line."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrow(widths: list[int], most: int) -> None:
    """Takes from the widest until all fit, or none is wider than what a word needs."""
    while sum(widths) > most and max(widths) > _LEAST_COLUMN:
        widths[widths.index(max(widths))] -= 1


def _wrapped(cell: str, wide: int) -> list[str]:
    """Lines of at most ``wide`` columns, broken at spaces; a longer word is broken where it must be."""
    if columns(cell) <= wide:
        return [cell]
    lines, line = [], ""
    for word in cell.split(" "):
        if line and columns(line) + 1 + columns(word) <= wide:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        line = word
        while columns(line) > wide:
            cut = len(line)
            while cut > 1 and columns(line[:cut]) > wide:
                cut -= 1
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def columns(text: str) -> int:
    """How many columns a terminal gives this text: two for wide letters and pictures, none for combining marks."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def one_line(text: str, most: int = 2000) -> str:
    """A sentence that holds what somebody typed or named, as one line that no terminal obeys."""
    return inert(" ".join(text.split()), most)


def counted(number: int, noun: str) -> str:
    """'1 file', '2 files'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(count: float) -> str:
    """Decimal units, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.95 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def span(seconds: float) -> str:
    """A length of time: 4 s, 3 min 20 s, 5 h 10 min, 12.3 days."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 2 * 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{seconds / 86_400:.1f} days"


def local(utc_ns: int | None) -> str:
    """Local time with its offset, so that both 01:30s of a clock change stay apart."""
    if utc_ns is None:
        return "-"
    try:
        # Whole numbers: a float has not enough digits for today's nanoseconds.
        return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone().isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        return f"{utc_ns} ns"


def sparkline(values: Sequence[int], width: int = 20) -> str:
    """The last ``width`` values as bars, the largest one full."""
    shown = list(values)[-width:]
    top = max(shown, default=0)
    if not top:
        return " " * width
    return "".join(_BARS[min(8, -(-value * 8 // top))] for value in shown).rjust(width)


def parse_size(text: str) -> int:
    """'900GB', '1.5TiB', '268435456' → bytes. Raises BadRequest."""
    match = _SIZE.match(text)
    if match is None:
        raise BadRequest(f"{text!r} is not a size.", "Give bytes or a unit, for example 900GB or 1.5TB.")
    base = 1024 if match[3] else 1000
    power = " kmgt".index(match[2].lower() or " ")
    return int(Decimal(match[1]) * base**power)


def parse_time(text: str, now: datetime | None = None) -> int:
    """A time as people type it (``when.instant``) → UTC ns. Raises BadRequest."""
    try:
        since = when.instant(text, now or datetime.now(UTC)).astimezone(UTC) - _EPOCH
    except when.NoTime as error:
        raise BadRequest(error.sentence, error.step) from None
    except OverflowError:
        raise BadRequest(f"{inert(text, 40)!r} is not a time.", "Give one of this century.") from None
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
