"""What of a client's environment and terminal reaches a session: six names, each checked, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from holdshelf_core.api.address import SERVICE_UID_VARIABLE
from holdshelf_tui.session.control import TERMINAL_VARIABLE
from holdshelf_tui.session.probe import believed_cell

_NAMES = re.compile(rb"LANG|LANGUAGE|LC_[A-Z]{1,20}|COLORTERM|NO_COLOR|TERM")
_VALUE = re.compile(rb"[A-Za-z0-9_.:@+/-]{0,64}")
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
# Of the door's own: where the service's socket is, what time it is here.
_KEPT = ("TZ", "XDG_RUNTIME_DIR", "TMPDIR", SERVICE_UID_VARIABLE, "COVERAGE_PROCESS_START", "HOLDSHELF_DEBUG")
FALLBACK_TERM = "xterm-256color"
COLUMNS, ROWS = (20, 500), (5, 200)


class Size(NamedTuple):
    """Of a terminal: columns, rows, and how many pixels all of them take; 0: nobody knows."""

    columns: int
    rows: int
    width_px: int = 0
    height_px: int = 0


FALLBACK_SIZE = Size(80, 24)


def accepted(name: bytes, value: bytes) -> bool:
    """Whether a client may set that variable to that value."""
    return bool(_NAMES.fullmatch(name) and _VALUE.fullmatch(value))


def clean_term(term: str) -> str:
    """A terminal's name as the client gives it, or one that most terminals are like."""
    return term if _TERM.fullmatch(term) else FALLBACK_TERM


def clean_size(columns: int, rows: int, width_px: int = 0, height_px: int = 0) -> Size:
    """What a client says, from 0 to 2^32 each, within what a screen can be. 0: nobody knows.

    Pixels are taken together or not at all. Where columns or rows are cut or made up, their pixels are so in proportion, so that
    a cell keeps its size.
    """
    wide = min(max(columns or FALLBACK_SIZE.columns, COLUMNS[0]), COLUMNS[1])
    high = min(max(rows or FALLBACK_SIZE.rows, ROWS[0]), ROWS[1])
    if believed_cell(width_px, height_px, columns, rows) is None:
        return Size(wide, high)
    return Size(wide, high, width_px * wide // columns, height_px * high // rows)


def child_environment(data: str, term: str, sent: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a session's process."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    own = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "HOLDSHELF_DATA": data}
    return {**own, **kept, **sent, **({"TERM": term, TERMINAL_VARIABLE: "1"} if term else {})}
