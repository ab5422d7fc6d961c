"""What is known of cameras' commissioning and of the signs at entrances: as rows, and as repairs with their next step.

Reads only. A sign that lapses, or a camera that nobody approved, is said in words; neither ever stops a recording (P3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdshelf_core import times
from holdshelf_core.api import types_commission as types
from holdshelf_core.areas import PERMITTED
from holdshelf_core.caller import Caller
from holdshelf_core.integration.repairs import Severity
from holdshelf_core.policy import commissioning as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.state import State

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

AREA_WORDS = {area.kind: area.words for area in PERMITTED}
_ISSUES = ("commission:", "entrance:")


def entrance_state(row: model.Entrance, now: Now) -> str:
    """attested | check due | defect | waived | waiver ended | not attested | removed."""
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
    """As `entrance list` shows it."""
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
    """What stands between a camera and its approval, as sentences; [] when nothing does."""
    found = rules.problems(state, row.camera, now)
    if row.camera in state.cameras and (undrawn := rules.masks_problem(state, row.camera)) is not None:
        found.append(undrawn)
    return [f"{problem.sentence} {problem.who}" for problem in found]


def commission_row(state: State, camera: str, now: Now) -> types.CommissionRow:
    """As `camera commission CAMERA` shows it; also of a camera that was retired."""
    row = state.commissions.get(camera) or model.Commission(camera)
    facts = state.cameras.get(camera)
    kind = facts.area_kind if facts is not None else row.area_kind
    return types.CommissionRow(
        camera=camera,
        name=state.camera_words(camera),
        state=row.state,
        area_kind=kind,
        area_words=AREA_WORDS.get(kind, kind),
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


async def async_entrances(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> list[types.EntranceRow]:
    """The view ``entrances``: all of them, removed ones last."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    rows = sorted(state.entrances.values(), key=lambda row: (row.removed_utc_ns is not None, row.id))
    return [entrance_row(state, row, now) for row in rows]


async def async_commissions(
    holdshelf: Holdshelf, caller: Caller, _query: Mapping[str, str]
) -> list[types.CommissionRow]:
    """The view ``commissions``: each camera of the house that the caller may know of, then the retired ones."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    known = dict.fromkeys([*state.cameras, *state.commissions])
    cameras = [camera for camera in known if holdshelf.gate.view_allowed("commissions", caller, camera)]
    return [commission_row(state, camera, now) for camera in cameras]


# --- repairs ---------------------------------------------------------------------------------------------------------


def async_raise_repairs(holdshelf: Holdshelf) -> None:
    """Bring the repairs about signs and commissioning up to date: after each change, and now and then as days pass."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    wanted: dict[str, tuple[str | None, Severity, str, str]] = {}
    for camera, facts in state.cameras.items():
        row = state.commissions.get(camera)
        if row is None or row.state == "new":
            wanted[f"commission:{camera}"] = (
                camera,
                "notice",
                f"{facts.name} is recorded, and nobody may look at it before a seat has commissioned it (P4).",
                f"Have a seat look at `holdshelf camera commission {camera}`.",
            )
    for entrance in state.entrances.values():
        check = state.checks.get(f"entrance:{entrance.id}")
        found = _sign_repair(entrance, now, mended=check is not None and check.mended_utc_ns is not None)
        if found is not None:
            wanted[f"entrance:{entrance.id}"] = (None, "warning", *found)
    for issue, (owner, severity, sentence, step) in wanted.items():
        holdshelf.repairs.async_create(issue, camera_id=owner, severity=severity, sentence=sentence, next_step=step)
    for repair in holdshelf.repairs.async_all():
        if repair.issue_id.startswith(_ISSUES) and repair.issue_id not in wanted:
            holdshelf.repairs.async_delete(repair.issue_id)


def _sign_repair(row: model.Entrance, now: Now, *, mended: bool = False) -> tuple[str, str] | None:
    attest = f"Check it, then `holdshelf entrance attest {row.id} --legible --lit`."
    match entrance_state(row, now):
        case "defect":
            return f"The sign at {row.name} has a defect: {row.defect} (P3).", f"Mend it. {attest}"
        case "check due":
            return f"The sign at {row.name} was to be checked by {_day(row.next_check_utc_ns)} (P3).", attest
        case "waiver ended":
            return f"The sign at {row.name} was waived until {_day(row.waived_until_utc_ns)} (P3).", attest
        case "not attested" if mended:
            return f"The sign at {row.name} was mended and is not attested again yet (P3).", attest
        case "not attested":
            return f"The sign at {row.name} was never attested (P3).", attest
    return None


def _day(utc_ns: int | None) -> str:
    """The last day before that instant."""
    return times.local_day(utc_ns - 1) if utc_ns is not None else "an unknown day"
