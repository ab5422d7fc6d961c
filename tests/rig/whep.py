"""A stand-in WHEP camera (or gateway) for tests and benches: `with WhepPeer([WhepMount("door")], address=…) as peer:`.

Starts whep_peer.py, in a network namespace when given its `prefix` (ICE does not connect on loopback alone).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from tests.rig import media as rig_media
from tests.rig.child import Sent, ask_to_quit, exchange, read_sent
from tests.rig.media import Media
from tests.rig.parts import RigError
from tests.rig.rtsp import gst_python, self_signed

_SCRIPT = Path(__file__).with_name("whep_peer.py")


class WhepMount:
    """One camera. `more`: authorization, redirect, hang, codec, stubborn, mode, loss, shuffle, forgetful, deaf, link
    (whep_peer.py)."""

    def __init__(self, name: str, media: str = "h264_small", **more: Any) -> None:
        self.name, self.media, self.more = name, media, more


class WhepPeer:
    """A process of WHEP cameras on one port."""

    def __init__(self, mounts: Iterable[WhepMount], *, address: str, port: int = 0, prefix: Sequence[str] = ()) -> None:
        self.mounts = {mount.name: mount for mount in mounts}
        self.address, self.port, self.tls_port = address, port, 0
        self._prefix = list(prefix)
        self._folder = Path(tempfile.mkdtemp(prefix="holdshelf-rig-"))
        self._media: dict[str, Media] = {}
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Returns when it listens; after `kill` it serves the same port again. Raises RigError."""
        self._media = rig_media.make({mount.media for mount in self.mounts.values()})
        config = {
            "media": {name: str(medium.index) for name, medium in self._media.items()},
            "mounts": [{"name": m.name, "media": m.media, **m.more} for m in self.mounts.values()],
            "logs": str(self._folder),
            "address": self.address,
            "port": self.port,
            "tls_port": self.tls_port,
            "certificate": str(self._certificate()),
        }
        with self.log_path.open("a") as log:
            self._process = subprocess.Popen(
                [*self._prefix, sys.executable, str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        answer = self._exchange(config)
        self.port, self.tls_port = answer["port"], answer["tls_port"]

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            with process:
                process.wait()

    def close(self) -> None:
        """Ends it and removes what it wrote down."""
        if self._process is not None:
            ask_to_quit(self._process)
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The peer's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """What it said on its standard error."""
        return self._folder / "peer.log"

    def url(self, name: str, login: str = "", *, tls: bool = False) -> str:
        """A camera's address as `holdshelf camera add` takes it."""
        scheme, port = ("whep+https", self.tls_port) if tls else ("whep+http", self.port)
        return f"{scheme}://{login + '@' if login else ''}{self.address}:{port}/{name}/whep"

    def _certificate(self) -> Path:
        path = self._folder / "certificate.pem"
        if not path.exists():
            path.write_bytes(self_signed(self.address))
        return path

    def stats(self, name: str) -> dict[str, Any]:
        """plis, offers, deletes, sessions, sent, dropped, shuffled, last_offer, authorizations."""
        found: dict[str, Any] = self._exchange({"do": "stats"})[name]
        return found

    def stall(self, name: str) -> None:
        """Sends no pictures any more; the connection stays."""
        self._exchange({"do": "stall", "mount": name})

    def resume(self, name: str) -> None:
        """Undoes `stall`."""
        self._exchange({"do": "resume", "mount": name})

    def kick(self, name: str) -> None:
        """Closes the connections of a camera's watchers, as WebRTC does it."""
        self._exchange({"do": "kick", "mount": name})

    def set(self, name: str, **config: Any) -> None:
        """Another behavior for connections to come."""
        self._exchange({"do": "set", "mount": name, "config": config})

    def media(self, name: str) -> Media:
        """The medium that a camera sends."""
        return self._media[self.mounts[name].media]

    def sent(self, name: str) -> list[Sent]:
        """Everything the camera handed to its senders, in order."""
        if self._process is not None:
            self._exchange({"do": "flush"})
        return read_sent(self._folder / f"{name}.sent", self.media(name))

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            raise RigError("The WHEP peer does not run.")
        return exchange(self._process, self._lock, message, "The WHEP peer", self.log_path)


@contextlib.contextmanager
def gstreamer_peer(address: str, prefix: Sequence[str]) -> Iterator[int]:
    """GStreamer's webrtcbin as a WHEP peer (gst_whep.py); yields its port. Raises RigError."""
    plugins = subprocess.run(["gst-inspect-1.0", "--exists", "nicesrc"], capture_output=True, check=False)
    if plugins.returncode != 0:
        raise RigError("The rig needs libnice: apt install gstreamer1.0-nice gir1.2-gst-plugins-bad-1.0.")
    with subprocess.Popen(
        [*prefix, gst_python(), str(_SCRIPT.with_name("gst_whep.py")), address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))},
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RigError("GStreamer's WHEP peer did not start: apt install gir1.2-gst-plugins-bad-1.0.")
            yield int(port)
        finally:
            process.kill()
