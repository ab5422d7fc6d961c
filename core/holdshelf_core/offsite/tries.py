"""What of a pass failed, part by part: when that part is tried again, and what is told of it meanwhile.

A head, a lifted hold and a hold in force are each a part of their own: what the store refuses of one keeps no other waiting.
"""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 5.0
CAP_S: Final = 600.0
MOST_SENTENCES: Final = 3


@dataclass
class _Failed:
    sentence: str
    next_s: float
    """How long it is left alone the next time that it fails."""
    due_at_s: float
    away_at_s: float | None
    """When the store was found away; None: it was there."""


class Tries:
    """The parts that failed when they were last tried. Times are of `time.monotonic`."""

    def __init__(self) -> None:
        self._failed: dict[str, _Failed] = {}

    def __contains__(self, part: str) -> bool:
        return part in self._failed

    def is_due(self, part: str, answered_at_s: float) -> bool:
        """Return whether it is to be tried now. ``answered_at_s``: when the store last answered."""
        failed = self._failed.get(part)
        return failed is None or time.monotonic() >= _due_at_s(failed, answered_at_s)

    def fails(self, part: str, sentence: str, *, away: bool = False) -> None:
        """It failed, once more or for the first time. ``away``: the store was not there, so it is due when that answers."""
        known, now_s = self._failed.get(part), time.monotonic()
        wait_s = known.next_s if known is not None else FIRST_S
        self._failed[part] = _Failed(sentence, min(CAP_S, wait_s * 2), now_s + wait_s, now_s if away else None)

    def comes_on(self, part: str, *, at_once: bool = False) -> None:
        """It failed, but some of it came through: it is tried as soon as at first, or at once."""
        failed = self._failed[part]
        failed.next_s = FIRST_S if at_once else 2 * FIRST_S
        failed.due_at_s = time.monotonic() + (0.0 if at_once else FIRST_S)

    def succeeds(self, part: str) -> None:
        """It went well."""
        self._failed.pop(part, None)

    def keep_only(self, parts: Container[str]) -> None:
        """Forget those that there are no more."""
        for part in [part for part in self._failed if part not in parts]:
            del self._failed[part]

    def wait_s(self, most_s: float, answered_at_s: float) -> float:
        """Return for how long nothing of it is due, at most so many seconds. What is due by now was not tried by a pass that has
        just ended, and waits a little, too."""
        now_s = time.monotonic()
        return max(FIRST_S, min([most_s, *(_due_at_s(one, answered_at_s) - now_s for one in self._failed.values())]))

    def sentences(self) -> list[str]:
        """Return what is told, each once, and of many the first."""
        return list(dict.fromkeys(failed.sentence for failed in self._failed.values()))[:MOST_SENTENCES]


def _due_at_s(failed: _Failed, answered_at_s: float) -> float:
    is_back = failed.away_at_s is not None and answered_at_s > failed.away_at_s
    return 0.0 if is_back else failed.due_at_s
