"""Coverage in words: a sentence that answers, a table of cameras and days, and a line for each day that is not whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.reports.types import CoverageDay, CoverageRow
from holdshelf_tui.text.words import columns, counted, inert, span

NAME_COLUMNS = 20
DAYS_ABREAST = 8
"""As many as stand beside the names in 80 columns."""
MOST_TOLD = 12
NO_RECORD = "nothing on record"
MISSING = "missing, not erased on schedule"
ERASED = "erased"


def lost_s(day: CoverageDay) -> float:
    """How much of a day is not there, in seconds; what was erased on schedule had its time. Under a second is no loss."""
    if day.percent is None or day.percent == 100:
        return 0.0
    return day.elapsed_s - day.recorded_s - day.recovered_s + day.missing_s


def percent_words(day: CoverageDay) -> str:
    """'100', '97.31'; 'erased' of a day that has gone, '-' of one on which the camera was not in use."""
    if day.percent is None:
        return "-"
    kept_s = day.recorded_s + day.recovered_s - day.missing_s
    if day.erased_s and day.erased_s >= kept_s - 1:
        return ERASED
    return "100" if day.percent == 100 else f"{day.percent:.2f}"


def answer(rows: Sequence[CoverageRow]) -> str:
    """Whether it is all there, in a sentence."""
    if not rows:
        return "There are no cameras."
    before = len(rows[0].days) - 1
    days = f"the last {counted(before, 'day')} and today" if before else "today"
    missing = [(lost_s(day), row, day) for row in rows for day in row.days if lost_s(day)]
    if not missing:
        return f"All of {days} is there, of {counted(len(rows), 'camera')}."
    cameras = len({row.camera for _, row, _ in missing})
    _, row, day = max(missing, key=lambda one: one[0])
    total = span(sum(seconds for seconds, _, _ in missing))
    where = f"{inert(row.name, 40)} on {short_day(day.day)} ({percent_words(day)}%)"
    when = f"In {days}" if before else "Today"
    return f"{when}, {total} of footage from {counted(cameras, 'camera')} is missing; worst: {where}."


def table_lines(rows: Sequence[CoverageRow]) -> Iterator[str]:
    """Cameras and days, in percent; eight days abreast."""
    days = [day.day for day in rows[0].days] if rows else []
    names = [inert(row.name, NAME_COLUMNS) for row in rows]
    name_columns = max(map(columns, names), default=0)
    for first in range(0, len(days), DAYS_ABREAST):
        if first:
            yield ""
        part = slice(first, first + DAYS_ABREAST)
        heads = ["today" if day == days[-1] else short_day(day) for day in days[part]]
        yield _line("", heads, name_columns)
        for name, row in zip(names, rows, strict=True):
            yield _line(name, [percent_words(day) for day in row.days[part]], name_columns)


def loss_lines(rows: Iterable[CoverageRow]) -> Iterator[str]:
    """Each day that is not whole, or to which the camera itself added: the longest losses first."""
    told = [(lost_s(day), row, day) for row in rows for day in row.days if lost_s(day) or day.recovered_s]
    told.sort(key=lambda one: -one[0])
    for seconds, row, day in told[:MOST_TOLD]:
        parts = [f"{span(seconds)} missing ({reasons_words(day)})"] if seconds else []
        if day.recovered_s:
            parts.append(f"{span(day.recovered_s)} recovered from the camera")
        yield f"{inert(row.name, 40)}, {short_day(day.day)}: {'; '.join(parts)}"
    if len(told) > MOST_TOLD:
        yield f"… and {counted(len(told) - MOST_TOLD, 'more day')}."


def camera_lines(row: CoverageRow) -> Iterator[str]:
    """One camera's days for a screen of 80 columns, the latest first."""
    for day in reversed(row.days):
        parts = [f"{span(lost_s(day))} missing: {reasons_words(day)}"] if lost_s(day) else []
        parts += [f"{span(day.recovered_s)} recovered from the camera"] if day.recovered_s else []
        yield f"{short_day(day.day):<7}{percent_words(day):>7}  {'; '.join(parts)}".rstrip()


def day_cells(day: CoverageDay) -> tuple[str, ...]:
    """Of one camera: day, percent, recorded, recovered, missing, why."""
    return (
        day.day,
        percent_words(day),
        span(day.recorded_s),
        span(day.recovered_s) if day.recovered_s else "-",
        span(lost_s(day)) if lost_s(day) else "-",
        reasons_words(day) if lost_s(day) else "",
    )


def reasons_words(day: CoverageDay) -> str:
    """'camera unreachable 30 min 00 s, service stopped 8 s', the longest first; one alone without its length."""
    parts = [(gap.seconds, inert(gap.reason, 60)) for gap in day.gaps]
    parts += [(day.untold_s, NO_RECORD), (day.missing_s, MISSING)]
    told = sorted((part for part in parts if part[0] >= 1), reverse=True)
    if len(told) == 1:
        return told[0][1]
    return ", ".join(f"{reason} {span(seconds)}" for seconds, reason in told) or "less than a second each"


def short_day(iso: str) -> str:
    """'2026-11-24' → 'Nov 24'."""
    return date_form().day(date.fromisoformat(iso), year=False)


def _line(name: str, cells: Sequence[str], name_columns: int) -> str:
    return name + " " * (name_columns - columns(name)) + "".join(f"{cell:>7}" for cell in cells)
