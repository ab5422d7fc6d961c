"""A line of the ledger is believed when it keeps the rules of erasing: real volumes, real logs, and lines written by hand."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdshelf_storage import layout
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.anchors.facts import FactsReader, read_facts
from holdshelf_storage.anchors.log import proven_batches, read_batches
from holdshelf_storage.footage.anchor_files import BatchFiles, Unsettled
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.stretches import Stretches, stretches
from holdshelf_storage.footage.verify import Report, verify
from holdshelf_storage.ledger.rules import OUT_OF_ORDER, WHILE_HELD
from holdshelf_storage.shelf.mend import put_back
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import StoredSegment
from holdshelf_storage.volume.volume import Volume
from tests.storage.anchors.anchoring import anchor_into
from tests.storage.conftest import House
from tests.storage.footage import footage_files
from tests.storage.footage.footage_files import NS, segment_bytes, write

DAY_NS = 86_400 * NS
NOON = layout.day_start_ns("2024-05-06") + 12 * 3600 * NS
LATER = NOON + 5 * DAY_NS
"""When holds are placed, at first: long ago, since what is dated to come proves nothing."""


def record(footage: Footage, camera: str, start_utc_ns: int) -> None:
    """Three seconds, which no other follows."""
    footage_files.record(footage, camera, start_utc_ns, run=f"{camera} {start_utc_ns}")


class Archive:
    """A volume with its log open, and somebody with root's rights."""

    def __init__(self, house: House, volume: Volume, footage: Footage) -> None:
        self.house, self.volume, self.footage = house, volume, footage
        self.log = AccessLog.open(house.state)
        self.now = LATER
        self.in_doubt = False
        footage.missing.follow(FactsReader(self.log, lambda _camera, _start, _end: self.in_doubt))

    def hold(self, *spans: tuple[str, int, int | None], state: str = "active", hold: str = "H-1", **more: Any) -> None:
        """An entry with a version of a hold, in which the service believes at once."""
        rows = [{"camera": camera, "start_utc_ns": start, "end_utc_ns": end} for camera, start, end in spans]
        change = {"table": "holds", "key": hold, "row": {"id": hold, "spans": rows, "state": state, **more}}
        public = {"at": time_text(self.now), "action": "hold.place", "outcome": "done", "person": "p1"}
        self.log.append(public, {"changes": json.dumps([change])})

    def anchor(self, times: int = 2) -> None:
        """So often that what follows is known to follow: something new each time."""
        for _ in range(times):
            record(self.footage, "yard", self.now)
            anchor_into(self.log, self.volume, self.footage, self.now)
            self.now += 3600 * NS

    def erase(self, *refs: SegmentRef, at_utc_ns: int = 0, kept: frozenset[int] = frozenset()) -> None:
        """As the rolling buffer does."""
        at = at_utc_ns or self.now
        self.footage.ledger.erase(refs, "budget", at, lambda ref: ref.seq not in kept, threading.Lock())

    def forge(self, *paths: Path, at_utc_ns: int = 0, day_too: bool = False) -> None:
        """`rm`, and what the ledger says of an erasing."""
        ledger = self.house.state / "ledger"
        ledger.mkdir(exist_ok=True)
        at = at_utc_ns or self.now
        lines: list[dict[str, Any]] = []
        for path in paths:
            part = {"camera": path.parts[-3], "day": path.parts[-2], "seqs": [int(path.name.partition("_")[0])]}
            part |= {"start_utc_ns": NOON, "end_utc_ns": NOON + NS, "allocated_bytes": 4096}
            lines.append({"kind": "intent", "id": path.name, "at_utc_ns": at, "reason": "budget", "days": [part]})
            lines.append({"kind": "done", "id": path.name, "freed_bytes": 4096, "kept": []})
            path.unlink()
        if day_too:
            numbers = [int(path.name.partition("_")[0]) for path in paths]
            day = {"kind": "day", "at_utc_ns": at, "camera": paths[0].parts[-3], "day": paths[0].parts[-2]}
            day |= {"segments": len(paths), "bytes": 1, "recorded_ns": 3 * NS * len(paths), "gaps": {}}
            day |= {"first_seq": min(numbers), "last_seq": max(numbers), "journal_sha256": "0" * 64}
            day |= {"recorded": [[at_noon(paths[0]), at_noon(paths[0]) + 12 * NS]]}
            lines.append(day)
            shutil.rmtree(paths[0].parent)
        with (ledger / f"{layout.day_of(at)[:7]}.jsonl").open("a") as file:
            file.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))

    def files(self, camera: str, day: int = 0) -> list[Path]:
        folder = self.house.media / layout.day_path(camera, layout.day_of(NOON + day * DAY_NS))
        return sorted(folder.glob("*.mp4"))

    def book(self) -> AnchorBook:
        """What the log proves."""
        return AnchorBook(self.footage.folders, self.volume.identity.volume, proven_batches(self.log))

    def verify(self) -> Report:
        return verify(self.footage, book=self.book())

    def told(self, camera: str, day: int = 0) -> Stretches:
        start = NOON + day * DAY_NS
        lost = self.footage.missing.lost(camera)
        parts = (self.footage.folders, self.footage.ledger, self.footage.shelved, camera)
        return stretches(*parts, start, start + 12 * NS, lost)

    def missed(self) -> dict[str, str]:
        """By name: the rule that a missing file breaks. The same by `verify` and by the look of each minute."""
        report = self.verify()
        found = {one.name: one.against for one in report.missing}
        told = " ".join(report.problems)
        assert all(f"{name} is missing" in told for name in found)
        looked = self.footage.missing.look(self.book(), threading.Event())
        assert {one.name: one.against for one in looked} == found
        return found


