"""The checklist for walking through the building: its points, their codes, what a tick changes, when each is due.

Pure. A point has a code: ``e1.present``, ``lobby.walk-test``, ``house.website``. A lapsed point is reported, and never stops a
recording or a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.model import Check, Entrance, Seen
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_storage.units import DAY_NS

MAX_DEFECT_CHARS = 600
FIRST_CHECK_DAYS = 30
"""From the adoption of a policy until it must be posted, announced and filed."""
_ENTRANCE_ID = re.compile(r"e\d+", re.ASCII)


class Point(msgspec.Struct, frozen=True):
    """One box of the checklist. ``words``: what is true when it is ticked; ``value``: ft | m | words, to be written beside it.

    ``clause``: in the library's own numbering; '' where its text has none. ``by``: who does it, where that is not whoever enters
    the checklist.
    """

    id: str
    clause: str
    words: str
    value: str = ""
    by: str = ""


ENTRANCE_POINTS = (
    Point("present", "P3", "sign present"),
    Point("unobstructed", "P3", "unobstructed"),
    Point("lit", "P3", "lit, also after dark"),
    Point("legible", "P3", "legible from ({unit})", "ft"),
    Point("version", "P3", "text version", "words"),
    Point("language", "P3", "language", "words"),
)
SIGN_NEEDS = ("present", "unobstructed", "lit", "legible")
"""The points by which an entrance's sign is attested."""
CAMERA_POINTS = (
    Point("area", "P4", "it looks at the approved area"),
    Point("reference", "P4", "reference still reviewed: same view"),
    Point("private", "P5", "no private room or its door in view"),
    Point("masks", "P6", "screens, desks, hold shelf masked"),
    Point("walk-test", "P6", "walk test: no title can be read"),
    Point("microphone", "P7", "microphone off in its settings"),
    Point("neighbors", "P8", "neighbors' windows out of view"),
)
POINTS: dict[str, tuple[Point, ...]] = {"entrance": ENTRANCE_POINTS, "camera": CAMERA_POINTS}
"""Those of each entrance and camera, with the kernel's duties as clauses; those of the building are the policy's."""
LENGTHS = {"ft": "feet", "m": "meters"}
_UNITS = {"ft": "ft|feet|'", "m": "m|meters?|metres?"}
_SPELLINGS = {"neighbours": "neighbors", "walktest": "walk-test", "reference-still": "reference"}


def points_of(policy: Policy, kind: str) -> tuple[Point, ...]:
    """Return the points of an entrance, a camera or the building, in the words and the numbering of that policy."""
    if kind == "house":
        return tuple(
            Point(check.key, check.clause, policy.said(check.words), by=_doer(policy, check.by))
            for check in policy.checks.values()
        )
    unit = policy.file.library.length
    return tuple(
        Point(
            point.id,
            policy.clause_id(point.clause),
            point.words.format(unit=unit),
            unit if point.value == "ft" else point.value,
        )
        for point in POINTS[kind]
    )


def _doer(policy: Policy, role: str) -> str:
    return policy.role_words(role) if role and not policy.may(role, "checklist.enter") else ""


def subject_code(kind: str, id_: str) -> str:
    """Return the part before the dot of a code. A camera named like an entrance gets a different one."""
    if kind == "house":
        return "house"
    taken = kind == "camera" and (_ENTRANCE_ID.fullmatch(id_) or id_ == "house")
    return f"camera:{id_}" if taken else id_


@dataclass(frozen=True)
class Entry:
    """What was entered for one subject: ``key`` as in the table ``checks``; values by point, '' where a point takes none."""

    key: str
    kind: str
    id: str
    points: Mapping[str, str]

    @property
    def codes(self) -> list[str]:
        """Return the codes, without their values."""
        if self.kind == "house":
            return [f"house.{self.id}"]
        code = subject_code(self.kind, self.id)
        return [f"{code}.{point}" for point in self.points] or [code]


# --- codes --------------------------------------------------------------------------------------------------------


def cameras_of(state: State, codes: Iterable[str]) -> tuple[str, ...]:
    """Return the cameras that the codes seem to name, known or not: everything but entrances and the building."""
    found = dict.fromkeys(id_ for kind, id_ in (_subject(state, _split(code)[0]) for code in codes) if kind == "camera")
    return tuple(found)


def about_house(state: State, codes: Iterable[str]) -> bool:
    """Return whether one of them is a point of the building."""
    return any(_subject(state, _split(code)[0])[0] == "house" for code in codes)


