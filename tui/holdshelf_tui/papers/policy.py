"""`print policy` (P17): the text that the library adopted, word for word, in a frame that says which text it is.

Nothing is added to the adopted text or left out of it; only its long lines are folded. A text that does not match the
adopted hash is refused (P20): a patron must never be handed a policy that nobody adopted.
"""

from __future__ import annotations

import hashlib

import msgspec

from holdshelf_core.api.errors import Conflict
from holdshelf_core.reports.types import AdoptedText, PaperFacts, PolicyText
from holdshelf_tui.papers import frame, text
from holdshelf_tui.papers.catalogs import ENGLISH, Words, board_of, noted, words_of
from holdshelf_tui.papers.days import day_words
from holdshelf_tui.papers.document import Block, Document, Heading, Para, Verbatim
from holdshelf_tui.papers.model_policy import MODEL_VERSION, filled_model

ANYONE = noted("Anyone may have a copy of this paper; nobody is asked why (P17).")
BINDING = noted(
    "What the library adopted is the English text, word for word. It alone is binding; what stands here in another language is "
    "for reading."
)


def policy_document(facts: PaperFacts) -> Document:
    """The policy; the model policy, named as such, where none was adopted. Raises Conflict (P20)."""
    if facts.policy is None or not facts.policy.text:
        return _model(facts)
    return _adopted(facts, facts.policy)


def check_text(policy: PolicyText) -> None:
    """The text is the adopted one, byte for byte. Raises Conflict (P20)."""
    _check(policy.text, policy.sha256)


def _check(text: str, sha256: str) -> None:
    if hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != sha256:
        raise Conflict(
            "The policy's text on this machine is not the adopted one, so it was not printed (P20).",
            "Install the adopted file again: `holdshelf policy adopt FILE --version NUMBER --adopted-on DAY`; until then copy "
            "the paper that is on file.",
        )


def _adopted(facts: PaperFacts, policy: PolicyText) -> Document:
    say = words_of(facts)
    # In a language in which it was adopted too, that text is printed and no translation.
    mine = policy.others.get(say.language) or AdoptedText(policy.sha256, policy.text)
    language = say.language if say.language in policy.others else policy.language
    _check(mine.text, mine.sha256)
    after = say(
        "Between the lines is the text that the library adopted, word for word. Disclaimer (P20): what the library "
        "answers for, and what it does not, is said in that text and nowhere else. The program that printed it adds "
        "nothing to it and does not claim that it meets any law."
    )
    left_out = text.clean_lines(mine.text)[1]
    cut = say("{count} characters that cannot be printed were left out.", count=str(left_out))
    version, day = text.clean(policy.version, 40), day_words(policy.adopted_on, say, long=True)
    return frame.document(
        facts,
        say("Security camera policy"),
        [
            Para(say("Version {version}, adopted {day}.", version=version, day=day)),
            *(_translated(facts, policy, say) if language != say.language else []),
            Verbatim(
                mine.text,
                mine.sha256,
                version,
                text.clean(policy.adopted_on, 10),
                "" if language == say.language else language,
            ),
            Para(after, "small"),
            *([Para(cut, "small")] if left_out else []),
            Para(say(ANYONE), "small"),
        ],
        text_sha256=mine.sha256,
    )


def _translated(facts: PaperFacts, policy: PolicyText, say: Words) -> list[Block]:
    """Before the adopted text, for who reads another language: which text binds, and what there is of it to be read.

    The catalogs hold the model's clauses. They are a translation of what was adopted only where that is the model, word for word.
    """
    if policy.language != ENGLISH:
        return [Para(say(frame.NOT_ADOPTED), "caveat"), Heading(say("The text that was adopted"))]
    english = msgspec.structs.replace(facts, language=ENGLISH)
    if policy.text.split() != filled_model(english).split():
        none = say("There is no translation of it here. Please ask at any desk.")
        return [Para(say(BINDING), "caveat"), Para(none), Heading(say("The text that was adopted, in English"))]
    return [
        Para(say(BINDING), "caveat"),
        Heading(say("The translation")),
        Verbatim(filled_model(facts)),
        Heading(say("The text that was adopted, in English")),
    ]


def _model(facts: PaperFacts) -> Document:
    say = words_of(facts)
    if facts.policy is None:
        why = say("no text has been adopted on this machine, or it could not be read")
    else:
        version, day = text.clean(facts.policy.version, 40), day_words(facts.policy.adopted_on, say, long=True)
        why = say("that is version {version} of {day}, whose text could not be read here", version=version, day=day)
    what = say(
        "This is model {number} that comes with the program. It is not this library's policy: {why}. "
        "Ask for the paper that {board} adopted.",
        number=MODEL_VERSION,
        why=why,
        board=board_of(facts, say),
    )
    return frame.document(
        facts,
        say("Security camera policy: A MODEL, NOT ADOPTED"),
        [
            Para(what, "caveat"),
            Verbatim(filled_model(facts)),
            Para(say(ANYONE), "small"),
            *frame.binding(facts),
        ],
    )
