"""Processes of sessions: forked from a fork server that has everything loaded (multiprocessing's), watched, ended.

A child is known by a descriptor of its own (pidfd), not by its parent's word: when the fork server is killed its children
live on, and a new one is there before anybody misses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import json
import logging
import multiprocessing as mp
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import forkserver, reduction
from pathlib import Path
from typing import Any

from holdshelf_core.processes.ends import Ends
from holdshelf_core.service_log import FAULT

_LOGGER = logging.getLogger(__name__)

PRELOAD = ["holdshelf_tui.ssh.scratch", "holdshelf_tui.ssh.preload"]
STUCK_S, COLD_STUCK_S = 8.0, 40.0
"""A fork server that was asked for a process and has done nothing for so long is replaced; for its first one it waits for all
that it imports, and so for the disk."""
BUSY_S = 60.0
"""So much processor time for one process is no import any more."""
ANSWER_S = 60.0
"""In all, for whoever asked: one that hangs, and the next one that loads. What it waits for a processor is not counted: on a busy
machine that is most of it, and whoever is refused then would ask for the same again."""
LOOK_S, CLOSE_LOOK_S = 0.2, 0.02
END_S = 1.0
REST_S = 600.0
"""A fork server takes 69 MB. It starts with the first connection, and ends when nobody has been there for this long."""
TRIES, TRY_AGAIN_S = 5, 0.1
MAX_CONTROL_BYTES = 16 << 10
PAINTED_NICENESS = 4
"""More than the door's own."""
_PR_SET_CHILD_SUBREAPER = 36


class Passed:
    """A descriptor on its way to a child. The sender keeps and closes its own, whenever it likes: this is another one."""

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)

    def close(self) -> None:
        """It was passed, or nobody takes it."""
        os.close(self._fd)

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
        from holdshelf_tui.ssh.children.screens import run as session  # noqa: PLC0415

        data, tty, term, env, size = arguments
        session(data, tty, control, term, env, size)
    elif entry == "sftp":
        from holdshelf_tui.ssh.children.sftp import run as fetching  # noqa: PLC0415

        data, stdin, stdout, stderr, env = arguments
        fetching(data, (stdin, stdout, stderr), control, env)
    else:
        from holdshelf_tui.ssh.children.command import run as command  # noqa: PLC0415

        data, stdin, stdout, stderr, env, words = arguments
        command(data, (stdin, stdout, stderr), control, env, words)


class SessionProcess:
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
                    _LOGGER.error("a session's process failed %s%s]", FAULT, str(told["fault"])[:MAX_CONTROL_BYTES])
                if "painted" in told:
                    self._yield_to_newcomers()
                if "bye" in told:
                    self.bye = str(told["bye"])
                    self.code = int(told.get("code", 1)) & 0xFF

    def _yield_to_newcomers(self) -> None:
        """Of those who come at the same time, whoever sees nothing yet goes before the tables of the others."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, os.getpriority(os.PRIO_PROCESS, 0) + PAINTED_NICENESS)

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


class _Work:
    """What a fork server does while it is asked for a process: it hangs when it neither runs nor waits for a processor."""

    def __init__(self, pid: int, asked_s: float) -> None:
        self.pid, self.asked_s = pid, asked_s
        self._moved_s = time.monotonic()
        self._first = self._last = _ran_queued_ns(pid)

    def hangs(self, still_s: float) -> bool:
        """Whether it has done nothing for so long, or runs without end."""
        now, now_s = _ran_queued_ns(self.pid), time.monotonic()
        if now != self._last or _is_ready(self.pid):
            self._last, self._moved_s = now, now_s
        return now_s - self._moved_s > still_s or now[0] - self._first[0] > BUSY_S * 1e9


class _Patience:
    """How long somebody waits for a process, without what the fork server waits for a processor meanwhile."""

    def __init__(self) -> None:
        self._began_s = self._looked_s = time.monotonic()
        self._busy_s = 0.0
        self._pid = _server_pid()
        self._last = self._work()

    def is_over(self) -> bool:
        """Whether it has been long enough."""
        if _server_pid() != self._pid:
            self._pid, self._last = _server_pid(), (0, 0)  # a new one: it has waited only for those who ask now
            self._looked_s = time.monotonic()
        now, now_s = self._work(), time.monotonic()
        if now != self._last:
            self._busy_s += max(0, now[1] - self._last[1]) / 1e9
            self._last, self._looked_s = now, now_s
        elif not (self._pid and _is_ready(self._pid)):
            self._looked_s = now_s
        # The kernel counts a wait once it is over: with enough others at work one alone can take longer than anybody's patience.
        waits_s = now_s - self._looked_s
        return now_s - self._began_s - self._busy_s - waits_s > ANSWER_S

    def _work(self) -> tuple[int, int]:
        return _ran_queued_ns(self._pid) if self._pid else (0, 0)


def _ran_queued_ns(pid: int) -> tuple[int, int]:
    """How long a process ran, and how long it was ready to and did not (Linux, Documentation/scheduler/sched-stats.rst)."""
    try:
        ran, queued, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):  # it is gone, or this kernel does not count: then time alone tells
        return 0, 0
    return int(ran), int(queued)


def _is_ready(pid: int) -> bool:
    """Whether it runs, or would if a processor were free (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):
        return False


