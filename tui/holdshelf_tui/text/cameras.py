"""How a camera stands, in words: for seats a librarian's, for the admin with the commands that mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from holdshelf_core.api.types import CameraRow, CheckStep, DiskRow, GapRow, RepairRow
from holdshelf_core.cameras.commission_types import CommissionRow
from holdshelf_core.cameras.types import DiscoveredRow
from holdshelf_tui.text.time_format import clock, day, when
from holdshelf_tui.text.words import counted, inert, size, span

USE_WORDS = {
    "new": "not in use yet: it is recorded, and nobody may look",
    "approved": "in use",
    "retired": "retired: what it recorded is kept like all other footage",
}


def use_word(state: str) -> str:
    """In two words at the most: 'not in use yet', 'in use', 'retired'."""
    return USE_WORDS.get(state, state).partition(":")[0]


MARKS = {"ok": "✓", "warning": "▲", "failed": "✗", "skipped": "-"}
CODECS = {"h264": "H.264", "hevc": "H.265", "h265": "H.265"}
CLOCK_REPAIR = "clock_disagreement"
MOST_GAPS = 40
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")


def repair_step(repair: RepairRow, *, admin: bool) -> str:
    """What to do about it. A seat is told where on the screen, or who does it."""
    if admin:
        return repair.next_step
    if repair.issue_id.startswith("commission:"):
        return "Choose it and press b to bring it into use."
    if repair.issue_id.startswith("entrance:"):
        return "Have the sign looked at, then attest it under Checklist & print."
    if repair.issue_id.startswith("checklist:"):
        return "See to it, then enter the checkmarks under Checklist & print."
    if repair.issue_id == CLOCK_REPAIR:
        return "Compare it with another clock, then Confirm the time."
    steps = [step for step in _SENTENCE.split(repair.next_step) if "`" not in step and "--" not in step]
    return " ".join(steps) or "The admin of this server can fix it."


def repair_lines(repairs: Sequence[RepairRow], *, admin: bool) -> list[str]:
    """Each with its next step."""
    return [
        f"{'!' if repair.severity == 'error' else '·'} {repair.sentence}  → {repair_step(repair, admin=admin)}"
        for repair in repairs
    ]


def state_words(camera: CameraRow) -> str:
    """'● recording', '○ camera unreachable'."""
    if camera.state == "recording":
        return "● recording"
    detail = f" ({camera.detail})" if camera.detail and camera.detail != camera.reason else ""
    return f"○ {camera.reason or camera.state}{detail}"


def picture_words(camera: CameraRow) -> str:
    """'H.264, 1280 x 720, 2.0 Mbit/s on average'."""
    if not camera.codec:
        return "not known yet"
    rate = f", {camera.bytes_per_s * 8 / 1e6:.1f} Mbit/s on average" if camera.bytes_per_s else ""
    return f"{CODECS.get(camera.codec, camera.codec)}, {camera.width} x {camera.height}{rate}"


def kept_words(camera: CameraRow) -> str:
    """'3.2 days, 41.0 GB, the oldest of Tue, Nov 24, 2026, 2:05 pm'."""
    if camera.oldest_utc_ns is None:
        return "nothing yet"
    days = f" in {camera.days_kept:.1f} days" if camera.days_kept >= 1 else ""
    return f"{span(camera.recorded_s)} recorded{days}, {size(camera.bytes)}, since {when(camera.oldest_utc_ns)}"


def backfill_words(camera: CameraRow) -> str:
    """Whether gaps are filled from the camera's own recording."""
    words = {"on": "fills gaps, if it has a card", "off": "is not asked for"}
    return words.get(camera.backfill, "cannot be asked for: it was added by its stream address")


def forecast_words(disk: DiskRow) -> str:
    """How far the room goes."""
    if disk.problem:
        return disk.problem
    if disk.days_forecast is None:
        return "not known yet"
    return f"room for about {disk.days_forecast:.1f} days of all cameras; after that the oldest footage is erased on schedule"


