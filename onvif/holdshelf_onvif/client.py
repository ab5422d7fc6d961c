"""Talks to one ONVIF device. The only module that imports zeep and onvif-zeep-async, and it does so on first use.

Everything runs in the ONVIF thread (``thread.py``) and is awaited over it. Whatever zeep, aiohttp, lxml or plain Python
raise on the way becomes one of our errors (``errors.py``) in ``_translate``; nothing else comes out. Passwords go out
only inside a WS-Security UsernameToken digest, and only to the host that the person gave.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from holdshelf_core.integration.errors import HoldshelfError

from . import parsers, thread
from .address import BadAddress, host_of, service_address, told_stream_url
from .const import DEFAULT_LIMITS, DEVICE_NAMESPACE, MEDIA_NAMESPACE, Limits
from .device import DeviceClock, DeviceInformation, VideoProfile
from .errors import (
    AnswerTooLarge,
    CameraTimeout,
    CameraUnreachable,
    NoMediaService,
    NonsenseAnswer,
    NotOnvif,
    RequestRefused,
    WrongPassword,
)
from .http import Answer, BodyTooLarge, UnreadableBody, async_post, network_reason, new_session
from .text import clean_text
from .xml_guard import HostileXml, is_web_page, refuse_hostile_xml

_LOGGER = logging.getLogger(__name__)

_HALF_SECOND = timedelta(milliseconds=500)
_GRACE_S = 5.0
_AUTH_CODES = ("NotAuthorized", "FailedAuthentication", "InvalidSecurity")
_AUTH_WORDS = ("not authorized", "not authorised", "unauthorized", "authentication", "authority failure")


class _HttpRefused(Exception):
    """An HTTP status that is no SOAP answer."""

    def __init__(self, status: int, *, web_page: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.web_page = web_page


@dataclass(frozen=True, slots=True)
class _Library:
    """The pieces of onvif-zeep-async, zeep and lxml in use."""

    service: Any
    fault: type[Exception]
    zeep_error: type[Exception]
    to_bytes: Any
    wsdl_folder: Path


_library: _Library | None = None


def _load_library() -> _Library:
    """Import onvif-zeep-async, in the ONVIF thread, and undo what its import does to the whole process."""
    global _library  # noqa: PLW0603
    if _library is None:
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        import onvif  # noqa: PLC0415
        import onvif.settings  # noqa: PLC0415
        import zeep.exceptions  # noqa: PLC0415
        from lxml import etree  # noqa: PLC0415

        # It calls logging.basicConfig. (Its ONVIFCamera would also remove http_proxy from the environment: we use
        # ONVIFService alone, and our session asks no proxy.)
        for handler in [h for h in root.handlers if h not in handlers]:
            root.removeHandler(handler)
        root.setLevel(level)
        # zeep writes a traceback for each value that it cannot read, so a camera could fill the log with them.
        logging.getLogger("zeep").setLevel(logging.CRITICAL)
        # libxml2's own limits on depth and text size come back; ours (xml_guard) stand before them.
        onvif.settings.DEFAULT_SETTINGS.xml_huge_tree = False
        _library = _Library(
            service=onvif.ONVIFService,
            fault=zeep.exceptions.Fault,
            zeep_error=zeep.exceptions.Error,
            to_bytes=etree.tostring,
            wsdl_folder=Path(onvif.__file__).parent / "wsdl",
        )
    return _library


@dataclass(slots=True)
class _Reply:
    """What zeep needs of a ``requests.Response``."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class _Transport:
    """zeep's transport: one bounded POST a call, its answer checked before zeep parses it."""

    cache = None

    def __init__(self, session: aiohttp.ClientSession, limits: Limits, library: _Library) -> None:
        self._session = session
        self._limits = limits
        self._to_bytes = library.to_bytes

    async def post_xml(self, address: str, envelope: Any, headers: dict[str, str]) -> _Reply:
        """Send a SOAP envelope; raises what ``async_post`` raises, HostileXml and _HttpRefused."""
        message = self._to_bytes(envelope, xml_declaration=True, encoding="utf-8")
        answer = await async_post(self._session, address, message, headers, self._limits)
        self._check(answer, asked=envelope.find("{*}Body")[0].tag.rpartition("}")[2])
        # The content type is ours: a multipart one would have zeep unpack attachments.
        return _Reply(answer.status, answer.body, {"Content-Type": "application/soap+xml"})

    def _check(self, answer: Answer, asked: str) -> None:
        # SOAP 1.2 over HTTP: a fault comes with 400 or 500 and an envelope; every other status is not for zeep.
        if answer.status not in (200, 400, 500) or not answer.body:
            raise _HttpRefused(answer.status)
        if is_web_page(answer.body):
            raise _HttpRefused(answer.status, web_page=True)
        refuse_hostile_xml(answer.body, self._limits.answer_max_tags)
        # zeep makes an empty object of an answer to something else.
        if f"{asked}Response".encode() not in answer.body and b"Fault" not in answer.body:
            raise HostileXml("an answer to something else")

    async def aclose(self) -> None:
        """The session belongs to the client."""