class Children:
    """The fork server and who came from it."""

    def __init__(self) -> None:
        self._context = mp.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        # Asking the fork server blocks for some milliseconds: in one thread, in order.
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="children")
        self._living: set[SessionProcess] = set()
        self._watched_pid = 0
        self._ends = Ends()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    @property
    def is_stuck(self) -> bool:
        """Whether one fork server after another ends, and none of them made a process."""
        return self._ends.failing_since_utc_ns > 0

    def warm(self) -> None:
        """Somebody comes: have a fork server at hand, and another one should it end before it may rest."""
        self._rest_later()
        if not self._watched_pid and self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self.async_warm())

    def _rest_later(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
        self._resting = asyncio.get_running_loop().call_later(REST_S, self._rest)

    def _rest(self) -> None:
        if self._living or self._asked_s is not None or self._warming is not None:
            self._rest_later()
            return
        self._resting = None
        self._watched_pid = 0
        self._asking.submit(_rest_server)

    async def async_warm(self) -> None:
        """Have one now. Of two that ask at the same time both get the same."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._asking, forkserver.ensure_running)
        except OSError as error:
            _LOGGER.error("the fork server cannot be started: %s", error.strerror)
            return
        finally:
            self._warming = None
        self._watch_server(loop)

    def _watch_server(self, loop: asyncio.AbstractEventLoop) -> None:
        pid = _server_pid()
        if not pid or pid == self._watched_pid:
            return
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return
        self._watched_pid = pid
        self._ends.began()

        def gone() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            if self._watched_pid != pid or self._closed:
                return  # there is another one, or it was to rest
            self._watched_pid = 0
            if self._ends.ended():
                _LOGGER.error("the fork server ends again and again; nobody can log in")
            elif not self.is_stuck:
                _LOGGER.warning("the fork server ended; another one takes its place")
            # One that cannot live is not begun again and again: whoever comes next has it tried.
            if not self.is_stuck:
                self._warming = loop.create_task(self.async_warm())

        loop.add_reader(pidfd, gone)

    def _end_stuck_server(self) -> None:
        """When it does not answer: whoever waits hears that it is gone, and asks the next one. Each is ended once.

        A question counts from when this one was asked: a new one loads at its own pace while others queue.
        """
        pid, asked_s = _server_pid(), self._asked_s
        if asked_s is None or pid is None or pid == self._ended_pid:
            return
        if self._work is None or (self._work.pid, self._work.asked_s) != (pid, asked_s):
            self._work = _Work(pid, asked_s)
        elif self._work.hangs(STUCK_S if pid == self._warm_pid else COLD_STUCK_S):
            self._ended_pid = pid
            _LOGGER.warning("the fork server does not answer; it is ended")
            _end_server()

    _closed = False
    _warm_pid: int | None = None
    """The fork server that has made a process already."""
    _ended_pid: int | None = None
    """The fork server that hung."""
    _asked_s: float | None = None
    """Since when the asking thread waits for the fork server."""
    _work: _Work | None = None
    """What the one that was asked last has done since."""
    _warming: asyncio.Task[None] | None = None
    _resting: asyncio.TimerHandle | None = None

    async def async_start(self, entry: str, *arguments: Any) -> SessionProcess:
        """A new child: ``session``, ``command`` or ``sftp`` with its arguments (descriptors as ``Passed``). Raises OSError."""
        passed = [argument for argument in arguments if isinstance(argument, Passed)]
        try:
            if self._closed:
                raise OSError(errno.ESHUTDOWN, "the door is being closed")
            ours, theirs = socket.socketpair()
            with theirs:
                passed.append(control := Passed(theirs.fileno()))
            start = self._asking.submit(self._start, entry, control, arguments)
        except BaseException:
            _close(passed)
            raise
        # Whoever asked may be gone long before the thread is.
        start.add_done_callback(lambda _: _close(passed))
        ours.setblocking(False)
        waiting = asyncio.wrap_future(start)
        try:
            patience = _Patience()
            while not (await asyncio.wait({waiting}, timeout=LOOK_S))[0]:
                self._end_stuck_server()
                if patience.is_over():
                    raise OSError(errno.ETIMEDOUT, "the fork server does not answer")
            pid, pidfd = waiting.result()
        except BaseException:
            ours.close()
            waiting.cancel()
            if not start.cancel():
                start.add_done_callback(_end_late_child)
            raise
        self._watch_server(asyncio.get_running_loop())
        self._ends.worked()
        child = SessionProcess(pid, pidfd, ours)
        self._living.add(child)
        asyncio.get_running_loop().create_task(self._forget(child)).add_done_callback(lambda _: None)
        return child

    async def _forget(self, child: SessionProcess) -> None:
        await child.exited.wait()
        self._living.discard(child)
        if not self._closed:
            self._rest_later()

    def _start(self, entry: str, control: Passed, arguments: Sequence[Any]) -> tuple[int, int]:
        """In the asking thread. The fork server may die at any moment: until it is known to be dead, no other is begun."""
        for _ in range(TRIES):
            if self._closed:
                break
            process = self._context.Process(target=_enter, args=(entry, control, arguments), daemon=True)
            self._asked_s = time.monotonic()
            try:
                process.start()
                assert process.pid is not None
                pidfd = os.pidfd_open(
                    process.pid
                )  # fails for one that was killed at once: it did nothing, it has no token yet
            except (OSError, EOFError):
                _let_go(process)
                time.sleep(TRY_AGAIN_S)
                continue
            finally:
                self._asked_s = None
            self._warm_pid = _server_pid()
            _let_go(process)
            return process.pid, pidfd
        raise OSError(errno.EAGAIN, "no process for a session can be started")

    async def async_close(self) -> None:
        """End whoever is left, and the fork server."""
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        for child in tuple(self._living):
            child.kill()
        try:
            async with asyncio.timeout(2):
                for child in tuple(self._living):
                    await child.exited.wait()
        finally:
            # One that still loads would miss the folder for its files, which goes with this process; and this process waits for
            # the thread that asks it, which may be starting another one this moment.
            last = self._asking.submit(_server_pid)
            while not last.done():
                _end_server()
                await asyncio.sleep(CLOSE_LOOK_S)
            _end_server()
            self._asking.shutdown(wait=False)


def _close(passed: Sequence[Passed]) -> None:
    for each in passed:
        each.close()


def _end_late_child(start: Future[tuple[int, int]]) -> None:
    """Nobody waits for it any more."""
    if start.cancelled() or start.exception() is not None:
        return
    _, pidfd = start.result()
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)


def _server_pid() -> int | None:
    return getattr(forkserver._forkserver, "_forkserver_pid", None)


def _rest_server() -> None:
    """In the asking thread, so that nobody asks it meanwhile: it ends, and the next question starts another one."""
    _end_server()
    with contextlib.suppress(OSError):
        forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _end_server() -> None:
    if pid := _server_pid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _let_go(process: Any) -> None:
    """multiprocessing waits at exit for children that it knows, and keeps a pipe to each: we watch ours ourselves."""
    popen = process._popen
    if popen is not None:
        popen.finalizer()
    mp.process._children.discard(process)  # type: ignore[attr-defined]
