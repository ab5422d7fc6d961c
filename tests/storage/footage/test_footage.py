"""A segment's life on disk: opened, closed, cut, given up; gaps beside it; found again."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from holdshelf_storage import layout
from holdshelf_storage.errors import (
    AudioFound,
    BadCameraId,
    BadMp4,
    DiskFull,
    DiskWriteError,
    FootageError,
    SegmentMismatch,
    StorageError,
    SyncFailed,
)
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import Gap, GapEnd, GapSpan, Segment, StoredSegment
from tests.storage.conftest import House
from tests.storage.footage.footage_files import (
    BOOT,
    NOON,
    NS,
    decodes,
    facts_of,
    fragment_ends,
    mp4,
    record,
    segment_bytes,
    write,
)

DAY = "2026-11-24"


def begin(footage: Footage, camera: str = "front", start_utc_ns: int = NOON) -> tuple[object, bytes]:
    opened = footage.open_segment(camera)
    data = segment_bytes(camera, opened.seq, start_utc_ns)
    write(opened, data)
    return opened, data


def test_a_closed_segment_lies_in_its_day_read_only_and_is_told_everywhere(house: House, footage: Footage) -> None:
    segment = record(footage, "front", NOON + 123_456_789)
    assert segment.name == "0000000001_120000.123Z.mp4"
    folder = house.media / "footage" / "front" / DAY
    path = folder / segment.name
    assert footage.path_of("front", segment) == f"footage/front/{DAY}/{segment.name}"
    assert path.stat().st_mode & 0o777 == 0o400
    assert decodes(path) == 30
    assert list((folder.parent / "open").iterdir()) == []
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (folder / "SHA256SUMS").read_text() == f"{digest}  {segment.name}\n"
    lines, bad = journal.decode((folder / "journal.jsonl").read_bytes())
    assert (lines, bad) == ([segment], 0)
    assert segment.allocated_bytes == path.stat().st_blocks * 512
    assert (segment.sha256, segment.bytes, segment.audio_tracks) == (digest, path.stat().st_size, 0)
    assert segment.activity == bytes([journal.activity_byte(1000)] * 3)
    assert b'"audio_tracks":0' in (folder / "journal.jsonl").read_bytes()


def test_coreutils_agree_with_the_checksum_list(house: House, footage: Footage) -> None:
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    folder = house.media / "footage" / "front" / DAY
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)


def test_opening_makes_an_empty_private_file_and_never_takes_over_another(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    path = house.media / "footage" / "front" / "open" / "0000000001.mp4"
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (0, 0o600)
    assert not os.get_inheritable(opened.fd)
    (path.parent / "0000000002.mp4").touch()
    with pytest.raises(DiskWriteError):
        footage.open_segment("front")


def test_a_file_that_could_not_be_handed_out_is_not_left_behind(house: House, footage: Footage) -> None:
    """Seen: descriptors ran out between the file and its folder, and an empty file stayed in `open`."""
    footage.return_spare(footage.open_segment("front"))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/dev/null", os.O_RDONLY)  # the lowest free number: what is opened next takes it
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, before[1]))
    try:
        with pytest.raises(StorageError, match="too many open files"):
            footage.open_segment("front")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert os.listdir(house.media / "footage" / "front" / "open") == []


@pytest.mark.parametrize("camera", ["", "Front", "../x", "a/b", "-a", "a" * 65, "é", "a\n", "open.", "a b"])
def test_unsafe_camera_ids_are_refused_everywhere(house: House, footage: Footage, camera: str) -> None:
    gap = Gap(gap=1, start_utc_ns=NOON, start_boot_ns=0, boot=BOOT, reason="x")
    for call in (
        lambda: footage.open_segment(camera),
        lambda: footage.start_gap(camera, gap),
        lambda: footage.end_gap(camera, gap, GapEnd(end_utc_ns=NOON, elapsed_ns=0)),
        lambda: footage.query(camera, 0, NOON),
        lambda: footage.days(camera),
        lambda: verify(footage, camera),
    ):
        with pytest.raises(BadCameraId):
            call()
    assert list((house.media / "footage").iterdir()) == []


def test_a_segment_with_sound_is_refused_and_can_be_given_up(house: House, footage: Footage, ledger: Ledger) -> None:
    opened = footage.open_segment("front")
    data = mp4(2, audio=True)
    write(opened, data)
    with pytest.raises(AudioFound, match="soun"):
        footage.close_segment(opened, facts_of(data))
    footage.abandon_segment(opened, "audio found", NOON)
    assert list(house.media.glob("footage/front/*/*.mp4")) == []
    told = list(ledger.entries())
    assert (told[0].camera, told[0].seq, told[0].reason) == ("front", 1, "audio found")


def test_a_segment_with_sound_that_a_dead_worker_left_is_never_kept(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    write(opened, mp4(2, audio=True))
    with pytest.raises(AudioFound):
        footage.cut_segment(opened)
    footage.abandon_segment(opened, "audio found", NOON)  # what a caller does on AudioFound: no harm
    assert list(house.media.rglob("*.mp4")) == []


def test_facts_that_are_not_the_files_are_refused_and_the_file_can_be_cut(footage: Footage) -> None:
    opened, data = begin(footage)
    with pytest.raises(SegmentMismatch):
        footage.close_segment(opened, facts_of(data[:-10]))
    segment = footage.cut_segment(opened)
    assert segment is not None
    assert (segment.frames, segment.bytes, segment.recovered) == (30, len(data), True)


def test_bytes_that_are_no_mp4_are_refused(footage: Footage) -> None:
    opened = footage.open_segment("front")
    write(opened, b"not an mp4" * 100)
    with pytest.raises(BadMp4):
        footage.close_segment(opened, facts_of(b"not an mp4" * 100))


def test_a_dead_workers_segment_is_cut_to_its_last_whole_fragment(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    data = segment_bytes("front", opened.seq)
    ends = fragment_ends(data)
    write(opened, data[: ends[1] + 100])
    segment = footage.cut_segment(opened)
    assert segment is not None
    assert opened.fd == -1
    assert (segment.bytes, segment.recovered, segment.sha256, segment.start_utc_ns) == (ends[1], True, None, NOON)
    assert (segment.run, segment.boot, segment.start_boot_ns) == ("run-1", BOOT, 1000 * NS)
    assert decodes(house.media / footage.path_of("front", segment)) == segment.frames
    assert footage.hash_pending() == 1
    assert footage.hash_pending() == 0
    stored = footage.query("front", NOON, NOON + NS)[0]
    assert isinstance(stored, StoredSegment)
    assert stored.sha256 == hashlib.sha256(data[: ends[1]]).hexdigest()
    assert verify(footage, deep=True).problems == []


def test_a_segment_without_a_whole_fragment_leaves_nothing(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq)[:500])
    assert footage.cut_segment(opened) is None
    assert list(house.media.rglob("*.mp4")) == []
    assert opened.fd == -1


def test_an_unused_spare_is_returned_and_a_used_one_is_not(house: House, footage: Footage) -> None:
    spare = footage.open_segment("front")
    assert footage.return_spare(spare)
    assert list(house.media.rglob("*.mp4")) == []
    used, _ = begin(footage)
    assert not footage.return_spare(used)
    assert footage.cut_segment(used) is not None


def test_closing_twice_is_refused(footage: Footage) -> None:
    opened, data = begin(footage)
    footage.close_segment(opened, facts_of(data))
    with pytest.raises(FootageError, match="closed already"):
        footage.close_segment(opened, facts_of(data))


def _fails_on(monkeypatch: pytest.MonkeyPatch, name: str, wanted: str, number: int, times: int = 1) -> None:
    """Lets os.`name` fail for descriptors of files whose path ends in `wanted`, `times` times."""
    real = getattr(os, name)
    left = [times]

    def call(fd: int, *args: object) -> object:
        if left[0] and os.readlink(f"/proc/self/fd/{fd}").endswith(wanted):
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return real(fd, *args)

    monkeypatch.setattr(os, name, call)


def test_a_full_disk_at_the_journal_loses_nothing_and_closing_may_be_retried(
    house: House, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(footage, "front")
    opened, data = begin(footage, start_utc_ns=NOON + 3 * NS)
    with monkeypatch.context() as patch:
        _fails_on(patch, "write", "journal.jsonl", errno.ENOSPC, times=3)
        for _ in range(3):
            with pytest.raises(DiskFull):
                footage.close_segment(opened, facts_of(data, NOON + 3 * NS))
            assert (house.media / "footage/front/open/0000000002.mp4").exists()
    segment = footage.close_segment(opened, facts_of(data, NOON + 3 * NS))
    assert not segment.recovered
    assert verify(footage, deep=True).problems == []
    assert [span.seq for span in footage.query("front", NOON, NOON + 6 * NS)] == [1, 2]


def test_a_full_disk_at_the_checksum_list_is_made_good_with_the_next_segment_of_any_day(
    house: House, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(footage, "front")
    with monkeypatch.context() as patch:
        _fails_on(patch, "write", "SHA256SUMS", errno.ENOSPC)
        record(footage, "front", NOON + 3 * NS)
    sums = house.media / "footage/front/2026-11-24/SHA256SUMS"
    assert len(sums.read_text().splitlines()) == 1
    record(footage, "front", NOON + 400 * 86_400 * NS)
    assert len(sums.read_text().splitlines()) == 2
    assert verify(footage, deep=True).problems == []


def test_a_full_disk_at_the_journal_may_be_followed_by_a_cut_or_a_kill(
    house: House, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, data = begin(footage)
    second, more = begin(footage, start_utc_ns=NOON + 3 * NS)
    with monkeypatch.context() as patch:
        _fails_on(patch, "write", "journal.jsonl", errno.ENOSPC, times=2)
        for opened, content, start in ((first, data, NOON), (second, more, NOON + 3 * NS)):
            with pytest.raises(DiskFull):
                footage.close_segment(opened, facts_of(content, start))
    assert footage.cut_segment(first) is not None
    house.detach()
    _, _, again = house.attach()
    assert [segment.seq for segment in again.recover().cameras["front"].recovered] == [2]
    assert [span.frames for span in again.query("front", NOON, NOON + 6 * NS)] == [30, 30]
    assert verify(again, deep=True).problems == []


def test_a_segment_that_failed_to_sync_is_given_up_and_never_synced_again(
    house: House, footage: Footage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, data = begin(footage)
    with monkeypatch.context() as patch:
        _fails_on(patch, "fsync", "0000000001.mp4", errno.EIO)
        with pytest.raises(SyncFailed):
            footage.close_segment(opened, facts_of(data))
    for again in (lambda: footage.close_segment(opened, facts_of(data)), lambda: footage.cut_segment(opened)):
        with pytest.raises(SyncFailed, match="abandon"):
            again()
    footage.abandon_segment(opened, "fsync failed", NOON)
    assert list(house.media.rglob("*.mp4")) == []
    assert [type(entry).__name__ for entry in ledger.entries()] == ["Abandon", "Done"]
    assert footage.query("front", 0, NOON * 2) == []


def test_a_journal_that_cannot_be_synced_leaves_the_segment_open_and_unjournalled(
    house: House, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(footage, "front")
    opened, data = begin(footage, start_utc_ns=NOON + 3 * NS)
    with monkeypatch.context() as patch:
        _fails_on(patch, "fdatasync", "journal.jsonl", errno.EIO)
        with pytest.raises(SyncFailed):
            footage.close_segment(opened, facts_of(data, NOON + 3 * NS))
    assert len((house.media / "footage/front" / DAY / "journal.jsonl").read_bytes().splitlines()) == 1
    footage.close_segment(opened, facts_of(data, NOON + 3 * NS))
    assert verify(footage, deep=True).problems == []


def test_an_old_file_is_never_overwritten_by_a_sequence_that_comes_again(house: House, footage: Footage) -> None:
    segment = record(footage, "front")
    path = house.media / footage.path_of("front", segment)
    before = path.read_bytes()
    journal_path = path.parent / "journal.jsonl"
    journal_path.write_bytes(b"")
    intruder = house.media / "footage/front/open/0000000001.mp4"
    intruder.write_bytes(segment_bytes("front", 1)[: fragment_ends(segment_bytes("front", 1))[0]])
    problems = footage.recover().problems
    assert len(problems) == 1
    assert "same sequence" in problems[0]
    assert path.read_bytes() == before
    assert intruder.exists()


@pytest.mark.parametrize(
    ("start_utc_ns", "day"),
    [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (layout.day_start_ns("2127-03-01"), "2127-03-01"),
        (layout.MAX_TIME_NS, "2262-04-11"),
        (-layout.MAX_TIME_NS, "1677-09-21"),
    ],
)
def test_absurd_clocks_are_recorded_under(footage: Footage, start_utc_ns: int, day: str) -> None:
    segment = record(footage, "front", start_utc_ns, seconds=1)
    assert footage.days("front") == [day]
    assert footage.query("front", start_utc_ns, start_utc_ns + NS) == footage.query("front", -(10**19), 10**19)
    assert len(footage.query("front", start_utc_ns, start_utc_ns + NS)) == 1
    assert verify(footage).problems == []
    assert layout.parse_segment_name(segment.name) is not None


def test_a_time_that_is_none_is_refused_before_anything_is_written(footage: Footage) -> None:
    opened, data = begin(footage)
    with pytest.raises(FootageError):
        footage.close_segment(opened, facts_of(data, 2**63))
    with pytest.raises(FootageError):
        footage.start_gap("front", Gap(start_utc_ns=2**63, start_boot_ns=0, boot=BOOT, reason="x"))
    assert footage.days("front") == []


def test_gaps_are_found_with_their_ends_and_in_order(footage: Footage) -> None:
    record(footage, "front", NOON)
    gap = footage.start_gap(
        "front",
        Gap(
            start_utc_ns=NOON + 3 * NS,
            start_boot_ns=1003 * NS,
            boot=BOOT,
            reason="camera unreachable",
            detail="refused",
        ),
    )
    assert gap.gap > 0
    assert isinstance(footage.query("front", NOON + 4 * NS, NOON + 5 * NS)[0], GapSpan)
    assert footage.query("front", NOON + 3600 * NS, NOON + 3601 * NS)[0].end_utc_ns is None
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 10 * NS, elapsed_ns=7 * NS, reason="stream back"))
    record(footage, "front", NOON + 10 * NS)
    spans = footage.query("front", NOON, NOON + 60 * NS)
    assert [type(span).__name__ for span in spans] == ["StoredSegment", "GapSpan", "StoredSegment"]
    assert isinstance(spans[1], GapSpan)
    assert (spans[1].reason, spans[1].detail, spans[1].elapsed_ns, spans[1].end_reason) == (
        "camera unreachable",
        "refused",
        7 * NS,
        "stream back",
    )
    assert footage.query("front", NOON + 3600 * NS, NOON + 3601 * NS) == []


def test_a_gap_over_several_midnights_is_found_on_each_of_its_days(footage: Footage) -> None:
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON, start_boot_ns=0, boot=BOOT, reason="disk full"))
    day = 86_400 * NS
    assert len(footage.query("front", NOON + 3 * day, NOON + 3 * day + 1)) == 1
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 5 * day, elapsed_ns=5 * day))
    assert len(footage.query("front", NOON + 4 * day, NOON + 4 * day + 1)) == 1
    assert footage.query("front", NOON + 5 * day, NOON + 6 * day) == []
    assert footage.days("front") == [DAY]


def test_a_gap_whose_end_could_not_be_written_ends_where_recording_goes_on(footage: Footage) -> None:
    footage.start_gap("front", Gap(start_utc_ns=NOON, start_boot_ns=1000 * NS, boot=BOOT, reason="disk full"))
    record(footage, "front", NOON + 20 * NS)
    record(footage, "front", NOON + 86_400 * NS)
    gap = footage.query("front", NOON, NOON + NS)[0]
    assert isinstance(gap, GapSpan)
    assert (gap.end_utc_ns, gap.elapsed_ns) == (NOON + 20 * NS, 20 * NS)


def test_a_segment_over_midnight_is_found_from_both_days(footage: Footage) -> None:
    midnight = layout.day_start_ns("2026-11-25")
    segment = record(footage, "front", midnight - NS)
    assert [span.seq for span in footage.query("front", midnight, midnight + NS)] == [segment.seq]
    assert footage.query("front", midnight + 2 * NS, midnight + 3 * NS) == []


def test_an_end_that_belongs_to_another_gap_is_refused(footage: Footage) -> None:
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON, start_boot_ns=0, boot=BOOT, reason="disk full"))
    with pytest.raises(FootageError):
        footage.end_gap("front", gap, GapEnd(gap=gap.gap + 1, end_utc_ns=NOON, elapsed_ns=0))


def test_erased_segments_are_told_as_erased(footage: Footage, erase: Callable[[list[SegmentRef]], int]) -> None:
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    erase(list(footage.oldest())[:2])
    spans = footage.query("front", NOON, NOON + 60 * NS)
    assert [span.erased for span in spans if isinstance(span, StoredSegment)] == [True, True, False]
    with pytest.raises(FootageError, match="erased on schedule"):
        footage.open_closed("front", spans[0])  # type: ignore[arg-type]
    os.close(footage.open_closed("front", spans[2]))  # type: ignore[arg-type]


def test_a_damaged_journal_line_hides_only_itself(house: House, footage: Footage) -> None:
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    path = house.media / "footage/front" / DAY / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"kind":"segment","seq":\xff\n' + b'{"kind":"later version"}\n' + lines[2])
    assert [span.seq for span in footage.query("front", NOON, NOON + 60 * NS)] == [1, 3]
    problems = verify(footage).problems
    assert any("2 lines that cannot be read" in problem for problem in problems)
    assert any("has no line in the journal" in problem for problem in problems)


def test_cameras_are_served_at_once_from_several_threads(footage: Footage) -> None:
    footage.build_index(threading.Event())
    failures: list[BaseException] = []

    def work(camera: str) -> None:
        try:
            for number in range(12):
                record(footage, camera, NOON + number * 3 * NS)
                footage.query(camera, NOON, NOON + 60 * NS)
                footage.usage()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"camera-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    usage = footage.usage()
    assert usage.complete
    assert [camera.segments for camera in usage.cameras.values()] == [12] * 6
    assert verify(footage, deep=True).problems == []


def test_segments_of_one_camera_never_share_a_sequence_with_another(footage: Footage) -> None:
    segments: list[Segment] = [record(footage, camera) for camera in ("front", "back", "front", "desk")]
    assert [segment.seq for segment in segments] == [1, 2, 3, 4]


def test_nothing_of_ours_is_readable_by_others(house: House, footage: Footage, ledger: Ledger) -> None:
    record(footage, "front")
    ledger.erase(list(footage.oldest()), "capacity", NOON, lambda ref: True, threading.Lock())
    record(footage, "front")
    for path in house.root.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_stranger_in_the_way_of_a_day_is_said_not_hidden(house: House, footage: Footage) -> None:
    opened, data = begin(footage)
    Path(house.media / "footage/front" / DAY).write_text("a file where a folder belongs")
    with pytest.raises(DiskWriteError):
        footage.close_segment(opened, facts_of(data))
    os.unlink(house.media / "footage/front" / DAY)
    footage.close_segment(opened, facts_of(data))
