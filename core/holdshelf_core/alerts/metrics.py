"""Metrics for Prometheus, where the admin has switched them on: a file for node_exporter, a page on this machine.

The file needs no open port: node_exporter's textfile collector reads it (`*.prom`). The page listens on the loopback interface
only; whoever has an account on this machine can read it, and it has nothing but the report (ADR 56).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.metrics_types import MetricsText, ReadMetrics
from holdshelf_core.alerts.prometheus import OPENMETRICS_TYPE, TEXT_TYPE, exposition
from holdshelf_core.alerts.reporter import Reporter
from holdshelf_core.api.bounded import Bounded
from holdshelf_core.api.types import CheckStep
from holdshelf_core.frame import Frame

_LOGGER = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/metrics"
SUFFIX: Final = ".prom"
"""node_exporter reads files that end so, and no other: the unfinished one does not."""
FILE_MODE: Final = 0o644
MOST_CONNECTIONS: Final = 16
MAX_HEADER_BYTES: Final = 4096
CONNECTION_S: Final = 20.0
"""A connection that has lasted so long is closed, whatever it does: a scrape is over in a moment."""


class Metrics:
    """Both ways. ``file`` None, ``port`` 0: that way is off."""

    def __init__(self, frame: Frame, reporter: Reporter, file: Path | None, port: int) -> None:
        self._frame, self._reporter, self._file, self._port = frame, reporter, file, port
        self._page = MetricsPage(lambda: self._latest)
        self._latest: Report | None = None
        self._writing = False
        self._unlisten: Callable[[], None] | None = None
        self._file_problem, self._page_problem = "", ""

    async def async_start(self) -> None:
        """Begin with what is switched on. A port or a folder that cannot be used is told, and stops nothing."""
        if self._port:
            try:
                await self._page.async_start(self._port)
            except OSError as error:
                self._page_problem = f"port {self._port} cannot be opened: {error.strerror}"
                _LOGGER.warning("metrics: %s", self._page_problem)
        if self._port or self._file is not None:
            self._unlisten = self._reporter.async_listen(self._take)

    async def async_stop(self) -> None:
        """Close the page. The file stays: that it grows old is what tells of a recorder that is off."""
        if self._unlisten is not None:
            self._unlisten()
        await self._page.async_stop()

    def steps(self) -> list[CheckStep]:
        """Return what `doctor` says of both ways."""
        found = []
        if self._file is not None:
            found.append(_step(f"The metrics file {self._file}", self._file_problem, "is written"))
        if self._port:
            found.append(
                _step(f"The metrics page on port {self._port}", self._page_problem, "is open, on this machine")
            )
        return found

    def _take(self, report: Report) -> None:
        self._latest = report
        if self._file is not None and not self._writing:  # a disk that hangs holds up one write
            self._writing = True
            self._frame.async_spawn(self._write(self._file, exposition(report)), "metrics file")

    async def _write(self, file: Path, text: str) -> None:
        problem = ""
        try:
            await asyncio.to_thread(write_file, file, text)
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
        finally:
            self._writing = False
        if problem != self._file_problem:
            if problem:
                _LOGGER.warning("the metrics file %s %s", file, problem)
            else:
                _LOGGER.info("the metrics file %s is written again", file)
        self._file_problem = problem


def _step(what: str, problem: str, well: str) -> CheckStep:
    if not problem:
        return CheckStep("metrics", "ok", f"{what} {well}.")
    return CheckStep("metrics", "warning", f"{what}: {problem}.", "docs/metrics.md says what the service needs for it.")


def write_file(file: Path, text: str) -> None:
    """Put a whole file in the place of the last one. Raises OSError.

    Not synced: after a crash it is made anew. The folder may be another account's, so the unfinished file is always a new one
    and never a link that lies there.
    """
    unfinished = file.with_name(f".{file.name}.tmp")
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(unfinished, flags, FILE_MODE), "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), FILE_MODE)  # the umask applied
        out.write(text)
    unfinished.rename(file)


class MetricsPage:
    """GET /metrics on the loopback interface, and nothing else."""

    def __init__(self, latest: Callable[[], Report | None]) -> None:
        self._latest = latest
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Transport, None] = {}
        """The oldest first."""

    async def async_start(self, port: int) -> None:
        """Begin to listen on 127.0.0.1. Raises OSError where the port is taken."""
        app = web.Application(client_max_size=1024)
        app.router.add_get(PATH, self._answer, allow_head=True)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1.0,
            keepalive_timeout=CONNECTION_S,
            lingering_time=1.0,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=64,
            read_bufsize=MAX_HEADER_BYTES,
            auto_decompress=False,
        )
        await self._runner.setup()
        make_http = self._runner.server
        assert make_http is not None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Bounded(self._open, make_http(), MOST_CONNECTIONS, CONNECTION_S), LOOPBACK, port, backlog=16
        )
        self._names = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}

    async def async_stop(self) -> None:
        """Stop listening, and end the connections that are open."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        # A page in somebody's browser could have its own name point here (DNS rebinding): it comes with that name.
        if request.host not in self._names:
            raise web.HTTPForbidden(text="This page is asked for as localhost.\n")
        report = self._latest()
        if report is None:
            raise web.HTTPServiceUnavailable(text="No figures yet.\n")
        openmetrics = "application/openmetrics-text" in request.headers.get("Accept", "")
        kind = OPENMETRICS_TYPE if openmetrics else TEXT_TYPE
        text = exposition(report, openmetrics=openmetrics)
        return web.Response(body=text.encode(), headers={"Content-Type": kind, "Cache-Control": "no-store"})


class MetricsReads:
    """Answers `holdshelf metrics`, whether or not a way is switched on."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    @handles(ReadMetrics)
    async def read(self, asked: Reading[ReadMetrics]) -> MetricsText:
        """Return the figures of now."""
        report = await self._reporter.async_report()
        return MetricsText(exposition(report, openmetrics=asked.request.openmetrics))
