"""A stranger's reading of a policy's limit in days: docs/policy-file.md and docs/disk-format.md, and nothing of Holdshelf."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from footage import Erased, Segment

NS = 1_000_000_000
DAY_NS = 86_400 * NS
AGREE_NS = 300 * NS
SWEEP_NS = 180 * NS
"""A sweep comes each minute, and takes some at a time."""
_UNITS_NS = {
    "minute": 60 * NS,
    "hour": 3600 * NS,
    "day": DAY_NS,
    "week": 7 * DAY_NS,
    "month": 28 * DAY_NS,
    "year": 365 * DAY_NS,
}
_REASON = re.compile(r"at most (\d+) ([a-z]+?)s?")

type Say = Callable[[str], None]


class Clock:
    """What clock.json says: when the service last lived, and what boot time 0 of each boot was."""

    def __init__(self, state: Path) -> None:
        try:
            told = json.loads((state / "clock.json").read_text())
        except (OSError, ValueError):
            told = {}
        self.lived_utc_ns = int(told.get("trusted_utc_ns", 0))
        self.in_doubt = not told or abs(told["utc_ns"] - told["trusted_utc_ns"]) > AGREE_NS
        self._zero: dict[str, int] = dict(told.get("boots", {}))
        if told:
            self._zero[told["boot"]] = told["trusted_utc_ns"] - told["boot_ns"]

    def ended(self, segment: Segment) -> int:
        """When a segment ended, by boot time where that is known."""
        line = segment.line
        zero = self._zero.get(line["boot"]) if line["boot"] and segment.recovered is None else None
        return segment.span[1] if zero is None else int(zero + line["start_boot_ns"] + line["duration_ns"])


def limit_ns(words: str) -> int:
    """'at most 30 days' in nanoseconds; 0: it is no such limit."""
    found = _REASON.fullmatch(words)
    return int(found[1]) * _UNITS_NS.get(found[2], 0) if found else 0


def limit_of(state: Path, tables: dict[str, Any], say: Say) -> int:
    """The limit of the policy file in force; 0: there is none."""
    sha256 = next((row.get("file_sha256", "") for row in tables.get("policy", {}).values()), "")
    if not sha256:
        return 0
    data = (state / "policy" / f"{sha256}.toml").read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        say("The policy file is not the one that was adopted.")
        return 0
    most = tomllib.loads(data.decode()).get("keeping", {}).get("at_most", "")
    return limit_ns(f"at most {most}") if most else 0


def check_age(
    state: Path,
    tables: dict[str, Any],
    segments: Iterable[Segment],
    erased: Erased,
    is_held: Callable[[Segment], bool],
    say: Say,
) -> None:
    """Nothing is older than the limit but for holds, and what went by a limit was as old as that says."""
    clock, most_ns = Clock(state), limit_of(state, tables, say)
    for segment in segments:
        age_ns = clock.lived_utc_ns - clock.ended(segment)
        if segment.is_there and most_ns and not clock.in_doubt and age_ns > most_ns + SWEEP_NS and not is_held(segment):
            say(f"{segment.path} is {age_ns / DAY_NS:.2f} days old, and the policy keeps {most_ns / DAY_NS:.2f}.")
        at = (segment.camera, segment.seq)
        reason = erased.reasons.get(at, "")
        if segment.is_there or at not in erased.certain or not limit_ns(reason):
            continue
        if erased.at_utc_ns[at] - clock.ended(segment) < limit_ns(reason) - AGREE_NS:
            say(f"{segment.path} was younger than its limit ({reason}) when it was erased.")
