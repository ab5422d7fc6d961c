"""Has in the store what is on hold here, and nothing of what was lifted. Blocks; runs in the worker process.

    PREFIX holds/TOKEN/key-….age     the hold's own key, sealed for the recovery key
                       d-….age       one file of the shelf's folder of the hold, sealed for the hold's key
                       m-NUMBER.age  what is there, sealed likewise: SHA-256, object and path of each file
    PREFIX heads/TIME-SIZE.txt       a signed head of the access log, as it is

TOKEN and the names of files are keyed hashes: of the hold's number, and of a file's path and content. What must be there is what
lies on the shelf; the books (`offsite.book`) say what of it is confirmed. It may be interrupted anywhere and begun anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import math
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final, NamedTuple

from holdshelf_core.offsite import sealing
from holdshelf_core.offsite.book import (
    KEY_GONE,
    KEY_PATH,
    MANIFEST_PATH,
    Begun,
    Book,
    Gone,
    Key,
    Lost,
    Manifest,
    Put,
    There,
    holds_in,
)
from holdshelf_core.offsite.heads import HeadsKept
from holdshelf_core.offsite.proof import wrong
from holdshelf_core.offsite.shelf import File, Shelf
from holdshelf_core.offsite.store import Bucket, Fault, Version
from holdshelf_core.offsite.types import Place
from holdshelf_storage import layout
from holdshelf_storage.errors import StorageError

LISTS_EVERY_S: Final = 600.0
"""Journals, sums and manifest of a hold that goes on are put again no more often: each puts its predecessor aside."""
MANY_FILES: Final = 5000
"""Beyond so many files, a manifest is worth an hour."""
LATE_S: Final = 900.0
"""A store that gave no answer may finish a put afterward: so long after the hold was compared, it is compared once more."""
AT_A_TIME: Final = 3
"""So many objects are on their way while the next one is sealed; under a limit one, so that the limit is that of the line."""
HEAD_PATH: Final = "log-head"
TOKEN_HEX: Final = 32


class Counts(NamedTuple):
    """How much of a hold is on the shelf, and how much of that is not confirmed."""

    held: int
    waiting: int
    waiting_since_utc_ns: int


class Losses(NamedTuple):
    """How many objects of a hold the store lost and does not have anew, how many of these are not here either, one of those."""

    lost: int
    gone: int
    example: str


class _Sending(NamedTuple):
    """An object on its way: which path of which hold, what comes of it, its sealed file, and what notes the version."""

    own: Book
    path: str
    done: Future[str]
    file: contextlib.ExitStack
    note: Callable[[str], None]


class GiveWay(Exception):
    """Something else is to be done first."""


class Keeper:
    """The holds of one recorder and their bucket."""

    def __init__(self, bucket: Bucket, place: Place, folder: Path, shelf: Path, name_key: bytes) -> None:
        self._bucket, self._place, self._folder, self._shelf = bucket, place, folder, Shelf(shelf)
        self._name_key = name_key
        self._books: dict[str, Book] = {}
        self._compared: set[str] = set()
        self._folders: set[str] | None = None
        self._at_a_time = 1 if place.limit_bytes_per_s else AT_A_TIME
        self._sender = ThreadPoolExecutor(self._at_a_time, "send")
        self._sending: deque[_Sending] = deque()
        self._late_at_s: dict[str, float] = {}
        """When a hold is compared once more, by `time.monotonic`."""
        self.lists_every_s, self.late_s = LISTS_EVERY_S, LATE_S
        self.heads = HeadsKept(bucket, f"{place.prefix}heads/", folder, place.heads_days)
        self.unread = self._shelf.unread
        """Files and folders that could not be read here at the last pass."""

    def close(self) -> None:
        """End the threads that send."""
        self._sender.shutdown()

    # -- asking -------------------------------------------------------------------------------------------------------

    def counts(self, hold: str) -> Counts:
        """Count a hold's segments."""
        puts = self.book(hold).puts
        held, waiting, since = 0, 0, 0
        for file in self.files(hold):
            if file.segment:
                held += 1
                if file.path not in puts:
                    waiting += 1
                    since = min(since or file.since_utc_ns, file.since_utc_ns)
        return Counts(held, waiting, since)

    def losses(self, hold: str) -> Losses:
        """Count what of a hold the store lost."""
        own = self.book(hold)
        gone = [path for path in own.missing if not self.is_here(hold, path)]
        return Losses(len(own.missing), len(gone), min(gone, default=""))

    def is_here(self, hold: str, path: str) -> bool:
        """Return whether it can be put there again: keys and manifests are made anew, and so is the log's head."""
        return path in (KEY_PATH, MANIFEST_PATH, HEAD_PATH) or self._shelf.has(hold, path)

    def files(self, hold: str) -> Iterator[File]:
        """Yield what lies on the shelf of a hold, a day's segments before its lists."""
        return self._shelf.files(hold)

    def book(self, hold: str) -> Book:
        """The book of a hold."""
        if hold not in self._books:
            self._books[hold] = Book(self._folder, hold)
        return self._books[hold]

    def prefix(self, hold: str) -> str:
        """Below which everything of a hold lies in the bucket."""
        return f"{self._place.prefix}holds/{self._token(hold)}/"

    def _token(self, hold: str) -> str:
        return hmac.digest(self._name_key, b"hold\0" + hold.encode(), "sha256").hex()[:TOKEN_HEX]

    # -- putting there ------------------------------------------------------------------------------------------------

    def keep(self, hold: str, head: str, between: Callable[[], None] = lambda: None) -> None:
        """Have everything of a hold there. ``between`` is called before each object, and may raise. Raises Fault,
        StorageError."""
        own = self.book(hold)

        def ready() -> None:
            if (
                self._at_a_time == 1
            ):  # under a limit one object takes long: what is asked or ends meanwhile is seen first
                self._settle()
            between()

        try:
            try:
                self._keep(own, head, ready)
            finally:
                self._settle()
        except (Fault, StorageError):
            if own.begun:  # the store may have taken it, and not hold it, or it could not be noted here
                self._compared.discard(hold)
            raise

    def _keep(self, own: Book, head: str, between: Callable[[], None]) -> None:
        hold = own.hold
        is_late = time.monotonic() >= self._late_at_s.get(hold, math.inf)
        if is_late or hold not in self._compared:
            self._compare(own)
            self._compared.add(hold)
            self._late_at_s.pop(hold, None)
            if own.begun and not is_late:
                self._late_at_s[hold] = time.monotonic() + self.late_s
        if own.key is None or own.key.recovery != self._place.recipient:
            between()
            self._make_key(own)
        lists, refused = [], []
        for file in self.files(hold):  # one day at a time: of a month that are 43,200
            if not file.segment:
                lists.append(file)
            elif file.path in own.puts:
                continue
            elif file.path in own.refused:
                refused.append(file)
            else:
                between()
                self._put_file(own, file)
        for file in refused:  # after the others, which it would keep waiting
            between()
            self._put_file(own, file)
        changed = [file for file in lists if (known := own.puts.get(file.path)) is None or known.stamp != file.stamp]
        if self._lists_due(own, changed) or (head and HEAD_PATH in own.missing):
            for file in changed:
                between()
                self._put_file(own, file)
            self._put_manifest(own, head, between)
        self._settle()
        self._take_out_stale(own, between)

    def _take_out_stale(self, own: Book, between: Callable[[], None]) -> None:
        """What was replaced is taken out; what the store refuses to delete keeps nothing else there."""
        refused: Fault | None = None
        for one in list(own.stale.values()):
            between()
            try:
                self._bucket.delete(Version(one.object, one.version, one.bytes, False, False))
            except Fault as fault:
                if fault.away:
                    raise
                refused = refused or fault
            else:
                own.add(Gone(one.object, one.version))
        if refused is not None:
            raise refused

    def _lists_due(self, own: Book, changed: Sequence[File]) -> bool:
        manifest = own.manifest
        if manifest is None or any(file.path == layout.HOLD_FILE for file in changed):
            return True
        every_s = self.lists_every_s * (6 if len(own.puts) > MANY_FILES else 1)
        aged_s = (time.time_ns() - manifest.at_utc_ns) / 1e9
        return not 0 <= aged_s < every_s and (bool(changed) or own.unlisted)

    def _make_key(self, own: Book) -> None:
        private, recipient = sealing.new_key()
        name = f"{self.prefix(own.hold)}key-{hashlib.sha256(recipient.encode()).hexdigest()[:16]}.age"

        def note(version: str, sealed: sealing.Sealed) -> None:
            own.add(Key(recipient, self._place.recipient, name, version, sealed.bytes, sealed.sha256))

        self._put(own, KEY_PATH, io.BytesIO(f"{private}\n".encode()), self._place.recipient, lambda _: name, note)
        self._settle()

    def _put_file(self, own: Book, file: File) -> None:
        try:
            with self._shelf.open(own.hold, file.path) as source:
                self._put_path(own, file.path, source, 0 if file.segment else file.stamp)
        except FileNotFoundError:
            return  # it has just left the shelf
        except OSError:
            self.unread[f"{own.hold}/{file.path}"] = None

    def _put_path(self, own: Book, path: str, source: IO[bytes], stamp: int) -> None:
        assert own.key is not None
        before, found = own.puts.get(path), ""
        if before is not None:
            found = hashlib.sha256(source.read()).hexdigest()  # a list: segments do not change
            source.seek(0)
        if before is not None and found == before.plain_sha256:
            own.add(Put(path, found, before.plain_bytes, stamp, *_where(before)))
            return

        def named(sealed: sealing.Sealed) -> str:
            said = f"file\0{own.hold}\0{path}\0{sealed.plain_sha256}".encode()
            return f"{self.prefix(own.hold)}d-{hmac.digest(self._name_key, said, 'sha256').hex()}.age"

        def note(version: str, sealed: sealing.Sealed) -> None:
            where = (named(sealed), version, sealed.bytes, sealed.sha256)
            own.add(Put(path, sealed.plain_sha256, sealed.plain_bytes, stamp, *where))

        self._put(own, path, source, own.key.recipient, named, note)

    def _put_manifest(self, own: Book, head: str, between: Callable[[], None]) -> None:
        assert own.key is not None
        if head:
            between()
            self._put_path(own, HEAD_PATH, io.BytesIO(head.encode()), 0)
        self._settle()
        if own.manifest is not None and not own.unlisted:
            return
        number = (own.manifest.number if own.manifest is not None else self._last_number(own)) + 1
        name = f"{self.prefix(own.hold)}m-{number:010d}.age"
        between()
        with tempfile.TemporaryFile(dir=self._folder) as text:
            text.write(f"# holdshelf offsite 1\n# hold {own.hold}\n# number {number}\n".encode())
            for put in own.listed():
                text.write(f"{put.plain_sha256}  {put.object.rpartition('/')[2]}  {put.path}\n".encode())
            text.seek(0)

            def note(version: str, sealed: sealing.Sealed) -> None:
                own.add(Manifest(number, time.time_ns(), name, version, sealed.bytes, sealed.sha256))

            self._put(own, MANIFEST_PATH, text, own.key.recipient, lambda _: name, note)

    def _put(
        self,
        own: Book,
        path: str,
        source: IO[bytes],
        recipient: str,
        named: Callable[[sealing.Sealed], str],
        note: Callable[[str, sealing.Sealed], None],
    ) -> None:
        """Seal into a file of this folder, and have that put and noted: it is on its way while the next one is sealed, until
        `_settle`."""
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(_scratch(self._folder))
            sealed = sealing.seal(source, file, recipient)
            file.seek(0)
            name = named(sealed)
            self._settle(self._at_a_time - 1)
            own.add(Begun(name))
            done = self._sender.submit(self._bucket.put_held, name, file, sealed)
            self._sending.append(_Sending(own, path, done, stack.pop_all(), lambda version: note(version, sealed)))

    def _settle(self, most: int = 0) -> None:
        """Wait until so many are on their way, and note those that are there. Raises Fault, StorageError: then none is."""
        failed: Fault | StorageError | None = None
        while len(self._sending) > most:
            sending = self._sending.popleft()
            try:
                with sending.file:
                    sending.note(sending.done.result())
                sending.own.refused.discard(sending.path)
            except (Fault, StorageError) as error:
                failed, most = failed or error, 0
                sending.own.refused.add(sending.path)
        if failed is not None:
            raise failed

    def _last_number(self, own: Book) -> int:
        """The number of the last manifest in the store: of a hold whose book was lost."""
        names = [one.key.rpartition("/m-")[2] for one in self._bucket.versions(f"{self.prefix(own.hold)}m-")]
        lost = own.missing.get(MANIFEST_PATH)
        before = lost.what.number if lost is not None and isinstance(lost.what, Manifest) else 0
        return max((int(name[:10]) for name in names if name[:10].isdecimal()), default=before)

    def _compare(self, own: Book) -> None:
        """Note what the store has lost, and take out what was put by a process that ended before it was confirmed.

        Where the book was lost, everything that lies there is held."""
        there: set[int] = set()
        known = {_at(one) for one in own.there()} | {hash(where) for where in own.stale}
        known |= {_at(one.what) for one in own.missing.values()}
        for version in self._bucket.versions(self.prefix(own.hold)):
            where = hash((version.key, version.version))
            there.add(hash((where, version.bytes)))
            is_ours = version.key in own.begun or version.key in own.repeated
            if is_ours and where not in known and not version.marker:
                with _unless_away():  # it is looked for again when this process ends
                    self._bucket.delete(version)
            elif own.fresh and not version.marker and not self._bucket.facts(version.key, version.version).legal_hold:
                # The book is lost: it may be the rest of a put that was interrupted, or all that there is of a segment.
                self._bucket.hold(version.key, version.version)
        self.find_again(own, there)
        own.lose(self._lost(own, there))

    def _lost(self, own: Book, there: set[int]) -> Iterator[Lost]:
        """Yield what is not in the listing as it was put. The listing may be wrong: each is asked for by itself."""
        for one in own.there():
            if hash((_at(one), one.bytes)) not in there:
                why, is_lost = wrong(self._bucket, one, full=False)
                if is_lost:
                    yield Lost(one, why, time.time_ns())

    def find_again(self, own: Book, there: set[int] | None = None) -> None:
        """Have as confirmed what was missing and is there again, whole: a store's keepers may bring it back. Raises Fault,
        StorageError."""
        for one in own.missing.values():
            if one.why == KEY_GONE or (there is not None and hash((_at(one.what), one.what.bytes)) not in there):
                continue
            if not wrong(self._bucket, one.what, full=True).lost:
                own.add(one.what)

    # -- taking out ---------------------------------------------------------------------------------------------------

    def to_remove(self, lifted: Sequence[str]) -> list[str]:
        """Return which lifted holds the store may have something of. Raises Fault."""
        if lifted and self._folders is None:
            self._folders = self._bucket.folders(f"{self._place.prefix}holds/")
        books, folders = holds_in(self._folder), self._folders or set()
        return [hold for hold in lifted if hold in books or self._token(hold) in folders]

    def remove(self, hold: str, may: Callable[[], bool]) -> int | None:
        """Take everything of a lifted hold out of the store, asking ``may`` before each object. Returns how many objects
        there were; None when it was told not to go on. Raises Fault."""
        own, gone = self.book(hold), 0
        first: Version | None = None
        while True:  # a listing passes over some of what is deleted while it is made
            before, round_began_with = gone, first
            refused: Fault | None = None
            first = None
            for one in self._bucket.versions(self.prefix(hold)):
                if not may():
                    return None
                if round_began_with is not None and one[:2] == round_began_with[:2]:
                    raise Fault("The store says that it deleted what it still has.")
                try:
                    self._bucket.delete(one)
                except Fault as fault:  # that one: the others of a lifted hold do not stay for its sake
                    if fault.away:
                        raise
                    refused = refused or fault
                    continue
                first = first or one
                gone += 1
            if gone == before:
                break
        if refused is not None:
            raise refused
        if self._folders is not None:
            self._folders.discard(self._token(hold))
        return max(gone, sum(1 for _ in own.there()))

    def forget(self, hold: str) -> None:
        """Remove the book of a hold that is gone from the store."""
        self.book(hold).remove()
        self._books.pop(hold, None)
        self._compared.discard(hold)
        self._late_at_s.pop(hold, None)

    def holds_known(self) -> list[str]:
        """The holds that have a book."""
        return sorted(holds_in(self._folder))


def _scratch(folder: Path) -> IO[bytes]:
    """Open a new file of this folder, which has no name and is gone with the process. Raises StorageError."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise StorageError(f"What is sealed for the store could not be written: {error.strerror}.") from None


def _at(one: There) -> int:
    return hash((one.object, one.version))


@contextlib.contextmanager
def _unless_away() -> Iterator[None]:
    """What the store refuses of one object keeps nothing else waiting."""
    try:
        yield
    except Fault as fault:
        if fault.away:
            raise


def _where(one: Put) -> tuple[str, str, int, str]:
    return one.object, one.version, one.bytes, one.sha256
