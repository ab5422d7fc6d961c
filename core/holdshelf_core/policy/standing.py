"""What a person is right now: seat, designee, share recipient, or none of these, and since when.

A right begins only when both clocks have reached its start and ends when either has reached its end. A row whose end was recorded
(``ended_utc_ns``) must never give a right, whatever the clocks say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from holdshelf_core.policy.instants import Now, day_words, end_words
from holdshelf_core.policy.lengths import after
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import Appointment, Person, Seat, Share
from holdshelf_core.policy.state import State


@dataclass(frozen=True, slots=True)
class Standing:
    """The rows that count now. ``why_not`` is a sentence when there are none, ``who_can_help`` whom to ask then."""

    person: Person | None
    seats: tuple[Seat, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    shares: tuple[Share, ...] = ()
    admin: bool = False
    why_not: str | None = None
    who_can_help: str = ""

    @property
    def any(self) -> bool:
        """Return whether there is any right."""
        return bool(self.seats or self.appointments or self.shares or self.admin)


# --- what counts now ---------------------------------------------------------------------------------------------


def seat_counts(state: State, seat: Seat, now: Now) -> bool:
    """Return whether the policy knows the role, the term has begun and not ended, and its holder has not left."""
    if seat.ended_utc_ns is not None or not now.within(seat.start_utc_ns, seat.end_utc_ns):
        return False
    return state.policy.has_holders(seat.key) and present(state, seat.person)


def present(state: State, person: str) -> bool:
    """Return whether the person is enrolled and not removed."""
    row = state.people.get(person)
    return row is not None and row.left_utc_ns is None


def appointment_counts(state: State, appointment: Appointment, now: Now) -> bool:
    """Return whether it is within its days, under a term that counts too, by someone else, for someone not removed."""
    if appointment.ended_utc_ns is not None or not now.within(appointment.start_utc_ns, appointment.end_utc_ns):
        return False
    seat = state.seats.get(appointment.seat)
    by_another = seat is not None and seat.person != appointment.person and seat_counts(state, seat, now)
    return by_another and present(state, appointment.person)


def share_counts(state: State, share: Share, now: Now) -> bool:
    """Return whether it is a view, or what a screen shows, that was not ended and has not expired."""
    if share.kind == "sheet" or not share.person or share.ended_utc_ns is not None or now.ended(share.expires_utc_ns):
        return False
    return present(state, share.person)


def right_end(state: State, row: Seat | Appointment | Share) -> int | None:
    """When it ends, or ended, by what is written: a letter with its term. None: no end is known."""
    own = row.expires_utc_ns if isinstance(row, Share) else row.end_utc_ns
    term = state.seats.get(row.seat) if isinstance(row, Appointment) else None
    ends = (row.ended_utc_ns, own, right_end(state, term) if term is not None else None)
    return min((end for end in ends if end is not None), default=None)


def right_state(state: State, row: Seat | Appointment | Share, now: Now) -> str:
    """``active`` when it counts now, else ``coming`` or ``ended``: what screens, commands and papers say of it."""
    if isinstance(row, Share):
        return "active" if share_counts(state, row, now) else "ended"
    if isinstance(row, Seat):
        term: Seat | None = row
        counts = seat_counts(state, row, now)
    else:
        term = state.seats.get(row.seat)
        counts = appointment_counts(state, row, now)
    if counts:
        return "active"
    written = row.ended_utc_ns is not None or term is None or term.ended_utc_ns is not None
    return "ended" if written or now.ended(right_end(state, row)) else "coming"


def standing(state: State, person: str | None, now: Now, *, admin: bool = False) -> Standing:
    """What counts for a person now; with ``person`` None, for the admin or for nobody."""
    if person is None and admin:
        return Standing(None, admin=True)
    row = state.people.get(person or "")
    if row is None:
        return Standing(None, why_not="Nobody by that name is enrolled here.", who_can_help=ask_seats(state, now))
    if row.id in state.suspended:
        why_not = (
            "Your record in the register was changed without an entry in the access "
            "log. You have no rights until that is settled."
        )
        return Standing(row, why_not=why_not, who_can_help="Ask the admin of this server: `holdshelf register check`.")
    if row.left_utc_ns is None:
        seats = tuple(seat for seat in state.seats_of(row.id) if seat_counts(state, seat, now))
        appointments = tuple(a for a in state.appointments_of(row.id) if appointment_counts(state, a, now))
        shares = tuple(share for share in state.shares_of(row.id) if share_counts(state, share, now))
        if len(seats) > 1:
            seats = tuple(sorted(seats, key=lambda seat: state.policy.order(seat.key)))
        if seats or appointments or shares:
            return Standing(row, seats, appointments, shares)
    why_not, who = _why_not(state, row, now)
    return Standing(row, why_not=why_not, who_can_help=who)


def acts_for(state: State, role: str, other: str, now: Now) -> bool:
    """Return whether a role acts as another one now: it is that role, or stands in for it and the other was away for so long."""
    if role == other:
        return True
    stands_in = state.policy.stands_in(role)
    since = state.absences.get(other)
    if stands_in is None or stands_in[0] != other or since is None:
        return False
    return now.begun(after(since, stands_in[1], state.policy.file.library.closed, now.zone))


def of_classes(state: State, classes: tuple[str, ...], cameras: Iterable[str]) -> bool:
    """Return whether each camera is of one of these classes; () for any. A camera that is gone is of none."""
    if not classes:
        return True
    return all(
        (facts := state.cameras.get(camera)) is not None and set(classes) & state.policy.classes_of(facts.area_kind)
        for camera in cameras
    )


def may(state: State, role: str, permission: str, now: Now) -> bool:
    """Return whether the holder of a role may do this now, as such or for somebody who is away."""
    policy = state.policy
    if policy.may(role, permission):
        return True
    stands_in = policy.stands_in(role)
    return stands_in is not None and policy.may(stands_in[0], permission) and acts_for(state, role, stands_in[0], now)


def may_place_holds(state: State, person: str, now: Now) -> bool:
    """Return whether a role of theirs, or one that they act for, places holds, or a letter gives it on some camera."""
    here = standing(state, person, now)
    return any(may(state, seat.key, "hold.place", now) for seat in here.seats) or any(
        "hold" in row.rights for row in here.appointments
    )


# --- why there is nothing any more --------------------------------------------------------------------------------


def _why_not(state: State, person: Person, now: Now) -> tuple[str, str]:
    everyone = ask_seats(state, now, keys=state.policy.who_may("appointment.make") or None, but=person.id)
    if person.left_utc_ns is not None:
        return f"{person.name} was removed on {day_words(person.left_utc_ns, now.zone)}.", everyone
    ended: list[tuple[int, str, str]] = []
    coming: list[tuple[int, str, str]] = []
    for seat in state.seats_of(person.id):
        words = f"term as {state.policy.role_words(seat.key)}"
        _sort_in(
            ended, coming, seat.start_utc_ns, _end_of(seat.end_utc_ns, seat.ended_utc_ns, now), words, everyone, now
        )
    letters = state.appointments_of(person.id)
    for appointment, principal in [(row, state.seats[row.seat]) for row in letters if row.seat in state.seats]:
        words = f"appointment as designee of the {state.policy.role_words(principal.key)}"
        who = ask_seats(state, now, keys=(principal.key,), but=person.id) or everyone
        end = _end_of(appointment.end_utc_ns, appointment.ended_utc_ns, now)
        lapsed = _end_of(principal.end_utc_ns, principal.ended_utc_ns, now)
        holder = state.people.get(principal.person)
        if holder is not None and holder.left_utc_ns is not None:
            lapsed = min(lapsed, holder.left_utc_ns) if lapsed is not None else holder.left_utc_ns
        if lapsed is not None and (end is None or lapsed <= end):
            moment = end_words(lapsed, now.zone)
            sentence = f"Your {words} lapsed with the {state.policy.role_words(principal.key)}'s term, which ended on {moment}."
            ended.append((lapsed, sentence, everyone))
        else:
            start = max(appointment.start_utc_ns, principal.start_utc_ns)
            _sort_in(ended, coming, start, end, words, who, now)
    for share in state.shares_of(person.id):
        # One that is open would be a right.
        end = min(share.expires_utc_ns, share.ended_utc_ns or share.expires_utc_ns)
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
    """Return when it ended: the recorded end, otherwise its end if that has come."""
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
    else:
        begins = f"Your {words} begins on {day_words(start, now.zone)} and has not begun yet"
        if now.doubtful:
            begins += " by both clocks of this machine"
            who = "When the time is right, the admin must confirm it: `holdshelf clock confirm`."
        coming.append((start, f"{begins}.", who))


# --- whom to ask --------------------------------------------------------------------------------------------------


def holders(state: State, now: Now, key: str | None = None) -> list[Seat]:
    """Return the terms that count now, of one seat or of all, in the policy's order."""
    current = [
        seat for seat in state.seats.values() if (key is None or seat.key == key) and seat_counts(state, seat, now)
    ]
    if len(current) > 1:
        current.sort(key=lambda seat: state.policy.order(seat.key))
    return current


