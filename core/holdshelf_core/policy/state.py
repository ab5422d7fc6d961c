"""The input of the rules: every row of the policy's tables, and the cameras. No behavior but finding rows.

A State is read, never changed: a change creates a new State (over the same mappings if desired). Its index by person is built on
first use and holds only ids, so it never returns an outdated row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from holdshelf_core.policy.model import (
    Adopted,
    Appointment,
    Board,
    Check,
    Commission,
    Determination,
    Entrance,
    Flag,
    Hold,
    Person,
    Release,
    Seat,
    Share,
)
from holdshelf_core.policy.tables import NO_POLICY, Policy


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What the rules know about a camera. ``area_kind`` is a kind of place that the policy lists."""

    id: str
    name: str
    area_kind: str
    area_note: str = ""


class ByPerson(NamedTuple):
    """The keys of rows by the person whom they concern; a row that is gone since may still be named."""

    seats: Mapping[str, Sequence[str]]
    appointments: Mapping[str, Sequence[str]]
    shares: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class State:
    """The state as the rules see it. Mappings are id → row; ``adopted`` None: no policy text was adopted yet."""

    people: Mapping[str, Person] = field(default_factory=dict)
    seats: Mapping[str, Seat] = field(default_factory=dict)
    appointments: Mapping[str, Appointment] = field(default_factory=dict)
    shares: Mapping[str, Share] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    commissions: Mapping[str, Commission] = field(default_factory=dict)
    entrances: Mapping[str, Entrance] = field(default_factory=dict)
    flags: Mapping[str, Flag] = field(default_factory=dict)
    adopted: Adopted | None = None
    board: Board = field(default_factory=Board)
    cameras: Mapping[str, CameraFacts] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)
    determinations: Mapping[str, Determination] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    holds_in_release: frozenset[str] = frozenset()
    """Ids of holds that an open release uses: they cannot be lifted (P16)."""
    suspended: frozenset[str] = frozenset()
    """People whom a row concerns that differs from the access log: they have no rights until that is settled."""
    policy: Policy = NO_POLICY
    """The policy in force; without one nobody has rights."""
    limited: str = ""
    """Why only holds may be placed, in a sentence; '': not limited (``doubt``)."""

    grouped: ByPerson | None = None
    """Of these rows; None: they are grouped at first need."""

    @cached_property
    def _by_person(self) -> ByPerson:
        return self.grouped or by_person(self.seats, self.appointments, self.shares)

    @cached_property
    def absences(self) -> Mapping[str, int]:
        """Role → since when (UTC ns) its holder is away, by the terms that have no recorded end."""
        return {
            row.key: row.away_since_utc_ns
            for row in self.seats.values()
            if row.away_since_utc_ns is not None and row.ended_utc_ns is None
        }

    def seats_of(self, person: str) -> list[Seat]:
        """Every term of a person, ended ones too."""
        return [row for key in self._by_person.seats.get(person, ()) if (row := self.seats.get(key)) is not None]

    def appointments_of(self, person: str) -> list[Appointment]:
        """Every appointment of a person, ended ones too."""
        return [
            row
            for key in self._by_person.appointments.get(person, ())
            if (row := self.appointments.get(key)) is not None
        ]

    def shares_of(self, person: str) -> list[Share]:
        """Everything that was ever shared with a person."""
        return [row for key in self._by_person.shares.get(person, ()) if (row := self.shares.get(key)) is not None]

    @cached_property
    def _camera_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for camera in self.cameras.values():
            # Two with the same name: neither matches it.
            names[camera.name] = "" if camera.name in names else camera.id
        return names

    def camera_id(self, typed: str) -> str:
        """Return a camera's id by id or exact name; unknown text is returned as typed, and then unknown to every rule."""
        if typed in self.cameras or typed in self.commissions:
            return typed
        return self._camera_names.get(typed) or typed

    def camera_words(self, camera: str) -> str:
        """The camera's name, or its id once it has been removed."""
        facts = self.cameras.get(camera)
        return facts.name if facts is not None else camera[:60]

    def person_id(self, typed: str) -> str:
        """Return a person's id by id, login, or the name of a seat; '' for none."""
        if typed in self.people:
            return typed
        login = typed.strip().lower()
        for person in self.people.values():
            if person.login == login and person.left_utc_ns is None:
                return person.id
        held = [seat for seat in self.seats.values() if seat.key == login and seat.ended_utc_ns is None]
        return max(held, key=lambda seat: seat.start_utc_ns).person if held else ""

    def name_of(self, person: str) -> str:
        """Return a person's name for use in sentences."""
        row = self.people.get(person)
        return row.name if row is not None else "the admin" if person == "admin" else person[:40] or "nobody"


def by_person(
    seats: Mapping[str, Seat], appointments: Mapping[str, Appointment], shares: Mapping[str, Share]
) -> ByPerson:
    """Return the keys of these rows by person."""
    return ByPerson(_grouped(seats), _grouped(appointments), _grouped(shares))


def _grouped(rows: Mapping[str, Seat] | Mapping[str, Appointment] | Mapping[str, Share]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, row in rows.items():
        groups.setdefault(row.person, []).append(key)
    return groups
