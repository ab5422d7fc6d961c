"""Detects a paper's type by its first bytes, and makes file names valid on Windows, macOS and a court's evidence system. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from holdshelf_core.errors import BadRequest

PDF, HTML, TEXT, CSV = ".pdf", ".html", ".txt", ".csv"
CSV_BEGINS = "Entry,Written,"
"""The beginning of the one table that is delivered as CSV: who looked."""
LOG = ".jsonl"
"""Extension of a copy of the access log, which only the service makes: no file that a client delivers has it."""
MAX_STEM_CHARS = 80
MAX_STEM_BYTES = 150
_DAY_FIRST = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_KNOWN_ENDS = re.compile(r"\.(pdf|html?|txt|text|csv|jpe?g)$", re.IGNORECASE | re.ASCII)
_HTML_BEGINS = re.compile(rb"\s*<(!doctype\s+html|html)[\s>]", re.IGNORECASE)
_CONTROLS = re.compile(r"[\0-\x08\x0b\x0e-\x1f\x7f-\x9f]")
"""All but line ends, tabs and form feeds. A pattern, as checking 8 MB character by character would block everything else."""


def kind_of(content: bytes) -> str:
    """Return PDF, HTML, CSV or TEXT. Raises BadRequest for anything else."""
    if content.startswith((b"%PDF-1.", b"%PDF-2.")):
        if b"%%EOF" not in content[-1024:]:
            raise BadRequest("The PDF is incomplete.", "Print it again.")
        return PDF
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or _CONTROLS.search(text):
        raise BadRequest(
            "This is not a paper: it is not a PDF, HTML, a table or plain text.", "Deliver what `print` made."
        )
    if text.startswith(CSV_BEGINS):
        return CSV
    return HTML if _HTML_BEGINS.match(content) else TEXT


def stem_of(wanted: str, otherwise: str) -> str:
    """Return a file's name without extension, from a suggested one: letters, digits, spaces and ``-_.()`` only."""
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
    """Return e.g. '2026-11-25 Policy.pdf'; '… (2).pdf' when taken. ``taken``: names, case-folded. Raises BadRequest."""
    # The day in front avoids names like NUL and CON, which Windows treats as devices.
    whole = stem if _DAY_FIRST.match(stem) else f"{day} {stem}"
    for number in range(1, 1000):
        name = f"{whole}{'' if number == 1 else f' ({number})'}{end}"
        if name.casefold() not in taken:
            return name
    raise BadRequest(f"There are a thousand files named {whole!r} in the outbox.", "Remove some of them.")