def _split(code: str) -> tuple[str, str, str]:
    """Return (subject, points, value) as typed."""
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
    """Return the codes by subject, in the order of first mention. Raises BadRequest, NotFound.

    ``points_needed``: a subject without points is invalid. ``values_needed``: so is a point without its value. ``CODE.all``:
    every point of it that takes no value.
    """
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    for code in codes:
        subject, typed, value = _split(code)
        kind, id_ = _subject(state, subject)
        _check_known(state, kind, id_, code)
        points = _points(state.policy, kind, subject, typed, value, values_needed=values_needed)
        if points_needed and not points:
            raise BadRequest(
                f"{code.strip()[:60]!r} does not name an item to check.",
                f"Known: {subject_code(kind, id_)}.{{{','.join(point.id for point in points_of(state.policy, kind))}}}.",
            )
        if kind == "house" and not points:
            raise BadRequest("Which item under “house” do you mean?", f"Known: {_known(state.policy, kind)}.")
        for key, one, point, written in _keyed(kind, id_, points):
            _, _, ticked = found.setdefault(key, (kind, one, {}))
            if point:
                ticked[point] = written
    if not found:
        raise BadRequest("No code was given.", "The codes are printed beside the boxes: `holdshelf print checklist`.")
    return [Entry(key, kind, id_, points) for key, (kind, id_, points) in found.items()]


def _keyed(kind: str, id_: str, points: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """Return (key, id, point, value); each point of the building is a subject of its own."""
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
            f"{code.strip()[:60]!r} is not a checklist code: there is no entrance or camera {id_[:40]!r}.",
            "`holdshelf checklist show` lists the codes.",
        )


def _known(policy: Policy, kind: str) -> str:
    return ", ".join(point.id for point in points_of(policy, kind)) or "none in the policy in force"


def _points(policy: Policy, kind: str, subject: str, typed: str, value: str, *, values_needed: bool) -> dict[str, str]:
    points = {point.id: point for point in points_of(policy, kind)}
    names = [_SPELLINGS.get(name.strip(), name.strip()) for name in typed.split(",") if name.strip()]
    if "all" in names:
        if kind == "house":
            raise BadRequest("Name the items under “house” one by one.", f"Known: {_known(policy, kind)}.")
        names = [*(name for name in names if name != "all"), *(key for key, p in points.items() if not p.value)]
    unknown = next((name for name in names if name not in points), None)
    if unknown is not None:
        rest = "" if kind == "house" else ", all"
        raise BadRequest(f"{subject[:40]} has no item {unknown[:40]!r}.", f"Known: {_known(policy, kind)}{rest}.")
    if value and len(names) != 1:
        raise BadRequest("A value belongs to one item.", f"Give it as {subject[:40]}.POINT=VALUE.")
    found = {}
    for name in names:
        point = points[name]
        if not point.value and value:
            raise BadRequest(f"{subject[:40]}.{name} is a checkbox and takes no value.", f"Give {subject[:40]}.{name}.")
        if point.value and not value and values_needed:
            wanted = f"a number of {LENGTHS[point.value]}" if point.value in LENGTHS else "its words"
            raise BadRequest(f"{subject[:40]}.{name} needs {wanted}.", f"Give {subject[:40]}.{name}=….")
        found[name] = _distance(subject, value, point.value) if point.value in LENGTHS and value else value
    return found


def _distance(subject: str, value: str, unit: str) -> str:
    number = re.fullmatch(rf"(\d{{1,3}})\s*(?:{_UNITS[unit]})?\.?", value.casefold(), re.ASCII)
    if number is None or not int(number[1]):
        example = {"ft": 25, "m": 8}[unit]
        raise BadRequest(
            f"{subject[:40]}.legible is a number of {LENGTHS[unit]}.", f"Give {subject[:40]}.legible={example}."
        )
    return f"{int(number[1])} {unit}"


def found_words(state: State, point: Point, seen: Seen) -> str:
    """Return what was found at a point that takes a value; a distance has its unit.

    Older registers have the number alone: it is in the unit of the policy that was in force then, or in feet.
    """
    if point.value not in LENGTHS or not seen.words.isdigit():
        return seen.words
    # Ticks are by day, an adoption by second.
    under_this = state.adopted is None or seen.at_utc_ns + DAY_NS > state.adopted.installed_utc_ns
    return f"{seen.words} {point.value if under_this else 'ft'}"


