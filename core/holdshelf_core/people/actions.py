"""Actions on people: enrolling, keys, seats, letters of appointment (P11). The policy decides who may do which."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.people import types
from holdshelf_core.people.admin_keys import AdminKeys
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.keys import parse_public_key
from holdshelf_core.policy.standing import ask_seats
from holdshelf_core.policy.state import State


def _account(call: Call[Any], account: str) -> str:
    if not account:
        return ""
    try:
        uid = pwd.getpwnam(account).pw_uid
    except (KeyError, ValueError):
        raise BadRequest(
            f"This machine has no account {account[:40]!r}.", "Create it first, or leave out --account."
        ) from None
    if uid == 0:
        raise BadRequest("Nobody may look at footage as root (P11).", "Name a regular account.")
    if any(p.account == account and p.left_utc_ns is None for p in call.state.people.values()):
        raise Conflict(f"The account {account} already belongs to a person.")
    return account


def _asked_for[Q: msgspec.Struct](typed: Callable[[Q], str]) -> Callable[[Q], LogForm]:
    """Return a log form that treats the typed text as private, as it is a name."""
    return lambda q: LogForm(private={"asked_for": typed(q)[:80]})


def _known_seat(typed: str, state: State) -> str:
    """Return a role's key or a term's id for the public part of an entry; '' for any other text, which may be a name."""
    return typed if typed in state.policy.roles or typed in state.seats else ""


def _own_seat(call: Call[types.AppointmentMake]) -> model.Seat:
    """Return the term under which the caller appoints; the policy has already ensured that there is one."""
    now = call.now
    held = [
        seat
        for seat in call.state.seats.values()
        if seat.person == call.caller.person
        and seat.ended_utc_ns is None
        and (seat.end_utc_ns is None or seat.end_utc_ns > max(now.utc_ns, now.trusted_utc_ns))
        and seat.start_utc_ns <= min(now.utc_ns, now.trusted_utc_ns)
        and call.request.seat in ("", seat.key)
    ]
    if not held:
        call.refuse("P11", "Only the holder of a seat appoints.", ask_seats(call.state, now))
    return held[0]


class PeopleActs:
    """Actions on people, their seats and letters of appointment."""

    def __init__(self, admin_keys: AdminKeys, cameras: common.KnownCameras) -> None:
        self._keys, self._cameras = admin_keys, cameras

    def _key(self, call: Call[Any], text: str, person: str) -> model.Key:
        kind, fingerprint, line = parse_public_key(text)
        if self._keys.knows(fingerprint):
            raise BadRequest(
                f"The key {fingerprint} belongs to the admin, who may not see pictures; a person needs their own key (P11).",
                "Make a new key.",
            )
        for other in call.state.people.values():
            if other.id != person and any(key.fingerprint == fingerprint for key in other.keys):
                raise BadRequest(
                    f"The key {fingerprint} is {other.name}'s; one key belongs to one person (P11).",
                    "Make a new key.",
                )
        return model.Key(fingerprint, kind, line, call.now.utc_ns)

    def _new_person(self, call: Call[Any], login: str, name: str, key: str, account: str, email: str) -> model.Person:
        clean = common.login_name(login, call.state.policy)
        if any(p.login == clean and p.left_utc_ns is None for p in call.state.people.values()):
            raise Conflict(f"The login {clean!r} is taken.", "Choose another.")
        person = call.authorizer.store.next_id("people", "p")
        keys = (self._key(call, key, person),) if key.strip() else ()
        return model.Person(
            id=person,
            login=clean,
            name=common.words(name, "The person's name", needed=True, most=80),
            keys=keys,
            account=_account(call, account),
            email=common.words(email, "The e-mail address", most=120),
            added_utc_ns=call.now.utc_ns,
        )

    @handles(types.PersonAdd, log=_asked_for(lambda q: q.login))
    async def add(self, call: Call[types.PersonAdd]) -> Done:
        asked = call.request
        person = self._new_person(call, asked.login, asked.name, asked.key, asked.account, asked.email)
        facts = {"keys": [k.fingerprint for k in person.keys]}
        seq = await call.record(
            [put("people", person.id, person)], subject=person.id, facts=facts, private={"subject_name": person.name}
        )
        return Done(seq, person.id)

    @handles(
        types.PersonKey,
        scope=lambda q, _s: Scope(target=q.person, paper_sha256=q.paper_sha256),
        log=_asked_for(lambda q: q.person),
    )
    async def change_key(self, call: Call[types.PersonKey]) -> Done:
        asked = call.request
        person = common.find_person(call.state, asked.person)
        keys = list(person.keys)
        added = removed = ""
        if asked.remove:
            keys = [key for key in keys if key.fingerprint != asked.remove]
            if len(keys) == len(person.keys):
                raise BadRequest(f"{person.name} has no key {asked.remove[:60]!r}.", "See `holdshelf person list`.")
            removed = asked.remove
        if asked.key.strip():
            key = self._key(call, asked.key, person.id)
            if any(known.fingerprint == key.fingerprint for known in keys):
                raise Conflict(f"{person.name} already has this key.")
            keys = [key] if asked.replace else [*keys, key]
            added = key.fingerprint
        elif not asked.remove:
            raise BadRequest("No key was given.", "Give a public key file with --key, or --remove FINGERPRINT.")
        keyless = None if keys else person.keyless_since_utc_ns or call.now.utc_ns
        row = msgspec.structs.replace(person, keys=tuple(keys), keyless_since_utc_ns=keyless)
        changes = [put("people", person.id, row)]
        facts = {"added": added, "removed": removed, "replaced": asked.replace, "paper": asked.paper_sha256}
        seq = await call.record(changes, subject=person.id, facts=facts)
        return Done(seq, person.id)

    @handles(
        types.PersonRemove, scope=lambda q, _s: Scope(target=q.person, why=q.why), log=_asked_for(lambda q: q.person)
    )
    async def remove(self, call: Call[types.PersonRemove]) -> Done:
        person = common.find_person(call.state, call.request.person)
        if person.left_utc_ns is not None:
            raise Conflict(f"{person.name} has already left.")
        why = common.words(call.request.why, "Why the person leaves", needed=True)
        now = call.now.utc_ns
        # The account stays in the row: leaving must not turn a person into an administrator (``Logins.person_by_account``).
        changes = [put("people", person.id, msgspec.structs.replace(person, left_utc_ns=now, keys=()))]
        changes += [
            put("seats", seat.id, msgspec.structs.replace(seat, ended_utc_ns=now))
            for seat in call.state.seats.values()
            if seat.person == person.id and seat.ended_utc_ns is None
        ]
        changes += [
            put("appointments", a.id, msgspec.structs.replace(a, ended_utc_ns=now, ended_why=why))
            for a in call.state.appointments.values()
            if a.person == person.id and a.ended_utc_ns is None
        ]
        seq = await call.record(changes, subject=person.id, private={"why": why})
        return Done(seq, person.id)

    @handles(
        types.SeatName,
        scope=lambda q, _s: Scope(target=q.person, seat=q.seat, paper_sha256=q.paper_sha256),
        log_in=lambda q, s: LogForm(facts={"seat": _known_seat(q.seat, s)}, private={"asked_for": q.person[:80]}),
    )
    async def name_seat(self, call: Call[types.SeatName]) -> Done:
        asked = call.request
        seats = call.state.policy.seats
        if asked.seat not in seats:
            raise BadRequest(
                f"{asked.seat[:40]!r} is not one of the policy's seats (P11).", f"One of: {', '.join(seats)}."
            )
        first = not call.state.seats
        sha256 = common.paper(asked.paper_sha256, "Naming who holds a seat", needed=False)
        changes: list[Change] = []
        if asked.name or asked.key:
            if any(
                p.login == asked.person.strip().lower() and p.left_utc_ns is None for p in call.state.people.values()
            ):
                raise Conflict(
                    f"{asked.person!r} is already enrolled.",
                    "Leave --name and --key out, or change the key with `person replace-key`.",
                )
            person = self._new_person(call, asked.person, asked.name, asked.key, "", "")
            changes.append(put("people", person.id, person))
        else:
            person = common.find_person(call.state, asked.person)
        if person.left_utc_ns is not None:
            raise Conflict(f"{person.name} has left.", "Enroll the person again.")
        if first and not person.keys and not person.account:
            raise BadRequest("A seat's first holder needs a key.", "Give the public key file with --key.")
        now = call.now.utc_ns
        start = common.day_start_utc_ns(asked.start, "--from") if asked.start else call.now.earliest_utc_ns
        end = common.day_end_utc_ns(asked.end, "--until") if asked.end else None
        if end is not None and end <= max(start, now):
            raise BadRequest("The term ends before it begins, or has already ended.", "Give a later --until.")
        for other in call.state.seats.values():
            if (
                other.key == asked.seat
                and other.ended_utc_ns is None
                and (other.end_utc_ns is None or other.end_utc_ns > start)
            ):
                # One holder at a time: the old term ends where the new one begins.
                ended = now if start <= now else None
                changes.append(
                    put(
                        "seats",
                        other.id,
                        msgspec.structs.replace(other, end_utc_ns=max(start, other.start_utc_ns), ended_utc_ns=ended),
                    )
                )
        key = call.authorizer.store.next_id("seats", "s")
        seat = model.Seat(key, asked.seat, person.id, start, end, sha256, call.caller.who)
        changes.append(put("seats", key, seat))
        facts = {
            "seat": asked.seat,
            "holder": person.id,
            "from": times.rfc3339(start),
            "until": times.rfc3339(end) if end is not None else "",
            "paper": sha256,
            "keys": [k.fingerprint for k in person.keys],
        }
        seq = await call.record(changes, subject=key, facts=facts, private={"subject_name": person.name})
        return Done(seq, key)

    @handles(
        types.SeatAway,
        scope=lambda q, _s: Scope(target=q.seat),
        log_in=lambda q, s: LogForm(facts={"seat": _known_seat(q.seat, s)}),
    )
    async def away(self, call: Call[types.SeatAway]) -> Done:
        asked = call.request
        why = common.words(asked.why, "Why they are away")
        current = [s for s in call.state.seats.values() if asked.seat in (s.key, s.id) and s.ended_utc_ns is None]
        if not current:
            raise BadRequest(f"Nobody holds the seat {asked.seat[:40]!r} now.", "See `holdshelf seat list`.")
        seat = max(current, key=lambda s: s.start_utc_ns)
        if (seat.away_since_utc_ns is not None) == asked.away:
            there = "away" if asked.away else "here"
            raise Conflict(f"The {call.state.policy.role_words(seat.key)} is entered as {there} already.")
        # From now on: a beginning in the past would let the deputy act at once.
        row = msgspec.structs.replace(seat, away_since_utc_ns=call.now.latest_utc_ns if asked.away else None)
        seq = await call.record(
            [put("seats", seat.id, row)],
            subject=seat.id,
            facts={"seat": seat.key, "away": asked.away},
            private={"why": why},
        )
        return Done(seq, seat.id)

    @handles(
        types.SeatEnd,
        scope=lambda q, _s: Scope(target=q.seat, why=q.why, paper_sha256=q.paper_sha256 or None),
        log_in=lambda q, s: LogForm(facts={"seat": _known_seat(q.seat, s)}),
    )
    async def end_seat(self, call: Call[types.SeatEnd]) -> Done:
        asked = call.request
        why = common.words(asked.why, "Why the seat is left", needed=True)
        current = [s for s in call.state.seats.values() if asked.seat in (s.key, s.id) and s.ended_utc_ns is None]
        if not current:
            raise BadRequest(f"Nobody holds the seat {asked.seat[:40]!r} now.", "See `holdshelf seat list`.")
        seat = max(current, key=lambda s: s.start_utc_ns)
        now = call.now.utc_ns
        end = common.day_end_utc_ns(asked.end, "--at") if asked.end else now
        if seat.end_utc_ns is not None and end > seat.end_utc_ns and asked.end:
            # Whoever ends a term must not extend it, least of all their own: that takes a paper and another seat.
            raise BadRequest(
                f"The term ends on {times.local_words(seat.end_utc_ns)}, and ending it cannot make it longer.",
                "Use an earlier --at, or name the holder again: `holdshelf seat name`.",
            )
        row = msgspec.structs.replace(seat, end_utc_ns=end, ended_utc_ns=now if end <= now else None)
        seq = await call.record(
            [put("seats", seat.id, row)],
            subject=seat.id,
            facts={"seat": seat.key, "until": times.rfc3339(end)},
            private={"why": why},
        )
        return Done(seq, seat.id)

    @handles(
        types.AppointmentMake,
        scope=lambda q, s: Scope(
            target=q.person,
            seat=q.seat,
            rights=tuple(q.rights),
            cameras=common.camera_scope(s, q.cameras or ()),
            paper_sha256=q.paper_sha256,
        ),
        log=_asked_for(lambda q: q.person),
    )
    async def appoint(self, call: Call[types.AppointmentMake]) -> Done:
        asked = call.request
        seat = _own_seat(call)
        person = common.find_person(call.state, asked.person)
        unknown = sorted(set(asked.rights) - set(model.RIGHTS))
        if unknown or not asked.rights:
            raise BadRequest(
                f"Not a right that an appointment can give: {', '.join(unknown)[:60] or 'none given'}.",
                "Some of: " + ", ".join(model.RIGHTS) + ".",
            )
        now = call.now.utc_ns
        start = common.day_start_utc_ns(asked.first_day, "--from") if asked.first_day else call.now.earliest_utc_ns
        end = common.day_end_utc_ns(asked.last_day, "--until")
        if end <= max(start, now):
            raise BadRequest("The appointment's last day has passed, or is before its first.", "Give a later --until.")
        key = call.authorizer.store.next_id("appointments", "a")
        cameras = common.camera_ids(self._cameras, asked.cameras) if asked.cameras is not None else None
        row = model.Appointment(
            id=key,
            person=person.id,
            seat=seat.id,
            rights=tuple(sorted(set(asked.rights))),
            cameras=cameras,
            start_utc_ns=start,
            end_utc_ns=end,
            paper_sha256=common.paper(asked.paper_sha256, "A letter of appointment"),
            scope=common.words(asked.scope, "The letter's scope"),
            by=call.caller.who,
        )
        facts = {
            "designee": person.id,
            "of": seat.key,
            "rights": list(row.rights),
            "cameras": list(cameras) if cameras is not None else ["*"],
            "from": times.rfc3339(start),
            "until": times.rfc3339(end),
            "paper": row.paper_sha256,
        }
        seq = await call.record(
            [put("appointments", key, row)],
            subject=key,
            facts=facts,
            private={"subject_name": person.name, "scope": row.scope},
        )
        return Done(seq, key)

    @handles(
        types.AppointmentEnd,
        scope=lambda q, _s: Scope(target=q.id, why=q.why),
        log=lambda q: LogForm(subject=q.id[:20]),
    )
    async def end_appointment(self, call: Call[types.Ending]) -> Done:
        row = common.find_row(dict(call.state.appointments), call.request.id, "appointment")
        if row.ended_utc_ns is not None:
            raise Conflict(f"The appointment {row.id} has already ended.")
        why = common.words(call.request.why, "Why the appointment ends", needed=True)
        ended = msgspec.structs.replace(row, ended_utc_ns=call.now.utc_ns, ended_why=why)
        seq = await call.record(
            [put("appointments", row.id, ended)], subject=row.id, facts={"designee": row.person}, private={"why": why}
        )
        return Done(seq, row.id)
