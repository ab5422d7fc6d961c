"""One command over SSH (`ssh -p 8022 director@nvr holds --json`), in a process of its own: the same commands as on the machine.

Only those that a person may give, each with the session's token: same rules, same log. No file of this machine is read or
written: `-` stands for standard input and output.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from holdshelf_core.api.client import TOKEN_VARIABLE
from holdshelf_core.api.ssh.link import token_pipe
from holdshelf_tui import remote
from holdshelf_tui.cli import main
from holdshelf_tui.session.control import Control
from holdshelf_tui.ssh.children.limits import give_up_rights


def run(data: str, fds: tuple[int, int, int], control_fd: int, env: Mapping[str, str], words: Sequence[str]) -> None:
    """Do the command; ``fds`` become standard input, output and error."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    for name, fd in (("stdout", 1), ("stderr", 2)):
        setattr(sys, name, remote.SpokenForSsh(open(fd, "wb", closefd=False), encoding="utf-8", errors="replace"))  # noqa: SIM115
    give_up_rights({**env, "HOLDSHELF_DATA": str(Path(data))})
    control = Control(control_fd)
    code = 1
    try:
        token = control.first_token()
        os.environ[TOKEN_VARIABLE] = str(token_pipe(token))
        control.on_end = lambda _reason: os._exit(1)
        control.start()
        sys.argv = ["holdshelf", *words]
        program = remote.program(token)
        if remote.answered_here(words, program):
            code = 0
        else:
            remote.speak_for_ssh(program, words)
            main(program)
    except KeyboardInterrupt:
        code = 130
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except Exception as error:
        print(f"holdshelf: this command failed because of a bug ({type(error).__name__}).", file=sys.stderr)
        control.fault(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        control.bye("", code)
        os._exit(code)
