"""`holdshelf serve` with an SSH door: keeps the service and the door running, each in its own process, and nothing else.

The service must never wait for the door, nor end with it. The door outlives the service: when a new service starts, its end of
a new socket pair is handed to the living door, whose sessions go on. This process decides nothing, holds no right and no token,
only the memory in which one service tells the next who is inside; it imports little, because it runs for years. ADR 0011 says
why it is there.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from holdshelf_core import journal_stream
from holdshelf_core.api.link_pair import make_pair

SERVICE_UID_VARIABLE = "HOLDSHELF_SERVICE_UID"  # api.address, which would be much to import
DOOR_VARIABLE = "HOLDSHELF_DOOR"  # api.door_name

CLOSED = b'{"closed":%d}'  # api.mint
RESTART_FIRST_S, RESTART_MOST_S = 0.1, 10.0
DOOR_RESTART_FIRST_S, DOOR_RESTART_MOST_S = 0.5, 30.0
LIVED_WELL_S = 60.0
DOOR_STOP_S = 5.0
# systemd hears from the service itself; while a new one is on its way, for so long, it hears from here.
WATCHDOG_S, STARTING_S = 10.0, 180.0
_PR_SET_PDEATHSIG, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 1, 47, 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``door_user`` '': the door runs as this process does; ``door_name`` '': reached by the machine's own name."""

    data: str
    port: int
    address: str = ""
    door_user: str = ""
    verbose: bool = False
    ends_with_stdin: bool = False
    door_name: str = ""
    metrics_file: str = ""
    metrics_port: int = 0
    """Where the service gives its metrics; '' and 0: nowhere."""


class Child:
    """One process that is kept running."""

    def __init__(self, name: str, first_s: float, most_s: float) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.due_s: float | None = 0.0
        """When it is to be started (monotonic); None while it runs, or is never to be started again."""
        self.started_s = 0.0
        self.was_killed = False
        """Whether the last one ended by a signal, which says nothing about whether it could serve."""
        self._first_s, self._most_s = first_s, most_s
        self._wait_s = 0.0

    def spawn(self, command: Sequence[str], fds: Sequence[int], prepare: Callable[[], None]) -> None:
        """Start it. Raises OSError."""
        stdin = subprocess.DEVNULL if self.name == "door" else None
        self.process = subprocess.Popen(
            command,
            stdin=stdin,
            pass_fds=fds,
            preexec_fn=prepare,  # noqa: PLW1509 - one thread runs here
            env=self.environment(),
        )
        self.pidfd = os.pidfd_open(self.process.pid)
        self.due_s = None
        self.started_s = time.monotonic()

    def environment(self) -> dict[str, str]:
        """systemd is told about the service by the service."""
        if self.name == "service":
            return dict(os.environ)
        hidden = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        kept = {key: value for key, value in os.environ.items() if key not in hidden}
        return {**kept, SERVICE_UID_VARIABLE: str(os.getuid())}

    def ended(self) -> int:
        """Reap it, and say when it is due again. Returns its exit code, as a shell would."""
        assert self.process is not None
        code = self.process.wait()
        self.was_killed = code < 0
        os.close(self.pidfd)
        self.pidfd, self.process = -1, None
        lived_well = time.monotonic() - self.started_s > LIVED_WELL_S
        self.due_s = time.monotonic() + self.put_off(anew=lived_well)
        return code if code >= 0 else 128 - code

    def put_off(self, *, anew: bool = False) -> float:
        """The next wait in seconds, longer each time."""
        self._wait_s = self._first_s if anew or not self._wait_s else min(self._wait_s * 2, self._most_s)
        return self._wait_s

    def signal(self, number: int) -> None:
        """As far as one may: a door of another account also ends when its control socket closes."""
        if self.process is not None:
            with contextlib.suppress(OSError):
                self.process.send_signal(number)


