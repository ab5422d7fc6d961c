"""Ceph's S3 gateway, the real one, in a folder of its own: a monitor, one OSD, and radosgw (`make test-s3`).

The OSD keeps what it has in memory, or in a file, so that it is still there after a SIGKILL.

Everything listens on 127.0.0.1 and ends with the context. Debian: radosgw, ceph-mon, ceph-osd (scripts/s3-packages.txt).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.rig.hang import HANG_S

HOST = "127.0.0.1"
ACCESS_KEY, SECRET_KEY = "HOLDSHELFTESTS000001", "only-for-tests-0000000000000000000000001"
START_S = 120.0
_FALSE_DATE = Path(__file__).with_name("false_date.c")

_CONF = """
[global]
fsid = {fsid}
mon host = v2:{host}:{mon}
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file =
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
{osd_keeps}
osd class dir = {classes}
mon allow pool size one = true
mon allow pool delete = true
mon data avail crit = 1
mon data avail warn = 2
ms bind ipv4 = true
ms bind ipv6 = false
osd memory target = 939524096
osd heartbeat grace = 3600
[mon]
mon data = {folder}/mon
mon initial members = a
[mon.a]
public addr = {host}:{mon}
[osd]
osd data = {folder}/osd
public addr = {host}
cluster addr = {host}
[client.rgw]
ms mon client mode = crc
rgw frontends = beast endpoint={host}:{port}
rgw run sync thread = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw thread pool size = 16
rgw quota sync = false
rgw bucket quota ttl = 0
rgw user quota bucket sync interval = 1
"""


# `osd heartbeat grace`: a frozen OSD's lease to read its own data ends after 0.8 of it, by default 16 s; with no second OSD
# Ceph 18 at times never renews it, and every request waits as "delayed".
_IN_MEMORY = """osd objectstore = memstore
memstore device bytes = {bytes}"""
_IN_A_FILE = """osd objectstore = bluestore
bluestore block create = true
bluestore block size = {bytes}
bluestore cache size = 67108864"""


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


class Ceph:
    """One small cluster with its gateway. ``size``: of its disk, in bytes."""

    def __init__(self, folder: Path, size: int = 2 << 30, *, in_a_file: bool = False) -> None:
        self.folder, self.port = folder, free_port()
        self.conf = folder / "ceph.conf"
        self._fsid = str(uuid.uuid4())
        self._osd_keeps = (_IN_A_FILE if in_a_file else _IN_MEMORY).format(bytes=size)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        classes = next(Path("/usr/lib").glob("*/rados-classes"))
        self.conf.write_text(
            _CONF.format(
                fsid=self._fsid, host=HOST, mon=free_port(), folder=self.folder, osd_keeps=self._osd_keeps,
                classes=classes, port=self.port,
            )
        )  # fmt: skip
        mon = self.conf.read_text().partition("mon host = v2:")[2].partition("\n")[0]
        map_file = str(self.folder / "monmap")
        self.run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", f"[v2:{mon}]", map_file)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file)
        self._start_mon()
        osd = str(uuid.uuid4())
        self.run("ceph", "osd", "new", osd)
        (self.folder / "osd").mkdir()
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.start_osd()
        self.start_gateway()
        self.admin("user", "create", "--uid=tests", "--display-name=tests", f"--access-key={ACCESS_KEY}",
                   f"--secret-key={SECRET_KEY}")  # fmt: skip

    def _start_mon(self) -> None:
        self._spawn("mon", "ceph-mon", "-i", "a", "-f")

    def start_osd(self) -> None:
        self._spawn("osd", "ceph-osd", "-i", "0", "-f")

    def kill_osd(self) -> None:
        """SIGKILL: the gateway goes on, and waits for it."""
        self._end("osd")

    def freeze_osd(self) -> None:
        """It answers nothing, until `thaw_osd`."""
        self._started["osd"].send_signal(signal.SIGSTOP)

    def thaw_osd(self) -> None:
        self._started["osd"].send_signal(signal.SIGCONT)

    def told(self) -> str:
        """What its processes and its monitor say of themselves, for a test that failed."""
        lines = [f"{name}: {process.poll()}" for name, process in self._started.items()]
        try:
            lines.append(self.run("ceph", "--connect-timeout", "10", "-s"))
        except (AssertionError, subprocess.TimeoutExpired) as error:
            lines.append(f"ceph -s: {error}")
        for log in ("osd.0.log", "osd.out"):
            with contextlib.suppress(OSError):
                lines.append((self.folder / log).read_text(errors="replace")[-4000:])
        return "\n".join(lines)

    def full_from(self, share: float) -> None:
        """Its disk counts as full when so much of it is used; 0.95 is usual."""
        for name, part in (("full", 1.0), ("backfillfull", 0.98), ("nearfull", 0.96)):
            self.run("ceph", "osd", f"set-{name}-ratio", f"{share * part:.6f}")

    def is_full(self) -> bool:
        """Whether the cluster takes nothing more."""
        return "OSD_FULL" in self.run("ceph", "health", "detail")

    def start_again(self) -> None:
        """All of it, after `stop`."""
        self._start_mon()
        self.start_osd()
        self.start_gateway()

    def start_gateway(self, *, clock_off_s: int = 0) -> None:
        """``clock_off_s``: its clock is so many seconds ahead. It does not start under libfaketime."""
        self._spawn("gateway", "radosgw", "-n", "client.rgw", "-f", preload=self._clock(clock_off_s))
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            if self._started["gateway"].poll() is not None:
                raise RuntimeError((self.folder / "gateway.out").read_text())
            time.sleep(0.1)
        raise TimeoutError((self.folder / "gateway.out").read_text())

    def stop_gateway(self) -> None:
        self._end("gateway")

    def freeze_gateway(self) -> None:
        """It takes connections (the kernel does) and answers nothing, until `thaw_gateway`."""
        self._started["gateway"].send_signal(signal.SIGSTOP)

    def thaw_gateway(self) -> None:
        self._started["gateway"].send_signal(signal.SIGCONT)

    def admin(self, *words: str) -> str:
        return self.run("radosgw-admin", *words)

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [words[0], "-c", str(self.conf), *words[1:]], capture_output=True, text=True, timeout=START_S, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stderr[-2000:]}"
        return done.stdout

    def stop(self) -> None:
        for name in ("gateway", "osd", "mon"):
            self._end(name)

    def _clock(self, off_s: int) -> str:
        if not off_s:
            return ""
        made = str(self.folder / f"clock{off_s:+}.so")
        command = ["cc", "-O2", "-shared", "-fPIC", f"-DOFFSET_S={off_s}", "-o", made, str(_FALSE_DATE), "-ldl"]
        subprocess.run(command, check=True, timeout=START_S)
        return made

    def _spawn(self, name: str, *words: str, preload: str = "") -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self._started[name] = subprocess.Popen(
                [words[0], "-c", str(self.conf), *words[1:]],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **({"LD_PRELOAD": preload} if preload else {})},
            )

    def _end(self, name: str) -> None:
        process = self._started.pop(name, None)
        if process is not None:
            process.kill()
            process.wait(HANG_S)


@contextlib.contextmanager
def running(size: int = 2 << 30, *, in_a_file: bool = False) -> Iterator[Ceph]:
    """A cluster with its gateway, ready."""
    with tempfile.TemporaryDirectory(prefix="ceph-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o700)
        ceph = Ceph(Path(folder), size, in_a_file=in_a_file)
        try:
            ceph.start()
            yield ceph
        finally:
            ceph.stop()
