"""What stands round every paper: the library, what must be said about this print, whom to ask, policy and log. Pure.

A paper's module writes ``frame.document(facts, "Title", blocks)`` and nothing of this itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers.catalogs import ENGLISH, noted, words_of
from holdshelf_tui.papers.days import day_words
from holdshelf_tui.papers.document import LEGEND, Block, Document, Foot, Para, Verbatim
from holdshelf_tui.papers.text import clean

BINDING = noted("This is a translation. The English text is the binding one.")
NOT_ADOPTED = noted("This is a translation. The text that the library adopted is the binding one.")
_CAVEAT_LETTERS = 400
_ADDRESS_LETTERS = 400


def document(
    facts: PaperFacts,
    title: str,
    blocks: Iterable[Block],
    *,
    confidential: bool = False,
    one_page: bool = False,
    dense: bool = False,
    caveats: Sequence[str] = (),
    text_sha256: str = "",
) -> Document:
    """A whole paper round its blocks, in the facts' language. ``caveats`` stand before those that the facts bring along.

    ``text_sha256``: of the adopted text that this paper is, where that is not the policy's first one.
    """
    say = words_of(facts)
    return Document(
        library=clean(facts.library),
        title=title,
        blocks=_numbered(tuple(blocks), facts.numbers),
        foot=foot(facts, text_sha256),
        caveats=tuple(clean(say(caveat), _CAVEAT_LETTERS) for caveat in (*caveats, *facts.caveats)),
        confidential=confidential,
        one_page=one_page,
        dense=dense,
        language=say.language,
        printed_at=clean(facts.printed_at, 40),
        legend=renumbered(say(LEGEND), facts.numbers),
    )


def _numbered[T](value: T, numbers: Mapping[str, str]) -> T:
    """The same with '(P3)' as the library numbers it; the adopted text stays word for word."""
    if not numbers or isinstance(value, Verbatim):
        return value
    found: Any = value
    if isinstance(found, str):
        found = renumbered(found, numbers)
    elif isinstance(found, tuple | list):
        found = type(found)(_numbered(part, numbers) for part in found)
    elif is_dataclass(found) and not isinstance(found, type):
        found = replace(
            found, **{field.name: _numbered(getattr(found, field.name), numbers) for field in fields(found)}
        )
    return cast("T", found)


def binding_words(facts: PaperFacts) -> str:
    """On a translation, which text binds, in its language; '' in a language in which the policy was adopted."""
    say, policy = words_of(facts), facts.policy
    first, others = (policy.language, policy.others) if policy is not None else (ENGLISH, {})
    if say.language == first or say.language in others:
        return ""
    return say(BINDING if first == ENGLISH else NOT_ADOPTED)


def binding(facts: PaperFacts) -> list[Block]:
    """As a paragraph."""
    words = binding_words(facts)
    return [Para(words, "small")] if words else []


def foot(facts: PaperFacts, text_sha256: str = "") -> Foot:
    """Contact (P19), address (P18), policy version and hash, the log's checkpoint, when it was printed."""
    say = words_of(facts)
    rows = [(say("Questions"), clean(say(facts.contact or facts.first_role)) or say("the Library Director"))]
    if address := clean(facts.policy_address, _ADDRESS_LETTERS):
        rows.append((say("On the web"), address))
    running = [clean(facts.library, 60)]
    if facts.policy is None:
        rows.append((say("Policy"), say("none adopted here yet")))
        running.append(say("no policy adopted"))
    else:
        version, sha256 = clean(facts.policy.version, 40), clean(text_sha256 or facts.policy.sha256, 64)
        day = day_words(facts.policy.adopted_on, say) or say("on an unknown day")
        rows += [(say("Policy"), say("{version}, adopted {day}", version=version, day=day)), ("SHA-256", sha256)]
        running.append(say("policy {version} ({begin}…)", version=version, begin=sha256[:8]))
    if facts.log is None:
        rows.append((say("Access log"), say("no checkpoint available")))
    else:
        short = clean(facts.log.short)
        rows += [(say("Access log"), say("checkpoint of {origin}", origin=clean(facts.log.origin))), ("", short)]
        if facts.log.witnesses:
            names = ", ".join(clean(name, 60) for name in facts.log.witnesses[:4])
            rows.append(("", say("countersigned by {names}", names=names)))
        running.append(say("log {head}…", head=" ".join(short.split()[:2])))
    rows.append((say("Printed"), clean(facts.printed_at, 40)))
    return Foot(tuple(rows), " · ".join(part for part in running if part))
