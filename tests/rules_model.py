"""The rules as RULES.md says them, once more and by themselves: who has which right now, and what is kept.

Written from the paper, it calls nothing of ``policy``. A right that was seen to end stays ended here for good, whatever
the clocks say afterwards. It is told what was done, and asked what may be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

NS = 1_000_000_000
MINUTE_NS = 60 * NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
AGREE_NS = 5 * MINUTE_NS
SEATS = ("director", "chair", "mayor")
LEASE_PICTURES, LEASE_NS = 64, 60 * NS


@dataclass(slots=True)
class Person:
    id: str
    login: str
    keys: dict[str, str] = field(default_factory=dict)
    """Fingerprint → line, those that open the door now."""
    old_keys: list[str] = field(default_factory=list)
    gone: bool = False


@dataclass(slots=True)
class Term:
    """A seat's term, a letter under one (``term`` set) or a share (``camera`` set): what ends, and stays ended."""

    id: str
    person: str
    start: int
    end: int | None
    seat: str = ""
    term: str = ""
    rights: tuple[str, ...] = ()
    cameras: tuple[str, ...] | None = None
    camera: str = ""
    span: tuple[int, int] = (0, 0)
    by: str = ""
    ended: bool = False
    ended_at: int | None = None


@dataclass(slots=True)
class Look:
    id: str
    person: str
    session: str
    kind: str
    mode: str
    cameras: tuple[str, ...]
    start: int | None
    end: int | None
    share: str
    ends_boot: int
    live_until_boot: int
    renewals: int = 0
    closed: bool = False
    doubtful: bool = False
    """Its right was away for a while: whether the service noticed is open."""


@dataclass(slots=True)
class Hold:
    id: str
    spans: list[tuple[str, int, int | None]]
    placed: int
    state: str = "active"
    lift_by: str = ""
    grace_end: int | None = None
    unwritten: bool = False
    """Its entry waits for the log."""

    @property
    def keeps(self) -> bool:
        return self.state != "lifted"

    def holds(self, camera: str, start: int, end: int) -> bool:
        return any(c == camera and s < end and (e is None or e > start) for c, s, e in self.spans)


@dataclass(slots=True)
class Board:
    second_person_lift: bool = True
    live_minutes: int = 10
    grace_days: int = 7
    longest_look_hours: int = 24
    cameras_per_purpose: int = 4
    break_glass_minutes: int = 15
    share_days: int = 14


LOOSER_WHEN_LESS = ("grace_days",)


