"""The library in which a year is played: cameras that recorded yesterday at 2 pm and one that records now, and its people."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from holdshelf_core.access_log.types import ReadHead
from holdshelf_core.policy import model
from tests.looking import NS, Recorded, commissioned, record, seed
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.scenes.rig import ZONE
from tests.scenes.year.hand import TOO_OFTEN, Hand
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import run
from tests.tui.ssh.door_rig import DoorHouse, Ran
from tests.tui.ssh.outbox_rig import sftp
from tests.tui.stage import boards_word, entry

CAMERAS = {"lobby": "Front entrance", "desk": "Service desk", "stacks": "Stacks", "door": "Back door"}


def yesterday_ns(hour: int, minute: int = 0) -> int:
    """That time of yesterday where the library stands, UTC."""
    today = datetime.now(ZoneInfo(ZONE)).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return int((today - timedelta(days=1)).timestamp()) * NS


def come_again(log_in: Callable[[], Ran]) -> Ran:
    """What came of it, once the key has not logged in too often in a short time: a year's log-ins come in some minutes here."""
    deadline = time.monotonic() + HANG_S
    while TOO_OFTEN in (done := log_in()).said and time.monotonic() < deadline:
        pass
    return done


class Year:
    """Dora Reed is the Director, Carl Moss the Chair with a key of his own, Sam Roe a designee, Gus Hale a guest; ``admin``
    comes through the door."""

    def __init__(self, house: DoorHouse, made: Recorded, rtsp: RtspServer, live: str) -> None:
        self.house, self.made, self.rtsp, self.live = house, made, rtsp, live
        self.folder = house.folder
        self.numbers = 100
        self._since = 0

    def hand(self, login: str, *, starts: bool) -> Hand:
        """Of somebody who has just logged in. From then on, what `awaits` finds is news."""
        self._since = self.house.client().read(ReadHead()).size
        return Hand(self.house, login, starts=starts, key="it" if login == "admin" else "")

    def welcomes(self, login: str) -> None:
        """The first time that they come is over."""
        with self.hand(login, starts=True) as hand:
            hand.sees("Welcome to Holdshelf")
            hand.press("Enter")
            hand.sees_no_more("Welcome to Holdshelf")

    def number(self) -> str:
        """An incident's number that nothing has yet."""
        self.numbers += 1
        return f"26-{self.numbers}"

    def command(self, login: str, *words: str, stdin: bytes = b"") -> str:
        """What a person has done before a task begins, by a command over SSH; its output."""
        key = "it" if login == "admin" else ""
        done = come_again(lambda: self.house.run(login, *words, stdin=stdin, key=key))
        assert done.code == 0, done.said
        return done.out

    def asked(self, login: str, *words: str) -> Any:
        """The same, with --json."""
        return json.loads(self.command(login, *words, "--json"))

    def entries(self, action: str) -> list[dict[str, Any]]:
        """Of the access log, the last one last."""
        return self.house.log_entries(action)

    def awaits(self, action: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The entry of that action since the log-in that fits, once there is one."""

        def found() -> dict[str, Any] | None:
            new = (entry for entry in reversed(self.entries(action)) if entry["seq"] > self._since)
            return next((entry for entry in new if fits(entry)), None)

        return wait_for(f"{action} in the log", found)

    def places_hold(self) -> str:
        """A hold on the front entrance of a minute from 2 pm; its id."""
        words = ["hold", "place", "--ground", "violation", "--incident", self.number(), "--camera", "lobby"]
        id: str = self.asked("dora", *words, "--from", "yesterday 2 pm", "--to", "yesterday 2:01 pm")["id"]
        return id

    def requests(self) -> str:
        """A release that the Director asked for, on a warrant, of a minute from 2 pm; its id."""
        self.sends("dora", "warrant.pdf")
        span = ("yesterday 2 pm", "yesterday 2:01 pm")
        words = ["release", "request", "--basis", "search-warrant", "--incident", self.number(), "--camera", "lobby"]
        words += ["--from", span[0], "--to", span[1], "--paper", "sent", "--judge", "--issuer", "Superior Court"]
        words += ["--docket", "CR-26-77", "--agency", "Trumbull Police", "--officer", "Roe, badge 12"]
        id: str = self.asked("dora", *words, "--scope", f"lobby,{span[0]},{span[1]}")["id"]
        return id

    def withdraws(self, release: str) -> None:
        """So that it waits for nobody any more."""
        self.command("dora", "release", "withdraw", release, "--why", "played")

    def release(self, release: str) -> Any:
        """As the service has it."""
        return self.asked("dora", "release", "show", release)

    def fetches(self, login: str, name: str) -> list[Path]:
        """What comes of that name from somebody's outbox."""
        into = self.folder / f"fetched-{self.number()}"
        into.mkdir()
        done = come_again(lambda: sftp(self.house, login, f"get {name} {into}/"))
        assert done.code == 0, done.said
        return [path for path in into.iterdir() if path.stat().st_size]

    def entrance(self) -> str:
        """A new entrance whose sign nobody has looked at; its id."""
        said = self.command("dora", "entrance", "add", f"Door {self.number()}", "--sign", "version 2")
        found = re.search(r" is (e\d+)\.", said)
        assert found, said
        return found[1]

    def shares(self, login: str) -> None:
        """A minute of the front entrance with that person."""
        words = ["share", "make", login, "--camera", "lobby", "--from", "yesterday 2 pm", "--to", "yesterday 2:01 pm"]
        self.command("dora", *words, "--purpose", "violation", "--confidentiality-signed")

    def sends(self, login: str, name: str) -> str:
        """A paper's scan into that person's drop, by sftp; its SHA-256."""
        scan = self.folder / name
        scan.write_bytes(f"%PDF-1.7\nscan of {name}, number {self.number()}\n%%EOF\n".encode())
        done = come_again(lambda: sftp(self.house, login, f"put {scan} drop"))
        assert "SHA-256" in done.err, done.said
        return hashlib.sha256(scan.read_bytes()).hexdigest()

    def short_head(self) -> str:
        """The line of the access log's head, as it stands on paper."""
        said = self.command("dora", "today")
        found = re.search(r"\d+:(?:[0-9a-f]{4} ?){8}", said)
        assert found, said
        return found[0].strip()

    def hold(self, hold: str) -> Any:
        """As the service has it."""
        return self.asked("dora", "hold", "show", hold)

    def last(self, action: str, **facts: Any) -> dict[str, Any]:
        """The entry of that action since the log-in with these values, once there is one."""
        return self.awaits(action, lambda entry: all(entry.get(name) == value for name, value in facts.items()))


def overdue(number: int) -> model.Hold:
    """A hold that should have been reviewed yesterday."""
    at = yesterday_ns(9)
    span = model.HoldSpan("stacks", yesterday_ns(14), yesterday_ns(14) + 60 * NS)
    return model.Hold(f"H-2026-900{number}", "violation", f"26-{number + 1}", (span,), "p1", at, at)


@contextlib.contextmanager
def year_house(folder: Path) -> Iterator[Year]:
    """It runs; in use as the Board said."""
    service = Service(folder / "data", door=True, budget_bytes=1 << 30, environment={"TZ": ZONE})
    cameras = [entry(camera, name) for camera, name in CAMERAS.items()]
    seed(service.data, [*commissioned(*CAMERAS), *cameras, *boards_word(service.data)])
    holds = [("holds", f"H-2026-900{number}", overdue(number)) for number in range(2)]
    seed(service.data, holds)
    made = record(service.data, list(CAMERAS), yesterday_ns(14) - 65 * NS, detailed=True)
    mounts = [Mount(name, media="h264_100k") for name in ("reading", "annex", "office", "study", "hall")]
    with RtspServer(mounts) as rtsp, service:
        house = DoorHouse(service, folder)
        house.name_director()
        house.enrol("carl", "Carl Moss")
        live = service.add(rtsp.url("reading"), "Reading room")
        year = Year(house, made, rtsp, live)
        year.command("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"minutes")
        house.enrol("sam", "Sam Roe")
        house.appoint("sam", "live", "archive", "hold")
        house.enrol("gus", "Gus Hale")
        year.shares("gus")
        house.enrol("new", "Nina Falk")
        house.appoint("new", "hold")
        for login in ("carl", "sam", "gus"):  # the Director gave commands before
            year.welcomes(login)
        added = run("door", "admin-key", "add", str(house.new_key("it").with_suffix(".pub")), "--data", service.data)
        assert added.code == 0, added.err
        service.await_recording(live)
        yield year
