"""One WHEP connection (draft-ietf-wish-whep): connect, read, leave. The camera's thread uses it like any other source.

Signaling is in ``worker.whep_http``, transport and keys in ``worker.whep_peer`` (aiortc), pictures in ``worker.whep_frames``.
Imported only in a process that has such a camera: its dependencies take 25 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import ipaddress
import logging
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any, ClassVar

from holdshelf_core.integration.reasons import MEDIA_UNREACHABLE, NO_FRAMES, STREAM_ENDED, UNREACHABLE
from holdshelf_core.recorder.worker.bounds import Budget
from holdshelf_core.recorder.worker.datagrams import Burst
from holdshelf_core.recorder.worker.source import READ_TIMEOUT_S, Hole, Picture, SourceError
from holdshelf_core.recorder.worker.whep_frames import Frames
from holdshelf_core.recorder.worker.whep_http import IceServer, Signalling
from holdshelf_core.recorder.worker.whep_peer import Lane, Loop, Peer, rehearse
from holdshelf_core.recorder.worker.whep_sdp import Answer, read_answer, write_offer

DIAL_TIMEOUT_S = 45.0
LEAVE_TIMEOUT_S = 3.5
# How long datagrams may gather in the socket before they are read together: each wake-up costs as much as ten packets.
GATHER_CAP_S = 0.25
GATHER_LOSSY_S = 0.01
LOSSY_S = 10.0
"""A lossy line is read without delay for this long: retransmissions must be requested soon."""
_IDLE_S, _PROMPT_S = 0.5, 0.02
_LATE = (
    "aiohttp.resolver",
    "aiohttp.http",
    "aiohttp.connector",
    "multidict",
    "yarl",
    "frozenlist",
    "idna",
    "uuid",
    "concurrent.futures.thread",
)


class WhepSource:
    """An open connection with its one video stream (see ``worker.source.Source``)."""

    template: None = None
    ticks_per_s = 90_000
    clock_ahead_ns: None = None
    gather_bytes = 0  # it gathers by itself, depending on what its socket can hold
    _shared: ClassVar[Loop | None] = None
    _open: ClassVar[set[WhepSource]] = set()
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self, url: str, username: str | None, password: str | None, certificate_sha256: str | None = None
    ) -> None:
        """Connect, up to the media keys. Raises SourceError within ``DIAL_TIMEOUT_S``."""
        self._frames: Frames
        self._sets: dict[str, frozenset[bytes]]
        self._loop = self._common_loop()
        self._signalling = Signalling(url, username, password, certificate_sha256)
        self._resource: str | None = None
        self._peer: Peer | None = None
        try:
            answer = self._loop.run(self._dial(), DIAL_TIMEOUT_S)
        except TimeoutError:
            self.close()
            raise SourceError(UNREACHABLE, "no answer in time") from None
        except BaseException:
            self.close()
            raise
        peer = self._peer
        assert peer is not None
        self._lane: Lane = peer.lane
        self._frames = Frames(answer.codecs, peer.unprotect, peer.unprotect_rtcp, peer.send_rtcp, answer.ssrcs)
        self._sets = answer.sets
        with self._guard:
            self._open.add(self)

    @classmethod
    def _common_loop(cls) -> Loop:
        with cls._guard:
            if cls._shared is None:
                cls._shared = Loop()
            return cls._shared

    @property
    def codec(self) -> str:
        """Return ``h264`` or ``hevc``, as determined by the packets."""
        return self._frames.codec

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """See ``worker.source.Source``."""
        return self._sets[self._frames.codec]

    @property
    def certificate_sei(self) -> bytes:
        """See ``worker.source.Source``."""
        return self._frames.certificate_sei

    @property
    def certificate_sha256(self) -> str | None:
        """Return the SHA-256 of the peer's certificate; None over plain HTTP."""
        return self._signalling.certificate_sha256

    async def _dial(self) -> Answer:
        servers = await self._signalling.ice_servers()
        try:
            return await self._dial_with(servers)
        except SourceError as error:
            # Some name their ICE servers only with the answer, when the offer is made and cannot use them any more.
            told = self._told_servers
            if error.reason != MEDIA_UNREACHABLE or servers or not told:
                raise
            await self._leave()
            return await self._dial_with(told)

    async def _dial_with(self, servers: tuple[IceServer, ...]) -> Answer:
        self._told_servers: tuple[IceServer, ...] = ()
        near = _is_loopback(self._signalling.host)
        self._peer = peer = Peer(self._loop, servers, near=near)
        created = await self._signalling.offer(write_offer(await peer.gather()))
        self._resource, self._told_servers = created.resource, created.ice_servers
        answer = read_answer(created.answer, near=near)
        await peer.connect(answer.transport)
        return answer

    def pictures(self) -> Iterator[Picture | Hole]:
        """See ``worker.source.Source``; yields a Hole where pictures are missing."""
        frames, lane, peer = self._frames, self._lane, self._peer
        assert peer is not None
        clock = time.monotonic
        began_s = clock()
        burst, lossy_until_s, may_gather = Burst(lane.capacity_packets, GATHER_CAP_S), 0.0, True
        seen, budget, cpu_s = False, Budget(), time.thread_time()
        while True:
            batch = lane.read(_PROMPT_S if frames.incomplete else _IDLE_S)
            now_s = clock()
            out = frames.take(batch, now_s)
            out += frames.tick(now_s)
            if batch:
                before_cpu_s, cpu_s = cpu_s, time.thread_time()
                budget.spend(sum(map(len, batch)), cpu_s - before_cpu_s)
            for item in out:
                yield item
                # Afterwards: what took it may have waited for a disk, which is not the camera's silence.
                if isinstance(item, Picture):
                    seen = True
                    budget.saw_picture()
            if over := frames.ended or peer.over:
                raise SourceError(STREAM_ENDED if seen else NO_FRAMES, over)
            # Reports (RTCP) and keepalives (STUN) from a peer that sends no pictures do not count.
            if now_s - max(began_s, frames.packet_at_s) > 2 * READ_TIMEOUT_S:
                raise SourceError(NO_FRAMES, "the connection is open and nothing comes")
            if not seen and now_s - began_s > 2 * READ_TIMEOUT_S:
                raise SourceError(NO_FRAMES, "packets come, but no whole key frame")
            if frames.incomplete:
                lossy_until_s = now_s + LOSSY_S
            if batch:
                if lane.overflowed():
                    may_gather = False
                gather_s = burst.gather_s(len(batch), now_s)
                if now_s < lossy_until_s:
                    gather_s = 0.0 if frames.incomplete else min(gather_s, GATHER_LOSSY_S)
                if may_gather and gather_s:
                    time.sleep(gather_s)

    def close(self) -> None:
        """Leave the session (DELETE, so that the peer frees it). Never raises."""
        with self._guard:
            self._open.discard(self)
        with contextlib.suppress(Exception):
            self._loop.run(self._leave(), LEAVE_TIMEOUT_S)
        if self._peer is not None:
            self._peer.lane.close()

    async def _leave(self) -> None:
        resource, self._resource = self._resource, None
        if resource:
            await self._signalling.delete(resource)
        if self._peer is not None:
            await self._peer.close()

    @classmethod
    def leave_all(cls) -> None:
        """Leave all sessions at once when the process ends with cameras still connected. Never raises."""
        with cls._guard:
            still, loop = list(cls._open), cls._shared
        if still and loop is not None:
            with contextlib.suppress(Exception):
                loop.run(_all([source._leave() for source in still]), LEAVE_TIMEOUT_S)


async def _all(works: list[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*works, return_exceptions=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def preload() -> None:
    """Load what libraries load at first use: once confined, this process opens nothing. Leaves no thread running."""
    for name in _LATE:
        importlib.import_module(name)
    for name in ("aiortc", "aioice", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a peer's text reaches the service as a Lost detail
    rehearse()
