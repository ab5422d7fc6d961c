"""What a sign says (P3, P7, P9, P10, P18, P19), in each language that there is: its sentences are messages of the catalogs.

No sentence may promise a time for which recordings are kept, nor that somebody is watching (P10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import catalogs
from holdshelf_tui.papers.text import clean

EDITION = 1
"""Of the sentences below: counts on when one of them changes."""
_ADDRESS_LETTERS = 400
_CONTACT = "{contact}"
_CONTACT_LETTERS, _LINE_LETTERS = 300, 800


@dataclass(frozen=True)
class SignText:
    """One language's words. ``headline`` is one sentence in lines of about one length: its letters are sized for a distance.

    ``lines``: what stands below it, the most important first.
    """

    name: str
    """Of the language, in itself."""
    headline: tuple[str, ...]
    lines: tuple[str, ...]
    questions: str
    ask_director: str
    policy: str
    ask_copy: str
    contact: str
    """Whom the library names; '' for nobody."""


def sign_text(facts: PaperFacts, language: str) -> SignText:
    """The sentences in that language: the policy file's, or Holdshelf's own. Raises BadRequest for an unknown one, and where the
    sign must name whom to ask and nobody is named."""
    say = catalogs.words_of(facts, language)
    code = catalogs.base(language.strip()) or say.language
    own = _own(facts, code)
    headline, lines = own or (
        # Translators: one line of the sign each; each about as long as the others.
        tuple(say("Security\ncameras\nare in use").split("\n")),
        (
            say("No sound is recorded."),
            say("The cameras are not constantly monitored."),
            say("Please look after yourself and your belongings."),
        ),
    )
    return SignText(
        catalogs.known().get(code, code),
        headline,
        lines,
        say("Questions?"),
        clean(say(facts.first_role)) or say("Ask the Library Director."),
        say("The camera policy"),
        say("Ask for a copy at any desk."),
        clean(say(facts.contact)),
    )


def _own(facts: PaperFacts, language: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The file's headline and lines in a language, or in one of its kinds (en-CA for en); None where it has none."""
    words = next((words for key, words in facts.signs.items() if catalogs.base(key) == language), None)
    if words is None:
        return None
    named = clean(words.contact or facts.contact, _CONTACT_LETTERS)
    if not named and any(_CONTACT in line for line in (*words.headline, *words.lines)):
        raise BadRequest(
            "The policy's sign names whom to ask, and nobody is named yet.",
            "Set it with `holdshelf board set contact WHOM --why WHY`, or give contact under [library] in the policy file.",
        )
    headline, lines = (
        tuple(clean(line.replace(_CONTACT, named), _LINE_LETTERS) for line in texts)
        for texts in (words.headline, words.lines)
    )
    return headline, lines


def spoken(facts: PaperFacts) -> str:
    """The language, or two, that the sign is asked for in; else the policy's first that there is a sign in."""
    return facts.language or catalogs.own_language(facts, facts.signs)


def languages(asked: str, signs: Iterable[str] = ()) -> tuple[str, ...]:
    """('en', 'es') from 'en+es': the first is set large, a second one small below it. ``signs``: the languages that the policy
    words it in. Raises BadRequest."""
    found = tuple(dict.fromkeys(part.strip().casefold() for part in asked.split("+") if part.strip())) or ("en",)
    for language in found:
        if not catalogs.is_signed(signs, language):
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


def _parts(text: SignText) -> Iterator[object]:
    for name, value in asdict(text).items():
        # Whom to ask is part of it once, as the Board gives it: see `text_version`.
        if name != "contact":
            yield from value if name == "lines" else (value,)


def contact(facts: PaperFacts, text: SignText) -> str:
    """Whom to ask (P19); '' where the sign's own lines say it."""
    if any(_CONTACT in line for words in facts.signs.values() for line in words.lines):
        return ""
    return text.contact or text.ask_director


def text_version(facts: PaperFacts, asked: str = "") -> str:
    """'1.en.9f86d081': edition, languages, and the beginning of a SHA-256 of all that the sign says.

    Another name, contact or address is another version, so whoever walks with the checklist sees an old sign.
    """
    keys = languages(asked or spoken(facts), facts.signs)
    said = [part for key in keys for part in _parts(sign_text(facts, key))]
    words = "\n".join(str(part) for part in (*said, clean(facts.library), clean(facts.contact), policy_address(facts)))
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{EDITION}.{'+'.join(keys)}.{digest[:8]}"
