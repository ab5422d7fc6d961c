"""Commissioning a camera: a permitted place (P4, P5), a sign at every entrance (P3), masks (P6), a person's approval.

Signs are required when a camera is commissioned: one that lapses later is a repair, and stops neither recording nor viewing.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.policy.areas import PERMITTED, questionable_name
from holdshelf_core.policy.instants import Now, day_words
from holdshelf_core.policy.model import Commission, Entrance, Mask
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import OTHER

_USUAL = frozenset(area.kind for area in PERMITTED)
_OUTDOORS = frozenset({"parking", "entrance"})
_WITH_SCREENS = frozenset({"service-desk", "seating", "collections", "community-room"})


class Problem(msgspec.Struct, frozen=True):
    """What prevents an approval, and who can help."""

    clause: str
    sentence: str
    who: str


def problems(state: State, camera: str, now: Now) -> list[Problem]:
    """Return everything that prevents approving a camera for use now, most serious first. Empty: it may be approved."""
    facts = state.cameras.get(camera)
    if facts is None:
        return [Problem("P4", f"There is no camera {camera[:40]!r}.", "See `holdshelf camera list`.")]
    found: list[Problem] = []
    policy = state.policy
    if facts.area_kind in policy.private_places:
        words = policy.private_places[facts.area_kind]
        found.append(
            Problem("P5", f"{facts.name} is in a private place ({words}).", "Have it taken down; nobody can allow it.")
        )
    elif facts.area_kind not in policy.places:
        found.append(Problem("P4", f"{facts.name} has no area that the policy lists.", "The admin sets its area."))
    elif policy.needs_note(facts.area_kind) and not facts.area_note.strip():
        other = "other " if facts.area_kind == OTHER else ""
        found.append(
            Problem("P4", f"Nobody has said which {other}place {facts.name} is in, or why.", "The admin adds a note.")
        )
    found += sign_problems(state, now)
    row = state.commissions.get(camera)
    if row is None or not row.still_sha256:
        found.append(
            Problem("P4", f"{facts.name} has no reference still to approve.", "Look at its still and take it first.")
        )
    return found


def masks_problem(state: State, camera: str) -> Problem | None:
    """Return a problem when nobody has drawn masks or said why none are needed."""
    row = state.commissions.get(camera) or Commission(camera)
    if row.masks or row.no_masks_why.strip():
        return None
    words = state.camera_words(camera)
    return Problem(
        "P6", f"Nobody has drawn {words}'s masks, nor said why there is nothing to mask.", "Draw them, or say why not."
    )


def sign_problems(state: State, now: Now) -> list[Problem]:
    """Return the entrances whose sign is neither attested nor waived now, or that there is no entrance at all."""
    standing = [entrance for entrance in state.entrances.values() if entrance.removed_utc_ns is None]
    if not standing:
        return [Problem("P3", "No entrance is registered yet.", "Register each entrance and attest its sign.")]
    return [problem for entrance in standing if (problem := sign_problem(entrance, now)) is not None]


def sign_problem(entrance: Entrance, now: Now) -> Problem | None:
    """Return why an entrance's sign does not count now: never attested, its check overdue, its waiver over."""
    if entrance.attested_utc_ns is not None and not entrance.defect and not now.ended(entrance.next_check_utc_ns):
        return None
    if waived(entrance, now):
        return None
    if entrance.defect:
        return Problem(
            "P3", f"The sign at {entrance.name} has a defect: {entrance.defect}.", "Repair it and attest it again."
        )
    if entrance.waived_until_utc_ns is not None and (entrance.attested_utc_ns or 0) < entrance.waived_until_utc_ns:
        since = day_words(entrance.waived_until_utc_ns, now.zone)
        return Problem(
            "P3", f"The waiver for the sign at {entrance.name} ended on {since}.", "Hang the sign and attest it."
        )
    if entrance.attested_utc_ns is not None and entrance.next_check_utc_ns is not None:
        since = day_words(entrance.next_check_utc_ns, now.zone)
        return Problem(
            "P3", f"The sign at {entrance.name} was to be checked by {since}.", "Check it and attest it again."
        )
    return Problem(
        "P3",
        f"Nobody has attested the sign at {entrance.name}.",
        "Put it up and attest it. A seat may waive it for a few days.",
    )


def waived(entrance: Entrance, now: Now) -> bool:
    """Return whether there is a waiver by a seat that has not lapsed, by either clock."""
    return (
        bool(entrance.waived_by)
        and entrance.waived_until_utc_ns is not None
        and not now.ended(entrance.waived_until_utc_ns)
    )


def not_in_use(state: State, camera: str, *, live: bool) -> Problem | None:
    """Return why nobody may view this camera: it was never approved; or, for a live look, it is retired."""
    row = state.commissions.get(camera)
    words = state.camera_words(camera)
    if row is not None and row.state == "approved":
        return None
    if row is not None and row.state == "retired" and row.approved_utc_ns is not None:
        return (
            Problem("P4", f"{words} is retired, so nothing live comes from it.", "Look at its recordings.")
            if live
            else None
        )
    return Problem(
        "P4",
        f"{words} records, but no seat has approved it for use yet.",
        "A seat, or a designee for it, commissions it.",
    )


def cautions(state: State, camera: str) -> list[Problem]:
    """Return what the approver should consider before the approval; it refuses nothing."""
    facts, row = state.cameras.get(camera), state.commissions.get(camera) or Commission(camera)
    if facts is None:
        return []
    found: list[Problem] = []
    word = questionable_name(facts.name)
    if word is not None:
        found.append(
            Problem(
                "P5", f"{facts.name} is named like a private place ({word}).", "Look: no private door, no view into it."
            )
        )
    # Of a kind of place that only this library names, nothing is known: then both are asked.
    own = facts.area_kind not in _USUAL
    if (own or facts.area_kind in _WITH_SCREENS) and not row.masks:
        found.append(Problem("P6", f"{facts.name} has no mask.", "Walk past: no title and no screen may be legible."))
    if (own or facts.area_kind in _OUTDOORS) and not row.exterior:
        found.append(
            Problem(
                "P8",
                f"{facts.name} is not marked as seeing beyond library property.",
                "Does it? Mind neighbors' windows.",
            )
        )
    return found


# --- rows as they become ------------------------------------------------------------------------------------------


def edited(row: Commission, *, masks: tuple[Mask, ...] | None = None, exterior: bool | None = None) -> Commission:
    """Return the row with other masks or another mark. The picture changes, so it is out of use until approved again."""
    changed = masks is not None and masks != row.masks
    return msgspec.structs.replace(
        row,
        masks=row.masks if masks is None else masks,
        mask_version=row.mask_version + 1 if changed else row.mask_version,
        exterior=row.exterior if exterior is None else exterior,
        state="new" if row.state != "retired" else row.state,
    )


def moved(row: Commission) -> Commission:
    """Return the row after the camera was moved or turned: its still is no longer a reference."""
    return msgspec.structs.replace(
        row, state="new", still_utc_ns=None, still_sha256="", approved_by="", approved_utc_ns=None
    )
