"""The looks that this terminal has open: what they cover, what is left of them, and that none stays open behind it.

A look dies with the service, with its time and with the right behind it. Then it is remembered as it was asked for, so that
one Enter opens it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, NotFound, Refused
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.looks.types import (
    BreakGlass,
    GrantRow,
    LiveRenew,
    PurposeClose,
    PurposeOpen,
    PurposeWiden,
    ReadLooks,
    ShareOpen,
)
from holdshelf_tui.session.link import Link

ENDED_EVENT = "look_ended"
CLOSE_S = 3.0
LIVE, ARCHIVE = "live", "archive"


class Looks:
    """Methods run on the loop. ``changed`` callbacks are called after anything about them is another."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rows: dict[str, GrantRow] = {}
        self.ended: dict[str, tuple[GrantRow, str]] = {}
        """By mode (live, archive): the last look that ended by itself, and why; gone when another is opened."""
        self.purposes: dict[str, str] = {}
        """Words of the pick-list, by id, once somebody asked."""
        self._listeners: list[Callable[[], None]] = []

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Hear of changes. Returns what ends it."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed) if changed in self._listeners else None

    def _tell(self) -> None:
        for changed in list(self._listeners):
            changed()

    # --- finding --------------------------------------------------------------------------------------------------

    def all(self) -> list[GrantRow]:
        """Open looks of this terminal, oldest first."""
        return list(self._rows.values())

    def get(self, look: str) -> GrantRow | None:
        """The open look of that id; None: it is not open."""
        return self._rows.get(look)

    def covering(self, camera: str, at_utc_ns: int) -> GrantRow | None:
        """The newest look that shows this camera at this time."""
        for row in reversed(self._rows.values()):
            if camera in row.cameras and _covers(row, at_utc_ns):
                return row
        return None

    @property
    def number(self) -> str:
        """The incident number of the newest open look, which a hold or a release from it takes along; '' none."""
        return next((row.incident for row in reversed(self._rows.values()) if row.incident), "")

    def of_mode(self, mode: str) -> GrantRow | None:
        """The newest look of a kind: live, or at recordings (shares are looked at where they are listed)."""
        for row in reversed(self._rows.values()):
            if row.mode == mode and row.kind != "share":
                return row
        return None

    @property
    def danger(self) -> GrantRow | None:
        """The newest look in imminent danger: live, and the last minutes."""
        return next((row for row in reversed(self._rows.values()) if row.kind == "break_glass"), None)

    # --- opening and ending ---------------------------------------------------------------------------------------

    async def async_open(self, asked: PurposeOpen | BreakGlass | ShareOpen) -> GrantRow:
        """Open one. Raises HoldshelfError."""
        row = await self._link.act(asked)
        self.ended.pop(row.mode, None)
        self._rows[row.id] = row
        self._tell()
        return row

    async def async_again(self, mode: str) -> GrantRow | None:
        """Open again what ended by itself, as it was asked for. Raises HoldshelfError."""
        row, _why = self.ended.get(mode, (None, ""))
        if row is None:
            return None
        if row.kind == "share":
            return await self.async_open(ShareOpen(row.share))
        asked = PurposeOpen(
            list(row.cameras), row.purpose, row.incident, "", row.mode, None, row.start_utc_ns, row.end_utc_ns
        )
        return await self.async_open(asked)

    async def async_widen(
        self, look: str, cameras: Sequence[str], start_utc_ns: int | None = None, end_utc_ns: int | None = None
    ) -> GrantRow:
        """More of it, after the one confirm: further cameras, a longer span, or both. Raises HoldshelfError."""
        there = self._rows[look].cameras
        new = [camera for camera in cameras if camera not in there]
        wider = await self._link.act(PurposeWiden(look, new, start_utc_ns, end_utc_ns))
        self._rows[look] = wider
        self._tell()
        return wider

    async def async_renew(self, look: str) -> GrantRow:
        """Keep looking live. Raises HoldshelfError."""
        row = await self._link.act(LiveRenew(look))
        self._rows[look] = row
        self._tell()
        return row

    async def async_close(self, look: str) -> None:
        """End one. What cannot be told to the service ends there by itself."""
        if self._rows.pop(look, None) is None:
            return
        self._tell()
        with suppress(HoldshelfError):
            await self._link.act(PurposeClose(look))

    async def async_close_all(self) -> None:
        """End all, when the terminal is left. Takes at most some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(self.async_close(look) for look in list(self._rows)))

    def close_left_open(self, client: Client) -> None:
        """End what is still open, after the app has gone. Blocks. Raises HoldshelfError."""
        for look in list(self._rows):
            self._rows.pop(look)
            client.act(PurposeClose(look))

    # --- keeping count ----------------------------------------------------------------------------------------------

    def delivered(self, look: str, *, left: int | None = None) -> None:
        """A picture of it came, or an answer said how many are left."""
        row = self._rows.get(look)
        if row is not None:
            left = max(0, row.pictures_left - 1) if left is None else left
            self._rows[look] = msgspec.structs.replace(row, pictures_left=left)
            self._tell()

    def refused(self, look: str, error: HoldshelfError) -> bool:
        """Whether an answer says that the look is no more; then it is so here, too."""
        gone = isinstance(error, NotFound) and "no look" in error.sentence
        gone = gone or (isinstance(error, Refused) and ("has ended:" in error.sentence or "no look" in error.sentence))
        if gone:
            self._over(look, "the service was restarted" if isinstance(error, NotFound) else error.sentence)
        return gone

    def heard(self, row: EventRow) -> None:
        """An event of the service."""
        if row.type == ENDED_EVENT and row.data.get("look") in self._rows:
            self._over(str(row.data["look"]), str(row.data.get("why", "")))

    async def async_refresh(self) -> None:
        """Ask which are still open: after the service was away. Raises HoldshelfError."""
        open_there = {row.id: row for row in await self._link.read(ReadLooks())}
        for look in list(self._rows):
            if look in open_there:
                self._rows[look] = open_there[look]
            else:
                self._over(look, "the recording service was restarted")
        self._tell()

    def _over(self, look: str, why: str) -> None:
        row = self._rows.pop(look, None)
        if row is not None:
            self.ended[row.mode] = (row, why)
            self._tell()


def _covers(row: GrantRow, at_utc_ns: int) -> bool:
    if row.start_utc_ns is None or row.end_utc_ns is None:
        return False
    return row.start_utc_ns <= at_utc_ns < row.end_utc_ns and at_utc_ns <= time.time_ns()
