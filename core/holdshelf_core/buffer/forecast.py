"""Predicts when held footage will fill all the room. Pure, from totals and spans.

Held footage cannot be erased, so once it fills the budget, recording stops. Until-lifted holds grow by their cameras' rate,
bounded ones until their span ends. It does not suggest which holds to lift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdshelf_core.times import DAY_NS


@dataclass(frozen=True, slots=True)
class Forecast:
    """Result. ``recording_stops_days`` None: not foreseeable; 0: now."""

    held_bytes: int
    room_bytes: int
    """What footage may use, minus what open segments need."""
    growth_bytes_per_day: float
    recording_stops_days: float | None


def forecast(
    held_bytes: int,
    room_bytes: int,
    now_utc_ns: int,
    spans: Mapping[str, Sequence[tuple[int, int]]],
    bytes_per_day: Mapping[str, float],
) -> Forecast:
    """Return the forecast. ``spans``: held time by camera, merged, UTC ns; ``bytes_per_day``: what each camera records in a
    day."""
    changes: dict[int, float] = {}
    for camera, kept in spans.items():
        rate = bytes_per_day.get(camera, 0.0)
        for start, end in kept:
            begin = max(start, now_utc_ns)
            if end > begin and rate > 0:
                changes[begin] = changes.get(begin, 0.0) + rate
                changes[end] = changes.get(end, 0.0) - rate
    growth = changes.get(now_utc_ns, 0.0)
    if held_bytes >= room_bytes and held_bytes > 0:
        return Forecast(held_bytes, room_bytes, growth, 0.0)
    at_ns, held, rate = now_utc_ns, float(held_bytes), 0.0
    for moment in sorted(changes):
        more = rate * (moment - at_ns) / DAY_NS
        if rate > 0 and held + more >= room_bytes:
            break
        at_ns, held, rate = moment, held + more, rate + changes[moment]
    if rate <= 1e-6:
        return Forecast(held_bytes, room_bytes, growth, None)
    days = (at_ns - now_utc_ns) / DAY_NS + (room_bytes - held) / rate
    return Forecast(held_bytes, room_bytes, growth, days)
