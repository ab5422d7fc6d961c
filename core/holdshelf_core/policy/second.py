"""The second person: who counts as one, on screen or, without a key, on signed paper.

Two different people in two different seats. A seat that the first one held at any time since the request counts as theirs, so
nobody can change seats to agree with themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from holdshelf_core.policy.case import Decision, refused
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Flag
from holdshelf_core.policy.question import Ask
from holdshelf_core.policy.standing import ask_seats, can_log_in, holders
from holdshelf_core.policy.state import State

FLAG_PAPER = "paper_approval"
MOST_REVIEWS = 2
"""Of what was done in imminent danger."""
PAPER_MARK = "paper:"
"""Before the role in ``Flag.reviewed_by`` where a paper was signed; no id of a person has a colon."""
_ANY_PAPER = "01" * 32
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_paper(sha256: str) -> bool:
    """Return whether this looks like the SHA-256 of a scan, and not like filler."""
    return _SHA256.fullmatch(sha256) is not None and len(set(sha256)) > 1


def seats_held_since(state: State, person: str, since_utc_ns: int, now: Now) -> set[str]:
    """Return the names of the seats that a person held at some time from then on; if "then" is in the future, those held now."""
    held = set()
    since_utc_ns = min(since_utc_ns, now.earliest_utc_ns)
    for seat in state.seats_of(person):
        ends = [end for end in (seat.end_utc_ns, seat.ended_utc_ns) if end is not None]
        if not ends or min(ends) > since_utc_ns:
            held.add(seat.key)
    return held


def second_person(
    ask: Ask, act: str, requested_by: str, since_utc_ns: int, what: str, asked: tuple[str, ...] = ()
) -> Decision:
    """Decide whether this subject, or the paper they bring, counts as the second person for ``what`` ("this lift").

    ``act``: as in the policy file's ``second``. ``requested_by``: id of who requested it. The requester may bring the paper; it
    is flagged for review by another seat. ``asked``: the roles that counted when it was requested, of which one counts still,
    if any is left.
    """
    state, scope, clause = ask.state, ask.scope, ask.rule.clause
    theirs = seats_held_since(state, requested_by, since_utc_ns, ask.now)
    seconds = _seconds(state.policy.second(act), asked, theirs)
    if ask.person and ask.person != requested_by:
        for seat in ask.standing.seats:
            if seat.key in seconds and seat.key not in theirs:
                return Decision(True, seat.key, clause, f"The {state.policy.role_words(seat.key)} approves {what}.")
    acting_as = ask.standing.seats[0].key if ask.standing.seats else ""
    others = tuple(key for key in seconds if key not in theirs)
    who = ask_seats(state, ask.now, keys=others, but=requested_by)
    signers = [
        key for key in others if not any(can_log_in(state, seat.person) for seat in holders(state, ask.now, key))
    ]
    hint = (
        f"Or give a paper signed by the {state.policy.titles(of=tuple(signers))}; its SHA-256 is recorded."
        if signers
        else ""
    )
    if scope.paper_sha256 is not None and scope.paper_sha256 != "":
        return _on_paper(ask, seconds, theirs, who, what, acting_as)
    step = f"{who} {hint}".strip()
    if ask.person == requested_by:
        return refused(clause, f"You cannot approve {what}: you asked for it.", step, acting_as)
    if not theirs.intersection(seat.key for seat in ask.standing.seats):
        return refused(clause, f"It takes the {state.policy.titles(of=seconds)} to approve {what}.", step, acting_as)
    return refused(clause, f"The seat that asked for {what} cannot also approve it.", step, acting_as)


def _seconds(now: tuple[str, ...], asked: tuple[str, ...], theirs: set[str]) -> tuple[str, ...]:
    both = tuple(key for key in now if key in asked)
    return both if set(both) - theirs else now or asked


def _on_paper(ask: Ask, seconds: tuple[str, ...], theirs: set[str], who: str, what: str, acting_as: str) -> Decision:
    state, scope, clause = ask.state, ask.scope, ask.rule.clause
    if not is_paper(scope.paper_sha256 or ""):
        return refused(
            clause,
            "An approval on paper needs its scan, which is recorded by its SHA-256.",
            "Give the scan.",
            acting_as,
        )
    if scope.paper_seat not in seconds:
        return refused(
            clause,
            "An approval on paper needs the name of the seat that signed it.",
            "Say which seat signed.",
            acting_as,
        )
    words = state.policy.role_words(scope.paper_seat)
    if scope.paper_seat in theirs:
        return refused(clause, f"The {words} asked for {what}; someone with another seat must sign.", who, acting_as)
    for seat in holders(state, ask.now, scope.paper_seat):
        if can_log_in(state, seat.person):
            return refused(clause, f"The {words} can log in and must approve on screen.", who, acting_as)
    return Decision(
        True,
        acting_as,
        clause,
        f"Approved on paper signed by the {words}; flagged for a second person's review.",
        flag=FLAG_PAPER,
        flag_needs=1,
    )


# --- looking at it afterwards -------------------------------------------------------------------------------------


def flag_open(flag: Flag) -> bool:
    """Return whether reviews are still missing."""
    return len(set(flag.reviewed_by) - {flag.person}) < flag.needs


def review_problem(state: State, flag: Flag, person: str, now: Now) -> str | None:
    """Return why this person's review does not count, in a sentence; None: it does.

    It takes a seat other than the actor's and those that have reviewed it, held by someone other than all of them.
    """
    if person in (flag.person, flag.about):
        return "You cannot review your own act, or one that favors you."
    if person in flag.reviewed_by:
        return "You have already reviewed this; someone else with a seat must review it too."
    if not flag_open(flag):
        return "This has been reviewed already."
    taken, counts = _taken(state, flag, now), state.policy.second("flag.review")
    mine = {seat.key for seat in holders(state, now) if seat.person == person and seat.key in counts}
    return (
        None
        if mine - taken
        else "Your seat did this or has already reviewed it; someone with another seat must review it."
    )


def paper_review_problem(state: State, flag: Flag, sha256: str, role: str, now: Now) -> str | None:
    """Return why a review on paper does not count, in a sentence; None: it does.

    Signed by a role that has nobody who can log in, so that a flag can be closed where one seat alone has a key; its holder
    neither did it nor gained by it. Whoever brings the paper may have done it: the paper is kept by its SHA-256.
    """
    if not is_paper(sha256):
        return "A review on paper needs its scan, which is recorded by its SHA-256."
    if role not in state.policy.second("flag.review"):
        return "A review on paper needs the name of the seat that signed it."
    if not flag_open(flag):
        return "This has been reviewed already."
    words = state.policy.role_words(role)
    if role in _taken(state, flag, now):
        return f"The {words} did this or has already reviewed it; someone with another seat must sign."
    people = [seat.person for seat in holders(state, now, role)]
    # The Board itself is always there, and keeps minutes, whoever its seat names here.
    if state.policy.has_holders(role) and not people and role != state.policy.for_the_board:
        return f"Nobody is the {words} now, so nobody can have signed as that."
    if any(can_log_in(state, person) for person in people):
        return f"The {words} can log in and must review it on screen."
    return "A review of an act that favors its signer does not count." if flag.about in people else None


def reviews_needed(state: State, people: Iterable[str], now: Now) -> int:
    """Return how many others review what these people did, of those who may: two, or the one that there is."""
    theirs = set[str]().union(*(seats_held_since(state, person, now.utc_ns, now) for person in people))
    return min(MOST_REVIEWS, max(1, len(set(state.policy.second("flag.review")) - theirs)))


def signs_review(state: State, flag: Flag, role: str, now: Now) -> bool:
    """Return whether that role's paper would count as a review of the flag."""
    return paper_review_problem(state, flag, _ANY_PAPER, role, now) is None


