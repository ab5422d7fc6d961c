"""The checklist that somebody walks the building with: its points, their codes, what a tick changes, when each falls due.

Pure. A point has a code: ``e1.present``, ``lobby.walk-test``, ``house.website``. A lapsed point is said, and never stops a
recording or a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.policy.instants import DAY_NS, Now
from holdshelf_core.policy.model import Check, Entrance, Seen
from holdshelf_core.policy.state import State

WEBSITE_CHECK_DAYS = 92
"""Once in each quarter, so that each quarterly report has one."""
MAX_DEFECT_CHARS = 600
FIRST_CHECK_DAYS = 30
"""From the adoption of a policy until it is posted, told and filed."""
_ENTRANCE_ID = re.compile(r"e\d+", re.ASCII)


class Point(msgspec.Struct, frozen=True):
    """One box of the checklist. ``words`` are what is so when it is ticked; ``value``: ft | words, what is written beside it."""

    id: str
    clause: str
    words: str
    value: str = ""


ENTRANCE_POINTS = (
    Point("present", "P3", "sign present"),
    Point("unobstructed", "P3", "unobstructed"),
    Point("lit", "P3", "lit, also after dark"),
    Point("legible", "P3", "legible from (ft)", "ft"),
    Point("version", "P3", "text version", "words"),
    Point("language", "P3", "language", "words"),
)
SIGN_NEEDS = ("present", "unobstructed", "lit", "legible")
"""What an entrance's sign is attested by."""
CAMERA_POINTS = (
    Point("area", "P4", "it looks at the approved area"),
    Point("reference", "P4", "reference still reviewed: same view"),
    Point("private", "P5", "no private room or its door in view"),
    Point("masks", "P6", "screens, desks, hold shelf masked"),
    Point("walk-test", "P6", "walk test: no title can be read"),
    Point("microphone", "P7", "microphone off in its settings"),
    Point("neighbors", "P8", "neighbors' windows out of view"),
)
HOUSE_POINTS = (
    Point("copies", "P17", "copies of the policy at the desk"),
    Point("website", "P18", "policy posted on the website"),
    Point("staff-notice", "P21", "staff notice given"),
    Point("board-review", "P1", "Board review held"),
    Point("counsel", "P13", "counsel consulted"),
    Point("letters", "P11", "appointment and hold letters on file"),
    Point("confidentiality", "P14", "confidentiality statements on file"),
    Point("no-promise", "P10", "no paper promises constant watching"),
)
OF_THE_TEXT = ("copies", "website", "staff-notice")
"""What was said of one adopted text says nothing of the next."""
POINTS: dict[str, tuple[Point, ...]] = {
    "entrance": ENTRANCE_POINTS,
    "camera": CAMERA_POINTS,
    "house": HOUSE_POINTS,
}
_SPELLINGS = {"neighbours": "neighbors", "walktest": "walk-test", "reference-still": "reference"}


def subject_code(kind: str, id_: str) -> str:
    """What stands before the dot of a code. A camera that is called like an entrance is told apart from one."""
    if kind == "house":
        return "house"
    taken = kind == "camera" and (_ENTRANCE_ID.fullmatch(id_) or id_ == "house")
    return f"camera:{id_}" if taken else id_


@dataclass(frozen=True)
class Entry:
    """What was entered of one subject: ``key`` as in the table ``checks``; values by point, '' where a point takes none."""

    key: str
    kind: str
    id: str
    points: Mapping[str, str]

    @property
    def codes(self) -> list[str]:
        """The codes, without what was written beside them."""
        if self.kind == "house":
            return [f"house.{self.id}"]
        code = subject_code(self.kind, self.id)
        return [f"{code}.{point}" for point in self.points] or [code]


# --- codes --------------------------------------------------------------------------------------------------------


def cameras_of(state: State, codes: Iterable[str]) -> tuple[str, ...]:
    """Cameras that the codes seem to be about, known or not: whatever is no entrance and not the house."""
    found = dict.fromkeys(id_ for kind, id_ in (_subject(state, _split(code)[0]) for code in codes) if kind == "camera")
    return tuple(found)


