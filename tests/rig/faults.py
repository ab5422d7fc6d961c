"""Faults made for real: disks that fill, turn read-only, are swapped or lose power; a wall clock that steps.

Each tool raises RigError, naming what is missing, when this machine lacks a part or a right. Everything made here is
unmade at the end of its `with`. Killed processes are in processes.py, networks in netns.py.

Must never touch a file system that it did not make itself.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.rig.parts import RigError, need_root, program, run
from tests.rig.processes import processes_with_files_in, stopped

MIB = 1 << 20

# -- disks ----------------------------------------------------------------------------------------------------------


def fill(folder: Path, leave_bytes: int = 0) -> Path:
    """Fills the file system of `folder` until `leave_bytes` are free; returns the filler: delete it to make room."""
    filler = folder / "filler"
    with open(filler, "ab") as file:
        for step in (16 * MIB, MIB, 65536, 4096):
            while (room := free_bytes(folder) - leave_bytes) >= step:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(step, room))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break
        os.fsync(file.fileno())
    return filler


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written on the file system of `folder`."""
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


_CLOCK_SHIM = Path(__file__).with_name("clock_shim")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder mounted over itself, read-only, as after an error of its disk."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class SizedTmpfs:
    """A tmpfs of `size_mb` MiB at `mount_point` (default: a folder of its own): the quickest disk that can be full."""

    def __init__(self, size_mb: int, *, mount_point: Path | None = None) -> None:
        self._size_mb = size_mb
        self._folder = Path(tempfile.mkdtemp(prefix="holdshelf-tmpfs-"))
        self.mount_point = mount_point or self._folder

    def __enter__(self) -> Self:
        need_root("A tmpfs of a given size")
        run(program("mount", "mount"), "-t", "tmpfs", "-o", f"size={self._size_mb}m", "tmpfs", str(self.mount_point))
        return self

    def __exit__(self, *exc: object) -> None:
        run(program("umount", "mount"), "-l", str(self.mount_point))
        shutil.rmtree(self._folder, ignore_errors=True)


