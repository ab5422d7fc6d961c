"""Writes one segment: pictures into a fragmented MP4 on a descriptor that was handed in. Opens no file.

libavformat makes the head (ftyp, moov: it knows avcC and hvcC); fragments are ours: one ``moof`` and ``mdat`` (ISO/IEC
14496-12 § 8.8) at most 0.75 s after its first picture was read, in one write. Every byte goes through ``Sink``, which hashes
it on its way: the file is append-only, so the hash is the file's. ``Syncer`` has it on the disk at most 0.75 s later.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import struct
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import av.container
import av.error
import av.video.stream

from holdshelf_core.reasons import NOT_RECORDABLE
from holdshelf_core.recorder.worker_nal import annexb, are_complete, completed, is_slice, kind_of, split_sample
from holdshelf_core.recorder.worker_source import Picture, SourceError

# A frame may wait 0.4 s in the socket, then this long for its fragment's end, then this long for its sync: under 2 s.
FRAGMENT_S = 0.75
SYNC_PERIOD_S = 0.75
MAX_FRAGMENT_BYTES = 64 << 20
MAX_FRAGMENT_PICTURES = 4096
MAX_PIXELS = 8192 * 5120
"""Of a picture whose file can be described: beyond every camera, and far below what parameter sets can claim."""
MAX_SIDE = 16_384
MAX_HEAD_NALS = 64
_HEAD_OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "750000"}
_IS_SYNC, _IS_NOT_SYNC = 0x0200_0000, 0x0101_0000  # sample_depends_on and sample_is_non_sync_sample, § 8.8.3.1
_SYNC_FILE_RANGE_WRITE = 2
_sync_file_range = ctypes.CDLL(None).sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SAMPLE = struct.Struct(">IIIi")


class WriteFailed(Exception):
    """The kernel refused bytes: ``errno`` says why (ENOSPC, EIO, EROFS)."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


def template_from_key_frame(picture: Picture, codec: str, sets: frozenset[bytes]) -> av.container.InputContainer:
    """Describe a stream by a key frame and its parameter sets: size and extradata, through libavformat.

    ``sets`` gives what a key frame does not carry. The caller closes the container. Raises ValueError, and SourceError
    for a picture larger than ``MAX_PIXELS``.
    """
    # SPS before PPS (and VPS first of all): by nal_unit_type, which happens to be that order.
    whole = sorted(completed(picture.sets, sets, codec), key=lambda nal: kind_of(nal, codec))
    if not are_complete(whole, codec):
        raise ValueError("the key frame carries no usable parameter sets")
    data = (annexb(whole) if len(whole) > len(picture.sets) else b"") + annexb(
        _head_of(split_sample(picture.data), codec)
    )
    # libavformat decodes what it is given: no more than it takes to learn the pixel format, on this thread alone.
    options = {"probesize": str(max(5000, len(data))), "max_pixels": str(MAX_PIXELS), "threads": "1"}
    try:
        container = av.open(io.BytesIO(data), "r", format=codec, options=options)
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(str(error)) from None
    if container.streams.video and container.streams.video[0].codec_context.width:
        width, height = container.streams.video[0].codec_context.width, container.streams.video[0].codec_context.height
        if width * height <= MAX_PIXELS and max(width, height) <= MAX_SIDE:
            return container
        container.close()
        raise SourceError(NOT_RECORDABLE, f"its picture claims {width} × {height} pixels")
    container.close()
    raise ValueError("the key frame carries no usable parameter sets")


def _head_of(nals: list[bytes], codec: str) -> list[bytes]:
    """A picture's NAL units up to its first slice; of thousands of others a few."""
    first = next((at for at, nal in enumerate(nals) if is_slice(nal, codec)), len(nals))
    return [*nals[: min(first, MAX_HEAD_NALS)], *nals[first : first + 1]]


