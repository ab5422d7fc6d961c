"""What the access log's anchors prove: whether a journal's lines are the original ones, and each line's proof up to the log.

Batches are read when a camera-day is queried, and each is checked against its root in the log. A batch whose file is lost is
rebuilt from the journals, and counts only if its root matches. Only reads.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from holdshelf_storage.access_log import merkle
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.anchors import Batch, LedgerState
from holdshelf_storage.errors import StorageError
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days

_BATCHES_KEPT = 64


class AnchoredLine(msgspec.Struct, frozen=True):
    """A line of a journal that a log entry covers."""

    line: bytes
    batch: Batch
    index: int
    """Index of its leaf in the batch, from 0."""


class Compared(msgspec.Struct):
    """A journal compared with its anchored lines."""

    anchored: list[AnchoredLine]
    gone: list[AnchoredLine] = []
    """Anchored, but no longer in the journal."""
    foreign: list[bytes] = []
    """In the journal before the last anchored line, but not anchored."""
    fresh: list[bytes] = []
    """After the last anchored line: written since."""
    reordered: bool = False
    """Lines about the same number are in a different order."""


class FoundSegment(msgspec.Struct):
    """A segment as the anchors know it."""

    segment: journal.Segment
    line: AnchoredLine
    hash_line: AnchoredLine | None = None
    """The line with the checksum of a recovered segment."""

    @property
    def sha256(self) -> str | None:
        """Return its checksum; None for a recovered segment whose checksum is not anchored yet."""
        return self.segment.sha256


class AnchorBook:
    """All batches of one volume in the log, in order."""

    def __init__(self, days: Days, volume: str, batches: Iterable[Batch]) -> None:
        self._days = days
        self.batches = [batch for batch in batches if batch.papers.volume == volume]
        self.volume = volume
        self._of_path: dict[str, list[int]] = defaultdict(list)
        self._starts: dict[tuple[int, str], int] = {}
        ends: dict[str, int] = {}
        for number, batch in enumerate(self.batches):
            for stretch in batch.papers.journals:
                self._of_path[stretch.path].append(number)
                self._starts[number, stretch.path] = ends.get(stretch.path, 0)
                ends[stretch.path] = stretch.end_bytes
        self._read: OrderedDict[int, dict[str, list[AnchoredLine]] | str] = OrderedDict()

    @property
    def newest_utc_ns(self) -> int | None:
        """Return when the newest batch was anchored."""
        return self.batches[-1].at_utc_ns if self.batches else None

    def known(self) -> anchors.Known:
        """Return how far the batches reach."""
        known = anchors.Known(self.volume)
        for batch in self.batches:
            known.add(batch)
        return known

    def camera_days(self) -> list[tuple[str, str]]:
        """Return the camera-days with any anchored line."""
        found = (anchors.camera_day(path) for path in self._of_path)
        return sorted(one for one in found if one is not None)

    def ledger_states(self) -> dict[str, list[LedgerState]]:
        """Return the anchored states of each ledger file."""
        states: dict[str, list[LedgerState]] = defaultdict(list)
        for batch in self.batches:
            for state in batch.papers.ledger:
                states[state.name].append(state)
        return states

    def lines(self, path: str) -> tuple[list[AnchoredLine], list[str]]:
        """Return (the anchored lines of a journal in order, a sentence for each batch that cannot be read)."""
        found: list[AnchoredLine] = []
        problems: list[str] = []
        for number in self._of_path.get(path, ()):
            read = self._batch(number)
            if isinstance(read, str):
                problems.append(read)
            else:
                found += read.get(path, [])
        return found, problems

    def leaves(self, batch: Batch) -> list[bytes]:
        """Return all leaves of a batch. Raises StorageError when they are lost."""
        leaves = anchors.read_batch(self._days.volume.root_fd, batch.root)
        return leaves if leaves is not None else self._made_again(self.batches.index(batch))

    def proof(self, line: AnchoredLine) -> list[bytes]:
        """Return the hashes that lead from a line to its batch's root (RFC 9162 § 2.1.3). Raises StorageError."""
        leaves = [merkle.leaf_hash(leaf) for leaf in self.leaves(line.batch)]
        return merkle.hashes_of_ranges(leaves, merkle.inclusion_ranges(line.index, len(leaves)))

    def _batch(self, number: int) -> dict[str, list[AnchoredLine]] | str:
        """Return the lines of a batch by journal, or a sentence on what is wrong with it."""
        known = self._read.get(number)
        if known is not None:
            self._read.move_to_end(number)
            return known
        batch = self.batches[number]
        result: dict[str, list[AnchoredLine]] | str
        try:
            leaves = anchors.read_batch(self._days.volume.root_fd, batch.root) if batch.lines else []
            if leaves is None:
                leaves = self._made_again(number)
            if len(leaves) != batch.lines:
                raise StorageError(
                    f"{anchors.batch_path(batch.root)} has another number of lines than the access log says."
                )
            result = defaultdict(list)
            for index, leaf in enumerate(leaves):
                path, _, line = leaf.partition(b" ")
                result[path.decode("utf-8", "replace")].append(AnchoredLine(line, batch, index))
        except StorageError as error:
            result = str(error)
        self._read[number] = result
        if len(self._read) > _BATCHES_KEPT:
            self._read.popitem(last=False)
        return result

    def _made_again(self, number: int) -> list[bytes]:
        """Return the leaves of a batch whose file is lost, rebuilt from the journals. Raises StorageError unless their root
        matches."""
        batch = self.batches[number]
        leaves: list[bytes] = []
        if not batch.is_whole:
            raise StorageError(
                f"{anchors.batch_path(batch.root)} is gone, and part of what it listed is erased: what entry {batch.seq} of the "
                "access log anchored cannot be proven."
            )
        for stretch in batch.papers.journals:
            found = anchors.camera_day(stretch.path)
            data = self._days.read_journal(*found) if found is not None else b""
            part = data[self._starts[number, stretch.path] : stretch.end_bytes]
            leaves += [anchors.leaf_data(stretch.path, line) for line in part.split(b"\n")[:-1]]
        if anchors.tree_root(leaves) != batch.root:
            raise StorageError(
                f"{anchors.batch_path(batch.root)} is gone, and cannot be made again from the journals: what entry {batch.seq} "
                "of the access log anchored cannot be proven."
            )
        return leaves

    # -- comparing ----------------------------------------------------------------------------------------------------

    def compare(self, camera: str, day: str, lines: Sequence[bytes]) -> tuple[Compared, list[str]]:
        """Compare the lines of a journal with the anchored ones; also return sentences on what cannot be proven."""
        anchored, problems = self.lines(anchors.journal_path(camera, day))
        compared = Compared(anchored)
        count = len(anchored)
        if len(lines) >= count and all(one.line == line for one, line in zip(anchored, lines, strict=False)):
            compared.fresh = list(lines[count:])
        else:
            _walk(compared, lines)
        if problems:
            # Which lines a lost batch had is unknown.
            compared.foreign, compared.fresh = [], [*compared.foreign, *compared.fresh]
        return compared, problems


