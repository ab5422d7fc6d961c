"""Messages between the service and a picture worker, over one SOCK_SEQPACKET socket pair.

A message is one packet (msgpack); a segment's descriptor is sent with the ``Show`` that requests a picture of it (SCM_RIGHTS).
The worker answers each ``Show`` once: ``Shown`` and then the JPEG in ``Chunk`` packets, or ``Failed``. The worker reads data from
possibly hostile cameras, so none of its text is shown to a person: reasons are a closed set.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from holdshelf_core.policy.model import Mask, MovingBox
from holdshelf_core.processes.worker_link import Quit, Ready, WorkerLink

CHUNK_BYTES = 128_000
MAX_JPEG_BYTES = 32 << 20
MIN_WIDTH, MAX_WIDTH = 48, 7680


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """What is burned into a picture: the camera's masks, a release's boxes, and who viewed what, when, under which log entry.

    Raises ValueError for a mask with fewer than three corners, or a box with fewer than two key points: what hides nothing is a
    mistake.
    """

    library: str
    camera_name: str
    person: str
    """The viewer's name, from the register."""
    log_seq: int
    """Number of the log entry that covers this look."""
    masks: tuple[Mask, ...] = ()
    mask_version: int = 0
    boxes: tuple[MovingBox, ...] = ()
    """Drawn over other people in this camera's pictures, for a release; they move with time."""
    language: str = "en"
    """Of the legend's words: the first one of the policy in force."""
    camera: str = ""
    """Its id, which is not drawn: no state is kept between pictures of different cameras, and none at all with ''."""

    def __post_init__(self) -> None:
        if any(len(mask.points) < 3 for mask in self.masks):
            raise ValueError(f"A mask of {self.camera_name} has fewer than three corners")
        if any(len(box.points) < 2 for box in self.boxes):
            raise ValueError(f"A box for {self.camera_name} has fewer than two key points")


class Show(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: make a picture of the segment whose descriptor comes with this."""

    job: int
    start_utc_ns: int
    """When the segment's first frame was shown."""
    at_utc_ns: int | None
    """Show the frame at that time; None: the newest one."""
    growing: bool
    """The segment is still being written."""
    burn: Burn
    max_width: int
    key_from_utc_ns: int | None = None
    """The preceding key frame is enough (thumbnails), if it was shown at this time or later; None: it is not."""
    viewer: str = ""
    """Names a live view whose decoder is kept for the next frame; '' for none."""
    after_utc_ns: int | None = None
    """With ``viewer``: send nothing unless there is a frame newer than this."""


class Leave(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: this live view has ended."""

    viewer: str


class Shown(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: the picture; ``jpeg_bytes`` follow in chunks."""

    job: int
    shown_utc_ns: int
    """The exact time of the frame shown."""
    width: int
    height: int
    """Height of the JPEG, legend included."""
    picture_height: int
    """Height of the picture itself; the legend is below it."""
    damaged: bool
    """The decoder had to guess parts of the frame."""
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

_LINK: WorkerLink[ToWorker, ToService] = WorkerLink(Show | Leave | Quit, Ready | Shown | Chunk | Failed)
encode = _LINK.encode
decode_to_service = _LINK.decode_to_service
receive_in_worker = _LINK.receive_in_worker
