"""Printers, through CUPS's commands: `lpstat` lists them, `lp` prints.

No shell, a fixed environment, limited time. ``CUPS_SERVER`` is passed on from the service's environment (for another socket or
server than CUPS's default); nothing else is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from holdshelf_core.errors import BadRequest, Conflict, NotFound, Unavailable
from holdshelf_core.inert import inert
from holdshelf_core.outbox.types import PrinterRow, Printers
from holdshelf_core.policy.governing import own_board

PROGRAMS = Path("/usr/bin")
LIST_TIMEOUT_S, PRINT_TIMEOUT_S = 10.0, 30.0
MAX_SAID_BYTES = 64 << 10
MAX_PRINTERS = 200
# CUPS: any printable ASCII but space, tab, / and #; at most 127. A leading - would be taken for an option.
_NAME = re.compile(r"[!\"$%&'()*+,.0-9:;<=>?@A-Z\[\\\]^_`a-z{|}~][!-.0-9:-~]{0,126}", re.ASCII)
_NO_CUPS = "CUPS is not installed on this machine, so you cannot print from here."
_INSTALL = "Install the package cups-client (with cups, or with a client.conf that names a server), or print to a file."
_ELSEWHERE = "Use the outbox or a file. The admin of this server sets up printers."
_JOB = re.compile(r"request id is (\S{1,140})")


def is_name(name: str) -> bool:
    """Return whether CUPS could have a printer of that name."""
    return bool(_NAME.fullmatch(name)) and "#" not in name


async def async_printers(only: Sequence[str]) -> Printers:
    """Return the printers that papers may go to. ``only``: the Board's list, () for any."""
    try:
        names, said, default = await _listed()
    except Unavailable as error:
        return Printers([], f"{error.sentence} {error.next_step}".strip(), tuple(only))
    states = {}
    for line in said.splitlines():
        if line.startswith("printer "):
            name, _, state = line.removeprefix("printer ").partition(" ")
            states[name] = _words(state)
    rows = [
        PrinterRow(name, states.get(name, ""), name == default)
        for name in names
        if is_name(name) and (not only or name in only)
    ]
    problem = (
        ""
        if rows
        else "No printer is set up on this server: CUPS knows none."
        if not names
        else own_board("None of CUPS's printers is on the Board's list.")
    )
    return Printers(rows, problem, tuple(only))


_asking: asyncio.Task[tuple[list[str], str, str]] | None = None


async def _listed() -> tuple[list[str], str, str]:
    """Return CUPS's printers, their states, and the default. Concurrent calls share one run of the command. Raises
    Unavailable."""
    global _asking  # noqa: PLW0603 - one for the process
    if _asking is None or _asking.done() or _asking.get_loop() is not asyncio.get_running_loop():
        _asking = asyncio.get_running_loop().create_task(_ask(), name="lpstat")
    return await asyncio.shield(_asking)


async def _ask() -> tuple[list[str], str, str]:
    names = (await _run(("lpstat", "-e"), LIST_TIMEOUT_S)).splitlines()[:MAX_PRINTERS]
    said = await _run(("lpstat", "-p"), LIST_TIMEOUT_S, may_fail=True)
    default = (await _run(("lpstat", "-d"), LIST_TIMEOUT_S, may_fail=True)).partition(": ")[2].strip()
    return names, said, default


async def async_choose(name: str, only: Sequence[str]) -> str:
    """Return the printer that a paper goes to. Raises NotFound, Conflict, Unavailable."""
    if name and not is_name(name):
        raise BadRequest(f"{_words(name)[:60]!r} is not a printer name.", "`holdshelf print printers` lists them.")
    known = await async_printers(only)
    names = [row.name for row in known.printers]
    if name in names:
        return name
    if name and name not in names:
        if known.problem and not names:
            raise Unavailable(known.problem, _ELSEWHERE)
        if only and name not in only:
            raise Conflict(
                f"Papers may not be printed on {name}: {own_board("it is not on the Board's list of printers.")}",
                f"Choose {', '.join(names)}.",
            )
        raise NotFound(f"There is no printer named {name}.", f"There are: {', '.join(names) or 'none'}.")
    default = next((row.name for row in known.printers if row.is_default), names[0] if len(names) == 1 else "")
    if not default:
        if not names:
            raise Unavailable(known.problem, _ELSEWHERE)
        raise Conflict("There are several printers, and none is the default.", f"Name one: {', '.join(names)}.")
    return default


async def async_print(printer: str, title: str, content: bytes) -> str:
    """Pass it to CUPS; return CUPS's job id, '' when it gave none. Raises Unavailable."""
    # Stated rather than left for CUPS to guess: a text that begins like PostScript, or a printer command, is still a text.
    kind = "application/pdf" if content.startswith(b"%PDF-") else "text/plain"
    words = ("lp", "-d", printer, "-o", f"document-format={kind}", "-t", _words(title)[:120] or "Holdshelf", "-")
    said = await _run(words, PRINT_TIMEOUT_S, content)
    found = _JOB.search(said)
    return found[1] if found else ""


async def _run(words: Sequence[str], timeout_s: float, content: bytes = b"", *, may_fail: bool = False) -> str:
    """Return the command's output. Raises Unavailable with its message when it failed."""
    environment = {"PATH": str(PROGRAMS), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    if server := os.environ.get("CUPS_SERVER"):
        environment["CUPS_SERVER"] = server
    try:
        process = await asyncio.create_subprocess_exec(
            str(PROGRAMS / words[0]),
            *words[1:],
            stdin=asyncio.subprocess.PIPE if content else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd="/",
            start_new_session=True,
            limit=MAX_SAID_BYTES,
        )
    except FileNotFoundError:
        raise Unavailable(_NO_CUPS, _INSTALL) from None
    except OSError as error:
        raise Unavailable(f"`{words[0]}` cannot be started: {error.strerror}.", _INSTALL) from None
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate(content or None)
    except TimeoutError:
        raise Unavailable(
            f"CUPS did not answer `{words[0]}` within {timeout_s:.0f} seconds.",
            "Check the printer and the CUPS log.",
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode and not may_fail:
        why = _words((err or out)[:MAX_SAID_BYTES].decode(errors="replace"))[:300].removeprefix(
            f"{PROGRAMS / words[0]}: "
        )
        raise Unavailable(f"CUPS says: {why or 'it failed'}.", "`holdshelf print printers` lists what it knows.")
    return out[:MAX_SAID_BYTES].decode(errors="replace")


def _words(text: str) -> str:
    """Return one line without control characters."""
    return " ".join(inert(text).split()).rstrip(".")
