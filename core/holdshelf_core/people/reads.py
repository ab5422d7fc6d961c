"""Reads about people: seats, letters, shares and flags. They contain no keys, salts or secrets."""

from __future__ import annotations

import msgspec

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.errors import NotFound
from holdshelf_core.people import types
from holdshelf_core.people.expiry import sheet_state
from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.rules import given
from holdshelf_core.policy.screens import end_of_day
from holdshelf_core.policy.second import flag_open
from holdshelf_core.policy.standing import right_end, right_state, standing
from holdshelf_core.policy.state import State


def _name(state: State, person: str) -> str:
    found = state.people.get(person)
    return found.name if found else person


def person_row(state: State, now: Now, person: model.Person) -> types.PersonRow:
    """Return a person with all seats and letters."""
    roles = [
        types.RoleRow(
            s.id,
            state.policy.role_words(s.key),
            right_state(state, s, now),
            s.start_utc_ns,
            right_end(state, s),
        )
        for s in state.seats_of(person.id)
    ]
    roles += [
        types.RoleRow(
            a.id,
            "designee of the " + (state.policy.role_words(state.seats[a.seat].key) if a.seat in state.seats else "?"),
            right_state(state, a, now),
            a.start_utc_ns,
            right_end(state, a),
            list(a.rights),
            list(a.cameras) if a.cameras is not None else None,
        )
        for a in state.appointments_of(person.id)
    ]
    roles += [
        types.RoleRow(
            s.id, f"screen {s.screen}", right_state(state, s, now), s.start_utc_ns, right_end(state, s), ["screen"]
        )
        for s in state.shares_of(person.id)
        if s.kind == "live"
    ]
    return types.PersonRow(
        person.id,
        person.login,
        person.name,
        [types.KeyRow(k.fingerprint, k.kind, k.added_utc_ns) for k in person.keys],
        person.account,
        person.email,
        roles,
        standing(state, person.id, now).why_not or "",
        person.left_utc_ns,
    )


@handles(types.ReadPeople)
async def _people(asked: Reading[types.ReadPeople]) -> list[types.PersonRow]:
    return [person_row(asked.state, asked.now, person) for person in asked.state.people.values()]


@handles(types.ReadMe)
async def _me(asked: Reading[types.ReadMe]) -> types.PersonRow:
    person = asked.state.people.get(asked.caller.person or "")
    if person is None:
        raise NotFound("You are logged in as the admin of this server, not as an enrolled person.")
    return msgspec.structs.replace(
        person_row(asked.state, asked.now, person),
        limited=asked.authorizer.limited(),
        acts=list(given(asked.state, person.id, asked.now)),
    )


@handles(types.ReadSeats)
async def _seats(asked: Reading[types.ReadSeats]) -> list[types.SeatRow]:
    return [
        types.SeatRow(
            s.id,
            s.key,
            s.person,
            _name(asked.state, s.person),
            right_state(asked.state, s, asked.now),
            s.start_utc_ns,
            right_end(asked.state, s),
            s.ended_utc_ns,
            asked.state.policy.role_words(s.key),
            s.away_since_utc_ns if s.ended_utc_ns is None else None,
        )
        for s in asked.state.seats.values()
    ]


@handles(types.ReadAppointments)
async def _appointments(asked: Reading[types.ReadAppointments]) -> list[types.AppointmentRow]:
    state = asked.state
    return [
        types.AppointmentRow(
            a.id,
            a.person,
            _name(asked.state, a.person),
            state.seats[a.seat].key if a.seat in state.seats else a.seat,
            list(a.rights),
            list(a.cameras) if a.cameras is not None else None,
            a.start_utc_ns,
            right_end(state, a) or a.end_utc_ns,
            right_state(state, a, asked.now),
            a.ended_why,
            a.paper_sha256,
            a.scope,
        )
        for a in state.appointments.values()
    ]


@handles(types.ReadShared)
async def _shared(asked: Reading[types.ReadShared]) -> list[types.ShareRow]:
    """Return what is shared with the caller for viewing; nobody else's."""
    rows = _share_rows(asked.state, asked.now)
    return [row for row in rows if row.kind != "sheet" and row.person == asked.caller.person]


@handles(types.ReadShares)
async def _shares(asked: Reading[types.ReadShares]) -> list[types.ShareRow]:
    return _share_rows(asked.state, asked.now)


def _share_rows(state: State, now: Now) -> list[types.ShareRow]:
    return [
        types.ShareRow(
            s.id,
            s.kind,
            s.person,
            _name(state, s.person) if s.person else s.given_to,
            s.camera,
            s.start_utc_ns,
            s.end_utc_ns,
            s.expires_utc_ns,
            s.purpose,
            s.by,
            right_state(state, s, now) if s.kind != "sheet" else sheet_state(s, now.latest_utc_ns),
            s.copy,
            s.screen,
            f"{end_of_day(state.policy, of):%H:%M}" if (of := state.policy.screens.get(s.screen)) else "",
        )
        for s in state.shares.values()
    ]


@handles(types.ReadFlags)
async def _flags(asked: Reading[types.ReadFlags]) -> list[types.FlagRow]:
    return [
        types.FlagRow(
            f.id,
            f.kind,
            f.log_seq,
            f.person,
            _name(asked.state, f.person),
            f.at_utc_ns,
            f.needs,
            list(f.reviewed_by),
            f.note,
            flag_open(f),
            f.about,
        )
        for f in asked.state.flags.values()
        if flag_open(f) or not asked.request.only_open
    ]
