"""STATE/access: the access log. An entry is on disk before the action that it records takes effect.

    access/2026-11.jsonl    the entries (access_log.lines), appended and never changed
    access/head             the signed head (checkpoint) over all of them
    access/frontier         where opening begins (access_log.start)
    access/rows             where a replay of the entries' changes begins (access_log.rows)
    keys/log.key            Ed25519, PKCS #8; its public key names the log

`AccessLog.submit` passes an entry to one writer thread; waiting entries are written together, with one sync, and each Future
resolves only after it. A group that cannot be written leaves nothing behind. The format is docs/access-log.md. The log is never
shortened, rewritten or deleted: a log that differs from its head is refused, not repaired, and `continue_after` sets it aside as
it is and begins another that names it.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log import renew as access_renew
from holdshelf_storage.access_log.checkpoint import PublicKey
from holdshelf_storage.access_log.export import export_blocks, single_exports
from holdshelf_storage.access_log.files import (
    MayHave,
    Month,
    Search,
    Stretch,
    leaf_hashes,
    numbers_of,
    read_pairs,
    read_pairs_back,
    to_entry,
)
from holdshelf_storage.access_log.lines import Entry, encode_entry
from holdshelf_storage.access_log.rows import BadRoot, Rows, replayed, tree_before, write_rows
from holdshelf_storage.access_log.start import ACCESS, KEY
from holdshelf_storage.access_log.write import Writer
from holdshelf_storage.errors import LogBroken, LogError, StorageError
from holdshelf_storage.volume.reserve import Reserve

_HEAD_IDLE_S: Final = 0.002
_HEAD_LATEST_S: Final = 0.1
_FRONTIER_IDLE_S: Final = 5.0
_FRONTIER_ENTRIES: Final = 4096
_GROUP: Final = 512
_GATHER_LATEST_S: Final = 0.001
_NEVER: Final = float("inf")
_log = logging.getLogger(__name__)

_Item = tuple[Mapping[str, Any], Mapping[str, str], "Future[int]"]


class _Known(NamedTuple):
    """What is durable, for readers in other threads."""

    tree: merkle.Tree
    months: Sequence[Month]


class AccessLog:
    """The access log of one state folder, opened by `open` and closed by `close`. Thread-safe."""

    def __init__(self, folder: Path, key_path: Path, reserve: Reserve, at_least: int = 0) -> None:
        self._folder = folder
        self._key_path = key_path
        self._reserve = reserve
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        """Ensures that nothing is submitted after the end."""
        self._change = threading.Lock()
        """Serializes closing and `continue_after`."""
        self._rows_lock = threading.Lock()
        self._is_closed = False
        self._expected = 1
        """How many entries are likely to come together: those of the last group, and those that arrived during its sync."""
        self._begin(at_least)

    @classmethod
    def open(cls, state: Path, *, at_least: int = 0, reserve: Reserve | None = None) -> "AccessLog":
        """Opens the log of `state`, or begins one if there never was any.

        What a crash left half-written is truncated. `at_least` is the number of entries that the caller knows about (the
        register's applied_seq): fewer are a `problem`. On a disk that cannot be written now an existing log opens anyway,
        `unwritable`. Raises VolumeLocked when another service has it open, DiskFull, VolumeReadOnly, DiskWriteError when it
        cannot be begun or read.
        """
        state = Path(state)
        return cls(state / ACCESS, state / "keys" / KEY, reserve or Reserve(state), at_least)

    def _begin(self, at_least: int = 0) -> None:
        self._outline: dict[tuple[str, int], Stretch] = {}
        self._writer = Writer(self._folder, self._key_path, self._reserve)
        if self._writer.problem is None and self._writer.tree.size < at_least:
            self._writer.problem = LogBroken(
                f"The access log has {self._writer.tree.size} entries, while {at_least} are known to have been written; "
                "restore it, or begin a new log."
            )
        self._publish()
        self._thread = threading.Thread(target=self._work, name="access-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what was submitted, then head and frontier, and closes the files. Idempotent."""
        with self._change:
            with self._gate:
                if self._is_closed:
                    return
                self._is_closed = True
                self._queue.put(None)
            self._thread.join()
            self._writer.close()

    def distrust(self, why: str) -> None:
        """Stops writing to this log: the caller knows that it was altered. `why` is a sentence."""
        self._writer.problem = self._writer.problem or LogBroken(why)

    @property
    def problem(self) -> LogBroken | None:
        """Why nothing is written to this log any more; None when it is intact. Reading continues as far as possible."""
        return self._writer.problem

    @property
    def unwritable(self) -> StorageError | None:
        """The error of the last write; None after a successful one. Every append retries."""
        return self._writer.unwritable

    # -- writing ------------------------------------------------------------------------------------------------------

    def submit(self, public: Mapping[str, Any], private: Mapping[str, str] | None = None) -> "Future[int]":
        """Submits one entry; the Future gives its sequence number once it is durable. Never raises itself.

        `public` has at least `at` (access_log.lines.time_text) and contains no fraction and no integer beyond 2^53; `v`, `seq`
        and `commit` are filled in. `private` is name → text: the entry commits to each, public copies omit them. The Future fails
        with BadEntry, LogBroken, DiskFull, VolumeReadOnly, SyncFailed, DiskWriteError: then the entry is not in the log. If
        canceled before it was written, it is not written.
        """
        future: Future[int] = Future()
        with self._gate:
            if not self._is_closed:
                self._queue.put((public, private or {}, future))
                return future
        future.set_exception(LogError("The access log is closed; the service is stopping."))
        return future

    def append(self, public: Mapping[str, Any], private: Mapping[str, str] | None = None) -> int:
        """`submit`, then wait for the result."""
        return self.submit(public, private).result()

    def _work(self) -> None:
        """The writer thread. Head and frontier are written when nothing waits, or at the latest when due."""
        writer = self._writer
        head_due = frontier_due = _NEVER
        ending = False
        while not ending:
            wait = _HEAD_IDLE_S if head_due < _NEVER else max(0.0, frontier_due - time.monotonic())
            group: list[_Item] = []
            try:
                group, ending = self._gather(self._queue.get(timeout=wait if wait < _NEVER else None))
            except queue.Empty:
                pass
            else:
                self._write_group(group)
                frontier_due = time.monotonic() + _FRONTIER_IDLE_S
                head_due = min(head_due, time.monotonic() + _HEAD_LATEST_S)
            now = time.monotonic()
            if writer.problem is not None:
                head_due = frontier_due = _NEVER
                continue
            if ending or not group or now >= head_due:
                if writer.head_size != writer.tree.size:
                    self._try(writer.write_head)
                head_due = _NEVER
            stale = writer.tree.size - writer.frontier_size
            if ending or now >= frontier_due or stale >= _FRONTIER_ENTRIES:
                if stale:
                    self._try(writer.write_frontier)
                frontier_due = _NEVER

    def _gather(self, item: _Item | None) -> tuple[list[_Item], bool]:
        """Returns the entries waiting to be written, and whether the end was requested.

        A caller that writes one entry after another submits the next as soon as the last is confirmed, and would wait for two
        syncs if the others' sync began without it. So callers of the last group are waited for, for a fraction of a sync.
        """
        group: list[_Item] = []
        deadline = time.monotonic() + min(_GATHER_LATEST_S, self._writer.sync_s / 4)
        while item is not None:
            group.append(item)
            if len(group) >= _GROUP:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                left = deadline - time.monotonic()
                if len(group) >= self._expected or left <= 0:
                    break
                try:
                    item = self._queue.get(timeout=left)
                except queue.Empty:
                    break
        return group, item is None

    def _try(self, write: Callable[[], None]) -> None:
        """Head and frontier can be rebuilt from the lines: a failure is logged and not fatal."""
        try:
            write()
        except Exception as error:  # also for want of memory: nobody else writes what is submitted from here on
            bug = not isinstance(error, StorageError | MemoryError)
            _log.warning("the access log's head could not be written: %s", error or "no memory", exc_info=bug)

    def _write_group(self, group: list[_Item]) -> None:
        """Writes entries, file by file, and resolves their Futures."""
        writer = self._writer
        taken = [item for item in group if item[2].set_running_or_notify_cancel()][::-1]
        while taken:
            lines: list[bytes] = []
            done: list[Future[int]] = []
            target = ""
            while taken:
                public, private, future = taken[-1]
                try:
                    data = encode_entry(writer.tree.size + len(lines) + 1, public, private)
                    name = writer.file_for(public["at"])
                except Exception as error:
                    future.set_exception(error)
                    taken.pop()
                    continue
                if target and name != target:
                    break
                target = name
                taken.pop()
                lines.append(data)
                done.append(future)
            if done:
                self._write_lines(target, lines, done)

    def _write_lines(self, target: str, lines: list[bytes], done: "list[Future[int]]") -> None:
        first_seq = self._writer.tree.size + 1
        try:
            self._writer.put(target, lines)
        except StorageError as error:
            for future in done:
                future.set_exception(type(error)(str(error)))
        except Exception as error:
            _log.exception("an entry could not be written")
            for future in done:
                future.set_exception(LogError(f"The access log could not be written ({error}); report this as a bug."))
        else:
            self._publish()
            self._expected = len(done) + self._queue.qsize()
            for number, future in enumerate(done):
                future.set_result(first_seq + number)

    def _publish(self) -> None:
        self._known = _Known(self._writer.tree.copy(), tuple(self._writer.months))

    def continue_after(self, problem: str, public: Mapping[str, Any], private: Mapping[str, str]) -> int:
        """Sets this log, which has a `problem`, aside as it is and begins another; returns its first entry's number.

        The folder becomes `access.broken-TIME`, including its key. The first entry is `public` and `private` (what the service
        knows now), and its `facts.before` has the old log's head, its folder, its known number of entries, and `problem`. If
        interrupted, it may be called again after the next `open`. Raises LogError while the log is intact, BadEntry, DiskFull,
        VolumeReadOnly, DiskWriteError: then the old log is still in use.
        """
        with self._change:
            writer = self._writer
            if writer.problem is None or self._is_closed:
                raise LogError("The access log is intact; it continues, and no new one is started.")
            renewal = access_renew.Renewal(self._folder, self._key_path)
            known = max(writer.tree.size, writer.head_size, writer.frontier_size)
            new = AccessLog(renewal.new, renewal.new / KEY, self._reserve)
            try:
                seq = new.append(renewal.named(public, known, problem), private)
            finally:
                new.close()
            renewal.swap()
            self._queue.put(None)
            self._thread.join()
            writer.close()
            try:
                self._begin()
            except BaseException:
                self._refuse_all()  # nobody should wait for a log that is not open
                raise
            return seq

    def _refuse_all(self) -> None:
        with self._gate:
            self._is_closed = True
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is not None and item[2].set_running_or_notify_cancel():
                item[2].set_exception(LogError("The access log could not be opened again; restart the service."))

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of durable entries, which is the last one's sequence number."""
        return self._known.tree.size

    @property
    def root(self) -> bytes:
        """Root hash over them, 32 bytes."""
        return self._known.tree.root()

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies this log's heads."""
        return self._writer.key.public

    def head(self) -> str:
        """The signed head over all durable entries; for a broken log, the stored one."""
        tree = self._known.tree
        return self._writer.found_head or self._writer.key.sign(tree.size, tree.root())

    def read(
        self,
        first_seq: int = 1,
        last_seq: int | None = None,
        wanted: Callable[[Mapping[str, Any]], bool] = lambda _content: True,
    ) -> Iterator[Entry]:
        """The `wanted` entries from `first_seq` to `last_seq` (the last durable one) in order, with their private texts.

        Each text is checked against its entry's commitment. Raises LogBroken at an unexpected line: what came before was right as
        far as that shows (`access_log.verify` proves it against the head), DiskWriteError.
        """
        known = self._known
        first, last = max(1, first_seq), known.tree.size if last_seq is None else min(last_seq, known.tree.size)
        if first <= last:
            for pair in read_pairs(self._writer.dir_fd, known.months, first, last):
                if wanted(pair.content):
                    yield to_entry(pair, may_lack=False)

    def read_back(
        self,
        first_seq: int = 1,
        last_seq: int | None = None,
        wanted: Callable[[Mapping[str, Any]], bool] = lambda _content: True,
        may_have: MayHave | None = None,
        between: tuple[bytes, bytes] | None = None,
    ) -> Iterator[Entry]:
        """Like `read`, but the last entry first. Reads no more of the log than requested; checks the texts of wanted entries.

        `may_have` is asked first, of stretches of lines as bytes and then of each line: where it returns False, entries are only
        counted. `between`: times as text, half open, that wanted entries were written at. Raises LogBroken, DiskWriteError.
        """
        known = self._known
        first, last = max(1, first_seq), known.tree.size if last_seq is None else min(last_seq, known.tree.size)
        if first <= last:
            search = None if may_have is None else Search(may_have, between, self._outline)
            for pair in read_pairs_back(self._writer.dir_fd, known.months, first, last, known.tree.size, search):
                if wanted(pair.content):
                    yield to_entry(pair, may_lack=False)

    def rows(self, mark: int | None = None) -> Rows:
        """The rows that the entries produce, proven by the signed tree (access_log.rows). Raises LogBroken, StorageError.

        ``mark``: entry from which `Rows.later` is kept. Reads from the last root on, or the whole log.
        """
        known = self._known
        if not known.tree.size:
            return Rows(mark=mark)
        try:
            return replayed(self._writer.dir_fd, known.months, known.tree, mark)
        except BadRoot as error:
            raise LogBroken(str(error)) from error

    def write_rows(self, rows: bytes, seq: int) -> None:
        """Stores the rows as of entry `seq`, which records their root, for later replays. Blocks. Raises StorageError."""
        with self._rows_lock:
            known = self._known
            write_rows(self._writer.dir_fd, rows, seq, tree_before(self._writer.dir_fd, known.months, seq))

    def root_at(self, size: int) -> bytes:
        """The root that the log had at `size` entries. Reads from the last root on, or the whole log. Raises StorageError."""
        known = self._known
        if size == known.tree.size:
            return known.tree.root()
        return tree_before(self._writer.dir_fd, known.months, size + 1).root()

    def numbers_of(self, actions: tuple[str, ...], first_seq: int = 1) -> list[int]:
        """The durable entries of some actions from `first_seq` on, without proving the others. Raises StorageError."""
        known = self._known
        if first_seq > known.tree.size:
            return []
        return list(numbers_of(self._writer.dir_fd, known.months, actions, max(1, first_seq), known.tree.size))

    def proven(self, actions: tuple[str, ...]) -> Iterator[Entry]:
        """The entries of some actions, with their private texts, while every entry is read. Raises as `leaves`: nothing is
        proven until it has ended."""
        known = self._known
        tree = merkle.Tree()
        if known.tree.size:
            for pair in read_pairs(self._writer.dir_fd, known.months, 1, known.tree.size):
                tree.append(merkle.leaf_hash(pair.raw))
                if pair.content.get("action") in actions:
                    yield to_entry(pair, may_lack=False)
        if tree.root() != known.tree.root():
            raise LogBroken("The access log does not match its head; run `holdshelf log verify`.")

    def leaves(self) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
        """(leaf hash, content) of each durable entry, in order, without private texts. For counting.

        Raises as `read`; and LogBroken after the last one, when they do not match the tree.
        """
        known = self._known
        tree = merkle.Tree()
        if known.tree.size:
            for pair in read_pairs(self._writer.dir_fd, known.months, 1, known.tree.size):
                leaf = merkle.leaf_hash(pair.raw)
                tree.append(leaf)
                yield leaf, pair.content
        if tree.root() != known.tree.root():
            raise LogBroken("Its entries are not those that were written; run `holdshelf log verify`.")

    def inclusion_proof(self, seq: int, size: int | None = None) -> list[bytes]:
        """The hashes that prove entry `seq` in the tree of `size` (all) entries. Reads the whole log.

        Raises ValueError when there is no such entry, LogBroken.
        """
        return self._proof(merkle.inclusion_ranges(seq - 1, self._size_of(size)), self._size_of(size))

    def consistency_proof(self, first_size: int, second_size: int | None = None) -> list[bytes]:
        """The hashes that prove that the log of `first_size` entries is a prefix of that of `second_size` (all) entries.

        Reads from the last root before the first of them on, or the whole log. Raises ValueError when there are fewer,
        StorageError.
        """
        second, known = self._size_of(second_size), self._known
        merkle.consistency_ranges(first_size, second)  # before anything is read: whether there can be a proof
        old = tree_before(self._writer.dir_fd, known.months, first_size + 1)
        tree = old.copy()

        def later() -> Iterator[bytes]:
            for pair in read_pairs(self._writer.dir_fd, known.months, first_size + 1, known.tree.size):
                leaf = merkle.leaf_hash(pair.raw)
                tree.append(leaf)
                yield leaf

        leaves = later()
        proof = merkle.consistency_proof(old, leaves, second)
        for _ in leaves:  # to its end: only the whole tree shows that `old` was right
            pass
        if tree.root() == known.tree.root():
            return proof
        # `rows` is not what it was: it proves nothing by itself.
        return self._proof(merkle.consistency_ranges(first_size, second), second)

    def _size_of(self, size: int | None) -> int:
        if size is not None and size > self.size:
            raise ValueError(f"the access log has no {size} entries yet")
        return self.size if size is None else size

    def _proof(self, ranges: Sequence[merkle.Range], size: int) -> list[bytes]:
        leaves = leaf_hashes(self._writer.dir_fd, self._known.months, size)
        return merkle.hashes_of_ranges(leaves, ranges)

    def export(
        self, write: Callable[[bytes], object], *, public: bool, first: int = 1, last: int | None = None
    ) -> None:
        """Writes what `export_blocks` yields. Raises as it does, and whatever `write` does."""
        for block in self.export_blocks(public=public, first=first, last=last):
            write(block)

    def export_blocks(
        self,
        *,
        public: bool,
        first: int = 1,
        last: int | None = None,
        go_on: Callable[[], object] = lambda: None,
    ) -> Iterator[bytes]:
        """A copy of the entries `first` to `last` that can be verified by itself (docs/access-log.md), in chunks.

        `public` omits the private texts. Only one chunk is in memory at a time. `go_on` is called between chunks, and while the
        rest of the log is read for its hashes: an error that it raises ends this. Raises ValueError when there are no such
        entries, LogBroken.
        """
        if self.problem is not None:
            raise LogBroken(str(self.problem))
        tree, months = self._known
        yield from export_blocks(
            self._writer.dir_fd, months, self._writer.key, tree, public=public, first=first, last=last, go_on=go_on
        )

    def extract(self, wanted: Callable[[Mapping[str, Any]], bool]) -> tuple[str, dict[int, bytes]]:
        """The signed head, and by number a separate public export of each `wanted` entry. Reads the whole log.

        Raises LogBroken, DiskWriteError.
        """
        if self.problem is not None:
            raise LogBroken(str(self.problem))
        tree, months = self._known
        return single_exports(self._writer.dir_fd, months, self._writer.key, tree, wanted)
