"""Verifies an access log, or an export of one, from its first entry to its last against its signed head.

Every entry is checked for its number and canonical form, and hashed as stored; the tree over all of them must be the head's, and
the head signed by the log's key; each private text must match its commitment. A head kept outside (on paper, in a mail) also
shows that nothing that it counted was removed or changed since, which nothing inside the building can. For a log with its private
texts, the entries' changes are replayed and each `register.root` is compared with the result. Changes nothing; works beside a
running service. 1,000,000 entries take about three seconds on two cores of 2026.
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.checking import Check, LogReport
from holdshelf_storage.access_log.checkpoint import (
    BadHead,
    Head,
    PublicKey,
    SigningKey,
    parse_note,
    parse_outside,
)
from holdshelf_storage.access_log.export import FORMAT, Header
from holdshelf_storage.access_log.files import Month, list_months, open_file, raw_lines
from holdshelf_storage.access_log.rows import Rows
from holdshelf_storage.access_log.start import (
    ACCESS,
    FRONTIER,
    HEAD,
    KEY,
    Frontier,
    check_frontier,
    is_torn,
    read_small,
)
from holdshelf_storage.access_log.stretches import Helpers
from holdshelf_storage.errors import FormatNewer, LogError, translating
from holdshelf_storage.volume.journal import UNREADABLE

_MAX_HEADER_BYTES: Final = 64 << 10


def verify_log(
    path: Path,
    against: str | None = None,
    *,
    public_key: str | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] | None = None,
    mark: int | None = None,
    roots_at: Iterable[int] = (),
) -> LogReport:
    """Verifies the log of a state folder, one that was set aside, or an export.

    `against` is a head from outside: a signed one, or its short form. `public_key` is the key to verify heads with, instead of
    the one found there. `progress` is called with (entries read, total entries). `mark`: as in `Rows`. `roots_at`: sizes
    at which the report is to have the root. Raises BadHead when `against` or `public_key` cannot be read, StorageError when there
    is nothing to verify or the disk fails.
    """
    outside = parse_outside(against) if against else None
    key = PublicKey.parse(public_key) if public_key else None
    with Helpers(_size_of(path)) as helpers:
        check = Check(outside, stop, progress, helpers)
        for size in roots_at:
            check.want(size)
        if path.is_dir():
            check.report.rows = Rows(mark=mark)
        _verify(path, key, check)
        if outside is not None and check.is_unlike and len(check.report.problems) == 1:
            # Before it is an alarm: is it the number that was mistyped?
            again = Check(None, stop, None, helpers)
            for size in outside.near_sizes(check.report.entries if path.is_dir() else max(check.roots, default=0)):
                again.want(size)
            _verify(path, key, again)
            meant = [size for size, root in again.roots.items() if root.startswith(outside.root_prefix)]
            if meant and again.report.finished:
                check.report.problems.clear()
                check.report.typing = f"its number: it says {outside.size}, and the rest is that of {meant[0]} entries"
    return check.report


def _verify(path: Path, key: PublicKey | None, check: Check) -> None:
    if path.is_dir():
        _verify_folder(path, key, check)
    else:
        _verify_export(path, key, check)


def _size_of(path: Path) -> int:
    """About how many bytes will be read; 0 when that cannot be told."""
    try:
        if path.is_dir():
            return sum(found.stat().st_size for found in _folder_of(path).iterdir())
        return path.stat().st_size
    except OSError:
        return 0


def _folder_of(path: Path) -> Path:
    return path / ACCESS if (path / ACCESS).is_dir() else path


# -- a folder ---------------------------------------------------------------------------------------------------------


def _verify_folder(path: Path, key: PublicKey | None, check: Check) -> None:
    folder = _folder_of(path)
    key = _key_of(folder, check.report) if key is None else key
    with translating(f"{folder} could not be opened"):
        dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Before the lines: whatever a running service adds meanwhile comes after what these count.
        frontier, head = _signed(dir_fd, key, check.report)
        signed = [found.size for found in (frontier, head) if found is not None]
        for size in signed:
            check.want(size)
        check.total = max(signed, default=0)
        months = list_months(dir_fd)
        for month in sorted(months, key=_place(months)):
            _verify_month(dir_fd, month, month is months[-1] or not month.first_seq, check)
            if not check.report.finished:
                return
    finally:
        os.close(dir_fd)
    if head is not None:
        if frontier is None or frontier.size != head.size:
            check.compare(head, "The head")
        check.report.after_head = max(0, check.tree.size - head.size)
    if frontier is not None:
        check.compare(parse_note(frontier.head).head, "The head in `frontier`")
        stands = check.places.get(frontier.size)
        if stands is not None and stands != (frontier.file, frontier.offset):
            check.report.tell("The file `frontier` names another place than that of its entry.")
    if key is not None:
        check.compare_outside(key, check.tree.size)


def _place(months: Sequence[Month]) -> Callable[[Month], tuple[int, str]]:
    """A sort key: files with a readable first line by its number; others by their names."""

    def place(month: Month) -> tuple[int, str]:
        if month.first_seq:
            return month.first_seq, month.name
        return max((other.first_seq for other in months if other.name < month.name), default=0), month.name

    return place


def _verify_month(dir_fd: int, month: Month, may_be_torn: bool, check: Check) -> None:
    fd = open_file(dir_fd, month.name)
    size = os.fstat(fd).st_size

    def may_end_at(at: int) -> bool:
        # Up to the size that was read: a running service may have written the rest of a line since.
        return may_be_torn and check.tree.size >= check.total and is_torn(fd, at, size)

    try:
        end = check.file(fd, 0, size, month.name, month.name[:7], may_end_at)
        if 0 <= end < size and check.report.finished and not may_end_at(end):
            check.report.tell(f"{month.name}: it ends in half a line.")
    finally:
        os.close(fd)


def _key_of(folder: Path, report: LogReport) -> PublicKey | None:
    path = folder / KEY if (folder / KEY).exists() else folder.parent / "keys" / KEY
    try:
        return SigningKey.from_pem(path.read_bytes()).public
    except OSError as error:
        report.tell(f"The log's key {path.name} could not be read ({(error.strerror or str(error)).lower()}).")
    except BadHead as error:
        report.tell(f"The log's key file {error}.")
    return None


def _signed(dir_fd: int, key: PublicKey | None, report: LogReport) -> tuple[Frontier | None, Head | None]:
    """The contents of `frontier` and `head`, if signed by `key`."""
    frontier_data, head_data = read_small(dir_fd, FRONTIER), read_small(dir_fd, HEAD)
    if key is None:
        return None, None
    report.key = str(key)
    checked = check_frontier(frontier_data, key)
    if checked is None:
        report.tell("The file `frontier` is missing or was changed.")
    note = head_data or (checked[0].head.encode() if checked else b"")
    head: Head | None = None
    try:
        head = key.check(note.decode())
        report.head = note.decode()
    except (BadHead, UnicodeDecodeError) as error:
        reason = error if isinstance(error, BadHead) else "is not a signed head"
        report.tell(f"The head {reason}." if note else "The head is missing.")
    if checked is not None and head is not None and checked[1].size > head.size:
        # A power cut may revert the head, but never the frontier, which has its own head.
        report.head = checked[0].head
        head = parse_note(checked[0].head).head
    return (checked[0] if checked else None), head


# -- an export --------------------------------------------------------------------------------------------------------


def _verify_export(path: Path, key: PublicKey | None, check: Check) -> None:
    check.is_from_outside = True
    with translating(f"{path} could not be opened"):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        first = next(raw_lines(fd, 0, size), None)
        try:
            if first is not None and len(first[1]) > _MAX_HEADER_BYTES:
                raise msgspec.DecodeError("it is too long")
            header = msgspec.json.decode(first[1] if first else b"", type=Header)
        except UNREADABLE as error:
            raise LogError(f"{path.name} is not an export of an access log; choose another file.") from error
        report, name = check.report, path.name
        if header.access_log_export != FORMAT:
            raise FormatNewer(f"{path.name} was written by a newer Holdshelf; verify it with that version.")
        hashes = header.left + header.right
        if first is None or header.encode() != first[1] + b"\n" or any(node != node.lower() for node in hashes):
            report.tell(f"{name}: its first line is not in its canonical form.")
        head, key = _header_of(header, key, report, name)
        if head is None or key is None or not _begin(header, head, check, name):
            return
        end = check.file(fd, len(first[1]) + 1 if first else 0, size, name)
        if not report.finished:
            return
        if end < size and size > len(header.encode()):
            report.tell(f"{name}: it ends in half a line.")
    finally:
        os.close(fd)
    _end(header, head, check, name)
    check.compare(head, "The head")
    check.compare_outside(key, head.size)


def _header_of(
    header: Header, key: PublicKey | None, report: LogReport, name: str
) -> tuple[Head | None, PublicKey | None]:
    try:
        own = PublicKey.parse(header.key)
    except BadHead as error:
        report.tell(f"{name}: the key in its first line {error}.")
        return None, None
    if key is not None and key != own:
        report.tell(f"{name}: it names another key than the one given.")
    report.key = str(key or own)
    try:
        head = (key or own).check(header.head)
    except BadHead as error:
        report.tell(f"{name}: the head in its first line {error}.")
        return None, None
    report.head = header.head
    return head, key or own


def _begin(header: Header, head: Head, check: Check, name: str) -> bool:
    """Adds the subtrees on the left."""
    check.private = header.private
    check.total = header.last - header.first + 1
    stretch = 1 <= header.first <= header.last <= head.size
    if not stretch and (header.first, header.last, head.size) != (1, 0, 0):
        check.report.tell(f"{name}: it names entries {header.first} to {header.last} of {head.size}.")
        return False
    try:
        check.tree.nodes[:] = merkle.Tree(header.first - 1, map(bytes.fromhex, header.left)).nodes
    except ValueError:
        check.report.tell(f"{name}: its first line has not the hashes that lead to its first entry.")
        return False
    check.tree.size = header.first - 1
    check.expected = header.first
    check.keep_root()
    check.want(head.size)
    return True


def _end(header: Header, head: Head, check: Check, name: str) -> None:
    """Adds the subtrees on the right, once the lines are those that the header promised."""
    if check.tree.size != header.last:
        missing = header.last - check.tree.size
        what = f"{missing} entries are missing at its end" if missing > 0 else f"{-missing} entries too many are in it"
        check.report.tell(f"{name}: {what}.")
        return
    ranges = merkle.cover(header.last, head.size)
    try:
        for (start, end), node in zip(ranges, header.right, strict=True):
            check.tree.append_subtree(bytes.fromhex(node), end - start)
            check.keep_root()
    except ValueError:
        check.report.tell(f"{name}: its first line has not the hashes that lead from its last entry to the head.")