@pytest.fixture
def archive(house: House, volume: Volume, footage: Footage) -> Any:
    """Two cameras, three days of four files each."""
    for day in range(3):
        for number in range(4):
            for camera in ("front", "back"):
                record(footage, camera, NOON + day * DAY_NS + number * 3 * NS)
    made = Archive(house, volume, footage)
    yield made
    made.log.close()


def at_noon(path: Path) -> int:
    """Noon of the day in whose folder it lies."""
    return layout.day_start_ns(path.parts[-2]) + 12 * 3600 * NS


def span(number: int, day: int = 0) -> tuple[int, int]:
    """Of a file of the archive."""
    start = NOON + day * DAY_NS + number * 3 * NS
    return start, start + 3 * NS


# --- what root does ----------------------------------------------------------------------------------------------------


def test_what_was_on_hold_was_not_erased_on_schedule(archive: Archive) -> None:
    """The oldest of all, so that only the hold speaks for it; the time in the forged line is that of its writing."""
    archive.hold(("front", *span(0)))
    victim = archive.files("front")[0]
    archive.forge(victim, at_utc_ns=archive.now + 60 * NS)
    assert archive.missed() == {victim.name: WHILE_HELD}
    assert f"{victim.name} is missing: it was recorded from 2024-05-06 12:00:00 UTC" in " ".join(
        archive.verify().problems
    )
    assert archive.told("front").missing == [span(0)]
    found = [one for one in archive.footage.query("front", *span(0)) if isinstance(one, StoredSegment)]
    assert [(one.missing, one.erased) for one in found] == [(True, False)]


def test_a_line_dated_back_to_before_the_hold_is_known_by_where_it_stands(archive: Archive) -> None:
    archive.hold(("front", *span(0)))
    archive.anchor()
    victim = archive.files("front")[0]
    archive.forge(victim, at_utc_ns=LATER - DAY_NS)
    assert archive.missed() == {victim.name: WHILE_HELD}
    archive.anchor()
    archive.hold(("front", *span(0)), state="lifted")
    archive.anchor()
    assert archive.missed() == {victim.name: WHILE_HELD}, "the hold had not ended when it went"


def test_a_line_dated_back_is_told_as_soon_as_two_anchors_have_passed(archive: Archive) -> None:
    """Where it stands among the anchors is the log's word; until then nothing but its own date speaks."""
    archive.anchor()
    archive.hold(("front", *span(0)))
    archive.anchor(1)
    victim = archive.files("front")[0]
    archive.forge(victim, at_utc_ns=LATER - DAY_NS)
    assert archive.missed() == {}
    archive.anchor(3)
    assert archive.missed() == {}, "it may have been written in the hour in which the hold was placed"


def test_the_grace_of_a_hold_keeps_what_it_kept(archive: Archive) -> None:
    archive.hold(("front", span(0)[0], None))
    archive.hold(("front", span(0)[0], LATER), state="grace")
    archive.anchor()
    victims = archive.files("front")[:2]
    archive.forge(*victims)
    assert archive.missed() == {victim.name: WHILE_HELD for victim in victims}


