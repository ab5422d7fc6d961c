"""docs/benchmarks.md says what was measured, and nothing else."""

from __future__ import annotations

import json
import re

from bench.parts.rows import FIGURES
from scripts import benchmarks


def test_the_tables_are_those_of_the_figures() -> None:
    page = benchmarks.PAGE.read_text()
    assert benchmarks.rendered(page) == page, "run: python scripts/benchmarks.py"


def test_each_place_has_its_figures_and_each_figure_its_place() -> None:
    places = set(re.findall(r"<!-- figures: ([a-z-]+) -->", benchmarks.PAGE.read_text()))
    assert places == {path.stem for path in FIGURES.glob("*.json")}


def test_each_was_measured_on_a_commit() -> None:
    for path in FIGURES.glob("*.json"):
        found = json.loads(path.read_text())
        assert re.fullmatch(r"[0-9a-f]{7,40}", found["commit"]), f"{path.name}: measured on {found['commit']}"
