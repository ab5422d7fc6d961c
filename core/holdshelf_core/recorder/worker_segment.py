"""Writes one segment: packets into a fragmented MP4 on a descriptor that was handed in. Opens no file.

Every byte goes through ``Sink``, which hashes it on its way: the file is append-only (empty_moov, no trailer), so
the hash is the file's. libavformat hands bytes over at each fragment's end (``flush_packets``), at most 0.75 s
after the first of them was read; ``Syncer`` has them on the disk at most 0.75 s later.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import av.container
import av.error
import av.video.stream

from holdshelf_core.recorder.worker_source import VideoPacket

# A frame may wait 0.4 s in the socket, then this long for its fragment's end, then this long for its sync: under 2 s.
FRAGMENT_US = 750_000
SYNC_PERIOD_S = 0.75
_BUFFER_BYTES = 1 << 18
_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+skip_trailer",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
}
_PARAMETER_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}


class WriteFailed(Exception):
    """The kernel refused bytes: ``errno`` says why (ENOSPC, EIO, EROFS)."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


def parameter_sets(annexb: bytes | memoryview, codec: str) -> frozenset[bytes]:
    """The SPS, PPS (and VPS) that stand before the first slice of an access unit (H.264 § 7.3.1, H.265 § 7.3.1)."""
    data = bytes(annexb[:65_536])
    wanted, found, position = _PARAMETER_SETS[codec], set(), data.find(b"\0\0\1")
    while position >= 0 and position + 3 < len(data):
        start = position + 3
        kind = data[start] & 0x1F if codec == "h264" else data[start] >> 1 & 0x3F
        if kind < 6 if codec == "h264" else kind < 32:  # a slice: nothing of ours comes after it
            break
        position = data.find(b"\0\0\1", start)
        if kind in wanted:
            found.add(data[start : position if position >= 0 else len(data)].rstrip(b"\0"))
    return frozenset(found)


def template_from_key_frame(packet: VideoPacket, codec: str, sets: bytes = b"") -> av.container.InputContainer:
    """Describe a stream by a key frame and its parameter sets: size and extradata, through libavformat.

    ``sets`` (Annex B) is put before a key frame that carries none. The caller closes the container. Raises ValueError.
    """
    data = sets + bytes(packet)
    container = av.open(io.BytesIO(data), "r", format=codec, options={"probesize": str(max(5000, len(data)))})
    if container.streams.video and container.streams.video[0].codec_context.width:
        return container
    container.close()
    raise ValueError("the key frame carries no usable parameter sets")


