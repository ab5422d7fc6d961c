"""STATE/access: the access log. What it says was on disk before what it tells of was done.

    access/2026-11.jsonl    the entries (access_lines), appended and never changed
    access/head             the signed head (checkpoint) over all of them
    access/frontier         where opening begins (access_start)
    keys/log.key            Ed25519, PKCS #8; its public half names the log

`AccessLog.submit` hands an entry to one writer thread; what waits is written together, with one sync, and each Future
resolves only after it. A group that cannot be written leaves nothing behind. The format is docs/access-log.md.
This log is never shortened, rewritten or deleted: a log that is not what its head says is refused, not mended, and
`continue_after` sets it aside as it is and begins another that names it.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdshelf_storage import access_renew, merkle
from holdshelf_storage.access_export import single_exports, write_export
from holdshelf_storage.access_files import Month, leaf_hashes, read_pairs, to_entry
from holdshelf_storage.access_lines import Entry, encode_entry
from holdshelf_storage.access_start import ACCESS, KEY
from holdshelf_storage.access_write import Writer
from holdshelf_storage.checkpoint import PublicKey
from holdshelf_storage.errors import LogBroken, LogError, StorageError
from holdshelf_storage.reserve import Reserve

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
    """The access log of one state folder, opened by `open` and closed by `close`. Safe from several threads."""

    def __init__(self, folder: Path, key_path: Path, reserve: Reserve, at_least: int = 0) -> None:
        self._folder = folder
        self._key_path = key_path
        self._reserve = reserve
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        """Nothing is submitted behind the end."""
        self._change = threading.Lock()
        """Closing and `continue_after`."""
        self._is_closed = False
        self._expected = 1
        """How many are likely to come at once: those of the last group, and those that came during its sync."""
        self._begin(at_least)

    @classmethod
    def open(cls, state: Path, *, at_least: int = 0, reserve: Reserve | None = None) -> "AccessLog":
        """Opens the log of `state`, or begins it when there never was one.

        What a crash left half written is cut. `at_least` is the number of entries that the caller knows of (the
        register's applied_seq): fewer are a `problem`. On a disk that cannot be written now an existing log opens all the
        same, `unwritable`. Raises VolumeLocked when another service has it open, DiskFull, VolumeReadOnly,
        DiskWriteError when it cannot be begun or read.
        """
        state = Path(state)
        return cls(state / ACCESS, state / "keys" / KEY, reserve or Reserve(state), at_least)

    def _begin(self, at_least: int = 0) -> None:
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
        """Writes nothing to this log any more: the caller knows that it is not the one it should be. `why` is a sentence."""
        self._writer.problem = self._writer.problem or LogBroken(why)

    @property
    def problem(self) -> LogBroken | None:
        """Why nothing is written to this log any more; None when it is sound. Reading goes on as far as it can."""
        return self._writer.problem

    @property
    def unwritable(self) -> StorageError | None:
        """What the last attempt to write failed with; None after one that did not. Every append tries again."""
        return self._writer.unwritable

    # -- writing ------------------------------------------------------------------------------------------------------

    def submit(self, public: Mapping[str, Any], private: Mapping[str, str] | None = None) -> "Future[int]":
        """Hands one entry over; the Future gives its sequence number once it is durable. Never raises itself.

        `public` has at least `at` (access_lines.time_text) and holds no fraction and no integer beyond 2^53; `v`, `seq` and
        `commit` are filled in. `private` is name → text: the entry commits to each, the public copy leaves them out.
        The Future fails with BadEntry, LogBroken, DiskFull, VolumeReadOnly, SyncFailed, DiskWriteError: then the
        entry is not in the log. Cancelled before it was written, it is not written.
        """
        future: Future[int] = Future()
        with self._gate:
            if not self._is_closed:
                self._queue.put((public, private or {}, future))
                return future
        future.set_exception(LogError("The access log is closed; the service is stopping."))
        return future

    def append(self, public: Mapping[str, Any], private: Mapping[str, str] | None = None) -> int:
        """`submit`, waited for."""
        return self.submit(public, private).result()

    def _work(self) -> None:
        """The writer thread. Head and frontier are written when nothing waits, at the latest when they are due."""
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
        """What waits to be written, and whether the end was asked for.

        Whoever writes one entry after the other comes with the next as soon as the last one is confirmed, and would wait for two
        syncs if the others' were begun without it. So those of the last group are waited for, for a part of a sync.
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
        """Head and frontier can be made again from the lines: a failure is told and not fatal."""
        try:
            write()
        except StorageError as error:
            _log.warning("the access log's head could not be written: %s", error)

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
        """Sets this log, which has a `problem`, aside as it lies and begins another; returns its first entry's number.

        The folder becomes `access.broken-TIME`, its key goes with it. The first entry is `public` and `private` (what the
        service knows now), and its `facts.before` name the old log's head, its folder, how many entries it was known to
        have, and `problem`. Interrupted, it may be called again after the next `open`. Raises LogError while the log is
        sound, BadEntry, DiskFull, VolumeReadOnly, DiskWriteError: then what is left of the old log is still the one in use.
        """
        with self._change:
            writer = self._writer
            if writer.problem is None or self._is_closed:
                raise LogError("The access log is sound; it goes on, and no other is begun.")
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
                self._refuse_all()  # nobody shall wait for a log that is not open
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
        """What the heads of this log are checked with."""
        return self._writer.key.public

    def head(self) -> str:
        """The signed head over all durable entries; of a log that was found broken, whatever lies there as one."""
        tree = self._known.tree
        return self._writer.found_head or self._writer.key.sign(tree.size, tree.root())

    def read(self, first_seq: int = 1, last_seq: int | None = None) -> Iterator[Entry]:
        """The entries from `first_seq` to `last_seq` (the last durable one) in order, with their private texts.

        Each text is proven to be the one that its entry committed to. Raises LogBroken where a line is not what belongs
        there: what came before was right as far as that shows (`log_verify` proves it against the head), DiskWriteError.
        """
        known = self._known
        first, last = max(1, first_seq), known.tree.size if last_seq is None else min(last_seq, known.tree.size)
        if first <= last:
            for pair in read_pairs(self._writer.dir_fd, known.months, first, last):
                yield to_entry(pair, may_lack=False)

    def leaves(self) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
        """(hash as a leaf, content) of each durable entry, in order; private texts are passed over. For counting.

        Raises as `read`; and LogBroken behind the last one, when they are not those that the tree was grown from.
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
        """The hashes that prove that the log of `second_size` (all) entries begins with that of `first_size`.

        Reads the whole log. Raises ValueError when there are not so many, LogBroken.
        """
        second = self._size_of(second_size)
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
        """Writes a copy of the entries `first` to `last` that can be verified by itself (docs/access-log.md).

        `public` leaves the private texts out. Raises ValueError when there are no such entries, LogBroken.
        """
        if self.problem is not None:
            raise LogBroken(str(self.problem))
        tree, months = self._known
        write_export(write, self._writer.dir_fd, months, self._writer.key, tree, public=public, first=first, last=last)

    def extract(self, wanted: Callable[[Mapping[str, Any]], bool]) -> tuple[str, dict[int, bytes]]:
        """The signed head, and by number a public export of each entry whose content is `wanted`, by itself. Reads the whole log.

        Raises LogBroken, DiskWriteError.
        """
        if self.problem is not None:
            raise LogBroken(str(self.problem))
        tree, months = self._known
        return single_exports(self._writer.dir_fd, months, self._writer.key, tree, wanted)
