"""What a person is right now: seat, designee, somebody with whom something is shared, or nobody any more and since when.

A right has begun only when both clocks have reached its start and has ended when either has reached its end. Must never
take a right from a row whose end was written (``ended_utc_ns``), whatever the clocks say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from holdshelf_core.policy.instants import Now, day_words, end_words
from holdshelf_core.policy.model import SEAT_WORDS, SEATS, Appointment, Person, Seat, Share
from holdshelf_core.policy.state import State, listed


@dataclass(frozen=True, slots=True)
class Standing:
    """Rows that count now. ``why_not`` is a sentence when there are none, ``who_can_help`` whom to ask then."""

    person: Person | None
    seats: tuple[Seat, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    shares: tuple[Share, ...] = ()
    admin: bool = False
    why_not: str | None = None
    who_can_help: str = ""

    @property
    def any(self) -> bool:
        """There is some right."""
        return bool(self.seats or self.appointments or self.shares or self.admin)


# --- what counts now ---------------------------------------------------------------------------------------------


def seat_counts(state: State, seat: Seat, now: Now) -> bool:
    """The term has begun, has not ended, and its holder has not left."""
    if seat.ended_utc_ns is not None or not now.begun(seat.start_utc_ns) or now.ended(seat.end_utc_ns):
        return False
    return present(state, seat.person)


def present(state: State, person: str) -> bool:
    """Enrolled, and not removed."""
    row = state.people.get(person)
    return row is not None and row.left_utc_ns is None


def appointment_counts(state: State, appointment: Appointment, now: Now) -> bool:
    """Within its days, under a term that counts too, by somebody else, for somebody who is still here."""
    if (
        appointment.ended_utc_ns is not None
        or not now.begun(appointment.start_utc_ns)
        or now.ended(appointment.end_utc_ns)
    ):
        return False
    seat = state.seats.get(appointment.seat)
    if seat is None or seat.person == appointment.person:
        return False
    return seat_counts(state, seat, now) and present(state, appointment.person)


def share_counts(state: State, share: Share, now: Now) -> bool:
    """A view that was not ended and has not expired."""
    if share.kind != "view" or not share.person or share.ended_utc_ns is not None or now.ended(share.expires_utc_ns):
        return False
    return present(state, share.person)


def standing(state: State, person: str | None, now: Now, *, admin: bool = False) -> Standing:
    """What counts for a person now; with ``person`` None, for the admin or for nobody."""
    if person is None:
        if admin:
            return Standing(None, admin=True)
        return Standing(None, why_not="Nobody by that name is enrolled here.", who_can_help=ask_seats(state, now))
    row = state.people.get(person)
    if row is None:
        return Standing(None, why_not="Nobody by that name is enrolled here.", who_can_help=ask_seats(state, now))
    if row.left_utc_ns is None:
        seats = tuple(seat for seat in state.seats_of(person) if seat_counts(state, seat, now))
        appointments = tuple(a for a in state.appointments_of(person) if appointment_counts(state, a, now))
        shares = tuple(share for share in state.shares_of(person) if share_counts(state, share, now))
        if len(seats) > 1:
            seats = tuple(sorted(seats, key=lambda seat: SEATS.index(seat.key) if seat.key in SEATS else len(SEATS)))
        if seats or appointments or shares:
            return Standing(row, seats, appointments, shares)
    why_not, who = _why_not(state, row, now)
    return Standing(row, why_not=why_not, who_can_help=who)


# --- why there is nothing any more --------------------------------------------------------------------------------


def seat_words(key: str) -> str:
    """'Library Director'."""
    return SEAT_WORDS.get(key, key[:40])


def _why_not(state: State, person: Person, now: Now) -> tuple[str, str]:
    everyone = ask_seats(state, now, but=person.id)
    if person.left_utc_ns is not None:
        return f"{person.name} was removed on {day_words(person.left_utc_ns, now.zone)}.", everyone
    ended: list[tuple[int, str, str]] = []
    coming: list[tuple[int, str, str]] = []
    for seat in state.seats_of(person.id):
        words = f"term as {seat_words(seat.key)}"
        _sort_in(
            ended, coming, seat.start_utc_ns, _end_of(seat.end_utc_ns, seat.ended_utc_ns, now), words, everyone, now
        )
    for appointment in state.appointments_of(person.id):
        principal = state.seats.get(appointment.seat)
        if principal is None:
            continue
        words = f"appointment as designee of the {seat_words(principal.key)}"
        who = ask_seats(state, now, keys=(principal.key,), but=person.id) or everyone
        end = _end_of(appointment.end_utc_ns, appointment.ended_utc_ns, now)
        lapsed = _end_of(principal.end_utc_ns, principal.ended_utc_ns, now)
        holder = state.people.get(principal.person)
        if holder is not None and holder.left_utc_ns is not None:
            lapsed = min(lapsed, holder.left_utc_ns) if lapsed is not None else holder.left_utc_ns
        if lapsed is not None and (end is None or lapsed <= end):
            moment = end_words(lapsed, now.zone)
            sentence = f"Your {words} lapsed with the {seat_words(principal.key)}'s term, which ended on {moment}."
            ended.append((lapsed, sentence, everyone))
        else:
            start = max(appointment.start_utc_ns, principal.start_utc_ns)
            _sort_in(ended, coming, start, end, words, who, now)
    for share in state.shares_of(person.id):
        end = _end_of(share.expires_utc_ns, share.ended_utc_ns, now)
        if end is not None:
            sentence = f"What was shared with you expired on {end_words(end, now.zone)}."
            ended.append((end, sentence, ask_person(state, share.by, now) or everyone))
    if coming:
        _, sentence, who = min(coming)
        return sentence, who
    if ended:
        _, sentence, who = max(ended)
        return sentence, who
    return f"{person.name} holds no seat, has no letter of appointment, and nothing is shared with them.", everyone


def _end_of(end_utc_ns: int | None, ended_utc_ns: int | None, now: Now) -> int | None:
    """When it ended: what the row says once it has ended, else its end if that has come."""
    if ended_utc_ns is not None:
        return ended_utc_ns if end_utc_ns is None else min(end_utc_ns, ended_utc_ns)
    return end_utc_ns if now.ended(end_utc_ns) else None


def _sort_in(
    ended: list[tuple[int, str, str]],
    coming: list[tuple[int, str, str]],
    start: int,
    end: int | None,
    words: str,
    who: str,
    now: Now,
) -> None:
    if end is not None:
        ended.append((end, f"Your {words} ended on {end_words(end, now.zone)}.", who))
    elif not now.begun(start):
        begins = f"Your {words} begins on {day_words(start, now.zone)} and has not begun yet"
        if now.doubtful:
            begins += " by both clocks of this machine"
            who = "When its time is right, the admin confirms it: `holdshelf clock confirm`."
        coming.append((start, f"{begins}.", who))


# --- whom to ask --------------------------------------------------------------------------------------------------


def holders(state: State, now: Now, key: str | None = None) -> list[Seat]:
    """Terms that count now, of one seat or of all, in the order of the policy."""
    current = [
        seat for seat in state.seats.values() if (key is None or seat.key == key) and seat_counts(state, seat, now)
    ]
    return sorted(current, key=lambda seat: SEATS.index(seat.key) if seat.key in SEATS else len(SEATS))


def can_log_in(state: State, person: str) -> bool:
    """Has a key or an account of this machine."""
    row = state.people.get(person)
    return row is not None and row.left_utc_ns is None and bool(row.keys or row.account)


def some_seat_can_log_in(state: State, now: Now) -> bool:
    """A seat's current holder can act on screen: the admin names nobody then."""
    return any(can_log_in(state, seat.person) for seat in holders(state, now))


