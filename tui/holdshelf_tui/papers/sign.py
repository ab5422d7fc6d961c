"""`print sign` (P3): what hangs at an entrance, as text. The large one with pictogram and QR code is a matter of the PDF.

Says that cameras are in use, that no sound is recorded, that nobody watches all the time, whom to ask and where the policy
is. Must never promise a time for which recordings are kept, nor that somebody is watching (P10).
"""

from __future__ import annotations

from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import catalogs, frame, sign_text, text
from holdshelf_tui.papers.document import Document, Mono

_PICTOGRAM = (
    "      ____________________     ",
    "     /                   /|    ",
    "    /___________________/ |___ ",
    "   |  .-.               | |   |",
    "   | ( O )              | |___|",
    "   |  `-'               | /    ",
    "   |____________________|/     ",
    "            /_\\                ",
)


def sign_document(facts: PaperFacts) -> Document:
    """The sign as lines, for whatever knows no other way to set it."""
    first = sign_text.sign_text(facts, sign_text.languages(sign_text.spoken(facts), facts.signs)[0])
    return frame.document(facts, " ".join(first.headline), [Mono(sign_paper(facts).split("\n"))])


def sign_paper(facts: PaperFacts) -> str:
    """The sign in 80 columns, one page; in the language that the facts ask for, a second one below it. Raises BadRequest."""
    keys = sign_text.languages(sign_text.spoken(facts), facts.signs)
    side = " " * ((text.WIDTH - len(_PICTOGRAM[0])) // 2)
    lines = [text.rule("="), "", *(side + line for line in _PICTOGRAM), ""]
    for key in keys:
        words = sign_text.sign_text(facts, key)
        lines += [
            *(_spaced(line.upper()) for line in words.headline),
            "",
            *(line for said in words.lines for line in text.centered(said)),
            "",
        ]
    first = sign_text.sign_text(facts, keys[0])
    asked = sign_text.contact(facts, first)
    address, say = sign_text.policy_address(facts), catalogs.words_of(facts)
    lines += [
        *(text.centered(f"{first.questions} {asked}") if asked else []),
        *text.centered(f"{first.policy}: {address or first.ask_copy}"),
        "",
        *text.centered(text.library_name(facts.library, say)),
        *text.centered(say("Text version {version}", version=sign_text.text_version(facts))),
        *(text.centered(binds) if (binds := frame.binding_words(facts)) else []),
        "",
        *text.foot(frame.foot(facts).rows),
    ]
    return text.paper(lines)


def _spaced(words: str) -> str:
    """Large, as far as plain text can be."""
    line = "   ".join(" ".join(word) for word in words.split())
    return " " * ((text.WIDTH - len(line)) // 2) + line
