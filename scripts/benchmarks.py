"""Writes the tables of docs/benchmarks.md from the figures that `bench/*.py --save` kept.

So no table can tell of another program than the one whose commit stands under it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.parts.rows import COLUMNS, FIGURES, Row, cells  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks.md"
_PLACE = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def table(found: dict[str, Any]) -> str:
    """A bench's rows, and under them when and where they were measured."""
    rows = [Row(**row) for row in found["rows"]]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    machine = found["machine"]
    lines += [
        "",
        f"`{found['command']}`, commit {found['commit']}, {found['on']}; {machine['cores']} cores of {machine['processor']}, "
        f"Linux {machine['kernel']}, Python {machine['python']}; load {machine['load'][0]:.1f} at the end.",
    ]
    return "\n".join(lines) + "\n"


def rendered(page: str) -> str:
    """The page with its tables as the figures are."""

    def fill(place: re.Match[str]) -> str:
        path = FIGURES / f"{place[2]}.json"
        body = table(json.loads(path.read_text())) if path.exists() else "Not measured yet.\n"
        return f"{place[1]}\n{body}\n{place[3]}"

    return _PLACE.sub(fill, page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
