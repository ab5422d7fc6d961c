"""The state of the checklist: as rows for clients, and as repairs with one next step each. Reads only.

An observation counts only for the number of days that the Board set; a lapsed one is reported, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import Change, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.cameras import checklist_types as types
from holdshelf_core.cameras.commissioning import entrance_state
from holdshelf_core.integration.repairs import Severity
from holdshelf_core.policy import checklist as rules
from holdshelf_core.policy import commissioning, model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.state import State

_ISSUES = "checklist:"
_WEBSITE = "website"
"""Which point of the building a machine checks, under any policy."""
_NAMED = 3
"""This many cameras or points are named in a repair; the rest are counted."""


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
        rules.found_words(state, point, seen) if seen is not None else "",
        due,
        now.ended(due),
        who=point.by,
    )


def _subject_row(state: State, now: Now, kind: str, id_: str, name: str) -> types.SubjectRow:
    code = rules.subject_code(kind, id_)
    points = [_point_row(state, now, kind, id_, code, point) for point in rules.points_of(state.policy, kind)]
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
    for point in rules.points_of(state.policy, "house"):
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
    """Return the checklist rows of entrances, cameras (``cameras`` None: all) and the building."""
    entrances = [row for row in state.entrances.values() if row.removed_utc_ns is None]
    shown = state.cameras.values() if cameras is None else [state.cameras[camera] for camera in cameras]
    return [
        *(_subject_row(state, now, "entrance", row.id, row.name) for row in entrances),
        *(_subject_row(state, now, "camera", facts.id, facts.name) for facts in shown),
        _house_row(state, now),
    ]


@handles(types.ReadChecklist)
async def _read(asked: Reading[types.ReadChecklist]) -> list[types.SubjectRow]:
    """Return the rows with the cameras that the caller may know about."""
    state, now = asked.state, asked.now
    cameras = [
        camera for camera in state.cameras if asked.authorizer.may_read(types.ReadChecklist, asked.caller, camera)
    ]
    return subject_rows(state, now, cameras)


# --- what a machine found -----------------------------------------------------------------------------------------


def record_website_check(state: State, now: Now, *, same: bool, finding: str, by: str = "") -> Change:
    """Return the row after `policy check` compared the policy posted on the website with the adopted one (P18).

    An action records it with its entry: ``await call.record([record_website_check(...)])``. ``same``: the texts match; otherwise
    ``finding`` says what is wrong and stays a repair until a check succeeds. ``by``: who ran the check (``call.caller.who``), ''
    for nobody.
    """
    entry = rules.Entry(f"house:{_WEBSITE}", "house", _WEBSITE, {_WEBSITE: finding if same else ""})
    before = state.checks.get(entry.key) or model.Check(entry.key)
    word = rules.Word(by, now.utc_ns, defect="" if same else finding or "the posted policy is not the adopted one")
    return put("checks", entry.key, rules.entered(before, entry, word))


# --- repairs ------------------------------------------------------------------------------------------------------


def async_raise_repairs(authorizer: Authorizer) -> int:
    """Update the checklist's repairs: after each change, and periodically as days pass. Returns how many there are."""
    state, now, repairs = authorizer.store.state, authorizer.now(), authorizer.frame.repairs
    wanted = {**_defects(state), **_due(state, now)}
    for issue, (owner, severity, sentence, step) in wanted.items():
        repairs.async_create(issue, camera_id=owner, severity=severity, sentence=sentence, next_step=step)
    for repair in repairs.async_all():
        if repair.issue_id.startswith(_ISSUES) and repair.issue_id not in wanted:
            repairs.async_delete(repair.issue_id)
    return len(wanted)


type _Repairs = dict[str, tuple[str | None, Severity, str, str]]


def _defects(state: State) -> _Repairs:
    """Return repairs for open defects of cameras and of the building; an entrance's defect is in its sign's repair."""
    found: _Repairs = {}
    for key, row in state.checks.items():
        kind, _, id_ = key.partition(":")
        if not row.defect or kind == "entrance" or (kind == "camera" and id_ not in state.cameras):
            continue
        if kind == "house" and id_ not in {*state.policy.checks, _WEBSITE}:
            continue  # the policy in force no longer asks for it
        since = times.local_day(row.defect_utc_ns) if row.defect_utc_ns is not None else "an unknown day"
        if kind == "camera":
            enter = f"`holdshelf checklist enter {rules.subject_code(kind, id_)}.all --mended DAY`"
            found[f"{_ISSUES}{key}"] = (
                id_,
                "warning",
                f"{state.camera_words(id_)} has a defect since {since}: {row.defect} (P4).",
                f"Fix it, check it on a walk, then run {enter}.",
            )
        else:
            step = "`holdshelf policy check`" if id_ == _WEBSITE else f"`holdshelf checklist enter house.{id_}`"
            found[f"{_ISSUES}{key}"] = (
                None,
                "warning",
                f"house.{id_} on the checklist has a defect since {since}: {row.defect}.",
                f"Fix it, then run {step}.",
            )
    return found


def _due(state: State, now: Now) -> _Repairs:
    """Return repairs for points not checked within the Board's time limit: one for the cameras, one for the building."""
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
        first = points[0]
        cited = f" ({first.clause})" if first.clause else ""
        begin = f"It is for the {first.by}" if first.by else "Take care of it"
        found[f"{_ISSUES}house"] = (
            None,
            "notice",
            f"{_some(codes)} {'is' if len(codes) == 1 else 'are'} due on the checklist{cited}.",
            f"{begin}; then the {state.policy.whoever_may('checklist.enter')} runs "
            f"`holdshelf checklist enter {codes[0]}`.",
        )
    return found


def _some(names: list[str]) -> str:
    """Return e.g. 'a, b, c and 9 more'."""
    rest = len(names) - _NAMED
    return listed([*names[:_NAMED], f"{rest} more"] if rest > 1 else names)
