"""What the service and a recorder worker say to each other, over one SOCK_SEQPACKET socket pair.

A message is one packet (msgpack), so its boundaries are the kernel's; a granted segment's descriptor travels with
its message (SCM_RIGHTS). The worker opens no file: it is handed descriptors, and hands back facts.
Order within a camera is the order of sending.
"""

from __future__ import annotations

import socket
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_MESSAGE_BYTES = 160_000

# A worker talks to hostile cameras and may have been taken over: what it says is held to what a worker would say.
type Name = Annotated[str, Meta(max_length=64)]
type Words = Annotated[str, Meta(max_length=300)]
type Host = Annotated[str, Meta(min_length=1, max_length=253)]
type Number = Annotated[int, Meta(ge=0)]
type Side = Annotated[int, Meta(ge=0, le=65_536)]


class Record(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: dial this camera and keep recording it."""

    camera: str
    url: str
    username: str | None
    password: str | None
    transport: str
    boot: str
    segment_s: float
    certificate_sha256: str | None = None


class Forget(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: finish this camera's segment and stop dialling it."""

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
    """Service → worker: close this segment now (its reserved room is used up and no more can be had)."""

    camera: str
    seq: int


class Quit(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: finish every segment and end."""


class Named(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: the numeric addresses of a host; none when it is not known."""

    host: str
    addresses: list[str]


class Ready(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: warm and confined. ``landlock_abi`` 0, ``seccomp`` False: this kernel has no such thing."""

    landlock_abi: int
    seccomp: bool


class Resolve(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: which addresses does this host have? A confined worker cannot look it up."""

    host: Host


class Elsewhere(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: this camera needs libavformat, which is kept out of workers of this kind."""

    camera: Name


class Want(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: this camera will need a segment soon."""

    camera: Name


class Started(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: the first frame of a segment has come. ``why`` a new run began, '' when it goes on."""

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
    """Worker → service: a segment is complete; every byte has been handed to the kernel."""

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


class Torn(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: writing (``sync=False``) or fdatasync (``sync=True``) of a segment failed."""

    camera: Name
    seq: Number
    errno: Number
    sync: bool


class Returned(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a granted segment was not used; its file is empty."""

    camera: Name
    seq: Number


class Dialling(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a connection is being tried."""

    camera: Name


class Lost(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: nothing is being recorded, and why (a gap reason of the disk format)."""

    camera: Name
    reason: Words
    detail: Words
    retry_s: float


class Ended(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: a forgotten camera's segment is finished; nothing more comes from it."""

    camera: Name


class Beat(msgspec.Struct, frozen=True):
    """How one camera fares: cumulative bytes and frames of its open segment, boot time of its last frame."""

    camera: Name
    seq: Number
    bytes: Number
    frames: Number
    last_frame_boot_ns: Number
    received_bytes: Number


class Progress(msgspec.Struct, tag=True, frozen=True):
    """Worker → service, once a second."""

    beats: list[Beat]


type ToWorker = Record | Forget | Grant | Deny | Cut | Named | Quit
type OfCameras = Want | Started | Closed | Torn | Returned | Dialling | Lost | Ended | Progress
type ToService = Ready | Resolve | Elsewhere | OfCameras

_ENCODER = msgspec.msgpack.Encoder()
_TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(
    Record | Forget | Grant | Deny | Cut | Named | Quit
)
_TO_SERVICE: msgspec.msgpack.Decoder[ToService] = msgspec.msgpack.Decoder(
    Ready | Resolve | Elsewhere | Want | Started | Closed | Torn | Returned | Dialling | Lost | Ended | Progress
)


def encode(message: ToWorker | ToService) -> bytes:
    """One packet."""
    return _ENCODER.encode(message)


def decode_to_service(packet: bytes) -> ToService:
    """A worker's message. A worker talks to hostile cameras: ValidationError means it has gone wrong, end it."""
    return _TO_SERVICE.decode(packet)


def send(link: socket.socket, message: ToWorker | ToService, fds: tuple[int, ...] = ()) -> None:
    """Send one message, with descriptors beside it."""
    packet = _ENCODER.encode(message)
    if fds:
        socket.send_fds(link, [packet], list(fds))
    else:
        link.send(packet)


def receive_in_worker(link: socket.socket) -> tuple[ToWorker, int | None] | None:
    """Wait for the service's next message and its descriptor; None when the service is gone."""
    packet, fds, _flags, _address = socket.recv_fds(link, MAX_MESSAGE_BYTES, 1)
    if not packet:
        return None
    return _TO_WORKER.decode(packet), fds[0] if fds else None
