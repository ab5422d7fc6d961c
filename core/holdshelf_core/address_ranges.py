"""Ranges of addresses that a person has searched for cameras, one host after the other: VLANs that no multicast reaches.

A search is no sweep of anybody's network: it takes private IPv4 ranges only, a thousand hosts at most, and happens only when
somebody asks for it (ADR 14).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from holdshelf_core.errors import BadRequest

HOSTS_MAX = 1022
"""A /22: four of the usual networks of 254 hosts."""
PER_SECOND = 200
_STEP = "Give a private range of up to 1022 hosts, like 10.20.0.0/24; several by repeating --range."


def hosts_of(ranges: Iterable[str]) -> list[str]:
    """Every host of the ranges, once, in order. Raises BadRequest."""
    found: dict[str, None] = {}
    for text in ranges:
        shown = repr(text[:40])
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise BadRequest(f"{shown} is not a range of addresses.", _STEP) from None
        if not isinstance(network, ipaddress.IPv4Network):
            raise BadRequest(f"{shown} is an IPv6 range, which nobody can search host by host.", _STEP)
        if not network.is_private or network.is_multicast or network.is_reserved or network.is_unspecified:
            raise BadRequest(f"{shown} is not a private network, so it is not searched.", _STEP)
        if network.num_addresses > HOSTS_MAX + 2 or len(found) + network.num_addresses > HOSTS_MAX + 2:
            raise BadRequest(f"{shown} is more than is searched at once.", _STEP)
        found |= dict.fromkeys(str(host) for host in network.hosts())
    return list(found)


def search_s(hosts: int) -> float:
    """How long a search of so many hosts is given: two probes each at the pace of PER_SECOND, and time to answer."""
    return min(30.0, 2 * hosts / PER_SECOND + 3.0)
