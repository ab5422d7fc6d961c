"""A CUPS of a test's own: its real daemon on a socket of its own, with printers whose paper is a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.rig.hang import HANG_S
from tests.service import wait_for

DAEMON = "/usr/sbin/cupsd"
_BACKEND = """#!/bin/sh
# job user title copies options [file]
test $# -eq 0 && exit 0
cat ${6:+"$6"} > "${DEVICE_URI#paper:}.part" && mv "${DEVICE_URI#paper:}.part" "${DEVICE_URI#paper:}"
printf '%s' "$CONTENT_TYPE" > "${DEVICE_URI#paper:}.type"
printf '%s' "$3" > "${DEVICE_URI#paper:}.part" && mv "${DEVICE_URI#paper:}.part" "${DEVICE_URI#paper:}.title"
"""


class Cups:
    """A context manager. ``environment`` is what a service needs to print here."""

    def __init__(self) -> None:
        # Its own short folder: a socket's path may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="cups-"))
        self.environment = {"CUPS_SERVER": str(self.folder / "sock")}
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("spool/tmp", "cache", "state", "log", "ssl", "out", "bin/backend"):
            (self.folder / name).mkdir(parents=True)
        backend = self.folder / "bin" / "backend" / "paper"
        backend.write_text(_BACKEND)
        backend.chmod(0o700)  # so that it runs as whoever runs the daemon
        for name in ("daemon", "filter", "cgi-bin", "monitor", "notifier"):
            if Path("/usr/lib/cups", name).exists():
                (self.folder / "bin" / name).symlink_to(Path("/usr/lib/cups", name))
        allowed = "  Order allow,deny\n  Allow all\n"
        (self.folder / "cupsd.conf").write_text(
            f"Listen {self.folder}/sock\nBrowsing No\nWebInterface No\nLogLevel warn\nJobRetryInterval 1\n"
            f"<Location />\n{allowed}</Location>\n<Location /admin>\n{allowed}</Location>\n"
            "<Policy default>\n  <Limit All>\n    Order deny,allow\n  </Limit>\n</Policy>\n"
        )
        folders = {
            "ServerRoot": "",
            "ServerBin": "bin",
            "DocumentRoot": "",
            "CacheDir": "cache",
            "StateDir": "state",
            "RequestRoot": "spool",
            "TempDir": "spool/tmp",
            "ServerKeychain": "ssl",
            **{f"{name}Log": f"log/{name.lower()}" for name in ("Access", "Error", "Page")},
        }
        lines = [f"{name} {self.folder / below}" for name, below in folders.items()]
        if os.geteuid() == 0:
            lines += ["User nobody", "Group nogroup", "SystemGroup root"]
        (self.folder / "cups-files.conf").write_text("\n".join([*lines, "DataDir /usr/share/cups", ""]))

    def __enter__(self) -> Self:
        files = ("-c", str(self.folder / "cupsd.conf"), "-s", str(self.folder / "cups-files.conf"))
        with (self.folder / "log" / "out").open("wb") as log:
            self._process = subprocess.Popen([DAEMON, "-f", *files], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for("CUPS listens", (self.folder / "sock").exists)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(HANG_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name: str) -> Path:
        """A printer; the file that its paper is."""
        paper = self.folder / "out" / name
        self.run("lpadmin", "-p", name, "-E", "-v", f"paper:{paper}", "-m", "raw")
        return paper

    def run(self, *words: str) -> str:
        """One of CUPS's own commands."""
        done = subprocess.run(
            words, capture_output=True, text=True, check=True, timeout=HANG_S, env={**os.environ, **self.environment}
        )
        return done.stdout
