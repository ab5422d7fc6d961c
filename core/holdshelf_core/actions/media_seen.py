"""What the media volume has seen of the access log, in words, and the same comparison without a service.

The service compares when it takes the volume (`older_state`). Without one, whoever verifies a state folder and has its media at
hand compares in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from holdshelf_core import times
from holdshelf_core.policy import doubt, model
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.lines import time_ns
from holdshelf_storage.access_log.log_seen import Log, Mismatch, VerifiedLog, compare, head_seen
from holdshelf_storage.errors import BadEntry, StorageError


def sentence(found: Mismatch, log: Log) -> str:
    """Return a sentence on what the volume has seen and this log lacks: how many entries, and since when. Blocks."""
    seen_at = times.local_words(found.at_utc_ns) if found.at_utc_ns else "an unknown time"
    if found.kind == "missing":
        last_utc_ns = _last_utc_ns(log)
        here = f"here there are {log.size}" + (f", the last of {times.local_words(last_utc_ns)}" if last_utc_ns else "")
        are = "1 is" if found.entries == 1 else f"{found.entries} are"
        return (
            f"This state is older than the footage: the media volume has seen {found.size} entries of the access log "
            f"by {seen_at}, {here}; {are} missing."
        )
    if found.kind == "changed":
        return (
            f"This is not the state that was here before: the media volume has seen {found.size} entries of the access log by "
            f"{seen_at}, but the first {found.size} entries here are different."
        )
    if found.kind == "other":
        return (
            f"The media volume has seen {found.size} entries of another access log by {seen_at}, "
            "which this log does not name as its predecessor."
        )
    return "The media volume's record of the access log cannot be read or was changed."


def _last_utc_ns(log: Log) -> int | None:
    try:
        entry = next(log.read(log.size, log.size), None)
        return time_ns(str(entry.public["at"])) if entry is not None else None
    except (StorageError, BadEntry, KeyError):
        return None  # the sentence is shown without it


def accepted_before(flags: Iterable[model.Flag], found: Mismatch) -> bool:
    """Return whether this head was accepted already, but the service ended before it wrote its own head to the volume."""
    return any(f.paper_sha256 and f.seen == found.short for f in flags if f.kind in doubt.KINDS)


NOTHING_SEEN = "The media volume has no record of the access log (`log-seen`), so an older state would not show by it."


def tell_older(seen: bytes, state: Path, report: LogReport) -> str:
    """Compare a state folder's log with what its media volume has seen, and add a problem to its report if it lacks anything.

    ``seen``: content of `log-seen`, read before the log was, of which the report has the root at that size. Returns a sentence on
    what was found in order; '' after a problem. Raises StorageError.
    """
    if not seen:
        return NOTHING_SEEN
    if not report.key or not report.finished:
        return ""  # why is among the problems
    log = VerifiedLog(state, report)
    found = compare(seen, log)
    if found is not None and not accepted_before(_flags(report), found):
        # Of a log that is damaged itself, only that entries are missing says anything more.
        if not report.problems or found.kind == "missing":
            report.tell(sentence(found, log))
        return ""
    head = head_seen(seen)
    if report.problems or found is not None or head is None:
        return ""
    if head.origin != log.public_key.origin:
        return "The access log names the one that the media volume has seen as the one before it."
    return f"The access log has all {head.size} entries that the media volume has seen."


def _flags(report: LogReport) -> Iterator[model.Flag]:
    for logged in (report.rows.tables.get("flags", {}) if report.rows is not None else {}).values():
        try:
            yield msgspec.convert(logged.row, model.Flag, strict=False)
        except msgspec.ValidationError:
            continue  # of a newer version: it accepts nothing here
