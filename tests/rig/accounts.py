"""A machine with accounts of its own, as far as files go: /run, /var/lib, /srv (for homes), /tmp and the accounts are a test's.

Must never touch this machine's own: everything is mounted in a mount namespace, which ends with the process that holds it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.rig import account_command, forked
from tests.rig.hang import HANG_S
from tests.rig.parts import RigError, need_root, program

BIN = Path(sys.executable).parent
"""Where `holdshelf` is installed."""
FIRST_UID = 47_001
DATA = "/var/lib/holdshelf"
RUN = "/run/holdshelf"


PLACES = ("/run", "/var/lib", "/srv")
ROOT = Path(__file__).parents[2]


def _seen_again() -> list[str]:
    """Have the checkout, bound at /mnt, where it was, also below a folder that was mounted over."""
    if not any(str(path) in (*PLACES, "/tmp") for path in ROOT.parents):
        return ["umount /mnt"]
    return [f"mkdir -p {ROOT}", f"mount --bind /mnt {ROOT}", "umount /mnt"]


class Machine:
    """Accounts by name, each with a group of its own and a home; ``members`` are in the group ``holdshelf``, too.

    Set up as docs/operate.md says: the account ``holdshelf`` owns /var/lib/holdshelf (0700), and systemd has made /run/holdshelf
    (0750) for it. Nothing is initialized yet.
    """

    def __init__(self, *accounts: str, members: Sequence[str] = ()) -> None:
        self.uids = {name: FIRST_UID + number for number, name in enumerate(("holdshelf", *accounts))}
        self._members = members
        self._holder: subprocess.Popen[str] | None = None
        self._prefixes: dict[tuple[str, ...], dict[str, str]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="holdshelf-accounts-")

    def __enter__(self) -> Self:
        need_root("A machine with accounts of its own")
        folder = Path(self._folder.name, "etc")
        # All of it, not two files: a file of this machine that is put in another's place is no longer covered here.
        subprocess.run(["cp", "--archive", "/etc", folder], check=True)
        lines = {
            name: [f"{name}:x:{uid}:{uid}::/srv/{name}:/bin/sh" for name, uid in self.uids.items()]
            for name in ("passwd",)
        }
        lines["group"] = [
            f"{name}:x:{uid}:{','.join(self._members) if name == 'holdshelf' else ''}"
            for name, uid in self.uids.items()
        ]
        for name, more in lines.items():
            kept = Path("/etc", name).read_text().rstrip("\n").splitlines()
            kept = [line for line in kept if line.split(":")[0] not in self.uids]
            (folder / name).write_text("\n".join([*kept, *more]) + "\n")
        script = [
            # In this order: what is bound lies in the /tmp of before.
            f"mount --bind {folder} /etc",
            f"mount --bind {ROOT} /mnt",
            *(f"mount -t tmpfs -o mode=0755 tmpfs {place}" for place in PLACES),
            "mount -t tmpfs -o mode=1777 tmpfs /tmp",
            *_seen_again(),
            *(f"install -d -o {uid} -g {uid} -m 0700 /srv/{name}" for name, uid in self.uids.items()),
            f"install -d -o {FIRST_UID} -g {FIRST_UID} -m 0700 {DATA}",
            f"install -d -o {FIRST_UID} -g {FIRST_UID} -m 0750 {RUN}",
            "echo ready",
            "exec cat",
        ]
        self._holder = subprocess.Popen(
            [program("unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-ec", "\n".join(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            _, said = self._holder.communicate()
            self._holder = None
            raise RigError(f"A machine with accounts of its own could not be made: {said.strip()}")
        environment = self._environment("root") | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
        inside = [*self._inside(), "env", "-i", *(f"{key}={value}" for key, value in environment.items())]
        self._helper = forked._Helper(account_command.__name__, inside, self._environment("root"))
        forked.BEHIND.append(self._copied)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._holder is not None:
            forked.BEHIND.remove(self._copied)
            self._helper.end()
            self._holder.communicate()
            self._holder = None
        self._folder.cleanup()

    def prefix(self, account: str, environment: Mapping[str, str] | None = None) -> list[str]:
        """Before a command: it is run there by that account (``root`` too), with a log-in's environment."""
        become = (
            [] if account == "root" else ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", "--"]
        )
        given = {**self._environment(account), **(environment or {})}
        words = [*self._inside(), *become, "env", "-i", *(f"{key}={value}" for key, value in given.items())]
        self._prefixes[tuple(words)] = given | {account_command.ACCOUNT: account}
        return words

    def _inside(self) -> list[str]:
        assert self._holder is not None
        return [program("nsenter", "util-linux"), f"--target={self._holder.pid}", "--mount", "--wd=/"]

    def _environment(self, account: str) -> dict[str, str]:
        """A log-in's."""
        home = "/root" if account == "root" else f"/srv/{account}"
        return {"HOME": home, "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    def _copied(self, command: list[str]) -> tuple[forked._Helper, list[str], dict[str, str]] | None:
        """A command behind a prefix of this machine needs no new Python: one that has all loaded is copied (`forked`)."""
        for prefix, environment in self._prefixes.items():
            if tuple(command[: len(prefix)]) == prefix:
                return self._helper, command[len(prefix) :], environment
        return None

    def path(self, name: str) -> Path:
        """A file there, for this process."""
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root{name}")

    def sh(self, line: str, account: str = "root") -> str:
        """A line of shell there; its output. Raises RigError when it fails."""
        done = subprocess.run(
            [*self.prefix(account), "sh", "-ec", line], capture_output=True, text=True, timeout=HANG_S, check=False
        )
        if done.returncode:
            raise RigError(f"{shlex.quote(line)} failed: {done.stderr.strip()}")
        return done.stdout
