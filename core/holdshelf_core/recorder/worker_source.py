"""What a camera's thread asks of a connection, whichever module makes it, and the reasons why one ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av.video.stream

OPEN_TIMEOUT_S = 6.0
# Two of these pass before silence counts: libavformat's interrupt fires at about twice its value (CAMERAS.md), and
# both kinds of connection shall alarm alike, under 15 s.
READ_TIMEOUT_S = 5.0
CODECS = frozenset({"h264", "hevc"})

SOUND_INSIDE = "its sound cannot be left out of the stream"


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit, as an MP4 sample: NAL units with four-byte lengths, with their parameter sets and SEI.

    ``ticks`` is its presentation time in the source's unit, from any origin; ``decode_ticks`` its decoding time where
    the two differ (B-frames). ``sets`` are the SPS, PPS and VPS inside it.
    """

    data: bytes
    ticks: int
    decode_ticks: int | None
    is_key: bool
    sets: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Hole:
    """Pictures are missing here, up to the next one, which is a key frame. ``lasting``: it still has not come."""

    lasting: bool


class SourceError(Exception):
    """The connection is over. ``reason`` is a gap reason of the disk format; ``detail`` is for the technician."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class NotUnderstoodError(SourceError):
    """Our own RTSP client is at its limits with this camera: libavformat may do better."""


class Source(Protocol):
    """An open connection with its one video stream."""

    gather_bytes: int
    """How much may safely gather before it is read; 0 for a connection that has no such patience (UDP)."""

    @property
    def codec(self) -> str:
        """``h264`` or ``hevc``."""

    @property
    def ticks_per_s(self) -> int:
        """The unit of the packets' time stamps; 90,000 for RTP video."""

    @property
    def template(self) -> av.video.stream.VideoStream | None:
        """A description to write files by; None: take it from the first key frame."""

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """SPS, PPS (and VPS) that the SDP gives; may be empty."""

    def pictures(self) -> Iterator[Picture | Hole]:
        """Pictures in decoding order; a Hole where some are missing. Ends only by SourceError."""

    def close(self) -> None:
        """Hang up (TEARDOWN, so that the camera frees the session). Never raises."""
