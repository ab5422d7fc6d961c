"""`print sign` (P3): what hangs at an entrance, as text. The large one with pictogram and QR code is a matter of the PDF.

Says that cameras are in use, that no sound is recorded, that nobody watches all the time, whom to ask and where the policy
is. Must never promise a time for which recordings are kept, nor that somebody is watching (P10).
"""

from __future__ import annotations

from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_tui.papers import text

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


def sign_paper(facts: PaperFacts) -> str:
    """The sign in 80 columns, one page."""
    contact = text.clean(facts.contact)
    address = text.clean(facts.policy_address, 400)
    side = " " * ((text.WIDTH - len(_PICTOGRAM[0])) // 2)
    lines = [
        text.rule("="),
        "",
        *(side + line for line in _PICTOGRAM),
        "",
        _spaced("SECURITY CAMERAS"),
        _spaced("ARE IN USE"),
        "",
        *text.centred("No sound is recorded."),
        *text.centred("The cameras are not constantly monitored:"),
        *text.centred("please look after yourself and your belongings."),
        "",
        *text.centred(f"Questions? {contact}" if contact else "Questions? Ask the Library Director."),
        *text.centred(f"The camera policy: {address}" if address else "The camera policy: ask at any desk for a copy."),
        "",
        *text.centred(text.library_name(facts)),
        "",
        *text.foot(facts),
    ]
    return text.paper(lines)


def _spaced(words: str) -> str:
    """Large, as far as plain text can be."""
    line = "   ".join(" ".join(word) for word in words.split())
    return " " * ((text.WIDTH - len(line)) // 2) + line