def ask_seats(state: State, now: Now, *, keys: tuple[str, ...] = SEATS, but: str = "") -> str:
    """'Ask the Library Director (Ann Lee) or the Mayor (Bo Ray).'; the seats without names when nobody holds one."""
    found = [
        f"the {seat_words(seat.key)} ({state.name_of(seat.person)})"
        for seat in holders(state, now)
        if seat.key in keys and seat.person != but
    ]
    return f"Ask {listed(found, 'or')}." if found else ask_admin(keys)


def ask_admin(keys: tuple[str, ...] = SEATS) -> str:
    """When no seat can be asked on screen: on paper, by way of the admin."""
    seats = listed([f"the {seat_words(key)}" for key in keys], "or")
    return f"Ask {seats}; nobody else is enrolled for that now, and the admin of this machine enrols on paper."


def ask_person(state: State, person: str, now: Now) -> str:
    """'Ask Ann Lee, the Library Director.', or '' when that person has no right any more."""
    for seat in holders(state, now):
        if seat.person == person:
            return f"Ask {state.name_of(person)}, the {seat_words(seat.key)}."
    if any(appointment_counts(state, a, now) for a in state.appointments_of(person)):
        return f"Ask {state.name_of(person)}."
    return ""


# --- ends that are to be written down -----------------------------------------------------------------------------


