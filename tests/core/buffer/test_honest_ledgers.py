"""Whatever an honest house goes through, nothing that its rolling buffer erased is called missing.

The real sweeper over a real volume with a real log: clocks that step by days, cameras that come later, holds whose entries wait,
lifts, files that come late, crashes between an intent and its unlinks, restarts.
"""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.buffer.sweeper import Sweeper
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.anchors.facts import FactsReader
from holdshelf_storage.anchors.log import proven_batches
from holdshelf_storage.footage.footage import Footage, OpenSegment
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.layout import DAY_NS, MAX_TIME_NS, day_start_ns
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import reserve
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.storage.anchors.anchoring import anchor_into
from tests.storage.footage.footage_files import NS, record, segment_bytes, write

SEEDS = (10, 24, 28, 44, 50, 53, 54, 55)
STEPS = 160
LONG_AGO = day_start_ns("2023-03-01")


class Killed(Exception):
    """The service, in the middle of an erasing."""


@dataclass
class Hold:
    spans: list[tuple[str, int, int]]
    is_logged: bool = False


@dataclass
class HonestHouse:
    root: Path
    chance: random.Random
    now: int = LONG_AGO
    cameras: list[str] = field(default_factory=lambda: ["front"])
    holds: dict[str, Hold] = field(default_factory=dict)
    late: list[OpenSegment] = field(default_factory=list)
    known: list[tuple[str, int]] = field(default_factory=list)
    released: int = 0
    placed: int = 0
    dies_in: int = -1
    since_anchor_ns: int = 0

    def __post_init__(self) -> None:
        init_volume(self.root / "state", self.root / "media", 1)
        self.log = AccessLog.open(self.root / "state")
        self.volume = Volume.attach(self.root / "state", self.root / "media")
        self.begin()

    def begin(self) -> None:
        """As a start does."""
        self.footage = Footage(self.volume, Ledger(self.volume))
        self.footage.missing.follow(FactsReader(self.log, self.protects), lambda: self.now)
        self.footage.recover()
        self.footage.ledger.replay(self.may_erase, threading.Lock())
        self.footage.build_index(threading.Event())
        self.sweeper = Sweeper(
            self.footage,
            self.footage.ledger,
            may_erase=self.may_erase,
            hold_lock=threading.Lock(),
            covers_day=lambda camera, day: self.covers(camera, day_start_ns(day), day_start_ns(day) + DAY_NS),
            released=lambda: self.released,
        )

    def protects(self, camera: str, start: int, end: int) -> bool:
        return any(c == camera and s < end and e > start for hold in self.holds.values() for c, s, e in hold.spans)

    def covers(self, camera: str, start: int, end: int) -> bool:
        return any(c == camera and s <= start and e >= end for hold in self.holds.values() for c, s, e in hold.spans)

    def may_erase(self, ref: SegmentRef) -> bool:
        if self.dies_in == 0:
            self.dies_in = -1
            raise Killed
        self.dies_in -= self.dies_in > 0
        return not self.protects(ref.camera, ref.start_utc_ns, ref.end_utc_ns)

    # --- what happens ----------------------------------------------------------------------------------------------

    def pictures(self) -> None:
        for _ in range(self.chance.randint(1, 5)):
            before = self.now
            self.now += self.chance.choice([3, 60, 900, 3600, 4 * 3600]) * NS
            camera = self.chance.choice(self.cameras)
            self.known.append((camera, self.now))
            record(self.footage, camera, self.now, seconds=1, run=f"{self.now}")
            self.since_anchor_ns += self.now - before
        if self.since_anchor_ns >= 3600 * NS:
            self.anchor()

    def clock(self) -> None:
        self.now += self.chance.choice([-40, -3, -1, 1, 2, 30]) * DAY_NS + self.chance.randint(0, 3600) * NS

    def camera(self) -> None:
        if len(self.cameras) < 4:
            self.cameras.append(f"hall-{len(self.cameras)}")

    def sweep(self) -> None:
        self.sweeper.erase_oldest(self.chance.randint(1, 8) * 8192, "budget", lambda: self.now)

    def age(self) -> None:
        """A limit in days has come to something: everything that was recorded before it goes."""
        there = [ref.seq for ref in self.footage.oldest()]
        if there:
            limit = self.chance.choice(there[: len(there) // 2 + 1])
            self.sweeper.erase_over(
                lambda ref: ref.seq <= limit, "9999-12-31", lambda _ref: "at most 3 days", lambda: self.now
            )

    def hold(self) -> None:
        if not self.known:
            return
        camera, start = self.chance.choice(self.known[-40:])
        length = self.chance.choice([1, 1, 3600, 86_400, 0])
        self.placed += 1
        self.holds[f"H-{self.placed}"] = Hold([(camera, start, start + length * NS if length else MAX_TIME_NS)])

    def extend(self) -> None:
        if self.holds and self.known:
            hold = self.chance.choice(list(self.holds.values()))
            camera, start = self.chance.choice(self.known[-40:])
            hold.spans.append((camera, start, start + 7200 * NS))
            hold.is_logged = False

    def entries(self) -> None:
        """Those that waited are written."""
        for key, hold in self.holds.items():
            if not hold.is_logged:
                hold.is_logged = True
                self._write(key, hold, "active")

    def lift(self) -> None:
        if self.holds:
            self.entries()
            key = self.chance.choice(list(self.holds))
            self._write(key, self.holds[key], "lifted")
            del self.holds[key]
            self.released += 1

    def _write(self, key: str, hold: Hold, state: str) -> None:
        spans: list[dict[str, Any]] = [
            {"camera": camera, "start_utc_ns": start, "end_utc_ns": None if end == MAX_TIME_NS else end}
            for camera, start, end in hold.spans
        ]
        change = {"table": "holds", "key": key, "row": {"id": key, "spans": spans, "state": state}}
        public = {"at": time_text(self.now), "action": "hold.place", "outcome": "done"}
        self.log.append(public, {"changes": json.dumps([change])})

    def anchor(self) -> None:
        anchor_into(self.log, self.volume, self.footage, self.now)
        self.since_anchor_ns = 0

    def begin_late(self) -> None:
        camera = self.chance.choice(self.cameras)
        opened = self.footage.open_segment(camera)
        write(opened, segment_bytes(camera, opened.seq, self.now, seconds=1))
        self.late.append(opened)

    def end_late(self) -> None:
        if self.late:
            self.footage.cut_segment(self.late.pop(self.chance.randrange(len(self.late))))

    def crash(self) -> None:
        self.dies_in = self.chance.randint(0, 3)
        try:
            self.sweep()
        except Killed:
            self.look()
        self.dies_in = -1
        self.late.clear()
        self.begin()

    def look(self) -> None:
        book = AnchorBook(self.footage.folders, self.volume.identity.volume, proven_batches(self.log))
        assert self.footage.missing.look(book, threading.Event()) == []
        assert verify(self.footage, book=book).missing == []


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_the_rolling_buffer_erased_is_missing(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve, "RESERVE_BYTES", 256 * 1024)
    house = HonestHouse(tmp_path / "data", random.Random(seed))
    often = [house.pictures] * 6 + [house.sweep] * 5 + [house.anchor, house.entries, house.hold]
    now_and_then = [house.clock, house.camera, house.extend, house.lift, house.begin_late, house.end_late]
    now_and_then += [house.crash, house.age]
    try:
        for step in range(STEPS):
            house.chance.choice([*often, *now_and_then])()
            if step % 4 == 0:
                house.look()
    finally:
        house.volume.detach()
        house.log.close()
