"""The field for a signed paper: its scan stays where it is, and only its fingerprint (SHA-256) is written down."""

from __future__ import annotations

import re

from holdshelf_tui.screens.dialogs.form import Missing
from holdshelf_tui.widgets.fields import Field, TextField

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
HOW = (
    "Of the paper's scan (SHA-256). Windows: Get-FileHash letter.pdf · Mac: shasum -a 256 letter.pdf. "
    "Copy its 64 letters and digits here; the scan itself stays with you."
)


def paper_field(label: str = "Fingerprint", *, needed: bool = True, id: str = "paper") -> Field:
    """A field for it, with how to come by it."""
    hint = "64 letters and digits" if needed else "may be left out"
    return Field(label, TextField("", hint, id=id, most=200), hint=HOW)


def sha256_of(typed: str, field: str = "paper", *, needed: bool = True) -> str:
    """As tools print it: with spaces, capitals or the file's name behind it. '' when left out. Raises Missing."""
    clean = typed.strip().lower()
    if not clean:
        if needed:
            raise Missing(field, "The signed paper is missing: the fingerprint of its scan is written down.")
        return ""
    found = _HEX.search(clean) or _HEX.search("".join(clean.split()))
    if found is None:
        raise Missing(
            field, "That is no fingerprint of a scan: it has 64 letters (a to f) and digits.", "Copy it once more."
        )
    return found[0]
