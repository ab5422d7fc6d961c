"""WS-Discovery: finds ONVIF cameras on the network, or at given addresses.

The WSDiscovery package writes the Probe; sockets and parsing are our own, because the package skips loopback and link-local
interfaces, does not limit answers by size or number, and knows only one spelling of a ProbeMatches action. All of it runs in the
ONVIF thread. Only Probes are sent, by multicast or to the given addresses.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from holdshelf_core.integration import DiscoveredCamera, FlowError

from .address import BadAddress, bare_host, probe_target, told_address
from .const import DOMAIN
from .errors import NameUnknown
from .text import clean_text
from .thread import onvif_thread
from .xml_guard import HostileXml, refuse_hostile_xml

_LOGGER = logging.getLogger(__name__)

PORT = 3702
_GROUP_V4 = "239.255.255.250"
_GROUP_V6 = "ff02::c"
_HOPS = 4  # some sites route multicast between VLANs; the standard's 1 would stop at the first router
_NVT_NAMESPACE = "http://www.onvif.org/ver10/network/wsdl"
_SCOPE = "onvif://www.onvif.org/"

# SOAP-over-UDP requires repeats, as UDP loses messages; seconds after the start.
_SEND_AT_S = (0.0, 0.3, 0.9)
_GRACE_S = 0.1
# A few probes are sent at once; a whole range is paced, at 200 a second, to spare switches and ARP tables.
_BURST = 16
_BURST_PAUSE_S = 0.08

TIMEOUT_MAX_S = 30.0
_DATAGRAM_MAX_BYTES = 16_384
_DATAGRAM_MAX_TAGS = 600
_ANSWERS_MAX = 4_000
_ANSWERS_MAX_PER_SENDER = 512  # a gateway may answer for many
_MATCHES_MAX_PER_ANSWER = 16
_CAMERAS_MAX = 512
_SCOPES_MAX = 32
_TARGETS_MAX = 4_096
_INTERFACES_MAX = 64


@dataclass(frozen=True, slots=True)
class _Sending:
    """One datagram to send, repeated until answered: a UDP address in the form of the socket's family."""

    transport: asyncio.DatagramTransport
    message_id: str
    probe: bytes
    address: Any


@dataclass(frozen=True, slots=True)
class _Match:
    """One ProbeMatch, sanitized. ``relates_to`` is the id of the Probe that it answers, empty when omitted."""

    relates_to: str
    camera: DiscoveredCamera


async def async_discover(probe_addresses: Sequence[str] | None, timeout_s: float) -> list[DiscoveredCamera]:
    """Find cameras by multicast on all interfaces, or (with addresses) by probing each ``host[:port]``.

    Returns each device once, by its endpoint's UUID, in the order of addresses. Takes at most ``timeout_s``; with addresses it
    ends as soon as all have answered. Raises FlowError for an invalid address, and for a name that is not known.
    """
    timeout_s = min(timeout_s, TIMEOUT_MAX_S)
    targets = None
    if probe_addresses is not None:
        targets = [probe_target(address, PORT) for address in probe_addresses[:_TARGETS_MAX]]
    async with onvif_thread() as thread:
        found = await thread.run(_multicast(timeout_s) if targets is None else _unicast(targets, timeout_s))
    return sorted(found, key=lambda camera: (_sort_key(camera.address), camera.unique_id))


