"""The process of a witness: HTTP on one address, confined to its folder (c2sp.org/tlog-witness).

    POST /add-checkpoint        countersign a head
    GET /HASH/checkpoint        the highest head of a log; HASH is the hex SHA-256 of the log's name

Needs no TLS: what is asked and answered is signed, and tells how long a log is and nothing of what is in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aiohttp import web

from holdshelf_core import service_log
from holdshelf_core.api.bounded import Bounded
from holdshelf_core.errors import HoldshelfError, Unavailable
from holdshelf_core.processes.confinement import Confined, confine_witness
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_core.witnesses.protocol import MOST_BODY_BYTES, PATH
from holdshelf_core.witnesses.witness import Answer, Witness

_LOGGER = logging.getLogger(__name__)

MOST_CONNECTIONS: Final = 64
CONNECTION_S: Final = 30.0
BODY_S: Final = 10.0
MOST_WAITING: Final = 32
"""Requests that wait for the one thread that signs."""
MAX_HEADER_BYTES: Final = 8190
MORE_MEMORY_BYTES: Final = 512 << 20
OPEN_FILES: Final = 128
_HASH: Final = re.compile(r"[0-9a-f]{64}")


async def async_serve(folder: Path, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises HoldshelfError."""
    book = WitnessBook(folder)
    lock_fd = book.lock()
    witness = Witness(book, book.signer(), lambda: int(time.time()))
    pages = _Pages(witness)
    runner = web.AppRunner(
        pages.app(),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=1.0,
        keepalive_timeout=CONNECTION_S,
        lingering_time=1.0,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=64,
        auto_decompress=False,
    )
    await runner.setup()
    make_http, loop = runner.server, asyncio.get_running_loop()
    assert make_http is not None
    open_ones: dict[asyncio.Transport, None] = {}
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    listening = _listening(host, port)
    server = await loop.create_server(
        lambda: Bounded(open_ones, make_http(), MOST_CONNECTIONS, CONNECTION_S), sock=listening
    )
    # Last of all, and before the first request: from here on there is no other socket and no other folder.
    confined = confine_witness(_readable(), folder, more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
    try:
        sys.stdout.write(
            f"The witness answers on {host}:{listening.getsockname()[1]}, confined by {_layers(confined)}.\n"
        )
        sys.stdout.flush()
        await stopping.wait()
    finally:
        server.close()
        await runner.cleanup()
        pages.close()
        os.close(lock_fd)


class _Pages:
    """What is answered. One thread signs, one head after the other."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="witness")
        self._waiting = 0

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=MOST_BODY_BYTES)
        app.router.add_post(f"/{PATH}", self._add)
        app.router.add_get("/{hash}/checkpoint", self._checkpoint)
        return app

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    async def _add(self, request: web.Request) -> web.Response:
        async with asyncio.timeout(BODY_S):
            body = await request.read()
        return await self._answer(self._witness.add_checkpoint, body)

    async def _checkpoint(self, request: web.Request) -> web.Response:
        wanted = request.match_info["hash"]
        if not _HASH.fullmatch(wanted):
            raise web.HTTPNotFound(text="No such log.\n")
        return await self._answer(self._witness.checkpoint, wanted)

    async def _answer[T](self, work: Callable[[T], Answer], asked: T) -> web.Response:
        if self._waiting >= MOST_WAITING:
            raise web.HTTPServiceUnavailable(text="Too many requests wait.\n")
        self._waiting += 1
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, work, asked)
        finally:
            self._waiting -= 1
        return web.Response(status=answer.status, body=answer.text.encode(), headers={"Content-Type": answer.kind})


def _listening(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        one = socket.socket(found[0], found[1])
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(found[4])
    except OSError as error:
        raise Unavailable(
            f"The witness cannot listen on {host}:{port}: {error.strerror}.",
            "Give another address: `--listen HOST:PORT`.",
        ) from None
    one.setblocking(False)
    return one


def _readable() -> list[Path]:
    """Return what must be read later: code that is imported late."""
    own = [sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)]
    system = ("/usr", "/lib", "/lib64", "/etc/localtime", "/dev/null", "/etc/ld.so.cache")
    return [Path(path) for path in dict.fromkeys((*system, *own)) if path != "/"]


def _layers(confined: Confined) -> str:
    landlock = [f"Landlock {confined.landlock_abi}"] if confined.landlock_abi else []
    return ", ".join([*landlock, *(["seccomp"] if confined.seccomp else [])]) or "nothing: this kernel lacks both"


def main() -> None:
    """Entry point: FOLDER HOST PORT."""
    folder, host, port = sys.argv[1:]
    service_log.configure()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a stranger's bytes are no fault of ours
    try:
        asyncio.run(async_serve(Path(folder), host, int(port)))
    except HoldshelfError as error:
        sys.exit(f"holdshelf: {error}")


if __name__ == "__main__":
    main()
