"""What is missing is said to be that on the timeline, of holds, on papers and in the report, and never to be erased."""

from __future__ import annotations

import time

import msgspec
import pytest
from textual.app import App

from holdshelf_core.holds.types import CoverageRow
from holdshelf_core.looks.types import MissingRow
from holdshelf_tui.papers.report import report_document
from holdshelf_tui.papers.text import render
from holdshelf_tui.screens.timeline_words import short_missing
from holdshelf_tui.session.zoom import View
from holdshelf_tui.text.holds import KIND_SIGNS, KIND_WORDS, found
from holdshelf_tui.widgets.timeline_strip import ERASED, LEGEND_MISSING, MISSING, Marks, TimelineStrip
from tests.tui.papers.report_facts import facts
from tests.tui.session.test_waiting import AT, S, with_
from tests.tui.session.test_zoom import FINE_NS, NS, known

MINUTE = 60 * NS


def test_the_timeline_has_a_sign_of_its_own_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start = (time.time_ns() - 10 * FINE_NS) // FINE_NS * FINE_NS
    told = known(start)
    (block,) = told._blocks.values()
    rows = [
        msgspec.structs.replace(row, kind="missing", reason="missing, not erased on schedule")
        if row.kind == "erased"
        else row
        for row in block.answer.missing
    ]
    assert isinstance(rows[1], MissingRow)
    block.answer = msgspec.structs.replace(block.answer, missing=rows)
    columns = told.columns("lobby", start, start + 30 * MINUTE, 6, fine=True)
    assert [(c.gap, c.erased, c.missing) for c in columns[2:5]] == [
        (True, False, False),
        (False, False, True),
        (False, False, True),
    ]
    assert told.words_at("lobby", start + 20 * MINUTE) == "missing: it was recorded, and not erased on schedule"
    monkeypatch.setattr(TimelineStrip, "app", App())  # whose theme it asks for a color
    strip = TimelineStrip(View(start + MINUTE))
    strip.show(columns, Marks(), None)
    assert str(strip._states(columns, 0))[3:5] == MISSING * 2
    assert MISSING in str(strip._bars(columns, 0, -1, high=False)[0])
    assert ERASED not in str(strip._states(columns, 0))
    assert f"{MISSING} missing" in LEGEND_MISSING
    assert len(LEGEND_MISSING) <= 80
    assert short_missing("What was recorded at noon is missing: it was not erased on schedule.") == "missing"


def test_a_hold_says_how_much_is_missing() -> None:
    parts = [
        CoverageRow("lobby", "recorded", AT, AT + 60 * S),
        CoverageRow("lobby", "missing", AT + 60 * S, AT + 90 * S),
    ]
    said = " ".join(found(with_(coverage=parts)))
    assert "30 s are missing: recorded, and not erased on schedule" in said
    assert "already gone" not in said
    assert KIND_WORDS.keys() == KIND_SIGNS.keys()


def test_the_quarterly_report_says_what_is_missing() -> None:
    made = facts(3)
    assert made.report is not None
    assert "MISSING" not in render(report_document(made))
    first, *others = made.report.cameras
    lost = msgspec.structs.replace(first, missing_s=3600)
    changed = msgspec.structs.replace(made, report=msgspec.structs.replace(made.report, cameras=(lost, *others)))
    said = " ".join(render(report_document(changed)).split())
    assert f"MISSING, recorded and not erased on schedule: {first.name} 1 h" in said
