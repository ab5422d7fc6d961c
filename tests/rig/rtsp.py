"""Stand-in RTSP cameras for tests and benches: `with RtspServer([Mount("door")]) as server: server.url("door")`.

Starts gst_rtsp_server.py under an interpreter that has GStreamer's bindings and talks to it over its pipes. Every
call but `start` answers within milliseconds, so it may be used from a coroutine; `async with` starts in a thread.

Must never reach beyond this machine: the server listens on loopback unless told otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.rig import media as rig_media
from tests.rig.child import LOG_RECORD, Sent, ask_to_quit, exchange, read_sent
from tests.rig.media import Media
from tests.rig.parts import RigError

_SCRIPT = Path(__file__).with_name("gst_rtsp_server.py")


@dataclass(frozen=True)
class Mount:
    """One camera. `media` and `audio` are names of rig media; `mtu` is the size of an RTP packet in bytes."""

    name: str
    media: str = "h264_small"
    audio: Literal["pcmu", "aac"] | None = None
    auth: Literal["basic", "digest", "both"] | None = None
    username: str = "viewer"
    password: str = "shelf-42"
    tls: bool = False
    transports: tuple[Literal["tcp", "udp"], ...] = ("tcp", "udp")
    mtu: int = 1400

    @property
    def group(self) -> str:
        """Cameras of one group share a port: those with the same way of logging in."""
        who = f"{self.auth}:{self.username}:{self.password}" if self.auth else "open"
        return f"{'tls' if self.tls else 'tcp'}:{who}"


@cache
def gst_python() -> str:
    """An interpreter that has gi and GStreamer's RTSP server. Raises RigError when there is none."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    for candidate in ("/usr/bin/python3", shutil.which("python3"), sys.executable):
        if candidate and subprocess.run([candidate, "-c", probe], capture_output=True, check=False).returncode == 0:
            return candidate
    raise RigError(
        "No python3 here has GStreamer's RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0 "
        "gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad."
    )


