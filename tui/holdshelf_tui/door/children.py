"""Processes of sessions: forked from a fork server that has everything loaded (multiprocessing's), watched, ended.

A child is known by a descriptor of its own (pidfd), not by its parent's word: when the fork server is killed its children
live on, and a new one is there before anybody misses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import multiprocessing as mp
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver, reduction
from typing import Any

_LOGGER = logging.getLogger(__name__)

PRELOAD = "holdshelf_tui.door.preload"
STUCK_S, COLD_STUCK_S = 8.0, 40.0
"""A fork server that has not made a process after so long is replaced; its first one waits for all that it imports, which takes
a busy machine its time."""
AFTER_STUCK_S = 7.0
"""For the next one."""
END_S = 1.0
TRIES, TRY_AGAIN_S = 5, 0.1
MAX_CONTROL_BYTES = 16 << 10
_PR_SET_CHILD_SUBREAPER = 36


class Passed:
    """A descriptor on its way to a child. The sender keeps and closes its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any]]:
        return _detached, (reduction.DupFd(self._fd),)


def _detached(passed: Any) -> int:
    return int(passed.detach())


def _enter(entry: str, control: int, arguments: Sequence[Any]) -> None:
    """In the child. It ends here, whatever happens: a terminal that was hung up on meanwhile is no fault."""
    try:
        _run(entry, control, arguments)
    except OSError:
        os._exit(1)


def _run(entry: str, control: int, arguments: Sequence[Any]) -> None:
    if entry == "session":
        from holdshelf_tui.session_child import run as session  # noqa: PLC0415

        data, tty, term, env, size = arguments
        session(data, tty, control, term, env, size)
    elif entry == "sftp":
        from holdshelf_tui.sftp_child import run as fetching  # noqa: PLC0415

        data, stdin, stdout, stderr, env = arguments
        fetching(data, (stdin, stdout, stderr), control, env)
    else:
        from holdshelf_tui.command_child import run as command  # noqa: PLC0415

        data, stdin, stdout, stderr, env, words = arguments
        command(data, (stdin, stdout, stderr), control, env, words)


