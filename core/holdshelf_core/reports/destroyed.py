"""What was destroyed in a quarter, and by which rule: from the ledger of scheduled erasures. Blocks.

What the sheet says of a camera's month is what the ledger says: it names each file, this the first and the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdshelf_core.reports.days_kept import month_beside
from holdshelf_core.reports.quarters import Quarter, local
from holdshelf_core.reports.report_types import DestroyedRow
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import Done, Intent

RULES = {"budget": "no more room: the oldest goes first", "the disk is full": "no more room: the oldest goes first"}
"""By the ledger's reason; a limit in days stands there in its own words."""


@dataclass(slots=True)
class _Gone:
    files: int = 0
    footage_from: int = 0
    footage_to: int = 0
    erased_from: int = 0
    erased_to: int = 0

    def add(self, files: int, start: int, end: int, at: int) -> None:
        first = not self.files
        self.files += files
        self.footage_from = start if first else min(self.footage_from, start)
        self.footage_to = end if first else max(self.footage_to, end)
        self.erased_from = at if first else min(self.erased_from, at)
        self.erased_to = at if first else max(self.erased_to, at)


def destroyed(
    ledger: Ledger, quarter: Quarter, until_utc_ns: int, names: Mapping[str, str], stopped: Callable[[], bool]
) -> list[DestroyedRow]:
    """Return a row for each month, camera and rule. ``names``: of the cameras that there are.

    Raises StorageError; InterruptedError once ``stopped`` returns True.
    """
    begun: dict[str, Intent] = {}
    found: dict[tuple[str, str, str], _Gone] = {}
    months = month_beside(quarter.start_utc_ns, -1, quarter), month_beside(until_utc_ns, 1, quarter)
    for number, entry in enumerate(ledger.entries(*months)):
        if not number % 1024 and stopped():
            raise InterruptedError
        if isinstance(entry, Intent) and quarter.start_utc_ns <= entry.at_utc_ns < until_utc_ns:
            begun[entry.id] = entry
        elif isinstance(entry, Done) and (intent := begun.pop(entry.id, None)) is not None:
            month = f"{local(intent.at_utc_ns, quarter.zone):%Y-%m}"
            rule = RULES.get(intent.reason, intent.reason)
            for part in intent.days:
                files = len(set(part.seqs).difference(entry.kept))
                if files:
                    gone = found.setdefault((month, part.camera, rule), _Gone())
                    gone.add(files, part.start_utc_ns, part.end_utc_ns, intent.at_utc_ns)

    def day(utc_ns: int) -> str:
        return local(utc_ns, quarter.zone).date().isoformat()

    return [
        DestroyedRow(
            month,
            camera,
            names.get(camera, camera),
            rule,
            day(gone.footage_from),
            day(max(gone.footage_from, gone.footage_to - 1)),
            day(gone.erased_from),
            day(gone.erased_to),
            gone.files,
        )
        for (month, camera, rule), gone in sorted(found.items())
    ]