def test_what_is_younger_than_what_stands_was_not_erased_on_schedule(archive: Archive) -> None:
    victims = [archive.files("front", 2)[0], archive.files("back", 1)[3]]
    archive.forge(*victims)
    assert archive.missed() == {victim.name: OUT_OF_ORDER for victim in victims}
    told = " ".join(archive.verify().problems)
    assert f"{victims[0].name} is missing: it was recorded from 2024-05-08 12:00:00 UTC" in told
    assert "was erased out of order" in told
    assert archive.told("front", 2).missing == [span(0, 2)]
    assert archive.told("front", 2).erased == []


def test_within_a_day_the_journal_tells_which_was_first(archive: Archive) -> None:
    for day in (1, 2):
        for camera in ("front", "back"):
            shutil.rmtree(archive.files(camera, day)[0].parent)
    victim = archive.files("front")[2]
    archive.forge(victim)
    report = archive.verify()
    assert {one.name: one.against for one in report.missing} == {victim.name: OUT_OF_ORDER}


def test_what_was_looked_at_before_the_holds_were_known_is_looked_at_again(archive: Archive) -> None:
    """Until then everything is protected, and nothing speaks for an order."""
    archive.in_doubt = True
    victims = [archive.files("front", 2)[0], archive.files("back")[2]]
    archive.forge(*victims)
    assert archive.missed() == {}
    archive.in_doubt = False
    assert archive.missed() == {victim.name: OUT_OF_ORDER for victim in victims}


@pytest.mark.parametrize("held", [True, False])
def test_a_day_that_the_ledger_is_made_to_end_is_missing(archive: Archive, held: bool) -> None:
    """The folder goes, too: only the anchored lines know what it had."""
    if held:
        archive.hold(("back", *span(2, 1)))
    archive.anchor()
    victims = archive.files("back", 1)
    archive.forge(*victims, day_too=True)
    archive.anchor()
    rules = dict.fromkeys((one.name for one in victims), OUT_OF_ORDER)
    if held:
        rules[victims[2].name] = WHILE_HELD
    assert archive.missed() == rules
    assert archive.told("back", 1).missing == [(span(0, 1)[0], span(3, 1)[1])]
    assert archive.told("back", 1).erased == []
    assert BatchFiles().let_go(archive.footage, archive.now) == 0, "its lists are still needed"
    archive.log.close()
    again = Footage(archive.volume, archive.footage.ledger)
    facts = read_facts(archive.house.state)
    again.missing.follow(lambda: facts)
    again.missing.look(None, threading.Event())
    batches, _ = read_batches(archive.house.state, keep=Unsettled(again).trimmed)
    found = verify(again, book=AnchorBook(again.folders, archive.volume.identity.volume, batches)).missing
    assert {one.name: one.against for one in found} == rules


def test_a_hold_speaks_for_a_day_that_has_gone_when_nothing_older_is_left(archive: Archive) -> None:
    archive.hold(("front", *span(1)))
    archive.anchor()
    victims = archive.files("front")
    refs = [ref for ref in archive.footage.oldest() if ref.day == "2024-05-06" and ref.camera == "back"]
    archive.forge(*victims, day_too=True)
    archive.erase(*refs)
    assert archive.missed() == {victims[1].name: WHILE_HELD}


def test_what_was_erased_against_the_rules_is_missing_in_the_days_summary(archive: Archive) -> None:
    """So the ledger's own last word on the day does not make it good."""
    archive.hold(("front", *span(1)))
    victim = archive.files("front")[1]
    archive.now += 60 * NS
    archive.forge(victim)
    archive.erase(*[ref for ref in archive.footage.oldest() if ref.day == "2024-05-06"])
    assert not archive.house.media.joinpath("footage/front/2024-05-06").exists()
    (gone,) = archive.footage.ledger.days_gone("front", "2024-05-06", "2024-05-06")
    assert [start for _, start, _ in gone.missing] == [span(1)[0]]
    assert archive.told("front").missing == [span(1)]


