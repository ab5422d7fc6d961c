"""Verifying the access log of the running service, and what follows when it is not what was written.

The log is opened from where it was last known whole, so a change in an older entry shows only here: then nothing is written
to it any more, and nobody looks, until a person has it set aside (`log repair`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from holdshelf_storage.log_verify import LogReport, verify_log

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_CHECKING = asyncio.Semaphore(1)
"""Anybody may have it checked: several at once would take the threads that everything else needs."""


async def async_check(holdshelf: Holdshelf, against: str = "", key: str = "") -> LogReport:
    """Every entry, against a head and by a key from outside ('' neither). Raises BadHead, StorageError."""
    check = partial(verify_log, holdshelf.paths.state, stop=holdshelf.stop_threads)
    async with _CHECKING:
        report = await asyncio.to_thread(check, against=against or None, public_key=key.strip() or None)
        if report.problems and holdshelf.gate.log.problem is None:
            # Again, and by nothing that was brought: a head of another log must not stop this one.
            alone = await asyncio.to_thread(check)
            if alone.problems and alone.finished:
                holdshelf.gate.async_distrust_log(alone.problems[0])
    return report


async def async_nightly(holdshelf: Holdshelf) -> str:
    """The job: all entries of the log, each night."""
    report = await async_check(holdshelf)
    return f"{report.entries} entries read, {len(report.problems)} problems"
