"""Each field of the schema is told once when it changes: as looser, stricter or different, in words and not by its name."""

from __future__ import annotations

import copy
import re
import tomllib
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import structs

from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.compare import LOOSER, OTHER, STRICTER, Difference, differences
from tests.core.policy_file.mistakes import SOUND

FULL = (
    SOUND.replace(
        "[[clause]]", 'contact = { title.en = "Clerk", address = "1 Road", telephone = "100" }\n[[clause]]', 1
    )
    .replace(
        "[second]",
        '[steps]\n"commission.approve" = { steps = ["consult:board"], clause = "7.4" }\n'
        '[second]\n"hold.lift" = []\n"flag.review" = ["director", "board"]',
    )
    .replace(
        "[[class]]",
        '[[place]]\nkey = "parking"\nwords.en = "parking"\n[[place]]\nkey = "hall"\nwords.en = "hall"\n[[class]]',
    )
    .replace('needs = ["written", "agency"]', 'needs = ["written", "agency"]\nclock = { answer = "5 business days" }')
    .replace("[sign.en]", '[words.en]\n"Questions?" = "Any question?"\n[sign.en]')
    + """
[[clause]]
id = "8"
says.en = "Staff are careful."
[[role]]
key = "deputy"
words.en = "Deputy Director"
rights = ["live"]
stands_in = { for = "director", after = "72 hours" }
[[role]]
key = "clerk"
words.en = "Clerk"
decides = ["log.see"]
[[role]]
key = "guard"
words.en = "Guard"
rights = ["live"]
shift = "8 hours"
[[class]]
key = "indoors"
places = ["hall"]
words.en = "indoors"
[[purpose]]
key = "danger"
words.en = "someone's safety"
[[ground]]
key = "claim"
words.en = "a claim"
[[basis]]
key = "owner"
words.en = "a request by the owner"
needs = ["name"]
"""
)
ROLES = {role["key"]: number for number, role in enumerate(tomllib.loads(FULL)["role"])}
DIRECTOR, BOARD, DEPUTY, CLERK, GUARD = (ROLES[key] for key in ("director", "board", "deputy", "clerk", "guard"))

APPROVE = "commission.approve"

type Path = tuple[str | int, ...]
type Told = tuple[str, str]