class Sink:
    """The write end of a segment, as libavformat sees it (no seek: it must never go back)."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.written_bytes = 0
        self.synced_bytes = 0
        self.errno = 0
        self._hash = hashlib.sha256()
        # Held while syncing and while closing: a descriptor's number must not be reused under a running sync.
        self._fd_lock = threading.Lock()

    def sync(self) -> None:
        """fdatasync what was written since the last time. Raises OSError; the sink is poisoned by then."""
        with self._fd_lock:
            written = self.written_bytes
            if self.fd < 0 or self.errno or written == self.synced_bytes:
                return
            try:
                os.fdatasync(self.fd)
            except OSError as error:
                self.errno = error.errno or 5
                raise
            self.synced_bytes = written

    def close_fd(self) -> None:
        """Give the descriptor back to the kernel; what is not synced yet the service syncs."""
        with self._fd_lock:
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1

    def write(self, data: bytes) -> int:
        """All of it, or WriteFailed once and for ever after."""
        if self.errno:
            raise WriteFailed(self.errno)
        view = memoryview(data)
        while view:
            try:
                done = os.write(self.fd, view)
            except OSError as error:
                self.errno = error.errno or 5
                raise WriteFailed(self.errno) from None
            self._hash.update(view[:done])
            self.written_bytes += done
            view = view[done:]
        return len(data)

    def sha256(self) -> str:
        """Of every byte written so far."""
        return self._hash.hexdigest()


class SegmentWriter:
    """One open segment. Not thread-safe: callers hold their camera's lock."""

    def __init__(
        self,
        fd: int,
        template: av.video.stream.VideoStream,
        facts: dict[str, Any],
        first_pts: int,
        ticks_per_s: int,
    ) -> None:
        """``facts`` go into the file itself, so that recovery needs nothing else (docs/disk-format.md)."""
        self.sink = Sink(fd)
        self.facts = facts
        self.frames = 0
        self.first_pts = first_pts
        self._last_dts = -1
        self._last_pts = first_pts
        self._frame_ticks = 0
        self._ticks_per_s = ticks_per_s
        self.width, self.height = template.codec_context.width, template.codec_context.height
        self.activity: list[int] = []
        self._container = av.open(self.sink, "w", format="mp4", buffer_size=_BUFFER_BYTES, options=_OPTIONS)
        self._container.metadata["comment"] = json.dumps(facts, separators=(",", ":"))
        self._stream = self._container.add_stream_from_template(template)
        self._stream.time_base = Fraction(1, self._ticks_per_s)

    def write(self, packet: VideoPacket) -> None:
        """Add one packet (its time stamps are rebased and its stream set: the caller must not use them after).

        Raises WriteFailed.
        """
        pts = packet.pts if packet.pts is not None else self._last_pts
        size = packet.size
        if self.frames:
            self._frame_ticks = max(1, abs(pts - self._last_pts))
        self._last_pts = pts
        relative = max(0, pts - self.first_pts)
        # RTSP's first packets may lack a dts; a muxer wants it strictly rising and not after the pts.
        dts = packet.dts - self.first_pts if packet.dts is not None else relative
        dts = max(dts, self._last_dts + 1)
        self._last_dts = dts
        packet.pts, packet.dts = max(relative, dts), dts
        if not packet.duration:
            packet.duration = self._frame_ticks
        packet.stream = self._stream
        second = relative // self._ticks_per_s
        while len(self.activity) <= second < 3600:
            self.activity.append(0)
        if second < 3600:
            self.activity[second] += size
        self.frames += 1
        try:
            self._container.mux_one(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise WriteFailed(self.sink.errno or error.errno or 5) from None
        if self.sink.errno:  # libavformat may keep the callback's error to itself until later
            raise WriteFailed(self.sink.errno)

    def duration_ticks(self, next_pts: int | None = None) -> int:
        """From the first frame to the next segment's first, or to the end of the last frame."""
        if next_pts is not None:
            return max(0, next_pts - self.first_pts)
        return max(0, self._last_pts - self.first_pts) + self._frame_ticks

    def age_ticks(self, pts: int) -> int:
        """How long this segment is already, at a time stamp."""
        return pts - self.first_pts

    def finish(self) -> None:
        """Hand the last fragment over. Raises WriteFailed; the descriptor stays open."""
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise WriteFailed(self.sink.errno or error.errno or 5) from None
        if self.sink.errno:
            raise WriteFailed(self.sink.errno)

    def abort(self) -> None:
        """Drop the muxer without caring whether its last bytes arrive."""
        self.sink.errno = self.sink.errno or 5
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError, WriteFailed):
            return


class Syncer(threading.Thread):
    """Grouped fdatasync: every sink with unsynced bytes, one after another, every 0.75 s, off the camera threads."""

    def __init__(self, sinks: Callable[[], list[tuple[str, int, Sink]]], torn: Callable[[str, int, int], None]) -> None:
        super().__init__(name="syncer", daemon=True)
        self._sinks = sinks
        self._torn = torn
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Until stopped. A failed sync poisons its sink: after that error the kernel may have dropped the pages."""
        while not self._stop_event.wait(SYNC_PERIOD_S):
            for camera, seq, sink in self._sinks():
                try:
                    sink.sync()
                except OSError as error:
                    self._torn(camera, seq, error.errno or 5)

    def stop(self) -> None:
        """End at the next wake-up."""
        self._stop_event.set()
