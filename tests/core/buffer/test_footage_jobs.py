"""The nightly reading holds yesterday's footage against the access log: what was changed with all its papers becomes a repair."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

from holdshelf_core.app import Holdshelf
from holdshelf_core.buffer.footage_jobs import SCRUB_REPAIR, FootageJobs
from holdshelf_core.operations import offline
from holdshelf_core.paths import DataPaths
from holdshelf_storage.layout import DAY_NS
from tests.looking import NS, record

HOUR_NS = 3600 * NS


def _forge(path: Path) -> None:
    """Eight bytes, and the hash in journal and SHA256SUMS."""
    data = bytearray(path.read_bytes())
    old = hashlib.sha256(data).hexdigest()
    data[-8:] = b"\x55" * 8
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o400)
    for name in ("journal.jsonl", "SHA256SUMS"):
        lines = path.with_name(name).read_text().splitlines(keepends=True)
        new = hashlib.sha256(data).hexdigest()
        path.with_name(name).write_text(
            "".join(line.replace(old, new) if path.name in line else line for line in lines)
        )


def test_the_nightly_reading_finds_what_was_changed_with_its_papers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    record(data, ("lobby",), time.time_ns() // DAY_NS * DAY_NS - 2 * HOUR_NS)

    async def nights() -> tuple[str, str, str]:
        holdshelf = Holdshelf(DataPaths(data))
        await holdshelf._start()
        try:
            jobs = FootageJobs(
                holdshelf.authorizer,
                holdshelf.store,
                holdshelf.retention,
                holdshelf.anchoring,
                holdshelf.settings,
                holdshelf.averages,
            )
            first = await jobs.async_scrub()
            assert not any(repair.issue_id == SCRUB_REPAIR for repair in holdshelf.repairs.async_all())
            _forge(sorted((data / "media" / "footage" / "lobby").glob("2*/*.mp4"))[2])
            second = await jobs.async_scrub()
            (repair,) = [one for one in holdshelf.repairs.async_all() if one.issue_id == SCRUB_REPAIR]
        finally:
            await holdshelf._stop()
        return first, second, repair.sentence

    first, second, sentence = asyncio.run(nights())
    assert first == "12 files of 1 day read, 0 problems"
    assert "0 problems" not in second
    assert "of the access log anchored" in sentence
