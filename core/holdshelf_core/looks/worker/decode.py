"""From a segment's frames to a JPEG: decode from the key frame on, hide masked areas, scale, add the legend.

Runs in the picture worker only. The order matters: masks are painted on the frame as decoded, before anything scales, converts or
stores it. libavformat is not used: ``worker.index`` says where the frames are.
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

from holdshelf_core.looks.legend import draw_legend
from holdshelf_core.looks.masks import COLOR_REACH_PX, GRAY, covered, hidden
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.looks.worker.index import FramePlan
from holdshelf_core.looks.worker.parameters import parameter_sets
from holdshelf_core.policy.redaction import Place, place
from holdshelf_storage.errors import DiskWriteError
from holdshelf_storage.mp4.fragments import Sample, Track

MAX_PIXELS = 8192 * 4352
"""Slightly more than 8K; the decoder refuses a larger stream before it allocates anything."""
MAX_FRAME_BYTES = 32 << 20
THREADS_FROM = 4
"""With fewer frames to decode, a second thread costs more than it saves."""
_PLANAR = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"})
_OTHER_MARGIN_PX = 8
"""The margin hidden around a mask when a format must be converted before painting, which mixes neighboring samples."""
_UNKNOWN_COLORS, _FULL_RANGE = 2, 2  # AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_JPEG
_NO_COLOR = 128
_HD_HEIGHT = 720
_NARROWEST = 0.25
_KEPT_DECODERS, _KEPT_PIXELS = 2, 2560 * 1600
"""Number of decoders kept for the next picture, and their largest frame size: each holds a dozen frames."""


class Undecodable(Exception):
    """The decoder cannot decode it."""


class TooLarge(Exception):
    """More pixels than are ever shown."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame, its timestamp, and whether parts of it are guesses."""

    frame: VideoFrame
    pts: int
    damaged: bool
    pixel_shape: float = 1.0
    """Width of a pixel divided by its height, as the stream says."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished JPEG and its size in pixels; ``picture_height`` excludes the legend."""

    jpeg: bytes
    width: int
    height: int
    picture_height: int


