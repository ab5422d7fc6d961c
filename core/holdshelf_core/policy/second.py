"""The second person: whose word counts beside the first one's, on screen or, having no key, on signed paper.

Two different people in two different seats. A seat that the first one held at any time since the request is theirs, so
nobody steps from one chair to the next to agree with themselves.
"""

from __future__ import annotations

import re

from holdshelf_core.policy.case import Decision, refused
from holdshelf_core.policy.hands import Ask
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import SEATS, Flag
from holdshelf_core.policy.standing import ask_seats, can_log_in, holders, seat_words
from holdshelf_core.policy.state import State

FLAG_PAPER = "paper_approval"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PAPER_HINT = "Or the seat signs a paper, which is recorded by its SHA-256 with the seat that signed."


def is_paper(sha256: str) -> bool:
    """Looks like the SHA-256 of a scan, and not like one that was filled in to satisfy a form."""
    return _SHA256.fullmatch(sha256) is not None and len(set(sha256)) > 1


def seats_held_since(state: State, person: str, since_utc_ns: int, now: Now) -> set[str]:
    """Names of the seats that a person held at some time from then on; those held now among them, were "then" to come."""
    held = set()
    since_utc_ns = min(since_utc_ns, now.earliest_utc_ns)
    for seat in state.seats_of(person):
        ends = [end for end in (seat.end_utc_ns, seat.ended_utc_ns) if end is not None]
        if not ends or min(ends) > since_utc_ns:
            held.add(seat.key)
    return held


def second_person(ask: Ask, requested_by: str, since_utc_ns: int, what: str) -> Decision:
    """May this subject's word, or the paper they bring, be the second one for ``what`` ("this lift")?

    ``requested_by``: id of who asked first. On paper the first one may bring it; it is flagged for another seat's eye.
    """
    state, scope, clause = ask.state, ask.scope, ask.rule.clause
    theirs = seats_held_since(state, requested_by, since_utc_ns, ask.now)
    if ask.person and ask.person != requested_by:
        for seat in ask.standing.seats:
            if seat.key not in theirs:
                return Decision(True, seat.key, clause, f"The {seat_words(seat.key)} approves {what}.")
    acting_as = ask.standing.seats[0].key if ask.standing.seats else ""
    others = tuple(key for key in SEATS if key not in theirs)
    who = ask_seats(state, ask.now, keys=others, but=requested_by)
    if scope.paper_sha256 is not None and scope.paper_sha256 != "":
        return _on_paper(ask, requested_by, theirs, who, what, acting_as)
    if ask.person == requested_by:
        return refused(clause, f"Nobody approves {what} after asking for it.", f"{who} {_PAPER_HINT}", acting_as)
    return refused(
        clause, f"The seat that asked for {what} does not approve it as well.", f"{who} {_PAPER_HINT}", acting_as
    )


def _on_paper(ask: Ask, requested_by: str, theirs: set[str], who: str, what: str, acting_as: str) -> Decision:
    state, scope, clause = ask.state, ask.scope, ask.rule.clause
    if not is_paper(scope.paper_sha256 or ""):
        return refused(
            clause, "An approval on paper is recorded by the SHA-256 of its scan.", "Give the scan itself.", acting_as
        )
    if scope.paper_seat not in SEATS:
        return refused(
            clause, "An approval on paper names the seat that signed it.", "Say which seat signed.", acting_as
        )
    words = seat_words(scope.paper_seat)
    if scope.paper_seat in theirs:
        return refused(clause, f"The {words} asked for {what}; another seat signs for it.", who, acting_as)
    for seat in holders(state, ask.now, scope.paper_seat):
        if seat.person == requested_by:
            return refused(clause, f"Nobody signs for {what} after asking for it.", who, acting_as)
        if can_log_in(state, seat.person):
            return refused(clause, f"The {words} can log in, and approves on screen.", who, acting_as)
    return Decision(
        True,
        acting_as,
        clause,
        f"Approved on paper signed by the {words}; flagged for a second look.",
        flag=FLAG_PAPER,
        flag_needs=1,
    )


# --- looking at it afterwards -------------------------------------------------------------------------------------


def flag_open(flag: Flag) -> bool:
    """Reviews are still awaited."""
    return len(set(flag.reviewed_by) - {flag.person}) < flag.needs


def review_problem(state: State, flag: Flag, person: str, now: Now) -> str | None:
    """Why this person's review does not count, in a sentence; None: it does.

    A seat other than the actor's and than every seat that has reviewed it, held by somebody else than any of them.
    """
    if person in (flag.person, flag.about):
        return "Nobody reviews an act of their own or in their favor."
    if person in flag.reviewed_by:
        return "You have reviewed this already; another seat's review is awaited."
    if not flag_open(flag):
        return "This has been reviewed already."
    taken: set[str] = set()
    for other in (flag.person, *flag.reviewed_by):
        taken |= seats_held_since(state, other, flag.at_utc_ns, now)
    mine = {seat.key for seat in holders(state, now) if seat.person == person}
    if not mine:
        return "Only the holder of a seat reviews."
    return None if mine - taken else "Your seat did this or has reviewed it already; another seat's review is awaited."
