"""`make mutants`: each area names what is there. (That a change is made and noticed is the command's own work.)"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_area_has_a_product_and_its_tests() -> None:
    found = importlib.util.spec_from_file_location("mutants", ROOT / "scripts" / "mutants.py")
    assert found is not None and found.loader is not None
    mutants = importlib.util.module_from_spec(found)
    sys.modules["mutants"] = mutants  # for its dataclass
    try:
        found.loader.exec_module(mutants)
    finally:
        del sys.modules["mutants"]
    assert [area.name for area in mutants.AREAS] == ["rules", "log", "holds", "segments", "releases", "keys"]
    for area in mutants.AREAS:
        for path in area.product:
            assert (ROOT / path).is_file() or list((ROOT / path).glob("*.py")), path
        for path in area.tests:
            assert list((ROOT / path).rglob("test_*.py")), path
