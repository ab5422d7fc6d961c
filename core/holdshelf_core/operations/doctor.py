"""`holdshelf doctor`: checks what recording depends on, and gives the next step for each problem.

The part that needs no service (`examine_machine`, `examine_disk`) also runs without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from holdshelf_core.api.ownership import not_usable, owner_of
from holdshelf_core.api.session_types import DoorConfined
from holdshelf_core.api.types import CheckStep
from holdshelf_core.buffer.retention import HEADROOM_BYTES, Retention, RoomFigures
from holdshelf_core.buffer.store import Store
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.frame import Frame
from holdshelf_core.looks.pictures import Pictures
from holdshelf_core.operations.views import named
from holdshelf_core.paths import DataPaths
from holdshelf_core.processes.confinement import landlock_abi
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.times import NS

CAMERA_CLOCK_WARN_S = 5.0
_TIMEX_BYTES = 256
_STA_UNSYNC = 0x40
_DISCOVERY_PORT = 3702
_LANDLOCK_OF_TCP = 4


def _clock_synchronized() -> bool | None:
    """Return whether the kernel's clock is synchronized (adjtimex(2)); None when it cannot be queried."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    status_offset = 5 * ctypes.sizeof(ctypes.c_long)  # struct timex: modes, offset, freq, maxerror, esterror, status
    status = ctypes.c_int.from_buffer(buffer, status_offset).value
    return not status & _STA_UNSYNC