def decoder_context(track: Track, threads: int) -> VideoCodecContext:
    """Return a decoder for that track's codec, with limits. Raises Undecodable for a codec that the recorder does not write."""
    if track.codec not in ("h264", "hevc"):
        raise Undecodable
    context = CodecContext.create(track.codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = track.configuration or None
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_type = "FRAME"
    # libavcodec's H.265 decoder deadlocks when frames that two threads work on are damaged.
    context.thread_count = threads if track.codec == "h264" else 1
    return context


class Decoder:
    """One decoder, from a key frame on. ``decode_more`` continues where it was; for a new chain use a new one."""

    def __init__(self, track: Track, threads: int) -> None:
        """Raises Undecodable for a codec that the recorder does not write."""
        self._context = decoder_context(track, threads)
        self._damaged = False
        self._sets = parameter_sets(track.configuration, track.codec, track.nal_length_bytes)
        self._before = b""
        self.last: Decoded | None = None
        """The newest frame shown so far."""

    def decode_more(self, fd: int, samples: list[Sample], pts: int, *, finish: bool) -> Decoded:
        """Return the frame with that timestamp or, if it cannot be decoded, the last one before it.

        ``finish``: no frame follows, so flush the decoder. Raises Undecodable, TooLarge, DiskWriteError, MemoryError.
        """
        best = self.last
        # When a decoder conceals damage it says so in its log, and nowhere that PyAV exposes.
        errors_before, _ = av.logging.get_last_error()
        for sample in samples:
            if sample.size > MAX_FRAME_BYTES:
                raise TooLarge
            packet: Packet[Any] = Packet(self._before + _read(fd, sample))
            self._before = b""
            packet.pts, packet.dts = sample.pts, sample.dts
            # Nothing depends on a non-reference frame: only the wanted one is worth decoding.
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

    def rewind(self) -> bool:
        """Forget every frame: the next chain begins with a key frame. Returns False if this decoder must not be used again.

        A flush keeps the parameter sets, which a stream may have replaced: the file's are set again.
        """
        if self._sets is None or self._damaged:
            return False
        self._context.flush_buffers()
        self.last = None
        self._before = self._sets
        return True

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
    """Decoders for single pictures. A few are kept for reuse: creating one costs a twentieth of a picture.

    Each serves one camera only: what a hostile stream leaves behind in a decoder cannot reach another camera's picture.
    """

    def __init__(self, cores: int) -> None:
        self._threads = min(2, cores)
        self._kept: OrderedDict[tuple[str, str, bytes, int], Decoder] = OrderedDict()

    def decode(self, fd: int, found: FramePlan, camera: str) -> Decoded:
        """Decode the frame that ``found`` leads to; ``camera`` '' keeps no decoder. Raises as ``Decoder.decode_more``."""
        threads = self._threads if len(found.chain) >= THREADS_FROM else 1
        key = (camera, found.track.codec, found.track.configuration, threads)
        decoder = self._kept.pop(key, None) or Decoder(found.track, threads)
        decoded = decoder.decode_more(fd, found.chain, found.pts, finish=True)
        is_small = decoded.frame.width * decoded.frame.height <= _KEPT_PIXELS
        if camera and is_small and not decoded.damaged and decoder.rewind():
            self._kept[key] = decoder
            while len(self._kept) > _KEPT_DECODERS:
                self._kept.popitem(last=False)
        return decoded


class Painter:
    """Makes JPEGs of frames. Keeps its converter: creating one costs more than a picture."""

    def __init__(self) -> None:
        self._converter = VideoReformatter()

    def paint(self, decoded: Decoded, burn: Burn, shown_utc_ns: int, max_width: int) -> Made:
        """Apply masks, scale, add the legend, encode as JPEG. Raises MemoryError, Undecodable (a format that cannot be
        converted)."""
        frame = decoded.frame
        width, height = _shown_size(frame, max_width, decoded.pixel_shape)
        band = draw_legend(burn, shown_utc_ns, width, damaged=decoded.damaged)
        # Shown as decoded, the frame and its legend become RGB together: that saves a copy of four bytes per pixel.
        is_plain = (width, height) == (frame.width, frame.height) and frame.format.name in _PLANAR
        try:
            if is_plain:
                masked = self.masked(frame, burn, shown_utc_ns, band)
                whole = _image(self._rgb(masked, width, height + band.height))
            else:
                is_bare = not (burn.masks or burn.boxes)
                rgb = self._rgb(frame if is_bare else self.masked(frame, burn, shown_utc_ns), width, height)
                whole = Image.new("RGB", (width, height + band.height))
                whole.paste(_image(rgb))
                whole.paste(band, (0, height))
        except (av.error.MemoryError, MemoryError):
            raise MemoryError from None
        except (av.error.FFmpegError, ValueError):
            raise Undecodable from None
        out = BytesIO()
        whole.save(out, "JPEG", quality=85)
        return Made(out.getvalue(), whole.width, whole.height, height)

    def masked(self, frame: VideoFrame, burn: Burn, shown_utc_ns: int, band: Image.Image | None = None) -> VideoFrame:
        """Return a copy in which every sample under a mask, or under a box at that time, has one value, with ``band`` below. The
        decoder may need the original."""
        margin = 0
        places = [at for at in (place(box, shown_utc_ns) for box in burn.boxes) if at is not None]
        if frame.format.name not in _PLANAR:
            frame, margin = self._converter.reformat(frame, format="yuv420p"), _OTHER_MARGIN_PX
        copy = VideoFrame(frame.width, frame.height + (band.height if band else 0), frame.format.name)
        copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
        for index, (plane, target) in enumerate(zip(frame.planes, copy.planes, strict=True)):
            samples, line = _bytes(target), target.line_size
            _copy_rows(plane, target)
            if burn.masks:
                more = margin if index == 0 else margin + COLOR_REACH_PX
                cover = hidden(burn.masks, plane.width, plane.height, more)
                left, top, right, bottom = cover.getbbox() or (0, 0, 0, 0)
                rows = slice(top * line, bottom * line)
                part = Image.frombytes("L", (line, bottom - top), bytes(samples[rows]))
                part.paste(GRAY if index == 0 else _NO_COLOR, (left, 0), cover.crop((left, top, right, bottom)))
                samples[rows] = part.tobytes()
            for at in places:
                more = margin if index == 0 else margin + COLOR_REACH_PX
                _fill(target, covered(at, plane.width, plane.height, more), GRAY if index == 0 else _NO_COLOR)
            if band is not None:
                _put_below(band, plane.height, target, is_luma=index == 0, is_full=_is_full_range(frame))
        return copy

    def _rgb(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        """Return RGB with four bytes per pixel, of that size."""
        colors = None
        if frame.colorspace == _UNKNOWN_COLORS and frame.height >= _HD_HEIGHT:
            colors = Colorspace.ITU709  # what HD cameras mean when they do not say
        scaled = width != frame.width or height != frame.height
        return self._converter.reformat(
            frame,
            width,
            height,
            "rgb0",
            src_colorspace=colors,
            interpolation=Interpolation.AREA if scaled else Interpolation.BILINEAR,
        )


def _shown_size(frame: VideoFrame, max_width: int, shape: float) -> tuple[int, int]:
    """Return width and height at most ``max_width`` wide, with square pixels."""
    width = min(max_width, max(1, round(frame.width * shape)))
    return width, max(1, round(frame.height * width / (frame.width * shape)))


def _image(rgb: VideoFrame) -> Image.Image:
    """Return the frame as a Pillow image, without a copy: it references the frame's memory and must not outlive it."""
    plane = rgb.planes[0]
    memory: Any = _bytes(plane)  # Pillow accepts any buffer; its types name only some
    return Image.frombuffer("RGB", (rgb.width, rgb.height), memory, "raw", "RGBX", plane.line_size, 1)


def _is_full_range(frame: VideoFrame) -> bool:
    return frame.color_range == _FULL_RANGE or frame.format.name.startswith(("yuvj", "gray"))


def _put_below(band: Image.Image, rows: int, target: VideoPlane, *, is_luma: bool, is_full: bool) -> None:
    """Put the legend into the lines of a plane after its first ``rows``: gray in luma, no color in chroma."""
    samples, line = _bytes(target), target.line_size
    if not is_luma:
        samples[rows * line : target.height * line] = bytes((_NO_COLOR,)) * (line * (target.height - rows))
        return
    gray = band if is_full else band.point([16 + value * 219 // 255 for value in range(256)])
    wide = gray.crop((0, 0, line, band.height))
    samples[rows * line : (rows + band.height) * line] = wide.tobytes()


def _fill(target: VideoPlane, area: Place, value: int) -> None:
    """Give every sample of a rectangle one value."""
    left, top, right, bottom = area
    samples, line, row = _bytes(target), target.line_size, bytes((value,)) * (right - left)
    for start in range(top * line + left, bottom * line + left, line):
        samples[start : start + len(row)] = row


def _copy_rows(plane: VideoPlane, target: VideoPlane) -> None:
    """Copy the samples to another frame's plane, whose line padding may differ."""
    source, samples = _bytes(plane), _bytes(target)
    if plane.line_size == target.line_size:
        count = plane.line_size * plane.height
        samples[:count] = source[:count]
        return
    for row in range(plane.height):
        start, at = row * plane.line_size, row * target.line_size
        samples[at : at + plane.width] = source[start : start + plane.width]


def _bytes(plane: VideoPlane) -> memoryview:
    """Return a plane's memory."""
    data: Any = plane  # it provides its memory (PEP 3118), which its type does not say
    return memoryview(data).cast("B")
