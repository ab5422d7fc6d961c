"""What the client raises, each on top of the error of core that it amounts to. A library's own exceptions end there.

::

    HoldshelfError (holdshelf_core)
    ├── EntryNotReady
    │   ├── CameraUnreachable     no route, refused, name unknown, hung up, bad TLS
    │   ├── CertificateChanged    another certificate than the one that is known; nothing was sent
    │   ├── CameraTimeout         too slow, or one byte a second
    │   ├── NotOnvif              something else answers there
    │   ├── AnswerTooLarge        more bytes than the limit; the rest was never read
    │   ├── NonsenseAnswer        not XML, hostile XML, or XML of another shape
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
    """Nobody answers, or the connection broke."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(*strings.error("unreachable", host=host, reason=reason))


class CertificateChanged(EntryNotReady):
    """The device shows another certificate than at first."""

    def __init__(self, host: str) -> None:
        super().__init__(*strings.error("certificate_changed", host=host))


class CameraTimeout(EntryNotReady):
    """No whole answer in time."""

    def __init__(self, host: str, operation: str, seconds: float) -> None:
        super().__init__(*strings.error("timed_out", host=host, operation=operation, time=in_words(seconds)))


class NotOnvif(EntryNotReady):
    """Something else answers at that address. Not permanent: some cameras serve a start page while they boot."""

    def __init__(self, host: str, detail: str) -> None:
        super().__init__(*strings.error("not_onvif", host=host, detail=detail))


class NoMediaService(NotOnvif):
    """It speaks ONVIF and has no media service."""

    def __init__(self, host: str) -> None:
        EntryNotReady.__init__(self, *strings.error("no_media", host=host))


class AnswerTooLarge(EntryNotReady):
    """More bytes than the limit."""

    def __init__(self, host: str, operation: str, limit_bytes: int) -> None:
        megabytes = f"{limit_bytes / 1_048_576:g}"
        super().__init__(*strings.error("too_large", host=host, operation=operation, megabytes=megabytes))


class NonsenseAnswer(EntryNotReady):
    """An answer that is not what the operation returns. ``detail`` is ours, never the camera's words."""

    def __init__(self, host: str, operation: str, detail: str) -> None:
        super().__init__(*strings.error("nonsense", host=host, operation=operation, detail=detail))


class RequestRefused(EntryNotReady):
    """The camera says no. ``detail`` is its own reason, cleaned."""

    def __init__(self, host: str, operation: str, detail: str) -> None:
        super().__init__(*strings.error("refused", host=host, operation=operation, detail=detail))
        self.detail = detail


class WrongPassword(EntryAuthFailed):
    """User name or password refused."""

    def __init__(self, host: str) -> None:
        super().__init__(*strings.error("wrong_password", host=host))


class AnotherCamera(EntryNotReady):
    """What answers has another serial number than the camera that was added."""

    def __init__(self, host: str, serial_number: str, known: str) -> None:
        super().__init__(*strings.error("another_camera", host=host, serial=serial_number, known=known))
        self.serial_number = serial_number


class NoUsableProfile(EntryError):
    """Only video that Holdshelf does not record. ``offered`` names it."""

    def __init__(self, host: str, offered: str) -> None:
        super().__init__(*strings.error("no_usable_profile", host=host, offered=offered))
