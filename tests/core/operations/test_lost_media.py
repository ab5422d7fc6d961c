"""What STATE knows of a disk that is gone: since when cameras were recorded, less what was erased, plus what was held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.buffer import rows
from holdshelf_core.operations.media_changes import lost_spans
from holdshelf_core.policy import model
from holdshelf_core.times import rfc3339
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume, init_volume

NS = 1_000_000_000
MINUTE = 60 * NS
T = 1_795_600_000 * NS
LOST, ERASED = "footage lost with its disk", "erased on schedule before its disk was lost"


class House:
    """A state with a log and a ledger; no service."""

    def __init__(self, folder: Path) -> None:
        init_volume(folder / "state", folder / "media", T)
        self.log = AccessLog.open(folder / "state")
        self.volume = Volume.attach(folder / "state", folder / "media")
        self._ledger = folder / "state" / "ledger" / "2026-11.jsonl"

    def entry(self, action: str, camera: str, at: int) -> None:
        public = {"at": rfc3339(at), "offset_s": 0, "action": action, "outcome": "done", "person": "admin"}
        self.log.append({**public, "cameras": [camera]}, {})

    def line(self, **line: Any) -> None:
        with self._ledger.open("a") as file:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def erase(self, start: int, end: int, at: int, *, name: str = "i1", kept: tuple[int, ...] = ()) -> None:
        part = {"camera": "a", "day": "2026-11-25", "seqs": [1, 2], "start_utc_ns": start, "end_utc_ns": end}
        self.line(kind="intent", id=name, at_utc_ns=at, reason="no room", days=[{**part, "allocated_bytes": 0}])
        self.line(kind="done", id=name, kept=list(kept))

    def lost(
        self, *holds: model.Hold, end: int = T + 60 * MINUTE, **added: int
    ) -> dict[str, list[tuple[int, int, str]]]:
        return lost_spans(self.log, Ledger(self.volume), holds, added, end)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.volume.detach()
    made.log.close()


def hold(start: int, end: int | None, placed: int) -> model.Hold:
    return model.Hold("H-2026-0001", "violation", "1", (model.HoldSpan("a", start, end),), "p1", placed, placed)


def test_from_when_it_was_added_until_the_service_last_lived(house: House) -> None:
    house.entry("camera.add", "a", T)
    assert house.lost(a=T + 1) == {"a": [(T, T + 60 * MINUTE, LOST)]}


def test_a_camera_that_was_removed_lost_its_footage_too(house: House) -> None:
    house.entry("camera.add", "a", T)
    house.entry("camera.remove", "a", T + 10 * MINUTE)
    assert house.lost() == {"a": [(T, T + 10 * MINUTE, LOST)]}


def test_what_was_erased_on_schedule_is_not_called_lost(house: House) -> None:
    house.entry("camera.add", "a", T)
    house.erase(T, T + 20 * MINUTE, T + 50 * MINUTE)
    assert house.lost(a=T) == {"a": [(T, T + 20 * MINUTE, ERASED), (T + 20 * MINUTE, T + 60 * MINUTE, LOST)]}


def test_a_day_of_which_the_ledger_tells_is_told_by_the_ledger_alone(house: House) -> None:
    house.entry("camera.add", "a", T)
    told = {
        "gaps": {},
        "journal_sha256": "",
        "segments": 1,
        "bytes": 0,
        "recorded_ns": 0,
        "first_seq": 1,
        "last_seq": 1,
    }
    spans = {"recorded": [[T, T + 5 * MINUTE]], "gap_spans": [[T + 5 * MINUTE, T + 9 * MINUTE, "no frames"]]}
    house.line(kind="day", at_utc_ns=T, camera="a", day="2026-11-25", **told, **spans)
    assert house.lost(a=T) == {"a": [(T + 9 * MINUTE, T + 60 * MINUTE, LOST)]}


def test_what_was_on_hold_when_the_rest_was_erased_was_lost_with_the_disk(house: House) -> None:
    house.entry("camera.add", "a", T)
    house.erase(T, T + 20 * MINUTE, T + 50 * MINUTE)
    held = hold(T + 5 * MINUTE, T + 8 * MINUTE, T + 30 * MINUTE)
    reasons = [(start - T, end - T, reason) for start, end, reason in house.lost(held, a=T)["a"]]
    assert (5 * MINUTE, 8 * MINUTE, LOST) in reasons
    late = hold(T + 5 * MINUTE, T + 8 * MINUTE, T + 55 * MINUTE)
    assert (5 * MINUTE, 8 * MINUTE, LOST) not in [(s - T, e - T, r) for s, e, r in house.lost(late, a=T)["a"]]


def test_an_intent_that_erased_nothing_erased_nothing(house: House) -> None:
    house.entry("camera.add", "a", T)
    house.erase(T, T + 20 * MINUTE, T + 50 * MINUTE, kept=(1, 2))
    assert house.lost(a=T) == {"a": [(T, T + 60 * MINUTE, LOST)]}


def test_a_gap_is_listed_still_when_its_day_has_gone(house: House) -> None:
    told = {"gaps": {}, "journal_sha256": "", "segments": 0, "bytes": 0, "recorded_ns": 0, "first_seq": None}
    spans = {"recorded": [], "gap_spans": [[T, T + 9 * MINUTE, LOST]], "last_seq": None}
    house.line(kind="day", at_utc_ns=T, camera="a", day="2026-11-25", **told, **spans)
    ledger = Ledger(house.volume)
    (row,) = rows.gone_gap_rows(ledger, "a", T + MINUTE, T + 2 * MINUTE)
    assert (row.start_utc_ns, row.end_utc_ns, row.elapsed_s, row.reason) == (T, T + 9 * MINUTE, 540.0, LOST)
    assert rows.gone_gap_rows(ledger, "a", T + 10 * MINUTE, T + 20 * MINUTE) == []
