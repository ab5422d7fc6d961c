"""Sets a broken log aside and begins another that names it. Deletes nothing.

    access.broken-20261125T040506Z/    the old folder as it was, including its key file
    access.new/                        the new log until it is complete; then renamed
    access.unfinished-20261125T040506Z/    one that a crash left incomplete

If interrupted at any step, the next start finds a log with a `problem` (the old one, or a missing one), never a new log that does
not name its predecessor.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from holdshelf_storage.access_log.start import FRONTIER, HEAD, Frontier
from holdshelf_storage.atomic import fsync_dir, make_dir
from holdshelf_storage.errors import BadEntry, translating
from holdshelf_storage.volume.journal import UNREADABLE

BROKEN: Final = "access.broken-"
NEW: Final = "access.new"
UNFINISHED: Final = "access.unfinished-"
_LIMIT_BYTES = 16 * 1024


def never_had_one(folder: Path, key_path: Path) -> bool:
    """Whether there is no trace of an access log: neither folder, nor key, nor one that was set aside."""
    if os.path.lexists(folder) or os.path.lexists(key_path):
        return False
    return folder.name == NEW or not _set_aside(folder.parent)


def _set_aside(state: Path) -> list[Path]:
    return sorted(state.glob(f"{BROKEN}*"))


class Renewal:
    """The replacement of one broken log by a new one."""

    def __init__(self, folder: Path, key_path: Path) -> None:
        """Sets aside a new log that was not completed last time. Raises StorageError."""
        self._folder, self._key_path = folder, key_path
        self.new = folder.with_name(NEW)
        if os.path.lexists(self.new):
            with translating("The unfinished new access log could not be set aside"):
                self.new.rename(_free_name(folder.parent, UNFINISHED))
            fsync_dir(folder.parent)
        was_interrupted = not os.path.lexists(folder)
        aside = _set_aside(folder.parent)
        self._old = aside[-1] if was_interrupted and aside else folder
        self._aside = _free_name(folder.parent)

    def named(self, public: Mapping[str, Any], entries: int, problem: str) -> dict[str, Any]:
        """The first entry of the new log: `public`, with facts about the previous log. Raises BadEntry."""
        facts = public.get("facts", {})
        if not isinstance(facts, Mapping):
            raise BadEntry("The facts of an entry must be a mapping; report this as a bug.")
        head = _text(self._old / HEAD)
        if not head:  # a power cut may lose it; the frontier contains one
            with contextlib.suppress(*UNREADABLE):
                head = msgspec.json.decode(_text(self._old / FRONTIER), type=Frontier).head
        name = self._aside.name if self._old == self._folder else self._old.name
        return {
            **public,
            "facts": {**facts, "before": {"entries": entries, "folder": name, "head": head, "why": problem}},
        }

    def swap(self) -> None:
        """Sets the old log and its key aside, and puts the new one in their place. Raises StorageError."""
        folder, key_path, aside = self._folder, self._key_path, self._aside
        with translating("The broken access log could not be set aside"):
            if os.path.lexists(folder):
                folder.rename(aside)
                fsync_dir(folder.parent)
            if os.path.lexists(key_path):
                if not aside.is_dir():
                    make_dir(aside)
                key_path.rename(aside / key_path.name)
                fsync_dir(aside)
            make_dir(key_path.parent)
            (self.new / key_path.name).rename(key_path)
            fsync_dir(key_path.parent)
            fsync_dir(self.new)
            self.new.rename(folder)
            fsync_dir(folder.parent)


def _text(path: Path) -> str:
    """The beginning of a small file, '' when there is none."""
    try:
        return path.read_bytes()[:_LIMIT_BYTES].strip(b"\0").decode(errors="replace")
    except OSError:
        return ""


def _free_name(state: Path, prefix: str = BROKEN) -> Path:
    stem = f"{prefix}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    number = 1
    path = state / stem
    while os.path.lexists(path):
        number += 1
        path = state / f"{stem}-{number}"
    return path
