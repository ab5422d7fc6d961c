"""What was recovered from a camera is said to be that on the timeline and of holds."""

from __future__ import annotations

import time

import msgspec
import pytest
from textual.app import App

from holdshelf_core.holds.types import CoverageRow
from holdshelf_core.looks.types import RecordedRow
from holdshelf_tui.session.zoom import View
from holdshelf_tui.text.holds import found
from holdshelf_tui.widgets.timeline_strip import LEGEND_RECOVERED, RECOVERED, Marks, TimelineStrip
from tests.tui.session.test_waiting import AT, S, with_
from tests.tui.session.test_zoom import FINE_NS, NS, known

MINUTE = 60 * NS


def test_the_timeline_has_a_sign_and_words_of_its_own_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start = (time.time_ns() - 10 * FINE_NS) // FINE_NS * FINE_NS
    told = known(start)
    (block,) = told._blocks.values()
    part = RecordedRow(start + 5 * MINUTE, start + 10 * MINUTE)
    block.answer = msgspec.structs.replace(block.answer, recovered=[part])
    columns = told.columns("lobby", start, start + 30 * MINUTE, 6, fine=True)
    assert [column.recovered for column in columns] == [False, True, False, False, False, False]
    assert told.words_at("lobby", start + 2 * MINUTE) == "recorded"
    assert told.words_at("lobby", start + 7 * MINUTE) == "recovered from the camera"
    monkeypatch.setattr(TimelineStrip, "app", App())  # whose theme it asks for a color
    strip = TimelineStrip(View(start + MINUTE))
    strip.show(columns, Marks(), None)
    assert str(strip._states(columns, 0))[:2] == f"─{RECOVERED}"
    assert f"{RECOVERED} from the camera" in LEGEND_RECOVERED
    assert len(LEGEND_RECOVERED) <= 80


def test_a_hold_says_how_much_of_it_was_recovered() -> None:
    parts = [
        CoverageRow("lobby", "recorded", AT, AT + 60 * S),
        CoverageRow("lobby", "recorded", AT + 60 * S, AT + 90 * S, "recovered from the camera"),
    ]
    said = found(with_(coverage=parts))
    assert "1 min 30 s are kept, 30 s of it recovered from the camera." in said
