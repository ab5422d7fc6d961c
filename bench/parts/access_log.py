"""An access log of any length, and what is measured of it: looks opened beside one fsync, opening it, verifying it.

A look is opened as the service does it, in this process and without the socket: gate, policy, entry, fsync. `fill` writes
through the real writer, a thousand entries to a sync. Must never be pointed at a log in use.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from bench.parts.library import CHAIR, Library
from bench.parts.rows import Row, median_row, p99, say
from holdshelf_core.actions.caller import Caller
from holdshelf_core.app import Holdshelf
from holdshelf_core.looks.types import GrantAsk, GrantRow, PurposeOpen
from holdshelf_core.paths import DataPaths
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import encode_entry, time_text
from holdshelf_storage.access_log.start import ACCESS, KEY
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.access_log.write import Writer
from holdshelf_storage.volume.reserve import Reserve

BEGAN_UTC_NS = 1_795_000_000 * 10**9
BATCH = 1_000
SYNC_BARS = {1: 2.0, 8: 4.0}
"""By how many looks are opened at once."""
VERIFY_BAR = 8.0
OPEN_BAR_S = 0.5
CALLER = Caller(CHAIR, admin=False, uid=0, via="ssh", source="192.0.2.7", session="bench")


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
    """Adds `count` entries to the log of `state`, which may have none yet, and closes it as a service would leave it."""
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


class Peer:
    """Plain appends, each with its fdatasync, to files of their own beside the log."""

    def __init__(self, folder: Path, size_bytes: int, files: int) -> None:
        self._data = b"x" * (size_bytes - 1) + b"\n"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._fds = [os.open(folder / f"peer-{number}.jsonl", flags, 0o600) for number in range(files)]
        self._threads = ThreadPoolExecutor(files)

    def append_s(self, number: int = 0) -> float:
        """Seconds that one takes."""
        began_s = time.perf_counter()
        os.write(self._fds[number], self._data)
        os.fdatasync(self._fds[number])
        return time.perf_counter() - began_s

    def at_once_s(self) -> list[float]:
        """Seconds that one to each file takes, all at the same time."""
        return list(self._threads.map(self.append_s, range(len(self._fds))))

    def close(self) -> None:
        """The files are the folder's to remove."""
        self._threads.shutdown()
        for fd in self._fds:
            os.close(fd)


async def _look_s(holdshelf: Holdshelf, library: Library, number: int) -> tuple[float, str]:
    """Seconds that it takes to open a look by the gate's own entrance: request decoded, policy, entry on disk, answer; its id."""
    at_utc_ns = library.end_utc_ns - 3_600 * 10**9
    asked = PurposeOpen([library.cameras[0]], "crime", f"2026-{number:04d}", at_utc_ns=at_utc_ns)
    body = msgspec.json.encode(asked)
    began_s = time.perf_counter()
    answer = await holdshelf.authorizer.async_act("purpose.open", CALLER, body)
    return time.perf_counter() - began_s, msgspec.json.decode(answer, type=GrantRow).id


async def look_times(library: Library, looks: int, at_once: int) -> tuple[list[float], list[float]]:
    """Seconds of looks opened and of plain synced appends, turn about, `at_once` of each at the same time."""
    holdshelf = Holdshelf(DataPaths(library.data))
    await holdshelf._start()
    public, private = entry(0, BEGAN_UTC_NS)
    peer = Peer(library.data.parent, len(encode_entry(10**5, public, private)), at_once)
    ours_s: list[float] = []
    peer_s: list[float] = []
    try:
        for turn in range(looks // at_once + 2):
            theirs = [peer.append_s()] if at_once == 1 else await asyncio.to_thread(peer.at_once_s)
            opened = await asyncio.gather(
                *(_look_s(holdshelf, library, turn * at_once + one) for one in range(at_once))
            )
            for _, look in opened:
                await holdshelf.authorizer.async_act("purpose.close", CALLER, msgspec.json.encode(GrantAsk(look)))
            holdshelf.looks._ended.clear()  # nobody opens a thousand looks within the hour that is looked back on
            if turn >= 2:  # the first meet what a service loads at first use
                peer_s += theirs
                ours_s += [took_s for took_s, _ in opened]
    finally:
        peer.close()
        await holdshelf._stop()
    return ours_s, peer_s


def look_rows(library: Library, looks: int = 300, turns: int = 9) -> list[Row]:
    """p99 of a look opened through the gate, beside that of one equal write with its fdatasync on the same disk.

    Of each turn's `looks`; the median of the turns. Eight at once stand beside eight such writes at once, each to a file of its
    own: on a disk that syncs in a fraction of a millisecond their eight policy questions, one after the other, are most of it.
    """
    rows = []
    for at_once, bar in SYNC_BARS.items():
        ours_s, peer_s = asyncio.run(look_times(library, looks * turns, at_once))
        chunks = [slice(len(ours_s) * turn // turns, len(ours_s) * (turn + 1) // turns) for turn in range(turns)]
        pairs: list[tuple[float, float | None]] = [
            (p99(ours_s[part]) * 1000, p99(peer_s[part]) * 1000) for part in chunks
        ]
        medians = [round(statistics.median(times) * 1000, 3) for times in (ours_s, peer_s)]
        rows.append(median_row(f"look opened, p99, {at_once} at once", "ms", pairs, bar=bar, median_ms=medians))
        say(f"{rows[-1].what}: {rows[-1].ours:.2f} ms beside {rows[-1].peer:.2f} ms; medians {medians}")
    return rows


def _cpu_s() -> float:
    """Of this process and of its children that have ended, as a verification's helpers have."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def length_rows(folder: Path, count: int = 1_000_000) -> list[Row]:
    """Opening and verifying a log of `count` entries; verifying stands beside one SHA-256 over the same bytes."""
    state = folder / "long"
    fill(state, count)
    started = time.perf_counter()
    log = AccessLog.open(state)
    opened_s = time.perf_counter() - started
    try:
        head = log.head()
    finally:
        log.close()
    started, cpu_s = time.perf_counter(), _cpu_s()
    report = verify_log(state, head)
    verified_s, cpu_s = time.perf_counter() - started, _cpu_s() - cpu_s
    started = time.perf_counter()
    for month in sorted((state / ACCESS).glob("*.jsonl")):
        with month.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    hashed_s = time.perf_counter() - started
    sound = not report.problems and report.entries == count and bool(report.against)
    return [
        Row(f"access log of {count:,} entries opened", "s", opened_s, bar=OPEN_BAR_S, of="ours"),
        Row(
            f"{count:,} entries verified",
            "s",
            verified_s if sound else None,
            hashed_s,
            VERIFY_BAR,
            detail={"cpu_s": round(cpu_s, 2)},
        ),
    ]
