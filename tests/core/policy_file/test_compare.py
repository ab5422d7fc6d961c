"""What a policy file makes looser and what stricter than another one, in words."""

from __future__ import annotations

import msgspec
import pytest

from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.compare import LOOSER, OTHER, STRICTER, differences
from holdshelf_core.policy_file.read import read_bytes
from tests.core.policy_file.mistakes import SOUND

NEEDS, GROUND = 'needs = ["written", "agency"]', 'words.en = "an incident"'
PURPOSE = 'key = "crime"'
STEPS = '[steps]\n"commission.approve" = ["consult:board"]\n[second]'


@pytest.mark.parametrize(
    ("before", "after", "kind", "said"),
    [
        (PURPOSE, f'{PURPOSE}\nsteps = ["consult:board"]', STRICTER, "“a crime”: the Library Board is consulted."),
        (NEEDS, f'from = "law-enforcement"\n{NEEDS}', STRICTER, "who asks is: law enforcement (before: anyone)."),
        (
            NEEDS,
            'needs = ["written", "agency", "officer"]',
            STRICTER,
            "needed, too: the officer and a number to call back.",
        ),
        ('every = "3 years"', 'every = "10 years"', LOOSER, "looks at the policy again: to be checked every 10 years."),
        ('every = "3 years"', "", STRICTER, "looks at the policy again: to be checked as often as the Board sets."),
        ("value = 10", "value = 20", LOOSER, "live_minutes is 20 where the Board sets nothing (before: 10)."),
        ('"a crime"', '"anything"', OTHER, "The purpose crime is “anything” (before: “a crime”)."),
        ("through the Director.", "by mail.", OTHER, "Clauses worded otherwise: 7.4."),
        (NEEDS, f'caution.en = "Ask counsel."\n{NEEDS}', OTHER, "this caution is kept on record: “Ask counsel”."),
        (
            'closing = "20:00"',
            'closing = "21:00"',
            LOOSER,
            "closes at 21:00, and screens that end with closing end then (before: 20:00).",
        ),
        (
            GROUND,
            f'{GROUND}\nat_most = "1 year"',
            STRICTER,
            "A hold on an incident keeps footage for at most 1 year (before: until it is lifted).",
        ),
        (
            'at_least = "7 days"',
            'at_least = "14 days"',
            LOOSER,
            "Footage is to be kept for at least 14 days (before: 7 days): it is to be there longer.",
        ),
        (
            'at_least = "7 days"\n',
            "",
            STRICTER,
            "Footage no longer has a least time (before: 7 days): it may go sooner.",
        ),
        (
            "[[basis]]",
            '[[ground]]\nkey = "claim"\nwords.en = "a claim"\n[[basis]]',
            LOOSER,
            "Holds may also rest on a claim: footage may be kept for that, too.",
        ),
        ("[second]", STEPS, STRICTER, "Before a camera is approved: the Library Board is consulted."),
        (NEEDS, f'hide = "others"\n{NEEDS}', STRICTER, "others are hidden."),
        (
            'key = "director"',
            'key = "director"\nclasses = ["outdoors"]',
            STRICTER,
            "for these cameras alone: outdoors.",
        ),
        (
            'key = "director"',
            'key = "director"\nshift = "8 hours"',
            LOOSER,
            "A live look of the Library Director goes on for 8 hours.",
        ),
        (NEEDS, f'clock = {{ answer = "1 month" }}\n{NEEDS}', OTHER, "the answer is due in 1 month."),
    ],
)
def test_each_difference_is_a_sentence_of_its_kind_and_the_other_way_round_is_told_too(
    before: str, after: str, kind: str, said: str
) -> None:
    assert SOUND.count(before) >= 1
    sound, changed = (Policy(read_bytes(text.encode(), "x")) for text in (SOUND, SOUND.replace(before, after, 1)))
    (found,) = differences(sound, changed)
    assert found.kind == kind and found.sentence.endswith(said), found
    back = differences(changed, sound)
    opposite = {LOOSER: STRICTER, STRICTER: LOOSER, OTHER: OTHER}[kind]
    assert [one.kind for one in back] == [opposite]


def test_what_a_new_role_decides_is_in_the_librarys_own_word_for_its_board() -> None:
    """It was told of the Board, beside other sentences that say the Council."""
    council = SOUND.replace('name = "Example Library"', 'name = "Example Library"\nboard.en = "the Council"')
    clerk = '[[role]]\nkey = "clerk"\nwords.en = "Clerk"\ndecides = ["board.set"]\n'
    without, on_paper, told = (
        Policy(read_bytes(council.replace("[second]", f"{role}[second]").encode(), "x"))
        for role in ("", f"{clerk}on_paper = true\n", clerk)
    )
    (new,) = differences(without, told)
    assert new.sentence == "The Clerk is a new role: it decides this: change a setting of the Council."
    (holders,) = differences(on_paper, told)
    assert holders.sentence.endswith("no longer acts by paper: it decides this: change a setting of the Council.")


DANGER = SOUND.replace('needs = ["written", "agency"]', 'needs = ["danger"]').replace(
    '"consent:director"]', '"consent:director", "within:5 business days"]'
)


@pytest.mark.parametrize(("within", "kind"), [("24 hours", STRICTER), ("30 days", LOOSER)])
def test_when_a_paper_follows_is_told(within: str, kind: str) -> None:
    before, after = (
        Policy(read_bytes(text.encode(), "x"))
        for text in (DANGER, DANGER.replace("within:5 business days", f"within:{within}"))
    )
    (found,) = differences(before, after)
    assert found.kind == kind
    assert found.sentence.endswith(f"the paper that follows is due within {within}.")


def test_a_check_that_is_gone_is_looser() -> None:
    before = Policy(read_bytes(SOUND.encode(), "x"))
    after = Policy(msgspec.structs.replace(before.file, check=()))
    (found,) = differences(before, after)
    assert (found.kind, found.sentence) == (LOOSER, "To be checked no more: the Board looks at the policy again.")
    (back,) = differences(after, before)
    assert (back.kind, back.sentence) == (STRICTER, "To be checked, too: the Board looks at the policy again.")


def test_a_judges_signature_that_must_be_there_is_not_told_as_stricter_where_it_passes_the_statute() -> None:
    asked = SOUND.replace('steps = ["consent:director"]', 'steps = ["consent:director", "judge"]')
    before, after = (
        Policy(read_bytes(asked.replace(NEEDS, needs).encode(), "x"))
        for needs in (NEEDS, 'needs = ["written", "agency", "judge"]')
    )
    ((kind, said),) = ((one.kind, one.sentence) for one in differences(before, after))
    assert (kind, said) == (OTHER, "On a request by the police, this is needed, too: a judge's signature.")
    ((kind, _),) = ((one.kind, one.sentence) for one in differences(after, before))
    assert kind == OTHER
