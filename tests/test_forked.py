"""Commands that are forked from a helper are, for whoever starts them, the processes that subprocess would start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig import forked
from tests.rig.hang import HANG_S
from tests.rig.processes import kill9, wait_dead

ROOT = Path(__file__).parents[1]
BASE = dict(os.environ)
WAITS = "print('ready', flush=True); sys.stdin.read()"


def main() -> None:
    """What a copy runs here in place of the command line."""
    exec(sys.argv[1], {"__name__": "__main__"})


@pytest.fixture(scope="module")
def only_helper() -> Iterator[forked._Helper]:
    one = forked._Helper("tests.test_forked")
    yield one
    one.end()


@pytest.fixture(autouse=True)
def helper(only_helper: forked._Helper, monkeypatch: pytest.MonkeyPatch) -> forked._Helper:
    """One whose copies run Python code, for this file."""
    monkeypatch.setattr(forked, "_helper", only_helper)
    return only_helper


def copied(code: str, **more: Any) -> subprocess.Popen[Any]:
    """Code that runs in a copy."""
    return forked.Popen([forked.HOLDSHELF, f"import os, sys\n{code}"], text=True, **more)


def said(code: str, *, new: bool = False, **more: Any) -> tuple[int, str, str]:
    """Exit code and output of code in a copy, or in a new Python."""
    words = [sys.executable, "-c"] if new else [forked.HOLDSHELF]
    words.append(f"import os, sys\n{code}")
    done = forked.run(words, capture_output=True, text=True, **more)
    return done.returncode, done.stdout, done.stderr


def output(code: str, **more: Any) -> str:
    status, out, err = said(code, **more)
    assert (status, err) == (0, "")
    return out


def test_a_copy_is_what_runs_here() -> None:
    assert output("print('tests.rig.forked' in sys.modules, os.getppid())") == f"True {os.getpid()}\n"
    assert output("print('tests.rig.forked' in sys.modules, os.getppid())", new=True) == f"False {os.getpid()}\n"


ENDS = [
    ("pass", 0, ""),
    ("sys.exit()", 0, ""),
    ("sys.exit(3)", 3, ""),
    ("sys.exit('why')", 1, "why"),
    ("os._exit(7)", 7, ""),
    ("raise ValueError('why')", 1, "ValueError: why"),
    ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt"),
    ("os.abort()", -signal.SIGABRT, ""),
    ("import atexit; atexit.register(print, 'at exit', file=sys.stderr)", 0, "at exit"),
    (
        "import threading, time\n"
        "def late(): threading.main_thread().join(); print('late', file=sys.stderr)\n"
        "threading.Thread(target=late).start()",
        0,
        "late",
    ),
    ("print('buffered', end='', file=sys.stderr)", 0, "buffered"),
]


@pytest.mark.parametrize(("code", "status", "last"), ENDS)
def test_it_ends_as_python_ends(code: str, status: int, last: str) -> None:
    for new in (True, False):
        ended, out, err = said(code, new=new)
        assert (ended, out, err.rstrip("\n").rpartition("\n")[2]) == (status, "", last)


SAME = {
    "descriptors": "print(sorted(map(int, os.listdir('/proc/self/fd'))), [os.get_inheritable(fd) for fd in (0, 1, 2)])",
    "environment": "print(sorted(os.environ.items()))",
    "environment of its children": "import subprocess; print(subprocess.run(['env'], capture_output=True).stdout)",
    "time zone": "import time; print(time.tzname, time.localtime(0))",
    "folder": "print(os.getcwd())",
    "temp folder": "import tempfile; print(tempfile.gettempdir())",
    "umask": "print(os.umask(0))",
    "group and session": "print(os.getpgrp(), os.getsid(0))",
    "parent": "print(os.getppid())",
    "command line's end": "print(open('/proc/self/cmdline').read().rstrip('\\0').splitlines()[-1])",
    "signals": "import signal; print([str(signal.getsignal(n)) for n in signal.valid_signals()])",
    "signals of the kernel": "print([line for line in open('/proc/self/status') if line[:3] == 'Sig' and line[3] != 'Q'])",
    "streams": "print([(type(s), type(s.buffer), s.name, s.mode, s.encoding, s.errors, s.newlines, s.line_buffering,"
    " s.write_through, s.closed, s.isatty()) for s in (sys.stdin, sys.stdout, sys.stderr)])",
    "streams that began": "print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)",
    "threads": "import threading; print(threading.active_count(), threading.current_thread() is threading.main_thread(),"
    " threading.get_native_id() == os.getpid())",
    "a signal to its thread": "import signal, threading\nsignal.signal(signal.SIGUSR1, lambda *_: print('came'))\n"
    "other = threading.Thread(target=lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1))\n"
    "other.start(); other.join()",
    "limits": "import resource; print([resource.getrlimit(n) for n in range(16)])",
    "name": "print(__name__, len(sys.argv))",
    "processor time": "import time; print(time.process_time() < 30)",
}


@pytest.mark.parametrize("what", SAME)
def test_it_finds_what_a_new_process_finds(what: str, tmp_path: Path) -> None:
    environment = {**BASE, "TZ": "Asia/Tokyo", "TMPDIR": str(tmp_path), "ODD": "ä\udcff=\n", "EMPTY": ""}
    del environment["PATH"]
    code = SAME[what].replace("len(sys.argv)", "2")
    before = os.umask(0o027)
    try:
        new, copy = (
            output(code, new=new, env=environment, cwd=tmp_path, stdin=subprocess.PIPE) for new in (True, False)
        )
    finally:
        os.umask(before)
    assert copy == new != ""


def test_two_copies_do_not_roll_the_same_dice() -> None:
    code = "import random, secrets, uuid; print(random.random(), secrets.token_hex(), uuid.uuid4())"
    assert not {*output(code).split()} & {*output(code).split()}


def test_it_may_lead_a_group_or_a_session() -> None:
    code = "print(os.getpid() == os.getpgrp(), os.getpid() == os.getsid(0))"
    assert output(code, process_group=0) == "True False\n"
    assert output(code, start_new_session=True) == "True True\n"
    for _ in range(20):
        with copied("sys.stdin.read()", process_group=0, stdin=subprocess.PIPE) as process:
            assert os.getpgid(process.pid) == process.pid
            os.killpg(process.pid, signal.SIGKILL)


def test_a_folder_that_is_not_there_is_told_where_it_is_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copied("pass", cwd=tmp_path / "none", stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_descriptors_keep_their_numbers() -> None:
    pipes = [os.pipe() for _ in range(6)]
    try:
        passed = tuple(writing for _, writing in reversed(pipes))
        high = fcntl.fcntl(pipes[0][1], fcntl.F_DUPFD, 800)
        code = f"[os.write(fd, str(fd).encode()) for fd in {passed}]; os.write({high}, b' high')"
        code += (
            f"; print([fd for fd in range(999) if os.path.exists(f'/proc/self/fd/{{fd}}')], os.get_inheritable({high}))"
        )
        assert output(code, pass_fds=(*passed, high)) == f"{[0, 1, 2, *sorted(passed), high]} True\n"
        os.close(high)
        for number, (reading, writing) in enumerate(pipes):
            os.close(writing)
            # No process has the other end any more, the helper neither.
            assert os.read(reading, 99) == f"{writing}{' high' if number == 0 else ''}".encode()
            assert os.read(reading, 99) == b""
    finally:
        for reading, _ in pipes:
            os.close(reading)


def test_what_it_reads_ends_and_much_goes_both_ways() -> None:
    text = "äöü\r\n" * 200_000
    assert output("sys.stdout.write(sys.stdin.read())", input=text) == text.replace("\r\n", "\n")
    assert output("print(repr(sys.stdin.read()))", stdin=subprocess.DEVNULL) == "''\n"
    with copied(WAITS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.stdin.close()
        assert process.wait(HANG_S) == process.returncode == process.poll() == 0


def test_a_long_command_and_a_large_environment_arrive() -> None:
    environment = BASE | {f"V{number}": "v" * 10_000 for number in range(40)}
    code = "print(len(os.environ['V39']), len(sys.argv[1]))" + " " * 100_000
    assert output(code, env=environment) == f"10000 {len(code) + len('import os, sys') + 1}\n"


def test_at_a_terminal_it_writes_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setattr(forked, "_ENVIRONMENT", dict(os.environ))
    monkeypatch.setattr(forked, "_helper", forked._Helper("tests.test_forked"))
    ours, theirs = pty.openpty()
    code = "sys.stdout.write('line\\n'); sys.stdout.write('rest'); sys.stdin.readline(); os._exit(0)"
    with copied(code, stdin=theirs, stdout=theirs):
        os.close(theirs)
        assert select.select([ours], [], [], HANG_S)[0]
        assert os.read(ours, 99) == b"line\r\n"
        os.write(ours, b"\n")
    os.close(ours)
    forked._helper.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    with copied(WAITS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(HANG_S) == -number
        assert ("KeyboardInterrupt" in process.stderr.read()) is (number == signal.SIGINT)
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_one_helper_serves_all_and_one_that_died_is_replaced(helper: forked._Helper) -> None:
    with copied(WAITS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        first = helper.process
        assert first is not None
        assert os.getpgid(first.pid) != os.getpgrp(), "Ctrl+C at the tests is not for it"
        assert output("print('again')") == "again\n"
        assert helper.process is first
        kill9(first.pid)
        assert output("print('anew')") == "anew\n"
        assert helper.process is not first
        assert process.poll() is None, "it has nothing to do with the helper's end"
        out, _ = process.communicate("", HANG_S)
        assert (out, process.returncode) == ("ready\n", 0)


def test_a_helper_that_cannot_start_is_told() -> None:
    with pytest.raises(RuntimeError, match=f"{forked.SWITCH}=0"):
        forked._Helper("tests.none").fork({}, [])


def test_the_helper_ends_with_the_process_that_has_it() -> None:
    script = (
        "import subprocess, sys; sys.modules['tests.conftest'] = sys\n"
        "from tests.rig import forked\n"
        "forked._helper = forked._Helper('tests.test_forked')\n"
        "process = forked.Popen([forked.HOLDSHELF, '__import__(\"sys\").stdin.read()'], stdin=subprocess.PIPE)\n"
        "print(forked._helper.process.pid, process.pid, flush=True); process.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pids = {int(word) for word in holder.stdout.readline().split()}
        assert len(pids) == 2
        holder.kill()
    for pid in pids:
        assert wait_dead(pid, HANG_S)


def test_a_fork_of_the_test_process_has_a_helper_of_its_own(helper: forked._Helper) -> None:
    assert output("print('here')") == "here\n"
    assert helper.process is not None
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            same = output("print(os.getppid())") == f"{os.getpid()}\n"
            helper.end()
            status = 0 if same else 2
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert output("print('still')") == "still\n"


@pytest.mark.parametrize(
    ("words", "environment", "is_forked"),
    [
        (["status"], {}, True),
        (["serve", "--no-door"], {"TZ": "UTC", "HOLDSHELF_DATA": "/nonexistent"}, True),
        (["serve"], {}, False),
        (["demo"], {}, False),
        (["tui"], {}, False),
        (["status"], {"LD_PRELOAD": "/nonexistent.so"}, False),
        (["status"], {"PYTHONPATH": "/nonexistent"}, False),
        (["status"], {"LC_ALL": "POSIX"}, False),
        (["status"], {forked.SWITCH: "0"}, False),
    ],
)
def test_what_needs_a_new_python_gets_one(words: list[str], environment: dict[str, str], is_forked: bool) -> None:
    for command in ([forked.HOLDSHELF], [sys.executable, "-m", "holdshelf_tui.cli"]):
        assert forked._can_be_forked([*command, *words], BASE | {forked.SWITCH: "1"} | environment) is is_forked
        assert not forked._can_be_forked(["nice", *command, *words], BASE | environment)


def test_the_command_line_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = forked._Helper()
    monkeypatch.setattr(forked, "_helper", helper)
    try:
        for command in ([forked.HOLDSHELF], [sys.executable, "-m", "holdshelf_tui.cli"]):
            for words in (["--version"], ["--help"], ["nosuch"], ["status", "--data", "/nonexistent"]):
                ways = [
                    forked.run([*command, *words], capture_output=True, env=BASE | {forked.SWITCH: switch})
                    for switch in ("0", "1")
                ]
                assert ways[0] == ways[1] or vars(ways[0]) == vars(ways[1])
        assert helper.process is not None
    finally:
        helper.end()
