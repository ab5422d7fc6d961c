"""Conditions of actions on people, settings, the log and releases besides the role: a paper, a second person, the Board.

The other half of ``conditions``.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from holdshelf_core.policy.asked import stricter
from holdshelf_core.policy.board import loosened
from holdshelf_core.policy.case import Decision, refused
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import RIGHTS, AskedRule, Seat
from holdshelf_core.policy.question import Ask, Role
from holdshelf_core.policy.second import (
    FLAG_PAPER,
    is_paper,
    paper_review_problem,
    review_problem,
    second_person,
    signs_review,
)
from holdshelf_core.policy.standing import ask_seats, can_log_in, holders
from holdshelf_core.policy.steps import step_missing

type Condition = Callable[[Ask, Role], Decision | None]

_PAPER_NEEDED = "Have it signed and give its scan with --paper."


def others(ask: Ask) -> str:
    """Return whom to ask other than the caller."""
    return ask_seats(ask.state, ask.now, but=ask.person)


def known(ask: Ask) -> Decision | None:
    """Require every camera to exist, or to have existed."""
    for camera in ask.cameras:
        if camera not in ask.state.cameras and camera not in ask.state.commissions:
            return refused("P4", f"There is no camera {camera[:40]!r}.", "See `holdshelf camera list`.")
    return None


# --- people -------------------------------------------------------------------------------------------------------


def _paper_problem(sha256: str | None, clause: str, what: str) -> Decision | None:
    if sha256 is None or is_paper(sha256):
        return None
    return refused(clause, f"{what} needs a signed paper, recorded by the SHA-256 of its scan.", _PAPER_NEEDED)


def _name_seat(ask: Ask, role: Role) -> Decision | None:
    state, scope = ask.state, ask.scope
    target = state.person_id(scope.target)
    if ask.person and target == ask.person:
        return refused("P11", "You cannot name yourself to a seat.", others(ask))
    first = role.admin and not state.seats
    if first:
        policy, key = state.policy, state.policy.first_seat
        if scope.seat and scope.seat != key:
            return refused(
                "P11",
                f"The first seat to be named is the {policy.role_words(key)}'s.",
                f"Name the {policy.short(key)} first; the {policy.short(key)} names the others.",
            )
        return None
    problem = _paper_problem(scope.paper_sha256, "P11", "Naming who holds a seat")
    if problem is not None:
        return problem
    if not role.admin:
        return _by_seat(role, "name the holder of a seat")
    return Decision(
        True,
        "admin",
        "P11",
        "The admin may name a seat's holder on paper; flagged.",
        flag="seat_by_admin",
        flag_needs=1,
    )


def _by_seat(role: Role, what: str) -> Decision:
    """Otherwise one seat could create a second one, and unnoticed be its own second person."""
    return Decision(
        True, role.acting_as, "P11", f"{role.words} may {what}; flagged.", flag="seat_by_seat", flag_needs=1
    )


def _away(ask: Ask, role: Role) -> Decision | None:
    if any(ask.scope.target in (seat.key, seat.id) for seat in ask.standing.seats):
        return None
    # After a while another one acts for them: they and the others can see since when, and who said so.
    sentence = f"{role.words} may enter that somebody else is away or back; flagged."
    return Decision(True, role.acting_as, "P11", sentence, flag="away_by_seat", flag_needs=1)


def _end_seat(ask: Ask, role: Role) -> Decision | None:
    if not role.admin:
        own = any(ask.scope.target in (seat.key, seat.id) for seat in ask.standing.seats)
        return None if own else _by_seat(role, "end another's term")
    if ask.scope.paper_sha256 is None:
        return refused("P11", "The admin may end a term only on a signed paper.", _PAPER_NEEDED)
    return Decision(
        True, "admin", "P11", "The admin may end a term on paper; flagged.", flag="seat_by_admin", flag_needs=1
    )


def _key(ask: Ask, role: Role) -> Decision | None:
    state = ask.state
    target = state.person_id(ask.scope.target)
    if not target:
        return refused("P11", "A key belongs to one person; enroll that person first.", "See `holdshelf person list`.")
    if role.admin:
        return Decision(
            True, "admin", "P11", "The admin may install a key on paper; flagged.", flag="key_by_admin", flag_needs=1
        )
    if role.own:
        return None
    if any(seat.person == target for seat in holders(state, ask.now)):
        # Otherwise one seat could give itself a second one's key and unnoticed be its own second person.
        sentence = f"{role.words} may change the keys of another seat's holder; flagged."
        return Decision(True, role.acting_as, "P11", sentence, flag="key_by_seat", flag_needs=1)
    return None


def _remove(ask: Ask, role: Role) -> Decision | None:
    if ask.state.person_id(ask.scope.target) == ask.person:
        seats = ", ".join(map(ask.state.policy.short, ask.state.policy.seats))
        step = f"End your term instead, or ask one of the others ({seats})."
        return refused("P11", "You cannot remove yourself.", step)
    target = ask.state.person_id(ask.scope.target)
    if any(seat.person == target for seat in holders(ask.state, ask.now)):
        return _by_seat(role, "remove another seat's holder")
    return None


def _own_seat(ask: Ask) -> Seat | None:
    return next((seat for seat in ask.standing.seats if ask.scope.seat in ("", seat.key, seat.id)), None)


def _appoint(ask: Ask, role: Role) -> Decision | None:
    state, scope, now = ask.state, ask.scope, ask.now
    target = state.person_id(scope.target)
    if target == ask.person:
        return refused("P11", "You cannot appoint yourself.", others(ask))
    seat = _own_seat(ask)
    if seat is None:
        return refused(
            "P11", f"You do not hold the seat {scope.seat[:20]!r} now, so you cannot appoint for it.", others(ask)
        )
    if not target or state.people[target].left_utc_ns is not None:
        return refused("P11", "Nobody by that name is enrolled here.", "Enroll the person first.", seat.key)
    office = state.policy.roles.get(seat.key)
    own = [right for right in RIGHTS if office is not None and right in office.rights]
    unknown = [right for right in scope.rights if right not in own]
    if unknown:
        step = f"Some of: {listed(own, 'or')}." if own else "Ask somebody who has that right."
        return refused("P11", f"A letter cannot give {unknown[0][:30]!r}.", step, seat.key)
    if scope.end_utc_ns is not None and (now.ended(scope.end_utc_ns) or scope.end_utc_ns <= (scope.start_utc_ns or 0)):
        return refused(
            "P11", "The letter's last day has passed, or is before its first.", "Give a later last day.", seat.key
        )
    return (
        _paper_problem(scope.paper_sha256, "P11", "An appointment")
        or known(ask)
        or Decision(True, seat.key, "P11", f"The {state.policy.role_words(seat.key)} may appoint a designee.")
    )


# --- the Board, the text, the record ------------------------------------------------------------------------------


def _board(ask: Ask, role: Role) -> Decision | None:
    scope = ask.scope
    if scope.why is not None and not scope.why.strip():
        return refused("P11", ask.state.policy.own_board("Changing a setting of the Board needs a reason."), "Say why.")
    if scope.settings is None or not loosened(ask.state.board, scope.settings):
        return None
    return _by_the_board(ask, role, f"Making {listed(loosened(ask.state.board, scope.settings))} looser")


def _adopt(ask: Ask, role: Role) -> Decision | None:
    settings = ask.scope.settings or {}
    if settings.get("file"):
        return (
            _signed(ask, role) if ask.scope.signed_by else _by_the_board(ask, role, "Another policy", "P20", signs=True)
        )
    before = ask.state.adopted.statute if ask.state.adopted is not None else "enforce"
    if settings.get("statute", before) == "advise" and before != "advise":
        return _by_the_board(ask, role, "Treating the statute as advice", "P13")
    return None


def _signed(ask: Ask, role: Role) -> Decision:
    """Allow a policy file that somebody who speaks for the Board signed, whoever brings it."""
    policy, signer = ask.state.policy, ask.scope.signed_by
    words = policy.role_words(policy.for_the_board)
    if any(seat.person == signer for seat in holders(ask.state, ask.now, policy.for_the_board)):
        return Decision(True, role.acting_as, "P20", f"The policy file is signed by the {words}.")
    who = ask_seats(ask.state, ask.now, keys=(policy.for_the_board,), but=ask.person)
    name = ask.state.name_of(signer)
    speaks = policy.own_board("who speaks for the Board")
    return refused("P20", f"The policy file is signed by {name}, and it is the {words} {speaks}.", who)


def _by_the_board(ask: Ask, role: Role, what: str, clause: str = "P11", *, signs: bool = False) -> Decision | None:
    """Allow the Chair on screen; anybody else needs the Board's signed paper, and is flagged.

    ``signs``: the Chair's signature would do as well.
    """
    policy = ask.state.policy
    if any(seat.key == policy.for_the_board for seat in ask.standing.seats):
        words = policy.role_words(policy.for_the_board)
        return Decision(True, policy.for_the_board, clause, f"The {words} may do this.")
    if ask.scope.paper_sha256 is not None and is_paper(ask.scope.paper_sha256):
        done = policy.own_board("Done on the Board's signed paper; flagged.")
        return Decision(True, role.acting_as, clause, done, flag=FLAG_PAPER, flag_needs=1)
    who = ask_seats(ask.state, ask.now, keys=(policy.for_the_board,), but=ask.person)
    otherwise = "Or give the Board's signed paper."
    if signs and any(can_log_in(ask.state, seat.person) for seat in holders(ask.state, ask.now, policy.for_the_board)):
        otherwise = "Or give their signature of the policy file (`ssh-keygen -Y sign`), or the Board's signed paper."
    decides = policy.own_board("is for the Board to decide.")
    return refused(clause, f"{what} {decides}", f"{who} {policy.own_board(otherwise)}")


def _log(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.private and role.admin:
        return refused(
            "P21",
            "The admin gets only the public form of the access log, without names and notes.",
            ask_seats(ask.state, ask.now),
        )
    return None


def _repair(ask: Ask, role: Role) -> Decision | None:
    sentence = f"{role.words} may continue after a broken access log; flagged."
    return Decision(True, role.acting_as, "P21", sentence, flag="log_repaired", flag_needs=1)


def _settle(ask: Ask, role: Role) -> Decision | None:
    sentence = f"{role.words} may make the register what the access log says; flagged."
    return Decision(True, role.acting_as, "P21", sentence, flag="register_settled", flag_needs=1)


def _accept(ask: Ask, role: Role) -> Decision | None:
    # Flagged when it was found; only the paper says who held a seat then and now.
    return _paper_problem(ask.scope.paper_sha256, "P11", "Accepting an older state")


def _clock(ask: Ask, role: Role) -> Decision | None:
    """Whoever sets the clock must not be the only one to confirm it: holds end by age."""
    if not role.admin:
        return None
    return Decision(
        True, "admin", "P15", "The admin may confirm the time; flagged.", flag="clock_by_admin", flag_needs=1
    )


def _review(ask: Ask, role: Role) -> Decision | None:
    flag = ask.state.flags.get(ask.scope.target)
    if flag is None:
        return refused("P12", f"There is no flag {ask.scope.target[:20]!r}.", "See `holdshelf flag list`.")
    scope = ask.scope
    if scope.paper_sha256:
        problem = paper_review_problem(ask.state, flag, scope.paper_sha256, scope.paper_seat, ask.now)
    else:
        problem = review_problem(ask.state, flag, ask.person, ask.now)
    if not problem:
        return None
    signers = [role for role in ask.state.policy.second("flag.review") if signs_review(ask.state, flag, role, ask.now)]
    hint = (
        f" Or give a paper signed by the {ask.state.policy.titles(of=tuple(signers))}; its SHA-256 is recorded."
        if signers
        else ""
    )
    reviewers = ask_seats(ask.state, ask.now, keys=ask.state.policy.second("flag.review"), but=ask.person)
    return refused("P12", problem, f"{reviewers}{hint}")


def _print(ask: Ask, role: Role) -> Decision | None:
    adopted, sha256 = ask.state.adopted, ask.scope.text_sha256
    if sha256 is not None and (adopted is None or adopted.sha256 != sha256):
        return refused(
            "P20", "This text differs from the one that was adopted.", "Print the adopted one, or adopt this one first."
        )
    return None


def _release_exists(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.target and ask.scope.target not in ask.state.releases:
        return refused("P13", f"There is no release {ask.scope.target[:30]!r}.", "See `holdshelf release list`.")
    return None


def _approve_release(ask: Ask, role: Role) -> Decision | None:
    problem = _release_exists(ask, role)
    if problem is not None or ask.scope.keeps:
        return problem
    if not ask.scope.requested_by:
        return refused("P13", "It is not known who requested this release.", "Request it again.")
    asked = ask.state.releases.get(ask.scope.target)
    rule = asked.asked_rule if asked is not None else AskedRule()
    row = stricter(ask.state.policy, ask.scope.basis, rule)
    missing = step_missing(ask, row.steps, "this release", "P13") if row is not None else None
    if missing is not None and row is not None:
        return msgspec.structs.replace(missing, cites=row.clause)
    seconds = ask.state.policy.second("release.approve")
    if not seconds and not rule.second:
        return None
    if seconds and not ask.state.board.second_person_release and ask.scope.requested_by == ask.person:
        return None
    return second_person(
        ask, "release.approve", ask.scope.requested_by, ask.scope.requested_utc_ns or 0, "this release", rule.second
    )


def _checklist(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.target == "house" and role.seat is None:
        return refused(
            "P1",
            f"Only the {ask.state.policy.titles(of=ask.state.policy.who_may(ask.rule.id))} attests the “house” items of the "
            "checklist.",
            ask_seats(ask.state, ask.now, keys=ask.state.policy.who_may(ask.rule.id)),
        )
    return None  # a code that names nothing is a typo: the handler reports it


def _counsel(ask: Ask, role: Role) -> Decision | None:
    problem = _paper_problem(ask.scope.paper_sha256, "P13", "A determination by counsel")
    if problem is not None:
        return problem
    sentence = f"{role.words} may record counsel's determination; flagged."
    return Decision(True, role.acting_as, "P13", sentence, flag="counsel_word", flag_needs=1)


def _counsel_end(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.target and ask.scope.target not in ask.state.determinations:
        return refused("P13", f"There is no determination {ask.scope.target[:30]!r}.", "See `holdshelf counsel list`.")
    return None


PEOPLE_CONDITIONS: dict[str, Condition] = {
    "seat.name": _name_seat,
    "seat.away": _away,
    "seat.end": _end_seat,
    "person.key": _key,
    "person.remove": _remove,
    "appointment.make": _appoint,
    "board.set": _board,
    "policy.adopt": _adopt,
    "log.see": _log,
    "log.export": _log,
    "log.repair": _repair,
    "log.accept": _accept,
    "register.settle": _settle,
    "flag.review": _review,
    "clock.confirm": _clock,
    "print": _print,
    "release.request": _release_exists,
    "release.approve": _approve_release,
    "release.export": _release_exists,
    "release.see": _release_exists,
    "checklist.enter": _checklist,
    "counsel.record": _counsel,
    "counsel.end": _counsel_end,
}
