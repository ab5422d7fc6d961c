"""The sender process: it gets reports, and tells what is wrong by every way that the admin has set up (ADR 56).

It is given its ways by the first line on its standard input, imports what they need, is confined, and only then talks to
anybody: it reads the program, certificates and the resolver's files, writes its own folder, and opens connections over IP.
It ends with its standard input. ``python -m holdshelf_core.alerts.sender``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Final

from tzlocal import get_localzone

from holdshelf_core.alerts import link
from holdshelf_core.alerts.handed_on import Deliveries, HandedOn
from holdshelf_core.alerts.messages import MessageWay
from holdshelf_core.alerts.types import AnyWay, AppriseWay, Health, HeartbeatWay, MailWay, MqttWay
from holdshelf_core.alerts.ways import Leaving, Reports, Undelivered, Way
from holdshelf_core.processes import online
from holdshelf_core.processes.confinement import confine_sender
from holdshelf_core.processes.online_link import MAX_LINE_BYTES, Ready, line_of

_LOGGER = logging.getLogger(__name__)

MORE_MEMORY_BYTES: Final = 1 << 30
"""Address space: each thread reserves 72 MB of it, and uses little."""
OPEN_FILES: Final = 256
RESTART_FIRST_S: Final = 5.0
RESTART_CAP_S: Final = 300.0
LEAVE_S: Final = 2.0
_NICENESS: Final = 5  # recording comes first


def made(settings: AnyWay, folder: Path, deliveries: Deliveries) -> Way:
    """Return the way; its module is imported now, where it may still bring others with it."""
    zone = get_localzone()
    match settings:
        case MailWay():
            from holdshelf_core.alerts.mail import Mail  # noqa: PLC0415 - what nobody uses takes no memory

            return MessageWay(settings, Mail(settings), folder, zone, time.time_ns)
        case AppriseWay():
            return MessageWay(settings, HandedOn(settings.name, deliveries), folder, zone, time.time_ns)
        case MqttWay():
            from holdshelf_core.alerts.mqtt import Mqtt  # noqa: PLC0415

            return Mqtt(settings, folder / f"{settings.name}.json")
        case HeartbeatWay():
            from holdshelf_core.alerts.heartbeat import Heartbeat  # noqa: PLC0415

            return Heartbeat(settings)


class Sender:
    """The process, on its loop."""

    def __init__(self, ways: dict[str, Way], say: asyncio.WriteTransport, deliveries: Deliveries) -> None:
        self._ways, self._say_to, self._deliveries = ways, say, deliveries
        deliveries.ask_by(self._say)
        self._reports = {name: Reports() for name in ways}
        self._tests: set[asyncio.Task[None]] = set()
        self._resolver = online.resolver_identity()

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Serve until the service is gone, or the machine's name servers have changed."""
        tasks = [asyncio.create_task(self._run(name, way), name=name) for name, way in self._ways.items()]
        while line := await lines.readline():
            match link.to_sender.decode(line):
                case link.Latest() as latest:
                    for reports in self._reports.values():
                        reports.put(latest.report)
                case link.Delivered() as answer:
                    self._deliveries.answer(answer)
                case link.TryWay() as asked:
                    test = asyncio.create_task(self._test(asked))
                    self._tests.add(test)
                    test.add_done_callback(self._tests.discard)
            if online.resolver_identity() != self._resolver:
                # Files that replaced the old ones may not be read: the next process may.
                _LOGGER.info("the name servers of this machine have changed; alerts are sent by a new process")
                break
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=LEAVE_S)

    async def _run(self, name: str, way: Way) -> None:
        wait_s, since_utc_ns = RESTART_FIRST_S, 0
        while True:
            began = time.monotonic()
            try:
                await way.run(self._reports[name], lambda health: self._say(link.Does(name, health)))
            except Exception:
                _LOGGER.exception("the way %s failed", name)
            if time.monotonic() - began > RESTART_CAP_S:
                wait_s, since_utc_ns = RESTART_FIRST_S, 0
            since_utc_ns = since_utc_ns or time.time_ns()
            failed = Health(False, since_utc_ns, "It failed in this program, and was restarted; please report this.")
            self._say(link.Does(name, failed))
            await asyncio.sleep(wait_s)
            wait_s = min(RESTART_CAP_S, wait_s * 2)

    async def _test(self, asked: link.TryWay) -> None:
        way = self._ways.get(asked.way)
        sentence = "There is no such channel."
        if way is not None:
            try:
                if not asked.leave:
                    await way.test()
                elif isinstance(way, Leaving):
                    await way.leave()
                sentence = ""
            except Undelivered as error:
                sentence = error.sentence
            except Exception:
                _LOGGER.exception("the test of %s failed", asked.way)
                sentence = "The test failed in this program; please report this."
        self._say(link.Tested(asked.number, sentence))

    def _say(self, message: link.ToService) -> None:
        if self._say_to.get_write_buffer_size() < MAX_LINE_BYTES:
            self._say_to.write(line_of(message))


async def _serve(ways: dict[str, Way], deliveries: Deliveries, ready: Ready, rest: bytes) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    lines.feed_data(rest)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(0, "rb", 0))
    say, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(1, "wb", 0))
    say.write(line_of(ready))
    await Sender(ways, say, deliveries).run(lines)


def main() -> None:
    """Entry point. The service writes to standard input and reads standard output; standard error is its own."""
    begun = online.begin(link.Setup, link.to_sender.decode, _NICENESS)
    if begun is None:
        return
    setup, rest = begun
    folder = Path(setup.folder)
    deliveries = Deliveries()
    ways = {settings.name: made(settings, folder, deliveries) for settings in setup.ways}
    confined = confine_sender(online.readable(), folder, more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
    asyncio.run(_serve(ways, deliveries, Ready(confined.landlock_abi, confined.seccomp), rest))
    os._exit(0)  # a thread may still wait for a server that does not answer


if __name__ == "__main__":
    main()
