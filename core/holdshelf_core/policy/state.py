"""What the rules are given: every row of the policy's tables, and what cameras there are. No behaviour but finding rows.

A State is read, never changed: whoever changes a row makes a new State (over the same mappings if they like). Its index by
person is built at the first question and holds ids only, so a row that ended meanwhile is never served from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

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


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What the rules know of a camera. ``area_kind`` is one of ``areas.PERMITTED``'s kinds."""

    id: str
    name: str
    area_kind: str
    area_note: str = ""


@dataclass(frozen=True)
class State:
    """The house as the rules see it. Mappings are id → row; ``adopted`` None: no policy text was adopted yet."""

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
    """Ids of holds that an open release is made from: they cannot be lifted (P16)."""

    @cached_property
    def _by_person(self) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, list[str]]]:
        return _grouped(self.seats), _grouped(self.appointments), _grouped(self.shares)

    def seats_of(self, person: str) -> list[Seat]:
        """Every term of a person, ended ones too."""
        return [row for key in self._by_person[0].get(person, ()) if (row := self.seats.get(key)) is not None]

    def appointments_of(self, person: str) -> list[Appointment]:
        """Every appointment of a person, ended ones too."""
        return [row for key in self._by_person[1].get(person, ()) if (row := self.appointments.get(key)) is not None]

    def shares_of(self, person: str) -> list[Share]:
        """Everything that was ever shared with a person."""
        return [row for key in self._by_person[2].get(person, ()) if (row := self.shares.get(key)) is not None]

    @cached_property
    def _camera_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for camera in self.cameras.values():
            # Two of one name: neither is meant by it.
            names[camera.name] = "" if camera.name in names else camera.id
        return names

    def camera_id(self, typed: str) -> str:
        """The id of a camera given by id or exact name; what was typed where there is none, which no rule then knows."""
        if typed in self.cameras or typed in self.commissions:
            return typed
        return self._camera_names.get(typed) or typed

    def camera_words(self, camera: str) -> str:
        """The camera's name, or its id once it has been removed."""
        facts = self.cameras.get(camera)
        return facts.name if facts is not None else camera[:60]

    def person_id(self, typed: str) -> str:
        """The id of a person given by id, login, or the name of a seat; '' when nobody is meant."""
        if typed in self.people:
            return typed
        login = typed.strip().lower()
        for person in self.people.values():
            if person.login == login and person.left_utc_ns is None:
                return person.id
        held = [seat for seat in self.seats.values() if seat.key == login and seat.ended_utc_ns is None]
        return max(held, key=lambda seat: seat.start_utc_ns).person if held else ""

    def name_of(self, person: str) -> str:
        """A person's name as sentences use it."""
        row = self.people.get(person)
        return row.name if row is not None else "the admin" if person == "admin" else person[:40] or "nobody"


def _grouped(rows: Mapping[str, Seat] | Mapping[str, Appointment] | Mapping[str, Share]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, row in rows.items():
        groups.setdefault(row.person, []).append(key)
    return groups


def listed(words: Iterable[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    parts = list(words)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""
