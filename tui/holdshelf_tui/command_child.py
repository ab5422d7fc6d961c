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
from holdshelf_core.api.door_link import token_pipe
from holdshelf_tui import remote
from holdshelf_tui.child_limits import give_up_rights
from holdshelf_tui.cli import main
from holdshelf_tui.control import Control


def run(data: str, fds: tuple[int, int, int], control_fd: int, env: Mapping[str, str], words: Sequence[str]) -> None:
    """Do the command; ``fds`` become standard input, output and error."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    give_up_rights({**env, "HOLDSHELF_DATA": str(Path(data))})
    control = Control(control_fd)
    code = 1
    try:
        os.environ[TOKEN_VARIABLE] = str(token_pipe(control.first_token()))
        control.on_end = lambda _reason: os._exit(1)
        control.start()
        sys.argv = ["holdshelf", *words]
        if remote.answered_here(words):
            code = 0
        else:
            main(remote.speak_for_ssh())
    except KeyboardInterrupt:
        code = 130
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except Exception as error:
        print(f"holdshelf: this command failed by a fault of its own ({type(error).__name__}).", file=sys.stderr)
        control.fault(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        control.bye("", code)
        os._exit(code)
