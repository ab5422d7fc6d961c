"""Verifying footage on a disk without a service: a mounted media folder, or a copy of one. Writes nothing.

With its state folder, footage is compared with what the access log anchored, and missing files with the ledger; without one, the
answer says what could not be checked. No lock is taken, so a running service is not disturbed.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from holdshelf_core.actions import media_seen
from holdshelf_core.buffer import types
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_storage.access_log.checkpoint import BadHead, parse_note
from holdshelf_storage.access_log.log_seen import read_seen, roots_to_compare
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.anchors.facts import read_facts
from holdshelf_storage.anchors.lineage import Lineage
from holdshelf_storage.anchors.log import read_batches
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.anchor_files import Unsettled
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import Report, verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.rules import LogFacts
from holdshelf_storage.media_signing.result import Signed, kind_words, summary
from holdshelf_storage.reading import ReadOnlyVolume

NO_STATE = (
    "Without the state folder (--state), nothing was compared with the access log, and Holdshelf cannot tell about missing files "
    "whether they were erased on schedule."
)
NOTHING_HELD = "Nothing could be compared with the access log"


def verify_folder(media: Path, state: Path | None, asked: types.VerifyRequest) -> types.VerifyReport:
    """Verify everything that the folders allow. Raises BadRequest, Unavailable."""
    try:
        volume = ReadOnlyVolume(media, state)
    except StorageError as error:
        raise BadRequest(str(error)) from None
    notes: list[str] = []
    try:
        footage = Footage(volume, Ledger(volume))
        book, said = _book(footage, volume, state, notes)
        span = (asked.camera, asked.start_utc_ns, asked.end_utc_ns, asked.deep)
        report = verify(footage, *span, signatures=asked.deep, book=book, knows_ledger=state is not None)
    except StorageError as error:
        raise Unavailable("The folder cannot be verified.", str(error)) from None
    finally:
        volume.detach()
    report.problems[:0] = said
    return verify_report(report, notes)


def _book(
    footage: Footage, volume: ReadOnlyVolume, state: Path | None, notes: list[str]
) -> tuple[AnchorBook | None, list[str]]:
    """Return (what the log anchored, the log's own problems); adds a note when there is no state folder."""
    if state is None:
        notes.append(NO_STATE)
        return None, []
    here, lineage = volume.identity.volume, Lineage()
    try:
        seen = read_seen(volume.root_fd)  # first: a running service writes entries before it shows them to the volume
        facts = _facts(state)
        footage.missing.follow(lambda: facts)
        footage.missing.look(None, threading.Event())  # before: it tells which days that have gone are still to be read
        batches, log = read_batches(
            state, keep=Unsettled(footage).trimmed, lineage=lineage, roots_at=roots_to_compare(seen)
        )
        is_whole = not log.problems
        by_media = media_seen.tell_older(seen, state, log)
    except StorageError as error:
        footage.missing.follow(lambda: None)
        return None, [f"{NOTHING_HELD}: {error}"]
    if not is_whole:
        footage.missing.follow(lambda: None)
        return None, [*log.problems, "The access log is not what was written, so nothing could be held against it."]
    if unknown := lineage.problem(here):
        footage.missing.follow(lambda: None)
        return None, [*log.problems, f"{NOTHING_HELD}: {unknown}"]
    if by_media:
        notes.append(by_media)
    if log.after_head:
        notes.append(f"The last {log.after_head} entries of the access log are not signed yet, and were left out.")
    if log.head:
        notes.append(f"Held against the access log with {log.entries} entries: {_head_words(log.head)}.")
    return AnchorBook(footage.folders, here, batches), log.problems


def _facts(state: Path) -> LogFacts | None:
    """Return what the log says of holds; None when that cannot be read. Proven by whoever verifies the log."""
    try:
        return read_facts(state)
    except (StorageError, BadHead):
        return None


def _head_words(head: str) -> str:
    return f"its head is {parse_note(head).head.short}, to be compared with one that someone outside keeps"


def verify_report(report: Report, notes: list[str]) -> types.VerifyReport:
    """Return a report in the form for clients."""
    notes = list(notes)
    if report.unanchored:
        many = "1 file was" if report.unanchored == 1 else f"{report.unanchored} files were"
        notes.append(f"{many} recorded since the last anchor, and cannot be proven by the access log yet.")
    if report.untold:
        are = (
            "1 file of which the journals tell is"
            if report.untold == 1
            else f"{report.untold} files of which the journals tell are"
        )
        notes.append(f"{are} not there.")
    return types.VerifyReport(
        report.segments,
        report.problems,
        report.proven,
        report.unanchored,
        [types.MissingFile(m.camera, m.path, m.seq, m.start_utc_ns, m.end_utc_ns) for m in report.missing],
        notes,
        [_camera_signed(one) for one in report.signed],
    )


def _camera_signed(signed: Signed) -> types.CameraSigned:
    return types.CameraSigned(
        signed.camera,
        signed.form,
        summary(signed),
        signed.groups,
        signed.verified,
        signed.edges,
        signed.unsigned_s,
        [
            types.SignedDifference(f.kind, kind_words(f), f.start_utc_ns, f.end_utc_ns, f.pictures)
            for f in signed.findings
        ],
        signed.more_findings,
        [msgspec.convert(one, types.CameraCertificate, from_attributes=True) for one in signed.certificates],
    )
