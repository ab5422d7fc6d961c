"""An RTSP server on loopback that sends its scripted pictures by UDP or multicast, over a line that loses and reorders.

    with UdpRtsp(media=packets, line=lossy(seed=1, loss=0.03)) as server:
        UdpSource(server.url, None, None)

`media` is as for `ScriptedRtsp`, interleaved packets and seconds to wait: each packet becomes a datagram.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.rig.hang import HANG_S
from tests.rig.scripted_rtsp import Answer, Request, ScriptedRtsp, reply

HOST = "127.0.0.1"
type Line = Callable[[Iterable[bytes | float]], Iterator[bytes | float]]
"""What becomes of datagrams (and of the seconds between them) on their way."""


def split(data: bytes) -> Iterator[bytes]:
    """The packets of an interleaved stream."""
    while data:
        size = 4 + int.from_bytes(data[2:4])
        yield data[4:size]
        data = data[size:]


def lossy(seed: int, loss: float, late: float = 0.0, spare: int = 4) -> Line:
    """Drops that share of the packets, and lets others arrive up to eight packets later. The first ones get through."""

    def line(items: Iterable[bytes | float]) -> Iterator[bytes | float]:
        dice = random.Random(seed)
        waiting: list[tuple[int, bytes]] = []
        number = 0
        for item in items:
            if not isinstance(item, bytes):
                yield item
                continue
            number += 1
            if number > spare and dice.random() < loss:
                continue
            if number > spare and dice.random() < late:
                waiting.append((number + dice.randint(1, 8), item))
            else:
                yield item
            yield from (held for due, held in waiting if due <= number)
            waiting = [(due, held) for due, held in waiting if due > number]
        yield from (held for _, held in waiting)

    return line


def report(ssrc: int, ntp_s: float, *, bye: bool = False, rtp: int = 0) -> bytes:
    """A sender report at this NTP time (seconds since 1900), with a goodbye when wanted."""
    whole = int(ntp_s)
    said = struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, whole, int((ntp_s - whole) * 2**32), rtp, 10, 1000)
    return said + (struct.pack(">BBHI", 0x81, 203, 1, ssrc) if bye else b"")


class UdpRtsp(ScriptedRtsp):
    """`heard` holds what the client sent by UDP; ``group`` (address, port) has it send by multicast. ``tells_port`` False:
    it says no server port; ``sends_from``: it sends from another socket than it says."""

    def __init__(
        self,
        *,
        line: Line = iter,
        group: tuple[str, int] | None = None,
        tells_port: bool = True,
        sends_from: socket.socket | None = None,
        answers: dict[str, Answer] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(answers={"SETUP": self._set_up, **(answers or {})}, **more)
        self.line, self.group, self.tells_port = line, group, tells_port
        self.rtp, self.rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.rtp, self.rtcp):
            one.bind((HOST, 0))
            one.settimeout(HANG_S)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST))
        self.sends_from = sends_from or self.rtp
        self.to = self.reports_to = (HOST, 0)

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.rtp.close()
        self.rtcp.close()

    def _set_up(self, request: Request) -> bytes:
        wanted = request.headers["transport"]
        if self.group is not None:
            self.to, self.reports_to = self.group, (self.group[0], self.group[1] + 1)
            transport = f"RTP/AVP;multicast;destination={self.group[0]};port={self.group[1]}-{self.group[1] + 1};ttl=1"
        else:
            self.port_of(request)
            ours = f";server_port={self.rtp.getsockname()[1]}-{self.rtcp.getsockname()[1]}" if self.tells_port else ""
            transport = f"{wanted}{ours}"
        return reply(request, f"Session: {self._session}", f"Transport: {transport}")

    def port_of(self, request: Request) -> int:
        """The client's port, to which it sends from now on."""
        first = int(request.headers["transport"].partition("client_port=")[2].partition("-")[0])
        self.to, self.reports_to = (HOST, first), (HOST, first + 1)
        return first

    def say(self, compound: bytes) -> None:
        """Sends a compound RTCP packet to where the client awaits reports."""
        self.rtcp.sendto(compound, self.reports_to)

    def _play(self, client: socket.socket) -> None:
        datagrams = (part for item in self._media for part in (split(item) if isinstance(item, bytes) else (item,)))
        with contextlib.suppress(OSError):
            for item in self.line(datagrams):
                if isinstance(item, bytes):
                    self.sends_from.sendto(item, self.to)
                else:
                    time.sleep(item)
            self.done.set()
            if not self._stay:
                time.sleep(0.1)
                client.shutdown(socket.SHUT_WR)