class OnvifClient:
    """One device at ``address`` (its device service's URL). Use as ``async with``, or open and close it.

    Calls may run one after the other only. Each raises the errors of ``errors.py``.
    """

    def __init__(
        self, address: str, username: str | None, password: str | None, *, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.address = address
        self._host = clean_text(host_of(address))
        self._username = username or ""
        self._password = password or ""
        self._limits = limits
        self._thread: thread.OnvifThread | None = None
        self._session: aiohttp.ClientSession | None = None
        self._services: dict[str, Any] = {}
        self._xaddrs: dict[str, str] | None = None
        # The device's time and the boot time at which it told it: so a step of our own clock changes no token.
        self._device_time: tuple[datetime, int] | None = None

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.async_close()

    def open(self) -> None:
        """Take part in the ONVIF thread. Asks the device nothing."""
        if self._thread is None:
            self._thread = thread.acquire()

    async def async_close(self) -> None:
        """Close connections and leave the ONVIF thread; may be called twice."""
        held, self._thread = self._thread, None
        if held is None:
            return
        self.forget()
        try:
            if self._session is not None:
                await held.run(self._session.close())
                self._session = None
        finally:
            await asyncio.shield(thread.async_release())

    def forget(self) -> None:
        """Forget which services the device has and where: after a restart it may be another firmware."""
        self._services.clear()
        self._xaddrs = None

    async def async_clock(self) -> DeviceClock | None:
        """Read the device's clock, and sign later calls by it. None when the device does not tell its time in UTC.

        Asked without credentials first, as the standard wants it: with a clock that is off, no signed call is accepted.
        """
        return await self._run("its time", self._clock())

    async def async_device_information(self) -> DeviceInformation:
        """Maker, model, firmware, serial number."""
        return await self._run("its make and model", self._device_information())

    async def async_endpoint_reference(self) -> str:
        """The endpoint's UUID as WS-Discovery tells it (``urn:uuid:…``); an optional operation."""
        return await self._run("its endpoint", self._endpoint_reference())

    async def async_profiles(self) -> tuple[VideoProfile, ...]:
        """All media profiles, in the device's order, with codec, size and whether sound is offered."""
        return await self._run("its profiles", self._profiles())

    async def async_stream_uri(self, profile: VideoProfile) -> str:
        """The profile's RTSP URL, without credentials."""
        return await self._run("its stream's address", self._stream_uri(profile))

    async def _clock(self) -> DeviceClock | None:
        device = await self._service("devicemgmt", self.address)
        asked_ns, asked_utc = time.clock_gettime_ns(time.CLOCK_BOOTTIME), datetime.now(UTC)
        try:
            raw = await device.authless_GetSystemDateAndTime()
        except (_HttpRefused, _load_library().fault) as error:
            if not self._username or not self._is_auth_error(error):
                raise
            raw = await self._call(device, "GetSystemDateAndTime")
        told = parsers.utc_datetime(raw)
        if told is None:
            self._device_time = None
            return None
        half_way_ns = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - asked_ns) // 2
        told += _HALF_SECOND
        self._device_time = (told, asked_ns + half_way_ns)
        skew = told - (asked_utc + timedelta(microseconds=half_way_ns // 1000))
        return DeviceClock(skew_ns=skew // timedelta(microseconds=1) * 1000)

    async def _device_information(self) -> DeviceInformation:
        device = await self._service("devicemgmt", self.address)
        return parsers.device_information(await self._call(device, "GetDeviceInformation"))

    async def _endpoint_reference(self) -> str:
        device = await self._service("devicemgmt", self.address)
        return clean_text((await self._call(device, "GetEndpointReference")).GUID, 128)

    async def _profiles(self) -> tuple[VideoProfile, ...]:
        media = await self._media()
        return parsers.profiles(await self._call(media, "GetProfiles"))

    async def _stream_uri(self, profile: VideoProfile) -> str:
        media = await self._media()
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        raw = await self._call(media, "GetStreamUri", {"StreamSetup": setup, "ProfileToken": profile.token})
        return told_stream_url(parsers.uri(raw))

    async def _media(self) -> Any:
        """The Media service. (Media2 is found in the same dictionary, under its own namespace.)"""
        if self._xaddrs is None:
            self._xaddrs = await self._find_services()
        if MEDIA_NAMESPACE not in self._xaddrs:
            raise NoMediaService(self._host)
        return await self._service("media", service_address(self._xaddrs[MEDIA_NAMESPACE], self.address))

    async def _find_services(self) -> dict[str, str]:
        device = await self._service("devicemgmt", self.address)
        try:
            found = parsers.services(await self._call(device, "GetServices", {"IncludeCapability": False}))
        except _load_library().fault as error:
            if self._is_auth_error(error):
                raise
            found = {}
        if MEDIA_NAMESPACE not in found:  # GetServices came with ONVIF 2.0
            raw = await self._call(device, "GetCapabilities", {"Category": "Media"})
            found |= parsers.capabilities(raw, {"Media": MEDIA_NAMESPACE})
        return found

    async def _service(self, name: str, xaddr: str) -> Any:
        """onvif-zeep-async's service object for a WSDL of its own, with our transport under it."""
        library = _load_library()
        service = self._services.get(name)
        if service is None:
            if self._session is None:
                self._session = new_session(self._limits)
            namespace, binding = {
                "devicemgmt": (DEVICE_NAMESPACE, "DeviceBinding"),
                "media": (MEDIA_NAMESPACE, "MediaBinding"),
            }[name]
            service = library.service(
                xaddr,
                self._username,
                self._password,
                str(library.wsdl_folder / f"{name}.wsdl"),
                no_cache=True,  # else it keeps an SQLite file in the home folder
                binding_name=f"{{{namespace}}}{binding}",
            )
            await service.close()  # the unbounded session that its constructor made
            service.transport = _Transport(self._session, self._limits, library)
            await service.setup()
            self._services[name] = service
        return service

    async def _call(self, service: Any, operation: str, params: dict[str, Any] | None = None) -> Any:
        """One operation, signed when there is a user, by the device's own time."""
        if not self._username:
            return await getattr(service, f"authless_{operation}")(params)
        created: datetime | None = None
        if self._device_time is not None:
            told, at_ns = self._device_time
            elapsed = timedelta(microseconds=(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - at_ns) // 1000)
            created = (told + elapsed).replace(tzinfo=None)
        service.zeep_client.wsse.created = created  # None: our own time
        return await getattr(service, operation)(params)

    async def _run[T](self, what: str, coro: Coroutine[Any, Any, T]) -> T:
        """Run ``coro`` in the ONVIF thread within the time limit, with its errors translated."""
        if self._thread is None:
            coro.close()
            raise CameraUnreachable(self._host, "the camera was let go")

        async def bounded() -> T:
            async with asyncio.timeout(self._limits.answer_s):
                return await coro

        failure: Exception
        try:
            # The outer limit is for a loop over there that is busy with another camera's answer.
            async with asyncio.timeout(self._limits.answer_s + _GRACE_S):
                return await self._thread.run(bounded())
        except HoldshelfError:
            raise
        except Exception as error:
            _LOGGER.debug("%s: %s failed with %s", self._host, what, type(error).__name__)
            failure = self._translate(error, what)
        # Raised outside the handler, so that no library's exception, which may hold 4 MB of answer, hangs on to it.
        raise failure

    def _translate(self, error: Exception, what: str) -> HoldshelfError:  # noqa: PLR0912  (one list, on purpose)
        """The one place where other people's exceptions become ours."""
        host = self._host
        library = _library
        result: HoldshelfError
        match error:
            case _ if self._is_auth_error(error):
                result = WrongPassword(host)
            case TimeoutError():
                result = CameraTimeout(host, what, self._limits.answer_s)
            case _HttpRefused(web_page=True):
                result = NotOnvif(host, "it sends a web page")
            case _HttpRefused():
                result = NotOnvif(host, f"HTTP status {error.status}")
            case BodyTooLarge():
                result = AnswerTooLarge(host, what, self._limits.answer_max_bytes)
            case UnreadableBody():
                result = NonsenseAnswer(host, what, "compressed data")
            case HostileXml():
                result = NonsenseAnswer(host, what, str(error))
            case BadAddress():
                result = NonsenseAnswer(host, what, "an address of another kind")
            case aiohttp.ClientConnectorError() | aiohttp.ClientConnectionError() | OSError():
                result = CameraUnreachable(host, network_reason(error))
            case aiohttp.ClientError():
                result = NotOnvif(host, "it does not speak HTTP")
            case _ if library and isinstance(error, library.fault):
                reason = clean_text(getattr(error, "message", ""), 120).rstrip(".")
                result = RequestRefused(host, what, reason or "it gives no reason")
            case _ if library and isinstance(error, library.zeep_error):
                result = NonsenseAnswer(host, what, "XML of another shape")
            case _:
                # lxml's errors, AttributeError, TypeError, ValueError, RecursionError and the like from within zeep.
                result = NonsenseAnswer(host, what, "data of another shape")
        return result

    @staticmethod
    def _is_auth_error(error: Exception) -> bool:
        """Makes differ: HTTP 401 or 403, one of three SOAP fault codes, or only words."""
        if isinstance(error, _HttpRefused):
            return error.status in (401, 403)
        if _library is None or not isinstance(error, _library.fault):
            return False
        codes = " ".join(str(code)[:200] for code in (getattr(error, "subcodes", None) or [])[:8])
        words = str(getattr(error, "message", "") or "")[:500].lower()
        return any(code in codes for code in _AUTH_CODES) or any(word in words for word in _AUTH_WORDS)
