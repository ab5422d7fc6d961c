"""The door's speed, beside sshd that runs htop. `python bench/door.py --help`; docs/benchmarks.md.

Both are met by the same OpenSSH client on loopback, turn about, on a terminal of 160×48 that answers what it is asked.
First paint is the frame with its tabs; of the peer, its first whole screen.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts import visits
from bench.parts.rows import Row, add_options, report, say
from bench.parts.sshd import full_screen_program

PARTS = ("paint", "pictures", "crowd", "idle", "four")


def measure(folder: Path, options: argparse.Namespace) -> list[Row]:
    """All parts that are wanted, on one house; four cameras side by side on another, which has four."""
    rows: list[Row] = []
    if "four" in options.parts:
        rows += visits.side_by_side(folder / "four", min(options.repeat, 15))
    if set(options.parts) == {"four"}:
        return rows
    with visits.both(folder) as sides:
        say(f"the peer is sshd with {sides.sshd.program}")
        if "paint" in options.parts:
            rows += visits.first_paints(sides, options.repeat)
        if "pictures" in options.parts:
            rows += visits.thumbnails(sides, min(options.repeat, 15))
        if "crowd" in options.parts:
            rows += visits.at_once(sides, options.crowd, max(1, options.repeat // 4))
        if "idle" in options.parts:
            rows += visits.standing(sides, min(5, options.idle), options.seconds)
    return rows


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--repeat", type=int, default=12, help="turns; medians are reported (default 12)")
    parser.add_argument("--crowd", type=int, default=12, help="log-ins at once, fifteen at most (default 12)")
    parser.add_argument("--idle", type=int, default=4, help="sessions left alone, five at most (default 4)")
    parser.add_argument("--seconds", type=float, default=20.0, help="for which they are left alone (default 20)")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="holdshelf-bench-", dir=options.folder))
    try:
        rows = measure(folder, options)
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    return report("door", rows, options, repeat=options.repeat, peer=f"sshd with {full_screen_program()}")


if __name__ == "__main__":
    sys.exit(main())
