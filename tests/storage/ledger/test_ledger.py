"""What is erased is written down first, asked about once more, and told afterwards."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import Abandon, DayGone, Done, Intent
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import Gap, GapEnd
from tests.storage.conftest import House
from tests.storage.footage.footage_files import BOOT, NOON, NS, record, segment_bytes, write

DAY_NS = 86_400 * NS
AT = 1_800_000_000 * NS
MONTH = "2027-01"


def test_the_ledger_says_what_when_and_why(house: House, footage: Footage, ledger: Ledger) -> None:
    one, other = record(footage, "front"), record(footage, "front", NOON + 3 * NS)
    freed = ledger.erase(list(footage.oldest())[:1], "budget of 10 GB", AT, lambda ref: True, threading.Lock())
    assert freed == one.allocated_bytes
    assert os.listdir(house.state / "ledger") == [f"{MONTH}.jsonl"]
    intent, done = ledger.entries()
    assert isinstance(intent, Intent)
    assert (intent.reason, intent.at_utc_ns) == ("budget of 10 GB", AT)
    (day,) = intent.days
    assert (day.camera, day.day, day.seqs) == ("front", "2026-11-24", [1])
    assert (day.start_utc_ns, day.end_utc_ns, day.allocated_bytes) == (NOON, NOON + 3 * NS, one.allocated_bytes)
    assert isinstance(done, Done)
    assert (done.id, done.freed_bytes, done.kept) == (intent.id, freed, [])
    assert [ref.seq for ref in footage.oldest()] == [other.seq]


def test_each_segment_is_asked_about_under_the_lock_and_may_stay(footage: Footage, ledger: Ledger) -> None:
    for number in range(4):
        record(footage, "front", NOON + number * 3 * NS)
    lock = threading.Lock()
    asked: list[int] = []

    def may_erase(ref: SegmentRef) -> bool:
        assert lock.locked()
        asked.append(ref.seq)
        return ref.seq != 2

    ledger.erase(list(footage.oldest())[:3], "capacity", AT, may_erase, lock)
    assert asked == [1, 2, 3]
    assert not lock.locked()
    assert [ref.seq for ref in footage.oldest()] == [2, 4]
    assert [entry.kept for entry in ledger.entries() if isinstance(entry, Done)] == [[2]]


def test_a_hold_placed_while_the_sweeper_runs_protects_all_that_is_left(footage: Footage, ledger: Ledger) -> None:
    for number in range(30):
        record(footage, "front", NOON + number * NS, seconds=1)
    lock = threading.Lock()
    held = threading.Event()
    reached = threading.Event()

    def may_erase(ref: SegmentRef) -> bool:
        if ref.seq == 10:
            reached.set()
        return not held.is_set() and ref.seq < 25  # however long the hold waits for its turn, something is left

    sweeper = threading.Thread(target=ledger.erase, args=(list(footage.oldest()), "capacity", AT, may_erase, lock))
    sweeper.start()
    reached.wait()
    with lock:  # placing a hold
        held.set()
        left = {ref.seq for ref in footage.oldest()}
    sweeper.join()
    assert {ref.seq for ref in footage.oldest()} == left
    assert left


def test_a_segment_with_a_second_name_frees_nothing(house: House, footage: Footage, ledger: Ledger) -> None:
    segment = record(footage, "front")
    path = house.media / footage.path_of("front", segment)
    os.link(path, house.media / "shelf" / segment.name)
    assert ledger.erase(list(footage.oldest()), "capacity", AT, lambda ref: True, threading.Lock()) == 0
    assert not path.exists()
    assert (house.media / "shelf" / segment.name).exists()


def test_a_day_that_has_gone_leaves_one_line(house: House, footage: Footage, ledger: Ledger) -> None:
    record(footage, "front")
    record(footage, "front", NOON + 3 * NS)
    for reason, elapsed in (("camera unreachable", 5), ("auth refused", 2), ("camera unreachable", 1)):
        gap = footage.start_gap("front", Gap(start_utc_ns=NOON + 6 * NS, start_boot_ns=0, boot=BOOT, reason=reason))
        footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 7 * NS, elapsed_ns=elapsed * NS))
    record(footage, "front", NOON + DAY_NS)
    folder = house.media / "footage/front/2026-11-24"
    digest = hashlib.sha256((folder / "journal.jsonl").read_bytes()).hexdigest()
    footage.build_index(threading.Event())
    ledger.erase(list(footage.oldest())[:2], "capacity", AT, lambda ref: True, threading.Lock())
    assert footage.days("front") == ["2026-11-25"]
    (gone,) = [entry for entry in ledger.entries() if isinstance(entry, DayGone)]
    assert (gone.camera, gone.day, gone.segments, gone.recorded_ns, gone.at_utc_ns) == (
        "front",
        "2026-11-24",
        2,
        6 * NS,
        AT,
    )
    assert gone.gaps == {"camera unreachable": 6 * NS, "auth refused": 2 * NS}
    assert (gone.first_seq, gone.last_seq, gone.journal_sha256) == (1, 2, digest)
    assert footage.usage().cameras["front"].segments == 1


def test_the_newest_and_the_latest_day_and_an_open_gap_stay(footage: Footage, ledger: Ledger) -> None:
    record(footage, "front", NOON + 5 * DAY_NS)  # the clock was ahead
    record(footage, "front", NOON - DAY_NS)
    footage.start_gap("front", Gap(start_utc_ns=NOON - DAY_NS, start_boot_ns=0, boot=BOOT, reason="x"))
    record(footage, "front", NOON)  # the latest day, not the newest by name
    ledger.erase(list(footage.oldest()), "capacity", AT, lambda ref: True, threading.Lock())
    assert list(footage.oldest()) == []
    assert footage.days("front") == ["2026-11-23", "2026-11-24", "2026-11-29"]
    assert not [entry for entry in ledger.entries() if isinstance(entry, DayGone)]


def test_a_day_of_gaps_alone_goes_with_the_footage_before_it(footage: Footage, ledger: Ledger) -> None:
    record(footage, "front", NOON)
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON + DAY_NS, start_boot_ns=0, boot=BOOT, reason="x"))
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + DAY_NS + NS, elapsed_ns=NS))
    record(footage, "front", NOON + 2 * DAY_NS)
    record(footage, "front", NOON + 3 * DAY_NS)
    refs = list(footage.oldest())
    ledger.erase(refs[:1], "capacity", AT, lambda ref: True, threading.Lock())
    assert footage.days("front") == ["2026-11-26", "2026-11-27"]
    told = [entry.day for entry in ledger.entries() if isinstance(entry, DayGone)]
    assert told == ["2026-11-24", "2026-11-25"]


def test_a_strangers_file_in_a_day_keeps_the_day(house: House, footage: Footage, ledger: Ledger) -> None:
    record(footage, "front", NOON)
    record(footage, "front", NOON + DAY_NS)
    stranger = house.media / "footage/front/2026-11-24/evidence.zip"
    stranger.write_text("somebody's")
    ledger.erase(list(footage.oldest())[:1], "capacity", AT, lambda ref: True, threading.Lock())
    assert stranger.read_text() == "somebody's"


def test_a_name_that_is_no_segment_is_never_unlinked(house: House, footage: Footage, ledger: Ledger) -> None:
    record(footage, "front")
    for name in ("journal.jsonl", "../../../volume.json", "../open/0000000001.mp4"):
        ref = SegmentRef("front", "2026-11-24", 1, name, 0, NOON, NOON)
        with pytest.raises(StorageError):
            ledger.erase([ref], "capacity", AT, lambda ref: True, threading.Lock())
    with pytest.raises(StorageError):
        ref = SegmentRef("../state", "2026-11-24", 1, "0000000001_120000.000Z.mp4", 0, NOON, NOON)
        ledger.erase([ref], "capacity", AT, lambda ref: True, threading.Lock())
    assert (house.media / "volume.json").exists()
    assert (house.media / "footage/front/2026-11-24/journal.jsonl").exists()
    assert list(ledger.entries()) == []


def test_a_ledger_line_that_names_something_else_erases_nothing(house: House, footage: Footage) -> None:
    record(footage, "front")
    house.detach()
    for number, camera in enumerate(("../state", "front")):
        for day in ("..", "2026-11-24/..", "open"):
            line = (
                f'{{"kind":"intent","id":"x{number}{day}","at_utc_ns":1,"reason":"","days":[{{"camera":"{camera}",'
                f'"day":"{day}","seqs":[1],"start_utc_ns":0,"end_utc_ns":0,"allocated_bytes":0}}]}}\n'
            )
            with (house.state / "ledger" / "2027-01.jsonl").open("a") as file:
                file.write(line)
    with (house.state / "ledger" / "2027-01.jsonl").open("a") as file:
        file.write('{"kind":"abandon","id":"y","at_utc_ns":1,"reason":"","camera":"../x","seq":1,"bytes":0}\n')
    _, ledger, footage = house.attach()
    footage.recover()
    assert ledger.replay(lambda ref: True, threading.Lock()) == 0
    assert len(list(footage.oldest())) == 1


def test_a_thousand_segments_cost_one_intent(footage: Footage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    record(footage, "front")
    ref = next(footage.oldest())
    refs = [
        ref,
        *(SegmentRef("front", "2026-11-24", seq, f"{seq:010d}_000000.000Z.mp4", 0, 0, 0) for seq in range(2, 1501)),
    ]
    syncs = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (syncs.append(os.readlink(f"/proc/self/fd/{fd}")), real(fd))[1])
    ledger.erase(refs, "capacity", AT, lambda ref: True, threading.Lock())
    assert len([path for path in syncs if "ledger" in path]) == 4  # two intents, two ends
    assert len([entry for entry in ledger.entries() if isinstance(entry, Intent)]) == 2


def test_what_is_gone_already_is_no_trouble(house: House, footage: Footage, ledger: Ledger) -> None:
    record(footage, "front")
    refs = list(footage.oldest())
    ledger.erase(refs, "capacity", AT, lambda ref: True, threading.Lock())
    assert ledger.erase(refs, "capacity", AT, lambda ref: True, threading.Lock()) == 0


def test_what_was_given_up_is_in_the_ledger_and_a_spare_is_not(footage: Footage, ledger: Ledger) -> None:
    footage.return_spare(footage.open_segment("front"))
    opened = footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq))
    footage.abandon_segment(opened, "fsync failed", AT)
    entry, done = ledger.entries()
    assert isinstance(entry, Abandon)
    assert (entry.camera, entry.seq, entry.reason, entry.at_utc_ns) == ("front", 2, "fsync failed", AT)
    assert isinstance(done, Done)


def test_a_torn_ledger_line_is_cut_and_the_rest_is_read(house: House, footage: Footage, ledger: Ledger) -> None:
    record(footage, "front")
    ledger.erase(list(footage.oldest()), "capacity", AT, lambda ref: True, threading.Lock())
    path: Path = house.state / "ledger" / f"{MONTH}.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind":"intent","id":"12')
    house.detach()
    _, ledger, footage = house.attach()
    ledger.replay(lambda ref: True, threading.Lock())
    record(footage, "front")
    ledger.erase(list(footage.oldest()), "capacity", AT, lambda ref: True, threading.Lock())
    assert [type(entry).__name__ for entry in ledger.entries()] == ["Intent", "Done", "Intent", "Done"]
