"""The set of holds, from all sources: the state, actions whose entry waits, and the shelf itself.

The union is kept: a hold just being placed, one that only the shelf still knows (the log was lost, or its entry never reached
it), one that was lifted and is still linked on the shelf. Only what the state says is lifted is ever released, and only once its
links have left the shelf. In memory, without I/O; thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

import msgspec

from holdshelf_core.holds.protection import HeldSpans, Protection
from holdshelf_core.policy.holds import ACTIVE, GRACE, LIFTED, LIFTING, grace_over, lifted, spans_beyond
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Hold, HoldSpan

UNKNOWN_GROUND = "investigation"
UNKNOWN_REFERENCE = "found on the shelf"


_NOTHING: tuple[Mapping[str, Collection[int]], tuple[HoldSpan, ...]] = ({}, ())


class HoldBook:
    """The holds of one installation, and what they protect."""

    def __init__(self) -> None:
        self.protection = Protection()
        self._lock = threading.RLock()
        self._rows: dict[str, Hold] = {}
        self._asked: dict[str, Hold] = {}
        self._shelf: dict[str, Hold] = {}
        self._let_go: dict[str, tuple[Mapping[str, Collection[int]], tuple[HoldSpan, ...]]] = {}
        self._ahead: set[str] = set()
        """Holds of which the shelf knows more than the state, until the state catches up."""
        self._told = False

    # -- what becomes known -----------------------------------------------------------------------------------------

    def apply(self, rows: Mapping[str, Hold]) -> None:
        """Set the state's table of holds, complete. Requested holds that it now contains no longer wait."""
        with self._lock:
            fresh = dict(rows)
            changed = {key for key in {*self._rows, *fresh} if self._rows.get(key) is not fresh.get(key)}
            self._rows = fresh
            for key, asked in list(self._asked.items()):
                row = fresh.get(key)
                if row is not None and row.version >= asked.version:
                    del self._asked[key]
                    changed.add(key)
            for key in list(self._ahead):
                row, shelved = fresh.get(key), self._shelf.get(key)
                if shelved is None or (
                    row is not None and not spans_beyond(shelved.spans, row.spans) and not _takes_back(shelved, row)
                ):
                    self._ahead.discard(key)
                    changed.add(key)
            if self._told:
                self._tell(changed)
            else:
                self._told = True
                self._look_ahead()
                self.protection.tell({key: kept for key in self._keys() if (kept := self._kept(key)) is not None})

    def ask(self, hold: Hold) -> None:
        """Add a hold that is about to be recorded: kept from now on, in addition to what was kept of it before."""
        with self._lock:
            self._asked[hold.id] = hold
            self._tell({hold.id})

    def unask(self, hold: str, previous: Hold | None) -> None:
        """Undo ``ask`` after the hold was not recorded: keep what was kept before."""
        with self._lock:
            self._asked.pop(hold, None)
            row = self._rows.get(hold)
            if previous is not None and (row is None or row.version < previous.version):
                self._asked[hold] = previous
            self._tell({hold})

    def found_on_shelf(self, holds: Mapping[str, Hold]) -> None:
        """Set the holds found on the shelf of a volume just attached."""
        with self._lock:
            before, self._shelf = self._shelf, dict(holds)
            if self._told:
                self._look_ahead()
            self._tell({*before, *holds})

    def put_on_shelf(self, hold: Hold) -> None:
        """Note that a hold's file is on the shelf now."""
        with self._lock:
            self._shelf[hold.id] = hold
            self._tell({hold.id})

    def left_shelf(self, hold: str) -> None:
        """Note that all links of a hold have left the shelf."""
        with self._lock:
            self._shelf.pop(hold, None)
            self._let_go.pop(hold, None)
            self._ahead.discard(hold)
            self._tell({hold})

    def let_go(self, hold: str, sequences: Mapping[str, Collection[int]], copied: tuple[HoldSpan, ...]) -> None:
        """Release segments (sequence numbers by camera) that have a verified copy and are no longer on the shelf; ``copied``:
        the spans that the copy was made from."""
        with self._lock:
            self._let_go[hold] = (sequences, copied)
            self._tell({hold})

    # -- asking -----------------------------------------------------------------------------------------------------

    def current(self, hold: str) -> Hold | None:
        """Return the hold as it is to be stored; None when it is neither known nor requested."""
        with self._lock:
            row, asked = self._rows.get(hold), self._asked.get(hold)
            if asked is not None and (row is None or asked.version > row.version):
                return asked
            return row if row is not None else self._shelf.get(hold)

    def known(self) -> set[str]:
        """Return the ids of all holds known from any source."""
        with self._lock:
            return self._keys()

    def to_write(self, hold: str) -> Hold | None:
        """Return the hold for hold.json: as it is now, plus whatever only the shelf knew until the log has it too. None when
        there is no such hold, or it is lifted."""
        with self._lock:
            now, shelved = self.current(hold), self._shelf.get(hold)
            if now is None or self._is_lifted(hold):
                return None
            if shelved is None or hold not in self._ahead:
                return now
            if now.state == LIFTED:
                return shelved  # a different hold with that number: under the lifted one's name it would be lifted too
            more = spans_beyond(shelved.spans, now.spans)
            if not more and not _takes_back(shelved, now):
                return now
            if not _is_another(shelved, now) and not spans_beyond(now.spans, shelved.spans):
                return shelved
            return _in_force_again(_naming(now, shelved), (*now.spans, *more), max(now.version, shelved.version) + 1)

    def in_force(self) -> list[Hold]:
        """Return all holds that keep something, except lifted ones still on the shelf."""
        with self._lock:
            found = [self.current(key) for key in sorted(self._keys())]
            return [hold for hold in found if hold is not None and not self._is_lifted(hold.id)]

    def is_lifted(self, hold: str) -> bool:
        """Return whether the state says it is lifted, and nobody has asked otherwise meanwhile."""
        with self._lock:
            return self._is_lifted(hold)

    def to_remove(self) -> list[str]:
        """Return lifted holds that are still linked on the shelf."""
        with self._lock:
            return sorted(key for key in self._shelf if self._is_lifted(key))

    def let_go_of(self, hold: str) -> Mapping[str, Collection[int]]:
        """Return the sequence numbers by camera that a hold has released."""
        with self._lock:
            return self._let_go.get(hold, _NOTHING)[0]

    def to_unite(self) -> list[Hold]:
        """Return rows that the shelf has and the state lacks, to be logged as changes. A lift recorded only on the shelf is
        not trusted: such a hold is in force again."""
        with self._lock:
            return [row for key in sorted(self._shelf) if (row := self._united(key)) is not None]

    def due(self, now: Now, is_over: Callable[[Hold, Now], bool] = grace_over) -> list[Hold]:
        """Return holds whose grace period is over (``policy.holds.grace_over``), or their last day, as their new rows."""
        with self._lock:
            return [
                lifted(row, now)
                for row in self._rows.values()
                if is_over(row, now) and row.id not in self._asked and row.id not in self._ahead
            ]

    # -- the union --------------------------------------------------------------------------------------------------

    def _keys(self) -> set[str]:
        return {*self._rows, *self._asked, *self._shelf}

    def _is_lifted(self, hold: str) -> bool:
        row = self._rows.get(hold)
        return row is not None and row.state == LIFTED and hold not in self._asked and hold not in self._ahead

    def _tell(self, holds: Collection[str]) -> None:
        if holds and self._told:
            self.protection.change({key: self._kept(key) for key in holds})
        elif holds:
            # Before the state is known everything is protected; what is requested meanwhile must be kept afterward too.
            self.protection.change({key: kept for key in holds if (kept := self._kept(key)) is not None})

    def _kept(self, hold: str) -> HeldSpans | None:
        row, asked, shelved = self._rows.get(hold), self._asked.get(hold), self._shelf.get(hold)
        parts: list[HoldSpan] = []
        if row is not None and (row.state != LIFTED or shelved is not None):
            parts += row.spans
        if asked is not None:
            parts += asked.spans
        if shelved is not None and (row is None or hold in self._ahead):
            parts += shelved.spans
        if not parts:
            return None
        return HeldSpans(tuple(dict.fromkeys(parts)), *self._let_go.get(hold, _NOTHING))

    def _look_ahead(self) -> None:
        self._ahead = {key for key, shelved in self._shelf.items() if _knows_more(shelved, self._rows.get(key))}

    def _united(self, hold: str) -> Hold | None:
        row, shelved = self._rows.get(hold), self._shelf[hold]
        if hold in self._asked or hold not in self._ahead:
            return None
        if row is None:
            return _in_force_again(shelved, shelved.spans, shelved.version + 1)
        version = max(row.version, shelved.version) + 1
        if row.state == LIFTED:
            return _in_force_again(shelved, shelved.spans, version)
        return _in_force_again(_naming(row, shelved), (*row.spans, *spans_beyond(shelved.spans, row.spans)), version)


