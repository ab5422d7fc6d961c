"""One question to the rules and its answer: who asks, about what, and the decision with its clause and sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Subject(msgspec.Struct, frozen=True):
    """Who asks: a person from the register, or the admin, who is not a person. With a person, ``admin`` is ignored."""

    person: str | None = None
    admin: bool = False


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What the action concerns. Fields are filled as far as the action has them.

    Where a field's type allows None, None means *not checked here, but by the handler*; any other value is checked. Otherwise an
    empty field is refused if the action needs it. Cameras are ids or exact names; times UTC ns, spans half-open.
    """

    cameras: tuple[str, ...] = ()
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    purpose: str = ""
    """A key of the policy's purposes; a share's may be words."""
    incident: str = ""
    break_glass: bool = False
    target: str = ""
    """person.* and appointment.make, share.make, seat.name: a person (id, login, seat's name). Else the row's id:
    hold.*, appointment.end, share.view, share.end, flag.review, entrance.*, release.*, counsel.end; seat.end: the seat's
    name or the term's id. checklist.enter: ``house`` when a point of the building is among them."""
    seat: str = ""
    """appointment.make: under which of the caller's seats ('' if they hold only one)."""
    rights: tuple[str, ...] = ()
    """appointment.make: the rights that the letter gives."""
    paper_sha256: str | None = None
    """SHA-256 of the scan of the signed paper behind the action."""
    paper_seat: str = ""
    """Second person on paper: which seat signed it."""
    keeps: bool = False
    """hold.lift.approve, release.approve: this is a refusal, so nothing is lifted or released. Any seat may refuse, even their
    own request."""
    why: str | None = None
    """Reason in words."""
    ground: str | None = None
    """hold.place: one of the policy's grounds (None: ``purpose`` carries it)."""
    reference: str | None = None
    """hold.place: case or incident number (None: ``incident`` carries it)."""
    requested_by: str = ""
    """release.approve: who requested it (a person's id)."""
    requested_utc_ns: int | None = None
    """release.approve: when, so that a seat held then counts."""
    basis: str = ""
    """release.approve: what the request rests on."""
    done: tuple[str, ...] = ()
    """purpose.open, release.approve: steps that are on record, as the policy file names them."""
    private: bool = False
    """log.see, log.export: with names and free text."""
    signed_by: str = ""
    """policy.adopt: whose key signed the policy file (a person's id)."""
    settings: Mapping[str, Any] | None = None
    """board.set: the fields of ``model.Board`` that change. policy.adopt: ``statute``, and ``file`` where there is one."""
    text_sha256: str | None = None
    """print: the policy text to be printed or posted."""


class Decision(msgspec.Struct, frozen=True):
    """The answer. A refusal's ``sentence`` ends with its clause, quoted; ``reason`` is the same without it."""

    allowed: bool
    acting_as: str = ""
    """The role, as the access log names it: ``director``, ``designee of director``, ``admin``, ``share``, '' (none in
    particular)."""
    clause: str = ""
    sentence: str = ""
    who_can_help: str = ""
    reason: str = ""
    flag: str = ""
    """Kind of flag that the action raises for review by a second person ('' for none), see ``model.Flag``."""
    flag_needs: int = 0
    """How many reviews that flag requires."""
    cites: str = ""
    """Of a refusal: the library's own clause, where a row of its policy names one; '' for the one that states the duty."""


def refused(clause: str, reason: str, who: str = "", acting_as: str = "") -> Decision:
    """Return a refusal; ``decide`` quotes its clause as the policy words it. ``reason`` is a whole sentence."""
    return Decision(False, acting_as, clause, reason, who, reason)


NO_LOOK = refused("P12", "There is no such look of yours.", "Open one: `holdshelf look open`.")
