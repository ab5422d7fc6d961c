"""The ways that the admin has set up, as the service knows them: kept in the register, run by the sender process.

Settings stand in the register's table ``alerts``, their secrets sealed with its key as cameras' passwords are. They are no part
of what the access log can rebuild: an entry says that a way was set, its kind and its conditions, not its server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.alerts.mqtt_payloads import announced_under, base
from holdshelf_core.alerts.reporter import Reporter
from holdshelf_core.alerts.sender_process import SenderProcess
from holdshelf_core.alerts.types import AnyWay, AppriseWay, Health, HeartbeatWay, MailWay, MqttWay, SentRow, WayRow
from holdshelf_core.api.types import CheckStep
from holdshelf_core.errors import Unavailable
from holdshelf_core.operations.views import StatusReader
from holdshelf_core.processes.online_link import Ready
from holdshelf_core.times import NS
from holdshelf_storage.atomic import make_dir
from holdshelf_storage.errors import SecretLost, StorageError
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

TABLE: Final = "alerts"
FOLDER: Final = "alerts"
REPAIR: Final = "alert_way:"
LEAVE_S: Final = 25
"""For a way to take back what it left with others, before it is removed."""
FAILS_S: Final = 600
"""A way that has failed for so long is a repair, which the other ways tell."""
MAX_HISTORY_BYTES: Final = 4 << 20
MOST_HISTORY: Final = 200


class _Sent(msgspec.Struct):
    """What is read here of a way's file."""

    sent: list[SentRow] = []


