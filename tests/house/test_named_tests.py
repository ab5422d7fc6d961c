"""The documents promise what was tried: each test that a page names is there (docs/threats.md has rules of its own beside)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_a_page_names_is_there() -> None:
    named = missing = 0
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for path, test in re.findall(r"`((?:tests/)?[\w/]+\.py)::(test_\w+)", page.read_text()):
            file = ROOT / path if path.startswith("tests/") else ROOT / "tests" / path
            named += 1
            if not file.exists() or f"def {test}(" not in file.read_text():
                missing += 1
                print(f"{page.name}: {path} has no {test}")
    assert named > 100
    assert not missing
