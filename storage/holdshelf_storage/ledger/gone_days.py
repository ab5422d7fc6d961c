"""The summaries of deleted days, as the ledger's files tell of them."""

import threading
from collections.abc import Iterable
from pathlib import Path

from holdshelf_storage.errors import translating
from holdshelf_storage.ledger import lines
from holdshelf_storage.ledger.files import read_month
from holdshelf_storage.ledger.lines import DayGone

_DAY_LINE = b'{"kind":"day"'


class GoneDays:
    """Read once, then continued where that ended. Safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, dict[tuple[str, str], DayGone]] = {}
        """Of each camera, by day and its journal's checksum: a day that a clock came back to ends more than once."""
        self._scanned: dict[Path, int] = {}

    def of(self, camera: str, months: Iterable[Path], first_day: str, last_day: str) -> list[DayGone]:
        """Those of a camera, by day; first..last included. ``months``: the ledger's files. Raises DiskWriteError."""
        with self._lock:
            for path in months:
                self._scanned[path] = self._scan(path, self._scanned.get(path, 0))
            gone = [entry for entry in self._of.get(camera, {}).values() if first_day <= entry.day <= last_day]
        return sorted(gone, key=lambda entry: entry.day)

    def _scan(self, path: Path, position: int) -> int:
        """Processes the summaries after `position` of one month; returns where its last whole line ends."""
        with translating(f"{path} could not be read"):
            if path.stat().st_size == position:
                return position
        data = read_month(path, 0)
        whole = data.rfind(b"\n") + 1
        found = data.find(_DAY_LINE, position if position <= whole else 0)
        while 0 <= found < whole:
            entry = lines.decode(data[found : data.find(b"\n", found)])
            if isinstance(entry, DayGone):
                self._of.setdefault(entry.camera, {})[entry.day, entry.journal_sha256] = entry
            found = data.find(_DAY_LINE, found + 1)
        return whole
