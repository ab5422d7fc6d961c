"""README.txt in an outbox: what it is, how long files are kept, and what happens on a fetch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from holdshelf_core import times
from holdshelf_core.outbox.types import OutboxRow

_TEXT = """\
{library}: the outbox of {name}

Files that were made for you stay here until you fetch them. You cannot add, change or delete
anything in this folder. Each file is deleted automatically after {days} days.

  bundles   bundles of releases that you requested, approved or had made, as a folder and as one .zip
  prints    papers that you printed "to my outbox", and copies of the access log
  stills    pictures in full size from your looks, with masks and legend

Each file that you fetch is recorded in the access log with its checksum before the download starts. All of
it is confidential (P21): you are responsible for the copies that you fetch.

Remove a paper or a still before its time:   holdshelf outbox remove "/prints/NAME"
How to check a bundle, and what to tell the person who receives it: README.txt in its folder.
"""


def readme_text(library: str, name: str, days: int, rows: Sequence[OutboxRow], preparing: Sequence[str]) -> str:
    """Return the text as UTF-8 with line ends that Windows Notepad also shows."""
    lines = _TEXT.format(library=library, name=name, days=days).splitlines()
    lines.append("")
    listed = [(_shown(row), row.until_utc_ns or 0) for row in rows if row.kind != "readme"]
    if not listed:
        lines.append("There is nothing here now.")
    for path, group in groupby(sorted(listed), key=lambda one: one[0]):
        lines.append(f"  until {times.local_day(min(until for _, until in group))}   {path}")
    lines += [f"  in a moment        /bundles/{release}.zip" for release in preparing]
    return "\r\n".join(lines) + "\r\n"


def _shown(row: OutboxRow) -> str:
    """Return an item's line; a bundle's folder is one line."""
    if row.kind == "bundle" and not row.path.endswith(".zip"):
        return "/".join(row.path.split("/")[:3]) + "/"
    return row.path
