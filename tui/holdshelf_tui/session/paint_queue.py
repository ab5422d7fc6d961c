"""In what order and how fast pictures are painted: a few bands of rows at a time, and only while little is on its way.

A key pressed while a dozen pictures load is answered at once, also over a slow line: what has not been painted yet has
not been written yet. Whoever is painted is asked again right before: what is out of date is dropped, not painted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from textual.app import App

MOST_UNSEEN_BYTES = 24 << 10
"""With the answer to a key on top, well under the 32 KB that may be on their way."""
BAND_BYTES = 6 << 10
"""Of one picture, before the next one has its turn."""
_LOOK_AGAIN_S = 0.005
_WRITTEN_S = 5.0


class Painted(Protocol):
    """A picture that is painted in parts."""

    @property
    def next_bytes(self) -> int:
        """What its next rows cost at least; 0 when there is nothing to paint any more."""

    def paint_more(self, most_bytes: int) -> int:
        """Paint rows for so many bytes, and at least the next ones. Returns how many bytes that costs."""


class PaintQueue:
    """The queue of one terminal. Methods run on the loop."""

    def __init__(self, app: App[str]) -> None:
        self._app = app
        self._queue: deque[Painted] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, picture: Painted) -> None:
        """It has something to paint."""
        if picture not in self._queue:
            self._queue.append(picture)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="paint-queue")

    def drop(self, picture: Painted) -> None:
        """It has nothing to paint any more."""
        if picture in self._queue:
            self._queue.remove(picture)

    @property
    def idle(self) -> bool:
        """Nothing waits to be painted."""
        return not self._queue

    async def _run(self) -> None:
        while (picture := self._first()) is not None:
            unseen = self._unseen()
            room = MOST_UNSEEN_BYTES - unseen
            if unseen and max(picture.next_bytes, BAND_BYTES) > room:
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            self._paint(room)
            await self._written()

    def _first(self) -> Painted | None:
        """Whose turn it is; those that have nothing to paint any more are dropped."""
        while self._queue and not self._queue[0].next_bytes:
            self._queue.popleft()
        return self._queue[0] if self._queue else None

    def _paint(self, room: int) -> None:
        """At least a few rows, at most what there is room for: Textual writes sixty times a second, and a fast line has taken it
        by then.
        """
        painted = 0
        while (picture := self._first()) is not None and (not painted or painted + picture.next_bytes <= room):
            painted += picture.paint_more(min(BAND_BYTES, room - painted))

    def _unseen(self) -> int:
        return int(getattr(self._app._driver, "unseen", 0))

    async def _written(self) -> None:
        """Until it is: Textual writes what was refreshed when it is idle next."""
        done = asyncio.Event()
        self._app.call_after_refresh(done.set)
        try:
            async with asyncio.timeout(_WRITTEN_S):
                await done.wait()
        except TimeoutError:
            pass
        mark = getattr(self._app._driver, "mark", None)
        if mark is not None:
            mark()