class Model:
    """All of it. ``wall`` and ``trusted`` are the two clocks' words, UTC ns; ``boot`` the time since boot."""

    def __init__(self, wall: int, boot: int, cameras: Iterable[str]) -> None:
        self.wall = self.trusted = self.persisted = wall
        self.boot = boot
        self.people: dict[str, Person] = {}
        self.terms: dict[str, Term] = {}
        self.letters: dict[str, Term] = {}
        self.shares: dict[str, Term] = {}
        self.holds: dict[str, Hold] = {}
        self.looks: dict[str, Look] = {}
        self.approved: dict[str, bool] = dict.fromkeys(cameras, False)
        self.board = Board()
        self.segments: dict[tuple[str, int], tuple[int, int]] = {}
        """(camera, sequence) → [start, end) of every finished file that has not gone."""
        self.leases: dict[int, int] = {}
        """Pictures by the number of the entry that let them out."""

    # --- time -------------------------------------------------------------------------------------------------------

    @property
    def doubtful(self) -> bool:
        return abs(self.wall - self.trusted) > AGREE_NS

    def run(self, ns: int) -> None:
        """Time passes, and its passing is persisted."""
        self.wall += ns
        self.trusted += ns
        self.boot += ns
        self.persisted = self.trusted

    def see(self, *, written: bool = False) -> None:
        """Notes every end that has come: by trusted time for good, by a wall clock that agrees once it was ``written``."""

        def over(end: int | None) -> bool:
            return end is not None and (end <= self.trusted or (written and end <= self.wall and not self.doubtful))

        for term in self.terms.values():
            self._end_if(term, over(term.end) or self._gone(term.person))
        for letter in self.letters.values():
            principal = self.terms[letter.term]
            self._end_if(letter, over(letter.end) or principal.ended or self._gone(letter.person))
        for share in self.shares.values():
            self._end_if(share, over(share.end) or self._gone(share.person))
        for look in self.looks.values():
            if not look.closed and look.person in self.people and not self._look_right(look):
                look.doubtful = True
            if look.ends_boot <= self.boot:
                look.closed = True

    @staticmethod
    def _end_if(term: Term, over: bool) -> None:
        if over and not term.ended:
            term.ended, term.ended_at = True, term.ended_at or term.end

    def _gone(self, person: str) -> bool:
        return person not in self.people or self.people[person].gone

    # --- who has what now -----------------------------------------------------------------------------------------------

    def _runs(self, term: Term) -> bool:
        if term.ended or self._gone(term.person):
            return False
        begun = term.start <= self.wall and term.start <= self.trusted
        return begun and (term.end is None or (self.wall < term.end and self.trusted < term.end))

    def terms_of(self, person: str) -> list[Term]:
        return [t for t in self.terms.values() if t.person == person and self._runs(t)]

    def seats(self, person: str | None) -> set[str]:
        """Seats that a person holds now."""
        return {t.seat for t in self.terms_of(person)} if person is not None else set()

    def letters_of(self, person: str | None) -> list[Term]:
        return [
            t
            for t in self.letters.values()
            if t.person == person
            and self._runs(t)
            and self._runs(self.terms[t.term])
            and self.terms[t.term].person != person
        ]

    def shares_of(self, person: str | None) -> list[Term]:
        return [
            t
            for t in self.shares.values()
            if t.person == person
            and not t.ended
            and not self._gone(t.person)
            and t.end is not None
            and self.wall < t.end
            and self.trusted < t.end
        ]

    def stands(self, person: str | None) -> bool:
        """Has any right at all: may come in."""
        return bool(self.seats(person) or self.letters_of(person) or self.shares_of(person))

    def may(self, person: str | None, rights: Iterable[str], cameras: Iterable[str] = ()) -> bool:
        """By a seat, or by letters that give one of ``rights`` and name each of ``cameras``."""
        if person is None:
            return False
        if self.seats(person):
            return True
        wanted = set(rights)
        giving = [letter for letter in self.letters_of(person) if wanted & set(letter.rights)]
        return bool(giving) and all(any(x.cameras is None or c in x.cameras for x in giving) for c in cameras)

    def may_see(self, person: str | None, camera: str, *, live: bool, glass: bool = False) -> bool:
        """Pictures under a purpose: the right on that camera, and the camera in use (break-glass: whether or not)."""
        if glass:
            return self.may(person, ("live",) if live else ("archive",), (camera,))
        return self.approved[camera] and self.may(person, ("live",) if live else ("archive",), (camera,))

    def may_see_share(self, person: str | None, share: str, camera: str) -> bool:
        return self.approved[camera] and any(t.id == share and t.camera == camera for t in self.shares_of(person))

    def _look_right(self, look: Look) -> bool:
        if look.kind == "share":
            return self.may_see_share(look.person, look.share, look.cameras[0])
        live = look.mode == "live"
        return all(self.may_see(look.person, c, live=live, glass=look.kind == "break_glass") for c in look.cameras)

    def anyone_can_log_in(self) -> bool:
        """A seat's holder of now has a key."""
        return any(self._runs(t) and self.people[t.person].keys for t in self.terms.values())

    # --- lifting ----------------------------------------------------------------------------------------------------------

    def seats_since(self, person: str, since: int) -> set[str]:
        """Seats that a person held at some time from then on."""
        found = set()
        for term in self.terms.values():
            ends = [e for e in (term.end, term.ended_at) if e is not None]
            if term.person == person and (not ends or min(ends) > since):
                found.add(term.seat)
        return found

    def may_approve(self, hold: Hold, person: str | None, paper_seat: str = "") -> bool:
        """The second person's word: another person in another seat, or that seat's paper when it has no key (P16)."""
        if person is None or not self.seats(person) or hold.state != "lifting":
            return False
        if not self.board.second_person_lift and person == hold.lift_by:
            return True
        theirs = self.seats_since(hold.lift_by, hold.placed)
        if person != hold.lift_by and self.seats(person) - theirs:
            return True
        if not paper_seat or paper_seat in theirs:
            return False
        holders = [t.person for t in self.terms.values() if t.seat == paper_seat and self._runs(t)]
        return not any(p == hold.lift_by or self.people[p].keys for p in holders)

    def in_grace(self, hold: Hold) -> None:
        hold.state = "grace"
        hold.grace_end = max(self.wall, self.trusted) + self.board.grace_days * DAY_NS
        hold.spans = [(c, s, max(self.wall, s + 1) if e is None else e) for c, s, e in hold.spans]

    def grace_over(self, hold: Hold) -> bool:
        if hold.state != "grace" or hold.grace_end is None or self.doubtful:
            return False
        return hold.grace_end <= min(self.wall, self.trusted)

    # --- what is kept -----------------------------------------------------------------------------------------------------

    def held(self) -> Iterator[tuple[str, int]]:
        """Every finished file that a hold keeps."""
        keeping = [hold for hold in self.holds.values() if hold.keeps]
        for (camera, seq), (start, end) in self.segments.items():
            if any(hold.holds(camera, start, end) for hold in keeping):
                yield camera, seq
