"""The root object: what `holdshelf serve` runs. Ties recorder, retention, entries, jobs and the local API together.

Nothing here blocks the loop: the register, the ledger and the footage are reached through threads. When in doubt,
recording goes on (DESIGN, "fail open on recording").
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from holdshelf_core import acts, checklist, commissioning, ends, reasons, release_duties, restored, systemd
from holdshelf_core.acts import looks as look_acts
from holdshelf_core.acts import outbox as outbox_acts
from holdshelf_core.acts import pictures as picture_acts
from holdshelf_core.api.host_key import ensure_host_key
from holdshelf_core.api.pictures import LookPictures
from holdshelf_core.api.server import ApiServer
from holdshelf_core.bus import EventBus
from holdshelf_core.clock import DISAGREEMENT_NS, NS, Clock, Heartbeat, dump_heartbeat, load_heartbeat
from holdshelf_core.entries import Entries
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.exports import Exports
from holdshelf_core.gate import STATE_REPAIR, Gate
from holdshelf_core.house import House
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.jobs import Jobs
from holdshelf_core.keeping.holds import Holds
from holdshelf_core.keeping.retention import Retention
from holdshelf_core.looking.camera_events import CameraEvents
from holdshelf_core.looking.looks import Looks
from holdshelf_core.looking.pictures import Pictures
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.paths import DataPaths
from holdshelf_core.policy.state import CameraFacts
from holdshelf_core.quarter_report import Reports
from holdshelf_core.recorder.camera import Moment
from holdshelf_core.recorder.recorder import Recorder, Target
from holdshelf_core.scheduled import async_add_jobs
from holdshelf_core.settings import Settings
from holdshelf_core.store import Store
from holdshelf_storage.access_log import AccessLog
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError, VolumeError, VolumeLocked
from holdshelf_storage.register import Register
from holdshelf_storage.volume import refuse_newer

_LOGGER = logging.getLogger(__name__)

DISK_THREADS = 6
WATCH_S = 1.0
VOLUME_WATCH_TICKS = 2
HEARTBEAT_TICKS = 5
CLOCK_REPAIR = "clock_disagreement"
HOST_KEY_REPAIR = "door_host_key"
UNWRITABLE_REPAIR = "state_unwritable"


class Holdshelf:
    """The service. ``async_run`` returns when it was told to stop and everything is closed."""

    def __init__(self, data: DataPaths, *, mint_fd: int | None = None) -> None:
        self.paths = data
        self.mint_fd = mint_fd
        self.clock = Clock()
        self.bus = EventBus(self.clock.utc_ns)
        self.repairs = RepairRegistry(self.bus, self.clock.utc_ns)
        self.hold_lock = threading.Lock()
        self.started_utc_ns = self.clock.utc_ns()
        self._threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="disk")
        self.holds = Holds(clock=self.clock, repairs=self.repairs, hold_lock=self.hold_lock)
        self.retention = Retention(
            clock=self.clock,
            repairs=self.repairs,
            may_erase=self.holds.may_erase,
            hold_lock=self.hold_lock,
            covers_day=self.holds.covers_day,
            released=self.holds.released,
        )
        self.holds.in_doubt = lambda: bool(self.house.problem)
        self.holds.room = self.retention.async_room
        self.holds.reserved_bytes = lambda: self.retention.reserved_bytes
        self.recorder = Recorder(
            clock=self.clock,
            disk=self._disk,
            room=self.retention,
            repairs=self.repairs,
            fire=self.bus.async_fire,
        )
        self.store = Store(data, self.repairs)
        self.pictures = Pictures()
        self.camera_events = CameraEvents(data.state)
        self.looks = Looks(self)
        self.exports = Exports(self, self.retention.spare_bytes)
        self.outboxes = Outboxes(self, self.retention.spare_bytes)
        self.jobs = Jobs()
        self.reports = Reports(self)
        self.house: House
        self.gate: Gate
        self.log: AccessLog
        self.entries: Entries
        self.settings: Settings
        self._register: Register
        self._stopping = asyncio.Event()
        # Set on the way out, so that no thread that reads a whole archive keeps the service from ending.
        self.stop_threads = threading.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._alive: Heartbeat | None = None
        self._volume_lock = asyncio.Lock()
        self._ends_lock = asyncio.Lock()
        self._ready = False

    # --- what integrations meet (integration.root.Holdshelf) ---------------------------------------------------

    def async_set_stream(self, entry: ConfigEntry[Any], source: StreamSource | None, *, reason: str = "") -> None:
        """Have this stream recorded; None withdraws it."""
        self.async_spawn(self.recorder.async_set_stream(entry.entry_id, source, reason), f"stream-{entry.entry_id}")

    def async_update_entry(
        self, entry: ConfigEntry[Any], *, data: dict[str, Any] | None = None, title: str | None = None
    ) -> None:
        """Change what is stored for an entry."""
        if data is not None:
            entry.data = data
        if title is not None:
            entry.title = title
        self.async_spawn(self.entries.async_save(entry), f"save-{entry.entry_id}")

    async def async_add_executor_job[T](self, func: Callable[..., T], *args: Any) -> T:
        """Run something that blocks, in a thread."""
        return await asyncio.to_thread(func, *args)

    def async_create_task(
        self, entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None]:
        """A background task that ends with the entry."""
        return self.entries.async_spawn(entry, coro, name)

    def async_set_entry_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        """Tell how a loaded entry fares."""
        self.entries.async_set_state(entry, error)

    # --- life -------------------------------------------------------------------------------------------------

    async def async_run(self, *, ready: Callable[[], None] | None = None) -> None:
        """Serve until SIGTERM, SIGINT or ``async_stop``. Raises HoldshelfError when it cannot start."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stopping.set)
        await self._start()
        server = ApiServer(self, pictures=LookPictures(self))
        try:
            await server.async_start()
            self._ready = True
            systemd.notify("READY=1")
            if ready is not None:
                ready()
            await self._watch()
        finally:
            systemd.notify("STOPPING=1")
            await server.async_stop()
            await self._stop()

    def async_stop(self) -> None:
        """Have ``async_run`` end."""
        self._stopping.set()

    async def _start(self) -> None:
        os.umask(0o077)
        if not (self.paths.state / "volume.json").exists():
            raise HoldshelfError(
                f"{self.paths.data} is not set up.", f"Run `holdshelf init --data {self.paths.data}` first."
            )
        self._alive = await asyncio.to_thread(load_heartbeat, self.paths.heartbeat)
        try:
            # Before anything is written: a folder of a newer version is left as it is.
            await asyncio.to_thread(refuse_newer, self.paths.state, self.paths.media)
            self._register = await asyncio.to_thread(Register.open, self.paths.state)
        except StorageError as error:
            raise HoldshelfError(str(error)) from None
        await self._open_log()
        if self._register.problem is not None:
            anew = (
                "What the access log knows of people, holds and cameras was put into it anew. Compare them with the papers on "
                "file; a camera that lost its password: `holdshelf camera check CAMERA --ask-password`."
            )
            self.repairs.async_create(
                "register",
                camera_id=None,
                severity="error",
                sentence=str(self._register.problem),
                next_step=anew
                if not self.house.problem
                else "Restore STATE from a backup: `holdshelf restore --help`.",
            )
        self.settings = Settings(self._register)
        self.retention.async_set_budget(self.settings.budget_bytes)
        self.recorder.segment_s = self.settings.segment_s
        self.clock.restore(self._alive)
        self.entries = Entries(self, self._register)
        self.entries.async_listen(self.async_cameras_changed)
        self.bus.async_listen("camera_state", self.entries.flows.async_camera_state)
        await self.entries.async_load()
        for entry in self.entries.async_all():
            await self.recorder.async_add(Target(entry.entry_id, entry.title))
        try:
            await self._attach(reasons.SERVICE_STOPPED)
        except VolumeLocked as error:
            raise Conflict(f"Another service is running on {self.paths.data}.", str(error)) from None
        except VolumeError as error:
            # The disk may come back: the service stays, says so loudly, and records nothing meanwhile.
            self.store.async_report(error)
        except StorageError as error:
            raise Unavailable(str(error)) from None
        if self.mint_fd is not None:
            await self._have_host_key()
        self.bus.async_listen("camera_event", self.camera_events.async_note)
        if self._alive is not None:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(self.camera_events.settle, self._alive.utc_ns)
        await self.entries.async_setup_all()
        async_add_jobs(self)
        self.jobs.async_start()
        self.async_spawn(self.pictures.async_start(), "pictures")
        self.async_spawn(self.camera_events.async_run(), "camera events")

    async def _have_host_key(self) -> None:
        """The SSH door's, before it starts. Recording goes on without one."""
        try:
            await asyncio.to_thread(ensure_host_key, self.paths.data)
        except HoldshelfError as error:
            self.repairs.async_create(
                HOST_KEY_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"Nobody can log in over SSH. {error.sentence}",
                next_step=error.next_step or "Mend it, then restart the service.",
            )

    async def _open_log(self) -> None:
        """Access log, then what it says the register lacks. What is wrong is a repair; recording starts all the same."""
        self.house = House(self._register)
        try:
            self.log = await asyncio.to_thread(AccessLog.open, self.paths.state)
        except VolumeLocked as error:
            raise Conflict(f"Another service is running on {self.paths.data}.", str(error)) from None
        except StorageError as error:
            raise Unavailable(f"The access log cannot be opened: {error}") from None
        replayed = await asyncio.to_thread(self.house.load, self.log)
        if replayed:
            _LOGGER.info("%d entries of the access log were replayed into the register", replayed)
        if self.house.problem:
            self.repairs.async_create(
                STATE_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"{self.house.problem} Nobody has rights and nothing is erased until this is mended.",
                next_step="Restore STATE from a backup, or run `holdshelf log repair --why …` to go on with what is known.",
            )
        self.gate = Gate(self, self.log)
        await asyncio.to_thread(self.gate.admin_keys.load)
        if self.log.problem is not None:
            self.gate.async_tell_damaged_log()
        acts.register_all(self.gate.registry)
        look_acts.register(self.gate.registry, self.looks)
        picture_acts.register(self.gate.registry, self.looks)
        outbox_acts.register_stills(self.gate.registry, self.looks)
        self.holds.apply(self.house.state.holds)
        self.async_spawn(restored.async_tell(self), "restored")
        if replayed:
            # Now, not behind: entries and settings are read from the register next.
            await self._flush()
        self.async_spawn(self.house.async_write_behind(), "write-behind")

    async def _flush(self) -> None:
        try:
            await asyncio.to_thread(self.house.flush)
        except StorageError as error:
            _LOGGER.warning("the register waits to be written: %s", error)

    def async_house_changed(self, tables: set[str]) -> None:
        """Rows of these tables changed, by an entry that is on disk."""
        if "holds" in tables:
            self.holds.apply(self.house.state.holds)
        if "flags" in tables:
            restored.async_check(self)
        if "releases" in tables:
            release_duties.async_raise_repairs(self)
        if "shares" in tables:
            ends.async_tell_sheets(self)
        if tables & {"commissions", "entrances"}:
            commissioning.async_raise_repairs(self)
        if tables & {"checks", "commissions", "policy", "board"}:
            checklist.async_raise_repairs(self)
        self.bus.async_fire("house_changed", {"tables": sorted(tables)})

    def async_cameras_changed(self) -> None:
        """Entries came, went or were renamed: the rules know cameras by these."""
        self.house.async_set_cameras(
            {
                entry.entry_id: CameraFacts(entry.entry_id, entry.title, entry.area_kind, entry.area_note)
                for entry in self.entries.async_all()
            }
        )
        commissioning.async_raise_repairs(self)
        checklist.async_raise_repairs(self)

    async def _stop(self) -> None:
        self._ready = False
        self.stop_threads.set()
        await self.jobs.async_stop()
        await self.looks.async_stop()
        await self.pictures.async_stop()
        for task in list(self._tasks):
            task.cancel()
        await self._detach(reasons.SERVICE_STOPPED, writable=True)
        await self.entries.async_unload_all()
        await self.camera_events.async_flush()
        with contextlib.suppress(StorageError, OSError):
            await asyncio.to_thread(self._write_heartbeat)
        await self._flush()
        await asyncio.to_thread(self.log.close)
        self._threads.shutdown(wait=True)

    # --- the volume -------------------------------------------------------------------------------------------

    async def _attach(self, reason: str) -> None:
        opened = await self.store.async_open()
        self.retention.async_attach(opened.volume, opened.footage, opened.ledger)
        await self.holds.async_attach(opened)
        await self.exports.async_attach(opened)
        await self.outboxes.async_attach(opened)
        alive = None
        if self._alive is not None:
            alive = Moment(self._alive.utc_ns, self._alive.boot_ns, self._alive.boot)
        await self.recorder.async_attach(opened.footage, opened.volume.lock_fd, opened.recovery.cameras, alive, reason)

    async def _detach(self, reason: str, *, writable: bool) -> None:
        await self.recorder.async_detach(reason, writable=writable)
        await self.exports.async_detach()
        await self.outboxes.async_detach()
        self.retention.async_detach()
        await self.holds.async_detach()
        await self.store.async_close()

    async def _watch_volume(self) -> None:
        """Let go of a volume that cannot be written any more, and take it back when it can."""
        async with self._volume_lock:
            if self._stopping.is_set():
                return
            if self.store.opened is not None:
                problem = await self.store.async_problem()
                if problem is None:
                    return
                _LOGGER.error("%s", problem)
                reason = self.store.async_report(problem)
                self._alive = self.clock.heartbeat()
                await self._detach(reason, writable=False)
                self._volume_reason = reason
            try:
                await self._attach(self._volume_reason)
            except StorageError as error:
                self._volume_reason = self.store.async_report(error)
            else:
                _LOGGER.info("the media volume is back")

    _volume_reason = reasons.DISK_MISSING

    # --- watching ---------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        tick = 0
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), WATCH_S)
            tick += 1
            self.recorder.async_watch()
            self._watch_clock()
            if not self._ends_lock.locked():
                self.async_spawn(self._watch_ends(), "ends")
            self.async_spawn(self.looks.async_watch(), "looks")
            self.async_spawn(self.outboxes.fetches.async_watch(), "fetches")
            self.exports.async_watch()
            if tick % VOLUME_WATCH_TICKS == 0 and not self._volume_lock.locked():
                self.async_spawn(self._watch_volume(), "volume")
            if tick % HEARTBEAT_TICKS == 1:
                self.async_spawn(self._beat(), "heartbeat")
            systemd.notify("WATCHDOG=1")

    async def _watch_ends(self) -> None:
        async with self._ends_lock:
            await ends.async_write_ends(self)
            await release_duties.async_cancel(self)

    def _watch_clock(self) -> None:
        step_ns = self.clock.async_check_step()
        if step_ns:
            _LOGGER.warning("the wall clock was set by %+.3f s", step_ns / NS)
            self.bus.async_fire("clock_stepped", {"step_ns": step_ns})
            self.jobs.async_clock_stepped()
        off_ns = self.clock.disagreement_ns()
        if abs(off_ns) > DISAGREEMENT_NS:
            self.repairs.async_create(
                CLOCK_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"The wall clock is {_far_words(abs(off_ns))} {'ahead of' if off_ns > 0 else 'behind'} "
                "the time that this service has counted. No right begins and no lifted hold is let go until that is settled.",
                next_step="Check the clock and its time server (`timedatectl`, `chronyc tracking`); "
                "when the clock is right, say so: `holdshelf clock confirm`.",
            )
        else:
            self.repairs.async_delete(CLOCK_REPAIR)

    async def async_confirm_clock(self, utc_ns: int, boot_ns: int) -> None:
        """A person confirmed, by an entry that is on disk, that the wall clock is right; see ``Clock.async_confirm``."""
        self.clock.async_confirm(utc_ns, boot_ns)
        self._watch_clock()
        # At once: after a crash now, the old time would count again.
        await self._beat()

    async def _beat(self) -> None:
        try:
            await asyncio.to_thread(self._write_heartbeat)
        except StorageError as error:
            self.repairs.async_create(
                UNWRITABLE_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"The state folder cannot be written: {error}",
                next_step=f"Check the disk and the permissions of {self.paths.state}; recording goes on meanwhile.",
            )
        else:
            self.repairs.async_delete(UNWRITABLE_REPAIR)

    def _write_heartbeat(self) -> None:
        write_atomic(self.paths.heartbeat, dump_heartbeat(self.clock.heartbeat()))

    # --- cameras ----------------------------------------------------------------------------------------------

    async def async_camera_added(self, entry: ConfigEntry[Any]) -> None:
        """An entry was stored: its camera's record begins."""
        self.async_cameras_changed()
        await self.recorder.async_add(Target(entry.entry_id, entry.title))

    async def async_camera_removed(self, entry: ConfigEntry[Any]) -> None:
        """An entry is going: its camera's record ends."""
        self.async_cameras_changed()
        await self.recorder.async_remove(entry.entry_id)

    def known_footage_cameras(self) -> list[str]:
        """Ids that footage exists for, removed cameras and what only the shelf has left included: an id is never given twice."""
        if self.store.opened is None:
            return []
        footage = self.store.opened.footage
        return sorted({*footage.cameras(), *(camera for _, camera, _ in footage.shelved.places())})

    # --- helpers ----------------------------------------------------------------------------------------------

    async def _disk[T](self, func: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(func, *args))

    def async_spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        """A background task of the service; its failure is logged and stops nothing else."""

        async def logged() -> None:
            try:
                await coro
            except Exception:
                _LOGGER.exception("%s failed", name)

        task = asyncio.create_task(logged(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _far_words(far_ns: int) -> str:
    """How far clocks are apart, for a sentence."""
    minutes = round(far_ns / (60 * NS))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{round(minutes / 60)} hours" if minutes < 72 * 60 else f"{round(minutes / (24 * 60))} days"
