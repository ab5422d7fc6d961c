"""One command of one session, or one client that fetches files: three pipes between the client's channel and a child.

A client that stops reading stops the child, not the door; a command that nobody waits for any more is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from holdshelf_tui.ssh.children.fork_server import Children, Passed, SessionProcess

if TYPE_CHECKING:
    from holdshelf_tui.ssh.connection import DoorConnection
    from holdshelf_tui.ssh.session import Channel, DoorSession

CHUNK_BYTES = 16 << 10
REKEY_POLL_S = 0.05
CTRL_C = b"\x03"
INTERRUPTED = 130


class Command:
    """``visit.Running``. ``terminal``: the client made its terminal raw (`ssh -t`), and lines must end as it wants."""

    def __init__(self, connection: DoorConnection, channel: Channel, session: DoorSession, *, terminal: bool) -> None:
        self._connection, self._channel, self._session = connection, channel, session
        self._terminal = terminal
        self._child: SessionProcess | None = None
        self._stdin = -1
        self._input = bytearray()
        self._input_ends = False
        self._out: dict[int, bool] = {}
        """Reading ends, and whether that is standard error."""
        self._reading: set[int] = set()
        self._paused = False
        self._reason = ""
        self._interrupted = False
        self._written = asyncio.Event()
        self._unlisten = connection.listen_writable(self._check)

    async def async_start(
        self, children: Children, data: str, env: Mapping[str, str], words: Sequence[str] | None
    ) -> None:
        """Make the pipes and a child on them; ``words`` None: it serves files. Raises OSError."""
        child_in, self._stdin = os.pipe()
        out, child_out = os.pipe()
        err, child_err = os.pipe()
        theirs = (child_in, child_out, child_err)
        self._out = {out: False, err: True}
        try:
            for fd in (self._stdin, out, err):
                os.set_blocking(fd, False)
            pipes = (Passed(fd) for fd in theirs)
            if words is None:
                self._child = await children.async_start("sftp", data, *pipes, dict(env))
            else:
                self._child = await children.async_start("command", data, *pipes, dict(env), list(words))
        except BaseException:
            self._close()
            self._unlisten()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self._waiting = asyncio.get_running_loop().create_task(self._await_end(self._child), name="command")
        self._check()

    # --- out ------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Read from the child exactly while the client takes more."""
        if self._child is None:
            return
        loop = asyncio.get_running_loop()
        wanted = not self._paused and self._connection.takes_more
        for fd in self._out:
            if wanted and fd not in self._reading:
                loop.add_reader(fd, self._readable, fd)
                self._reading.add(fd)
            elif not wanted and fd in self._reading:
                loop.remove_reader(fd)
                self._reading.discard(fd)
        if self._out and not self._paused and self._connection.writable and not wanted:
            loop.call_later(REKEY_POLL_S, self._check)

    def _readable(self, fd: int) -> None:
        try:
            data = os.read(fd, CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._close_out(fd)
            return
        self._send(data, error=self._out[fd])
        self._check()

    def _send(self, data: bytes, *, error: bool) -> None:
        if self._terminal:
            data = data.replace(b"\n", b"\r\n")
        with contextlib.suppress(OSError):
            if error and not self._terminal:
                self._channel.write_stderr(data)
            else:
                self._channel.write(data)

    def pause(self) -> None:
        """The client's window is full."""
        self._paused = True
        self._check()

    def resume(self) -> None:
        """It has room again."""
        self._paused = False
        self._check()

    # --- in -------------------------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Standard input of the command; in a terminal, Ctrl+C in it interrupts."""
        if self._terminal and CTRL_C in data:
            self.interrupt()
            return
        if self._stdin < 0:
            return
        self._input += data
        self._writable()

    def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            del self._input[: os.write(self._stdin, self._input) if self._input else 0]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._input.clear()  # the command reads no more
            self._input_ends = True
        if self._input:
            loop.add_writer(self._stdin, self._writable)
            self._channel.pause_reading()
            return
        loop.remove_writer(self._stdin)
        with contextlib.suppress(OSError):
            self._channel.resume_reading()
        if self._input_ends:
            os.close(self._stdin)
            self._stdin = -1

    def received_eof(self) -> None:
        """No more of it."""
        self._input_ends = True
        if self._stdin >= 0:
            self._writable()

    def interrupt(self) -> None:
        """Interrupt the command, as Ctrl+C does."""
        self._interrupted = True
        if self._child is not None:
            self._child.interrupt()

    # --- the end --------------------------------------------------------------------------------------------------

    def tell(self, **message: str) -> None:
        """To the child. A command takes one token only and does not outlive its service; who fetches files takes each."""
        if self._child is not None:
            self._child.tell(**message)

    def end(self, reason: str) -> None:
        """End it, and say why."""
        self._reason = self._reason or reason
        if self._child is not None:
            self._child.end(reason)

    def hang_up(self) -> None:
        """The client has gone."""
        self._close()
        if self._child is not None:
            self._child.end("The connection was closed.")

    async def _await_end(self, child: SessionProcess) -> None:
        await child.exited.wait()
        # What it wrote is in the pipes, however slowly the client takes it; when that gives up, the channel closes.
        await self._written.wait()
        self._close()
        self._unlisten()
        if self._reason:
            self._session.say(self._reason, 1)
        elif child.bye is None and not self._interrupted:
            self._session.say("This command failed because of a bug.", 1)
        else:
            self._session.finish(INTERRUPTED if self._interrupted else child.code)
        self._session.ran()

    def _close_out(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(fd)
        self._reading.discard(fd)
        del self._out[fd]
        os.close(fd)
        if not self._out:
            self._written.set()

    def _close(self) -> None:
        for fd in tuple(self._out):
            self._close_out(fd)
        if self._stdin >= 0:
            asyncio.get_running_loop().remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = -1
