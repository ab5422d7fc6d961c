"""The peer of the door: the machine's own sshd on a loopback port, which runs one program for whoever logs in."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.rig.parts import program
from tests.service import free_port, wait_for

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 100
PerSourceMaxStartups none
PerSourcePenalties no
PrintMotd no
PrintLastLog no
ForceCommand {command}
"""


def full_screen_program() -> str:
    """htop; on a machine that has none, top."""
    return "htop" if shutil.which("htop") else "top"


@dataclass(frozen=True)
class Sshd:
    """A running one. ``shows``: words that are on the screen when its program has painted it."""

    port: int
    pid: int
    program: str
    shows: str
    known_hosts: Path

    def client(self, key: Path, *options: str) -> list[str]:
        """The command line of a client, with the options that the door's has."""
        return [
            "ssh",
            *("-F", "none", "-p", str(self.port), "-i", str(key)),
            *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={self.known_hosts}"),
            *("-o", "LogLevel=ERROR", "-o", "ConnectTimeout=15"),
            *options,
            f"{getpass.getuser()}@127.0.0.1",
        ]


@contextlib.contextmanager
def running_sshd(folder: Path, public_key: str, command: str = "") -> Iterator[Sshd]:
    """One that lets that key in and then runs the command; without one, a full-screen program."""
    folder.mkdir(mode=0o755)
    name = command or full_screen_program()
    often = "-d 15" if name == "htop" else "-d 1.5"  # both paint anew every 1.5 s
    command = command or f"/usr/bin/env HTOPRC={folder}/none {name} {often}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    (folder / "authorized").write_text(public_key)
    port = free_port()
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder, command=command))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # Debian's privilege separation wants it
    sshd = program("sshd", "openssh-server")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sshd, "-D", "-e", "-f", folder / "config"], stdout=log, stderr=log)
    try:
        wait_for("sshd listens", lambda: b"listening" in (folder / "log").read_bytes(), 20)
        shows = "F10Quit" if name == "htop" else "COMMAND"
        yield Sshd(port, process.pid, name, shows, folder / "known_hosts")
    finally:
        process.terminate()
        process.wait()
