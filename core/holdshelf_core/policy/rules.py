"""The one question: may this person do this act, about this, for this purpose, now? Allowed as what, or refused on which clause.

``decide`` finds the hands in which the act lies (seat, designee, share, admin) and then what the act itself asks for
(``conditions``). Pure, and fast enough to be asked for each picture. It must never answer "allowed" to what it does not
know: an unknown permission is an error, an unknown camera or row a refusal.
"""

from __future__ import annotations

from holdshelf_core.areas import PRIVATE
from holdshelf_core.errors import BadRequest
from holdshelf_core.policy import conditions
from holdshelf_core.policy.case import Decision, Scope, Subject, refused
from holdshelf_core.policy.hands import Ask, Hands
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import SEATS, Appointment
from holdshelf_core.policy.rights import (
    ADMIN_ENROLS,
    ADMIN_NO,
    ADMIN_PAPER,
    NEVER,
    PERMISSIONS,
)
from holdshelf_core.policy.second import is_paper
from holdshelf_core.policy.standing import ask_seats, seat_words, some_seat_can_log_in, standing
from holdshelf_core.policy.state import CameraFacts, State, listed

__all__ = ["NEVER", "PERMISSIONS", "CameraFacts", "Decision", "Now", "Scope", "State", "Subject", "decide"]

_PRIVATE_KINDS = frozenset(area.kind for area in PRIVATE)


def decide(state: State, subject: Subject, permission: str, scope: Scope, now: Now) -> Decision:
    """What the policy says. ``permission`` is one of PERMISSIONS or NEVER. Raises BadRequest for any other."""
    rule = PERMISSIONS.get(permission)
    if rule is None:
        never = NEVER.get(permission)
        if never is None:
            raise BadRequest(f"The policy knows no act {permission[:40]!r}.", "See `holdshelf policy explain` for all.")
        return refused(never.clause, never.sentence, never.instead)
    ask = Ask(
        state,
        rule,
        scope,
        now,
        standing(state, subject.person, now, admin=subject.admin),
        tuple(dict.fromkeys(state.camera_id(camera) for camera in scope.cameras)),
    )
    if rule.pictures or rule.id == "commission.edit":
        private = _private_place(ask)
        if private is not None:
            return private
    hands = _hands(ask)
    if isinstance(hands, Decision):
        return hands
    if rule.cameras and not ask.cameras:
        return refused("P2", f"Nobody may {rule.words} without naming a camera.", "Name the camera.", hands.acting_as)
    condition = conditions.CONDITIONS.get(permission)
    said = condition(ask, hands) if condition is not None else None
    if said is None:
        return Decision(True, hands.acting_as, rule.clause, f"{hands.words} may {rule.words}.")
    if said.allowed or said.acting_as:
        return said
    return refused(said.clause, said.reason, said.who_can_help, hands.acting_as)


def _private_place(ask: Ask) -> Decision | None:
    for camera in ask.cameras:
        facts = ask.state.cameras.get(camera)
        if facts is not None and facts.area_kind in _PRIVATE_KINDS:
            words = facts.area_kind.replace("-", " ")
            return refused(
                "P5", f"{facts.name} is in a private place ({words}), and nobody is shown it.", "Have it taken down."
            )
    return None


# --- in whose hands ------------------------------------------------------------------------------------------------


def _hands(ask: Ask) -> Hands | Decision:
    """As what the subject may do this, or why not."""
    rule, here = ask.rule, ask.standing
    if here.person is None:
        return (
            _admins_hands(ask) if here.admin else refused("P11", here.why_not or "Nobody is asking.", here.who_can_help)
        )
    if here.person.left_utc_ns is None and conditions.is_own(ask):
        return Hands(_any_name(ask), "The person", own=True)
    if not here.any:
        # Somebody who is enrolled but has no right now may still have a copy of the policy, as anyone may (P17).
        if rule.id == "print" and here.person.left_utc_ns is None:
            return Hands("", "Anyone")
        return refused("P11", here.why_not or "There is no right now.", here.who_can_help)
    if rule.seat and here.seats:
        seat = here.seats[0]
        return Hands(seat.key, f"The {seat_words(seat.key)}", seat=seat)
    designee = _designee(ask)
    if isinstance(designee, Hands):
        return designee
    if rule.share and here.shares:
        return Hands("share", "Somebody with whom something is shared", share=True)
    if rule.anyone:
        return Hands(_any_name(ask), "Anyone")
    return _wrong_hands(ask, designee)


