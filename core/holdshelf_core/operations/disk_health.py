"""What the disks say of themselves (SMART), where smartmontools is installed and this account may ask.

Many machines cannot tell: virtual disks, RAID controllers, a service without the right to ask. `holdshelf jobs` says how many
could be asked; smartd, which runs as root, asks the others.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from holdshelf_core.frame import Frame

DISK_REPAIR = "disk_health"
MOST_S = 60
_FAILING = 1 << 3
"""Bit of smartctl's exit status: the disk says that it is failing (smartctl(8), EXIT STATUS)."""
_NOT_ASKED = 0b11
"""Bits: the command line, or opening the device, failed."""


class _Asked(msgspec.Struct):
    passed: bool | None = None


class _Told(msgspec.Struct):
    smart_status: _Asked = msgspec.field(default_factory=_Asked)


def disks_of(folders: Sequence[Path]) -> dict[str, str]:
    """Return the whole disks under these folders: name as of /dev → folder. Blocks."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            device = folder.stat().st_dev
            node = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True)
        except OSError:
            continue  # tmpfs, overlay, ZFS: no block device of its own
        for disk in _under(node):
            found.setdefault(disk, str(folder))
    return found


def _under(node: Path) -> list[str]:
    """Return the disks below a partition, a volume of LVM, LUKS or md."""
    slaves = node / "slaves"
    if slaves.is_dir() and (lower := sorted(slaves.iterdir())):
        return [disk for one in lower for disk in _under(one.resolve())]
    return [node.parent.name if (node / "partition").exists() else node.name]


def ask(disk: str) -> bool | None:
    """Return whether that disk finds itself healthy; None: it cannot be asked. Blocks for a minute at most."""
    program = shutil.which("smartctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return None
    command = [program, "--json=c", "--health", f"/dev/{disk}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=MOST_S, check=False)
        told = msgspec.json.decode(done.stdout, type=_Told)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
        return None
    if done.returncode & _FAILING:
        return False
    return None if done.returncode & _NOT_ASKED else told.smart_status.passed


class DiskHealth:
    """Asks the disks of state and media once a day."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def async_look(self) -> str:
        """The job: raise the repair while a disk says that it is failing."""
        paths, repairs = self._frame.paths, self._frame.repairs
        disks = await asyncio.to_thread(disks_of, (paths.state, paths.media))
        told = {disk: await asyncio.to_thread(ask, disk) for disk in disks}
        failing = [disk for disk, healthy in told.items() if healthy is False]
        if not failing:
            repairs.async_delete(DISK_REPAIR)
            known = sum(healthy is not None for healthy in told.values())
            return f"{known} of {len(disks)} disks could be asked"
        names = ", ".join(f"{disk} (under {disks[disk]})" for disk in failing)
        repairs.async_create(
            DISK_REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"Failing by its own report (SMART): {names}.",
            next_step=f"Back up the state, and replace the disk: see `smartctl -a /dev/{failing[0]}` and docs/operate.md.",
        )
        return f"failing: {names}"
