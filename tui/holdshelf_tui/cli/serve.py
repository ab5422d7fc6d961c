"""Starts the service in this process. The one command that may import it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from holdshelf_core.app import Holdshelf
from holdshelf_core.paths import DataPaths


def configure_logging(*, verbose: bool) -> None:
    """One line an event on stderr; under systemd without the time, which the journal adds."""
    under_systemd = "JOURNAL_STREAM" in os.environ
    form = "%(levelname)s %(name)s: %(message)s" if under_systemd else "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=form, stream=sys.stderr)
    for noisy in ("apscheduler", "asyncio", "httpx", "zeep"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run(data: Path, *, verbose: bool) -> None:
    """Serve until told to stop. Raises HoldshelfError when the service cannot start."""
    configure_logging(verbose=verbose)

    async def serve() -> None:
        await Holdshelf(DataPaths(data)).async_run()

    asyncio.run(serve())
