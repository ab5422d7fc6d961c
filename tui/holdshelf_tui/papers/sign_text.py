"""What a sign says (P3, P7, P9, P10, P18, P19), in each language that there is: its sentences are messages of the catalogs.

No sentence may promise a time for which recordings are kept, nor that somebody is watching (P10).
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from urllib.parse import urlsplit

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import catalogs
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


def sign_text(language: str) -> SignText:
    """The sentences in that language. Raises BadRequest for an unknown one."""
    say = catalogs.words(language)
    return SignText(
        catalogs.known()[say.language],
        # Translators: one line of the sign each; each about as long as the others.
        tuple(say("Security\ncameras\nare in use").split("\n")),
        say("No sound is recorded."),
        say("The cameras are not constantly monitored."),
        say("Please look after yourself and your belongings."),
        say("Questions?"),
        say("Ask the Library Director."),
        say("The camera policy"),
        say("Ask for a copy at any desk."),
    )


def languages(asked: str) -> tuple[str, ...]:
    """('en', 'es') from 'en+es': the first is set large, a second one small below it. Raises BadRequest."""
    found = tuple(dict.fromkeys(part.strip().casefold() for part in asked.split("+") if part.strip())) or ("en",)
    for language in found:
        catalogs.words(language)
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
    said = [part for key in keys for part in astuple(sign_text(key))]
    words = "\n".join(str(part) for part in (*said, clean(facts.library), clean(facts.contact), policy_address(facts)))
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{EDITION}.{'+'.join(keys)}.{digest[:8]}"
