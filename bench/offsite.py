"""A hold brought into a real Ceph beside `rclone copy` and `aws s3 cp` of the same files. `python bench/offsite.py --help`.

Ours: each segment sealed, put, held, read back, and noted on disk, three on their way at a time, as the worker does.
Peers: the files as they are, unsealed and unprotected, as many at a time as the programs do by themselves.
Debian: scripts/s3-packages.txt and scripts/s3-bench-packages.txt. Ceph keeps everything in memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts.rows import Row, add_options, median_row, report, say
from holdshelf_core.offsite.sealing import new_key
from holdshelf_core.offsite.store import Bucket
from holdshelf_core.offsite.types import Place
from tests.rig import ceph as rig
from tests.rig.ceph import Ceph
from tests.rig.elsewhere import Elsewhere, place_of

BAR = 1.5
HOLD = "H-2026-0001"
OURS, RCLONE, AWS = "ours", "rclone", "aws s3 cp"


def environment(place: Place) -> dict[str, str]:
    """Where the peers send, and as whom: never on a command line."""
    return {
        "PATH": "/usr/bin:/bin",  # Debian's programs, and nothing that this account has set up for itself
        "HOME": os.devnull,
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_CEPH_TYPE": "s3",
        "RCLONE_CONFIG_CEPH_PROVIDER": "Ceph",
        "RCLONE_CONFIG_CEPH_ENDPOINT": place.url,
        "RCLONE_CONFIG_CEPH_ACCESS_KEY_ID": place.access_key,
        "RCLONE_CONFIG_CEPH_SECRET_ACCESS_KEY": place.secret,
        "AWS_ACCESS_KEY_ID": place.access_key,
        "AWS_SECRET_ACCESS_KEY": place.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def timed(doing: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall, and of CPU in this process and those that it waited for."""
    began_s, before = time.monotonic(), _cpu_s()
    doing()
    return time.monotonic() - began_s, _cpu_s() - before


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(words: list[str], place: Place) -> None:
    """Run a peer to its end. Raises CalledProcessError."""
    subprocess.run(words, env=environment(place), check=True, stdout=subprocess.DEVNULL)


def emptied(ceph: Ceph, place: Place) -> None:
    """Ceph has it in memory: give that back."""
    bucket = Bucket(place)
    for one in list(bucket.versions("")):
        bucket.delete(one)
    ceph.admin("gc", "process", "--include-all")


def turn(ceph: Ceph, folder: Path, segments: int, size: int, order: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Once each, the same bytes into a bucket of its own."""
    found = {}
    place = place_of(ceph, recipient=new_key()[1])
    at = Elsewhere(folder / "ours", place, "")
    at.write_hold(HOLD)
    for seq in range(1, segments + 1):
        at.record(HOLD, seq, os.urandom(size))
    shelf = at.shelf / HOLD
    os.sync()
    peers = {
        RCLONE: ["rclone", "copy", "--quiet", str(shelf), "ceph:{bucket}/files"],
        AWS: [
            "aws",
            "--endpoint-url",
            place.url,
            "s3",
            "cp",
            "--quiet",
            "--recursive",
            str(shelf),
            "s3://{bucket}/files",
        ],
    }

    def ours() -> None:
        at.keeper.keep(HOLD, "the head\n")
        assert at.keeper.counts(HOLD)[:2] == (segments, 0)

    def theirs(name: str, other: Place) -> None:
        run([word.format(bucket=other.bucket) for word in peers[name]], other)

    for name in order:
        where = place if name == OURS else place_of(ceph)
        found[name] = timed(ours if name == OURS else lambda name=name, where=where: theirs(name, where))  # type: ignore[misc]
        emptied(ceph, where)
    at.close()
    shutil.rmtree(folder / "ours")
    return found


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=30, help="files of the hold (default 30)")
    parser.add_argument("--mb", type=float, default=15, help="MB of each: a minute at 2 Mbit/s has 15 (default 15)")
    parser.add_argument("--repeat", type=int, default=5, help="turns; medians are reported (default 5)")
    parser.add_argument("--folder", type=Path, help="where to make the files (default: the temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    size = round(options.mb * 1e6)
    turns = []
    with tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as name, rig.running() as ceph:
        for number in range(options.repeat):
            order = (OURS, RCLONE, AWS) if number % 2 else (RCLONE, OURS, AWS)
            turns.append(turn(ceph, Path(name), options.segments, size, order))
            words = ", ".join(
                f"{who} {taken_s:.2f} s ({cpu_s:.2f} CPU s)" for who, (taken_s, cpu_s) in turns[-1].items()
            )
            say(f"{words}; load {os.getloadavg()[0]:.1f}")
    what = f"a hold of {options.segments} × {options.mb:g} MB into Ceph"
    rows: list[Row] = []
    for peer, bar in ((RCLONE, BAR), (AWS, None)):
        pairs = [(one[OURS][0], one[peer][0]) for one in turns]
        cpu = [(one[OURS][1], one[peer][1]) for one in turns]
        rows.append(median_row(f"{what}, beside {peer}", "s", pairs, bar=bar))
        rows.append(median_row(f"  CPU, without Ceph's, beside {peer}", "CPU s", cpu))
    return report("offsite", rows, options, repeat=options.repeat)


if __name__ == "__main__":
    sys.exit(main())
