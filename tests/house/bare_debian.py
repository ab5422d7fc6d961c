"""A bare Debian 13 in a folder, as a person finds it on a new machine, and its systemd booted in namespaces of its own.

Needs root, debootstrap and a package server. All mounts live in private mount namespaces: whatever happens, nothing
stays mounted on the host, and the folder can be removed once `close` was called. Nothing here touches the host's own
network: a booted system has a loopback of its own and no other.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.rig.hang import HANG_S

SUITE = "trixie"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "xterm",
    "DEBIAN_FRONTEND": "noninteractive",
}
# The host's certificates, so that a package server that only this host knows to trust is trusted inside, too.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFICATES_INSIDE = "/etc/certificates-of-the-host.crt"

# What is not of a namespace but of the whole machine (its clock, its kernel) must be out of reach from inside.
POWERLESS = ("setpriv", "--bounding-set=-sys_time,-sys_module,-sys_boot,-sys_rawio,-wake_alarm,-syslog", "--")
OWN_PROCESSES = ("--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")

ENTER = """
set -e
powerless=$1; root=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$own_network" = yes ]; then ip link set lo up; fi
exec $powerless chroot "$root" "$@"
"""

# What systemd expects of whoever starts it as the first process of a container, and no more: it may not change the
# host's kernel settings, and its mounts spread to its own services as on a real machine.
BOOT = """
set -e
root=$1; disk=$2; powerless=$3
hostname nvr
ip link set lo up
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -o remount,bind,ro sys
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
[ -z "$disk" ] || cp -a "$disk" dev/
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p .host
pivot_root . .host
umount -l /.host
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin $powerless /lib/systemd/systemd </dev/null
"""

# Runs in the booted system's network until its standard input closes; prints the address to ask.
VIRTUAL_CAMERA = """
import sys
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCameras
with VirtualCameras([CameraSpec("Front door", 1)], password=sys.argv[1], username="holdshelf") as cameras:
    print(cameras[0].probe_address, flush=True)
    sys.stdin.read()
"""

MARKS = [
    pytest.mark.soak,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="makes a root and mounts: needs root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None and "CI" not in os.environ, reason="needs debootstrap"),
]
"""Of the tests that make one."""


def own_cgroup() -> Path:
    """Where this process stands in the second version of control groups."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    mount = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return mount / next(line[3:] for line in lines if line.startswith("0::")).lstrip("/")


