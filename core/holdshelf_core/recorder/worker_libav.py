"""One RTSP connection through libavformat (PyAV): UDP, and whatever ``worker_rtsp`` does not understand.

Audio is never set up: ``allowed_media_types=video`` keeps libavformat from sending SETUP for it, and a source that
brings audio anyway (MPEG-TS inside RTP) is refused.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import av
import av.container
import av.error
import av.logging
import av.packet
import av.video.stream

from holdshelf_core.reasons import (
    AUTH_REFUSED,
    NO_FRAMES,
    NOT_FOUND,
    NOT_RECORDABLE,
    STALE_SESSION,
    STREAM_ENDED,
    TRANSPORT_REFUSED,
    UNREACHABLE,
)
from holdshelf_core.recorder.worker_nal import length_prefixed, parameter_sets, split_annexb
from holdshelf_core.recorder.worker_names import numeric_url
from holdshelf_core.recorder.worker_source import (
    CODECS,
    OPEN_TIMEOUT_S,
    READ_TIMEOUT_S,
    SOUND_INSIDE,
    Picture,
    SourceError,
)

MAX_EARLY = 8
_STATUS = re.compile(r"failed: (\d{3}) ([^\r\n]*)")


def _with_credentials(url: str, username: str | None, password: str | None) -> str:
    if not username:
        return url
    parts = urlsplit(url)
    login = quote(username, safe="") + (":" + quote(password, safe="") if password else "")
    return urlunsplit((parts.scheme, f"{login}@{parts.netloc}", parts.path, parts.query, ""))


class LibavSource:
    """An open connection with its one video stream."""

    def __init__(self, url: str, username: str | None, password: str | None, transport: str) -> None:
        """Dial, TCP or UDP. Raises SourceError. Takes up to ``OPEN_TIMEOUT_S``; blocks without the interpreter lock."""
        self.gather_bytes = 0
        options = {
            "rtsp_transport": transport,
            "allowed_media_types": "video",
            # The SDP tells codec, size and parameter sets, and a key frame tells the rest: probing would only delay the
            # first frames (1.9 s against 0.14 s; "0" means the default of several seconds).
            "analyzeduration": "1",
            "probesize": "32",
            # Cameras sign their own certificates; pinning on first use is issue 5's.
            "tls_verify": "0",
            # A camera's SDP must not lead libavformat to a file, or to another protocol.
            "protocol_whitelist": "rtsp,rtsps,rtp,rtcp,udp,tcp,tls,crypto",
            "timeout": str(int(READ_TIMEOUT_S * 1_000_000)),
        }
        try:
            self._container = av.open(
                _with_credentials(numeric_url(url), username, password),
                options=options,
                timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise _translate(error, opening=True) from None
        try:
            self.stream = self._pick()
        except SourceError:
            self.close()
            raise

    def _pick(self) -> av.video.stream.VideoStream:
        streams = self._container.streams
        self._refuse_audio()
        for stream in streams.video:
            if stream.codec_context is not None and stream.codec_context.name in CODECS:
                return stream
        offered = ", ".join(sorted({str(s.codec_context.name) for s in streams.video if s.codec_context})) or "none"
        raise SourceError(NOT_RECORDABLE, f"it offers no H.264 or H.265 video (offered: {offered})")

    @property
    def template(self) -> av.video.stream.VideoStream | None:
        """The stream as the SDP describes it, when that says enough to write a file."""
        return self.stream if self.stream.codec_context.width else None

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """See ``worker_source.Source``."""
        return parameter_sets(split_annexb(self.stream.codec_context.extradata or b""), self.codec)

    @property
    def ticks_per_s(self) -> int:
        """The unit of the packets' time stamps; 90,000 for RTP video."""
        time_base = self.stream.time_base
        return round(1 / float(time_base)) if time_base else 90_000

    @property
    def codec(self) -> str:
        """``h264`` or ``hevc``."""
        return str(self.stream.codec_context.name)

    def pictures(self) -> Iterator[Picture]:
        """See ``worker_source.Source``."""
        seen = False
        # libavformat gives the very first packet no time stamp; it is the first key frame, so it is not thrown away.
        early: list[av.packet.Packet[av.video.stream.VideoStream]] = []
        try:
            for packet in self._container.demux(self.stream):
                if not packet.size:
                    continue
                if packet.pts is None:
                    if not seen and len(early) < MAX_EARLY:
                        early.append(packet)
                    continue
                while early:
                    late = early.pop(0)
                    late.pts = packet.pts - (len(early) + 1) * (packet.duration or late.duration or 3000)
                    yield self._picture(late)
                seen = True
                yield self._picture(packet)
                if len(self._container.streams) > 1:
                    self._refuse_audio()
        except (av.error.FFmpegError, OSError) as error:
            raise _translate(error, opening=False) from None
        raise SourceError(STREAM_ENDED if seen else NO_FRAMES, "the camera closed the stream")

    def _picture(self, packet: av.packet.Packet[av.video.stream.VideoStream]) -> Picture:
        nals = split_annexb(bytes(packet))
        return Picture(
            length_prefixed(nals),
            packet.pts or 0,
            packet.dts,
            packet.is_keyframe,
            parameter_sets(nals, self.codec) if packet.is_keyframe else frozenset(),
        )

    def _refuse_audio(self) -> None:
        """Sound that comes inside the video's own transport (MPEG-TS) cannot be left out: nothing of it is kept."""
        if any(stream.type == "audio" for stream in self._container.streams):
            raise SourceError(NOT_RECORDABLE, SOUND_INSIDE)

    def close(self) -> None:
        """Hang up (TEARDOWN, so that the camera frees the session). Never raises."""
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError):
            return


def _rtsp_status(error: BaseException) -> tuple[int, str]:
    log: Any = getattr(error, "log", None)
    match = _STATUS.search(str(log[2])) if log else None
    return (int(match[1]), match[2]) if match else (0, "")


def _translate(error: BaseException, *, opening: bool) -> SourceError:
    """libavformat's error to a reason. Its open timeout surfaces as several unrelated errors (CAMERAS.md)."""
    code, words = _rtsp_status(error)
    detail = f"{code} {words}".strip() if code else str(getattr(error, "strerror", "") or error)
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError) or code in (401, 403):
        return SourceError(AUTH_REFUSED, detail)
    if isinstance(error, av.error.HTTPNotFoundError) or code == 404:
        return SourceError(NOT_FOUND, detail)
    if code == 461 or getattr(error, "errno", 0) == errno.EPROTONOSUPPORT:
        return SourceError(TRANSPORT_REFUSED, detail)
    if code in (453, 454, 455, 503) or isinstance(error, av.error.HTTPClientError | av.error.HTTPServerError):
        return SourceError(STALE_SESSION, detail)
    if not opening:
        if isinstance(error, av.error.ExitError | TimeoutError | av.error.TimeoutError):
            return SourceError(NO_FRAMES, "the connection is open and nothing comes")
        return SourceError(STREAM_ENDED, detail)
    if isinstance(error, av.error.ExitError | TimeoutError | PermissionError | InterruptedError):
        return SourceError(UNREACHABLE, "no answer in time")
    if isinstance(error, av.error.InvalidDataError):
        return SourceError(UNREACHABLE, "no usable answer in time")
    return SourceError(UNREACHABLE, detail)