def file_head(template: av.video.stream.VideoStream, ticks_per_s: int, comment: str) -> bytes:
    """ftyp and moov of a fragmented file with this one video track (track 1). Raises ValueError."""
    head = io.BytesIO()
    try:
        with av.open(head, "w", format="mp4", options=_HEAD_OPTIONS) as container:
            container.metadata["comment"] = comment
            stream = container.add_stream_from_template(template)
            stream.time_base = Fraction(1, ticks_per_s)
            container.start_encoding()
            return head.getvalue()
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(str(error)) from None


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

    def start_writing(self) -> None:
        """Have the kernel begin to write what is new, without waiting (sync_file_range(2)). Its errors come with ``sync``."""
        with self._fd_lock:
            if self.fd >= 0 and not self.errno and self.written_bytes > self.synced_bytes:
                _sync_file_range(self.fd, self.synced_bytes, 0, _SYNC_FILE_RANGE_WRITE)

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
        first_ticks: int,
        ticks_per_s: int,
    ) -> None:
        """``facts`` go into the file itself, so that recovery needs nothing else (docs/disk-format.md).

        Raises WriteFailed, ValueError (libavformat cannot describe such a stream).
        """
        self.sink = Sink(fd)
        self.facts = facts
        self.frames = 0
        self.first_ticks = first_ticks
        self.activity: list[int] = []
        self.width, self.height = template.codec_context.width, template.codec_context.height
        self._ticks_per_s = ticks_per_s
        self._last_ticks = first_ticks
        self._frame_ticks = 0
        self._next_decode = 0
        self._fragment: list[tuple[int, int, bytes, bool]] = []
        self._fragment_bytes = 0
        self._fragments = 0
        self.sink.write(file_head(template, ticks_per_s, json.dumps(facts, separators=(",", ":"))))

    def write(self, picture: Picture) -> None:
        """Add one picture. Raises WriteFailed."""
        relative = max(0, picture.ticks - self.first_ticks)
        if self.frames:
            step = max(1, abs(picture.ticks - self._last_ticks))
            # Among pictures that come out of order, the shortest step is the length of one.
            self._frame_ticks = step if picture.decode_ticks is None else min(self._frame_ticks or step, step)
        self._last_ticks = picture.ticks if picture.decode_ticks is None else max(self._last_ticks, picture.ticks)
        decode = relative if picture.decode_ticks is None else picture.decode_ticks - self.first_ticks
        decode = max(decode, self._next_decode)  # strictly rising, whatever the camera says
        self._next_decode = decode + 1
        fragment = self._fragment
        if fragment and (
            decode - fragment[0][0] >= FRAGMENT_S * self._ticks_per_s
            or self._fragment_bytes > MAX_FRAGMENT_BYTES
            or len(fragment) >= MAX_FRAGMENT_PICTURES  # a clock that stands still, or thousands of pictures a second
        ):
            self._flush(decode)
        self._fragment.append((decode, relative - decode, picture.data, picture.is_key))
        size = len(picture.data)
        self._fragment_bytes += size
        second = relative // self._ticks_per_s
        while len(self.activity) <= second < 3600:
            self.activity.append(0)
        if second < 3600:
            self.activity[second] += size
        self.frames += 1

    def _flush(self, next_decode: int) -> None:
        """Write what has gathered as one fragment; ``next_decode`` ends its last sample."""
        samples, self._fragment, self._fragment_bytes = self._fragment, [], 0
        if not samples:
            return
        self._fragments += 1
        ends = [sample[0] for sample in samples[1:]] + [next_decode]
        table = b"".join(
            _SAMPLE.pack(end - decode, len(data), _IS_SYNC if is_key else _IS_NOT_SYNC, offset)
            for (decode, offset, data, is_key), end in zip(samples, ends, strict=True)
        )
        count = len(samples)
        # mfhd 16, tfhd 16, tfdt 20, trun 20 + 16 a sample; traf and moof 8 each (§ 8.8.4 to 8.8.8).
        traf_bytes = 8 + 16 + 20 + 20 + len(table)
        moof_bytes = 8 + 16 + traf_bytes
        head = struct.pack(
            ">I4sI4sIII4sI4sIII4sIQI4sIIi",
            moof_bytes, b"moof",
            16, b"mfhd", 0, self._fragments,
            traf_bytes, b"traf",
            16, b"tfhd", 0x020000, 1,  # default-base-is-moof
            20, b"tfdt", 1 << 24, samples[0][0],
            20 + len(table), b"trun", 1 << 24 | 0x000F01, count, moof_bytes + 8,
        )  # fmt: skip
        media = [sample[2] for sample in samples]
        size = 8 + sum(map(len, media))
        self.sink.write(b"".join((head, table, struct.pack(">I4s", size, b"mdat"), *media)))

    def duration_ticks(self, next_ticks: int | None = None) -> int:
        """From the first frame to the next segment's first, or to the end of the last frame."""
        if next_ticks is not None:
            return max(0, next_ticks - self.first_ticks)
        return max(0, self._last_ticks - self.first_ticks) + self._frame_ticks

    def age_ticks(self, ticks: int) -> int:
        """How long this segment is already, at a time stamp."""
        return ticks - self.first_ticks

    def finish(self, next_ticks: int | None = None) -> None:
        """Write the last fragment. Raises WriteFailed; the descriptor stays open."""
        self._flush(max(self._next_decode, self.duration_ticks(next_ticks)))

    def abort(self) -> None:
        """Write no more."""
        self._fragment = []
        self.sink.errno = self.sink.errno or 5


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
            sinks = self._sinks()
            # First have the kernel place what all of them wrote, then wait: one journal commit of the file system serves
            # all files, where one after the other each would need its own.
            for _camera, _seq, sink in sinks:
                sink.start_writing()
            for camera, seq, sink in sinks:
                try:
                    sink.sync()
                except OSError as error:
                    self._torn(camera, seq, error.errno or 5)

    def stop(self) -> None:
        """End at the next wake-up."""
        self._stop_event.set()
