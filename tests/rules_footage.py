"""A recorder without cameras, for tests of the rules: real segments through ``Footage``, each of which says what it is."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np

from holdshelf_storage.footage.footage import Footage, OpenSegment, SegmentFacts

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

NS = 1_000_000_000
LONGEST_NS = 60 * NS
_COMMENT_CHARS = 320
OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "900000", "flush_packets": "1"}


class Clocks(Protocol):
    """What time it is."""

    wall_ns: int
    boot_ns: int
    boots: int


@functools.cache
def _template() -> bytes:
    """A real file of two seconds, whose comment is a place to be filled."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options=OPTIONS) as container:
        container.metadata["comment"] = "#" * _COMMENT_CHARS
        stream = container.add_stream("libx264", rate=2, options={"preset": "ultrafast", "g": "8"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, 2)
        for number in range(4):
            picture = np.full((48, 64, 3), number * 40, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()


def segment_bytes(camera: str, seq: int, start_utc_ns: int, start_boot_ns: int, boot: str) -> bytes:
    """A file that says whose it is, as the recorder's do."""
    facts = {"holdshelf": 1, "seq": seq, "camera": camera, "start_utc_ns": start_utc_ns}
    facts |= {"start_boot_ns": start_boot_ns, "boot": boot, "run": f"run-{boot}", "codec": "h264"}
    comment = json.dumps(facts).encode().ljust(_COMMENT_CHARS)
    assert len(comment) == _COMMENT_CHARS
    return _template().replace(b"#" * _COMMENT_CHARS, comment)


def read_origin(fd: int) -> dict[str, Any]:
    """What the bytes behind a descriptor say of themselves."""
    data = os.pread(fd, 1 << 16, 0)
    begin = data.index(b'{"holdshelf"')
    origin: dict[str, Any] = json.loads(data[begin : data.index(b"}", begin) + 1])
    return origin


def read_origin_of(path: Path) -> dict[str, Any] | None:
    """What a file says of itself; None when it holds nothing yet."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_origin(fd) if os.fstat(fd).st_size else None
    finally:
        os.close(fd)


@dataclass(slots=True)
class Camera:
    """What acts meet as ``recorder.camera.CameraRecorder``."""

    current: OpenSegment | None = None
    current_start_utc_ns: int = 0
    start_boot_ns: int = 0
    reason: str = ""
    state: str = "recording"
    detail: str = ""
    codec: str = "h264"
    width: int = 640
    height: int = 360
    last_gap: tuple[int, int, str] | None = None

    @property
    def is_recording(self) -> bool:
        return self.current is not None

    @property
    def current_seq(self) -> int:
        assert self.current is not None
        return self.current.seq


class Cameras:
    """What the root object meets as ``recorder.Recorder``. ``closed``: (camera, sequence, start, end) of what was finished."""

    def __init__(self, time: Clocks) -> None:
        self.time = time
        self.cameras: dict[str, Camera] = {}
        self.segment_s = 60.0
        self.workers = SimpleNamespace(pids=list)
        self.backfill = SimpleNamespace(sources=None)
        self._footage: Footage | None = None

    # --- as the root object calls it ----------------------------------------------------------------------------

    async def async_add(self, target: Any) -> None:
        self.cameras.setdefault(target.camera, Camera())

    async def async_remove(self, name: str) -> None:
        self.close(name)
        del self.cameras[name]

    async def async_attach(self, footage: Footage, *_rest: object) -> None:
        self._footage = footage

    async def async_detach(self, *_args: object, **_options: object) -> None:
        self._footage = None

    def async_without_volume(self, _reason: str) -> None: ...

    async def async_set_stream(self, *_args: object) -> None: ...

    def async_watch(self) -> None: ...

    # --- recording ------------------------------------------------------------------------------------------------

    def async_record(self, _house: Holdshelf | None = None) -> None:
        """Every camera that has no open segment begins one, and has its first pictures on disk."""
        assert self._footage is not None
        for name, camera in self.cameras.items():
            if camera.current is None:
                segment = self._footage.open_segment(name)
                camera.current, camera.current_start_utc_ns = segment, self.time.wall_ns
                camera.start_boot_ns = self.time.boot_ns
                os.write(segment.fd, self._bytes(name, camera))

    def close_all(self) -> list[tuple[str, int, int, int]]:
        """Ends what is being written; (camera, sequence, start, end) of each. Lasts as long as time has run, at most a minute."""
        return [self.close(name) for name, camera in self.cameras.items() if camera.current is not None]

    def close(self, name: str) -> tuple[str, int, int, int]:
        """Ends one camera's segment."""
        camera = self.cameras[name]
        segment, start = camera.current, camera.current_start_utc_ns
        assert segment is not None
        assert self._footage is not None
        data = self._bytes(name, camera)
        duration_ns = max(NS, min(LONGEST_NS, self.time.boot_ns - camera.start_boot_ns))
        facts = SegmentFacts(
            start_utc_ns=start,
            duration_ns=duration_ns,
            run=f"run-{self.time.boots}",
            boot=f"boot-{self.time.boots}",
            start_boot_ns=camera.start_boot_ns,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=64,
            height=48,
            frames=4,
            activity=[100],
        )
        self._footage.close_segment(segment, facts)
        camera.current = None
        return name, segment.seq, start, start + duration_ns

    def forget(self) -> None:
        """A crash: nothing is finished."""
        for camera in self.cameras.values():
            if camera.current is not None:
                os.close(camera.current.fd)
                camera.current = None
        self._footage = None

    def _bytes(self, name: str, camera: Camera) -> bytes:
        assert camera.current is not None
        boot = f"boot-{self.time.boots}"
        return segment_bytes(name, camera.current.seq, camera.current_start_utc_ns, camera.start_boot_ns, boot)
