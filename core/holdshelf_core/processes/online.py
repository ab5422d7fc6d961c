"""What processes that talk to others over IP have in common: what they must read after they are confined, and how they begin."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core import service_log
from holdshelf_core.processes.online_link import MAX_LINE_BYTES

_RESOLVER: Final = ("/etc/resolv.conf", "/etc/hosts")
_READABLE: Final = (
    *("/usr", "/lib", "/lib64", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/localtime", "/dev/null"),
    *(*_RESOLVER, "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/ld.so.cache"),
    *("/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/run/connman"),
)


def resolver_identity() -> list[tuple[int, int]]:
    """Return which files tell how names are resolved: files that replaced them may not be read by a confined process."""
    found = []
    for name in _RESOLVER:
        with contextlib.suppress(OSError):
            status = os.stat(name)  # noqa: PTH116 - followed: the file behind the link is what is read
            found.append((status.st_dev, status.st_ino))
    return found


def readable() -> list[Path]:
    """Return what must be read later: code that libraries import late, certificates, and how names are resolved."""
    paths = ssl.get_default_verify_paths()
    own = [sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)]
    certificates = [path for path in (paths.cafile, paths.capath) if path]
    return [Path(path) for path in dict.fromkeys((*_READABLE, *certificates, *own)) if path != "/"]


def begin[S](of_type: type[S], decode: Callable[[bytes], object], niceness: int) -> tuple[S, bytes] | None:
    """Begin such a process: return its set-up, the first line of its standard input, and what came with that line.

    None: the service has closed the pipe already. Raises msgspec.MsgspecError when the line is no set-up.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when to end; a terminal's Ctrl+C reaches all
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    service_log.configure(times=False)
    os.nice(niceness)
    line, rest = _first_line()
    if not line:
        return None
    setup = decode(line)
    if not isinstance(setup, of_type):
        raise msgspec.ValidationError("the first line is no set-up")
    return setup, rest


def _first_line() -> tuple[bytes, bytes]:
    """Return the first line of standard input, and what came with it."""
    data = b""
    while b"\n" not in data and len(data) < MAX_LINE_BYTES:
        chunk = os.read(0, 1 << 16)
        if not chunk:
            break
        data += chunk
    line, _, rest = data.partition(b"\n")
    return line, rest
