"""Checks an access log, or an export of one, from its first entry to its last against its signed head.

Every entry is numbered, canonical and hashed as it lies; the tree over all of them must be the head's, and the head signed by
the log's key; each private text must be the one committed to. A head that somebody kept outside (on paper, in a mail) shows
besides that nothing of what it counted was taken away or changed since, which nothing inside the building can.
Changes nothing; works beside a running service. 1,000,000 entries take about seven seconds on two cores of 2026.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from holdshelf_storage import merkle
from holdshelf_storage.access_export import FORMAT, Header
from holdshelf_storage.access_files import Month, list_months, open_file, raw_lines
from holdshelf_storage.access_lines import BadLine, parse_line, private_texts
from holdshelf_storage.access_start import ACCESS, FRONTIER, HEAD, KEY, Frontier, check_frontier, is_torn, read_small
from holdshelf_storage.checkpoint import BadHead, Head, OutsideHead, PublicKey, SigningKey, parse_note, parse_outside
from holdshelf_storage.errors import FormatNewer, LogError, translating
from holdshelf_storage.journal import UNREADABLE

MAX_PROBLEMS: Final = 50
_PROGRESS_EVERY: Final = 10_000


@dataclass
class LogReport:
    """What a verification found."""

    entries: int = 0
    """Sound lines that were read as entries."""
    head: str = ""
    """The signed head that they were held against, '' when there is none."""
    key: str = ""
    """The public key that it was checked with (its form is in docs/access-log.md)."""
    problems: list[str] = field(default_factory=list)
    """A sentence each, at most MAX_PROBLEMS; empty: all is as it was written."""
    against: str = ""
    """What the outside head showed, a sentence; '' without one, or when it showed a problem."""
    after_head: int = 0
    """Entries that were written but not yet signed over: a running service's last, or those of a power cut."""
    finished: bool = True
    """False when it was stopped before the end."""

    def tell(self, sentence: str) -> None:
        """Adds a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(sentence)


def verify_log(
    path: Path,
    against: str | None = None,
    *,
    public_key: str | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LogReport:
    """Verifies the log of a state folder, one that was set aside, or an export.

    `against` is a head from outside: a signed one, or its short form. `public_key` is the key to check heads with, when it is
    not to be the one found there. `progress` is called with (entries read, entries in all). Raises BadHead when
    `against` or `public_key` cannot be read, StorageError when there is nothing to verify or the disk fails.
    """
    outside = parse_outside(against) if against else None
    key = PublicKey.parse(public_key) if public_key else None
    check = _Check(outside, stop, progress)
    if Path(path).is_dir():
        _verify_folder(Path(path), key, check)
    else:
        _verify_export(Path(path), key, check)
    return check.report


class _Check:
    """One verification on its way: a tree that grows by lines, and what was wrong with them."""

    def __init__(
        self,
        outside: OutsideHead | None,
        stop: threading.Event | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.report = LogReport()
        self.outside = outside
        self.tree = merkle.Tree()
        self.expected = 1
        self.private = True
        self.total = 0
        self.roots: dict[int, bytes] = {}
        """Root by size, at the sizes that were asked for in `want`."""
        self.places: dict[int, tuple[str, int]] = {0: ("", 0)}
        """File and offset at which the entries of these sizes end."""
        self._want: set[int] = set()
        self._stop = stop
        self._progress = progress
        if outside is not None:
            self.want(outside.size)

    def want(self, size: int) -> None:
        """Has the root at `size` kept when the tree is that large."""
        self._want.add(size)
        self.keep_root()

    def keep_root(self) -> None:
        """Keeps the root if it is wanted."""
        if self.tree.size in self._want:
            self.roots[self.tree.size] = self.tree.root()

    def lines(
        self,
        lines: Iterator[tuple[int, bytes]],
        name: str,
        month: str = "",
        may_end_at: Callable[[int], bool] = lambda at: False,
    ) -> int:
        """Takes the lines of a file; returns where the last one ended.

        `month` is what the file's first entry must bear. `may_end_at` is asked whether what lies from an offset on is only
        what a crash left over: then the file counts as ending there.
        """
        tell, tree, want = self.report.tell, self.tree, self._want
        append, leaf_hash = tree.append, merkle.leaf_hash
        waiting: dict[str, Any] | None = None
        waiting_at = end = 0
        for at, raw in lines:
            end = at + len(raw) + 1
            try:
                line = parse_line(raw)
            except BadLine as error:
                if may_end_at(at if waiting is None else waiting_at):
                    return -1
                tell(f"{name}: the line at byte {at}, where entry {self.expected} belongs, {error}.")
                waiting = None
                if not raw.startswith(b'{"private"'):
                    append(leaf_hash(raw))
                    self.expected += 1
                continue
            if "private" in line:
                if waiting is not None:
                    tell(f"{name}: the private line of entry {waiting['seq']} has no entry after it.")
                waiting, waiting_at = line, at
                continue
            seq = line["seq"]
            if seq != self.expected:
                tell(_misplaced(name, seq, self.expected))
            if month and not line["at"].startswith(month):
                tell(f"{name}: its first entry was written in {line['at'][:7]}; the file bears another month's name.")
            month = ""
            if waiting is not None or "commit" in line:
                self._check_private(name, line, waiting)
                waiting = None
            append(leaf_hash(raw))
            self.expected = seq + 1
            self.report.entries += 1
            if tree.size in want:
                self.roots[tree.size] = tree.root()
                self.places[tree.size] = (name, end)
            if self.report.entries % _PROGRESS_EVERY == 0 and self._is_stopped():
                return end
        if waiting is not None and not may_end_at(waiting_at):
            tell(f"{name}: the private line of entry {waiting['seq']} has no entry after it.")
        return end

    def _check_private(self, name: str, line: dict[str, Any], waiting: dict[str, Any] | None) -> None:
        seq = line["seq"]
        if waiting is None:
            if "commit" in line and self.private:
                self.report.tell(f"{name}: the private texts of entry {seq} are missing.")
            return
        if not self.private:
            self.report.tell(f"{name}: entry {seq} of a public copy has private texts.")
        if waiting["seq"] != seq:
            self.report.tell(f"{name}: the private line of entry {waiting['seq']} lies before entry {seq}.")
            return
        try:
            private_texts(waiting["private"], line.get("commit"))
        except BadLine as error:
            self.report.tell(f"{name}: entry {seq} {error}.")

    def _is_stopped(self) -> bool:
        if self._progress is not None:
            self._progress(self.report.entries, self.total)
        if self._stop is not None and self._stop.is_set():
            self.report.finished = False
        return not self.report.finished

    def compare(self, head: Head, whose: str) -> None:
        """Holds the tree against a signed head of the log itself."""
        root = self.roots.get(head.size)
        if root is None:
            missing = head.size - self.tree.size
            self.report.tell(
                f"{whose} counts {head.size} entries, and there are {self.tree.size}: {missing} have been taken away."
            )
        elif root != head.root:
            self.report.tell(
                f"The first {head.size} entries are not those that {whose[0].lower()}{whose[1:]} was made for: "
                "something in them was changed, removed or added."
            )

    def compare_outside(self, key: PublicKey, size: int) -> None:
        """Holds the tree, which counts `size` entries in all, against the head from outside."""
        outside, report = self.outside, self.report
        if outside is None:
            return
        if outside.note:
            try:
                key.check(outside.note)
            except BadHead as error:
                report.tell(f"The head from outside {error}: it was not made by the log that lies here.")
                return
        root = self.roots.get(outside.size)
        if outside.size > size:
            report.tell(
                f"The head from outside counts {outside.size} entries, and there are {size}: "
                f"{outside.size - size} that were there when it was made have been taken away."
            )
        elif root is None:
            report.tell(
                f"This extract cannot be held against the head from outside, which counts {outside.size} entries; "
                "ask for one that begins or ends there, or for the whole log."
            )
        elif root[: len(outside.root_prefix)] != outside.root_prefix:
            report.tell(
                f"The first {outside.size} entries are not those that were there when the head from outside was made: "
                "something in them was changed, removed or added since."
            )
        else:
            report.against = f"The first {outside.size} entries are those that the head from outside was made for."


def _misplaced(name: str, seq: int, expected: int) -> str:
    if seq > expected:
        many = f"entry {expected} is" if seq == expected + 1 else f"entries {expected} to {seq - 1} are"
        return f"{name}: {many} missing before entry {seq}."
    return f"{name}: entry {seq} stands where {expected} belongs."


# -- a folder ---------------------------------------------------------------------------------------------------------


def _verify_folder(path: Path, key: PublicKey | None, check: _Check) -> None:
    folder = path / ACCESS if (path / ACCESS).is_dir() else path
    key = _key_of(folder, check.report) if key is None else key
    with translating(f"{folder} could not be opened"):
        dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Before the lines: whatever a running service adds meanwhile then only comes after what these count.
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
        check.compare(parse_note(frontier.head)[0], "The head in `frontier`")
        stands = check.places.get(frontier.size)
        if stands is not None and stands != (frontier.file, frontier.offset):
            check.report.tell("The file `frontier` names another place than that of its entry.")
    if key is not None:
        check.compare_outside(key, check.tree.size)


def _place(months: Sequence[Month]) -> Callable[[Month], tuple[int, str]]:
    """Files with a readable first line by its number; one without where its name puts it among them."""

    def place(month: Month) -> tuple[int, str]:
        if month.first_seq:
            return month.first_seq, month.name
        return max((other.first_seq for other in months if other.name < month.name), default=0), month.name

    return place


def _verify_month(dir_fd: int, month: Month, may_be_torn: bool, check: _Check) -> None:
    fd = open_file(dir_fd, month.name)
    size = os.fstat(fd).st_size

    def may_end_at(at: int) -> bool:
        # Up to the size that was read: a running service may have written the rest of a line since.
        return may_be_torn and check.tree.size >= check.total and is_torn(fd, at, size)

    try:
        end = check.lines(raw_lines(fd, 0, size), month.name, month.name[:7], may_end_at)
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
    """What `frontier` and `head` say, as far as they are signed by `key`."""
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
        # A power cut sets the head back, never the frontier, which carries a head of its own.
        report.head = checked[0].head
        head = parse_note(checked[0].head)[0]
    return (checked[0] if checked else None), head


# -- an export --------------------------------------------------------------------------------------------------------


def _verify_export(path: Path, key: PublicKey | None, check: _Check) -> None:
    with translating(f"{path} could not be opened"):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        first = next(raw_lines(fd, 0, size), None)
        try:
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
        end = check.lines(raw_lines(fd, len(first[1]) + 1 if first else 0, size), name)
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


def _begin(header: Header, head: Head, check: _Check, name: str) -> bool:
    """Puts the subtrees to the left in place."""
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


def _end(header: Header, head: Head, check: _Check, name: str) -> None:
    """Adds the subtrees to the right, once the lines are those that the header promised."""
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