class Supervisor:
    """Runs until told to stop; ``run`` returns the exit code."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._service = Child("service", RESTART_FIRST_S, RESTART_MOST_S)
        self._door = Child("door", DOOR_RESTART_FIRST_S, DOOR_RESTART_MOST_S)
        self._door.due_s = (
            None  # until the first service is ready: it makes the host key, and may find nothing to serve
        )
        self._selector = selectors.DefaultSelector()
        self._link: socket.socket | None = None
        """The door's end of the pair to the living service, kept for a door that is started again."""
        self._sessions_fd = os.memfd_create("sessions", os.MFD_CLOEXEC)
        """Handed to each service, and never to the door (api.session_slots)."""
        self._control: socket.socket | None = None
        self._ready_fd = -1
        self._was_ready = False
        self._stopping = False
        self._code = 0

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Until both are gone."""
        self._listen_to_signals()
        while self._alive():
            self._start_due()
            for key, _events in self._selector.select(self._sleep_s()):
                key.data()
            self._ping()
        return self._code

    def _alive(self) -> bool:
        running = self._service.process is not None or self._door.process is not None
        return running or not self._stopping

    def _sleep_s(self) -> float | None:
        now = time.monotonic()
        due = [child.due_s - now for child in (self._service, self._door) if child.due_s is not None]
        if not self._is_ready():
            due.append(WATCHDOG_S)
        if self._stopping and self._door.process is not None:
            due.append(self._door_last_s - now)
            if now > self._door_last_s:
                self._door.signal(signal.SIGKILL)
                return 0.1
        return max(0.0, min(due)) if due else None

    _door_last_s = 0.0

    def _listen_to_signals(self) -> None:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

        def told() -> None:
            for number in os.read(reading, 64):
                if number in (signal.SIGTERM, signal.SIGINT):
                    self._stop()

        self._selector.register(reading, selectors.EVENT_READ, told)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child, start in ((self._service, self._start_service), (self._door, self._start_door)):
            if not self._stopping and child.due_s is not None and child.due_s <= now:
                try:
                    start()
                except OSError as error:
                    child.due_s = now + child.put_off()
                    _say(f"the {child.name} cannot be started ({error.strerror}); trying again")

    def _stop(self) -> None:
        self._stopping = True
        self._service.due_s = self._door.due_s = None
        if not self._door_last_s:
            self._door_last_s = time.monotonic() + DOOR_STOP_S
        self._service.signal(signal.SIGTERM)
        self._close_control()  # which the door takes for the end

    def _ping(self) -> None:
        starting = not self._is_ready() and time.monotonic() - self._service.started_s < STARTING_S
        address = os.environ.get("NOTIFY_SOCKET", "")
        if address and starting and self._was_ready and not self._stopping:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
                link.setblocking(False)
                link.sendto(b"WATCHDOG=1", "\0" + address[1:] if address.startswith("@") else address)

    # --- the service --------------------------------------------------------------------------------------------

    def _start_service(self) -> None:
        door_end, service_end = make_pair()
        ready, said_ready = os.pipe2(os.O_CLOEXEC)
        plan = self._plan
        command = [sys.executable, "-P", "-m", "holdshelf_tui.cli.serve", "--no-door", "--data", plan.data]
        command += ["--mint-fd", str(service_end.fileno()), "--ready-fd", str(said_ready)]
        command += ["--sessions-fd", str(self._sessions_fd)]
        command += ["--metrics-file", plan.metrics_file] if plan.metrics_file else []
        command += ["--metrics-port", str(plan.metrics_port)] if plan.metrics_port else []
        command += ["--verbose"] if plan.verbose else []
        command += ["--ends-with-stdin"] if plan.ends_with_stdin else []
        try:
            fds = (service_end.fileno(), said_ready, self._sessions_fd)
            self._service.spawn(command, fds, _child_of(os.getpid()))
        except BaseException:
            door_end.close()
            os.close(ready)
            raise
        finally:
            service_end.close()
            os.close(said_ready)
        self._ready_fd = ready
        self._selector.register(ready, selectors.EVENT_READ, self._service_ready)
        self._selector.register(self._service.pidfd, selectors.EVENT_READ, self._service_ended)
        if self._link is not None:
            self._link.close()
        self._link = door_end
        self._hand_over()

    def _is_ready(self) -> bool:
        return self._service.process is not None and self._ready_fd < 0

    def _service_ready(self) -> None:
        if os.read(self._ready_fd, 16) and not self._was_ready:
            self._was_ready = True
            self._door.due_s = 0.0
        self._forget_ready()

    def _forget_ready(self) -> None:
        if self._ready_fd >= 0:
            self._selector.unregister(self._ready_fd)
            os.close(self._ready_fd)
            self._ready_fd = -1

    def _service_ended(self) -> None:
        self._selector.unregister(self._service.pidfd)
        if self._ready_fd >= 0:
            os.set_blocking(self._ready_fd, False)
            with contextlib.suppress(BlockingIOError):
                self._service_ready()
        self._forget_ready()
        code = self._service.ended()
        if self._stopping:
            self._code = self._code or code
        elif code == 0 or not (self._was_ready or self._service.was_killed):
            # It ended by itself: it could not start at all (and has said why), or was asked to by another way than through here.
            self._code = code
            self._stop()
        else:
            _say(f"the service ended ({code}); starting it again")

    # --- the door -----------------------------------------------------------------------------------------------

    def _start_door(self) -> None:
        plan = self._plan
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            command = [sys.executable, "-P", "-m", "holdshelf_tui.ssh", "--data", plan.data]
            command += ["--control-fd", str(theirs.fileno())]
            command += ["--port", str(plan.port), "--address", plan.address]
            command += ["--verbose"] if plan.verbose else []
            prepare = _child_of(os.getpid(), plan.door_user)
            self._door.spawn(command, (theirs.fileno(),), prepare)
        except subprocess.SubprocessError:
            ours.close()
            raise PermissionError(1, f"this account may not become {plan.door_user}") from None
        except PermissionError as error:
            ours.close()
            if plan.door_user and (shut := _shut_to(plan.door_user)):
                words = f"the account {plan.door_user} may not enter {shut}, where Holdshelf is installed"
                raise PermissionError(error.errno, f"{words}; install it where every account may, as in /opt") from None
            raise
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._control = ours
        self._selector.register(self._door.pidfd, selectors.EVENT_READ, self._door_ended)
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the living door its end of the pair to the living service."""
        if self._control is not None and self._link is not None:
            with contextlib.suppress(OSError):  # gone, or deaf: then it is started again
                socket.send_fds(self._control, [b"link"], [self._link.fileno()])

    def _close_control(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None

    def _door_ended(self) -> None:
        self._selector.unregister(self._door.pidfd)
        self._close_control()
        code = self._door.ended()
        if self._stopping:
            self._door.due_s = None
            return
        if self._link is not None:
            with contextlib.suppress(OSError):  # full or closed: the next door, or the next service, knows
                self._link.send(CLOSED % code, socket.MSG_DONTWAIT)
        assert self._door.due_s is not None
        wait_s = self._door.due_s - time.monotonic()
        _say(f"the SSH door ended ({code}); recording continues, and the door restarts in {wait_s:.1f} s")


def _child_of(parent: int, user: str = "") -> Callable[[], None]:
    """What a child does before its program starts: become another account if asked, and end with its parent."""
    account = pwd.getpwnam(user) if user else None
    groups = [] if account is None else os.getgrouplist(account.pw_name, account.pw_gid)
    libc = ctypes.CDLL(None, use_errno=True)
    service_gid = os.getegid()

    def prepare() -> None:
        if account is not None and account.pw_uid != os.geteuid():
            # The socket of the service belongs to its group.
            os.setgroups(sorted({*groups, service_gid}))
            os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
            os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)

    return prepare


