"""What somebody meant who typed a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """Return a question that names what is most like what was given, in whatever case; '' when nothing is."""
    folded = {name.casefold(): name for name in names}
    # Capitals are no difference to whoever types; a few letters are alike too easily.
    near = [given.casefold()] if given.casefold() in folded else []
    near = near or (difflib.get_close_matches(given.casefold(), folded, 1, 0.7) if len(given) > 3 else [])
    return f"Did you mean {folded[near[0]]!r}?" if near else ""
