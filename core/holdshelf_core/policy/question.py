"""What ``rules`` and ``conditions`` pass to each other: the question with its looked-up rows, and the caller's role."""

from __future__ import annotations

from dataclasses import dataclass

from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Appointment, Seat
from holdshelf_core.policy.rights import Permission
from holdshelf_core.policy.standing import Standing
from holdshelf_core.policy.state import State


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. ``cameras`` are the scope's, as ids, each once."""

    state: State
    rule: Permission
    scope: Scope
    now: Now
    standing: Standing
    cameras: tuple[str, ...]

    @property
    def person(self) -> str:
        """Return the id of the person who asks; '' for the admin."""
        return self.standing.person.id if self.standing.person is not None else ""


@dataclass(frozen=True, slots=True)
class Role:
    """The role in which somebody acts. ``words`` begin a sentence: "The Library Director"."""

    acting_as: str
    words: str
    seat: Seat | None = None
    appointments: tuple[Appointment, ...] = ()
    share: bool = False
    admin: bool = False
    own: bool = False
