"""The state of the printed checklist's points: who attested each, when, and when it is due. Names and days are resolved."""

from __future__ import annotations

import msgspec

from holdshelf_core import times
from holdshelf_core.cameras.checklist import subject_rows
from holdshelf_core.cameras.checklist_types import PointRow, SubjectRow
from holdshelf_core.policy.checklist import points_of
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.state import State
from holdshelf_core.reports.types import Attestation, Mending, PaperFacts


def _day(utc_ns: int | None) -> str:
    return times.local_day(utc_ns) if utc_ns is not None else ""


def _last_day(end_utc_ns: int | None) -> str:
    """Return the last day before that time."""
    return times.local_day(end_utc_ns - 1) if end_utc_ns is not None else ""


def _attestation(point: PointRow) -> Attestation:
    return Attestation(
        _day(point.seen_utc_ns if not point.defect else point.defect_utc_ns),
        point.defect_by if point.defect else point.checker or point.by,
        point.found,
        _last_day(point.next_utc_ns),
        point.code,
        point.due,
        point.defect,
    )


def _mending(row: SubjectRow) -> Mending:
    return Mending(
        row.defect, row.defect_by, _day(row.defect_utc_ns), row.mended, row.mended_by, _day(row.mended_utc_ns)
    )


def with_checklist(facts: PaperFacts, state: State, now: Now) -> PaperFacts:
    """Return the facts with the state of every point of the checklist."""
    rows = {(row.kind, row.id): row for row in subject_rows(state, now)}
    points = {at: {point.id: _attestation(point) for point in row.points} for at, row in rows.items()}

    def of[T: (msgspec.Struct)](paper: T, kind: str, id_: str) -> T:
        row = rows.get((kind, id_))
        if row is None:
            return paper
        return msgspec.structs.replace(paper, code=row.code, points=points[kind, id_], mending=_mending(row))

    return msgspec.structs.replace(
        facts,
        entrances=tuple(of(paper, "entrance", paper.id) for paper in facts.entrances),
        cameras=tuple(of(paper, "camera", paper.id) for paper in facts.cameras),
        points={kind: points_of(state.policy, kind) for kind in ("entrance", "camera", "house")},
        house=points["house", ""],
    )
