"""A session's own process: what it may do, and what becomes of a fault in it. Forked here as the fork server forks it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import os, socket, sys
from holdshelf_tui import session_child
from textual.app import App

class Broken(App):
    def __init__(self, client, **named):
        super().__init__()
        self.link = type("Link", (), {"renew": staticmethod(lambda token: None)})
    def on_mount(self):
        secret = "do-not-show-this"
        raise RuntimeError("broken on purpose")
    def end(self, reason):
        self.exit(reason)

session_child.HoldshelfApp = Broken
session_child.run("/nowhere", int(sys.argv[1]), int(sys.argv[2]), "xterm", {"LANG": "C.UTF-8"}, (80, 24))
"""

RIGHTS = """
import os, sys, socket, resource
from holdshelf_tui.child_limits import give_up_rights
os.environ["LD_PRELOAD"] = "/x"
give_up_rights({"LANG": "C.UTF-8"})
assert dict(os.environ) == {"LANG": "C.UTF-8"}
import wave  # not loaded yet: modules can still be
def refused(do):
    try:
        do()
    except OSError as error:
        return type(error).__name__
    return "allowed"
print(refused(lambda: open(sys.argv[1])))
print(refused(lambda: open(sys.argv[1] + ".new", "w")))
print(refused(lambda: os.unlink(sys.argv[1])))
print(refused(lambda: os.execv("/bin/true", ["true"])))
print(refused(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2)))
print(refused(lambda: os.kill(int(sys.argv[3]), 0)))
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[4])
print("connected", resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_a_fault_ends_that_session_in_a_sentence_and_only_the_door_learns_what_it_was() -> None:
    ours, theirs = socket.socketpair()
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(slave), str(theirs.fileno())], pass_fds=(slave, theirs.fileno())
    )
    os.close(slave)
    theirs.close()
    ours.sendall(b'{"token": "t"}\n')
    shown, told, deadline = b"", b"", time.monotonic() + 20
    while b'"bye"' not in told:
        assert time.monotonic() < deadline
        for ready in select.select([master, ours], [], [], 0.2)[0]:
            if ready is ours:
                told += ours.recv(65536)
            else:
                with contextlib.suppress(OSError):
                    shown += os.read(master, 65536)
    assert process.wait(10) == 1
    fault, bye = (json.loads(line) for line in told.splitlines())
    assert "broken on purpose" in fault["fault"]
    assert "do-not-show-this" not in fault["fault"]
    assert bye["bye"].startswith("This session failed by a fault of its own.")
    assert b"broken on purpose" not in shown
    assert b"Traceback" not in shown
    os.close(master)


def test_a_process_of_a_session_may_read_the_program_and_reach_the_service_and_nothing_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("footage")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as service:
        path = str(tmp_path / "s")
        service.bind(path)
        service.listen()
        port = str(tcp.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", RIGHTS, secret, port, str(os.getpid()), path],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == ["PermissionError"] * 6 + ["connected 0"]
    assert secret.read_text() == "footage"
