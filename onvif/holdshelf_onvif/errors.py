"""What the client raises, each on top of the error of core that it amounts to. A library's own exceptions end there.

::

    HoldshelfError (holdshelf_core)
    ├── EntryNotReady
    │   ├── CameraUnreachable     no route, hung up, bad TLS
    │   │   ├── NameUnknown
    │   │   └── PortClosed
    │   ├── CertificateChanged    another certificate than the one that is known; nothing was sent
    │   ├── CameraTimeout         too slow, or one byte a second
    │   ├── NotOnvif              something else answers there
    │   ├── AnswerTooLarge        more bytes than the limit; the rest was never read
    │   ├── NonsenseAnswer        not XML, hostile XML, or XML of another shape
    │   ├── ChannelGone           a device with several channels no longer has this one
    │   ├── AnotherCamera         another serial number than that of the camera that was added
    │   └── RequestRefused        a SOAP fault that has nothing to do with the password
    ├── EntryAuthFailed
    │   └── WrongPassword
    └── EntryError
        └── NoUsableProfile       no H.264 or H.265 video
"""

from __future__ import annotations

from holdshelf_core.integration import EntryAuthFailed, EntryError, EntryNotReady

from . import strings
from .text import in_words


class CameraUnreachable(EntryNotReady):
    """No answer, or the connection broke."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(*strings.error("unreachable", host=host, reason=reason))


class NameUnknown(CameraUnreachable):
    """Its host's name is not known."""

    def __init__(self, host: str) -> None:
        EntryNotReady.__init__(self, *strings.error("name_unknown", host=host))


class PortClosed(CameraUnreachable):
    """A machine is there, and nothing listens at the port."""

    def __init__(self, host: str) -> None:
        EntryNotReady.__init__(self, *strings.error("port_closed", host=host))


class CertificateChanged(EntryNotReady):
    """The device presents a different certificate than at first."""

    def __init__(self, host: str) -> None:
        super().__init__(*strings.error("certificate_changed", host=host))


class CameraTimeout(EntryNotReady):
    """No complete answer in time."""

    def __init__(self, host: str, operation: str, seconds: float) -> None:
        super().__init__(*strings.error("timed_out", host=host, operation=operation, time=in_words(seconds)))


class NotOnvif(EntryNotReady):
    """Something else answers at that address. Not permanent: some cameras serve a start page while they boot."""

    def __init__(self, host: str, detail: str) -> None:
        super().__init__(*strings.error("not_onvif", host=host, detail=detail))


class NoMediaService(NotOnvif):
    """The device supports ONVIF but has no media service."""

    def __init__(self, host: str) -> None:
        EntryNotReady.__init__(self, *strings.error("no_media", host=host))


class AnswerTooLarge(EntryNotReady):
    """More bytes than the limit."""

    def __init__(self, host: str, operation: str, limit_bytes: int) -> None:
        megabytes = f"{limit_bytes / 1_048_576:g}"
        super().__init__(*strings.error("too_large", host=host, operation=operation, megabytes=megabytes))


class NonsenseAnswer(EntryNotReady):
    """An answer that is not what the operation returns. ``detail`` is our text, never the camera's."""

    def __init__(self, host: str, operation: str, detail: str) -> None:
        super().__init__(*strings.error("nonsense", host=host, operation=operation, detail=detail))


class RequestRefused(EntryNotReady):
    """The camera refuses. ``detail`` is its own reason, sanitized."""

    def __init__(self, host: str, operation: str, detail: str) -> None:
        super().__init__(*strings.error("refused", host=host, operation=operation, detail=detail))
        self.detail = detail


class WrongPassword(EntryAuthFailed):
    """User name or password rejected."""

    def __init__(self, host: str) -> None:
        super().__init__(*strings.error("wrong_password", host=host))


class AnotherCamera(EntryNotReady):
    """The device has a different serial number than the camera that was added."""

    def __init__(self, host: str, serial_number: str, known: str) -> None:
        super().__init__(*strings.error("another_camera", host=host, serial=serial_number, known=known))
        self.serial_number = serial_number


class ChannelGone(EntryNotReady):
    """The device has several channels, and that of this camera is none of them."""

    def __init__(self, host: str, channel: str) -> None:
        super().__init__(*strings.error("channel_gone", host=host, channel=channel))


class NoUsableProfile(EntryError):
    """Only video that Holdshelf does not record. ``offered`` names it."""

    def __init__(self, host: str, offered: str) -> None:
        super().__init__(*strings.error("no_usable_profile", host=host, offered=offered))
