"""The demo's keys, in DIR/demo-keys: Director's, Chair's, a designee's, an admin's, and what `ssh` shall know of the door."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdshelf_core.api.ssh import host_key

DIRECTOR, CHAIR, DESIGNEE, ADMIN = "director", "chair", "designee", "admin"
FORMER = "ruth"
"""Who was Director before."""
LOGINS = (DIRECTOR, CHAIR, DESIGNEE, ADMIN, FORMER)
ADDRESS = "127.0.0.1"


class Keys:
    """The folder. Keys that are there are used again."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.folder = data / "demo-keys"
        self.known_hosts = self.folder / "known_hosts"

    def make(self) -> None:
        """All of them. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for login in LOGINS:
            if not self.private(login).exists():
                self._make_one(login)

    def _make_one(self, login: str) -> None:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        self.private(login).with_suffix(".pub").write_text(f"{public} {login}@demo\n", encoding="ascii")
        fd = os.open(self.private(login), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))

    def private(self, login: str) -> Path:
        """The private key's file."""
        return self.folder / login

    def public(self, login: str) -> str:
        """The public key's text. Raises OSError."""
        return self.private(login).with_suffix(".pub").read_text(encoding="ascii")

    def write_known_hosts(self, port: int) -> None:
        """So that nobody is asked about the door's own key. Raises OSError, HoldshelfError."""
        host_key.ensure_host_key(self._data)
        self.known_hosts.write_text(f"[{ADDRESS}]:{port} {host_key.public_line(self._data)}\n", encoding="ascii")

    def ssh(self, login: str, port: int, *more: str) -> list[str]:
        """The command line of a client."""
        options = ["-i", str(self.private(login)), "-p", str(port)]
        # An agent's keys are not shown first: the door counts attempts.
        options += ["-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={self.known_hosts}"]
        return ["ssh", *options, *more, f"{login}@{ADDRESS}"]

    def ssh_line(self, login: str, port: int) -> str:
        """The same, to be typed in a shell."""
        return shlex.join(self.ssh(login, port))
