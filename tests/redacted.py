"""A masked copy beside its original, frame by frame: what is under the boxes over other people, and what is beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from holdshelf_core.looks.masks import COLOR_REACH_PX, GRAY, covered
from holdshelf_core.policy.model import MovingBox
from holdshelf_core.policy.redaction import place
from holdshelf_core.times import parse_rfc3339

BLOCK_PX = 8
"""The encoder mixes what lies in one block: so near to an edge nothing is compared."""

type Planes = tuple[np.ndarray[Any, np.dtype[np.uint8]], ...]


def planes(path: Path) -> list[Planes]:
    """All frames, in the order in which they are shown: luma and both chroma planes."""
    with av.open(str(path)) as container:
        frames = []
        for frame in container.decode(video=0):
            whole = frame.to_ndarray(format="yuv420p")
            height, width = frame.height, frame.width
            chroma = whole[height:].reshape(2, height // 2, width // 2)
            frames.append((whole[:height], chroma[0], chroma[1]))
        return frames


def times(bundle: Path, file: str) -> list[int]:
    """When each frame of a video was shown, in that order, UTC ns."""
    rows = csv.DictReader(io.StringIO((bundle / "frames.csv").read_text()))
    return sorted(parse_rfc3339(row["utc"]) for row in rows if row["file"] == Path(file).name)


def compared(
    originals: Sequence[Planes], released: Sequence[Planes], at: Sequence[int], boxes: Sequence[MovingBox]
) -> int:
    """Holds each frame of the masked copy against its original. Returns in how many there was a box."""
    assert len(originals) == len(released) == len(at)
    hidden = 0
    for original, frame, at_utc_ns in zip(originals, released, at, strict=True):
        places = [there for box in boxes if (there := place(box, at_utc_ns)) is not None]
        hidden += bool(places)
        for number, (was, now) in enumerate(zip(original, frame, strict=True)):
            height, width = was.shape
            shown = now[:height].astype(int)
            free = np.ones((height, width), bool)
            for there in places:
                left, top, right, bottom = covered(there, width, height, COLOR_REACH_PX if number else 0)
                hidden_value = 128 if number else GRAY
                # An edge makes waves in what is encoded, and leaves some where the box is next. Nothing hidden: 100 and more.
                for inset, most in ((0, 60), (8, 16)):
                    inside = abs(shown[top + inset : bottom - inset, left + inset : right - inset] - hidden_value)
                    by = inside.max(initial=0)
                    assert by <= most, (
                        f"something shows under the box: by {by} in plane {number}, {inset} samples inside"
                    )
                near = BLOCK_PX + 2
                free[max(0, top - near) : bottom + near, max(0, left - near) : right + near] = False
            free[-BLOCK_PX:] = False  # the legend begins there
            beside = abs(shown - was)[free]
            assert beside.size == 0 or beside.mean() < 4, "beside the boxes all is as it was"
    return hidden