CHANGES: dict[tuple[str, str], tuple[dict[Path, Any], tuple[Told, ...]]] = {
    ("Library", "name"): (
        {("library", "name"): "Other"},
        ((OTHER, "The library's name is Other (before: Example Library)."),),
    ),
    ("Library", "board"): (
        {("library", "board"): {"en": "the Council"}},
        ((OTHER, "The body that governs the library is called “the Council” (before: the Board)."),),
    ),
    ("Library", "languages"): (
        {("library", "languages"): ["en", "es"]},
        ((OTHER, "languages are en, es (before: en)."),),
    ),
    ("Library", "page"): ({("library", "page"): "a4"}, ((OTHER, "Papers are printed on A4 (before: letter)."),)),
    ("Library", "dates"): ({("library", "dates"): "dmy"}, ((OTHER, "day, month, year (before: month, day, year)."),)),
    ("Library", "clock"): ({("library", "clock"): 24}, ((OTHER, "a clock of 24 hours (before: 12 hours)."),)),
    ("Library", "length"): ({("library", "length"): "m"}, ((OTHER, "Lengths are in meters (before: feet)."),)),
    ("Library", "closing"): ({("library", "closing"): "21:00"}, ((LOOSER, "The library closes at 21:00"),)),
    ("Library", "closed"): (
        {("library", "closed"): ["Sunday", "12-25", "2026-11-27"]},
        (
            (
                OTHER,
                "No business days any more: December 25 of each year and November 27, 2026; business days again: Saturday.",
            ),
        ),
    ),
    ("Library", "authority"): (
        {("library", "authority"): {"en": "the Act"}},
        ((OTHER, "authority on the sign is “the Act”"),),
    ),
    ("Library", "purposes"): ({("library", "purposes"): {"en": "safety"}}, ((OTHER, "cameras are for is “safety”"),)),
    ("Library", "contact"): (
        {("library", "contact"): None},
        ((OTHER, "ask: as the Board sets (before: Clerk, 1 Road, 100)."),),
    ),
    ("Contact", "title"): (
        {("library", "contact", "title"): {"en": "Officer"}},
        ((OTHER, "ask: Officer, 1 Road, 100"),),
    ),
    ("Contact", "address"): ({("library", "contact", "address"): "2 Road"}, ((OTHER, "ask: Clerk, 2 Road, 100"),)),
    ("Contact", "telephone"): ({("library", "contact", "telephone"): "200"}, ((OTHER, "ask: Clerk, 1 Road, 200"),)),
    ("Clause", "id"): ({("clause", 1, "id"): "9"}, ((OTHER, "New clauses: 9."), (OTHER, "Clauses that are gone: 8."))),
    ("Clause", "says"): ({("clause", 1, "says"): {"en": "No."}}, ((OTHER, "Clauses worded otherwise: 8."),)),
    ("Clause", "alone"): (
        {("clause", 0, "alone"): {"en": "One decides."}},
        ((OTHER, "Clauses worded otherwise: 7.4."),),
    ),
    ("Clause", "title"): ({("clause", 1, "title"): {"en": "care"}}, ((OTHER, "Clauses with another title: 8."),)),
    ("Clause", "duty"): (
        {("clause", 1, "duty"): "P21"},
        ((OTHER, "Clause 8 states the duty P21 (confidential) (before: no duty)."),),
    ),
    ("Role", "key"): (
        {("role", CLERK, "key"): "aide"},
        ((STRICTER, "The Clerk is no longer a role"), (LOOSER, "The Clerk is a new role")),
    ),
    ("Role", "words"): (
        {("role", CLERK, "words"): {"en": "Aide"}},
        ((OTHER, "The role clerk is “Aide” (before: “Clerk”)."),),
    ),
    ("Role", "short"): ({("role", CLERK, "short"): {"en": "C."}}, ((OTHER, "The Clerk is called “C” in lists."),)),
    ("Role", "rights"): (
        {("role", DIRECTOR, "rights"): ["live", "archive", "hold", "share"]},
        ((LOOSER, "may also share a recording."),),
    ),
    ("Role", "decides"): (
        {("role", CLERK, "decides"): ["log"]},
        ((LOOSER, "The Clerk may also export the access log"),),
    ),
    ("Role", "receives"): ({("role", CLERK, "receives"): ["release.request"]}, ((LOOSER, "request a release"),)),
    ("Role", "stands_in"): (
        {("role", DEPUTY, "stands_in"): None},
        ((STRICTER, "no longer acts for the Library Director."),),
    ),
    ("StandsIn", "for"): (
        {("role", DEPUTY, "stands_in", "for"): "clerk"},
        ((STRICTER, "no longer acts for the Library Director."), (LOOSER, "acts for the Clerk after 72 hours")),
    ),
    ("StandsIn", "after"): (
        {("role", DEPUTY, "stands_in", "after"): "4 days"},
        ((STRICTER, "acts for the Library Director after 4 days of absence"),),
    ),
    ("Role", "classes"): (
        {("role", CLERK, "classes"): ["indoors"]},
        ((STRICTER, "for these cameras alone: indoors."),),
    ),
    ("Role", "shift"): ({("role", GUARD, "shift"): "4 hours"}, ((STRICTER, "of the Guard goes on for 4 hours."),)),
    ("Role", "on_paper"): ({("role", CLERK, "on_paper"): True}, ((STRICTER, "The Clerk acts by signed paper alone"),)),
    ("Role", "speaks_for_board"): (
        {("role", BOARD, "speaks_for_board"): False, ("role", CLERK, "speaks_for_board"): True},
        ((OTHER, "The Clerk speaks for the Board."),),
    ),
    ("CameraClass", "key"): (
        {("class", 1, "key"): "inside"},
        ((OTHER, "There is a new class of camera"), (OTHER, "There is no class of camera indoors any more.")),
    ),
    ("CameraClass", "places"): (
        {("class", 1, "places"): ["hall", "parking"]},
        ((LOOSER, "The class of camera indoors also has parking."),),
    ),
    ("CameraClass", "words"): (
        {("class", 1, "words"): {"en": "inside"}},
        ((OTHER, "The class of camera indoors is “inside”"),),
    ),
    ("Place", "key"): (
        {("place", 1, "key"): "lobby", ("class", 1, "places"): ["lobby"]},
        (
            (LOOSER, "Cameras may also stand here: hall."),
            (STRICTER, "Cameras may no longer stand here: hall."),
            (LOOSER, "indoors also has hall."),
            (STRICTER, "indoors no longer has hall."),
        ),
    ),
    ("Place", "words"): ({("place", 1, "words"): {"en": "lobby"}}, ((OTHER, "The place hall is “lobby”"),)),
    ("Place", "private"): (
        {("place", 1, "private"): True},
        ((STRICTER, "private too, and no camera may stand there: hall."),),
    ),
    ("Place", "note"): (
        {("place", 1, "note"): True},
        ((STRICTER, "Which place it is and why must be said here: hall."),),
    ),
    ("Purpose", "key"): (
        {("purpose", 1, "key"): "safety"},
        (
            (LOOSER, "New purposes to look: someone's safety."),
            (STRICTER, "No purpose to look any more: someone's safety."),
        ),
    ),
    ("Purpose", "words"): ({("purpose", 1, "words"): {"en": "a fall"}}, ((OTHER, "The purpose danger is “a fall”"),)),
    ("Purpose", "short"): (
        {("purpose", 1, "short"): {"en": "safety"}},
        ((OTHER, "In the report other short words stand for someone's safety."),),
    ),
    ("Purpose", "clause"): (
        {("purpose", 1, "clause"): "8"},
        ((OTHER, "“someone's safety” rests on clause 8 (before: none)."),),
    ),
    ("Purpose", "for"): (
        {("purpose", 1, "for"): ["look", "share"]},
        ((LOOSER, "New purposes to share: someone's safety."),),
    ),
    ("Purpose", "roles"): ({("purpose", 1, "roles"): ["guard"]}, ((STRICTER, "is only for the Guard."),)),
    ("Purpose", "classes"): ({("purpose", 1, "classes"): ["indoors"]}, ((STRICTER, "these classes alone: indoors."),)),
    ("Purpose", "steps"): ({("purpose", 1, "steps"): ["tell:board"]}, ((STRICTER, "the Library Board is told."),)),
    ("Keeping", "at_least"): (
        {("keeping", "at_least"): "14 days"},
        ((LOOSER, "kept for at least 14 days (before: 7 days)"),),
    ),
    ("Keeping", "at_most"): (
        {("keeping", "at_most"): "60 days"},
        ((LOOSER, "Footage is erased after 60 days but for holds."),),
    ),
    ("Ground", "key"): (
        {("ground", 1, "key"): "suit"},
        ((LOOSER, "Holds may also rest on a claim: "), (STRICTER, "New holds no longer rest on a claim: ")),
    ),
    ("Ground", "words"): ({("ground", 1, "words"): {"en": "a suit"}}, ((OTHER, "The ground claim is “a suit”"),)),
    ("Ground", "clause"): ({("ground", 1, "clause"): "8"}, ((OTHER, "A hold on a claim rests on clause 8"),)),
    ("Ground", "at_most"): (
        {("ground", 1, "at_most"): "1 year"},
        ((STRICTER, "keeps footage for at most 1 year (before: until it is lifted)."),),
    ),
    ("Basis", "key"): (
        {("basis", 1, "key"): "seen"},
        (
            (LOOSER, "A release may also rest on a request by the owner."),
            (STRICTER, "A release no longer rests on a request"),
        ),
    ),
    ("Basis", "words"): ({("basis", 1, "words"): {"en": "a wish"}}, ((OTHER, "The basis owner is “a wish”"),)),
    ("Basis", "short"): (
        {("basis", 1, "short"): {"en": "owner"}},
        ((OTHER, "In the report other short words stand for a request by the owner."),),
    ),
    ("Basis", "clause"): (
        {("basis", 1, "clause"): "8"},
        ((OTHER, "a request by the owner rests on clause 8 (before: none)."),),
    ),
    ("Basis", "classes"): ({("basis", 1, "classes"): ["indoors"]}, ((STRICTER, "these classes alone: indoors."),)),
    ("Basis", "from"): (
        {("basis", 1, "from"): "person-seen"},
        ((STRICTER, "who asks is: a person who is seen in it (before: anyone)."),),
    ),
    ("Basis", "needs"): (
        {("basis", 1, "needs"): ["name", "identity"]},
        ((STRICTER, "needed, too: proof of who asks."),),
    ),
    ("Basis", "steps"): ({("basis", 0, "steps"): []}, ((LOOSER, "no longer: the Library Director consents."),)),
    ("Basis", "clock"): ({("basis", 1, "clock"): {"answer": "1 month"}}, ((OTHER, "the answer is due in 1 month."),)),
    ("AnswerBy", "answer"): ({("basis", 0, "clock", "answer"): "2 weeks"}, ((OTHER, "the answer is due in 2 weeks."),)),
    ("AnswerBy", "once_more"): (
        {("basis", 0, "clock", "once_more"): "2 weeks"},
        ((OTHER, "due in 5 business days, and once in 2 weeks more."),),
    ),
    ("Basis", "hide"): ({("basis", 1, "hide"): "others"}, ((STRICTER, "others are hidden."),)),
    ("Basis", "ground"): (
        {("basis", 1, "ground"): "claim"},
        ((OTHER, "A hold for a release on a request by the owner rests on a claim."),),
    ),
    ("Basis", "caution"): (
        {("basis", 1, "caution"): {"en": "Ask."}},
        ((OTHER, "this caution is kept on record: “Ask”."),),
    ),
    ("Screen", "key"): (
        {("screen", 0, "key"): "wall"},
        (
            (LOOSER, "The screen wall shows outdoors live to staff."),
            (STRICTER, "The screen desk shows nothing any more."),
        ),
    ),
    ("Screen", "for"): (
        {("screen", 0, "for"): ["anyone"], ("screen", 0, "plain_sight"): True},
        ((LOOSER, "The screen desk is for anyone."), (OTHER, "is said to show only what is seen from where it hangs.")),
    ),
    ("Screen", "classes"): (
        {("screen", 0, "classes"): ["outdoors", "indoors"]},
        ((LOOSER, "The screen desk also shows indoors."),),
    ),
    ("Screen", "ends"): (
        {("screen", 0, "ends"): "19:00"},
        ((STRICTER, "ends at 19:00 each day (before: with closing)."),),
    ),
    ("Screen", "clause"): (
        {("screen", 0, "clause"): "8"},
        ((OTHER, "The screen desk rests on clause 8 (before: none)."),),
    ),
    ("Screen", "plain_sight"): ({("screen", 0, "plain_sight"): True}, ((OTHER, "is said to show only what is seen"),)),
    ("Check", "key"): (
        {("check", 0, "key"): "again"},
        ((STRICTER, "To be checked, too: the Board looks"), (LOOSER, "To be checked no more: the Board looks")),
    ),
    ("Check", "words"): ({("check", 0, "words"): {"en": "looked"}}, ((OTHER, "The check review is “looked”"),)),
    ("Check", "clause"): ({("check", 0, "clause"): "8"}, ((OTHER, "looks at the policy again” rests on clause 8"),)),
    ("Check", "every"): ({("check", 0, "every"): "4 years"}, ((LOOSER, "to be checked every 4 years."),)),
    ("Check", "by"): ({("check", 0, "by"): "clerk"}, ((OTHER, "to be checked by the Clerk."),)),
    ("Check", "by_adoption"): (
        {("check", 0, "by_adoption"): True},
        ((LOOSER, "adopting a policy counts as its first time."),),
    ),
    ("Check", "of_the_text"): ({("check", 0, "of_the_text"): True}, ((STRICTER, "counts for that text alone."),)),
    ("Range", "value"): (
        {("setting", "live_minutes", "value"): 20},
        ((LOOSER, "live_minutes is 20 where the Board sets nothing"),),
    ),
    ("Range", "least"): (
        {("setting", "live_minutes", "least"): 1},
        ((STRICTER, "can be set from 1 to 20 (before: 5 to 20)."),),
    ),
    ("Range", "most"): (
        {("setting", "live_minutes", "most"): 30},
        ((LOOSER, "can be set from 5 to 30 (before: 5 to 20)."),),
    ),
    ("Sign", "headline"): (
        {("sign", "en", "headline"): ["Look up"]},
        ((OTHER, "in en has another headline: “Look up”."),),
    ),
    ("Sign", "lines"): ({("sign", "en", "lines"): ["Ask."]}, ((OTHER, "has another text below its headline: “Ask”."),)),
    ("PolicyFile", "second"): (
        {("second", "release.approve"): []},
        ((LOOSER, "No second person is needed for a release."),),
    ),
    ("PolicyFile", "steps"): (
        {("steps",): {}},
        (
            (LOOSER, "is approved, no longer: the Library Board is consulted."),
            (OTHER, "What it takes before a camera is approved rests on no clause (before: 7.4)."),
        ),
    ),
    ("Steps", "steps"): (
        {("steps", APPROVE, "steps"): ["consent:board"]},
        (
            (STRICTER, "is approved: the Library Board consents."),
            (LOOSER, "no longer: the Library Board is consulted."),
        ),
    ),
    ("Steps", "clause"): (
        {("steps", APPROVE, "clause"): "8"},
        ((OTHER, "What it takes before a camera is approved rests on clause 8 (before: 7.4)."),),
    ),
    ("PolicyFile", "words"): (
        {("words",): {}},
        ((OTHER, "Papers in en say these sentences otherwise: “Questions?”."),),
    ),
    ("PolicyFile", "setting"): (
        {("setting", "grace_days"): {"value": 14}},
        ((STRICTER, "grace_days is 14 where the Board sets nothing (before: 7)."),),
    ),
    ("PolicyFile", "sign"): ({("sign",): {}}, ((OTHER, "The entrance sign in en has Holdshelf's words again."),)),
    **{
        ("Case", field): ({("case", 0, field): value}, ((OTHER, "answers when it is checked: 1 new and 1 gone."),))
        for field, value in {
            "who": "nobody",
            "act": "release.export",
            "expect": "no",
            "clause": "8",
            "basis": "owner",
            "purpose": "danger",
            "ground": "claim",
            "camera": "hall",
            "away": {"director": "1 day"},
            "given": ["written"],
            "says": "who approves",
        }.items()
    },
}
ROWS = {
    "library",
    "clause",
    "role",
    "class",
    "place",
    "purpose",
    "keeping",
    "ground",
    "basis",
    "screen",
    "check",
    "case",
}
"""Tables that are told by the fields of their rows, and by rows that come and go (``key``)."""
UNTOLD = {("PolicyFile", "format")}
"""There is one format."""
UNSOUND = {("Library", "languages"), ("Case", "purpose"), ("Case", "ground")}
"""A change of this one alone leaves a mistake: words in the new language are missing."""


