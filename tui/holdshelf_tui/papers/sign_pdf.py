"""The sign for an entrance as PDF (P3): its facts as data for the template ``sign.typ``.

How large its letters are, and which distance that is good for, stands in docs/papers.md and never on the sign.
"""

from __future__ import annotations

import json

import msgspec

from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import catalogs, frame, sign_text
from holdshelf_tui.papers.letters import ABOUT_INSTEAD, INSTEAD, settable
from holdshelf_tui.papers.text import clean
from holdshelf_tui.papers.typeset import UNDATED, Typesetter, forget


def sign_pdf(facts: PaperFacts, page: str = "12x18", language: str = "") -> bytes:
    """PDF bytes. ``language`` 'en', 'es', or two as 'en+es' ('' as the facts say). Raises BadRequest for an unknown one."""
    facts = msgspec.structs.replace(facts, language=language or sign_text.spoken(facts))
    sign = Typesetter("sign.typ", json.dumps(_data(facts)), page=page)
    try:
        return sign.pdf(UNDATED)
    finally:
        forget()


def _data(facts: PaperFacts) -> dict[str, object]:
    keys, say = sign_text.languages(sign_text.spoken(facts), facts.signs), catalogs.words_of(facts)
    texts = [sign_text.sign_text(facts, key) for key in keys]
    library, contact = clean(facts.library), sign_text.contact(facts, texts[0])
    address, policy = sign_text.qr_address(facts), sign_text.policy_address(facts)
    version = say("Text version {version}", version=sign_text.text_version(facts))
    foot = f"{version} · {frame.foot(facts).running}"
    if binds := frame.binding_words(facts):
        foot += f" · {binds}"

    def both(field: str) -> str:
        return " · ".join(dict.fromkeys(str(getattr(text, field)) for text in texts))

    ask = [[both("questions"), settable(contact)]] if contact else []
    ask += [[both("policy"), settable(policy) or both("ask_copy")]]
    said = "".join(line for text in texts for line in (*text.headline, *text.lines))
    if INSTEAD in settable(library + contact + policy + said):
        foot += f" · {say(ABOUT_INSTEAD)}"
    return {
        "texts": [
            {
                "language": catalogs.base(key),
                "headline": [settable(line) for line in text.headline],
                "lines": [settable(line) for line in text.lines],
            }
            for key, text in zip(keys, texts, strict=True)
        ],
        # A Board's own line may be a paragraph; Holdshelf's are one line each.
        "rows": 3 if facts.signs else 1,
        "pictogram": say("A security camera on a wall"),
        "ask": ask,
        "qr": _qr(address) if address else "",
        "qr_says": say("QR code: {address}", address=settable(address)),
        "library": settable(library) or "____________________",
        "author": settable(library) or say("Library"),
        "foot": settable(foot),
    }


def _qr(address: str) -> str:
    """SVG without the white round it, each row's neighbors joined."""
    import segno  # noqa: PLC0415 (only this paper has one)

    rows = [list(row) for row in segno.make(address, micro=False, error="m").matrix_iter(border=0)]
    # a hair higher than a module, so that no viewer shows white between two rows
    runs = "".join(f"M{start} {y}H{end}V{y + 1.01}H{start}Z" for y, row in enumerate(rows) for start, end in _runs(row))
    return f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {len(rows)} {len(rows)}'><path d='{runs}'/></svg>"


def _runs(row: list[int]) -> list[tuple[int, int]]:
    """Where dark modules begin and end."""
    edges = [at for at, (one, other) in enumerate(zip([0, *row], [*row, 0], strict=True)) if bool(one) != bool(other)]
    return list(zip(edges[::2], edges[1::2], strict=True))