def test_a_journal_that_lost_the_line_as_well_does_not_help(archive: Archive) -> None:
    archive.hold(("front", *span(1, 1)))
    archive.anchor()
    victim = archive.files("front", 1)[1]
    journal = victim.with_name(layout.JOURNAL)
    archive.forge(victim)
    kept = [line for line in journal.read_text().splitlines(keepends=True) if victim.name not in line]
    journal.write_text("".join(kept))
    assert archive.missed() == {victim.name: WHILE_HELD}


# --- what an honest house does -----------------------------------------------------------------------------------------


def honest(archive: Archive) -> None:
    assert archive.missed() == {}
    report = archive.verify()
    assert [one for one in report.problems if "missing" in one] == []


def test_the_oldest_goes_over_all_cameras(archive: Archive) -> None:
    archive.anchor()
    for _ in range(6):
        archive.erase(*list(archive.footage.oldest())[:3])
        archive.anchor(1)
        honest(archive)
    assert archive.footage.ledger.days_gone("front")


def test_a_hold_on_what_had_been_erased_before_changes_nothing(archive: Archive) -> None:
    archive.erase(*list(archive.footage.oldest())[:3])
    archive.hold(("front", NOON, None), ("back", NOON, None))
    honest(archive)
    archive.anchor()
    honest(archive)


def test_a_hold_that_ended_before_lets_what_it_kept_go(archive: Archive) -> None:
    """Its footage stands long after what was younger has gone, and goes at last."""
    archive.hold(("front", *span(0)), ("front", *span(1)))
    refs = list(archive.footage.oldest())
    archive.erase(*[ref for ref in refs[:12] if (ref.camera, ref.day) != ("front", "2024-05-06") or ref.seq > 4])
    archive.anchor()
    honest(archive)
    archive.hold(("front", *span(0)), state="lifted")
    honest(archive)
    archive.erase(*list(archive.footage.oldest())[:1])
    honest(archive)
    archive.anchor()
    honest(archive)


def test_an_extension_of_a_hold_and_its_shortened_end_count_for_themselves(archive: Archive) -> None:
    archive.hold(("front", *span(1)))
    archive.erase(next(iter(archive.footage.oldest())))
    archive.hold(("front", *span(1)), ("front", NOON, None))
    archive.hold(("front", *span(1)), ("front", NOON, NOON + 12 * NS), state="grace")
    archive.anchor()
    refs = [ref for ref in archive.footage.oldest() if ref.camera == "back" or ref.day == "2024-05-07"]
    archive.erase(*refs[:8])
    archive.anchor()
    honest(archive)


def test_a_clock_that_had_been_ahead_dates_nothing_into_a_hold(archive: Archive) -> None:
    """What was erased by a clock a day ahead was erased before the hold, whatever its date."""
    refs = list(archive.footage.oldest())
    archive.erase(refs[0], at_utc_ns=LATER + DAY_NS)
    archive.hold(("front", NOON, NOON + NS))
    archive.erase(refs[1], at_utc_ns=LATER + 60 * NS)
    honest(archive)
    archive.anchor()
    honest(archive)


def test_days_that_a_clock_wrote_out_of_order_are_in_order_by_their_numbers(archive: Archive) -> None:
    for day in (-30, -29, 9, 1, 4):
        for number in range(4, 8):
            record(archive.footage, "front", NOON + day * DAY_NS + number * 3 * NS)
            record(archive.footage, "yard", NOON + (day + 1) * DAY_NS + number * 3 * NS)
    archive.anchor()
    while refs := list(archive.footage.oldest())[:5]:
        archive.erase(*refs)
        if refs[0].seq % 3 == 0:
            honest(archive)
    honest(archive)


def test_a_walk_that_began_before_a_camera_was_added_is_no_wrong_order(archive: Archive) -> None:
    """A walk that is kept knows the days that there were when it began: a new camera's first day comes with the next walk."""
    record(archive.footage, "front", NOON + 3 * DAY_NS)
    walk = archive.footage.oldest()
    first = next(walk)
    for number in range(8):
        record(archive.footage, "hall", NOON + 3 * DAY_NS + number * 3 * NS)
        record(archive.footage, "front", NOON + 3 * DAY_NS + (number + 1) * 3 * NS)
    archive.erase(first, *walk)
    assert len(archive.files("hall", 3)) == 8
    archive.anchor()
    honest(archive)


