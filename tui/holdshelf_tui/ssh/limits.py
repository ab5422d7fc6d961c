"""What strangers may take of the door: so many connections, so long, so often. And what is told of them: little.

A stranger is whoever has not come in, and whoever was refused: a key without a right is no better than none. Whoever is refused
already or silent longest is hung up on when room is short, instead of the newest being turned away: a hundred silent
connections then keep nobody out, not even somebody who comes from the same address.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

BACKLOG = 128
UNAUTHENTICATED_MOST = 64
UNAUTHENTICATED_PER_ADDRESS = 16
VISITS_MOST = 64
CONNECTIONS_MOST = UNAUTHENTICATED_MOST + VISITS_MOST
SESSIONS_MOST = 48
KEPT_FREE = 16
"""Of the visits and of the sessions: for people who have none yet."""
SESSIONS_PER_PERSON = 5
KEY_AT_ONCE, KEY_PER_S = 20, 3.0
"""Log-ins of one key. A person does not come near it."""
KEY_WAITING_MOST = 1
"""Log-ins of one key that wait for its pace instead of being refused: a script logs in one time after the other."""
REFUSALS_AT_ONCE, REFUSALS_PER_S = 5, 0.2
"""Of one key, that are told on a channel; a key that is refused more often is told while it logs in, and then waits."""
FAILURES_AT_ONCE, FAILURES_PER_S = 20, 1.0
"""Of one address, that are answered; later ones wait."""
CHANNELS_PER_CONNECTION = 2
AUTH_REQUESTS_MOST = 14
LOGIN_GRACE_S, IDLE_S = 20.0, 60.0
SILENT_S, BUSY_S = 3.0, 8.0
"""For which nobody makes room for others: who has sent nothing yet, and who is busy logging in."""
REFUSED_S = 8.0
"""For one channel on which a refusal is said; then the connection ends."""
# Everything that a log-in needs fits into a tenth of this: version, key exchange, six keys.
UNAUTHENTICATED_BYTES_MOST = 256 << 10
UNREAD_BYTES_MOST = 1 << 20
KEEPALIVE_S, KEEPALIVE_COUNT = 30, 4

TOLD_EVERY_S = 60.0
TOLD_ADDRESSES = 8
COUNTED_ADDRESSES = 1024


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
    """A connection that has not come in."""

    network: str
    received_bytes: int
    since_s: float
    refusal: str
    """Why it may not come in; '' while nobody knows."""
    known: bool
    """Somebody with a right came in from its address lately."""

    def hang_up(self) -> None:
        """Close the connection at once."""
        ...


@dataclass(slots=True, eq=False)
class Expected:
    """A place that is kept for a connection while it is being made."""

    network: str
    known: bool
    since_s: float
    received_bytes: int = 0
    refusal: str = ""

    def hang_up(self) -> None:
        """There is nothing yet."""


class Strangers:
    """All connections that have not come in, and how many connections there are at all. ``now_s``: a monotonic clock."""

    def __init__(
        self,
        total: int = UNAUTHENTICATED_MOST,
        per_address: int = UNAUTHENTICATED_PER_ADDRESS,
        kept_free: int = KEPT_FREE,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._per_address, self._kept_free = total, per_address, kept_free
        self._now_s = now_s
        self._waiting: dict[Stranger, None] = {}
        self.connections = 0

    def room(self, network: str, *, known: bool) -> bool:
        """Whether one more may come from there without hanging up on somebody who is busy logging in."""
        rivals = self._rivals(network, known=known)
        return not rivals or any(self._may_go(other) for other in rivals)

    def expect(self, network: str, *, known: bool) -> Expected:
        """Keep a place for one more from there, until it is admitted or forgotten."""
        place = Expected(network, known, self._now_s())
        self._waiting[place] = None
        return place

    def admit(self, stranger: Stranger) -> bool:
        """Take one more in, for which another may have to go. False: there is no room at all."""
        rivals = self._rivals(stranger.network, known=stranger.known)
        if rivals:
            _first_to_go([other for other in rivals if self._may_go(other)] or rivals).hang_up()
        if self.connections >= CONNECTIONS_MOST:
            return False
        self._waiting[stranger] = None
        return True

    def _rivals(self, network: str, *, known: bool) -> list[Stranger]:
        """Of whom one has to go before one more may come from there; nobody while there is room."""
        same = [other for other in self._waiting if other.network == network]
        if len(same) >= self._per_address:
            return same
        unknown = [other for other in self._waiting if not other.known]
        full = len(self._waiting) >= self._total or (not known and len(unknown) >= self._total - self._kept_free)
        if not full:
            return []
        # From where most come: one who is alone at an address is hung up on last.
        those = unknown or list(self._waiting)
        counts = Counter(other.network for other in those)
        busiest = max(counts.values())
        return [other for other in those if counts[other.network] == busiest]

    def _may_go(self, one: Stranger) -> bool:
        patience_s = BUSY_S if one.received_bytes else SILENT_S
        return bool(one.refusal) or self._now_s() - one.since_s > patience_s

    def forget(self, stranger: Stranger) -> None:
        """It has come in, or is gone."""
        self._waiting.pop(stranger, None)

    def __len__(self) -> int:
        return len(self._waiting)


def _first_to_go(strangers: list[Stranger]) -> Stranger:
    return min(strangers, key=lambda one: (not one.refusal, one.received_bytes, one.since_s))


class Failures:
    """Counts log-ins that came to nothing. Nothing a stranger does makes more than a few lines a minute.

    ``say``: one line for the door's own log. ``take_for_log`` gives what the service is to count for the access log, where it
    writes ever fewer entries of more and more.
    """

    def __init__(self, say: Callable[[str], None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now_s = now_s
        self._recent: Counter[str] = Counter()
        self._for_log: Counter[str] = Counter()
        self._others = self._others_for_log = 0
        self._told_s = self._logged_s = -1e9

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
        """(the most active addresses, how many in all) once a minute, and begin anew; None when there is nothing to say."""
        now_s = self._now_s()
        total = self._for_log.total() + self._others_for_log
        if not total or now_s - self._logged_s < TOLD_EVERY_S:
            return None
        self._logged_s = now_s
        most = dict(self._for_log.most_common(TOLD_ADDRESSES))
        self._for_log.clear()
        self._others_for_log = 0
        return most, total
