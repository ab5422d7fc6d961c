"""What the service and a picture worker say to each other, over one SOCK_SEQPACKET socket pair.

A message is one packet (msgpack); a segment's descriptor travels with the ``Show`` that asks for a picture of it
(SCM_RIGHTS). The worker answers each ``Show`` once: ``Shown`` and then the JPEG in ``Chunk`` packets, or ``Failed``.
The worker reads what hostile cameras sent, so nothing it says is shown to a person as it is: reasons are a closed set.
"""

from __future__ import annotations

import socket
from typing import Literal

import msgspec

from holdshelf_core.policy.model import Mask

MAX_MESSAGE_BYTES = 160_000
CHUNK_BYTES = 128_000
MAX_JPEG_BYTES = 32 << 20
MIN_WIDTH, MAX_WIDTH = 48, 7680


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """What is burned into a picture: the camera's masks, and who looked at what, when, under which log entry.

    Raises ValueError for a mask with fewer than three corners: a mask that hides nothing is a mistake, not a wish.
    """

    library: str
    camera_name: str
    person: str
    """The name of who looks, as the register has it."""
    log_seq: int
    """Sequence of the log entry that covers this look."""
    masks: tuple[Mask, ...] = ()
    mask_version: int = 0
    notice: str = "Confidential"
    """First word of the last line (P21)."""
    camera: str = ""
    """Its id, which is not drawn: nothing is kept for the next picture of any other camera, and nothing at all with ''."""

    def __post_init__(self) -> None:
        if any(len(mask.points) < 3 for mask in self.masks):
            raise ValueError(f"A mask of {self.camera_name} has fewer than three corners")


class Show(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: a picture of the segment whose descriptor comes with this."""

    job: int
    start_utc_ns: int
    """When the segment's first frame was on display."""
    at_utc_ns: int | None
    """The frame on display at that time; None: the newest one."""
    growing: bool
    """The segment is being written."""
    burn: Burn
    max_width: int
    exact: bool = True
    """False: the key frame before it will do (thumbnails)."""
    viewer: str = ""
    """Names a live view whose decoder is kept for the next frame; '' for none."""
    after_utc_ns: int | None = None
    """With ``viewer``: nothing to send unless there is a frame newer than this."""


class Leave(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: this live view has ended."""

    viewer: str


class Quit(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: end."""


class Ready(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: warm and confined. ``landlock_abi`` 0 and ``seccomp`` False: this kernel has no such thing."""

    landlock_abi: int
    seccomp: bool


class Shown(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: the picture; ``jpeg_bytes`` follow in chunks."""

    job: int
    shown_utc_ns: int
    """Exactly when the frame shown came on display."""
    width: int
    height: int
    """Of the JPEG, legend included."""
    picture_height: int
    """Rows of it that are picture; the legend stands below."""
    damaged: bool
    """The decoder had to make up parts of the frame."""
    jpeg_bytes: int


class Chunk(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: the next bytes of a JPEG."""

    job: int
    data: bytes


type Reason = Literal["outside", "empty", "nothing new", "damaged", "too large", "memory", "disk", "internal"]


class Failed(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: no picture. With ``outside``: where the file's frames begin and end."""

    job: int
    reason: Reason
    first_utc_ns: int = 0
    last_utc_ns: int = 0


type ToWorker = Show | Leave | Quit
type ToService = Ready | Shown | Chunk | Failed

_ENCODER = msgspec.msgpack.Encoder()
_TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(Show | Leave | Quit)
_TO_SERVICE: msgspec.msgpack.Decoder[ToService] = msgspec.msgpack.Decoder(Ready | Shown | Chunk | Failed)


def encode(message: ToWorker | ToService) -> bytes:
    """One packet."""
    return _ENCODER.encode(message)


def decode_to_service(packet: bytes) -> ToService:
    """A worker's message. Raises msgspec.MsgspecError: the worker has gone wrong, end it."""
    return _TO_SERVICE.decode(packet)


def receive_in_worker(link: socket.socket) -> tuple[ToWorker, int | None] | None:
    """Wait for the service's next message and its descriptor; None when the service is gone."""
    packet, fds, _flags, _address = socket.recv_fds(link, MAX_MESSAGE_BYTES, 1)
    if not packet:
        return None
    return _TO_WORKER.decode(packet), fds[0] if fds else None