class BareDebian:
    """A root made by debootstrap. Use as a context manager: leaving ends what it started and removes the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._booted: subprocess.Popen[bytes] | None = None
        self._cgroup = own_cgroup() / f"holdshelf-test-{os.getpid()}"
        self._systemd_pid = 0

    def __enter__(self) -> Self:
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", SUITE, self.root], capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copy(name, self.root / name.lstrip("/"))
        shutil.copy(CERTIFICATES, self.root / CERTIFICATES_INSIDE.lstrip("/"))
        # As in every image for containers: installing a package starts no service.
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut_down()
        shutil.rmtree(self.root)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Make a file inside; `path` is absolute, as seen from inside."""
        target = self.root / path.lstrip("/")
        target.write_text(text)
        target.chmod(mode)

    def copy_in(self, checkout: Path, path: str) -> None:
        """Copy what git tracks, or would track, of `checkout` to `path` inside."""
        files = subprocess.run(
            ["git", "-c", f"safe.directory={checkout}", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in files.split("\0"):
            if name and (checkout / name).is_file():
                target = self.root / path.lstrip("/") / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(checkout / name, target)

    def run(
        self, script: str, *, user: str | None = None, network: bool = True, timeout_s: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside without booting, as `user` or root; with the host's network, or loopback only."""
        shell = ["/bin/sh", "-e", "-c", script]
        if user:
            shell = ["runuser", "-u", user, "--", *shell]
        return subprocess.run(
            [
                "unshare",
                *OWN_PROCESSES,
                *([] if network else ["--net"]),
                "sh",
                "-c",
                ENTER,
                "sh",
                " ".join(POWERLESS),
                self.root,
                *shell,
            ],
            env=ENVIRONMENT | {"PIP_CERT": CERTIFICATES_INSIDE, "own_network": "no" if network else "yes"},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def boot(self, disk: Path | None = None) -> None:
        """Start systemd as the first process inside, `disk` (a block device of the host) in its /dev."""
        unshare = ["unshare", *OWN_PROCESSES, "--uts", "--ipc", "--net", "--cgroup"]
        self._cgroup.mkdir()
        # systemd governs the control group that it finds itself in: one of its own, not that of the tests.
        enter: list[str | Path] = ["sh", "-c", 'echo 0 > "$1/cgroup.procs"; shift; exec "$@"', "sh", self._cgroup]
        log_path = self.root.with_suffix(".boot.log")
        with log_path.open("wb") as log:
            self._booted = subprocess.Popen(
                [*enter, *unshare, "sh", "-c", BOOT, "sh", self.root, disk or "", " ".join(POWERLESS)],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            children = Path(f"/proc/{self._booted.pid}/task/{self._booted.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                self._systemd_pid = int(children[0])
                # "degraded" is fine: a container has no kernel modules to load.
                if self.booted_run("systemctl is-system-running --wait").stdout.strip() in {"running", "degraded"}:
                    return
            time.sleep(0.2)
        raise AssertionError(f"systemd did not come up: {log_path.read_text()[-2000:]}")

    def booted_run(
        self, script: str, *, environment: dict[str, str] | None = None, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root in the booted system."""
        enter = ["nsenter", "-t", str(self._systemd_pid), "-m", "-p", "-u", "-i", "-n", "-C"]
        return subprocess.run(
            [*enter, "--", *POWERLESS, "/bin/sh", "-e", "-c", f"cd /; {script}"],
            env=ENVIRONMENT | (environment or {}),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def in_its_network(self) -> list[str]:
        """What to put before a command of the host so that it runs in the booted system's network."""
        return ["nsenter", "-t", str(self._systemd_pid), "-n", "--"]

    def shut_down(self) -> None:
        """End the booted system and all its processes, if there is one."""
        if self._booted is None:
            return
        # The kernel ends every process of a pid namespace with its first, and only then lets `unshare` see its end.
        if self._systemd_pid:
            os.kill(self._systemd_pid, signal.SIGKILL)
        else:
            self._booted.kill()
        self._booted.wait(HANG_S)
        self._booted = None
        self._systemd_pid = 0
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            Path(folder).rmdir()


@contextlib.contextmanager
def a_disk(image: Path) -> Iterator[Path]:
    """A disk of 3 GB in that file, as a block device."""
    with image.open("wb") as file:
        file.truncate(3 << 30)
    device = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@contextlib.contextmanager
def virtual_camera(debian: BareDebian) -> Iterator[subprocess.Popen[str]]:
    """A virtual camera on the booted system's own loopback, found and added as the guide says. Gives its process."""
    password = "a-long-password"
    camera = subprocess.Popen(
        [*debian.in_its_network(), sys.executable, "-c", VIRTUAL_CAMERA, password],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert camera.stdin is not None and camera.stdout is not None
        address = camera.stdout.readline().strip()
        (found,) = json.loads(succeed(debian.booted_run(f"holdshelf camera discover --at {address} --json")))
        add = f"holdshelf camera add {found['id']} --name 'Front door' --area entrance --user holdshelf --password-env CAMERA"
        succeed(debian.booted_run(add, environment={"CAMERA": password}))
        stored = debian.booted_run(f"grep -r {password} /var/lib/holdshelf/state; journalctl | grep {password}")
        assert stored.stdout == "", "the password lies about in the clear"
        yield camera
    finally:
        camera.communicate(timeout=HANG_S)


def well(debian: BareDebian) -> None:
    """Waits until footage comes in, and sees that whatever there is verifies."""
    before = recorded_s(debian)
    deadline = time.monotonic() + 60
    while recorded_s(debian) < before + 3:
        assert time.monotonic() < deadline, succeed(debian.booted_run("holdshelf status"))
        time.sleep(0.5)
    succeed(debian.booted_run("holdshelf footage verify"))


def recorded_s(debian: BareDebian) -> float:
    cameras = json.loads(succeed(debian.booted_run("holdshelf status --json")))["cameras"]
    return sum(float(camera["recorded_s"]) for camera in cameras)
