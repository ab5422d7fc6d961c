"""Answers WS-Discovery Probes as told: one device, or hostile datagrams. A thread with a socket of its own."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tests.rig.hang import HANG_S

GROUP = "239.255.255.250"
IP_MULTICAST_ALL = 49  # <linux/in.h>: 0 = only groups that this very socket joined, on the interface it joined them

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<s:Header><a:MessageID>urn:uuid:7</a:MessageID>{relates_to}"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header>"
    "<s:Body><d:ProbeMatches>{matches}</d:ProbeMatches></s:Body></s:Envelope>"
)

_PROBE = b"/discovery/Probe<"

type Answerer = Callable[[str], Iterable[bytes]]


def match(
    uuid: str = "aaaa-1",
    *,
    xaddrs: str = "http://127.0.0.1:8080/onvif/device_service",
    types: str = "dn:NetworkVideoTransmitter",
    scopes: str = "onvif://www.onvif.org/name/Foyer onvif://www.onvif.org/hardware/Eye3 onvif://www.onvif.org/location/hall",
) -> str:
    """One ProbeMatch."""
    return (
        f"<d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:{uuid}</a:Address></a:EndpointReference>"
        f"<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
        "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch>"
    )


def answer(message_id: str | None, *matches: str) -> bytes:
    """A ProbeMatches datagram; None leaves RelatesTo out."""
    relates_to = f"<a:RelatesTo>{message_id}</a:RelatesTo>" if message_id is not None else ""
    return ENVELOPE.format(relates_to=relates_to, matches="".join(matches)).encode()


class Responder:
    """Use as ``with``. ``answerer`` gets the Probe's message id and returns the datagrams to send back."""

    def __init__(self, answerer: Answerer, *, host: str = "127.0.0.1", port: int = 0, join: str | None = None) -> None:
        self._answerer = answerer
        self.probes: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if join is not None:
            self._socket.bind(("", port))
            self._socket.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
            membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(join))
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        else:
            self._socket.bind((host, port))
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while True:
            probe, sender = self._socket.recvfrom(65_535)
            if not probe:
                return
            if _PROBE not in probe:
                continue  # answering another's answer, which it then answers, would fill the network
            found = re.search(r"MessageID>\s*([^<\s]+)\s*</", probe.decode())
            assert found is not None
            self.probes.append(found[1])
            for datagram in self._answerer(found[1]):
                self._socket.sendto(datagram, sender)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        host, _, port = self.address.partition(":")
        self._socket.sendto(b"", (host, int(port)))
        self._thread.join(HANG_S)
        self._socket.close()
