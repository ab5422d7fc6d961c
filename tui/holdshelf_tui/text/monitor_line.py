"""The one line that `holdshelf status --check` gives a monitor: what is worst, and how many things are wrong.

Exit codes are those of monitoring plugins (Nagios, Icinga, Zabbix): https://www.monitoring-plugins.org/doc/guidelines.html
"""

from __future__ import annotations

from holdshelf_core.api.types import RepairRow, Status
from holdshelf_tui.text.words import counted, inert

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WIDEST = 200
"""Of the worst one's sentence: the counts are read even where a monitor cuts the line."""


def monitor_line(status: Status) -> tuple[int, str]:
    """Return (exit code, the line).

    What only a seat can clear is told at the end and changes no code: else a review that waits for weeks would hide the
    camera that fails meanwhile.
    """
    wrong = [row for row in status.repairs if row.severity != "notice" and row.audience != "seats"]
    errors = sum(row.severity == "error" for row in wrong)
    waiting = sum(row.audience == "seats" for row in status.repairs)
    recording = sum(camera.state == "recording" for camera in status.cameras)
    told = [f"{recording} of {len(status.cameras)} cameras recording"]
    if waiting:
        told.append(f"{counted(waiting, 'step waits', 'steps wait')} for a seat")
    if not wrong:
        return OK, f"OK: {'; '.join(told)}"
    counts = [(errors, "error"), (len(wrong) - errors, "warning")]
    told.insert(0, ", ".join(counted(count, of) for count, of in counts if count))
    code, word = (CRITICAL, "CRITICAL") if errors else (WARNING, "WARNING")
    return code, f"{word}: {inert(min(wrong, key=_rank).sentence, WIDEST)} ({'; '.join(told)})"


def _rank(row: RepairRow) -> tuple[bool, bool, int]:
    """Errors first; of these, what concerns the whole recorder before one camera, then what has lasted longest."""
    return row.severity != "error", row.camera is not None, row.since_utc_ns
