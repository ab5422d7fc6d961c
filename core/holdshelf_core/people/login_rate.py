"""Limits how fast logins can fill the access log, which is kept forever. Pure, with the boot clock passed in.

Successful logins are limited per key. Refused ones are folded: the first is logged at once, and later entries say how many they
stand for, at growing intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.rate_limit import RateLimit
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import Refused
from holdshelf_core.times import NS

AT_ONCE, PER_S = 120, 0.2
"""For one key: a script with a hundred requests is not slowed down; after that, one login every five seconds."""
WRITTEN_EVERY_S = (60, 300, 900, 3600)
"""Intervals between entries about refused logins of the same person."""
QUIET_S = 2 * WRITTEN_EVERY_S[-1]
SOURCES_TOLD, SOURCES_COUNTED = 8, 64
ATTEMPTS_MOST = 1_000_000
"""Maximum accepted in one message of the door."""


class TooOften(Refused):
    """This key logged in too often in a short time."""

    def __init__(self, wait_s: float) -> None:
        seconds = max(1, round(wait_s))
        words = "This key has logged in too often in a short time; each log-in goes into the access log."
        super().__init__("", words, f"Log in again in {seconds} second{'s' if seconds > 1 else ''}.")


@dataclass(slots=True)
class Folded:
    """Refused logins that one entry will represent. ``form`` and ``caller`` are those of the last one."""

    action: str
    caller: Caller
    form: LogForm
    attempts: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    """By address, when several people share the entry."""
    step: int = 0
    written_boot_ns: int | None = None

    def due(self, boot_ns: int) -> bool:
        """Return whether its entry should be written now."""
        if not self.attempts:
            return False
        return self.written_boot_ns is None or boot_ns - self.written_boot_ns >= WRITTEN_EVERY_S[self.step] * NS

    def take(self, boot_ns: int) -> LogForm:
        """Return the form to log, and reset the count."""
        if self.written_boot_ns is None or boot_ns - self.written_boot_ns > QUIET_S * NS:
            self.step = 0
        else:
            self.step = min(self.step + 1, len(WRITTEN_EVERY_S) - 1)
        self.written_boot_ns = boot_ns
        facts, private = dict(self.form.facts), dict(self.form.private)
        if self.sources:
            most = self.sources.most_common(SOURCES_TOLD)
            private["sources"] = ", ".join(f"{source}: {count}" for source, count in most)[:1000]
        if self.attempts > 1 or self.sources:
            facts["attempts"] = self.attempts
        self.attempts = 0
        self.sources.clear()
        return replace(self.form, facts=facts, private=private)


class LoginPace:
    """The rate limit for logins. ``boot_ns``: the boot clock."""

    def __init__(self, boot_ns: Callable[[], int]) -> None:
        self._boot_ns = boot_ns
        self._keys = RateLimit(AT_ONCE, PER_S)
        self._refused: dict[str, Folded] = {}

    def take(self, fingerprint: str) -> None:
        """Count a login with that key before it is logged. Raises TooOften."""
        wait_s = self._keys.take(fingerprint, self._boot_ns())
        if wait_s:
            raise TooOften(wait_s)

    def refused(self, action: str, caller: Caller, form: LogForm, attempts: int = 1) -> Folded:
        """Count a refused login (or several) of ``caller``."""
        row = self._refused.setdefault(f"{action} {caller.who}", Folded(action, caller, form))
        row.caller, row.form = caller, form
        row.attempts += min(max(attempts, 1), ATTEMPTS_MOST)
        return row

    def strangers(self, caller: Caller, sources: Mapping[str, int], total: int) -> None:
        """Count logins of strangers; addresses beyond the limit are only in the total."""
        row = self.refused("door.strangers", caller, LogForm(), total)
        for source, count in sources.items():
            address = source[:64]
            if address in row.sources or len(row.sources) < SOURCES_COUNTED:
                row.sources[address] += min(max(count, 1), ATTEMPTS_MOST)

    def take_due(self, *, everything: bool = False) -> list[tuple[Folded, int, LogForm]]:
        """Return (row, attempts, form) of each entry that is due; ``everything``: all, as the service stops."""
        boot_ns = self._boot_ns()
        long_quiet = [
            who
            for who, row in self._refused.items()
            if not row.attempts and row.written_boot_ns is not None and boot_ns - row.written_boot_ns > QUIET_S * NS
        ]
        for who in long_quiet:
            del self._refused[who]
        due = [row for row in self._refused.values() if row.due(boot_ns) or (everything and row.attempts)]
        return [(row, row.attempts, row.take(boot_ns)) for row in due]
