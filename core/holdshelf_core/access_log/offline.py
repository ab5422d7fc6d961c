"""What needs no service: verifying an access log (an exported copy, one that was set aside, the one in a state folder) and the
proof of one entry; and making tiles and proofs of a copy that a service sends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdshelf_core.access_log.register_found import register_found
from holdshelf_core.access_log.types import DifferenceRow, LogHead, LogVerified
from holdshelf_core.actions import media_seen
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound, Unavailable
from holdshelf_core.paths import DataPaths
from holdshelf_core.witnesses.reading import signed_by, witness_keys
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey, parse_outside
from holdshelf_storage.access_log.log_seen import read_seen, roots_to_compare
from holdshelf_storage.access_log.proof import MAGIC, MOST_PROOF_CHARS, BadProof, parse_proof, proof_of_export
from holdshelf_storage.access_log.start import ACCESS
from holdshelf_storage.access_log.tiles import TileFolder, TilesWritten
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.errors import LogBroken, StorageError, translating
from holdshelf_storage.reading import ReadOnlyVolume
from holdshelf_storage.register import REGISTER
from holdshelf_storage.volume.volume import IDENTITY


@dataclass(frozen=True)
class RegisterFound:
    """A register compared with its log, without a service. ``rows`` are the ``differences`` as shown to people."""

    report: LogReport
    rows: list[DifferenceRow]


def state_folder(data: Path) -> Path:
    """Return the folder that contains a data folder's log."""
    return DataPaths(data).state


def check_register(state: Path) -> RegisterFound:
    """Compare a state folder's register with all entries of its log, without names and texts. Changes nothing.

    Raises Unavailable, BadRequest.
    """
    try:
        report, rows = register_found(state)
    except StorageError as error:
        raise Unavailable("The access log or the register cannot be read.", str(error)) from None
    return RegisterFound(report, rows)


def mistyped(where: str) -> BadRequest:
    """Return the error for a line from paper that differs from the log's in so little that it was mistyped."""
    return BadRequest(
        f"Check your typing: the line differs from the log's in {where}.",
        "Compare it with the paper and try again. Nothing else differs, so the log was not changed. If the paper really "
        "reads as you typed it, show it to those who decide about footage, and to the admin.",
    )


def verify(
    path: Path, *, against: str = "", key: str = "", witnesses: Sequence[str] = (), media: Path | None = None
) -> LogVerified:
    """Verify an export, the proof of an entry, a state folder, or a log that was set aside. Changes nothing.

    ``witnesses``: the keys of those who may have signed ``against``, or the head of a proof. ``media``: the media folder that
    belongs to a state folder, to compare with what it has seen of the log; without it, that of the same data folder is taken.
    Raises BadRequest, Unavailable.
    """
    keys = witness_keys(witnesses)
    if not path.exists():
        raise BadRequest(
            f"{path} does not exist.", "Give a file that `holdshelf log export` wrote, or a folder with a log."
        )
    proof = _proof_in(path)
    if proof is not None:
        return _verify_proof(proof, against, key, witnesses)
    rows: list[DifferenceRow] = []
    try:
        signed, unknown = signed_by(against, keys)
        seen = _seen_by_media(path, media)  # first: a running service writes entries before it shows them to the volume
        roots_at = roots_to_compare(seen or b"")
        if (path / REGISTER).is_file() and (path / ACCESS).is_dir():
            report, rows = register_found(
                path, against=against or None, public_key=key.strip() or None, roots_at=roots_at
            )
        else:
            report = verify_log(path, against=against or None, public_key=key.strip() or None, roots_at=roots_at)
        by_media = media_seen.tell_older(seen, path, report) if seen is not None else ""
    except BadHead as error:
        what = "The key" if key.strip() and not against else "What was given to compare with"
        raise BadRequest(f"{what} {error}.", "Give a head as `holdshelf log head` prints it.") from None
    except StorageError as error:
        raise Unavailable("The access log cannot be read.", str(error)) from None
    if report.typing and not report.problems:
        raise mistyped(report.typing)
    words = [f"The register's {row.words} is not what the access log says." for row in rows]
    known = (report.against, report.key, words, signed, unknown, by_media, report.policies)
    return LogVerified(report.entries, report.head, report.problems, *known)


