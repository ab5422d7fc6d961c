"""Selects the segments to erase next: by ascending sequence number over all cameras, skipping held ones without rechecking
them.

An archive may hold half a million held segments, and the reservation made every second must not walk past them all: days that a
hold covers entirely are not opened, days found to be fully held are remembered, and the walk continues where it ended. It
restarts when a hold was released, when footage came back, or when it reaches the end. Blocks; runs in a thread. This module
decides nothing and unlinks nothing: ``may_erase`` and ``storage.ledger`` do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import groupby, islice

from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef

BATCH_SEGMENTS = 256

type MayErase = Callable[[SegmentRef], bool]
type IsOver = Callable[[SegmentRef], bool]
type Rule = Callable[[SegmentRef], str]
type CoversDay = Callable[[str, str], bool]


class Sweeper:
    """The walk over one attached volume. One caller at a time."""

    def __init__(
        self,
        footage: Footage,
        ledger: Ledger,
        *,
        may_erase: MayErase,
        hold_lock: threading.Lock,
        covers_day: CoversDay,
        released: Callable[[], int],
    ) -> None:
        self._footage = footage
        self._ledger = ledger
        self._may_erase = may_erase
        self._hold_lock = hold_lock
        self._covers_day = covers_day
        self._released = released
        self._walk: Iterator[SegmentRef] | None = None
        self._walk_of: tuple[int, int] = (-1, -1)
        self._held_days: dict[tuple[str, str], tuple[int, int, int]] = {}
        """Days found to contain nothing erasable: (released, segments, last sequence number) at that time."""
        self._refused: dict[tuple[str, str], int] = {}
        self._by_age: Iterator[SegmentRef] | None = None
        self._by_age_of: tuple[int, int] = (-1, -1)
        self._first_young: SegmentRef | None = None
        """Where the walk by age stands: its time is not over yet."""
        self.last_erased: SegmentRef | None = None

    def erase_oldest(self, need_bytes: int, reason: str, at_utc_ns: Callable[[], int]) -> tuple[int, int]:
        """Erase by ascending sequence number until ``need_bytes`` are free or nothing is left. Returns (bytes, segments).

        Raises StorageError; what was erased before that is gone.
        """
        freed = segments = 0
        try:
            while freed < need_bytes:
                batch, fresh = self._next_batch(need_bytes - freed)
                if batch:
                    freed += self._ledger.erase(batch, reason, at_utc_ns(), self._may_erase, self._hold_lock)
                    segments += len(batch)
                    self.last_erased = batch[-1]
                    self._by_age = None
                elif fresh:
                    break
        except BaseException:
            self._walk = None  # segments that the walk returned but that were not erased must come again
            raise
        return freed, segments

    def erase_over(self, is_over: IsOver, last_day: str, rule: Rule, at_utc_ns: Callable[[], int]) -> tuple[int, int]:
        """Erase some of what may be kept no longer, by ascending sequence number up to the first segment that may. ``rule`` says
        of each by which rule it goes.

        Returns (bytes, segments); 0 segments: nothing is left.

        What was recovered from a camera has the number of when it was fetched: it is looked for in the days up to ``last_day``.
        Raises StorageError.
        """
        batch = list(islice(self._over_in_order(is_over), BATCH_SEGMENTS))
        batch = batch or list(islice(self._recovered_over(is_over, last_day), BATCH_SEGMENTS))
        if not batch:
            return 0, 0
        self._walk = None  # it may have listed them already
        try:
            freed = 0
            for reason, refs in groupby(batch, rule):
                freed += self._ledger.erase(list(refs), reason, at_utc_ns(), self._may_erase, self._hold_lock)
        except BaseException:
            self._by_age = None
            raise
        return freed, len(batch)

    def _recovered_over(self, is_over: IsOver, last_day: str) -> Iterator[SegmentRef]:
        for camera in self._footage.cameras():
            for day in self._footage.days(camera):
                if day > last_day:
                    break
                counted = self._footage.day_usage(camera, day)
                if counted is not None and counted.recovered and not self._skips(camera, day):
                    refs = self._footage.folders.refs(camera, day)
                    yield from (ref for ref in refs if ref.is_recovered and is_over(ref) and self._may_erase(ref))

    def _over_in_order(self, is_over: IsOver) -> Iterator[SegmentRef]:
        state = (self._released(), self._footage.late)
        if self._by_age is None or self._by_age_of != state:
            self._by_age, self._by_age_of, self._first_young = self._footage.oldest(self._skips), state, None
        while True:
            ref = self._first_young or next(self._by_age, None)
            if ref is None:
                self._by_age = None
                return
            # What was recovered says nothing about the age of those behind it.
            if not ref.is_recovered and not is_over(ref):
                self._first_young = ref
                return
            self._first_young = None
            if is_over(ref) and self._may_erase(ref):
                yield ref

    def _next_batch(self, need_bytes: int) -> tuple[list[SegmentRef], bool]:
        """Return (segments, whether the walk started with this call)."""
        state = (self._released(), self._footage.late)
        fresh = self._walk is None or self._walk_of != state
        if fresh:
            self._walk, self._walk_of = self._footage.oldest(self._skips), state
            self._refused.clear()
        assert self._walk is not None
        batch: list[SegmentRef] = []
        batch_bytes = 0
        while batch_bytes < need_bytes and len(batch) < BATCH_SEGMENTS:
            ref = next(self._walk, None)
            if ref is None:
                self._walk = None
                break
            if self._may_erase(ref):
                batch.append(ref)
                batch_bytes += ref.allocated_bytes
            else:
                self._note_refused(ref)
        return batch, fresh

    def _skips(self, camera: str, day: str) -> bool:
        if self._covers_day(camera, day):
            return True
        known = self._held_days.get((camera, day))
        return known is not None and known == self._state_of(camera, day)

    def _note_refused(self, ref: SegmentRef) -> None:
        key = (ref.camera, ref.day)
        refused = self._refused[key] = self._refused.get(key, 0) + 1
        counted = self._footage.day_usage(*key)
        if counted is not None and refused == counted.segments:
            state = self._state_of(*key)
            if state is not None:
                self._held_days[key] = state

    def _state_of(self, camera: str, day: str) -> tuple[int, int, int] | None:
        counted = self._footage.day_usage(camera, day)
        return None if counted is None else (self._released(), counted.segments, counted.last_seq)
