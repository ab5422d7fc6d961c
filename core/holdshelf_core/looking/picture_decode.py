"""From a segment's frames to a JPEG: decode from the key frame on, hide what masks hide, scale, add the legend.

Runs in the picture worker only. The order is the point: masks are painted on the frame as it was decoded, before
anything scales, converts or stores it. libavformat is not used: ``picture_index`` says where the frames lie.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av
import av.error
import av.logging
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from holdshelf_core.looking.legend import draw_legend
from holdshelf_core.looking.masks import COLOUR_REACH_PX, GREY, hidden
from holdshelf_core.looking.picture_index import Found
from holdshelf_core.looking.picture_protocol import Burn
from holdshelf_storage.errors import DiskWriteError
from holdshelf_storage.fmp4 import Sample, Track

MAX_PIXELS = 8192 * 4352
"""8K and a little; a stream that claims more is refused by the decoder before it allocates anything."""
MAX_FRAME_BYTES = 32 << 20
THREADS_FROM = 4
"""With fewer frames to decode a second thread costs more than it saves."""
_PLANAR = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"})
_OTHER_MARGIN_PX = 8
"""More is hidden around a mask when a format must be converted before it can be painted: that mixes neighbours."""
_UNKNOWN_COLOURS = 2
_HD_HEIGHT = 720
_NARROWEST = 0.25
_KEPT_DECODERS, _KEPT_PIXELS = 4, 2560 * 1600


class Undecodable(Exception):
    """The decoder makes nothing of it."""


class TooLarge(Exception):
    """More pixels than are ever shown."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame, its time stamp, and whether parts of it are guesses."""

    frame: VideoFrame
    pts: int
    damaged: bool
    pixel_shape: float = 1.0
    """Width of a pixel by its height, as the stream says."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished JPEG and its size in pixels; ``picture_height`` without the legend."""

    jpeg: bytes
    width: int
    height: int
    picture_height: int


