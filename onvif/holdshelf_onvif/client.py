"""Talks to one ONVIF device. The only module that imports zeep and onvif-zeep-async, and it does so on first use.

Everything runs in the ONVIF thread (``thread.py``) and is awaited from the service's loop. Any exception of zeep, aiohttp, lxml
or plain Python becomes one of our errors (``errors.py``) in ``_translate``; nothing else is raised. Passwords are sent only to
the host that the person gave, as a digest; in plain only with ``may_send_plain``.
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

from . import parsers, strings, thread, wsdl_files
from .address import BadAddress, differs, host_of, service_address, told_stream_url, usable_stream_url
from .const import (
    DEFAULT_LIMITS,
    DIGEST_TOKEN,
    EVENTS_NAMESPACE,
    HTTP_DIGEST,
    MEDIA2_NAMESPACE,
    MEDIA_NAMESPACE,
    PLAIN_TOKEN,
    SERVICES,
    Limits,
)
from .device import DeviceClock, DeviceInformation, Known, VideoProfile
from .errors import (
    AnswerTooLarge,
    CameraTimeout,
    CameraUnreachable,
    CertificateChanged,
    NoMediaService,
    NonsenseAnswer,
    NotOnvif,
    RequestRefused,
    WrongPassword,
)
from .http import BodyTooLarge, CertificatePin, UnreadableBody, connection_error, new_session
from .messages import read_fault
from .text import clean_text
from .transport import HttpRefused, Reply, Transport
from .xml_guard import HostileXml

_LOGGER = logging.getLogger(__name__)

_HALF_SECOND = timedelta(milliseconds=500)
_GRACE_S = 5.0
_AUTH_CODES = ("NotAuthorized", "FailedAuthentication", "InvalidSecurity")
# What a device answers to anyone (ONVIF Core Specification, PRE_AUTH): an answer does not confirm the password.
_PRE_AUTH = frozenset({"GetServices", "GetCapabilities", "GetEndpointReference", "GetSystemDateAndTime"})
# Errors of one service of a device, while others may work.
_LOCAL_FAILURES = (HttpRefused, HostileXml, BodyTooLarge, UnreadableBody, aiohttp.ClientError, OSError)
_AUTH_WORDS = ("not authorized", "not authorised", "unauthorized", "authentication", "authority failure")


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
        import onvif.client  # noqa: PLC0415
        import onvif.settings  # noqa: PLC0415
        import zeep.exceptions  # noqa: PLC0415
        import zeep.wsdl  # noqa: PLC0415
        from lxml import etree  # noqa: PLC0415

        # It calls logging.basicConfig. (Its ONVIFCamera would also remove http_proxy from the environment: we use
        # ONVIFService alone, and our session asks no proxy.)
        for handler in [h for h in root.handlers if h not in handlers]:
            root.removeHandler(handler)
        root.setLevel(level)
        # zeep logs a traceback for each value that it cannot read, so a camera could fill the log with them.
        logging.getLogger("zeep").setLevel(logging.CRITICAL)
        files: Any = wsdl_files.LocalFiles(Path(onvif.__file__).parent / "wsdl")
        onvif.client._DOCUMENT_CACHE[str(wsdl_files.MEDIA2)] = zeep.wsdl.Document(  # as the library keeps its own
            str(wsdl_files.MEDIA2), files, settings=onvif.settings.DEFAULT_SETTINGS
        )
        # libxml2's own limits on depth and text size are restored; ours (xml_guard) apply first.
        onvif.settings.DEFAULT_SETTINGS.xml_huge_tree = False
        _library = _Library(
            service=onvif.ONVIFService,
            fault=zeep.exceptions.Fault,
            zeep_error=zeep.exceptions.Error,
            to_bytes=etree.tostring,
            wsdl_folder=Path(onvif.__file__).parent / "wsdl",
        )
    return _library


class OnvifClient:
    """One device at ``address`` (its device service's URL). Use as ``async with``, or open and close it.

    Make one call at a time. Each raises the errors of ``errors.py``.
    """

    def __init__(
        self,
        address: str,
        username: str | None,
        password: str | None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        known: Known | None = None,
        may_send_plain: bool = False,
    ) -> None:
        """``may_send_plain``: a person just gave the password, so a device that rejects a digest may get it in plain.

        This never happens automatically: an impostor in the camera's place could ask for it.
        """
        self.address = address
        known = known or Known()
        self.auth = known.auth
        """How the password was accepted; empty until it was."""
        self.notes: list[str] = []
        """Sentences about the device's wrong data and how it was handled; without hosts."""
        self._pin = CertificatePin(known.certificate)
        self._may_send_plain = may_send_plain or known.auth == PLAIN_TOKEN
        self._proved = False
        self._host = clean_text(host_of(address))
        self._username = username or ""
        self._password = password or ""
        self._limits = limits
        self._thread: thread.OnvifThread | None = None
        self._session: aiohttp.ClientSession | None = None
        self._services: dict[str, Any] = {}
        self._xaddrs: dict[str, str] | None = None
        # The device's time and the boot time when it was read, so that a step of our own clock changes no token.
        self._device_time: tuple[datetime, int] | None = None

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.async_close()

    @property
    def known(self) -> Known:
        """Return what is known now, for storing."""
        return Known(self.auth, self._pin.sha256)

    def open(self) -> None:
        """Join the ONVIF thread. Sends nothing to the device."""
        if self._thread is None:
            self._thread = thread.acquire()

    async def async_close(self) -> None:
        """Close connections and leave the ONVIF thread; may be called twice."""
        held, self._thread = self._thread, None
        if held is None:
            return
        self.forget()
        try:
            # In that thread, after any canceled call: it may just be opening the session.
            await held.run(self._close_session())
        finally:
            await asyncio.shield(thread.async_release())

    async def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def forget(self) -> None:
        """Forget the device's services and their addresses: after a restart it may run another firmware."""
        self._services.clear()
        self._xaddrs = None
        self._proved = False

    async def async_clock(self) -> DeviceClock | None:
        """Read the device's clock, and sign later calls with it. None when the device does not report UTC.

        Tried without credentials first, as the standard requires: with a wrong clock, no signed call is accepted.
        """
        return await self.async_run("its time", self._clock())

    async def async_device_information(self) -> DeviceInformation:
        """Return maker, model, firmware, serial number."""
        return await self.async_run("its make and model", self._device_information())

    async def async_endpoint_reference(self) -> str:
        """Return the endpoint's UUID as in WS-Discovery (``urn:uuid:…``); an optional operation."""
        return await self.async_run("its endpoint", self._endpoint_reference())

    async def async_profiles(self) -> tuple[VideoProfile, ...]:
        """Return all media profiles, in the device's order, with codec, size and whether they have sound."""
        return await self.async_run("its profiles", self._profiles())

    async def async_stream_uri(self, profile: VideoProfile) -> str:
        """Return the profile's RTSP URL, without credentials."""
        return await self.async_run("its stream's address", self._stream_uri(profile))

    async def _clock(self) -> DeviceClock | None:
        device = await self.service_at("devicemgmt", self.address)
        asked_ns, asked_utc = time.clock_gettime_ns(time.CLOCK_BOOTTIME), datetime.now(UTC)
        try:
            raw = await device.authless_GetSystemDateAndTime()
        except (HttpRefused, _load_library().fault) as error:
            if not self._username or not self._is_auth_error(error):
                raise
            raw = await self.call(device, "GetSystemDateAndTime")
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
        device = await self.service_at("devicemgmt", self.address)
        return parsers.device_information(await self.call(device, "GetDeviceInformation"))

    async def _endpoint_reference(self) -> str:
        device = await self.service_at("devicemgmt", self.address)
        return clean_text((await self.call(device, "GetEndpointReference")).GUID, 128)

    async def _profiles(self) -> tuple[VideoProfile, ...]:
        """Return Media2's profiles, which alone support H.265, then those only in Media. One of the two may fail."""
        found: dict[str, VideoProfile] = {}
        failure: Exception | None = None
        for name in ("media2", "media"):
            media = await self.told_service(name)
            if media is None:
                continue
            params = {"Type": ["VideoSource", "VideoEncoder", "AudioEncoder"]} if name == "media2" else None
            try:
                raw = await self.call(media, "GetProfiles", params)
                told = parsers.profiles2(raw) if name == "media2" else parsers.profiles(raw)
            except aiohttp.ServerFingerprintMismatch:
                raise
            except (*_LOCAL_FAILURES, _load_library().fault, _load_library().zeep_error) as error:
                failure = failure or error
                continue
            for profile in told:
                found.setdefault(profile.token, profile)
        if failure is not None and not any(profile.recordable for profile in found.values()):
            raise failure
        if failure is None and not {MEDIA_NAMESPACE, MEDIA2_NAMESPACE} & set(await self._told()):
            raise NoMediaService(self._host)
        return tuple(found.values())

    async def _stream_uri(self, profile: VideoProfile) -> str:
        try:
            url = await self._stream_uri_by(profile.service, profile.token)
        except (*_LOCAL_FAILURES, BadAddress, ValueError, _load_library().fault, _load_library().zeep_error) as error:
            # A Media2 profile is also a Media profile, with the same token, where the device has both.
            both = profile.service == "media2" and MEDIA_NAMESPACE in await self._told()
            if not both or isinstance(error, aiohttp.ServerFingerprintMismatch):
                raise
            url = await self._stream_uri_by("media", profile.token)
        note = strings.warning("stream_not_followed")
        if usable_stream_url(url, self.address) != url and note not in self.notes:
            self.notes.append(note)
        return url

    async def _stream_uri_by(self, name: str, token: str) -> str:
        media = await self.told_service(name)
        if media is None:
            raise NoMediaService(self._host)
        params: dict[str, Any] = {"Protocol": "RTSP", "ProfileToken": token}
        if name == "media":
            params = {
                "StreamSetup": {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}},
                "ProfileToken": token,
            }
        return told_stream_url(parsers.uri(await self.call(media, "GetStreamUri", params)))

    async def _told(self) -> dict[str, str]:
        """Return {namespace: XAddr} of the device's services."""
        if self._xaddrs is None:
            self._xaddrs = await self._find_services()
            self.notes = [
                strings.warning("not_followed", part=part, service=name)
                for name, (namespace, _) in SERVICES.items()
                if name in ("media", "media2", "events")
                and (part := differs(self._xaddrs.get(namespace, ""), self.address))
            ]
        return self._xaddrs

    async def told_service(self, name: str) -> Any:
        """Return a service of the device; None if it has none."""
        xaddr = (await self._told()).get(SERVICES[name][0])
        return None if xaddr is None else await self.service_at(name, service_address(xaddr, self.address))

    async def _find_services(self) -> dict[str, str]:
        device = await self.service_at("devicemgmt", self.address)
        try:
            found = parsers.services(await self.call(device, "GetServices", {"IncludeCapability": False}))
        except (HttpRefused, _load_library().fault) as error:
            if self._is_auth_error(error):
                raise
            found = {}
        if not {MEDIA_NAMESPACE, MEDIA2_NAMESPACE} & set(found):  # GetServices came with ONVIF 2.0
            raw = await self.call(device, "GetCapabilities", {"Category": "All"})
            found |= parsers.capabilities(raw, {"Media": MEDIA_NAMESPACE, "Events": EVENTS_NAMESPACE})
        return found

    async def service_at(self, name: str, xaddr: str) -> Any:
        """onvif-zeep-async's service object for a WSDL, with our transport under it."""
        library = _load_library()
        service = self._services.get(name)
        if service is None or service.xaddr != xaddr:
            if self._session is None:
                self._session = new_session(self._limits, self._pin)
            namespace, binding = SERVICES[name]
            file = {"pullpoint": "events", "subscription": "events"}.get(name, name)
            service = library.service(
                xaddr,
                self._username,
                self._password,
                str(wsdl_files.MEDIA2 if name == "media2" else library.wsdl_folder / f"{file}.wsdl"),
                no_cache=True,  # otherwise it keeps an SQLite file in the home folder
                binding_name=f"{{{namespace}}}{binding}",
            )
            # The unlimited session that its constructor made; also when this was just canceled.
            await asyncio.shield(asyncio.ensure_future(service.close()))
            service.transport = Transport(self._session, self._limits, library.to_bytes)
            await service.setup()
            if name == "pullpoint":
                # One broken message would make zeep drop all of them: this answer is parsed message by message instead.
                raw = type(service.zeep_client.settings)(strict=False, raw_response=True)
                service.zeep_client.settings = service.zeep_client_authless.settings = raw
            self._services[name] = service
        return service

    async def call(self, service: Any, operation: str, params: dict[str, Any] | None = None) -> Any:
        """Run one operation; with a user, signed in the way that the device accepts, trying one after the other.

        Once a way was accepted no other is tried: a later refusal is about the operation, not the password.
        """
        if not self._username:
            return _unfaulted(await getattr(service, f"authless_{operation}")(params))
        if self._proved:
            return await self._signed(service, operation, params, self.auth)
        refused: Exception | None = None
        asks_digest = self.auth == HTTP_DIGEST
        for way in dict.fromkeys((self.auth or DIGEST_TOKEN, DIGEST_TOKEN, HTTP_DIGEST, PLAIN_TOKEN)):
            if (way == HTTP_DIGEST and (not asks_digest or ":" in self._username)) or (
                way == PLAIN_TOKEN and not self._may_send_plain
            ):
                continue
            try:
                result = await self._signed(service, operation, params, way)
            except aiohttp.ServerFingerprintMismatch:
                raise
            except (*_LOCAL_FAILURES, _load_library().fault, _load_library().zeep_error) as error:
                if not self._is_auth_error(error):
                    # A fault in proper SOAP is about the operation. Anything else is what the device makes of a way that it
                    # does not know (an empty page, a hang-up): what is known is that it refused the password.
                    if refused is None or isinstance(error, _load_library().fault):
                        raise
                    continue
                refused = refused or error
                asks_digest = asks_digest or (isinstance(error, HttpRefused) and error.digest)
                continue
            if operation not in _PRE_AUTH:
                self.auth, self._proved = way, True
            return result
        assert refused is not None
        raise refused

    async def _signed(self, service: Any, operation: str, params: dict[str, Any] | None, way: str) -> Any:
        """Run one operation with credentials; tokens use the device's own time."""
        transport = service.transport
        if way == HTTP_DIGEST:
            transport.digest = transport.digest or aiohttp.DigestAuthMiddleware(self._username, self._password)
            return _unfaulted(await getattr(service, f"authless_{operation}")(params))
        transport.digest = None
        created: datetime | None = None
        if self._device_time is not None:
            told, at_ns = self._device_time
            elapsed = timedelta(microseconds=(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - at_ns) // 1000)
            created = (told + elapsed).replace(tzinfo=None)
        wsse = service.zeep_client.wsse
        wsse.created = created  # None: our own time
        wsse.use_digest = way != PLAIN_TOKEN
        return _unfaulted(await getattr(service, operation)(params))

    async def async_run[T](self, what: str, coro: Coroutine[Any, Any, T]) -> T:
        """Run ``coro`` in the ONVIF thread within the time limit, with its errors translated."""
        if self._thread is None:
            coro.close()
            raise CameraUnreachable(self._host, "the camera was let go")

        async def bounded() -> T:
            async with asyncio.timeout(self._limits.answer_s):
                return await coro

        failure: Exception
        try:
            # The outer limit is for a loop that is busy with another camera's answer.
            async with asyncio.timeout(self._limits.answer_s + _GRACE_S):
                return await self._thread.run(bounded())
        except HoldshelfError:
            raise
        except Exception as error:
            _LOGGER.debug("%s: %s failed with %s", self._host, what, type(error).__name__)
            failure = self._translate(error, what)
        # Raised outside the handler, so that no library exception, which may hold 4 MB of answer, stays attached.
        raise failure

    def _translate(self, error: Exception, what: str) -> HoldshelfError:  # noqa: PLR0912  (one list, on purpose)
        """The only place where library exceptions become ours."""
        host = self._host
        library = _library
        result: HoldshelfError
        match error:
            case _ if self._is_auth_error(error):
                result = WrongPassword(host)
            case aiohttp.ServerFingerprintMismatch():
                result = CertificateChanged(host)
            case TimeoutError():
                result = CameraTimeout(host, what, self._limits.answer_s)
            case HttpRefused(web_page=True):
                result = NotOnvif(host, "it sends a web page")
            case HttpRefused():
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
                result = connection_error(host, error)
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
        """Detect a refused password, which makers report differently: HTTP 401 or 403, one of three SOAP fault codes, or only
        text."""
        if isinstance(error, HttpRefused):
            return error.status in (401, 403)
        if _library is None or not isinstance(error, _library.fault):
            return False
        codes = " ".join(str(code)[:200] for code in (getattr(error, "subcodes", None) or [])[:8])
        words = str(getattr(error, "message", "") or "")[:500].lower()
        return any(code in codes for code in _AUTH_CODES) or any(word in words for word in _AUTH_WORDS)


def _unfaulted(result: Any) -> Any:
    """Return a raw answer; raise a fault in it as zeep would."""
    if isinstance(result, Reply) and result.status_code != 200:
        fault = read_fault(result.content)
        kind: Any = _load_library().fault
        raise kind(fault.reason, subcodes=list(fault.codes))
    return result
