"""What happens to people: enrolled, given keys, named to seats, appointed, shared with; and all of it ended again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from holdshelf_core.people import board_types as types_board
from holdshelf_core.people import types as types_people
from tests.rules_house import Session
from tests.rules_machine import CAMERAS, NS, PAPER, Machine, Plan, key, moments, nth
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS, SEATS, Person, Term

LOGINS = ("dora", "carl", "mia", "ann", "bob", "eve", "fay")
KEYS = 12
RIGHTS = (
    ("archive", "commission", "hold", "live", "share"), ("live",), ("archive",), ("archive", "share"), ("hold",),
    ("archive", "live"), ("commission",),
)  # fmt: skip
LASTS_NS = (None, 2 * NS, MINUTE_NS, HOUR_NS, DAY_NS, 30 * DAY_NS)
BOARD = (
    ("second_person_lift", False), ("second_person_lift", True), ("live_minutes", 1), ("live_minutes", 10),
    ("grace_days", 1), ("grace_days", 7), ("longest_look_hours", 1), ("longest_look_hours", 24),
    ("cameras_per_purpose", 1), ("cameras_per_purpose", 4), ("break_glass_minutes", 2), ("share_days", 1),
    ("share_days", 14),
)  # fmt: skip


def stamp(utc_ns: int) -> str:
    """As a person types it."""
    return datetime.fromtimestamp(utc_ns // NS, UTC).isoformat()


class PeopleRules(Machine):
    """Rules on people and on what the Board decides."""

    # --- plans ------------------------------------------------------------------------------------------------------

    def plan_add(self, who: Session | None, login: str, key_number: int | None) -> Plan | None:
        line, fingerprint = key(key_number) if key_number is not None else ("", "")
        if any(p.login == login for p in self.present()) or any(fingerprint in p.keys for p in self.present()):
            return None
        by = self.person_of(who)

        def done(answer: Any) -> None:
            keys = {fingerprint: line} if fingerprint else {}
            self.model.people[answer.id] = Person(answer.id, login, keys)

        request = types_people.PersonAdd(login, login.title(), line)
        return Plan("person.add", who, request, by is None or self.model.decides(by, "person.add"), done)

    def plan_key(self, who: Session | None, person: Person, key_number: int, how: str, paper: str) -> Plan | None:
        by, (line, fingerprint) = self.person_of(who), key(key_number)
        if how == "remove":
            if not person.keys:
                return None
            fingerprint = sorted(person.keys)[key_number % len(person.keys)]
            request = types_people.PersonKey(person.id, remove=fingerprint, paper_sha256=paper)
        elif any(fingerprint in p.keys for p in self.present()):
            return None
        else:
            request = types_people.PersonKey(person.id, line, replace=how == "replace", paper_sha256=paper)

        def done(_answer: Any) -> None:
            before = dict(person.keys)
            if how == "remove":
                del person.keys[fingerprint]
            else:
                person.keys = {fingerprint: line} if how == "replace" else {**before, fingerprint: line}
            person.old_keys = sorted({*person.old_keys, *before} - set(person.keys))

        own = by == person.id and self.model.stands(by)
        may = bool(paper) if by is None else self.model.decides(by, "person.key") or own
        return Plan("person.key", who, request, may, done)

    def plan_remove(self, who: Session | None, person: Person) -> Plan:
        by = self.person_of(who)

        def done(_answer: Any) -> None:
            person.gone, person.old_keys, person.keys = True, [*person.old_keys, *person.keys], {}
            for term in (*self.model.terms.values(), *self.model.letters.values()):
                if term.person == person.id and not term.ended:
                    term.ended, term.ended_at = True, self.model.wall

        may = self.model.decides(by, "person.remove") and by != person.id
        return Plan("person.remove", who, types_people.PersonRemove(person.id, "has left"), may, done)

    def plan_seat(
        self, who: Session | None, seat: str, person: Person, begins_ns: int, lasts_ns: int | None, paper: str
    ) -> Plan:
        by, wall = self.person_of(who), self.model.wall
        start = (wall + begins_ns) // NS * NS if begins_ns else self.model.earliest
        end = (wall + begins_ns + lasts_ns) // NS * NS if lasts_ns is not None else None

        def done(answer: Any) -> None:
            for other in self.model.terms.values():
                if other.seat == seat and not other.ended and (other.end is None or other.end > start):
                    other.end = max(start, other.start)
                    if start <= wall:
                        other.ended, other.ended_at = True, wall
            self.model.terms[answer.id] = Term(answer.id, person.id, start, end, seat)

        if by is None:
            may = bool(paper) and not self.model.anyone_can_log_in()
        else:
            may = bool(paper) and self.model.decides(by, "seat.name") and by != person.id
        request = types_people.SeatName(
            seat,
            person.id,
            start=stamp(start) if begins_ns else "",
            end=stamp(end) if end is not None else "",
            paper_sha256=paper,
        )
        return Plan("seat.name", who, request, may, done)

    def plan_seat_end(self, who: Session | None, term: Term, ends_ns: int, paper: str) -> Plan:
        by, wall = self.person_of(who), self.model.wall
        end = (wall + ends_ns) // NS * NS if ends_ns else wall
        may = bool(paper) if by is None else self.model.decides(by, "seat.end")
        if ends_ns and term.end is not None and end > term.end:
            may = False  # ending a term never makes it longer

        def done(_answer: Any) -> None:
            term.end = min(end, term.end or end)
            if end <= wall:
                term.ended, term.ended_at = True, wall

        request = types_people.SeatEnd(term.id, "the term is over", stamp(end) if ends_ns else "", paper)
        return Plan("seat.end", who, request, may, done)

    def plan_appoint(
        self, who: Session | None, person: Person, rights: tuple[str, ...], cameras: tuple[str, ...] | None,
        begins_ns: int, lasts_ns: int, paper: str,
    ) -> Plan:  # fmt: skip
        by, wall = self.person_of(who), self.model.wall
        terms = sorted(self.model.terms_of(by), key=lambda term: SEATS.index(term.seat))
        start = (wall + begins_ns) // NS * NS if begins_ns else self.model.earliest
        end = (wall + begins_ns + lasts_ns) // NS * NS + NS

        def done(answer: Any) -> None:
            row = Term(answer.id, person.id, start, end, term=terms[0].id, rights=rights, cameras=cameras)
            self.model.letters[answer.id] = row

        request = types_people.AppointmentMake(
            person.id,
            list(rights),
            stamp(end),
            paper,
            list(cameras) if cameras is not None else None,
            stamp(start) if begins_ns else "",
            seat=terms[0].seat if terms else "",
        )
        # The letter's days are the wall clock's; one that trusted time has passed already is refused.
        may = self.model.decides(by, "appointment.make") and bool(paper) and person.id != by
        may = may and set(rights) <= self.model.policy.rights(terms[0].seat)
        return Plan("appointment.make", who, request, may, done)

    def plan_letter_end(self, who: Session | None, letter: Term) -> Plan:
        by = self.person_of(who)
        own = by == letter.person and self.model.stands(by)

        def done(_answer: Any) -> None:
            letter.ended, letter.ended_at = True, self.model.wall

        request = types_people.Ending(letter.id, "no longer needed")
        return Plan("appointment.end", who, request, self.model.decides(by, "appointment.end") or own, done)

    def plan_share(self, who: Session | None, person: Person, camera: str, days: int, signed: bool) -> Plan:
        by, wall = self.person_of(who), self.model.wall
        start, end = wall - 5 * MINUTE_NS, wall + MINUTE_NS
        may = (
            self.model.may(by, "share.make", (camera,))
            and person.id != by
            and self.model.approved[camera]
            and days <= self.model.board.share_days
            and signed
        )

        def done(answer: Any) -> None:
            row = Term(answer.id, person.id, wall, wall + days * DAY_NS, camera=camera, span=(start, end), by=by or "")
            self.model.shares[answer.id] = row

        request = types_people.ShareMake(camera, start, end, "crime", person.id, days=days, confidentiality=signed)
        return Plan("share.make", who, request, may, done)

    def plan_share_end(self, who: Session | None, share: Term) -> Plan:
        by = self.person_of(who)
        own = by == share.by and self.model.stands(by)

        def done(_answer: Any) -> None:
            share.ended, share.ended_at = True, self.model.wall

        request = types_people.Ending(share.id, "no longer needed")
        return Plan("share.end", who, request, self.model.decides(by, "share.end") or own, done)

    def plan_board(self, who: Session | None, setting: str, value: int, paper: str) -> Plan:
        by = self.person_of(who)
        seats = self.model.seats(by)
        by_board = self.model.policy.board in seats or bool(paper)
        may = self.model.decides(by, "board.set") and (not self.model.board.loosens(setting, value) or by_board)

        def done(_answer: Any) -> None:
            setattr(self.model.board, setting, value)

        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        return Plan("board.set", who, types_board.BoardSet(setting, text, "the Board said so", paper), may, done)

    # --- rules ------------------------------------------------------------------------------------------------------

    @rule(n=nth, login=st.sampled_from(LOGINS), number=st.one_of(st.none(), st.integers(0, KEYS)), crash=moments)
    def enrol(self, n: int, login: str, number: int | None, crash: str) -> None:
        self.try_out(n, lambda who: self.plan_add(who, login, number), crash)

    @rule(
        n=nth, whom=nth, number=st.integers(0, KEYS), how=st.sampled_from(["add", "replace", "remove"]),
        paper=st.sampled_from([PAPER, ""]), crash=moments,
    )  # fmt: skip
    def change_key(self, n: int, whom: int, number: int, how: str, paper: str, crash: str) -> None:
        person = self.pick(self.present(), whom)
        if person is not None:
            self.try_out(n, lambda who: self.plan_key(who, person, number, how, paper), crash)

    @precondition(lambda self: len(self.present()) > 4)
    @rule(n=nth, whom=nth, crash=moments)
    def remove_person(self, n: int, whom: int, crash: str) -> None:
        person = self.pick(self.present(), whom)
        if person is not None:
            self.try_out(n, lambda who: self.plan_remove(who, person), crash)

    @rule(
        n=nth, whom=nth, seat=st.sampled_from(SEATS), begins=st.sampled_from([0, 0, 0, HOUR_NS]),
        lasts=st.sampled_from(LASTS_NS), paper=st.sampled_from([PAPER, PAPER, PAPER, ""]), crash=moments,
    )  # fmt: skip
    def name_seat(self, n: int, whom: int, seat: str, begins: int, lasts: int | None, paper: str, crash: str) -> None:
        person = self.pick(self.present(), whom)
        if person is not None:
            self.try_out(n, lambda who: self.plan_seat(who, seat, person, begins, lasts, paper), crash)

    @rule(n=nth, which=nth, ends=st.sampled_from([0, 0, HOUR_NS]), paper=st.sampled_from([PAPER, ""]), crash=moments)
    def end_seat(self, n: int, which: int, ends: int, paper: str, crash: str) -> None:
        term = self.pick(self.unended("seats", self.model.terms), which)
        if term is not None:
            self.try_out(n, lambda who: self.plan_seat_end(who, term, ends, paper), crash)

    @rule(
        n=nth, whom=nth, rights=st.sampled_from(RIGHTS),
        cameras=st.sampled_from([None, None, *((camera,) for camera in CAMERAS), ()]),
        begins=st.sampled_from([0, 0, 0, HOUR_NS]), lasts=st.sampled_from(LASTS_NS[1:]),
        paper=st.sampled_from([PAPER, PAPER, PAPER, ""]), crash=moments,
    )  # fmt: skip
    def appoint(
        self, n: int, whom: int, rights: tuple[str, ...], cameras: tuple[str, ...] | None,
        begins: int, lasts: int, paper: str, crash: str,
    ) -> None:  # fmt: skip
        person = self.pick(self.present(), whom)
        if person is not None:
            self.try_out(n, lambda who: self.plan_appoint(who, person, rights, cameras, begins, lasts, paper), crash)

    def unended(self, table: str, terms: dict[str, Term]) -> list[Term]:
        """Those that the house has not written down as ended."""
        return [term for term in terms.values() if not self.row(table, term.id).ended_utc_ns]

    @precondition(lambda self: self.unended("appointments", self.model.letters))
    @rule(n=nth, which=nth, crash=moments)
    def end_letter(self, n: int, which: int, crash: str) -> None:
        letter = self.pick(self.unended("appointments", self.model.letters), which)
        if letter is not None:
            self.try_out(n, lambda who: self.plan_letter_end(who, letter), crash)

    @rule(
        n=nth, whom=nth, camera=st.sampled_from(CAMERAS), days=st.sampled_from([1, 7, 14]),
        signed=st.sampled_from([True, True, True, False]), crash=moments,
    )  # fmt: skip
    def share(self, n: int, whom: int, camera: str, days: int, signed: bool, crash: str) -> None:
        person = self.pick(self.present(), whom)
        if person is not None:
            self.try_out(n, lambda who: self.plan_share(who, person, camera, days, signed), crash)

    @precondition(lambda self: self.unended("shares", self.model.shares))
    @rule(n=nth, which=nth, crash=moments)
    def end_share(self, n: int, which: int, crash: str) -> None:
        share = self.pick(self.unended("shares", self.model.shares), which)
        if share is not None:
            self.try_out(n, lambda who: self.plan_share_end(who, share), crash)

    @rule(n=nth, what=st.sampled_from(BOARD), paper=st.sampled_from([PAPER, ""]), crash=moments)
    def set_board(self, n: int, what: tuple[str, int], paper: str, crash: str) -> None:
        self.try_out(n, lambda who: self.plan_board(who, *what, paper), crash)

    @rule(whom=nth, key_of=nth, old=st.booleans())
    def try_log_in(self, whom: int, key_of: int, old: bool) -> None:
        """With a key of one's own, of somebody else, or one that was taken away."""
        person, owner = self.pick(self.present(), whom), self.pick(list(self.model.people.values()), key_of)
        keys = (owner.old_keys if old else sorted(owner.keys)) if owner is not None else []
        if person is None or not keys or sum(s.person == person.id for s in self.sessions) > 2:
            return
        self.log_in(person, keys[0])

    @precondition(lambda self: len(self.sessions) > 2)
    @rule(which=nth)
    def log_out(self, which: int) -> None:
        session = self.pick(self.sessions, which)
        if session is not None:
            self.rig.log_out(session)
            self.sessions.remove(session)
            self.session_over(session)
