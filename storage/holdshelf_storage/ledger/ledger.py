"""STATE/ledger: what was erased, when and why. The only code in the project that unlinks footage.

Nothing is erased before the intent is on disk, and each single unlink checks again whether it may, under the lock under which
holds are placed. An intent that a crash left unfinished is carried out at the next start, with the same checks. Only
`Ledger.erase` erases footage; a test reads all sources and finds no other function that unlinks any.

Links on the shelf are unlinked here too, and only while the same file is in its day: whatever the shelf releases, footage is
erased only by the rolling buffer.

    ledger/2026-11.jsonl    {"kind":"intent",…}  {"kind":"done",…}  {"kind":"abandon",…}  {"kind":"day",…}  {"kind":"unshelve",…}
"""

import hashlib
import logging
import os
import secrets
import stat
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import batched
from pathlib import Path

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import append_file, fsync_dir, make_dir, whole_lines
from holdshelf_storage.errors import DiskFull, StorageError, translating
from holdshelf_storage.ledger import lines as ledger_lines
from holdshelf_storage.ledger.erased import ErasedDay, ErasedIndex
from holdshelf_storage.ledger.files import read_month
from holdshelf_storage.ledger.gone_days import GoneDays
from holdshelf_storage.ledger.lines import Abandon, DayGone, Done, Entry, Intent, IntentDay, Unshelve
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days, SegmentRef
from holdshelf_storage.volume.volume import Volume

MAX_REFS_PER_INTENT = 1_000
_TAIL_BYTES = 512 * 1024
_log = logging.getLogger(__name__)


class ShelfLink(msgspec.Struct, frozen=True):
    """One held segment's link on the shelf."""

    camera: str
    day: str
    name: str
    is_copy: bool = False
    """The day has another file of this name, whose checksum matches the journal."""


