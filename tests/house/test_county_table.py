"""docs/offsite.md plans a county by `holdshelf plan` and by what was measured, and by nothing else."""

from __future__ import annotations

import json

import pytest

from holdshelf_core.buffer.plan import plan
from scripts import county_table


def test_the_table_is_that_of_the_plan_and_of_the_figures() -> None:
    page = county_table.PAGE.read_text()
    assert page.count("<!-- county -->") == 1
    assert county_table.rendered(page) == page, "run: python scripts/county_table.py"


def test_another_figure_or_another_plan_is_another_table(monkeypatch: pytest.MonkeyPatch) -> None:
    before = county_table.table()
    assert f"{plan(16, 4, 30).disk_bytes / 1e12:.2f} TB" in before and "Together 320 cameras" in before
    found = json.loads(county_table.FIGURES.read_text())
    for row in found["rows"]:
        row["ours"] = (row["ours"] or 0) * 2
    monkeypatch.setattr(county_table.json, "loads", lambda _text: found)
    assert county_table.table() != before
    monkeypatch.undo()
    monkeypatch.setattr(county_table, "MBPS", 8.0)
    assert county_table.table() != before
