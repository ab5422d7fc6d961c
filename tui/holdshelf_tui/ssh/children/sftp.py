"""Fetching by SFTP, in a process of its own as every session is: reads requests from one pipe, writes answers to
another.

The packets of a client who may mean harm are met here, where there is no file, no network and little memory; what may
be fetched, and each of its bytes, comes from the service. One request at a time: a client that takes nothing is not
read from.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.outbox.types import OutboxEnter
from holdshelf_tui.session.control import Control
from holdshelf_tui.ssh.children.limits import give_up_rights

FAILED = "Fetching failed because of a bug. Log in again."


def _tell(sentence: str) -> None:
    """Beside what the client says by itself. One that takes nothing holds up its own session and nobody else's."""
    with contextlib.suppress(OSError, ValueError):
        print(f"holdshelf: {sentence}", file=sys.stderr, flush=True)


def run(data: str, fds: tuple[int, int, int], control_fd: int, env: Mapping[str, str]) -> None:
    """Serve one client; ``fds``: what it sends, what it gets, and where a sentence may be said to the person."""
    os.setsid()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    give_up_rights(env)
    control = Control(control_fd)
    code = 1
    try:
        client = Client(Path(data), token=control.first_token())
        control.on_token = client.renew
        control.on_end = lambda _reason: os._exit(1)
        control.start()
        # Written down, and refused in words, before anything is shown.
        client.act(OutboxEnter())
        from holdshelf_tui.ssh.children.sftp_server import serve  # noqa: PLC0415

        refusal = asyncio.run(serve(0, 1, client, control.fault, _tell))
        if refusal:
            print(f"holdshelf: {refusal}", file=sys.stderr)
        code = 1 if refusal else 0
    except HoldshelfError as error:
        print(f"holdshelf: {error}", file=sys.stderr)
    except SystemExit:
        pass
    except Exception as error:
        print(f"holdshelf: {FAILED}", file=sys.stderr)
        control.fault(error)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        control.bye("", code)
        os._exit(code)
