"""`print hold` (P16): what is kept, never recorded (and why) or already erased, and what that means for the reader.

Never a patron's name: the hold's note is the record's. Times are the library's, to the second, with their offset.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.case_types import HoldPaper, StretchPaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.catalogs import ENGLISH_WORDS
from holdshelf_tui.papers.days import day_words
from holdshelf_tui.papers.document import Block, Document, Facts, Field, Fields, Heading, Item, Keep, Para, Table
from holdshelf_tui.papers.text import clean
from holdshelf_tui.text.holds import KIND_WORDS, RECOVERED

KINDS = {**KIND_WORDS, "gap": "gap"}
"""As a column of a paper has them: what was not recorded stands there with its reason."""
_OVER = ("grace", "lifted")


def hold_document(facts: PaperFacts) -> Document:
    """The notice, one page where it fits. Raises BadRequest without a hold."""
    hold = facts.hold
    if hold is None:
        raise BadRequest("A hold notice belongs to one hold.", "Give its number: `holdshelf print hold H-2026-0001`.")
    return frame.document(
        facts,
        f"Hold notice {clean(hold.id, 20)}",
        [
            Para(_lead(hold), "lead"),
            Facts(_rows(hold)),
            Heading("What is there, to the second", 2),
            *_stretches(hold),
            Heading("What it means for you", 2),
            *(Item(words) for words in _meaning(hold)),
            Keep(
                [
                    Fields([Field("Placed by (signature)", 26), Field("date", 14)]),
                    Fields([Field("Received by", 36), Field("date", 14)]),
                ]
            ),
        ],
        confidential=True,
        one_page=True,
    )


def _lead(hold: HoldPaper) -> str:
    if hold.state == "lifted":
        return f"Hold {clean(hold.id, 20)} is over: it no longer keeps anything."
    if hold.state == "grace":
        return f"Hold {clean(hold.id, 20)} is lifted. Until its grace period ends, nothing is erased."
    return f"Hold {clean(hold.id, 20)} is in force: none of these recordings is erased."


def _rows(hold: HoldPaper) -> list[tuple[str, str]]:
    review = clean(hold.review_on, 40)
    return [
        ("Ground", clean(hold.ground, 120)),
        ("Case or incident", f"no. {clean(hold.reference, 60)}"),
        ("Placed", f"{clean(hold.placed_at, 40)}, by {clean(hold.placed_by)}"),
        (
            "Review",
            ""
            if hold.state in _OVER
            else f"OVERDUE since {review}; it stays in force"
            if hold.is_overdue
            else f"due on {review}",
        ),
        ("Last day", f"{clean(hold.last_on, 40)}: its ground keeps footage only until then" if hold.last_on else ""),
        ("Lift", clean(hold.lift, 200)),
        ("Release", f"being made from it: {clean(', '.join(hold.releases), 200)}" if hold.releases else ""),
        ("Copy", "a verified copy is on another disk" if hold.archived else ""),
        *spans_rows("On hold", hold.spans),
    ]


def spans_rows(label: str, spans: Sequence[str]) -> list[tuple[str, str]]:
    """A row for each time, with the cameras that have it in common; ``label`` beside the first."""
    cameras: dict[str, list[str]] = {}
    for span in spans:
        camera, _, at = clean(span, 250).rpartition(", ")
        cameras.setdefault(at, []).append(camera)
    rows = [f"{'; '.join(found)}: {at}" if at and all(found) else at for at, found in cameras.items()]
    return [(label if not number else "", row) for number, row in enumerate(rows)]


def when(start: str, end: str) -> str:
    """'2026-11-24 14:00:00 -05:00 to 14:05:00': the end's day and offset only where they are others."""
    day, _, begun = start.partition(" ")
    end_day, _, ended = end.partition(" ")
    time, _, offset = ended.partition(" ")
    return f"{start} to {time if day == end_day and begun.endswith(offset) else end}"


