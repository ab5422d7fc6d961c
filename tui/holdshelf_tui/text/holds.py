"""Holds in words: grounds of the policy (P16), states, and what a hold was found to cover, to the second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import STATE_WORDS, AlsoHeldRow, CoverageRow, HoldRow, length_ns
from holdshelf_tui.text.time_format import NS, clock, date_words, day, moment, short_date, when
from holdshelf_tui.text.words import counted, span


def ground_choices(grounds: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a hold may rest on, to choose from: 'Violation of law or of a policy'."""
    plain = ((key, words.removeprefix("an ").removeprefix("a ")) for key, words in grounds)
    return [(key, words[:1].upper() + words[1:]) for key, words in plain]


KIND_WORDS = {
    "recorded": "kept",
    "gap": "not recorded",
    "erased": "already erased",
    "missing": "missing",
    "future": "yet to come",
}
_MOST_ALSO = 3
RECOVERED = "recovered from the camera"
"""Reason of a stretch that was recorded by the camera itself, and fetched from it later."""
KIND_SIGNS = {"recorded": "█", "gap": "╱", "erased": "░", "missing": "✗", "future": "…"}
"""What is not there has the sign that the timeline gives it."""


def camera_names(cameras: Iterable[CameraRow]) -> dict[str, str]:
    """Names of cameras, by id."""
    return {camera.id: camera.name for camera in cameras}


def cameras_of(row: HoldRow, names: Mapping[str, str]) -> str:
    """'Front entrance, Service desk'."""
    return ", ".join(names.get(camera, camera) for camera in dict.fromkeys(span.camera for span in row.spans))


def exact(start_utc_ns: int, end_utc_ns: int) -> str:
    """'Nov 24, 2:00:00 pm to 2:05:00 pm'."""
    first, last = moment(start_utc_ns), moment(end_utc_ns)
    begins = f"{short_date(start_utc_ns)}, {clock(start_utc_ns)}"
    if first.date() == last.date():
        return f"{begins} to {clock(end_utc_ns)}"
    return f"{begins} to {short_date(end_utc_ns)}, {clock(end_utc_ns)}"


def minutes(start_utc_ns: int, end_utc_ns: int) -> str:
    """'Nov 24, 2:00 pm to 2:05 pm': the same where there is room for little."""
    begins, ends = (f"{short_date(at)}, {clock(at, seconds=False)}" for at in (start_utc_ns, end_utc_ns))
    same_day = moment(start_utc_ns).date() == moment(end_utc_ns).date()
    return f"{begins} to {clock(end_utc_ns, seconds=False)}" if same_day else f"{begins} to {ends}"


def spans_in_words(row: HoldRow, names: Mapping[str, str]) -> list[str]:
    """A line for each held span."""
    lines = []
    for one in row.spans:
        name = names.get(one.camera, one.camera)
        if one.end_utc_ns is None:
            lines.append(f"{name}: {when(one.start_utc_ns, seconds=True)} until it is lifted")
        else:
            lines.append(f"{name}: {exact(one.start_utc_ns, one.end_utc_ns)}")
    return lines


def _length_s(parts: Iterable[CoverageRow]) -> float:
    return length_ns(parts) / NS


def _amount(parts: Iterable[CoverageRow], *, past: bool = False) -> str:
    """'1 min 00 s are', '1 s was'."""
    words = span(_length_s(parts))
    is_one = words == "1 s"
    return f"{words} {('was' if is_one else 'were') if past else ('is' if is_one else 'are')}"


def found(row: HoldRow) -> list[str]:
    """What was found, in sentences: kept, not recorded and why, gone before, yet to come."""
    by_kind = {kind: [part for part in row.coverage if part.kind == kind] for kind in KIND_WORDS}
    sentences = []
    if kept := by_kind["recorded"]:
        again = [part for part in kept if part.reason == RECOVERED]
        of_them = f", {span(_length_s(again))} of it recovered from the camera" if again else ""
        sentences.append(f"{_amount(kept)} kept{of_them}.")
    else:
        sentences.append("None of it is recorded so far.")
    if gaps := by_kind["gap"]:
        reasons = ", ".join(dict.fromkeys(part.reason for part in gaps if part.reason)) or "reason unknown"
        sentences.append(f"{_amount(gaps, past=True)} never recorded ({counted(len(gaps), 'gap')}: {reasons}).")
    if gone := by_kind["erased"]:
        sentences.append(f"{_amount(gone, past=True)} already gone: erased on schedule, and cannot be brought back.")
    if lost := by_kind["missing"]:
        sentences.append(f"{_amount(lost)} missing: recorded, and not erased on schedule.")
    if by_kind["future"] or any(one.end_utc_ns is None for one in row.spans):
        sentences.append("What is recorded from now on is kept, too.")
    if row.last_utc_ns is not None:
        sentences.append(
            f"It ends by itself after {date_words(row.last_utc_ns - 1)}: its ground keeps footage only until then."
        )
    return sentences


def also_words(also: Sequence[AlsoHeldRow]) -> str:
    """'H-2026-0003 (no. 26-1234, placed by Carl Hill, Nov 27, 2026, 3:10 pm) keeps all of it, too.'; '' for none."""
    said = [
        f"{one.hold} (no. {one.reference}, placed by {one.placed_by_name}, {when(one.placed_utc_ns)}; "
        f"{STATE_WORDS.get(one.state, one.state)}) keeps {'all' if one.whole else 'some'} of it, too."
        for one in also[:_MOST_ALSO]
    ]
    more = len(also) - len(said)
    return " ".join([*said, f"So do {more} more."] if more else said)


def review_words(row: HoldRow) -> str:
    """'Feb 22, 2027', 'OVERDUE since Nov 3, 2026'."""
    at = date_words(row.review_utc_ns)
    return f"OVERDUE since {at}" if row.overdue else at


def state_words(row: HoldRow) -> str:
    """The state; in its days of grace with its end."""
    if row.state == "grace" and row.grace_end_utc_ns is not None:
        return f"lifted; kept until {short_date(row.grace_end_utc_ns)}"
    return STATE_WORDS.get(row.state, row.state)


def short_state_words(row: HoldRow) -> str:
    """The state, in a list whose details say the rest: 'kept to Nov 30'."""
    if row.state == "grace" and row.grace_end_utc_ns is not None:
        return f"kept to {short_date(row.grace_end_utc_ns)}"
    return state_words(row)


SOON_DAYS = 60
"""Within so many days, that recording will stop is an alarm; before, a fact to know."""


def stops_soon(days: float | None) -> bool:
    """Whether recording will stop soon, because of what is on hold."""
    return days is not None and days < SOON_DAYS


def stops_words(days: float | None) -> str:
    """The forecast; '' when it is not in sight."""
    if days is None:
        return ""
    if days < 1:
        return "Recording stops within a day: what is on hold fills the disk by then. Tell the admin now."
    return f"Recording stops in about {counted(round(days), 'day')}: what is on hold fills the disk by then."


__all__ = [
    "KIND_SIGNS",
    "KIND_WORDS",
    "also_words",
    "camera_names",
    "cameras_of",
    "day",
    "exact",
    "found",
    "ground_choices",
    "minutes",
    "review_words",
    "short_state_words",
    "spans_in_words",
    "state_words",
    "stops_soon",
    "stops_words",
]
