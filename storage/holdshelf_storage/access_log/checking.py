"""A verification of an access log's lines in progress: a tree that grows with them, and the problems found.

Blocks of lines that are as the log writes them are taken whole (`blocks`); any other line by line, with a sentence for whatever
is wrong. Reads nothing but lines: `verify` knows the files, their head and what a copy promises.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.blocks import as_written, blocks
from holdshelf_storage.access_log.checkpoint import BadHead, Head, OutsideHead, PublicKey
from holdshelf_storage.access_log.lines import BadLine, numbers_are, parse_line, private_texts
from holdshelf_storage.access_log.policies import Named, Policies, named
from holdshelf_storage.access_log.rows import BadRoot, Rows
from holdshelf_storage.access_log.stretches import Helpers, Stretch
from holdshelf_storage.errors import LogBroken

MAX_PROBLEMS: Final = 50
_PROGRESS_EVERY: Final = 10_000


@dataclass
class LogReport:
    """The result of a verification."""

    entries: int = 0
    """Valid lines read as entries."""
    head: str = ""
    """The signed head that they were compared with, '' when there is none."""
    key: str = ""
    """The public key that it was checked with (its form is in docs/access-log.md)."""
    problems: list[str] = field(default_factory=list)
    """A sentence each, at most MAX_PROBLEMS; empty: everything is as written."""
    against: str = ""
    """A sentence on what the outside head showed; '' without one, or when it showed a problem."""
    typing: str = ""
    """What is mistyped in a head from paper, as the end of a sentence; '' for nothing. Not a problem of the log."""
    after_head: int = 0
    """Entries written but not covered by the head yet: a running service's last, or those of a power cut."""
    finished: bool = True
    """False when it was stopped before the end."""
    rows: Rows | None = None
    """The rows that the entries produce; None if unknown: a copy, lost texts, unreadable changes."""
    roots: dict[int, bytes] = field(default_factory=dict)
    """Root by number of entries, at the sizes that were asked for, as far as there are so many."""
    policies: list[str] = field(default_factory=list)
    """Entries that name a policy that was not in force, a sentence each, at most MAX_PROBLEMS. They are as they were written."""

    def tell(self, sentence: str) -> None:
        """Adds a sentence to the problems, unless there are MAX_PROBLEMS already."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(sentence)


@dataclass
class _Lines:
    """How far a file's lines are read."""

    name: str
    month: str
    """What the first entry's time must begin with; '' once it was read."""
    may_end_at: Callable[[int], bool]
    end: int
    """Where the last line ended; -1 once the file counts as ending before a line."""
    waiting: dict[str, Any] | None = None
    """A private line whose entry is still to come."""
    waiting_at: int = 0