class End(msgspec.Struct, frozen=True):
    """A row whose end has been seen. ``row`` is the row as it is to be written; ``words`` say what ended."""

    table: str
    key: str
    row: Seat | Appointment | Share
    person: str
    words: str


def ends_to_write(state: State, now: Now) -> Iterator[End]:
    """Rows that have ended and do not say so yet: written once, no clock revives them.

    An end that only the wall clock has reached, while it disagrees with trusted time, refuses the right meanwhile but is
    not written: a clock a year ahead would otherwise end every right for good.
    """

    def over(end_utc_ns: int | None) -> bool:
        if end_utc_ns is None:
            return False
        return end_utc_ns <= now.trusted_utc_ns or (end_utc_ns <= now.utc_ns and not now.doubtful)

    gone: dict[str, tuple[int, str]] = {}
    for key, seat in state.seats.items():
        holder = state.people.get(seat.person)
        left = holder.left_utc_ns if holder is not None else None
        words = f"the {seat_words(seat.key)}'s term"
        if seat.ended_utc_ns is not None:
            gone[key] = (seat.ended_utc_ns, words)
            continue
        end = seat.end_utc_ns if over(seat.end_utc_ns) else left
        if end is not None:
            gone[key] = (end, words)
            yield End("seats", key, msgspec.structs.replace(seat, ended_utc_ns=end), seat.person, words)
    for key, row in state.appointments.items():
        if row.ended_utc_ns is not None:
            continue
        person = state.people.get(row.person)
        why, end = "", row.end_utc_ns if over(row.end_utc_ns) else None
        if end is not None:
            why = "its last day has passed"
        elif row.seat in gone:
            end, why = gone[row.seat][0], f"lapsed with {gone[row.seat][1]}"
        elif person is not None and person.left_utc_ns is not None:
            end, why = person.left_utc_ns, "the person was removed"
        if end is not None:
            ended = msgspec.structs.replace(row, ended_utc_ns=end, ended_why=why)
            yield End("appointments", key, ended, row.person, f"an appointment: {why}")
    for key, share in state.shares.items():
        # A printed sheet gives no right that could end, and no day brings it back: somebody says that it is.
        if share.ended_utc_ns is None and share.kind == "view" and over(share.expires_utc_ns):
            ended_share = msgspec.structs.replace(share, ended_utc_ns=share.expires_utc_ns)
            yield End("shares", key, ended_share, share.person, "a share")


def next_end_utc_ns(state: State, now: Now) -> int | None:
    """The nearest end of a right that still counts: when the scheduler should look again. None: none is known."""
    ends = [
        *(seat.end_utc_ns for seat in state.seats.values() if seat.ended_utc_ns is None),
        *(row.end_utc_ns for row in state.appointments.values() if row.ended_utc_ns is None),
        *(share.expires_utc_ns for share in state.shares.values() if share.ended_utc_ns is None),
    ]
    return min((end for end in ends if end is not None and not now.ended(end)), default=None)
