"""Starts the service in this process. The one command that may import it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from holdshelf_core import service_log
from holdshelf_core.app import Holdshelf
from holdshelf_core.paths import DataPaths
from holdshelf_tui.cli.options import MetricsOptions


def configure_logging(*, verbose: bool) -> None:
    """The service's own log, without what libraries say of their work."""
    service_log.configure(verbose=verbose)
    for noisy in ("apscheduler", "asyncio", "httpx", "zeep"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Bytes that are no HTTP get a refusal; a line for each would let a local account fill the log.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def run(
    data: Path,
    metrics: MetricsOptions,
    *,
    verbose: bool,
    ends_with_stdin: bool = False,
    mint_fd: int | None = None,
    sessions_fd: int | None = None,
    ready_fd: int | None = None,
) -> None:
    """Serve until told to stop. Raises HoldshelfError when the service cannot start.

    ``ends_with_stdin``: also when standard input is closed, so that a program which holds its other end (the demo)
    leaves no service behind, however it ends. ``mint_fd``: our end of the socket pair on which the SSH door asks for
    sessions; without it nobody logs in from outside. ``sessions_fd``: memory in which living sessions are kept for the
    next service. ``ready_fd``: where the supervisor waits for a byte once this serves.
    """
    configure_logging(verbose=verbose)

    async def serve() -> None:
        service = Holdshelf(
            DataPaths(data),
            mint_fd=mint_fd,
            sessions_fd=sessions_fd,
            metrics_file=metrics.file,
            metrics_port=metrics.port,
        )
        if ends_with_stdin:
            loop = asyncio.get_running_loop()

            def readable() -> None:
                if not os.read(sys.stdin.fileno(), 4096):
                    loop.remove_reader(sys.stdin.fileno())
                    service.async_stop()

            loop.add_reader(sys.stdin.fileno(), readable)
        await service.async_run(ready=(lambda: _tell_ready(ready_fd)) if ready_fd is not None else None)

    asyncio.run(serve())


def _tell_ready(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.write(fd, b"1")
        os.close(fd)
