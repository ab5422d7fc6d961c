"""The rules as RULES.md says them, once more and by themselves: who has which right now, and what is kept.

Written from the paper, it calls nothing of ``policy``, and reads the policy file by itself (``rules_policy``). A right that
was seen to end stays ended here for good, whatever the clocks say afterwards. It is told what was done, and asked what may be
done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tests.rules_policy import FIRST, RIGHT_OF, PolicyRead

NS = 1_000_000_000
MINUTE_NS = 60 * NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
AGREE_NS = 5 * MINUTE_NS
MOST_OFF_NS = 7 * DAY_NS
SEATS = PolicyRead(FIRST.read_text()).seats
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
    """Who shared."""
    ended: bool = False
    ended_at: int | None = None


@dataclass(slots=True)
class Look:
    id: str
    person: str
    session: str
    kind: str
    """look | break_glass | share."""
    mode: str
    cameras: tuple[str, ...]
    start: int | None
    end: int | None
    share: str
    ends_boot: int
    live_until_boot: int
    renewals: int = 0
    closed: bool = False


@dataclass(slots=True)
class Hold:
    id: str
    spans: list[tuple[str, int, int | None]]
    placed: int
    state: str = "active"
    lift_by: str = ""
    grace_end: int | None = None
    waiting: bool = False
    """The entry of its last change waits for the log."""
    forgotten: bool = False
    """That entry was lost in a crash: the shelf alone knows, until it is written down anew."""
    kept: set[tuple[str, int]] = field(default_factory=set)
    """(camera, sequence) of all that it ever kept."""
    once_open: dict[str, int] = field(default_factory=dict)
    """Cameras of which it kept everything from then on, until a lift: by a wrong clock it is not told when that was."""

    @property
    def keeps(self) -> bool:
        return self.state != "lifted"

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(camera for camera, _start, _end in self.spans)

    def may_hold(self, camera: str, seq: int, start: int, end: int) -> bool:
        """Whether it may be what keeps that file, or kept it."""
        once = camera in self.once_open and end > self.once_open[camera]
        return once or (camera, seq) in self.kept or self.holds(camera, start, end)

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

    def loosens(self, key: str, value: int) -> bool:
        """The Board's to decide: the Chair on screen, or a paper."""
        before = getattr(self, key)
        return value < before if key in ("grace_days", "second_person_lift") else value > before


