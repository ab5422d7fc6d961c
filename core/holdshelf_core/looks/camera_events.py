"""Events that cameras report themselves (motion, tampering, signal loss, a digital input): stored, read, deleted.

One small file per camera and UTC day, ``STATE/events/CAMERA/DAY.jsonl``, one line per change. Written in the background, a few
seconds late at most, and without a sync: they are hints for viewers, not evidence. A day's lines are deleted when the day's
footage is gone. They show and name nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.integration.bus import Event
from holdshelf_core.times import DAY_NS
from holdshelf_storage import layout
from holdshelf_storage.atomic import append_file, make_dir, read_all, whole_lines
from holdshelf_storage.decoding import JsonDecoder
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

KINDS = ("motion", "tamper", "signal_loss", "digital_input")
STOPPED = "stopped"
"""A line that ends all ongoing events: the service was not running to see their end."""
WRITE_EVERY_S = 2.0
WAITING_MAX = 10_000
DAY_MAX_BYTES = 1 << 20
MARKS_MAX = 4_000
KEPT_ANYWAY_DAYS = 2


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change. ``on`` None: a single event without an end. ``source`` distinguishes two inputs of a camera."""

    at_utc_ns: int
    kind: str
    source: str = ""
    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """The duration of an event; ``end_utc_ns`` None: ongoing."""

    kind: str
    start_utc_ns: int
    end_utc_ns: int | None


_encoder = msgspec.json.Encoder()
_decoder: JsonDecoder[Line] = JsonDecoder(Line)


