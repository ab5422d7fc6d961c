"""What a paper is by its first bytes, and names that Windows, macOS and a court's evidence system take. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from holdshelf_core.errors import BadRequest

PDF, HTML, TEXT = ".pdf", ".html", ".txt"
MAX_STEM_CHARS = 80
MAX_STEM_BYTES = 150
_DAY_FIRST = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_KNOWN_ENDS = re.compile(r"\.(pdf|html?|txt|text|jpe?g)$", re.IGNORECASE | re.ASCII)
_HTML_BEGINS = re.compile(rb"\s*<(!doctype\s+html|html)[\s>]", re.IGNORECASE)
_CONTROLS = re.compile(r"[\0-\x08\x0b\x0e-\x1f\x7f-\x9f]")
"""All but line ends, tabs and form feeds. By pattern: 8 MB, letter by letter, hold everything else up."""


def kind_of(content: bytes) -> str:
    """PDF, HTML or TEXT. Raises BadRequest for anything else."""
    if content.startswith((b"%PDF-1.", b"%PDF-2.")):
        if b"%%EOF" not in content[-1024:]:
            raise BadRequest("The PDF has no end.", "Print it again.")
        return PDF
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or _CONTROLS.search(text):
        raise BadRequest("This is no paper: it is neither PDF, HTML nor plain text.", "Deliver what `print` made.")
    return HTML if _HTML_BEGINS.match(content) else TEXT


def stem_of(wanted: str, otherwise: str) -> str:
    """A file's name without its end, from what somebody would call it: letters, digits, spaces and ``-_.()`` only."""
    name = unicodedata.normalize("NFC", wanted.replace("\\", "/").rpartition("/")[2])
    name = _KNOWN_ENDS.sub("", name)
    kept = "".join(
        char if char.isalnum() or char in "-_.()" else " " for char in name if unicodedata.category(char)[0] != "C"
    )
    kept = " ".join(kept.split()).strip(" .-_")[:MAX_STEM_CHARS]
    while len(kept.encode()) > MAX_STEM_BYTES:
        kept = kept[:-1]
    return kept.strip(" .-_") or otherwise


def name_of(day: str, stem: str, end: str, taken: Container[str]) -> str:
    """'2026-11-25 Policy.pdf'; '… (2).pdf' when that is taken. ``taken``: names, case-folded. Raises BadRequest."""
    # The day in front keeps NUL, CON and their like, which Windows takes for devices, from being a name.
    whole = stem if _DAY_FIRST.match(stem) else f"{day} {stem}"
    for number in range(1, 1000):
        name = f"{whole}{'' if number == 1 else f' ({number})'}{end}"
        if name.casefold() not in taken:
            return name
    raise BadRequest(f"There are a thousand files named {whole!r} in the outbox.", "Remove some of them.")
