"""Rows, sizes, times and sparklines as text. Text from cameras is made inert here before it meets a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from holdshelf_core.api.errors import BadRequest

_BARS = " ▁▂▃▄▅▆▇█"
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*$", re.IGNORECASE)
_RELATIVE = re.compile(r"^-?\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)(?:\s+ago)?$", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def inert(text: str, most: int = 80) -> str:
    """Without control, format (bidi) or surrogate characters, cut at ``most``."""
    clean = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    cells = [[inert(cell, 160) for cell in row] for row in (heads, *rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(heads))]
    return "\n".join(
        "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def columns(text: str) -> int:
    """How many columns a terminal gives this text: two for wide letters and pictures, none for combining marks."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


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
    """'2026-11-24 14:00' (local unless it has an offset), '14:00' (today), '2h ago' → UTC ns. Raises BadRequest."""
    now, typed = now or datetime.now(UTC), text.strip()
    relative = _RELATIVE.match(typed)
    try:
        if relative is not None:
            moment = now - timedelta(seconds=float(relative[1]) * _UNIT_S[relative[2].lower()])
        elif re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", typed):
            hours, minutes, *rest = (int(part) for part in typed.split(":"))
            # Through the local date, not the present offset: the clocks may have changed since that time today.
            moment = datetime.combine(
                now.astimezone().date(), time(hours, minutes, rest[0] if rest else 0)
            ).astimezone()
        else:
            moment = datetime.fromisoformat(typed).astimezone()
        since = moment.astimezone(UTC) - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{inert(text, 40)!r} is not a time.", "Give for example '2026-11-24 14:00', '14:00' (today) or '2h ago'."
        ) from None
