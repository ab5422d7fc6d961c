"""The worker process: it has in the store what is on hold, and tells the service how that goes (ADR 59).

It is given the bucket and its secret by the first line on its standard input, imports what it needs, is confined, and only then
talks to anybody: it reads the program, certificates, the resolver's files and the shelf, writes its own folder, and opens
connections over IP. It never writes to the media disk. It ends with its standard input.
``python -m holdshelf_core.offsite.worker``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core.offsite import county, link
from holdshelf_core.offsite.checking import Checked, Named, verify
from holdshelf_core.offsite.hours import within
from holdshelf_core.offsite.keeper import GiveWay, Keeper
from holdshelf_core.offsite.sealing import BadKey, check_pair
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.tries import CAP_S, FIRST_S, Tries
from holdshelf_core.offsite.types import BranchHold, Health, Place
from holdshelf_core.processes import online
from holdshelf_core.processes.confinement import confine_sender
from holdshelf_core.processes.online_link import MAX_LINE_BYTES, Ready, line_of
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

MORE_MEMORY_BYTES: Final = 1 << 30
OPEN_FILES: Final = 128
FILE_BYTES: Final = 8 << 30
"""A sealed segment of the longest length at the highest rate, and more."""
NICENESS: Final = 10  # recording comes first
LOOK_S: Final = 30.0
"""How often the shelf is looked at without being told to."""
BUCKET_EVERY_S: Final = 600.0
"""How often the bucket is asked whether it dates by itself what is put there."""
INDEX_AGAIN_S: Final = 60.0
"""An index that the store refused is not put again sooner, but for the end of a pass."""
SAY_S: Final = 5.0
REMOVAL: Final = "lifted "
REMOVAL_WORDS: Final = "Not all that was lifted is taken out of the store: "
HEAD_WORDS: Final = "A head of the log is not kept there: "


class Worker:
    """The work, on the main thread; another one reads what the service says."""

    def __init__(self, setup: link.Setup) -> None:
        self._place, self._folder = setup.place, Path(setup.folder)
        ca_file = self._folder / "ca.pem" if setup.place.ca_pem else None
        if ca_file is not None:
            ca_file.write_text(setup.place.ca_pem)
        self.bucket = Bucket(setup.place, ca_file)
        self.keeper = Keeper(self.bucket, setup.place, self._folder, Path(setup.shelf), bytes.fromhex(setup.name_key))
        self.index = county.OwnIndex(self.bucket, setup.place)
        self.wanted = link.Wanted(())
        self.tries = Tries()
        self._named = Named(self._folder)
        self._asked: queue.Queue[link.Verify | link.NextBad | link.ListBranches | link.Logged] = queue.Queue()
        self._wake = threading.Event()
        self._health = Health()
        self._said_s = -SAY_S
        self._index_fault, self._index_again_s = "", 0.0
        self._dates, self._dates_again_s = "", 0.0
        self._resolver = online.resolver_identity()

    # -- the thread that reads ----------------------------------------------------------------------------------------

    def hear(self, rest: bytes) -> None:
        """Take what the service says, until it is gone: then end, whatever is under way."""
        try:
            data = rest
            while True:
                *lines, data = data.split(b"\n")
                for line in lines:
                    self._take(link.to_worker.decode(line))
                chunk = os.read(0, 1 << 16)
                if not chunk or len(data) > MAX_LINE_BYTES:
                    break
                data += chunk
        finally:
            os._exit(0)

    def _take(self, message: link.ToWorker) -> None:
        match message:
            case link.Wanted():
                self.wanted = message
            case link.KeepHead():
                with contextlib.suppress(StorageError):
                    self.keeper.heads.take(message.name, message.head)
            case link.Verify() | link.NextBad() | link.ListBranches() | link.Logged():
                self._asked.put(message)
            case link.Setup():
                raise msgspec.ValidationError("a second set-up")
        self._wake.set()

    # -- the work -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until the process ends, or the machine's name servers have changed."""
        again_s, wait_s = FIRST_S, 0.0
        while True:
            self._wake.wait(wait_s)
            self._wake.clear()
            if online.resolver_identity() != self._resolver:
                # Files that replaced the old ones may not be read: the next process may.
                _LOGGER.info("the name servers of this machine have changed; holds are kept elsewhere by a new process")
                return
            self._answer()
            began_s, before = time.monotonic(), self._health.waiting
            try:
                self._pass()
            except GiveWay:
                wait_s = 0.0
            except (Fault, StorageError, OSError) as error:
                self._fails(_words(error))
                if self._health.waiting < before or time.monotonic() - began_s > CAP_S:
                    again_s = FIRST_S  # something came through
                self._rest(again_s)
                again_s = min(CAP_S, again_s * 2)
                wait_s = 0.0
            else:
                again_s, wait_s = FIRST_S, self.tries.wait_s(LOOK_S, self.bucket.answered_at_s)

    def _rest(self, seconds: float) -> None:
        """Leave the store alone for a while; questions are answered meanwhile."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._wake.wait(left_s)
            self._wake.clear()
            self._answer()

    def _pass(self) -> None:
        keeper, wanted = self.keeper, self.wanted
        keeper.unread.clear()
        self._count()
        if not within(self._place.hours, time.localtime()):
            self._say(msgspec.structs.replace(self._health, paused=True), now=True)
            return
        self._health = msgspec.structs.replace(self._health, paused=False)
        self.tries.keep_only(self._parts())
        self._put_index()
        self._try("bucket", self._look_at_bucket)
        for file in keeper.heads.waiting():
            self._between()
            fault = self._try(file.name, lambda file=file: keeper.heads.put(file), HEAD_WORDS)  # type: ignore[misc]
            if fault is not None and fault.away:
                break
        self._remove_lifted()
        # A hold that failed comes last: whatever is the matter with it keeps no other waiting.
        for hold in sorted(wanted.holds, key=lambda hold: hold in self.tries):
            fault = self._try_hold(hold, wanted.head)
            if fault is not None and fault.away:
                raise fault
        self._put_index(after_pass=True)
        self._count()
        sentences = [*self.tries.sentences(), *self._otherwise_wrong()]
        if sentences:
            self._fails(" ".join(sentences))
        else:
            self._does_well()

    def _parts(self) -> set[str]:
        """The parts of a pass, each of which may fail by itself."""
        lifted = {REMOVAL + hold for hold in self.wanted.lifted}
        return {"bucket", REMOVAL, *lifted, *self.wanted.holds, *(file.name for file in self.keeper.heads.waiting())}

    def _try(self, part: str, work: Callable[[], object], words: str = "") -> Fault | None:
        """Do a part, unless it failed a moment ago. What it fails by is told at the end of the pass, after ``words``; a store's
        fault is returned, too."""
        if not self.tries.is_due(part, self.bucket.answered_at_s):
            return None
        began_s = time.monotonic()
        try:
            work()
        except (Fault, StorageError, OSError) as error:
            self.tries.fails(part, words + _words(error), away=isinstance(error, Fault) and error.away)
            if time.monotonic() - began_s > CAP_S:
                self.tries.comes_on(part)
            return error if isinstance(error, Fault) else None
        self.tries.succeeds(part)
        return None

    def _try_hold(self, hold: str, head: str) -> Fault | None:
        puts = self.keeper.book(hold).puts
        before = len(puts)
        fault = self._try(hold, lambda: self.keeper.keep(hold, head, self._before_object))
        if hold in self.tries and (len(puts) > before or (fault is not None and fault.away)):
            self.tries.comes_on(hold, at_once=fault is not None and fault.away)
        return fault

    def _remove_lifted(self) -> None:
        """Take out what was lifted, each hold by itself."""
        lifted = [one for one in self.wanted.lifted if one not in self.wanted.holds]
        there: list[str] = []

        def ask() -> None:
            there.extend(self.keeper.to_remove(lifted))
            for hold in set(lifted).difference(there):
                self.tries.succeeds(REMOVAL + hold)

        if self._try(REMOVAL, ask, REMOVAL_WORDS):
            return
        for hold in there:
            fault = self._try(REMOVAL + hold, lambda hold=hold: self._remove(hold), REMOVAL_WORDS)  # type: ignore[misc]
            if fault is not None and fault.away:
                return

    def _remove(self, hold: str) -> None:
        gone = self.keeper.remove(hold, lambda: self._is_lifted(hold))
        if gone is not None:
            _write(link.Removed(hold, gone))

    def _look_at_bucket(self) -> None:
        """Ask whether the bucket dates by itself what is put there. Raises Fault when it does, or cannot be asked."""
        if time.monotonic() >= self._dates_again_s or self._dates or self.bucket.dates_what_is_put:
            self.bucket.dates_what_is_put = False
            before, self._dates = self._dates, self.bucket.dates()
            self._dates_again_s = time.monotonic() + BUCKET_EVERY_S
            if before and not self._dates:
                for hold in self.wanted.holds:  # which waited for that alone
                    self.tries.succeeds(hold)
        if self._dates:
            raise Fault(self._dates)

    def _before_object(self) -> None:
        """Before each object of a hold: none goes into a bucket that would keep it when its hold is lifted."""
        self._between()
        if self.bucket.dates_what_is_put:
            self._look_at_bucket()
        if self._dates:
            raise Fault(self._dates)

    def _otherwise_wrong(self) -> list[str]:
        """Return what is told where nothing was refused."""
        told = []
        if self._index_fault:
            told.append(f"What is on hold here cannot be told to the other branches: {self._index_fault}")
        if unread := self.keeper.unread:
            more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
            told.append(f"{next(iter(unread))}{more} cannot be read on this machine's media disk, and is not there.")
        if self._health.gone:
            told.append(self._gone_words())
        return told

    def _gone_words(self) -> str:
        for hold in self.wanted.holds:
            if example := self.keeper.losses(hold).example:
                more = f" and {self._health.gone - 1} more" if self._health.gone > 1 else ""
                return (
                    f"{hold} {example}{more}: the store lost it, and it is no longer on the shelf here, so it cannot be put "
                    "there again."
                )
        return ""

    def _is_lifted(self, hold: str) -> bool:
        return hold in self.wanted.lifted and hold not in self.wanted.holds

    def _between(self) -> None:
        """Before each object: whatever was asked comes first, and the service hears how it goes."""
        if not self._asked.empty() or not within(self._place.hours, time.localtime()):
            raise GiveWay
        self._put_index()
        if time.monotonic() - self._said_s >= SAY_S:
            self._count()
            self._say(self._health)

    def _put_index(self, *, after_pass: bool = False) -> None:
        """Tell the other branches what is on hold here, where that is due: also while much waits to be sent.

        Where the store refuses that, holds and heads are kept all the same; it is told when they are there.
        """
        if not after_pass and time.monotonic() < self._index_again_s:
            return
        rows = self.wanted.rows
        is_due = self.index.is_due(rows)
        counted = [self._counted(row) for row in rows] if is_due or after_pass else []
        if not (is_due or (after_pass and self.index.is_outdated(counted))):
            return
        try:
            self.index.put(rows, counted)
        except Fault as fault:
            self._index_fault, self._index_again_s = fault.sentence, time.monotonic() + INDEX_AGAIN_S
        else:
            self._index_fault, self._index_again_s = "", 0.0
            self._health = msgspec.structs.replace(self._health, index_utc_ns=self.index.put_utc_ns)

    def _counted(self, row: BranchHold) -> BranchHold:
        counts = self.keeper.counts(row.hold)
        return msgspec.structs.replace(row, segments=counts.held, waiting=counts.waiting)

    def _count(self) -> None:
        held = waiting = since = 0
        for hold in self.wanted.holds:
            counts = self.keeper.counts(hold)
            held, waiting = held + counts.held, waiting + counts.waiting
            since = min(since or counts.waiting_since_utc_ns, counts.waiting_since_utc_ns or since)
        losses = [self.keeper.losses(hold) for hold in self.wanted.holds]
        known = set(self.keeper.holds_known())
        self._health = msgspec.structs.replace(
            self._health,
            held=held,
            waiting=waiting,
            waiting_since_utc_ns=since,
            holds=len(self.wanted.holds),
            removing=sum(self._is_lifted(hold) for hold in known),
            heads_waiting=len(self.keeper.heads.waiting()),
            lost=sum(one.lost for one in losses),
            gone=sum(one.gone for one in losses),
        )

    def _does_well(self) -> None:
        since = self._health.since_utc_ns if self._health.ok else time.time_ns()
        self._say(msgspec.structs.replace(self._health, ok=True, since_utc_ns=since, sentence=""), now=True)

    def _fails(self, sentence: str) -> None:
        self._count()
        since = self._health.since_utc_ns if self._health.ok is False else time.time_ns()
        self._say(msgspec.structs.replace(self._health, ok=False, since_utc_ns=since, sentence=sentence), now=True)

    def _say(self, health: Health, *, now: bool = False) -> None:
        self._health = health
        if now or time.monotonic() - self._said_s >= SAY_S:
            self._said_s = time.monotonic()
            _write(link.Does(health))

    def _answer(self) -> None:
        while True:
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return
            if isinstance(asked, link.Logged):
                self.keeper.forget(asked.hold)
                continue
            if isinstance(asked, link.ListBranches):
                self._list(asked.number)
                continue
            if isinstance(asked, link.NextBad):
                self._name(asked)
                continue
            self._verify(asked)

    def _verify(self, asked: link.Verify) -> None:
        lifted = [hold for hold in self.wanted.lifted if self._is_lifted(hold)]
        try:
            with self._named.begin(asked.number) as file:
                found = verify(self.keeper, self.bucket, full=asked.full, file=file, lifted=lifted)
        except StorageError as error:
            found = Checked(fault=_words(error))
        counts = (found.objects, found.heads, found.bytes, found.bad_count)
        _write(link.Verified(asked.number, *counts, tuple(found.bad), found.fault, found.after))

    def _name(self, asked: link.NextBad) -> None:
        try:
            bad, after = self._named.page(asked.verify, asked.after)
        except FileNotFoundError:
            _write(link.NamedBad(asked.number, (), fault="The store was asked again since."))
        except StorageError as error:
            _write(link.NamedBad(asked.number, (), fault=_words(error)))
        else:
            _write(link.NamedBad(asked.number, bad, after))

    def _list(self, number: int) -> None:
        fault = ""
        try:
            for row in county.read_branches(self.bucket, self._place, time.time_ns()):
                _write(link.Branch(number, row))
        except Fault as failed:
            fault = failed.sentence
        except BadKey as bad:
            fault = str(bad)
        _write(link.Listed(number, fault))


def _words(error: Fault | StorageError | OSError) -> str:
    if isinstance(error, Fault):
        return error.sentence
    said = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return f"On this machine: {said}"


def _write(message: link.FromWorker | Ready) -> None:
    """Say it. Blocks while the service does not read: it always does, or is gone."""
    data = memoryview(line_of(message))
    while data:
        data = data[os.write(1, data) :]


def look(bucket: Bucket, place: Place, *, new_county: bool) -> str:
    """Return what is wrong with the bucket, or with the county key; '' nothing."""
    try:
        bucket.look()
        if place.branch and place.county_key:
            check_pair(place.county_key, place.county)
        others = county.others(bucket, place) if place.branch else 0
    except (Fault, BadKey) as wrong:
        return str(wrong)
    if others and new_county:
        return (
            f"{others} other {'branch is' if others == 1 else 'branches are'} in this bucket already, and a new county key "
            "opens none of theirs: give the county's own with --county-key."
        )
    return ""


def main() -> None:
    """Entry point. The service writes to standard input and reads standard output; standard error is its own."""
    begun = online.begin(link.Setup, link.to_worker.decode, NICENESS)
    if begun is None:
        return
    setup, rest = begun
    worker = Worker(setup)
    readable = [*online.readable(), *([Path(setup.shelf)] if setup.shelf else [])]
    confined = confine_sender(
        readable, Path(setup.folder), more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES, file_bytes=FILE_BYTES
    )
    _write(Ready(confined.landlock_abi, confined.seccomp))
    if not setup.shelf:
        _write(link.Looked(look(worker.bucket, setup.place, new_county=setup.new_county)))
        return
    threading.Thread(target=worker.hear, args=(rest,), name="hear", daemon=True).start()
    worker.run()


if __name__ == "__main__":
    main()
