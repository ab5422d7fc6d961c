"""Messages between a bundle's build and its worker, over one SOCK_SEQPACKET socket pair (msgpack, one message per packet).

The worker is told once what to hide and burn in, then gets file after file; it answers with encoded frames in order. It reads
data from possibly hostile cameras: the reader limits sizes, and none of its text is shown to a person.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.processes.worker_link import Ready, WorkerLink

CHUNK_BYTES = 128_000
MAX_FRAME_BYTES = 32 << 20
MAX_CONFIGURATION_BYTES = 4096
MAX_SIDE_PX = 16_384
TICKS = 90_000


class Begin(msgspec.Struct, tag=True, frozen=True):
    """To the worker: what to hide and burn in, and when the clip begins."""

    burn: Burn
    threads: int


class Take(msgspec.Struct, tag=True, frozen=True):
    """To the worker: the next file, whose descriptor comes with this. Use the frames in [``from_utc_ns``, ``to_utc_ns``)."""

    start_utc_ns: int
    """When the file's first frame was shown."""
    first_offset: int
    """Offset of the first frame to decode; 0: the file's start."""
    from_utc_ns: int
    to_utc_ns: int


class Finish(msgspec.Struct, tag=True, frozen=True):
    """To the worker: no more files."""


class Configured(msgspec.Struct, tag=True, frozen=True):
    """From the worker, before the first frame: the encoded picture's size and the body of its avcC."""

    width: int
    height: int
    configuration: bytes


class Encoded(msgspec.Struct, tag=True, frozen=True):
    """From the worker: a frame, whose ``size`` bytes follow in chunks. ``utc_ns``: when it was shown."""

    utc_ns: int
    is_key: bool
    damaged: bool
    size: int


class Chunk(msgspec.Struct, tag=True, frozen=True):
    """From the worker: the next bytes of a frame."""

    data: bytes


class Taken(msgspec.Struct, tag=True, frozen=True):
    """From the worker: that file is done; send the next."""


class Finished(msgspec.Struct, tag=True, frozen=True):
    """From the worker: all frames are out."""


type Reason = Literal["damaged", "too large", "memory", "disk", "no encoder"]


class Failed(msgspec.Struct, tag=True, frozen=True):
    """From the worker: the copy cannot be made."""

    reason: Reason


type ToWorker = Begin | Take | Finish
type ToMaker = Ready | Configured | Encoded | Chunk | Taken | Finished | Failed

_LINK: WorkerLink[ToWorker, ToMaker] = WorkerLink(
    Begin | Take | Finish, Ready | Configured | Encoded | Chunk | Taken | Finished | Failed
)
encode = _LINK.encode
decode_to_maker = _LINK.decode_to_service
receive_in_worker = _LINK.receive_in_worker
