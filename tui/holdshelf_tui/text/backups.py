"""Scheduled backups in words, for the command line and the doctor's tab."""

from __future__ import annotations

from holdshelf_core.backups.types import BackupsRow
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import counted, inert, size

NONE = "There are no automatic backups. To have one made each day: `holdshelf backup schedule --help`."


def status_lines(row: BackupsRow | None) -> list[str]:
    """Where they go, how that does, and which are there; a line each."""
    if row is None:
        return [NONE]
    state = row.state
    lines = [f"Each day at {row.at} to {inert(row.target, 400)}"]
    if row.fingerprint:
        lines.append(f"Host key there: {inert(row.fingerprint, 80)}")
    if state.running:
        lines.append("State: one is being made")
    elif state.ok is False:
        lines.append(f"State: FAILS since {when(state.since_utc_ns)}: {inert(state.sentence, 400)}")
        if state.next_step:
            lines.append(f"  {inert(state.next_step, 600)}")
        lines.append(f"Next try: {when(state.next_try_utc_ns)}")
    else:
        lines.append(f"Next: {when(row.next_utc_ns)}")
    if state.waiting:
        lines.append(f"Waits on this machine: {inert(state.waiting, 300)}")
    if not row.kept:
        return [*lines, "None is there yet"]
    lines.append(f"{counted(len(row.kept), 'backup')} there, each verified from what the target gave back:")
    return [*lines, *(f"  {when(one.made_utc_ns)}  {size(one.bytes):>9}  {inert(one.name, 60)}" for one in row.kept)]
