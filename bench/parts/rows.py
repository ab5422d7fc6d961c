"""What every bench prints: rows of ours, peer, ratio, bar, holds; as a table or as one JSON object, with bars or without.

Must never hide a row that could not be measured: its `holds` is false.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FIGURES = Path(__file__).parents[1] / "figures"
"""Where --save puts what docs/benchmarks.md is rendered from (scripts/benchmarks.py)."""


@dataclass
class Row:
    """One thing measured. `bar` is the most that `of` ("ratio", "ours" or "more", ours minus peer) may be."""

    what: str
    unit: str
    ours: float | None
    peer: float | None = None
    bar: float | None = None
    of: Literal["ratio", "ours", "more"] = "ratio"
    ratio: float | None = None
    holds: bool | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ratio is None and self.ours is not None and self.peer:
            self.ratio = self.ours / self.peer
        if self.bar is not None:
            value = self._judged()
            self.holds = value is not None and value <= self.bar

    def _judged(self) -> float | None:
        if self.of == "ratio":
            return self.ratio
        if self.of == "ours" or self.ours is None:
            return self.ours
        return None if self.peer is None else self.ours - self.peer

    def bar_words(self) -> str:
        if self.bar is None:
            return ""
        sign = {"ratio": "×", "ours": f" {self.unit}", "more": f" {self.unit} more"}[self.of]
        return f"≤ {self.bar:g}{sign}"


def median_row(
    what: str,
    unit: str,
    pairs: Sequence[tuple[float, float | None]],
    *,
    bar: float | None = None,
    of: Literal["ratio", "ours", "more"] = "ratio",
    **detail: Any,
) -> Row:
    """A row from several turns: medians of ours, of the peer, and of the turns' own ratios."""
    if not pairs:
        return Row(what, unit, None, None, bar, of, detail=detail)
    ours = [pair[0] for pair in pairs]
    peers = [pair[1] for pair in pairs if pair[1] is not None]
    ratios = [mine / other for mine, other in pairs if other]
    if len(pairs) > 1:
        detail["turns"] = [[round(mine, 5), other and round(other, 5)] for mine, other in pairs]
    return Row(
        what,
        unit,
        statistics.median(ours),
        statistics.median(peers) if peers else None,
        bar,
        of,
        statistics.median(ratios) if ratios else None,
        detail=detail,
    )


def p99(values: Sequence[float]) -> float:
    """The 99th percentile of two or more."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all benches share."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--bars", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--save", action="store_true", help="keep the figures for docs/benchmarks.md")


def say(text: str) -> None:
    """A word on how far it is, on stderr."""
    print(text, file=sys.stderr, flush=True)


def report(name: str, rows: Sequence[Row], options: argparse.Namespace, **more: Any) -> int:
    """Prints all rows; the exit code."""
    found = {"bench": name, **_circumstances(), **more, "rows": [asdict(row) for row in rows]}
    if options.save:
        FIGURES.mkdir(exist_ok=True)
        (FIGURES / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    if options.json:
        json.dump(found, sys.stdout)
        print()
    else:
        print_table(rows)
    missed = [row.what for row in rows if row.holds is False]
    if options.bars and missed:
        say("bars missed: " + "; ".join(missed))
        return 1
    return 0


def _circumstances() -> dict[str, Any]:
    """When, of which commit, by which command, and on what machine."""
    processor = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    machine = {
        "processor": processor[1] if processor is not None else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }
    words = [one for one in sys.argv[1:] if one not in ("--json", "--save", "--bars")]
    return {
        "commit": commit(FIGURES.parents[1]),
        "on": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *words]),
        "machine": machine,
    }


def commit(root: Path) -> str:
    """Which one is measured; with "-dirty" where files differ from it, other than figures that a bench before has saved."""

    def told(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, cwd=root, check=False).stdout.strip()

    changed = told("status", "--porcelain", "--", ".", ":!bench/figures", ":!docs/benchmarks.md")
    name = told("describe", "--always", "--exclude=*")
    return f"{name}-dirty" if name and changed else name or "unknown"


def print_table(rows: Sequence[Row]) -> None:
    """For people: one line a row."""
    lines = [list(COLUMNS), *(cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(COLUMNS))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


COLUMNS: dict[str, Callable[[Row], str]] = {
    "what": lambda row: row.what,
    "ours": lambda row: _number(row.ours),
    "peer": lambda row: _number(row.peer),
    "unit": lambda row: row.unit,
    "ratio": lambda row: "" if row.ratio is None else f"{row.ratio:.2f}",
    "bar": Row.bar_words,
    "holds": lambda row: "" if row.holds is None else "yes" if row.holds else "NO",
}


def cells(row: Row) -> list[str]:
    """One line of the table."""
    return [show(row) for show in COLUMNS.values()]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value)}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
