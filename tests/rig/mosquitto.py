"""Mosquitto with a user who may only write and one who may only read, and what arrives there, as `mosquitto_sub` sees it."""

from __future__ import annotations

import contextlib
import queue
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple, Self

from tests.rig.hang import HANG_S
from tests.rig.rtsp import self_signed
from tests.service import free_port, wait_for

DAEMON = "/usr/sbin/mosquitto"
WRITER, READER, STRANGER = "holdshelf", "ha", "stranger"
PASSWORD = "Shelf-4!"


class Heard(NamedTuple):
    topic: str
    retained: bool
    text: str


class Mosquitto:
    """A context manager. ``port`` speaks TLS as 127.0.0.1, ``wrong_port`` as another address; ``plain_port`` does not."""

    def __init__(self, folder: Path, *recorders: str) -> None:
        self.folder = folder
        self.port, self.plain_port, self.wrong_port = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(exist_ok=True)
        for name, address in (("own", "127.0.0.1"), ("other", "127.0.0.2")):
            (folder / f"{name}.pem").write_bytes(self_signed(address))
        self.ca_pem = (folder / "own.pem").read_text().partition("-----BEGIN PRIVATE")[0]
        self.other_ca_pem = (folder / "other.pem").read_text().partition("-----BEGIN PRIVATE")[0]
        for user in (WRITER, READER, STRANGER):
            create = [] if (folder / "passwords").exists() else ["-c"]
            subprocess.run(
                ["mosquitto_passwd", *create, "-b", "passwords", user, PASSWORD],
                cwd=folder,
                check=True,
                capture_output=True,
            )
        (folder / "acl").write_text(
            f"user {WRITER}\n"
            + "".join(
                f"topic write holdshelf/{one}/#\ntopic write homeassistant/device/holdshelf_{one}/#\n"
                for one in recorders
            )
            + f"user {READER}\ntopic read #\ntopic write homeassistant/status\n"
        )
        lines = [
            *("per_listener_settings false", "allow_anonymous false", "persistence false"),
            *(f"password_file {folder}/passwords", f"acl_file {folder}/acl", f"pid_file {folder}/pid"),
            f"log_dest file {folder}/log",
            "user root",  # as root it would become somebody who cannot read this folder; else this is not looked at
            f"listener {self.plain_port} 127.0.0.1",
        ]
        for port, name in ((self.port, "own"), (self.wrong_port, "other")):
            lines += [f"listener {port} 127.0.0.1", f"certfile {folder}/{name}.pem", f"keyfile {folder}/{name}.pem"]
        (folder / "conf").write_text("\n".join([*lines, ""]))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, with nothing kept of an earlier run; returns when it listens."""
        self._process = subprocess.Popen([DAEMON, "-c", str(self.folder / "conf")], stdin=subprocess.DEVNULL)
        try:
            for port in (self.port, self.wrong_port, self.plain_port):
                wait_for("mosquitto listens", lambda port=port: _listens(port))
        except AssertionError as error:
            log = self.folder / "log"
            told = log.read_text()[-2000:] if log.exists() else "no log"
            raise AssertionError(f"{error}; exit code {self._process.poll()}; {told}") from None

    def give_password(self, user: str, password: str) -> None:
        """Change a password while it runs; who is connected stays. Returns when it counts."""
        words = ["mosquitto_passwd", "-b", "passwords", user, password]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        fine = password == PASSWORD
        wait_for(
            "the password counts", lambda: (self.publish("x", "x", user=user, quality="0").returncode == 0) is fine
        )

    def stop(self) -> None:
        """End it; its clients lose their connection."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(HANG_S)
            self._process = None
        (self.folder / "pid").unlink(missing_ok=True)

    def listen(self) -> Listener:
        """What `ha` receives from now on, retained messages first."""
        return Listener(self.plain_port)

    def publish(
        self, topic: str, text: str, *, user: str = READER, quality: str = "1", retain: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Publish as somebody; with QoS 1, so that a refusal is told; with 0, only that of the log-in is."""
        login = ("-u", user, "-P", PASSWORD, "-V", "5", "-q", quality, *(("-r",) if retain else ()))
        # As standard input: an argument may have no more than 128 KiB. An empty one is a message, too.
        what = ("-s",) if text else ("-n",)
        return subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.plain_port), *login, "-t", topic, *what],
            input=text,
            check=False,
            capture_output=True,
            text=True,
        )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


class Listener:
    """A context manager: `mosquitto_sub` of everything, subscribed when entered. ``heard``: in the order of arrival."""

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self._came: queue.Queue[Heard] = queue.Queue()
        login = ("-h", "127.0.0.1", "-p", str(port), "-u", READER, "-P", PASSWORD)
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", *login, "-d", "-t", "#", "-F", "> %r %t %p"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._subscribed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        assert self._subscribed.wait(HANG_S), "mosquitto_sub did not subscribe"
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.terminate()
        self._process.wait(HANG_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                if line.startswith("Subscribed "):
                    self._subscribed.set()
                elif line.startswith("> "):
                    _, retained, topic, text = line.rstrip("\n").split(" ", 3)
                    self._came.put(Heard(topic, retained == "1", text))

    def so_far(self) -> list[Heard]:
        """All that has come until now."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.heard.append(self._came.get_nowait())
        return self.heard

    def until(self, topic: str, text: str | None = None) -> Heard:
        """Wait for a message of this topic, with ``text`` in it; looked for from the last one that was returned."""
        while True:
            try:
                heard = self._came.get(timeout=HANG_S)
            except queue.Empty:
                raise AssertionError(f"nothing of {topic} with {text!r}; heard {self.heard[-20:]}") from None
            self.heard.append(heard)
            if heard.topic == topic and (text is None or text in heard.text):
                return heard
