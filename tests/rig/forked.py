"""`holdshelf …` as a process that is forked, not started anew: it needs no second for the imports.

`Popen` and `run` are subprocess's, for the same words. At the first command a helper process imports the command line and the
service; it forks a copy of itself for each command. The copy gets the descriptors, environment, folder and process group that a
new process would get, calls the same `main`, and ends as Python ends, but for taking itself apart (`_end`). It is this
process's own child (CLONE_PARENT), so its id, signals, exit code and parent are what `subprocess.Popen` knows. The helper ends
with this process: when its socket closes.

A command is a new Python where the process is the point: under a prefix (but that of `accounts.Machine`, which has a helper of
its own), as another user, in another network namespace, with another environment of the interpreter, loader or locale
(`_AT_START`), `demo`, `setup`, `tui` and `serve` with its door. With HOLDSHELF_TEST_FORK=0 each is, and so it is outside pytest
(benchmarks).

What differs in a copy: all that the service and commands import is loaded before `main`, and ONVIF's descriptions are, and
`__main__` is this module; what libraries read of the environment when they are imported (TYPER_USE_RICH, AIOHTTP_NO_EXTENSIONS)
is the test process's; the hash seed is the helper's; the signal mask is that of the time at which the helper started;
/proc/PID/environ is the helper's, and its name in /proc/PID/comm "python"; memory that is shared with the helper counts as the
copy's. No module of ours keeps anything of the environment, the terminal, the time zone or the temp folder from its import on.
What a service starts as its workers is copied, too: `forked_workers`.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import inspect
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.rig.hang import HANG_S

HOLDSHELF = str(Path(sys.executable).with_name("holdshelf"))
SWITCH = "HOLDSHELF_TEST_FORK"
_PROGRAM = "holdshelf_tui.cli"
_MODULE = [sys.executable, "-m", _PROGRAM]
_ROOT = Path(__file__).parents[2]
_LOADED = (
    "holdshelf_tui.cli.app",
    "holdshelf_tui.cli.serve",
    "holdshelf_core.app",
    "holdshelf_tui.session.today",
    "holdshelf_core.operations.offline",
    "holdshelf_core.reports.offline",
    "holdshelf_core.policy.explain",
    "holdshelf_onvif",
    "apscheduler.executors.asyncio",
)
_NEW_PYTHON = {"demo", "setup", "tui"}
_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_", "OPENSSL_", "COVERAGE_")
"""What an interpreter, a loader or a library reads when it starts."""
_ENVIRONMENT = dict(os.environ)
_PLAIN = {
    "executable": None,
    "preexec_fn": None,
    "close_fds": True,
    "shell": False,
    "restore_signals": True,
    "gid": None,
    "gids": None,
    "uid": None,
    "umask": -1,
}
"""What is asked of a new process that a copy can be as well."""
_ARGUMENTS = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]
_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_TITLE_BYTES = 4096
_LIMITS = 16
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE_PARENT, _CLONE_CHILD_CLEARTID, _CLONE_CHILD_SETTID, _PR_GET_TID_ADDRESS = 0x8000, 0x200000, 0x1000000, 40


class Copies(Protocol):
    """Whoever copies itself."""

    def fork(self, request: dict[str, Any], descriptors: list[int]) -> int:
        """The process id of a copy that has all that was asked for."""


def _network() -> str:
    return os.readlink("/proc/thread-self/ns/net")


_NETWORK = _network()


class CopyPopen(subprocess.Popen[Any]):
    """`subprocess.Popen`; a copy where `_copied_by` finds a helper for the command.

    ``has_terminal``: the terminal that is its standard input controls the new session, as after `pty.fork`; of a copy only.
    """

    has_terminal = False

    def _copied_by(
        self, command: list[str], environment: dict[str, str]
    ) -> tuple[Copies, list[str], dict[str, str]] | None:
        """The helper that copies itself for this command, and what the copy is told of command and environment."""
        raise NotImplementedError

    def _execute_child(self, *given: Any) -> None:
        asked = dict(zip(_ARGUMENTS, given, strict=True))
        given_environment = os.environ if asked["env"] is None else asked["env"]
        environment = {os.fsdecode(name): os.fsdecode(value) for name, value in given_environment.items()}
        command = [] if isinstance(asked["args"], str | bytes) else [os.fsdecode(word) for word in asked["args"]]
        plain = all(asked[name] == plain for name, plain in _PLAIN.items())
        found = self._copied_by(command, environment) if plain else None
        if found is None:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        helper, command, environment = found
        streams = [asked["p2cread"], asked["c2pwrite"], asked["errwrite"]]
        descriptors = {number: number if fd == -1 else fd for number, fd in enumerate(streams)}
        descriptors |= {fd: fd for fd in asked["pass_fds"]}
        group = os.getpgrp() if asked["process_group"] == -1 else asked["process_group"]
        request = {
            "command": command,
            "environment": environment,
            "group": None if asked["start_new_session"] else group,
            "has_terminal": self.has_terminal,
            "umask": int(own_status("Umask"), 8),
            "limits": [resource.getrlimit(what) for what in range(_LIMITS)],
            "targets": list(descriptors),
        }
        try:
            folder = os.open(asked["cwd"] or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                self.pid = helper.fork(request, [folder, *descriptors.values()])
            finally:
                os.close(folder)
        finally:
            self._close_pipe_fds(*(asked[name] for name in _PIPES))  # type: ignore[attr-defined]
        self._child_created = True


class Popen(CopyPopen):
    """A copy of the helper where the command is ours and no new Python is asked for."""

    def _copied_by(
        self, command: list[str], environment: dict[str, str]
    ) -> tuple[Copies, list[str], dict[str, str]] | None:
        helper = _helper
        for behind in BEHIND:
            helper, command, environment = behind(command) or (helper, command, environment)
        can = _can_be_forked(command, environment, helper.environment)
        return (helper, command, environment) if can else None


def run(
    command: list[Any], *, input: Any = None, timeout: float | None = HANG_S, check: bool = False, **more: Any
) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`."""
    if input is not None:
        more["stdin"] = subprocess.PIPE
    if more.pop("capture_output", False):
        more |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Popen(command, **more) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def own_status(field: str) -> str:
    """A line of this process's /proc/self/status."""
    return Path("/proc/self/status").read_text().partition(f"\n{field}:")[2].split()[0]


