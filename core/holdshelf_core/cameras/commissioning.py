"""The commissioning of cameras and the signs at entrances: as rows, and as repairs with their next step.

Reads only. A sign that lapses, or a camera that nobody approved, is reported in words; neither ever stops recording (P3).
"""

from __future__ import annotations

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.cameras import commission_types as types
from holdshelf_core.integration.repairs import Severity
from holdshelf_core.policy import commissioning as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.state import State

_ISSUES = ("commission:", "entrance:")


def entrance_state(row: model.Entrance, now: Now) -> str:
    """Return attested | check due | defect | waived | waiver ended | not attested | removed."""
    if row.removed_utc_ns is not None:
        return "removed"
    if row.attested_utc_ns is not None and not now.ended(row.next_check_utc_ns):
        return "attested"
    if rules.waived(row, now):
        return "waived"
    if row.defect:
        return "defect"
    if row.attested_utc_ns is not None:
        return "check due"
    return "waiver ended" if row.waived_until_utc_ns is not None else "not attested"


def entrance_row(state: State, row: model.Entrance, now: Now) -> types.EntranceRow:
    """Return the row that `entrance list` shows."""
    return types.EntranceRow(
        id=row.id,
        name=row.name,
        sign=row.sign,
        language=row.language,
        state=entrance_state(row, now),
        ready=row.removed_utc_ns is not None or rules.sign_problem(row, now) is None,
        attested_by=state.name_of(row.attested_by) if row.attested_by else "",
        attested_utc_ns=row.attested_utc_ns,
        checker=row.checker,
        next_check_utc_ns=row.next_check_utc_ns,
        defect=row.defect,
        waived_by=state.name_of(row.waived_by) if row.waived_by else "",
        waived_until_utc_ns=row.waived_until_utc_ns,
        waived_why=row.waived_why,
        removed_utc_ns=row.removed_utc_ns,
    )


def lacking(state: State, row: model.Commission, now: Now) -> list[str]:
    """Return what prevents a camera's approval, as sentences; [] when nothing does."""
    found = rules.problems(state, row.camera, now)
    if row.camera in state.cameras and (undrawn := rules.masks_problem(state, row.camera)) is not None:
        found.append(undrawn)
    return [f"{problem.sentence} {problem.who}" for problem in found]


def commission_row(state: State, camera: str, now: Now) -> types.CommissionRow:
    """Return the row that `camera commission CAMERA` shows, also for a retired camera."""
    row = state.commissions.get(camera) or model.Commission(camera)
    facts = state.cameras.get(camera)
    kind = facts.area_kind if facts is not None else row.area_kind
    return types.CommissionRow(
        camera=camera,
        name=state.camera_words(camera),
        state=row.state,
        area_kind=kind,
        area_words=state.policy.place_words(kind),
        is_placed=kind in state.policy.places
        and not (facts is not None and state.policy.needs_note(kind) and not facts.area_note.strip()),
        area_note=facts.area_note if facts is not None else "",
        masks=[types.MaskAsk(list(mask.points), mask.why) for mask in row.masks],
        mask_version=row.mask_version,
        no_masks_why=row.no_masks_why,
        exterior=row.exterior,
        still_utc_ns=row.still_utc_ns,
        still_sha256=row.still_sha256,
        approved_by=state.name_of(row.approved_by) if row.approved_by else "",
        approved_utc_ns=row.approved_utc_ns,
        lacking=lacking(state, row, now) if row.state == "new" else [],
        cautions=[caution.sentence + " " + caution.who for caution in rules.cautions(state, camera)],
    )


@handles(types.ReadEntrances)
async def _entrances(asked: Reading[types.ReadEntrances]) -> list[types.EntranceRow]:
    rows = sorted(asked.state.entrances.values(), key=lambda row: (row.removed_utc_ns is not None, row.id))
    return [entrance_row(asked.state, row, asked.now) for row in rows]


@handles(types.ReadCommissions)
async def _commissions(asked: Reading[types.ReadCommissions]) -> list[types.CommissionRow]:
    """Return each camera that the caller may know about, then the retired ones."""
    known = dict.fromkeys([*asked.state.cameras, *asked.state.commissions])
    cameras = [camera for camera in known if asked.authorizer.may_read(types.ReadCommissions, asked.caller, camera)]
    return [commission_row(asked.state, camera, asked.now) for camera in cameras]


# --- repairs ---------------------------------------------------------------------------------------------------------


def async_raise_repairs(authorizer: Authorizer) -> None:
    """Update the repairs about signs and commissioning: after each change, and periodically as days pass."""
    state, now, repairs = authorizer.store.state, authorizer.now(), authorizer.frame.repairs
    wanted: dict[str, tuple[str | None, Severity, str, str]] = {}
    who = state.policy.whoever_may("commission.approve")
    for camera, facts in state.cameras.items():
        row = state.commissions.get(camera)
        if row is None or row.state == "new":
            wanted[f"commission:{camera}"] = (
                camera,
                "notice",
                f"{facts.name} is recorded, but nobody may look at it until the {who} has approved it (P4).",
                f"The {who} must approve it: `holdshelf camera commission {camera}`.",
            )
        elif row.state == "approved" and facts.area_kind not in state.policy.places:
            words = state.policy.place_words(facts.area_kind)
            wanted[f"commission:{camera}"] = (
                camera,
                "warning",
                f"{facts.name} is in use in a place that the policy does not list: {words} (P4).",
                f"Say what place it is (`holdshelf camera move {camera} --area KIND --why WHY`), or have it taken down.",
            )
    for entrance in state.entrances.values():
        check = state.checks.get(f"entrance:{entrance.id}")
        found = _sign_repair(entrance, now, mended=check is not None and check.mended_utc_ns is not None)
        if found is not None:
            wanted[f"entrance:{entrance.id}"] = (None, "warning", *found)
    for issue, (owner, severity, sentence, step) in wanted.items():
        repairs.async_create(issue, camera_id=owner, severity=severity, sentence=sentence, next_step=step)
    for repair in repairs.async_all():
        if repair.issue_id.startswith(_ISSUES) and repair.issue_id not in wanted:
            repairs.async_delete(repair.issue_id)


def _sign_repair(row: model.Entrance, now: Now, *, mended: bool = False) -> tuple[str, str] | None:
    attest = f"Check it, then run `holdshelf entrance attest {row.id} --legible --lit`."
    match entrance_state(row, now):
        case "defect":
            return f"The sign at {row.name} has a defect: {row.defect} (P3).", f"Fix it. {attest}"
        case "check due":
            return f"The sign at {row.name} was due for a check by {_day(row.next_check_utc_ns)} (P3).", attest
        case "waiver ended":
            return f"The sign at {row.name} was waived until {_day(row.waived_until_utc_ns)} (P3).", attest
        case "not attested" if mended:
            return f"The sign at {row.name} was repaired but has not been attested again (P3).", attest
        case "not attested":
            return f"The sign at {row.name} has never been attested (P3).", attest
    return None


def _day(utc_ns: int | None) -> str:
    """Return the last day before that time."""
    return times.local_day(utc_ns - 1) if utc_ns is not None else "an unknown day"