def _walk(compared: Compared, lines: Sequence[bytes]) -> None:
    """Compare a changed journal: lines missing, lines that do not belong, lines added since.

    A day restored from the shelf has its lines in another order, which is not a problem unless the meaning changes.
    """
    there, known = set(lines), {one.line for one in compared.anchored}
    last = max((number for number, line in enumerate(lines) if line in known), default=-1)
    compared.gone = [one for one in compared.anchored if one.line not in there]
    compared.foreign = [line for line in lines[: last + 1] if line not in known]
    compared.fresh = list(lines[last + 1 :])
    compared.reordered = _meaning(one.line for one in compared.anchored if one.line in there) != _meaning(
        line for line in lines if line in known
    )


def _meaning(lines: Iterable[bytes]) -> dict[tuple[str, int], object]:
    """Return which of several lines about the same number counts: the first."""
    meaning: dict[tuple[str, int], object] = {}
    for line in journal.decode(b"".join(line + b"\n" for line in lines))[0]:
        number = line.seq if isinstance(line, journal.Segment | journal.Hash) else line.gap
        meaning.setdefault((type(line).__name__, number), line)
    return meaning


def segments_of(lines: Iterable[AnchoredLine]) -> dict[int, FoundSegment]:
    """Return the segments in anchored lines, by number. The first line of a number counts, and the first checksum."""
    found: dict[int, FoundSegment] = {}
    for one, line in decoded(lines):
        if isinstance(line, journal.Segment):
            found.setdefault(line.seq, FoundSegment(line, one))
        elif isinstance(line, journal.Hash) and line.seq in found and found[line.seq].segment.sha256 is None:
            segment = found[line.seq]
            segment.segment = msgspec.structs.replace(segment.segment, sha256=line.sha256, frames_root=line.frames_root)
            segment.hash_line = one
    return found


def decoded(lines: Iterable[AnchoredLine]) -> Iterator[tuple[AnchoredLine, journal.Line]]:
    """Yield the readable lines, each with its content."""
    for one in lines:
        found, _ = journal.decode(one.line + b"\n")
        for line in found:
            yield one, line
