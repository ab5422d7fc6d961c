"""The screens of one session: a pseudo-terminal between the client's channel and a child, with little in between.

Read from the terminal is only what the client takes: what it does not take waits in the child, where pictures are paced. Written
to the terminal is only what the child takes: a paste of a megabyte waits at the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdshelf_tui.ssh.children.fork_server import Children, Passed, SessionProcess
from holdshelf_tui.ssh.environment import Size
from holdshelf_tui.ssh.reset import Screen

if TYPE_CHECKING:
    from holdshelf_tui.ssh.connection import DoorConnection
    from holdshelf_tui.ssh.session import Channel, DoorSession

CHUNK_BYTES = 4 << 10
REKEY_POLL_S = 0.05
# The child has gone; what it wrote last is still in the terminal.
LAST_BYTES = 64 << 10
KEYS_LEFT_BYTES = 64 << 10
FAILED = "This session failed because of a bug. Log in again."


class Terminal:
    """``visit.Running``. Made with its channel; lives from ``async_start`` until the child has gone."""

    def __init__(self, connection: DoorConnection, channel: Channel, session: DoorSession) -> None:
        self._connection, self._channel, self._session = connection, channel, session
        self._screen = Screen()
        self._child: SessionProcess | None = None
        self._master = -1
        self._keys = bytearray()
        self._reading = self._paused = False
        self._reason = ""
        self._unlisten = connection.listen_writable(self._check)

    async def async_start(self, children: Children, data: str, term: str, env: Mapping[str, str], size: Size) -> None:
        """Open the terminal and put a child on it. Raises OSError."""
        self._master, slave = os.openpty()
        try:
            os.set_blocking(self._master, False)
            self._set_size(size)
            _make_raw(slave)
            self._child = await children.async_start("session", data, Passed(slave), term, dict(env), size[:2])
        except BaseException:
            self._close_master()
            self._unlisten()
            raise
        finally:
            os.close(slave)
        self._waiting = asyncio.get_running_loop().create_task(self._await_end(self._child), name="terminal")
        self._check()

    # --- out: terminal to client ----------------------------------------------------------------------------------

    def _check(self) -> None:
        """Read from the terminal exactly while the client takes more."""
        if self._master < 0 or self._child is None:
            return
        loop = asyncio.get_running_loop()
        wanted = not self._paused and self._connection.takes_more
        if wanted and not self._reading:
            loop.add_reader(self._master, self._readable)
        elif not wanted and self._reading:
            loop.remove_reader(self._master)
        self._reading = wanted
        if not self._paused and self._connection.writable and not wanted:
            loop.call_later(REKEY_POLL_S, self._check)  # new keys are being made; nobody says when that is done

    def _readable(self) -> None:
        try:
            data = os.read(self._master, CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""  # EIO: nobody has the terminal open any more
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            self._reading = False
            self._paused = True
            return
        self._send(data)
        self._check()

    def _send(self, data: bytes) -> None:
        self._screen.sent(data)
        with contextlib.suppress(OSError):
            self._channel.write(data)

    def pause(self) -> None:
        """The client's window is full."""
        self._paused = True
        self._check()

    def resume(self) -> None:
        """It has room again."""
        self._paused = False
        self._check()

    # --- in: client to terminal -----------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Keys. While the child does not take them, the client is asked to send no more."""
        if self._master < 0:
            return
        if not self._keys:
            data = data[self._write(data) :]
        if data:
            self._keys += data
            del self._keys[KEYS_LEFT_BYTES * 4 :]
            self._channel.pause_reading()
            asyncio.get_running_loop().add_writer(self._master, self._writable)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._master, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            return len(data)  # nobody is there to read it

    def _writable(self) -> None:
        del self._keys[: self._write(self._keys)]
        if not self._keys:
            asyncio.get_running_loop().remove_writer(self._master)
            with contextlib.suppress(OSError):
                self._channel.resume_reading()

    def received_eof(self) -> None:
        """A terminal has no end of input; a client that sends one is leaving."""
        self.end("")

    def resize(self, size: Size) -> None:
        """The kernel tells the child (SIGWINCH), as often as it has time for, also where only the letters' size is another."""
        if self._master >= 0:
            with contextlib.suppress(OSError):
                self._set_size(size)

    def _set_size(self, size: Size) -> None:
        packed = struct.pack("4H", size.rows, size.columns, size.width_px, size.height_px)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, packed)

    # --- the end --------------------------------------------------------------------------------------------------

    def tell(self, **message: str) -> None:
        """Send a message to the child; nothing while there is none."""
        if self._child is not None:
            self._child.tell(**message)

    def end(self, reason: str) -> None:
        """End it; the reason is the last that the person reads."""
        self._reason = self._reason or reason
        if self._child is not None:
            self._child.end(reason or "The connection is closing.")

    def hang_up(self) -> None:
        """The client has gone: the child loses its terminal, and its life a second later."""
        self._close_master()
        if self._child is not None:
            self._child.end("The connection was closed.")

    async def _await_end(self, child: SessionProcess) -> None:
        await child.exited.wait()
        if self._master >= 0:
            self._drain()
            self._close_master()
        self._unlisten()
        if not self._channel.is_closing():
            self._send(self._screen.reset() + b"\r\n")
            reason = self._reason or (FAILED if child.bye is None else child.bye)
            if reason:
                self._session.say(reason, child.code or 1)
            else:
                self._session.finish(child.code)
        self._session.ran()

    def _drain(self) -> None:
        left = LAST_BYTES
        while left > 0 and self._connection.takes_more and not self._channel.is_closing():
            try:
                data = os.read(self._master, CHUNK_BYTES)
            except OSError:
                return
            if not data:
                return
            self._send(data)
            left -= len(data)

    def _close_master(self) -> None:
        if self._master >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._master)
            loop.remove_writer(self._master)
            os.close(self._master)
            self._master = -1


def _make_raw(fd: int) -> None:
    """As the screens want it: what is typed before they are there is not echoed. Lines of a plain sentence still end well."""
    tty.setraw(fd)
    modes = termios.tcgetattr(fd)
    modes[1] |= termios.OPOST | termios.ONLCR
    termios.tcsetattr(fd, termios.TCSANOW, modes)
