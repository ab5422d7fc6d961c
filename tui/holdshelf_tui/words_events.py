"""What cameras told, in words."""

from __future__ import annotations


def event_words(kind: str) -> str:
    """What a camera told, as people say it."""
    return {"signal_loss": "its signal was lost", "digital_input": "its input was switched"}.get(kind, kind)
