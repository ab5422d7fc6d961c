"""A library for tests of the terminal: the real service with made footage, people with keys, and the app on a client.

`with Stage(tmp_path) as stage: async with stage.app("dora").run_test(size=(80, 24)) as pilot: …`. Cameras are entries that
answer to nobody (their footage was made), so nothing here depends on a stream.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from textual.pilot import Pilot

from holdshelf_core.api.client import Client
from holdshelf_core.api.types_holds import HoldPlace, HoldRow, SpanAsk
from holdshelf_core.api.types_looks import GrantRow, PurposeOpen
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.screens.home import HomeScreen
from tests.looking import MINUTE_NS, Recorded, commissioned, record, seed
from tests.people import People
from tests.service import Service

CAMERAS = {"lobby": "Front entrance", "desk": "Service desk", "stacks": "Stacks"}


class Entry(msgspec.Struct):
    """A camera's row in the register."""

    entry_id: str
    title: str
    area_kind: str = "seating"
    area_note: str = ""
    domain: str = "stream"
    unique_id: str = ""
    data: dict[str, Any] = {}
    added_utc_ns: int = 1


def entry(camera: str, name: str, area: str = "seating") -> tuple[str, str, msgspec.Struct]:
    """A camera at an address where nobody answers."""
    url = f"rtsp://127.0.0.1:9/{camera}"
    data = {"address": "127.0.0.1", "stream": {"url": url}}
    return ("entries", camera, Entry(camera, name, area, unique_id=f"stream-{camera}", data=data))


class Stage:
    """Director ``dora``, Chair ``carl`` with a key, designee ``sam`` (live, archive, hold on the lobby), and the admin.

    ``start_utc_ns``: of the made footage (see tests.looking.record); ``uncommissioned``: cameras that nobody approved yet.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cameras: dict[str, str] | None = None,
        start_utc_ns: int | None = None,
        uncommissioned: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.cameras = cameras if cameras is not None else CAMERAS
        self.service = Service(folder / "data", mint=True, environment=environment)
        self.people = People(self.service)
        approved = [camera for camera in self.cameras if camera not in uncommissioned]
        seed(self.service.data, [*commissioned(*approved), *(entry(c, name) for c, name in self.cameras.items())])
        at = start_utc_ns if start_utc_ns is not None else time.time_ns() - 60 * MINUTE_NS
        self.made: Recorded = record(self.service.data, list(self.cameras), at)

    def __enter__(self) -> Self:
        self.service.__enter__()
        director = self.people.name_director()
        self.people.name("chair", "carl", "Carl Moss", director)
        self.people.appoint("sam", "Sam Roe", director, "live", "archive", "hold", cameras=["lobby"])
        return self

    def __exit__(self, *exc: object) -> None:
        self.service.__exit__(*exc)

    def client(self, login: str) -> Client:
        """A new session; '' is the admin."""
        return self.people.client(login) if login else self.service.client

    def app(self, login: str = "dora", **more: Any) -> HoldshelfApp:
        """The app as that person has it; '' is the admin."""
        return HoldshelfApp(self.client(login), **more)

    def seated(
        self, login: str = "dora", *, size: tuple[int, int] = (80, 24), **more: Any
    ) -> contextlib.AbstractAsyncContextManager[Pilot[Any]]:
        """See `seated`."""
        return seated(self.people, login, size=size, **more)

    def look(self, login: str = "dora", *cameras: str, incident: str = "26-1") -> GrantRow:
        """A look at all that was made."""
        asked = PurposeOpen(
            list(cameras or ("lobby",)),
            "violation",
            incident,
            start_utc_ns=self.made.start_utc_ns,
            end_utc_ns=self.made.end_utc_ns,
        )
        return self.client(login).act("purpose.open", asked, GrantRow)

    def hold(self, login: str = "dora", camera: str = "lobby", reference: str = "26-114") -> HoldRow:
        """A hold over the first minute of what was made."""
        spans = [SpanAsk(camera, self.made.start_utc_ns, self.made.start_utc_ns + MINUTE_NS)]
        return self.client(login).act("hold.place", HoldPlace("violation", reference, spans), HoldRow)


@contextlib.asynccontextmanager
async def seated(
    people: People, login: str, *, size: tuple[int, int] = (80, 24), **more: Any
) -> AsyncIterator[Pilot[Any]]:
    """The app of that person, in a session that ends with it: nobody has many at a time."""
    service = people.service
    opened = service.open_session(login, people.fingerprints[login])
    try:
        client = Client(service.data, token=opened["token"], timeout_s=20)
        async with HoldshelfApp(client, **more).run_test(size=size) as pilot:
            yield pilot
    finally:
        service.end_session(opened["session"])


def screen_text(pilot: Pilot[Any]) -> str:
    """What is on the screen now, line by line, without colours."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def told(pilot: Pilot[Any]) -> list[str]:
    """What is told beside the screen for some seconds; a test's screen does not show it."""
    return [one.message for one in pilot.app._notifications]


async def until[T](pilot: Pilot[Any], what: str, probe: Callable[[], T | bool | None], seconds: float = 20.0) -> T:
    """Lets the app go on until there is an answer that is not empty; fails with ``what`` and the screen."""
    ends = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer  # type: ignore[return-value]
        if time.monotonic() > ends:
            raise AssertionError(f"after {seconds:g} s still not: {what}\n{screen_text(pilot)}")
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[Any], words: str, seconds: float = 20.0) -> str:
    """Lets the app go on until these words are on the screen; returns the screen."""
    return await until(pilot, f"{words!r} on the screen", lambda: words in (now := screen_text(pilot)) and now, seconds)


async def settled(pilot: Pilot[Any]) -> HomeScreen:
    """The home screen, once the service has said who sits there."""

    def home() -> HomeScreen | None:
        screen = pilot.app.screen
        return screen if isinstance(screen, HomeScreen) and screen.front is not None else None

    return await until(pilot, "a home screen", home)
