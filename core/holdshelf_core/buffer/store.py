"""The volume in the service: opened, watched, detached and reattached.

DESIGN § 9: a missing, swapped or read-only disk stops recording with an alarm, and nothing is written anywhere else; when the
right disk is back, it is recovered as after a kill and recording resumes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass

from holdshelf_core.integration import reasons
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.paths import DataPaths
from holdshelf_storage.errors import StorageError, VolumeError, VolumeLocked, VolumeReadOnly
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.judge import Facts
from holdshelf_storage.footage.recovery import Recovery
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume

_LOGGER = logging.getLogger(__name__)

REPAIR = "media_volume"
LOCK_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An attached, recovered volume."""

    volume: Volume
    footage: Footage
    ledger: Ledger
    recovery: Recovery


class Store:
    """Opens, watches and closes the volume. All methods but ``async_…`` block and run in threads."""

    def __init__(self, paths: DataPaths, repairs: RepairRegistry) -> None:
        self._paths = paths
        self._repairs = repairs
        self._stop_index = threading.Event()
        self._index: threading.Thread | None = None
        self.opened: Opened | None = None
        self.problem = ""
        self.facts: Facts = lambda: None
        """What the access log says of holds, against which the ledger is held. Set before a volume is opened."""

    async def async_open(self) -> Opened:
        """Attach and recover the volume. ``holds`` finishes what the ledger had begun, as it knows what must stay. Raises
        StorageError."""
        self.opened = await asyncio.to_thread(self._open)
        self.problem = ""
        self._repairs.async_delete(REPAIR)
        for number, problem in enumerate(self.opened.recovery.problems[:20]):
            self._repairs.async_create(
                f"recovery:{number}",
                camera_id=None,
                sentence=problem,
                next_step="Run `holdshelf footage verify`, and check the disk's health.",
            )
        self._start_counting(self.opened.footage)
        return self.opened

    def _open(self) -> Opened:
        began = time.monotonic()
        # A worker of a killed service holds the lock until it has flushed: worth a short wait.
        volume = Volume.attach(self._paths.state, self._paths.media, wait_s=LOCK_WAIT_S)
        try:
            ledger = Ledger(volume)
            footage = Footage(volume, ledger)
            footage.missing.follow(self.facts)
            recovery = footage.recover()
        except BaseException:
            volume.detach()
            raise
        found = sum(len(camera.recovered) for camera in recovery.cameras.values())
        _LOGGER.info(
            "volume %s attached in %.2f s, %d segments recovered",
            volume.identity.volume,
            time.monotonic() - began,
            found,
        )
        return Opened(volume, footage, ledger, recovery)

    def _start_counting(self, footage: Footage) -> None:
        self._stop_index = threading.Event()

        def count() -> None:
            try:
                footage.build_index(self._stop_index)
                footage.hash_pending(self._stop_index)
            except StorageError as error:
                _LOGGER.warning("counting the footage ended early: %s", error)

        self._index = threading.Thread(target=count, name="index", daemon=True)
        self._index.start()

    async def async_problem(self) -> VolumeError | None:
        """Return why the attached volume cannot be written; None when it can. Called every 2 s."""
        if self.opened is None:
            return None
        return await asyncio.to_thread(self.opened.volume.problem)

    async def async_close(self) -> None:
        """Detach the volume and close all its descriptors."""
        self._stop_index.set()
        if self._index is not None:
            await asyncio.to_thread(self._index.join)
            self._index = None
        if self.opened is not None:
            await asyncio.to_thread(self.opened.volume.detach)
            self.opened = None

    def known_cameras(self) -> list[str]:
        """Return ids of all cameras ever recorded, even if only the shelf or the access log mentions them: no id is used
        twice."""
        if self.opened is None:
            return []
        footage = self.opened.footage
        shelved = (camera for _, camera, _ in footage.shelved.places())
        return sorted({*footage.cameras(), *shelved, *footage.missing.cameras()})

    def async_report(self, error: Exception) -> str:
        """Raise the repair for a volume that cannot be used; return the gap reason for it."""
        self.problem = str(error)
        self._repairs.async_create(
            REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"Nothing is recorded: {error}",
            next_step="Recording resumes automatically once the right disk is back and writable.",
        )
        if isinstance(error, VolumeReadOnly):
            return reasons.DISK_READ_ONLY
        return reasons.DISK_MISSING

    @staticmethod
    def is_locked(error: Exception) -> bool:
        """Return whether another service uses the volume, so that waiting does not help."""
        return isinstance(error, VolumeLocked)
