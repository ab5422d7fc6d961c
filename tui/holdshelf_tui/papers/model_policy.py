"""The model policy: our own words for the clauses P1 to P21, for a library that has not adopted its text here yet.

It lies beside this module as text, with the places a library fills in as [[LIBRARY]], [[CONTACT]] and [[ADDRESS]]. It is a
starting point for a Board and its counsel: every print of it says that nobody has adopted it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers.catalogs import messages, words_of
from holdshelf_tui.papers.text import clean

MODEL_VERSION = "1"


@cache
def model_text() -> str:
    """The model as it is shipped, placeholders and all."""
    return files("holdshelf_tui.papers").joinpath("model_policy.txt").read_text(encoding="utf-8")


def _clauses() -> list[str]:
    return model_text().removesuffix("\n").split("\n\n")


def sayable() -> frozenset[str]:
    """What a policy file may say otherwise: all that papers say but for the model's clauses, which no adopted policy prints."""
    return messages().difference(_clauses())


def filled_model(facts: PaperFacts) -> str:
    """The model in the facts' language, with the library's own name, contact and address where they are known."""
    say = words_of(facts)
    known = {
        "[[LIBRARY]]": clean(facts.library) or say("the library"),
        "[[CONTACT]]": clean(facts.contact) or say("the Library Director"),
        "[[ADDRESS]]": clean(facts.policy_address, 400) or say("the library's website"),
    }
    text = "\n\n".join(map(say, _clauses())) + "\n"
    for place, words in known.items():
        text = text.replace(place, words)
    return text[:1].upper() + text[1:]