class RtspServer:
    """A process of stand-in cameras.

    `burst` makes all cameras send at the same instant instead of each in its own phase. `port` is the port of the
    cameras' first group (0: any free one); ports stay the same over `stop` and `start`. `prefix` is put before the
    server's command, for instance to run it in a network namespace. `tls` serves every camera over rtsps.
    """

    def __init__(
        self,
        mounts: Iterable[Mount],
        *,
        tls: bool = False,
        port: int = 0,
        address: str = "127.0.0.1",
        burst: bool = False,
        threads: int = 64,
        prefix: Sequence[str] = (),
    ) -> None:
        given = list(mounts)
        if tls:
            given = [Mount(**{**asdict(mount), "tls": True}) for mount in given]
        self.mounts = {mount.name: mount for mount in given}
        if len(self.mounts) != len(given):
            raise RigError("Two stand-in cameras of one server have the same name.")
        self.address = address
        self._burst = burst
        self._threads = threads
        self._prefix = list(prefix)
        self._ports: dict[str, int] = {given[0].group: port} if port else {}
        self._media: dict[str, Media] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="holdshelf-rig-"))
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._commands = 0
        self._paused = False

    # -- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the cameras and returns when they listen. Raises RigError."""
        if self._process is not None:
            raise RigError("The stand-in cameras run already.")
        needed = [m.media for m in self.mounts.values()] + [m.audio for m in self.mounts.values() if m.audio]
        self._media = rig_media.make(needed)
        config = {
            "media": {name: str(medium.index) for name, medium in self._media.items()},
            "mounts": [
                {**asdict(mount), "group": mount.group, "begin": self._begin(mount.name)}
                for mount in self.mounts.values()
            ],
            "logs": str(self._folder),
            "address": self.address,
            "ports": self._ports,
            "burst": self._burst,
            "threads": self._threads,
            "certificate": str(self._certificate()) if any(m.tls for m in self.mounts.values()) else None,
        }
        with open(self.log_path, "a") as log:
            self._process = subprocess.Popen(
                [*self._prefix, gst_python(), str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))},
            )
        try:
            answer = self._exchange(config)
        except RigError:
            self.kill()
            raise
        self._ports = answer["ports"]

    def stop(self) -> None:
        """Ends the cameras, connections and all; `start` serves them on the same ports again."""
        if self._process is None:
            return
        if self._paused:
            self.kill()
            return
        process, self._process = self._process, None
        with contextlib.suppress(OSError), process:
            ask_to_quit(process)
            process.kill()

    def kill(self) -> None:
        """Ends the cameras as a power cut does (SIGKILL). What they sent in the last half second may lack in `sent`."""
        if self._process is not None:
            process, self._process = self._process, None
            self._paused = False
            process.kill()
            with process:
                process.wait()

    def close(self) -> None:
        """Ends the cameras and removes what they wrote down."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def pause(self) -> None:
        """Freezes the whole process (SIGSTOP): connections stay open and nobody answers, no command either."""
        self._running().send_signal(signal.SIGSTOP)
        self._paused = True

    def unpause(self) -> None:
        """Undoes `pause`; what should have been sent meanwhile is not poured out."""
        self._running().send_signal(signal.SIGCONT)
        self._paused = False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self.close)

    # -- what tests ask ---------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._running().pid

    @property
    def log_path(self) -> Path:
        """What the server said on its standard error."""
        return self._folder / "server.log"

    @property
    def certificate_path(self) -> Path:
        """The self-signed certificate (PEM, with its key) of the rtsps cameras."""
        return self._certificate()

    def port(self, name: str) -> int:
        """The TCP port of a camera."""
        return self._ports[self.mounts[name].group]

    def url(self, name: str, *, credentials: bool = False) -> str:
        """The camera's address; with `credentials` the user and password are written into it."""
        mount = self.mounts[name]
        who = f"{quote(mount.username, '')}:{quote(mount.password, '')}@" if credentials and mount.auth else ""
        return f"{'rtsps' if mount.tls else 'rtsp'}://{who}{self.address}:{self.port(name)}/{name}"

    def stall(self, name: str) -> None:
        """Stops the camera's pictures; its sessions stay, and new ones open but get nothing."""
        self._command("stall", mount=name)

    def resume(self, name: str) -> None:
        """Lets the pictures come again, with the one that follows the last."""
        self._command("resume", mount=name)

    def kick(self, name: str) -> int:
        """Closes the connections of a camera's watchers; returns how many there were."""
        return int(self._command("kick", mount=name)["closed"])

    def stats(self) -> dict[str, Any]:
        """{"mounts": {name: {"dials", "describes", "setups": {"video", "audio"}, "plays", "generations", "sent",
        "audio_packets", "watched", "stalled"}}, "clients", "late_ms", "cpu_s"}; counts since `start`."""
        return self._command("stats")

    def media(self, name: str) -> Media:
        """The medium that a camera sends."""
        return self._media[self.mounts[name].media]

    def sent(self, name: str) -> list[Sent]:
        """Everything the camera sent since it was first started, in order; also after `stop`."""
        if self._process is not None:
            self._command("flush")
        return read_sent(self._folder / f"{name}.sent", self.media(name))

    def sent_hashes(self, name: str) -> list[str]:
        """The hashes of `sent`, to be compared with `hashes.recorded_hashes`."""
        return [unit.sha256 for unit in self.sent(name)]

    # -- pipes ------------------------------------------------------------------------------------------------

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RigError("The stand-in cameras do not run.")
        return self._process

    def _command(self, do: str, **more: Any) -> dict[str, Any]:
        self._commands += 1
        return self._exchange({"id": self._commands, "do": do, **more})

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        process = self._running()
        if self._paused:
            raise RigError("The stand-in cameras are paused and answer nothing: unpause them first.")
        answer = exchange(process, self._lock, message, "The stand-in cameras", self.log_path)
        if not answer["ok"]:
            raise RigError(f"The stand-in cameras answered: {answer['error']}")
        return answer

    def _begin(self, name: str) -> tuple[int, int, int]:
        """Sequence, unit and generation with which a camera goes on: where its log ends."""
        log = self._folder / f"{name}.sent"
        if not log.exists() or log.stat().st_size < LOG_RECORD.size:
            return 0, 0, 0
        whole = log.stat().st_size // LOG_RECORD.size * LOG_RECORD.size
        os.truncate(log, whole)
        sequence, unit, generation, _, _ = LOG_RECORD.unpack(log.read_bytes()[-LOG_RECORD.size :])
        return sequence + 1, unit + 1, generation

    def _certificate(self) -> Path:
        path = self._folder / "certificate.pem"
        if not path.exists():
            path.write_bytes(self_signed(self.address))
        return path


def self_signed(address: str) -> bytes:
    """A certificate for an IP address or a name, with its key, as PEM."""
    named: x509.GeneralName = x509.DNSName(address)
    with contextlib.suppress(ValueError):
        named = x509.IPAddress(ipaddress.ip_address(address))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"camera at {address}")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
