"""Requests and answers of the local API on recorded footage and its size. Times are UTC ns."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec
from holdshelf_core.api.types import GapRow


class SegmentRow(msgspec.Struct, frozen=True):
    """A stretch of footage, one file. ``open``: still being written, so its end is now.

    It tells neither its size nor how many pictures it has: many cameras send fewer while nothing moves.
    """

    camera: str
    seq: int
    start_utc_ns: int
    end_utc_ns: int
    codec: str
    width: int
    height: int
    sha256: str | None
    file: str
    recovered: bool
    erased: bool
    open: bool = False
    missing: bool = False
    """Its file is missing without having been erased on schedule."""
    from_camera: bool = False
    """Recovered from the camera's own recording, into a gap."""


class VerifyRequest(Read["VerifyReport"], frozen=True):
    """Verify footage; None means no restriction."""

    spec = ReadSpec("/verify", method="POST", timeout_s=86_400)

    camera: str | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    deep: bool = False


class MissingFile(msgspec.Struct, frozen=True):
    """A file that is missing without having been erased on schedule."""

    camera: str
    file: str
    """Path relative to the media folder."""
    seq: int
    start_utc_ns: int
    end_utc_ns: int


class CameraCertificate(msgspec.Struct, frozen=True):
    """The certificate with which a camera signs its pictures."""

    subject: str
    issuer: str
    serial: str
    sha256: str
    key: str
    """'EC secp256r1', 'RSA 2048'."""
    not_before_utc_ns: int
    not_after_utc_ns: int
    is_chained: bool
    """Each certificate that the camera sent was issued by the next one. Its maker's root is not known to Holdshelf."""
    groups: int
    """Groups of pictures whose signature fits it."""
    maker: str
    device_serial: str
    firmware: str
    """Maker, serial number and firmware by the camera's signed word."""
    chain: str
    """PEM, this certificate first."""


class SignedDifference(msgspec.Struct, frozen=True):
    """A stretch that is not as the camera signed it."""

    kind: str
    """changed | missing | order | signature | unsigned | unreadable | certificate | key."""
    words: str
    start_utc_ns: int
    end_utc_ns: int
    pictures: int = 0


class CameraSigned(msgspec.Struct, frozen=True):
    """What was found of one camera's own signatures."""

    camera: str
    form: str
    """onvif | axis (kept, and not checked) | '' (not signed)."""
    words: str
    """'signed by the camera (…); 12 of 12 groups of pictures verified'."""
    groups: int = 0
    verified: int = 0
    edges: int = 0
    """Groups of pictures that are cut off where footage begins or ends, and cannot be verified."""
    unsigned_s: int = 0
    """Seconds without any signature, of a camera that has some."""
    differences: list[SignedDifference] = []
    more_differences: int = 0
    """How many there are beside those in ``differences``."""
    certificates: list[CameraCertificate] = []


class VerifyReport(msgspec.Struct, frozen=True):
    """What was verified, and the problems found."""

    segments: int
    problems: list[str]
    proven: int = 0
    """Journal lines of files, erased ones too, that match what the access log anchored."""
    unanchored: int = 0
    """Files recorded since the last anchor."""
    missing: list[MissingFile] = []
    notes: list[str] = []
    """What could not be checked, and other remarks; not problems."""
    signed: list[CameraSigned] = []
    """By camera; only with ``deep``."""


class Plan(msgspec.Struct, frozen=True):
    """The disk size for a number of cameras."""

    cameras: int
    mbps: float
    days: float
    footage_bytes: int
    disk_bytes: int
    bytes_per_day: int
    bytes_per_s: int
    inodes: int


class ReadFootage(Read[list[SegmentRow]], frozen=True):
    """Return recorded segments; without a span, of the last day."""

    spec = ReadSpec("/footage", "camera.see")

    camera: str | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None


class ReadGaps(Read[list[GapRow]], frozen=True):
    """Return stretches without footage; without a span, of the last day."""

    spec = ReadSpec("/gaps", "camera.see")

    camera: str | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None


class CapacitySet(Act["CapacityRow"], frozen=True):
    """Set the room for footage, and the floor in days. A value neither given nor cleared stays unchanged."""

    spec = ActSpec("capacity.set", changes=True)

    why: str
    budget_bytes: int | None = None
    default_budget: bool = False
    floor_days: float | None = None
    no_floor: bool = False


class CapacityRow(msgspec.Struct, frozen=True):
    """The values now in effect. ``budget_bytes`` None: 90% of the volume."""

    seq: int
    budget_bytes: int | None
    floor_days: float | None
    in_force_bytes: int | None
    """The budget in bytes on the attached disk; None without one."""
