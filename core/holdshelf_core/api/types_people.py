"""People, seats, appointments, shares and reviews, as asked for and answered over the local socket. Times are UTC ns."""

from __future__ import annotations

import msgspec


class KeyRow(msgspec.Struct, frozen=True):
    """A key, without the key itself."""

    fingerprint: str
    kind: str
    added_utc_ns: int


class RoleRow(msgspec.Struct, frozen=True):
    """A seat or an appointment of a person. ``state``: active | coming | ended."""

    id: str
    words: str
    state: str
    start_utc_ns: int
    end_utc_ns: int | None
    rights: list[str] = []
    cameras: list[str] | None = None


class PersonRow(msgspec.Struct, frozen=True):
    """A person as lists show them. ``why_not``: why there is no right now, '' when there is one."""

    id: str
    login: str
    name: str
    keys: list[KeyRow]
    account: str
    email: str
    roles: list[RoleRow]
    why_not: str
    left_utc_ns: int | None = None


class PersonAdd(msgspec.Struct, frozen=True):
    """Enrol a person; a key may follow later."""

    login: str
    name: str
    key: str = ""
    account: str = ""
    email: str = ""
    paper_sha256: str = ""


class PersonKey(msgspec.Struct, frozen=True):
    """Give a person a key. ``replace``: it is the only one from now on (a lost PC)."""

    person: str
    key: str = ""
    remove: str = ""
    """Fingerprint of a key to take away."""
    replace: bool = False
    paper_sha256: str = ""


class PersonRemove(msgspec.Struct, frozen=True):
    """End everything that a person has."""

    person: str
    why: str


class SeatName(msgspec.Struct, frozen=True):
    """Who holds a seat. A person who is not enrolled yet comes with ``name`` and ``key`` (the first Director does)."""

    seat: str
    person: str
    name: str = ""
    key: str = ""
    start: str = ""
    end: str = ""
    paper_sha256: str = ""


class SeatEnd(msgspec.Struct, frozen=True):
    """The holder leaves the seat: now, or at ``end`` (local 'YYYY-MM-DD HH:MM')."""

    seat: str
    why: str
    end: str = ""
    paper_sha256: str = ""


class SeatRow(msgspec.Struct, frozen=True):
    """A term."""

    id: str
    seat: str
    person: str
    name: str
    state: str
    start_utc_ns: int
    end_utc_ns: int | None
    ended_utc_ns: int | None


class AppointmentMake(msgspec.Struct, frozen=True):
    """A letter of appointment by the seat that asks. Days are local; the last day is included."""

    person: str
    rights: list[str]
    last_day: str
    paper_sha256: str
    cameras: list[str] | None = None
    first_day: str = ""
    scope: str = ""
    seat: str = ""
    """For a person who holds two seats: which one appoints."""


class AppointmentRow(msgspec.Struct, frozen=True):
    """A letter of appointment."""

    id: str
    person: str
    name: str
    seat: str
    rights: list[str]
    cameras: list[str] | None
    start_utc_ns: int
    end_utc_ns: int
    state: str
    ended_why: str
    paper_sha256: str
    scope: str


class Ending(msgspec.Struct, frozen=True):
    """End an appointment or a share."""

    id: str
    why: str


class ShareMake(msgspec.Struct, frozen=True):
    """Share one span of one camera, view only (P14); or register a printed sheet (``kind`` sheet, ``given_to``)."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    purpose: str
    person: str = ""
    given_to: str = ""
    kind: str = "view"
    days: int | None = None
    confidentiality: bool = False


class ShareRow(msgspec.Struct, frozen=True):
    """A share. ``state`` of a view: active | ended; of a printed sheet: out | overdue | back."""

    id: str
    kind: str
    person: str
    name: str
    camera: str
    start_utc_ns: int
    end_utc_ns: int
    expires_utc_ns: int
    purpose: str
    by: str
    state: str
    copy: int


class FlagRow(msgspec.Struct, frozen=True):
    """Something a second person looks at afterwards."""

    id: str
    kind: str
    log_seq: int
    person: str
    name: str
    at_utc_ns: int
    needs: int
    reviewed_by: list[str]
    note: str
    open: bool
    about: str = ""
    """Whom the act favors: their review does not count."""


class FlagReview(msgspec.Struct, frozen=True):
    """Say that a flagged act was looked at."""

    flag: str
    note: str


class AdminKeyAdd(msgspec.Struct, frozen=True):
    """Let an admin in by the SSH door. ``key``: the text of a public key."""

    key: str


class AdminKeyRemove(msgspec.Struct, frozen=True):
    """Take such a key away; its sessions end."""

    fingerprint: str


class AdminKeyList(msgspec.Struct, frozen=True):
    """Which there are."""


class AdminKeyRow(msgspec.Struct, frozen=True):
    """``fingerprint`` as `ssh-keygen -l` prints it."""

    fingerprint: str
    kind: str


class AdminKeyRows(msgspec.Struct, frozen=True):
    """All of them."""

    seq: int
    keys: list[AdminKeyRow]


class Done(msgspec.Struct, frozen=True):
    """An act that has no other answer: its log entry, and the id of what it made or changed."""

    seq: int
    id: str = ""
    sentence: str = ""