def examine_machine() -> list[CheckStep]:
    """Check the clock and the ports."""
    steps = []
    synchronized = _clock_synchronized()
    if synchronized:
        steps.append(CheckStep("clock", "ok", "The machine's clock is synchronized."))
    elif synchronized is None:
        steps.append(CheckStep("clock", "skipped", "The kernel does not report whether the clock is synchronized."))
    else:
        steps.append(
            CheckStep(
                "clock",
                "warning",
                "The machine's clock is not synchronized, so the times on footage may be wrong.",
                "Install and start a time service: `apt install chrony` or `timedatectl set-ntp true`.",
            )
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", 0))
            steps.append(
                CheckStep("ports", "ok", f"UDP sockets can be opened (discovery asks port {_DISCOVERY_PORT}).")
            )
        except OSError as error:
            steps.append(
                CheckStep("ports", "failed", f"No UDP socket can be opened: {error.strerror}.", "Look at the firewall.")
            )
    return steps


def examine_disk(paths: DataPaths) -> list[CheckStep]:
    """Check folders, permissions, hard links, room. Blocks; writes one probe file and removes it."""
    owner = owner_of(paths.data)
    amiss = not_usable(paths.data, owner) if owner is not None and os.geteuid() in (0, owner) else ""
    return [*([CheckStep("owner", "failed", *amiss)] if amiss else []), *_examine_disk(paths)]


def _examine_disk(paths: DataPaths) -> list[CheckStep]:
    try:
        (paths.state / "volume.json").stat()
    except PermissionError:
        return [
            CheckStep(
                "data",
                "failed",
                f"This account may not look into {paths.state}.",
                "Run it as the service's user or root.",
            )
        ]
    except OSError:
        step = f"`holdshelf init {paths.option}`"
        return [CheckStep("data", "failed", f"{paths.data} is not set up.", f"Run {step}.")]
    steps = [_permissions(paths)]
    media = paths.media
    if not (media / "volume.json").exists():
        steps.append(
            CheckStep(
                "mount", "failed", f"{media} holds no volume.", "Mount the media disk that belongs here (`findmnt`)."
            )
        )
        return steps
    steps.append(CheckStep("mount", "ok", f"{media.resolve()} holds this installation's volume."))
    steps.append(_links(paths))
    figures = os.statvfs(media)
    free_bytes = figures.f_bavail * figures.f_frsize
    percent = 100 * figures.f_bavail / max(1, figures.f_blocks)
    words = f"{free_bytes / 1e9:.0f} GB ({percent:.0f}%) of the media disk is free."
    if free_bytes < 4 * HEADROOM_BYTES:
        steps.append(CheckStep("room", "failed", words, "Move other files off the media disk."))
    else:
        steps.append(CheckStep("room", "ok", words))
    if figures.f_favail and figures.f_favail < 10_000:
        steps.append(
            CheckStep(
                "inodes", "warning", "The media disk is low on inodes.", "Format it again with more (`mkfs.ext4 -i`)."
            )
        )
    return steps


def examine_room(room: RoomFigures) -> CheckStep:
    """Check the room for footage by the figures that recording itself uses."""
    reserved = f"{room.reserved_bytes / 1e6:.0f} MB are reserved for the coming minutes"
    disk = f"{room.free_bytes / 1e9:.1f} GB of the media disk are free"
    if room.open_bytes > 0:
        words = (
            f"{room.open_bytes / 1e9:.1f} GB can be recorded before the oldest footage is erased ({disk}, {reserved})."
        )
        return CheckStep("room", "ok", words)
    if room.open_on_disk_bytes > 0:
        budget = f"The budget of {room.budget_bytes / 1e9:.1f} GB is used, so the oldest footage is erased as more is recorded"
        return CheckStep("room", "ok", f"{budget} ({disk}, {reserved}).")
    words = f"The media disk is full: {disk}, {reserved}. The oldest footage is erased to go on recording."
    return CheckStep("room", "failed", words, "Move other files off the media disk.")


def _permissions(paths: DataPaths) -> CheckStep:
    loose = []
    for path in (paths.state, paths.media, paths.state / "keys", paths.state / "register.json"):
        with contextlib.suppress(OSError):
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                loose.append(str(path))
    if loose:
        return CheckStep(
            "permissions",
            "failed",
            f"Others may read {', '.join(loose)}.",
            f"Run `chmod -R go= {paths.data}`.",
        )
    return CheckStep("permissions", "ok", "Only the service's account can read the data.")


def _links(paths: DataPaths) -> CheckStep:
    first, second = paths.media / ".doctor-one.tmp", paths.media / ".doctor-two.tmp"
    try:
        with contextlib.suppress(FileNotFoundError):
            second.unlink()
        first.write_bytes(b"")
        second.hardlink_to(first)
    except OSError as error:
        step = "Mount the disk for writing." if error.errno == errno.EROFS else "Use ext4, XFS or Btrfs for the media."
        return CheckStep("link", "failed", f"Hard links fail on the media disk: {error.strerror}.", step)
    finally:
        for probe in (second, first):
            with contextlib.suppress(OSError):
                probe.unlink()
    return CheckStep("link", "ok", "Footage on the media disk can be linked, as holds need.")


def confinement_step(workers: str, landlock_abi: int, *, seccomp: bool) -> CheckStep:
    """Check whether this kernel confines one kind of worker (``recorder``, ``picture`` …)."""
    name = f"{workers} confinement"
    if landlock_abi and seccomp:
        words = f"The {workers} workers can open no file and start no program (Landlock {landlock_abi}, seccomp)."
        return CheckStep(name, "ok", words)
    what = (
        "neither Landlock nor seccomp" if not (landlock_abi or seccomp) else "no Landlock" if seccomp else "no seccomp"
    )
    return CheckStep(
        name,
        "warning",
        f"This kernel offers {what}, so a camera that breaks into one of the {workers} workers could get further.",
        "Use a kernel of 5.13 or later that has `landlock` in /sys/kernel/security/lsm, and seccomp (`CONFIG_SECCOMP_FILTER`).",
    )


def door_step(confined: DoorConfined) -> CheckStep:
    """Check whether this kernel confines the SSH door."""
    name = "SSH door confinement"
    if confined.own_account:
        return CheckStep(
            name,
            "warning",
            "The SSH door runs as the service's own account: anyone who broke into it would be the admin of this server.",
            "Give it its own account: `holdshelf serve --door-user holdshelf-door` (docs/door.md).",
        )
    if confined.landlock_abi >= _LANDLOCK_OF_TCP and confined.seccomp:
        layers = f"Landlock {confined.landlock_abi}, seccomp"
        return CheckStep(
            name, "ok", f"The SSH door reads only the program's own files and cannot connect out ({layers})."
        )
    lacking = (
        "no seccomp" if not confined.seccomp else "no Landlock" if not confined.landlock_abi else "an old Landlock"
    )
    return CheckStep(
        name,
        "warning",
        f"This kernel offers {lacking}, so someone who breaks into the SSH door could get further.",
        "Use a kernel of 6.7 or later that has `landlock` in /sys/kernel/security/lsm, and seccomp; run the door as its "
        "own account (`--door-user`).",
    )


def examine_kernel() -> CheckStep:
    """Check the kernel for all workers, by what it reports itself: used when no service runs."""
    has_seccomp = Path("/proc/sys/kernel/seccomp/actions_avail").exists()
    return confinement_step("recorder and picture", landlock_abi(), seccomp=has_seccomp)


class Doctor:
    """Checks the service and its machine."""

    def __init__(
        self,
        frame: Frame,
        entries: Entries,
        recorder: Recorder,
        store: Store,
        retention: Retention,
        pictures: Pictures,
        door_confined: Callable[[], DoorConfined | None],
        alerts: Callable[[], list[CheckStep]],
    ) -> None:
        """``door_confined`` returns what the SSH door reported when it was confined; None before that. ``alerts``: how the ways
        of telling do."""
        self._frame, self._entries, self._recorder, self._store = frame, entries, recorder, store
        self._retention, self._pictures, self._door_confined = retention, pictures, door_confined
        self._alerts = alerts

    async def async_examine(self) -> list[CheckStep]:
        """Run all checks, including what the service knows about cameras and repairs."""
        steps = await asyncio.to_thread(examine_machine)
        disk = await asyncio.to_thread(examine_disk, self._frame.paths)
        room, entries = await self._retention.async_room(), self._entries.async_all()
        steps += disk if room is None else [examine_room(room) if step.name == "room" else step for step in disk]
        if self._store.problem:
            steps.append(CheckStep("volume", "failed", self._store.problem, "Bring the right disk back."))
        for entry in entries:
            camera = self._recorder.cameras.get(entry.entry_id)
            # `is_recording` is false for an instant between two files; the state tells whether frames are stored.
            if camera is not None and camera.state == "recording":
                steps.append(CheckStep(f"camera {entry.entry_id}", "ok", f"{entry.title} is being recorded."))
            else:
                reason = camera.reason if camera else "unknown"
                steps.append(
                    CheckStep(
                        f"camera {entry.entry_id}",
                        "failed",
                        f"{entry.title} is not being recorded ({reason}).",
                        f"Run `holdshelf camera check {entry.entry_id}`.",
                    )
                )
            skew_s = entry.clock_skew_s()
            # A camera's clock that is off has a repair by its integration, below, which knows what to do.
            if skew_s is not None and abs(skew_s) <= CAMERA_CLOCK_WARN_S:
                words = f"The clock of {entry.title} is right to {CAMERA_CLOCK_WARN_S:.0f} s."
                steps.append(CheckStep(f"clock of {entry.entry_id}", "ok", words))
        told = {step.sentence for step in steps}
        steps += [
            CheckStep("repair", "warning" if r.severity == "warning" else "failed", named(entries, r), r.next_step)
            for r in self._frame.repairs.async_all()
            if r.severity != "notice"
            if r.sentence not in told
        ]
        steps += self._alerts()
        steps += await self._async_confinement()
        off_s = self._frame.clock.disagreement_ns() / NS
        if abs(off_s) < 300:
            steps.append(CheckStep("trusted time", "ok", "The wall clock agrees with the time counted since start."))
        return steps

    async def _async_confinement(self) -> list[CheckStep]:
        """Return what workers and door reported when confined; a kind is unknown before its first worker is ready."""
        confined = self._recorder.workers.confinement
        told = {
            "picture": await self._pictures.async_confinement(),
            "recorder": confined.get("rtsp"),
            "WebRTC": confined.get("whep"),
        }
        steps = [
            confinement_step(workers, ready.landlock_abi, seccomp=ready.seccomp)
            for workers, ready in told.items()
            if ready is not None
        ]
        door = self._door_confined()
        return [*steps, *([door_step(door)] if door is not None else [])]