class Ledger:
    """The ledger of an attached volume. Safe from several threads; one batch is erased at a time."""

    def __init__(self, volume: Volume) -> None:
        self.days = Days(volume)
        self._volume = volume
        self._folder = volume.state / "ledger"
        self.erased = ErasedIndex(self._folder)
        self.judged: Callable[[str, str], ErasedDay] = self.erased.day
        """Which segments the ledger names by the rules of erasing (`footage.judge` sets it): all others gone are missing."""
        self.write_lock = threading.Lock()
        self._erase_lock = threading.Lock()
        self._on_erased: list[Callable[[SegmentRef], None]] = []
        self._on_day_changed: list[Callable[[str, str], None]] = []
        self._on_day_gone: list[Callable[[str, str], None]] = []
        self._unfinished: dict[str, tuple[Intent | Abandon | Unshelve, Path]] = {}
        self._told_gone: set[tuple[str, str, str]] = set()
        self._gone = GoneDays()
        self._load()

    @property
    def folder(self) -> Path:
        """STATE/ledger."""
        return self._folder

    def listen(
        self,
        erased: Callable[[SegmentRef], None],
        day_changed: Callable[[str, str], None],
        day_gone: Callable[[str, str], None],
    ) -> None:
        """Calls `erased` after each unlink (with the camera's lock held), `day_changed` when a batch is done with a
        camera-day, and `day_gone` after each day's end."""
        self._on_erased.append(erased)
        self._on_day_changed.append(day_changed)
        self._on_day_gone.append(day_gone)

    def erase(
        self,
        refs: Sequence[SegmentRef],
        reason: str,
        at_utc_ns: int,
        may_erase: Callable[[SegmentRef], bool],
        lock: AbstractContextManager[object],
    ) -> int:
        """Erases segments; returns the bytes freed (none for a segment that a hold has linked).

        The intent is synced once per thousand segments. Then for each segment: `lock` is taken, `may_erase` checked, the file
        unlinked, `lock` released. A segment that may not be erased stays, and the ledger says so. Days that have lost their last
        segment leave a summary, except each camera's latest.

        Raises DiskFull (even the reserve is used up; nothing was erased), VolumeReadOnly, DiskWriteError: what was not erased
        then will be, by `replay` at the next start. Raises whatever `may_erase` raises.
        """
        for ref in refs:  # before the intent: what it names must be what it may erase
            layout.check_camera(ref.camera)
            if layout.parse_segment_name(ref.name) is None or not layout.is_day(ref.day):
                raise StorageError(
                    f"{ref.day!r:.20}/{ref.name!r:.80} is not the name of a segment; nothing was erased."
                )
        freed = 0
        with self._erase_lock:
            for chunk in batched(refs, MAX_REFS_PER_INTENT):
                intent = Intent(
                    id=secrets.token_hex(8), at_utc_ns=at_utc_ns, reason=reason, days=ledger_lines.by_day(chunk)
                )
                path = self._append(at_utc_ns, intent)
                freed += self._carry_out(intent, path, chunk, may_erase, lock)
        self._volume.reserve_restore()
        return freed

    def replay(self, may_erase: Callable[[SegmentRef], bool], lock: AbstractContextManager[object]) -> int:
        """Carries out what a crash left unfinished; returns the bytes freed. Call it at start, once holds are known.

        Every segment is checked again: a hold placed after the crash protects what is not erased yet. Raises as `erase`.
        """
        freed = 0
        with self._erase_lock:
            for entry, path in list(self._unfinished.values()):
                if isinstance(entry, Unshelve):
                    continue  # the shelf is handled by the code that knows the holds
                if isinstance(entry, Abandon):
                    freed += self._discard(entry, path)
                    continue
                refs: list[SegmentRef] = []
                for part in entry.days:
                    named = set(part.seqs)
                    refs += [ref for ref in self._refs_of(part) if ref.seq in named]
                freed += self._carry_out(entry, path, refs, may_erase, lock)
        return freed

    def end_unfinished(self) -> None:
        """Closes intents begun on another volume without carrying them out here.

        Numbers belong to a volume; on this one they belong to other footage.
        """
        with self._erase_lock:
            for entry, path in list(self._unfinished.values()):
                kept = [seq for part in entry.days for seq in part.seqs] if isinstance(entry, Intent) else []
                self._finish(entry.id, path, Done(id=entry.id, kept=kept))

    def abandon(self, camera: str, seq: int, reason: str, at_utc_ns: int | None = None) -> None:
        """Gives an open segment up: ledger line, unlink. Idempotent. After a StorageError `recover` finishes it."""
        status = self._open_status(layout.check_camera(camera), seq)
        if status is None:
            return
        at_utc_ns = time.time_ns() if at_utc_ns is None else at_utc_ns
        entry = Abandon(
            id=secrets.token_hex(8),
            at_utc_ns=at_utc_ns,
            reason=reason,
            camera=camera,
            seq=seq,
            bytes=status.st_size,
        )
        self._discard(entry, self._append(at_utc_ns, entry))

    def discard_spare(self, camera: str, seq: int) -> bool:
        """Unlinks an open segment that never got a byte. False when it has some, or does not exist."""
        status = self._open_status(layout.check_camera(camera), seq)
        if status is None or status.st_size:
            return False
        with self.days.lock(camera):
            self._unlink(layout.open_path(camera, seq))
            self.days.sync_open(camera)
        return True

    def drop_second_name(self, camera: str, seq: int) -> None:
        """Unlinks an open segment's name when the file has another one, so that nothing is lost."""
        with self.days.lock(camera):
            status = self._open_status(camera, seq)
            if status is not None and status.st_nlink > 1:
                self._unlink(layout.open_path(camera, seq))

    def abandoned(self) -> list[Abandon]:
        """Open segments that were given up but may still be in `open`. `recover` must not restore them."""
        return [entry for entry, _ in list(self._unfinished.values()) if isinstance(entry, Abandon)]

    def finish_abandon(self, entry: Abandon) -> None:
        """Carries out an unfinished abandon. Raises StorageError."""
        found = self._unfinished.get(entry.id)
        if found is not None:
            self._discard(entry, found[1])

    def unshelve(
        self,
        hold: str,
        links: Sequence[ShelfLink],
        reason: str,
        at_utc_ns: int,
        may_unshelve: Callable[[], bool],
        lock: AbstractContextManager[object],
        *,
        folder_too: bool,
    ) -> list[ShelfLink]:
        """Unlinks a hold's segments from the shelf; returns those that had to stay.

        A link is removed only while `may_unshelve` allows it (checked for each, under `lock`) and the same file is in its day:
        nothing is erased here. `folder_too`: when all links are gone, the hold's lists and folders are removed as well,
        `hold.json` last. Intent first; what a crash left is finished by calling again. Raises StorageError, and as
        `may_unshelve`.
        """
        for link in links:
            if layout.parse_segment_name(link.name) is None or not layout.is_day(link.day):
                raise StorageError(
                    f"{link.day!r:.20}/{link.name!r:.80} is not the name of a segment; nothing was done."
                )
        layout.hold_path(hold)
        begun = [
            (entry, path)
            for entry, path in list(self._unfinished.values())
            if isinstance(entry, Unshelve) and entry.hold == hold
        ]
        if not begun:
            entry = Unshelve(id=secrets.token_hex(8), at_utc_ns=at_utc_ns, reason=reason, hold=hold, files=len(links))
            begun = [(entry, self._append(at_utc_ns, entry))]
        kept: list[ShelfLink] = []
        touched: set[str] = set()
        for link in links:
            folder = layout.shelf_day_path(hold, link.camera, link.day)
            with lock:
                if may_unshelve() and self._lies_in_its_day(link, folder):
                    self._unlink(f"{folder}/{link.name}")
                    touched.add(folder)
                else:
                    kept.append(link)
        for folder in sorted(touched):
            fsync_dir(folder, dir_fd=self._volume.root_fd)
        if folder_too and not kept:
            with lock:
                if may_unshelve():
                    self._end_shelf_folder(layout.hold_path(hold))
        for entry, path in begun:
            self._finish(entry.id, path, Done(id=entry.id))
        return kept

    def days_gone(self, camera: str, first_day: str = "", last_day: str = "9999-99-99") -> list[DayGone]:
        """Summaries of the deleted days of `camera`, by day; first..last included. Raises DiskWriteError.

        A day that a clock came back to has one for each of its ends, and may be there again. One that a crash left whole after
        its summary is not among them. The ledger is read once, then continued where that ended.
        """
        layout.check_camera(camera)
        gone = self._gone.of(camera, self._months(), first_day, last_day)
        again = set(self.days.days(camera)) if gone else set()
        return [entry for entry in gone if entry.day not in again or not self.is_left(entry)]

    def is_left(self, entry: DayGone) -> bool:
        """Whether the very journal that this tells of is still there: a crash came before the day's end."""
        data = self.days.read_journal(entry.camera, entry.day)
        return hashlib.sha256(data).hexdigest() == entry.journal_sha256

    def finish_days(self, cameras: Iterable[str], at_utc_ns: int) -> list[tuple[str, str]]:
        """Ends the oldest days of `cameras` that have no footage left: summary, then folder. Returns those ended.

        A camera's newest and latest days, and a day with a gap that has not ended, stay. Raises StorageError.
        """
        gone = []
        for camera in sorted(set(cameras)):
            days = self.days.days(camera)
            for day in days:
                if any(layout.parse_segment_name(name) for name in self.days.names(camera, day)):
                    break
                if self._finish_day(camera, day, at_utc_ns):
                    gone.append((camera, day))
        return gone

    def entries(self, first_month: str = "", last_month: str = "9999-99") -> Iterator[Entry]:
        """All lines of the ledger, month by month, of the months first..last ('2026-11'). Raises DiskWriteError."""
        for path in self._months():
            if not first_month <= path.stem <= last_month:
                continue
            for line in whole_lines(read_month(path, 0)):
                entry = ledger_lines.decode(line)
                if entry is not None:
                    yield entry

    # -- carrying out -----------------------------------------------------------------------------------------------

    def _carry_out(
        self,
        intent: Intent,
        path: Path,
        refs: Sequence[SegmentRef],
        may_erase: Callable[[SegmentRef], bool],
        lock: AbstractContextManager[object],
    ) -> int:
        freed = 0
        kept: list[int] = []
        grouped: dict[tuple[str, str], list[SegmentRef]] = defaultdict(list)
        for ref in refs:
            grouped[ref.camera, ref.day].append(ref)
        for (camera, day), members in grouped.items():
            try:
                for ref in members:
                    with lock:
                        if not may_erase(ref):
                            kept.append(ref.seq)
                            continue
                        freed += self._erase_one(ref)
            finally:
                self._sync_day(camera, day)
                for told in self._on_day_changed:
                    told(camera, day)
        # A line that was tampered with may name anything: only valid camera-days are considered.
        emptied = {(part.camera, part.day) for part in intent.days if layout.is_camera(part.camera)}
        for camera, day in sorted(emptied):
            self._finish_day(camera, day, intent.at_utc_ns)
        self.finish_days({camera for camera, _ in emptied}, intent.at_utc_ns)
        self._finish(intent.id, path, Done(id=intent.id, freed_bytes=freed, kept=kept))
        return freed

    def _erase_one(self, ref: SegmentRef) -> int:
        path = f"{layout.day_path(ref.camera, ref.day)}/{ref.name}"
        with self.days.lock(ref.camera):
            with translating(f"{path} could not be erased"):
                try:
                    status = os.stat(path, dir_fd=self._volume.root_fd, follow_symlinks=False)
                except FileNotFoundError:
                    return 0
            self._unlink(path)
            for told in self._on_erased:
                told(ref)
        return status.st_blocks * 512 if status.st_nlink == 1 else 0

    def _discard(self, entry: Abandon, path: Path) -> int:
        with self.days.lock(entry.camera):
            status = self._open_status(entry.camera, entry.seq)
            if status is not None:
                self._unlink(layout.open_path(entry.camera, entry.seq))
                self.days.sync_open(entry.camera)
        freed = status.st_blocks * 512 if status is not None else 0
        self._finish(entry.id, path, Done(id=entry.id, freed_bytes=freed))
        return freed

    def _finish_day(self, camera: str, day: str, at_utc_ns: int) -> bool:
        """Writes the summary of a camera-day without footage and removes it. False when it has some, or must stay."""
        with self.days.lock(camera):
            days = self.days.days(camera)
            if day not in days or day == days[-1] or day in self.days.latest(camera)[:1]:
                return False
            names = self.days.names(camera, day)
            known = {layout.JOURNAL, layout.SUMS, f".{layout.SUMS}.tmp"}
            if set(names) - known:  # footage, or a stranger's file, which is not ours to judge
                return False
            data = self.days.read_journal(camera, day)
            lines = self.days.slim(camera, day)
            if journal.open_gap(lines) is not None:
                return False
            if layout.JOURNAL in names:
                digest = hashlib.sha256(data).hexdigest()
                if (camera, day, digest) not in self._told_gone:  # else a crash came between summary and end
                    erased = self.judged(camera, day)
                    self._append(at_utc_ns, ledger_lines.summary(lines, camera, day, digest, at_utc_ns, erased))
            folder = layout.day_path(camera, day)
            for name in sorted(names):  # SHA256SUMS before journal.jsonl: what is left can always be interpreted
                self._unlink(f"{folder}/{name}")
            with translating(f"The folder {folder} could not be ended"):
                os.rmdir(folder, dir_fd=self._volume.root_fd)
            fsync_dir(layout.camera_path(camera), dir_fd=self._volume.root_fd)
        for told in self._on_day_gone:
            told(camera, day)
        return True

    def _unlink(self, path: str) -> None:
        """The project's only unlink below `footage`."""
        with translating(f"{path} could not be erased"):
            try:
                os.unlink(path, dir_fd=self._volume.root_fd)
            except FileNotFoundError:
                return

    def _lies_in_its_day(self, link: ShelfLink, folder: str) -> bool:
        """Whether a shelved segment's file is also linked in its day. True for a link that is already gone."""
        root = self._volume.root_fd
        day = f"{layout.day_path(link.camera, link.day)}/{link.name}"
        with self.days.lock(link.camera), translating(f"{folder}/{link.name} could not be looked at"):
            try:
                shelved = os.stat(f"{folder}/{link.name}", dir_fd=root, follow_symlinks=False)
            except FileNotFoundError:
                return True
            try:
                there = os.stat(day, dir_fd=root, follow_symlinks=False)
            except FileNotFoundError:
                return False
        same = (there.st_dev, there.st_ino) == (shelved.st_dev, shelved.st_ino)
        return same or (link.is_copy and there.st_size == shelved.st_size)

    def _end_shelf_folder(self, path: str) -> None:
        """Removes lists, then folders, below a hold's folder; refuses when there is an unknown file, or footage."""
        ours = {layout.JOURNAL, layout.SUMS, layout.GONE_FILE, layout.ARCHIVE_FILE}
        ours |= {f".{name}.tmp" for name in (*ours, layout.HOLD_FILE)}
        names = self.days.list_folder(path)
        if any(layout.parse_segment_name(name) for name in names):
            raise StorageError(f"{path} still keeps footage; its lists stay with it.")
        for name in names:
            below = f"{path}/{name}"
            if layout.is_day(name) or layout.is_camera(name):
                self._end_shelf_folder(below)
            elif name in ours:
                self._unlink(below)
        if layout.HOLD_FILE in names:  # last of all, and only from an otherwise empty folder
            if set(self.days.list_folder(path)) != {layout.HOLD_FILE}:
                raise StorageError(f"{path} holds a file that is not ours; look at it and move it away by hand.")
            fsync_dir(path, dir_fd=self._volume.root_fd)
            self._unlink(f"{path}/{layout.HOLD_FILE}")
        with translating(f"The folder {path} could not be ended"):
            try:
                os.rmdir(path, dir_fd=self._volume.root_fd)
            except FileNotFoundError:
                return
        fsync_dir(os.path.dirname(path), dir_fd=self._volume.root_fd)  # noqa: PTH120

    def _sync_day(self, camera: str, day: str) -> None:
        if day in self.days.days(camera):
            fsync_dir(layout.day_path(camera, day), dir_fd=self._volume.root_fd)

    def _open_status(self, camera: str, seq: int) -> os.stat_result | None:
        path = layout.open_path(camera, seq)
        with translating(f"{path} could not be read"):
            try:
                status = os.stat(path, dir_fd=self._volume.root_fd, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _refs_of(self, part: IntentDay) -> list[SegmentRef]:
        if not layout.is_camera(part.camera) or not layout.is_day(part.day):
            return []
        return self.days.refs(part.camera, part.day)

    # -- the files --------------------------------------------------------------------------------------------------

    def _append(self, at_utc_ns: int, entry: Intent | Abandon | DayGone | Unshelve) -> Path:
        """Writes `entry` durably, from the reserve when the disk is full; returns the file it went to."""
        path = self._folder / f"{layout.day_of(at_utc_ns)[:7]}.jsonl"
        self._write(path, entry)
        if isinstance(entry, DayGone):
            self._told_gone.add((entry.camera, entry.day, entry.journal_sha256))
        else:
            self._unfinished[entry.id] = (entry, path)
        return path

    def _finish(self, entry_id: str, path: Path, done: Done) -> None:
        try:
            self._write(path, done)
        except DiskFull:  # the intent is replayed at the next start, and finds nothing left to do
            _log.warning("no room for the end of ledger entry %s; it will be checked again at the next start", entry_id)
        self._unfinished.pop(entry_id, None)

    def _write(self, path: Path, entry: Entry) -> None:
        data = msgspec.json.encode(entry) + b"\n"
        with self.write_lock:
            make_dir(self._folder)
            self._volume.reserve.spend_on(lambda: append_file(str(path), data, "The ledger"))

    def _months(self) -> list[Path]:
        with translating(f"{self._folder} could not be listed"):
            return sorted(self._folder.glob("*.jsonl"))

    def _load(self) -> None:
        """Finds what is unfinished in the tail of each month: an intent and its end are never far apart."""
        for path in self._months():
            for entry in map(ledger_lines.decode, whole_lines(read_month(path, _TAIL_BYTES))):
                match entry:
                    case Abandon() if not layout.is_camera(entry.camera):
                        pass
                    case Intent() | Abandon() | Unshelve():
                        self._unfinished[entry.id] = (entry, path)
                    case Done():
                        self._unfinished.pop(entry.id, None)
                    case DayGone():
                        self._told_gone.add((entry.camera, entry.day, entry.journal_sha256))
