"""A library as it is after some time: footage with its anchors, and an access log whose entries left the register's rows.

Everything is written in the order of time by storage's own writers: journals and folders as `tests.storage.archive` makes them, a
batch of anchors an hour, and entries of the kinds that people leave. Must never be pointed at a state in use.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench.parts.rows import say
from holdshelf_core.policy import model
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import encode_entry, time_text
from holdshelf_storage.access_log.start import ACCESS, KEY
from holdshelf_storage.access_log.write import Writer
from holdshelf_storage.anchors import anchors
from holdshelf_storage.volume.reserve import Reserve
from tests.storage.archive import Archive, day_start_ns, make_archive

NS = 1_000_000_000
MINUTE_NS, HOUR_NS, DAY_NS = 60 * NS, 3600 * NS, 86_400 * NS
BATCH = 1_000
"""Entries to a sync."""
HELD_HOURS = 48
"""A hold that is lifted is lifted after so long."""
DIRECTOR, CHAIR, SEAT = "p2", "p1", "s2"
PAPER = hashlib.sha256(b"paper").hexdigest()
INCIDENT_AT_START = "2000-0001"
"""One look, on the first day, had this number: a search for it reads the whole log."""

type Public = dict[str, Any]
type Private = dict[str, str]


@dataclass(frozen=True)
class Age:
    """How much there is after so many days."""

    days: int
    segments_per_day: int
    """Files of one camera."""
    entries: int
    holds: int
    in_force: int
    log_ins: int
    people: int
    at_work: int
    """People who act at any time; the others came before, and went."""

    def part(self, of: float) -> Age:
        """The same with that share of everything but days, segments and the people at work."""

        def share(count: int) -> int:
            return max(1, round(count * of))

        return replace(
            self,
            entries=share(self.entries),
            holds=share(self.holds),
            in_force=share(self.in_force),
            log_ins=share(self.log_ins),
            people=share(self.people),
        )


@dataclass(frozen=True)
class Aged:
    """A data folder that was made, with its cameras and the first and the last whole day of footage."""

    data: Path
    cameras: list[str]
    days: list[str]
    segments: int
    entries: int
    somebody: str
    """Log-in of a person who is at work, and has been for a while."""


def make_aged(house: Path, folder: Path, cameras: int, age: Age) -> Aged:
    """A library of that age in FOLDER, until last midnight (UTC), with the cameras and keys of the data folder HOUSE."""
    first_day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=age.days)
    archive = make_archive(folder, cameras, age.days, age.segments_per_day, first_day=first_day)
    say(f"{archive.segments:,} segments made")
    shutil.copy(house / "state" / "register.json", archive.state / "register.json")
    shutil.copytree(house / "state" / "keys", archive.state / "keys", dirs_exist_ok=True)
    (archive.state / ACCESS).mkdir(mode=0o700)
    writer = Writer(archive.state / ACCESS, archive.state / "keys" / KEY, Reserve(archive.state))
    try:
        _Year(writer, archive, age).write(_entries_of(house))
        entries = writer.tree.size
    finally:
        writer.close()
    say(f"{entries:,} entries written")
    return Aged(
        archive.state.parent,
        archive.cameras,
        archive.days,
        archive.segments,
        entries,
        f"login-{max(0, age.people - 1 - age.at_work // 2)}",
    )


def _entries_of(house: Path) -> list[tuple[Public, Private]]:
    """What the log of a house has: that its cameras were added. What it anchored is another volume's."""
    log = AccessLog.open(house / "state")
    try:
        found = log.read(wanted=lambda public: public.get("action") != "footage.root")
        return [(dict(entry.public), dict(entry.private or {})) for entry in found]
    finally:
        log.close()


