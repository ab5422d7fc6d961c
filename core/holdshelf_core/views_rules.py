"""What may be read of the rules without an act on footage: people, seats, letters, shares, flags, settings, the policy's table.

Each view has a permission; the API mounts them all under ``/rules/NAME``. They never give a key, a salt or a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdshelf_core.acts import common
from holdshelf_core.acts.board import policy_file, settings_rows
from holdshelf_core.acts.release_bundles import async_exports
from holdshelf_core.acts.release_proof import async_release_keys
from holdshelf_core.api import host_key, paper_report, types_board, types_clock, types_people
from holdshelf_core.api.types_session import DoorRow
from holdshelf_core.caller import Caller
from holdshelf_core.checklist import async_checklist
from holdshelf_core.commissioning import async_commissions, async_entrances
from holdshelf_core.ends import sheet_state
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.last_login import async_logins
from holdshelf_core.looking.views import async_looks, async_purposes
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.standing import standing

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

type Read = Callable[["Holdshelf", Caller, Mapping[str, str]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class View:
    """A thing to read. Its permission stands in ``gate.VIEW_PERMISSIONS``."""

    read: Read


def state_of(start_utc_ns: int, end_utc_ns: int | None, ended_utc_ns: int | None, now: Now) -> str:
    """``coming`` | ``active`` | ``ended``, by both clocks (a right never revives)."""
    if ended_utc_ns is not None or (end_utc_ns is not None and max(now.utc_ns, now.trusted_utc_ns) >= end_utc_ns):
        return "ended"
    return "active" if min(now.utc_ns, now.trusted_utc_ns) >= start_utc_ns else "coming"


def _name(holdshelf: Holdshelf, person: str) -> str:
    found = holdshelf.house.state.people.get(person)
    return found.name if found else person


def appointment_state(holdshelf: Holdshelf, row: model.Appointment) -> str:
    """As ``state_of``; also ended with the seat it hangs on (P11)."""
    now, seat = holdshelf.gate.now(), holdshelf.house.state.seats.get(row.seat)
    if seat is None or state_of(seat.start_utc_ns, seat.end_utc_ns, seat.ended_utc_ns, now) == "ended":
        return "ended"
    return state_of(row.start_utc_ns, row.end_utc_ns, row.ended_utc_ns, now)


def person_row(holdshelf: Holdshelf, person: model.Person) -> types_people.PersonRow:
    """A person with all seats and letters."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    roles = [
        types_people.RoleRow(
            s.id,
            model.SEAT_WORDS[s.key],
            state_of(s.start_utc_ns, s.end_utc_ns, s.ended_utc_ns, now),
            s.start_utc_ns,
            s.end_utc_ns,
        )
        for s in state.seats.values()
        if s.person == person.id
    ]
    roles += [
        types_people.RoleRow(
            a.id,
            "designee of the " + (model.SEAT_WORDS[state.seats[a.seat].key] if a.seat in state.seats else "?"),
            appointment_state(holdshelf, a),
            a.start_utc_ns,
            a.end_utc_ns,
            list(a.rights),
            list(a.cameras) if a.cameras is not None else None,
        )
        for a in state.appointments.values()
        if a.person == person.id
    ]
    return types_people.PersonRow(
        person.id,
        person.login,
        person.name,
        [types_people.KeyRow(k.fingerprint, k.kind, k.added_utc_ns) for k in person.keys],
        person.account,
        person.email,
        roles,
        standing(state, person.id, now).why_not or "",
        person.left_utc_ns,
    )


