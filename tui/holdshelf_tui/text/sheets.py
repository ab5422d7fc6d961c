"""Which pictures stand on a contact sheet: spread over what a hold or a release covers, or at times that were named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from holdshelf_core.api.boxes import MovingBox
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.holds.types import HoldRow
from holdshelf_core.looks.types import LookStrip, PictureRow, PurposeOpen
from holdshelf_core.people.board_types import PolicyLists
from holdshelf_core.releases.types import ReleaseRow
from holdshelf_core.reports.case_types import SheetPicture
from holdshelf_core.reports.types import MAX_SHEET_PICTURES, PaperFacts, PrintRequest
from holdshelf_tui.text.time_format import NS, date_words, told_clock, when
from holdshelf_tui.text.words import inert

LEGAL_PAPER = "legal-paper"
"""The purpose of looking at what a paper asks for, where the policy has one of that key."""
FIRST_PICTURES = 12
"""As many where nobody says how many."""
WIDTH = 480
"""Pixels of a picture: a third of a page at 200 to the inch."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one camera, and how many pictures of it."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    pictures: int = 0
    at_its_start: bool = False
    """One picture, of its first moment."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet is of, and all that is asked for it."""

    id: str
    number: str
    """Of the case or incident."""
    purpose: str
    parts: tuple[Part, ...]
    boxes: tuple[MovingBox, ...] = ()

    @property
    def pictures(self) -> int:
        """How many in all."""
        return sum(part.pictures for part in self.parts)

    def asked(self) -> PrintRequest:
        """The entry that comes before any picture: shown and printed."""
        hold, release = ("", self.id) if self.id.startswith("R-") else (self.id, "")
        return PrintRequest("sheet", release=release, hold=hold, pictures=self.pictures)

    def look(self, part: Part) -> PurposeOpen:
        """The look for a part's pictures."""
        return PurposeOpen(
            [part.camera], self.purpose, self.number, start_utc_ns=part.start_utc_ns, end_utc_ns=part.end_utc_ns
        )

    def strip(self, look: str, part: Part) -> LookStrip:
        """A part's pictures, spread evenly over it; a release's boxes are burned in."""
        boxes = tuple(box for box in self.boxes if box.camera == part.camera)
        end_utc_ns = part.start_utc_ns + 2 if part.at_its_start else part.end_utc_ns
        return LookStrip(look, part.camera, part.pictures, part.start_utc_ns, end_utc_ns, WIDTH, boxes)


def of_hold(row: HoldRow, now_utc_ns: int, policy: PolicyLists, purpose: str = "") -> Sheet:
    """Of all that a hold covers so far; how many of each part is not said yet. ``purpose``: '' for the policy's usual one."""
    ends = [(s, now_utc_ns if s.end_utc_ns is None else min(s.end_utc_ns, now_utc_ns)) for s in row.spans]
    parts = tuple(Part(span.camera, span.start_utc_ns, end) for span, end in ends if end > span.start_utc_ns)
    usual = policy.purpose_like(row.ground, LEGAL_PAPER)
    return Sheet(row.id, row.reference, purpose or usual, parts)


def of_release(row: ReleaseRow, policy: PolicyLists, purpose: str = "") -> Sheet:
    """Of all that a release gives, as it leaves. ``purpose``: '' for the policy's usual one."""
    parts = tuple(Part(span.camera, span.start_utc_ns, span.end_utc_ns) for span in row.given)
    boxes = tuple(row.others.boxes) if row.others is not None else ()
    return Sheet(row.id, row.reference or row.id, purpose or policy.purpose_like(LEGAL_PAPER), parts, boxes)


def spread(sheet: Sheet, count: int) -> Sheet:
    """That many pictures, evenly over all of it: longer parts have more. Raises BadRequest."""
    _check(count)
    total = sum(part.end_utc_ns - part.start_utc_ns for part in sheet.parts)
    if not total:
        raise BadRequest(f"Nothing of {sheet.id} is recorded yet.", "Ask again later.")
    parts, before = [], 0
    for part in sheet.parts:
        after = before + part.end_utc_ns - part.start_utc_ns
        # Picture n stands at (2 n + 1) / 2 count of the whole.
        first, last = ((2 * count * at + total) // (2 * total) for at in (before, after))
        parts.append(replace(part, pictures=last - first))
        before = after
    return replace(sheet, parts=tuple(part for part in parts if part.pictures))


def at_times(sheet: Sheet, times_utc_ns: Sequence[int]) -> Sheet:
    """At these times, of every camera that it covers then. Raises BadRequest."""
    parts = []
    for at in sorted(set(times_utc_ns)):
        found = [part for part in sheet.parts if part.start_utc_ns <= at < part.end_utc_ns]
        if not found:
            raise BadRequest(f"{when(at, seconds=True)} is not covered by {sheet.id}.", "Choose a time within it.")
        parts += [Part(part.camera, at, min(at + NS, part.end_utc_ns), 1, at_its_start=True) for part in found]
    _check(len(parts))
    return replace(sheet, parts=tuple(parts))


def _check(count: int) -> None:
    if not 1 <= count <= MAX_SHEET_PICTURES:
        raise BadRequest(f"A sheet has 1 to {MAX_SHEET_PICTURES} pictures, not {count}.", "Choose fewer.")


def with_pictures(facts: PaperFacts, rows: Sequence[PictureRow], names: dict[str, str]) -> PaperFacts:
    """The facts with the pictures that the looks delivered; a time without one is told."""
    assert facts.sheet is not None
    shown, missing = [], []
    is_one_day = len({date_words(row.shown_utc_ns or row.at_utc_ns) for row in rows}) == 1
    for row in rows:
        camera = inert(names.get(row.camera, row.camera), 60)
        at_utc_ns = row.shown_utc_ns if row.jpeg else row.at_utc_ns
        at = told_clock(at_utc_ns) if is_one_day else when(at_utc_ns, seconds=True)
        if row.jpeg:
            shown.append(SheetPicture(row.jpeg, f"{camera}, {at}"))
        else:
            missing.append(f"{camera}, {at}: no picture. {inert(row.missing, 200)}")
    sheet = msgspec.structs.replace(facts.sheet, pictures=tuple(shown), missing=tuple(missing))
    return msgspec.structs.replace(facts, sheet=sheet)
