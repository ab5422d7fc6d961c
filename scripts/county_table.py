"""Writes the table of a county into docs/offsite.md: what runs where, and the disks, lines and CPU that it takes.

    python scripts/county_table.py

Disks and lines are `holdshelf plan`'s own arithmetic; CPU and memory are what `bench/record.py --save` measured. So the table
can say nothing else than they do.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from holdshelf_core.buffer.plan import plan  # noqa: E402

PAGE = ROOT / "docs" / "offsite.md"
FIGURES = ROOT / "bench" / "figures" / "record.json"
BRANCHES, CAMERAS, MBPS, DAYS = 20, 16, 4.0, 30.0
BENCH_MBPS: Final = 2.0
"""The rate of the bench's cameras."""
HOLDS, HOLD_CAMERAS, HOLD_HOURS = 12, 4, 2
"""In force at the same time in each branch, and what each keeps."""
NIGHT_HOURS = 8
_PLACE = re.compile(r"(<!-- county -->\n).*?(<!-- end of county -->)", re.DOTALL)


class Line(NamedTuple):
    """A row: what runs, where, how many; and of each: disk, line in and out, cores, memory."""

    what: str
    where: str
    number: int
    disk_bytes: float
    line_in: str
    line_out: str
    cores: float
    memory_mb: float


def measured(what: str) -> float:
    """A figure of the bench, ours, by the name of its row."""
    rows = json.loads(FIGURES.read_text())["rows"]
    return float(next(row["ours"] for row in rows if row["what"] == what))


def lines() -> list[Line]:
    """The rows of the table."""
    need = plan(CAMERAS, MBPS, DAYS)
    hold_bytes = plan(HOLD_CAMERAS, MBPS, HOLD_HOURS / 24).footage_bytes
    held_bytes = hold_bytes * HOLDS
    a_night_mbps = hold_bytes * 8 / 1e6 / (NIGHT_HOURS * 3600)
    camera_mbps = need.bytes_per_s * 8 / 1e6
    per_camera = measured(f"CPU, {CAMERAS} cameras, spread") / 60
    cores = per_camera * CAMERAS * MBPS / BENCH_MBPS
    memory = measured(f"memory (PSS), everything, {CAMERAS} cameras, spread")
    everywhere = f"{a_night_mbps:.1f} Mbit/s at night"
    county = f"{a_night_mbps * BRANCHES:.0f} Mbit/s at night"
    return [
        Line(
            f"recorder, {CAMERAS} cameras, {DAYS:g} days",
            "each branch",
            BRANCHES,
            need.disk_bytes,
            f"{camera_mbps:.0f} Mbit/s, inside the branch",
            everywhere,
            cores,
            memory,
        ),
        Line("one bucket of an S3 store", "the county", 1, held_bytes * BRANCHES, county, "-", 0, 0),
    ]


def table() -> str:
    """The table, the sums, and what they rest on."""
    rows = lines()
    said = ["| what | where | how many | disk of each | line in | line out | cores | memory |", "|" + "---|" * 8]
    for row in rows:
        cores = f"{row.cores:.3f}" if row.cores else "the store's"
        memory = f"{row.memory_mb:.0f} MB" if row.memory_mb else "the store's"
        cells = (row.what, row.where, str(row.number), f"{row.disk_bytes / 1e12:.2f} TB", row.line_in, row.line_out)
        said.append("| " + " | ".join((*cells, cores, memory)) + " |")
    disks = sum(row.disk_bytes * row.number for row in rows) / 1e12
    cores = sum(row.cores * row.number for row in rows)
    one = plan(CAMERAS * BRANCHES, MBPS, DAYS)
    found = json.loads(FIGURES.read_text())
    said += [
        "",
        f"Together {BRANCHES * CAMERAS} cameras, {disks:.1f} TB of disks and {cores:.2f} cores. One recorder for all of them "
        f"would need {one.disk_bytes / 1e12:.1f} TB in one place, and {one.bytes_per_s * 8 / 1e6:,.0f} Mbit/s of lines between "
        "the buildings, day and night; a line that is cut would lose footage.",
        "",
        f"Counted on: {MBPS:g} Mbit/s a camera; {HOLDS} holds in force in each branch, each of {HOLD_CAMERAS} cameras for "
        f"{HOLD_HOURS} hours; a new hold is in the store after one night of {NIGHT_HOURS} hours, in all branches at once. Disks "
        f"and lines by `holdshelf plan --cameras {CAMERAS} --mbps {MBPS:g} --days {DAYS:g}`; cores by `bench/record.py` at "
        f"commit {found['commit']}, measured at {BENCH_MBPS:g} Mbit/s and multiplied by {MBPS / BENCH_MBPS:g}: "
        "most goes by the byte.",
    ]
    return "\n".join(said) + "\n"


def rendered(page: str) -> str:
    """The page with its table as the arithmetic and the figures are."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{table()}\n{place[2]}", page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
