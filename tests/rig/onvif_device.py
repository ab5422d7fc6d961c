"""An ONVIF device beyond the first profile: Media2, PullPoint events, audio encoders, masks, a clock that can be set, and
the ways in which makes take a password. From the standard's WSDLs; misbehaves by its attributes, while it runs.

It shares no code with the client. Digests are checked from RFC 7616 and the UsernameToken Profile.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from aiohttp import web

from tests.onvif.soap_device import ENVELOPE, NOT_SUPPORTED, Profile, SoapDevice
from tests.rig.hang import HANG_S

MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
EVENTS = "http://www.onvif.org/ver10/events/wsdl"
SEARCH = "http://www.onvif.org/ver10/search/wsdl"
REPLAY = "http://www.onvif.org/ver10/replay/wsdl"
RECORDING = "http://www.onvif.org/ver10/recording/wsdl"
REALM = "camera"


def notification(
    topic: str, name: str = "State", value: str = "true", *, operation: str = "Changed", video: str = "vs"
) -> str:
    """One wsnt:NotificationMessage as the standard's event service sends it."""
    return (
        '<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
        f'{topic}</wsnt:Topic><wsnt:Message><tt:Message UtcTime="2026-01-01T00:00:00Z" PropertyOperation="{operation}">'
        f'<tt:Source><tt:SimpleItem Name="VideoSourceConfigurationToken" Value="{video}"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="{name}" Value="{value}"/></tt:Data></tt:Message></wsnt:Message>'
        "</wsnt:NotificationMessage>"
    )


