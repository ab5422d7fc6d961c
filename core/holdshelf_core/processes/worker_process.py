"""A worker process as the service sees it: started, connected by one socket pair, ended.

Shared by the recorder's and the picture workers. A worker is ``python -m MODULE FD …``: FD is its end of a SOCK_SEQPACKET pair;
it exits when that closes. Descriptors are sent with messages. Nothing here decides when a worker is restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

_LOGGER = logging.getLogger(__name__)

QUIT_TIMEOUT_S = 5.0


def cores() -> list[int]:
    """Return the cores that this process may use, so that workers pin themselves to allowed ones."""
    return sorted(os.sched_getaffinity(0))


class WorkerProcess[M]:
    """One worker: its process and its control socket. Messages are decoded by ``decode`` (which raises MsgspecError)."""

    def __init__(
        self,
        title: str,
        decode: Callable[[bytes], M],
        on_message: Callable[[M], None],
        on_exit: Callable[[], None],
        max_message_bytes: int,
    ) -> None:
        """``title`` names it in the service's own log. ``on_message`` and ``on_exit`` are called on the loop."""
        self.title = title
        self._decode = decode
        self._on_message = on_message
        self._on_exit = on_exit
        self._max_message_bytes = max_message_bytes
        self._link: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._outbox: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._watch: asyncio.Task[None] | None = None
        self.quitting = False

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process else None

    async def start(self, module: str, arguments: Sequence[str] = (), pass_fds: Sequence[int] = ()) -> None:
        """Start the process and listen to it. Raises OSError when the system cannot start it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the folder that the service was started in must not shadow a module
                "-m",
                module,
                str(theirs.fileno()),
                *arguments,
                pass_fds=(theirs.fileno(), *pass_fds),
                stdin=asyncio.subprocess.DEVNULL,
                # Demuxing threads share two arenas: half the memory, no measurable time (CAMERAS.md).
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._link = ours
        asyncio.get_running_loop().add_reader(ours, self._readable)
        self._watch = asyncio.create_task(self._wait(), name=self.title)

    async def _wait(self) -> None:
        assert self._process is not None
        code = await self._process.wait()
        # What it sent before it died is still in the socket: facts about finished work come first.
        self._readable()
        self._hang_up()
        if not self.quitting:
            _LOGGER.warning("%s ended by itself (%s)", self.title, code)
        self._on_exit()

    def _readable(self) -> None:
        link = self._link
        while link is not None:
            try:
                packet = link.recv(self._max_message_bytes)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet = b""
            if not packet:
                asyncio.get_running_loop().remove_reader(link)
                return
            try:
                self._on_message(self._decode(packet))
            except msgspec.MsgspecError:
                _LOGGER.error("%s sent nonsense and is ended", self.title)
                self.kill()

    def send(self, packet: bytes, fd: int | None = None) -> None:
        """Queue a message; a descriptor is duplicated for sending, the caller keeps its own."""
        if self._link is None:
            return
        fds = (os.dup(fd),) if fd is not None else ()
        self._outbox.append((packet, fds))
        self._flush()

    def _flush(self) -> None:
        link = self._link
        if link is None:
            return
        loop = asyncio.get_running_loop()
        while self._outbox:
            packet, fds = self._outbox[0]
            try:
                if fds:
                    socket.send_fds(link, [packet], list(fds))
                else:
                    link.send(packet)
            except (BlockingIOError, InterruptedError):
                loop.add_writer(link, self._flush)
                return
            except OSError:
                break  # it is gone; _wait reports that
            self._outbox.popleft()
            for one in fds:
                os.close(one)
        loop.remove_writer(link)

    async def ask_to_quit(self, packet: bytes) -> None:
        """Send its quit message and wait; after ``QUIT_TIMEOUT_S`` it is killed."""
        self.quitting = True
        self.send(packet)
        if self._watch is not None:
            _done, pending = await asyncio.wait({self._watch}, timeout=QUIT_TIMEOUT_S)
            if pending:
                _LOGGER.warning("%s did not end in %.0f s and is killed", self.title, QUIT_TIMEOUT_S)
                self.kill()
                await self._watch

    def kill(self) -> None:
        """Kill the process with SIGKILL; nothing if it has ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(link)
            loop.remove_writer(link)
            link.close()
        while self._outbox:
            for fd in self._outbox.popleft()[1]:
                os.close(fd)
