"""The disclaimer (P20) as a release form has it: what the adopted text says of it, word for word, or where it stands. Pure.

A text that is not the adopted one is refused, as for `print policy`: a form must never carry a sentence that nobody
adopted.
"""

from __future__ import annotations

import re

from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers.catalogs import ENGLISH, board_of, words_of
from holdshelf_tui.papers.days import day_words
from holdshelf_tui.papers.document import Block, Para
from holdshelf_tui.papers.policy import check_text
from holdshelf_tui.papers.text import clean

_MOST, _MOST_LETTERS, _LEAST_LETTERS = 3, 900, 30
_BULLET = re.compile(r"^\s*(?:[·•*–—-]|\(?\d{1,3}[.)])\s+")


def disclaimer(facts: PaperFacts) -> list[Block]:
    """A paragraph or more. Raises Conflict when the text here is not the one that was adopted."""
    policy, say = facts.policy, words_of(facts)
    if policy is None:
        return [
            Para(
                say(
                    "Disclaimer (P20): it stands in the policy that {board} adopted, on paper; the text is not installed here.",
                    board=board_of(facts, say),
                )
            )
        ]
    if policy.text:
        check_text(policy)
    sha256, adopted_on = clean(policy.sha256, 64)[:16], day_words(policy.adopted_on, say)
    said = _sentences(policy.text)
    lead = say(
        "Disclaimer (P20): what the library answers for and what it does not is said in its policy (version {version}, "
        "adopted {day}, SHA-256 {begin}…), and holds for whoever has what is released.",
        version=clean(policy.version, 40),
        day=adopted_on,
        begin=sha256,
    )
    if not said:
        return [Para(lead)]
    language = "" if say.language == ENGLISH else ENGLISH
    lead += " " + say("The policy says, word for word:")
    return [Para(lead), *(Para(one, "quote", language) for one in said)]


def _sentences(text: str) -> list[str]:
    """The paragraphs that disclaim something; [] when there is none, or when they are too long to stand on a form."""
    found = []
    for part in re.split(r"\n\s*\n|\n(?=\s*[·•*–—-]\s)", text):
        words = _BULLET.sub("", " ".join(part.split()))
        if re.search(r"\bdisclaim", words, re.IGNORECASE) and len(words) >= _LEAST_LETTERS and not words.endswith(":"):
            found.append(words)
    return found if len(found) <= _MOST and all(len(one) <= _MOST_LETTERS for one in found) else []
