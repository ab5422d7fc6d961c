"""`print policy` (P17): the text that the library adopted, word for word, in a frame that says which text it is.

Nothing is added to the adopted text or left out of it; only its long lines are folded. A text that does not match the
adopted hash is refused (P20): a patron must never be handed a policy that nobody adopted.
"""

from __future__ import annotations

import hashlib

from holdshelf_core.api.errors import Conflict
from holdshelf_core.api.paper_types import PaperFacts, PolicyText
from holdshelf_tui.papers import frame, text
from holdshelf_tui.papers.document import Document, Para, Verbatim
from holdshelf_tui.papers.model_policy import MODEL_VERSION, filled_model

ANYONE = "Anyone may have a copy of this paper; nobody is asked why (P17)."


def policy_document(facts: PaperFacts) -> Document:
    """The policy; the model policy, named as such, where none was adopted. Raises Conflict (P20)."""
    if facts.policy is None or not facts.policy.text:
        return _model(facts)
    return _adopted(facts, facts.policy)


def policy_paper(facts: PaperFacts) -> str:
    """The policy in 80 columns. Raises Conflict (P20)."""
    return text.render(policy_document(facts))


def check_text(policy: PolicyText) -> None:
    """The text is the adopted one, byte for byte. Raises Conflict (P20)."""
    if hashlib.sha256(policy.text.encode("utf-8", "surrogatepass")).hexdigest() != policy.sha256:
        raise Conflict(
            "The policy's text on this machine is not the one that was adopted, so it is not printed (P20).",
            "Install the adopted file again: `holdshelf policy adopt FILE`; until then copy the paper that is on file.",
        )


def _adopted(facts: PaperFacts, policy: PolicyText) -> Document:
    check_text(policy)
    after = (
        "Between the lines stands the text that the library adopted, word for word. Disclaimer (P20): what the library "
        "answers for, and what it does not, is said in that text and nowhere else. The program that printed it adds "
        "nothing to it and does not claim that it meets any law."
    )
    left_out = text.clean_lines(policy.text)[1]
    missing = [Para(f"{left_out} characters that cannot be printed were left out.", "small")] if left_out else []
    return frame.document(
        facts,
        "Security camera policy",
        [
            Para(f"Version {text.clean(policy.version, 40)}, adopted {text.clean(policy.adopted_on, 10)}."),
            Verbatim(policy.text, policy.sha256, text.clean(policy.version, 40), text.clean(policy.adopted_on, 10)),
            Para(after, "small"),
            *missing,
            Para(ANYONE, "small"),
        ],
    )


def _model(facts: PaperFacts) -> Document:
    if facts.policy is None:
        why = "no text has been adopted on this machine, or it could not be read"
    else:
        version = f"{text.clean(facts.policy.version, 40)} of {text.clean(facts.policy.adopted_on, 10)}"
        why = f"that is version {version}, whose text could not be read here"
    return frame.document(
        facts,
        "Security camera policy: A MODEL, NOT ADOPTED",
        [
            Para(
                f"This is model {MODEL_VERSION} that the program brings along. It is not this library's policy: {why}. "
                "Ask for the paper that the Board adopted.",
                "caveat",
            ),
            Verbatim(filled_model(facts)),
            Para(ANYONE, "small"),
        ],
    )