def kinds(hint: object) -> Iterator[type[msgspec.Struct]]:
    """The tables in a field's type."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    elif get_origin(hint) in (tuple, dict, Union, types.UnionType):
        for one in get_args(hint):
            yield from kinds(one)


def fields(kind: type[msgspec.Struct], seen: set[type] | None = None) -> Iterator[tuple[str, str]]:
    """Every field of a table and of the tables in it, as files write it."""
    seen = set() if seen is None else seen
    if kind in seen:
        return
    seen.add(kind)
    hints = get_type_hints(kind)
    for field in structs.fields(kind):
        if not (kind is PolicyFile and field.encode_name in ROWS):
            yield kind.__name__, field.encode_name
        for inner in kinds(hints[field.name]):
            yield from fields(inner, seen)


FIELDS = [one for one in fields(PolicyFile) if one not in UNTOLD]


def changed(changes: dict[Path, Any]) -> PolicyFile:
    """The full file with other values at these places; None takes a field out."""
    tables = copy.deepcopy(tomllib.loads(FULL))
    for (*above, last), value in changes.items():
        at: Any = tables
        for key in above:
            at = at[key]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return msgspec.convert(tables, PolicyFile)


def told(before: PolicyFile, after: PolicyFile) -> list[Difference]:
    return differences(Policy(before), Policy(after))


def test_every_field_of_the_schema_has_a_change_here() -> None:
    assert set(FIELDS) == set(CHANGES)
    assert mistakes(changed({})) == []
    assert told(changed({}), changed({})) == []


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_a_change_of_each_field_is_told_once_in_words_and_the_other_way_round_as_the_opposite(
    field: tuple[str, str],
) -> None:
    changes, expected = CHANGES[field]
    before, after = changed({}), changed(changes)
    assert field in UNSOUND or mistakes(after) == []
    found = told(before, after)
    assert [one.kind for one in found] == [kind for kind, _ in expected], found
    for one, (_, words) in zip(found, expected, strict=True):
        assert words in one.sentence, one.sentence
        assert one.sentence.endswith(".") and not one.sentence.endswith("..")
        assert not re.search(rf"\b{field[0].lower()} \S+, {field[1]}\b|_(?!minutes|days)", one.sentence), one.sentence
    opposite = {LOOSER: STRICTER, STRICTER: LOOSER, OTHER: OTHER}
    assert sorted(one.kind for one in told(after, before)) == sorted(opposite[kind] for kind, _ in expected)


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({("role", DEPUTY, "stands_in", "after"): "48 hours"}, {("role", DEPUTY, "stands_in", "after"): "2 days"}),
        ({("role", GUARD, "shift"): "60 minutes"}, {("role", GUARD, "shift"): "1 hour"}),
        ({("keeping", "at_most"): "4 weeks"}, {("keeping", "at_most"): "28 days"}),
        ({("keeping", "at_least"): "48 hours"}, {("keeping", "at_least"): "2 days"}),
        ({("ground", 1, "at_most"): "12 months"}, {("ground", 1, "at_most"): "1 year"}),
        ({("check", 0, "every"): "7 days"}, {("check", 0, "every"): "1 week"}),
        ({("basis", 0, "clock"): {"answer": "14 days"}}, {("basis", 0, "clock"): {"answer": "2 weeks"}}),
        (
            {("basis", 1, "needs"): ["danger"], ("basis", 1, "steps"): ["within:48 hours"]},
            {("basis", 1, "needs"): ["danger"], ("basis", 1, "steps"): ["within:2 days"]},
        ),
        ({("library", "closed"): ["sunday", "saturday"]}, {("library", "closed"): ["Saturday", "Sunday"]}),
        ({("role", CLERK, "classes"): ["indoors", "outdoors"]}, {("role", CLERK, "classes"): ["outdoors", "indoors"]}),
        ({("steps", APPROVE): ["consult:board"]}, {("steps", APPROVE): {"steps": ["consult:board"]}}),
    ],
)
def test_what_is_written_otherwise_and_means_the_same_is_no_difference(
    changes: dict[Path, Any], again: dict[Path, Any]
) -> None:
    before, after = changed(changes), changed(again)
    assert before != after
    assert told(before, after) == []


def test_a_basis_that_is_opened_to_anyone_is_looser() -> None:
    (found,) = told(changed({("basis", 1, "from"): "court"}), changed({}))
    assert (found.kind, found.sentence) == (
        LOOSER,
        "On a request by the owner, who asks is: anyone (before: a court).",
    )


def test_which_and_why_that_need_not_be_said_any_more_is_looser() -> None:
    (found,) = told(changed({("place", 1, "note"): True}), changed({}))
    assert (found.kind, found.sentence) == (LOOSER, "Which place it is and why need no longer be said here: hall.")


def test_a_list_that_is_another_one_is_told_by_what_came_and_what_went() -> None:
    found = told(
        changed({("role", CLERK, "classes"): ["indoors"]}), changed({("role", CLERK, "classes"): ["outdoors"]})
    )
    assert [(one.kind, one.sentence) for one in found] == [
        (LOOSER, "The Clerk is also there for these cameras: outdoors."),
        (STRICTER, "The Clerk is no longer there for these cameras: indoors."),
    ]
    before = {("second", "release.approve"): ["board", "director"]}
    found = told(changed(before), changed({}))
    assert [(one.kind, one.sentence) for one in found] == [
        (STRICTER, "The second person for a release is no longer the Library Director.")
    ]


def test_the_same_steps_in_another_order_are_told() -> None:
    steps = ["consult:board", "consent:director"]
    (found,) = told(changed({("basis", 0, "steps"): steps}), changed({("basis", 0, "steps"): steps[::-1]}))
    assert found.kind == OTHER
    assert found.sentence.endswith("in this order: the Library Director consents, then the Library Board is consulted.")


def test_danger_lets_footage_leave_before_a_paper_and_is_looser() -> None:
    danger = {("basis", 1, "needs"): ["name", "danger"]}
    (found,) = told(changed({}), changed(danger))
    assert found.kind == LOOSER
    assert found.sentence == (
        "On a request by the owner, footage may leave at once where what the danger is has been said, and the paper follows."
    )
    (back,) = told(changed(danger), changed({}))
    assert back.kind == STRICTER and back.sentence.endswith("footage no longer leaves at once in danger.")


def test_where_the_paper_stands_among_the_steps_asks_for_nothing_more() -> None:
    steps = {("basis", 0, "steps"): ["paper", "consent:director"]}
    (found,) = told(changed({}), changed(steps))
    assert found.kind == OTHER
    assert found.sentence.endswith("in this order: a paper, then the Library Director consents.")


def test_a_right_that_brings_no_act_of_its_own_is_told_by_the_letters_that_it_goes_into() -> None:
    everything = {("role", DIRECTOR, "decides"): ["all"]}
    after = everything | {("role", DIRECTOR, "rights"): ["live", "archive", "hold", "release"]}
    found = told(changed(everything), changed(after))
    assert [one.kind for one in found] == [LOOSER]


def test_times_that_the_calendar_decides_are_only_different() -> None:
    compared = {
        ("1 month", "30 days"): None,
        ("1 month", "28 days"): 1,
        ("1 month", "32 days"): -1,
        ("1 year", "12 months"): 0,
        ("5 business days", "1 day"): 1,
    }
    for (one, another), answer in compared.items():
        length, other = parse_length(one), parse_length(another)
        assert length is not None and other is not None
        assert length.compared(other) == answer, (one, another)
