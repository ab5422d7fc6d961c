"""What a policy file means as a whole: references, ranges, and what no file may loosen. Each mistake is one sentence.

The kernel's own lists (acts, rights, duties, private places) come from the rules themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import structs

from holdshelf_core.inert import inert
from holdshelf_core.policy.areas import PERMITTED, PRIVATE, questionable_name
from holdshelf_core.policy.board import LIMITS
from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.gates import ASKERS, NEEDS, STATED
from holdshelf_core.policy.lengths import HOURS, MINUTES, WEEKDAYS, Length, parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.near import did_you_mean
from holdshelf_core.policy.purposes import no_purpose
from holdshelf_core.policy.rights import PERMISSIONS, TAKEN
from holdshelf_core.policy.schema import Basis, Case, PolicyFile
from holdshelf_core.policy.screens import CLOSING
from holdshelf_core.policy.statute import JUDGE
from holdshelf_core.policy.steps import CONSENT, CONSULT, STEPPED, TELL
from holdshelf_core.policy.tables import SECOND_DUTIES
from holdshelf_core.policy_file.check_roles import role_mistakes
from holdshelf_core.policy_file.check_words import (
    alike_mistakes,
    as_meant,
    board_mistakes,
    language_mistakes,
    said_mistakes,
    short_mistakes,
    sign_mistakes,
    word_mistakes,
)
from holdshelf_core.policy_file.mistake import (
    Mistake,
    a_key,
    a_length,
    among,
    one_of,
    printable,
    repeated,
    row,
    shown,
    twice,
)
from holdshelf_core.policy_file.spelling import odd_characters
from holdshelf_storage.units import DAY_NS

NO_ROLE = ("admin", "nobody")
"""Whom a case may ask for beside the file's roles."""
NOT_ASKED = ("share.view", "share.end", "screen.give")
PLAIN_STEPS = ("paper", JUDGE)
ROLE_STEPS = (CONSENT, CONSULT, TELL)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DATE = re.compile(r"(\d{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)


def _is_date(text: str) -> bool:
    """Return whether it is 2026-12-25, or 12-25 of each year (02-29 too)."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text if len(text) == 10 else f"2028-{text}")
    except ValueError:
        return False
    return True


def mistakes(file: PolicyFile, text: str = "") -> list[Mistake]:
    """Return every mistake, in the order of the file.

    ``text``: the file as it was written. Characters in it that look like others come first, and alone: what they stand in is
    not what it seems. A file in force is read without it, whatever it has in its texts.
    """
    return odd_characters(text) or list(_Check(file).all())


class _Check:
    """The checks of one file."""

    def __init__(self, file: PolicyFile) -> None:
        self._written, self._file = file, as_meant(file)
        self._roles = {role.key: role for role in file.role}
        # Dictionaries for the order in which they are listed.
        self._classes = {one.key: None for one in file.camera_class}
        self._places = {place.key: None for place in file.place} or {area.kind: None for area in PERMITTED}
        self._clauses = {clause.id: None for clause in file.clause}

    def all(self) -> Iterator[Mistake]:
        yield from self._library()
        yield from self._of_clauses()
        yield from role_mistakes(self._file)
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
        yield from alike_mistakes(self._file)
        yield from self._of_cases()
        yield from self._of_lists()

    def _of_lists(self) -> Iterator[Mistake]:
        """Lists of names: each name once."""
        for field in structs.fields(PolicyFile):
            rows = getattr(self._file, field.name)
            listing = structs.fields(rows[0]) if isinstance(rows, tuple) and rows else ()
            for number, one in enumerate(rows if listing else (), 1):
                lists = [
                    (inner.encode_name, given)
                    for inner in listing
                    if isinstance(given := getattr(one, inner.name), tuple) and given
                ]
                where = field.encode_name
                if lists:
                    where = row(where, number, next((getattr(one, k) for k in ("key", "id") if hasattr(one, k)), ""))
                for name, given in lists:
                    yield from repeated(f"{where}, {name}", given)
        yield from repeated("library, closed", self._file.library.closed)
        before = {act: self._file.before(act).steps for act in self._file.steps}
        for name, lists_of in (("second", self._file.second), ("steps", before)):
            for act, roles in lists_of.items():
                yield from repeated(f"{name}, {inert(act)[:40]}", roles)

    # --- the library ---------------------------------------------------------------------------------------------------

    def _library(self) -> Iterator[Mistake]:
        library, where = self._file.library, "library"
        if not library.name.strip():
            yield Mistake(where, "The library has no name.", "Give its name: it is on every paper.")
        yield from language_mistakes(self._written)
        yield from board_mistakes(self._file)
        for field, words in (("authority", library.authority), ("purposes", library.purposes)):
            if words:
                yield from said_mistakes(self._file, where, field, words)
        if library.contact is not None:
            yield from said_mistakes(self._file, where, "contact.title", library.contact.title)
            for field, text in (("address", library.contact.address), ("telephone", library.contact.telephone)):
                if not text.strip():
                    yield Mistake(where, f"contact.{field} is empty.", "Give it: it is on the sign.")
                yield from printable(f"{where}, contact.{field}", text)
        yield from self._hours()

    def _hours(self) -> Iterator[Mistake]:
        library, where = self._file.library, "library"
        if library.closing and not _TIME.fullmatch(library.closing):
            yield Mistake(where, f"{shown(library.closing)} is not a time of day.", 'Write closing = "20:00".')
        for day in library.closed:
            if day.lower() not in WEEKDAYS and not _is_date(day):
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
            if clause.id != " ".join(clause.id.split()):
                yield Mistake(where, "The clause's number has too many spaces.", "Write it as other rows cite it.")
            if not clause.id.strip() or len(clause.id) > 20:
                yield Mistake(where, "A clause's number has 1 to 20 characters.", "Write it as the policy has it.")
            if clause.id.strip().lower() in ("yes", "no"):
                sentence = f"{shown(clause.id)} would be read as an answer in the table of who may do what."
                yield Mistake(where, sentence, "Give the clause a number, or another name.")
            yield from said_mistakes(self._file, where, "says", clause.says)
            if clause.alone:
                yield from said_mistakes(self._file, where, "alone", clause.alone)
                if not set(clause.duties).intersection(SECOND_DUTIES.values()):
                    yield Mistake(
                        where,
                        "What it says where one person does it is about P13 and P16, which it does not state.",
                        "Take alone out, or give it that duty.",
                    )
            if clause.title:
                yield from said_mistakes(self._file, where, "title", clause.title)
            yield from among(where, clause.duties, CLAUSES, "duty")

    def _of_steps(self) -> Iterator[Mistake]:
        for act in self._file.steps:
            where, before = f"steps, {inert(act)[:40]}", self._file.before(act)
            if act not in STEPPED:
                sentence = f"Steps do not stand before {shown(act)}, only before {listed(STEPPED, 'or')}."
                step = "Take them out here: a look has the steps of its purpose, and a release those of its basis."
                yield Mistake(where, sentence, f"{meant} {step}" if (meant := did_you_mean(act, STEPPED)) else step)
            yield from self._steps(where, before.steps)
            yield from self._before_an_act(where, before.steps)
            yield from self._cited(where, before.clause)
            if before.clause and not before.steps:
                yield Mistake(where, "The clause asks for no step.", "Name its steps, or take the clause out.")

    @staticmethod
    def _before_an_act(where: str, steps: Sequence[str]) -> Iterator[Mistake]:
        for step in steps:
            kind = step.partition(":")[0]
            if kind in PLAIN_STEPS or kind == "within":
                sentence = f"{shown(step)} is asked of a request, not before an act."
                yield Mistake(where, sentence, one_of(f"{kind}:ROLE" for kind in ROLE_STEPS))

    # --- places --------------------------------------------------------------------------------------------------------

    def _of_places(self) -> Iterator[Mistake]:
        file = self._file
        yield from twice("place", (place.key for place in file.place), "place")
        private = {area.kind for area in PRIVATE}
        for number, place in enumerate(file.place, 1):
            where = row("place", number, place.key)
            yield from a_key(where, place.key)
            yield from said_mistakes(self._file, where, "words", place.words)
            hidden = place.key in private or any(questionable_name(text) for text in (place.key, *place.words.values()))
            if hidden and not place.private:
                yield Mistake(
                    where,
                    "People may expect to be private there, and no file opens such a place.",
                    "Set private = true; a place beside it is named by itself, as “hallway”.",
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
            yield from said_mistakes(self._file, where, "words", purpose.words)
            yield from short_mistakes(self._file, where, purpose.short)
            yield from self._cited(where, purpose.clause)
            if not purpose.uses:
                yield Mistake(where, "The purpose is for nothing.", 'Write for = ["look"], ["share"] or both.')
            yield from among(where, purpose.roles, self._roles, "role")
            for key in purpose.roles:
                if key in self._roles and self._roles[key].on_paper:
                    yield Mistake(where, f"{key} is on paper and looks at nothing.", "Take it out of the roles.")
            yield from among(where, purpose.classes, self._classes, "class of camera")
            yield from self._steps(where, purpose.steps)
            yield from self._before_an_act(where, purpose.steps)
            if purpose.steps and "look" not in purpose.uses:
                sentence = "Steps stand before a look, and this purpose is for sharing alone."
                yield Mistake(where, sentence, 'Take the steps out, or add "look" to for.')
            for words in (*purpose.words.values(), *purpose.short.values()):
                problem = no_purpose(words)
                if problem is not None:
                    yield Mistake(where, problem[1], "No file makes it one; take it out, or say it in other words.")
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
                    f"At most {found['at_most']} may be as short as {found['at_most'].shortest_ns // DAY_NS} days, and that is "
                    f"shorter than at least {found['at_least']}, up to {found['at_least'].longest_ns // DAY_NS} days.",
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
            yield from said_mistakes(self._file, where, "words", ground.words)
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
        yield from said_mistakes(self._file, where, "words", basis.words)
        yield from short_mistakes(self._file, where, basis.short)
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
        if "paper" in basis.steps and "written" not in basis.needs:
            yield Mistake(where, "The step “paper” has no paper to ask for.", 'Add "written" to what it needs.')
        within = [step for step in basis.steps if step.startswith("within:")]
        if within and "danger" not in basis.needs:
            sentence = (
                f"{shown(within[0])} is about a paper that follows, and only in danger does footage leave before."
            )
            yield Mistake(where, sentence, 'Take the step out, or add "danger" to what it needs.')
        if len(within) > 1:
            yield Mistake(where, f"{listed(within)} are two times for one paper.", "Leave one.")
        if not basis.needs and not basis.steps:
            yield Mistake(where, "The basis asks for nothing: no paper and no step.", "Say what it needs.")
        if basis.ground:
            yield from among(where, (basis.ground,), [ground.key for ground in self._file.ground], "ground")
        if basis.clock is not None:
            for field, text in (("answer", basis.clock.answer), ("once_more", basis.clock.once_more)):
                if text or field == "answer":
                    yield from a_length(f"{where}, clock, {field}", text)
                length = parse_length(text)
                if length is not None and length.unit in (MINUTES, HOURS):
                    sentence = f"{shown(text)}: an answer is due by the end of a day."
                    yield Mistake(f"{where}, clock, {field}", sentence, "Count it in days, business days or months.")
        if basis.caution:
            yield from said_mistakes(self._file, where, "caution", basis.caution)

    def _steps(self, where: str, steps: Sequence[str]) -> Iterator[Mistake]:
        for step in steps:
            kind, _, of = step.partition(":")
            if kind in ROLE_STEPS and of:
                if of not in self._roles:
                    yield Mistake(
                        where, f"There is no role {shown(of)} for the step {shown(step)}.", one_of(self._roles, of)
                    )
            elif kind == "within" and of:
                yield from a_length(where, of)
            elif step not in PLAIN_STEPS:
                known = (*PLAIN_STEPS, *(f"{kind}:ROLE" for kind in ROLE_STEPS), "within:TIME")
                yield Mistake(where, f"{shown(step)} is not a step.", one_of(known, step))

    # --- screens, checks -------------------------------------------------------------------------------------------------

    def _of_screens(self) -> Iterator[Mistake]:
        yield from twice("screen", (screen.key for screen in self._file.screen), "screen")
        for number, screen in enumerate(self._file.screen, 1):
            where = row("screen", number, screen.key)
            yield from a_key(where, screen.key)
            yield from self._cited(where, screen.clause)
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
                yield Mistake(
                    where, f"{shown(screen.ends)} is not a time of day.", 'Write ends = "closing" or "21:00".'
                )
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
            yield from said_mistakes(self._file, where, "words", check.words)
            yield from self._cited(where, check.clause)
            if check.key == "all":
                yield Mistake(where, "all is what checks every box of a form.", "Give the check another key.")
            if check.every:
                yield from a_length(where, check.every)
            yield from among(where, (check.by,) if check.by else (), self._roles, "role")

    # --- settings, words -------------------------------------------------------------------------------------------------

    def _of_settings(self) -> Iterator[Mistake]:
        for name, given in self._file.setting.items():
            where, bounds = f"setting, {inert(name)[:40]}", LIMITS.get(name)
            if bounds is None:
                yield Mistake(where, "There is no setting of that name with a range.", one_of(LIMITS, name))
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

    def _cited(self, where: str, clause: str) -> Iterator[Mistake]:
        if clause and clause not in self._clauses:
            yield Mistake(where, f"There is no clause {shown(clause)} in this file.", one_of(self._clauses, clause))

    # --- cases -----------------------------------------------------------------------------------------------------------

    def _of_cases(self) -> Iterator[Mistake]:
        bases, purposes, grounds = (
            {one.key for one in rows} for rows in (self._file.basis, self._file.purpose, self._file.ground)
        )
        cameras = self._classes | self._places
        for number, case in enumerate(self._file.case, 1):
            where = row("case", number, "")
            yield from among(where, (case.who,), (*self._roles, *NO_ROLE), "role")
            yield from among(where, (case.act,), PERMISSIONS, "act")
            if case.act in NOT_ASKED:
                sentence = f"{case.act} is about something that was given before, which no case has."
                yield Mistake(where, sentence, self._ask_instead(case.act))
            yield from self._cited(where, case.clause)
            if case.act in PERMISSIONS:
                yield from self._taken(where, case)
            for given, known, what in (
                (case.basis, bases, "basis"),
                (case.purpose, purposes, "purpose"),
                (case.ground, grounds, "ground"),
                (case.camera, cameras, "class of camera or kind of place"),
            ):
                yield from among(where, (given,) if given else (), known, what)
            for thing in case.given:
                kind, _, whose = thing.partition(":")
                if thing not in (*NEEDS, *PLAIN_STEPS) and not (kind in ROLE_STEPS and whose in self._roles):
                    can = dict.fromkeys((*NEEDS, *PLAIN_STEPS, *(f"{kind}:ROLE" for kind in ROLE_STEPS)))
                    yield Mistake(where, f"{shown(thing)} is not something that a case can give.", one_of(can, thing))
            for role, away in case.away.items():
                yield from among(where, (role,), self._roles, "role")
                if role in self._roles and self._roles[role].on_paper:
                    sentence = f"{role} is on paper, so it has no holder who could be away."
                    yield Mistake(where, sentence, f"Take away.{role} out.")
                yield from a_length(where, away)

    @staticmethod
    def _taken(where: str, case: Case) -> Iterator[Mistake]:
        """A basis, a purpose or a ground is named for acts on which it decides: with another one it would prove nothing."""
        for name in TAKEN:
            given, acts = getattr(case, name), [rule.id for rule in PERMISSIONS.values() if name in rule.takes]
            if given and case.act not in acts:
                yield Mistake(
                    where,
                    f"The {name} {shown(given)} decides nothing about {case.act}.",
                    f"Take {name} out of the case, or ask about one of these acts: {', '.join(acts)}.",
                )

    def _ask_instead(self, act: str) -> str:
        """Return which act a case can ask in the place of one that is about what was given before."""
        if act == "screen.give":
            return 'Ask who may look live: act = "look.live".'
        if any("share" in purpose.uses for purpose in self._file.purpose):
            return 'Ask whether it may be given: act = "share.make".'
        return 'Ask who may look: act = "look.archive". The file has no purpose for sharing, so nothing is shared under it.'
