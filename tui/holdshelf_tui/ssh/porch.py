"""Where connections wait before the door says a word to them: at a pace for each address, because a key exchange costs the door
far more than the client (DHEat).

Nothing is read, answered or computed for a connection in the porch; it is a descriptor and an address. Addresses take turns, and
those from which somebody with a right came in lately have a share that nobody else can use up. Of one address, whoever
came last goes first: a crowd that waits already does not keep the next person out.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from holdshelf_core.api.rate_limit import RateLimit
from holdshelf_tui.ssh import limits
from holdshelf_tui.text.time_format import NS

_LOGGER = logging.getLogger(__name__)

AT_ONCE, PER_S = 12, 11.0
"""Of one address. ssh-audit, which tries this on a server for a second and a half, calls 20 a second too many."""
ALL_AT_ONCE, ALL_PER_S = 30, 30.0
"""Of all addresses that nobody with a right came from lately, and again of all others: a third of a core at the most."""
PROVED_AT_ONCE, PROVED_PER_S = 1_000, 5.0
"""Of one key: turns that are given back because the client proved to have that key, and it is enrolled. A crowd that has one is
through in a second or two, and each of them is known by its key from then on, which has its own pace."""
WAITING_MOST, WAITING_PER_ADDRESS = 512, 256
WAIT_S, LOOK_S = 20.0, 1.0
KNOWN_S, KNOWN_MOST = 24 * 3600.0, 256
ACCEPT_AGAIN_S, ROOM_AGAIN_S = 0.2, 0.1
HELD_MOST, HELD_S = 512, 60.0
_OURS, _OTHERS = "known", "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """One connection in the porch."""

    link: socket.socket
    since_s: float


class Porch:
    """Accepts what comes to ``listening`` and hands each connection to ``admit(link, network)`` in its turn.

    ``room(network, known=…)``: whether there is room for one more from there, now. Methods run on the loop. ``now_s``: a
    monotonic clock.
    """

    def __init__(
        self,
        listening: socket.socket,
        admit: Callable[[socket.socket, str], None],
        room: Callable[..., bool],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        listening.setblocking(False)
        self._listening = listening
        self._admit = admit
        self._room = room
        self._now_s = now_s
        self._by_address = RateLimit(AT_ONCE, PER_S)
        self._by_kind = RateLimit(ALL_AT_ONCE, ALL_PER_S)
        self._proved = RateLimit(PROVED_AT_ONCE, PROVED_PER_S)
        self._known: dict[str, float] = {}
        self._waiting: dict[str, list[Waiting]] = {}
        """By address; the one that has its next turn first."""
        self._count = 0
        self._held: list[Waiting] = []
        self._looked_s = -LOOK_S
        self._timer: asyncio.TimerHandle | None = None

    # --- life -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to accept connections."""
        asyncio.get_running_loop().add_reader(self._listening, self._arrivals)

    def close(self) -> None:
        """Accept no more; whoever waits is hung up on."""
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        if self._timer is not None:
            self._timer.cancel()
        for crowd in self._waiting.values():
            for one in crowd:
                one.link.close()
        for one in self._held:
            one.link.close()
        self._waiting.clear()
        self._held.clear()

    def __len__(self) -> int:
        """How many strangers wait to be served."""
        return self._count

    # --- arrivals -------------------------------------------------------------------------------------------------

    def _arrivals(self) -> None:
        for _ in range(limits.BACKLOG):
            try:
                link, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    _LOGGER.error("a connection could not be taken: %s", error.strerror)
                    loop = asyncio.get_running_loop()
                    loop.remove_reader(self._listening)
                    loop.call_later(ACCEPT_AGAIN_S, self._accept_again)
                break
            link.setblocking(False)
            self.arrived(link, limits.network_of(str(peer[0])) if peer else "unknown")
        self._pump()

    def _accept_again(self) -> None:
        if self._listening.fileno() >= 0:
            self.open()

    def arrived(self, link: socket.socket, network: str) -> None:
        """One more that waits, for which another may have to go."""
        self._waiting.setdefault(network, []).append(Waiting(link, self._now_s()))
        self._count += 1
        if len(self._waiting[network]) > WAITING_PER_ADDRESS:
            self._drop(network)
        elif self._count > WAITING_MOST:
            self._drop(max(self._waiting, key=lambda name: len(self._waiting[name])))

    def _drop(self, network: str) -> None:
        """Whoever has waited longest there."""
        self._take(network, 0).link.close()

    def _take(self, network: str, index: int) -> Waiting:
        crowd = self._waiting[network]
        one = crowd.pop(index)
        self._count -= 1
        if not crowd:
            del self._waiting[network]
        return one

    # --- turns ----------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Admit whose turn it is, and come back when it is the next one's."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_s = self._now_s()
        self._expire(now_s)
        wait_s = self._admit_due(now_s)
        if self._waiting or self._held:
            pause_s = min(wait_s, 1.0) if self._waiting else 1.0
            self._timer = asyncio.get_running_loop().call_later(max(pause_s, 0.005), self._pump)

    def _admit_due(self, now_s: float) -> float:
        """In how many seconds the next one is due."""
        crowded: set[str] = set()
        while True:
            waits = {network: self._wait_s(network, now_s) for network in self._waiting if network not in crowded}
            due = [network for network, wait_s in waits.items() if not wait_s]
            if not due:
                return min([*waits.values(), ROOM_AGAIN_S if crowded else 1.0])
            for network in due:
                if not self._room(network, known=self.knows(network)):
                    crowded.add(network)
                elif not self._wait_s(network, now_s):
                    self._turn(network, now_s)

    def _turn(self, network: str, now_s: float) -> None:
        one = self._take(network, -1)
        if _gone(one.link):  # what nobody waits for costs no turn
            one.link.close()
            return
        boot_ns = int(now_s * NS)
        self._by_address.take(network, boot_ns)
        self._by_kind.take(_OURS if self.knows(network) else _OTHERS, boot_ns)
        if network in self._waiting:  # the others of this address have their turn after all other addresses
            self._waiting[network] = self._waiting.pop(network)
        self._admit(one.link, network)

    def _wait_s(self, network: str, now_s: float) -> float:
        boot_ns = int(now_s * NS)
        kind = _OURS if self.knows(network) else _OTHERS
        return max(self._by_address.wait_s(network, boot_ns), self._by_kind.wait_s(kind, boot_ns))

    def _expire(self, now_s: float) -> None:
        """Whoever waited long enough, and once a second whoever is gone."""
        while self._held and now_s - self._held[0].since_s > HELD_S:
            self._held.pop(0).link.close()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for network in list(self._waiting):
            for index in reversed(range(len(self._waiting[network]))):
                one = self._waiting[network][index]
                if now_s - one.since_s > WAIT_S or _gone(one.link):
                    self._take(network, index).link.close()

    def proved(self, network: str, fingerprint: str) -> None:
        """A client from there has signed with that key, which is enrolled: its turn was no stranger's."""
        boot_ns = int(self._now_s() * NS)
        if not self._proved.take(fingerprint, boot_ns):
            self._by_address.give(network, boot_ns)
            self._by_kind.give(_OURS if self.knows(network) else _OTHERS, boot_ns)
            if self._waiting:
                self._pump()

    # --- who is known ---------------------------------------------------------------------------------------------

    def came_in(self, network: str) -> None:
        """Somebody with a right logged in from there."""
        self._known.pop(network, None)
        self._known[network] = self._now_s()
        while len(self._known) > KNOWN_MOST:
            del self._known[next(iter(self._known))]

    def knows(self, network: str) -> bool:
        """Whether somebody with a right came in from there lately."""
        since_s = self._known.get(network)
        return since_s is not None and self._now_s() - since_s < KNOWN_S

    # --- whoever comes again and again ------------------------------------------------------------------------------

    def hold(self, fd: int) -> None:
        """Keep a descriptor's connection open for a while and say nothing on it, whatever becomes of ``fd``: a client that is
        shut out at once is back at once.
        """
        with contextlib.suppress(OSError):
            self._held.append(Waiting(socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM), self._now_s()))
            while len(self._held) > HELD_MOST:
                self._held.pop(0).link.close()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(1.0, self._pump)


def _gone(link: socket.socket) -> bool:
    """Whether the client has hung up already."""
    looks = select.poll()
    looks.register(link, select.POLLRDHUP)
    return bool(looks.poll(0))
