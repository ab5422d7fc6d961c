"""The policy in force as the rules read it: the adopted file's rows by their keys. Built once for each file, never changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from holdshelf_core.policy.areas import PERMITTED, PRIVATE
from holdshelf_core.policy.board import LIMITS
from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.date_forms import DateForm
from holdshelf_core.policy.governing import english, own_board
from holdshelf_core.policy.lengths import KeepingTimes, Length, parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import Board
from holdshelf_core.policy.rights import PERMISSIONS, second_does
from holdshelf_core.policy.schema import (
    Basis,
    ByLanguage,
    Check,
    Ground,
    Library,
    PolicyFile,
    Purpose,
    Role,
    Screen,
    Steps,
)

_PLACED = re.compile(r"\{(\w+)\}", re.ASCII)
EVERY_ROLE = frozenset({"door", "outbox", "print", "log.verify", "seat.away"})
"""What whoever holds a role may do, whatever the file says: come in, fetch what is theirs, say who is away."""
DECIDED = tuple(
    rule.id for rule in PERMISSIONS.values() if rule.seat and not rule.pictures and rule.id not in EVERY_ROLE
)
"""Acts that a role may decide."""
ALL = "all"
IMMINENT_DANGER = "imminent-danger"
"""What breaking the glass is for: on no list, since nobody chooses it."""
OTHER = "other"
"""The key of a purpose of shares, or of a kind of place, that has to be explained in words."""
SECOND_SETTINGS = {"second_person_lift": "hold.lift", "second_person_release": "release.approve"}
"""The Board's setting of each act that takes a second person."""
SECOND_DUTIES = {"second_person_lift": "P16", "second_person_release": "P13"}
"""The duty of each, whose clause may say otherwise where one person does it."""


class SignWords(msgspec.Struct, frozen=True):
    """An entrance sign as a policy file words it; '{contact}' in it is put in when it is printed."""

    headline: tuple[str, ...]
    lines: tuple[str, ...]
    contact: str = ""
    """Whom to ask; '' where the Board's setting says it."""


