"""Every step of every operation may be the last before a kill or a power cut: nothing durable is lost, nothing is
there twice, and a second recovery finds nothing left to do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import Gap, GapEnd, Segment
from tests.storage.conftest import House
from tests.storage.crash import Steps, tree
from tests.storage.footage.footage_files import (
    BOOT,
    NOON,
    NS,
    decodes,
    facts_of,
    fragment_ends,
    record,
    segment_bytes,
    write,
)

ANYTHING = lambda ref: True  # noqa: E731


def journalled(footage: Footage, camera: str) -> list[Segment]:
    lines: list[Segment] = []
    for day in footage.days(camera):
        found, bad = journal.decode(footage.folders.read_journal(camera, day))
        assert not bad
        lines += [line for line in found if isinstance(line, Segment)]
    return lines


def recover_twice(house: House, root: Path) -> tuple[Footage, Ledger]:
    """Recovers the copy at `root` two times; the second must change nothing."""
    _, ledger, footage = house.attach(root)
    assert footage.recover().problems == []
    footage.hash_pending()
    ledger.replay(ANYTHING, threading.Lock())
    first = tree(root)
    house.detach()
    _, ledger, footage = house.attach(root)
    assert footage.recover().problems == []
    footage.hash_pending()
    ledger.replay(ANYTHING, threading.Lock())
    assert tree(root) == first
    return footage, ledger


def check_sound(footage: Footage, root: Path, where: str) -> dict[int, Segment]:
    """No orphan, no doublet, nothing open, journals and checksum lists agreeing; the segments by sequence."""
    assert verify(footage, deep=True).problems == [], where
    found: dict[int, Segment] = {}
    for camera in footage.cameras():
        assert list((root / "media" / "footage" / camera).glob("open/*")) == [], where
        for line in journalled(footage, camera):
            assert line.seq not in found, where
            found[line.seq] = line
            path = root / "media" / footage.path_of(camera, line)
            if path.exists():
                assert path.stat().st_mode & 0o777 == 0o400, where
                assert decodes(path) == line.frames, where
    return found


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_closing_loses_nothing_at_any_step(house: House, tmp_path: Path, fault: str) -> None:
    _, _, footage = house.attach()
    record(footage, "front")
    opened = footage.open_segment("front")
    data = segment_bytes("front", opened.seq, NOON + 3 * NS)
    write(opened, data)
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        footage.close_segment(opened, facts_of(data, NOON + 3 * NS))
    house.detach()
    assert [moment.step.split()[0] for moment in steps.moments if "sequence" not in moment.step] == [
        "fchmod", "fsync", "write", "fdatasync", "write", "rename", "fsync", "fsync",
    ]  # fmt: skip
    for moment in steps.moments:
        copy = getattr(moment, fault)
        footage, _ = recover_twice(house, copy)
        found = check_sound(footage, copy, moment.step)
        assert sorted(found) == [1, 2], moment.step
        assert found[2].frames == 30, moment.step
        house.detach()


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_the_first_segment_of_a_camera_and_of_a_day_loses_nothing_at_any_step(
    house: House, tmp_path: Path, fault: str
) -> None:
    _, _, footage = house.attach()
    steps = Steps(house.root, tmp_path)
    synced_at = []
    with steps.watching():
        for start in (NOON, NOON + 86_400 * NS):
            opened = footage.open_segment("front")
            data = segment_bytes("front", opened.seq, start)
            write(opened, data)
            synced_at.append(len(steps.moments))
            footage.close_segment(opened, facts_of(data, start))
    house.detach()
    for moment in steps.moments:
        copy = getattr(moment, fault)
        footage, _ = recover_twice(house, copy)
        found = check_sound(footage, copy, moment.step)
        durable = sum(moment.number >= number - 1 for number in synced_at)
        assert len(found) >= durable, f"{moment.number} {moment.step}"
        house.detach()
    assert len(found) == 2


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_recovery_itself_may_be_interrupted_at_any_step(house: House, tmp_path: Path, fault: str) -> None:
    _, _, footage = house.attach()
    record(footage, "front")
    torn = footage.open_segment("front")
    data = segment_bytes("front", torn.seq, NOON + 3 * NS)
    cut_at = fragment_ends(data)[1] + 40
    write(torn, data[:cut_at])
    footage.open_segment("front")  # a spare
    headed = footage.open_segment("back")  # a header and no fragment
    write(headed, data[:200])
    footage.start_gap("back", Gap(start_utc_ns=NOON, start_boot_ns=1, boot=BOOT, reason="camera unreachable"))
    journal_path = house.media / "footage" / "front" / "2026-11-24" / "journal.jsonl"
    journal_path.write_bytes(journal_path.read_bytes() + b'{"kind":"segment","seq":2,"na')
    house.detach()

    _, _, footage = house.attach()
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        recovery = footage.recover(max_workers=1)  # in threads, the steps of two cameras would mix
        footage.hash_pending()
    house.detach()
    assert [segment.seq for segment in recovery.cameras["front"].recovered] == [2]
    assert len(steps.moments) > 15
    for moment in steps.moments:
        copy = getattr(moment, fault)
        footage, _ = recover_twice(house, copy)
        found = check_sound(footage, copy, moment.step)
        assert sorted(found) == [1, 2], moment.step
        assert found[2].bytes == fragment_ends(data)[1], moment.step
        assert found[2].recovered, moment.step
        house.detach()


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_erasing_is_finished_after_a_crash_at_any_step_and_told_once(house: House, tmp_path: Path, fault: str) -> None:
    _, ledger, footage = house.attach()
    for number in range(2):
        record(footage, "front", NOON + number * 3 * NS)
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON + 6 * NS, start_boot_ns=0, boot=BOOT, reason="auth refused"))
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 10 * NS, elapsed_ns=4 * NS))
    kept = [record(footage, "front", NOON + 86_400 * NS), record(footage, "front", NOON + 86_403 * NS)]
    refs = list(footage.oldest())[:3]
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        ledger.erase(refs, "capacity", NOON, ANYTHING, threading.Lock())
    house.detach()
    begun = False
    for moment in steps.moments:
        copy = getattr(moment, fault)
        begun = begun or (moment.step.startswith("fdatasync state/ledger"))
        footage, ledger = recover_twice(house, copy)
        check_sound(footage, copy, moment.step)
        left = [ref.seq for ref in footage.oldest()]
        if begun:
            assert left == [kept[1].seq], moment.step
            assert footage.days("front") == ["2026-11-25"], moment.step
            told = [entry for entry in ledger.entries() if type(entry).__name__ == "DayGone"]
            assert [(day.day, day.segments, day.gaps) for day in told] == [("2026-11-24", 2, {"auth refused": 4 * NS})]
        else:
            assert left in ([ref.seq for ref in refs] + [kept[1].seq], [kept[1].seq]), moment.step
        house.detach()
    assert begun


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_what_was_given_up_stays_given_up(house: House, tmp_path: Path, fault: str) -> None:
    _, _, footage = house.attach()
    record(footage, "front")
    opened = footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq, NOON + 3 * NS))
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        footage.abandon_segment(opened, "fsync failed", NOON)
    house.detach()
    told = False
    for moment in steps.moments:
        copy = getattr(moment, fault)
        told = told or moment.step.startswith("fdatasync state/ledger")
        footage, _ = recover_twice(house, copy)
        found = check_sound(footage, copy, moment.step)
        assert 1 in found
        if told:
            assert 2 not in found, moment.step
        house.detach()
    assert told


def test_a_crash_between_intent_and_erasing_gives_a_hold_the_last_word(house: House, tmp_path: Path) -> None:
    _, ledger, footage = house.attach()
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    refs = list(footage.oldest())[:2]

    class Killed(BaseException):
        pass

    def killed(ref: SegmentRef) -> bool:
        raise Killed

    with pytest.raises(Killed):
        ledger.erase(refs, "capacity", NOON, killed, threading.Lock())
    house.detach()
    _, ledger, footage = house.attach()
    held = refs[1].seq
    ledger.replay(lambda ref: ref.seq != held, threading.Lock())
    assert [ref.seq for ref in footage.oldest()] == [2, 3]
    done = [entry for entry in ledger.entries() if type(entry).__name__ == "Done"]
    assert done[-1].kept == [2]
    assert ledger.replay(ANYTHING, threading.Lock()) == 0
    assert [ref.seq for ref in footage.oldest()] == [2, 3]


def test_the_model_of_a_power_cut_does_bite(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the file not synced before its journal line, the cut tree would show it."""
    _, _, footage = house.attach()
    opened = footage.open_segment("front")
    data = segment_bytes("front", opened.seq)
    write(opened, data, synced=False)
    steps = Steps(house.root, tmp_path)
    monkeypatch.setattr("holdshelf_storage.footage.footage.sync", lambda fd, what: None)
    with steps.watching():
        footage.close_segment(opened, facts_of(data))
    house.detach()
    _, _, footage = house.attach(steps.moments[-1].cut)
    footage.recover()
    assert verify(footage).problems != []


def test_layout_names_are_what_the_page_says() -> None:
    assert layout.segment_name(17, NOON + 1_234_567_890) == "0000000017_120001.234Z.mp4"
