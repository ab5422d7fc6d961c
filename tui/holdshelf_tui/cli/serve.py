"""Starts the service in this process. The one command that may import it.

`python -m holdshelf_tui.cli.serve` is what the supervisor starts: `holdshelf serve --no-door` without Typer, which would stay in
the memory of a process that runs for years.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from pathlib import Path

from holdshelf_core import service_log
from holdshelf_core.api.ownership import check_files, check_writer
from holdshelf_core.paths import DataPaths
from holdshelf_tui.cli import one_sentence


def configure_logging(*, verbose: bool) -> None:
    """The service's own log, without what libraries say of their work."""
    service_log.configure(verbose=verbose)
    for noisy in ("apscheduler", "asyncio", "httpx", "zeep"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Bytes that are no HTTP get a refusal; a line for each would let a local account fill the log.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def run(
    data: Path,
    *,
    verbose: bool,
    metrics_file: Path | None = None,
    metrics_port: int = 0,
    ends_with_stdin: bool = False,
    mint_fd: int | None = None,
    sessions_fd: int | None = None,
    ready_fd: int | None = None,
) -> None:
    """Serve until told to stop. Raises HoldshelfError when the service cannot start.

    ``ends_with_stdin``: also when standard input is closed, so that a program which holds its other end (the demo)
    leaves no service behind, however it ends. ``metrics_file`` None, ``metrics_port`` 0: no metrics are given. ``mint_fd``:
    our end of the socket pair on which the SSH door asks for sessions; without it nobody logs in from outside.
    ``sessions_fd``: memory in which living sessions are kept for the next service. ``ready_fd``: where the supervisor waits
    for a byte once this serves.
    """
    import asyncio  # noqa: PLC0415 - an interrupt while this is read is told in one sentence, too

    from holdshelf_core.app import Holdshelf  # noqa: PLC0415

    configure_logging(verbose=verbose)
    os.umask(0o077)  # what the service makes is the service's account's alone

    async def serve() -> None:
        service = Holdshelf(
            DataPaths(data),
            mint_fd=mint_fd,
            sessions_fd=sessions_fd,
            metrics_file=metrics_file,
            metrics_port=metrics_port,
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


def main() -> None:
    """Serve as the supervisor says, until told to stop. Exit codes as of `holdshelf`."""
    given = _arguments()
    with one_sentence():
        check_writer(given.data, ["serve", "--data", str(given.data)])
        check_files(given.data)
        run(
            given.data,
            verbose=given.verbose,
            metrics_file=given.metrics_file,
            metrics_port=given.metrics_port,
            ends_with_stdin=given.ends_with_stdin,
            mint_fd=given.mint_fd,
            sessions_fd=given.sessions_fd,
            ready_fd=given.ready_fd,
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="holdshelf service", description="The service; `holdshelf serve` starts it.")
    parser.add_argument("--no-door", action="store_true", required=True, help="for who reads the list of processes")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mint-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--sessions-fd", type=int, required=True)
    parser.add_argument("--metrics-file", type=Path)
    parser.add_argument("--metrics-port", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--ends-with-stdin", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
