"""The access log's part of a backup: up to the last promised entry, counted while it is copied. Only reads.

Promised is what a signed head, the frontier or the register counts: all of that is durable. While a service runs, later lines may
still be removed, so they are left out; when none runs, every whole entry counts, as at its next start.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from holdshelf_storage.access_log import start as access_start
from holdshelf_storage.access_log.checkpoint import BadHead, Head, SigningKey, parse_note
from holdshelf_storage.access_log.files import find, list_months, open_file, raw_lines
from holdshelf_storage.access_log.merkle import Tree, leaf_hash
from holdshelf_storage.backup.archive import Writer
from holdshelf_storage.backup.files import chunks, last_newline, small
from holdshelf_storage.errors import BackupError, LogBroken
from holdshelf_storage.volume.volume import IDENTITY

ACCESS = "access"
LOG_KEY = "keys/log.key"
_LOOKS = 5
_PRIVATE = b'{"private":'


class LogCheck:
    """Counts the entries in the bytes of a log's files, in order, and compares the tree with a head along the way."""

    def __init__(self, head: Head | None) -> None:
        self.tree = Tree()
        self.agrees = head is None or head.size == 0
        self._head = head
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(_PRIVATE):
                continue
            self.tree.append(leaf_hash(line))
            if self._head is not None and self.tree.size == self._head.size:
                self.agrees = self.tree.root() == self._head.root


class LogPart:
    """The access log's part of one backup."""

    def __init__(
        self, state: Path, state_fd: int, writer: Writer, problems: list[str], stop: Callable[[], bool]
    ) -> None:
        self.head = ""
        self.check = LogCheck(None)
        self._state = state
        self._state_fd = state_fd
        self._writer = writer
        self._problems = problems
        self._stop = stop

    def owns(self, name: str) -> bool:
        """Whether that file is handled here."""
        folder, _, base = name.partition("/")
        is_small = base in (access_start.HEAD, access_start.FRONTIER)
        return folder == ACCESS and (is_small or base.endswith(".jsonl"))

    def copy(self, applied: int) -> None:
        """Copies frontier, head, then each month up to the last promised entry."""
        try:
            dir_fd = os.open(ACCESS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._state_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BackupError(f"{self._state / ACCESS} cannot be read ({error.strerror}).") from error
        try:
            self._copy(dir_fd, applied)
        finally:
            os.close(dir_fd)

    def _copy(self, dir_fd: int, applied: int) -> None:
        frontier = access_start.read_small(dir_fd, access_start.FRONTIER)
        raw_head = access_start.read_small(dir_fd, access_start.HEAD)
        at_rest, problem = self._look(dir_fd)
        head = self._parse(raw_head)
        promised = max(applied, head.size if head else 0, _frontier_size(frontier), at_rest)
        self.check = LogCheck(head)
        for name, data in ((access_start.FRONTIER, frontier), (access_start.HEAD, raw_head)):
            if data:
                self._writer.add(f"{ACCESS}/{name}", len(data), [data])
        for month in list_months(dir_fd):
            if problem is None and (month.first_seq > promised or not month.first_seq):
                continue
            fd = open_file(dir_fd, month.name)
            try:
                # A broken log is evidence: all of it is copied as it is.
                end = month.size if problem else find(fd, promised + 1, last_newline(fd, month.size))
                self._writer.add(f"{ACCESS}/{month.name}", end, self._fed(chunks(fd, end, self._stop)))
            finally:
                os.close(fd)
        if problem is not None:
            self._problems.append(str(problem))
        elif self.check.tree.size != promised:
            self._problems.append(
                f"The access log has {self.check.tree.size} entries where {promised} were promised; "
                "run `holdshelf log verify`."
            )
        elif not self.check.agrees:
            self._problems.append(
                "The access log is not the one that its head was made for; run `holdshelf log verify`."
            )

    def _fed(self, data: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in data:
            self.check.feed(chunk)
            yield chunk

    def _parse(self, raw: bytes) -> Head | None:
        """The content of the head, signed or not: `_look` checks whether to trust it."""
        try:
            head = parse_note(raw.decode()).head if raw else None
        except (BadHead, UnicodeDecodeError):
            return None
        self.head = raw.decode()
        return head

    def _look(self, dir_fd: int) -> tuple[int, LogBroken | None]:
        """(entries on disk when no service runs, as the next one will accept them all, else 0; what is wrong)."""
        key = small(self._state_fd, LOG_KEY)
        try:
            public = SigningKey.from_pem(key or b"").public
        except BadHead as error:
            return 0, LogBroken(f"The access log's key is missing or {error}; restore it, or begin a new log.")
        with self._no_service() as no_service:
            # With a running service the files may change between two reads.
            for _ in range(1 if no_service else _LOOKS):
                found = access_start.look(dir_fd, public)
                if found.problem is None:
                    break
        return found.tree.size if no_service else 0, found.problem

    @contextlib.contextmanager
    def _no_service(self) -> Iterator[bool]:
        """Whether no service runs on this state; none can start meanwhile (it waits that moment)."""
        try:
            fd = os.open(IDENTITY, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._state_fd)
        except OSError:
            yield False
            return
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_free = True
            except OSError:
                is_free = False
            yield is_free
        finally:
            os.close(fd)


def _frontier_size(data: bytes) -> int:
    try:
        return max(0, msgspec.json.decode(data, type=access_start.Frontier).size) if data else 0
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0


def count_entries(dir_fd: int, after: int) -> dict[str, int]:
    """How many entries of each action a log's folder holds after entry `after`. Raises StorageError."""
    counts: dict[str, int] = {}
    for month in list_months(dir_fd):
        if not month.first_seq:
            continue
        fd = open_file(dir_fd, month.name)
        try:
            for _, raw in raw_lines(fd, find(fd, after + 1, month.size), month.size):
                if raw.startswith(_PRIVATE):
                    continue
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    action = str(msgspec.json.decode(raw, type=dict[str, object]).get("action", ""))[:40]
                    counts[action] = counts.get(action, 0) + 1
        finally:
            os.close(fd)
    return counts