class _Answers(asyncio.DatagramProtocol):
    """Receives datagrams on all sockets of one search, within limits."""

    def __init__(self, asked: Iterable[str], *, only_asked: bool) -> None:
        self._asked = frozenset(asked)
        self._waiting = set(self._asked)
        self._only_asked = only_asked
        self._senders: Counter[str] = Counter()
        self.complete = asyncio.Event()
        self.cameras: dict[str, DiscoveredCamera] = {}

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Parse one answer; an invalid one is dropped by itself."""
        sender = str(addr[0])
        self._senders[sender] += 1
        if self._senders[sender] > _ANSWERS_MAX_PER_SENDER or self._senders.total() > _ANSWERS_MAX:
            return
        for match in _parse(data, sender):
            # A camera that omits RelatesTo may answer a multicast; answers to another's Probe, or stray ones, are rejected.
            if match.relates_to not in self._asked and (match.relates_to or self._only_asked):
                continue
            self._waiting.discard(match.relates_to)
            if len(self.cameras) < _CAMERAS_MAX:
                self.cameras.setdefault(match.camera.unique_id, match.camera)
        if self._only_asked and not self._waiting:
            self.complete.set()

    def wants(self, message_id: str) -> bool:
        """Return whether to repeat it. Always for multicast, as the number of devices is unknown."""
        return not self._only_asked or message_id in self._waiting

    def error_received(self, exc: Exception) -> None:
        """Ignore an unreachable host: the others may still answer."""
        _LOGGER.debug("discovery: %s", exc)


async def _multicast(timeout_s: float) -> list[DiscoveredCamera]:
    """Send one Probe, the same on every interface and address family."""
    message_id, probe = _probe()
    answers = _Answers([message_id], only_asked=False)
    sendings: list[_Sending] = []
    try:
        for address, index in _interfaces():
            with suppress(OSError):  # an interface without multicast, or one that is down
                transport, group = await _multicast_way(address, index, answers)
                sendings.append(_Sending(transport, message_id, probe, group))
        await _send_and_wait(sendings, answers, timeout_s)
    finally:
        for sending in sendings:
            sending.transport.close()
    return list(answers.cameras.values())


async def _unicast(targets: list[tuple[str, int]], timeout_s: float) -> list[DiscoveredCamera]:
    """Send each target its own Probe, so that its answer is identified by id: it may come from another address."""
    loop = asyncio.get_running_loop()
    sendings: list[_Sending] = []
    probes = {target: _probe() for target in dict.fromkeys(targets)}
    answers = _Answers((message_id for message_id, _ in probes.values()), only_asked=True)
    sockets: dict[int, asyncio.DatagramTransport] = {}
    try:
        for (host, port), (message_id, probe) in probes.items():
            try:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            except (socket.gaierror, UnicodeError):
                unknown = NameUnknown(clean_text(host))
                raise FlowError("address", unknown.sentence, unknown.next_step) from None
            try:
                family, _, _, _, address = found[0]
                if family not in sockets:
                    any_address = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104  (answers only)
                    sockets[family], _ = await loop.create_datagram_endpoint(
                        lambda: answers, local_addr=(any_address, 0), family=family
                    )
            except OSError as error:
                _LOGGER.info("discovery: %s cannot be asked: %s", clean_text(host), error.strerror)
                continue
            sendings.append(_Sending(sockets[family], message_id, probe, address))
        if sendings:
            await _send_and_wait(sendings, answers, timeout_s)
    finally:
        for transport in sockets.values():
            transport.close()
    return list(answers.cameras.values())


async def _send_and_wait(sendings: list[_Sending], answers: _Answers, timeout_s: float) -> None:
    """Send all, repeat, and wait until the time is over or (where it can be known) all have answered."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + timeout_s
    for now_s, next_s in zip(_SEND_AT_S, (*_SEND_AT_S[1:], timeout_s), strict=True):
        sent = 0
        for sending in sendings:
            if not answers.wants(sending.message_id):
                continue
            if sent and sent % _BURST == 0:
                await asyncio.sleep(_BURST_PAUSE_S)
                if loop.time() >= ends_at:
                    return
            sending.transport.sendto(sending.probe, sending.address)
            sent += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(answers.complete.wait(), max(0.0, min(next_s - now_s, ends_at - loop.time())))
            await asyncio.sleep(_GRACE_S)  # a host with several devices answers more than once
            return


async def _multicast_way(address: str, index: int, answers: _Answers) -> tuple[asyncio.DatagramTransport, Any]:
    """Return a socket that sends to the discovery group through one interface and receives the answers. Raises OSError."""
    loop = asyncio.get_running_loop()
    version = ipaddress.ip_address(address).version
    sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if version == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
            sock.bind((address, 0))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
            sock.bind((address, 0, 0, index))
        transport, _ = await loop.create_datagram_endpoint(lambda: answers, sock=sock)
    except OSError:
        sock.close()
        raise
    return transport, (_GROUP_V4, PORT) if version == 4 else (_GROUP_V6, PORT, 0, index)


