"""One installation's footage and holds on a disk that fails, and what must be true of it. `hold_sequences` drives it at random.

Real Ledger, Footage, Shelf and the keeping room of the core over a real (small) file system; only the access log is
stood in for by `rows`: what was recorded there survives everything, as the log's own tests show. Segments are real MP4
files of one second, told apart by their comment.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from holdshelf_core.buffer.sweeper import Sweeper
from holdshelf_core.holds.book import HoldBook
from holdshelf_core.holds.protection import HeldSpans
from holdshelf_core.holds.shelf_work import ShelfWork
from holdshelf_core.policy import holds as way
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import Segment
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig.faults import LoopImage
from tests.storage.faulty import FaultyDisk, Unwatched, close_descriptors
from tests.storage.footage.footage_files import BOOT, NOON, NS, comment_of, mp4

CAMERAS = ("front", "hall", "yard")
DAY_NS = 86_400 * NS
GRACE_NS = 3_600 * NS
_PLACE = 9_999_999_999
_START = 1_111_111_111_111_111_111
_BOOTED = 1_222_222_222_222_222_222


def segment_content(camera: str, seq: int, start_utc_ns: int) -> bytes:
    """A second of video whose comment says which one it is; of one length, made by replacing digits."""
    data = mp4(1, comment=comment_of("x", _PLACE, _START, start_boot_ns=_BOOTED))
    for place, value in ((_PLACE, 1_000_000_000 + seq), (_START, start_utc_ns), (_BOOTED, boot_ns(start_utc_ns))):
        assert data.count(b"%d" % place) == 1
        data = data.replace(b"%d" % place, b"%d" % value)
    return data


def boot_ns(utc_ns: int) -> int:
    """The machine was started long ago, and its clock never stepped."""
    return 10**18 + utc_ns - NOON


@dataclass
class Known:
    """A closed segment and the bytes that it must have."""

    camera: str
    line: Segment
    sha256: str


@dataclass
class Installation:
    """A data folder, the engine over it, and what must be true of it."""

    root: Path
    rng: random.Random
    budget_segments: int = 24
    disk: FaultyDisk = field(init=False)
    rows: dict[str, Hold] = field(default_factory=dict)
    """The access log's word."""
    known: dict[int, Known] = field(default_factory=dict)
    must: dict[str, set[int]] = field(default_factory=dict)
    """By hold: sequences that it keeps."""
    copied: dict[str, list[HoldSpan]] = field(default_factory=dict)
    """By hold: spans that were archived; what is asked for afterwards must stay all the same."""
    linked: dict[str, set[int]] = field(default_factory=dict)
    """By hold: those of them that a whole pass has shelved."""
    now: int = NOON
    placed: int = 0
    hold_lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: dict[str, Hold] = field(default_factory=dict)
    """Acts whose entry waits for the log: the book and the shelf know of them, a crash loses the entry."""
    older: dict[str, Hold] = field(default_factory=dict)
    """The state as it was at some time: a backup."""
    taken_away: set[str] = field(default_factory=set)
    """Names of files that somebody deleted; a shelf's journal may still tell of one whose name there was not durable yet."""
    steps: list[str] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    """What the sequences met, so that a run that proves nothing is seen."""

    def __post_init__(self) -> None:
        init_volume(self.root / "state", self.root / "media", 1)
        self.up = False

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """As the service starts: recover, look at the shelf, finish what the ledger had begun, mend."""
        self.disk = FaultyDisk(self.root)
        self._patch = self.disk.watching()
        self._patch.__enter__()
        self.up = True
        self.waiting.clear()
        self.volume = Volume.attach(self.root / "state", self.root / "media")
        self.ledger = Ledger(self.volume)
        self.footage = Footage(self.volume, self.ledger)
        self.footage.recover(max_workers=1)
        self.book = HoldBook()
        self.book.apply(dict(self.rows))
        self.work = ShelfWork(self.volume, self.ledger, self.footage, self.book, self.hold_lock, lambda: self.now)
        self.work.look()
        if self.rng.random() < 0.7:  # else the log cannot be written yet
            self.unite()
        self.footage.build_index(threading.Event())
        self.work.replay(self.may_erase)
        self.footage.hash_pending()
        self.sweeper = Sweeper(
            self.footage,
            self.ledger,
            may_erase=self.may_erase,
            hold_lock=self.hold_lock,
            covers_day=self.book.protection.covers_day,
            released=lambda: self.book.protection.released,
        )
        mended = self.work.mend()
        assert mended.problems == []
        self.tally["put back"] += mended.linked

    def stop(self) -> None:
        """Ends without ceremony, as a kill does."""
        if self.up:
            self._patch.__exit__(None, None, None)
            volume = getattr(self, "volume", None)
            if volume is not None:
                volume.detach()
            close_descriptors(self.root)
            self.up = False

    def restart(self, *, power_cut: bool = False) -> None:
        """A kill, or a power cut; then as `start`, which may be interrupted as well."""
        self.disk.disarm()
        if power_cut:
            self.lose_power()
            self.tally["power cuts"] += 1
        else:
            self.stop()
        self.start()

    def lose_power(self) -> None:
        """What was not made durable is gone."""
        target = self.root.with_name(self.root.name + "-cut")
        with Unwatched():
            self.disk.cut(target)
        self.stop()
        shutil.rmtree(self.root)
        target.rename(self.root)

    def may_erase(self, ref: SegmentRef) -> bool:
        return not self.book.protection.protects(ref)

    # -- acts ---------------------------------------------------------------------------------------------------

    def record(self) -> None:
        camera = self.rng.choice(CAMERAS)
        opened = self.footage.open_segment(camera)
        data = segment_content(camera, opened.seq, self.now)
        try:
            os.write(opened.fd, data)
            os.fdatasync(opened.fd)
        except OSError:  # the recorder gives such a segment up
            self.footage.abandon_segment(opened, "fsync failed", self.now)
            return
        facts = SegmentFacts(
            start_utc_ns=self.now,
            duration_ns=NS,
            run="run-1",
            boot=BOOT,
            start_boot_ns=boot_ns(self.now),
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=64,
            height=48,
            frames=10,
            activity=[1000],
        )
        self.now += self.rng.choice([NS, NS, NS, 2 * NS, 7 * 3600 * NS])
        line = self.footage.close_segment(opened, facts)
        self.known[line.seq] = Known(camera, line, facts.sha256)
        for hold in (*self.rows.values(), *self.waiting.values()):
            if hold.id in self.must and self.touches(hold, line.seq):
                self.must[hold.id].add(line.seq)

    def place(self) -> None:
        numbers = [int(key.rpartition("-")[2]) for key in (*self.rows, *self.book.known())]
        self.ask(self.new_hold(max(numbers, default=0) + 1))

    def new_hold(self, number: int) -> Hold:
        self.placed += 1  # no two acts are of the same nanosecond
        return Hold(
            id=f"H-2026-{number:04d}",
            ground="investigation",
            reference="1",
            spans=self.some_spans(),
            placed_by="p1",
            placed_utc_ns=self.now + self.placed,
            review_utc_ns=self.now + 90 * DAY_NS,
        )

    def extend(self) -> None:
        self.drain()
        hold = self.now_of("active", "lifting", "grace")
        if hold is not None:
            self.ask(
                msgspec.structs.replace(
                    hold,
                    spans=(*hold.spans, *self.some_spans()),
                    version=hold.version + 1,
                    state="active",
                    grace_end_utc_ns=None,
                )
            )

    def drain(self) -> None:
        """The log can be written again: what waited for it is in it."""
        self.rows.update(self.waiting)
        self.waiting.clear()
        self.book.apply(self.rows)

    def unite(self) -> None:
        """What only the shelf knows is written into the log."""
        self.drain()
        for row in self.book.to_unite():
            self.rows[row.id] = row
            self.tally["united"] += 1
        self.book.apply(self.rows)
        assert self.book.to_unite() == []

    def ask(self, hold: Hold) -> None:
        """Protect, record, and sometimes be refused or shelve at once: the order of acts/holds.py."""
        self.book.ask(hold)
        with self.hold_lock:
            asked = HeldSpans(hold.spans, dict.fromkeys(CAMERAS, (0,)), tuple(self.copied.get(hold.id, ()))).whole()
            kept = {seq for seq in self.known if self.touches(hold, seq, asked) and self.lies(seq)}
        if self.rng.random() < 0.1:
            self.book.unask(hold.id, self.rows.get(hold.id))
            return
        if self.rng.random() < 0.2:  # the log cannot be written: the shelf's file is what a restart finds
            self.work.write_down(hold.id)
            self.waiting[hold.id] = hold
            self.must.setdefault(hold.id, set()).update(kept)
            self.tally["entry waits"] += 1
            return
        self.rows[hold.id] = hold
        self.must.setdefault(hold.id, set()).update(kept)
        self.book.apply(self.rows)
        if self.rng.random() < 0.5:
            self.shelve(hold.id)

    def shelve(self, key: str | None = None) -> None:
        keys = [key] if key else self.work.wants_shelving()
        for one in keys:
            before = set(self.must.get(one, ()))
            if not self.work.shelve(one).pending:
                self.linked.setdefault(one, set()).update(before)

    def lift(self) -> None:
        self.drain()
        hold = self.now_of("active")
        if hold is None:
            return
        spans = tuple(
            s if s.end_utc_ns is not None else HoldSpan(s.camera, s.start_utc_ns, max(self.now, s.start_utc_ns + 1))
            for s in hold.spans
        )
        row = msgspec.structs.replace(
            hold, spans=spans, state="grace", grace_end_utc_ns=self.now + GRACE_NS, version=hold.version + 1
        )
        self.book.ask(row)
        self.rows[row.id] = row
        self.book.apply(self.rows)

    def pass_time(self) -> None:
        self.now += self.rng.choice([60 * NS, GRACE_NS, DAY_NS])

    def end_grace(self) -> None:
        for row in self.book.due(Now(self.now, self.now)):
            self.rows[row.id] = row
            self.must.pop(row.id, None)
            self.linked.pop(row.id, None)
        self.book.apply(self.rows)
        for key in self.book.to_remove():
            assert self.work.remove(key)
            self.tally["taken off the shelf"] += 1

    def archive(self) -> None:
        self.drain()
        hold = self.now_of("active", "grace")
        if hold is None:
            return
        folder = self.root.with_name("other-disk")  # on the same one here: what the copy is, is asked, not where
        folder.mkdir(exist_ok=True)
        self.work.shelve(hold.id)
        self.work.archive(hold.id, folder)
        copied = self.work.archives[hold.id][-1]
        row = way.archived(hold, str(folder), copied.sums_sha256)
        self.rows[hold.id] = row
        gone = {seq for seqs in copied.segments.values() for seq in seqs}
        self.copied.setdefault(hold.id, []).extend(copied.held)
        for seq in gone & self.must.get(hold.id, set()):
            path = folder / hold.id / self.known[seq].camera
            copy = path / layout.day_of(self.known[seq].line.start_utc_ns) / self.known[seq].line.name
            assert hashlib.sha256(copy.read_bytes()).hexdigest() == self.known[seq].sha256
        if hold.id in self.must:
            self.must[hold.id] -= gone
        if hold.id in self.linked:
            self.linked[hold.id] -= gone
        self.book.apply(self.rows)
        self.tally["copied"] += len(gone)
        self.work.let_go_archived()

    def sweep(self) -> None:
        """What a reservation does: room within the budget, or it is all held."""
        budget = self.budget_segments * self.segment_bytes()
        over = self.footage.usage().allocated_bytes - budget
        if over > 0:
            _, segments = self.sweeper.erase_oldest(over, "budget", lambda: self.now)
            self.tally["erased"] += segments
            self.tally["sweeps"] += 1
            kept = {seq for seqs in self.must.values() for seq in seqs}
            self.tally["sweeps past held ones"] += any(ref.seq in kept for ref in self.footage.oldest())
        self.check_budget(budget)

    def lose_footage(self) -> None:
        """`rm -rf footage` between two runs of the service. What is on the shelf comes back, no more."""
        self.stop()
        media = self.root / "media"
        day_names, shelf_names = (
            {path.name for path in (media / part).rglob("*Z.mp4")} for part in ("footage", "shelf")
        )
        self.taken_away |= day_names - shelf_names
        shutil.rmtree(media / "footage", ignore_errors=True)
        self.forget_unlinked()
        self.start()

    def lose_state(self) -> None:
        """Log and register are lost together: what was written on the shelf is all that is known of holds."""
        self.begin_with({})

    def roll_back(self) -> None:
        """They are those of an older backup. Meanwhile, before the disk was back, a hold may have been placed: its number
        may be one that was given before."""
        rows = dict(self.older)
        if self.rng.random() < 0.5:
            numbers = [int(key.rpartition("-")[2]) for key in rows]
            hold = self.new_hold(max(numbers, default=0) + 1)
            rows[hold.id] = hold
        self.begin_with(rows)

    def begin_with(self, rows: dict[str, Hold]) -> None:
        self.stop()
        written: dict[str, tuple[HoldSpan, ...]] = {}
        for path in (self.root / "media" / "shelf").glob("*/hold.json"):
            row = msgspec.convert(msgspec.json.decode(path.read_bytes())["hold"], Hold)
            written[row.id] = row.spans
        self.rows = rows
        for key in list(self.must):
            # An older version of it may be what was written: what that says, and what the rows say, must stay.
            spans = (*written.get(key, ()), *(rows[key].spans if key in rows and rows[key].state != "lifted" else ()))
            self.must[key] = {seq for seq in self.must[key] if self.spans_touch(spans, seq)}
            if not self.must[key]:
                del self.must[key]
            self.linked[key] = self.linked.get(key, set()) & self.must.get(key, set())
        self.start()

    def forget_unlinked(self) -> None:
        kept = {seq for seqs in self.linked.values() for seq in seqs}
        for key in self.must:
            self.must[key] &= kept
        self.known = {seq: known for seq, known in self.known.items() if seq in kept}

    # -- what must be true ----------------------------------------------------------------------------------------

    def check_held(self) -> None:
        """Not one held byte is lost."""
        for key, seqs in self.must.items():
            for seq in seqs:
                known = self.known[seq]
                fd = self.footage.open_closed(known.camera, known.line)
                try:
                    data = os.pread(fd, 1 << 20, 0)
                finally:
                    os.close(fd)
                assert hashlib.sha256(data).hexdigest() == known.sha256, f"{key} lost bytes of {seq}"

    def check_budget(self, budget: int) -> None:
        """Over the budget lies only what must: each file counted once, whatever names it has."""
        usage = self.footage.usage()
        sizes: dict[int, int] = {}
        for path in (self.root / "media").rglob("*Z.mp4"):
            sizes[path.stat().st_ino] = path.stat().st_blocks * 512
        assert usage.allocated_bytes == sum(sizes.values())
        if usage.allocated_bytes <= budget:
            return
        for ref in self.footage.oldest():
            assert self.must_stay(ref), f"{ref.seq} is kept over the budget and nobody holds it"

    def must_stay(self, ref: SegmentRef) -> bool:
        leaving = set(self.book.to_remove())
        in_force = [*self.book.in_force(), *filter(None, map(self.book.to_write, self.book.known()))]
        for key, hold in [*self.rows.items(), *((hold.id, hold) for hold in in_force)]:
            if hold.state == "lifted" and key not in leaving:
                continue
            gone = ref.seq in self.book.let_go_of(key).get(ref.camera, ())
            kept = HeldSpans(hold.spans, self.book.let_go_of(key), tuple(self.copied.get(key, ())))
            if any(
                s.camera == ref.camera
                and s.start_utc_ns < ref.end_utc_ns
                and (s.end_utc_ns is None or s.end_utc_ns > ref.start_utc_ns)
                for s in (kept.whole() if gone else hold.spans)
            ):
                return True
        return False

    def check_whole(self) -> None:
        """Journals, names, checksums agree, nothing is an orphan, and nothing is missing that nobody took away."""
        problems = [
            problem
            for problem in verify(self.footage, deep=True).problems
            if not any(f"{name} is missing" in problem for name in self.taken_away)
        ]
        assert problems == [], problems

    # -- helpers --------------------------------------------------------------------------------------------------

    def segment_bytes(self) -> int:
        return -(-len(segment_content("x", 1, self.now)) // 4096) * 4096

    def touches(self, hold: Hold, seq: int, spans: tuple[HoldSpan, ...] | None = None) -> bool:
        return self.spans_touch(hold.spans if spans is None else spans, seq)

    def spans_touch(self, spans: tuple[HoldSpan, ...], seq: int) -> bool:
        known = self.known[seq]
        start, end = known.line.start_utc_ns, known.line.end_utc_ns
        return any(
            s.camera == known.camera and s.start_utc_ns < end and (s.end_utc_ns is None or s.end_utc_ns > start)
            for s in spans
        )

    def lies(self, seq: int) -> bool:
        known = self.known[seq]
        return (self.root / "media" / self.footage.path_of(known.camera, known.line)).exists()

    def now_of(self, *states: str) -> Hold | None:
        """A hold as acts begin from it: with what only the shelf knows yet."""
        found = [hold for hold in self.rows.values() if hold.state in states]
        return self.book.to_write(self.rng.choice(found).id) if found else None

    def some_spans(self) -> tuple[HoldSpan, ...]:
        spans = []
        for _ in range(self.rng.choice([1, 1, 2])):
            begin = self.now - self.rng.choice([0, 3 * NS, 10 * NS, DAY_NS, 3 * DAY_NS])
            end = self.rng.choice([None, begin + 2 * NS, begin + 5 * NS, begin + 7 * 3600 * NS, begin + 2 * DAY_NS])
            spans.append(HoldSpan(self.rng.choice(CAMERAS), begin, end))
        return tuple(spans)


@dataclass
class OnLoopDisk(Installation):
    """The same on a file system of its own, whose power cuts are real: the disk as it is, without what the kernel still had."""

    image: LoopImage = field(kw_only=True)

    def lose_power(self) -> None:
        copy = self.image.copy_as_power_cut()
        self.stop()
        self.image.__exit__()
        self.image = copy.__enter__()
        self.root = copy.mount_point / self.root.name
