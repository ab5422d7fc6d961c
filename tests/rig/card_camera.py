"""A camera with a card (ONVIF Profile G): it records whatever becomes of the network, and replays what it has recorded.

    with CardCamera(media) as camera:        # live at camera.live_url, its recording at camera.replay_url
        camera.go_away(); …; camera.come_back()

Live and recorded pictures are the same access units, so that what was recovered can be compared bit for bit. The replay is
written from ONVIF's Streaming Specification: `Range: clock=`, `Rate-Control: no`, and the header extension 0xABAC with NTP time,
flags and Cseq on the first packet of each picture. `lie` has it misbehave. Shares nothing with the product's own client.
"""

from __future__ import annotations

import calendar
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from tests.rig.hashes import Codec, annexb_nal_units, is_parameter_set
from tests.rig.media import Media
from tests.rig.scripted_rtsp import RtpSender, reply, sdp

NS = 1_000_000_000
type Lie = Literal["", "nothing", "times", "sound", "endless", "truncated", "flood", "garbage", "refused"]


@dataclass(frozen=True)
class Taken:
    """A picture that the camera took: its time by the camera's clock, and what it hashes to."""

    number: int
    at_ns: int
    is_key: bool
    sha256: str


@dataclass
class _Session:
    path: str = ""
    span: tuple[int, int] = (0, 0)
    headers: dict[str, str] | None = None


