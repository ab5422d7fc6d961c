"""Each camera's quarter as a row: when in use, how much was recorded, why not more, and how far back footage reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from holdshelf_core.integration.reasons import SERVICE_STOPPED
from holdshelf_core.reports.days_kept import CameraReach, days_kept, reached_before
from holdshelf_core.reports.quarters import Quarter, local
from holdshelf_core.reports.report_types import CameraRow, DayRow, GapRow, WeekRow
from holdshelf_core.reports.uptime import Day, Spans, Uptime, clipped, uptime
from holdshelf_core.times import NS
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.layout import DAY_NS, day_start_ns
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import merged
from holdshelf_storage.volume.journal import StoredSegment

WORST = 3
WEEK_DAYS = 7
MISSED = 0.999
"""A day with a recorded share of so much counts as whole; the others are listed."""
type Coming = Sequence[tuple[str, int, int]]
"""(action, UTC ns, entry) of a camera's additions and removals, from the log."""


def camera_rows(
    footage: Footage | None,
    ledger: Ledger | None,
    quarter: Quarter,
    now_utc_ns: int,
    added: Mapping[str, int],
    events: Mapping[str, Coming],
    name_of: Callable[[str, int], str],
    stopped: Callable[[], bool],
) -> tuple[tuple[CameraRow, ...], Spans, list[str]]:
    """Return (rows, when the service itself did not run, caveats). Configured cameras first, then removed ones."""
    start, until = quarter.start_utc_ns, min(now_utc_ns, quarter.end_utc_ns)
    caveats: list[str] = []
    in_use = {}
    for camera in [*added, *sorted(set(events) - set(added))]:
        spans = active(events.get(camera, ()), added.get(camera), start, until)
        if spans:
            in_use[camera] = spans
    if footage is None or ledger is None:
        return (
            tuple(CameraRow(id=camera, name=name_of(camera, _last(events, camera)) or camera) for camera in in_use),
            [],
            ["The media disk was missing when this was made, so recordings could not be counted."],
        )
    kept: dict[str, CameraReach] = {}
    try:
        kept = days_kept(ledger, quarter, until, stopped)
    except StorageError as error:
        caveats.append(f"How many days were kept could not be read: {error}")
    midnights = quarter.midnights()
    rows: list[CameraRow] = []
    down: Spans = []
    for camera, spans in in_use.items():
        name = name_of(camera, _last(events, camera)) or camera
        state = _state(spans, start, until, quarter)
        try:
            seen = uptime(footage, ledger, camera, spans, midnights, now_utc_ns, keep=SERVICE_STOPPED, stopped=stopped)
            reach = _reach(footage, ledger, camera, kept.get(camera), until)
        except StorageError as error:
            caveats.append(f"What happened to {name} could not be read: {error}")
            rows.append(CameraRow(id=camera, name=name, state=state))
            continue
        down += seen.kept
        least = kept[camera].least_ns if camera in kept else None
        rows.append(_row(camera, name, state, seen, midnights, quarter, reach, least))
    return tuple(rows), merged(down), caveats


def active(events: Coming, added_utc_ns: int | None, start: int, until: int) -> list[tuple[int, int]]:
    """Return when a camera was in use, within [start, until). ``added_utc_ns``: for a configured camera, in use now."""
    spans: list[tuple[int, int]] = []
    begun: int | None = None
    told = False
    for act, at_ns, _ in events:
        if act == "camera.add":
            begun = at_ns if begun is None else begun
        elif begun is not None or not told:
            # Removed without an entry of its addition: it existed when the log began.
            spans.append((start if begun is None else begun, at_ns))
            begun = None
        told = True
    if added_utc_ns is not None:
        spans.append((added_utc_ns if begun is None else begun, until))
    return [(s, e) for s, e in clipped(merged((span for span in spans if span[1] > span[0]), 0), start, until) if e > s]


def _last(events: Mapping[str, Coming], camera: str) -> int:
    gone = [seq for act, _, seq in events.get(camera, ()) if act != "camera.add"]
    return gone[-1] if gone else 0


def _state(spans: Sequence[tuple[int, int]], start: int, until: int, quarter: Quarter) -> str:
    parts = []
    if spans[0][0] > start:
        parts.append(f"added {local(spans[0][0], quarter.zone).date().isoformat()}")
    if spans[-1][1] < until:
        parts.append(f"removed {local(spans[-1][1], quarter.zone).date().isoformat()}")
    return ", ".join(parts)


def _reach(footage: Footage, ledger: Ledger, camera: str, kept: CameraReach | None, until: int) -> int | None:
    """Return how far back footage reached at ``until``, ns; None: unknown."""
    front = kept.reached if kept is not None and kept.reached else reached_before(ledger, camera, until)
    if not front:
        front = _oldest(footage, camera)  # nothing was ever erased: all of it exists
    return until - front if 0 < front < until else None


def _oldest(footage: Footage, camera: str) -> int:
    """Return the start of the oldest footage; 0 if there is none."""
    for day in footage.days(camera):
        begin = day_start_ns(day)
        found = footage.query(camera, begin, begin + DAY_NS)
        starts = [one.start_utc_ns for one in found if isinstance(one, StoredSegment) and one.is_here]
        if starts:
            return min(starts)
    return 0


def _row(
    camera: str,
    name: str,
    state: str,
    seen: Uptime,
    midnights: Sequence[int],
    quarter: Quarter,
    reach: int | None,
    least: int | None,
) -> CameraRow:
    gaps = sorted(seen.gaps.items(), key=lambda item: -item[1])
    in_use = {index: day for index, day in sorted(seen.days.items()) if day.elapsed >= NS}
    short = [
        (day.recorded / day.elapsed, _day(local(midnights[index], quarter.zone).date().isoformat(), day))
        for index, day in in_use.items()
        if day.recorded / day.elapsed < MISSED
    ]
    return CameraRow(
        id=camera,
        name=name,
        state=state,
        elapsed_s=seen.elapsed // NS,
        recorded_s=seen.recorded // NS,
        gaps=tuple(GapRow(reason, ns // NS, seen.times.get(reason, 0)) for reason, ns in gaps),
        missing_s=seen.missing // NS,
        untold_s=seen.untold // NS,
        summed_days=seen.summed_days,
        worst=tuple(row for _, row in sorted(short, key=lambda one: one[0])[:WORST]),
        short_days=tuple(row for _, row in short),
        whole_days=len(in_use) - len(short),
        weeks=tuple(_weeks(seen, midnights, quarter)),
        kept_days=round(reach / DAY_NS, 2) if reach is not None else None,
        least_days=round(least / DAY_NS, 2) if least is not None else None,
    )


def _day(name: str, day: Day) -> DayRow:
    return DayRow(name, day.recorded // NS, day.elapsed // NS, day.recovered // NS)


def _weeks(seen: Uptime, midnights: Sequence[int], quarter: Quarter) -> Iterator[WeekRow]:
    for first in range(0, len(midnights) - 1, WEEK_DAYS):
        days = [seen.days.get(index, Day()) for index in range(first, first + WEEK_DAYS)]
        elapsed = sum(day.elapsed for day in days)
        if elapsed >= NS:
            yield WeekRow(
                local(midnights[first], quarter.zone).date().isoformat(),
                elapsed // NS,
                sum(day.recorded for day in days) // NS,
                sum(day.recovered for day in days) // NS,
            )