class Alerts:
    """All ways, and the process that runs them. Used on the loop."""

    def __init__(
        self,
        authorizer: Authorizer,
        register: Register,
        status: StatusReader,
        coverage: Callable[[], Mapping[str, float]],
    ) -> None:
        self._frame, self._register = authorizer.frame, register
        self.reporter = Reporter(authorizer, status, coverage)
        self._folder = authorizer.frame.paths.state / FOLDER
        self._sender = SenderProcess(self._folder, self._tell)
        self._unlisten: Callable[[], None] | None = None
        self._lost: set[str] = set()
        self._changing = asyncio.Lock()
        self.ways: dict[str, AnyWay] = {}
        """By name, with their secrets."""

    @property
    def sender_pid(self) -> int | None:
        """Of the sender, while it runs."""
        return self._sender.pid

    async def async_start(self) -> None:
        """Take the ways from the register, and begin."""
        for row in self._register.table(TABLE).all():
            self._take(dict(row))
        self._frame.async_spawn(self.reporter.async_run(), "reports")
        self._frame.async_spawn(self._async_watch(), "alerts")
        await self.async_use()

    async def async_stop(self) -> None:
        """End the sender; what waits to be sent is in its folder for the next start."""
        await self._sender.async_stop()

    async def async_put(self, way: AnyWay) -> None:
        """Keep a way; `async_use` puts it to use. Raises Unavailable when it cannot be stored."""
        row = msgspec.to_builtins(msgspec.structs.replace(way, secret=""))
        if way.secret:
            row["secret_sealed"] = self._register.encrypt(way.secret)
        try:
            await asyncio.to_thread(self._register.put, TABLE, way.name, row)
        except StorageError as error:
            raise Unavailable("The alert channel could not be stored, so it is not used.", str(error)) from None
        self.ways[way.name] = way
        self._lost.discard(way.name)

    async def async_remove(self, name: str) -> None:
        """Remove a way; `async_use` ends it. Raises Unavailable."""
        try:
            await asyncio.to_thread(self._register.remove, TABLE, name)
        except StorageError as error:
            raise Unavailable("The alert channel could not be removed.", str(error)) from None
        del self.ways[name]
        self._lost.discard(name)
        self._frame.repairs.async_delete(f"{REPAIR}{name}")

    async def async_leave(self, way: MqttWay) -> str:
        """Have a broker give up what it keeps of a way as the sender runs it, before `async_use`.

        Returns which topics may still be there, in sentences, or ''.
        """
        try:
            async with asyncio.timeout(LEAVE_S):
                kept = await self._sender.async_test(way.name, leave=True)
        except (TimeoutError, Unavailable):
            kept = f"The MQTT broker {way.host}:{way.port} does not answer."
        if not kept:
            return ""
        topics = f"{announced_under(way)}+/config, {base(way)}/about and {base(way)}/availability"
        return (
            f"Home Assistant may keep its entities, for the broker may keep {topics}. {kept} "
            "How to remove them is in docs/home-assistant.md."
        )

    async def async_use(self) -> None:
        """Have the sender run the ways as they are now; what was removed is forgotten."""
        async with self._changing:
            await self._async_use()
            await asyncio.to_thread(_clear, self._folder, set(self.ways))

    async def async_test(self, name: str) -> str:
        """Send a test by it. Returns why it was not delivered; '' when it was. Raises Unavailable."""
        if name in self._lost:
            return self._health(name).sentence
        return await self._sender.async_test(name)

    def rows(self) -> list[WayRow]:
        """Return the ways and how they do, without their secrets."""
        return [
            WayRow(msgspec.structs.replace(way, secret=""), self._health(name), bool(way.secret))
            for name, way in sorted(self.ways.items())
        ]

    async def async_history(self) -> list[SentRow]:
        """Return what was sent, newest first. What waits comes before it."""
        found = [row for name in sorted(self.ways) for row in await asyncio.to_thread(_history, self._file(name))]
        return sorted(found, key=lambda row: -row.at_utc_ns)[:MOST_HISTORY]

    def steps(self) -> list[CheckStep]:
        """Return what `doctor` says of them."""
        steps = []
        for name, way in sorted(self.ways.items()):
            health = self._health(name)
            waits = f" {health.waiting} messages wait." if health.waiting > 1 else " A message waits." * health.waiting
            if health.ok is False:
                test = f"Then `holdshelf alert test {name}`."
                steps.append(CheckStep(f"alerts by {name}", "failed", health.sentence + waits, f"Fix it. {test}"))
            else:
                words = f"{way.target} works.{waits}" if health.ok else f"{way.target} has not been tried yet.{waits}"
                steps.append(CheckStep(f"alerts by {name}", "ok" if health.ok else "skipped", words))
        if (ready := self._sender.ready) is not None and self.ways:
            steps.append(_confinement_step(ready))
        if any(isinstance(way, AppriseWay) for way in self.ways.values()):
            steps.append(_delivery_step(self._sender.delivery_ready))
        return steps

    def _take(self, row: dict[str, object]) -> None:
        """Take one row of the register. One that cannot be read is left alone."""
        sealed = row.pop("secret_sealed", None)
        row.pop("key", None)
        try:
            way: AnyWay = msgspec.convert(row, MailWay | AppriseWay | MqttWay | HeartbeatWay)
        except msgspec.ValidationError as error:
            _LOGGER.error("an alert channel in the register is not understood: %s", error)
            return
        if isinstance(sealed, str):
            try:
                way = msgspec.structs.replace(way, secret=self._register.decrypt(sealed))
            except SecretLost:
                self._lost.add(way.name)
        self.ways[way.name] = way

    async def _async_use(self) -> None:
        usable = [way for name, way in sorted(self.ways.items()) if name not in self._lost]
        if usable:
            try:
                await asyncio.to_thread(make_dir, self._folder)
            except StorageError as error:
                # Telling comes first: without its folder a restart may tell something twice.
                _LOGGER.error("what is told cannot be kept: %s", error)
        await self._sender.async_use(usable)
        if usable and self._unlisten is None:
            self._unlisten = self.reporter.async_listen(self._sender.put)
        elif not usable and self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    def _health(self, name: str) -> Health:
        if name in self._lost:
            step = f"`holdshelf alert change {name} --ask-password`"
            return Health(False, 0, f"Its password is no longer known. Give it again: {step}.")
        health = self._sender.health.get(name, Health())
        if since_utc_ns := self._sender.failing_since_utc_ns:
            health = msgspec.structs.replace(
                health, ok=False, since_utc_ns=since_utc_ns, sentence=self._sender.ends_sentence
            )
        return health

    def _tell(self) -> None:
        """Have what failed for long as a repair, and no other."""
        now = self._frame.clock.utc_ns()
        for name in self.ways:
            health = self._health(name)
            if health.ok is False and now - health.since_utc_ns >= FAILS_S * NS:
                self._frame.repairs.async_create(
                    f"{REPAIR}{name}",
                    camera_id=None,
                    severity="warning",
                    sentence=f"Alerts by {name} are not delivered. {health.sentence}",
                    next_step=f"Fix it, then run `holdshelf alert test {name}`.",
                )
            else:
                self._frame.repairs.async_delete(f"{REPAIR}{name}")

    async def _async_watch(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(30)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _confinement_step(ready: Ready) -> CheckStep:
    words = "The process that sends alerts reads neither footage nor register, and starts no program"
    return _confined_step("alerts confinement", ready, words, "a server that breaks into the process that sends alerts")


def _delivery_step(ready: Ready | None) -> CheckStep:
    """Each message by Apprise has a process of its own, which ends: the last one is told of."""
    name = "Apprise confinement"
    if ready is None:
        return CheckStep(name, "skipped", "No message was delivered by Apprise since the service started.")
    words = (
        "A process that delivers by Apprise reads neither footage nor register, writes no file and starts no program"
    )
    return _confined_step(name, ready, words, "a service that breaks into a process that delivers by Apprise")


def _confined_step(name: str, ready: Ready, words: str, who: str) -> CheckStep:
    """``words``: what the process cannot do; ``who`` could get further where it can."""
    if ready.landlock_abi and ready.seccomp:
        return CheckStep(name, "ok", f"{words} (Landlock {ready.landlock_abi}, seccomp).")
    lacking = "no seccomp" if ready.landlock_abi else "no Landlock" if ready.seccomp else "neither Landlock nor seccomp"
    return CheckStep(
        name,
        "warning",
        f"This kernel offers {lacking}, so {who} could get further.",
        "Use a kernel of 5.13 or later that has `landlock` in /sys/kernel/security/lsm, and seccomp (`CONFIG_SECCOMP_FILTER`).",
    )


def _clear(folder: Path, names: set[str]) -> None:
    """Remove the files of ways that there are no more. Blocks."""
    with contextlib.suppress(OSError):
        for file in folder.glob("*.json"):
            if file.stem not in names:
                file.unlink(missing_ok=True)


def _history(file: Path) -> list[SentRow]:
    """Return what a way sent. Blocks. The sender is confined: what it writes is bounded, and read as data alone."""
    try:
        if file.is_symlink() or file.stat().st_size > MAX_HISTORY_BYTES:
            return []
        return msgspec.json.decode(file.read_bytes(), type=_Sent).sent
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return []