class Decoder:
    """One decoder, from a key frame on. ``decode_more`` goes on where it was; for a new chain take a new one."""

    def __init__(self, track: Track, threads: int) -> None:
        """Raises Undecodable for a codec that the recorder does not write."""
        if track.codec not in ("h264", "hevc"):
            raise Undecodable
        context = CodecContext.create(track.codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata = track.configuration or None
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_type = "FRAME"
        context.thread_count = threads
        self._context = context
        self._damaged = False
        self.last: Decoded | None = None
        """The newest frame shown so far."""

    def decode_more(self, fd: int, samples: list[Sample], pts: int, *, finish: bool) -> Decoded:
        """The frame with that time stamp or, where it cannot be decoded, the last one before it.

        ``finish``: no frame follows, give out what is held back. Raises Undecodable, TooLarge, DiskWriteError, MemoryError.
        """
        best = self.last
        # Where a decoder covers up a damaged part it says so in its log, and nowhere that PyAV would show.
        errors_before, _ = av.logging.get_last_error()
        for sample in samples:
            if sample.size > MAX_FRAME_BYTES:
                raise TooLarge
            packet: Packet[Any] = Packet(_read(fd, sample))
            packet.pts, packet.dts = sample.pts, sample.dts
            # Nothing builds on a non-reference frame: only the wanted one is worth decoding.
            self._context.skip_frame = "DEFAULT" if sample.pts >= pts else "NONREF"
            best = self._take(packet, pts, best)
        if finish:
            best = self._take(None, pts, best)
        if best is None:
            raise Undecodable
        self._damaged |= av.logging.get_last_error()[0] != errors_before
        damaged = self._damaged or best.frame.is_corrupt or best.pts != pts
        ratio = self._context.sample_aspect_ratio
        shape = float(ratio) if ratio and _NARROWEST <= ratio <= 1 / _NARROWEST else 1.0
        self.last = Decoded(best.frame, best.pts, damaged, shape)
        return self.last

    def rewind(self) -> None:
        """Forget every frame: the next chain begins with a key frame."""
        self._context.flush_buffers()
        self.last = None

    def _take(self, packet: Packet[VideoStream] | None, pts: int, best: Decoded | None) -> Decoded | None:
        try:
            frames = self._context.decode(packet)
        except av.error.EOFError:
            return best
        except (av.error.MemoryError, MemoryError):
            raise MemoryError from None
        except (av.error.FFmpegError, ValueError):
            self._damaged = True
            return best
        for frame in frames:
            if frame.width * frame.height > MAX_PIXELS:
                raise TooLarge
            shown = frame.pts
            if shown is not None and shown <= pts and (best is None or shown >= best.pts):
                best = Decoded(frame, shown, damaged=False)
        return best


def _read(fd: int, sample: Sample) -> bytes:
    try:
        data = os.pread(fd, sample.size, sample.offset)
    except OSError as error:
        raise DiskWriteError(f"A segment cannot be read ({error}).") from error
    if len(data) != sample.size:
        raise DiskWriteError("A segment became shorter while it was read.")
    return data


class Decoders:
    """Decoders for single pictures. A few are kept for the next one: making them anew costs a twentieth of a picture."""

    def __init__(self, cores: int) -> None:
        self._threads = min(2, cores)
        self._kept: OrderedDict[tuple[str, bytes, int], Decoder] = OrderedDict()

    def decode(self, fd: int, found: Found) -> Decoded:
        """The frame that ``found`` leads to. Raises as ``Decoder.decode_more``."""
        # libavcodec's H.265 decoder waits for itself for ever when frames that two threads work on are broken.
        threads = self._threads if len(found.chain) >= THREADS_FROM and found.track.codec == "h264" else 1
        key = (found.track.codec, found.track.configuration, threads)
        decoder = self._kept.pop(key, None) or Decoder(found.track, threads)
        decoded = decoder.decode_more(fd, found.chain, found.pts, finish=True)
        # What a broken stream leaves behind in a decoder is not for the next picture.
        if not decoded.damaged and decoded.frame.width * decoded.frame.height <= _KEPT_PIXELS:
            decoder.rewind()
            self._kept[key] = decoder
            while len(self._kept) > _KEPT_DECODERS:
                self._kept.popitem(last=False)
        return decoded


class Painter:
    """Makes JPEGs of frames. Keeps its converter: making one costs more than a picture."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()
        self._canvas = bytearray()

    def paint(self, decoded: Decoded, burn: Burn, shown_utc_ns: int, max_width: int) -> Made:
        """Mask, scale, legend, JPEG. Raises MemoryError, Undecodable (a format that nothing converts)."""
        try:
            rgb = self._scaled(self._masked(decoded.frame, burn), max_width, decoded.pixel_shape)
        except (av.error.MemoryError, MemoryError):
            raise MemoryError from None
        except (av.error.FFmpegError, ValueError):
            raise Undecodable from None
        plane = rgb.planes[0]
        band = draw_legend(burn, shown_utc_ns, rgb.width, damaged=decoded.damaged)
        picture_bytes = plane.line_size * rgb.height
        height = rgb.height + band.height
        if len(self._canvas) != plane.line_size * height:
            self._canvas = bytearray(plane.line_size * height)  # kept: fresh memory costs more than what is done in it
        canvas = memoryview(self._canvas)
        canvas[:picture_bytes] = _bytes(plane)[:picture_bytes]
        canvas[picture_bytes:] = band.crop((0, 0, plane.line_size // 4, band.height)).tobytes("raw", "RGBX")
        whole = Image.frombuffer("RGB", (rgb.width, height), self._canvas, "raw", "RGBX", plane.line_size, 1)
        out = BytesIO()
        whole.save(out, "JPEG", quality=85)
        return Made(out.getvalue(), whole.width, whole.height, rgb.height)

    def _masked(self, frame: VideoFrame, burn: Burn) -> VideoFrame:
        """The frame, or a copy in which every sample under a mask has one value. The decoder may still need the original."""
        if not burn.masks:
            return frame
        margin = 0
        if frame.format.name not in _PLANAR:
            frame, margin = self._converter.reformat(frame, format="yuv420p"), _OTHER_MARGIN_PX
        copy = VideoFrame(frame.width, frame.height, frame.format.name)
        copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
        for index, (plane, target) in enumerate(zip(frame.planes, copy.planes, strict=True)):
            samples, line = _bytes(target), target.line_size
            _copy_rows(plane, target)
            more = margin if index == 0 else margin + COLOUR_REACH_PX
            cover = hidden(burn.masks, plane.width, plane.height, more)
            left, top, right, bottom = cover.getbbox() or (0, 0, 0, 0)
            rows = slice(top * line, bottom * line)
            part = Image.frombytes("L", (line, bottom - top), bytes(samples[rows]))
            part.paste(GREY if index == 0 else 128, (left, 0), cover.crop((left, top, right, bottom)))
            samples[rows] = part.tobytes()
        return copy

    def _scaled(self, frame: VideoFrame, max_width: int, shape: float) -> VideoFrame:
        """RGB with four bytes a pixel, at most ``max_width`` wide, pixels made square."""
        width = min(max_width, max(1, round(frame.width * shape)))
        height = max(1, round(frame.height * width / (frame.width * shape)))
        colours = None
        if frame.colorspace == _UNKNOWN_COLOURS and frame.height >= _HD_HEIGHT:
            colours = Colorspace.ITU709  # what HD cameras mean when they do not say
        scaled = width != frame.width or height != frame.height
        return self._converter.reformat(
            frame,
            width,
            height,
            "rgb0",
            src_colorspace=colours,
            interpolation=Interpolation.AREA if scaled else Interpolation.BILINEAR,
        )


def _copy_rows(plane: VideoPlane, target: VideoPlane) -> None:
    """The same samples in another frame's plane; the two may pad their lines otherwise."""
    source, samples = _bytes(plane), _bytes(target)
    if plane.line_size == target.line_size:
        count = plane.line_size * plane.height
        samples[:count] = source[:count]
        return
    for row in range(plane.height):
        start, at = row * plane.line_size, row * target.line_size
        samples[at : at + plane.width] = source[start : start + plane.width]


def _bytes(plane: VideoPlane) -> memoryview:
    """A plane's memory."""
    data: Any = plane  # it offers its memory (PEP 3118), which its type does not say
    return memoryview(data).cast("B")
