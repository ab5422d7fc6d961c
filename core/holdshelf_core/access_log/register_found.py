"""Compares a register file with every entry of its log, and formats the differences: for the service or for a copy."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from holdshelf_core.access_log.types import DifferenceRow, FieldRow
from holdshelf_core.actions.register_check import Difference, differences, fields, registered_rows, row_words
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.rows import Rows
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.backup.backup import applied_seq
from holdshelf_storage.register import REGISTER, Tables, parse_register

PRIVATE_FIELDS = frozenset(
    {
        "name",
        "email",
        "note",
        "why",
        "scope",
        "purpose",
        "given_to",
        "lift_why",
        "waived_why",
        "no_masks_why",
        "ended_why",
    }
)
"""Names and free text: the admin sees only that they differ (P21)."""
_HIDDEN = "(a text)"


def difference_row(one: Difference, rows: Rows, *, private: bool) -> DifferenceRow:
    """Return a difference as shown to people. ``private``: with names and free text."""
    shown = []
    for field in fields(one):
        hidden = not private and (field.field in PRIVATE_FIELDS or field.field == "the row")
        by_log = _HIDDEN if hidden and field.by_log != "none" else field.by_log
        by_register = _HIDDEN if hidden and field.by_register != "none" else field.by_register
        shown.append(FieldRow(field.field, by_log, by_register))
    return DifferenceRow(one.table, one.key, row_words(one, rows), shown)


def read_register(state: Path) -> Tables | None:
    """Read the register's tables from its file; None when there is none. Raises RegisterCorrupt, FormatNewer, OSError."""
    try:
        data = (state / REGISTER).read_bytes()
    except FileNotFoundError:
        return None
    return parse_register(data, REGISTER)[0]


def log_of(tables: Tables) -> str:
    """Return the name of the log that the register belongs to; '' when not recorded."""
    return next((str(row.get("log", "")) for row in tables.get("meta", {}).values() if row.get("key") == "log"), "")


def register_found(
    state: Path,
    *,
    against: str | None = None,
    public_key: str | None = None,
    stop: threading.Event | None = None,
    roots_at: Iterable[int] = (),
) -> tuple[LogReport, list[DifferenceRow]]:
    """Return the log's report and the differences, without names and texts. ``roots_at`` as in `verify_log`.

    Raises BadHead, StorageError.
    """
    tables = read_register(state)
    mark = applied_seq(tables) if tables is not None else 0
    report = verify_log(state, against, public_key=public_key, stop=stop, mark=mark, roots_at=roots_at)
    if tables is None or report.rows is None:
        return report, []
    name, here_name = log_of(tables), report.key.partition("+")[0]
    if name and here_name and name != here_name:
        words = FieldRow("the access log that it belongs to", here_name, name[:60])
        return report, [DifferenceRow("meta", "log", "place in the log", [words])]
    if mark > report.rows.seq:
        report.tell(f"The register holds what entry {mark} said, and the access log has {report.entries} entries.")
    here = registered_rows({name: list(rows.values()) for name, rows in tables.items()})
    rows = report.rows
    return report, [difference_row(one, rows, private=False) for one in differences(here, rows)]
