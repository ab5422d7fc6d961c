"""The off-site store in words: where it is, how it does, what was found in it, and what each branch of a county holds."""

from __future__ import annotations

from collections.abc import Sequence

from holdshelf_core.holds.types import STATE_WORDS
from holdshelf_core.offsite import types
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import counted, inert, size

NONE = "Holds are kept on this server alone. To keep them elsewhere as well: `holdshelf offsite setup --help`."
MOST_SPANS = 8


def status_lines(row: types.OffsiteRow) -> list[str]:
    """The store and how it does, a line each."""
    place, health = row.place, row.health
    lines = [
        f"Store: {inert(place.target, 300)}, as {inert(place.access_key, 60)}",
        f"Sealed for {place.recipient}",
        f"Sent: {place.hours or 'always'}"
        + (f", at most {size(place.limit_bytes_per_s)} a second" if place.limit_bytes_per_s else ""),
    ]
    if place.branch:
        told = f"told the others {when(health.index_utc_ns)}" if health.index_utc_ns else "has not told the others yet"
        lines.append(f"Branch: {inert(place.branch, 60)}, {told}")
    if health.ok is None:
        lines.append("State: not tried yet")
    elif health.ok:
        lines.append(
            f"State: works since {when(health.since_utc_ns)}" + (", outside its hours" if health.paused else "")
        )
    else:
        lines.append(f"State: FAILS since {when(health.since_utc_ns)}: {inert(health.sentence, 300)}")
    there = f"{counted(health.holds, 'hold')} in force, {counted(health.held, 'segment')}"
    if health.waiting:
        there += f"; {health.waiting} of {health.held} segments wait since {when(health.waiting_since_utc_ns)}"
    lines.append(there if health.held or health.holds else "Nothing is on hold")
    if health.heads_waiting:
        lines.append(f"{counted(health.heads_waiting, 'head')} of the log waiting")
    if health.lost:
        lines.append(_lost(health))
    if health.removing:
        lines.append(f"{counted(health.removing, 'lifted hold')} still to be taken out")
    return lines


def _lost(health: types.Health) -> str:
    there = f"{counted(health.lost, 'object')} of what was there {'is' if health.lost == 1 else 'are'} lost"
    if not health.gone:
        return f"{there}, and put there again"
    return f"{there}; {health.gone} of those cannot be sent again, because this server no longer has them"


def verified_lines(found: types.OffsiteVerified, *, full: bool) -> list[str]:
    """What the store was asked, the first objects that are not as they were put, and whether that is all."""
    lines = [*asked_lines(found), *bad_lines(found.bad)]
    if found.bad_count > len(found.bad):
        more = found.bad_count - len(found.bad)
        lines.append(f"… and {more} more, which `holdshelf offsite verify` names")
    return [*lines, *result_lines(found, full=full)]


def asked_lines(found: types.OffsiteVerified) -> list[str]:
    """What the store was asked."""
    said = f"{counted(found.objects, 'object')} of holds ({size(found.bytes)}) and {counted(found.heads, 'head')} of the log"
    return [f"Asked for {said}. Entry {found.seq} of the access log."]


def bad_lines(some: Sequence[types.BadObject]) -> list[str]:
    """Objects that are not as they were put, a line each."""
    lines = []
    for bad in some:
        what = f"{inert(bad.hold, 40)} {inert(bad.path, 120)}" if bad.hold else f"head {inert(bad.path, 120)}"
        lines.append(f"! {what}: {inert(bad.why, 160)} ({inert(bad.object, 200)})")
    return lines


def result_lines(found: types.OffsiteVerified, *, full: bool) -> list[str]:
    """Whether that is all, and whether it is well."""
    lines = []
    if found.fault:
        lines.append(f"! Not all of the store could be checked: {inert(found.fault, 200)}")
    if not found.objects and not found.heads and not found.fault:
        lines.append("Nothing was put there yet.")
    elif not found.bad_count and not found.fault:
        lines.append("All of it is there and held." if full else "The store says that all of it is there and held.")
    return lines


def branch_lines(found: types.BranchList) -> list[str]:
    """Each branch with what it has on hold; what is not to be relied on is marked."""
    lines: list[str] = []
    for row in found.branches:
        lines += _branch(row)
    if found.fault:
        lines.append(f"! Not all of the store could be checked: {inert(found.fault, 200)}")
    elif not found.branches:
        lines.append("No branch has shared its list of holds yet.")
    return lines


def _branch(row: types.BranchRow) -> list[str]:
    name = inert(row.branch, 60) or "?"
    ours = ", this recorder" if row.ours else ""
    if not row.is_open:
        return [f"! {name} ({inert(row.prefix, 120)}{ours}): {inert(row.why, 200)}"]
    held = f"{counted(row.hold_count, 'hold')}, {counted(row.segments, 'segment')}" if row.hold_count else "nothing"
    waits = f", {row.waiting} not in the store yet" if row.waiting else ""
    lines = [
        f"{'! ' if row.why else ''}{name} ({inert(row.prefix, 120)}{ours}): {held}{waits}, as of {when(row.at_utc_ns)}"
    ]
    if row.why:
        lines.append(f"  {inert(row.why, 200)}")
    for hold in row.holds:
        lines += _hold(hold)
    return lines


def _hold(hold: types.BranchHold) -> Sequence[str]:
    waits = f", {hold.waiting} not in the store yet" if hold.waiting else ""
    state = STATE_WORDS.get(hold.state, inert(hold.state, 20))
    ground = inert(hold.ground, 20)
    first = (
        f"  {inert(hold.reference, 60)}  {inert(hold.hold, 40)}, {ground}, {state}, placed {when(hold.placed_utc_ns)}"
    )
    lines = [f"{first}: {counted(hold.segments, 'segment')}{waits}"]
    for span in hold.spans[:MOST_SPANS]:
        end = when(span.end_utc_ns) if span.end_utc_ns is not None else "until it is lifted"
        to = "to " if span.end_utc_ns is not None else ""
        lines.append(f"    {inert(span.camera, 60)}: {when(span.start_utc_ns)} {to}{end}")
    if len(hold.spans) > MOST_SPANS:
        lines.append(f"    and {len(hold.spans) - MOST_SPANS} more")
    return lines
