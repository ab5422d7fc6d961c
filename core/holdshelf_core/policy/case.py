"""One question put to the rules and its answer: who asks, about what, and the decision with its clause and sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from holdshelf_core.policy.clauses import quoted


class Subject(msgspec.Struct, frozen=True):
    """Who asks: a person of the register, or the admin, who is no person. With a person, ``admin`` counts for nothing."""

    person: str | None = None
    admin: bool = False


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What the act is about. A field is filled as far as the act has it.

    Where a field's type allows None, None means *not asked here: the handler sees to it*; any other value is judged. Where it
    does not, an empty one is refused if the act needs it. Cameras are ids or exact names; times UTC ns, spans half open.
    """

    cameras: tuple[str, ...] = ()
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    purpose: str = ""
    """Id from ``purposes.PURPOSES`` (a share's: SHARE_PURPOSES)."""
    incident: str = ""
    break_glass: bool = False
    target: str = ""
    """person.* and appointment.make, share.make, seat.name: a person (id, login, seat's name). Else the row's id:
    hold.*, appointment.end, share.view, share.end, flag.review, entrance.*, release.*, counsel.end; seat.end: the seat's
    name or the term's id. checklist.enter: ``house`` when a point of the house is among them."""
    seat: str = ""
    """appointment.make: under which of one's seats ('' the only one)."""
    rights: tuple[str, ...] = ()
    """appointment.make: what the letter gives."""
    paper_sha256: str | None = None
    """SHA-256 of the scan of the signed paper behind the act."""
    paper_seat: str = ""
    """Second person on paper: which seat signed it."""
    keeps: bool = False
    """hold.lift.approve, release.approve: the answer is no, nothing is lifted or leaves. Any seat may say it, even to their
    own request."""
    why: str | None = None
    """Reason in words."""
    ground: str | None = None
    """hold.place: one of ``model.HOLD_GROUNDS`` (None: ``purpose`` carries it)."""
    reference: str | None = None
    """hold.place: case or incident number (None: ``incident`` carries it)."""
    requested_by: str = ""
    """release.approve: who requested it (a person's id)."""
    requested_utc_ns: int | None = None
    """release.approve: when, so that a seat held then counts."""
    expires_utc_ns: int | None = None
    """share.make: when it expires."""
    private: bool = False
    """log.see, log.export: with names and free text."""
    settings: Mapping[str, Any] | None = None
    """board.set: the fields of ``model.Board`` that change. policy.adopt: ``{"statute": …}``."""
    text_sha256: str | None = None
    """print: of the policy text that would be printed or is posted."""


class Decision(msgspec.Struct, frozen=True):
    """The answer. ``sentence`` of a refusal ends with the clause it rests on, quoted; ``reason`` is the same without it."""

    allowed: bool
    acting_as: str = ""
    """As the access log names it: ``director``, ``designee of director``, ``admin``, ``share``, '' (nobody in particular)."""
    clause: str = ""
    sentence: str = ""
    who_can_help: str = ""
    reason: str = ""
    flag: str = ""
    """Kind of flag that the act raises for a second person to look at afterwards ('' none), see ``model.Flag``."""
    flag_needs: int = 0
    """How many reviews that flag takes."""


def refused(clause: str, reason: str, who: str = "", acting_as: str = "") -> Decision:
    """A refusal that quotes its clause. ``reason`` is a whole sentence."""
    return Decision(False, acting_as, clause, f"{reason.rstrip('.')} ({quoted(clause)})", who, reason)
