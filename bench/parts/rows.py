"""What every bench prints: rows of ours, peer, ratio, bar, holds; as a table or as one JSON object, with bars or without.

Must never hide a row that could not be measured: its `holds` is false.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


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


def say(text: str) -> None:
    """A word on how far it is, on stderr."""
    print(text, file=sys.stderr, flush=True)


def report(name: str, rows: Sequence[Row], options: argparse.Namespace, **more: Any) -> int:
    """Prints all rows; the exit code."""
    if options.json:
        machine = {
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
        }
        json.dump({"bench": name, "machine": machine, **more, "rows": [asdict(row) for row in rows]}, sys.stdout)
        print()
    else:
        print_table(rows)
    missed = [row.what for row in rows if row.holds is False]
    if options.bars and missed:
        say("bars missed: " + "; ".join(missed))
        return 1
    return 0


def print_table(rows: Sequence[Row]) -> None:
    """For people: one line a row."""
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("what", lambda row: row.what),
        ("ours", lambda row: _number(row.ours)),
        ("peer", lambda row: _number(row.peer)),
        ("unit", lambda row: row.unit),
        ("ratio", lambda row: "" if row.ratio is None else f"{row.ratio:.2f}"),
        ("bar", Row.bar_words),
        ("holds", lambda row: "" if row.holds is None else "yes" if row.holds else "NO"),
    ]
    cells = [[title for title, _ in columns]] + [[show(row) for _, show in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value)}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
