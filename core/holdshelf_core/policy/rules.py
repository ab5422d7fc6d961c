"""The single question: may this person do this, about this, for this purpose, now? Allowed in which role, or refused by which
clause.

``decide`` finds the caller's role (seat, designee, share, admin) and then checks the action's own conditions (``conditions``).
Pure, and fast enough to be called for each picture. It must never allow anything unknown: an unknown permission is an error, an
unknown camera or row a refusal.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy import conditions, doubt
from holdshelf_core.policy.case import Decision, Scope, Subject, refused
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import Appointment, Seat
from holdshelf_core.policy.near import did_you_mean
from holdshelf_core.policy.question import Ask, Role
from holdshelf_core.policy.rights import (
    ADMIN_ENROLS,
    ADMIN_NO,
    ADMIN_PAPER,
    NEVER,
    PERMISSIONS,
    Permission,
)
from holdshelf_core.policy.second import is_paper
from holdshelf_core.policy.standing import acts_for, ask_seats, may, of_classes, some_seat_can_log_in, standing
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_core.policy.steps import step_missing
from holdshelf_core.policy.tables import Policy

__all__ = ["NEVER", "PERMISSIONS", "CameraFacts", "Decision", "Now", "Scope", "State", "Subject", "decide"]


def decide(state: State, subject: Subject, permission: str, scope: Scope, now: Now) -> Decision:
    """Return the policy's decision. ``permission`` is one of PERMISSIONS or NEVER. Raises BadRequest for any other."""
    said = _decided(state, subject, permission, scope, now)
    return said if said.allowed else as_quoted(state.policy, said)


def as_quoted(policy: Policy, said: Decision) -> Decision:
    """Return a refusal with its clause in the words of the policy in force."""
    sentence = f"{said.reason.rstrip('.')} ({policy.quoted(said.clause, said.cites)})"
    # Each field by its place: `replace` takes twice as long, and there is one for each refusal.
    return Decision(False, said.acting_as, said.clause, sentence, said.who_can_help, said.reason, cites=said.cites)


def _decided(state: State, subject: Subject, permission: str, scope: Scope, now: Now) -> Decision:
    rule = PERMISSIONS.get(permission)
    if rule is None:
        never = NEVER.get(permission)
        if never is None:
            meant = did_you_mean(permission, (*PERMISSIONS, *NEVER))
            step = "`holdshelf policy explain` lists them all."
            sentence = f"The policy has no action named {permission[:40]!r}."
            raise BadRequest(sentence, f"{meant} {step}" if meant else step)
        first = state.policy.role_words(state.policy.first_seat) or "library"
        return refused(never.clause, never.sentence, never.instead.format(first=first))
    ask = Ask(
        state,
        rule,
        scope,
        now,
        standing(state, subject.person, now, admin=subject.admin),
        tuple(dict.fromkeys(state.camera_id(camera) for camera in scope.cameras)),
    )
    role = _role(ask)
    if isinstance(role, Decision):
        return role
    # After the role: people who may not see that camera are not told what kind of place it is in.
    if rule.pictures or rule.id == "commission.edit":
        private = _private_place(ask)
        if private is not None:
            return private
    if state.limited and doubt.waits(permission, admin=role.admin):
        reason, who = f"You can only place holds now. {state.limited}", doubt.who_can_help(state.flags)
        return refused("P11", reason, who, role.acting_as)
    if rule.cameras and not ask.cameras:
        return refused(
            "P2",
            f"Nobody may {state.policy.act_words(rule.id)} without naming a camera.",
            "Name the camera.",
            role.acting_as,
        )
    condition = conditions.CONDITIONS.get(permission)
    said = condition(ask, role) if condition is not None else None
    before = state.policy.steps(permission)
    if before.steps and not role.own and (said is None or said.allowed):
        missing = step_missing(ask, before.steps, f"this, to {state.policy.act_words(rule.id)}", rule.clause)
        said = said if missing is None else msgspec.structs.replace(missing, cites=before.clause)
    if said is None:
        return Decision(True, role.acting_as, rule.clause, f"{role.words} may {state.policy.act_words(rule.id)}.")
    if said.allowed or said.acting_as:
        return said
    return msgspec.structs.replace(said, acting_as=role.acting_as)


def _private_place(ask: Ask) -> Decision | None:
    for camera in ask.cameras:
        facts = ask.state.cameras.get(camera)
        if facts is not None and facts.area_kind in ask.state.policy.private_places:
            words = ask.state.policy.private_places[facts.area_kind]
            return refused(
                "P5", f"{facts.name} is in a private place ({words}), and nobody may see it.", "Have it taken down."
            )
    return None