class CardCamera:
    """Takes `media.fps` pictures a second, to its card and to whoever watches. `clock_ns`: its clock is so far ahead.

    `ago_s`: it has been taking them for so long when it is entered.
    """

    def __init__(self, media: Media, *, clock_ns: int = 0, ago_s: float = 0.0, address: str = "127.0.0.1") -> None:
        self.media = media
        self.clock_ns = clock_ns
        self._ago_s = ago_s
        self.lie: Lie = ""
        self.address = address
        self.port = 0
        self.plays: list[dict[str, str]] = []
        """The headers of each PLAY of a replay."""
        self.setups: list[str] = []
        self.replayed = 0
        self.hang_up_after = 0
        """Replays end in the middle, after so many pictures; 0: they do not."""
        self._data = media.data.read_bytes()
        self._sets = self._parameter_sets()
        self._began_ns = 0
        self._began_s = 0.0
        self._is_away = threading.Event()
        self._stopped = threading.Event()
        self._clients: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    # --- what it has taken --------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def live_url(self) -> str:
        return f"rtsp://{self.host}/live"

    @property
    def replay_url(self) -> str:
        return f"rtsp://{self.host}/replay"

    @property
    def began_ns(self) -> int:
        """When it took its first picture, by its clock."""
        return self._began_ns + self.clock_ns

    def count(self) -> int:
        """How many pictures it has taken so far."""
        return int((time.monotonic() - self._began_s) * self.media.fps)

    def taken(self, start_ns: int, end_ns: int) -> list[Taken]:
        """The pictures of [start, end) by the camera's clock."""
        first = max(0, -(-(start_ns - self.began_ns) * int(self.media.fps) // NS))
        found = []
        for number in range(first, self.count()):
            one = self._taken(number)
            if one.at_ns >= end_ns:
                break
            found.append(one)
        return found

    def _taken(self, number: int) -> Taken:
        unit = self.media.units[number % len(self.media.units)]
        return Taken(number, self.began_ns + number * NS // int(self.media.fps), unit.is_key, unit.sha256)

    # --- life ---------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._began_ns, self._began_s = time.time_ns() - int(self._ago_s * NS), time.monotonic() - self._ago_s
        self.come_back()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopped.set()
        self.go_away()

    def go_away(self) -> None:
        """No network: connections are cut and refused. It goes on recording."""
        self._is_away.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """The network is there again, at the same port."""
        self._is_away.clear()
        listener = socket.create_server((self.address, self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    # --- RTSP ---------------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._clients.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        session, lock = _Session(), threading.Lock()
        with contextlib.suppress(OSError, ValueError), client, client.makefile("rb") as stream:
            while line := stream.readline().decode("latin-1"):
                headers: dict[str, str] = {}
                while header := stream.readline().decode("latin-1").strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                method, url, _version = line.split(" ")
                said = self._answer(method, url, headers, session)
                with lock:
                    client.sendall(said)
                if method == "PLAY" and b" 200 " in said[:16]:
                    play = self._replay if session.path.startswith("/replay") else self._live
                    threading.Thread(target=self._guarded, args=(play, client, lock, session), daemon=True).start()
                if method == "TEARDOWN":
                    break
        self._clients.discard(client)

    def _answer(self, method: str, url: str, headers: dict[str, str], session: _Session) -> bytes:
        asked = _Asked(headers)
        if method == "OPTIONS":
            return reply(asked, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        path = "/" + url.split("//", 1)[1].partition("/")[2]
        if method == "DESCRIBE":
            session.path = path
            if self.lie == "refused" and path.startswith("/replay"):
                return reply(asked, status="401 Unauthorized")
            return reply(asked, "Content-Type: application/sdp", f"Content-Base: {url}/", body=self._description(path))
        if method == "SETUP":
            self.setups.append(path)
            if path.startswith("/replay") and headers.get("require") != "onvif-replay":
                return reply(asked, status="400 Bad Request")
            return reply(asked, "Session: 77", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        if method == "PLAY" and session.path.startswith("/replay"):
            self.plays.append(headers)
            span = re.fullmatch(r"clock=(\S+)-(\S+)", headers.get("range", ""))
            if span is None or headers.get("rate-control") != "no" or headers.get("require") != "onvif-replay":
                return reply(asked, "Session: 77", status="457 Invalid Range")
            session.span = (_utc_ns(span[1]), _utc_ns(span[2]))
            return reply(asked, "Session: 77", f"Range: {headers['range']}")
        return reply(asked, "Session: 77")

    def _description(self, path: str) -> str:
        codec = "H264" if self.media.codec == "h264" else "H265"
        video = sdp(sets=self._sets, codec=codec)
        if self.lie == "sound" and path.startswith("/replay"):
            return video + "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:track2\r\n"
        return video

    def _parameter_sets(self) -> list[bytes]:
        codec: Codec = "h264" if self.media.codec == "h264" else "hevc"
        nals = annexb_nal_units(self._unit(0))
        return [nal for nal in nals if is_parameter_set(nal, codec)]

    def _unit(self, number: int) -> bytes:
        unit = self.media.units[number % len(self.media.units)]
        return self._data[unit.offset : unit.offset + unit.size]

    # --- media --------------------------------------------------------------------------------------------------------

    def _guarded(self, play: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(OSError):
            play(*args)

    def _packets(self, sender: RtpSender, number: int, extension: bytes = b"") -> bytes:
        """One picture; `extension` goes into the head of its first packet."""
        sender.stamp = (12_345 + number * 90_000 // int(self.media.fps)) % 2**32
        packets = sender.picture(annexb_nal_units(self._unit(number)), hevc=self.media.codec == "hevc")
        if extension:
            first = packets[0]
            body = bytes((first[4] | 0x10,)) + first[5:16] + extension + first[16:]
            packets[0] = first[:2] + struct.pack(">H", len(body)) + body
        return b"".join(packets)

    def _live(self, client: socket.socket, lock: threading.Lock, _session: _Session) -> None:
        sender, number = RtpSender(ssrc=11), self.count()
        while not self._taken(number).is_key:
            number += 1
        while not (self._stopped.is_set() or self._is_away.is_set()):
            due_s = self._began_s + number / self.media.fps - time.monotonic()
            if due_s > 0 and self._stopped.wait(due_s):
                return
            with lock:
                client.sendall(self._packets(sender, number))
            number += 1

    def _replay(self, client: socket.socket, lock: threading.Lock, session: _Session) -> None:
        start_ns, end_ns = session.span
        lie = self.lie
        found = [] if lie == "nothing" else self.taken(start_ns, end_ns)
        if found and not found[0].is_key:  # from the key frame before
            first = found[0].number
            while first and not self._taken(first).is_key:
                first -= 1
            found = [self._taken(number) for number in range(first, found[0].number)] + found
        sender = RtpSender(ssrc=12)
        if lie == "garbage":
            with lock:
                client.sendall(b"\x00\x01nothing that anybody knows" * 20_000)
            return
        rounds = 1_000_000 if lie in ("endless", "flood") else 1
        for turn in range(rounds):
            for place, one in enumerate(found):
                if self._stopped.is_set() or self._is_away.is_set():
                    return
                if self.hang_up_after and place >= self.hang_up_after:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                at_ns = one.at_ns + (3600 * NS if lie == "times" else 0)
                is_last = place == len(found) - 1 and rounds == 1
                packets = self._packets(sender, one.number, _extension(at_ns, place + turn, one.is_key, is_last))
                if lie == "sound":
                    packets += b"$\x02\x00\x10" + b"\x80\x00" + b"\x00" * 14
                if lie == "truncated" and place % 7 == 3:
                    packets = packets[: len(packets) // 2]
                if lie == "flood":
                    packets *= 50
                with lock:
                    client.sendall(packets)
                self.replayed += 1
            if not found:
                return


class _Asked:
    """What `reply` wants of a request."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


def _extension(at_ns: int, cseq: int, is_key: bool, is_last: bool) -> bytes:
    seconds, rest_ns = divmod(at_ns, NS)
    flags = (0x80 if is_key else 0) | (0x10 if is_last else 0)
    return struct.pack(
        ">HHIIBBH", 0xABAC, 3, (seconds + 2_208_988_800) & 0xFFFF_FFFF, (rest_ns << 32) // NS, flags, cseq & 0xFF, 0
    )


def _utc_ns(text: str) -> int:
    """Parse a time of a Range header (RFC 2326 § 3.7: 20090615T114900.440Z) into UTC ns."""
    day, _, fraction = text.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(day, "%Y%m%dT%H%M%S"))
    return seconds * NS + int((fraction or "0").ljust(9, "0")[:9])
