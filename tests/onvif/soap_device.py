"""A small ONVIF device (device and media service) that checks what it is sent and misbehaves on command.

It shares no code with the client: the token's digest and its ``Created`` are checked here from the standards
(WS-Security UsernameToken Profile 1.1, ONVIF Core Specification), against the device's own clock, within ± 5 s.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"'
    ' xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tr2="http://www.onvif.org/ver20/media/wsdl"'
    ' xmlns:tse="http://www.onvif.org/ver10/search/wsdl" xmlns:trp="http://www.onvif.org/ver10/replay/wsdl" xmlns:trc="http://www.onvif.org/ver10/recording/wsdl"'
    ' xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
    ' xmlns:wsa5="http://www.w3.org/2005/08/addressing" xmlns:tns1="http://www.onvif.org/ver10/topics"><s:Body>{body}</s:Body></s:Envelope>'
)
NOT_AUTHORIZED = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">No.</s:Text></s:Reason></s:Fault>'
)
NOT_SUPPORTED = (
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">Optional Action Not Implemented</s:Text></s:Reason></s:Fault>'
)
PRE_AUTH = frozenset({"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetEndpointReference"})
CREATED_WINDOW_S = 5.0


@dataclass
class Profile:
    """One media profile of the device."""

    token: str
    encoding: str = "H264"
    width: int = 1280
    height: int = 720
    frame_rate: int = 15
    name: str = ""
    sound: bool = False
    uri: str = ""
    channel: str = "s"


@dataclass
class SoapDevice:
    """Use as ``async with``; change its attributes while it runs. ``answers[OPERATION]`` replaces one answer."""

    host: str = "127.0.0.1"
    username: str = "admin"
    password: str = "mellon"
    clock_offset: timedelta = timedelta()
    manufacturer: str = "Acme"
    model: str = "Eye 3"
    serial_number: str = "SN-77"
    endpoint: str = ""
    profiles: list[Profile] = field(default_factory=lambda: [Profile("main"), Profile("sub", width=640, height=360)])
    media_xaddr: str = ""
    unsupported: set[str] = field(default_factory=set)
    key_frames: list[str] = field(default_factory=list)
    """Tokens of the profiles for which it was asked for one."""
    answers: dict[str, Handler] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    accept_encoding: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None
    _nonces: set[str] = field(default_factory=set)
    _runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Its device service."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}/onvif/device_service"

    @property
    def rtsp_url(self) -> str:
        """The stream that its profiles lead to when they name none."""
        return f"rtsp://{self.host}:8554/live"

    def now(self) -> datetime:
        """Its own clock."""
        return datetime.now(UTC) + self.clock_offset

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Answer, at the same port as before if it had one."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self.tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def fault(self, body: str, status: int = 400) -> web.Response:
        """A SOAP fault."""
        return self.soap(body, status)

    def soap(self, body: str, status: int = 200) -> web.Response:
        """A SOAP answer."""
        return web.Response(
            text=ENVELOPE.format(body=body), status=status, content_type="application/soap+xml", charset="utf-8"
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        message = await request.text()
        self.accept_encoding = request.headers.get("Accept-Encoding", "")
        found = re.search(r"Body[^>]*>\s*<(?:\w+:)?(\w+)", message)
        assert found is not None, message
        operation = found[1]
        self.calls.append(operation)
        if operation not in PRE_AUTH and not self._may(message):
            return self._refuse(request, operation)
        if handler := self.answers.get(operation):
            return await handler(request)
        if operation in self.unsupported:
            return self.fault(NOT_SUPPORTED, 500)
        body = getattr(self, f"_{operation}")(message)
        return self.fault(NOT_SUPPORTED, 500) if body is None else self.soap(body)

    def _refuse(self, _request: web.Request, operation: str) -> web.Response:
        self.refused.append(operation)
        return self.fault(NOT_AUTHORIZED)

    def _may(self, message: str) -> bool:
        token = {
            name: m[1] for name in ("Username", "Password", "Nonce", "Created")
            if (m := re.search(rf"<(?:\w+:)?{name}\b[^>]*>([^<]*)</", message))
        }  # fmt: skip
        if len(token) != 4 or token["Username"] != self.username or token["Nonce"] in self._nonces:
            return False
        self._nonces.add(token["Nonce"])
        created = datetime.fromisoformat(token["Created"])
        if not token["Created"].endswith("Z") or abs((created - self.now()).total_seconds()) > CREATED_WINDOW_S:
            return False
        secret = base64.b64decode(token["Nonce"]) + token["Created"].encode() + self.password.encode()
        return token["Password"] == base64.b64encode(hashlib.sha1(secret).digest()).decode()

    def _GetSystemDateAndTime(self, _message: str) -> str:
        now = self.now()
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime><tt:Time>"
            f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
            f"</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
            "</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _GetDeviceInformation(self, _message: str) -> str:
        return (
            f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{escape(self.manufacturer)}</tds:Manufacturer>"
            f"<tds:Model>{escape(self.model)}</tds:Model><tds:FirmwareVersion>1.0</tds:FirmwareVersion>"
            f"<tds:SerialNumber>{escape(self.serial_number)}</tds:SerialNumber><tds:HardwareId>H1</tds:HardwareId>"
            "</tds:GetDeviceInformationResponse>"
        )

    def _GetEndpointReference(self, _message: str) -> str | None:
        if not self.endpoint:
            return None
        guid = f"<tds:GUID>{self.endpoint}</tds:GUID>"
        return f"<tds:GetEndpointReferenceResponse>{guid}</tds:GetEndpointReferenceResponse>"

    def _GetServices(self, _message: str) -> str:
        media = self.media_xaddr or self.address.replace("device_service", "media_service")
        entries = "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{escape(xaddr)}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>5</tt:Minor></tds:Version></tds:Service>"
            for namespace, xaddr in (
                ("http://www.onvif.org/ver10/device/wsdl", self.address),
                ("http://www.onvif.org/ver10/media/wsdl", media),
                *self.more_services(),
            )
        )
        return f"<tds:GetServicesResponse>{entries}</tds:GetServicesResponse>"

    def more_services(self) -> list[tuple[str, str]]:
        """Further (namespace, XAddr) that it names."""
        return []

    def _GetCapabilities(self, _message: str) -> str:
        media = self.media_xaddr or self.address.replace("device_service", "media_service")
        return (
            f"<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>{escape(media)}</tt:XAddr>"
            "</tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>"
        )

    def _GetProfiles(self, _message: str) -> str:
        return f"<trt:GetProfilesResponse>{''.join(map(profile_xml, self.profiles))}</trt:GetProfilesResponse>"

    def _SetSynchronizationPoint(self, message: str) -> str:
        """It sends a key frame, and what else comes once in a stream."""
        found = re.search(r"ProfileToken[^>]*>([^<]*)<", message)
        self.key_frames.append(found[1] if found else "")
        short = "tr2" if "ver20/media" in message else "trt"
        return f"<{short}:SetSynchronizationPointResponse/>"

    def _GetStreamUri(self, message: str) -> str | None:
        found = re.search(r"ProfileToken>([^<]*)</", message)
        profile = next((p for p in self.profiles if found and p.token == found[1]), None)
        if profile is None:
            return None
        uri = profile.uri or f"{self.rtsp_url}/{profile.token}"
        return (
            f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri>"
            "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
            "<tt:Timeout>PT60S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
        )


def profile_xml(profile: Profile) -> str:
    """A ``trt:Profiles`` element."""
    sound = (
        '<tt:AudioEncoderConfiguration token="a"><tt:Name>a</tt:Name><tt:UseCount>1</tt:UseCount>'
        "<tt:Encoding>AAC</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>16</tt:SampleRate>"
        "</tt:AudioEncoderConfiguration>"
    )
    encoder = (
        f'<tt:VideoEncoderConfiguration token="v-{profile.token}"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>{profile.encoding}</tt:Encoding><tt:Resolution><tt:Width>{profile.width}</tt:Width>"
        f"<tt:Height>{profile.height}</tt:Height></tt:Resolution><tt:Quality>5</tt:Quality><tt:RateControl>"
        f"<tt:FrameRateLimit>{profile.frame_rate}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
        "<tt:BitrateLimit>2048</tt:BitrateLimit></tt:RateControl></tt:VideoEncoderConfiguration>"
    )
    source = (
        f'<tt:VideoSourceConfiguration token="v{profile.channel}"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount>'
        f'<tt:SourceToken>{profile.channel}</tt:SourceToken><tt:Bounds x="0" y="0" width="1920" height="1080"/>'
        "</tt:VideoSourceConfiguration>"
    )
    return (
        f'<trt:Profiles token="{profile.token}" fixed="true"><tt:Name>{escape(profile.name or profile.token)}</tt:Name>'
        f"{source}{encoder if profile.encoding else ''}{sound if profile.sound else ''}</trt:Profiles>"
    )
