"""How the checklist stands: as rows for whoever asks, and as repairs with one next step each. Reads only.

What somebody saw is never taken for longer than the Board's days; what has lapsed is said, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import Change
from holdshelf_core.api import types_checklist as types
from holdshelf_core.caller import Caller
from holdshelf_core.commissioning import entrance_state
from holdshelf_core.house import put
from holdshelf_core.integration.repairs import Severity
from holdshelf_core.policy import checklist as rules
from holdshelf_core.policy import commissioning, model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.state import State, listed

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_ISSUES = "checklist:"
_NAMED = 3
"""So many cameras or points are named in a repair; the rest is counted."""


# --- rows ---------------------------------------------------------------------------------------------------------


def _point_row(state: State, now: Now, kind: str, id_: str, code: str, point: rules.Point) -> types.PointRow:
    seen = rules.seen_of(state, kind, id_, point.id)
    due = rules.point_due_utc_ns(state, kind, id_, point.id)
    return types.PointRow(
        f"{code}.{point.id}",
        point.id,
        point.clause,
        point.words,
        point.value,
        seen.at_utc_ns if seen is not None else None,
        state.name_of(seen.by) if seen is not None else "",
        seen.checker if seen is not None else "",
        seen.words if seen is not None else "",
        due,
        now.ended(due),
    )


def _subject_row(state: State, now: Now, kind: str, id_: str, name: str) -> types.SubjectRow:
    code = rules.subject_code(kind, id_)
    points = [_point_row(state, now, kind, id_, code, point) for point in rules.POINTS[kind]]
    check = state.checks.get(f"{kind}:{id_}") or model.Check(f"{kind}:{id_}")
    said, is_due, defect = "", any(point.due for point in points), check.defect
    if kind == "entrance":
        entrance = state.entrances[id_]
        said, defect = entrance_state(entrance, now), entrance.defect
        is_due = commissioning.sign_problem(entrance, now) is not None
    found = defect == check.defect
    return types.SubjectRow(
        kind,
        id_,
        code,
        name,
        points,
        said,
        is_due or bool(defect),
        defect,
        state.name_of(check.defect_by) if found and check.defect_by else "",
        check.defect_utc_ns if found else None,
        check.mended,
        state.name_of(check.mended_by) if check.mended_by else "",
        check.mended_utc_ns,
    )


def _house_row(state: State, now: Now) -> types.SubjectRow:
    points, defects = [], []
    for point in rules.HOUSE_POINTS:
        row = _point_row(state, now, "house", point.id, "house", point)
        check = state.checks.get(f"house:{point.id}")
        if check is not None and check.defect:
            defects.append(check.defect)
            who = state.name_of(check.defect_by) if check.defect_by else ""
            row = msgspec.structs.replace(
                row, defect=check.defect, defect_by=who, defect_utc_ns=check.defect_utc_ns, due=True
            )
        points.append(row)
    return types.SubjectRow(
        "house", "", "house", "The house", points, "", any(point.due for point in points), "; ".join(defects)
    )


def subject_rows(state: State, now: Now, cameras: Iterable[str] | None = None) -> list[types.SubjectRow]:
    """Entrances, cameras (``cameras`` None: all), the house, as they stand in the checklist."""
    entrances = [row for row in state.entrances.values() if row.removed_utc_ns is None]
    shown = state.cameras.values() if cameras is None else [state.cameras[camera] for camera in cameras]
    return [
        *(_subject_row(state, now, "entrance", row.id, row.name) for row in entrances),
        *(_subject_row(state, now, "camera", facts.id, facts.name) for facts in shown),
        _house_row(state, now),
    ]


async def async_checklist(holdshelf: Holdshelf, caller: Caller, _query: Mapping[str, str]) -> list[types.SubjectRow]:
    """The view ``checklist``: with the cameras that the caller may know of."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    cameras = [camera for camera in state.cameras if holdshelf.gate.view_allowed("checklist", caller, camera)]
    return subject_rows(state, now, cameras)


# --- what a machine found -----------------------------------------------------------------------------------------