class Model:
    """All of it. ``wall`` and ``trusted`` are the two clocks' words, UTC ns; ``boot`` the time since boot."""

    def __init__(self, wall: int, boot: int, cameras: Iterable[str]) -> None:
        self.wall = self.trusted = self.persisted = wall
        self.boot = boot
        self.policy = PolicyRead(FIRST.read_text())
        self.persisted_now = True
        """Time was persisted since this boot: how long ago that was is known without the wall clock."""
        self.people: dict[str, Person] = {}
        self.terms: dict[str, Term] = {}
        self.letters: dict[str, Term] = {}
        self.shares: dict[str, Term] = {}
        self.holds: dict[str, Hold] = {}
        self.looks: dict[str, Look] = {}
        self.approved: dict[str, bool] = dict.fromkeys(cameras, False)
        self.board = Board()
        self.segments: dict[tuple[str, int], tuple[int, int]] = {}
        """(camera, sequence) → [start, end) of every file on disk; of one that is being written or was cut off, its first ns."""
        self.leases: dict[int, int] = {}
        """Pictures by the number of the entry that let them out."""

    # --- time -------------------------------------------------------------------------------------------------------

    @property
    def latest(self) -> int:
        return max(self.wall, self.trusted)

    @property
    def earliest(self) -> int:
        return min(self.wall, self.trusted)

    @property
    def doubtful(self) -> bool:
        return self.latest - self.earliest > AGREE_NS

    def run(self, ns: int) -> None:
        """Time passes."""
        self.wall += ns
        self.trusted += ns
        self.boot += ns

    def reboot(self, boot: int) -> None:
        """Off and on; ``crash`` follows. What the wall clock says then may add time and never take any."""
        self.boot, self.persisted_now = boot, False

    def crash(self, waiting: Collection[str]) -> None:
        """What was in memory is gone. ``waiting``: holds of which the last entry was not written yet."""
        if not self.persisted_now:
            # Off for longer than some days, the wall clock is not taken at its word.
            off = self.wall - self.persisted
            self.trusted = self.persisted + (max(0, off) if off <= MOST_OFF_NS else 0)
        self.looks.clear()
        for hold in self.holds.values():
            hold.forgotten |= hold.waiting and hold.id in waiting
            hold.waiting = False

    def tick(self, *, written: bool) -> None:
        """Each second: time is persisted, ends that have come are written down if they can be, looks without a right end."""
        self.persisted, self.persisted_now = self.trusted, True
        for term in self.terms.values():
            self._end_if(term, self._over(term, written=written) or self.gone(term.person))
        for letter in self.letters.values():
            principal = self.terms[letter.term]
            self._end_if(letter, self._over(letter, written=written) or principal.ended or self.gone(letter.person))
        for share in self.shares.values():
            self._end_if(share, self._over(share, written=written) or self.gone(share.person))
        for look in self.looks.values():
            if look.ends_boot <= self.boot or not self.look_right(look):
                look.closed = True

    def confirm_clock(self) -> None:
        """A person says that the wall clock is right: what either clock has ended stays so, then the other follows."""
        every = [*self.terms.values(), *self.letters.values(), *self.shares.values()]
        for term in every:
            self._end_if(term, term.end is not None and term.end <= self.latest)
        for letter in self.letters.values():
            self._end_if(letter, self.terms[letter.term].ended)
        self.trusted = self.persisted = self.wall
        self.persisted_now = True

    def _over(self, term: Term, *, written: bool) -> bool:
        """Over for good: by time that is persisted, or by a wall clock that agrees and an entry that says so."""
        if term.end is None:
            return False
        return term.end <= self.persisted or (written and term.end <= self.wall and not self.doubtful)

    @staticmethod
    def _end_if(term: Term, over: bool) -> None:
        if over and not term.ended:
            term.ended, term.ended_at = True, term.ended_at or term.end

    def gone(self, person: str) -> bool:
        """Not enrolled, or not any more."""
        return person not in self.people or self.people[person].gone

    # --- who has what now -----------------------------------------------------------------------------------------------

    def _runs(self, term: Term) -> bool:
        if term.ended or self.gone(term.person) or term.start > self.earliest:
            return False
        return term.end is None or self.latest < term.end

    def terms_of(self, person: str | None) -> list[Term]:
        return [t for t in self.terms.values() if t.person == person and self._runs(t)]

    def seats(self, person: str | None) -> set[str]:
        """Seats that a person holds now."""
        return {t.seat for t in self.terms_of(person)}

    def letters_of(self, person: str | None) -> list[Term]:
        mine = [t for t in self.letters.values() if t.person == person and self._runs(t)]
        return [t for t in mine if self._runs(self.terms[t.term]) and self.terms[t.term].person != person]

    def shares_of(self, person: str | None) -> list[Term]:
        mine = [t for t in self.shares.values() if t.person == person and not t.ended and not self.gone(t.person)]
        return [t for t in mine if t.end is not None and self.latest < t.end]

    def stands(self, person: str | None) -> bool:
        """Has any right at all: may come in."""
        return bool(self.seats(person) or self.letters_of(person) or self.shares_of(person))

    def decides(self, person: str | None, act: str) -> bool:
        """By a role that they hold now."""
        return any(self.policy.may(term.seat, act) for term in self.terms_of(person))

    def given(self, letter: Term) -> frozenset[str]:
        """No more than the role behind it has."""
        return self.policy.rights(self.terms[letter.term].seat) & frozenset(letter.rights)

    def may(self, person: str | None, act: str, cameras: Iterable[str] = ()) -> bool:
        """By a role, or by letters that give the right to it and name each of ``cameras``."""
        if self.decides(person, act):
            return True
        giving = [letter for letter in self.letters_of(person) if RIGHT_OF.get(act) in self.given(letter)]
        return bool(giving) and self.name(giving, cameras)

    @staticmethod
    def name(letters: list[Term], cameras: Iterable[str]) -> bool:
        """Whether each camera is named by one of these letters."""
        return all(any(x.cameras is None or c in x.cameras for x in letters) for c in cameras)

    def may_see_holds(self, person: str | None, cameras: Iterable[str] = ()) -> bool:
        """A role that has to do with holds, and any designee on the cameras that the letter names."""
        letters = self.letters_of(person)
        return self.decides(person, "hold.see") or (bool(letters) and self.name(letters, cameras))

    def may_see(self, person: str | None, camera: str, *, live: bool, glass: bool = False) -> bool:
        """Pictures under a purpose: the right on that camera, and the camera in use (break-glass: whether or not)."""
        in_use = glass or self.approved[camera]
        return in_use and self.may(person, "look.live" if live else "look.archive", (camera,))

    def may_see_share(self, person: str | None, share: str, camera: str) -> bool:
        return self.approved[camera] and any(t.id == share and t.camera == camera for t in self.shares_of(person))

    def short_enough(self, start: int | None, end: int | None) -> bool:
        """One purpose spans so many hours."""
        return start is None or end is None or end - start <= self.board.longest_look_hours * HOUR_NS

    def look_right(self, look: Look) -> bool:
        """Whether a look may go on."""
        live = look.mode == "live"
        if look.kind == "look" and len(look.cameras) > self.board.cameras_per_purpose:
            return False
        return all(self.camera_right(look, camera, live=live) for camera in look.cameras)

    def camera_right(self, look: Look, camera: str, *, live: bool) -> bool:
        """Whether a look's pictures of that camera may leave."""
        if look.kind == "share":
            return not live and self.may_see_share(look.person, look.share, camera)
        glass = look.kind == "break_glass"
        if not live and not self.short_enough(look.start, look.end):
            return False
        # What imminent danger opens reaches back some minutes from now, and as many while the look goes on.
        reach_ns = 2 * self.board.break_glass_minutes * MINUTE_NS
        if glass and not live and look.start is not None and look.start < self.earliest - reach_ns:
            return False
        return self.may_see(look.person, camera, live=live, glass=glass)

    def may_picture(self, look: Look, session: str, camera: str, at: int | None) -> bool:
        """Whether a picture of that time (None: live) may leave now to that session."""
        if look.closed or look.session != session or look.ends_boot <= self.boot or camera not in look.cameras:
            return False
        if at is None:
            if look.mode != "live" or self.boot >= look.live_until_boot:
                return False
        elif look.start is None or look.end is None or not look.start <= at < look.end:
            return False
        return self.camera_right(look, camera, live=at is None)

    def anyone_can_log_in(self) -> bool:
        """A seat's holder of now has a key."""
        return any(self._runs(t) and self.people[t.person].keys for t in self.terms.values())

    # --- lifting ----------------------------------------------------------------------------------------------------------

    def seats_since(self, person: str, since: int) -> set[str]:
        """Seats that a person held at some time from then on."""
        found = set()
        for term in self.terms.values():
            ends = [e for e in (term.end, term.ended_at) if e is not None]
            if term.person == person and (not ends or min(ends) > min(since, self.earliest)):
                found.add(term.seat)
        return found

    def may_approve(self, hold: Hold, person: str | None, paper_seat: str = "") -> bool:
        """The second person's word: another person in another seat, or that seat's paper when it has no key (P16)."""
        if person is None or not self.decides(person, "hold.lift.approve") or hold.state != "lifting":
            return False
        if not self.board.second_person_lift and person == hold.lift_by:
            return True
        theirs = self.seats_since(hold.lift_by, hold.placed)
        seconds = self.policy.second("hold.lift", "hold.lift.approve")
        if person != hold.lift_by and self.seats(person) & seconds - theirs:
            return True
        if paper_seat not in seconds - theirs:
            return False
        holders = [t.person for t in self.terms.values() if t.seat == paper_seat and self._runs(t)]
        return not any(p == hold.lift_by or self.people[p].keys for p in holders)

    def in_grace(self, hold: Hold) -> None:
        """From here on it takes in nothing new; what it has kept until now stays for the days of grace."""
        hold.state = "grace"
        hold.grace_end = self.latest + self.board.grace_days * DAY_NS
        hold.once_open |= {c: min(s, hold.once_open.get(c, s)) for c, s, e in hold.spans if e is None}
        hold.spans = [(c, s, max(self.earliest, s + 1) if e is None else e) for c, s, e in hold.spans]

    def grace_over(self, hold: Hold) -> bool:
        """By both clocks, and only while they agree."""
        if hold.state != "grace" or hold.grace_end is None or self.doubtful:
            return False
        return hold.grace_end <= self.earliest

    # --- what is kept -----------------------------------------------------------------------------------------------------

    def note_kept(self) -> None:
        """What lies within a hold now is kept by it until it is lifted, whatever becomes of its span."""
        for hold in self.holds.values():
            if hold.keeps:
                hold.kept |= {
                    key
                    for key, (start, end) in self.segments.items()
                    # One that begins at this very instant is not before a lift of this instant.
                    if start < self.latest and hold.holds(key[0], start, end)
                }

    def held(self) -> set[tuple[str, int]]:
        """Every file that a hold keeps."""
        self.note_kept()
        return {key for hold in self.holds.values() if hold.keeps for key in hold.kept}
