"""The anchors in the access log: of the open log, or from its files, possibly on another machine. Only reads."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.checkpoint import BadHead, parse_note
from holdshelf_storage.access_log.files import list_months, numbers_of, read_pairs, to_entry
from holdshelf_storage.access_log.start import ACCESS
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.anchors.anchors import Batch
from holdshelf_storage.anchors.lineage import ACTIONS, Lineage
from holdshelf_storage.errors import BadEntry, LogBroken, translating


def batches_in(log: AccessLog, first_seq: int = 1, lineage: Lineage | None = None) -> Iterator[Batch]:
    """Yield the anchors from entry `first_seq` on, fast but unproven; `lineage` takes what leads to a volume.

    Raises LogBroken, BadEntry, StorageError.
    """
    lineage = lineage or Lineage()
    for seq in log.numbers_of(ACTIONS, first_seq):
        for entry in log.read(seq, seq):
            batch = lineage.take(entry)
            if batch is not None:
                yield batch


def proven_batches(
    log: AccessLog, keep: Callable[[Batch], Batch] = lambda batch: batch, lineage: Lineage | None = None
) -> list[Batch]:
    """Return the anchors in the log, checking every entry against its tree.

    `keep` may leave out what needs no proof; `lineage` takes what leads to a volume. Raises LogBroken, BadEntry, StorageError.
    """
    if log.problem is not None:
        raise LogBroken(str(log.problem))
    lineage = lineage or Lineage()
    found = (lineage.take(entry) for entry in log.proven(ACTIONS))
    return [keep(batch) for batch in found if batch is not None]


def read_batches(
    state: Path,
    stop: threading.Event | None = None,
    keep: Callable[[Batch], Batch] = lambda batch: batch,
    lineage: Lineage | None = None,
    roots_at: Iterable[int] = (),
) -> tuple[list[Batch], LogReport]:
    """Return (the anchors in the log's files, the result of verifying the log). Entries not yet signed over do not count.

    `lineage` takes what leads to a volume; `roots_at` as in `verify_log`. A log with a problem proves nothing, so it gives none.
    Raises StorageError.
    """
    lineage = lineage or Lineage()
    report = verify_log(state, stop=stop, roots_at=roots_at)
    if report.problems or not report.finished:
        return [], report
    try:
        size = parse_note(report.head).head.size
    except BadHead:
        return [], report
    found: list[Batch] = []
    folder = state / ACCESS
    with translating(f"{folder} could not be opened"):
        dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, dir_fd)
        months = list_months(dir_fd)
        for seq in numbers_of(dir_fd, months, ACTIONS, 1, size):
            for pair in read_pairs(dir_fd, months, seq, seq):
                try:
                    batch = lineage.take(to_entry(pair, may_lack=True))
                except BadEntry as error:
                    report.tell(str(error))
                    continue
                if batch is not None:
                    found.append(keep(batch))
    return found, report
