"""Replay of what a camera has recorded itself, over RTSP (ONVIF Streaming Specification § 6, Profile G).

``PLAY`` names a range of the camera's own time and asks for it without pacing (``Rate-Control: no``). Each picture's first packet
carries the time at which it was taken, in a header extension of RTP: pictures are placed by that alone. One without is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdshelf_core.recorder.worker.rtp import Depacketizer
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.source import Picture
from holdshelf_core.recorder.worker.units import StreamClock, WholePicture
from holdshelf_core.times import NS

TICKS_PER_S = 90_000
REPLAY_EXTENSION = b"\xab\xac\x00\x03"
"""Profile and length (three words) of the extension: NTP time, flags, Cseq, padding."""
NTP_EPOCH_S = 2_208_988_800
"""1970 in NTP's seconds, which count from 1900."""
TERMINAL = 0x10
"""The T bit: nothing follows in the range that was asked for."""
MAX_TIMES = 4096
OVER_S = 0.5
SILENT_S = 6.0


def ntp_ns(data: bytes) -> int:
    """Return an NTP time (32.32 fixed point, RFC 5905) as UTC ns; before 1968 it is one of the era from 2036 on."""
    seconds, fraction = int.from_bytes(data[:4]), int.from_bytes(data[4:8])
    if seconds < 1 << 31:
        seconds += 1 << 32
    return (seconds - NTP_EPOCH_S) * NS + (fraction * NS >> 32)


def clock_range(start_utc_ns: int, end_utc_ns: int) -> str:
    """Return a Range header of RFC 2326 § 3.7: absolute time."""
    return f"clock={_clock(start_utc_ns)}-{_clock(end_utc_ns)}"


def _clock(utc_ns: int) -> str:
    at = datetime.fromtimestamp(utc_ns // NS, UTC)
    return f"{at:%Y%m%dT%H%M%S}.{utc_ns % NS // 1_000_000:03d}Z"


class _TimesOfPictures(StreamClock):
    """Places pictures by the times in the header extension: ticks since 1970."""

    def __init__(self) -> None:
        super().__init__(TICKS_PER_S)
        self.times: dict[int, int] = {}
        """UTC ns by RTP timestamp, of packets whose picture is not complete yet."""
        self._last_ticks = 0

    def take(self, whole: WholePicture, done: list[Picture]) -> None:
        at_ns = self.times.pop(whole.stamp, None)
        if at_ns is None:
            return
        ticks = at_ns * TICKS_PER_S // NS
        self.reordered |= -3 * TICKS_PER_S < ticks - self._last_ticks < 0
        if abs(ticks - self._last_ticks) > 3 * TICKS_PER_S:
            self._recent.clear()
        self._last_ticks = ticks
        done.append(self._picture(whole, ticks))

    def flush(self, done: list[Picture]) -> None:
        """Does nothing: each picture is placed when it is taken, by its own time."""


class ReplayDepacketizer(Depacketizer):
    """A depacketizer that also reads the replay header extension."""

    is_over = False
    """The camera has marked a packet as the last one of the range (``TERMINAL``)."""

    def place_by_their_times(self) -> None:
        """Before the first packet: pictures are placed by the times in the extension, not by RTP's."""
        self._times = _TimesOfPictures()
        self._clock = self._times

    def feed(self, data: bytes, start: int, end: int) -> list[Picture]:
        """Process one RTP packet, ``data[start:end]``, and its replay header. Returns the access units that it completes."""
        if data[start] & 0x10 and end - start >= 28:
            at = start + 12 + 4 * (data[start] & 0x0F)
            if data[at : at + 4] == REPLAY_EXTENSION and at + 16 <= end:
                times = self._times.times
                if len(times) >= MAX_TIMES:
                    times.clear()  # of pictures that never came whole
                times.setdefault(int.from_bytes(data[start + 4 : start + 8]), ntp_ns(data[at + 4 : at + 12]))
                self.is_over |= bool(data[at + 12] & TERMINAL)
        return super().feed(data, start, end)


class ReplaySource(RtspSource):
    """An open replay. Its pictures' ``ticks`` are the camera's own UTC, in 1/90000 s since 1970."""

    set_up_headers: Mapping[str, str] = {"Require": "onvif-replay"}
    depacketizer_type = ReplayDepacketizer

    def __init__(
        self,
        url: str,
        username: str | None,
        password: str | None,
        certificate_sha256: str | None,
        span: tuple[int, int],
    ) -> None:
        """``span``: [start, end) by the camera's clock, UTC ns. Raises SourceError."""
        self.play_headers = {"Require": "onvif-replay", "Range": clock_range(*span), "Rate-Control": "no"}
        self.received_bytes = 0
        super().__init__(url, username, password, certificate_sha256)
        self._patience_s = SILENT_S
        self.ticks_per_s = TICKS_PER_S

    def _set_up(self, base: str) -> Depacketizer:
        made = super()._set_up(base)
        assert isinstance(made, ReplayDepacketizer)
        made.place_by_their_times()
        return made

    @property
    def damaged(self) -> int:
        """Return how many pictures could not be put together."""
        return self._replayed.damaged

    @property
    def _replayed(self) -> ReplayDepacketizer:
        assert isinstance(self._depacketizer, ReplayDepacketizer)
        return self._depacketizer

    def hurry(self) -> None:
        """Wait only ``OVER_S`` for more from now on: all that was asked for has come."""
        self._patience_s = OVER_S

    def _take(self, items: list[Any], room: memoryview) -> int:
        received = super()._take(items, room)
        self.received_bytes += received
        if self._replayed.is_over:
            self.hurry()
        return received
