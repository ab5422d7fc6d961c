"""Verifying the running service's access log, and what follows when it was altered.

The log is opened from the last point known to be intact, so a change in an older entry is found only here. Then nothing more is
written to it and nobody can view footage until a person sets it aside (`log repair`). The register file is also compared with the
rows that all entries produce.
"""

from __future__ import annotations

import asyncio
from functools import partial

from holdshelf_core.access_log.register_care import RegisterCare
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.verify import verify_log

_CHECKING = asyncio.Semaphore(1)
"""Anyone may start a check; several at once would use up the threads that everything else needs."""


async def async_check(care: RegisterCare, against: str = "", key: str = "") -> LogReport:
    """Verify every entry, optionally against an external head and key ('' for none). Raises BadHead, StorageError."""
    authorizer, frame = care.authorizer, care.authorizer.frame
    async with _CHECKING:
        if against or key:
            check = partial(verify_log, frame.paths.state, stop=frame.stop_threads)
            report = await asyncio.to_thread(check, against=against or None, public_key=key.strip() or None)
            if not report.problems:
                return report
        # Not because of an outside head: a head of another log must not stop this one.
        alone, register = await asyncio.to_thread(care.check_all)
        if alone.problems and alone.finished and authorizer.log.problem is None:
            authorizer.async_distrust_log(alone.problems[0])
        care.async_check_file(alone, register)
    return report if against or key else alone


async def async_nightly(care: RegisterCare) -> str:
    """The nightly job: verify all log entries, and compare the register with them."""
    report, log, register = await async_check(care), care.authorizer.log, care.authorizer.store
    if not report.problems and log.size > register.root_seq:
        await care.async_state_root()
    differ = len(register.differences)
    return f"{report.entries} entries read, {len(report.problems)} problems, {differ} rows of the register differ"
