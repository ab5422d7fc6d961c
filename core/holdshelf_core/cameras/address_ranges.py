"""Address ranges to search for cameras host by host: VLANs that multicast does not reach.

This is not a network scanner: it takes private IPv4 ranges only, a thousand hosts at most, and runs only on request (ADR 14).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from holdshelf_core.errors import BadRequest

HOSTS_MAX = 1022
"""A /22: four typical networks of 254 hosts."""
PER_SECOND = 200
_STEP = "Give a private range of up to 1022 hosts, like 10.20.0.0/24; several by repeating --range."


def hosts_of(ranges: Iterable[str]) -> list[str]:
    """Return every host of the ranges, once, in order. Raises BadRequest."""
    found: dict[str, None] = {}
    for text in ranges:
        shown = repr(text[:40])
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise BadRequest(f"{shown} is not a range of addresses.", _STEP) from None
        if not isinstance(network, ipaddress.IPv4Network):
            raise BadRequest(f"{shown} is an IPv6 range, which is too large to search host by host.", _STEP)
        if not network.is_private or network.is_multicast or network.is_reserved or network.is_unspecified:
            raise BadRequest(f"{shown} is not a private network, so it was not searched.", _STEP)
        if network.num_addresses > HOSTS_MAX + 2 or len(found) + network.num_addresses > HOSTS_MAX + 2:
            raise BadRequest(f"{shown} is too large to search at once.", _STEP)
        found |= dict.fromkeys(str(host) for host in network.hosts())
    return list(found)


def search_s(hosts: int) -> float:
    """Return the time limit to search that many hosts: two probes each at PER_SECOND, plus time to answer."""
    return min(30.0, 2 * hosts / PER_SECOND + 3.0)
