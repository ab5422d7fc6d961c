"""The rules' speed: a decision, a hold, a look, a picture, a million entries of the log. See `--help`, docs/benchmarks.md.

Each is done as the service does it and set beside what anybody would compare it with: the same on an empty house, one
fdatasync, `ffmpeg -ss … -frames:v 1` on the same files, one SHA-256 of the same bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts import access_log, decisions, holds, stills
from bench.parts.library import Library, make_library
from bench.parts.rows import Row, add_options, report, say
from tests.rig.rtsp import Mount, RtspServer

PARTS = ("decisions", "holds", "looks", "stills", "log")


def acts(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Holds and looks, on one library and beside an empty one."""
    mounts = [Mount(f"camera-{number + 1:02d}") for number in range(options.cameras)]
    rows: list[Row] = []
    with RtspServer(mounts) as server:
        houses: list[Library] = []
        for name, days, items in (("empty", 0, 0), ("used", options.days, options.items)):
            place = folder / name
            place.mkdir()
            houses.append(make_library(place, server, days, options.per_day, items))
        empty, library = houses
        say(f"{library.segments:,} segments of {options.cameras} cameras, {library.items:,} items made")
        if "holds" in options.parts:
            rows += holds.measure(library, empty, options.holds)
        if "looks" in options.parts:
            rows += access_log.look_rows(library, options.looks)
    return rows


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--cameras", type=int, default=16, help="cameras recorded meanwhile (default 16)")
    parser.add_argument("--days", type=int, default=30, help="of footage of each camera (default 30)")
    parser.add_argument("--per-day", type=int, default=1440, help="files a day and camera (default 1440)")
    parser.add_argument("--items", type=int, default=5_000, help="rows of the register (default 5000)")
    parser.add_argument("--holds", type=int, default=100, help="placed on each house (default 100)")
    parser.add_argument("--looks", type=int, default=300, help="opened in each of nine turns (default 300)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the log to be verified (default 1000000)")
    parser.add_argument("--stills", type=int, default=24, help="at different instants, for each row (default 24)")
    parser.add_argument("--seconds", type=int, default=60, help="of each file that stills are taken from (default 60)")
    parser.add_argument("--repeat", type=int, default=5, help="turns of stills; medians are reported (default 5)")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    rows: list[Row] = []

    def run(part: Callable[[Path], list[Row]]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="holdshelf-bench-", dir=options.folder))
        try:
            rows.extend(part(folder))
        finally:
            subprocess.run(["rm", "-rf", str(folder)], check=True)

    if "decisions" in options.parts:
        rows += decisions.measure(options.repeat)
    if {"holds", "looks"} & set(options.parts):
        run(lambda folder: acts(folder, options))
    if "stills" in options.parts:
        run(lambda folder: asyncio.run(stills.measure(folder, options.stills, options.repeat, options.seconds)))
    if "log" in options.parts:
        run(lambda folder: access_log.length_rows(folder, options.entries))
    return report("rules", rows, options, cameras=options.cameras, repeat=options.repeat)


if __name__ == "__main__":
    sys.exit(main())
