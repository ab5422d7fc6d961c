"""A paper that was brought to the desk by its photo or scan, in words."""

from __future__ import annotations

from holdshelf_core.operations.types import Reached
from holdshelf_core.outbox.types import SealedPaper, SentPaper
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.text.prints import sftp_line
from holdshelf_tui.text.time_format import date_words, when
from holdshelf_tui.text.words import inert, size

SENT = "sent"
"""What `--paper` takes for the paper that was sent last."""


def sent_words(paper: SentPaper) -> str:
    """'warrant.jpg (JPEG, 2.3 MB), sent at 2:02 pm today, SHA-256 3fa9c1d2…'."""
    name = inert(paper.name, 60)
    return f"{name} ({paper.kind}, {size(paper.size)}), sent {when(paper.at_utc_ns)}, SHA-256 {paper.sha256[:8]}…"


def kept_words(paper: SentPaper) -> str:
    """What became of its content."""
    if paper.sealed_until_utc_ns is None:
        return "Its fingerprint is on record; the picture itself was thrown away."
    return f"Its fingerprint is on record; the picture is kept, sealed, until {date_words(paper.sealed_until_utc_ns)}."


def thrown_away() -> str:
    """What becomes of papers where none is kept."""
    return own_board("The pictures themselves are thrown away; the Board can have them kept")


def sealed_words(paper: SealedPaper) -> str:
    """'3fa9c1d2…  PDF, 2.3 MB, sent Nov 24, 2026, 2:02 pm; kept until Feb 22, 2027'."""
    kept = f"sent {when(paper.kept_utc_ns)}; kept until {date_words(paper.until_utc_ns)}"
    return f"{paper.sha256[:8]}…  {paper.kind}, {size(paper.size)}, {kept}"


def how_to_send(reached: Reached) -> str:
    """What one types to send a paper; whoever is at the recorder itself sends it by command."""
    if not reached.login:
        return "Send its photo or scan: `holdshelf paper send warrant.jpg`."
    return (
        f"Send its photo or scan from your own PC: {sftp_line(reached)}, then: put warrant.jpg drop. With WinSCP: "
        "drag it into the folder drop."
    )
