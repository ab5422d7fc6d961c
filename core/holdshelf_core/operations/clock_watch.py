"""Watches the clocks: reports steps, and writes the heartbeat from which the next start continues trusted time."""

from __future__ import annotations

import asyncio
import logging

from holdshelf_core.buffer.store import Store
from holdshelf_core.clock import dump_heartbeat
from holdshelf_core.frame import Frame
from holdshelf_core.operations import clock_repair
from holdshelf_core.operations.jobs import Jobs
from holdshelf_core.times import NS
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

UNWRITABLE_REPAIR = "state_unwritable"


class ClockWatch:
    """Methods run on the loop, ``write_heartbeat`` in a thread."""

    def __init__(self, frame: Frame, jobs: Jobs, store: Store) -> None:
        self._frame, self._jobs, self._store = frame, jobs, store

    def async_watch(self) -> None:
        """Each second: report a step of the wall clock, and a disagreement of the clocks."""
        frame = self._frame
        step_ns = frame.clock.async_check_step()
        if step_ns:
            _LOGGER.warning("the wall clock was set by %+.3f s", step_ns / NS)
            frame.bus.async_fire("clock_stepped", {"step_ns": step_ns})
            self._jobs.async_clock_stepped()
        clock_repair.async_tell(frame.clock, frame.repairs)

    async def async_confirm(self, utc_ns: int, boot_ns: int) -> None:
        """Accept the wall clock, which a person confirmed in an entry now on disk; see ``Clock.async_confirm``."""
        self._frame.clock.async_confirm(utc_ns, boot_ns)
        self.async_watch()
        # At once: after a crash now, the old time would apply again.
        await self.async_beat()

    async def async_beat(self) -> None:
        """Write the heartbeat; raise a repair while the state folder cannot be written."""
        repairs = self._frame.repairs
        try:
            await asyncio.to_thread(self.write_heartbeat)
        except StorageError as error:
            repairs.async_create(
                UNWRITABLE_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"The state folder cannot be written: {error}",
                next_step=f"Check the disk and the permissions of {self._frame.paths.state}"
                + ("; recording continues." if self._store.opened is not None else "."),
            )
        else:
            repairs.async_delete(UNWRITABLE_REPAIR)

    def write_heartbeat(self) -> None:
        """Write the heartbeat. Blocks. Raises StorageError."""
        write_atomic(self._frame.paths.heartbeat, dump_heartbeat(self._frame.clock.heartbeat()))