def record_website_check(state: State, now: Now, *, same: bool, finding: str, by: str = "") -> Change:
    """The row after `policy check` compared what is posted on the website with what is adopted (P18).

    An act records it with its entry: ``await call.record([record_website_check(...)])``. ``same``: it is the adopted
    text; else ``finding`` is what is wrong, in words, and stands as a repair until a check finds it right. ``by``: who had it
    checked (``call.caller.who``), '' nobody.
    """
    entry = rules.Entry("house:website", "house", "website", {"website": finding if same else ""})
    before = state.checks.get(entry.key) or model.Check(entry.key)
    word = rules.Word(by, now.utc_ns, defect="" if same else finding or "what is posted is not what was adopted")
    return put("checks", entry.key, rules.entered(before, entry, word))


# --- repairs ------------------------------------------------------------------------------------------------------


def async_raise_repairs(holdshelf: Holdshelf) -> int:
    """Bring the checklist's repairs up to date: after each change, and now and then as days pass. Returns how many."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    wanted = {**_defects(state), **_due(state, now)}
    for issue, (owner, severity, sentence, step) in wanted.items():
        holdshelf.repairs.async_create(issue, camera_id=owner, severity=severity, sentence=sentence, next_step=step)
    for repair in holdshelf.repairs.async_all():
        if repair.issue_id.startswith(_ISSUES) and repair.issue_id not in wanted:
            holdshelf.repairs.async_delete(repair.issue_id)
    return len(wanted)


type _Repairs = dict[str, tuple[str | None, Severity, str, str]]


def _defects(state: State) -> _Repairs:
    """Open defects of cameras and of the house; an entrance's is its sign's repair."""
    found: _Repairs = {}
    for key, row in state.checks.items():
        kind, _, id_ = key.partition(":")
        if not row.defect or kind == "entrance" or (kind == "camera" and id_ not in state.cameras):
            continue
        since = times.local_day(row.defect_utc_ns) if row.defect_utc_ns is not None else "a day unknown"
        if kind == "camera":
            enter = f"`holdshelf checklist enter {rules.subject_code(kind, id_)}.all --mended DAY`"
            found[f"{_ISSUES}{key}"] = (
                id_,
                "warning",
                f"{state.camera_words(id_)} has a defect since {since}: {row.defect} (P4).",
                f"Mend it, walk past it, then {enter}.",
            )
        else:
            step = "`holdshelf policy check`" if id_ == "website" else f"`holdshelf checklist enter house.{id_}`"
            found[f"{_ISSUES}{key}"] = (
                None,
                "warning",
                f"house.{id_} on the checklist has a defect since {since}: {row.defect}.",
                f"Put it right, then {step}.",
            )
    return found


def _due(state: State, now: Now) -> _Repairs:
    """What was not looked at for longer than the Board lets it: one repair for the cameras, one for the house."""
    found: _Repairs = {}
    cameras = [camera for camera in state.cameras if rules.due_points(state, "camera", camera, now)]
    if cameras:
        names = [state.camera_words(camera) for camera in cameras]
        found[f"{_ISSUES}cameras"] = (
            None,
            "notice",
            f"{_some(names)} {'is' if len(names) == 1 else 'are'} due for a walk with the checklist (P4).",
            f"`holdshelf print checklist`, then `holdshelf checklist enter {rules.subject_code('camera', cameras[0])}.all`.",
        )
    points = [
        point
        for point in rules.due_points(state, "house", "", now)
        if not getattr(state.checks.get(f"house:{point.id}"), "defect", "")
    ]
    if points:
        codes = [f"house.{point.id}" for point in points]
        found[f"{_ISSUES}house"] = (
            None,
            "notice",
            f"{_some(codes)} {'is' if len(codes) == 1 else 'are'} due on the checklist ({points[0].clause}).",
            f"See to it, then `holdshelf checklist enter {codes[0]}`, by the holder of a seat.",
        )
    return found


def _some(names: list[str]) -> str:
    """'a, b, c and 9 more'."""
    rest = len(names) - _NAMED
    return listed([*names[:_NAMED], f"{rest} more"] if rest > 1 else names)
