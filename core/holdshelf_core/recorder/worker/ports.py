"""The pair of UDP sockets that a camera sends its RTP and RTCP to: on ports of ours, or in a multicast group."""

from __future__ import annotations

import contextlib
import ipaddress
import random
import socket
import struct
from typing import Any

from holdshelf_core.integration.reasons import MEDIA_UNREACHABLE, TRANSPORT_REFUSED
from holdshelf_core.recorder.worker.source import SourceError

PORTS = range(20_000, 22_000)
"""A firewall of this machine can let these in; they lie below those that Linux gives out by itself."""
RECEIVE_BUFFER_BYTES = 8 << 20
"""The kernel grants net.core.rmem_max, 208 KiB by default, and doubles it."""
MAX_HOPS = 32
_CONTROL = "224.0.0.0/24", "ff00::/15", "ff02::/24"  # of the network itself: routers, names
_FROM_ONE = "232.0.0.0/8", "ff30::/12"  # source-specific (RFC 4607)
_IP_ADD_SOURCE_MEMBERSHIP = 39  # linux/in.h; Python has it from 3.14 on
type Address = tuple[Any, ...]


class Pair:
    """Two bound sockets. ``host``: the camera's address, as a number; nobody else is listened to."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket, host: str) -> None:
        self.rtp, self.rtcp, self.host = rtp, rtcp, host
        self.reports_to: Address | None = None
        """The address that receiver reports are sent to; None: none are sent."""
        self.group = ""
        for one in (rtp, rtcp):
            one.setblocking(False)
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)

    @property
    def numbers(self) -> str:
        """Return its ports as a Transport header has them: ``20000-20001``."""
        return f"{self.rtp.getsockname()[1]}-{self.rtcp.getsockname()[1]}"

    def hold_to(self, rtp_port: int, rtcp_port: int) -> None:
        """Receive from these ports of the camera alone: the kernel drops everything else. What came before is dropped."""
        self.rtp.connect(self._there(rtp_port))
        self.reports_to = self._there(rtcp_port)
        with contextlib.suppress(OSError):
            while True:
                self.rtp.recv(1)

    def loosen(self) -> None:
        """Receive from any port of the camera: some send from another than they told, or their router changed it."""
        rtp = socket.socket(self.rtp.family, socket.SOCK_DGRAM)
        rtp.setblocking(False)
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        bound = self.rtp.getsockname()
        self.rtp.close()
        self.rtp = rtp
        rtp.bind(bound)

    def _there(self, port: int) -> Address:
        peer = socket.getaddrinfo(self.host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]
        return tuple(peer)

    def send(self, rtp: bytes, rtcp: bytes) -> None:
        """Send a packet each, as far as it is known where to; an empty one is not sent. Raises nothing."""
        with contextlib.suppress(OSError):
            if rtp:
                self.rtp.send(rtp)
        with contextlib.suppress(OSError):
            if rtcp and self.reports_to is not None:
                self.rtcp.sendto(rtcp, self.reports_to)

    def close(self) -> None:
        """Close both sockets, which frees their ports or leaves the group."""
        self.rtp.close()
        self.rtcp.close()


def open_pair(control: socket.socket) -> Pair:
    """Bind an even port and the one after it, at the address that the RTSP connection has. Raises SourceError."""
    here, host = control.getsockname(), control.getpeername()[0]
    evens = list(PORTS[::2])
    random.shuffle(evens)  # so that an old session's packets hardly ever meet a new one
    for port in evens:
        pair: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                pair.append(one := socket.socket(control.family, socket.SOCK_DGRAM))
                one.bind((here[0], number, *here[2:]))
        except OSError:
            for one in pair:
                one.close()
        else:
            return Pair(pair[0], pair[1], host)
    raise SourceError(MEDIA_UNREACHABLE, f"no free pair of UDP ports from {PORTS[0]} to {PORTS[-1]}")


def join(control: socket.socket, group: str, ports: tuple[int, int], hops: str, sources: frozenset[str]) -> Pair:
    """Join a multicast group on the interface that the RTSP connection goes through. ``sources``: see ``sdp.Track``.

    Raises SourceError for what is no group to send video to, and OSError when it cannot be joined.
    """
    here, host = control.getsockname(), control.getpeername()[0]
    try:
        address = ipaddress.ip_address(group)
    except ValueError:
        address = ipaddress.ip_address(0)
    if not address.is_multicast or _lies_in(address, _CONTROL) or min(ports) < 1024 or ports[0] == ports[1]:
        raise SourceError(TRANSPORT_REFUSED, "it names no multicast group that can be joined")
    if (address.version == 6) != (control.family == socket.AF_INET6):
        raise SourceError(TRANSPORT_REFUSED, "its multicast group is of another IP version than its own address")
    if sources and not any(_is_same(source, host) for source in sources):
        raise SourceError(TRANSPORT_REFUSED, "its multicast comes from another host")
    from_one = bool(sources) or _lies_in(address, _FROM_ONE)
    pair: list[socket.socket] = []
    try:
        for port in ports:
            pair.append(one := socket.socket(control.family, socket.SOCK_DGRAM))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others here may watch it, too
            one.bind((group, port, *here[2:]))  # bound to the group: what is sent to this machine alone is not heard
            _join(one, address, here, host if from_one else "", hops)
    except OSError:
        for one in pair:
            one.close()
        raise
    joined = Pair(pair[0], pair[1], host)
    joined.group = group
    if not from_one:  # a group that only one may send to takes no reports
        joined.reports_to = (group, ports[1], *here[2:])
    return joined


def _lies_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[str, ...]) -> bool:
    return any(address in ipaddress.ip_network(network) for network in networks)


def _is_same(source: str, host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(source) == ipaddress.ip_address(host.partition("%")[0])
    return False


def _join(
    one: socket.socket, group: ipaddress.IPv4Address | ipaddress.IPv6Address, here: Address, source: str, hops: str
) -> None:
    ttl = min(MAX_HOPS, int(hops)) if hops.isascii() and hops.isdigit() and len(hops) < 4 else 1
    if group.version == 6:
        index = int(here[3])
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + struct.pack("=i", index))
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ttl)
        return
    interface = socket.inet_aton(here[0])
    if source:
        how, membership = _IP_ADD_SOURCE_MEMBERSHIP, group.packed + interface + socket.inet_aton(source)
    else:
        how, membership = socket.IP_ADD_MEMBERSHIP, group.packed + interface
    one.setsockopt(socket.IPPROTO_IP, how, membership)
    one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
    one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
