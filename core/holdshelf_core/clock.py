"""Clocks: UTC for timestamps, boot time for durations, and a check of one against the other.

Boot time (``CLOCK_BOOTTIME``) never steps and includes suspend, so elapsed time is measured with it; it restarts at each boot, so
every stored value includes the boot id. DESIGN § 4, "Clock".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from holdshelf_core.times import DAY_NS, NS

STEP_NS = NS // 2  # a wall clock that moved this far against boot time was set, not slewed
DISAGREEMENT_NS = 300 * NS
MOST_OFF_NS = 7 * DAY_NS
"""After a longer apparent outage, the clock may be years ahead, which would end every grace period at once."""
BOOTS_KEPT = 64


def utc_ns() -> int:
    """Return the wall clock, ns since 1970 UTC."""
    return time.time_ns()


def boottime_ns() -> int:
    """Return nanoseconds since boot, suspend included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return the kernel's id of this boot: boot times are comparable only within one boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last time the service was known to run, as wall clock and trusted time."""

    utc_ns: int
    trusted_utc_ns: int
    boot_ns: int
    boot: str
    boots: Mapping[str, int] = field(default_factory=dict)
    """By boot, the latest last: its trusted time minus its boot time, as they stood while the clocks agreed."""


class Clock:
    """The service's clock: detects steps, and keeps the highest time ever seen (trusted time)."""

    def __init__(self) -> None:
        self.boot = boot_id()
        self._offset_ns = utc_ns() - boottime_ns()
        self._trusted_utc_ns = 0
        self._trusted_boot_ns = boottime_ns()
        self._boots: dict[str, int] = {}

    def utc_ns(self) -> int:
        """Return the wall clock now."""
        return utc_ns()

    def boot_ns(self) -> int:
        """Return boot time now."""
        return boottime_ns()

    def async_check_step(self) -> int:
        """Return how far the wall clock was set since the last call, in ns; 0 when it was not."""
        offset_ns = utc_ns() - boottime_ns()
        step_ns = offset_ns - self._offset_ns
        if abs(step_ns) < STEP_NS:
            # Slewing is tracked, or a day of it would look like a step.
            self._offset_ns = offset_ns
            return 0
        self._offset_ns = offset_ns
        return step_ns

    def trusted_utc_ns(self) -> int:
        """Return the highest persisted time plus boot time since. Steps of the wall clock never move it back;
        ``async_confirm`` can."""
        return self._trusted_utc_ns + boottime_ns() - self._trusted_boot_ns

    def disagreement_ns(self) -> int:
        """Return wall clock minus trusted time. Beyond ``DISAGREEMENT_NS`` either way, everything that depends on age waits
        for a person to confirm the clock."""
        return utc_ns() - self.trusted_utc_ns()

    def time_of(self, boot: str, boot_ns: int) -> int | None:
        """Return when boot time ``boot_ns`` of that boot was, by trusted time; None: not known."""
        if boot == self.boot:
            return self._trusted_utc_ns + boot_ns - self._trusted_boot_ns
        offset_ns = self._boots.get(boot)
        return None if offset_ns is None else offset_ns + boot_ns

    def restore(self, heartbeat: Heartbeat | None, logged_utc_ns: int = 0) -> None:
        """Start trusted time from the persisted heartbeat; without one from the wall clock, but not before the newest entry
        of the access log (``logged_utc_ns``; 0: there is none)."""
        now_boot = boottime_ns()
        self._boots = dict(heartbeat.boots) if heartbeat is not None else {}
        if heartbeat is None:
            self._trusted_utc_ns = max(utc_ns(), logged_utc_ns)
        elif heartbeat.boot == self.boot:
            self._trusted_utc_ns = heartbeat.trusted_utc_ns + max(0, now_boot - heartbeat.boot_ns)
        else:
            # Only the wall clock says how long the machine was off; it may add time but never subtract it. More than a few days
            # are not added: the two clocks then disagree, and a person says which is right.
            off_ns = utc_ns() - heartbeat.trusted_utc_ns
            self._trusted_utc_ns = heartbeat.trusted_utc_ns + (max(0, off_ns) if off_ns <= MOST_OFF_NS else 0)
        self._trusted_boot_ns = now_boot

    def async_confirm(self, utc_ns: int, boot_ns: int) -> None:
        """Continue trusted time, forward or back, from a wall clock that a person confirmed: it read ``utc_ns`` at boot time
        ``boot_ns``."""
        self._trusted_utc_ns, self._trusted_boot_ns = utc_ns, boot_ns

    def heartbeat(self) -> Heartbeat:
        """Return the heartbeat to persist now."""
        if abs(self.disagreement_ns()) <= DISAGREEMENT_NS:
            self._boots.pop(self.boot, None)
            self._boots[self.boot] = self._trusted_utc_ns - self._trusted_boot_ns
            for boot in list(self._boots)[:-BOOTS_KEPT]:
                del self._boots[boot]
        return Heartbeat(utc_ns(), self.trusted_utc_ns(), boottime_ns(), self.boot, dict(self._boots))


def load_heartbeat(path: Path) -> Heartbeat | None:
    """Read the persisted heartbeat; None when there is none or it cannot be read (a first start, a torn disk)."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        boots = {str(boot): int(offset_ns) for boot, offset_ns in raw.get("boots", {}).items()}
        return Heartbeat(int(raw["utc_ns"]), int(raw["trusted_utc_ns"]), int(raw["boot_ns"]), str(raw["boot"]), boots)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, AttributeError):
        return None


def dump_heartbeat(heartbeat: Heartbeat) -> bytes:
    """Return the bytes to write to ``STATE/clock.json``."""
    return json.dumps(asdict(heartbeat)).encode()
