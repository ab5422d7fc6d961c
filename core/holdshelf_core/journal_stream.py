"""Whether stderr is systemd's journal, and the marks of priorities there (sd-daemon(3)). Small: the supervisor imports it."""

from __future__ import annotations

import os

STDERR = 2
CRITICAL, ERROR, WARNING, INFO, DEBUG = "<2>", "<3>", "<4>", "<6>", "<7>"
"""What a line begins with there; the journal takes it off. `journalctl -p warning` shows the first three."""


def is_journal(fd: int = STDERR) -> bool:
    """Return whether this descriptor is the stream that systemd named in JOURNAL_STREAM: a redirected one is not."""
    named = os.environ.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return named == f"{found.st_dev}:{found.st_ino}"
