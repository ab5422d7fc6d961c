"""What a bundle's maker and its worker say to each other, over one SOCK_SEQPACKET socket pair (msgpack, one message a packet).

The worker is told once what to hide and burn in, then given file after file; it answers with encoded frames in order. It reads
what hostile cameras sent: sizes are bounded by whoever reads, and nothing that it says is shown to a person as it is.
"""

from __future__ import annotations

import socket
from typing import Literal

import msgspec

from holdshelf_core.looking.picture_protocol import Burn

MAX_MESSAGE_BYTES = 160_000
CHUNK_BYTES = 128_000
MAX_FRAME_BYTES = 32 << 20
MAX_CONFIGURATION_BYTES = 4096
MAX_SIDE_PX = 16_384
TICKS = 90_000


class Begin(msgspec.Struct, tag=True, frozen=True):
    """To the worker: what is hidden and burned in, and when the clip begins."""

    burn: Burn
    threads: int


class Take(msgspec.Struct, tag=True, frozen=True):
    """To the worker: the next file, whose descriptor comes with this. Frames in [``from_utc_ns``, ``to_utc_ns``) go in."""

    start_utc_ns: int
    """When the file's first frame was on display."""
    first_offset: int
    """Where the first frame to decode lies in the file; 0: at its beginning."""
    from_utc_ns: int
    to_utc_ns: int


class Finish(msgspec.Struct, tag=True, frozen=True):
    """To the worker: no file follows."""


class Ready(msgspec.Struct, tag=True, frozen=True):
    """From the worker: warm and confined. ``landlock_abi`` 0 and ``seccomp`` False: this kernel has no such thing."""

    landlock_abi: int
    seccomp: bool


class Configured(msgspec.Struct, tag=True, frozen=True):
    """From the worker, before the first frame: the encoded picture's size and the body of its avcC."""

    width: int
    height: int
    configuration: bytes


class Encoded(msgspec.Struct, tag=True, frozen=True):
    """From the worker: a frame, whose ``size`` bytes follow in chunks. ``utc_ns``: when it came on display."""

    utc_ns: int
    is_key: bool
    damaged: bool
    size: int


class Chunk(msgspec.Struct, tag=True, frozen=True):
    """From the worker: the next bytes of a frame."""

    data: bytes


class Taken(msgspec.Struct, tag=True, frozen=True):
    """From the worker: that file is read; the next may come."""


class Finished(msgspec.Struct, tag=True, frozen=True):
    """From the worker: all frames are out."""


type Reason = Literal["damaged", "too large", "memory", "disk", "no encoder"]


class Failed(msgspec.Struct, tag=True, frozen=True):
    """From the worker: it cannot be made."""

    reason: Reason


type ToWorker = Begin | Take | Finish
type ToMaker = Ready | Configured | Encoded | Chunk | Taken | Finished | Failed

_ENCODER = msgspec.msgpack.Encoder()
_TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(Begin | Take | Finish)
_TO_MAKER: msgspec.msgpack.Decoder[ToMaker] = msgspec.msgpack.Decoder(
    Ready | Configured | Encoded | Chunk | Taken | Finished | Failed
)


def encode(message: ToWorker | ToMaker) -> bytes:
    """One packet."""
    return _ENCODER.encode(message)


def decode_to_maker(packet: bytes) -> ToMaker:
    """A worker's message. Raises msgspec.MsgspecError."""
    return _TO_MAKER.decode(packet)


def receive_in_worker(link: socket.socket) -> tuple[ToWorker, int | None] | None:
    """The maker's next message and its descriptor; None when the maker is gone."""
    packet, fds, _flags, _address = socket.recv_fds(link, MAX_MESSAGE_BYTES, 1)
    if not packet:
        return None
    return _TO_WORKER.decode(packet), fds[0] if fds else None
