"""The checklist over the local socket: ticks entered back, and how it stands. Times are UTC ns."""

from __future__ import annotations

import msgspec

from holdshelf_core.policy.checklist import POINTS, Point

__all__ = ["POINTS", "ChecklistEnter", "ChecklistEntered", "Point", "PointRow", "SubjectRow"]


class ChecklistEnter(msgspec.Struct, frozen=True):
    """What was ticked on foot. ``codes`` as printed: ``e1.present``, ``e1.legible=25``, ``lobby.all``, ``house.website``.

    ``defect``: what is wrong with the one entrance, camera or point of the house that the codes name; they are not ticked
    then. ``on`` and ``mended``: local days ('' today; '' not mended). ``checker``: who looked, where that is not who says so.
    """

    codes: list[str]
    checker: str = ""
    on: str = ""
    defect: str = ""
    mended: str = ""
    take_back: bool = False
    """What the codes name was entered by mistake: it is as if it had never been."""


class PointRow(msgspec.Struct, frozen=True):
    """One box. ``value``: ft | words | '' a tick alone. ``due``: it is to be looked at (again) by now."""

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
    """Of a point of the house: open. It is not seen to be right then."""
    defect_by: str = ""
    defect_utc_ns: int | None = None


class SubjectRow(msgspec.Struct, frozen=True):
    """An entrance, a camera, or the house with all its points. ``defect`` is open; ``state`` is in words, '' nothing to say."""

    kind: str
    """entrance | camera | house."""
    id: str
    code: str
    name: str
    points: list[PointRow]
    state: str = ""
    due: bool = False
    """Something of it waits for a person: a point that is due, a sign that is not attested, a defect."""
    defect: str = ""
    defect_by: str = ""
    defect_utc_ns: int | None = None
    mended: str = ""
    mended_by: str = ""
    mended_utc_ns: int | None = None


class ChecklistEntered(msgspec.Struct, frozen=True):
    """What is known after it, of each subject that was named, and in a sentence each what came of it."""

    seq: int
    subjects: list[SubjectRow]
    sentences: list[str]
