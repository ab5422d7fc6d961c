"""Requests and answers of the local API on the checklist: entering ticks, and its state. Times are UTC ns."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec
from holdshelf_core.policy.checklist import LENGTHS, POINTS, Point

__all__ = ["LENGTHS", "POINTS", "ChecklistEnter", "ChecklistEntered", "Point", "PointRow", "SubjectRow"]


class ChecklistEnter(Act["ChecklistEntered"], frozen=True):
    """Enter what was ticked on foot. ``codes`` as printed: ``e1.present``, ``e1.legible=25``, ``lobby.all``,
    ``house.website``.

    ``defect``: what is wrong with the single entrance, camera or building point that the codes name; they are not ticked then.
    ``on`` and ``mended``: local days ('' today; '' not fixed). ``checker``: who checked, if not the person entering it.
    """

    spec = ActSpec("checklist.enter", changes=True)

    codes: list[str]
    checker: str = ""
    on: str = ""
    defect: str = ""
    mended: str = ""
    take_back: bool = False
    """The named codes were entered by mistake: remove them as if never entered."""


class PointRow(msgspec.Struct, frozen=True):
    """One box. ``value``: ft | m | words | '' for a plain tick. ``due``: it must be checked (again) by now."""

    code: str
    id: str
    clause: str
    words: str
    value: str = ""
    seen_utc_ns: int | None = None
    by: str = ""
    checker: str = ""
    found: str = ""
    next_utc_ns: int | None = None
    due: bool = False
    defect: str = ""
    """Open defect of a building point, which then does not count as correct."""
    defect_by: str = ""
    defect_utc_ns: int | None = None
    who: str = ""
    """Who does it, where that is not whoever enters the checklist."""


class SubjectRow(msgspec.Struct, frozen=True):
    """An entrance, a camera, or the building, with all its points. ``defect``: the open one; ``state``: in words, '' for
    nothing."""

    kind: str
    """entrance | camera | house."""
    id: str
    code: str
    name: str
    points: list[PointRow]
    state: str = ""
    due: bool = False
    """Whether something needs a person: a due point, a sign that is not attested, a defect."""
    defect: str = ""
    defect_by: str = ""
    defect_utc_ns: int | None = None
    mended: str = ""
    mended_by: str = ""
    mended_utc_ns: int | None = None


class ChecklistEntered(msgspec.Struct, frozen=True):
    """The state afterwards of each subject that was named, and the result for each in one sentence."""

    seq: int
    subjects: list[SubjectRow]
    sentences: list[str]


class ReadChecklist(Read[list[SubjectRow]], frozen=True):
    """Return the signage checklist: each entrance and camera, with what is due."""

    spec = ReadSpec("/rules/checklist", "camera.see")
