"""Requests and answers of the local API on the Board's settings, the adopted policy, and what the policy allows."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.acts import Act, ActSpec, Done, Read, ReadSpec
from holdshelf_core.policy.date_forms import DateForm, Order
from holdshelf_core.policy.listing import listed


class BoardSet(Act[Done], frozen=True):
    """Change one setting. ``paper_sha256``: the Board's minutes, required unless the Chair does it."""

    spec = ActSpec("board.set", changes=True)

    key: str
    value: str
    why: str
    paper_sha256: str = ""


class BoardSetting(msgspec.Struct, frozen=True):
    """One setting as it is. ``least`` and ``most`` bound a whole number; ``choices`` are all that there are, or []."""

    key: str
    value: Any
    default: Any
    what: str
    least: int | None = None
    most: int | None = None
    choices: list[str] = []


class PolicyAdopt(Act["AdoptedRow"], frozen=True):
    """Adopt the library's own text, verbatim; with ``file`` also what it means."""

    spec = ActSpec("policy.adopt", changes=True)

    text: str
    """In the policy's first language."""
    version: str
    adopted_on: str
    statute: str = "enforce"
    paper_sha256: str = ""
    """The Board's minutes or counsel's determination, required for another file and to make the statute advisory."""
    file: str = ""
    """The policy file, whole; '' to leave the one in force."""
    texts: dict[str, str] = {}
    """By language: the text in the policy's other languages."""
    signature: str = ""
    """The policy file signed as by `ssh-keygen -Y sign -n policy@holdshelf`, by the key of who speaks for the Board."""


class AdoptedRow(msgspec.Struct, frozen=True):
    """The text in force; empty fields: none adopted."""

    version: str = ""
    adopted_on: str = ""
    sha256: str = ""
    statute: str = "enforce"
    text: str = ""
    file_sha256: str = ""
    """Of the policy file; '' for the first library's."""
    languages: list[str] = []
    """In which the text was adopted, where it was in several."""
    signed_by: str = ""
    """Who signed the policy file, by name; '' nobody did."""
    ended: list[str] = []
    """On adoption: terms that end because their role is no more, in words."""
    screens_ended: list[str] = []
    """Screens that show nothing any more, as the new policy has none of that name: who has their key, and which."""
    warning: str = ""
    """On adoption: phrases in the text that contradict the policy itself."""
    reviewed_by: str = ""
    """On adoption on the Board's signed paper, which is flagged: who reviews that, by position; '' where it is not flagged."""
    sums: dict[str, str] = {}
    """By language, the SHA-256 of each text that is in force, where it was adopted in several."""


class MayAnswer(msgspec.Struct, frozen=True):
    """The policy's answer: allowed, and in which role; or the clause, the sentence, and who can help."""

    allowed: bool
    acting_as: str
    clause: str
    sentence: str
    who_can_help: str


class ReadBoard(Read[list[BoardSetting]], frozen=True):
    """Return the Board's settings."""

    spec = ReadSpec("/rules/board", "")


class ReadPolicy(Read[AdoptedRow], frozen=True):
    """Return the adopted policy, with its text."""

    spec = ReadSpec("/rules/policy", "")


class AdoptedText(msgspec.Struct, frozen=True):
    """A text or file that was adopted once; '' where it is not here as it was."""

    text: str = ""


class ReadPolicyText(Read[AdoptedText], frozen=True):
    """Return the text or file of that SHA-256, as one of the library's policies had it."""

    spec = ReadSpec("/rules/text", "")

    sha256: str


class PolicyLinted(msgspec.Struct, frozen=True):
    """What is found in a policy file before it is adopted, in sentences. With a mistake, nothing else is said of it."""

    mistakes: list[str] = []
    library: str = ""
    languages: list[str] = []
    """In which its text is adopted, the first one first."""
    looser: list[str] = []
    """Than the policy in force."""
    stricter: list[str] = []
    other: list[str] = []
    words_only: list[str] = []
    """Clauses that the machine leaves to people."""
    unshown: list[str] = []
    """Clauses with a duty of which no cases show what they allow and what they refuse."""


class ReadPolicyLint(Read[PolicyLinted], frozen=True):
    """Check a policy file, and compare it with the policy in force; nothing is adopted."""

    spec = ReadSpec("/rules/lint", "policy.adopt", method="POST")

    file: str


class PolicyRole(msgspec.Struct, frozen=True):
    """A role of the policy in force. ``on_paper``: it has no holder here, and acts by signed paper."""

    key: str
    words: str
    short: str
    on_paper: bool = False
    for_the_board: bool = False


type Choices = list[tuple[str, str]]
"""Keys with their words, in the policy's order."""