def can_log_in(state: State, person: str) -> bool:
    """Return whether a person has a key or a local account."""
    row = state.people.get(person)
    return row is not None and row.left_utc_ns is None and bool(row.keys or row.account)


def some_seat_can_log_in(state: State, now: Now) -> bool:
    """Return whether a seat's current holder can act on screen: then the admin may name nobody."""
    return any(can_log_in(state, seat.person) for seat in holders(state, now))


def locked_out_seats(state: State, now: Now) -> list[str]:
    """Return the seats that nobody can log in for: the Director's, once one was named; another's whose last key was taken away.

    A Chair or a Mayor may have no key at all, and sign on paper.
    """
    found = []
    for key in dict.fromkeys(seat.key for seat in state.seats.values() if now.begun(seat.start_utc_ns)):
        people = [seat.person for seat in holders(state, now, key)]
        lost = key == state.policy.first_seat or any(
            state.people[one].keyless_since_utc_ns is not None for one in people
        )
        if lost and not any(can_log_in(state, one) for one in people):
            found.append(key)
    return found


def ask_seats(state: State, now: Now, *, keys: tuple[str, ...] | None = None, but: str = "") -> str:
    """Return e.g. 'Ask the Library Director (Ann Lee) or the Mayor (Bo Ray).'; seats without names when nobody holds one."""
    found = [
        f"the {state.policy.role_words(seat.key)} ({state.name_of(seat.person)})"
        for seat in holders(state, now)
        if (keys is None or seat.key in keys) and seat.person != but
    ]
    return f"Ask {listed(found, 'or')}." if found else ask_admin(state, keys)