def test_what_came_late_is_no_witness(archive: Archive) -> None:
    """Cut after a crash, or put back from the shelf, it bears a number from before."""
    opened = archive.footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq, NOON + 3 * DAY_NS))
    for number in range(1, 6):
        record(archive.footage, "front", NOON + 3 * DAY_NS + number * 3 * NS)
    for day in (4, 5):
        for number in range(4):
            record(archive.footage, "back", NOON + day * DAY_NS + number * 3 * NS)
    first = archive.files("front")[0]
    shelf = archive.house.media / "shelf/H-1/front/2024-05-06"
    shelf.mkdir(parents=True)
    (shelf / first.name).hardlink_to(first)
    (shelf / layout.JOURNAL).write_bytes(first.with_name(layout.JOURNAL).read_bytes())
    archive.hold(("front", *span(0)))
    refs = list(archive.footage.oldest())[1:]
    first.unlink()
    archive.erase(*refs[:-1])
    archive.hold(("front", *span(0)), state="lifted")
    put_back(archive.footage.folders, archive.footage.index, archive.footage.shelved, "H-1", "front", "2024-05-06")
    assert archive.footage.cut_segment(opened) is not None
    assert archive.files("front", 3)
    archive.anchor()
    honest(archive)


def test_what_an_intent_named_and_kept_says_nothing(archive: Archive) -> None:
    """A hold that was asked for and refused is in no log: what it kept meanwhile comes with the next walk."""
    refs = list(archive.footage.oldest())
    archive.erase(*refs[:12], kept=frozenset({1, 2, 3, 4}))
    honest(archive)
    archive.erase(*refs[:2])
    archive.anchor()
    honest(archive)


def test_a_crash_between_intent_and_unlink_is_no_wrong_order(archive: Archive) -> None:
    refs = list(archive.footage.oldest())[:10]

    def stops(ref: SegmentRef) -> bool:
        if ref.seq == refs[-1].seq:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        archive.footage.ledger.erase(refs, "budget", archive.now, stops, threading.Lock())
    honest(archive)
    archive.footage.ledger.replay(lambda _ref: True, threading.Lock())
    honest(archive)


def test_a_hold_with_a_copy_elsewhere_may_have_let_go(archive: Archive) -> None:
    archive.hold(("front", *span(0)), ("back", *span(0)))
    archive.hold(("front", *span(0)), ("back", *span(0)), copies=["0" * 64])
    archive.anchor()
    archive.erase(*list(archive.footage.oldest())[:2])
    honest(archive)


def test_without_a_sound_log_the_ledger_is_taken_at_its_word(archive: Archive) -> None:
    archive.hold(("front", *span(0)))
    archive.now += 60 * NS
    archive.forge(archive.files("front")[0], archive.files("front", 2)[0])
    assert len(archive.missed()) == 2
    archive.log.distrust("It was changed.")
    assert verify(archive.footage).missing == []


def test_what_a_running_service_erases_while_its_files_are_read_is_not_judged(archive: Archive) -> None:
    """Its log may say since then that the hold has ended."""
    archive.hold(("front", *span(0)))
    archive.erase(*list(archive.footage.oldest())[1:3])
    archive.anchor(3)
    archive.log.close()
    facts = read_facts(archive.house.state)
    again = Footage(archive.volume, archive.footage.ledger)
    again.missing.follow(lambda: facts)
    archive.erase(next(iter(archive.footage.oldest())))
    assert verify(again).missing == []
    facts = read_facts(archive.house.state)
    assert [one.against for one in verify(again).missing] == [WHILE_HELD]


def test_the_look_of_each_minute_reads_no_day_again_that_nothing_touched(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of which something was erased, with holds over them, included."""
    archive.hold(("front", *span(2)), ("back", *span(2, 1)))
    archive.erase(*[ref for ref in list(archive.footage.oldest())[:12] if ref.seq != 5])
    archive.anchor(4)
    honest(archive)
    reads: list[str] = []
    slim: Callable[..., Any] = archive.footage.folders.slim

    def counted(camera: str, day: str) -> Any:
        reads.append(f"{camera} {day}")
        return slim(camera, day)

    monkeypatch.setattr(archive.footage.folders, "slim", counted)
    assert archive.footage.missing.look(None, threading.Event()) == []
    assert reads == []
    archive.erase(next(ref for ref in archive.footage.oldest() if ref.seq not in {5, 14}))
    reads.clear()
    assert archive.footage.missing.look(None, threading.Event()) == []
    assert set(reads) == {"front 2024-05-07"}
