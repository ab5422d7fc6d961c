"""Who is locked out: a person whom the door refuses again and again, a seat that nobody can log in for, the admin's keys.

Strangers who try are counted apart, as one: a scanner that is refused all day is one repair. Repairs name nobody; the access log
does. Counts are in memory: after a restart whoever still tries is soon noticed again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from holdshelf_core.integration.repairs import RepairRegistry, Severity
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.standing import locked_out_seats
from holdshelf_core.policy.state import State
from holdshelf_core.times import NS

LOCKED_OUT: Final = "locked_out:"
STRANGERS: Final = "strangers"
TRIES: Final = {STRANGERS: 20}
"""So many refused log-ins within `WINDOW_S`; as many as the door answers before it makes that key, or that address, wait."""
TRIES_OTHERWISE: Final = 5
WINDOW_S: Final = 3600
ENDS_AFTER_S: Final = 86_400
"""Without another try. Shorter, and whoever comes every few hours would be news each time."""


@dataclass(slots=True)
class _Tries:
    """Refused log-ins of one person, of the admin's keys, or of all strangers. Times are on the boot clock."""

    number: int
    """Of the repair, which everybody reads who may see the status: no person's id."""
    since_boot_ns: int
    last_boot_ns: int
    count: int = 0


class LockedOut:
    """Counts refused log-ins and has them as repairs. Used on the loop; touches no disk. ``boot_ns``: the boot clock."""

    def __init__(self, repairs: RepairRegistry, boot_ns: Callable[[], int]) -> None:
        self._repairs, self._boot_ns = repairs, boot_ns
        self._tries: dict[str, _Tries] = {}
        self._numbers = itertools.count(1)

    def refused(self, who: str, count: int = 1) -> None:
        """Count refused log-ins of a person, of 'admin', or of `STRANGERS`."""
        now = self._boot_ns()
        tries = self._tries.get(who)
        if tries is None:
            tries = self._tries[who] = _Tries(next(self._numbers), now, now)
        if tries.count < _most(who) and now - tries.since_boot_ns >= WINDOW_S * NS:
            tries.since_boot_ns, tries.count = now, 0
        tries.count += count
        tries.last_boot_ns = now

    def came_in(self, who: str) -> None:
        """Forget what was refused of whoever has logged in now."""
        self._tries.pop(who, None)

    def async_tell(self, state: State | None, now: Now, admin_keys_problem: str) -> None:
        """Bring the repairs up to date. ``state`` None: it is in doubt, and another repair says so."""
        found = {id: (severity, sentence, step) for id, severity, sentence, step in self._refused()}
        if admin_keys_problem:
            step = "Fix or remove the file, then restart the service."
            found[f"{LOCKED_OUT}admin-keys"] = "warning", f"{admin_keys_problem} No admin can log in over SSH.", step
        for seat in locked_out_seats(state, now) if state is not None else ():
            words = state.policy.role_words(seat) if state is not None else seat
            found[f"{LOCKED_OUT}{seat}"] = (
                "warning",
                f"Nobody can log in as the {words}: no holder of that seat has a key or an account.",
                f"On a signed paper: `holdshelf person replace-key`, or `holdshelf seat name {seat}` for a new holder.",
            )
        for id, (severity, sentence, step) in found.items():
            self._repairs.async_create(id, camera_id=None, severity=severity, sentence=sentence, next_step=step)
        for repair in self._repairs.async_all():
            ours = repair.issue_id == STRANGERS or repair.issue_id.startswith(LOCKED_OUT)
            if ours and repair.issue_id not in found:
                self._repairs.async_delete(repair.issue_id)

    def _refused(self) -> Iterator[tuple[str, Severity, str, str]]:
        now = self._boot_ns()
        for who, tries in list(self._tries.items()):
            enough = tries.count >= _most(who)
            if now - tries.last_boot_ns >= (ENDS_AFTER_S if enough else WINDOW_S) * NS:
                del self._tries[who]
            elif enough and who == STRANGERS:
                yield (
                    STRANGERS,
                    "notice",
                    f"Strangers try to log in: {tries.count} times so far, without a key that is known here.",
                    "`holdshelf log show --action door.strangers` says from where. The door need not be open to the internet.",
                )
            elif enough:
                yield (
                    f"{LOCKED_OUT}{tries.number}",
                    "warning",
                    f"Somebody whose key is known here was refused {tries.count} times, and has not come in since.",
                    "`holdshelf log show --action door.login` says who it is, and by which clause.",
                )


def _most(who: str) -> int:
    return TRIES.get(who, TRIES_OTHERWISE)
