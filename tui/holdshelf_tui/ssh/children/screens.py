"""One SSH session's screens, in a process of their own, on a terminal of their own.

Forked by the door's fork server, where everything heavy is loaded already. It speaks to the service with the session's token or
not at all. Whatever happens here ends this session alone; the door cleans the client's terminal up afterwards.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from holdshelf_core.api.client import Client
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.session.control import Control
from holdshelf_tui.session.link import Link
from holdshelf_tui.session.probe import ask, probe
from holdshelf_tui.ssh.children.limits import give_up_rights

PROBE_S = 0.06
FAILED = "This session failed because of a bug. Log in again."


def run(data: str, tty_fd: int, control_fd: int, term: str, env: Mapping[str, str], size: tuple[int, int]) -> None:
    """The session, from its first screen to its last. ``size``: columns and rows, which the terminal already has."""
    os.setsid()
    fcntl.ioctl(tty_fd, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(tty_fd, fd)
    os.close(tty_fd)
    asked = ask(0, term)  # a terminal takes its time to answer: ours is spent on the rest meanwhile
    _open_streams()
    give_up_rights({**env, "TERM": term, "COLUMNS": str(size[0]), "LINES": str(size[1])})
    del os.environ["COLUMNS"], os.environ["LINES"]  # the terminal itself knows, also after it was resized
    control = Control(control_fd)
    code, reason = 1, FAILED
    try:
        code, reason = _screens(Path(data), control, asked=asked)
    except SystemExit as error:
        code, reason = (error.code if isinstance(error.code, int) else 1), ""
    except Exception as error:
        control.fault(error)
    finally:
        control.bye(reason, code)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        # No thread that waits for the service may keep a session that is over.
        os._exit(code)


def _screens(data: Path, control: Control, *, asked: bool) -> tuple[int, str]:
    """(exit code, the sentence that is left on the normal screen): the door writes it, after it has cleaned up."""
    link = Link(Client(data, token=control.first_token()), has_door=True)
    link.ask_early()
    # Not waited for long: what a terminal far away answers later is heeded then.
    graphics = probe(0, timeout_s=PROBE_S, asked=asked)
    app = HoldshelfApp(link, graphics=graphics)
    app.on_painted = control.painted
    control.on_token = app.link.renew
    control.on_end = lambda reason: app.call_from_thread(app.end, reason)
    control.start()
    # What Textual would print of a fault, with values of variables, is for nobody's screen.
    app.error_console = Console(file=io.StringIO())
    reason = app.run()
    if app._exception is not None:
        raise app._exception
    return 0, reason or ""


def _open_streams() -> None:
    """Python's own streams, anew: the fork server's were others, and the screens write to the originals."""
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="replace", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # type: ignore[misc]  # noqa: SIM115
