"""Requests and answers of the local API on entrances and commissioning. Times are UTC ns.

Corners of masks are in 0…10000 of the picture's width and height, as in ``policy.model.Mask``.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import PICTURES, Act, ActSpec, Read, ReadSpec, Shows


class EntranceAdd(Act["EntranceRow"], frozen=True):
    """Register a door that the public uses to enter (P3)."""

    spec = ActSpec("entrance.add", "entrance.edit", changes=True)

    name: str
    sign: str = ""


class EntranceAttest(Act["EntranceRow"], frozen=True):
    """Attest a checked sign: it is up, legible and lit; or ``defect`` says what is wrong, and it is not attested.

    ``on``: local day of the check ('' today). ``next_check``: local day ('' the Board's default). ``checker``: who checked, if
    not the person entering it.
    """

    spec = ActSpec("entrance.attest", changes=True)

    entrance: str
    sign: str = ""
    """The sign's text version and size. '' leaves it unchanged."""
    language: str = ""
    legible: bool = False
    lit: bool = False
    defect: str = ""
    checker: str = ""
    on: str = ""
    next_check: str = ""


class EntranceWaive(Act["EntranceRow"], frozen=True):
    """Waive the sign for some days; ``days`` None: as many as the Board allows."""

    spec = ActSpec("entrance.waive", changes=True)

    entrance: str
    why: str
    days: int | None = None


class EntranceRemove(Act["EntranceRow"], frozen=True):
    """Remove an entrance that is walled up or was entered by mistake."""

    spec = ActSpec("entrance.remove", "entrance.edit", changes=True)

    entrance: str
    why: str


class EntranceRow(msgspec.Struct, frozen=True):
    """An entrance and its sign.

    ``state``: attested | check due | defect | waived | waiver ended | not attested | removed. ``ready``: this entrance does not
    keep a camera from being approved. People are given by name.
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


class CommissionEdit(Act["CommissionRow"], frozen=True):
    """Prepare a camera for use. What is None or '' stays unchanged.

    ``masks``: the complete new set; [] needs ``no_masks_why``. New masks are burned in at once, and a camera in use must be
    approved again; ``why`` is required then.
    """

    spec = ActSpec("commission.edit", changes=True)

    camera: str
    masks: list[MaskAsk] | None = None
    no_masks_why: str = ""
    exterior: bool | None = None
    area_kind: str = ""
    area_note: str = ""
    why: str = ""


class CommissionStill(Act["StillRow"], frozen=True):
    """Request a picture from a camera that is not in use. ``masked``: as it would be approved, and its reference from now on;
    otherwise without its masks, for drawing them."""

    spec = ActSpec("commission.still", timeout_s=40, shows=Shows(PICTURES))

    camera: str
    masked: bool = True


class StillRow(msgspec.Struct, frozen=True):
    """A still for commissioning: a JPEG with the legend burned in, and the hash by which it is approved."""

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
    """Height of the picture in rows, in which masks are drawn; the legend is below it."""


class CommissionApprove(Act["CommissionRow"], frozen=True):
    """Approve a camera for use: ``still_sha256`` is that of its masked still, or at least its first eight digits."""

    spec = ActSpec("commission.approve", changes=True)

    camera: str
    still_sha256: str
    not_private: bool = False
    paper_sha256: str = ""
    """Where the policy has somebody consent who has no key: their signed paper, and whose it is."""
    seat: str = ""
    consulted: list[str] = []
    """Roles that were consulted before, where the policy asks for it."""


class CommissionRow(msgspec.Struct, frozen=True):
    """A camera's commissioning. ``state``: new | approved | retired.

    ``lacking``: what prevents its approval; ``cautions``: what the approver should consider. Sentences.
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
    is_placed: bool = False
    """Whether its kind of place is one that the policy lists, and explained where it has to be."""


class ReadEntrances(Read[list[EntranceRow]], frozen=True):
    """Return all entrances, removed ones last."""

    spec = ReadSpec("/rules/entrances", "camera.see")


class ReadCommissions(Read[list[CommissionRow]], frozen=True):
    """Return each camera's commissioning."""

    spec = ReadSpec("/rules/commissions", "camera.see")