# --- the role ------------------------------------------------------------------------------------------


def _role(ask: Ask) -> Role | Decision:
    """Return the role in which the subject may do this, or why not."""
    rule, here = ask.rule, ask.standing
    if here.person is None:
        return (
            _admins_role(ask) if here.admin else refused("P11", here.why_not or "Nobody is asking.", here.who_can_help)
        )
    if here.person.left_utc_ns is None and conditions.is_own(ask):
        return Role(_any_name(ask), "The person", own=True)
    if not here.any:
        # An enrolled person without a right now may still have a copy of the policy, like anyone (P17).
        if rule.id == "print" and here.person.left_utc_ns is None:
            return Role("", "Anyone")
        return refused("P11", here.why_not or "Nobody has that right at this time.", here.who_can_help)
    seats = [seat for seat in here.seats if may(ask.state, seat.key, rule.id, ask.now)]
    seat = next((seat for seat in seats if _covers(ask, seat)), None)
    if seats and seat is None and not here.appointments:
        sentence = "Nothing has that name or number, or your role does not cover its camera."
        return refused(rule.who_clause, sentence, _ask_who_may(ask, but=here.person.id), seats[0].key)
    if seat is not None:
        return Role(seat.key, f"The {ask.state.policy.role_words(seat.key)}", seat=seat)
    designee = _designee(ask)
    if isinstance(designee, Role):
        return designee
    if rule.share and here.shares:
        return Role("share", "Somebody with whom something is shared", share=True)
    if rule.anyone:
        return Role(_any_name(ask), "Anyone")
    return _wrong_role(ask, designee)


def _covers(ask: Ask, seat: Seat) -> bool:
    """Return whether the role by which they may do it is bound to no class of camera, or all that the act is about are of its
    classes: of their own role for what it may do itself, of the one that they act for where only that one may."""
    policy = ask.state.policy
    if policy.may(seat.key, ask.rule.id) and _is_of(ask, policy.roles[seat.key].classes):
        return True
    stands_in = policy.stands_in(seat.key)
    return (
        stands_in is not None
        and policy.may(stands_in[0], ask.rule.id)
        and acts_for(ask.state, seat.key, stands_in[0], ask.now)
        and _is_of(ask, policy.roles[stands_in[0]].classes)
    )


def _is_of(ask: Ask, classes: tuple[str, ...]) -> bool:
    if not classes:
        return True
    return not conditions.names_nothing(ask) and of_classes(ask.state, classes, conditions.cameras_of(ask))


def _any_name(ask: Ask) -> str:
    here = ask.standing
    if here.seats:
        return here.seats[0].key
    if here.appointments:
        return _designee_name(ask, here.appointments)
    return "share" if here.shares else ""


def _designee_name(ask: Ask, appointments: tuple[Appointment, ...]) -> str:
    keys = {ask.state.seats[row.seat].key for row in appointments}
    return f"designee of {listed(sorted(keys, key=ask.state.policy.order))}"


_BEYOND = "beyond"


def _designee(ask: Ask) -> Role | str | None:
    """Return a designee's role; _BEYOND: no letter with that right names the camera, or the object does not exist, and the two
    look the same; None: no letter gives that right."""
    rule, appointments = ask.rule, ask.standing.appointments
    if not appointments or not (rule.rights or rule.designee):
        return None
    giving = tuple(row for row in appointments if rule.designee or set(rule.rights) & _rights(ask.state, row))
    if not giving:
        return None
    needed = conditions.cameras_of(ask)
    for row in giving:
        if row.cameras is None:
            return _as_designee(ask, (row,))
    if conditions.names_nothing(ask):
        return _BEYOND
    for row in giving:
        if all(camera in (row.cameras or ()) for camera in needed):
            return _as_designee(ask, (row,))
    named = {camera for row in giving for camera in row.cameras or ()}
    if any(camera not in named for camera in needed):
        return _BEYOND
    used = tuple(row for row in giving if any(camera in needed for camera in row.cameras or ()))
    return _as_designee(ask, used)


