"""Clocks. UTC for what is written down, boot time for what is measured, and how far the two may be trusted.

Boot time (``CLOCK_BOOTTIME``) never steps and counts suspend, so elapsed time is measured by it; it starts anew at
each boot, so every stored value carries the boot's id. DESIGN § 4, "Clock".
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

NS = 1_000_000_000
STEP_NS = NS // 2  # a wall clock that moved this far against boot time was set, not slewed
DISAGREEMENT_NS = 300 * NS
MOST_OFF_NS = 7 * 86_400 * NS
"""A machine that seems to have been off for longer may have a clock that is years ahead: days of grace would be over at once."""


def utc_ns() -> int:
    """The wall clock, ns since 1970 UTC."""
    return time.time_ns()


def boottime_ns() -> int:
    """Nanoseconds since boot, suspend included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """The kernel's id of this boot: boot times compare only within one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last moment that the service is known to have lived: the wall clock's word, and trusted time."""

    utc_ns: int
    trusted_utc_ns: int
    boot_ns: int
    boot: str


class Clock:
    """The service's clock: notices steps, and keeps the highest time ever seen (trusted time)."""

    def __init__(self) -> None:
        self.boot = boot_id()
        self._offset_ns = utc_ns() - boottime_ns()
        self._trusted_utc_ns = 0
        self._trusted_boot_ns = boottime_ns()

    def utc_ns(self) -> int:
        """The wall clock now."""
        return utc_ns()

    def boot_ns(self) -> int:
        """Boot time now."""
        return boottime_ns()

    def async_check_step(self) -> int:
        """How far the wall clock was set since the last call, in ns; 0 when it only ran."""
        offset_ns = utc_ns() - boottime_ns()
        step_ns = offset_ns - self._offset_ns
        if abs(step_ns) < STEP_NS:
            # Slewing is followed, or a day of it would read as a step.
            self._offset_ns = offset_ns
            return 0
        self._offset_ns = offset_ns
        return step_ns

    def trusted_utc_ns(self) -> int:
        """Highest time persisted plus boot time since: no step of the wall clock moves it back, only ``async_confirm`` does."""
        return self._trusted_utc_ns + boottime_ns() - self._trusted_boot_ns

    def disagreement_ns(self) -> int:
        """Wall clock minus trusted time. Over ``DISAGREEMENT_NS`` either way, whatever depends on age waits for a person."""
        return utc_ns() - self.trusted_utc_ns()

    def restore(self, heartbeat: Heartbeat | None) -> None:
        """Start trusted time from what was persisted (or from the wall clock, on a first start)."""
        now_boot = boottime_ns()
        if heartbeat is None:
            self._trusted_utc_ns = utc_ns()
        elif heartbeat.boot == self.boot:
            self._trusted_utc_ns = heartbeat.trusted_utc_ns + max(0, now_boot - heartbeat.boot_ns)
        else:
            # How long the machine was off is known only from its wall clock, which may add time and never take any. More
            # than days it does not add by itself: then the two disagree, and a person says which is right.
            off_ns = utc_ns() - heartbeat.trusted_utc_ns
            self._trusted_utc_ns = heartbeat.trusted_utc_ns + (max(0, off_ns) if off_ns <= MOST_OFF_NS else 0)
        self._trusted_boot_ns = now_boot

    def async_confirm(self, utc_ns: int, boot_ns: int) -> None:
        """A person said that the wall clock is right: it read ``utc_ns`` at boot time ``boot_ns``. Trusted time goes on from
        there, also back."""
        self._trusted_utc_ns, self._trusted_boot_ns = utc_ns, boot_ns

    def heartbeat(self) -> Heartbeat:
        """What to persist now."""
        return Heartbeat(utc_ns(), self.trusted_utc_ns(), boottime_ns(), self.boot)


def load_heartbeat(path: Path) -> Heartbeat | None:
    """Read the persisted heartbeat; None when there is none or it cannot be read (a first start, a torn disk)."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Heartbeat(int(raw["utc_ns"]), int(raw["trusted_utc_ns"]), int(raw["boot_ns"]), str(raw["boot"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def dump_heartbeat(heartbeat: Heartbeat) -> bytes:
    """The bytes to write at ``STATE/clock.json``."""
    return json.dumps(asdict(heartbeat)).encode()
