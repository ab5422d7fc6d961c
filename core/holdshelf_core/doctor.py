"""`holdshelf doctor`: looks at what recording depends on and says the next step for whatever is wrong.

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
from pathlib import Path
from typing import TYPE_CHECKING

from holdshelf_core.api.types import CheckStep
from holdshelf_core.clock import NS
from holdshelf_core.confinement import landlock_abi
from holdshelf_core.keeping.retention import HEADROOM_BYTES
from holdshelf_core.paths import DataPaths
from holdshelf_core.views import named

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

CAMERA_CLOCK_WARN_S = 5.0
_TIMEX_BYTES = 256
_STA_UNSYNC = 0x40
_DISCOVERY_PORT = 3702


def _clock_synchronised() -> bool | None:
    """What the kernel says of its clock (adjtimex(2)); None when it cannot be asked."""
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
    """The clock and the ports."""
    steps = []
    synchronised = _clock_synchronised()
    if synchronised:
        steps.append(CheckStep("clock", "ok", "The machine's clock is synchronised."))
    elif synchronised is None:
        steps.append(CheckStep("clock", "skipped", "The kernel does not tell whether the clock is synchronised."))
    else:
        steps.append(
            CheckStep(
                "clock",
                "warning",
                "The machine's clock is not synchronised, so the times on footage may be wrong.",
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
    """Folders, permissions, hard links, room. Blocks; writes one probe file and removes it."""
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
        step = f"`holdshelf init --data {paths.data}`"
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
    words = f"{free_bytes / 1e9:.1f} GB ({percent:.0f} %) of the media disk are free."
    if free_bytes < 4 * HEADROOM_BYTES:
        steps.append(CheckStep("room", "failed", words, "Move other files off the media disk."))
    else:
        steps.append(CheckStep("room", "ok", words))
    if figures.f_favail and figures.f_favail < 10_000:
        steps.append(
            CheckStep(
                "inodes", "warning", "The media disk is short of inodes.", "Make it anew with more (`mkfs.ext4 -i`)."
            )
        )
    return steps


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
    """Whether this kernel keeps workers of a kind (``recorder``, ``picture`` …) from what they do not need."""
    name = f"confinement of {workers} workers"
    if landlock_abi and seccomp:
        words = f"The {workers} workers can open no file and start no program (Landlock {landlock_abi}, seccomp)."
        return CheckStep(name, "ok", words)
    what = (
        "neither Landlock nor seccomp" if not (landlock_abi or seccomp) else "no Landlock" if seccomp else "no seccomp"
    )
    return CheckStep(
        name,
        "warning",
        f"This kernel offers {what}, so a camera that takes over one of the {workers} workers could get further.",
        "Use a kernel of 5.13 or later that has `landlock` in /sys/kernel/security/lsm, and seccomp (`CONFIG_SECCOMP_FILTER`).",
    )


def examine_kernel() -> CheckStep:
    """The same for all workers, as this kernel says itself: for when no service runs."""
    has_seccomp = Path("/proc/sys/kernel/seccomp/actions_avail").exists()
    return confinement_step("recorder and picture", landlock_abi(), seccomp=has_seccomp)


def _confinement(holdshelf: Holdshelf) -> list[CheckStep]:
    """What the workers told when they were confined; before the first of a kind is ready nothing can be said."""
    confined = holdshelf.recorder.workers.confinement
    told = {
        "picture": holdshelf.pictures.confinement,
        "recorder": confined.get("rtsp") or confined.get("libav"),
        "WebRTC": confined.get("whep"),
    }
    return [
        confinement_step(workers, ready.landlock_abi, seccomp=ready.seccomp)
        for workers, ready in told.items()
        if ready is not None
    ]


async def async_examine(holdshelf: Holdshelf) -> list[CheckStep]:
    """Everything, with the service's own knowledge of cameras and repairs."""
    steps = await asyncio.to_thread(examine_machine)
    steps += await asyncio.to_thread(examine_disk, holdshelf.paths)
    if holdshelf.store.problem:
        steps.append(CheckStep("volume", "failed", holdshelf.store.problem, "Bring the right disk back."))
    for entry in holdshelf.entries.async_all():
        camera = holdshelf.recorder.cameras.get(entry.entry_id)
        # `is_recording` is false for an instant between two files; the state tells whether frames are kept.
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
        # A clock that is off is its integration's repair, below, which knows what to do about it.
        if skew_s is not None and abs(skew_s) <= CAMERA_CLOCK_WARN_S:
            words = f"The clock of {entry.title} is right to {CAMERA_CLOCK_WARN_S:.0f} s."
            steps.append(CheckStep(f"clock of {entry.entry_id}", "ok", words))
    told = {step.sentence for step in steps}
    steps += [
        CheckStep("repair", "warning" if r.severity == "warning" else "failed", named(holdshelf, r), r.next_step)
        for r in holdshelf.repairs.async_all()
        if r.severity != "notice"
        if r.sentence not in told
    ]
    steps += _confinement(holdshelf)
    off_s = holdshelf.clock.disagreement_ns() / NS
    if abs(off_s) < 300:
        steps.append(CheckStep("trusted time", "ok", "The wall clock agrees with the time counted since start."))
    return steps
