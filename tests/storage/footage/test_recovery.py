"""What recovery tells of where a camera's record stopped, and what it does with odd leftovers.

The steps of recovery themselves are tried one by one in test_crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.recovery import CameraRecovery
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.volume.journal import Gap, GapEnd
from tests.storage.conftest import House
from tests.storage.crash import Steps
from tests.storage.footage.footage_files import (
    BOOT,
    NOON,
    NS,
    comment_of,
    facts_of,
    fragment_ends,
    mp4,
    record,
    segment_bytes,
    write,
)

DAY_NS = 86_400 * NS


def again(house: House) -> tuple[Footage, dict[str, CameraRecovery]]:
    house.detach()
    _, _, footage = house.attach()
    recovery = footage.recover()
    assert recovery.problems == []
    return footage, recovery.cameras


def test_an_empty_volume_has_nothing_to_recover(house: House) -> None:
    assert again(house)[1] == {}


def test_the_end_of_the_last_segment_is_told(house: House, footage: Footage) -> None:
    record(footage, "front", NOON)
    record(footage, "front", NOON + 3 * NS)
    told = again(house)[1]["front"]
    assert (told.last_seq, told.last_end_utc_ns, told.last_boot) == (2, NOON + 6 * NS, BOOT)
    assert told.last_end_boot_ns == 1006 * NS
    assert (told.open_gap, told.recovered) == (None, [])


def test_a_recovered_segment_is_the_last_one(house: House, footage: Footage) -> None:
    record(footage, "front", NOON)
    opened = footage.open_segment("front")
    data = segment_bytes("front", opened.seq, NOON + 3 * NS)
    write(opened, data[: fragment_ends(data)[0]])
    told = again(house)[1]["front"]
    assert [segment.seq for segment in told.recovered] == [2]
    assert told.last_end_utc_ns == NOON + 3 * NS + told.recovered[0].duration_ns
    assert 0 < told.recovered[0].duration_ns < 3 * NS


def test_an_open_gap_is_told_and_a_closed_one_moves_the_end(house: House, footage: Footage) -> None:
    record(footage, "front", NOON)
    gap = footage.start_gap(
        "front", Gap(start_utc_ns=NOON + 3 * NS, start_boot_ns=1003 * NS, boot=BOOT, reason="camera unreachable")
    )
    footage, cameras = again(house)
    assert cameras["front"].open_gap == gap
    assert cameras["front"].last_end_utc_ns == NOON + 3 * NS
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 9 * NS, elapsed_ns=6 * NS, boot=BOOT, end_boot_ns=1009 * NS))
    told = again(house)[1]["front"]
    assert told.open_gap is None
    assert (told.last_end_utc_ns, told.last_end_boot_ns) == (NOON + 9 * NS, 1009 * NS)


def test_a_spare_that_was_numbered_before_a_gap_is_still_later_than_it(house: House, footage: Footage) -> None:
    spare = footage.open_segment("front")
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON, start_boot_ns=1000 * NS, boot=BOOT, reason="x"))
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + NS, elapsed_ns=NS))
    data = segment_bytes("front", spare.seq, NOON + NS)
    write(spare, data)
    footage.close_segment(spare, facts_of(data, NOON + NS))
    assert again(house)[1]["front"].last_end_utc_ns == NOON + 4 * NS


def test_the_last_day_is_found_although_the_clock_was_a_century_ahead_before(house: House, footage: Footage) -> None:
    for year in ("2127-01-01", "2127-01-02", "2127-01-03"):
        record(footage, "front", layout.day_start_ns(year), boot="before the clock was set")
    last = record(footage, "front", NOON)
    told = again(house)[1]["front"]
    assert (told.last_seq, told.last_end_utc_ns) == (last.seq, NOON + 3 * NS)


def test_a_lost_note_of_the_latest_day_is_no_harm(house: House, footage: Footage) -> None:
    record(footage, "front", NOON)
    record(footage, "front", NOON + DAY_NS)
    os.unlink(house.media / "footage/front/latest")
    assert again(house)[1]["front"].last_end_utc_ns == NOON + DAY_NS + 3 * NS


def test_a_file_that_does_not_explain_itself_is_kept_with_its_own_time(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    data = mp4(2)
    write(opened, data)
    os.utime(opened.fd, ns=(NOON, NOON))
    footage, cameras = again(house)
    (segment,) = cameras["front"].recovered
    assert (segment.start_utc_ns, segment.duration_ns, segment.frames) == (NOON - 2 * NS, 2 * NS, 20)
    assert verify(footage).problems == []


@pytest.mark.parametrize(
    "comment",
    [
        "{",
        "[]",
        '{"holdshelf":1}',
        comment_of("front", 1, 10**30),
        comment_of("front", 1, holdshelf=2),
        "\x1b[2J" * 500,
    ],
)
def test_a_comment_that_makes_no_sense_is_not_believed(house: House, footage: Footage, comment: str) -> None:
    opened = footage.open_segment("front")
    write(opened, mp4(1, comment=comment))
    footage, cameras = again(house)
    (segment,) = cameras["front"].recovered
    assert time.time_ns() - 3600 * NS < segment.start_utc_ns < time.time_ns() + 3600 * NS
    assert len(segment.run) <= 200


def test_strangers_in_open_are_left_alone_and_named_by_verify(house: House, footage: Footage) -> None:
    record(footage, "front")
    folder = house.media / "footage/front/open"
    (folder / "notes.txt").write_text("mine")
    (folder / "0000000099.mp4").mkdir()
    (house.media / "footage" / "Thumbs.db").write_text("")
    house.detach()
    _, _, footage = house.attach()
    assert len(footage.recover().problems) == 1
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "0000000099.mp4").is_dir()
    problems = verify(footage).problems
    assert len(problems) == 2
    assert "notes.txt" in "".join(problems)


def test_a_segment_may_be_cut_within_its_very_last_byte(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    data = segment_bytes("front", opened.seq)
    write(opened, data[:-1])
    assert again(house)[1]["front"].recovered[0].bytes == fragment_ends(data)[-2]


def test_a_lost_checksum_list_is_made_again(house: House, footage: Footage) -> None:
    record(footage, "front")
    record(footage, "front", NOON + 3 * NS)
    sums = house.media / "footage/front/2026-11-24/SHA256SUMS"
    whole = sums.read_bytes()
    for damage in (b"", whole[:70], whole[: len(whole) // 2], whole + b"torn"):
        sums.write_bytes(damage)
        footage, _ = again(house)
        assert sums.read_bytes() == whole
    assert verify(footage, deep=True).problems == []


def test_a_torn_journal_is_mended_even_when_nothing_is_added(house: House, footage: Footage) -> None:
    record(footage, "front")
    path = house.media / "footage/front/2026-11-24/journal.jsonl"
    whole = path.read_bytes()
    for torn in (b'{"kind":"gap","ga', bytes(700)):
        path.write_bytes(whole + torn)
        footage, cameras = again(house)
        assert path.read_bytes() == whole
        assert cameras["front"].last_seq == 1


def test_what_recovery_moved_is_durable_before_the_next_segment_opens(
    house: House, footage: Footage, tmp_path: Path
) -> None:
    opened = footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq))
    house.detach()
    _, _, footage = house.attach()
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        footage.recover(max_workers=1)
        footage.open_segment("front")  # syncs `open`, from which the file has gone
    assert len(list(steps.moments[-1].cut.glob("media/footage/front/2026-11-24/*.mp4"))) == 1


WRITER = """
import sys, os
from pathlib import Path
from holdshelf_storage.volume.volume import Volume
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.footage.footage import Footage
from tests.storage.footage.footage_files import NOON, NS, facts_of, fragment_ends, segment_bytes
root = Path(sys.argv[1])
volume = Volume.attach(root / "state", root / "media", wait_s=5)
footage = Footage(volume, Ledger(volume))
footage.recover()
start = NOON
while True:
    for camera in ("front", "back"):
        opened = footage.open_segment(camera)
        data = segment_bytes(camera, opened.seq, start)
        position = 0
        for end in fragment_ends(data):
            os.write(opened.fd, data[position:end])
            os.fdatasync(opened.fd)
            position = end
            print(opened.seq, end, flush=True)
        footage.close_segment(opened, facts_of(data, start, run=f"run-{os.getpid()}"))
    start += 3 * NS
"""


def test_a_real_kill_at_any_moment_loses_no_synced_fragment(house: House, tmp_path: Path) -> None:
    (tmp_path / "writer.py").write_text(WRITER)
    synced: dict[int, int] = {}
    for number in range(5):
        writer = subprocess.Popen(
            [sys.executable, str(tmp_path / "writer.py"), str(house.root)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert writer.stdout is not None
        for _ in range(7 + number * 5):
            seq, end = map(int, writer.stdout.readline().split())
            synced[seq] = end
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:
            if line.endswith("\n"):
                seq, end = map(int, line.split())
                synced[seq] = end
        writer.wait()
        writer.stdout.close()
    footage, _ = again(house)
    footage.hash_pending()
    kept = {span.seq: span.bytes for camera in ("front", "back") for span in footage.query(camera, 0, NOON * 2)}
    assert all(kept[seq] >= end for seq, end in synced.items())
    assert verify(footage, deep=True).problems == []
    assert list(house.media.glob("footage/*/open/*")) == []
