"""A library for tests of the terminal: the real service with made footage, people with keys, and the app on a client.

`with Stage(tmp_path) as stage: async with stage.app("dora").run_test(size=(80, 24)) as pilot: …`. Cameras are entries that
answer to nobody (their footage was made), so nothing here depends on a stream.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from holdshelf_core.api.client import Client
from holdshelf_core.api.types_holds import HoldPlace, HoldRow, SpanAsk
from holdshelf_core.api.types_looks import GrantRow, PurposeOpen
from holdshelf_tui.app import HoldshelfApp
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
