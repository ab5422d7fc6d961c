"""Counts of a quarter from the access log: one pass over all entries, without keeping them.

An entry belongs to the quarter of its own time; where a clock was set, that is reported (``steps``, ``astray``). The tree is
computed along the way, so the heads at both ends of the quarter come from the entries themselves. Memory depends on the looks of
the quarter, not on the log. Blocks; runs in a thread.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdshelf_core.reports.quarters import Quarter
from holdshelf_core.times import NS
from holdshelf_storage.access_log.checkpoint import Head
from holdshelf_storage.access_log.lines import time_ns, time_text
from holdshelf_storage.access_log.merkle import Tree
from holdshelf_storage.errors import StorageError

STEP_NS = NS
"""Concurrent entries may be out of order by less than this."""
LEASE_PICTURES = 64
BREATH, BREATH_S = 256, 0.001
"""Entries after which other threads, above all the event loop, get the interpreter."""
SAMPLE = 5
OPENED = ("purpose.open", "break_glass")
"""Actions that open a look with a purpose; ``share.open`` opens a share and has none."""


@dataclass(slots=True)
class Look:
    """One look opened in the quarter, and what its leases delivered."""

    seq: int
    pictures: int = 0
    widenings: int = 0
    is_sure: bool = True
    """All its leases were closed."""


@dataclass(slots=True)
class Sums:
    """Totals of pictures delivered to someone."""

    looks: int = 0
    pictures: int = 0
    footage_ms: int = 0
    live_ms: int = 0


@dataclass(slots=True)
class _Lease:
    seat: str
    person: str
    look: int
    most: int


@dataclass
class LogCounts:
    """The counts; call ``take`` for each entry with its leaf hash, in order, then ``finish``."""

    quarter: Quarter
    compare: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Heads of stored reports: quarter → (entries, root in hex)."""

    entries: int = 0
    read: int = 0
    """Entries read from the log, of any time."""
    done: Counter[str] = field(default_factory=Counter)
    """Completed actions, by name."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals of any action, by clause ('' for none)."""
    purposes: Counter[str] = field(default_factory=Counter)
    seats: dict[str, Sums] = field(default_factory=dict)
    """By the acting office, as the log names it: 'director', 'designee of director', 'share'."""
    live_ms: Counter[str] = field(default_factory=Counter)
    """By person."""
    renewals: Counter[str] = field(default_factory=Counter)
    looks: dict[int, Look] = field(default_factory=dict)
    """By the number of the opening entry."""
    unclosed: int = 0
    unclosed_most: int = 0
    prints: Counter[str] = field(default_factory=Counter)
    """By paper; papers read on a screen are not counted."""
    shares: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    """'legible and lit' | 'defect'."""
    cameras: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    """By camera: (action, UTC ns, entry) of its additions and removals, of any time."""
    remarks: list[tuple[str, int, Mapping[str, Any]]] = field(default_factory=list)
    """(action, UTC ns, facts) to be mentioned: a restored backup, a new log begun."""
    begins_at: str = ""
    """When the log's first entry was written, by its own time; '' if there is none."""
    first_seq: int = 0
    last_seq: int = 0
    first_head: Head | None = None
    last_head: Head | None = None
    whole_head: Head | None = None
    """Head over all entries read."""
    steps: int = 0
    compared: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    problem: str = ""

    _tree: Tree = field(default_factory=Tree)
    _leases: dict[int, _Lease] = field(default_factory=dict)
    _origin: str = ""
    _was: int = -1
    _before: int = 0
    _sizes: dict[int, list[str]] = field(default_factory=dict)
    _latest: str = ""

    # --- the pass --------------------------------------------------------------------------------------------------

    def count(
        self,
        leaves: Iterable[tuple[bytes, Mapping[str, Any]]],
        origin: str,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Count all entries. A log that cannot be read to its end is counted as far as possible, and ``problem`` says so.

        Once ``stopped`` returns True, the counts are unusable, and ``problem`` says that. Raises no error of the log.
        """
        self._origin = origin
        for key, (size, _root) in self.compare.items():
            self._sizes.setdefault(size, []).append(key)
        # Times in the log have one format and length: they sort as text.
        start, end = time_text(self.quarter.start_utc_ns), time_text(self.quarter.end_utc_ns)
        try:
            for leaf, entry in leaves:
                at = entry["at"]
                self._place(entry["seq"], 0 if start <= at < end else -1 if at < start else 1)
                self._tree.append(leaf)
                if self._tree.size in self._sizes:
                    self._compare()
                self.read += 1
                self._look_at(entry, at, in_quarter=start <= at < end)
                if not self.read % BREATH:
                    time.sleep(BREATH_S)
                if not self.read % 1024 and stopped():
                    self.problem = "The service is stopping."
                    break
        except StorageError as error:
            self.problem = f"After entry {self.read}: {error}"
        self._finish()

    def _place(self, seq: int, side: int) -> None:
        """Take the heads where the entries enter the quarter and where they leave it."""
        if side == 0:
            if not self.first_seq:
                self.first_seq = seq
                self.first_head = self._head()
            self.last_seq = seq
        elif self._was == 0:
            self.last_head = self._head()
        elif side > 0 and self._was < 0 and not self.first_seq:
            # A quarter without entries: what precedes it ends here.
            self.first_head = self.last_head = self._head()
        self._was = side

    def _head(self) -> Head:
        return Head(self._origin, self._tree.size, self._tree.root())

    def _compare(self) -> None:
        for key in self._sizes.pop(self._tree.size):
            same = self._tree.root().hex() == self.compare[key][1]
            (self.compared if same else self.unlike).append(key)

    def _finish(self) -> None:
        self.whole_head = self._head()
        if self._was == 0 or self.last_head is None:
            self.last_head = self.whole_head
        if self.first_head is None:
            self.first_head = self.last_head
        # A head with more entries than the log is not one of its prefixes.
        self.unlike += [key for keys in self._sizes.values() for key in keys]
        for lease in self._leases.values():
            self.unclosed += 1
            self.unclosed_most += lease.most
            if lease.look in self.looks:
                self.looks[lease.look].is_sure = False

    @property
    def astray(self) -> int:
        """Return the number of entries between the quarter's first and last that have a time in another quarter."""
        return self.last_seq - self.first_seq + 1 - self.entries if self.first_seq else 0

    # --- one entry ---------------------------------------------------------------------------------------------------

    def _look_at(self, entry: Mapping[str, Any], at: str, *, in_quarter: bool) -> None:
        action, outcome, facts = entry.get("action", ""), entry.get("outcome", ""), entry.get("facts", {})
        self.begins_at = self.begins_at or at
        if action == "look.close":
            # Whatever its time: it counts with the lease that it closes.
            self._closed(entry, facts)
        if action in ("camera.add", "camera.remove", "camera.retire") and outcome == "done":
            for camera in entry.get("cameras", ()):
                self.cameras.setdefault(camera, []).append((action, time_ns(at), entry["seq"]))
        if action in ("backup.restored", "log.repair") and outcome == "done" and in_quarter:
            self.remarks.append((action, time_ns(at), facts))
        is_late = outcome == "queued"
        if in_quarter:
            self.entries += 1
            if at < self._latest and not is_late and time_ns(at) < time_ns(self._latest) - STEP_NS:
                self.steps += 1
            self._count(action, outcome, entry, facts)
        if not is_late:
            self._latest = at

    def _count(self, action: str, outcome: str, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        if outcome == "refused":
            self.refused[entry.get("clause", "")] += 1
            return
        if outcome not in ("done", "queued"):
            return
        self.done[action] += 1
        if action in OPENED:
            self.purposes[entry.get("purpose", "")] += 1
            self._sums(entry).looks += 1
            self.looks[entry["seq"]] = Look(entry["seq"])
        elif action == "share.open":
            self._sums(entry).looks += 1
        elif action == "look.open":
            look, most = look_number(entry.get("subject", "")), facts.get("most_pictures", LEASE_PICTURES)
            self._leases[entry["seq"]] = _Lease(entry.get("seat", ""), entry.get("person", ""), look, most)
        elif action == "purpose.widen":
            if (look_row := self.looks.get(look_number(entry.get("subject", "")))) is not None:
                look_row.widenings += 1
        elif action == "live.renew":
            self.renewals[entry.get("person", "")] += 1
        elif action == "print.facts":
            if "read_on" not in facts:
                self.prints[facts.get("paper", "")] += 1
        elif action in ("share.make", "screen.give"):
            self.shares[facts.get("kind", "") or "live"] += 1
        elif action in ("entrance.attest", "checklist.enter"):
            self._signs(facts)

    def _signs(self, facts: Mapping[str, Any]) -> None:
        """Count sign checks by result; checklist entries name the signs that they attested and those with a defect."""
        if "points" not in facts:
            self.signs[facts.get("found", "")] += 1
            return
        self.signs["legible and lit"] += len(facts.get("signs_attested", ()))
        self.signs["defect"] += len(facts.get("signs_defect", ()))

    def _sums(self, entry: Mapping[str, Any]) -> Sums:
        return self.seats.setdefault(entry.get("seat", ""), Sums())

    def _closed(self, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        lease = self._leases.pop(facts.get("lease", 0), None)
        if lease is None:
            return
        pictures, live_ms = int(facts.get("pictures", 0)), int(facts.get("live_ms", 0))
        sums = self.seats.setdefault(lease.seat, Sums())
        sums.pictures += pictures
        sums.live_ms += live_ms
        if entry.get("mode") != "live":
            sums.footage_ms += int(facts.get("footage_ms", 0))
        if live_ms:
            self.live_ms[lease.person] += live_ms
        if lease.look in self.looks:
            self.looks[lease.look].pictures += pictures

    # --- the spot check ----------------------------------------------------------------------------------------------

    def sample(self, most: int = SAMPLE) -> list[Look]:
        """Return looks for a peer to review, drawn by the quarter's last head: nobody chooses, and anyone can repeat the draw.

        The ``most`` looks with the lowest SHA-256(root of the last head ‖ number of the opening entry in decimal).
        """
        assert self.last_head is not None
        root = self.last_head.root

        def lot(look: Look) -> bytes:
            return hashlib.sha256(root + str(look.seq).encode()).digest()

        return sorted(sorted(self.looks.values(), key=lot)[:most], key=lambda look: look.seq)


def look_number(look: str) -> int:
    """Return the number of the entry that opened 'L-2026-000123': 123; 0 for an invalid id."""
    digits = look.rpartition("-")[2]
    return int(digits) if look.startswith("L-") and digits.isdecimal() else 0