class CameraEvents:
    """Camera events of the service. ``async_…`` on the loop; ``read``, ``write`` and ``forget`` block."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "events"
        self._waiting: list[tuple[str, Line]] = []
        self._came = asyncio.Event()
        self._writing = asyncio.Lock()
        self.dropped = 0

    def async_note(self, event: Event) -> None:
        """Handle a ``camera_event`` of the bus."""
        data = event.data
        camera, kind = data.get("camera"), data.get("kind")
        if not isinstance(camera, str) or not layout.is_camera(camera) or kind not in KINDS:
            return
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            return
        self._waiting.append((camera, Line(event.at_utc_ns, kind, str(data.get("source", ""))[:32], data.get("on"))))
        self._came.set()

    async def async_run(self) -> None:
        """Write new events every few seconds, until canceled."""
        while True:
            await self._came.wait()
            await asyncio.sleep(WRITE_EVERY_S)
            await self.async_flush()

    async def async_flush(self) -> None:
        """Write all noted events to their files. What cannot be written is dropped: recording continues."""
        async with self._writing:
            self._came.clear()
            lines, self._waiting = self._waiting, []
            if not lines:
                return
            try:
                await asyncio.to_thread(self.write, lines)
            except (StorageError, OSError) as error:
                self.dropped += len(lines)
                _LOGGER.warning("what cameras told could not be kept: %s", error)

    async def async_read(self, camera: str, start_utc_ns: int, end_utc_ns: int, joined_ns: int = 0) -> list[Mark]:
        """Like ``read``, including the latest events."""
        await self.async_flush()
        return await asyncio.to_thread(self.read, camera, start_utc_ns, end_utc_ns, joined_ns)

    def settle(self, alive_utc_ns: int) -> None:
        """At start: what went on when the service was last known to have lived ended then. Raises StorageError."""
        days = [layout.day_of(alive_utc_ns - n * DAY_NS) for n in range(2)]
        cameras = [f.name for f in self._folder.glob("*") if any((f / f"{day}.jsonl").exists() for day in days)]
        self.write((camera, Line(alive_utc_ns, STOPPED)) for camera in cameras if layout.is_camera(camera))

    def write(self, lines: Iterable[tuple[str, Line]]) -> None:
        """Append to the days' files; a full file accepts no more. Raises StorageError."""
        days: dict[tuple[str, str], list[bytes]] = {}
        for camera, line in lines:
            encoded = _encoder.encode(line) + b"\n"
            days.setdefault((camera, layout.day_of(line.at_utc_ns)), []).append(encoded)
        for (camera, day), encoded_lines in days.items():
            folder = self._folder / camera
            for made in (self._folder, folder):
                make_dir(made)
            path = folder / f"{day}.jsonl"
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > DAY_MAX_BYTES:
                    self.dropped += len(encoded_lines)
                    continue
            append_file(str(path), b"".join(encoded_lines), f"What {camera} told", durable=False)

    def read(self, camera: str, start_utc_ns: int, end_utc_ns: int, joined_ns: int = 0) -> list[Mark]:
        """Return the events that overlap a span, in order, ``MARKS_MAX`` at most. Events of a kind closer than ``joined_ns``
        are merged.

        An event whose end was not seen ends when the service was last known to run (``settle``).
        """
        open_since: dict[tuple[str, str], int] = {}
        marks: list[Mark] = []
        day_ns = start_utc_ns // DAY_NS * DAY_NS - DAY_NS  # something may have begun the day before
        while day_ns < end_utc_ns:
            for line in self._lines(camera, layout.day_of(day_ns)):
                if line.kind == STOPPED:
                    marks += [Mark(kind, at, max(at, line.at_utc_ns)) for (kind, _), at in open_since.items()]
                    open_since.clear()
                    continue
                key = (line.kind, line.source)
                began = open_since.pop(key, None)
                if line.on is None:
                    marks.append(Mark(line.kind, line.at_utc_ns, line.at_utc_ns))
                elif line.on:
                    if began is not None:
                        marks.append(Mark(line.kind, began, line.at_utc_ns))
                    open_since[key] = line.at_utc_ns
                elif began is not None:
                    marks.append(Mark(line.kind, began, line.at_utc_ns))
            day_ns += DAY_NS
        marks += [Mark(kind, began, None) for (kind, _), began in open_since.items()]
        inside = [
            mark
            for mark in marks
            if mark.start_utc_ns < end_utc_ns and (mark.end_utc_ns is None or mark.end_utc_ns >= start_utc_ns)
        ]
        return _joined(sorted(inside, key=lambda m: (m.start_utc_ns, m.kind)), joined_ns)[:MARKS_MAX]

    def forget(self, kept: Callable[[str], set[str]], now_utc_ns: int) -> int:
        """Remove the files of days that ``kept`` (of a camera) does not name, but for the newest; returns how many."""
        newest = {layout.day_of(now_utc_ns - n * DAY_NS) for n in range(-1, KEPT_ANYWAY_DAYS)}
        gone = 0
        for folder in sorted(self._folder.glob("*")):
            days = kept(folder.name) | newest
            for file in sorted(folder.glob("*.jsonl")):
                if layout.is_day(file.stem) and file.stem not in days:
                    file.unlink(missing_ok=True)
                    gone += 1
            with contextlib.suppress(OSError):
                folder.rmdir()
        return gone

    def _lines(self, camera: str, day: str) -> list[Line]:
        layout.check_camera(camera)
        try:
            fd = os.open(self._folder / camera / f"{day}.jsonl", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return []
        try:
            data = read_all(fd, 2 * DAY_MAX_BYTES)
        finally:
            os.close(fd)
        found: list[Line] = []
        for line in whole_lines(data):
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(_decoder.decode(line))
        return found


def _joined(marks: list[Mark], joined_ns: int) -> list[Mark]:
    """Merge marks of one kind that are closer than that."""
    found: list[Mark] = []
    last: dict[str, int] = {}
    for mark in marks:
        number = last.get(mark.kind)
        before = found[number] if number is not None else None
        if before is not None and (before.end_utc_ns is None or mark.start_utc_ns - before.end_utc_ns <= joined_ns):
            ends = None if None in (before.end_utc_ns, mark.end_utc_ns) else _later(before.end_utc_ns, mark.end_utc_ns)
            found[number or 0] = Mark(mark.kind, before.start_utc_ns, ends)
        else:
            last[mark.kind] = len(found)
            found.append(mark)
    return found


def _later(*times: Any) -> int:
    return int(max(times))
