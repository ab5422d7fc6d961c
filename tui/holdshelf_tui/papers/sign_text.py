"""What a sign says (P3, P7, P9, P10, P18, P19), in each language that there is. A new language is one more entry of ``TEXTS``.

No sentence may promise a time for which recordings are kept, nor that somebody is watching (P10).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import astuple, dataclass
from urllib.parse import urlsplit

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_tui.papers.text import clean

EDITION = 1
"""Of the sentences below: counts on when one of them changes."""
_ADDRESS_LETTERS = 400


@dataclass(frozen=True)
class SignText:
    """One language's words. ``headline`` is one sentence in lines of about one length: its letters are sized for a distance."""

    name: str
    """Of the language, in itself."""
    headline: tuple[str, ...]
    no_sound: str
    not_watched: str
    care: str
    questions: str
    ask_director: str
    policy: str
    ask_copy: str


TEXTS: dict[str, SignText] = {
    "en": SignText(
        "English",
        ("Security", "cameras", "are in use"),
        "No sound is recorded.",
        "The cameras are not constantly monitored.",
        "Please look after yourself and your belongings.",
        "Questions?",
        "Ask the Library Director.",
        "The camera policy",
        "Ask for a copy at any desk.",
    ),
    "es": SignText(
        "Español",
        ("Cámaras de", "seguridad", "en uso"),
        "No se graba sonido.",
        "Las cámaras no se vigilan constantemente.",
        "Cuide de sí mismo y de sus pertenencias.",
        "¿Preguntas?",
        "Consulte a la dirección de la biblioteca.",
        "Normas sobre las cámaras",
        "Pida una copia en cualquier mostrador.",
    ),
}


def languages(asked: str) -> tuple[str, ...]:
    """('en', 'es') from 'en+es': the first is set large, a second one small below it. Raises BadRequest."""
    found = tuple(dict.fromkeys(part.strip().casefold() for part in asked.split("+") if part.strip())) or ("en",)
    unknown = [language for language in found if language not in TEXTS]
    if unknown:
        known = ", ".join(f"{key} ({text.name})" for key, text in TEXTS.items())
        raise BadRequest(f"The sign is not to be had in {unknown[0][:20]!r}.", f"Known: {known}; two as en+es.")
    if len(found) > 2:
        raise BadRequest("A sign has one language, or two.", "Print another sign for the others.")
    return found


def policy_address(facts: PaperFacts) -> str:
    """Where the policy is, as typed by the Board; '' nowhere yet."""
    return clean(facts.policy_address, _ADDRESS_LETTERS)


def qr_address(facts: PaperFacts) -> str:
    """What the QR code holds: a web address, with the scheme that a phone needs; '' where none was given."""
    address = policy_address(facts)
    if not address or " " in address:
        return ""
    if "://" not in address:
        address = f"https://{address}"
    parts = urlsplit(address) if address.isprintable() else None
    whole = parts is not None and parts.scheme.casefold() in ("http", "https") and "." in (parts.hostname or "")
    return address if whole else ""


def contact(facts: PaperFacts, text: SignText) -> str:
    """Whom to ask (P19)."""
    return clean(facts.contact) or text.ask_director


def text_version(facts: PaperFacts, asked: str = "") -> str:
    """'1.en.9f86d081': edition, languages, and the beginning of a SHA-256 of all that the sign says.

    Another name, contact or address is another version, so whoever walks with the checklist sees an old sign.
    """
    keys = languages(asked or facts.language)
    said = [part for key in keys for part in astuple(TEXTS[key])]
    words = "\n".join(str(part) for part in (*said, clean(facts.library), clean(facts.contact), policy_address(facts)))
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{EDITION}.{'+'.join(keys)}.{digest[:8]}"


def is_text_version(words: str) -> bool:
    """Whether a typed text is of the form that stands at the foot of a sign."""
    return re.fullmatch(r"\d+\.[a-z]{2}(\+[a-z]{2})?\.[0-9a-f]{8}", words, re.ASCII) is not None