def given(state: State, person: str, now: Now) -> tuple[str, ...]:
    """Return every act that the person's roles, letters and shares give now, whatever it is about: what a terminal offers them.
    Whether one of them is allowed, ``decide`` says each time."""
    here = standing(state, person, now)
    rights = frozenset[str]().union(*(_rights(state, row) for row in here.appointments))
    return tuple(
        rule.id
        for rule in PERMISSIONS.values()
        if any(may(state, seat.key, rule.id, now) for seat in here.seats)
        or (here.appointments and (rule.designee or rights.intersection(rule.rights)))
        or (rule.share and here.shares)
    )


def _rights(state: State, letter: Appointment) -> frozenset[str]:
    """Return what a letter gives now: no more than the role that wrote it has by the policy in force."""
    role = state.policy.roles.get(state.seats[letter.seat].key)
    return frozenset(letter.rights) & frozenset(role.rights if role is not None else ())


def _as_designee(ask: Ask, letters: tuple[Appointment, ...]) -> Role:
    principals = listed(
        dict.fromkeys(f"the {ask.state.policy.role_words(ask.state.seats[row.seat].key)}" for row in letters)
    )
    return Role(_designee_name(ask, letters), f"A designee of {principals}", appointments=letters)


def _wrong_role(ask: Ask, found: str | None) -> Decision:
    rule, here, state = ask.rule, ask.standing, ask.state
    person = here.person.id if here.person is not None else ""
    if not rule.seat and rule.admin != ADMIN_NO:
        return refused(
            rule.who_clause,
            f"Only the admin of this server may {state.policy.act_words(rule.id)}.",
            "Ask the admin of this server.",
            _any_name(ask),
        )
    if not rule.seat:
        return refused(
            rule.who_clause,
            f"Nothing is shared with you here; you may not {state.policy.act_words(rule.id)}.",
            ask_seats(state, ask.now),
            _any_name(ask),
        )
    if here.appointments:
        acting_as = _designee_name(ask, here.appointments)
        principals = tuple({state.seats[row.seat].key for row in here.appointments})
        who = ask_seats(state, ask.now, keys=principals, but=person)
        if found == _BEYOND:
            return refused(
                rule.who_clause,
                "Nothing has that name or number, or your letter of appointment does not cover its camera.",
                who,
                acting_as,
            )
        if rule.rights:
            return refused(
                rule.who_clause,
                f"Your letter of appointment does not allow you to {state.policy.act_words(rule.id)}.",
                who,
                acting_as,
            )
        return refused(
            rule.who_clause,
            f"{_only(state, rule)}, not a designee.",
            _ask_who_may(ask, but=person),
            acting_as,
        )
    if here.seats:
        return refused(rule.who_clause, f"{_only(state, rule)}.", _ask_who_may(ask, but=person), here.seats[0].key)
    return refused(
        "P14",
        f"Shares are for viewing only; you may not {state.policy.act_words(rule.id)}.",
        ask_seats(state, ask.now, but=person),
        "share",
    )


def _only(state: State, rule: Permission) -> str:
    """Return e.g. 'Only the Director, Chair or Mayor may lift a hold', without its end."""
    roles = state.policy.who_may(rule.id)
    return (
        f"Only the {state.policy.titles(of=roles)} may {state.policy.act_words(rule.id)}"
        if roles
        else f"No role may {state.policy.act_words(rule.id)}"
    )


def _ask_who_may(ask: Ask, *, but: str = "") -> str:
    return ask_seats(ask.state, ask.now, keys=ask.state.policy.who_may(ask.rule.id) or None, but=but)


def _admins_role(ask: Ask) -> Role | Decision:
    rule, state, now = ask.rule, ask.state, ask.now
    admin = Role("admin", "The admin", admin=True)
    if rule.pictures:
        return refused("P11", "The admin of this server may not see pictures.", _ask_who_may(ask), "admin")
    if rule.admin == ADMIN_NO:
        return refused(
            rule.who_clause,
            f"The admin of this server may not {state.policy.act_words(rule.id)}.",
            _ask_who_may(ask),
            "admin",
        )
    if rule.admin == ADMIN_ENROLS and state.seats and some_seat_can_log_in(state, now):
        return refused(
            "P11",
            f"The seats are held, so the next holder is named by the {state.policy.titles(of=state.policy.who_may(rule.id))}.",
            _ask_who_may(ask),
            "admin",
        )
    if rule.admin == ADMIN_PAPER and ask.scope.paper_sha256 is not None and not is_paper(ask.scope.paper_sha256):
        return refused(
            "P11",
            f"The admin may {state.policy.act_words(rule.id)} only on a signed paper.",
            "Give its scan with --paper.",
            "admin",
        )
    return admin
