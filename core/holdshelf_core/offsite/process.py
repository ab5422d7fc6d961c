"""The worker as the service sees it: it runs while a bucket is set up and the media disk is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from holdshelf_core.errors import Unavailable
from holdshelf_core.offsite import link
from holdshelf_core.offsite.types import BranchRow, Health
from holdshelf_core.processes.online_link import line_of
from holdshelf_core.processes.online_process import Ended, OnlineProcess, async_end, async_spawn

MODULE: Final = "holdshelf_core.offsite.worker"
LOOK_S: Final = 100.0
UP_S: Final = 30.0
"""For a process that has just begun, or is behind with what it was told."""
LIBRARIES: Final = ("botocore", "pyrage")


def check_installed() -> None:
    """Raise Unavailable where what the worker needs is not installed."""
    if any(find_spec(name) is None for name in LIBRARIES):
        raise Unavailable(
            "This installation cannot reach an S3 store: boto3 or pyrage is missing.",
            "docs/offsite.md says how to install them, in its first lines.",
        )


async def async_look(setup: link.Setup) -> str:
    """Have a process of its own look at a bucket. Returns what is wrong with it; '' nothing. Raises Unavailable."""
    check_installed()
    try:
        process = await async_spawn(MODULE)
    except OSError as error:
        raise Unavailable(f"The bucket cannot be checked: {error.strerror}.") from None
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(LOOK_S):
            process.stdin.write(line_of(setup))
            while line := await process.stdout.readline():
                match link.to_service.decode(line):
                    case link.Looked() as looked:
                        return looked.sentence
    except (TimeoutError, ValueError, msgspec.MsgspecError, RecursionError):
        pass
    finally:
        await async_end(process)
    raise Unavailable("The bucket could not be checked in time.", "See the service's own log.")


class KeeperProcess(OnlineProcess[link.FromWorker]):
    """Runs from `async_use` to `async_stop`."""

    def __init__(self, changed: Callable[[], None], removed: Callable[[link.Removed], None]) -> None:
        """``changed`` is called when ``health`` has; ``removed`` when a lifted hold is gone from the store."""
        super().__init__(MODULE, "keeps holds elsewhere", link.to_service.decode)
        self._changed, self._removed = changed, removed
        self._setup: link.Setup | None = None
        self._wanted: link.Wanted | None = None
        self._listed: dict[int, list[BranchRow]] = {}
        self.health = Health()

    async def async_use(self, setup: link.Setup | None) -> None:
        """Have a worker with this set-up in the place of the one that runs; none with None."""
        await self.async_stop()  # what is not there yet is found again by the next one
        self._setup = setup
        if setup is not None:
            self._begin()

    def want(self, wanted: link.Wanted) -> None:
        """Tell it what is on hold, unless it is not even through with the last time."""
        self._wanted = wanted
        self._tell(wanted, most_waiting_bytes=0)

    def tell(self, message: link.KeepHead | link.Logged) -> bool:
        """Tell it something once. False: it does not hear now."""
        return self._tell(message)

    async def async_verify(self, *, full: bool) -> link.Verified:
        """Have it ask the store for each object. Raises Unavailable."""
        found: link.Verified = await self._async_asked(lambda number: link.Verify(number, full))
        return found

    async def async_bad(self, verify: int, after: int) -> link.NamedBad:
        """Have it name the next bad objects of the verification of this number. Raises Unavailable."""
        found: link.NamedBad = await self._async_asked(lambda number: link.NextBad(number, verify, after))
        return found

    async def async_list(self) -> tuple[list[BranchRow], str]:
        """Have it open each branch's index. Returns (the branches, why the store could not be asked to the end). Raises
        Unavailable."""
        found: tuple[list[BranchRow], str] = await self._async_asked(link.ListBranches)
        return found

    async def _async_asked(self, question: Callable[[int], link.Verify | link.NextBad | link.ListBranches]) -> Any:
        if not self.is_wanted:
            raise Unavailable("The process that copies holds off-site is not running.", "`holdshelf status` says why.")
        try:
            return await self._async_ask(question, UP_S)
        except Ended:
            raise Unavailable("The process that keeps holds elsewhere ended.", "Ask again.") from None
        except TimeoutError:
            raise Unavailable(
                "The process that keeps holds elsewhere did not start.", "See the service's own log."
            ) from None

    def _set_up(self) -> link.Setup:
        assert self._setup is not None
        return self._setup

    def _began(self) -> None:
        if self._wanted is not None:
            self.want(self._wanted)

    def _ended(self) -> None:
        """It does not work until the next one says that it does."""
        self._listed.clear()
        since_utc_ns = self.health.since_utc_ns if self.health.ok is False else time.time_ns()
        sentence = self.health.sentence if self.health.ok is False else "Its process ended and is being restarted."
        self.health = msgspec.structs.replace(self.health, ok=False, since_utc_ns=since_utc_ns, sentence=sentence)
        self._changed()

    def _heard(self, message: link.FromWorker) -> None:
        match message:
            case link.Does():
                self.health = message.health
                self._changed()
            case link.Removed():
                self._removed(message)
            case link.Branch():
                self._listed.setdefault(message.number, []).append(message.row)
            case link.Listed():
                self._answer(message.number, (self._listed.pop(message.number, []), message.fault))
            case link.Verified() | link.NamedBad():
                self._answer(message.number, message)