def _shut_to(user: str) -> str:
    """The first folder on the way to this Python that the account may not enter, by its mode. '' where it may enter all."""
    account = pwd.getpwnam(user)
    groups = {*os.getgrouplist(account.pw_name, account.pw_gid), os.getegid()}
    folders: list[str] = []
    above = os.path.dirname(sys.executable)  # noqa: PTH120 - pathlib would be one more module in memory for years
    while above not in folders:
        folders.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    for folder in reversed(folders):
        status = os.stat(folder)  # noqa: PTH116
        bit = 0o100 if status.st_uid == account.pw_uid else 0o010 if status.st_gid in groups else 0o001
        if account.pw_uid != 0 and not status.st_mode & bit:
            return folder
    return ""


def _say(words: str) -> None:
    stamp = journal_stream.WARNING if journal_stream.is_journal() else time.strftime("%Y-%m-%d %H:%M:%S ")
    print(f"{stamp}WARNING holdshelf: {words}.", file=sys.stderr, flush=True)


def become(plan: Plan) -> None:
    """Go on as the supervisor, in this same process. Does not return. Raises OSError."""
    arguments = [sys.executable, "-P", "-m", "holdshelf_tui.supervisor", json.dumps(asdict(plan))]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted


def main() -> None:
    """`python -m holdshelf_tui.supervisor PLAN`."""
    plan = Plan(**json.loads(sys.argv[1]))
    os.environ[DOOR_VARIABLE] = f"{plan.port} {plan.door_name}"
    os.umask(0o077)
    sys.exit(Supervisor(plan).run())


if __name__ == "__main__":
    main()
