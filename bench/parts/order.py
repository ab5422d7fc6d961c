"""Whether files of a camera, one after the other, hold each frame of the medium that it sends over and over.

A stand-in camera repeats a medium of some hundred frames, so two recorded frames that are not neighbors in it have lost ones
between them: nothing but the order is compared, and files that are judged may be erased meanwhile. In a process of its own, as in
frames.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stretch:
    """Files of one camera in order, and the place in the medium of the last frame before them; None: not known."""

    files: Sequence[str]
    last: int | None


@dataclass(frozen=True)
class Found:
    """Frames in the files, lost ones before or between them, frames that no medium holds, and the last one's place."""

    recorded: int
    lost: int
    strangers: int
    last: int | None


def judge(hashes: Sequence[str], stretches: Mapping[str, Stretch]) -> dict[str, Found]:
    """By camera. ``hashes``: of the medium, each its own. Raises CalledProcessError where a file is no recording."""
    asked = {"hashes": list(hashes), "stretches": {name: asdict(one) for name, one in stretches.items()}}
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(asked).encode(), stdout=subprocess.PIPE, check=True
    )
    return {name: Found(**found) for name, found in json.loads(done.stdout).items()}


def _follow(places: Mapping[str, int], stretch: Stretch) -> Found:
    from tests.rig.hashes import recorded_hashes  # noqa: PLC0415 - FFmpeg, see above

    recorded = lost = strangers = 0
    last = stretch.last
    for sha256 in recorded_hashes([Path(name) for name in stretch.files]):
        recorded += 1
        place = places.get(sha256)
        if place is None:
            strangers += 1
            continue
        if last is not None:
            lost += (place - last - 1) % len(places)
        last = place
    return Found(recorded, lost, strangers, last)


def _main() -> None:
    asked = json.load(sys.stdin)
    places = {sha256: at for at, sha256 in enumerate(asked["hashes"])}
    if len(places) < len(asked["hashes"]):
        raise SystemExit("Two frames of this medium are equal: what was lost between them cannot be told.")
    found = {name: asdict(_follow(places, Stretch(**one))) for name, one in asked["stretches"].items()}
    print(json.dumps(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    _main()
