"""What ledger and shelf tell of days that have gone: from when to when something was recorded, and its gaps."""

from __future__ import annotations

import hashlib
import shutil
import threading

from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.stretches import GapStretch, stretches
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import DayGone, summary
from holdshelf_storage.shelf.shelf import Shelf
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.journal import Gap, GapEnd
from tests.storage.conftest import House
from tests.storage.footage.footage_files import BOOT, NOON, NS, record
from tests.storage.shelf.shelf_rig import DAY_NS, HOLD, again, put

ANYTHING = lambda ref: True  # noqa: E731


def test_a_day_that_has_gone_is_told_to_the_second_by_ledger_and_shelf(
    house: House, footage: Footage, ledger: Ledger
) -> None:
    record(footage, "front", NOON)
    record(footage, "front", NOON + 3 * NS)
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON + 6 * NS, start_boot_ns=0, boot=BOOT, reason="no frames"))
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 10 * NS, elapsed_ns=4 * NS))
    record(footage, "front", NOON + 10 * NS)
    record(footage, "front", NOON + DAY_NS)
    ledger.erase(list(footage.oldest())[:3], "capacity", NOON, ANYTHING, threading.Lock())
    (gone,) = ledger.days_gone("front")
    assert gone.recorded == [(NOON, NOON + 6 * NS), (NOON + 10 * NS, NOON + 13 * NS)]
    assert gone.gap_spans == [(NOON + 6 * NS, NOON + 10 * NS, "no frames")]
    assert ledger.days_gone("back") == []
    assert ledger.days_gone("front", "2026-11-25") == []
    shelf = Shelf(house.volumes[0], ledger, footage)
    put(shelf, HoldSpan("front", NOON - NS, None))
    # The state folder is lost with its ledger, and the footage with it.
    shutil.rmtree(house.media / "footage")
    for path in (house.state / "ledger").iterdir():
        path.unlink()
    _, footage, ledger = again(house)
    seen = stretches(footage.folders, ledger, footage.shelved, "front", NOON - NS, NOON + 2 * DAY_NS)
    assert seen.erased == [(NOON, NOON + 6 * NS), (NOON + 10 * NS, NOON + 13 * NS)]
    assert seen.gaps == [GapStretch(NOON + 6 * NS, NOON + 10 * NS, "no frames")]
    assert seen.recorded == [(NOON + DAY_NS, NOON + DAY_NS + 3 * NS)]


def test_a_day_that_the_clock_came_back_to_is_told_of_each_time(house: House, footage: Footage, ledger: Ledger) -> None:
    """Also while it is there once more."""

    def recorded_at(start_utc_ns: int) -> None:
        record(footage, "front", start_utc_ns)

    def gone() -> list[tuple[int, int]]:
        seen = stretches(footage.folders, ledger, footage.shelved, "front", NOON, NOON + DAY_NS)
        return seen.erased

    recorded_at(NOON)
    recorded_at(NOON + DAY_NS)
    ledger.erase(list(footage.oldest())[:1], "capacity", NOON, ANYTHING, threading.Lock())
    first = (NOON, NOON + 3 * NS)
    assert gone() == [first]
    recorded_at(NOON + 60 * NS)
    assert gone() == [first]
    recorded_at(NOON + 2 * DAY_NS)
    ledger.erase(list(footage.oldest())[:2], "capacity", NOON, ANYTHING, threading.Lock())
    both = [first, (NOON + 60 * NS, NOON + 63 * NS)]
    assert gone() == both
    assert [entry.recorded for entry in ledger.days_gone("front", last_day="2026-11-24")] == [[one] for one in both]
    shelf = Shelf(house.volumes[0], ledger, footage)
    put(shelf, HoldSpan("front", NOON - NS, None))
    told = (house.media / "shelf" / HOLD / "front" / layout.GONE_FILE).read_text().splitlines()
    assert len([line for line in told if '"day":"2026-11-24"' in line]) == 2


def test_a_day_that_a_crash_left_whole_after_its_summary_has_not_gone(footage: Footage, ledger: Ledger) -> None:
    record(footage, "front", NOON)
    record(footage, "front", NOON + DAY_NS)
    data = footage.folders.read_journal("front", "2026-11-24")
    digest = hashlib.sha256(data).hexdigest()
    ledger._append(NOON, summary(journal.decode_slim(data), "front", "2026-11-24", digest, NOON, ()))
    assert ledger.days_gone("front") == []
    seen = stretches(footage.folders, ledger, footage.shelved, "front", NOON, NOON + DAY_NS)
    assert (seen.recorded, seen.erased) == ([(NOON, NOON + 3 * NS)], [])


def test_a_line_of_an_older_version_tells_of_a_whole_day(house: House, footage: Footage, ledger: Ledger) -> None:
    path = house.state / "ledger" / "2026-12.jsonl"
    entry = DayGone(
        at_utc_ns=1, camera="front", day="2026-11-20", segments=4, bytes=1, recorded_ns=1, first_seq=1, last_seq=4,
        gaps={}, journal_sha256="",
    )  # fmt: skip
    import msgspec  # noqa: PLC0415

    old = msgspec.json.decode(msgspec.json.encode(entry))
    del old["recorded"], old["gap_spans"]
    path.write_bytes(msgspec.json.encode(old) + b"\n")
    start = layout.day_start_ns("2026-11-20")
    seen = stretches(footage.folders, ledger, footage.shelved, "front", start, start + DAY_NS)
    assert seen.unsure_days == [(start, start + DAY_NS)]