class Child:
    """One process, and our end of its control channel. Methods run on the loop."""

    def __init__(self, pid: int, pidfd: int, control: socket.socket) -> None:
        self.pid = pid
        self.bye: str | None = None
        """What it said when it ended by itself; None when it said nothing."""
        self.code = 1
        self.exited = asyncio.Event()
        self._pidfd = pidfd
        self._control = control
        self._raw = b""
        self._killer: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        loop.add_reader(pidfd, self._gone)
        loop.add_reader(control, self._told)

    def tell(self, **message: str) -> None:
        """One line on the control channel. A child that does not read is ended, sooner or later, for another reason."""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode() + b"\n")

    def end(self, reason: str) -> None:
        """Ask it to end; kill it after a second."""
        if self.exited.is_set():
            return
        self.tell(end=reason)
        if self._killer is None:
            self._killer = asyncio.get_running_loop().call_later(END_S, self.kill)

    def interrupt(self) -> None:
        """Ctrl+C: what it has begun it may call off; it is killed after a second."""
        if self.exited.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGINT)
        if self._killer is None:
            self._killer = asyncio.get_running_loop().call_later(END_S, self.kill)

    def kill(self) -> None:
        """It, and what it may have started."""
        if not self.exited.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _told(self) -> None:
        try:
            raw = self._control.recv(MAX_CONTROL_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            raw = b""
        if not raw:
            asyncio.get_running_loop().remove_reader(self._control)
            return
        *lines, self._raw = (self._raw + raw).split(b"\n")
        if len(self._raw) > MAX_CONTROL_BYTES:
            self._raw = b""
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                told = json.loads(line)
                if "fault" in told:
                    _LOGGER.error("a session's process failed: %s", str(told["fault"])[:MAX_CONTROL_BYTES])
                if "bye" in told:
                    self.bye = str(told["bye"])
                    self.code = int(told.get("code", 1)) & 0xFF

    def _gone(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        self._told()  # its last words may still lie there
        loop.remove_reader(self._control)
        with contextlib.suppress(OSError):  # usually the fork server's to reap; ours when that has gone
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        os.close(self._pidfd)
        self._control.close()
        if self._killer is not None:
            self._killer.cancel()
        self.exited.set()


class Children:
    """The fork server and who came from it."""

    def __init__(self) -> None:
        self._context = mp.get_context("forkserver")
        self._context.set_forkserver_preload([PRELOAD])
        # Asking the fork server blocks for some milliseconds: in one thread, in order.
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="children")
        self._living: set[Child] = set()
        self._watched_pid = 0
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    async def async_warm(self) -> None:
        """Have a fork server at hand, now and whenever the one that there was has gone."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._asking, forkserver.ensure_running)
        except OSError as error:
            _LOGGER.error("the fork server cannot be started: %s", error.strerror)
            return
        self._watch_server(loop)

    def _watch_server(self, loop: asyncio.AbstractEventLoop) -> None:
        pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
        if not pid or pid == self._watched_pid:
            return
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return
        self._watched_pid = pid

        def gone() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            self._warm = False
            if not self._closed:
                _LOGGER.warning("the fork server ended; another one takes its place")
                self._warming = loop.create_task(self.async_warm())

        loop.add_reader(pidfd, gone)

    def _kill_server(self) -> None:
        """Whoever waits for it hears that it is gone, and asks the next one."""
        pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
        _LOGGER.warning("the fork server does not answer; it is ended")
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    _closed = False
    _warm = False
    """The fork server has made a process already."""
    _warming: asyncio.Task[None] | None = None

    async def async_start(self, entry: str, *arguments: Any) -> Child:
        """A new child: ``session``, ``command`` or ``sftp`` with its arguments (descriptors as ``Passed``). Raises OSError."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            patience_s = STUCK_S if self._warm else COLD_STUCK_S
            async with asyncio.timeout(patience_s + AFTER_STUCK_S):
                start = loop.run_in_executor(self._asking, self._start, entry, Passed(theirs.fileno()), arguments)
                made, _ = await asyncio.wait({start}, timeout=patience_s)
                if not made:
                    self._kill_server()
                pid, pidfd = await asyncio.shield(start)
        except TimeoutError:
            ours.close()  # a late child finds its door gone, and ends
            raise OSError(110, "the fork server does not answer") from None
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._warm = True
        self._watch_server(loop)
        child = Child(pid, pidfd, ours)
        self._living.add(child)
        loop.create_task(self._forget(child)).add_done_callback(lambda _: None)
        return child

    async def _forget(self, child: Child) -> None:
        await child.exited.wait()
        self._living.discard(child)

    def _start(self, entry: str, control: Passed, arguments: Sequence[Any]) -> tuple[int, int]:
        """In the asking thread. The fork server may die at any moment: until it is known to be dead, no other is begun."""
        for _ in range(TRIES):
            process = self._context.Process(target=_enter, args=(entry, control, arguments), daemon=True)
            try:
                process.start()
            except (OSError, EOFError):
                time.sleep(TRY_AGAIN_S)
                continue
            assert process.pid is not None
            pidfd = os.pidfd_open(process.pid)
            _let_go(process)
            return process.pid, pidfd
        raise OSError(11, "no process for a session can be started")

    async def async_close(self) -> None:
        """End whoever is left, and the fork server."""
        self._closed = True
        for child in tuple(self._living):
            child.kill()
        async with asyncio.timeout(2):
            for child in tuple(self._living):
                await child.exited.wait()
        self._asking.shutdown(wait=False)


def _let_go(process: Any) -> None:
    """multiprocessing waits at exit for children that it knows, and keeps a pipe to each: we watch ours ourselves."""
    popen = process._popen
    if popen is not None:
        popen.finalizer()
    mp.process._children.discard(process)  # type: ignore[attr-defined]
