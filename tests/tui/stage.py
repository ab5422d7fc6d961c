"""A library for tests of the terminal: the real service with made footage, people with keys, and the app on a client.

`with Stage(tmp_path) as stage: async with stage.app("dora").run_test(size=(80, 24)) as pilot: …`. Cameras are entries that
answer to nobody (their footage was made), so nothing here depends on a stream.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Self, cast

import msgspec
from rich.cells import cell_len
from textual.css.query import NoMatches
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button

from holdshelf_core.api.client import Client
from holdshelf_core.holds.types import HoldPlace, HoldRow, SpanAsk
from holdshelf_core.looks.types import GrantRow, PurposeOpen
from holdshelf_core.policy import model
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.start import StartPane
from tests.looking import MINUTE_NS, Recorded, commissioned, record, seed
from tests.people import People
from tests.rig.hang import HANG_S
from tests.service import Service

POLICY = "P1. Cameras are there for safety.\n\nThe Library disclaims all liability.\n"
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


def boards_word(data: Path, policy_file: str = "") -> list[tuple[str, str, msgspec.Struct]]:
    """Name and contact of the library, an adopted policy, and the Board's review: written before the service starts."""
    sha256, now = hashlib.sha256(POLICY.encode()).hexdigest(), time.time_ns()
    file_sha256 = hashlib.sha256(policy_file.encode()).hexdigest() if policy_file else ""
    folder = data / "state" / "policy"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{sha256}.txt").write_text(POLICY)
    if policy_file:
        (folder / f"{file_sha256}.toml").write_text(policy_file)
    review = model.Check("house:board-review", {"board-review": model.Seen(now, "p1")})
    return [
        ("board", "settings", model.Board(library="Elm Street Library", contact="Dora Reed, 860-555-0100")),
        ("policy", "adopted", model.Adopted("2026-1", "2026-03-10", sha256, "enforce", now, file_sha256)),
        ("checks", "house:board-review", review),
    ]


class Stage:
    """Director ``dora``, Chair ``carl`` with a key, designee ``sam`` (live, archive, hold on the lobby), and the admin.

    ``start_utc_ns``: of the made footage (see tests.looking.record); ``uncommissioned``: cameras that nobody approved yet;
    ``in_use``: the Board has said what the first day asks of it, so that nothing of it waits; ``policy_file``: the one that it
    adopted then, in place of the first library's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cameras: dict[str, str] | None = None,
        start_utc_ns: int | None = None,
        uncommissioned: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        in_use: bool = True,
        policy_file: str = "",
    ) -> None:
        self.cameras = cameras if cameras is not None else CAMERAS
        self.service = Service(folder / "data", mint=True, environment=environment)
        self.people = People(self.service)
        approved = [camera for camera in self.cameras if camera not in uncommissioned]
        decided = boards_word(self.service.data, policy_file) if in_use else []
        cameras = [entry(c, name) for c, name in self.cameras.items()]
        seed(self.service.data, [*commissioned(*approved), *cameras, *decided])
        at = start_utc_ns if start_utc_ns is not None else time.time_ns() - 60 * MINUTE_NS
        self.made: Recorded = record(self.service.data, list(self.cameras), at)

    def __enter__(self) -> Self:
        self.service.__enter__()
        try:
            director = self.people.name_director()
            self.people.name("chair", "carl", "Carl Moss", director)
            self.people.appoint("sam", "Sam Roe", director, "live", "archive", "hold", cameras=["lobby"])
        except BaseException:
            self.service.__exit__()
            raise
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
        return self.client(login).act(asked)

    def hold(self, login: str = "dora", camera: str = "lobby", reference: str = "26-114") -> HoldRow:
        """A hold over the first minute of what was made."""
        spans = [SpanAsk(camera, self.made.start_utc_ns, self.made.start_utc_ns + MINUTE_NS)]
        return self.client(login).act(HoldPlace("violation", reference, spans))


@contextlib.asynccontextmanager
async def seated(
    people: People, login: str, *, size: tuple[int, int] = (80, 24), **more: Any
) -> AsyncIterator[Pilot[Any]]:
    """The app of that person, in a session that ends with it: nobody has many at a time."""
    service = people.service
    opened = service.open_session(login, people.fingerprints[login])
    try:
        client = Client(service.data, token=opened["token"], timeout_s=HANG_S)
        async with HoldshelfApp(client, **more).run_test(size=size) as pilot:
            yield pilot
    finally:
        service.end_session(opened["session"])


def our_app(pilot: Pilot[Any]) -> HoldshelfApp:
    """The app, as ours."""
    return cast(HoldshelfApp, pilot.app)


def screen_text(pilot: Pilot[Any]) -> str:
    """What is on the screen now, line by line, without colors."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def cut(pilot: Pilot[Any]) -> list[str]:
    """What is in front and has less room than it needs: texts whose last lines, buttons whose ends are missing."""
    app, found = pilot.app, []
    for widget in app.screen.query("Static, Label, Button").results(Widget):
        room = widget.content_size
        if not widget.display or not room.width or not widget.is_attached:
            continue
        if isinstance(widget, Button):
            if cell_len(widget.label.plain) > room.width:
                found.append(widget.label.plain)
        elif widget.get_content_height(app.size, app.screen.size, room.width) > room.height:
            found.append(str(getattr(widget, "content", widget)))
    return found


def told(pilot: Pilot[Any]) -> list[str]:
    """What is told beside the screen for some seconds; a test's screen does not show it."""
    return [one.message for one in pilot.app._notifications]


def is_there(answer: object) -> bool:
    """An answer that is not empty; a screen is there once what it is made of is: it is in front before that."""
    return bool(answer) and not (isinstance(answer, Screen) and not answer.is_mounted)


async def until[T](pilot: Pilot[Any], what: str, probe: Callable[[], T | bool | None], seconds: float = HANG_S) -> T:
    """Lets the app go on until there is an answer that is not empty; fails with ``what`` and the screen.

    A probe may look for a widget that is not there yet. What it finds is found on a screen whose widgets are there.
    """
    ends = time.monotonic() + seconds
    while True:
        answer: T | bool | None = None
        with contextlib.suppress(NoMatches):
            answer = probe()
        if is_there(answer) and all(
            is_there(screen) for screen in pilot.app.screen_stack[-1:]
        ):  # none: the app has ended
            return cast(T, answer)
        if time.monotonic() > ends:
            raise AssertionError(f"after {seconds:g} s still not: {what}\n{screen_text(pilot)}")
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[Any], *words: str, seconds: float = HANG_S) -> str:
    """Lets the app go on until all of these are on the screen; returns the screen."""

    def shown() -> str:
        now = screen_text(pilot)
        return now if all(one in now for one in words) else ""

    return await until(pilot, f"{words} on the screen", shown, seconds)


async def settled(pilot: Pilot[Any]) -> HomeScreen:
    """The home screen, once the service has said who sits there; from the first question on to the first of the tabs."""
    home = await arrived(pilot)
    if isinstance(home.front, StartPane):
        await home.go("cameras")
    return home


async def arrived(pilot: Pilot[Any]) -> HomeScreen:
    """The home screen as it is after a log-in."""

    def home() -> HomeScreen | None:
        screen = pilot.app.screen
        return screen if isinstance(screen, HomeScreen) and screen.front is not None else None

    return await until(pilot, "a home screen", home)
