"""What a bundle is made from and what it says of itself: plain data, resolved for people who know nothing of this house.

Times are UTC ns here and RFC 3339 with nine decimals in a bundle's files.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.looking.picture_protocol import Burn
from holdshelf_core.policy.model import Span

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


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the papers of a bundle say, before anything is made."""

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
    """Who said what: ('The policy', 'The policy's gate passes …')."""
    caution: str
    policy_version: str
    policy_sha256: str
    cameras: dict[str, str]
    """Names by id."""
    burns: dict[str, Burn]
    """By camera: what is hidden and burned in."""
    log_entry: int
    """Of the access log: the one under which this bundle is made."""
    version: str


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """One MP4 of a bundle, as manifest.json has it."""

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
    """When its first frame was on display: a key frame, at or before what was asked for."""
    end: str
    """When its last frame had been shown."""
    masks_version: int | None
    """None: nothing is hidden."""
    masks: int | None = None
    """How many masks that version has: 0 is a camera that was approved without any. None: of an original."""
    damaged_frames: int
    """Those whose picture the decoder had to make up in part."""
    original_sha256: str
    """Of the file that holds the same stretch as the camera sent it; equal to ``sha256`` where this is it."""
    sources: list[dict[str, Any]]
    """Files of the archive that it was made from: seq, name, day, start, sha256."""


class Gap(msgspec.Struct, frozen=True):
    """What was asked for and is not in the bundle. ``kind``: gap | erased | unreadable."""

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
    signing_key: str
    namespace: str
    principal: str
    made_with: str


class Made(msgspec.Struct, frozen=True):
    """A bundle that is whole, as the register keeps it."""

    files: int
    """All of the folder, its lists and signature included."""
    bytes: int
    """Of those that SHA256SUMS lists."""
    sums_sha256: str
    """Of SHA256SUMS, which the signature is made of."""
    fingerprint: str
    """Of the key that signed it."""
    videos: int
    kind: str
    missing: int
