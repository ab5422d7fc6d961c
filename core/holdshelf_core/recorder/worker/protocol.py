"""Messages between the service and a recorder worker, over one SOCK_SEQPACKET socket pair.

A message is one packet (msgpack), so the kernel keeps its boundaries; a granted segment's descriptor is sent with its message
(SCM_RIGHTS). The worker opens no file: it gets descriptors and returns facts. Messages about a camera stay in order.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from holdshelf_core.processes.worker_link import Quit, Ready, WorkerLink

# A worker talks to hostile cameras and may be compromised: its messages are validated against what a worker would send.
type Name = Annotated[str, Meta(max_length=64)]
type Words = Annotated[str, Meta(max_length=300)]
type Host = Annotated[str, Meta(min_length=1, max_length=253)]
type Number = Annotated[int, Meta(ge=0)]
type Side = Annotated[int, Meta(ge=0, le=65_536)]


class Replay(msgspec.Struct, frozen=True):
    """Which part of a camera's own recording is to be fetched. ``start_utc_ns``, ``end_utc_ns``: of the gap, by our clock then.

    ``shift_ns``: to be added to get the camera's time. The other facts go into its segments.
    """

    start_utc_ns: int
    end_utc_ns: int
    shift_ns: int
    gap: int
    fetched_utc_ns: int
    offset_ns: int
    bytes_per_s: int


class Record(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: connect to this camera and keep recording it."""

    camera: str
    url: str
    username: str | None
    password: str | None
    transport: str
    boot: str
    segment_s: float
    certificate_sha256: str | None = None
    not_before_boot_ns: int = 0
    """What was recorded before ends here: no segment begins earlier."""
    replay: Replay | None = None
    """Not the live stream, but this part of what the camera has recorded itself; once."""


class Forget(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: finish this camera's segment and disconnect it."""

    camera: str


class Grant(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: an open, empty segment file (the descriptor comes with it)."""

    camera: str
    seq: int


class Deny(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: no segment now. Ask again at a later key frame."""

    camera: str
    reason: str


class Cut(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: close this segment now (its reserved room is used up and no more is available)."""

    camera: str
    seq: int


class Named(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: the numeric addresses of a host; empty when unknown."""

    host: str
    addresses: list[str]


class Resolve(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: resolve this host. A confined worker cannot look it up."""

    host: Host


class Want(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: this camera will need a segment soon."""

    camera: Name


class Started(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: the first frame of a segment has arrived. ``why``: reason for a new run, '' when the run continues."""

    camera: Name
    seq: Number
    start_utc_ns: Number
    start_boot_ns: int
    run: Name
    codec: Name
    width: Side
    height: Side
    why: Words = ""


class Closed(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a segment is complete; every byte was written to the kernel."""

    camera: Name
    seq: Number
    start_utc_ns: Number
    start_boot_ns: int
    duration_ns: Number
    run: Name
    boot: Name
    bytes: Number
    sha256: Name
    codec: Name
    width: Side
    height: Side
    frames: Number
    activity: Annotated[list[Number], Meta(max_length=3600)]
    frames_root: Name = ""


class Torn(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: writing (``sync=False``) or fdatasync (``sync=True``) of a segment failed, at ``at_boot_ns``."""

    camera: Name
    seq: Number
    errno: Number
    sync: bool
    at_boot_ns: Number = 0


class Returned(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a granted segment was not used; its file is empty."""

    camera: Name
    seq: Number


class Dialing(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a connection attempt began."""

    camera: Name


class Lost(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: nothing is being recorded, and why (a gap reason of the disk format).

    ``at_boot_ns``: since when; no segment reported later begins earlier. 0: since now.
    """

    camera: Name
    reason: Words
    detail: Words
    retry_s: float
    at_boot_ns: Number = 0


class Fetched(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a replay is over. ``reason`` is empty when the camera had sent what it was asked for.

    ``frames``: how many were written; ``foreign``: how many were not, because they have other times than were asked for.
    """

    camera: Name
    reason: Words
    detail: Words
    frames: Number
    foreign: Number


class Ended(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a forgotten camera's segment is finished; nothing more will follow for it."""

    camera: Name


class Beat(msgspec.Struct, frozen=True):
    """Progress of one camera: cumulative bytes and frames of its open segment, boot time of its last frame."""

    camera: Name
    seq: Number
    bytes: Number
    frames: Number
    last_frame_boot_ns: Number
    received_bytes: Number
    clock_ahead_ns: int | None = None
    """How far the camera's clock is ahead of ours, by its own reports (RTCP)."""


class Progress(msgspec.Struct, tag=True, frozen=True):
    """Worker → service, once a second."""

    beats: list[Beat]


type ToWorker = Record | Forget | Grant | Deny | Cut | Named | Quit
type OfCameras = Want | Started | Closed | Torn | Returned | Dialing | Lost | Fetched | Ended | Progress
type ToService = Ready | Resolve | OfCameras

_LINK: WorkerLink[ToWorker, ToService] = WorkerLink(
    Record | Forget | Grant | Deny | Cut | Named | Quit,
    Ready | Resolve | Want | Started | Closed | Torn | Returned | Dialing | Lost | Fetched | Ended | Progress,
)
encode = _LINK.encode
decode_to_service = _LINK.decode_to_service
send = _LINK.send
receive_in_worker = _LINK.receive_in_worker