def lost_hold(hold: str, spans: tuple[HoldSpan, ...], now_utc_ns: int, review_utc_ns: int) -> Hold:
    """Return a hold whose file is lost, rebuilt from its shelf: for a person to check."""
    return Hold(
        id=hold,
        ground=UNKNOWN_GROUND,
        reference=UNKNOWN_REFERENCE,
        spans=spans,
        placed_by="service",
        placed_utc_ns=now_utc_ns,
        review_utc_ns=review_utc_ns,
        version=0,
    )


def _in_force_again(hold: Hold, spans: tuple[HoldSpan, ...], version: int) -> Hold:
    return msgspec.structs.replace(
        hold,
        spans=spans,
        version=version,
        state="active",
        lift_by="",
        lift_why="",
        approved_by="",
        approval_paper_sha256="",
        grace_end_utc_ns=None,
        lifted_utc_ns=None,
    )


def _is_another(shelved: Hold, hold: Hold) -> bool:
    """Return whether the shelf's hold of that number is a different one: the state is older than the shelf and reused the
    number. One whose file is lost (version 0) does not tell."""
    return shelved.version > 0 and (shelved.placed_utc_ns, shelved.placed_by) != (hold.placed_utc_ns, hold.placed_by)


def _knows_more(shelved: Hold, row: Hold | None) -> bool:
    """Return whether the shelf knows of something to keep that the state does not. A lift's end recorded on the shelf is not
    trusted, and what the state lifted is lifted, unless it was a different hold."""
    if row is None:
        return True
    if _is_another(shelved, row):
        return row.state == LIFTED or bool(spans_beyond(shelved.spans, row.spans))
    if row.state == LIFTED or shelved.version <= row.version:
        return False
    return _takes_back(shelved, row) or bool(spans_beyond(shelved.spans, row.spans))


def _takes_back(shelved: Hold, row: Hold) -> bool:
    """Return whether the shelf shows that a lift known to the state was taken back later, with an entry that never reached the
    log."""
    return shelved.state == ACTIVE and row.state in (LIFTING, GRACE) and shelved.version > row.version


def _naming(hold: Hold, shelved: Hold) -> Hold:
    """Return the hold with a note about the other one of that number, whose spans it takes over."""
    if not _is_another(shelved, hold):
        return hold
    word = f"Also keeps what lay on the shelf as {shelved.id}: {shelved.ground}, no. {shelved.reference}."
    return hold if word in hold.note else msgspec.structs.replace(hold, note=f"{hold.note} {word}".strip())
