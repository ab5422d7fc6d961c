"""The rules of gaps in docs/disk-format.md, held against a camera's journals. Uses nothing of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NS = 1_000_000_000
type Told = tuple[int, int | None, str]
"""Boottime of start and end (None: still open), and `recorded` or the reason of a gap."""


def lines_of(footage_of_camera: Path) -> list[dict[str, Any]]:
    """All whole lines of all its journals."""
    found = []
    for path in sorted(footage_of_camera.glob("*/journal.jsonl")):
        found += [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    return found


def told(lines: list[dict[str, Any]]) -> list[Told]:
    """What is told of one boot, in the order of recording; each gap is held against the rules of its own."""
    ends: dict[int, dict[str, Any]] = {}
    for line in lines:
        if line["kind"] == "gap_end":
            ends.setdefault(line["gap"], line)
    found: list[Told] = []
    for line in lines:
        start = line.get("start_boot_ns", 0)
        if line["kind"] == "segment":
            found.append((start, start + line["duration_ns"], "recorded"))
        elif line["kind"] == "gap":
            end = ends.get(line["gap"])
            found.append((start, start + end["elapsed_ns"] if end else None, line["reason"]))
            if end is not None:
                apart_ns = end["end_utc_ns"] - line["start_utc_ns"]
                if line["reason"] == "clock stepped":
                    assert end["elapsed_ns"] <= 1_000_000, (line, end)
                else:
                    assert apart_ns >= 0, (line, end)
                    assert abs(apart_ns - end["elapsed_ns"]) <= NS // 2, (line, end)
    return sorted(found, key=lambda item: (item[0], item[0] if item[1] is None else item[1]))


def check_meets(all_told: list[Told]) -> list[str]:
    """Each begins where the one before ended; only the last may be open. Returns the reasons of gaps, in order."""
    at_ns: int | None = None
    for start_ns, end_ns, what in all_told:
        assert at_ns is None or abs(start_ns - at_ns) <= 1_000_000, (what, (start_ns - at_ns) / NS, all_told)
        assert end_ns is not None or (start_ns, end_ns, what) == all_told[-1], "an open gap that is not the last"
        at_ns = end_ns
    return [what for _start, _end, what in all_told if what != "recorded"]


def check_journals(footage: Path) -> None:
    """Every camera below `footage`, recorded within one boot."""
    for camera in footage.iterdir():
        check_meets(told(lines_of(camera)))
