"""What a device told about itself, as plain typed data. All texts are cleaned; nothing here asks a device anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .text import in_words

RECORDABLE_CODECS = ("h264", "hevc")


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """GetDeviceInformation (ONVIF Core Specification, device management)."""

    manufacturer: str
    model: str
    firmware_version: str
    serial_number: str
    hardware_id: str

    @property
    def name(self) -> str:
        """Maker and model, without the maker twice."""
        if self.model.lower().startswith(self.manufacturer.lower()):
            return self.model
        return f"{self.manufacturer} {self.model}".strip()


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """How far the device's clock is ahead of ours (negative: behind), in ns, ± 0.5 s: ONVIF tells whole seconds."""

    skew_ns: int

    @property
    def skew_s(self) -> float:
        """The same in seconds."""
        return self.skew_ns / 1_000_000_000

    @property
    def amount(self) -> str:
        """``1 year 2 days``. Known to half a second only: a year less that much is a year."""
        return in_words(round(self.skew_s / 60) * 60 if abs(self.skew_s) >= 3600 else self.skew_s)

    @property
    def direction(self) -> str:
        """``ahead of`` or ``behind``, to stand before whose clock it is compared with."""
        return "ahead of" if self.skew_ns > 0 else "behind"


@dataclass(frozen=True, slots=True)
class VideoProfile:
    """A media profile. ``codec`` is libavcodec's name (h264, hevc, mjpeg, …), empty where there is no encoder.

    ``service`` is the one that told it, media or media2. ``sound`` and ``sound_token`` name the audio encoder in it,
    ``source_token`` its video source configuration; each empty where there is none.
    """

    token: str
    name: str
    codec: str
    width: int
    height: int
    frames_per_second: float
    offers_sound: bool
    service: str = "media"
    sound: str = ""
    sound_token: str = ""
    source_token: str = ""

    @property
    def recordable(self) -> bool:
        """H.264 or H.265 of a known size."""
        return self.codec in RECORDABLE_CODECS and self.width > 0 and self.height > 0

    @property
    def description(self) -> str:
        """``MainStream, H.264 1920×1080``."""
        return f"{self.name or self.token}, {codec_name(self.codec)} {self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """One refresh's result. ``clock`` is None when the device does not tell its time."""

    information: DeviceInformation
    clock: DeviceClock | None
    profiles: tuple[VideoProfile, ...]
    profile: VideoProfile
    stream_url: str


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier talks with a device taught: how it takes the password, and its certificate's SHA-256 (hex).

    Both empty: nothing yet. ``auth`` is one of DIGEST_TOKEN, HTTP_DIGEST and PLAIN_TOKEN.
    """

    auth: str = ""
    certificate: str = ""


def choose_profile(profiles: Sequence[VideoProfile]) -> VideoProfile | None:
    """The one to record: most pixels, then most frames, then the device's own order; None when none can be recorded."""
    recordable = [profile for profile in profiles if profile.recordable]
    return max(recordable, key=lambda p: (p.width * p.height, p.frames_per_second), default=None)


def offered(profiles: Sequence[VideoProfile]) -> str:
    """Which video there is, for the sentence that says that none of it can be recorded."""
    names = sorted({codec_name(profile.codec) for profile in profiles if profile.codec})
    return ", ".join(names) or "profiles without video"


def codec_name(codec: str) -> str:
    """A codec as people write it."""
    return {"h264": "H.264", "hevc": "H.265", "mjpeg": "Motion JPEG", "mpeg4": "MPEG-4"}.get(codec, codec.upper())