class Check:
    """One verification in progress: a tree that grows line by line, and the problems found."""

    def __init__(
        self,
        outside: OutsideHead | None,
        stop: threading.Event | None,
        progress: Callable[[int, int], None] | None,
        helpers: Helpers,
    ) -> None:
        self.report = LogReport()
        self.outside = outside
        self.tree = merkle.Tree()
        self.expected = 1
        self.private = True
        self.is_from_outside = False
        """The files are an export from elsewhere, not this machine's own log."""
        self.is_unlike = False
        """The head from outside is not that of these entries."""
        self.total = 0
        self.roots = self.report.roots
        """Root by size, at the sizes requested with `want`."""
        self.places: dict[int, tuple[str, int]] = {0: ("", 0)}
        """File and offset at which the entries of these sizes end."""
        self._policies = Policies()
        self._want: set[int] = set()
        self._stop = stop
        self._progress = progress
        self._helpers = helpers
        if outside is not None:
            self.want(outside.size)

    def want(self, size: int) -> None:
        """Have the root at `size` kept when the tree reaches it."""
        self._want.add(size)
        self.keep_root()

    def keep_root(self) -> None:
        """Keeps the tree's present root if `want` asked for one of its size."""
        if self.tree.size in self._want:
            self.roots[self.tree.size] = self.tree.root()

    def file(
        self,
        fd: int,
        start: int,
        size: int,
        name: str,
        month: str = "",
        may_end_at: Callable[[int], bool] = lambda at: False,
    ) -> int:
        """Processes the lines of a file from `start` up to `size`; returns where the last one ended.

        `month` is what the file's first entry must have. `may_end_at` tells whether the data from an offset on is only what a
        crash left: then the file counts as ending there, and -1 is returned.
        """
        lines = _Lines(name, month, may_end_at, start)
        for at, end, found in self._helpers.stretches(fd, start, size, private=self.private):
            if found is None or not self._take_stretch(found, lines):
                for begin, block in blocks(fd, at, end):
                    if not self._take_block(block, begin, lines) and not self._take_singly(block, begin, lines):
                        return lines.end
                    if not self.report.finished:
                        return lines.end
            if not self.report.finished:
                return lines.end
        waiting = lines.waiting
        if waiting is not None and not may_end_at(lines.waiting_at):
            self.report.tell(f"{name}: the private line of entry {waiting['seq']} has no entry after it.")
        return lines.end

    def _take_stretch(self, found: Stretch, lines: "_Lines") -> bool:
        """Processes lines in which nothing is wrong and at no entry of which anything is due; False: they are not so."""
        first, last = found.first, found.last
        if self.tree.size != first - 1 or not self._is_next(first, last, found.month, lines):
            return False
        for (start, stop), node in zip(merkle.cover(first - 1, last), found.nodes, strict=True):
            self.tree.append_subtree(node, stop - start)
        self._count(first, last, found.rows, lines, found.end)
        self._take_policies(found.policies)
        return True

    def _take_block(self, block: bytes, at: int, lines: "_Lines") -> bool:
        """Processes a block of whole lines as `_take_stretch` does; False: they are not so."""
        found = as_written(block, private=self.private)
        if found is None:
            return False
        last = found.first + len(found.leaves) - 1
        if not self._is_next(found.first, last, found.month, lines):
            return False
        self.tree.extend(found.leaves)
        self._count(found.first, last, found.rows, lines, at + len(block))
        self._take_policies(found.policies)
        return True

    def _is_next(self, first: int, last: int, month: str, lines: "_Lines") -> bool:
        """Whether these entries come next, and the root at none of their sizes is wanted."""
        size = self.tree.size
        return (
            lines.waiting is None
            and first == self.expected
            and month.startswith(lines.month)
            and not any(size < wanted <= size + last - first + 1 for wanted in self._want)
        )

    def _count(
        self,
        first: int,
        last: int,
        rows: Iterable[tuple[dict[str, Any], dict[str, Any] | None]],
        lines: "_Lines",
        end: int,
    ) -> None:
        """Counts entries that the tree has now, and replays those of them that concern rows."""
        report = self.report
        if report.rows is not None:
            for entry, private in rows:
                self._replay(lines.name, entry, private)
            if report.rows is not None:
                report.rows.seq = last
        before, report.entries = report.entries, report.entries + last - first + 1
        self.expected = last + 1
        lines.month, lines.end = "", end
        if before // _PROGRESS_EVERY != report.entries // _PROGRESS_EVERY:
            self._is_stopped()

    def _take_policies(self, found: Iterable[Named]) -> None:
        for one in found:
            wrong = self._policies.take(one)
            if wrong and len(self.report.policies) < MAX_PROBLEMS:
                self.report.policies.append(wrong)

    def _take_singly(self, block: bytes, at: int, lines: "_Lines") -> bool:
        """Processes a block line by line; returns whether the rest of the file is to be read."""
        tell, tree, name = self.report.tell, self.tree, lines.name
        for raw in block.split(b"\n")[:-1]:
            begin, at = at, at + len(raw) + 1
            lines.end = at
            try:
                line = parse_line(raw)
            except BadLine as error:
                if lines.may_end_at(begin if lines.waiting is None else lines.waiting_at):
                    lines.end = -1
                    return False
                tell(f"{name}: the line at byte {begin}, where entry {self.expected} belongs, {error}.")
                lines.waiting = self.report.rows = None
                if self._is_hopeless(raw):
                    return False
                continue
            if "private" in line:
                if lines.waiting is not None:
                    tell(f"{name}: the private line of entry {lines.waiting['seq']} has no entry after it.")
                lines.waiting, lines.waiting_at = line, begin
                continue
            seq = line["seq"]
            if seq != self.expected:
                tell(_misplaced(name, seq, self.expected))
            if not line["at"].startswith(lines.month):
                tell(f"{name}: its first entry was written in {line['at'][:7]}; the file bears another month's name.")
            lines.month = ""
            self._check_private(name, line, lines.waiting)
            self._take_policies(named([line]))
            lines.waiting = None
            tree.append(merkle.leaf_hash(raw))
            self.expected = seq + 1
            self.report.entries += 1
            if tree.size in self._want:
                self.roots[tree.size] = tree.root()
                self.places[tree.size] = (name, at)
            if self.report.entries % _PROGRESS_EVERY == 0 and self._is_stopped():
                return False
        return True

    def _is_hopeless(self, raw: bytes) -> bool:
        """Counts an invalid line; returns whether an export has so many that the rest is not read."""
        if not raw.startswith(b'{"private"'):
            self.tree.append(merkle.leaf_hash(raw))
            self.expected += 1
        return self.is_from_outside and len(self.report.problems) == MAX_PROBLEMS

    def _check_private(self, name: str, line: dict[str, Any], waiting: dict[str, Any] | None) -> None:
        self._replay(name, line, waiting["private"] if waiting is not None else None)
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

    def _replay(self, name: str, line: Mapping[str, Any], private: Mapping[str, Any] | None) -> None:
        if self.report.rows is None:
            return
        try:
            self.report.rows.take(line, private)
        except BadRoot as error:
            self.report.tell(f"{name}: {str(error)[0].lower()}{str(error)[1:]}")
        except LogBroken as error:
            if private is not None:  # a missing private line was already reported
                self.report.tell(f"{name}: {error}")
            self.report.rows = None

    def _is_stopped(self) -> bool:
        if self._progress is not None:
            self._progress(self.report.entries, self.total)
        if self._stop is not None and self._stop.is_set():
            self.report.finished = False
        return not self.report.finished

    def compare(self, head: Head, whose: str) -> None:
        """Compares the tree with a signed head of the log itself."""
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
        """Compares the tree, of `size` entries in total, with the head from outside."""
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
        if root is not None and (wrong := outside.mistyped(root)):
            report.typing = _mistyped_words(wrong, len(outside.root_prefix) * 2)
        elif outside.size > size:
            self.is_unlike = True
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
            self.is_unlike = True
            report.tell(
                f"The first {outside.size} entries are not those that were there when the head from outside was made: "
                "something in them was changed, removed or added since."
            )
        else:
            report.against = f"The first {outside.size} entries are those that the head from outside was made for."


def _mistyped_words(wrong: list[int], digits: int) -> str:
    groups = sorted({at // 4 + 1 for at in wrong})
    where = f"group {groups[0]}" if len(groups) == 1 else f"groups {', '.join(map(str, groups[:-1]))} and {groups[-1]}"
    return f"{len(wrong)} of its {digits} letters and digits, in {where} of four behind the colon"


def _misplaced(name: str, seq: int, expected: int) -> str:
    if seq > expected:
        return f"{name}: {numbers_are(expected, seq - 1)} missing before entry {seq}."
    return f"{name}: entry {seq} stands where {expected} belongs."
