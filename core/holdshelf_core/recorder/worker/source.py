"""The interface of a connection to a camera, and the reasons for its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av.video.stream

OPEN_TIMEOUT_S = 6.0
# Two of these pass before silence counts: an alarm comes in under 15 s.
READ_TIMEOUT_S = 5.0
CODECS = frozenset({"h264", "hevc"})


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
    """Pictures are missing here, up to the next one, which is a key frame. ``lasting``: it has not arrived yet."""

    lasting: bool


class SourceError(Exception):
    """The connection has ended. ``reason`` is a gap reason of the disk format; ``detail`` is for the technician."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Source(Protocol):
    """An open connection with its one video stream."""

    gather_bytes: int
    """How many bytes may safely gather before they are read; 0 where the source sees to that by itself (UDP, WebRTC)."""

    @property
    def certificate_sha256(self) -> str | None:
        """Return the SHA-256 of the certificate that the camera showed (hex); empty or None without TLS."""

    @property
    def codec(self) -> str:
        """``h264`` or ``hevc``."""

    @property
    def ticks_per_s(self) -> int:
        """Return the unit of the packets' timestamps; 90,000 for RTP video."""

    @property
    def template(self) -> av.video.stream.VideoStream | None:
        """Return a description for writing files; None: take it from the first key frame."""

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """Return SPS, PPS (and VPS) from the SDP; may be empty."""

    @property
    def certificate_sei(self) -> bytes:
        """Return the last message in which the camera sent its signing certificates; empty for none."""

    @property
    def clock_ahead_ns(self) -> int | None:
        """Return how far the camera's clock is ahead of ours, by its own word; None when it does not tell."""

    def pictures(self) -> Iterator[Picture | Hole]:
        """Yield pictures in decoding order; a Hole where some are missing. Ends only by SourceError."""

    def close(self) -> None:
        """Disconnect (TEARDOWN, so that the camera frees the session). Never raises."""