def about_house(state: State, codes: Iterable[str]) -> bool:
    """Whether one of them is a point of the house."""
    return any(_subject(state, _split(code)[0])[0] == "house" for code in codes)


def _split(code: str) -> tuple[str, str, str]:
    """(subject, points, value) as typed."""
    left, _, value = code.strip().partition("=")
    subject, _, points = left.strip().casefold().partition(".")
    return subject.strip(), points.strip(), value.strip()


def _subject(state: State, typed: str) -> tuple[str, str]:
    kind, colon, rest = typed.partition(":")
    if colon and kind in ("entrance", "camera"):
        return kind, rest
    if typed in ("house", "h"):
        return "house", ""
    known = state.entrances.get(typed)
    if (known is not None and known.removed_utc_ns is None) or _ENTRANCE_ID.fullmatch(typed):
        return "entrance", typed
    return "camera", typed


def entries_of(state: State, codes: Iterable[str], *, points_needed: bool, values_needed: bool = True) -> list[Entry]:
    """The codes by subject, in the order in which each was first named. Raises BadRequest, NotFound.

    ``points_needed``: a subject alone says nothing. ``values_needed``: nor a point without the value that it takes.
    ``CODE.all``: every point of it that takes no value.
    """
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    for code in codes:
        subject, typed, value = _split(code)
        kind, id_ = _subject(state, subject)
        _check_known(state, kind, id_, code)
        points = _points(kind, subject, typed, value, values_needed=values_needed)
        if points_needed and not points:
            raise BadRequest(
                f"{code.strip()[:60]!r} names no point to tick.",
                f"Known: {subject_code(kind, id_)}.{{{','.join(point.id for point in POINTS[kind])}}}.",
            )
        if kind == "house" and not points:
            raise BadRequest("Which point of the house is meant?", f"Known: {_known(kind)}.")
        for key, one, point, written in _keyed(kind, id_, points):
            _, _, ticked = found.setdefault(key, (kind, one, {}))
            if point:
                ticked[point] = written
    if not found:
        raise BadRequest("No code was given.", "They stand beside the boxes of `holdshelf print checklist`.")
    return [Entry(key, kind, id_, points) for key, (kind, id_, points) in found.items()]


