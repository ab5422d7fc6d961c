"""What stands round every paper: the library, what must be said about this print, whom to ask, policy and log. Pure.

A paper's module writes ``frame.document(facts, "Title", blocks)`` and nothing of this itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_tui.papers.document import Block, Document, Foot
from holdshelf_tui.papers.text import clean

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
) -> Document:
    """A whole paper round its blocks. ``caveats`` stand before those that the facts bring along."""
    return Document(
        library=clean(facts.library),
        title=title,
        blocks=tuple(blocks),
        foot=foot(facts),
        caveats=tuple(clean(caveat, _CAVEAT_LETTERS) for caveat in (*caveats, *facts.caveats)),
        confidential=confidential,
        one_page=one_page,
        dense=dense,
        printed_at=clean(facts.printed_at, 40),
    )


def foot(facts: PaperFacts) -> Foot:
    """Contact (P19), address (P18), policy version and hash, the log's checkpoint, when it was printed."""
    rows = [("Questions", clean(facts.contact) or "the Library Director")]
    if address := clean(facts.policy_address, _ADDRESS_LETTERS):
        rows.append(("On the web", address))
    running = [clean(facts.library, 60)]
    if facts.policy is None:
        rows.append(("Policy", "none adopted here yet"))
        running.append("no policy adopted")
    else:
        version, sha256 = clean(facts.policy.version, 40), clean(facts.policy.sha256, 64)
        rows += [
            ("Policy", f"{version}, adopted {clean(facts.policy.adopted_on, 10) or 'on a day unknown'}"),
            ("SHA-256", sha256),
        ]
        running.append(f"policy {version} ({sha256[:8]}…)")
    if facts.log is None:
        rows.append(("Access log", "no checkpoint was at hand"))
    else:
        short = clean(facts.log.short)
        rows += [("Access log", f"checkpoint of {clean(facts.log.origin)}"), ("", short)]
        running.append(f"log {' '.join(short.split()[:2])}…")
    rows.append(("Printed", clean(facts.printed_at, 40)))
    return Foot(tuple(rows), " · ".join(part for part in running if part))
