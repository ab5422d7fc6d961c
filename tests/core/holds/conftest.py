"""What is kept, over a volume of its own on the real disk: the book of holds and the shelf's work, without a service."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from holdshelf_core.holds.book import HoldBook
from holdshelf_core.holds.shelf_work import ShelfWork
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import reserve
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import Gap, GapEnd, Segment
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.storage.footage.footage_files import BOOT, NOON, NS, record

DAY_NS = 86_400 * NS
HOLD = "H-2026-0001"


def hold(*spans: HoldSpan, key: str = HOLD, **more: object) -> Hold:
    """A hold in force."""
    facts: dict[str, object] = {
        "ground": "investigation",
        "reference": "26-1",
        "placed_by": "p1",
        "placed_utc_ns": NOON,
        "review_utc_ns": NOON + 90 * DAY_NS,
    }
    return Hold(id=key, spans=spans, **{**facts, **more})  # type: ignore[arg-type]


@dataclass
class Keeping:
    """One installation's footage, ledger, book and shelf. ``rows`` is the state; ``tell`` has the book know it."""

    root: Path
    now: int = NOON + DAY_NS
    rows: dict[str, Hold] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        init_volume(self.root / "state", self.root / "media", 1)
        self.start()

    def start(self) -> None:
        self.volume = Volume.attach(self.root / "state", self.root / "media")
        self.ledger = Ledger(self.volume)
        self.footage = Footage(self.volume, self.ledger)
        self.footage.recover()
        self.book = HoldBook()
        self.book.apply(self.rows)
        self.work = ShelfWork(self.volume, self.ledger, self.footage, self.book, self.lock, lambda: self.now)
        self.work.look()
        self.footage.build_index(threading.Event())

    def restart(self) -> None:
        self.volume.detach()
        self.start()

    def tell(self, *holds: Hold) -> None:
        self.rows.update({one.id: one for one in holds})
        self.book.apply(self.rows)

    def place(self, one: Hold) -> None:
        """In force, and all that is closed on the shelf."""
        self.tell(one)
        self.work.shelve(one.id)

    def record(self, camera: str, start_utc_ns: int, seconds: int = 3) -> Segment:
        return record(self.footage, camera, start_utc_ns, seconds=seconds)

    def gap(self, camera: str, start_utc_ns: int, end_utc_ns: int | None, reason: str) -> None:
        gap = self.footage.start_gap(camera, Gap(start_utc_ns=start_utc_ns, start_boot_ns=0, boot=BOOT, reason=reason))
        if end_utc_ns is not None:
            self.footage.end_gap(camera, gap, GapEnd(end_utc_ns=end_utc_ns, elapsed_ns=end_utc_ns - start_utc_ns))

    def may_erase(self, ref: SegmentRef) -> bool:
        return not self.book.protection.protects(ref)

    def erase_all(self) -> list[int]:
        """A sweep that wants everything; the sequences that it got."""
        before = {ref.seq: ref for ref in self.footage.oldest()}
        self.ledger.erase(list(before.values()), "budget", self.now, self.may_erase, self.lock)
        return sorted(set(before) - {ref.seq for ref in self.footage.oldest()})

    def lose(self, what: str) -> None:
        """Everything below a folder of MEDIA is taken away while nothing runs."""
        self.volume.detach()
        shutil.rmtree(self.root / "media" / what)
        self.start()


@pytest.fixture(autouse=True)
def _small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "RESERVE_BYTES", 256 * 1024)


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    made = Keeping(tmp_path / "data")
    yield made
    made.volume.detach()
