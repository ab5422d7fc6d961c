"""The shelf: second links of held footage, with the lists that describe them.

    shelf/HOLD/hold.json                     the hold, as its owner wrote it; on disk before anything else
    shelf/HOLD/CAMERA/YYYY-MM-DD/            like a day of footage, with what touches the hold: journal.jsonl, SHA256SUMS,
                                             SEQ_….mp4 as hard links
    shelf/HOLD/CAMERA/gone.jsonl             the ledger's lines of days deleted before
    shelf/HOLD/archive.json                  what was copied to another disk and verified

A second safety net: if the sweeper were wrong, the register lost or `footage` deleted, held footage would still be here. It is
made after the hold is in force, in steps that may be interrupted and repeated; lines come before the links that they describe.
This module links and writes; links are removed only through `Ledger.unshelve`, and restoring footage missing from its day is in
`shelf.mend`. It knows no rules: the caller gives spans and hold.
"""

import logging
import os
import stat
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import append_file, fsync_dir, make_dir, whole_lines, write_atomic
from holdshelf_storage.errors import FootageError, translating
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger, ShelfLink
from holdshelf_storage.shelf.mend import Mended, differing, mend, put_back
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days, wanted_sums
from holdshelf_storage.volume.shelf_lines import pick
from holdshelf_storage.volume.volume import Volume

_log = logging.getLogger(__name__)


class HeldSpan(Protocol):
    """What is kept of one camera, [start, end) in UTC ns; `end_utc_ns` None: without an end."""

    @property
    def camera(self) -> str: ...
    @property
    def start_utc_ns(self) -> int: ...
    @property
    def end_utc_ns(self) -> int | None: ...


class Shelved(msgspec.Struct, kw_only=True):
    """What a pass of `Shelf.shelve` found and did."""

    linked: int = 0
    """Links made by this pass."""
    shelved: int = 0
    """Segments of the hold that now have a link on the shelf, checked by this pass."""
    pending: int = 0
    """Segments being closed, or without a checksum: the next pass finishes them."""
    open_gaps: int = 0
    """Gaps that have not ended yet."""
    stopped: bool = False


