"""What a policy file means as a whole: references, ranges, and what no file may loosen. Each mistake is one sentence.

The kernel's own lists (acts, rights, duties, private places) come from the rules themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from holdshelf_core.inert import inert
from holdshelf_core.policy.areas import PERMITTED, PRIVATE, questionable_name
from holdshelf_core.policy.board import LIMITS
from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.gates import NEEDS, STATED
from holdshelf_core.policy.lengths import HOURS, MINUTES, WEEKDAYS, Length, parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import RIGHTS
from holdshelf_core.policy.purposes import no_purpose, offending
from holdshelf_core.policy.rights import ADMIN_NO, PERMISSIONS
from holdshelf_core.policy.schema import Basis, ByLanguage, PolicyFile, Role
from holdshelf_core.policy.screens import CLOSING
from holdshelf_core.policy.tables import ALL, DECIDED, acts_of, decided
from holdshelf_core.policy_file.check_words import no_language, sign_mistakes, word_mistakes
from holdshelf_core.policy_file.mistake import Mistake, a_key, a_length, among, one_of, printable, row, shown, twice
from holdshelf_storage.units import DAY_NS

LANGUAGES = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?", re.ASCII)
RESERVED = ("admin", "share", "nobody", "anyone", "library")
"""Names that the kernel gives to hands of its own: no role has them."""
RECEIVED = ("release.request",)
LONGEST_SHIFT_NS = DAY_NS
SECOND = ("release.approve", "hold.lift", "flag.review")
ASKERS = (
    "anyone",
    "person-seen",
    "law-enforcement",
    "court",
    "emergency-services",
    "lawyer",
    "insurer",
    "staff",
    "own",
)
PLAIN_STEPS = ("paper", "judge")
ROLE_STEPS = ("consent", "consult", "tell")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DATE = re.compile(r"(\d{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
STEPPED = ("commission.approve",)
"""Acts before which a file can put steps; purposes and bases have their own."""


def mistakes(file: PolicyFile) -> list[Mistake]:
    """Return every mistake, in the order of the file."""
    return list(_Check(file).all())


class _Check:
    """The checks of one file."""

    def __init__(self, file: PolicyFile) -> None:
        self._file = file
        self._roles = {role.key: role for role in file.role}
        # Dictionaries for the order in which they are listed.
        self._classes = {one.key: None for one in file.camera_class}
        self._places = {place.key: None for place in file.place} or {area.kind: None for area in PERMITTED}
        self._clauses = {clause.id: None for clause in file.clause}

    def all(self) -> Iterator[Mistake]:
        yield from self._library()
        yield from self._of_clauses()
        yield from self._of_roles()
        yield from self._of_second()
        yield from self._of_steps()
        yield from self._of_places()
        yield from self._of_purposes()
        yield from self._of_keeping()
        yield from self._of_bases()
        yield from self._of_screens()
        yield from self._of_checks()
        yield from self._of_settings()
        yield from sign_mistakes(self._file)
        yield from word_mistakes(self._file)
        yield from self._of_cases()

    # --- the library ---------------------------------------------------------------------------------------------------

    def _library(self) -> Iterator[Mistake]:
        library, where = self._file.library, "library"
        if not library.name.strip():
            yield Mistake(where, "The library has no name.", "Give its name: it is on every paper.")
        if not library.languages:
            yield Mistake(where, "There is no language.", 'Write languages = ["en"].')
        yield from twice("library, languages", library.languages, "language")
        for language in library.languages:
            if not LANGUAGES.fullmatch(language):
                yield Mistake(where, f"{shown(language)} is not a language.", 'Write codes as "en", "es" or "en-US".')
        for field, words in (("authority", library.authority), ("purposes", library.purposes)):
            if words:
                yield from self._said(where, field, words)
        if library.contact is not None:
            yield from self._said(where, "contact.title", library.contact.title)
            for field, text in (("address", library.contact.address), ("telephone", library.contact.telephone)):
                if not text.strip():
                    yield Mistake(where, f"contact.{field} is empty.", "Give it: it is on the sign.")
                yield from printable(f"{where}, contact.{field}", text)
        yield from self._hours()

    def _hours(self) -> Iterator[Mistake]:
        library, where = self._file.library, "library"
        if library.closing and not _TIME.fullmatch(library.closing):
            yield Mistake(where, f"{shown(library.closing)} is no time of day.", 'Write closing = "20:00".')
        for day in library.closed:
            if day.lower() not in WEEKDAYS and not _DATE.fullmatch(day):
                yield Mistake(where, f"{shown(day)} is not a day.", "Write days of the week, 2026-12-25 or 12-25.")
        if {day.lower() for day in library.closed}.issuperset(WEEKDAYS):
            yield Mistake(
                where,
                "Every day of the week is closed, so no business day ever comes.",
                "Leave out those that are open.",
            )

    # --- clauses -------------------------------------------------------------------------------------------------------

    def _of_clauses(self) -> Iterator[Mistake]:
        yield from twice("clause", (clause.id for clause in self._file.clause), "clause")
        for number, clause in enumerate(self._file.clause, 1):
            where = row("clause", number, clause.id)
            if not clause.id.strip() or len(clause.id) > 20:
                yield Mistake(where, "A clause's number has 1 to 20 characters.", "Write it as the policy has it.")
            yield from self._said(where, "says", clause.says)
            if clause.title:
                yield from self._said(where, "title", clause.title)
            yield from among(where, clause.duties, CLAUSES, "duty")

    # --- roles ---------------------------------------------------------------------------------------------------------

    def _of_roles(self) -> Iterator[Mistake]:
        file = self._file
        yield from twice("role", (role.key for role in file.role), "role")
        for number, role in enumerate(file.role, 1):
            yield from self._role(row("role", number, role.key), role)
        yield from self._circles()
        speakers = [role.key for role in file.role if role.speaks_for_board]
        if len(speakers) != 1:
            said = "No role speaks" if not speakers else f"{listed(speakers)} all speak"
            yield Mistake("role", f"{said} for the Board.", "Set speaks_for_board = true on one role.")
        for act, what in (("release.approve", "a release"), ("hold.lift", "that a hold is lifted")):
            if not any(act in decided(named) for role in file.role for named in role.decides):
                yield Mistake("role", f"No role decides {what}.", f'Add "{act}" to the decides of one.')

    def _role(self, where: str, role: Role) -> Iterator[Mistake]:
        yield from a_key(where, role.key)
        if role.key in RESERVED:
            yield Mistake(where, f"{shown(role.key)} is a name that Holdshelf uses itself.", "Choose another key.")
        yield from self._said(where, "words", role.words)
        if role.short:
            yield from self._said(where, "short", role.short)
        yield from among(where, role.rights, RIGHTS, "right")
        for named in role.decides:
            rule = PERMISSIONS.get(named)
            if rule is not None and not rule.seat and rule.admin != ADMIN_NO:
                yield Mistake(where, f"{named} is the admin's alone.", "Take it out.")
            elif not decided(named):
                yield Mistake(where, f"There is no act that a role decides {shown(named)}.", one_of((ALL, *DECIDED)))
        yield from among(where, role.receives, RECEIVED, "thing that a role receives")
        yield from among(where, role.classes, self._classes, "class of camera")
        if role.on_paper and role.rights:
            yield Mistake(
                where, "A role on paper has no key, so it can have no rights.", "Take the rights out, or on_paper."
            )
        if role.shift:
            yield from self._shift(where, role)
        if role.stands_in is not None:
            if role.stands_in.role not in self._roles:
                yield Mistake(
                    where, f"There is no role {shown(role.stands_in.role)} to stand in for.", one_of(self._roles)
                )
            if role.stands_in.after:
                yield from a_length(where, role.stands_in.after)

    @staticmethod
    def _shift(where: str, role: Role) -> Iterator[Mistake]:
        length = parse_length(role.shift)
        if length is None or length.unit not in (MINUTES, HOURS) or length.longest_ns > LONGEST_SHIFT_NS:
            sentence = f"{shown(role.shift)} is no length of a shift: minutes or hours, at most a day."
            yield Mistake(where, sentence, 'Write e.g. shift = "8 hours".')
        if "live" not in role.rights:
            yield Mistake(
                where, "A shift is spent watching live, and this role has no right to.", 'Add "live" to its rights.'
            )

    def _circles(self) -> Iterator[Mistake]:
        told: set[frozenset[str]] = set()
        for role in self._file.role:
            seen: list[str] = []
            at: Role | None = role
            while at is not None and at.stands_in is not None and at.key not in seen:
                seen.append(at.key)
                at = self._roles.get(at.stands_in.role)
            if at is not None and at.key in seen:
                circle = seen[seen.index(at.key) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    sentence = (
                        f"{circle[0]} stands in for itself."
                        if len(circle) == 1
                        else f"{listed(circle)} stand in for each other in a circle."
                    )
                    yield Mistake("role", sentence, "Let one of them stand in for nobody.")

    def _of_steps(self) -> Iterator[Mistake]:
        for act, steps in self._file.steps.items():
            where = f"steps, {inert(act)[:40]}"
            if act not in STEPPED:
                yield Mistake(where, f"Steps do not stand before {shown(act)}.", one_of(STEPPED))
            yield from self._steps(where, steps)
            for step in steps:
                if step.partition(":")[0] not in ROLE_STEPS:
                    sentence = f"{shown(step)} is asked of a request, not before an act."
                    yield Mistake(where, sentence, one_of(f"{kind}:ROLE" for kind in ROLE_STEPS))

    def _of_second(self) -> Iterator[Mistake]:
        for act, roles in self._file.second.items():
            where = f"second, {inert(act)[:40]}"
            if act not in SECOND:
                yield Mistake(where, "Nothing of that name takes a second person.", one_of(SECOND))
            yield from among(where, roles, self._roles, "role")
            does = "hold.lift.approve" if act == "hold.lift" else act
            for role in (self._roles[key] for key in roles if key in self._roles and act in SECOND):
                if not role.on_paper and not self._may(role, does):
                    yield Mistake(
                        where,
                        f"{role.key} may not {PERMISSIONS[does].words}, so it cannot be the second person.",
                        f'Add "{does}" to what it decides, or take it out here.',
                    )

    def _may(self, role: Role, act: str) -> bool:
        """Return whether its holder may do this, as such or for somebody who is away."""
        principal = self._roles.get(role.stands_in.role) if role.stands_in is not None else None
        return act in acts_of(role) or (principal is not None and act in acts_of(principal))

    # --- places --------------------------------------------------------------------------------------------------------

    def _of_places(self) -> Iterator[Mistake]:
        file = self._file
        yield from twice("place", (place.key for place in file.place), "place")
        private = {area.kind for area in PRIVATE}
        for number, place in enumerate(file.place, 1):
            where = row("place", number, place.key)
            yield from a_key(where, place.key)
            yield from self._said(where, "words", place.words)
            hidden = place.key in private or any(questionable_name(text) for text in (place.key, *place.words.values()))
            if hidden and not place.private:
                yield Mistake(
                    where,
                    "People may expect to be private there, and no file opens such a place.",
                    "Set private = true.",
                )
        if file.place and all(place.private for place in file.place):
            yield Mistake(
                "place", "No place is permitted, so no camera could be used.", "Add the places that the policy names."
            )
        yield from twice("class", (one.key for one in file.camera_class), "class of camera")
        for number, one in enumerate(file.camera_class, 1):
            where = row("class", number, one.key)
            yield from a_key(where, one.key)
            yield from among(where, one.places, self._places, "kind of place")
            if not one.places:
                yield Mistake(where, "The class has no place.", "Name the kinds of place that belong to it.")

    # --- purposes ------------------------------------------------------------------------------------------------------

    def _of_purposes(self) -> Iterator[Mistake]:
        file = self._file
        yield from twice("purpose", (purpose.key for purpose in file.purpose), "purpose")
        if not any("look" in purpose.uses for purpose in file.purpose):
            yield Mistake(
                "purpose", "There is no purpose to look for, so nobody could look.", 'Add one with for = ["look"].'
            )
        for number, purpose in enumerate(file.purpose, 1):
            where = row("purpose", number, purpose.key)
            yield from a_key(where, purpose.key)
            yield from self._said(where, "words", purpose.words)
            yield from self._cited(where, purpose.clause)
            yield from among(where, purpose.roles, self._roles, "role")
            yield from among(where, purpose.classes, self._classes, "class of camera")
            yield from self._steps(where, purpose.steps)
            for words in purpose.words.values():
                problem = no_purpose(words)
                if problem is not None:
                    sentence = f"{problem[1].rstrip('.')}: {shown(offending(words))}."
                    yield Mistake(where, sentence, "No file makes it one; take it out, or say it in other words.")
                    break

    # --- keeping -------------------------------------------------------------------------------------------------------

    def _of_keeping(self) -> Iterator[Mistake]:
        keeping, found = self._file.keeping, dict[str, Length]()
        for name in ("at_least", "at_most"):
            text = getattr(keeping, name)
            if text:
                yield from a_length(f"keeping, {name}", text)
                length = parse_length(text)
                if length is not None:
                    found[name] = length
        if len(found) == 2 and found["at_most"].shortest_ns < found["at_least"].longest_ns:
            same = str(found["at_most"]) == str(found["at_least"])
            if not same:
                yield Mistake(
                    "keeping",
                    f"At most {found['at_most']} is shorter than at least {found['at_least']}.",
                    "Correct one of the two.",
                )
        yield from twice("ground", (ground.key for ground in self._file.ground), "ground")
        if not self._file.ground:
            yield Mistake(
                "ground", "There is no ground for a hold, so nothing could be kept.", "Add the policy's grounds."
            )
        for number, ground in enumerate(self._file.ground, 1):
            where = row("ground", number, ground.key)
            yield from a_key(where, ground.key)
            yield from self._said(where, "words", ground.words)
            yield from self._cited(where, ground.clause)
            if ground.at_most:
                yield from a_length(where, ground.at_most)

    # --- bases ---------------------------------------------------------------------------------------------------------

    def _of_bases(self) -> Iterator[Mistake]:
        yield from twice("basis", (basis.key for basis in self._file.basis), "basis")
        for number, basis in enumerate(self._file.basis, 1):
            yield from self._basis(row("basis", number, basis.key), basis)

    def _basis(self, where: str, basis: Basis) -> Iterator[Mistake]:
        yield from a_key(where, basis.key)
        yield from self._said(where, "words", basis.words)
        yield from self._cited(where, basis.clause)
        yield from among(where, basis.classes, self._classes, "class of camera")
        yield from among(where, (basis.asker,), ASKERS, "asker")
        yield from among(where, basis.needs, NEEDS, "thing that a basis needs")
        yield from self._steps(where, basis.steps)
        if "danger" in basis.needs:
            later = [need for need in basis.needs if need in NEEDS and need not in ("danger", "scope", *STATED)]
            if later:
                yield Mistake(
                    where,
                    f"With danger the footage may leave before a paper is there, so {listed(later)} cannot be asked for.",
                    f"Leave that to the paper that follows, or ask for what somebody knows: {listed(STATED, 'or')}.",
                )
        if not basis.needs and not basis.steps:
            yield Mistake(where, "The basis asks for nothing: no paper and no step.", "Say what it needs.")
        if basis.ground:
            yield from among(where, (basis.ground,), [ground.key for ground in self._file.ground], "ground")
        if basis.clock is not None:
            yield from a_length(f"{where}, clock, answer", basis.clock.answer)
            if basis.clock.once_more:
                yield from a_length(f"{where}, clock, once_more", basis.clock.once_more)
        if basis.caution:
            yield from self._said(where, "caution", basis.caution)

    def _steps(self, where: str, steps: Sequence[str]) -> Iterator[Mistake]:
        for step in steps:
            kind, _, of = step.partition(":")
            if kind in ROLE_STEPS and of:
                if of not in self._roles:
                    yield Mistake(
                        where, f"There is no role {shown(of)} for the step {shown(step)}.", one_of(self._roles)
                    )
            elif kind == "within" and of:
                yield from a_length(where, of)
            elif step not in PLAIN_STEPS:
                known = (*PLAIN_STEPS, *(f"{kind}:ROLE" for kind in ROLE_STEPS), "within:TIME")
                yield Mistake(where, f"{shown(step)} is not a step.", one_of(known))

    # --- screens, checks -------------------------------------------------------------------------------------------------

    def _of_screens(self) -> Iterator[Mistake]:
        yield from twice("screen", (screen.key for screen in self._file.screen), "screen")
        for number, screen in enumerate(self._file.screen, 1):
            where = row("screen", number, screen.key)
            yield from a_key(where, screen.key)
            yield from among(where, screen.classes, self._classes, "class of camera")
            if not screen.classes:
                yield Mistake(where, "The screen names no class of camera.", "Say which cameras it shows.")
            if not screen.audience:
                yield Mistake(where, "Nobody looks at the screen.", 'Write for = ["staff"].')
            if "anyone" in screen.audience and not screen.plain_sight:
                yield Mistake(
                    where,
                    "The public may see only what is in plain sight from where the screen hangs.",
                    "Set plain_sight = true where that is so, or show it to staff.",
                )
            if screen.ends != CLOSING and not _TIME.fullmatch(screen.ends):
                yield Mistake(where, f"{shown(screen.ends)} is no time of day.", 'Write ends = "closing" or "21:00".')
            if screen.ends == CLOSING and not self._file.library.closing:
                yield Mistake(
                    where,
                    "It ends with closing, and the library does not say when that is.",
                    'Add closing = "20:00" under [library].',
                )

    def _of_checks(self) -> Iterator[Mistake]:
        yield from twice("check", (check.key for check in self._file.check), "check")
        for number, check in enumerate(self._file.check, 1):
            where = row("check", number, check.key)
            yield from a_key(where, check.key)
            yield from self._said(where, "words", check.words)
            yield from self._cited(where, check.clause)
            if check.key == "all":
                yield Mistake(where, "all is what ticks every box of a form.", "Give the check another key.")
            if check.every:
                yield from a_length(where, check.every)
            yield from among(where, (check.by,) if check.by else (), self._roles, "role")

    # --- settings, words -------------------------------------------------------------------------------------------------

    def _of_settings(self) -> Iterator[Mistake]:
        for name, given in self._file.setting.items():
            where, bounds = f"setting, {inert(name)[:40]}", LIMITS.get(name)
            if bounds is None:
                yield Mistake(where, "There is no setting of that name with a range.", one_of(LIMITS))
                continue
            least = bounds[0] if given.least is None else given.least
            most = bounds[1] if given.most is None else given.most
            if least > most:
                yield Mistake(where, f"The range is upside down: from {least} to {most}.", "Swap the two.")
            elif least < bounds[0] or most > bounds[1]:
                yield Mistake(where, f"Holdshelf allows {bounds[0]} to {bounds[1]}.", "Keep the range within it.")
            elif not isinstance(given.value, int) or isinstance(given.value, bool) or not least <= given.value <= most:
                yield Mistake(
                    where, f"{given.value!r:.20} is not a number from {least} to {most}.", "Correct the value."
                )

    def _said(self, where: str, field: str, words: ByLanguage) -> Iterator[Mistake]:
        languages = self._file.library.languages
        for language in languages:
            if not words.get(language, "").strip():
                yield Mistake(where, f"{field} has nothing in {shown(language)}.", f'Add {field}.{language} = "…".')
        for language, text in words.items():
            if language not in languages:
                yield from no_language(self._file, where, language)
            yield from printable(f"{where}, {field}", text)

    def _cited(self, where: str, clause: str) -> Iterator[Mistake]:
        if clause and clause not in self._clauses:
            yield Mistake(where, f"There is no clause {shown(clause)} in this file.", "Add it, or correct the number.")

    # --- cases -----------------------------------------------------------------------------------------------------------

    def _of_cases(self) -> Iterator[Mistake]:
        file = self._file
        for number, case in enumerate(file.case, 1):
            where = row("case", number, "")
            yield from among(where, (case.who,), (*self._roles, *RESERVED), "role")
            yield from among(where, (case.act,), PERMISSIONS, "act")
            yield from self._cited(where, case.clause)
            for given, known, what in (
                (case.basis, {one.key for one in file.basis}, "basis"),
                (case.purpose, {one.key for one in file.purpose}, "purpose"),
                (case.ground, {one.key for one in file.ground}, "ground"),
                (case.camera, self._classes | self._places, "class of camera or kind of place"),
            ):
                yield from among(where, (given,) if given else (), known, what)
            for thing in case.given:
                kind, _, whose = thing.partition(":")
                if thing not in (*NEEDS, *PLAIN_STEPS) and not (kind in ROLE_STEPS and whose in self._roles):
                    can = dict.fromkeys((*NEEDS, *PLAIN_STEPS, *(f"{kind}:ROLE" for kind in ROLE_STEPS)))
                    yield Mistake(where, f"{shown(thing)} is nothing that a case can give.", one_of(can))
            for role, away in case.away.items():
                yield from among(where, (role,), self._roles, "role")
                yield from a_length(where, away)
