"""Writes one segment: pictures into a fragmented MP4 on a given descriptor. Opens no file.

libavformat makes the head (ftyp, moov: it knows avcC and hvcC); we write the fragments: one ``moof`` and ``mdat`` (ISO/IEC
14496-12 § 8.8) at most 0.75 s after its first picture was read, in one write. Every byte goes through ``Sink``, which hashes it
on the way: the file is append-only, so the hash is the file's. ``syncer`` has it on the disk at most 0.75 s later.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import struct
import threading
from fractions import Fraction
from typing import Any

import av
import av.container
import av.error
import av.video.stream

from holdshelf_core.integration.reasons import NOT_RECORDABLE
from holdshelf_core.recorder.worker.nal import (
    annexb,
    are_complete,
    completed,
    is_leading,
    is_slice,
    kind_of,
    split_sample,
)
from holdshelf_core.recorder.worker.shown import MOST_AHEAD, ShownOrder
from holdshelf_core.recorder.worker.source import Picture, SourceError
from holdshelf_storage.access_log import merkle

# A frame may wait 0.4 s in the socket, then this long for its fragment's end, then `syncer.SYNC_PERIOD_S`: under 2 s.
FRAGMENT_S = 0.75
MAX_FRAGMENT_BYTES = 64 << 20
MAX_FRAGMENT_PICTURES = 4096
MAX_PIXELS = 8192 * 5120
"""Largest picture accepted: larger than any camera's, and far below what parameter sets can claim."""
MAX_SIDE = 16_384
MAX_HEAD_NALS = 64
MAX_WRITE_PARTS = 1024
"""IOV_MAX of Linux."""
_HEAD_OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "750000"}
_IS_SYNC, _IS_NOT_SYNC = 0x0200_0000, 0x0101_0000  # sample_depends_on and sample_is_non_sync_sample, § 8.8.3.1
_SYNC_FILE_RANGE_WRITE = 2
_sync_file_range = ctypes.CDLL(None).sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SAMPLE = struct.Struct(">IIIi")


class WriteFailed(Exception):
    """The kernel refused a write: ``errno`` says why (ENOSPC, EIO, EROFS)."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


def template_from_key_frame(picture: Picture, codec: str, sets: frozenset[bytes]) -> av.container.InputContainer:
    """Describe a stream from a key frame and its parameter sets: size and extradata, through libavformat.

    ``sets`` adds what the key frame lacks. The caller closes the container. Raises ValueError, and SourceError for a picture
    larger than ``MAX_PIXELS``.
    """
    # SPS before PPS (and VPS first): by nal_unit_type, which happens to be that order.
    whole = sorted(completed(picture.sets, sets, codec), key=lambda nal: kind_of(nal, codec))
    if not are_complete(whole, codec):
        raise ValueError("the key frame carries no usable parameter sets")
    data = (annexb(whole) if len(whole) > len(picture.sets) else b"") + annexb(
        _head_of(split_sample(picture.data), codec)
    )
    # libavformat decodes its input: only as much as needed to learn the pixel format, on this thread only.
    # Strictly: of a stream that does not say how far its pictures are out of order, all that is allowed counts (`reorder_depth`).
    options = {
        "probesize": str(max(5000, len(data))),
        "max_pixels": str(MAX_PIXELS),
        "threads": "1",
        "strict": "strict",
    }
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


def reorder_depth(template: av.video.stream.VideoStream) -> int:
    """Return how many pictures may be sent ahead of one that is shown before them, by the parameter sets."""
    context = template.codec_context
    return 0 if "Baseline" in (context.profile or "") else context.reorder_depth  # which has no B pictures


def _head_of(nals: list[bytes], codec: str) -> list[bytes]:
    """Return a picture's NAL units up to its first slice, and only a few of any others."""
    first = next((at for at, nal in enumerate(nals) if is_slice(nal, codec)), len(nals))
    return [*nals[: min(first, MAX_HEAD_NALS)], *nals[first : first + 1]]