class Shelf:
    """The shelf of an attached volume. All methods block; thread-safe, one change at a time."""

    def __init__(self, volume: Volume, ledger: Ledger, footage: Footage) -> None:
        self.index = footage.shelved
        self._volume = volume
        self._ledger = ledger
        self._footage = footage
        self._days: Days = ledger.days
        self._lock = threading.RLock()
        self._seen: dict[tuple[str, str, str, object], tuple[int, int]] = {}
        self._sure: set[tuple[str, str]] = set()
        self._gone_told: dict[tuple[str, str], object] = {}
        self._samples: dict[tuple[str, str, str], tuple[str, ...]] = {}
        """For each camera-day on the shelf, its first and last name at the last check."""

    # -- what lies there --------------------------------------------------------------------------------------------

    def holds(self) -> dict[str, bytes | None]:
        """The holds that have a folder, each with its hold.json; None where that is missing. Raises DiskWriteError."""
        return {hold: self.index.read(f"{layout.hold_path(hold)}/{layout.HOLD_FILE}") for hold in self.index.holds()}

    def archive_facts(self, hold: str) -> bytes | None:
        """The content last written by `write_archive_facts`."""
        return self.index.read(f"{layout.hold_path(hold)}/{layout.ARCHIVE_FILE}", 1 << 28)

    def spans_found(self, hold: str) -> list[tuple[str, int, int]]:
        """(camera, start, end) of the stretches on a hold's shelf: for one whose hold.json is lost."""
        found = []
        for camera in self.index.cameras(hold):
            spans = [
                (line.start_utc_ns, line.start_utc_ns + max(1, line.duration_ns))
                for day in self.index.days(hold, camera)
                for line in journal.decode_slim(self.index.read_journal(hold, camera, day))
                if isinstance(line, journal.SlimSegment)
            ]
            if spans:
                found.append((camera, min(start for start, _ in spans), max(end for _, end in spans)))
        return found

    def links(self, hold: str) -> list[ShelfLink]:
        """All links of a hold."""
        return [
            ShelfLink(camera, day, name)
            for camera in self.index.cameras(hold)
            for day in self.index.days(hold, camera)
            for name in sorted(self.index.names(hold, camera, day))
        ]

    # -- putting there ------------------------------------------------------------------------------------------------

    def write_hold(self, hold: str, facts: bytes) -> None:
        """Writes a hold's hold.json durably; creates its folder. Raises DiskFull (the reserve is used up), StorageError."""
        path = layout.hold_path(hold)
        root = self._volume.root_fd
        with self._lock:
            file = f"{path}/{layout.HOLD_FILE}"
            if self.index.read(file) == facts:
                return

            def write() -> None:
                self._make_folder(layout.SHELF, sure=True)
                self._make_folder(path, sure=False)
                write_atomic(file, facts, dir_fd=root)

            self._volume.reserve.spend_on(write)

    def write_archive_facts(self, hold: str, facts: bytes) -> None:
        """Writes a hold's archive.json durably. Raises StorageError."""
        with self._lock:
            write_atomic(f"{layout.hold_path(hold)}/{layout.ARCHIVE_FILE}", facts, dir_fd=self._volume.root_fd)

    def shelve(
        self,
        hold: str,
        spans: Sequence[HeldSpan],
        *,
        let_go: Mapping[str, Collection[int]] | None = None,
        stop: threading.Event | None = None,
    ) -> Shelved:
        """Links every closed segment that touches `spans`, and copies the lines of those segments and gaps.

        May be interrupted anywhere and repeated; finished days cost one check of their journal. `let_go`: sequences by camera
        that have an archived copy and no link any more. Call `write_hold` first. Raises DiskFull and other StorageErrors: what
        was linked stays.
        """
        result = Shelved()
        for camera in sorted({span.camera for span in spans}):
            layout.check_camera(camera)
            # Half-open; an open end is later than every time.
            mine = tuple(
                (span.start_utc_ns, layout.MAX_TIME_NS if span.end_utc_ns is None else span.end_utc_ns)
                for span in spans
                if span.camera == camera
            )
            self._tell_gone_days(hold, camera, mine)
            for day in self._candidates(camera, mine):
                if stop is not None and stop.is_set():
                    result.stopped = True
                    return result
                with self._lock:
                    self._shelve_day(hold, camera, day, mine, (let_go or {}).get(camera, ()), result)
        return result

    def _candidates(self, camera: str, spans: Sequence[tuple[int, int]]) -> list[str]:
        """The days that `spans` touch, and the one before each, from which a segment or gap may reach into it."""
        existing = self._days.days(camera)
        wanted: set[str] = set()
        for start, end in spans:
            first, last = layout.day_of(start), layout.day_of(max(start, end - 1))
            wanted.update(day for day in existing if first <= day <= last)
            wanted.update([day for day in existing if day < first][-1:])
        return sorted(wanted)

    def _shelve_day(
        self,
        hold: str,
        camera: str,
        day: str,
        spans: tuple[tuple[int, int], ...],
        let_go: Collection[int],
        result: Shelved,
    ) -> None:
        key, root = (hold, camera, day, spans), self._volume.root_fd
        seen = self._seen.get(key)
        if seen is not None and seen == self._state_of(hold, camera, day, let_go):
            return
        with self._days.lock(camera):  # no segment is half-way between journal and folder
            data = self._days.read_journal(camera, day)
            names = set(self._days.names(camera, day))
            still_open = set(self._days.open_sequences(camera))
        picked = pick(data, spans)
        if not picked.lines:
            return
        folder = layout.shelf_day_path(hold, camera, day)
        self._make_folders(hold, camera, day)
        told = set(whole_lines(self.index.read_journal(hold, camera, day)))
        missing = [line for line in picked.lines if line not in told]
        if missing:
            what = f"The shelf's journal of {camera} for {day}"
            append_file(f"{folder}/{layout.JOURNAL}", b"\n".join(missing) + b"\n", what, dir_fd=root)
        there = self.index.names(hold, camera, day)
        linked = 0
        for segment in picked.segments:
            if segment.seq in let_go:
                continue
            if segment.name in there:
                result.shelved += 1
            elif segment.name in names and layout.parse_segment_name(segment.name) is not None:
                if self._link(camera, day, segment.name, folder):
                    there.add(segment.name)
                    linked += 1
                else:
                    result.pending += 1  # gone between listing and linking: the next pass finds out why
        pending = sum(segment.seq in still_open for segment in picked.segments) + len(picked.unhashed & _seqs(there))
        result.pending += pending
        result.open_gaps += picked.open_gaps
        self._sure.add((hold, camera))
        if linked or missing:
            self._write_sums(folder, self.index.read_journal(hold, camera, day), there)
        fsync_dir(folder, dir_fd=root)
        result.linked += linked
        result.shelved += linked
        if not pending:
            self._seen[key] = (len(data), len(let_go))

    def _state_of(self, hold: str, camera: str, day: str, let_go: Collection[int]) -> tuple[int, int] | None:
        """What a pass compares: if unchanged, there is nothing to do. None: the shelf's folder is lost."""
        root = self._volume.root_fd
        try:
            os.stat(layout.shelf_day_path(hold, camera, day), dir_fd=root, follow_symlinks=False)
            journal_path = f"{layout.day_path(camera, day)}/{layout.JOURNAL}"
            return os.stat(journal_path, dir_fd=root, follow_symlinks=False).st_size, len(let_go)
        except OSError:
            return None

    def recheck(self) -> None:
        """Forgets earlier results: the next passes check every day again."""
        with self._lock:
            self._seen.clear()
            self._gone_told.clear()

    def _make_folders(self, hold: str, camera: str, day: str) -> None:
        path = layout.hold_path(hold)
        self._make_folders_of_camera(hold, camera)
        self._make_folder(f"{path}/{camera}/{day}", sure=(hold, camera) in self._sure)
        self.index.placed(hold, camera, day)

    def _link(self, camera: str, day: str, name: str, folder: str) -> bool:
        root, source = self._volume.root_fd, f"{layout.day_path(camera, day)}/{name}"
        with translating(f"{source} could not be put on the shelf"):
            try:
                os.link(source, f"{folder}/{name}", src_dir_fd=root, dst_dir_fd=root, follow_symlinks=False)
            except FileExistsError:
                return True
            except FileNotFoundError:
                return False
        return True

    def _write_sums(self, folder: str, data: bytes, names: Collection[str]) -> None:
        lines = [line for line in wanted_sums(data) if line.rstrip(b"\n").rpartition(b"  ")[2].decode() in names]
        write_atomic(f"{folder}/{layout.SUMS}", b"".join(lines), dir_fd=self._volume.root_fd)

    def _tell_gone_days(self, hold: str, camera: str, spans: tuple[tuple[int, int], ...]) -> None:
        """Copies the ledger's lines of days deleted before: their record must outlive the state folder too."""
        if self._gone_told.get((hold, camera)) == spans:
            return
        first = layout.day_of(min(start for start, _ in spans) - layout.DAY_NS)
        last = layout.day_of(max(end for _, end in spans) - 1)
        gone = self._ledger.days_gone(camera, first, last)
        if gone:
            self._make_folders_of_camera(hold, camera)
            path = f"{layout.hold_path(hold)}/{camera}/{layout.GONE_FILE}"
            known = set(whole_lines(self.index.read(path) or b""))
            lines = [msgspec.json.encode(entry) for entry in gone]
            missing = [line for line in lines if line not in known]
            if missing:
                append_file(path, b"\n".join(missing) + b"\n", "The shelf's list of days", dir_fd=self._volume.root_fd)
            self.index.told_gone(hold, camera)
        self._gone_told[hold, camera] = spans

    def _make_folders_of_camera(self, hold: str, camera: str) -> None:
        path = layout.hold_path(hold)
        for folder in (layout.SHELF, path, f"{path}/{camera}"):
            self._make_folder(folder, sure=(hold, camera) in self._sure)

    def _make_folder(self, folder: str, *, sure: bool) -> None:
        root = self._volume.root_fd
        if make_dir(folder, dir_fd=root):
            return
        with translating(f"{folder} could not be looked at"):
            if not stat.S_ISDIR(os.stat(folder, dir_fd=root, follow_symlinks=False).st_mode):
                raise FootageError(f"{folder} is not a folder; look at it and move it away by hand.")
        if not sure:  # made by a process that was killed, perhaps before it was durable
            fsync_dir(os.path.dirname(folder) or ".", dir_fd=root)  # noqa: PTH120

    # -- taking from there ----------------------------------------------------------------------------------------------

    def remove(
        self,
        hold: str,
        reason: str,
        at_utc_ns: int,
        may_remove: Callable[[], bool],
        lock: AbstractContextManager[object],
    ) -> bool:
        """Removes a lifted hold from the shelf; False when something of it had to stay. Idempotent.

        Nothing is erased: what only the shelf had is linked back into its day first, to be erased in its turn. Raises
        StorageError: the next call continues.
        """
        with self._lock:
            links = self._ready_to_go(hold, None)
            kept = self._ledger.unshelve(hold, links, reason, at_utc_ns, may_remove, lock, folder_too=True)
            self._forget(hold)
            if kept:
                return False
        return hold not in self.index.holds()

    def let_go(
        self,
        hold: str,
        sequences: Mapping[str, Collection[int]],
        reason: str,
        at_utc_ns: int,
        may_let_go: Callable[[], bool],
        lock: AbstractContextManager[object],
    ) -> bool:
        """Removes the links of some segments (they have an archived copy); the lists stay. As `remove`."""
        with self._lock:
            links = self._ready_to_go(hold, sequences)
            if not links:
                return True
            kept = self._ledger.unshelve(hold, links, reason, at_utc_ns, may_let_go, lock, folder_too=False)
            for camera, day in sorted({(link.camera, link.day) for link in links}):
                data = self.index.read_journal(hold, camera, day)
                self._write_sums(layout.shelf_day_path(hold, camera, day), data, self.index.names(hold, camera, day))
            self._forget(hold, places=False)
            return not kept

    def _ready_to_go(self, hold: str, sequences: Mapping[str, Collection[int]] | None) -> list[ShelfLink]:
        """The links to remove, each with its file in its day."""
        wanted = []
        for camera in self.index.cameras(hold):
            for day in self.index.days(hold, camera):
                names = self.index.names(hold, camera, day)
                if sequences is not None:
                    chosen = sequences.get(camera, ())
                    names = {name for name in names if (layout.parse_segment_name(name) or (0, 0))[0] in chosen}
                if not names:
                    continue
                put_back(self._days, self._footage.index, self.index, hold, camera, day, only=names)
                copies = differing(self._days, self.index, hold, camera, day, names)
                wanted += [ShelfLink(camera, day, name, name in copies) for name in sorted(names)]
        return wanted

    def _forget(self, hold: str, *, places: bool = True) -> None:
        for key in [key for key in self._seen if key[0] == hold]:
            del self._seen[key]
        for place in [place for place in self._gone_told if place[0] == hold]:
            del self._gone_told[place]
        for sampled in [place for place in self._samples if place[0] == hold]:
            del self._samples[sampled]
        self._sure = {place for place in self._sure if place[0] != hold}
        if places and hold not in self.index.holds():
            self.index.removed(hold)

    # -- mending --------------------------------------------------------------------------------------------------------

    def has_lost_footage(self) -> bool:
        """A quick check, for every minute: whether the first or last held name of any camera-day is missing from its day.
        Detects a removed folder, not every file. Raises DiskWriteError."""
        for hold, camera, day in self.index.places():
            sample = self._samples.get((hold, camera, day))
            if not sample:
                names = self.index.names(hold, camera, day)
                self._samples[hold, camera, day] = sample = (min(names), max(names)) if names else ()
            if any(not self._lies_there(f"{layout.day_path(camera, day)}/{name}") for name in sample):
                self._samples.clear()
                return True
        return False

    def _lies_there(self, path: str) -> bool:
        with translating(f"{path} could not be looked at"):
            try:
                os.stat(path, dir_fd=self._volume.root_fd, follow_symlinks=False)
            except FileNotFoundError:
                return False
        return True

    def mend(self, stop: threading.Event) -> Mended:
        """Restores held footage that is missing from its day. See `shelf.mend`."""
        found = mend(self._days, self._footage.index, self.index, self._lock, stop)
        if found.linked:
            self._seen.clear()
        return found


def _seqs(names: Collection[str]) -> set[int]:
    return {(layout.parse_segment_name(name) or (0, 0))[0] for name in names}
