"""The publisher: reports to an MQTT broker, and nothing back (ADR 58).

It subscribes to nothing: what a broker sends beyond its acknowledgements ends the connection, unread. A broker that hangs,
refuses, floods or shows a certificate of another name costs a few kilobytes and holds up this way alone; it is tried again after
a pause that doubles.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Never, Self

import msgspec

from holdshelf_core.alerts import mqtt_wire as wire
from holdshelf_core.alerts.allowed import Report, is_topic
from holdshelf_core.alerts.mqtt_payloads import (
    OFFLINE,
    ONLINE,
    Message,
    about,
    announced_under,
    availability,
    base,
    discovery,
    log_head,
    states,
)
from holdshelf_core.alerts.tls import trusting
from holdshelf_core.alerts.types import Health, MqttWay
from holdshelf_core.alerts.ways import Reports, Undelivered
from holdshelf_core.clock import utc_ns
from holdshelf_core.version import VERSION
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)
CONNECT_S: Final = 10
ANSWER_S: Final = 10
"""For acknowledgements, and for the answer to a ping."""
KEEPALIVE_S: Final = 15
"""After one and a half of it in silence, the broker publishes the last will."""
GOODBYE_S: Final = 1.0
WINDOW_MAX: Final = 32
"""Messages that are on their way at once, if the broker takes as many."""
PAUSE_FIRST_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0
LET_GO_S: Final = 1.0
"""Before entities are announced for the first time."""
STEADY_S: Final = 60.0
"""A connection that lasted so long lets the pauses begin anew."""


class _Kept(msgspec.Struct):
    """The file of a way."""

    announced: tuple[str, ...] = ()
    """Topics of discovery that the broker keeps, or may keep."""


class Link:
    """A connection to the broker, logged in. Every method raises Undelivered, which ends it."""

    def __init__(self, way: MqttWay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._where = f"The MQTT broker {way.host}:{way.port}"
        self._topics = f"{base(way)}/#"
        if way.discovery:
            self._topics += f" and {announced_under(way)}#"
        self._reader = reader
        self._writer = writer
        self._takes = wire.Accepted()
        self._waiting: set[int] = set()
        """Of messages that are not acknowledged."""
        self._pinged = False
        self._answered = asyncio.Event()
        self._ids = itertools.cycle(range(1, 65_536))
        self.ping_s = KEEPALIVE_S / 2
        self.ended: asyncio.Task[Never] | None = None

    @classmethod
    async def open(cls, way: MqttWay, *, client_id: str, will: Message | None) -> Self:
        """Connect and log in, within `CONNECT_S`. Raises Undelivered."""
        where = f"The MQTT broker {way.host}:{way.port}"
        writer: asyncio.StreamWriter | None = None
        try:
            context = _tls(way) if way.security == "tls" else None
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(
                    way.host, way.port, ssl=context, limit=wire.LONGEST_ANSWER * 2
                )
                self = cls(way, reader, writer)
                await self._log_in(way, client_id, will)
                return self
        except TimeoutError:
            sentence = f"{where} does not answer."
        except ssl.SSLCertVerificationError as error:
            sentence = f"{where} shows a certificate that is not trusted: {_certificate_words(error)}."
        except ssl.SSLError:
            sentence = f"{where} does not speak TLS as it should. Check the port, and whether TLS is on there."
        except socket.gaierror:
            sentence = f"The network does not know the name of the MQTT broker, {way.host}."
        except ConnectionRefusedError:
            sentence = f"{where} is not running: nothing listens there."
        except (OSError, asyncio.IncompleteReadError):
            sentence = f"{where} cannot be reached, or hung up."
        except wire.WireError:
            sentence = f"{where} does not answer as an MQTT broker."
        except BaseException:  # refused, or canceled
            if writer is not None:
                writer.transport.abort()
            raise
        if writer is not None:
            writer.transport.abort()
        raise Undelivered(sentence)

    async def _log_in(self, way: MqttWay, client_id: str, will: Message | None) -> None:
        self._writer.write(wire.connect(client_id, KEEPALIVE_S, will=will, username=way.username, password=way.secret))
        kind, body = await self._packet()
        if kind != wire.CONNACK:
            raise wire.WireError("not a CONNACK")
        takes = wire.accepted(body)
        if isinstance(takes, int):
            raise self._refusal(takes)
        if not takes.retains:
            raise self._refusal(0x9A)
        if not takes.acknowledges:
            raise self._refusal(0x9B)
        self._takes = takes
        if takes.keepalive_s:
            self.ping_s = min(self.ping_s, takes.keepalive_s / 2)
        self.ended = asyncio.create_task(self._hear())

    async def publish(self, messages: Iterable[Message]) -> None:
        """Publish these in their order; returns when the broker has acknowledged all."""
        for batch in itertools.batched(messages, min(self._takes.window, WINDOW_MAX)):
            self._answered.clear()
            for message in batch:
                number = next(self._ids)
                packet = wire.publish(message, number)
                if 0 < self._takes.longest < len(packet):
                    raise self._refusal(0x95)
                self._waiting.add(number)
                self._writer.write(packet)
            await self._answer()

    async def ping(self) -> None:
        """Ask whether the broker is there, so that it knows that we are."""
        self._answered.clear()
        self._pinged = True
        self._writer.write(wire.PINGREQ)
        await self._answer()

    async def close(self, last: Message | None = None) -> None:
        """Say good-bye, and ``last`` before it, within `GOODBYE_S`; then hang up."""
        with contextlib.suppress(OSError, Undelivered, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                if last is not None:
                    await self.publish([last])
                self._writer.write(wire.GOODBYE)
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        self._writer.transport.abort()
        if self.ended is not None:
            self.ended.cancel()
            with contextlib.suppress(asyncio.CancelledError, Undelivered):
                await self.ended

    async def _answer(self) -> None:
        """Wait until all is acknowledged. Raises Undelivered."""
        assert self.ended is not None
        coming = asyncio.create_task(self._answered.wait())
        try:
            await asyncio.wait({coming, self.ended}, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            coming.cancel()
        if self.ended.done():
            self.ended.result()
        if not self._answered.is_set():
            raise Undelivered(f"{self._where} does not acknowledge what it is sent.")

    async def _hear(self) -> Never:
        """Take acknowledgements, until the connection ends. Raises Undelivered."""
        try:
            while True:
                kind, body = await self._packet()
                if kind == wire.PUBACK:
                    number, code = wire.acknowledged(body)
                    if number not in self._waiting:
                        raise wire.WireError("an acknowledgement of nothing")
                    self._waiting.discard(number)
                    if code == wire.NOT_AUTHORIZED:
                        raise Undelivered(f"{self._where} does not let this user write {self._topics}.", refused=True)
                    if code:
                        raise self._refusal(code)
                elif kind == wire.PINGRESP and self._pinged:
                    self._pinged = False
                elif kind == wire.DISCONNECT:
                    raise self._refusal(body[0] if body else 0x8B)
                else:
                    raise wire.WireError("not asked for")
                if not self._waiting and not self._pinged:
                    self._answered.set()
        except wire.WireError:
            raise Undelivered(f"{self._where} sent what was not asked for, which was not read.") from None
        except (OSError, asyncio.IncompleteReadError):
            raise Undelivered(f"{self._where} hung up.") from None

    async def _packet(self) -> tuple[int, bytes]:
        """Read a packet: its first byte, its body. Raises WireError, OSError, IncompleteReadError."""
        kind, length = await self._reader.readexactly(2)
        if length & 0x80:
            high = (await self._reader.readexactly(1))[0]
            length = (length & 0x7F) | high << 7
            if high & 0x80 or length > wire.LONGEST_ANSWER:
                raise wire.WireError("too long")
        return kind, await self._reader.readexactly(length)

    def _refusal(self, code: int) -> Undelivered:
        words = wire.REFUSALS.get(code, f"refuses this (MQTT reason {code})")
        return Undelivered(f"{self._where} {words}.", refused=True)


class Mqtt:
    """A way: the newest report to a broker, as `mqtt_payloads` says. ``file``: its own, where it keeps what it announced."""

    def __init__(self, way: MqttWay, file: Path) -> None:
        self._way = way
        self._file = file
        self._announced: dict[str, bytes] | None = None
        """Discovery that the broker has by this connection, by topic."""
        self._head = ""
        self._health = Health()
        self._left = False

    async def run(self, reports: Reports, tell: Callable[[Health], None]) -> None:
        """Publish what the reports say, until canceled."""
        pauses = _pauses()
        while not self._left:
            # A fresh one after each pause: state that nobody confirmed since is not told again.
            report = await anext(reports)
            began = time.monotonic()
            try:
                await self._talk(report, reports, tell)
            except Undelivered as error:
                self._tell(tell, ok=False, sentence=error.sentence)
            if time.monotonic() - began > STEADY_S:
                pauses = _pauses()
            await asyncio.sleep(next(pauses))
        await asyncio.Event().wait()

    async def test(self) -> None:
        """Log in, write and leave, beside ``run``. Raises Undelivered."""
        link = await Link.open(self._way, client_id=f"holdshelf-{self._way.id}-test", will=None)
        try:
            await link.publish([about(self._way, VERSION)])
        finally:
            await link.close()

    async def leave(self) -> None:
        """Take back all that the broker keeps, in the place of ``run``. Raises Undelivered."""
        self._left = True
        link = await Link.open(self._way, client_id=f"holdshelf-{self._way.id}", will=None)
        try:
            own = (about(self._way, ""), availability(self._way, OFFLINE))
            topics = [*sorted(await asyncio.to_thread(self._known)), *(one.topic for one in own)]
            await link.publish([Message(topic, b"", retain=True) for topic in topics])
            await asyncio.to_thread(self._keep, set())
        finally:
            await link.close()

    async def _talk(self, report: Report, reports: Reports, tell: Callable[[Health], None]) -> Never:
        """One connection, until it fails. Raises Undelivered."""
        offline = availability(self._way, OFFLINE)
        link = await Link.open(self._way, client_id=f"holdshelf-{self._way.id}", will=offline)
        try:
            self._announced = None
            self._head = ""
            await self._announce(link, report, about(self._way, report.version))
            await link.publish([availability(self._way, ONLINE)])
            while True:
                await link.publish(states(self._way, report))
                self._tell(tell, ok=True)
                # An event that nobody listens for yet is lost, and Home Assistant has only now heard of its entity.
                report = await _next(reports, link)
                await self._announce(link, report)
                if report.log_head != self._head and (event := log_head(self._way, report)):
                    await link.publish([event])
                    self._head = report.log_head
        finally:
            await link.close(offline)

    async def _announce(self, link: Link, report: Report, first: Message | None = None) -> None:
        """Publish discovery as far as it changed; take back what is no longer there, also if an earlier run announced it.

        ``first``: what the recorder says of itself, by which our integration lets go of its entities before discovery makes them.
        """
        wanted = {message.topic: message for message in discovery(self._way, report)}
        sent = self._announced or {}
        known = await asyncio.to_thread(self._known) if self._announced is None else set(sent)
        gone = [Message(topic, b"", retain=True) for topic in sorted(known - wanted.keys())]
        changed = [one for topic, one in wanted.items() if sent.get(topic) != one.payload]
        if first is not None:
            await link.publish([*gone, first])
            gone = []
            if changed and not known:
                await asyncio.sleep(LET_GO_S)
        elif not gone and not changed:
            return
        # Known before it is sent: what the broker may have is taken back one day.
        await asyncio.to_thread(self._keep, known | wanted.keys())
        await link.publish([*gone, *changed])
        self._announced = {topic: one.payload for topic, one in wanted.items()}
        await asyncio.to_thread(self._keep, set(wanted))

    def _known(self) -> set[str]:
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return set()
        own = announced_under(self._way)
        return {topic for topic in kept.announced if topic.startswith(own) and is_topic(topic)}

    def _keep(self, topics: set[str]) -> None:
        try:
            write_atomic(self._file, msgspec.json.encode(_Kept(tuple(sorted(topics)))))
        except (OSError, StorageError) as error:
            _LOGGER.warning("What was announced by MQTT cannot be kept in %s: %s", self._file, error)

    def _tell(self, tell: Callable[[Health], None], *, ok: bool, sentence: str = "") -> None:
        if (ok, sentence) != (self._health.ok, self._health.sentence):
            since = self._health.since_utc_ns if ok is self._health.ok else utc_ns()
            self._health = Health(ok=ok, since_utc_ns=since, sentence=sentence)
            tell(self._health)


async def _next(reports: Reports, link: Link) -> Report:
    """Wait for the next report, and keep the connection meanwhile. Raises Undelivered."""
    assert link.ended is not None
    coming = asyncio.ensure_future(anext(reports))
    try:
        while True:
            await asyncio.wait({coming, link.ended}, timeout=link.ping_s, return_when=asyncio.FIRST_COMPLETED)
            if link.ended.done():
                link.ended.result()
            if coming.done():
                return coming.result()
            await link.ping()
    finally:
        coming.cancel()


def _tls(way: MqttWay) -> ssl.SSLContext:
    """A context that holds the certificate against the name; raises SSLError for what is no certificate."""
    if not way.ca_pem:
        return trusting()
    context = ssl.create_default_context(cadata=way.ca_pem)
    # An authority of one's own is often made without the extensions that RFC 5280 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _pauses() -> Iterator[float]:
    pause = PAUSE_FIRST_S
    while True:
        yield pause
        pause = min(pause * 2, PAUSE_MAX_S)


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    """Our words for OpenSSL's code of what is wrong with it."""
    return {
        10: "it has expired",
        18: "it is signed by itself. Give its own certificate as the authority (--ca)",
        19: "it is signed by an authority that is not known here. Give that one's certificate (--ca)",
        20: "it is signed by an authority that is not known here. Give that one's certificate (--ca)",
        62: "it is for another name",
        64: "it is for another address",
    }.get(error.verify_code, f"OpenSSL's reason {error.verify_code}")