def file_head(template: av.video.stream.VideoStream, ticks_per_s: int, comment: str) -> bytes:
    """Return ftyp and moov of a fragmented file with this one video track (track 1). Raises ValueError."""
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
    """The write end of a segment, which only grows."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.written_bytes = 0
        self.synced_bytes = 0
        self.errno = 0
        self._hash = hashlib.sha256()
        # Held while syncing and while closing: a descriptor's number must not be reused under a running sync.
        self._fd_lock = threading.Lock()

    def start_writing(self) -> None:
        """Have the kernel begin to write new data, without waiting (sync_file_range(2)). Errors are raised by ``sync``."""
        with self._fd_lock:
            if self.fd >= 0 and not self.errno and self.written_bytes > self.synced_bytes:
                _sync_file_range(self.fd, self.synced_bytes, 0, _SYNC_FILE_RANGE_WRITE)

    def sync(self) -> None:
        """fdatasync what was written since the last time. Raises OSError; the sink then refuses further writes."""
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
        """Close the descriptor; the service syncs what is not synced yet."""
        with self._fd_lock:
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1

    def write(self, *parts: bytes) -> None:
        """Write all of them, or raise WriteFailed now and at every later call. Large parts are not copied together first."""
        if self.errno:
            raise WriteFailed(self.errno)
        left = list(parts)
        while left:
            try:
                taken = os.writev(self.fd, left[:MAX_WRITE_PARTS])
            except OSError as error:
                self.errno = error.errno or 5
                raise WriteFailed(self.errno) from None
            whole, done = 0, taken
            while whole < len(left) and done >= len(left[whole]):
                self._hash.update(left[whole])
                done -= len(left[whole])
                whole += 1
            del left[:whole]
            if done:
                self._hash.update(left[0][:done])
                left[0] = left[0][done:]
            self.written_bytes += taken

    def sha256(self) -> str:
        """Return the SHA-256 of every byte written so far."""
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
        shown: ShownOrder | None = None,
        *,
        follows: bool = False,
    ) -> None:
        """``facts`` go into the file itself, so that recovery needs nothing else (docs/disk-format.md).

        ``shown``: told of every picture by the caller. ``follows``: no picture is missing between the segment before and this
        one. Raises WriteFailed, ValueError (libavformat cannot describe such a stream).
        """
        self.sink = Sink(fd)
        self.facts = facts
        self.frames = 0
        self.first_ticks = first_ticks
        self.activity: list[int] = []
        self.width, self.height = template.codec_context.width, template.codec_context.height
        self._codec = "h264" if template.codec_context.name == "h264" else "hevc"
        self._ticks_per_s = ticks_per_s
        self._shown = shown or ShownOrder()
        self._follows = follows
        self._last_ticks = first_ticks
        self._frame_ticks = 0
        self._next_decode = 0
        self._fragment: list[tuple[int, Picture]] = []
        self._fragment_bytes = 0
        self._fragments = 0
        self._flushed_ticks = first_ticks
        self._turns_at: Picture | None = None
        self._frames_tree = merkle.Tree()
        self.sink.write(file_head(template, ticks_per_s, json.dumps(facts, separators=(",", ":"))))

    def write(self, picture: Picture) -> None:
        """Add one picture. Raises WriteFailed."""
        if picture.ticks < self.first_ticks and not self._follows and is_leading(picture.data, self._codec):
            return  # of an open group of pictures: shown before this segment begins, and made from what is missing
        if self.frames:
            step = max(1, abs(picture.ticks - self._last_ticks))
            # Among pictures out of order, the shortest step is the length of one.
            self._frame_ticks = step if picture.decode_ticks is None else min(self._frame_ticks or step, step)
        self._last_ticks = picture.ticks if picture.decode_ticks is None else max(self._last_ticks, picture.ticks)
        at = picture.ticks if picture.decode_ticks is None else picture.decode_ticks
        # Strictly rising and never before the first, whatever the camera says.
        decode = max(at - self.first_ticks, self._next_decode)
        self._next_decode = decode + 1
        fragment = self._fragment
        if fragment:
            if self._fragment_bytes > MAX_FRAGMENT_BYTES or len(fragment) >= MAX_FRAGMENT_PICTURES:
                self._flush(len(fragment), decode)  # a clock that stands still, or thousands of pictures a second
            elif decode - fragment[0][0] >= FRAGMENT_S * self._ticks_per_s:
                self._flush(self._ripe(decode), decode)
        self._fragment.append((decode, picture))
        self._count(picture, 1)

    def write_turn(self, picture: Picture) -> None:
        """Add a key frame that will begin the next segment once all that is shown before it has come. Raises WriteFailed."""
        self.write(picture)
        self._turns_at = picture

    def take_back(self) -> list[Picture]:
        """Take the key frame of ``write_turn`` and what came after it out again: they have not been written."""
        turns_at, self._turns_at = self._turns_at, None
        at = next((number for number, (_, picture) in enumerate(self._fragment) if picture is turns_at), None)
        return [] if at is None else self._leave_out(at)

    def _leave_out(self, kept: int) -> list[Picture]:
        """Drop all but so many of the pictures that have not been written; return them."""
        left_out = self._fragment[kept:]
        del self._fragment[kept:]
        for _, picture in left_out:
            self._count(picture, -1)
        if left_out:
            self._next_decode = left_out[0][0]
            self._last_ticks = max((self._flushed_ticks, *(picture.ticks for _, picture in self._fragment)))
        return [picture for _, picture in left_out]

    def _count(self, picture: Picture, sign: int) -> None:
        size = sign * len(picture.data)
        self._fragment_bytes += size
        second = max(0, picture.ticks - self.first_ticks) // self._ticks_per_s
        while len(self.activity) <= second < 3600:
            self.activity.append(0)
        if second < 3600:
            self.activity[second] += size
        self.frames += sign

    def _settled(self, ahead: int) -> int:
        """Return how many of the unwritten pictures are shown before any that may be missing. A segment's first always is."""
        first = 0 if self._fragments else 1
        ticks = [picture.ticks for _, picture in self._fragment[first:]]
        return min(first, len(self._fragment)) + self._shown.settled(self._flushed_ticks, ticks, ahead)

    def _ripe(self, decode: int) -> int:
        """Return how many of the unwritten pictures are to be written now.

        One may have to be left out yet. Where that is known only by what the stream allows, it waits no longer than others.
        """
        shown, fragment = self._shown, self._fragment
        if not shown.assumed:
            return len(fragment)
        overdue = decode - round(FRAGMENT_S * self._ticks_per_s)
        old = next((number for number, (at, _) in enumerate(fragment) if at > overdue), len(fragment))
        ripe = max(self._settled(shown.assumed), min(self._settled(shown.depth), old), len(fragment) - 2 * MOST_AHEAD)
        turns = (number for number, (_, picture) in enumerate(fragment) if picture is self._turns_at)
        return min(ripe, next(turns, ripe))

    def _flush(self, count: int, next_decode: int) -> None:
        """Write the first so many of the gathered pictures as one fragment; ``next_decode`` ends the last sample of all."""
        samples, rest = self._fragment[:count], self._fragment[count:]
        if not samples:
            return
        self._fragment, self._fragments = rest, self._fragments + 1
        self._fragment_bytes = sum(len(picture.data) for _, picture in rest)
        self._flushed_ticks = max((self._flushed_ticks, *(picture.ticks for _, picture in samples)))
        ends = [*(decode for decode, _ in (*samples[1:], *rest[:1])), next_decode]
        table = b"".join(
            _SAMPLE.pack(
                end - decode,
                len(picture.data),
                _IS_SYNC if picture.is_key else _IS_NOT_SYNC,
                max(0, picture.ticks - self.first_ticks) - decode,
            )
            for (decode, picture), end in zip(samples, ends, strict=False)
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
        media = [picture.data for _, picture in samples]
        for data in media:
            self._frames_tree.append(merkle.leaf_hash(data))
        size = 8 + sum(map(len, media))
        self.sink.write(b"".join((head, table, struct.pack(">I4s", size, b"mdat"))), *media)

    def frames_root(self) -> str:
        """Return the root of the tree over the frames written so far, hex, so that a part of the file can be proven later."""
        return self._frames_tree.root().hex()

    def duration_ticks(self, next_ticks: int | None = None) -> int:
        """Return the duration from the first frame to the next segment's first, or to the end of the last frame shown."""
        if next_ticks is not None:
            return max(0, next_ticks - self.first_ticks)
        return max(0, self._last_ticks - self.first_ticks) + self.frame_ticks

    @property
    def frame_ticks(self) -> int:
        """Return the assumed length of its last frame: the shortest, as the next one may be missing; 0 where none is known."""
        step = self._shown.step()
        if step is None:
            return 0 if self._shown.assumed else self._frame_ticks
        return min(step, self._frame_ticks or step)

    def age_ticks(self, ticks: int) -> int:
        """Return this segment's age at a timestamp."""
        return ticks - self.first_ticks

    def finish(self, next_ticks: int | None = None) -> None:
        """Write the last fragment. Without ``next_ticks`` pictures may be missing from here on: it ends before the first of them.

        Raises WriteFailed; the descriptor stays open.
        """
        if next_ticks is None and self._shown.assumed:
            self._leave_out(self._settled(self._shown.assumed))
        self._flush(len(self._fragment), max(self._next_decode, self.duration_ticks(next_ticks)))

    def abort(self) -> None:
        """Stop writing, as after a disk error: frames not yet in the file are dropped."""
        self._fragment = []
        self.sink.errno = self.sink.errno or 5
