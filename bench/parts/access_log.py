"""An access log of any length, and what is measured of it: appends beside one fsync, opening, verifying.

`fill` writes through the real writer, a thousand entries to a sync. Must never be pointed at a log in use.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.parts.rows import Row, median_row
from holdshelf_storage.access_lines import encode_entry, time_text
from holdshelf_storage.access_log import AccessLog
from holdshelf_storage.access_start import ACCESS, KEY
from holdshelf_storage.access_write import Writer
from holdshelf_storage.log_verify import verify_log
from holdshelf_storage.reserve import Reserve

BEGAN_UTC_NS = 1_795_000_000 * 10**9
BATCH = 1_000
SYNC_BAR = 2.0
VERIFY_BAR_S = 20.0
OPEN_BAR_S = 0.5


def entry(number: int, utc_ns: int) -> tuple[dict[str, Any], dict[str, str]]:
    """(public, private) of a look, as large as real ones are."""
    public = {
        "at": time_text(utc_ns),
        "offset_s": -18000,
        "action": "look.open",
        "outcome": "done",
        "person": f"p{number % 7 + 1}",
        "seat": "director",
        "via": "ssh",
        "session": f"{number % 5000:016x}",
        "clause": "P12",
        "purpose": "investigation of a violation",
        "incident": f"2026-{number % 9999:04d}",
        "cameras": ["front-door", "parking-north"],
        "start": time_text(utc_ns - 3_600 * 10**9),
        "end": time_text(utc_ns),
        "mode": "archive",
        "policy": "3b" * 32,
    }
    return public, {"source": f"192.0.2.{number % 250}:50{number % 1000:03d}"}


def entries(count: int, gap_s: float = 20.0) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """`count` looks, one every `gap_s`: a million fill about eight months."""
    gap_ns = int(gap_s * 10**9)
    for number in range(count):
        yield entry(number, BEGAN_UTC_NS + number * gap_ns)


def fill(state: Path, count: int) -> None:
    """Makes `state` hold a log of `count` entries, closed as a service would leave it."""
    state.mkdir(parents=True, exist_ok=True)
    writer = Writer(state / ACCESS, state / "keys" / KEY, Reserve(state))
    try:
        lines: list[bytes] = []
        name = ""
        for public, private in entries(count):
            wanted = writer.file_for(public["at"])
            if lines and (wanted != name or len(lines) == BATCH):
                writer.put(name, lines)
                lines = []
            name = writer.file_for(public["at"])
            lines.append(encode_entry(writer.tree.size + len(lines) + 1, public, private))
        if lines:
            writer.put(name, lines)
        writer.write_head()
        writer.write_frontier()
    finally:
        writer.close()


def sync_times_s(folder: Path, count: int, size_bytes: int, at_once: int = 1) -> list[float]:
    """How long `count` plain appends of `size_bytes` take in each of `at_once` threads, each with its fdatasync: the peer."""
    data = b"x" * (size_bytes - 1) + b"\n"

    def append(number: int) -> list[float]:
        fd = os.open(folder / f"peer-{number}.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        times = []
        try:
            for _ in range(count):
                started = time.perf_counter()
                os.write(fd, data)
                os.fdatasync(fd)
                times.append(time.perf_counter() - started)
        finally:
            os.close(fd)
        return times

    return _at_once(append, at_once)


def append_times_s(log: AccessLog, count: int, at_once: int = 1) -> list[float]:
    """How long `count` appends in each of `at_once` threads take, one after the other in each."""

    def append(_: int) -> list[float]:
        times = []
        for number in range(count):
            public, private = entry(number, time.time_ns())
            started = time.perf_counter()
            log.append(public, private)
            times.append(time.perf_counter() - started)
        return times

    return _at_once(append, at_once)


def _at_once(work: Callable[[int], list[float]], threads: int) -> list[float]:
    with ThreadPoolExecutor(threads) as pool:
        return [second for part in pool.map(work, range(threads)) for second in part]


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100, method="inclusive")[98]


def append_rows(folder: Path, appends: int = 400, turns: int = 9) -> list[Row]:
    """A look opened (one append) beside one equal write with its fdatasync, turn about; the median of the turns' p99s.

    Eight at once are held against eight such writes at once, each to a file of its own; beside one alone, in the detail,
    a disk that syncs in a fraction of a millisecond shows the time that Python needs to wake eight threads.
    """
    public, private = entry(0, BEGAN_UTC_NS)
    size = len(encode_entry(10**5, public, private))
    rows = []
    for at_once in (1, 8):
        state = folder / f"append-{at_once}"
        state.mkdir()
        pairs: list[tuple[float, float | None]] = []
        beside_one: list[float] = []
        log = AccessLog.open(state)
        try:
            for _ in range(turns):
                peer = sync_times_s(folder, appends // at_once, size, at_once)
                ours = append_times_s(log, appends // at_once, at_once)
                pairs.append((p99(ours) * 1000, p99(peer) * 1000))
                beside_one.append(p99(ours) / p99(sync_times_s(folder, appends // 2, size)))
        finally:
            log.close()
        what = f"look opened (log append), p99, {at_once} at once"
        rows.append(median_row(what, "ms", pairs, bar=SYNC_BAR, beside_one_alone=statistics.median(beside_one)))
    return rows


def length_rows(folder: Path, count: int = 1_000_000) -> list[Row]:
    """Opening and verifying a log of `count` entries, and the first append after opening."""
    state = folder / "long"
    fill(state, count)
    started = time.perf_counter()
    log = AccessLog.open(state)
    opened_s = time.perf_counter() - started
    try:
        head = log.head()
    finally:
        log.close()
    started = time.perf_counter()
    report = verify_log(state, head)
    verified_s = time.perf_counter() - started
    sound = not report.problems and report.entries == count and bool(report.against)
    return [
        Row(f"access log of {count:,} entries opened", "s", opened_s, bar=OPEN_BAR_S, of="ours"),
        Row(f"{count:,} entries verified", "s", verified_s if sound else None, bar=VERIFY_BAR_S, of="ours"),
    ]
