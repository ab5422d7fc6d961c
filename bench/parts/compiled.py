"""Whether what is measured was compiled (ADR 46). Imports nothing of it: a bench that counts memory loads no decoder."""

from __future__ import annotations

from importlib.util import find_spec


def is_compiled() -> bool:
    """Whether the recording path runs as machine code here."""
    found = find_spec("holdshelf_core.recorder.worker.rtp")
    return found is not None and not str(found.origin).endswith(".py")