def what_became(part: StretchPaper) -> str:
    """'kept', 'gap: camera unreachable', 'kept: recovered from the camera'."""
    what, why = KINDS.get(part.kind, part.kind), clean(part.why, 120)
    return f"{what}: {why}" if why and (part.kind == "gap" or part.why == RECOVERED) else what


def stretches(parts: Sequence[StretchPaper]) -> list[Block]:
    """One table, or one for each camera below its name, where that would be said again and again."""
    cameras = dict.fromkeys(part.camera for part in parts)
    if len(parts) <= 2 * len(cameras):
        return [stretches_table(parts)]
    blocks: list[Block] = []
    for camera in cameras:
        table = stretches_table([part for part in parts if part.camera == camera])
        blocks += [Heading(clean(camera), 2), Table(table.head[1:], [row[1:] for row in table.rows], shares=_SHARES)]
    return blocks


_SHARES = (44, 16, 40)
"""Of the three columns: those of all cameras stand below one another."""


def stretches_table(parts: Sequence[StretchPaper]) -> Table:
    """Camera, when, how long, what became of it and why. A day that all have in common stands in the head alone."""
    starts, ends = (
        [clean(at, 40).split(" ") for at in found] for found in ((p.start for p in parts), (p.end for p in parts))
    )
    common = {(at[0], at[-1]) for at in (*starts, *ends)}
    if len(common) == 1 and all(len(at) == 3 for at in (*starts, *ends)):
        ((day, offset),) = common
        head = f"{day_words(day, ENGLISH_WORDS)}, UTC{offset}"
        times = [f"{start[1]} to {end[1]}" for start, end in zip(starts, ends, strict=True)]
    else:
        head, times = "When", [when(clean(part.start, 40), clean(part.end, 40)) for part in parts]
    rows = [(clean(p.camera), at, clean(p.length, 30), what_became(p)) for p, at in zip(parts, times, strict=True)]
    return Table(("Camera", head, "Length", "What is there"), rows)


def _stretches(hold: HoldPaper) -> list[Block]:
    if not hold.stretches:
        return [Para("Nothing has been recorded yet." if hold.state != "lifted" else "Nothing is kept any longer.")]
    sums = [f"{hold.kept} kept" if hold.kept else "nothing kept"]
    sums += [f"{hold.missing} never recorded"] if hold.missing else []
    sums += [f"{hold.erased} already erased"] if hold.erased else []
    sums += [f"{hold.lost} missing"] if hold.lost else []
    blocks: list[Block] = [
        *stretches(hold.stretches),
        Para(f"In all: {'; '.join(sums)}."),
    ]
    if hold.erased:
        blocks.append(
            Para(
                "What was erased on schedule before the hold was placed cannot be brought back, by the library or "
                "anyone.",
                "caveat",
            )
        )
    if hold.lost:
        words = "What is missing was recorded and not erased on schedule: ask the library what happened to it."
        blocks.append(Para(words, "caveat"))
    return blocks


def _meaning(hold: HoldPaper) -> list[str]:
    if hold.state == "lifted":
        return ["Recordings that no other hold keeps are erased on schedule, as all others are."]
    two = "One person asks to lift it and another approves" if hold.second_person else "Someone with the right lifts it"
    days = f"{hold.grace_days} day{'' if hold.grace_days == 1 else 's'}"
    lines = ["Nothing in it is erased while the hold is in force, neither on schedule nor by hand."]
    if hold.state == "grace":
        lines.append("The lift can still be undone until the grace period ends.")
    else:
        lines.append(f"{two}; then everything is kept for {days} more, when the lift can be undone.")
        lines.append("At each review someone says whether it is still needed. An overdue review lifts nothing.")
    lines.append(
        "It gives nobody the right to look or to get a copy: that takes a purpose, or a release on its own paper."
    )
    lines.append("Keep what belongs to the case (reports, letters, notes) as well; this hold keeps recordings only.")
    return lines
