"""A way that sends messages: the engine's tidings, queued in a file of the sender's folder, delivered one after the other.

The file is written before a message is sent and after: a restart sends none twice, unless the machine died in between, and
then with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final, Protocol

import msgspec

from holdshelf_core.alerts import engine
from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.engine import Tidings
from holdshelf_core.alerts.link import Message
from holdshelf_core.alerts.types import AppriseWay, Health, MailWay, SentRow
from holdshelf_core.alerts.ways import DELIVER_S, NOT_TAKEN, Reports, Undelivered
from holdshelf_core.alerts.words import message_of, test_message
from holdshelf_core.times import NS
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

TICK_S: Final = 1.0
MOST_WAITING: Final = 50
MOST_WAITING_CHARS: Final = 100_000
"""Of the texts of all that wait by one way: a message about 40 cameras is long, and the servers of 16 ways may be away."""
MOST_REMEMBERED: Final = 50
RETRY_FIRST_S: Final = 10.0
RETRY_CAP_S: Final = 300.0
REFUSED_CAP_S: Final = 1800.0
"""Where a login or an address is refused: an account is locked by too many tries."""
MAX_STATE_BYTES: Final = 4 << 20


class Transport(Protocol):
    """Delivers a message."""

    def deliver(self, message: Message) -> str:
        """Deliver it, in a thread of its own. Returns who did not get it though others did, in a sentence; '' for nobody.

        Raises Undelivered.
        """

    def give_up(self) -> None:
        """Called on the loop when a delivery takes too long: make it end, where that is possible."""


class Waiting(msgspec.Struct):
    """A message that is not delivered yet."""

    message: Message
    tries: int = 0


class WayState(msgspec.Struct):
    """STATE/alerts/NAME.json: what a way knows over a restart."""

    told: engine.Told
    waiting: list[Waiting] = []
    sent: list[SentRow] = []
    """The last ones, oldest first."""
    health: Health = Health()


def read_state(file: Path) -> WayState | None:
    """Return what is in the file; None where there is none, or it cannot be read. Blocks."""
    try:
        raw = file.read_bytes() if file.stat().st_size <= MAX_STATE_BYTES else b""
        return msgspec.json.decode(raw, type=WayState)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


class MessageWay:
    """The `Way` of mail and Apprise."""

    def __init__(
        self,
        settings: MailWay | AppriseWay,
        transport: Transport,
        folder: Path,
        zone: tzinfo,
        utc_ns: Callable[[], int],
    ) -> None:
        """``folder``: the sender's own."""
        self._settings, self._transport, self._zone, self._utc_ns = settings, transport, zone, utc_ns
        self._file = folder / f"{settings.name}.json"
        self._state = read_state(self._file) or WayState(engine.Told())
        self._saved = 0
        """The hash of what is in the file."""
        self._tell: Callable[[Health], None] = lambda _health: None
        self._more, self._works = asyncio.Event(), asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._busy: asyncio.Future[str] | None = None
        """A delivery; also one that took too long and was left: no other is begun while its thread lives."""

    async def run(self, reports: Reports, tell: Callable[[Health], None]) -> None:
        """See `Way`."""
        self._tell = tell
        tell(self._state.health)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._watch(reports))
            both.create_task(self._send())

    async def test(self) -> None:
        """See `Way`. Beside the queue: it says how the way does now."""
        try:
            amiss = await self._deliver(test_message(self._settings.name, _new_id(), self._utc_ns(), self._zone))
            if amiss:
                raise Undelivered(amiss, refused=True)
        except Undelivered as error:
            self._say(ok=False, sentence=error.sentence)
            await self._save()
            raise
        self._say(ok=True)
        self._works.set()  # what waits need not wait longer
        await self._save()

    async def _watch(self, reports: Reports) -> None:
        report, held = await anext(reports), False
        while True:
            held = await self._step(report)
            with contextlib.suppress(TimeoutError):
                report = await asyncio.wait_for(anext(reports), TICK_S if held else None)

    async def _step(self, report: Report) -> bool:
        now = self._utc_ns()
        found, held = engine.step(self._settings.rules, self._state.told, report, now, self._minute_of)
        for tidings in found:
            self._queue(tidings, now)
        await self._save()
        if found:
            self._more.set()
        return held

    def _queue(self, tidings: Tidings, now: int) -> None:
        waiting = self._state.waiting
        waiting.append(Waiting(message_of(tidings, _new_id(), now, self._zone)))
        while len(waiting) > MOST_WAITING or (
            len(waiting) > 2 and sum(len(one.message.text) for one in waiting) > MOST_WAITING_CHARS
        ):
            # Never the first, which may be on its way, and never the newest.
            self._remember(waiting.pop(1), "dropped")

    def _minute_of(self, utc_ns: int) -> int:
        at = datetime.fromtimestamp(utc_ns // NS, UTC).astimezone(self._zone)
        return at.hour * 60 + at.minute

    async def _send(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            if not self._state.waiting:
                self._more.clear()
                await self._more.wait()
            one = self._state.waiting[0]
            one.tries += 1
            try:
                amiss = await self._deliver(one.message)
            except Undelivered as error:
                self._say(ok=False, sentence=error.sentence)
                if one.tries == 1:
                    await self._save()
                self._works.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._works.wait(), retry_s)
                retry_s = min(REFUSED_CAP_S if error.refused else RETRY_CAP_S, retry_s * 2)
                continue
            retry_s = RETRY_FIRST_S
            self._state.waiting.remove(one)
            self._remember(one, "sent")
            self._say(ok=not amiss, sentence=amiss)
            await self._save()

    async def _deliver(self, message: Message) -> str:
        async with self._one_at_a_time:
            if self._busy is not None and not self._busy.done():
                raise Undelivered("An earlier message is still on its way, and is not answered.")
            self._busy = in_thread(self._settings.name, lambda: self._transport.deliver(message))
            try:
                done, _ = await asyncio.wait({self._busy}, timeout=DELIVER_S)
            except asyncio.CancelledError:
                self._transport.give_up()
                raise
            if not done:
                self._transport.give_up()
                raise Undelivered(NOT_TAKEN)
            return self._busy.result()

    def _say(self, *, ok: bool, sentence: str = "") -> None:
        health = self._state.health
        if health.ok is not ok:
            if ok:
                _LOGGER.info("%s: messages are delivered", self._settings.name)
            else:
                _LOGGER.warning("%s: messages are not delivered: %s", self._settings.name, sentence)
        since = health.since_utc_ns if health.ok is ok else self._utc_ns()
        self._state.health = Health(ok, since, sentence, len(self._state.waiting))
        self._tell(self._state.health)

    def _remember(self, one: Waiting, outcome: str) -> None:
        message = one.message
        row = SentRow(self._settings.name, message.made_utc_ns, message.subject, outcome, one.tries)
        self._state.sent = [*self._state.sent, row][-MOST_REMEMBERED:]

    async def _save(self) -> None:
        if self._state.health.waiting != len(self._state.waiting):
            self._state.health = msgspec.structs.replace(self._state.health, waiting=len(self._state.waiting))
            self._tell(self._state.health)
        raw = msgspec.json.encode(self._state)
        if hash(raw) == self._saved:
            return
        try:
            await asyncio.to_thread(write_atomic, self._file, raw)
        except StorageError as error:
            # Telling comes first: after a restart it may be told again.
            _LOGGER.warning("what was told cannot be kept: %s", error)
        self._saved = hash(raw)


def in_thread(name: str, work: Callable[[], str]) -> asyncio.Future[str]:
    """Run it in a thread of its own: one that hangs takes no other's place. What it raises is in the future."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    def ended(error: Exception | None, answer: str) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)
            future.exception()  # it may have been left: then nobody asks for it

    def run() -> None:
        error: Exception | None = None
        answer = ""
        try:
            answer = work()
        except Exception as found:
            error = found
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(ended, error, answer)

    threading.Thread(target=run, name=f"way {name}", daemon=True).start()
    return future


def _new_id() -> str:
    return f"{time.time_ns():x}.{os.urandom(8).hex()}"
