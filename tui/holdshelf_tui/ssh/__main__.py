"""`python -m holdshelf_tui.ssh`: started by the supervisor, with its socket to it already open."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import sys
from pathlib import Path

from holdshelf_core import service_log
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_tui.ssh.server import Door, Settings

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
OPEN_FILES = 4096
ADDRESS_SPACE_BYTES = 4 << 30
NICENESS, OOM_SCORE = 5, 300


def main() -> None:
    """Exit codes: 0 told to end, 1 with one sentence."""
    given = _arguments()
    _configure_logging(verbose=given.verbose)
    _limit()
    control = socket.socket(fileno=given.control_fd)
    os.set_inheritable(given.control_fd, False)
    try:
        asyncio.run(_serve(Settings(given.data, given.port, given.address), control))
    except HoldshelfError as error:
        logging.getLogger("holdshelf").error("%s", error)
        sys.exit(1)


async def _serve(settings: Settings, control: socket.socket) -> None:
    door = Door(settings, control)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, door.stop)
    await door.async_run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="holdshelf door", description="The SSH door; `holdshelf serve` starts it.")
    parser.add_argument("--data", required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", default="")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def _configure_logging(*, verbose: bool) -> None:
    service_log.configure(verbose=verbose)
    # What strangers send would fill the log; `limits.Failures` tells what is worth telling.
    logging.getLogger("asyncssh").setLevel(logging.INFO if verbose else logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.ERROR)


def _limit() -> None:
    """A flood at the door may fill the door; never the machine, and recording comes first."""
    os.umask(0o077)
    with contextlib.suppress(OSError):
        # The unit keeps the recorder from being killed for want of memory: that goes for the recorder alone.
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    for what, most in (
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, hard if what == resource.RLIMIT_NOFILE else limit))


if __name__ == "__main__":
    main()