def at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_AT_START)}


def _words(command: list[str]) -> list[str] | None:
    """Of a command of ours; None for another one."""
    start = next((start for start in ([HOLDSHELF], _MODULE) if command[: len(start)] == start), None)
    return None if start is None else command[len(start) :]


def _can_be_forked(
    command: list[str], environment: Mapping[str, str], started: Mapping[str, str] | None = None
) -> bool:
    """``started``: the helper's environment."""
    words = _words(command)
    return (
        words is not None
        and not _NEW_PYTHON.intersection(words[:1])
        and (words[:1] != ["serve"] or "--no-door" in words)
        and environment.get(SWITCH) != "0"
        and "tests.conftest" in sys.modules
        and platform.machine() in _CLONE
        and at_start(environment) == at_start(_ENVIRONMENT if started is None else started)
        and _network() == _NETWORK
    )


def ask(link: socket.socket, request: dict[str, Any], descriptors: list[int]) -> int:
    """The process id of a copy of whoever `serve`s at the other end, once the copy is ready; 0 where nobody does."""
    document = json.dumps(request).encode()
    ready, theirs = os.pipe()
    try:
        try:
            socket.send_fds(link, [len(document).to_bytes(4)], [theirs, *descriptors])
            link.sendall(document)
        finally:
            os.close(theirs)
        if pid := int.from_bytes(link.recv(4)):
            os.read(ready, 1)  # the copy closes its end when it is ready, or has died
    except ConnectionError:
        return 0
    else:
        return pid
    finally:
        os.close(ready)


