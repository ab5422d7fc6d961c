"""Footage without a camera, and rows without their acts, for tests of looking: written before the service starts.

Files are made by storage's own hands; rows come to the service as they do after a lost register, out of the access log.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np

from holdshelf_core.policy import model
from holdshelf_core.times import rfc3339
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.footage.hashing import frames_tree
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.register import Register
from holdshelf_storage.volume.journal import FromCamera, Gap, GapEnd
from holdshelf_storage.volume.volume import Volume

NS = 1_000_000_000
MINUTE_NS = 60 * NS
BOOT = "5b8f7f0c-7b0e-4a53-9d5e-2f3f4d1c9a10"
BOOTED_UTC_NS = 1_700_000_000 * NS
"""When the machine that recorded it was started, so that its files follow one another by both clocks."""
WIDTH, HEIGHT, FPS, SECONDS = 320, 240, 5, 20
OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "900000", "flush_packets": "1"}


@functools.cache
def mp4(
    size: tuple[int, int] = (WIDTH, HEIGHT),
    *,
    detailed: bool = False,
    comment: str = "",
    seconds: int = SECONDS,
    key_each_s: int = 1,
) -> bytes:
    """Twenty seconds that get brighter: of one shade, or with details everywhere, as a real room has them."""
    width, height = size
    details = np.zeros((height, width, 3), dtype=np.uint8)
    for number, block in enumerate(
        (height // 12, height // 45) if detailed else ()
    ):  # a small picture shows the coarse ones
        cells = np.random.default_rng(number).integers(
            0, 60, (height // block + 1, width // block + 1, 3), dtype=np.uint8
        )
        details += np.kron(cells, np.ones((block, block, 1), dtype=np.uint8))[:height, :width]
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options=OPTIONS) as container:
        if comment:
            container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": str(FPS * key_each_s)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for number in range(seconds * FPS):
            shade = 30 + number * (100 if detailed else 200) // (seconds * FPS)
            picture = np.full((height, width, 3), shade, dtype=np.uint8)
            picture += details  # never over 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()


def write(
    footage: Footage,
    camera: str,
    start_utc_ns: int,
    run: str = "run-1",
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    detailed: bool = False,
    explained: bool = False,
    from_camera: FromCamera | None = None,
    seconds: int = SECONDS,
    key_each_s: int = 1,
) -> None:
    """One closed file; something moves in its second half. ``run``: the unbroken stretch it is part of.

    ``explained``: with the comment that a recorded file has, which takes a moment more.
    """
    segment = footage.open_segment(camera)
    said = {"holdshelf": 1, "seq": segment.seq, "camera": camera, "start_utc_ns": start_utc_ns, "run": run}
    comment = json.dumps(said) if explained else ""
    data = mp4(size, detailed=detailed, comment=comment, seconds=seconds, key_each_s=key_each_s)
    with open(segment.fd, "wb", closefd=False) as file:
        file.write(data)
    frames_root = frames_tree(segment.fd).root().hex()
    footage.close_segment(
        segment,
        SegmentFacts(
            start_utc_ns=start_utc_ns,
            duration_ns=seconds * NS,
            run=run,
            boot=BOOT if from_camera is None else "",
            start_boot_ns=start_utc_ns - BOOTED_UTC_NS if from_camera is None else 0,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=size[0],
            height=size[1],
            frames=seconds * FPS,
            activity=[100] * (seconds // 2) + [100_000] * (seconds // 2),
            frames_root=frames_root,
            from_camera=from_camera or msgspec.UNSET,
        ),
    )


@dataclass(frozen=True)
class Recorded:
    """What ``record`` made: per camera two minutes, one minute of gap, two minutes."""

    start_utc_ns: int
    gap_utc_ns: int
    resumed_utc_ns: int
    end_utc_ns: int


def record(data: Path, cameras: Sequence[str], start_utc_ns: int | None = None, **look: Any) -> Recorded:
    """Footage of some cameras in a set-up data folder whose service does not run; an hour ago unless said otherwise.

    ``look``: ``size`` and ``detailed``, as `write` takes them.
    """
    start = start_utc_ns if start_utc_ns is not None else time.time_ns() - 60 * MINUTE_NS
    made = Recorded(start, start + 2 * MINUTE_NS, start + 3 * MINUTE_NS, start + 5 * MINUTE_NS)
    with _footage(data) as footage:
        for camera in cameras:
            for at in range(made.start_utc_ns, made.gap_utc_ns, SECONDS * NS):
                write(footage, camera, at, f"{camera}-{made.start_utc_ns}", **look)
            _gap(footage, camera, made.gap_utc_ns, made.resumed_utc_ns)
            for at in range(made.resumed_utc_ns, made.end_utc_ns, SECONDS * NS):
                write(footage, camera, at, f"{camera}-{made.resumed_utc_ns}", **look)
    return made


def record_one(data: Path, camera: str, start_utc_ns: int, seconds: int) -> None:
    """One file of that length, whose only key frame is its first, in a set-up data folder whose service does not run."""
    record_files(data, [(camera, start_utc_ns)], seconds)


def record_files(data: Path, files: Iterable[tuple[str, int]], seconds: int, *, explained: bool = False) -> None:
    """Files of that length by (camera, start), each a stretch of its own, in a set-up data folder whose service does not run.

    ``explained``: with the comment of a recorded file, and a gap from each to the camera's next.
    """
    ended: dict[str, int] = {}
    with _footage(data) as footage:
        for camera, start_utc_ns in files:
            if explained and camera in ended:
                _gap(footage, camera, ended[camera], start_utc_ns)
            run = f"{camera}-{start_utc_ns}"
            write(footage, camera, start_utc_ns, run, seconds=seconds, key_each_s=seconds, explained=explained)
            ended[camera] = start_utc_ns + seconds * NS


def _gap(footage: Footage, camera: str, start_utc_ns: int, end_utc_ns: int) -> None:
    gap = Gap(
        start_utc_ns=start_utc_ns,
        start_boot_ns=start_utc_ns - BOOTED_UTC_NS,
        boot=BOOT,
        reason="camera unreachable",
    )
    gap = footage.start_gap(camera, gap)
    footage.end_gap(camera, gap, GapEnd(end_utc_ns=end_utc_ns, elapsed_ns=end_utc_ns - start_utc_ns))


@contextmanager
def _footage(data: Path) -> Iterator[Footage]:
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        footage.recover()
        yield footage
    finally:
        volume.detach()


def seed(data: Path, rows: Sequence[tuple[str, str, msgspec.Struct]], at_utc_ns: int | None = None) -> None:
    """Rows (table, key, row) that the service replays from the access log at its next start; with the settings from setup, which
    a service takes into the log before all else. ``at_utc_ns``: when they were written; now, if it is left out."""
    changes: list[dict[str, Any]] = [{"table": t, "key": k, "row": msgspec.to_builtins(row)} for t, k, row in rows]
    log = AccessLog.open(data / "state")
    try:
        if not log.size:
            for row in Register.open(data / "state").table("settings").all():
                plain = {name: value for name, value in row.items() if name != "key"}
                changes.append({"table": "settings", "key": row["key"], "row": plain})
        public = {
            "at": rfc3339(time.time_ns() if at_utc_ns is None else at_utc_ns),
            "offset_s": 0,
            "action": "test.seed",
            "outcome": "done",
            "person": "admin",
        }
        log.append(public, {"changes": json.dumps(changes)})
    finally:
        log.close()


def commissioned(
    *cameras: str, masks: tuple[model.Mask, ...] = (), version: int = 1, at_utc_ns: int | None = None
) -> list[tuple[str, str, msgspec.Struct]]:
    """Cameras that a seat approved for use, lately: the checklist's walk past them is not due."""
    at = (time.time_ns() if at_utc_ns is None else at_utc_ns) - MINUTE_NS
    return [
        ("commissions", c, model.Commission(c, masks, version, approved_by="p1", approved_utc_ns=at, state="approved"))
        for c in cameras
    ]


def pixels(jpeg: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A JPEG decoded: rows × columns × RGB."""
    with av.open(io.BytesIO(jpeg), format="image2pipe", options={"c:v": "mjpeg"}) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")
