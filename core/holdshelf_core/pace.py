"""How much one may do in a short time where each time leaves entries in a log that is kept for ever. Pure."""

from __future__ import annotations

NS = 1_000_000_000
MAX_KEYS = 1_000


class Pace:
    """So many at once, and then so many a second, for each key. Times on the boot clock."""

    def __init__(self, burst: int, per_s: float) -> None:
        self.burst, self._per_s = burst, per_s
        self._left: dict[str, tuple[float, int]] = {}

    def wait_s(self, key: str, boot_ns: int) -> float:
        """In how many seconds there is one; 0: now. Takes none."""
        left = self._now(key, boot_ns)
        return 0 if left >= 1 else (1 - left) / self._per_s

    def take(self, key: str, boot_ns: int) -> float:
        """Take one: 0, or in how many seconds there is one."""
        left = self._now(key, boot_ns)
        if len(self._left) >= MAX_KEYS and key not in self._left:
            self._forget(boot_ns)
        self._left[key] = (left - 1 if left >= 1 else left), boot_ns
        return 0 if left >= 1 else (1 - left) / self._per_s

    def _now(self, key: str, boot_ns: int) -> float:
        left, since_ns = self._left.get(key, (float(self.burst), boot_ns))
        return min(self.burst, left + max(0, boot_ns - since_ns) / NS * self._per_s)

    def _forget(self, boot_ns: int) -> None:
        """Those who have all of theirs again; where that is nobody, whoever was heard of longest ago."""
        for key in [key for key in self._left if self._now(key, boot_ns) >= self.burst]:
            del self._left[key]
        while len(self._left) >= MAX_KEYS:
            del self._left[min(self._left, key=lambda key: self._left[key][1])]
