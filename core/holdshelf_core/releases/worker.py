"""The masked copy's worker: decodes, applies masks, adds the legend, encodes. A confined process.

Once ready it gives up files, network and programs (``confinement``), and only then reads what cameras sent. It writes no file:
encoded frames, masked first, are sent over its one socket, with which it exits. ``python -m holdshelf_core.releases.worker FD``.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from fractions import Fraction
from typing import Any

import av
import av.error
import av.logging
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from holdshelf_core.looks.legend import draw_legend, load_font
from holdshelf_core.looks.worker.decode import MAX_PIXELS, Painter, Undecodable, decoder_context
from holdshelf_core.processes import worker_link
from holdshelf_core.processes.confinement import confine
from holdshelf_core.releases import worker_protocol as wire
from holdshelf_core.times import NS, local_time_words
from holdshelf_storage.errors import BadMp4, DiskWriteError
from holdshelf_storage.mp4 import fragments as fmp4

MORE_MEMORY_BYTES = 3 << 30
"""Beyond its use when ready: encoder and decoder each keep some frames of up to 8K."""
OPEN_FILES = 32
_NICENESS = 5  # recording comes first
_ENCODERS = (
    ("libx264", {"preset": "veryfast", "crf": "20", "x264-params": "bframes=0:rc-lookahead=10:sync-lookahead=0"}),
    ("libopenh264", {"b": "6000000"}),
)
_GOP_S = 2
_ENCODED_FORMATS = ("yuv420p", "yuvj420p")


class _TooLarge(Exception):
    """More pixels than are ever shown."""


class Deriver:
    """One clip, from its first file to its last frame."""

    def __init__(self, link: socket.socket, begin: wire.Begin) -> None:
        self._link = link
        self._burn = begin.burn
        self._threads = begin.threads
        self._painter = Painter()
        self._converter = VideoReformatter()
        self._decoder: VideoCodecContext | None = None
        self._encoder: VideoCodecContext | None = None
        self._base_utc_ns: int | None = None
        self._shown: dict[int, tuple[int, bool]] = {}
        """By timestamp of decoded frames: when, and whether requested."""
        self._encoding: dict[int, tuple[int, bool]] = {}
        """By timestamp of encoded frames: when, and whether damaged."""
        self._last_pts = -1
        self._size: tuple[int, int] = (0, 0)
        self._is_configured = False
        self._errors = 0

    def take(self, order: wire.Take, fd: int) -> None:
        """Process one file. Raises BadMp4, DiskWriteError, Undecodable, _TooLarge, MemoryError."""
        track = fmp4.read_header(fd).video
        if track is None:
            raise Undecodable
        if self._decoder is None:
            self._decoder = decoder_context(track, self._threads)
        origin: int | None = None
        begun = order.first_offset == 0
        for sample in fmp4.samples(fd):
            if origin is None:
                origin = sample.pts
            begun |= sample.offset == order.first_offset
            if not begun:
                continue
            utc_ns = order.start_utc_ns + (sample.pts - origin) * NS // track.timescale
            if order.start_utc_ns + (sample.dts - origin) * NS // track.timescale >= order.to_utc_ns:
                break
            if sample.size > wire.MAX_FRAME_BYTES:
                raise _TooLarge
            if self._base_utc_ns is None:
                self._base_utc_ns = utc_ns
            packet: Packet[Any] = Packet(_read(fd, sample.offset, sample.size))
            packet.pts = packet.dts = (utc_ns - self._base_utc_ns) * wire.TICKS // NS
            self._shown[packet.pts] = (utc_ns, order.from_utc_ns <= utc_ns < order.to_utc_ns)
            self._decode(packet)

    def finish(self) -> None:
        """Flush decoder and encoder."""
        if self._decoder is not None:
            self._decode(None)
        if self._encoder is not None:
            for packet in self._encoder.encode(None):
                self._send(packet)

    def _decode(self, packet: Packet[Any] | None) -> None:
        assert self._decoder is not None
        damaged = False
        try:
            frames = self._decoder.decode(packet)
        except av.error.EOFError:
            return
        except (av.error.MemoryError, MemoryError):
            raise MemoryError from None
        except (av.error.FFmpegError, ValueError):
            return  # the frame is missing, as in any player
        errors, _ = av.logging.get_last_error()
        damaged, self._errors = errors != self._errors, errors
        for frame in frames:
            if frame.width * frame.height > MAX_PIXELS:
                raise _TooLarge
            if frame.pts is None or frame.pts not in self._shown:
                continue
            utc_ns, is_asked = self._shown.pop(frame.pts)
            if is_asked:
                self._encode(frame, utc_ns, damaged=damaged or frame.is_corrupt)
        if len(self._shown) > 256:  # frames that never arrived
            for pts in sorted(self._shown)[:128]:
                del self._shown[pts]

    def _encode(self, frame: VideoFrame, utc_ns: int, *, damaged: bool) -> None:
        band = draw_legend(self._burn, utc_ns, frame.width, damaged=damaged)
        made = self._painter.masked(frame, self._burn, utc_ns, band)
        width, height = made.width + made.width % 2, made.height + made.height % 2
        if not self._is_configured:
            self._size = (width, height)
        if self._size != (made.width, made.height) or made.format.name not in _ENCODED_FORMATS:
            made = self._converter.reformat(made, *self._size, "yuv420p")
        if self._encoder is None:
            self._encoder = _encoder(made, self._threads)
        made.pts = max(frame.pts or 0, self._last_pts + 1)
        made.time_base = Fraction(1, wire.TICKS)
        self._last_pts = made.pts
        self._encoding[made.pts] = (utc_ns, damaged)
        for packet in self._encoder.encode(made):
            self._send(packet)

    def _send(self, packet: Packet[VideoStream]) -> None:
        assert self._encoder is not None
        units = _units(bytes(packet))
        if not self._is_configured:
            sets = _units(self._encoder.extradata or b"") + units
            configuration = _configuration(sets)
            self._say(wire.Configured(*self._size, configuration))
            self._is_configured = True
        data = b"".join(len(unit).to_bytes(4) + unit for unit in units)
        utc_ns, damaged = self._encoding.pop(packet.pts or 0)
        self._say(wire.Encoded(utc_ns, packet.is_keyframe, damaged, len(data)))
        for at in range(0, len(data), wire.CHUNK_BYTES):
            self._say(wire.Chunk(data[at : at + wire.CHUNK_BYTES]))

    def _say(self, message: wire.ToMaker) -> None:
        self._link.sendall(wire.encode(message))


def encoder_name() -> str:
    """Return the available encoder; '' for none."""
    for name, _ in _ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except ValueError:
            continue
        return name
    return ""


def _encoder(frame: VideoFrame, threads: int) -> VideoCodecContext:
    name = encoder_name()
    context = CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base, context.framerate = Fraction(1, wire.TICKS), Fraction(15)
    context.gop_size, context.max_b_frames = _GOP_S * 15, 0
    context.color_range, context.colorspace = frame.color_range, frame.colorspace
    context.thread_count = threads
    context.options = dict(_ENCODERS)[name]
    context.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: parameter sets separate from the frames, as MP4 requires
    context.open()
    return context


def _units(data: bytes) -> list[bytes]:
    """Return NAL units of Annex B (14496-10), or with four-byte lengths, as some encoders write them."""
    if not data.startswith((b"\0\0\1", b"\0\0\0\1")):
        return []
    return [unit for part in data.split(b"\0\0\1") if (unit := part.rstrip(b"\0"))]


def _configuration(units: list[bytes]) -> bytes:
    """The body of avcC (14496-15 § 5.3.3) of an encoder's parameter sets. Raises Undecodable."""
    sps = next((unit for unit in units if unit[0] & 31 == 7), b"")
    pps = next((unit for unit in units if unit[0] & 31 == 8), b"")
    if len(sps) < 4 or not pps:
        raise Undecodable
    head = bytes((1, sps[1], sps[2], sps[3], 0xFF, 0xE1))
    record = head + len(sps).to_bytes(2) + sps + b"\1" + len(pps).to_bytes(2) + pps
    return record + bytes((0xFD, 0xF8, 0xF8, 0)) if sps[1] in (100, 110, 122, 144) else record