async def _people(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> list[types_people.PersonRow]:
    return [person_row(holdshelf, person) for person in holdshelf.house.state.people.values()]


async def _me(holdshelf: Holdshelf, caller: Caller, _query: Mapping[str, str]) -> types_people.PersonRow:
    person = holdshelf.house.state.people.get(caller.person or "")
    if person is None:
        raise NotFound("You are here as the admin of this machine, not as a person of the register.")
    return person_row(holdshelf, person)


async def _seats(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> list[types_people.SeatRow]:
    now = holdshelf.gate.now()
    return [
        types_people.SeatRow(
            s.id,
            s.key,
            s.person,
            _name(holdshelf, s.person),
            state_of(s.start_utc_ns, s.end_utc_ns, s.ended_utc_ns, now),
            s.start_utc_ns,
            s.end_utc_ns,
            s.ended_utc_ns,
        )
        for s in holdshelf.house.state.seats.values()
    ]


async def _appointments(holdshelf: Holdshelf, _c: Caller, _q: Mapping[str, str]) -> list[types_people.AppointmentRow]:
    state = holdshelf.house.state
    return [
        types_people.AppointmentRow(
            a.id,
            a.person,
            _name(holdshelf, a.person),
            state.seats[a.seat].key if a.seat in state.seats else a.seat,
            list(a.rights),
            list(a.cameras) if a.cameras is not None else None,
            a.start_utc_ns,
            a.end_utc_ns,
            appointment_state(holdshelf, a),
            a.ended_why,
            a.paper_sha256,
            a.scope,
        )
        for a in state.appointments.values()
    ]


async def _shared(holdshelf: Holdshelf, caller: Caller, query: Mapping[str, str]) -> list[types_people.ShareRow]:
    """What is shared with the caller, to be viewed; nobody else's."""
    rows = await _shares(holdshelf, caller, query)
    return [row for row in rows if row.kind == "view" and row.person == caller.person]


async def _shares(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> list[types_people.ShareRow]:
    now = holdshelf.gate.now()
    return [
        types_people.ShareRow(
            s.id,
            s.kind,
            s.person,
            _name(holdshelf, s.person) if s.person else s.given_to,
            s.camera,
            s.start_utc_ns,
            s.end_utc_ns,
            s.expires_utc_ns,
            s.purpose,
            s.by,
            state_of(0, s.expires_utc_ns, s.ended_utc_ns, now)
            if s.kind == "view"
            else sheet_state(s, now.latest_utc_ns),
            s.copy,
        )
        for s in holdshelf.house.state.shares.values()
    ]


async def _flags(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> list[types_people.FlagRow]:
    return [
        types_people.FlagRow(
            f.id,
            f.kind,
            f.log_seq,
            f.person,
            _name(holdshelf, f.person),
            f.at_utc_ns,
            f.needs,
            list(f.reviewed_by),
            f.note,
            len(f.reviewed_by) < f.needs,
            f.about,
        )
        for f in holdshelf.house.state.flags.values()
    ]


async def _board(holdshelf: Holdshelf, _c: Caller, _q: Mapping[str, str]) -> list[types_board.BoardSetting]:
    return settings_rows(holdshelf.house.state.board)


async def _policy(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> types_board.AdoptedRow:
    adopted = holdshelf.house.state.adopted
    if adopted is None:
        return types_board.AdoptedRow()
    path = policy_file(holdshelf.paths.state, adopted.sha256)
    try:
        text = (await asyncio.to_thread(path.read_bytes)).decode("utf-8", "replace")
    except OSError:
        text = ""
    return types_board.AdoptedRow(adopted.version, adopted.adopted_on, adopted.sha256, adopted.statute, text)


async def _may(holdshelf: Holdshelf, _caller: Caller, query: Mapping[str, str]) -> types_board.MayAnswer:
    state, now = holdshelf.house.state, holdshelf.gate.now()
    typed, permission = query.get("person", ""), query.get("action", "")
    try:
        at, start, end = (int(query[k]) if query.get(k) else None for k in ("at_utc_ns", "start_utc_ns", "end_utc_ns"))
    except ValueError:
        raise BadRequest("A time is given in whole nanoseconds.") from None
    if at is not None:
        now = Now(at, at, now.zone)
    admin = typed == "admin"
    subject = Subject(None if admin else common.find_person(state, typed).id, admin)
    cameras = common.camera_scope(state, [c for c in query.get("cameras", "").split(",") if c])
    scope = Scope(
        cameras=cameras,
        start_utc_ns=start,
        end_utc_ns=end,
        purpose=query.get("purpose", ""),
        incident=query.get("incident", ""),
        target=query.get("target", ""),
        rights=tuple(right for right in query.get("rights", "").split(",") if right),
    )
    decision = decide(state, subject, permission, scope, now)
    return types_board.MayAnswer(
        decision.allowed, decision.acting_as, decision.clause, decision.sentence, decision.who_can_help
    )


async def _head(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> types_board.LogHead:
    log = holdshelf.gate.log
    return types_board.LogHead(log.head(), log.size, str(log.public_key), str(log.problem or ""))


async def _clock(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> types_clock.ClockRow:
    now = holdshelf.gate.now()
    return types_clock.ClockRow(now.utc_ns, now.trusted_utc_ns, holdshelf.clock.boot_ns(), now.doubtful)


async def _door(holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> DoorRow:
    return DoorRow(await asyncio.to_thread(host_key.fingerprint, holdshelf.paths.data))


async def _reports(holdshelf: Holdshelf, caller: Caller, _query: Mapping[str, str]) -> paper_report.KeptReports:
    return holdshelf.reports.async_list(caller.person)


VIEWS: Mapping[str, View] = {
    "me": View(_me),
    "people": View(_people),
    "seats": View(_seats),
    "appointments": View(_appointments),
    "shares": View(_shares),
    "shared": View(_shared),
    "flags": View(_flags),
    "entrances": View(async_entrances),
    "commissions": View(async_commissions),
    "checklist": View(async_checklist),
    "board": View(_board),
    "policy": View(_policy),
    "may": View(_may),
    "reports": View(_reports),
    "head": View(_head),
    "clock": View(_clock),
    "looks": View(async_looks),
    "purposes": View(async_purposes),
    "logins": View(async_logins),
    "door": View(_door),
    "exports": View(async_exports),
    "release_keys": View(async_release_keys),
}