def reviewed(state: State, flag: Flag, who: str, now: Now) -> Flag:
    """Return the flag with one more review, that counts. Where nobody else is left who could review it, the Board's paper is the
    last one: with one seat filled a flag could not be closed otherwise."""
    flag = msgspec.structs.replace(flag, reviewed_by=(*flag.reviewed_by, who))
    if who == by_paper(state.policy.for_the_board) and flag_open(flag) and not _left(state, flag, now):
        flag = msgspec.structs.replace(flag, needs=len(set(flag.reviewed_by) - {flag.person}))
    return flag


def _left(state: State, flag: Flag, now: Now) -> bool:
    roles = state.policy.second("flag.review")
    return any(signs_review(state, flag, role, now) for role in roles) or any(
        review_problem(state, flag, seat.person, now) is None and can_log_in(state, seat.person)
        for role in roles
        for seat in holders(state, now, role)
    )


def by_paper(role: str) -> str:
    """Return a review on paper as it stands among those who reviewed."""
    return f"{PAPER_MARK}{role}"


def _taken(state: State, flag: Flag, now: Now) -> set[str]:
    """Return the roles that did it or reviewed it, on screen or on paper."""
    taken: set[str] = set()
    for who in (flag.person, *flag.reviewed_by):
        if who.startswith(PAPER_MARK):
            taken.add(who.removeprefix(PAPER_MARK))
        else:
            taken |= seats_held_since(state, who, flag.at_utc_ns, now)
    return taken
