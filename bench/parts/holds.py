"""A hold, from the request to the answer that says it is protected, by the real service's act. Rows for `bench/rules.py`.

Through the local socket, as a person in an SSH session, while every camera is recorded: policy, protection, log entry with its
fsync, register, coverage to the second. Shelving (hard links) goes on in the background of the holds that follow. The
peer is the same on a house with the same cameras, without footage and with a register of a few rows.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass, field

from bench.parts.library import DAY_NS, HALF_HOUR_NS, Library
from bench.parts.rows import Row, p99, say
from holdshelf_core.api.client import Client
from holdshelf_core.holds.types import HoldPlace, SpanAsk

BARS_MS = {"protected": (10.0, 50.0), "answered": (10.0, 40.0)}
"""Of the median, and of the 99th percentile."""
PAUSE_S = (0.3, 0.9)
"""Between two holds: the register is written behind them, and the shelf filled."""


def asked(library: Library, number: int, pick: random.Random) -> HoldPlace:
    """Mostly half an hour of one camera; each tenth a day of four cameras, each tenth until lifted."""
    start = pick.randrange(library.start_utc_ns, library.end_utc_ns - DAY_NS + 1)
    cameras = pick.sample(library.cameras, min(4, len(library.cameras)) if number % 10 == 3 else 1)
    length_ns = DAY_NS if number % 10 == 3 else HALF_HOUR_NS
    if number % 10 == 7:
        spans = [SpanAsk(cameras[0], library.end_utc_ns - HALF_HOUR_NS, None)]
    else:
        spans = [SpanAsk(camera, start, start + length_ns) for camera in cameras]
    return HoldPlace("investigation", f"2026-{number + 1:04d}", spans)


@dataclass
class Took:
    """Milliseconds from the request of each hold: until its footage was protected and the entry on disk, as the answer
    says; and until the whole answer, with its coverage to the second, was here."""

    protected_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)


def place(library: Library, director: Client, count: int) -> Took:
    """Places holds one after the other. Fails when one is not what was asked for."""
    pick = random.Random(20261101)
    took = Took()
    for number in range(-1, count):
        request = asked(library, max(0, number), pick)
        began_utc_ns = time.time_ns()
        row = director.act(request)
        answered_utc_ns = time.time_ns()
        recorded = [c for c in row.coverage if c.kind == "recorded"]
        if (
            row.state != "active"
            or row.queued
            or row.protected_utc_ns is None
            or bool(library.segments) > bool(recorded)
        ):
            raise AssertionError(f"{row.id} is {row.state}, queued {row.queued}, of {len(recorded)} stretches")
        if number >= 0:  # the first meets what a service loads at first use
            took.protected_ms.append((row.protected_utc_ns - began_utc_ns) / 1e6)
            took.answered_ms.append((answered_utc_ns - began_utc_ns) / 1e6)
        time.sleep(pick.uniform(*PAUSE_S))
    return took


def measure(library: Library, empty: Library, count: int = 100) -> list[Row]:
    """Median and p99 of `count` holds, protected and answered."""
    took: list[Took] = []
    for house in (empty, library):
        with house.running() as (_service, director):
            took.append(place(house, director, count))
        say(
            f"{count} holds, {house.segments:,} segments: protected after {statistics.median(took[-1].protected_ms):.1f} ms"
        )
    of = f"{library.segments:,} segments, {library.items:,} items"
    rows = []
    for what, bars in BARS_MS.items():
        peer, ours = (getattr(one, f"{what}_ms") for one in took)
        for how, figure, bar in zip(("median", "p99"), (statistics.median, p99), bars, strict=True):
            detail = {"max": round(max(ours), 1), "holds": count}
            rows.append(
                Row(f"a hold {what}, {how}, {of}", "ms", figure(ours), figure(peer), bar, "ours", detail=detail)
            )
    return rows