@dataclass
class OnvifDevice(SoapDevice):
    """Use as ``async with``. ``accepts``: which of token, http-digest and plain-token it takes.

    ``plain_answer``: the page that a plain password is answered with.

    ``profiles2``: what Media2 tells (None: no such service). ``messages``: notifications that the next pull takes.
    """

    accepts: frozenset[str] = frozenset({"token"})
    algorithm: str = "MD5"
    profiles2: list[Profile] | None = None
    media2_xaddr: str = ""
    events: bool = False
    subscription_xaddr: str = ""
    messages: deque[str] = field(default_factory=deque)
    relative_times: bool = True
    lease_s: float = 60.0
    flood: str = ""
    subscriptions: dict[str, float] = field(default_factory=dict)
    pulls: int = 0
    plain_seen: int = 0
    plain_answer: str | None = None
    sound: bool = True
    masks: dict[str, str] = field(default_factory=dict)
    max_masks: int = 4
    made: int = 0
    rectangles: bool = False
    card: Callable[[], tuple[datetime, datetime, str]] | None = None
    """What it has recorded, by its own clock, and the replay's address; None: it has no card."""
    cards_of: tuple[str, ...] = ("main",)
    """Which profile each of its recordings is of, as its recording jobs tell; they are called card, card2, …"""
    has_jobs: bool = True
    search_rounds: int = 1
    _searched: int = 0
    set_clocks: list[str] = field(default_factory=list)
    _opaque: dict[str, str] = field(default_factory=dict)

    # --- passwords ----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self._request = request
        return await super()._handle(request)

    def _may(self, message: str) -> bool:
        self._sent_plain = "PasswordText" in message
        if self._sent_plain:
            self.plain_seen += 1
            return "plain-token" in self.accepts and f">{escape(self.password)}</" in message
        authorization = self._request.headers.get("Authorization", "")
        if "http-digest" in self.accepts and authorization.lower().startswith("digest "):
            return self._digest_is_right(self._request, authorization)
        return "token" in self.accepts and super()._may(message)

    def _digest_is_right(self, request: web.Request, header: str) -> bool:
        told = dict(re.findall(r'(\w+)="?([^",]*)"?', header))
        algorithm = hashlib.sha256 if self.algorithm == "SHA-256" else hashlib.md5

        def digest(text: str) -> str:
            return algorithm(text.encode()).hexdigest()

        if told.get("nonce") not in self._opaque or told.get("uri") != request.path:
            return False
        first = digest(f"{self.username}:{REALM}:{self.password}")
        second = digest(f"{request.method}:{request.path}")
        right = digest(f"{first}:{told['nonce']}:{told['nc']}:{told['cnonce']}:{told['qop']}:{second}")
        return told.get("response") == right and told.get("username") == self.username

    def _refuse(self, request: web.Request, operation: str) -> web.Response:
        if self.plain_answer is not None and self._sent_plain:
            return web.Response(text=self.plain_answer, content_type="text/html")
        if "http-digest" not in self.accepts:
            return super()._refuse(request, operation)
        self.refused.append(operation)
        nonce = secrets.token_hex(8)
        self._opaque[nonce] = operation
        challenge = f'Digest realm="{REALM}", qop="auth", nonce="{nonce}", algorithm={self.algorithm}'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    # --- services -----------------------------------------------------------------------------------------------------

    def more_services(self) -> list[tuple[str, str]]:
        found = []
        if self.profiles2 is not None:
            found.append((MEDIA2, self.media2_xaddr or self.address.replace("device_service", "media2_service")))
        if self.events:
            found.append((EVENTS, self.address.replace("device_service", "event_service")))
        if self.card is not None:
            found.append((SEARCH, self.address.replace("device_service", "search_service")))
            if self.has_jobs:
                found.append((RECORDING, self.address.replace("device_service", "recording_service")))
            found.append((REPLAY, self.address.replace("device_service", "replay_service")))
        return found

    def _GetProfiles(self, message: str) -> str:
        if MEDIA2 not in message:
            return super()._GetProfiles(message)
        told = "".join(self._profile2_xml(profile) for profile in self.profiles2 or [])
        return f"<tr2:GetProfilesResponse>{told}</tr2:GetProfilesResponse>"

    def _profile2_xml(self, profile: Profile) -> str:
        audio = (
            '<tr2:AudioEncoder token="a"><tt:Name>a</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>MP4A-LATM</tt:Encoding>'
            "<tt:Bitrate>64</tt:Bitrate><tt:SampleRate>16</tt:SampleRate></tr2:AudioEncoder>"
        )
        return (
            f'<tr2:Profiles token="{profile.token}" fixed="true"><tr2:Name>{escape(profile.name or profile.token)}</tr2:Name>'
            f'<tr2:Configurations><tr2:VideoSource token="v{profile.channel}"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount>'
            f"<tt:SourceToken>{profile.channel}</tt:SourceToken>"
            '<tt:Bounds x="0" y="0" width="1920" height="1080"/></tr2:VideoSource>'
            f'<tr2:VideoEncoder token="v-{profile.token}"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount>'
            f"<tt:Encoding>{profile.encoding}</tt:Encoding><tt:Resolution><tt:Width>{profile.width}</tt:Width>"
            f"<tt:Height>{profile.height}</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>"
            f"{profile.frame_rate}</tt:FrameRateLimit><tt:BitrateLimit>2048</tt:BitrateLimit></tt:RateControl>"
            f"<tt:Quality>5</tt:Quality></tr2:VideoEncoder>{audio if profile.sound and self.sound else ''}"
            "</tr2:Configurations></tr2:Profiles>"
        )

    def _GetStreamUri(self, message: str) -> str | None:
        if MEDIA2 not in message:
            return super()._GetStreamUri(message)
        found = re.search(r"ProfileToken>([^<]*)</", message)
        profile = next((p for p in self.profiles2 or [] if found and p.token == found[1]), None)
        if profile is None or "Protocol>RTSP<" not in message:
            return None
        uri = escape(profile.uri or f"{self.rtsp_url}/{profile.token}")
        return f"<tr2:GetStreamUriResponse><tr2:Uri>{uri}</tr2:Uri></tr2:GetStreamUriResponse>"

    # --- sound, clock, masks ------------------------------------------------------------------------------------------

    def _RemoveConfiguration(self, message: str) -> str | None:
        if "Type>AudioEncoder<" not in message:
            return None
        self._silence(message)
        return "<tr2:RemoveConfigurationResponse/>"

    def _RemoveAudioEncoderConfiguration(self, message: str) -> str:
        self._silence(message)
        return "<trt:RemoveAudioEncoderConfigurationResponse/>"

    def _silence(self, message: str) -> None:
        found = re.search(r"ProfileToken>([^<]*)</", message)
        for profile in [*self.profiles, *(self.profiles2 or [])]:
            if found and profile.token == found[1]:
                profile.sound = False

    def _SetSystemDateAndTime(self, message: str) -> str:
        self.set_clocks.append(message)
        told = {name: int(value) for name, value in re.findall(r"(Hour|Minute|Second|Year|Month|Day)>(\d+)</", message)}
        set_to = datetime(
            told["Year"], told["Month"], told["Day"], told["Hour"], told["Minute"], told["Second"], tzinfo=UTC
        )
        self.clock_offset = set_to - datetime.now(UTC)
        return "<tds:SetSystemDateAndTimeResponse/>"

    def _GetMasks(self, _message: str) -> str:
        return f"<tr2:GetMasksResponse>{''.join(self.masks.values())}</tr2:GetMasksResponse>"

    def _GetMaskOptions(self, _message: str) -> str | None:
        if not self.max_masks:
            return None
        return (
            f'<tr2:GetMaskOptionsResponse><tr2:Options RectangleOnly="{str(self.rectangles).lower()}">'
            f"<tr2:MaxMasks>{self.max_masks}</tr2:MaxMasks><tr2:MaxPoints>4</tr2:MaxPoints><tr2:Types>Color</tr2:Types>"
            "<tr2:Color/></tr2:Options></tr2:GetMaskOptionsResponse>"
        )

    def _DeleteMask(self, message: str) -> str | None:
        found = re.search(r"<(?:\w+:)?Token>([^<]*)</", message)
        return "<tr2:DeleteMaskResponse/>" if found and self.masks.pop(found[1], None) else None

    def _CreateMask(self, message: str) -> str:
        self.made += 1
        token = f"mask{self.made}"
        points = "".join(f'<tt:Point x="{x}" y="{y}"/>' for x, y in re.findall(r'x="([^"]+)" y="([^"]+)"', message))
        self.masks[token] = (
            f'<tr2:Masks token="{token}"><tr2:ConfigurationToken>vs</tr2:ConfigurationToken>'
            f"<tr2:Polygon>{points}</tr2:Polygon><tr2:Type>Color</tr2:Type><tr2:Enabled>true</tr2:Enabled></tr2:Masks>"
        )
        return f"<tr2:CreateMaskResponse><tr2:Token>{token}</tr2:Token></tr2:CreateMaskResponse>"

    # --- its card: Recording Search and Replay ------------------------------------------------------------------------

    def _FindRecordings(self, message: str) -> str | None:
        if "KeepAliveTime" not in message or "Scope" not in message:
            return None
        self._searched = 0
        return "<tse:FindRecordingsResponse><tse:SearchToken>search-1</tse:SearchToken></tse:FindRecordingsResponse>"

    def _GetRecordingSearchResults(self, message: str) -> str | None:
        if self.card is None or ">search-1</" not in message:
            return None
        self._searched += 1
        is_over = self._searched >= self.search_rounds
        start, end, _ = self.card()
        state = "Completed" if is_over else "Searching"
        told = "".join(self._recording_xml(f"card{number or ''}", start, end) for number in range(len(self.cards_of)))
        return (
            f"<tse:GetRecordingSearchResultsResponse><tse:ResultList><tt:SearchState>{state}</tt:SearchState>"
            f"{told if is_over else ''}</tse:ResultList></tse:GetRecordingSearchResultsResponse>"
        )

    def _recording_xml(self, token: str, start: datetime, end: datetime) -> str:
        times = f"<tt:DataFrom>{start:%Y-%m-%dT%H:%M:%S.%fZ}</tt:DataFrom><tt:DataTo>{end:%Y-%m-%dT%H:%M:%S.%fZ}</tt:DataTo>"
        return (
            f"<tt:RecordingInformation><tt:RecordingToken>{token}</tt:RecordingToken><tt:Source><tt:SourceId>1</tt:SourceId>"
            "<tt:Name>main</tt:Name><tt:Location/><tt:Description/><tt:Address/></tt:Source>"
            f"<tt:EarliestRecording>{start:%Y-%m-%dT%H:%M:%S.%fZ}</tt:EarliestRecording>"
            f"<tt:LatestRecording>{end:%Y-%m-%dT%H:%M:%S.%fZ}</tt:LatestRecording><tt:Content>all</tt:Content>"
            f"<tt:Track><tt:TrackToken>A</tt:TrackToken><tt:TrackType>Audio</tt:TrackType><tt:Description/>{times}</tt:Track>"
            f"<tt:Track><tt:TrackToken>V</tt:TrackToken><tt:TrackType>Video</tt:TrackType><tt:Description/>{times}</tt:Track>"
            "<tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>"
        )

    def _GetRecordingJobs(self, _message: str) -> str:
        items = "".join(
            f"<trc:JobItem><tt:JobToken>job{number}</tt:JobToken><tt:JobConfiguration><tt:RecordingToken>card{number or ''}"
            "</tt:RecordingToken><tt:Mode>Active</tt:Mode><tt:Priority>1</tt:Priority><tt:Source>"
            f'<tt:SourceToken Type="http://www.onvif.org/ver10/schema/Profile"><tt:Token>{profile}</tt:Token></tt:SourceToken>'
            "</tt:Source></tt:JobConfiguration></trc:JobItem>"
            for number, profile in enumerate(self.cards_of)
        )
        return f"<trc:GetRecordingJobsResponse>{items}</trc:GetRecordingJobsResponse>"

    def _EndSearch(self, _message: str) -> str:
        now = f"{self.now():%Y-%m-%dT%H:%M:%SZ}"
        return f"<tse:EndSearchResponse><tse:Endpoint>{now}</tse:Endpoint></tse:EndSearchResponse>"

    def _GetReplayUri(self, message: str) -> str | None:
        found = re.search(r"RecordingToken>(card[0-9]*)</", message)
        if self.card is None or found is None or "RTP-Unicast" not in message:
            return None
        url = self.card()[2] + found[1].removeprefix("card")
        return f"<trp:GetReplayUriResponse><trp:Uri>{escape(url)}</trp:Uri></trp:GetReplayUriResponse>"

    # --- events -------------------------------------------------------------------------------------------------------

    def _CreatePullPointSubscription(self, message: str) -> str | None:
        if not self.relative_times and "InitialTerminationTime" in message:
            return None
        now = asyncio.get_running_loop().time()
        path = f"/onvif/subscription/{len(self.subscriptions) + 1}"
        self.subscriptions[path] = now + self.lease_s
        address = self.subscription_xaddr or f"http{'s' if self.tls else ''}://{self.host}:{self.port}"
        return (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"<wsa5:Address>{address}{path}</wsa5:Address></tev:SubscriptionReference>{''.join(self._times())}"
            "</tev:CreatePullPointSubscriptionResponse>"
        )

    def _times(self) -> tuple[str, str]:
        """Its clock, and when a subscription ends: the standard has them in this order, and in a renewal the other way round."""
        now = self.now()
        ends = now + timedelta(seconds=self.lease_s)
        return (
            f"<wsnt:CurrentTime>{now:%Y-%m-%dT%H:%M:%SZ}</wsnt:CurrentTime>",
            f"<wsnt:TerminationTime>{ends:%Y-%m-%dT%H:%M:%SZ}</wsnt:TerminationTime>",
        )

    def _alive(self) -> bool:
        return self.subscriptions.get(self._request.path, 0.0) > asyncio.get_running_loop().time()

    def _PullMessages(self, _message: str) -> str | None:
        self.pulls += 1
        if not self._alive():
            return None
        told = [self.flood] * 64 if self.flood else [self.messages.popleft() for _ in range(len(self.messages))]
        now = "".join(self._times()).replace("wsnt:", "tev:")
        return f"<tev:PullMessagesResponse>{now}{''.join(told)}</tev:PullMessagesResponse>"

    def _Renew(self, _message: str) -> str | None:
        if not self._alive():
            return None
        self.subscriptions[self._request.path] = asyncio.get_running_loop().time() + self.lease_s
        now, ends = self._times()
        return f"<wsnt:RenewResponse>{ends}{now}</wsnt:RenewResponse>"

    def _Unsubscribe(self, _message: str) -> str:
        self.subscriptions.pop(self._request.path, None)
        return "<wsnt:UnsubscribeResponse/>"

    def forget_subscriptions(self) -> None:
        """As after a restart."""
        self.subscriptions.clear()


@contextlib.contextmanager
def running(device: OnvifDevice) -> Iterator[OnvifDevice]:
    """The device in a thread with a loop of its own, for tests that do not run one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(device.start(), loop).result(HANG_S)
        yield device
    finally:
        asyncio.run_coroutine_threadsafe(device.stop(), loop).result(HANG_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(HANG_S)
        loop.close()


__all__ = ["ENVELOPE", "NOT_SUPPORTED", "OnvifDevice", "Profile", "notification", "running"]
