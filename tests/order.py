"""Which test files begin first: the longest, so that no worker is left with one of them when the others are done.

`seconds.txt` beside this page says how long each file takes; one that it does not name counts as a middling one. To write it
anew: `pytest -m "not soak" --junitxml=times.xml`, then `python -m tests.order times.xml`.
"""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

import pytest

SECONDS = Path(__file__).with_name("seconds.txt")
UNKNOWN_S = 15


def read() -> dict[str, int]:
    """Seconds by path from the root."""
    lines = (line.split(maxsplit=1) for line in SECONDS.read_text().splitlines())
    return {path: int(seconds) for seconds, path in lines}


def longest_first(items: list[pytest.Item]) -> None:
    """In place; the tests of a file stay together, in their order."""
    seconds = read()
    items.sort(key=lambda item: -seconds.get(item.nodeid.split("::")[0], UNKNOWN_S))


def write(report: Path) -> None:
    """``report``: pytest's JUnit XML of a whole run."""
    took: defaultdict[str, float] = defaultdict(float)
    for case in ET.parse(report).iter("testcase"):
        took[case.attrib["classname"].replace(".", "/") + ".py"] += float(case.attrib["time"])
    rows = sorted(((math.ceil(seconds), path) for path, seconds in took.items()), key=lambda row: (-row[0], row[1]))
    SECONDS.write_text("".join(f"{seconds:4} {path}\n" for seconds, path in rows))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
