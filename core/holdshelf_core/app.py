"""The root object that `holdshelf serve` runs: connects recorder, retention, entries, jobs and the local API.

Nothing here blocks the loop: register, ledger and footage are accessed from threads. When something is unclear, recording
continues.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from holdshelf_core import all_acts
from holdshelf_core.access_log.older_state import LogSeen, newest_utc_ns
from holdshelf_core.access_log.register_care import RegisterCare, tell_rebuilt
from holdshelf_core.actions.authorizer import STATE_REPAIR, Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.alerts.alerts import Alerts
from holdshelf_core.alerts.conditions import audience_of
from holdshelf_core.alerts.metrics import Metrics
from holdshelf_core.api.server import ApiServer
from holdshelf_core.api.ssh.host_key import async_have_host_key
from holdshelf_core.backups.backups import Backups
from holdshelf_core.buffer.anchoring import Anchoring
from holdshelf_core.buffer.averages import Averages
from holdshelf_core.buffer.footage_jobs import FootageJobs
from holdshelf_core.buffer.retention import Retention
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.buffer.store import Store
from holdshelf_core.cameras import checklist, commissioning
from holdshelf_core.cameras.backfill import CameraRecordings
from holdshelf_core.cameras.entries import Entries, target_of
from holdshelf_core.clock import Heartbeat, load_heartbeat
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.frame import Frame
from holdshelf_core.holds.holds import Holds
from holdshelf_core.holds.upkeep import async_hold_duties
from holdshelf_core.integration import reasons
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.looks.api_pictures import LookPictures
from holdshelf_core.looks.camera_events import CameraEvents
from holdshelf_core.looks.looks import Looks
from holdshelf_core.looks.pictures import Pictures
from holdshelf_core.offsite.offsite import Offsite
from holdshelf_core.operations import systemd
from holdshelf_core.operations.children import ChildWatch
from holdshelf_core.operations.clock_watch import ClockWatch
from holdshelf_core.operations.jobs import Jobs
from holdshelf_core.operations.losses import Losses
from holdshelf_core.operations.media_changes import async_tell_media
from holdshelf_core.operations.scheduled import async_add_jobs
from holdshelf_core.operations.views import StatusReader
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.outbox.papers import Papers
from holdshelf_core.paths import DataPaths
from holdshelf_core.people import expiry as ends
from holdshelf_core.people.admin_keys import AdminKeys
from holdshelf_core.people.login_rate import LoginPace
from holdshelf_core.people.logins import Logins
from holdshelf_core.policy.state import CameraFacts
from holdshelf_core.policy_file.adopted import async_in_force
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.releases import upkeep as release_duties
from holdshelf_core.releases.bundle_builds import BundleBuilds
from holdshelf_core.reports.quarter_report import Reports
from holdshelf_core.timestamps.timestamps import Timestamps
from holdshelf_core.witnesses.witnesses import Witnesses
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.errors import StorageError, VolumeError, VolumeLocked
from holdshelf_storage.register import Register
from holdshelf_storage.volume.gap_lines import Moment
from holdshelf_storage.volume.volume import refuse_newer

_LOGGER = logging.getLogger(__name__)

DISK_THREADS = 6
WATCH_S = 1.0
VOLUME_WATCH_TICKS = 2
HEARTBEAT_TICKS = 5


class Holdshelf:
    """The service. ``async_run`` returns after a stop request, once everything is closed."""

    def __init__(
        self,
        data: DataPaths,
        *,
        mint_fd: int | None = None,
        sessions_fd: int | None = None,
        metrics_file: Path | None = None,
        metrics_port: int = 0,
    ) -> None:
        self.frame = Frame(data)
        self.paths, self.clock = self.frame.paths, self.frame.clock
        self.bus, self.repairs = self.frame.bus, self.frame.repairs
        self.stop_threads, self.async_spawn = self.frame.stop_threads, self.frame.async_spawn
        self.mint_fd, self.sessions_fd = mint_fd, sessions_fd
        self._metrics_ways = (metrics_file, metrics_port)
        self.server: ApiServer
        self.hold_lock = threading.Lock()
        self._threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="disk")
        self.averages = Averages()
        self.holds = Holds(clock=self.clock, repairs=self.repairs, hold_lock=self.hold_lock)
        self.retention = Retention(
            clock=self.clock,
            repairs=self.repairs,
            may_erase=self.holds.may_erase,
            hold_lock=self.hold_lock,
            covers_day=self.holds.covers_day,
            released=self.holds.released,
        )
        self.holds.in_doubt = lambda: bool(self.state_store.problem or self.state_store.differences)
        self.holds.room = self.retention.async_room
        self.holds.reserved_bytes = lambda: self.retention.reserved_bytes
        self.recorder = Recorder(
            clock=self.clock, disk=self._disk, room=self.retention, repairs=self.repairs, fire=self.bus.async_fire
        )
        self.store = Store(data, self.repairs)
        self.pictures = Pictures()
        self.camera_events = CameraEvents(data.state)
        self.looks: Looks
        self.outboxes: Outboxes
        self.papers: Papers
        self.jobs = Jobs()
        self.state_store: StateStore
        self.authorizer: Authorizer
        self.admin_keys: AdminKeys
        self.logins: Logins
        self.seen: LogSeen
        self.care: RegisterCare
        self.anchoring: Anchoring
        self.clock_watch: ClockWatch
        self.status: StatusReader
        self.log: AccessLog
        self.bundle_builds: BundleBuilds
        self.reports: Reports
        self.entries: Entries
        self.settings: Settings
        self._register: Register
        self._stopping = asyncio.Event()
        self._alive: Heartbeat | None = None
        self._volume_lock = asyncio.Lock()
        self._ends_lock = asyncio.Lock()
        self._ready = False

    # --- what integrations meet (integration.root.Holdshelf) ---------------------------------------------------

    def async_set_stream(self, entry: ConfigEntry[Any], source: StreamSource | None, *, reason: str = "") -> None:
        """Record this stream for the entry; None stops recording it."""
        self.async_spawn(self.recorder.async_set_stream(entry.entry_id, source, reason), f"stream-{entry.entry_id}")

    def async_update_entry(
        self, entry: ConfigEntry[Any], *, data: dict[str, Any] | None = None, title: str | None = None
    ) -> None:
        """Change the stored data or title of an entry."""
        if data is not None:
            entry.data = data
        if title is not None:
            entry.title = title
        self.async_spawn(self.entries.async_save(entry), f"save-{entry.entry_id}")

    async def async_add_executor_job[T](self, func: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a thread and return its result."""
        return await asyncio.to_thread(func, *args)

    def async_create_task(
        self, entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None]:
        """Start a background task that is canceled when the entry is unloaded."""
        return self.entries.async_spawn(entry, coro, name)

    def async_set_entry_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        """Report the state of a loaded entry: the error, or None when it works."""
        self.entries.async_set_state(entry, error)

    # --- start and stop ----------------------------------------------------------------------------------------------

    async def async_run(self, *, ready: Callable[[], None] | None = None) -> None:
        """Serve until SIGTERM, SIGINT or ``async_stop``. Raises HoldshelfError when it cannot start."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stopping.set)
        await self._start()
        self.server = ApiServer(
            self.frame,
            self.authorizer,
            self.logins,
            all_acts.routes(self),
            pictures=LookPictures(self.authorizer, self.looks),
            mint_fd=self.mint_fd,
            sessions_fd=self.sessions_fd,
        )
        self._children = ChildWatch(self.frame, self.recorder, self.pictures, self.server, self.entries)
        try:
            await self.server.async_start()
            self._ready = True
            systemd.notify("READY=1")
            if ready is not None:
                ready()
            await self._watch()
        finally:
            systemd.notify("STOPPING=1")
            self.stop_threads.set()  # before the server: it waits for acts that are under way
            self.backups.async_stop()
            await self.server.async_stop()
            await self._stop()

    def async_stop(self) -> None:
        """Ask ``async_run`` to stop."""
        self._stopping.set()

    async def _start(self) -> None:
        if not (self.paths.state / "volume.json").exists():
            raise HoldshelfError(
                f"{self.paths.data} is not set up.", f"Run `holdshelf init {self.paths.option}` first."
            )
        self._alive = await asyncio.to_thread(load_heartbeat, self.paths.heartbeat)
        try:
            # Before anything is written: a data folder of a newer version is left untouched.
            await asyncio.to_thread(refuse_newer, self.paths.state, self.paths.media)
            self._register = await asyncio.to_thread(Register.open, self.paths.state)
        except StorageError as error:
            raise HoldshelfError(str(error)) from None
        await self._open_log()
        if self._register.problem is not None:
            tell_rebuilt(self.repairs, str(self._register.problem), rebuilt=not self.state_store.problem)
        self.settings = Settings(self._register, self.state_store.setting)
        self.retention.async_set_budget(self.settings.budget_bytes)
        self.recorder.segment_s = self.settings.segment_s
        self.clock.restore(self._alive, await asyncio.to_thread(newest_utc_ns, self.log))
        self.entries = Entries(self, self._register, self.state_store, self.recorder, self.store)
        self.entries.async_listen(self.async_cameras_changed)
        self.recorder.backfill.sources = CameraRecordings(
            self, self.entries, self.state_store, self.holds, self.recorder
        )
        self.care = RegisterCare(self.authorizer, self.entries, self.seen)
        await self.care.async_begin()
        self.bundle_builds = BundleBuilds(
            self.authorizer, self.holds, self.anchoring, self.witnesses, self.timestamps, self.retention.spare_bytes
        )
        self.reports = Reports(
            self.authorizer, self.entries, self.store, self.retention, self.holds, self.settings, self.averages
        )
        parts = self.recorder, self.store, self.retention, self.averages, self.settings, audience_of
        self.status = StatusReader(self.frame, self.entries, *parts, self.offsite.words, self.backups.words)
        self.alerts = Alerts(self.authorizer, self._register, self.status, self.reports.coverage.yesterday)
        self.metrics = Metrics(self.frame, self.alerts.reporter, *self._metrics_ways)
        all_acts.register_all(self.authorizer.registry, self)
        self.bus.async_listen("camera_state", self.entries.flows.async_camera_state)
        await self.entries.async_load()
        for entry in self.entries.async_all():
            await self.recorder.async_add(target_of(entry))
        try:
            await self._attach(reasons.SERVICE_STOPPED)
        except VolumeLocked as error:
            raise Conflict(f"Another service is running on {self.paths.data}.", str(error)) from None
        except VolumeError as error:
            # The disk may come back: the service keeps running, raises a repair, and records nothing meanwhile.
            self._volume_reason = self.store.async_report(error)
            self.recorder.async_without_volume(self._volume_reason)
            await self.seen.async_compare()
        except StorageError as error:
            raise Unavailable(str(error)) from None
        if self.mint_fd is not None:
            await async_have_host_key(self.repairs, self.paths.data)
        self.bus.async_listen("camera_event", self.camera_events.async_note)
        if self._alive is not None:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(self.camera_events.settle, self._alive.utc_ns)
        await self._begin()

    async def _begin(self) -> None:
        """Start what runs beside recording, once that has begun."""
        await self.entries.async_setup_all()
        self._begin_jobs()
        self.pictures.open()
        self.async_spawn(self.camera_events.async_run(), "camera events")
        for part in (self.witnesses, self.timestamps, self.alerts, self.metrics, self.offsite):
            await part.async_start()

    def _begin_jobs(self) -> None:
        async_add_jobs(
            self.jobs,
            self.authorizer,
            store=self.store,
            retention=self.retention,
            footage=FootageJobs(
                self.authorizer, self.store, self.retention, self.anchoring, self.settings, self.averages
            ),
            anchoring=self.anchoring,
            care=self.care,
            events=self.camera_events,
            outboxes=self.outboxes,
            sealed=self.papers,
            reports=self.reports,
            witnesses=self.witnesses,
            timestamps=self.timestamps,
            backups=self.backups,
            holds=self.holds,
            losses=Losses(self.authorizer, self.store),
            hold_duties=functools.partial(async_hold_duties, self.holds, self.authorizer),
            raise_entrances=functools.partial(commissioning.async_raise_repairs, self.authorizer),
            raise_checklist=functools.partial(checklist.async_raise_repairs, self.authorizer),
            raise_releases=functools.partial(release_duties.async_raise_repairs, self.authorizer),
        )
        self.jobs.async_start()

    async def _open_log(self) -> None:
        """Open the access log and apply the entries that the register lacks. Problems become repairs; recording starts anyway."""
        self.state_store = StateStore(self._register, functools.partial(async_in_force, self.frame))
        try:
            self.log = await asyncio.to_thread(AccessLog.open, self.paths.state)
        except VolumeLocked as error:
            raise Conflict(f"Another service is running on {self.paths.data}.", str(error)) from None
        except StorageError as error:
            raise Unavailable(f"The access log cannot be opened: {error}") from None
        if replayed := await asyncio.to_thread(self.state_store.load, self.log):
            _LOGGER.info("%d rows of the register are behind the access log", replayed)
        if self.state_store.problem:
            self.repairs.async_create(
                STATE_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"{self.state_store.problem} Nobody has any rights and nothing is erased until this is fixed.",
                next_step="Restore STATE from a backup, or run `holdshelf log repair --why …` to continue with what is known.",
            )
        self.authorizer = Authorizer(self.frame, self.state_store, self.log, self)
        self.seen = LogSeen(self.authorizer, self.store)
        self.anchoring = Anchoring(self.authorizer, self.store, self.holds.may_erase)
        log = self.authorizer, self._register
        self.witnesses, self.timestamps = Witnesses(*log), Timestamps(*log)
        self.offsite, self.backups = Offsite(*log, self.holds), Backups(*log)
        self.clock_watch = ClockWatch(self.frame, self.jobs, self.store)
        self.looks = Looks(self.authorizer, self.pictures)
        self.outboxes = Outboxes(self.authorizer, self.retention.spare_bytes)
        self.papers = Papers(self.authorizer, self.outboxes, self.retention.spare_bytes)
        self.admin_keys = AdminKeys(self.paths.state / "keys" / "admin_keys")
        await asyncio.to_thread(self.admin_keys.load)
        self.logins = Logins(self.authorizer, self.admin_keys, LoginPace(self.clock.boot_ns))
        if self.log.problem is not None:
            self.authorizer.async_tell_damaged_log()
        self.holds.apply(self.state_store.state.holds)
        if replayed:
            # Written now, not in the background: entries and settings are read from the register next.
            await self._flush()
        self.async_spawn(self.state_store.async_write_behind(), "write-behind")
        self.async_spawn(self.seen.async_run(), "log seen")

    async def _flush(self) -> None:
        try:
            await asyncio.to_thread(self.state_store.flush)
        except StorageError as error:
            _LOGGER.warning("the register waits to be written: %s", error)

    def async_owns_look(self, look: str, caller: Caller) -> bool:
        """Return whether this look belongs to the caller."""
        return self.looks.own(look, caller) is not None

    def async_log_written(self) -> None:
        """Called when an entry is on disk."""
        self.seen.async_note()

    def async_state_changed(self, tables: set[str]) -> None:
        """Called when rows of these tables changed, with the entry already on disk."""
        if "holds" in tables:
            self.holds.apply(self.state_store.state.holds)
        if "flags" in tables:
            self.seen.async_tell()
        if "releases" in tables:
            release_duties.async_raise_repairs(self.authorizer)
        if "shares" in tables:
            ends.async_tell_sheets(self.authorizer)
        if tables & {"commissions", "entrances", "policy"}:
            commissioning.async_raise_repairs(self.authorizer)
        if tables & {"checks", "commissions", "policy", "board"}:
            checklist.async_raise_repairs(self.authorizer)
        self.bus.async_fire("house_changed", {"tables": sorted(tables)})

    def async_cameras_changed(self) -> None:
        """Give the state store the current cameras, after entries were added, removed or renamed."""
        self.state_store.async_set_cameras(
            {
                entry.entry_id: CameraFacts(entry.entry_id, entry.title, entry.area_kind, entry.area_note)
                for entry in self.entries.async_all()
            }
        )
        commissioning.async_raise_repairs(self.authorizer)
        checklist.async_raise_repairs(self.authorizer)

    async def _stop(self) -> None:
        self._ready = False
        await self.jobs.async_stop()
        for part in (self.alerts, self.metrics, self.offsite):
            await part.async_stop()
        await self.looks.async_stop()
        await self.pictures.async_stop()
        await self.logins.async_write_refused(everything=True)
        self.frame.async_cancel()
        await self.care.async_stop()
        await self._detach(reasons.SERVICE_STOPPED, writable=True)
        await self.entries.async_unload_all()
        await self.camera_events.async_flush()
        with contextlib.suppress(StorageError, OSError):
            await asyncio.to_thread(self.clock_watch.write_heartbeat)
        await self._flush()
        await asyncio.to_thread(self.log.close)
        self._threads.shutdown(wait=True)

    # --- the volume -------------------------------------------------------------------------------------------

    async def _attach(self, reason: str) -> None:
        opened = await self.store.async_open()
        async with self.seen.comparing():
            self.retention.async_attach(opened.volume, opened.footage, opened.ledger)
            await self.holds.async_attach(opened)
            self.bundle_builds.async_attach(opened)
            await self.outboxes.async_attach(opened)
            await async_tell_media(self.authorizer, self.entries, self.recorder, opened, self._alive)
            alive = Moment(last.utc_ns, last.boot_ns, last.boot) if (last := self._alive) is not None else None
            lock_fd, cameras = opened.volume.lock_fd, opened.recovery.cameras
            await self.recorder.async_attach(opened.footage, lock_fd, cameras, alive, reason)
        await self.offsite.async_attach(self.paths.media)
        await self.bundle_builds.async_clear()

    async def _detach(self, reason: str, *, writable: bool) -> None:
        await self.recorder.async_detach(reason, writable=writable)
        if writable:
            await self.anchoring.async_last()
        for detach in (self.bundle_builds.async_detach, self.outboxes.async_detach, self.offsite.async_detach):
            await detach()
        self.retention.async_detach()
        await self.holds.async_detach()
        if writable:
            await self.seen.async_write()  # all of these may have been written down
        await self.store.async_close()

    async def _watch_volume(self) -> None:
        """Detach a volume that can no longer be written, and reattach it when it can."""
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
                self.recorder.async_without_volume(self.store.async_report(error))
            else:
                _LOGGER.info("the media volume is back")

    _volume_reason = reasons.DISK_MISSING
    """Why there is no volume, at first: a failing disk is missing as well while somebody mends it."""

    # --- watching ---------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        tick, watchdog = 0, systemd.Watchdog()
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), WATCH_S)
            tick += 1
            for part in (self.recorder, self.clock_watch, self.care, self.bundle_builds, self._children):
                part.async_watch()
            if not self._ends_lock.locked():
                self.async_spawn(self._watch_ends(), "ends")
            self.async_spawn(self.looks.async_watch(), "looks")
            self.async_spawn(self.outboxes.fetches.async_watch(), "fetches")
            self.async_spawn(self.logins.async_write_refused(), "refused log-ins")
            if tick % VOLUME_WATCH_TICKS == 0 and not self._volume_lock.locked():
                self.async_spawn(self._watch_volume(), "volume")
            if tick % HEARTBEAT_TICKS == 1:
                self.async_spawn(self.clock_watch.async_beat(), "heartbeat")
            watchdog.async_alive()

    async def _watch_ends(self) -> None:
        async with self._ends_lock:
            await ends.async_write_ends(self.authorizer)
            await release_duties.async_cancel(self.authorizer)

    # --- helpers ----------------------------------------------------------------------------------------------

    async def _disk[T](self, func: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(func, *args))
