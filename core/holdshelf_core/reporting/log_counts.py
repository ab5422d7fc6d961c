"""What the access log says of a quarter: one pass over all entries, each looked at once and let go of.

An entry belongs to the quarter that its own time lies in; where a clock was set, that is said (``steps``, ``astray``). The
tree is grown along, so the heads at both ends of the quarter come from the entries themselves. Memory goes with
the looks of the quarter, not with the log. Blocks; runs in a thread.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdshelf_core.reporting.quarters import Quarter
from holdshelf_storage.access_lines import time_ns, time_text
from holdshelf_storage.checkpoint import Head
from holdshelf_storage.errors import StorageError
from holdshelf_storage.merkle import Tree

NS = 1_000_000_000
STEP_NS = NS
"""Entries that were on their way at once may lie the wrong way round by less."""
LEASE_PICTURES = 64
BREATH, BREATH_S = 256, 0.001
"""Entries after which other threads get the interpreter, the event loop's first of all."""
SAMPLE = 5
OPENED = ("purpose.open", "break_glass")
"""Acts that open a look under a purpose; ``share.open`` opens what was shared, and has none."""


@dataclass(slots=True)
class Look:
    """One look that was opened in the quarter, and what its leases delivered."""

    seq: int
    pictures: int = 0
    widenings: int = 0
    is_sure: bool = True
    """Every lease of it was closed."""


@dataclass(slots=True)
class Sums:
    """Delivered pictures of somebody."""

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
    """The counts; ``take`` each entry with its leaf hash, in order, then ``finish``."""

    quarter: Quarter
    compare: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Heads of kept reports: quarter → (entries, root in hex)."""

    entries: int = 0
    read: int = 0
    """Entries of the log that were read, of whatever time."""
    done: Counter[str] = field(default_factory=Counter)
    """Acts that were done, by name."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals of any act, by clause ('' none named)."""
    purposes: Counter[str] = field(default_factory=Counter)
    seats: dict[str, Sums] = field(default_factory=dict)
    """By the office that acted, as the log names it: 'director', 'designee of director', 'share'."""
    live_ms: Counter[str] = field(default_factory=Counter)
    """By person."""
    renewals: Counter[str] = field(default_factory=Counter)
    looks: dict[int, Look] = field(default_factory=dict)
    """By the number of the opening entry."""
    unclosed: int = 0
    unclosed_most: int = 0
    prints: Counter[str] = field(default_factory=Counter)
    """By paper; what was read on a screen is not among them."""
    shares: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    """'legible and lit' | 'defect'."""
    cameras: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    """By camera: (act, UTC ns, entry) of its coming and going, of whatever time."""
    remarks: list[tuple[str, int, Mapping[str, Any]]] = field(default_factory=list)
    """(act, UTC ns, facts) of what must be said: a restored backup, a log begun anew."""
    begins_at: str = ""
    """When the log's first entry was written, as it says; '' there is none."""
    first_seq: int = 0
    last_seq: int = 0
    first_head: Head | None = None
    last_head: Head | None = None
    whole_head: Head | None = None
    """Of all entries that were read."""
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
        """All entries. A log that cannot be read to its end is counted as far as it goes, and ``problem`` says so.

        Once ``stopped`` says so, the counts are of no use, and ``problem`` says that. Raises nothing of the log's.
        """
        self._origin = origin
        for key, (size, _root) in self.compare.items():
            self._sizes.setdefault(size, []).append(key)
        # Times of the log are of one form and length: as texts they sort as they do as numbers.
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
        """Heads are taken where the entries come into the quarter and where they leave it."""
        if side == 0:
            if not self.first_seq:
                self.first_seq = seq
                self.first_head = self._head()
            self.last_seq = seq
        elif self._was == 0:
            self.last_head = self._head()
        elif side > 0 and self._was < 0 and not self.first_seq:
            # A quarter without an entry: what lies before it ends here.
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
        # A head that counts more entries than the log has is none of its beginnings.
        self.unlike += [key for keys in self._sizes.values() for key in keys]
        for lease in self._leases.values():
            self.unclosed += 1
            self.unclosed_most += lease.most
            if lease.look in self.looks:
                self.looks[lease.look].is_sure = False

    @property
    def astray(self) -> int:
        """Entries between the quarter's first and last that bear a time of another quarter."""
        return self.last_seq - self.first_seq + 1 - self.entries if self.first_seq else 0

    # --- one entry ---------------------------------------------------------------------------------------------------

    def _look_at(self, entry: Mapping[str, Any], at: str, *, in_quarter: bool) -> None:
        action, outcome, facts = entry.get("action", ""), entry.get("outcome", ""), entry.get("facts", {})
        self.begins_at = self.begins_at or at
        if action == "look.close":
            # Whenever it was written: it counts with the lease that it closes.
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
        elif action == "share.make":
            self.shares[facts.get("kind", "")] += 1
        elif action in ("entrance.attest", "checklist.enter"):
            self._signs(facts)

    def _signs(self, facts: Mapping[str, Any]) -> None:
        """By what was found; ticks of the checklist name the signs that they attested and those with a defect."""
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
        """Looks for a peer to judge, drawn by the quarter's last head: nobody picks, and anybody can draw them again.

        The ``most`` looks with the lowest SHA-256(root of the last head ‖ number of the opening entry in decimal).
        """
        assert self.last_head is not None
        root = self.last_head.root

        def lot(look: Look) -> bytes:
            return hashlib.sha256(root + str(look.seq).encode()).digest()

        return sorted(sorted(self.looks.values(), key=lot)[:most], key=lambda look: look.seq)


def look_number(look: str) -> int:
    """The number of the entry that opened 'L-2026-000123': 123; 0 for what is no look's id."""
    digits = look.rpartition("-")[2]
    return int(digits) if look.startswith("L-") and digits.isdecimal() else 0
