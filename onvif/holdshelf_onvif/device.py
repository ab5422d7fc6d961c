"""What a device reported about itself, as plain typed data. All texts are sanitized; nothing here contacts a device."""

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
        """Return maker and model, without the maker twice."""
        if self.model.lower().startswith(self.manufacturer.lower()):
            return self.model
        return f"{self.manufacturer} {self.model}".strip()


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """How far the device's clock is ahead of ours (negative: behind), in ns, ± 0.5 s: ONVIF reports whole seconds."""

    skew_ns: int

    @property
    def skew_s(self) -> float:
        """Return the same in seconds."""
        return self.skew_ns / 1_000_000_000

    @property
    def amount(self) -> str:
        """Return e.g. ``1 year 2 days``. Accurate to half a second: a year minus that counts as a year."""
        return in_words(round(self.skew_s / 60) * 60 if abs(self.skew_s) >= 3600 else self.skew_s)

    @property
    def direction(self) -> str:
        """Return ``ahead of`` or ``behind``, to precede the clock it is compared with."""
        return "ahead of" if self.skew_ns > 0 else "behind"


@dataclass(frozen=True, slots=True)
class VideoProfile:
    """A media profile. ``codec`` is libavcodec's name (h264, hevc, mjpeg, …), empty without an encoder.

    ``service`` is its source, media or media2. ``sound`` and ``sound_token`` name its audio encoder, ``source_token`` its video
    source configuration, ``channel`` its video source (the lens or input); each empty if there is none.
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
    channel: str = ""

    @property
    def recordable(self) -> bool:
        """Return whether it is H.264 or H.265 of a known size."""
        return self.codec in RECORDABLE_CODECS and self.width > 0 and self.height > 0

    @property
    def description(self) -> str:
        """Return e.g. ``MainStream, H.264 1920×1080``."""
        return f"{self.name or self.token}, {codec_name(self.codec)} {self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """One refresh's result. ``clock`` is None when the device does not report its time."""

    information: DeviceInformation
    clock: DeviceClock | None
    profiles: tuple[VideoProfile, ...]
    profile: VideoProfile
    stream_url: str


@dataclass(frozen=True, slots=True)
class CameraTrack:
    """A video track that the device has recorded itself: [start, end) by its clock, UTC ns. ``source``: what was recorded."""

    recording: str
    source: str
    start_ns: int
    end_ns: int
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier connections found out: how the device accepts the password, and its certificate's SHA-256 (hex).

    Both empty: nothing yet. ``auth`` is one of DIGEST_TOKEN, HTTP_DIGEST and PLAIN_TOKEN.
    """

    auth: str = ""
    certificate: str = ""


def choose_profile(
    profiles: Sequence[VideoProfile], token: str = "", channel: str = "", channels_known: int = 1
) -> VideoProfile | None:
    """Return the one to record: that ``token`` if it can be, else the best of the channel; None when none can be recorded.

    The best has most pixels, then most frames, then the device's own order. ``channel`` and ``channels_known``: see ``within``.
    """
    recordable = [profile for profile in within(profiles, channel, channels_known) if profile.recordable]
    chosen = next((profile for profile in recordable if profile.token == token), None)
    return chosen or max(recordable, key=lambda p: (p.width * p.height, p.frames_per_second), default=None)


def channels(profiles: Sequence[VideoProfile]) -> tuple[str, ...]:
    """Return the device's video sources (lenses, inputs) that have something to record, in its own order."""
    return tuple(dict.fromkeys(profile.channel for profile in profiles if profile.recordable and profile.channel))


def within(profiles: Sequence[VideoProfile], channel: str, channels_known: int = 1) -> list[VideoProfile]:
    """Return the profiles of a channel.

    A device that never had another (``channels_known``: how many it had) may name its one otherwise after an update; where there
    are several, no other is ever taken in its place.
    """
    if not channel or max(channels_known, len(channels(profiles))) < 2:
        return list(profiles)
    return [profile for profile in profiles if profile.channel == channel]


def offered(profiles: Sequence[VideoProfile]) -> str:
    """Return the available video, for the sentence that says that none of it can be recorded."""
    names = sorted({codec_name(profile.codec) for profile in profiles if profile.codec})
    return ", ".join(names) or "profiles without video"


def codec_name(codec: str) -> str:
    """Return a codec's common name."""
    return {"h264": "H.264", "hevc": "H.265", "mjpeg": "Motion JPEG", "mpeg4": "MPEG-4"}.get(codec, codec.upper())
