"""Rate limits for actions that leave entries in a log that is kept forever. Pure."""

from __future__ import annotations

from holdshelf_core.times import NS

MAX_KEYS = 1_000


class RateLimit:
    """Token bucket per key: a burst, then a rate per second. Times are on the boot clock."""

    def __init__(self, burst: int, per_s: float) -> None:
        self.burst, self._per_s = burst, per_s
        self._left: dict[str, tuple[float, int]] = {}

    def wait_s(self, key: str, boot_ns: int) -> float:
        """Return the seconds until a token is available; 0: now. Takes none."""
        left = self._now(key, boot_ns)
        return 0 if left >= 1 else (1 - left) / self._per_s

    def take(self, key: str, boot_ns: int) -> float:
        """Take a token and return 0, or return the seconds until one is available."""
        left = self._now(key, boot_ns)
        if len(self._left) >= MAX_KEYS and key not in self._left:
            self._forget(boot_ns)
        self._left[key] = (left - 1 if left >= 1 else left), boot_ns
        return 0 if left >= 1 else (1 - left) / self._per_s

    def give(self, key: str, boot_ns: int) -> None:
        """Return a token that was taken."""
        self._left[key] = min(self.burst, self._now(key, boot_ns) + 1), boot_ns

    def _now(self, key: str, boot_ns: int) -> float:
        left, since_ns = self._left.get(key, (float(self.burst), boot_ns))
        return min(self.burst, left + max(0, boot_ns - since_ns) / NS * self._per_s)

    def _forget(self, boot_ns: int) -> None:
        """Forget keys whose bucket is full again; if there are none, the key unused for longest."""
        for key in [key for key in self._left if self._now(key, boot_ns) >= self.burst]:
            del self._left[key]
        while len(self._left) >= MAX_KEYS:
            del self._left[min(self._left, key=lambda key: self._left[key][1])]
