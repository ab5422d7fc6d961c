"""`verify` finds each kind of damage, names the file, and is silent about a sound archive."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from holdshelf_storage.errors import BadCameraId
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import Segment
from tests.storage.conftest import House
from tests.storage.footage.footage_files import NOON, NS, fragment_ends, mp4, record

DAY_NS = 86_400 * NS


@pytest.fixture
def recorded(footage: Footage) -> Footage:
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    record(footage, "front", NOON + DAY_NS)
    record(footage, "back", NOON)
    return footage


def folder(house: House) -> Path:
    return house.media / "footage/front/2026-11-24"


def third(house: House) -> Path:
    return sorted(folder(house).glob("*.mp4"))[2]


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o400)


def rejournal(house: House, change: Callable[[Segment], None]) -> None:
    path = folder(house) / "journal.jsonl"
    lines, _ = journal.decode(path.read_bytes())
    change(lines[2])  # type: ignore[arg-type]
    path.write_bytes(journal.encode(lines))


def problems(footage: Footage, *, deep: bool = False) -> str:
    found = verify(footage, deep=deep).problems
    assert len(found) >= 1
    return "\n".join(found)


def test_a_sound_archive_has_no_problems(recorded: Footage, erase: Callable[[list[SegmentRef]], int]) -> None:
    seen: list[tuple[str, str, int]] = []
    report = verify(recorded, deep=True, progress=lambda *told: seen.append(told))
    assert (report.segments, report.problems) == (5, [])
    assert report.bytes > 0
    assert [told[:2] for told in seen] == [("back", "2026-11-24"), ("front", "2026-11-24"), ("front", "2026-11-25")]
    erase(list(recorded.oldest())[:2])
    report = verify(recorded, deep=True)
    assert (report.segments, report.problems) == (3, [])


def test_a_span_and_a_camera_may_be_chosen(recorded: Footage) -> None:
    assert verify(recorded, "front", NOON + DAY_NS, NOON + DAY_NS + NS).segments == 1
    assert verify(recorded, "back").segments == 1
    assert "no footage of this camera" in verify(recorded, "desk").problems[0]
    with pytest.raises(BadCameraId):
        verify(recorded, "../desk")


def test_it_can_be_stopped(recorded: Footage) -> None:
    stop = threading.Event()
    stop.set()
    assert verify(recorded, stop=stop).segments == 0


def test_one_changed_byte_is_found_by_a_deep_look(house: House, recorded: Footage) -> None:
    data = bytearray(third(house).read_bytes())
    data[-3] ^= 1
    rewrite(third(house), bytes(data))
    assert verify(recorded).problems == []
    assert "was changed" in problems(recorded, deep=True)


def test_a_broken_frame_is_found_by_a_deep_look(house: House, recorded: Footage) -> None:
    data = bytearray(third(house).read_bytes())
    body = data.rindex(b"mdat") + 4
    data[body : body + 4] = b"\xff\xff\xff\xff"
    rewrite(third(house), bytes(data))
    assert "not whole" in problems(recorded, deep=True)


def test_a_file_cut_short_is_found(house: House, recorded: Footage) -> None:
    data = third(house).read_bytes()
    rewrite(third(house), data[: fragment_ends(data)[1] + 5])
    found = problems(recorded)
    assert "bytes, not" in found
    assert "damaged from byte" in found
    assert "frames, not 30" in found


def test_a_file_made_writable_is_found(house: House, recorded: Footage) -> None:
    third(house).chmod(0o600)
    assert "mode 0600" in problems(recorded)


def test_sound_is_found(house: House, recorded: Footage) -> None:
    rewrite(third(house), mp4(3, audio=True))
    assert "1 audio tracks" in problems(recorded)
    rejournal(house, lambda line: setattr(line, "audio_tracks", 1))
    assert "journalled with 1 audio" in problems(recorded)


def test_a_file_that_is_no_video_is_found(house: House, recorded: Footage) -> None:
    rewrite(third(house), b"x" * third(house).stat().st_size)
    assert "no whole MP4 header" in problems(recorded)


def test_strangers_are_found(house: House, recorded: Footage) -> None:
    (folder(house) / "notes\x1b[2J.txt").write_text("")
    (folder(house) / "0000000999_120000.000Z.mp4").write_bytes(b"")
    (folder(house).parent / "old").mkdir()
    found = problems(recorded)
    assert "\x1b" not in found
    assert "stranger's file" in found
    assert "0000000999_120000.000Z.mp4 has no line" in found
    assert "footage/front/'old'" in found


def test_a_checksum_list_that_differs_is_found(house: House, recorded: Footage) -> None:
    path = folder(house) / "SHA256SUMS"
    path.write_text(path.read_text().replace("a", "b", 1))
    assert "SHA256SUMS does not say" in problems(recorded)
    os.unlink(path)
    assert "SHA256SUMS does not say" in problems(recorded)


def test_a_lost_journal_is_found(house: House, recorded: Footage) -> None:
    os.unlink(folder(house) / "journal.jsonl")
    assert "has no journal" in problems(recorded)


def test_a_torn_journal_is_found(house: House, recorded: Footage) -> None:
    with (folder(house) / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind":"gap"')
    assert "ends within a line" in problems(recorded)


def test_a_sequence_given_twice_is_found(house: House, recorded: Footage) -> None:
    back = house.media / "footage/back/2026-11-24/journal.jsonl"
    back.write_bytes(back.read_bytes().replace(b'"seq":5', b'"seq":2'))
    assert "Sequence 2 was given to more than one" in problems(recorded)


def test_what_was_recorded_twice_is_found(house: House, recorded: Footage) -> None:
    rejournal(house, lambda line: setattr(line, "start_boot_ns", line.start_boot_ns - 3 * NS))
    assert "overlaps" in problems(recorded)


def test_a_line_in_the_wrong_day_is_found(house: House, recorded: Footage) -> None:
    rejournal(house, lambda line: setattr(line, "start_utc_ns", line.start_utc_ns + DAY_NS))
    assert "another day" in problems(recorded)


def test_a_missing_key_frame_is_found(house: House, recorded: Footage) -> None:
    data = bytearray(third(house).read_bytes())
    trun = data.index(b"trun")
    assert data[trun + 7] & 4  # first-sample-flags are there
    data[trun + 16 : trun + 20] = (0x01010000).to_bytes(4)
    rewrite(third(house), bytes(data))
    assert "key frame" in problems(recorded)


def test_an_archive_may_be_verified_while_it_is_recorded_and_erased(
    footage: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    record(footage, "front", NOON)
    found: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            found.extend(verify(footage, deep=True).problems)

    looker = threading.Thread(target=look)
    looker.start()
    for number in range(1, 25):
        record(footage, "front", NOON + number * 3 * NS)
        erase(list(footage.oldest())[:1])
    done.set()
    looker.join()
    assert found == []