def _read(fd: int, offset: int, size: int) -> bytes:
    try:
        data = os.pread(fd, size, offset)
    except OSError as error:
        raise DiskWriteError(f"A segment cannot be read ({error}).") from error
    if len(data) != size:
        raise DiskWriteError("A segment became shorter while it was read.")
    return data


def serve(link: socket.socket) -> None:
    """Process one clip, until the service is gone or everything is sent."""
    deriver: Deriver | None = None
    while (received := wire.receive_in_worker(link)) is not None:
        message, fd = received
        try:
            match message:
                case wire.Begin():
                    deriver = Deriver(link, message)
                case wire.Take() if deriver is not None and fd is not None:
                    deriver.take(message, fd)
                    link.sendall(wire.encode(wire.Taken()))
                case wire.Finish() if deriver is not None:
                    deriver.finish()
                    link.sendall(wire.encode(wire.Finished()))
                    return
                case _:
                    return
        finally:
            if fd is not None:
                os.close(fd)


def main() -> None:
    """Entry point: argv[1] is the socket's descriptor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link = socket.socket(fileno=int(sys.argv[1]))
    av.logging.set_level(av.logging.ERROR)  # counted, never printed: a camera determines their text
    logging.disable(logging.CRITICAL)
    os.nice(_NICENESS)
    Image.preinit()
    load_font()
    local_time_words(0)
    has_encoder = bool(encoder_name())
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    confined = confine(more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
    link.sendall(wire.encode(worker_link.Ready(confined.landlock_abi, confined.seccomp)))
    reason: wire.Reason = "no encoder"
    try:
        if has_encoder:
            serve(link)
            os._exit(0)
    except (BadMp4, Undecodable, av.error.FFmpegError, ValueError):
        reason = "damaged"
    except _TooLarge:
        reason = "too large"
    except DiskWriteError:
        reason = "disk"
    except MemoryError:
        reason = "memory"
    except OSError:
        os._exit(0)  # the service is gone
    link.sendall(wire.encode(wire.Failed(reason)))
    os._exit(1)


if __name__ == "__main__":
    main()
