"""What the scenes play with: made footage in the library's own time zone, the seats, and `holdshelf` typed in a session.

The library stands where the policy was adopted: all local times are New York's, whatever this machine's zone is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.people.types import FlagRow, ReadFlags
from tests.looking import MINUTE_NS, NS, Recorded, commissioned, record, seed
from tests.people import People
from tests.rig import forked
from tests.rig.hang import HANG_S
from tests.service import Service
from tests.tui.cli.test_driver import HOLDSHELF, Ran, in_session

ZONE = "America/New_York"
CAMERAS = ("lobby", "desk", "stacks", "door")


def typed(utc_ns: int) -> str:
    """As a person copies a time from the screen: local, with its offset."""
    return datetime.fromtimestamp(utc_ns // NS, ZoneInfo(ZONE)).isoformat(" ")


@dataclass
class Desk:
    """Somebody in an SSH session: each command is a process of its own that has that session's token, as the door gives it."""

    service: Service
    session: dict[str, Any]

    def run_here(self, *words: str | Path) -> Ran:
        """A command that needs no service."""
        command = [HOLDSHELF, *map(str, words)]
        done = forked.run(command, capture_output=True, text=True)
        return Ran(done.returncode, done.stdout, done.stderr)

    def run(self, *words: str | Path) -> Ran:
        done = in_session(self.session["token"], self.service.data, *words, env={"TZ": ZONE})
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    @property
    def client(self) -> Client:
        return Client(self.service.data, token=self.session["token"], timeout_s=HANG_S)


@dataclass
class Library:
    """A running service with recorded cameras that are in use; Dora Reed is its Director."""

    service: Service
    people: People
    made: Recorded
    folder: Path
    director: Client
    _desks: dict[str, Desk] = field(default_factory=dict)

    def desk(self, login: str) -> Desk:
        """The person at a terminal, in one session."""
        if login not in self._desks:
            self._desks[login] = self.new_desk(login)
        return self._desks[login]

    def new_desk(self, login: str) -> Desk:
        return Desk(self.service, self.service.open_session(login, self.people.fingerprints[login]))

    def scan(self, name: str) -> Path:
        """A scanned paper."""
        file = self.folder / f"{name}.pdf"
        file.write_bytes(f"scan of {name}, signed".encode())
        return file

    def entries(self, action: str) -> list[dict[str, Any]]:
        """Entries of the access log, as the admin is shown them: the public part."""
        rows = self.service.act(LogShow(action=action, most=500)).entries
        return [{**row.entry, "seq": row.seq} for row in rows]

    def flags(self, kind: str) -> list[FlagRow]:
        return [flag for flag in self.director.read(ReadFlags()) if flag.kind == kind]


def _an_hour_ago_ns() -> int:
    """Or a little more, so that what is recorded in five minutes from then lies in one day: papers name a second one."""
    start = (time.time_ns() // NS - 3600) * NS
    days = {datetime.fromtimestamp(at // NS, ZoneInfo(ZONE)).date() for at in (start, start + 5 * MINUTE_NS)}
    return start if len(days) == 1 else start - 10 * MINUTE_NS


def library(folder: Path, *, starts_utc_ns: Sequence[int] = (), cameras: Sequence[str] = CAMERAS) -> Library:
    """Make and start it; close ``.service`` in the end. ``made``: the last of the recordings that begin at these times; else
    an hour ago, at a whole second."""
    service = Service(folder / "data", mint=True, environment={"TZ": ZONE})
    seed(service.data, commissioned(*cameras))
    for start in starts_utc_ns or [_an_hour_ago_ns()]:
        made = record(service.data, cameras, start)
    service.start()
    people = People(service)
    return Library(service, people, made, folder, people.name_director())
