"""`print policy` (P17): the text that the library adopted, word for word, in a frame that says which text it is.

Nothing is added to the adopted text or left out of it; only its long lines are folded. A text that does not match the
adopted hash is refused (P20): a patron must never be handed a policy that nobody adopted.
"""

from __future__ import annotations

import hashlib

from holdshelf_core.api.errors import Conflict
from holdshelf_core.api.paper_types import PaperFacts, PolicyText
from holdshelf_tui.papers import text
from holdshelf_tui.papers.model_policy import MODEL_VERSION, filled_model


def policy_paper(facts: PaperFacts) -> str:
    """The policy in 80 columns; the model policy, named as such, where none was adopted. Raises Conflict."""
    if facts.policy is None or not facts.policy.text:
        return _model(facts)
    return _adopted(facts, facts.policy)


def check_text(policy: PolicyText) -> None:
    """The text is the adopted one, byte for byte. Raises Conflict (P20)."""
    if hashlib.sha256(policy.text.encode("utf-8", "surrogatepass")).hexdigest() != policy.sha256:
        raise Conflict(
            "The policy's text on this machine is not the one that was adopted, so it is not printed (P20).",
            "Install the adopted file again: `holdshelf policy adopt FILE`; until then copy the paper that is on file.",
        )


def _adopted(facts: PaperFacts, policy: PolicyText) -> str:
    check_text(policy)
    lines, left_out = text.clean_lines(policy.text)
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    after = text.fold(
        "Between the lines stands the text that the library adopted, word for word. Disclaimer (P20): what the library "
        "answers for, and what it does not, is said in that text and nowhere else. The program that printed it adds "
        "nothing to it and does not claim that it meets any law."
    )
    if left_out:
        after += text.fold(f"{left_out} characters that cannot be printed were left out.")
    return text.paper(
        [
            *text.head(facts, "Security camera policy"),
            *text.fold(f"Version {text.clean(policy.version, 40)}, adopted {text.clean(policy.adopted_on, 10)}."),
            text.rule(),
            "",
            *text.fold_lines(lines),
            "",
            text.rule(),
            *after,
            "Anyone may have a copy of this paper; nobody is asked why (P17).",
            *text.foot(facts),
        ]
    )


def _model(facts: PaperFacts) -> str:
    if facts.policy is None:
        why = "no text has been adopted on this machine, or it could not be read"
    else:
        version = f"{text.clean(facts.policy.version, 40)} of {text.clean(facts.policy.adopted_on, 10)}"
        why = f"that is version {version}, whose text could not be read here"
    lines, _ = text.clean_lines(filled_model(facts))
    return text.paper(
        [
            *text.head(facts, "Security camera policy: A MODEL, NOT ADOPTED"),
            *text.fold(
                f"This is model {MODEL_VERSION} that the program brings along. It is not this library's policy: {why}. "
                "Ask for the paper that the Board adopted."
            ),
            text.rule(),
            "",
            *text.fold_lines(lines),
            text.rule(),
            "Anyone may have a copy of this paper; nobody is asked why (P17).",
            *text.foot(facts),
        ]
    )