class Policy:
    """One policy file. Keys that it does not name stay readable: rows of the register may be older than the file."""

    def __init__(self, file: PolicyFile) -> None:
        self.file = file
        self._order = {role.key: number for number, role in enumerate(file.role)}
        self._acts = {role.key: acts_of(role) for role in file.role if not role.on_paper}

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        """Every role, in the file's order."""
        return {role.key: role for role in self.file.role}

    @cached_property
    def seats(self) -> tuple[str, ...]:
        """The roles that have holders here, in the file's order; the first is the first to be named."""
        return tuple(role.key for role in self.file.role if not role.on_paper)

    @cached_property
    def first_seat(self) -> str:
        """The role whose holder is named first; '' where there is none."""
        return self.seats[0] if self.seats else ""

    @cached_property
    def for_the_board(self) -> str:
        """The role that speaks for the Board; '' for none."""
        return next((role.key for role in self.file.role if role.speaks_for_board), "")

    @cached_property
    def board_word(self) -> str:
        """The library's own word for its Board, in English and without its article; '' for 'Board'."""
        return english(self.file.library.board)

    def own_board(self, text: str) -> str:
        """Return one of Holdshelf's own sentences about the Board in the library's word for it."""
        return own_board(text, self.board_word)

    # --- who may what ------------------------------------------------------------------------------------------------------

    def has_holders(self, role: str) -> bool:
        """Return whether the file names that role, and not as one that acts on paper only."""
        return role in self._acts

    def may(self, role: str, permission: str) -> bool:
        """Return whether the holder of that role may do this as such. A role that the file does not name may nothing."""
        return permission in self._acts.get(role, ())

    def act_words(self, permission: str) -> str:
        """Return e.g. 'lift a hold', 'change a setting of the Council'."""
        return self.own_board(PERMISSIONS[permission].words)

    def acts(self, role: str) -> frozenset[str]:
        """Return everything that the holder of a role may do as such."""
        return self._acts.get(role, frozenset())

    @cached_property
    def _stands_in(self) -> Mapping[str, tuple[str, Length | None]]:
        return {
            role.key: (role.stands_in.role, parse_length(role.stands_in.after) if role.stands_in.after else None)
            for role in self.file.role
            if role.stands_in is not None
        }

    def stands_in(self, role: str) -> tuple[str, Length | None] | None:
        """Return for whom a role acts, and after how long an absence; None: for nobody."""
        return self._stands_in.get(role)

    def who_may(self, permission: str) -> tuple[str, ...]:
        """Return the roles whose holders may do this, in the file's order."""
        if (roles := self._who_may.get(permission)) is None:
            roles = self._who_may[permission] = tuple(key for key in self.seats if permission in self._acts[key])
        return roles

    @cached_property
    def _who_may(self) -> dict[str, tuple[str, ...]]:
        return {}

    def whoever_may(self, permission: str, last: str = "or") -> str:
        """Return e.g. 'Director, Chair or Mayor': the roles whose holders may do this."""
        return self.titles(last, of=self.who_may(permission))

    def second(self, act: str) -> tuple[str, ...]:
        """Return the roles that count as the second person of an act: the file's, else all who may do it, as such or for
        somebody who is away. () for none.

        Where that is one role, a Board that acts on paper counts, too: nobody is their own second person.
        """
        if (named := self.file.second.get(act)) is not None:
            return named
        does = second_does(act)
        roles = tuple(
            key for key in self.seats if self.may(key, does) or self.may((self.stands_in(key) or ("",))[0], does)
        )
        board = self.for_the_board
        return (*roles, board) if len(roles) == 1 and board and not self.has_holders(board) else roles

    def steps(self, act: str) -> Steps:
        """Return the steps before an act, and the clause that asks for them."""
        return self.file.before(act)

    # --- its languages --------------------------------------------------------------------------------------------------

    @property
    def language(self) -> str:
        """The language of its words, without its country: 'en' of en-CA."""
        return self.file.library.languages[0].partition("-")[0] if self.file.library.languages else "en"

    @cached_property
    def other_words(self) -> Mapping[str, Mapping[str, str]]:
        """By each other language of the file: what papers say in its first one of bases, positions and whom to ask, and how it is
        said there."""
        first, *others = self.file.library.languages or ("en",)
        rows = [basis.words for basis in self.file.basis]
        rows += [words for role in self.file.role for words in (role.words, role.short)]
        found = {}
        for other in others:
            found[other] = {row[first]: row[other] for row in rows if row.get(first) and row.get(other)}
            if (whom := self.contact()) and (there := self.contact(other)):
                found[other][whom] = there
        return found

    # --- its clauses -------------------------------------------------------------------------------------------------------

    @cached_property
    def _said(self) -> Mapping[str, str]:
        return {clause.id: f"{clause.id}: {self.said(clause.says)}" for clause in self.file.clause}

    @cached_property
    def _of_duty(self) -> Mapping[str, str]:
        return {duty: clause.id for clause in reversed(self.file.clause) for duty in clause.duties}

    @cached_property
    def words_only(self) -> tuple[str, ...]:
        """Clauses that state no duty and that no row cites: the machine leaves them to people."""
        file = self.file
        tables = (file.purpose, file.ground, file.basis, file.screen, file.check, map(self.steps, file.steps))
        cited = {row.clause for rows in tables for row in rows}
        return tuple(clause.id for clause in self.file.clause if not clause.duties and clause.id not in cited)

    def clause_id(self, duty: str, cites: str = "") -> str:
        """Return the number of the clause that a refusal quotes, in the library's own numbering; '' for Holdshelf's own rule."""
        return cites or self._of_duty.get(duty, "")

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        """By P1 to P21, the number of the clause that states this duty; {} where the text is numbered just so."""
        own = {duty: self.clause_id(duty) for duty in CLAUSES}
        return {} if all(number in (duty, "") for duty, number in own.items()) and any(own.values()) else own

    def quoted(self, duty: str, cites: str = "") -> str:
        """Return e.g. 'P16: Footage for … is held until two people lift it.': the clause that a row names (``cites``), or the
        first one that states a duty; Holdshelf's own rule where the text has none."""
        return self._said.get(cites) or self._said_of_duty[duty]

    @cached_property
    def _said_of_duty(self) -> Mapping[str, str]:
        return {
            duty: self._said.get(self.clause_id(duty)) or f"Holdshelf: {clause.sentence}"
            for duty, clause in CLAUSES.items()
        }

    # --- what is looked, shared and held for ------------------------------------------------------------------------

    @cached_property
    def look_purposes(self) -> Mapping[str, Purpose]:
        """What somebody may look for, as the prompt before the first picture offers it."""
        return {purpose.key: purpose for purpose in self.file.purpose if "look" in purpose.uses}

    @cached_property
    def share_purposes(self) -> Mapping[str, Purpose]:
        """What somebody may share for."""
        return {purpose.key: purpose for purpose in self.file.purpose if "share" in purpose.uses}

    @cached_property
    def any_purpose(self) -> str:
        """What stands for a purpose where only the right is asked about: the first one that is open to all who may look; '' for
        none."""
        rows = list(self.look_purposes.values())
        open_ones = (row for row in rows if not (row.roles or row.classes or row.steps))
        return next(open_ones, rows[0]).key if rows else ""

    @cached_property
    def _purpose_words(self) -> Mapping[str, str]:
        rows = {purpose.key: self.said(purpose.words) for purpose in self.file.purpose}
        return rows | {IMMINENT_DANGER: "imminent danger"}

    def is_purpose(self, key: str) -> bool:
        """Return whether the log may name it in public: it is on a list, not somebody's own words."""
        return key in self._purpose_words

    def purpose_words(self, key: str) -> str:
        """Return the words of a purpose; one that the file does not name is its own words."""
        return self._purpose_words.get(key, key)

    @cached_property
    def grounds(self) -> Mapping[str, Ground]:
        """What a hold may rest on, in the file's order."""
        return {ground.key: ground for ground in self.file.ground}

    def ground_words(self, key: str) -> str:
        """Return e.g. 'an investigation, by the police or the library'."""
        row = self.grounds.get(key)
        return self.said(row.words) if row is not None else key[:40]

    @cached_property
    def keeping(self) -> KeepingTimes:
        """How long footage is kept: a least month has 31 days, a most one 28."""
        least, most = parse_length(self.file.keeping.at_least), parse_length(self.file.keeping.at_most)
        return KeepingTimes(
            None if least is None else least.longest_ns,
            None if most is None else most.shortest_ns,
            "" if least is None else f"at least {least}",
            "" if most is None else f"at most {most}",
        )

    @cached_property
    def places(self) -> Mapping[str, str]:
        """Kinds of place where a camera may stand, with their words: the file's, or the usual ones where it names none."""
        own = {place.key: self.said(place.words) for place in self.file.place if not place.private}
        return own or {area.kind: area.words for area in PERMITTED}

    @cached_property
    def private_places(self) -> Mapping[str, str]:
        """Kinds of place that nobody may have recorded, with their words: the kernel's, and those that the file adds."""
        own = {place.key: self.said(place.words) for place in self.file.place if place.private}
        return {area.kind: area.words for area in PRIVATE} | own

    @cached_property
    def _with_note(self) -> frozenset[str]:
        return (
            frozenset(place.key for place in self.file.place if place.note) if self.file.place else frozenset({OTHER})
        )

    def needs_note(self, place: str) -> bool:
        """Return whether it must be said which place of that kind a camera is in, and why."""
        return place in self._with_note

    def place_words(self, key: str) -> str:
        """Return e.g. 'service desk'."""
        return self.places.get(key) or self.private_places.get(key) or key[:40]

    @cached_property
    def bases(self) -> Mapping[str, Basis]:
        """What a release may rest on, in the file's order."""
        return {basis.key: basis for basis in self.file.basis}

    def basis_words(self, key: str) -> str:
        """Return e.g. 'a search warrant'; '' for what the file does not name."""
        row = self.bases.get(key)
        return self.said(row.words) if row is not None else ""

    def hides_others(self, basis: str) -> bool:
        """Return whether everybody else who is seen must be hidden in what is released on that basis."""
        row = self.bases.get(basis)
        return row is not None and row.hide == "others"

    @cached_property
    def _classes(self) -> Mapping[str, frozenset[str]]:
        places = {place for one in self.file.camera_class for place in one.places}
        return {place: frozenset(one.key for one in self.file.camera_class if place in one.places) for place in places}

    def classes_of(self, place: str) -> frozenset[str]:
        """Return the classes of a camera in that kind of place."""
        return self._classes.get(place, frozenset())

    def class_words(self, key: str) -> str:
        """Return e.g. 'exterior'."""
        row = next((one for one in self.file.camera_class if one.key == key), None)
        return (self.said(row.words) or row.key) if row is not None else key[:40]

    def hold_ground(self, basis: str) -> str:
        """Return the ground on which footage is held for a release on that basis."""
        row = self.bases.get(basis)
        return (row.ground if row is not None else "") or next(iter(self.grounds), "")

    @cached_property
    def signs(self) -> Mapping[str, SignWords]:
        """The entrance sign as the file words it, by language; {} where Holdshelf's own sentences stand."""
        library, found = self.file.library, {}
        for language, sign in self.file.sign.items():
            contact = self.contact(language)
            values = {
                "library": library.name,
                "authority": library.authority.get(language, ""),
                "purposes": library.purposes.get(language, ""),
            }

            def filled(text: str, values: Mapping[str, str] = values) -> str:
                return _PLACED.sub(lambda found: values.get(found[1], found[0]), text)

            found[language] = SignWords(tuple(map(filled, sign.headline)), tuple(map(filled, sign.lines)), contact)
        return found

    def contact(self, language: str = "") -> str:
        """Return e.g. 'Privacy Officer, 6250 Hammond Bay Road, 250-555-0100': whom anybody may ask; '' where it does not say."""
        given = self.file.library.contact
        if given is None:
            return ""
        title = given.title.get(language) or self.said(given.title)
        return ", ".join((title, given.address, given.telephone))

    @cached_property
    def screens(self) -> Mapping[str, Screen]:
        """What shows live pictures to an audience, in the file's order."""
        return {screen.key: screen for screen in self.file.screen}

    @property
    def date_form(self) -> DateForm:
        """How days and times of day are written."""
        return DateForm(self.file.library.dates, self.file.library.clock)

    @cached_property
    def checks(self) -> Mapping[str, Check]:
        """What people do at intervals and attest, in the file's order: the checklist's points of the building."""
        return {check.key: check for check in self.file.check}

    # --- the Board's settings --------------------------------------------------------------------------------------------

    def limits(self, setting: str) -> tuple[int, int] | None:
        """Return the smallest and the largest value that the Board's setting can have; None where it is no number."""
        bounds, given = LIMITS.get(setting), self.file.setting.get(setting)
        if bounds is None or given is None:
            return bounds
        least, most = (
            bound if own is None else own for own, bound in zip((given.least, given.most), bounds, strict=True)
        )
        return least, most

    @cached_property
    def board(self) -> Board:
        """The settings as the file gives them, before the Board has set any."""
        return self.bounded(Board(given=()))

    def bounded(self, board: Board) -> Board:
        """Return the settings as they are in force: what the Board has not set is the file's, all are within the file's own
        ranges, and no second person is needed where the file has none for that act.

        Holdshelf's ranges are kept when a setting is made: one from before stays as it was.
        """
        changes: dict[str, Any] = {}
        if board.given is not None:
            values = msgspec.structs.asdict(Board()) | {"given": board.given, "paper_size": self.file.library.page}
            values |= {key: given.value for key, given in self.file.setting.items() if key in LIMITS}
            changes = {key: value for key, value in values.items() if key not in board.given}
        for key, usual in LIMITS.items():
            least, most = self.limits(key) or usual
            if (least, most) == usual:
                continue
            value = changes.get(key, getattr(board, key))
            if not least <= value <= most:
                changes[key] = min(max(value, least), most)
        changes |= {key: False for key, act in SECOND_SETTINGS.items() if not self.second(act)}
        return msgspec.structs.replace(board, **changes) if changes else board

    def under(self, board: Board) -> Policy:
        """Return the policy with its clauses as they read under the Board's settings: where one person does what takes two, in
        their words for that."""
        alone = frozenset(duty for setting, duty in SECOND_DUTIES.items() if not getattr(board, setting))
        if alone not in self._under:
            clauses = tuple(
                msgspec.structs.replace(one, says=one.alone) if one.alone and alone.intersection(one.duties) else one
                for one in self.file.clause
            )
            file = msgspec.structs.replace(self.file, clause=clauses)
            self._under[alone] = self if clauses == self.file.clause else Policy(file)
        return self._under[alone]

    @cached_property
    def _under(self) -> dict[frozenset[str], Policy]:
        return {}

    def order(self, role: str) -> int:
        """Return a role's place in the file; one that it does not name comes last."""
        return self._order.get(role, len(self._order))

    @cached_property
    def _role_words(self) -> Mapping[str, str]:
        return {key: self.said(row.words) for key, row in self.roles.items()}

    def role_words(self, role: str) -> str:
        """Return e.g. 'Library Director'."""
        words = self._role_words.get(role)
        return role[:40] if words is None else words

    @cached_property
    def _any_of(self) -> dict[tuple[str, ...], str]:
        return {}

    def any_of(self, roles: tuple[str, ...]) -> str:
        """Return e.g. 'the Library Director or the Mayor'."""
        if (words := self._any_of.get(roles)) is None:
            words = self._any_of[roles] = listed([f"the {self.role_words(role)}" for role in roles], "or")
        return words

    def shift_ns(self, role: str) -> int:
        """Return for how long a live look of a role's holder goes on; 0: for the Board's minutes."""
        row = self.roles.get(role)
        length = parse_length(row.shift) if row is not None and row.shift else None
        return length.shortest_ns if length is not None else 0

    def short(self, role: str) -> str:
        """Return e.g. 'Director'."""
        row = self.roles.get(role)
        return self.said(row.short or row.words) if row is not None else role[:40]

    def titles(self, last: str = "or", *, of: tuple[str, ...] | None = None) -> str:
        """Return e.g. 'Director, Chair or Mayor': everybody who holds a seat, or ``of`` these roles."""
        return listed(map(self.short, self.seats if of is None else of), last)

    def said(self, words: ByLanguage) -> str:
        """Return the words in the language of the screens."""
        return words.get(self.file.library.languages[0], "")


