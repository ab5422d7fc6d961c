"""What of a client's environment and terminal reaches a session: six names, each checked, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from holdshelf_core.api.address import SERVICE_UID_VARIABLE

_NAMES = re.compile(rb"LANG|LANGUAGE|LC_[A-Z]{1,20}|COLORTERM|NO_COLOR|TERM")
_VALUE = re.compile(rb"[A-Za-z0-9_.:@+/-]{0,64}")
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
# Of the door's own: where the service's socket is, what time it is here.
_KEPT = ("TZ", "XDG_RUNTIME_DIR", "TMPDIR", SERVICE_UID_VARIABLE, "COVERAGE_PROCESS_START", "HOLDSHELF_DEBUG")
TERMINAL_VARIABLE = "HOLDSHELF_TERMINAL"
"""Tells a command that what it prints goes to a terminal (`ssh -t`), though it writes into a pipe. No client may set it."""
FALLBACK_TERM = "xterm-256color"
COLUMNS, ROWS = (20, 500), (5, 200)
FALLBACK_SIZE = (80, 24)


def accepted(name: bytes, value: bytes) -> bool:
    """Whether a client may set that variable to that value."""
    return bool(_NAMES.fullmatch(name) and _VALUE.fullmatch(value))


def clean_term(term: str) -> str:
    """A terminal's name as the client gives it, or one that most terminals are like."""
    return term if _TERM.fullmatch(term) else FALLBACK_TERM


def clean_size(columns: int, rows: int) -> tuple[int, int]:
    """Columns and rows, from 0 to 2^32 each as the client says, within what a screen can be. 0: nobody knows."""
    width = min(max(columns or FALLBACK_SIZE[0], COLUMNS[0]), COLUMNS[1])
    height = min(max(rows or FALLBACK_SIZE[1], ROWS[0]), ROWS[1])
    return width, height


def child_environment(data: str, term: str, sent: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a session's process."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    own = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "HOLDSHELF_DATA": data}
    return {**own, **kept, **sent, **({"TERM": term, TERMINAL_VARIABLE: "1"} if term else {})}
