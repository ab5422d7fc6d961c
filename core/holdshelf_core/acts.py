"""How actions and reads are declared: each once, as the type of its request, in the ``types`` module of its subject.

The route, the client call, the answer's type, the time limit, the permission and the name in the access log all derive from it.
The scope given to the policy and the text of the log entry are declared beside the handler (``actions.registry``).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import get_original_bases
from typing import ClassVar, ForwardRef, get_args, get_origin

import msgspec

TIMEOUT_S = 60.0
ADMIN = "admin"
"""Permission of a read that only the local admin may make."""


PICTURES, COPIES, MOVEMENT = "pictures", "copies", "movement"
"""What somebody may have of footage: seen it, taken or given a copy or a print of it, seen when something moved in it."""
PICTURE_PAPERS = ("still", "sheet")
"""Papers with pictures from cameras on them."""


@dataclass(frozen=True, slots=True)
class Shows:
    """What an entry says that somebody had of footage; one that was refused, that they wanted it."""

    what: str
    """PICTURES | COPIES | MOVEMENT."""
    fact: str = ""
    """Only entries of which this fact has one of the values in ``among``; '' all entries."""
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActSpec:
    """Name, permission and limits of an action."""

    name: str
    """E.g. ``hold.place``: its name in the log and in the API path ``/actions/NAME``."""
    permission: str = ""
    """The permission that the policy checks; '' means the one named like the action."""
    changes: bool = False
    """Whether it changes the register: such actions run one at a time."""
    queued_when_unwritable: bool = False
    """Whether it may run while its entry waits for the log: placing holds, and viewing them for people who may place them."""
    timeout_s: float = TIMEOUT_S
    """How long a client waits for the answer."""
    shows: Shows | None = None
    """What its entries say that somebody had of footage: from this, the log answers who looked. None: nothing."""

    @property
    def needs(self) -> str:
        """Return the permission to check: ``permission``, or the action's name."""
        return self.permission or self.name


@dataclass(frozen=True, slots=True)
class ReadSpec:
    """Name and permission of a read. A read changes nothing and leaves no entry in the access log."""

    path: str
    permission: str | None = None
    """The permission that the policy checks: '' for anyone with standing, None or ADMIN for the admin only."""
    method: str = "GET"
    """GET: the request's fields are query parameters. POST: they are the JSON body."""
    timeout_s: float = TIMEOUT_S


class Act[A](msgspec.Struct, frozen=True):
    """A request to do something; the answer is an ``A``."""

    spec: ClassVar[ActSpec]


class Read[A](msgspec.Struct, frozen=True):
    """A request to read something; the answer is an ``A``."""

    spec: ClassVar[ReadSpec]


class Done(msgspec.Struct, frozen=True):
    """Answer of an action without a more specific one: the number of its log entry, and the id of what it created or changed."""

    seq: int
    id: str = ""
    sentence: str = ""


def answer_of[A](request: type[Act[A]] | type[Read[A]]) -> type[A]:
    """Return the type that answers a request class. Raises TypeError when the class does not declare one."""
    for base in get_original_bases(request):
        if get_origin(base) in (Act, Read):
            (answer,) = get_args(base)
            if isinstance(answer, ForwardRef):  # declared further down in the same module
                answer = getattr(sys.modules[request.__module__], answer.__forward_arg__)
            found: type[A] = answer
            return found
    raise TypeError(f"{request.__name__} does not say what answers it")
