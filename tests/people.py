"""A library's people, enrolled in a running service the way it is done: the admin names the Director, seats name the rest."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime, timedelta
from pathlib import Path

from holdshelf_core.api.client import Client
from holdshelf_core.people import types
from tests.keys import new_key
from tests.service import Service

PAPER = hashlib.sha256(b"a signed paper").hexdigest()


def day(offset: int) -> str:
    """The local day so many days from now."""
    return (datetime.now().astimezone().date() + timedelta(days=offset)).isoformat()


def wait_past_midnight(seconds: float = 120) -> None:
    """For what asks for a day's acts after some were done: where midnight is less than so far away, it is awaited first."""
    now = datetime.now().astimezone()
    left_s = (now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now).total_seconds()
    if left_s < seconds:
        time.sleep(left_s + 0.1)


class People:
    """Whom the tests speak as. ``fingerprints`` are by login."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.fingerprints: dict[str, str] = {}

    def name_director(self) -> Client:
        """First run: the admin names the Director and installs that key."""
        return self.name("director", "dora", "Dora Reed", self.service.client)

    def name(self, seat: str, login: str, name: str, by: Client, *, start: str = "", end: str = "") -> Client:
        line, self.fingerprints[login] = new_key()
        asked = types.SeatName(seat, login, name, line, start, end, PAPER)
        by.act(asked)
        return self.client(login)

    def enrol(self, login: str, name: str, by: Client | None = None) -> str:
        """A person with a key and without any right; returns the id."""
        line, self.fingerprints[login] = new_key()
        asked = types.PersonAdd(login, name, line)
        return (by or self.service.client).act(asked).id

    def appoint(
        self, login: str, name: str, by: Client, *rights: str, last_day: str | None = None, **more: object
    ) -> str:
        """A designee of ``by``'s seat; returns the appointment's id."""
        if login not in self.fingerprints:
            self.enrol(login, name, by)
        asked = types.AppointmentMake(login, list(rights), last_day or day(30), PAPER, **more)  # type: ignore[arg-type]
        return by.act(asked).id

    def client(self, login: str) -> Client:
        """A new session of that person."""
        return self.service.as_person(login, self.fingerprints[login])


def paper(folder: Path) -> Path:
    """A scan to give with --paper."""
    file = folder / "paper.pdf"
    file.write_bytes(b"a signed paper")
    return file