class PolicyLists(msgspec.Struct, frozen=True):
    """What the policy in force lists, for forms and for words."""

    roles: list[PolicyRole] = []
    purposes: Choices = []
    share_purposes: Choices = []
    grounds: Choices = []
    bases: Choices = []
    needs: dict[str, list[str]] = {}
    """What each basis asks for, as in the policy file."""
    determinable: list[str] = []
    """Bases that counsel's determination can open."""
    second: dict[str, list[str]] = {}
    """Roles that count as the second person: of ``hold.lift``, ``release.approve`` and ``flag.review``."""
    alone: list[str] = []
    """Of ``hold.lift`` and ``release.approve``, what takes no second person."""
    consenting: dict[str, list[str]] = {}
    """Of each basis, the roles whose consent a release on it takes."""
    stated: Choices = []
    """What somebody at the library can state of a request, as bases ask for it."""
    places: Choices = []
    """Kinds of place where a camera may stand."""
    explained: list[str] = []
    """Those of which it must be said which and why."""
    timed: list[str] = []
    """Bases whose requests must be answered in time."""
    screens: Choices = []
    """What shows live pictures to an audience: which cameras, to whom, until when."""
    consents: Choices = []
    """Roles whose consent the approval of a camera takes."""
    consults: Choices = []
    """Roles that are consulted before it."""
    dates: Order = "mdy"
    """In which order a day is written."""
    hours: int = 12
    library: str = ""
    """The library's name in the adopted file, and whom the public asks; '' where none was adopted, or it says nothing."""
    contact: str = ""
    numbers: dict[str, str] = {}
    """By P1 to P21 the library's own clauses; {} for the same."""
    languages: list[str] = []
    """In which the policy's text is adopted, the first one first."""
    board: str = ""
    """The library's word for its Board, in English and without its article; '' for 'Board'."""
    signs: list[str] = []
    """In which it words the entrance sign."""

    @property
    def date_form(self) -> DateForm:
        """How days and times of day are written."""
        return DateForm(self.dates, self.hours)

    @property
    def first(self) -> str:
        """'Library Director': the role whose holder is named first, whom people ask."""
        return next((words for _, words in self.seats), "library")

    @property
    def seats(self) -> Choices:
        """The roles that have holders here."""
        return [(role.key, role.words) for role in self.roles if not role.on_paper]

    @property
    def titles(self) -> str:
        """'Director, Chair or Mayor': everybody who holds a seat."""
        return listed([role.short for role in self.roles if not role.on_paper], "or")

    @property
    def reviewers(self) -> str:
        """'Director, Chair and Mayor': who reviews what was flagged."""
        return listed([role.short for role in self.roles if role.key in self.second.get("flag.review", [])])

    @property
    def board_words(self) -> str:
        """'Chair': who speaks for the Board."""
        return next((role.short for role in self.roles if role.for_the_board), self.board or "Board")

    @property
    def role_words(self) -> dict[str, str]:
        """Words of each role."""
        return {role.key: role.words for role in self.roles}

    @property
    def for_the_board(self) -> str:
        """The role that speaks for the Board; '' for none."""
        return next((role.key for role in self.roles if role.for_the_board), "")

    def purpose_like(self, *wanted: str) -> str:
        """Return the first purpose of these keys, or where this policy has none the first one to look for; '' for none."""
        known = [key for key, _ in self.purposes]
        return next((key for key in (*wanted, *known) if key in known), "")

    def is_urgent(self, basis: str) -> bool:
        """Return whether it is imminent danger: the paper follows."""
        return "danger" in self.needs.get(basis, [])

    def is_spoken(self, basis: str) -> bool:
        """Return whether a request on that basis takes no paper: who asks is written down as they say it."""
        needs = self.needs.get(basis)
        return needs is not None and "written" not in needs and not self.is_urgent(basis)

    def consulted_for(self, basis: str) -> Choices:
        """Return the roles that are consulted before a release on that basis is approved."""
        steps = {f"consult:{role.key}": role for role in self.roles}
        return [(steps[need].key, steps[need].words) for need in self.needs.get(basis, []) if need in steps]

    def signers(self, act: str, basis: str = "") -> Choices:
        """Return who may sign for an act: as its second person, and whose consent that basis takes."""
        named = [*self.consenting.get(basis, []), *self.second.get(act, [])]
        return [(role.key, role.words) for role in self.roles if role.key in named]


class ReadPolicyLists(Read[PolicyLists], frozen=True):
    """Return what the policy in force lists."""

    spec = ReadSpec("/rules/lists", "")


class PolicyFileRow(msgspec.Struct, frozen=True):
    """The policy file in force; '' and '' for the first library's, which comes with Holdshelf."""

    sha256: str = ""
    text: str = ""


class ReadPolicyFile(Read[PolicyFileRow], frozen=True):
    """Return the policy file in force, whole."""

    spec = ReadSpec("/rules/file", "")


class ReadMay(Read[MayAnswer], frozen=True):
    """Return what the policy would decide. ``cameras`` and ``rights`` are comma-separated."""

    spec = ReadSpec("/rules/may", "person.see")

    person: str
    action: str
    cameras: str = ""
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    purpose: str = ""
    incident: str = ""
    target: str = ""
    rights: str = ""
    at_utc_ns: int | None = None
