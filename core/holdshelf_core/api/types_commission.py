"""Entrances, commissioning, changes to cameras and capacity, over the local socket. Times are UTC ns.

Corners of masks are in 0…10000 of the picture's width and height, as ``policy.model.Mask`` keeps them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class EntranceAdd(msgspec.Struct, frozen=True):
    """A door that the public comes in by (P3)."""

    name: str
    sign: str = ""


class EntranceAttest(msgspec.Struct, frozen=True):
    """Somebody looked at the sign: it is up, legible and lit; or ``defect`` says what is wrong, and it is not attested.

    ``on``: local day of the check ('' today). ``next_check``: local day ('' as the Board set it). ``checker``: who looked,
    where that is not who says so here.
    """

    entrance: str
    sign: str = ""
    """What hangs there: text version, size. '' as before."""
    language: str = ""
    legible: bool = False
    lit: bool = False
    defect: str = ""
    checker: str = ""
    on: str = ""
    next_check: str = ""


class EntranceWaive(msgspec.Struct, frozen=True):
    """Go without a sign for some days; ``days`` None: as many as the Board allows."""

    entrance: str
    why: str
    days: int | None = None


class EntranceRemove(msgspec.Struct, frozen=True):
    """The entrance is walled up, or was never one."""

    entrance: str
    why: str


class EntranceRow(msgspec.Struct, frozen=True):
    """An entrance and its sign.

    ``state``: attested | check due | defect | waived | waiver ended | not attested | removed. ``ready``: a camera may be
    approved as far as this entrance goes. Names of persons are resolved.
    """

    id: str
    name: str
    sign: str
    language: str
    state: str
    ready: bool
    attested_by: str
    attested_utc_ns: int | None
    checker: str
    next_check_utc_ns: int | None
    defect: str
    waived_by: str
    waived_until_utc_ns: int | None
    waived_why: str
    removed_utc_ns: int | None = None


class MaskAsk(msgspec.Struct, frozen=True):
    """A polygon in which nothing is ever shown (P6)."""

    points: list[tuple[int, int]]
    why: str = ""


class CommissionEdit(msgspec.Struct, frozen=True):
    """Prepare a camera for use. What is None or '' stays as it is.

    ``masks``: all of them, replacing what was drawn; [] needs ``no_masks_why``. New masks are burned in at once, and a camera
    that was in use is out of it until it is approved anew; ``why`` is needed then.
    """

    camera: str
    masks: list[MaskAsk] | None = None
    no_masks_why: str = ""
    exterior: bool | None = None
    area_kind: str = ""
    area_note: str = ""
    why: str = ""


class CommissionStill(msgspec.Struct, frozen=True):
    """What the camera sees now, while it is not in use. ``masked``: as it would be approved, and its reference from now on;
    else without its masks, to draw them by."""

    camera: str
    masked: bool = True


class StillRow(msgspec.Struct, frozen=True):
    """A still for commissioning: a JPEG with the legend burned in, and its hash, by which it is approved."""

    seq: int
    camera: str
    jpeg: bytes
    sha256: str
    shown_utc_ns: int
    width: int
    height: int
    masked: bool
    mask_version: int
    picture_height: int = 0
    """Rows of it that are picture, in which masks are drawn; the legend stands below."""


class CommissionApprove(msgspec.Struct, frozen=True):
    """Approve a camera for use: ``still_sha256`` is that of its masked still, or at least eight digits of its beginning."""

    camera: str
    still_sha256: str
    not_private: bool = False


class CommissionRow(msgspec.Struct, frozen=True):
    """A camera's commissioning. ``state``: new | approved | retired.

    ``lacking``: what stands in the way of its approval; ``cautions``: what the approver is asked to think of. Sentences.
    """

    camera: str
    name: str
    state: str
    area_kind: str
    area_words: str
    area_note: str
    masks: list[MaskAsk]
    mask_version: int
    no_masks_why: str
    exterior: bool
    still_utc_ns: int | None
    still_sha256: str
    approved_by: str
    approved_utc_ns: int | None
    lacking: list[str]
    cautions: list[str]


class CameraRemove(msgspec.Struct, frozen=True):
    """Stop recording a camera and forget it; its footage is erased on schedule. Also a seat's `camera retire`."""

    camera: str
    why: str = ""


class CameraRename(msgspec.Struct, frozen=True):
    """Call it something else. ``questioned``: confirms that it sees no private area, whatever its name."""

    camera: str
    name: str
    questioned: bool = False


class CameraMove(msgspec.Struct, frozen=True):
    """It looks at another place from now on: it must be commissioned anew."""

    camera: str
    area_kind: str
    why: str
    area_note: str = ""
    name: str = ""
    questioned: bool = False


class CameraCheck(msgspec.Struct, frozen=True):
    """Try a camera again, with new credentials if given."""

    camera: str
    username: str | None = None
    password: str | None = None
    accept_certificate: bool = False
    """Whatever certificate it shows now is its own from now on."""


class CameraAsk(msgspec.Struct, frozen=True):
    """One camera, by id or name."""

    camera: str


class CameraDetails(msgspec.Struct, frozen=True):
    """What a camera tells of itself, as its integration found it; without hosts and secrets."""

    camera: str
    told: dict[str, Any]


class CapacitySet(msgspec.Struct, frozen=True):
    """Room that footage may take, and the floor in days. What is neither given nor cleared stays as it is."""

    why: str
    budget_bytes: int | None = None
    default_budget: bool = False
    floor_days: float | None = None
    no_floor: bool = False


class CapacityRow(msgspec.Struct, frozen=True):
    """What holds now. ``budget_bytes`` None: 90 % of the volume."""

    seq: int
    budget_bytes: int | None
    floor_days: float | None
    in_force_bytes: int | None
    """What the budget comes to on the disk that is attached; None without one."""
