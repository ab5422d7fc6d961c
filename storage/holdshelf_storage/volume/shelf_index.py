"""Looks up the shelf: which camera-days have a folder there, and footage that is only on the shelf.

A query looks here for what is missing in the day folders. Which days are on the shelf is known in memory, so a day without one
costs nothing; the files are authoritative and are checked whenever something is missing. Only reads.
"""

import os
import threading
from collections.abc import Iterator

from holdshelf_storage import layout
from holdshelf_storage.atomic import read_all
from holdshelf_storage.errors import translating
from holdshelf_storage.volume import journal, query
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.journal import GapSpan, StoredSegment

_FACTS_LIMIT_BYTES = 4 * 1024 * 1024


class ShelfIndex:
    """The shelf of one attached volume, for reading. Safe from several threads."""

    def __init__(self, days: Days) -> None:
        self._days = days
        self._guard = threading.Lock()
        self._places: dict[str, dict[str, set[str]]] | None = None
        self._tellers: dict[str, set[str]] = {}
        """By camera, the holds that have a list of its deleted days, or had one. Known with the places."""

    # -- folders --------------------------------------------------------------------------------------------------

    def holds(self) -> list[str]:
        """Ids of the holds that have a folder. Raises DiskWriteError."""
        return sorted(filter(layout.is_hold, self._days.list_folder(layout.SHELF)))

    def cameras(self, hold: str) -> list[str]:
        """The cameras that a hold has footage of."""
        return sorted(filter(layout.is_camera, self._days.list_folder(layout.hold_path(hold))))

    def days(self, hold: str, camera: str) -> list[str]:
        """The days of a camera that a hold has a folder of."""
        names = self._days.list_folder(f"{layout.hold_path(hold)}/{layout.check_camera(camera)}")
        return sorted(filter(layout.is_day, names))

    def names(self, hold: str, camera: str, day: str) -> set[str]:
        """Names of the segments of a camera-day that a hold has linked."""
        names = self._days.list_folder(layout.shelf_day_path(hold, camera, day))
        return {name for name in names if layout.parse_segment_name(name) is not None}

    def read(self, path: str, limit_bytes: int = _FACTS_LIMIT_BYTES) -> bytes | None:
        """A small file below MEDIA; None when there is none. Raises DiskWriteError."""
        with translating(f"{path} could not be read"):
            try:
                fd = os.open(
                    path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self._days.volume.root_fd
                )
            except (FileNotFoundError, NotADirectoryError):
                return None
            try:
                return read_all(fd, limit_bytes)
            finally:
                os.close(fd)

    def read_journal(self, hold: str, camera: str, day: str) -> bytes:
        """The bytes of a shelved camera-day's journal."""
        return self.read(f"{layout.shelf_day_path(hold, camera, day)}/{layout.JOURNAL}", 1 << 28) or b""

    # -- which days have a place ------------------------------------------------------------------------------------

    def placed(self, hold: str, camera: str, day: str) -> None:
        """Notes that a hold now has a folder of that camera-day."""
        with self._guard:
            if self._places is not None:
                self._places.setdefault(camera, {}).setdefault(day, set()).add(hold)

    def told_gone(self, hold: str, camera: str) -> None:
        """Notes that a hold now has a list of deleted days of that camera."""
        with self._guard:
            self._tellers.setdefault(camera, set()).add(hold)

    def removed(self, hold: str) -> None:
        """Notes that a hold's folder is gone, or may be."""
        with self._guard:
            for days in (self._places or {}).values():
                for holds in days.values():
                    holds.discard(hold)

    def holds_of(self, camera: str, day: str) -> list[str]:
        """The holds that have a folder of a camera-day."""
        return sorted(self._places_of(camera).get(day, ()))

    def days_of(self, camera: str, first_day: str, last_day: str) -> list[str]:
        """Days first..last (both included) of a camera that any hold has a folder of."""
        return sorted(day for day, holds in self._places_of(camera).items() if holds and first_day <= day <= last_day)

    def tellers_of(self, camera: str) -> list[str]:
        """The holds that have a list of deleted days of that camera, or had one."""
        self._places_of(camera)
        with self._guard:
            return sorted(self._tellers.get(camera, ()))

    def places(self) -> list[tuple[str, str, str]]:
        """(hold, camera, day) of all known folders on the shelf."""
        with self._guard:
            if self._places is None:
                self._places = self._find_places()
            return [
                (hold, camera, day)
                for camera, days in self._places.items()
                for day, holds in days.items()
                for hold in holds
            ]

    def _places_of(self, camera: str) -> dict[str, set[str]]:
        with self._guard:
            if self._places is None:
                self._places = self._find_places()
            return {day: set(holds) for day, holds in self._places.get(camera, {}).items()}

    def _find_places(self) -> dict[str, dict[str, set[str]]]:
        places: dict[str, dict[str, set[str]]] = {}
        for hold in self.holds():
            for camera in self.cameras(hold):
                names = self._days.list_folder(f"{layout.hold_path(hold)}/{camera}")
                for day in filter(layout.is_day, names):
                    places.setdefault(camera, {}).setdefault(day, set()).add(hold)
                if layout.GONE_FILE in names:
                    self._tellers.setdefault(camera, set()).add(hold)
        return places

    # -- footage that only the shelf has ------------------------------------------------------------------------------

    def complete(self, camera: str, start_utc_ns: int, end_utc_ns: int, found: list[query.Span]) -> list[query.Span]:
        """Completes a query's result with what is only on the shelf. Raises DiskWriteError."""
        first, last = layout.day_of(start_utc_ns - layout.DAY_NS), layout.day_of(max(start_utc_ns, end_utc_ns - 1))
        days = self.days_of(camera, first, last)
        if not days:
            return found
        more: list[query.Span] = []
        for day in days:
            names = set(self._days.names(camera, day))
            for hold in self.holds_of(camera, day):
                present = self.names(hold, camera, day)
                if not present - names and names:
                    continue
                more += query.spans_of(camera, day, self.read_journal(hold, camera, day), present | names)
        if more:
            found = sorted(_once([*found, *more]), key=lambda span: span.start_utc_ns)
            found = [span for span in found if query.touches(span, start_utc_ns, end_utc_ns)]
        return found

    def open_file(self, camera: str, segment: journal.Segment) -> int | None:
        """A read-only descriptor of a closed segment on the shelf; None when no hold has it. Raises DiskWriteError."""
        if layout.parse_segment_name(segment.name) is None:
            return None
        day = layout.day_of(segment.start_utc_ns)
        for hold in self.holds_of(layout.check_camera(camera), day):
            path = f"{layout.shelf_day_path(hold, camera, day)}/{segment.name}"
            with translating(f"{path} could not be opened"):
                try:
                    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._days.volume.root_fd)
                except FileNotFoundError:
                    continue
        return None


def _once(spans: list[query.Span]) -> Iterator[query.Span]:
    """Each segment and gap once: an existing segment instead of the same one erased, an ended gap instead of an open one."""
    seen: set[tuple[bool, int]] = set()
    for span in sorted(
        spans, key=lambda span: span.erased if isinstance(span, StoredSegment) else span.end_utc_ns is None
    ):
        key = (isinstance(span, GapSpan), span.gap if isinstance(span, GapSpan) else span.seq)
        if key not in seen:
            seen.add(key)
            yield span
