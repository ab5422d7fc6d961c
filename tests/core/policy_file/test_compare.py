"""What a policy file makes looser and what stricter than another one, in words."""

from __future__ import annotations

import pytest

from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.compare import LOOSER, OTHER, STRICTER, differences
from holdshelf_core.policy_file.read import read_bytes
from tests.core.policy_file.mistakes import SOUND

NEEDS, GROUND = 'needs = ["written", "agency"]', 'words.en = "an incident"'
STEPS = '[steps]\n"commission.approve" = ["consult:board"]\n[second]'


@pytest.mark.parametrize(
    ("before", "after", "kind", "said"),
    [
        ("within:5 business days", "within:24 hours", STRICTER, "the paper that follows is due within 24 hours."),
        ("within:5 business days", "within:30 days", LOOSER, "the paper that follows is due within 30 days."),
        (GROUND, f'{GROUND}\nat_most = "1 year"', OTHER, "A hold on an incident keeps footage for at most 1 year."),
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