class _Helper:
    """The process that is copied. One that has ended is replaced at the next request. ``program``: whose `main` a copy calls;
    ``prefix``: before the helper's own command."""

    def __init__(
        self,
        program: str = _PROGRAM,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._program = program
        self._prefix = prefix
        self.environment = _ENVIRONMENT if environment is None else environment
        self._lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def fork(self, request: dict[str, Any], descriptors: list[int]) -> int:
        """The process id of a copy that has all that was asked for. Raises RuntimeError where none can be made."""
        with self._lock:
            for _ in range(2):
                if pid := ask(self._started(), request, descriptors):
                    return pid
                self.end()
        raise RuntimeError(f"The helper that forks commands ends at once ({SWITCH}=0 goes without it).")

    def _started(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            self._socket.settimeout(HANG_S)
            with theirs:
                words = [str(theirs.fileno()), self._program, "." * _TITLE_BYTES]
                self.process = subprocess.Popen(
                    [*self._prefix, sys.executable, "-m", "tests.rig.forked", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd=_ROOT,
                    env=dict(self.environment),
                    pass_fds=(theirs.fileno(),),
                    process_group=0,
                )
        return self._socket

    def end(self) -> None:
        """The helper alone: its copies go on."""
        if self._socket is not None and self.process is not None:
            self._socket.close()
            self.process.kill()
            self.process.wait()
        self._socket = self.process = None

    def forget(self) -> None:
        """In a process that was forked from this one: it is not the parent of what the helper copies."""
        if self._socket is not None and self.process is not None:
            self._socket.close()
            self.process.returncode = 0  # nobody's to wait for here
        self.__init__(self._program, self._prefix, self.environment)  # type: ignore[misc]


_helper = _Helper()
BEHIND: list[Callable[[list[str]], tuple[_Helper, list[str], dict[str, str]] | None]] = []
"""Of a command behind a prefix: the helper that stands there, the command, and its environment."""


def _forget() -> None:
    _helper.forget()


def serve(link: socket.socket, name: Callable[[list[str]], None]) -> None:
    """In the helper: copies itself for each request. Returns in a copy. ``name`` has that called as its command's process is.

    Not with os.fork, whose child would be the helper's. Each thread of the C library knows its id, which the kernel writes
    where it does for fork (CLONE_CHILD_SETTID).
    """
    api, libc = ctypes.pythonapi, ctypes.PyDLL(None)
    thread = ctypes.c_void_p()
    libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(thread), 0, 0, 0)
    flags = _CLONE_PARENT | _CLONE_CHILD_CLEARTID | _CLONE_CHILD_SETTID | signal.SIGCHLD
    child_tid = (thread, None) if platform.machine() == "x86_64" else (None, thread)
    while True:
        length, descriptors, _, _ = socket.recv_fds(link, 4, 250)
        document = b""
        while length and len(document) < int.from_bytes(length):
            document += (more := link.recv(1 << 20))
            length = length if more else b""
        if not length:
            os._exit(0)
        api.PyOS_BeforeFork()
        pid = libc.syscall(_CLONE[platform.machine()], ctypes.c_ulong(flags), None, None, *child_tid)
        if pid == 0:
            api.PyOS_AfterFork_Child()
            link.close()
            _become(json.loads(document), descriptors, name)
            return
        api.PyOS_AfterFork_Parent()
        for fd in descriptors:
            os.close(fd)
        if pid < 0:
            raise OSError("clone failed")
        link.sendall(pid.to_bytes(4))


def _become(request: dict[str, Any], descriptors: list[int], name: Callable[[list[str]], None]) -> None:
    """Makes this copy what a new process would be before the first line of its program."""
    targets: list[int] = request["targets"]
    _ready, folder, *others = (fcntl.fcntl(fd, fcntl.F_DUPFD, max(targets) + 1) for fd in descriptors)
    for fd, target in zip(others, targets, strict=True):
        os.dup2(fd, target)
    os.fchdir(folder)
    if request["group"] is None:
        os.setsid()
    else:
        os.setpgid(0, request["group"])
    if request["has_terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    name(request["command"])
    for number, stream_name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = _stream(number, stream_name, mode)
        setattr(sys, stream_name, stream)
        setattr(sys, f"__{stream_name}__", stream)
    kept = sorted(targets)
    for after, before in zip(kept, [*kept[1:], 1 << 30], strict=True):
        os.closerange(after + 1, before)
    for what, limits in enumerate(request["limits"]):
        if resource.getrlimit(what) != tuple(limits):
            resource.setrlimit(what, limits)


def _name(command: list[str]) -> None:
    """As `python -m holdshelf_tui.cli` and its script are."""
    if command[0] == HOLDSHELF:
        set_title([sys.executable, *command])
        sys.argv, sys.path[0] = command, str(Path(HOLDSHELF).parent)
    else:
        set_title(command)
        module = Path(sys.modules["holdshelf_tui.cli"].__path__[0]) / "__main__.py"
        sys.argv, sys.path[0] = [str(module), *(_words(command) or [])], str(Path.cwd())


def _stream(number: int, name: str, mode: str) -> Any:
    """As CPython's create_stdio makes it. `sys` holds one with this locale's encoding and error handler."""
    import io  # noqa: PLC0415

    before = getattr(sys, f"__{name}__")
    at_once = before.write_through and mode == "w"  # PYTHONUNBUFFERED
    raw: Any = open(number, f"{mode}b", buffering=0 if at_once else -1, closefd=False)  # noqa: SIM115
    (raw if at_once else raw.raw).name = f"<{name}>"
    by_line = not before.write_through and (number == 2 or raw.isatty())
    stream: Any = io.TextIOWrapper(raw, before.encoding, before.errors, "\n", by_line, before.write_through)
    stream.mode = mode
    return stream


def set_title(command: list[str]) -> None:
    """Has /proc/PID/cmdline tell these words, as far as the helper's own made room for them."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    title = b"".join(os.fsencode(word) + b"\0" for word in command)[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, title, len(title))


def _load_onvif() -> None:
    """What a service loads at its first ONVIF camera: 0.4 s of a processor."""
    import asyncio  # noqa: PLC0415

    library = importlib.import_module("holdshelf_onvif.client")._load_library()
    cached = sys.modules["onvif.client"]._cached_document

    class Loop(asyncio.SelectorEventLoop):
        """Without threads: the C library takes a signal for itself when it makes the first."""

        def run_in_executor(self, _executor: object, call: Callable[..., Any], *given: Any) -> asyncio.Future[Any]:
            done = self.create_future()
            done.set_result(call(*given))
            return done

    loop = Loop()
    for name in ("devicemgmt", "media", "events"):
        loop.run_until_complete(cached(str(library.wsdl_folder / f"{name}.wsdl")))
    loop.close()


def _load(program: str) -> None:
    for name in (program, *_LOADED):
        importlib.import_module(name)
    import typer.main  # noqa: PLC0415

    typer.main.get_command(sys.modules["holdshelf_tui.cli.app"].app)  # loads what it needs for its first command
    _load_onvif()


def _rest() -> None:
    """Before the first copy: what is loaded stays, and is not looked through for garbage."""
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise RuntimeError(f"{len(threads)} threads: none but the first would be in a copy")
    gc.collect()
    gc.freeze()


def _run(main: Callable[[], None]) -> None:
    """In a copy; its exit code is kept for `_end`."""
    global _code  # noqa: PLW0603
    try:
        main()
        _code = 0
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            _code = (error.code or 0) & 0xFF
        raise


_code: int | None = None


def _end() -> None:
    """At the very end of a copy: threads have ended, and what is to be done at exit is done. Python would free each object
    now, and so copy nearly all that the copy shares with the helper: 0.1 s, most of what a short command costs."""
    if _code is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_code)


if __name__ == "__main__":
    atexit.register(_end)  # before anything else is: the last of them
    from tests.rig import forked_workers

    _, number, program, _ = sys.argv
    _load(program)
    if program == _PROGRAM:
        forked_workers.load()
    _rest()
    serve(socket.socket(fileno=int(number)), _name)
    main = sys.modules[program].main
    if program == _PROGRAM and sys.argv[1:2] == ["serve"]:
        main = forked_workers.begin() or main
    _run(main)
else:
    os.register_at_fork(after_in_child=_forget)
