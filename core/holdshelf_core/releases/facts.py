"""What a bundle is made from and what it says about itself: plain data, resolved for readers outside the library.

Times are UTC ns here and RFC 3339 with nine decimals in a bundle's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.policy.model import MovingBox, Span
from holdshelf_core.times import rfc3339

MASKED, ORIGINAL = "masked", "original"


class PaperSaid(msgspec.Struct, frozen=True):
    """The paper behind a release, in words."""

    words: str
    issuer: str
    docket: str
    agency: str
    officer: str
    judge: bool
    sha256: str
    lapses: str
    asks_original: bool


class BoxSaid(msgspec.Struct, frozen=True):
    """A box drawn over somebody; ``points``: [time, left, top, right, bottom], the sides in 0…10000 of the picture."""

    camera: str
    points: list[tuple[str, int, int, int, int]]


def boxes_told(boxes: Sequence[MovingBox]) -> list[BoxSaid]:
    """Return the boxes as manifest.json has them."""
    return [
        BoxSaid(box.camera, [(rfc3339(p.at_utc_ns), p.left, p.top, p.right, p.bottom) for p in box.points])
        for box in boxes
    ]


class OthersSaid(msgspec.Struct, frozen=True):
    """Whether other people are seen, who said so, and what was drawn over them; in manifest.json as it is."""

    seen: bool | None
    """None: nobody has said; it left in imminent danger."""
    words: str
    why: str
    """Why they are not masked, if they are not."""
    decided_by: str
    decided: str
    boxes: list[BoxSaid] = []


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a bundle's papers say, known before it is made."""

    release: str
    library: str
    contact: str
    basis_words: str
    reference: str
    kind: str
    """``masked`` or ``original``."""
    asked: tuple[Span, ...]
    given: tuple[Span, ...]
    paper: PaperSaid | None
    requested: str
    """'Dora Reed, 2026-11-24 14:00 -05:00'."""
    approved: str
    approval_paper_sha256: str
    exported: str
    made_utc_ns: int
    gates: tuple[tuple[str, str], ...]
    """(gate, result): ('The policy', 'The policy's gate passes …')."""
    caution: str
    policy_version: str
    policy_sha256: str
    policy_file_sha256: str
    """'' for the first library's policy, which is no file of the library's."""
    others: OthersSaid
    cameras: dict[str, str]
    """Names by id."""
    burns: dict[str, Burn]
    """By camera: the masks and the legend to burn in."""
    log_entry: int
    """Number of the log entry under which this bundle is made."""
    version: str


class SigningCertificate(msgspec.Struct, frozen=True):
    """A certificate with which a camera signed its pictures; ``file``: its chain (PEM) in the bundle."""

    subject: str
    issuer: str
    serial: str
    sha256: str
    groups: int
    """Groups of pictures whose signature fits it."""
    is_chained: bool
    file: str


class SignedDifference(msgspec.Struct, frozen=True):
    """A stretch that is not as the camera signed it."""

    kind: str
    words: str
    start: str
    end: str


class CameraSignature(msgspec.Struct, frozen=True):
    """What the camera itself signed of a video; groups are groups of pictures."""

    form: str
    """onvif, axis (kept and not checked), or '' for nothing."""
    words: str
    groups: int = 0
    verified: int = 0
    edges: int = 0
    differences: list[SignedDifference] = []
    certificates: list[SigningCertificate] = []
    kept: str = ""
    """File with the message in which the camera sent its certificates before this video began (Annex B); '' for none."""
    more_differences: int = 0
    """How many there are beside those in ``differences``."""


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """One MP4 of a bundle, as listed in manifest.json."""

    file: str
    sha256: str
    bytes: int
    camera: str
    camera_name: str
    codec: str
    width: int
    height: int
    frames: int
    asked_start: str
    asked_end: str
    in_point: str
    """When its first frame was shown: a key frame, at or before the requested start."""
    end: str
    """When its last frame ended."""
    masks_version: int | None
    """None: nothing is hidden."""
    masks: int | None = None
    """Number of masks in that version: 0 for a camera approved without any. None: an original."""
    boxes: int = 0
    """Number of boxes drawn over other people that are in its time."""
    damaged_frames: int
    """Frames whose picture the decoder had to guess in part."""
    original_sha256: str
    """Hash of the file with the same stretch as the camera sent it; equal to ``sha256`` if this is that file."""
    sources: list[dict[str, Any]]
    """Its source files: seq, name, day, start, sha256; and `from_camera` for what was recovered from the camera."""
    recovered_from_camera: bool = False
    """It was not recorded by the service, but by the camera itself, and fetched later."""
    camera_signature: CameraSignature | None = None
    """None: a masked copy, whose pictures no camera signed, or made before it was looked at."""


class Gap(msgspec.Struct, frozen=True):
    """Requested footage that is not in the bundle. ``kind``: gap | erased | missing | unreadable."""

    camera: str
    kind: str
    start: str
    end: str
    reason: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """manifest.json."""

    holdshelf_release: int
    release: str
    library: str
    made: str
    kind: str
    reference: str
    basis: str
    asked: list[dict[str, str]]
    given: list[dict[str, str]]
    paper_sha256: str
    approval_paper_sha256: str
    videos: list[Video]
    missing: list[Gap]
    log_head: str
    log_key: str
    log_entries: list[int]
    policy_version: str
    policy_sha256: str
    policy_file_sha256: str = ""
    """'' for the first library's policy, and in bundles from before this was written down."""
    signing_key: str
    namespace: str
    principal: str
    made_with: str
    others: OthersSaid | None = None
    """None: made before this was asked."""


class Made(msgspec.Struct, frozen=True):
    """A complete bundle, as stored in the register."""

    files: int
    """All files in the folder, lists and signature included."""
    bytes: int
    """Size of the files that SHA256SUMS lists."""
    sums_sha256: str
    """Hash of SHA256SUMS, the file that is signed."""
    fingerprint: str
    """Fingerprint of the signing key."""
    videos: int
    kind: str
    missing: int
