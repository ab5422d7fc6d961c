"""What must not be erased, in memory: checked for every single segment that the rolling buffer reaches.

Holds are kept as time spans by camera; a check costs a binary search however many there are. Checks use a snapshot that is
replaced as a whole, so they work from any thread without a lock. This module erases nothing, reads no disk, and protects
everything until it knows the holds.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage.layout import DAY_NS, LONGEST_SEGMENT_NS, MAX_TIME_NS, day_start_ns
from holdshelf_storage.ledger.lines import merged
from holdshelf_storage.volume.days import SegmentRef

UNKNOWN_LENGTH_NS = LONGEST_SEGMENT_NS
"""A file whose line is lost has no known length."""

type Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class HeldSpans:
    """What one hold keeps: its spans, minus the segments that have a verified copy elsewhere.

    ``copied``: the spans as they were when the copy was made. Spans added later are kept whole.
    """

    spans: tuple[HoldSpan, ...]
    let_go: Mapping[str, Collection[int]] = field(default_factory=dict)
    copied: tuple[HoldSpan, ...] = ()

    def is_copied(self, span: HoldSpan) -> bool:
        """Return whether a span is one of those copied, or one whose open end was closed since."""
        return any(
            span.camera == one.camera
            and span.start_utc_ns == one.start_utc_ns
            and one.end_utc_ns in (None, span.end_utc_ns)
            for one in self.copied
        )

    def whole(self) -> tuple[HoldSpan, ...]:
        """Return the spans of which every segment is kept."""
        return tuple(span for span in self.spans if not self.let_go.get(span.camera) or not self.is_copied(span))

    def partly(self) -> tuple[HoldSpan, ...]:
        """Return the spans of which the segments in ``let_go`` are not kept."""
        whole = self.whole()
        return tuple(span for span in self.spans if span not in whole)


@dataclass(frozen=True, slots=True)
class _Camera:
    """Merged spans of one camera, ascending; and, separately, those of holds that have released segments."""

    starts: list[int]
    ends: list[int]
    partly: tuple[tuple[list[int], list[int], Collection[int]], ...] = ()


class Protection:
    """The spans in force. ``tell`` and ``change`` set them; checks are lock-free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, HeldSpans] = {}
        self._by_camera: dict[str, dict[str, Spans]] = {}
        self._partly: dict[str, dict[str, Spans]] = {}
        self._cameras: dict[str, _Camera] = {}
        self.known = False
        """Whether the holds are known. Until then everything is protected."""
        self.released = 0
        """Incremented whenever something may have become erasable, so that skipped segments are checked again."""

    # -- asking -----------------------------------------------------------------------------------------------------

    def protects(self, ref: SegmentRef) -> bool:
        """Return whether a hold keeps this segment, or the holds are not known yet."""
        if not self.known:
            return True
        camera = self._cameras.get(ref.camera)
        if camera is None:
            return False
        start, end = ref.start_utc_ns, ref.end_utc_ns
        if end <= start:
            # A file of one picture is no time long, but its line is there. From a name alone nobody knows how long it is.
            is_lost = end == start and not ref.boot and not ref.is_recovered
            end = start + (UNKNOWN_LENGTH_NS if is_lost else 1)
        if _touches(camera.starts, camera.ends, start, end):
            return True
        return any(_touches(s, e, start, end) and ref.seq not in gone for s, e, gone in camera.partly)

    def covers_day(self, camera: str, day: str) -> bool:
        """Return whether every segment that began on that UTC day is protected, so that none needs to be examined."""
        if not self.known:
            return True
        kept = self._cameras.get(camera)
        if kept is None:
            return False
        start = day_start_ns(day)
        found = bisect_right(kept.starts, start) - 1
        return found >= 0 and kept.ends[found] >= start + DAY_NS

    def spans(self, camera: str) -> Spans:
        """Return what any hold keeps of a camera, merged, ascending; an open end is ``layout.MAX_TIME_NS``."""
        with self._lock:
            found = [*self._by_camera.get(camera, {}).values(), *self._partly.get(camera, {}).values()]
            return merged((span for spans in found for span in spans), 1)

    def cameras(self) -> list[str]:
        """Return the cameras with something kept."""
        return sorted(self._cameras)

    def lets_go(self, camera: str) -> bool:
        """Return whether a hold has released some segments of this camera within its spans."""
        kept = self._cameras.get(camera)
        return kept is not None and bool(kept.partly)

    def kept(self, hold: str) -> HeldSpans | None:
        """Return what a hold keeps."""
        return self._kept.get(hold)

    # -- telling ----------------------------------------------------------------------------------------------------

    def tell(self, holds: Mapping[str, HeldSpans]) -> None:
        """Set all that is kept. What was kept and is not included is released."""
        with self._lock:
            changed = {key: holds.get(key) for key in {*self._kept, *holds} if self._kept.get(key) != holds.get(key)}
            self._change(changed)
            self.known = True

    def change(self, holds: Mapping[str, HeldSpans | None]) -> None:
        """Add, change or (None) remove some holds; the others stay as they are."""
        with self._lock:
            self._change({key: kept for key, kept in holds.items() if self._kept.get(key) != kept})

    def forget(self) -> None:
        """Forget all holds: everything is protected."""
        with self._lock:
            self.known = False

    def _change(self, changed: Mapping[str, HeldSpans | None]) -> None:
        if not changed:
            return
        touched: set[str] = set()
        let_go = False
        for hold, kept in changed.items():
            before = self._kept.get(hold)
            let_go = let_go or (before is not None and not _only_more(before, kept))
            for span in (*(before.spans if before else ()), *(kept.spans if kept else ())):
                touched.add(span.camera)
                self._by_camera.get(span.camera, {}).pop(hold, None)
                self._partly.get(span.camera, {}).pop(hold, None)
            if kept is None:
                self._kept.pop(hold, None)
                continue
            self._kept[hold] = kept
            for spans, by_camera in ((kept.whole(), self._by_camera), (kept.partly(), self._partly)):
                for span in spans:
                    end = MAX_TIME_NS if span.end_utc_ns is None else span.end_utc_ns
                    by_camera.setdefault(span.camera, {}).setdefault(hold, []).append((span.start_utc_ns, end))
        cameras = dict(self._cameras)
        for camera in touched:
            built = self._build(camera)
            if built is None:
                cameras.pop(camera, None)
            else:
                cameras[camera] = built
        self._cameras = cameras  # one assignment: readers see the old or the new
        if let_go:
            self.released += 1

    def _build(self, camera: str) -> _Camera | None:
        whole, partly = self._by_camera.get(camera, {}), self._partly.get(camera, {})
        if not whole and not partly:
            self._by_camera.pop(camera, None)
            self._partly.pop(camera, None)
            return None
        joined = merged((span for spans in whole.values() for span in spans), 1)
        apart = []
        for hold, spans in partly.items():
            own = merged(spans, 1)
            apart.append(([start for start, _ in own], [end for _, end in own], self._kept[hold].let_go[camera]))
        return _Camera([start for start, _ in joined], [end for _, end in joined], tuple(apart))


def _touches(starts: Sequence[int], ends: Sequence[int], start: int, end: int) -> bool:
    found = (
        bisect_right(starts, end - 1) - 1
    )  # the last span that begins before `end`; as they are merged, only it can reach
    return found >= 0 and ends[found] > start


def _only_more(before: HeldSpans, after: HeldSpans | None) -> bool:
    return after is not None and set(before.whole()) <= set(after.whole()) and before.let_go == after.let_go
