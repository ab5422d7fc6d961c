"""Requests and answers of the local API on people, seats, appointments, shares and reviews. Times are UTC ns."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import COPIES, Act, ActSpec, Done, Read, ReadSpec, Shows


class KeyRow(msgspec.Struct, frozen=True):
    """A key's description, without the key itself."""

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
    """A person as shown in lists. ``why_not``: why they have no right now, '' when they have one."""

    id: str
    login: str
    name: str
    keys: list[KeyRow]
    account: str
    email: str
    roles: list[RoleRow]
    why_not: str
    left_utc_ns: int | None = None
    limited: str = ""
    """For the caller only: why nothing but holds can be placed now, in a sentence; '' when not limited."""
    acts: list[str] = []
    """For the caller only: the acts that their roles, letters and shares give now, whatever it is about."""


class PersonAdd(Act[Done], frozen=True):
    """Enroll a person; a key may follow later."""

    spec = ActSpec("person.add", changes=True)

    login: str
    name: str
    key: str = ""
    account: str = ""
    email: str = ""
    paper_sha256: str = ""


class PersonKey(Act[Done], frozen=True):
    """Give a person a key. ``replace``: remove all others (after losing a PC)."""

    spec = ActSpec("person.key", changes=True)

    person: str
    key: str = ""
    remove: str = ""
    """Fingerprint of a key to remove."""
    replace: bool = False
    paper_sha256: str = ""


class PersonRemove(Act[Done], frozen=True):
    """End all rights and keys of a person."""

    spec = ActSpec("person.remove", changes=True)

    person: str
    why: str


class SeatName(Act[Done], frozen=True):
    """Name the holder of a seat. A person not enrolled yet is given with ``name`` and ``key`` (as for the first Director)."""

    spec = ActSpec("seat.name", changes=True)

    seat: str
    person: str
    name: str = ""
    key: str = ""
    start: str = ""
    end: str = ""
    paper_sha256: str = ""


class SeatEnd(Act[Done], frozen=True):
    """End the holder's term: now, or at ``end`` (local 'YYYY-MM-DD HH:MM')."""

    spec = ActSpec("seat.end", changes=True)

    seat: str
    why: str
    end: str = ""
    paper_sha256: str = ""


class SeatAway(Act[Done], frozen=True):
    """Enter that the holder of a seat is away from now on, or back. The policy's deputy acts after the time it sets."""

    spec = ActSpec("seat.away", changes=True)

    seat: str
    away: bool = True
    why: str = ""


class SeatRow(msgspec.Struct, frozen=True):
    """One term in a seat: who holds or held it, and from when to when."""

    id: str
    seat: str
    person: str
    name: str
    state: str
    start_utc_ns: int
    end_utc_ns: int | None
    ended_utc_ns: int | None
    words: str = ""
    """E.g. 'Library Director'."""
    away_since_utc_ns: int | None = None


class AppointmentMake(Act[Done], frozen=True):
    """Write a letter of appointment, by the caller's seat. Days are local; the last day is included."""

    spec = ActSpec("appointment.make", changes=True)

    person: str
    rights: list[str]
    last_day: str
    paper_sha256: str
    cameras: list[str] | None = None
    first_day: str = ""
    scope: str = ""
    seat: str = ""
    """Which seat appoints, if the caller holds two."""


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
    """The appointment or share to end."""

    id: str
    why: str


class AppointmentEnd(Ending, Act[Done], frozen=True):
    """End a letter of appointment."""

    spec = ActSpec("appointment.end", changes=True)


class ShareEnd(Ending, Act[Done], frozen=True):
    """End a share before its time: from then on its pictures are refused."""

    spec = ActSpec("share.end", changes=True)


class ShareMake(Act[Done], frozen=True):
    """Share one span of one camera, view only (P14); or register a printed sheet (``kind`` sheet, ``given_to``)."""

    spec = ActSpec("share.make", changes=True, shows=Shows(COPIES))

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    purpose: str
    person: str = ""
    given_to: str = ""
    kind: str = "view"
    days: int | None = None
    confidentiality: bool = False