def use_lines(row: CommissionRow | None) -> list[str]:
    """Whether it is in use, since when, and what is lacking."""
    if row is None:
        return [USE_WORDS["new"]]
    words = USE_WORDS.get(row.state, row.state)
    if row.state == "approved" and row.approved_utc_ns is not None:
        words += f", approved by {row.approved_by}, {when(row.approved_utc_ns)}"
    masks = (
        counted(len(row.masks), "mask") if row.masks else f"no masks: {row.no_masks_why}" if row.no_masks_why else ""
    )
    note = f" ({row.area_note})" if row.area_note else ""
    lines = [words, "; ".join(part for part in (f"{row.area_words}{note}", masks) if part)]
    if row.exterior:
        lines.append("may see beyond library property")
    return [*lines, *(f"▲ {sentence}" for sentence in row.lacking)]


def gap_lines(gaps: Sequence[GapRow]) -> list[str]:
    """Newest first, with their reasons; the first line sums them up."""
    if not gaps:
        return ["none"]
    rows = sorted(gaps, key=lambda gap: -gap.start_utc_ns)
    lines = [f"{counted(len(rows), 'gap')}, {span(sum(gap.elapsed_s for gap in rows))} in all"]
    last = ""
    for gap in rows[:MOST_GAPS]:
        date = day(gap.start_utc_ns)
        at = f"{date.partition(',')[0]} {clock(gap.start_utc_ns)}" if date != last else f"    {clock(gap.start_utc_ns)}"
        last = date
        lasts = f"{span(gap.elapsed_s)} so far" if gap.end_utc_ns is None else span(gap.elapsed_s)
        detail = f" ({gap.detail})" if gap.detail else ""
        lines.append(f"{at:<15} {lasts:<12} {gap.reason}{detail}")
    return lines if len(rows) <= MOST_GAPS else [*lines, f"and {len(rows) - MOST_GAPS} more"]


def step_lines(steps: Sequence[CheckStep]) -> list[str]:
    """What was looked at, each with the next step where one is needed."""
    lines = []
    for step in steps:
        lines.append(f"{MARKS.get(step.outcome, '-')} {step.sentence}")
        if step.next_step:
            lines.append(f"    → {step.next_step}")
    return lines


def added_words(found: DiscoveredRow, none: str) -> str:
    """As which cameras a device that answered is here: 'lobby', 'lobby and more to add', or ``none``."""
    return found.added_as or (f"{', '.join(found.partly)}, and more to add" if found.partly else none)


def told_rows(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a camera tells of itself as a device."""
    device = told.get("device", {})
    skew, masks = told.get("clock_skew_s"), told.get("masks")
    return [
        ("make", inert(f"{device.get('manufacturer', '')} {device.get('model', '')}".strip())),
        ("firmware", inert(str(device.get("firmware_version", "")))),
        ("clock", "not told" if skew is None else f"{skew:+.0f} s"),
        ("own masks", "does not offer any" if masks is None else str(len(masks))),
        ("password", str(told.get("takes_password_by") or "none")),
        ("certificate", str(told.get("certificate_sha256") or "none")),
    ]


def stream_rows(told: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Of each of its streams: name, video, who told of it, sound."""
    return [
        (
            inert(str(p.get("name") or p.get("token"))),
            f"{p.get('codec')} {p.get('width')}x{p.get('height')}",
            str(p.get("service")),
            inert(str(p.get("sound") or "yes")) if p.get("offers_sound") else "none",
        )
        for p in told.get("profiles", [])
    ]


def told_lines(told: Mapping[str, Any]) -> list[str]:
    """All of it, a line each."""
    lines = [f"{label + ':':<13}{words}" for label, words in told_rows(told)]
    lines += [f"stream {name}: {video}, sound {sound}" for name, video, _, sound in stream_rows(told)]
    return [*lines, *(f"note: {inert(str(note), 300)}" for note in told.get("notes", []))]