def with_units(state: State) -> list[Check]:
    """Return the rows in which a distance lacks its unit, with it: the next policy may count in another one."""
    lengths = [point for point in points_of(state.policy, "entrance") if point.value in LENGTHS]
    changed = []
    for row in state.checks.values():
        seen = [(point, row.points[point.id]) for point in lengths if point.id in row.points]
        points = {point.id: msgspec.structs.replace(one, words=found_words(state, point, one)) for point, one in seen}
        if row.key.startswith("entrance:") and any(points[point.id] != one for point, one in seen):
            changed.append(msgspec.structs.replace(row, points={**row.points, **points}))
    return changed


# --- what a tick changes ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """Who reports it and when it was seen; with ``defect`` what is wrong, with ``mended_utc_ns`` when it was fixed."""

    by: str
    checked_utc_ns: int
    checker: str = ""
    defect: str = ""
    mended_utc_ns: int | None = None
    takes_back: bool = False
    """The named codes were entered by mistake."""


def entered(row: Check, entry: Entry, word: Word) -> Check:
    """Return the row with what was entered. A defect concerns the points that the codes name; it does not tick them, and
    resets every point: after a repair everything must be checked again.

    Ticking a point of the building also means that its defect is fixed.
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
    """Return the entrance's row after its sign was attested or found defective elsewhere (`entrance attest`)."""
    if entrance.defect == check.defect:
        return check
    # Ticks from before a defect say nothing about the sign after it.
    points = {} if entrance.defect else check.points
    return msgspec.structs.replace(check, points=points, defect=entrance.defect, defect_by="", defect_utc_ns=None)


def entrance_after(entrance: Entrance, check: Check, entry: Entry, word: Word, days: int, now: Now) -> Entrance:
    """Return the entrance after ``entry`` produced ``check``: attested as of the oldest required point, once all are ticked.

    Raises BadRequest when it would be attested but nobody has described the sign.
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
            f"The sign at {row.name} is not described yet (P3).",
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
    """Return the latest valid observation of a point. Approving a camera (again, after a move) invalidates older ones, as does
    adopting another text for points about the text."""
    row = state.checks.get(f"{kind}:{id_}")
    seen = row.points.get(point) if row is not None else None
    check = state.policy.checks.get(point) if kind == "house" else None
    if check is not None and check.of_the_text and seen is not None and state.adopted is not None:
        return seen if seen.at_utc_ns >= state.adopted.installed_utc_ns else None
    commission = state.commissions.get(id_) if kind == "camera" else None
    if seen is None or commission is None or commission.state != "approved":
        return seen
    # Ticks are by day, an approval by second: ticks of the same day count.
    return seen if seen.at_utc_ns + DAY_NS > (commission.approved_utc_ns or 0) else None


def point_due_utc_ns(state: State, kind: str, id_: str, point: str) -> int | None:
    """Return when a point must be checked again; None: not due (a new camera, no policy yet)."""
    seen = seen_of(state, kind, id_, point)
    if kind == "entrance":
        entrance = state.entrances.get(id_)
        return entrance.next_check_utc_ns if entrance is not None else None
    if kind == "camera":
        days = state.board.camera_check_days * DAY_NS
        if seen is not None:
            return seen.at_utc_ns + days
        commission = state.commissions.get(id_)
        # Approving a camera is its first check: its still was viewed, and its masks drawn.
        approved = commission.approved_utc_ns if commission is not None and commission.state == "approved" else None
        return approved + days if approved is not None else None
    check = state.policy.checks[point]
    length = parse_length(check.every)
    every = length.shortest_ns if length is not None else state.board.house_check_days * DAY_NS
    if seen is not None:
        return seen.at_utc_ns + every
    if state.adopted is None or not state.adopted.installed_utc_ns:
        return None
    # Adopting a policy is the Board's review of it; the rest follows within weeks.
    return state.adopted.installed_utc_ns + (every if check.by_adoption else FIRST_CHECK_DAYS * DAY_NS)


def due_points(state: State, kind: str, id_: str, now: Now) -> list[Point]:
    """Return the due points of a camera or the building (``id_`` ''). For an entrance, ``commissioning`` checks its sign."""
    return [
        point
        for point in points_of(state.policy, kind)
        if now.ended(point_due_utc_ns(state, kind, point.id if kind == "house" else id_, point.id))
    ]
