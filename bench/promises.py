"""What is promised in seconds, measured as people meet it. `python bench/promises.py --help`; docs/benchmarks.md.

A row's figure is the slowest of its turns, and its bar what the documents promise. No test asserts a duration, so here it shows
when a promise is broken. Root is needed for networks of its own (the slow line, WHEP).
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts.rows import Row, add_options, report, say

PARTS = {
    "rights": ("ended_rights", "rows", ("repeat",)),
    "lines": ("slow_lines", "rows", ("repeat",)),
    "redial": ("silences", "redial_rows", ("repeat",)),
    "healed": ("silences", "healed_rows", ("repeat",)),
    "silence": ("silences", "silence_rows", ("repeat",)),
    "many": ("silences", "many_rows", ("repeat", "cameras")),
    "unplugged": ("unplugged", "rows", ("repeat",)),
    "stops": ("stops", "rows", ("repeat",)),
    "hostile": ("hostile", "rows", ("hostile",)),
    "status": ("floods", "status_rows", ("repeat", "connections")),
    "floods": ("floods", "login_rows", ("repeat",)),
    "urgent": ("urgent", "rows", ("repeat", "entries")),
}
"""Module of bench/parts, what it is asked for, and the options that it takes. Loaded when it is wanted: all take seconds."""


def measure(name: str, folder: Path, options: argparse.Namespace) -> list[Row]:
    """The rows of a part, which works in a folder of its own."""
    module, function, wanted = PARTS[name]
    folder.mkdir()
    rows: list[Row] = getattr(importlib.import_module(f"bench.parts.{module}"), function)(
        folder, *(getattr(options, option) for option in wanted)
    )
    return rows


def figures_of(parts: list[str]) -> str:
    """What the figures of these parts are called: those of some alone would take the place of all."""
    return "promises" if set(parts) == set(PARTS) else "-".join(["promises", *parts])


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        metavar="PART",
        help=f"{' '.join(PARTS)}; some alone are kept apart",
    )
    parser.add_argument("--repeat", type=int, default=3, help="turns of each; the slowest is reported (default 3)")
    parser.add_argument("--cameras", type=int, default=40, help="imported and started together (default 40)")
    parser.add_argument("--connections", type=int, default=10_000, help="opened to the API in a flood (default 10000)")
    parser.add_argument("--hostile", type=int, default=100, help="of each kind of what hurts, at most (default 100)")
    parser.add_argument("--entries", type=int, default=20_000, help="of the log that is exported (default 20000)")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    os.environ["TZ"] = "UTC"  # as in the tests: what people type and read is compared with what was made
    time.tzset()
    rows: list[Row] = []
    folder = Path(tempfile.mkdtemp(prefix="holdshelf-bench-", dir=options.folder))
    try:
        for name in options.parts:
            say(f"-- {name}; load {os.getloadavg()[0]:.1f}")
            rows += measure(name, folder / name, options)
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    return report(figures_of(options.parts), rows, options, repeat=options.repeat)


if __name__ == "__main__":
    sys.exit(main())
