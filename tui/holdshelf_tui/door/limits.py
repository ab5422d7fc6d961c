"""What strangers may take of the door: so many connections, so long, so often. And what is told of them: little.

Whoever is silent longest is hung up on when room is short, instead of the newest being refused: a hundred silent connections
then keep nobody out, not even somebody who comes from the same address.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

UNAUTHENTICATED_MOST = 64
UNAUTHENTICATED_PER_ADDRESS = 8
CONNECTIONS_MOST = 128
SESSIONS_MOST = 48
SESSIONS_PER_PERSON = 5
CHANNELS_PER_CONNECTION = 2
AUTH_REQUESTS_MOST = 14
LOGIN_GRACE_S, IDLE_S = 20.0, 60.0
# Everything that a log-in needs fits into a tenth of this: version, key exchange, six keys.
UNAUTHENTICATED_BYTES_MOST = 256 << 10
UNREAD_BYTES_MOST = 1 << 20
KEEPALIVE_S, KEEPALIVE_COUNT = 30, 4

TOLD_EVERY_S = 60.0
TOLD_ADDRESSES = 8
COUNTED_ADDRESSES = 1024
# In the access log, which is kept for ever, a siege leaves an entry an hour at last.
LOGGED_EVERY_S = (60.0, 300.0, 900.0, 3600.0)


def network_of(address: str) -> str:
    """Whom an address counts as: an IPv6 host has 2^64 of them."""
    try:
        ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class Stranger(Protocol):
    """A connection that has not logged in."""

    network: str
    received_bytes: int
    since_s: float

    def hang_up(self) -> None:
        """Close it now."""
        ...


class Strangers:
    """All connections that have not logged in, and how many there are at all."""

    def __init__(self, total: int = UNAUTHENTICATED_MOST, per_address: int = UNAUTHENTICATED_PER_ADDRESS) -> None:
        self._total, self._per_address = total, per_address
        self._waiting: dict[Stranger, None] = {}
        self.connections = 0

    def admit(self, stranger: Stranger) -> bool:
        """Take one more in, for which another may have to go. False: there is no room at all."""
        if self.connections >= CONNECTIONS_MOST:
            return False
        same = [other for other in self._waiting if other.network == stranger.network]
        if len(same) >= self._per_address:
            _quietest(same).hang_up()
        elif len(self._waiting) >= self._total:
            # From where most come: one who is alone at an address is hung up on last.
            counts = Counter(other.network for other in self._waiting)
            busiest = max(counts.values())
            _quietest([other for other in self._waiting if counts[other.network] == busiest]).hang_up()
        self._waiting[stranger] = None
        return True

    def forget(self, stranger: Stranger) -> None:
        """It has logged in, or is gone."""
        self._waiting.pop(stranger, None)

    def __len__(self) -> int:
        return len(self._waiting)


def _quietest(strangers: list[Stranger]) -> Stranger:
    return min(strangers, key=lambda one: (one.received_bytes, one.since_s))


class Failures:
    """Counts log-ins that came to nothing. Nothing a stranger does makes more than a few lines a minute.

    ``say``: one line for the door's own log. ``take_for_log`` gives what is due for the access log.
    """

    def __init__(self, say: Callable[[str], None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now_s = now_s
        self._recent: Counter[str] = Counter()
        self._for_log: Counter[str] = Counter()
        self._others = self._others_for_log = 0
        self._told_s = self._logged_s = -1e9
        self._step = 0

    def count(self, network: str) -> None:
        """One more, from there."""
        if network in self._recent or len(self._recent) < COUNTED_ADDRESSES:
            self._recent[network] += 1
        else:
            self._others += 1
        if network in self._for_log or len(self._for_log) < COUNTED_ADDRESSES:
            self._for_log[network] += 1
        else:
            self._others_for_log += 1
        self.tell()

    def tell(self) -> None:
        """Say what is due in the door's own log. To be called now and then."""
        now_s = self._now_s()
        total = self._recent.total() + self._others
        if not total or now_s - self._told_s < TOLD_EVERY_S:
            return
        self._told_s = now_s
        most = self._recent.most_common(TOLD_ADDRESSES)
        told = ", ".join(f"{network} ({count})" for network, count in most)
        rest = total - sum(count for _, count in most)
        self._say(f"log-ins that came to nothing: {told}" + (f", elsewhere ({rest})" if rest else ""))
        self._recent.clear()
        self._others = 0

    def take_for_log(self) -> tuple[dict[str, int], int] | None:
        """(the most active addresses, how many in all) when an entry is due, and begin anew; None when none is."""
        now_s = self._now_s()
        quiet_s = now_s - self._logged_s
        total = self._for_log.total() + self._others_for_log
        if not total or quiet_s < LOGGED_EVERY_S[self._step]:
            return None
        self._step = 0 if quiet_s > 2 * LOGGED_EVERY_S[-1] else min(self._step + 1, len(LOGGED_EVERY_S) - 1)
        self._logged_s = now_s
        most = dict(self._for_log.most_common(TOLD_ADDRESSES))
        self._for_log.clear()
        self._others_for_log = 0
        return most, total