def decided(named: str) -> tuple[str, ...]:
    """Return the acts that an entry of ``decides`` names: one, those that begin with it up to a dot, or all; () for none."""
    return tuple(act for act in DECIDED if named in (ALL, act) or act.startswith(f"{named}."))


def acts_of(role: Role) -> frozenset[str]:
    """Return everything that the holder of a role may do as such."""
    return _acts_of(role.rights, role.decides, role.receives, waits=role.stands_in is not None)


@lru_cache
def _acts_of(
    rights: tuple[str, ...], decides: tuple[str, ...], receives: tuple[str, ...], *, waits: bool
) -> frozenset[str]:
    by_right = [rule.id for rule in PERMISSIONS.values() if rule.seat and set(rule.rights) & set(rights)]
    acts = {*by_right, *receives, *(act for named in decides for act in decided(named))}
    # Who decides something sees what it is about; who waits to act for somebody opens the screens.
    subjects = {act.partition(".")[0] for act in acts} | ({"camera"} if acts or waits else set())
    subjects |= {"log", "person"} if "flag.review" in acts else set()  # the entry that is flagged, and who did it
    return frozenset(acts | {f"{one}.see" for one in subjects} & set(DECIDED) | EVERY_ROLE)


NO_POLICY = Policy(PolicyFile(format=1, library=Library(name="")))
"""Where no policy could be read: it names no role, so nobody has rights."""
