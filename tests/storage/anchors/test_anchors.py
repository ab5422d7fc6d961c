"""What the access log anchors: footage and its papers changed together, by somebody who has every document but no key."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from holdshelf_storage.access_log import merkle
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.anchors.log import read_batches
from holdshelf_storage.footage.anchor_files import BatchFiles, Unsettled
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.stretches import stretches
from holdshelf_storage.footage.verify import Report, verify
from holdshelf_storage.shelf.mend import put_back
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import StoredSegment
from holdshelf_storage.volume.volume import Volume
from tests.storage.anchors.anchoring import anchor, book_of
from tests.storage.conftest import House
from tests.storage.footage.footage_files import NOON, NS, record

DAY_NS = 86_400 * NS


@pytest.fixture
def recorded(volume: Volume, footage: Footage) -> Footage:
    for number in range(4):
        record(footage, "front", NOON + number * 3 * NS)
        record(footage, "back", NOON + number * 3 * NS)
    record(footage, "front", NOON + DAY_NS)
    assert anchor(volume, footage) == 1
    return footage


def look(house: House, footage: Footage, *, deep: bool = False) -> Report:
    volume = house.volumes[0]
    return verify(footage, deep=deep, book=book_of(house.state, volume, footage))


def day(house: House, camera: str = "front") -> Path:
    return house.media / f"footage/{camera}/2026-11-24"


def forge(house: House, number: int = 1, camera: str = "front") -> Path:
    """Eight bytes of a segment and everything that says its checksum, as root could."""
    path = sorted(day(house, camera).glob("*.mp4"))[number]
    data = bytearray(path.read_bytes())
    before = hashlib.sha256(data).hexdigest()
    data[-8:] = b"\x55" * 8
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o400)
    after = hashlib.sha256(data).hexdigest()
    for name in ("journal.jsonl", "SHA256SUMS"):
        text = (day(house, camera) / name).read_text()
        assert before in text
        (day(house, camera) / name).write_text(text.replace(before, after))
    return path


def test_what_was_anchored_and_not_touched_is_proven(house: House, recorded: Footage) -> None:
    for deep in (False, True):
        report = look(house, recorded, deep=deep)
        assert (report.problems, report.proven, report.unanchored) == ([], 9, 0)


def test_what_was_recorded_since_is_not_called_proven(house: House, recorded: Footage) -> None:
    record(recorded, "front", NOON + DAY_NS + 3 * NS)
    report = look(house, recorded)
    assert (report.problems, report.proven, report.unanchored) == ([], 9, 1)
    assert anchor(house.volumes[0], recorded) == 1
    assert anchor(house.volumes[0], recorded) == 0, "nothing is anchored twice"
    assert look(house, recorded).proven == 10


def test_a_segment_changed_with_its_checksums_is_found_without_reading_it(house: House, recorded: Footage) -> None:
    path = forge(house)
    assert verify(recorded, deep=True).problems == [], "nothing inside the disk tells"
    for deep in (False, True):
        found = " ".join(look(house, recorded, deep=deep).problems)
        assert path.name in found
        assert "of the access log anchored" in found
    assert "was changed: its SHA-256" in " ".join(look(house, recorded, deep=True).problems)


def test_a_forgery_is_not_taken_into_the_next_anchor(house: House, recorded: Footage) -> None:
    forge(house)
    record(recorded, "front", NOON + 12 * NS)
    anchor(house.volumes[0], recorded)
    assert "anchored" in " ".join(look(house, recorded).problems)


def test_a_line_taken_out_or_put_in_is_found(house: House, recorded: Footage) -> None:
    path = day(house) / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2] + lines[3])
    assert "lost a line" in " ".join(look(house, recorded).problems)
    path.write_bytes(b"".join([*lines[:2], lines[0].replace(b'"seq":1,', b'"seq":9999,'), *lines[2:]]))
    assert "was not there when" in " ".join(look(house, recorded).problems)


def test_a_second_checksum_line_changes_nothing(house: House, recorded: Footage) -> None:
    segment = next(one for one in recorded.query("front", NOON, NOON + NS))
    forged = json.dumps({"kind": "hash", "seq": segment.seq, "sha256": "0" * 64}, separators=(",", ":"))  # type: ignore[union-attr]
    with (day(house) / "journal.jsonl").open("a") as file:
        file.write(forged + "\n")
    anchor(house.volumes[0], recorded)
    assert look(house, recorded, deep=True).problems == []
    assert next(one for one in recorded.query("front", NOON, NOON + NS)).sha256 != "0" * 64  # type: ignore[union-attr]


def test_an_anchor_file_that_is_lost_is_made_again_from_sound_journals_only(house: House, recorded: Footage) -> None:
    [file] = (house.media / anchors.FOLDER).iterdir()
    kept = file.read_bytes()
    file.unlink()
    assert look(house, recorded).problems == []
    forge(house)
    assert "cannot be proven" in " ".join(look(house, recorded).problems)
    file.write_bytes(kept.replace(b'"seq":3', b'"seq":4'))
    assert "is not the list" in " ".join(look(house, recorded).problems)
    file.write_bytes(kept)
    found = " ".join(look(house, recorded).problems)
    assert "anchored" in found
    assert "cannot be proven" not in found


def test_the_ledger_is_anchored_too(house: House, recorded: Footage, erase: Callable[[list[SegmentRef]], int]) -> None:
    erase(list(recorded.oldest())[:2])
    anchor(house.volumes[0], recorded)
    assert look(house, recorded).problems == []
    [month] = (house.state / "ledger").glob("*.jsonl")
    month.write_text(month.read_text().replace('"seqs":[1]', '"seqs":[3]'))
    assert "was changed: its first" in " ".join(look(house, recorded).problems)
    month.write_text("")
    found = " ".join(look(house, recorded).problems)
    assert "was changed" in found
    assert "is missing" in found
    month.unlink()
    assert "is gone, while the access log anchored" in " ".join(look(house, recorded).problems)


def test_what_the_ledger_erased_needs_no_file_and_no_journal(
    house: House, recorded: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    erase([ref for ref in recorded.oldest() if ref.day == "2026-11-24" and ref.camera == "front"])
    assert not day(house).exists()
    anchor(house.volumes[0], recorded)
    report = look(house, recorded)
    assert (report.problems, report.missing) == ([], [])


@pytest.mark.parametrize("what", ["file", "day", "camera"])
def test_what_was_removed_by_hand_is_missing_by_name_and_span(house: House, recorded: Footage, what: str) -> None:
    path = sorted(day(house).glob("*.mp4"))[1]
    if what == "file":
        path.unlink()
    else:
        shutil.rmtree(day(house) if what == "day" else day(house).parent)
    report = look(house, recorded)
    found = [one for one in report.missing if one.name == path.name]
    assert [(one.camera, one.start_utc_ns, one.end_utc_ns) for one in found] == [
        ("front", NOON + 3 * NS, NOON + 6 * NS)
    ]
    assert len(report.missing) == {"file": 1, "day": 4, "camera": 5}[what]
    assert any(f"{path.name} is missing: it was recorded from 2026-11-24 12:00:03" in one for one in report.problems)


def test_the_leaves_and_the_root_are_those_of_the_document(house: House, recorded: Footage) -> None:
    """As docs/disk-format.md says it, with nothing of ours but SHA-256."""
    [file] = (house.media / anchors.FOLDER).iterdir()
    lines = file.read_bytes().split(b"\n")[:-1]
    assert file.stem == merkle_root(lines).hex()
    told = [line.partition(b" ") for line in lines]
    for path in {path.decode() for path, _, _ in told}:
        journal = (house.media / path).read_bytes().split(b"\n")[:-1]
        assert [line for found, _, line in told if found.decode() == path] == journal
    assert merkle_root([]) == merkle.EMPTY_ROOT


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 § 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + merkle_root(leaves[:k]) + merkle_root(leaves[k:])).digest()


def test_a_journal_that_was_emptied_and_goes_on_still_tells_what_it_lost(house: House, recorded: Footage) -> None:
    """What is recorded behind it is anchored; what the journal had is known from the anchors, file by file."""
    volume = house.volumes[0]
    path = sorted(day(house).glob("*.mp4"))[0]
    path.unlink()
    (day(house) / "journal.jsonl").write_bytes(b"")
    for number in range(6):
        record(recorded, "front", NOON + (20 + number * 3) * NS)
        anchor(volume, recorded)
    report = look(house, recorded)
    assert [one.name for one in report.missing] == [path.name]
    assert report.proven == 9 - 4 + 6
    assert sum("has lost a line" in problem for problem in report.problems) == 4
    book = book_of(house.state, volume, recorded)
    assert recorded.missing.may_have_lost(book.known())
    assert [one.name for one in recorded.missing.look(book, threading.Event())] == [path.name]
    found = [one for one in recorded.query("front", NOON, NOON + 3 * NS) if isinstance(one, StoredSegment)]
    assert [(one.name, one.missing, one.erased) for one in found] == [(path.name, True, False)]
    later = recorded.query("front", NOON + 20 * NS, NOON + 40 * NS)
    assert [one.missing for one in later if isinstance(one, StoredSegment)] == [False] * 6, "it is missing where it was"


def test_what_was_missing_is_not_called_erased_when_its_day_goes(
    house: House, recorded: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    path = sorted(day(house).glob("*.mp4"))[1]
    path.unlink()
    erase([ref for ref in recorded.oldest() if ref.day == "2026-11-24" and ref.camera == "front"])
    assert not day(house).exists()
    erased = recorded.ledger.erased.day("front", "2026-11-24")
    assert [seq in erased for seq in (1, 3, 5, 7)] == [True, False, True, True]
    seen = stretches(recorded.folders, recorded.ledger, recorded.shelved, "front", NOON, NOON + 12 * NS)
    assert seen.missing == [(NOON + 3 * NS, NOON + 6 * NS)]
    assert seen.erased == [(NOON, NOON + 3 * NS), (NOON + 6 * NS, NOON + 12 * NS)]


def test_an_interrupted_intent_counts_as_erased_and_what_a_hold_kept_does_not(house: House, recorded: Footage) -> None:
    refs = [ref for ref in recorded.oldest() if ref.camera == "front"][:3]

    def stops_at_the_third(ref: SegmentRef) -> bool:
        if ref.seq == refs[2].seq:
            raise KeyboardInterrupt
        return ref.seq != refs[0].seq

    with pytest.raises(KeyboardInterrupt):
        recorded.ledger.erase(refs, "capacity", NOON, stops_at_the_third, threading.Lock())
    assert verify(recorded).missing == []
    sorted(day(house).glob("*.mp4"))[1].unlink()  # named by the intent, and gone as it would have
    assert verify(recorded).missing == []
    recorded.ledger.replay(lambda ref: ref.seq != refs[0].seq, threading.Lock())
    sorted(day(house).glob("*.mp4"))[0].unlink()  # a hold kept it: so it was not erased
    assert [one.seq for one in verify(recorded).missing] == [refs[0].seq]


def test_a_day_that_is_put_back_from_the_shelf_is_as_proven_as_before(house: House, recorded: Footage) -> None:
    """Its lines come back byte for byte, though in fewer."""
    folder, shelf = day(house), house.media / "shelf/H-1/front/2026-11-24"
    shelf.mkdir(parents=True)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for path in sorted(folder.glob("*.mp4"))[:2]:
        (shelf / path.name).hardlink_to(path)
    (shelf / "journal.jsonl").write_bytes(b"".join(lines[:2]))
    shutil.rmtree(folder)
    put_back(recorded.folders, recorded.index, recorded.shelved, "H-1", "front", "2026-11-24")
    report = look(house, recorded)
    assert [one.seq for one in report.missing] == [5, 7]
    assert (report.proven, report.unanchored) == (9 - 2, 0)


def test_the_list_of_a_batch_goes_when_the_ledger_has_ended_all_its_days(
    house: House, volume: Volume, footage: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    files = BatchFiles()
    for at in (NOON, NOON + DAY_NS):
        for camera in ("front", "back"):
            record(footage, camera, at)
        anchor(volume, footage)
    assert files.let_go(footage, NOON) == 0
    first = [ref for ref in footage.oldest() if ref.day == "2026-11-24"]
    erase(first[:1])
    anchor(volume, footage)
    later = NOON + 2 * DAY_NS
    assert files.let_go(footage, later) == 0, "the other camera's day is there"
    erase(first[1:])
    assert files.let_go(footage, later + NS) == 0, "it looks once a day"
    anchor(volume, footage)
    assert files.let_go(footage, later + DAY_NS) == 1
    assert len(list((house.media / anchors.FOLDER).iterdir())) == 1
    kept = AnchorBook(
        footage.folders, volume.identity.volume, map(Unsettled(footage).trimmed, read_batches(house.state)[0])
    )
    for book in (kept, book_of(house.state, volume, footage)):
        report = verify(footage, deep=True, book=book)
        assert (report.problems, report.segments, report.proven) == ([], 2, 2)
