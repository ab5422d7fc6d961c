"""The hour that a demo draws is true to docs/disk-format.md: every file explains itself."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path

from holdshelf_core.operations import offline
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume
from holdshelf_tui.demo.past import HEIGHT, MOVING_FPS, WIDTH, Past, minute
from holdshelf_tui.demo.picture import PicturePainter
from holdshelf_tui.text.time_format import NS

FIELDS = ("seq", "start_utc_ns", "start_boot_ns", "boot", "run", "codec")


def test_each_drawn_file_carries_the_tag_that_the_format_promises(tmp_path: Path) -> None:
    data = tmp_path / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    Past([("desk", 1, "Desk"), ("lobby", 2, "Lobby")], minutes=3).write(data)
    journals = sorted((data / "media" / "footage").glob("*/2*/journal.jsonl"))
    told = [(path, json.loads(line)) for path in journals for line in path.read_text().splitlines()]
    segments = [(path, line) for path, line in told if line["kind"] == "segment"]
    assert len(segments) == 5, "three minutes of two cameras, one of them a gap"
    for journal, line in segments:
        probe = subprocess.run(
            [
                "ffprobe",
                "-v",
                "error",
                "-show_entries",
                "format_tags=comment",
                "-of",
                "json",
                journal.parent / line["name"],
            ],
            capture_output=True,
            check=True,
        )
        tag = json.loads(json.loads(probe.stdout)["format"]["tags"]["comment"])
        assert (tag["holdshelf"], tag["camera"]) == (1, journal.parts[-3])
        assert {name: tag[name] for name in FIELDS} == {name: line[name] for name in FIELDS}


def test_a_drawn_file_is_taken_in_again_as_any_other(tmp_path: Path) -> None:
    """Its line lost, recovery knows from the file itself what it is."""
    data = tmp_path / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    Past([("desk", 1, "Desk")], minutes=1).write(data)
    (journal,) = (data / "media" / "footage").glob("*/2*/journal.jsonl")
    line = json.loads(journal.read_text())
    (journal.parent / line["name"]).rename(journal.parents[1] / "open" / f"{line['seq']:010d}.mp4")
    journal.unlink()
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        footage.recover()
        again = json.loads(journal.read_text().splitlines()[0])
        same = ("seq", "name", "start_utc_ns", "run", "boot", "start_boot_ns", "frames", "bytes")
        assert {name: again[name] for name in same} == {name: line[name] for name in same}
        assert again["recovered"]
        footage.hash_pending()
        assert verify(footage, deep=True).problems == []
    finally:
        volume.detach()


def test_people_come_and_go_and_the_bytes_of_a_second_tell() -> None:
    """So that the strip has ups and downs, and `n` finds who came: a movement is clearly more than stillness."""
    start_s = 1_795_615_740
    """A minute in which somebody crosses the entrance, and comes back."""
    picture = PicturePainter(1, "Front entrance", WIDTH, HEIGHT)
    _, activity, frames = minute(1, "Front entrance", start_s)
    there = [picture.is_somebody_there((start_s + second) * NS) for second in range(60)]
    assert 15 <= sum(there) <= 25 and frames == 60 + (MOVING_FPS - 1) * sum(there)
    moving = [size for size, moves in zip(activity, there, strict=True) if moves]
    # In the first second of stillness the encoder makes good what it had saved before.
    still = [size for at, size in enumerate(activity) if not there[at] and not there[at - 1]]
    assert statistics.median(moving) >= 2 * statistics.median(still) > max(still), "twice as many is a movement"
