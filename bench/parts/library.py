"""A library that has run for a while: footage of many cameras over weeks, and a register full of people, papers and holds.

The rows come to the service as after a lost register, out of the access log. Must never be pointed at a service in use.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import msgspec

from holdshelf_core.api.client import Client
from holdshelf_core.holds.types import HoldListAsk
from holdshelf_core.policy import model
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from tests.people import People
from tests.rig.rtsp import RtspServer
from tests.service import Service, wait_for
from tests.storage.archive import make_archive

NS = 1_000_000_000
DAY_NS = 86_400 * NS
HALF_HOUR_NS = 1_800 * NS
KEPT_WITHIN_S = 600.0
_ROWS_OF_AN_ENTRY = 200

CHAIR = "p1"
"""Id of the Chair of the Library Board, who stands in every such register."""

type TableRow = tuple[str, str, msgspec.Struct]


def register_rows(cameras: list[str], count: int, start_utc_ns: int, end_utc_ns: int) -> list[TableRow]:
    """`count` rows: of each ten three shares, three flags, two appointments, a hold, and a person or a term of a seat.

    One hold in ten is in force, for half an hour; the others are lifted, and of everything else but the Chair's seat and the
    cameras' commissions the end has come.
    """
    pick = random.Random(3)
    paper = hashlib.sha256(b"paper").hexdigest()
    rows: list[TableRow] = [
        ("commissions", c, model.Commission(c, (), 1, no_masks_why="shelves only", approved_by="p1", state="approved"))
        for c in cameras
    ]
    rows += [("people", CHAIR, model.Person(CHAIR, "cora", "Cora Chair"))]
    rows += [("seats", "s1", model.Seat("s1", "chair", CHAIR, start_utc_ns, None, paper, "admin"))]
    people = max(1, count // 20)
    for number in range(max(0, count - len(rows))):
        at = pick.randrange(start_utc_ns, end_utc_ns - HALF_HOUR_NS)
        camera, person, turn = pick.choice(cameras), f"p{1000 + number % people}", number % 10
        key: str
        row: msgspec.Struct
        if turn < 3:
            key = f"sh{number}"
            row = model.Share(
                key, "view", person, camera, at, at + NS, at + DAY_NS, "crime", "p1", ended_utc_ns=at + NS
            )
            rows.append(("shares", key, row))
        elif turn < 6:
            key = f"f{number}"
            row = model.Flag(key, "wandering", 1, person, at, 1, ("p2",), "reviewed at the spot check")
            rows.append(("flags", key, row))
        elif turn < 8:
            key = f"a{number}"
            row = model.Appointment(
                key, person, "s1", ("archive", "hold"), (camera,), at, at + DAY_NS, paper, ended_utc_ns=at + DAY_NS
            )
            rows.append(("appointments", key, row))
        elif turn == 8:
            key = f"H-2026-{number:04d}"
            span = (model.HoldSpan(camera, at, at + HALF_HOUR_NS),)
            in_force = number % 100 == 8
            row = model.Hold(
                key, "violation", f"2026-{number:04d}", span, person, at, end_utc_ns + 90 * DAY_NS, note="of a bench"
            )
            if not in_force:
                row = msgspec.structs.replace(row, state="lifted", lifted_utc_ns=at + DAY_NS, version=4)
            rows.append(("holds", key, row))
        elif number // 10 < people:
            key = f"p{1000 + number // 10}"
            row = model.Person(key, f"login-{number}", f"Person {number}", (), left_utc_ns=end_utc_ns)
            rows.append(("people", key, row))
        else:
            key = f"s{1000 + number}"
            row = model.Seat(key, "mayor", person, at, at + DAY_NS, paper, "admin", at + DAY_NS)
            rows.append(("seats", key, row))
    return rows


def seed(state: Path, rows: list[TableRow], utc_ns: int) -> None:
    """Writes rows into the access log of a service that does not run."""
    log = AccessLog.open(state)
    try:
        for some in batched(rows, _ROWS_OF_AN_ENTRY):
            changes = [{"table": table, "key": key, "row": msgspec.to_builtins(row)} for table, key, row in some]
            public = {"at": time_text(utc_ns), "offset_s": 0, "action": "bench.seed", "outcome": "done"}
            log.append({**public, "person": "admin"}, {"changes": json.dumps(changes)})
    finally:
        log.close()


@dataclass
class Library:
    """One house on disk. `items` 0 and `days` 0 make an empty one, with the same cameras."""

    data: Path
    cameras: list[str]
    start_utc_ns: int
    """Footage from here on; of an empty house none."""
    end_utc_ns: int
    segments: int
    items: int

    @contextlib.contextmanager
    def running(self) -> Iterator[tuple[Service, Client]]:
        """The service, recording, with everything that is in force on the shelf; and its Director."""
        service = Service(self.data, mint=True)
        with service:
            director = People(service).name_director()
            service.await_recording(*self.cameras, seconds=120)
            service.client.timeout_s = 120
            wait_for("all is counted", lambda: service.client.status().disk.counted, KEPT_WITHIN_S, every=0.2)

            def is_shelved() -> bool:
                return all(hold.shelved for hold in director.act(HoldListAsk()).holds)

            wait_for("what is held is on the shelf", is_shelved, KEPT_WITHIN_S, every=1.0)
            yield service, director


def make_library(folder: Path, server: RtspServer, days: int, per_day: int, items: int) -> Library:
    """A set-up data folder with the server's cameras; `days` of footage until last midnight (UTC), `items` rows.

    The journals are as real ones; the files of all segments are names of one tiny file.
    """
    house = folder / "house"
    with Service(house) as service, ThreadPoolExecutor(4) as pool:
        cameras = sorted(pool.map(lambda name: service.add(server.url(name), name), server.mounts))
    first_day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days)
    end = (dt.datetime.now(dt.UTC).date().toordinal() - dt.date(1970, 1, 1).toordinal()) * DAY_NS
    if not days:
        seed(house / "state", register_rows(cameras, max(items, len(cameras)), end - DAY_NS, end), end)
        return Library(house, cameras, end - DAY_NS, end, 0, items)
    archive = make_archive(folder / "library", len(cameras), days, per_day, first_day=first_day)
    if archive.cameras != cameras:
        raise AssertionError(f"the footage is of {archive.cameras}, the register has {cameras}")
    furnish(house / "state", archive.state)
    seed(archive.state, register_rows(cameras, items, archive.first_utc_ns, end), end)
    return Library(archive.state.parent, cameras, archive.first_utc_ns, end, archive.segments, items)


def furnish(source: Path, state: Path) -> None:
    """Gives a state folder another one's register, access log and keys; its volume stays its own."""
    shutil.copy(source / "register.json", state / "register.json")
    for name in ("access", "keys"):
        shutil.copytree(source / name, state / name, dirs_exist_ok=True)