def _interfaces() -> list[tuple[str, int]]:
    """Return every IPv4 address, and one IPv6 address of each interface, with the interface's index."""
    import ifaddr  # noqa: PLC0415  (only a search needs it)

    found: list[tuple[str, int]] = []
    for adapter in ifaddr.get_adapters():
        index = adapter.index or 0
        v6 = [ip.ip[0] for ip in adapter.ips if isinstance(ip.ip, tuple)]
        # The link-local address reaches cameras that have no other.
        v6.sort(key=lambda address: not ipaddress.IPv6Address(address).is_link_local)
        found += [(ip.ip, index) for ip in adapter.ips if isinstance(ip.ip, str)]
        found += [(address, index) for address in v6[:1]]
    return found[:_INTERFACES_MAX]


def _probe() -> tuple[str, bytes]:
    """Return a Probe for network video transmitters: its message id, and the datagram."""
    # Only a search needs the package.
    from wsdiscovery.actions import constructProbe  # noqa: PLC0415
    from wsdiscovery.message import createSOAPMessage  # noqa: PLC0415
    from wsdiscovery.qname import QName  # noqa: PLC0415

    envelope = constructProbe([QName(_NVT_NAMESPACE, "NetworkVideoTransmitter", "dn")], None)
    return str(envelope.getMessageId()), createSOAPMessage(envelope).encode()


def _parse(data: bytes, sender: str) -> list[_Match]:
    """Return the cameras in one datagram; empty for anything else."""
    if len(data) > _DATAGRAM_MAX_BYTES:
        return []
    try:
        refuse_hostile_xml(data, _DATAGRAM_MAX_TAGS)
        root = ET.fromstring(data)  # noqa: S314  (no document type passes the guard)
    except (HostileXml, ET.ParseError, ValueError, LookupError):
        _LOGGER.debug("discovery: nonsense from %s", sender)
        return []
    relates_to = _text(root, "RelatesTo")
    matches = [element for element in root.iter() if _local(element) == "ProbeMatch"][:_MATCHES_MAX_PER_ANSWER]
    cameras = (_camera(element, sender) for element in matches)
    return [_Match(relates_to, camera) for camera in cameras if camera is not None]


def _camera(match: ET.Element, sender: str) -> DiscoveredCamera | None:
    types = _text(match, "Types").split()
    scopes = [scope for scope in _text(match, "Scopes").split()[:_SCOPES_MAX] if len(scope) <= 512]
    is_onvif = any(scope.lower().startswith(_SCOPE) for scope in scopes)
    if not is_onvif and not any(t.rpartition(":")[2] == "NetworkVideoTransmitter" for t in types):
        return None
    unique_id = endpoint_id(_text(match, "Address"))
    address = _pick_address(_text(match, "XAddrs").split(), sender)
    if not unique_id or address is None:
        return None
    return DiscoveredCamera(
        domain=DOMAIN,
        unique_id=unique_id,
        name=_scope(scopes, "name"),
        address=address,
        hardware=_scope(scopes, "hardware"),
        location=_scope(scopes, "location"),
        scopes=tuple(clean_text(scope, 128) for scope in scopes),
    )


def endpoint_id(reference: str) -> str:
    """Return an endpoint reference (``urn:uuid:…``) as a unique id; empty for an invalid one."""
    text = clean_text(reference, 128).lower()
    return text.removeprefix("urn:").removeprefix("uuid:")


def _pick_address(xaddrs: list[str], sender: str) -> str | None:
    """Return the XAddr to use: the one it answered from, otherwise IPv4 before IPv6, link-local last."""
    told = []
    for xaddr in xaddrs[:8]:
        with suppress(BadAddress):
            told.append(told_address(xaddr))
    return min(told, key=lambda url: _preference(url, sender), default=None)


def _preference(url: str, sender: str) -> tuple[bool, bool, bool]:
    host = bare_host(url)
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return (True, False, False)
    return (host != sender, ip.is_link_local, ip.version == 6)


def _sort_key(address: str) -> tuple[int, int, str]:
    try:
        ip = ipaddress.ip_address(bare_host(address))
    except ValueError:
        return (0, 0, address)
    return (ip.version, int(ip), address)


def _scope(scopes: list[str], kind: str) -> str:
    """Return the value of ``onvif://www.onvif.org/KIND/VALUE``, sanitized."""
    prefix = f"{_SCOPE}{kind}/"
    return next((clean_text(unquote(s[len(prefix) :])) for s in scopes if s.lower().startswith(prefix)), "")


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(root: ET.Element, local: str) -> str:
    """Return the text of the first element with that local name; the two editions of the standard use different namespaces."""
    return next((element.text or "" for element in root.iter() if _local(element) == local), "").strip()