def _keyed(kind: str, id_: str, points: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """(key, id, point, value); a point of the house is a subject of its own."""
    if kind == "house":
        return [(f"house:{point}", point, point, value) for point, value in points.items()]
    return [(f"{kind}:{id_}", id_, point, value) for point, value in (points or {"": ""}).items()]


def _check_known(state: State, kind: str, id_: str, code: str) -> None:
    if kind == "entrance":
        entrance = state.entrances.get(id_)
        if entrance is None or entrance.removed_utc_ns is not None:
            known = [key for key, row in state.entrances.items() if row.removed_utc_ns is None]
            raise NotFound(f"There is no entrance {id_[:40]!r}.", f"Known: {', '.join(known[:20]) or 'none yet'}.")
    elif kind == "camera" and id_ not in state.cameras:
        raise NotFound(
            f"{code.strip()[:60]!r} is no code of the checklist: there is no entrance or camera {id_[:40]!r}.",
            "`holdshelf checklist show` lists the codes.",
        )


def _known(kind: str) -> str:
    return ", ".join(point.id for point in POINTS[kind])


def _points(kind: str, subject: str, typed: str, value: str, *, values_needed: bool) -> dict[str, str]:
    points = {point.id: point for point in POINTS[kind]}
    names = [_SPELLINGS.get(name.strip(), name.strip()) for name in typed.split(",") if name.strip()]
    if "all" in names:
        if kind == "house":
            raise BadRequest("The points of the house are named one by one.", f"Known: {_known(kind)}.")
        names = [*(name for name in names if name != "all"), *(p.id for p in POINTS[kind] if not p.value)]
    unknown = next((name for name in names if name not in points), None)
    if unknown is not None:
        raise BadRequest(f"{subject[:40]} has no point {unknown[:40]!r}.", f"Known: {_known(kind)}, all.")
    if value and len(names) != 1:
        raise BadRequest("A value is one point's.", f"Give it as {subject[:40]}.POINT=VALUE.")
    found = {}
    for name in names:
        point = points[name]
        if not point.value and value:
            raise BadRequest(f"{subject[:40]}.{name} is ticked, and takes no value.", f"Give {subject[:40]}.{name}.")
        if point.value and not value and values_needed:
            wanted = "its feet" if point.value == "ft" else "its words"
            raise BadRequest(f"{subject[:40]}.{name} is given with {wanted}.", f"Give {subject[:40]}.{name}=….")
        found[name] = _feet(subject, value) if point.value == "ft" and value else value
    return found


def _feet(subject: str, value: str) -> str:
    number = re.fullmatch(r"(\d{1,3})\s*(?:ft|feet|')?\.?", value.casefold(), re.ASCII)
    if number is None or not int(number[1]):
        raise BadRequest(f"{subject[:40]}.legible is a number of feet.", f"Give {subject[:40]}.legible=25.")
    return str(int(number[1]))


# --- what a tick changes ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """Who says it and when it was seen; with ``defect`` what is wrong, with ``mended_utc_ns`` when it was put right."""

    by: str
    checked_utc_ns: int
    checker: str = ""
    defect: str = ""
    mended_utc_ns: int | None = None
    takes_back: bool = False
    """What the codes name was entered by mistake."""


def entered(row: Check, entry: Entry, word: Word) -> Check:
    """The row with what was entered. A defect is what is wrong at the points that the codes name, which are not ticked by
    it, and takes every point back: after mending all is looked at again.

    A point of the house that is ticked is right again: no other word is needed that it was mended.
    """
    if word.takes_back:
        return msgspec.structs.replace(row, points={p: s for p, s in row.points.items() if p not in entry.points})
    if word.defect:
        where = ", ".join(entry.points) + ": " if entry.points and entry.kind != "house" else ""
        before_it = f"{row.defect}; " if row.defect and entry.kind != "house" else ""
        defect = f"{before_it}{where}{word.defect}"[:MAX_DEFECT_CHARS]
        return msgspec.structs.replace(
            row, points={}, defect=defect, defect_by=word.by, defect_utc_ns=word.checked_utc_ns
        )
    seen = {point: Seen(word.checked_utc_ns, word.by, word.checker, value) for point, value in entry.points.items()}
    newer = {
        point: one
        for point, one in seen.items()
        if (before := row.points.get(point)) is None or before.at_utc_ns <= one.at_utc_ns
    }
    fresh = msgspec.structs.replace(row, points={**row.points, **newer})
    mended = word.mended_utc_ns
    if mended is None and entry.kind == "house" and newer:
        mended = word.checked_utc_ns
    if mended is None or not row.defect:
        return fresh
    return msgspec.structs.replace(
        fresh,
        defect="",
        defect_by="",
        defect_utc_ns=None,
        mended=row.defect,
        mended_by=word.by,
        mended_utc_ns=mended,
    )


def in_step(check: Check, entrance: Entrance) -> Check:
    """The entrance's row, where its sign was attested or found wanting in another way (`entrance attest`) meanwhile."""
    if entrance.defect == check.defect:
        return check
    # What was ticked before a defect says nothing of the sign after it.
    points = {} if entrance.defect else check.points
    return msgspec.structs.replace(check, points=points, defect=entrance.defect, defect_by="", defect_utc_ns=None)


def entrance_after(entrance: Entrance, check: Check, entry: Entry, word: Word, days: int, now: Now) -> Entrance:
    """The entrance after ``entry`` made ``check``: attested as of the oldest point that a sign needs, when all are there.

    Raises BadRequest when it would be attested and nobody has said what hangs there.
    """
    row = entrance
    if not word.takes_back and not word.defect:
        row = msgspec.structs.replace(
            entrance,
            sign=entry.points.get("version") or entrance.sign,
            language=entry.points.get("language") or entrance.language,
        )
    if word.takes_back and set(SIGN_NEEDS).isdisjoint(entry.points):
        return row
    if word.defect or word.takes_back:
        return msgspec.structs.replace(
            row,
            checker=word.checker,
            defect=check.defect if word.defect else row.defect,
            attested_by="",
            attested_utc_ns=None,
            next_check_utc_ns=None,
        )
    if word.mended_utc_ns is not None:
        row = msgspec.structs.replace(row, defect="")
    if row.defect or not all(point in check.points for point in SIGN_NEEDS):
        return row
    oldest = min(check.points[point].at_utc_ns for point in SIGN_NEEDS)
    due = oldest + days * DAY_NS
    if now.ended(due) or oldest <= (row.attested_utc_ns or 0):
        return row
    if not row.sign:
        raise BadRequest(
            f"What hangs at {row.name} is not known yet (P3).",
            f"Add {row.id}.version=…, the text version at the foot of the sign.",
        )
    return msgspec.structs.replace(
        row,
        checker=word.checker,
        attested_by=word.by,
        attested_utc_ns=oldest,
        next_check_utc_ns=due,
        waived_by="",
        waived_until_utc_ns=None,
        waived_why="",
    )


# --- what falls due -----------------------------------------------------------------------------------------------


def seen_of(state: State, kind: str, id_: str, point: str) -> Seen | None:
    """The latest word on a point that still counts. Approving a camera (anew, where it was moved) puts older ones behind it,
    and so does adopting another text for what is said of the text."""
    row = state.checks.get(f"{kind}:{id_}")
    seen = row.points.get(point) if row is not None else None
    if kind == "house" and seen is not None and point in OF_THE_TEXT and state.adopted is not None:
        return seen if seen.at_utc_ns >= state.adopted.installed_utc_ns else None
    commission = state.commissions.get(id_) if kind == "camera" else None
    if seen is None or commission is None or commission.state != "approved":
        return seen
    # Ticks have days, an approval has its second: of its own day they count.
    return seen if seen.at_utc_ns + DAY_NS > (commission.approved_utc_ns or 0) else None


def point_due_utc_ns(state: State, kind: str, id_: str, point: str) -> int | None:
    """First instant at which a point is to be looked at again; None: it does not fall due (a new camera, no policy yet)."""
    seen = seen_of(state, kind, id_, point)
    if kind == "entrance":
        entrance = state.entrances.get(id_)
        return entrance.next_check_utc_ns if entrance is not None else None
    if kind == "camera":
        days = state.board.camera_check_days * DAY_NS
        if seen is not None:
            return seen.at_utc_ns + days
        commission = state.commissions.get(id_)
        # Approving a camera is its first walk: its still was looked at, and its masks drawn.
        approved = commission.approved_utc_ns if commission is not None and commission.state == "approved" else None
        return approved + days if approved is not None else None
    days = (WEBSITE_CHECK_DAYS if point == "website" else state.board.house_check_days) * DAY_NS
    if seen is not None:
        return seen.at_utc_ns + days
    if state.adopted is None or not state.adopted.installed_utc_ns:
        return None
    # Adopting a policy is the Board's review of it; the rest follows within weeks.
    return state.adopted.installed_utc_ns + (days if point == "board-review" else FIRST_CHECK_DAYS * DAY_NS)


def due_points(state: State, kind: str, id_: str, now: Now) -> list[Point]:
    """Points of a camera or the house (``id_`` '') that are due. An entrance's are its sign's: ``commissioning`` knows."""
    return [
        point
        for point in POINTS[kind]
        if now.ended(point_due_utc_ns(state, kind, point.id if kind == "house" else id_, point.id))
    ]