def ask_admin(state: State, keys: tuple[str, ...] | None = None) -> str:
    """Return whom to ask when no seat can be asked on screen: on paper, through the admin."""
    seats = state.policy.any_of(keys or state.policy.seats)
    return f"Ask {seats}; nobody else is enrolled for that now, and the admin can enroll people on a signed paper."


def ask_person(state: State, person: str, now: Now) -> str:
    """Return e.g. 'Ask Ann Lee, the Library Director.', or '' when that person has no right any more."""
    for seat in holders(state, now):
        if seat.person == person:
            return f"Ask {state.name_of(person)}, the {state.policy.role_words(seat.key)}."
    if any(appointment_counts(state, a, now) for a in state.appointments_of(person)):
        return f"Ask {state.name_of(person)}."
    return ""


# --- ends that are to be written down -----------------------------------------------------------------------------


class End(msgspec.Struct, frozen=True):
    """A row whose end was noticed. ``row`` is the row to write; ``words`` say what ended."""

    table: str
    key: str
    row: Seat | Appointment | Share
    person: str
    words: str


def ends_to_write(state: State, now: Now) -> Iterator[End]:
    """Yield rows that have ended without a recorded end: recorded once, no clock revives them.

    An end that only the wall clock has reached, while it disagrees with trusted time, refuses the right meanwhile but is not
    recorded: a clock a year ahead would otherwise end every right for good.
    """

    def over(end_utc_ns: int | None) -> int | None:
        past = end_utc_ns is not None and (
            end_utc_ns <= now.trusted_utc_ns or (end_utc_ns <= now.utc_ns and not now.doubtful)
        )
        return end_utc_ns if past else None

    gone: dict[str, tuple[int, str]] = {}
    for key, seat in state.seats.items():
        words = f"the {state.policy.role_words(seat.key)}'s term"
        if seat.ended_utc_ns is not None:
            gone[key] = (seat.ended_utc_ns, words)
            continue
        if (end := over(seat.end_utc_ns)) is not None:
            gone[key] = (end, words)
            yield End("seats", key, msgspec.structs.replace(seat, ended_utc_ns=end), seat.person, words)
    for key, row in state.appointments.items():
        if row.ended_utc_ns is not None:
            continue
        why, end = "its last day has passed", over(row.end_utc_ns)
        if end is None and row.seat in gone:
            end, why = gone[row.seat][0], f"lapsed with {gone[row.seat][1]}"
        if end is not None:
            ended = msgspec.structs.replace(row, ended_utc_ns=end, ended_why=why)
            yield End("appointments", key, ended, row.person, f"an appointment: {why}")
    for key, share in state.shares.items():
        # A printed sheet gives no right that could end, and no day brings it back: somebody says that it is.
        if share.ended_utc_ns is None and share.kind != "sheet" and over(share.expires_utc_ns) is not None:
            ended_share = msgspec.structs.replace(share, ended_utc_ns=share.expires_utc_ns)
            yield End("shares", key, ended_share, share.person, "a share")