class ScreenGive(Act[Done], frozen=True):
    """Give a screen of the policy its live pictures: whoever logs in as ``person`` shows them, until its end each day.

    ``days`` None: a year, the most; then somebody looks at it again.
    """

    spec = ActSpec("screen.give", changes=True)

    screen: str
    person: str
    days: int | None = None


class ShareRow(msgspec.Struct, frozen=True):
    """A share. ``state`` of a view and of a screen (kind live): active | ended; of a printed sheet: out | overdue | back."""

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
    screen: str = ""
    """Key of the policy's screen, of kind live."""
    ends: str = ""
    """Until when it shows them each day, as 20:00."""


class FlagRow(msgspec.Struct, frozen=True):
    """An action that a second person must review afterwards."""

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
    """Whom the action favors: their review does not count."""


class FlagReview(Act[Done], frozen=True):
    """Record the review of a flagged action: on screen, or on paper signed by the role named in ``seat``."""

    spec = ActSpec("flag.review", changes=True)

    flag: str
    note: str
    paper_sha256: str = ""
    seat: str = ""


class AdminKeyAdd(Act[Done], frozen=True):
    """Add an admin's SSH key. ``key``: the text of a public key."""

    spec = ActSpec("door.admin_key.add", "door.admin_key", changes=True)

    key: str


class AdminKeyRemove(Act[Done], frozen=True):
    """Remove an admin's key; its sessions end."""

    spec = ActSpec("door.admin_key.remove", "door.admin_key", changes=True)

    fingerprint: str


class AdminKeyList(Act["AdminKeyRows"], frozen=True):
    """List the admin's keys."""

    spec = ActSpec("door.admin_key.list", "door.admin_key")


class AdminKeyRow(msgspec.Struct, frozen=True):
    """``fingerprint`` as `ssh-keygen -l` prints it."""

    fingerprint: str
    kind: str


class AdminKeyRows(msgspec.Struct, frozen=True):
    """The admin keys, and ``seq``: the log entry that says they were listed."""

    seq: int
    keys: list[AdminKeyRow]


class ReadMe(Read[PersonRow], frozen=True):
    """Return the person who asks, with their keys and seats."""

    spec = ReadSpec("/rules/me", "")


class ReadPeople(Read[list[PersonRow]], frozen=True):
    """Return everyone enrolled, those removed included."""

    spec = ReadSpec("/rules/people", "person.see")


class ReadSeats(Read[list[SeatRow]], frozen=True):
    """Return who holds which seat."""

    spec = ReadSpec("/rules/seats", "person.see")


class ReadAppointments(Read[list[AppointmentRow]], frozen=True):
    """Return the letters of appointment."""

    spec = ReadSpec("/rules/appointments", "person.see")


class ReadShares(Read[list[ShareRow]], frozen=True):
    """Return what was shared, with whom."""

    spec = ReadSpec("/rules/shares", "person.see")


class ReadShared(Read[list[ShareRow]], frozen=True):
    """Return what is shared with the caller."""

    spec = ReadSpec("/rules/shared", "")


class ReadFlags(Read[list[FlagRow]], frozen=True):
    """Return the flags for a second person to review; ``only_open``: without those that were reviewed."""

    spec = ReadSpec("/rules/flags", "person.see")

    only_open: bool = False


class LoginRow(msgspec.Struct, frozen=True):
    """A login; ``source`` is the network address that it came from."""

    at_utc_ns: int
    source: str


class LoginsRow(msgspec.Struct, frozen=True):
    """The login before this one. None with ``whole_log``: this is the first; without it, the last was long ago."""

    before: LoginRow | None
    whole_log: bool


class ReadLogins(Read[LoginsRow], frozen=True):
    """Return the caller's previous login."""

    spec = ReadSpec("/rules/logins", "")
