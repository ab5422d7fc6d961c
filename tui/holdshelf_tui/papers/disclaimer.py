"""The disclaimer (P20) as a release form has it: what the adopted text says of it, word for word, or where it stands. Pure.

A text that is not the adopted one is refused, as for `print policy`: a form must never carry a sentence that nobody
adopted.
"""

from __future__ import annotations

import re

from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_tui.papers.document import Block, Para
from holdshelf_tui.papers.policy import check_text
from holdshelf_tui.papers.text import clean

_MOST, _MOST_LETTERS, _LEAST_LETTERS = 3, 900, 30
_BULLET = re.compile(r"^\s*(?:[·•*–—-]|\(?\d{1,3}[.)])\s+")


def disclaimer(facts: PaperFacts) -> list[Block]:
    """A paragraph or more. Raises Conflict when the text here is not the one that was adopted."""
    policy = facts.policy
    if policy is None:
        return [
            Para("Disclaimer (P20): it stands in the policy that the Board adopted, on paper; none is installed here.")
        ]
    if policy.text:
        check_text(policy)
    sha256, adopted_on = clean(policy.sha256, 64)[:16], clean(policy.adopted_on, 10)
    version = f"version {clean(policy.version, 40)}, adopted {adopted_on}, SHA-256 {sha256}…"
    said = _sentences(policy.text)
    lead = (
        f"Disclaimer (P20): what the library answers for and what it does not is said in its policy ({version}), and "
        "holds for whoever has what is released."
    )
    if not said:
        return [Para(lead)]
    return [Para(f"{lead} The policy says, word for word:"), *(Para(one, "quote") for one in said)]


def _sentences(text: str) -> list[str]:
    """The paragraphs that disclaim something; [] when there is none, or when they are too long to stand on a form."""
    found = []
    for part in re.split(r"\n\s*\n|\n(?=\s*[·•*–—-]\s)", text):
        words = _BULLET.sub("", " ".join(part.split()))
        if re.search(r"\bdisclaim", words, re.IGNORECASE) and len(words) >= _LEAST_LETTERS and not words.endswith(":"):
            found.append(words)
    return found if len(found) <= _MOST and all(len(one) <= _MOST_LETTERS for one in found) else []
