"""Holds in words: grounds of the policy (P16), states, and what a hold was found to cover, to the second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdshelf_core.api.types import CameraRow
from holdshelf_core.api.types_holds import CoverageRow, HoldRow
from holdshelf_tui.cli.render import counted, span
from holdshelf_tui.words_clock import NS, clock, day, moment, when

# P16's own list; the register knows no other.
GROUNDS = (
    ("investigation", "Investigation, by the police or the library"),
    ("violation", "Violation of law or of a policy"),
    ("litigation", "Litigation, under way or to be expected"),
)
GROUND_WORDS = {"investigation": "investigation", "violation": "violation", "litigation": "litigation"}
STATE_WORDS = {
    "active": "in force",
    "lifting": "lift awaits approval",
    "grace": "lifted, days of grace",
    "lifted": "lifted",
}
KIND_WORDS = {
    "recorded": "kept",
    "gap": "not recorded",
    "erased": "was gone before",
    "future": "yet to come",
}
KIND_SIGNS = {"recorded": "█", "gap": "╱", "erased": "░", "future": "…"}
"""What is not there has the sign that the timeline gives it."""


def camera_names(cameras: Iterable[CameraRow]) -> dict[str, str]:
    """Names by id."""
    return {camera.id: camera.name for camera in cameras}


def cameras_of(row: HoldRow, names: Mapping[str, str]) -> str:
    """'Front entrance, Service desk'."""
    return ", ".join(names.get(camera, camera) for camera in dict.fromkeys(span.camera for span in row.spans))


def exact(start_utc_ns: int, end_utc_ns: int) -> str:
    """'Nov 24, 2:00:00 pm to 2:05:00 pm'."""
    first, last = moment(start_utc_ns), moment(end_utc_ns)
    begins = f"{first.strftime('%b %-d')}, {clock(start_utc_ns)}"
    if first.date() == last.date():
        return f"{begins} to {clock(end_utc_ns)}"
    return f"{begins} to {last.strftime('%b %-d')}, {clock(end_utc_ns)}"


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
    return sum(max(0, part.end_utc_ns - part.start_utc_ns) for part in parts) / NS


def found(row: HoldRow) -> list[str]:
    """What was found, in sentences: kept, not recorded and why, gone before, yet to come."""
    by_kind = {kind: [part for part in row.coverage if part.kind == kind] for kind in KIND_WORDS}
    sentences = []
    if kept := by_kind["recorded"]:
        sentences.append(f"{span(_length_s(kept))} are kept.")
    else:
        sentences.append("Nothing of it is recorded up to now.")
    if gaps := by_kind["gap"]:
        reasons = ", ".join(dict.fromkeys(part.reason for part in gaps if part.reason)) or "reason unknown"
        sentences.append(f"{span(_length_s(gaps))} were never recorded ({counted(len(gaps), 'gap')}: {reasons}).")
    if gone := by_kind["erased"]:
        sentences.append(f"{span(_length_s(gone))} were gone before: erased on schedule, and cannot be brought back.")
    if by_kind["future"] or any(one.end_utc_ns is None for one in row.spans):
        sentences.append("What is recorded from now on is kept, too.")
    return sentences


def review_words(row: HoldRow) -> str:
    """'Feb 22, 2027', 'OVERDUE since Nov 3, 2026'."""
    at = moment(row.review_utc_ns).strftime("%b %-d, %Y")
    return f"OVERDUE since {at}" if row.overdue else at


def state_words(row: HoldRow) -> str:
    """The state; in its days of grace with its end."""
    if row.state == "grace" and row.grace_end_utc_ns is not None:
        return f"lifted; kept until {moment(row.grace_end_utc_ns).strftime('%b %-d')}"
    return STATE_WORDS.get(row.state, row.state)


def stops_words(days: float | None) -> str:
    """The forecast; '' when it is not in sight."""
    if days is None:
        return ""
    if days < 1:
        return "Recording stops within a day: what is on hold fills the disk by then. Tell the admin now."
    return f"Recording stops in about {counted(round(days), 'day')}: what is on hold fills the disk by then."


__all__ = [
    "GROUNDS",
    "GROUND_WORDS",
    "KIND_SIGNS",
    "KIND_WORDS",
    "STATE_WORDS",
    "camera_names",
    "cameras_of",
    "day",
    "exact",
    "found",
    "review_words",
    "spans_in_words",
    "state_words",
    "stops_words",
]
