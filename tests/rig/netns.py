"""A network that belongs to one test: multicast and fixed ports can be used there without touching a real one.

Must never leave the namespace behind: it ends with the process that holds it, whatever happens to the test.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any, Self

from tests.rig.parts import RigError, need_root, program


class NetNamespace:
    """A network of its own: loopback up, with multicast and a route for it, and nothing else.

    `addresses` (like "10.77.0.1/24") are put on one end of a veth pair inside, for what does not work on loopback (ICE).
    Run things in it with `run`, `popen`, `prefix` (RtspServer takes one), or `entered` for sockets of the current thread.
    """

    def __init__(self, *, addresses: Sequence[str] = ()) -> None:
        self._addresses = list(addresses)
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        need_root("A network namespace")
        ip = program("ip", "iproute2")
        lines = [
            f"{ip} link set lo up",
            f"{ip} link set lo multicast on",
            f"{ip} route add 224.0.0.0/4 dev lo",
        ]
        if self._addresses:
            lines.append(f"{ip} link add rig0 type veth peer name rig1")
            lines.extend(f"{ip} addr add {address} dev rig0" for address in self._addresses)
            lines.extend((f"{ip} link set rig0 up", f"{ip} link set rig1 up"))
        lines.extend(("echo ready", "exec cat"))  # cat ends with its stdin: with this process, whatever happens to it
        self._holder = subprocess.Popen(
            [program("unshare", "util-linux"), "--net", "sh", "-ec", "\n".join(lines)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            _, said = self._holder.communicate()
            self._holder = None
            raise RigError(f"A network namespace could not be made: {said.strip()}")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._holder is not None:
            self._holder.communicate()
            self._holder = None

    @property
    def path(self) -> str:
        """The namespace as a file, for setns(2)."""
        if self._holder is None:
            raise RigError("The network namespace is not open: use it inside its `with`.")
        return f"/proc/{self._holder.pid}/ns/net"

    @property
    def prefix(self) -> list[str]:
        """What to put before a command so that it runs in the namespace."""
        return [program("nsenter", "util-linux"), f"--net={self.path}", "--"]

    def run(self, command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
        """subprocess.run in the namespace: output captured as text, no exception for its exit code."""
        return subprocess.run([*self.prefix, *command], check=False, capture_output=True, text=True, **more)

    def popen(self, command: Sequence[str], **more: Any) -> subprocess.Popen[Any]:
        """subprocess.Popen in the namespace; the process id is the command's own."""
        return subprocess.Popen([*self.prefix, *command], **more)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The current thread (only it) is in the namespace: sockets that it makes belong there. Not across `await`."""
        with open("/proc/thread-self/ns/net") as home, open(self.path) as away:
            os.setns(away.fileno(), os.CLONE_NEWNET)
            try:
                yield
            finally:
                os.setns(home.fileno(), os.CLONE_NEWNET)
