"""A hold, from the request to the answer that says it is protected, by the real service's act. Rows for `bench/rules.py`.

Through the local socket, as a person in an SSH session, while every camera is recorded: policy, protection, log entry with its
fsync, register, coverage to the second. Shelving (hard links) goes on in the background of the holds that follow. The
peer is the same on a house with the same cameras, without footage and with a register of a few rows.
"""

from __future__ import annotations

import random
import statistics
import time

from bench.parts.library import DAY_NS, HALF_HOUR_NS, NS, Library
from bench.parts.rows import Row, say
from holdshelf_core.api.client import Client
from holdshelf_core.api.types_holds import HoldPlace, HoldRow, SpanAsk

BAR_MS = 50.0
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


def place(library: Library, director: Client, count: int) -> list[float]:
    """Places holds one after the other; the milliseconds that each took. Fails when one is not what was asked for."""
    pick = random.Random(20261101)
    took_ms: list[float] = []
    for number in range(count + 1):
        request = asked(library, number, pick)
        began_s = time.perf_counter()
        row = director.act("hold.place", request, HoldRow)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        recorded = [c for c in row.coverage if c.kind == "recorded"]
        if row.state != "active" or row.queued or (library.segments and not recorded):
            raise AssertionError(f"{row.id} is {row.state}, queued {row.queued}, of {len(recorded)} stretches")
        time.sleep(pick.uniform(*PAUSE_S))
    return took_ms[1:]  # the first meets what a service loads at first use


def measure(library: Library, empty: Library, count: int = 100) -> list[Row]:
    """Median and p99 of `count` holds."""
    took: list[list[float]] = []
    for house in (empty, library):
        with house.running() as (_service, director):
            took.append(place(house, director, count))
        say(f"{count} holds with {house.segments:,} segments: median {statistics.median(took[-1]):.1f} ms")
    what = f"a hold protected, {library.segments:,} segments, {library.items:,} items"
    detail = {"max_ms": round(max(took[1]), 1), "holds": count, "peer": "the same on an empty house"}
    return [
        Row(f"{what}, median", "ms", statistics.median(took[1]), statistics.median(took[0]), BAR_MS, "ours", detail=detail),
        Row(f"{what}, p99", "ms", p99(took[1]), p99(took[0]), BAR_MS, "ours", detail=detail),
    ]


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100, method="inclusive")[98]


__all__ = ["NS", "measure"]