def _seen_by_media(path: Path, media: Path | None) -> bytes | None:
    """Return what the media volume of a state folder has seen of its log; None where no volume is known.

    Raises BadRequest for a ``media`` that is not that volume, StorageError.
    """
    if not (path / ACCESS).is_dir():
        if media is not None:
            raise BadRequest(
                "--media goes with a state folder.", "Give the folder that holds `access`, and its media folder."
            )
        return None
    if media is not None:
        try:
            volume = ReadOnlyVolume(media, path)
        except StorageError as error:
            raise BadRequest(str(error)) from None
        try:
            return read_seen(volume.root_fd)
        finally:
            volume.detach()
    beside = DataPaths(path.parent)
    if path != beside.state or not (beside.media / IDENTITY).is_file():
        return None  # a copy of the state alone, or a disk that is not mounted
    with translating(f"{beside.media} could not be opened"):
        root_fd = os.open(beside.media, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return read_seen(root_fd)
    finally:
        os.close(root_fd)


def _proof_in(path: Path) -> str | None:
    """Return the text of a proof; None for anything else. Raises Unavailable."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            raw = file.read(len(MAGIC) + 1)
            return (
                (raw + file.read(4 * MOST_PROOF_CHARS)).decode("utf-8", "replace")
                if raw == f"{MAGIC}\n".encode()
                else None
            )
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}.") from None


def _verify_proof(text: str, against: str, key: str, witnesses: Sequence[str]) -> LogVerified:
    if not key.strip():
        raise BadRequest(
            "A proof of one entry does not show which library's log it comes from.",
            "Give the log's key, `--key KEY`: `holdshelf log head --json` at the library prints it as `public_key`.",
        )
    try:
        public = PublicKey.parse(key)
        outside = parse_outside(against) if against else None
    except BadHead as error:
        raise BadRequest(
            f"What was given to compare with {error}.", "Give it as `holdshelf log head` prints it."
        ) from None
    try:
        proof = parse_proof(text)
        head, entry = proof.check(public)
        signed, unknown = signed_by(proof.note, witness_keys(witnesses))
    except (BadProof, BadHead) as error:
        return LogVerified(1, "", [f"This proof {error}."], key=str(public))
    problems = []
    if outside is not None:
        if outside.size != head.size:
            raise BadRequest(
                f"This proof leads to the head over {head.size} entries, and not to one over {outside.size}.",
                "Compare that one with a whole copy: `holdshelf log verify COPY --against HEAD`.",
            )
        if not head.root.startswith(outside.root_prefix):
            problems.append("The head that was kept outside is not the one that this proof leads to.")
    words = (
        f"Entry {entry['seq']} ({entry.get('action')}, {entry.get('outcome')}, {entry['at']}) is in the log of the head"
    )
    return LogVerified(
        1, proof.note, problems, f"{words} {head.short}.", str(public), witnesses=signed, unknown=unknown
    )


Copy = Callable[[int, int], Iterable[bytes]]
"""A public export of the entries from a first to a last one, in pieces."""


def _head_of(answer: LogHead, countersigned: bool) -> tuple[Head, str]:
    """Return a head of the running log and its signed form. Raises NotFound, HoldshelfError for a damaged log."""
    if answer.problem:
        raise HoldshelfError(answer.problem, "Run `holdshelf log verify`.")
    note = answer.countersigned if countersigned else answer.head
    if not note:
        raise NotFound("No witness has signed a head yet.", "`holdshelf witness list` says who is asked.")
    head = PublicKey.parse(answer.public_key).check(note)
    if not head.size:
        raise NotFound("The access log has no entries yet.")
    return head, note


def write_tiles(folder: Path, answer: LogHead, copy: Copy, *, countersigned: bool = False) -> TilesWritten:
    """Add to a folder of tiles what is missing up to a head of the log. Raises Conflict, Unavailable, and what ``copy`` does."""
    head, note = _head_of(answer, countersigned)
    try:
        tiles = TileFolder(folder, PublicKey.parse(answer.public_key))
        with tiles.locked():
            known = tiles.known.size if tiles.known is not None else 0
            if known > answer.size:
                raise LogBroken(
                    f"{folder} has {known} entries of this access log, and the log has {answer.size}: entries were taken away, "
                    "or an older state was put back."
                )
            if known > head.size:  # witnesses follow later
                return TilesWritten(known, known, 0)
            return tiles.write(copy(tiles.first, head.size), head, note)
    except LogBroken as error:
        raise Conflict(
            str(error),
            "Keep both as they are, tell those who decide about footage, and see `When the log or the register is damaged` in "
            "docs/operate.md.",
        ) from None
    except StorageError as error:
        raise Unavailable("The tiles were not written.", str(error)) from None


def entry_proof(seq: int, answer: LogHead, copy: Copy, *, countersigned: bool = False) -> str:
    """Return the proof of one entry (c2sp.org/tlog-proof). Raises NotFound, Unavailable, and what ``copy`` does.

    It leads to the head of the moment, or to the highest one that a witness has signed.
    """
    head, note = _head_of(answer, countersigned)
    if not 1 <= seq <= head.size:
        whose = "Witnesses have countersigned the first" if countersigned else "The access log has"
        raise NotFound(
            f"{whose} {head.size} entries; entry {seq} is not among them.", "`holdshelf log show` has their numbers."
        )
    try:
        proof = proof_of_export(copy(seq, head.size if countersigned else seq), note if countersigned else "")
        proof.check(PublicKey.parse(answer.public_key))
    except (StorageError, BadProof) as error:
        raise Unavailable("The proof was not made.", str(error)) from None
    return proof.text()