def _any_name(ask: Ask) -> str:
    here = ask.standing
    if here.seats:
        return here.seats[0].key
    if here.appointments:
        return _designee_name(ask, here.appointments)
    return "share" if here.shares else ""


def _designee_name(ask: Ask, appointments: tuple[Appointment, ...]) -> str:
    keys = {ask.state.seats[row.seat].key for row in appointments}
    return f"designee of {listed(sorted(keys, key=lambda key: SEATS.index(key) if key in SEATS else 9))}"


def _designee(ask: Ask) -> Hands | tuple[str, ...] | None:
    """A designee's hands; or the cameras that no letter with that right names; or None: no letter gives that right."""
    rule, appointments = ask.rule, ask.standing.appointments
    if not appointments or not (rule.rights or rule.designee):
        return None
    giving = tuple(row for row in appointments if rule.designee or any(right in rule.rights for right in row.rights))
    if not giving:
        return None
    needed = conditions.cameras_of(ask)
    for row in giving:
        if row.cameras is None or all(camera in row.cameras for camera in needed):
            return _as_designee(ask, (row,))
    named = {camera for row in giving for camera in row.cameras or ()}
    missing = tuple(camera for camera in needed if camera not in named)
    if missing:
        return missing
    used = tuple(row for row in giving if any(camera in needed for camera in row.cameras or ()))
    return _as_designee(ask, used)


def _as_designee(ask: Ask, letters: tuple[Appointment, ...]) -> Hands:
    principals = listed(dict.fromkeys(f"the {seat_words(ask.state.seats[row.seat].key)}" for row in letters))
    return Hands(_designee_name(ask, letters), f"A designee of {principals}", appointments=letters)


def _wrong_hands(ask: Ask, missing: Hands | tuple[str, ...] | None) -> Decision:
    rule, here, state = ask.rule, ask.standing, ask.state
    person = here.person.id if here.person is not None else ""
    if not rule.seat and rule.admin != ADMIN_NO:
        return refused(
            rule.who_clause,
            f"Only the admin of this machine may {rule.words}.",
            "Ask the admin of this machine.",
            _any_name(ask),
        )
    if not rule.seat:
        return refused(
            rule.who_clause,
            f"Nothing is shared with you that you may view here; you may not {rule.words}.",
            ask_seats(state, ask.now),
            _any_name(ask),
        )
    if here.appointments:
        acting_as = _designee_name(ask, here.appointments)
        principals = tuple({state.seats[row.seat].key for row in here.appointments})
        who = ask_seats(state, ask.now, keys=principals, but=person)
        if isinstance(missing, tuple) and missing:
            names = listed([state.camera_words(camera) for camera in missing])
            return refused(
                rule.who_clause, f"Your letter of appointment does not name {names} for this.", who, acting_as
            )
        if rule.rights:
            return refused(
                rule.who_clause, f"Your letter of appointment does not say that you may {rule.words}.", who, acting_as
            )
        return refused(
            rule.who_clause,
            f"Only the holder of a seat may {rule.words}, not a designee.",
            ask_seats(state, ask.now, but=person),
            acting_as,
        )
    return refused(
        "P14",
        f"What is shared with you is for viewing only; you may not {rule.words}.",
        ask_seats(state, ask.now, but=person),
        "share",
    )


def _admins_hands(ask: Ask) -> Hands | Decision:
    rule, state, now = ask.rule, ask.state, ask.now
    admin = Hands("admin", "The admin", admin=True)
    if rule.pictures:
        return refused("P11", "The admin of this machine is shown no picture.", ask_seats(state, now), "admin")
    if rule.admin == ADMIN_NO:
        return refused(
            rule.who_clause, f"The admin of this machine may not {rule.words}.", ask_seats(state, now), "admin"
        )
    if rule.admin == ADMIN_ENROLS and state.seats and some_seat_can_log_in(state, now):
        return refused(
            "P11", "A seat's holder is enrolled, so seats are named by a seat.", ask_seats(state, now), "admin"
        )
    if rule.admin == ADMIN_PAPER and ask.scope.paper_sha256 is not None and not is_paper(ask.scope.paper_sha256):
        return refused(
            "P11", f"The admin may {rule.words} only on a signed paper.", "Give its scan with --paper.", "admin"
        )
    return admin