class LoopImage:
    """An ext4 file system of `size_mb` MiB in a file, mounted at `mount_point` (default: a folder of its own).

    It is mounted with errors=remount-ro, without blocks reserved for root and with nothing left to initialise in the
    background, so that the disk is written when a process writes and not otherwise. The image lies in memory
    (/dev/shm) when there is room: copies are quick there.
    """

    def __init__(self, size_mb: int, *, mount_point: Path | None = None) -> None:
        self._size_bytes = size_mb * MIB
        shm = Path("/dev/shm")
        roomy = shm.is_dir() and os.access(shm, os.W_OK) and free_bytes(shm) > 4 * self._size_bytes
        self._folder = Path(tempfile.mkdtemp(prefix="holdshelf-disk-", dir=shm if roomy else None))
        self.image = self._folder / "image"
        self.mount_point = mount_point or self._folder / "mnt"
        self.cut_utc_ns = 0
        """Wall clock of the power cut, for an image that copy_as_power_cut made."""
        self.cut_boot_ns = 0
        """CLOCK_BOOTTIME of the power cut, likewise."""
        self._mounted = False

    def __enter__(self) -> Self:
        need_root("A loop-mounted disk image")
        try:
            if not self.image.exists():
                with open(self.image, "wb") as file:
                    file.truncate(self._size_bytes)
                mkfs = program("mkfs.ext4", "e2fsprogs")
                run(mkfs, "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image))
            self.mount()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._mounted:
            self.unmount(lazy=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def mount(self) -> None:
        """Mounts the image (over whatever lies at the mount point: so a disk is swapped for another)."""
        self.mount_point.mkdir(parents=True, exist_ok=True)
        options = "loop,errors=remount-ro"
        run(program("mount", "mount"), "-t", "ext4", "-o", options, str(self.image), str(self.mount_point))
        self._mounted = True

    def unmount(self, *, lazy: bool = False, wait_s: float = 60) -> None:
        """Unmounts. Not `lazy`: waits up to `wait_s` for processes to close their files, then raises RigError."""
        umount = program("umount", "mount")
        deadline = time.monotonic() + wait_s
        while True:
            try:
                run(umount, *(["-l"] if lazy else []), str(self.mount_point))
            except RigError as error:
                if lazy or time.monotonic() > deadline:
                    holders = processes_with_files_in(self.mount_point)
                    raise RigError(f"{error} Files on it are open in processes {holders}.") from None
                time.sleep(0.05)
            else:
                self._mounted = False
                return

    @property
    def device(self) -> str:
        """The loop device's name, like `loop3`. Raises RigError when the image is not mounted."""
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            left, right = line.split(" - ", 1)
            if left.split()[4] == str(self.mount_point) and "/dev/loop" in right:
                number = Path(right.split()[1]).name
                backing = Path(f"/sys/block/{number}/loop/backing_file")
                if backing.exists() and backing.read_text().strip() == str(self.image):
                    return number
        raise RigError(f"The disk image of {self.mount_point} is not mounted.")

    def force_read_only(self) -> None:
        """Makes ext4 meet an error of its own: at once every write fails with EROFS, open files included.

        As with a failing disk. Kernels since about 6.15 then show `emergency_ro` in /proc/mounts and *no* ST_RDONLY in
        statvfs; `mend` is the only way back.
        """
        trigger = Path(f"/sys/fs/ext4/{self.device}/trigger_fs_error")
        if not trigger.exists():
            raise RigError("This kernel cannot be made to report an ext4 error (no trigger_fs_error in /sys/fs/ext4).")
        trigger.write_text("holdshelf rig")

    def mend(self, *, wait_s: float = 60) -> None:
        """Unmounts (processes must let go within `wait_s`), lets e2fsck mend, mounts again.

        A mount namespace that somebody else made meanwhile keeps the broken file system alive, and a second mount of
        the same image would find it: then a copy of the image is mended and mounted.
        """
        if self._mounted:
            self.unmount(wait_s=wait_s)
        if self._is_attached():
            copy = self.image.with_name(f"{self.image.name}-{time.monotonic_ns()}")
            _copy_sparse(self.image, copy)
            self.image.unlink()
            self.image = copy
        done = subprocess.run(
            [program("e2fsck", "e2fsprogs"), "-fy", str(self.image)], capture_output=True, text=True, check=False
        )
        if done.returncode > 1:
            raise RigError(f"e2fsck could not mend the image: {done.stdout}")
        self.mount()

    def _is_attached(self) -> bool:
        """Whether a loop device still has the image, a second after it was unmounted."""
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            files = [path for path in Path("/sys/block").glob("loop*/loop/backing_file") if path.exists()]
            if not any(_read_text(path) == str(self.image) for path in files):
                return False
            time.sleep(0.05)
        return True

    def remount(self, *, read_only: bool) -> None:
        """`mount -o remount,ro` or `rw`. The kernel refuses `ro` while a file is open for writing: RigError."""
        mount = program("mount", "mount")
        run(mount, "-o", f"remount,{'ro' if read_only else 'rw'}", f"/dev/{self.device}", str(self.mount_point))

    def problems(self) -> str:
        """What e2fsck finds wrong with the (unmounted) image, its journal played back; empty when it is whole."""
        if self._mounted:
            raise RigError("A mounted image cannot be checked: unmount it first.")
        done = subprocess.run(
            [program("e2fsck", "e2fsprogs"), "-fn", str(self.image)], capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def copy_as_power_cut(self, pids: Iterable[int] = (), *, wait_s: float = 60) -> LoopImage:
        """A disk as it would be found had the power gone now: enter the result to mount it.

        What processes wrote and the kernel has not yet given to the disk is missing there. The copy is of one
        instant: it counts only when the disk took no write while it was made, and is tried again until `wait_s` have
        passed (then RigError). Processes of `pids` are stopped (SIGSTOP) for each try, so that there is such an instant.
        """
        stat = Path(f"/sys/block/{self.device}/stat")
        copy = LoopImage(self._size_bytes // MIB)
        deadline = time.monotonic() + wait_s
        with stopped() as stop:
            while time.monotonic() < deadline:
                stop(pids)
                before = stat.read_text().split()
                copy.cut_utc_ns = time.time_ns()
                copy.cut_boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                _copy_sparse(self.image, copy.image)
                after = stat.read_text().split()
                # Kernel's block/stat: fields 5 and 7 are writes and sectors written, 9 the requests in flight.
                if (before[4], before[6]) == (after[4], after[6]) and before[8] == after[8] == "0":
                    return copy
                copy.image.unlink()
                time.sleep(0.01)
        copy.__exit__()
        raise RigError(
            f"The disk never stood still long enough to be copied in {wait_s} s: "
            "give the writing processes to copy_as_power_cut, or use a smaller image."
        )


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # detached since it was listed
        return ""


def _copy_sparse(source: Path, target: Path) -> None:
    with open(source, "rb") as here, open(target, "wb") as there:
        size = os.fstat(here.fileno()).st_size
        there.truncate(size)
        position = 0
        while position < size:
            try:
                position = os.lseek(here.fileno(), position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # only a hole is left
                    return
                raise
            end = os.lseek(here.fileno(), position, os.SEEK_HOLE)
            os.lseek(there.fileno(), position, os.SEEK_SET)
            while position < end:
                position += os.sendfile(there.fileno(), here.fileno(), position, end - position)


# -- clock ----------------------------------------------------------------------------------------------------------


def _under_libfaketime() -> dict[str, str]:
    """The environment of every process whose wall clock libfaketime moves: its waits and CLOCK_MONOTONIC stay true."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise RigError("The rig needs libfaketime to step the clock: apt install faketime.")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_DISABLE_SHM": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # the name that older releases read
    }


def environment_with_clock_off_by(offset: str) -> dict[str, str]:
    """What puts a process's wall clock off by so much, in libfaketime's notation ("-1y", "+3h")."""
    return {**_under_libfaketime(), "FAKETIME": offset}


class FakeClock:
    """A wall clock that can be stepped under running processes: start them with `environment()`, then `step`.

    The recipe (tried with Debian 13's libfaketime): preload libfaketimeMT.so.1; FAKETIME_TIMESTAMP_FILE holds the
    offset, FAKETIME_NO_CACHE=1 makes each call read it anew; FAKETIME_DONT_FAKE_MONOTONIC=1 leaves CLOCK_MONOTONIC,
    its RAW form *and CLOCK_BOOTTIME* true (without it BOOTTIME is faked too), as well as every wait and timeout;
    FAKETIME_DISABLE_SHM=1 keeps killed processes from leaving segments in /dev/shm, at which a later process of the
    same id would stumble; FAKETIME_FORCE_MONOTONIC_FIX=0 because the fix, meant for another glibc, spins in each wait for
    Python's own lock (a call in a thread took 4 ms of processor instead of 0.1). The file is replaced by a rename: a
    process that reads it half written ends. Times of files are the kernel's: they do not step. A process that may not open
    the file (Landlock) sees the true wall clock; a recorder worker, which may not, gets its offset from `clock_shim`, by a
    mapping made before it was confined.
    """

    def __init__(self) -> None:
        self._base = _under_libfaketime()
        self._folder = Path(tempfile.mkdtemp(prefix="holdshelf-clock-"))
        self._folder.chmod(0o755)
        self.file = self._folder / "offset"
        self._mapped = self._folder / "mapped"
        self._mapped.write_bytes(bytes(8))
        self.offset_s = 0.0
        self.set_offset(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """`base` (default: this process's environment) with what puts a process under this clock."""
        given = os.environ if base is None else base
        return {
            **given,
            **self._base,
            "HOLDSHELF_TEST_CLOCK": str(self._mapped),
            "PYTHONPATH": os.pathsep.join([str(_CLOCK_SHIM), *filter(None, [given.get("PYTHONPATH")])]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
        }

    def set_offset(self, offset_s: float) -> None:
        """The processes' wall clock is `offset_s` seconds ahead of the true one from now on."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{offset_s:+.6f}\n")
        fresh.chmod(0o644)
        fresh.rename(self.file)
        with self._mapped.open("r+b") as mapped:
            mapped.write(struct.pack("d", offset_s))
        self.offset_s = offset_s

    def step(self, seconds: float) -> None:
        """Steps the processes' wall clock, forward or (negative) back."""
        self.set_offset(self.offset_s + seconds)

    def utc_ns(self) -> int:
        """What the processes' wall clock shows now."""
        return time.time_ns() + round(self.offset_s * 1e9)