class _Year:
    """Writes the log and the anchors of an archive, hour by hour."""

    def __init__(self, writer: Writer, archive: Archive, age: Age) -> None:
        self._writer, self._archive, self._age = writer, archive, age
        self._lines: list[bytes] = []
        self._file = ""
        self._hours = age.days * 24
        self._held = 0
        self._lifts: dict[int, list[model.Hold]] = defaultdict(list)
        self._enrolled = 0
        self._look = 0
        self._media_fd = os.open(archive.media, os.O_RDONLY | os.O_DIRECTORY)
        self._volume = json.loads((archive.state / "volume.json").read_text())["volume"]

    @property
    def _next(self) -> int:
        """The number of the next entry."""
        return self._writer.tree.size + len(self._lines) + 1

    def write(self, before: list[tuple[Public, Private]]) -> None:
        """All of it. ``before``: entries that come first, as of the first day."""
        try:
            start = self._archive.first_utc_ns
            for number, (public, private) in enumerate(before):
                kept = {name: value for name, value in public.items() if name not in ("v", "seq", "commit")}
                self._put({**kept, "at": time_text(start + number)}, private)
            self._rows(start + NS)
            for hour in range(self._hours):
                self._write_hour(hour, start + hour * HOUR_NS)
            self._flush()
            self._writer.write_head()
            self._writer.write_frontier()
        finally:
            os.close(self._media_fd)

    def _write_hour(self, hour: int, start: int) -> None:
        """What was recorded in the hour is anchored at its end."""
        age = self._age
        quota = self._share(age.entries, hour)
        made = [*self._of_people(hour), *self._of_holds(hour, start)]
        made += [self._log_in(number) for number in range(self._share(age.log_ins, hour))]
        lookers = self._looks(start)
        rest = max(0, quota - len(made) - 1)
        each = HOUR_NS // (len(made) + rest + 1)
        for number in range(len(made) + rest):
            # Looks take their numbers when they are written, so they are made one by one.
            public, private = made[number] if number < len(made) else next(lookers)
            self._put({**public, "at": time_text(start + (number + 1) * each)}, private)
        self._anchor(hour, start)

    def _share(self, total: int, hour: int) -> int:
        return total * (hour + 1) // self._hours - total * hour // self._hours

    # --- entries ----------------------------------------------------------------------------------------------------

    def _put(self, public: Public, private: Private) -> None:
        wanted = self._writer.file_for(public["at"])
        if self._lines and (wanted != self._file or len(self._lines) == BATCH):
            self._flush()
        self._file = wanted
        self._lines.append(encode_entry(self._next, public, private))

    def _flush(self) -> None:
        if self._lines:
            self._writer.put(self._file, self._lines)
        self._lines = []

    def _rows(self, utc_ns: int) -> None:
        """Two seats, and what was approved at the beginning."""
        rows: list[tuple[str, str, msgspec.Struct]] = [
            ("people", CHAIR, model.Person(CHAIR, "cora", "Cora Chair")),
            ("people", DIRECTOR, model.Person(DIRECTOR, "dora", "Dora Reed")),
            ("seats", "s1", model.Seat("s1", "chair", CHAIR, utc_ns, None, PAPER, "admin")),
            ("seats", SEAT, model.Seat(SEAT, "director", DIRECTOR, utc_ns, None, PAPER, "admin")),
        ]
        rows += [
            (
                "commissions",
                c,
                model.Commission(c, (), 1, no_masks_why="shelves", approved_by=DIRECTOR, state="approved"),
            )
            for c in self._archive.cameras
        ]
        for table, key, row in rows:
            self._put({**self._by("admin", "bench.seed"), "at": time_text(utc_ns)}, _changes((table, key, row)))

    def _by(self, person: str, action: str, **more: object) -> Public:
        seat = {"admin": "admin", "service": "service", CHAIR: "chair", DIRECTOR: "director"}.get(person)
        said = {"offset_s": -18_000, "action": action, "outcome": "done", "person": person}
        via = {} if person == "service" else {"via": "ssh", "session": f"{self._next % 5000:016x}"}
        return {**said, "seat": seat or "designee of director", **via, "policy": "3b" * 32, **more}

    def _person(self, number: int) -> str:
        """One of those who came last: there are no more at work after a year than after a month."""
        at_work = min(self._enrolled, self._age.at_work)
        return f"p{1000 + self._enrolled - 1 - number % at_work}" if at_work else DIRECTOR

    def _from(self, person: str) -> Private:
        return {"name": f"Person {person}", "source": f"192.0.2.{self._next % 250}:50{self._next % 1000:03d}"}

    def _of_people(self, hour: int) -> Iterator[tuple[Public, Private]]:
        """Each gets a letter of appointment; one in ten is in force at the end."""
        at = self._archive.first_utc_ns + hour * HOUR_NS
        end = self._archive.first_utc_ns + self._hours * HOUR_NS
        for _ in range(self._share(self._age.people, hour)):
            number, self._enrolled = self._enrolled, self._enrolled + 1
            key = f"p{1000 + number}"
            lasts = number % 10 == 0
            person = model.Person(key, f"login-{number}", f"Person {number}", added_utc_ns=at)
            letter = model.Appointment(
                f"a{number + 1}",
                key,
                SEAT,
                ("archive", "hold"),
                None if lasts else (self._archive.cameras[number % len(self._archive.cameras)],),
                at,
                end + 30 * DAY_NS if lasts else at + NS,
                PAPER,
                by=DIRECTOR,
                ended_utc_ns=None if lasts else at + NS,
            )
            told = self._by(DIRECTOR, "person.add", subject=key)
            yield told, {**self._from(DIRECTOR), **_changes(("people", key, person))}
            told = self._by(DIRECTOR, "appointment.make", subject=letter.id)
            yield told, {**self._from(DIRECTOR), **_changes(("appointments", letter.id, letter))}

    def _of_holds(self, hour: int, start: int) -> Iterator[tuple[Public, Private]]:
        """Each over half an hour of one camera, some hours before; those in force are spread over all of the time."""
        age = self._age
        for _ in range(self._share(age.holds, hour)):
            number, self._held = self._held, self._held + 1
            camera = self._archive.cameras[number % len(self._archive.cameras)]
            begins = max(self._archive.first_utc_ns, start - (2 + number % 20) * HOUR_NS)
            by, year = self._person(number), dt.datetime.fromtimestamp(start / NS, dt.UTC).year
            span = model.HoldSpan(camera, begins, begins + 30 * MINUTE_NS)
            hold = model.Hold(
                f"H-{year}-{number + 1:04d}",
                "violation",
                f"{year}-{number:04d}",
                (span,),
                by,
                start,
                start + 500 * DAY_NS,
            )
            if (number + 1) * age.in_force // age.holds == number * age.in_force // age.holds:
                self._lifts[min(hour + HELD_HOURS, self._hours - 1)].append(hold)
            yield self._about(by, "hold.place", hold), {**self._from(by), **_changes(("holds", hold.id, hold))}
            if number % 5 == 0:
                share = model.Share(
                    f"sh{number + 1}", "view", by, camera, begins, begins + NS, start + DAY_NS, "crime", DIRECTOR,
                    ended_utc_ns=start + DAY_NS,
                )  # fmt: skip
                flag = model.Flag(f"f{number + 1}", "wandering", 1, by, start, 1, (CHAIR,), "reviewed")
                told = self._by(DIRECTOR, "share.make", subject=share.id, cameras=[camera])
                yield told, {**self._from(DIRECTOR), **_changes(("shares", share.id, share), ("flags", flag.id, flag))}
        for hold in self._lifts.pop(hour, ()):
            gone = msgspec.structs.replace(hold, state="lifted", lifted_utc_ns=start, lift_by=CHAIR, version=4)
            for by, action in ((CHAIR, "hold.lift"), (DIRECTOR, "hold.approve")):
                yield self._about(by, action, hold), self._from(by)
            yield self._about("service", "hold.lifted", gone), _changes(("holds", hold.id, gone))

    def _about(self, by: str, action: str, hold: model.Hold) -> Public:
        (span,) = hold.spans
        start, end = time_text(span.start_utc_ns), time_text(span.end_utc_ns or span.start_utc_ns)
        spans = [{"camera": span.camera, "start": start, "end": end}]
        facts = {"ground": hold.ground, "version": hold.version, "spans": spans}
        return self._by(
            by,
            action,
            subject=hold.id,
            cameras=[span.camera],
            start=start,
            end=end,
            incident=hold.reference,
            facts=facts,
        )

    def _log_in(self, number: int) -> tuple[Public, Private]:
        by = self._person(7 * number)
        return self._by(by, "door.login"), self._from(by) | {"login": by, "key": f"SHA256:{number:043d}"}

    def _looks(self, start: int) -> Iterator[tuple[Public, Private]]:
        """Looks without end: each is opened, lets pictures out twice, and is closed; after each a list was read."""
        while True:
            self._look += 1
            by, camera = self._person(self._look), self._archive.cameras[self._look % len(self._archive.cameras)]
            number = self._next
            year = dt.datetime.fromtimestamp(start / NS, dt.UTC).year
            look = {
                "subject": f"L-{year}-{number:06d}",
                "cameras": [camera],
                "start": time_text(start - HOUR_NS),
                "end": time_text(start),
                "mode": "archive",
                "purpose": "crime",
                "incident": f"{year}-{self._look % 9999:04d}" if self._look > 1 else INCIDENT_AT_START,
            }
            yield self._by(by, "purpose.open", clause="P12", **look), self._from(by)
            for _ in range(2):
                lease = self._next
                facts: dict[str, Any] = {"most_pictures": 64, "most_s": 60, "kind": "look"}
                yield self._by(by, "look.open", facts=facts, **look), self._from(by)
                facts = {"lease": lease, "pictures": 12, "footage_ms": 60_000, "mask_versions": [1], "why": "closed"}
                yield self._by(by, "look.close", facts=facts, **look), self._from(by)
            yield self._by(by, "purpose.close", subject=look["subject"]), self._from(by)
            yield self._by(by, "hold.list"), self._from(by)

    # --- anchors ----------------------------------------------------------------------------------------------------

    def _anchor(self, hour: int, start: int) -> None:
        """One batch over the lines of the hour, as the service makes it."""
        archive, day = self._archive, self._archive.days[hour // 24]
        if hour % 24 == 0:
            self._journals = {
                camera: (archive.media / "footage" / camera / day / "journal.jsonl").read_bytes().splitlines()
                for camera in archive.cameras
            }
            self._begun = dict.fromkeys(archive.cameras, (0, 0))
        taken = anchors.Taken([], anchors.Papers(self._volume, [], []))
        seqs: list[int] = []
        for camera, lines in self._journals.items():
            at, end_bytes = self._begun[camera]
            until = len(lines) * (hour % 24 + 1) // 24
            if until == at:
                continue
            path = anchors.journal_path(camera, day)
            fresh = list(islice(lines, at, until))
            taken.leaves += [anchors.leaf_data(path, line) for line in fresh]
            end_bytes += sum(len(line) + 1 for line in fresh)
            taken.papers.journals.append(anchors.Stretch(path, len(fresh), end_bytes))
            self._begun[camera] = until, end_bytes
            seqs += [msgspec.json.decode(line, type=_Numbered).seq for line in (fresh[0], fresh[-1])]
        if not taken.leaves:
            return
        taken.segments, taken.first_seq, taken.last_seq = len(taken.leaves), min(seqs), max(seqs)
        anchors.write_batch(self._media_fd, taken)
        told = self._by("service", anchors.ACTION, facts=taken.facts())
        self._put({**told, "at": time_text(start + HOUR_NS - NS)}, {anchors.TEXT: taken.text()})


class _Numbered(msgspec.Struct):
    seq: int


def _changes(*rows: tuple[str, str, msgspec.Struct]) -> Private:
    changes = [{"table": table, "key": key, "row": msgspec.to_builtins(row)} for table, key, row in rows]
    return {"changes": json.dumps(changes)}


def end_of(aged: Aged) -> int:
    """When its footage ends, UTC ns."""
    return day_start_ns(aged.days[-1]) + DAY_NS
