"""What a person may have meant by a name that the service does not know: from what that person can list, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, NotFound, NotPermitted
from holdshelf_tui.text.did_you_mean import did_you_mean

NAMES_SOMETHING = (BadRequest, Conflict, NotFound, NotPermitted)
"""The errors that a wrong name ends in. A person who may not see it is refused as if there were none, so a refusal is one."""
type _Names = Iterator[tuple[str, str]]


def _cameras(service: Client) -> _Names:
    return ((row.id, row.name) for row in service.status().cameras)


def _people(service: Client) -> _Names:
    from holdshelf_core.people.types import ReadPeople  # noqa: PLC0415 - a command that succeeds needs none of these

    yield from _seats(service)
    for row in service.read(ReadPeople()):
        yield from ((row.login, row.name), (row.id, row.id))


def _seats(service: Client) -> _Names:
    from holdshelf_core.people.board_types import ReadPolicyLists  # noqa: PLC0415

    return iter(service.read(ReadPolicyLists()).seats)


def _holds(service: Client) -> _Names:
    from holdshelf_core.holds.types import MOST_ROWS, HoldListAsk  # noqa: PLC0415

    return ((row.id, row.id) for row in service.act(HoldListAsk(True, most=MOST_ROWS)).holds)


def _releases(service: Client) -> _Names:
    from holdshelf_core.releases.types import ReleaseListAsk  # noqa: PLC0415

    return ((row.id, row.id) for row in service.act(ReleaseListAsk(True)).releases)


def _entrances(service: Client) -> _Names:
    from holdshelf_core.cameras.commission_types import ReadEntrances  # noqa: PLC0415

    return ((row.id, row.name) for row in service.read(ReadEntrances()))


LISTS: dict[str, Callable[[Client], _Names]] = {
    "CAMERA": _cameras,
    "PERSON": _people,
    "SEAT": _seats,
    "HOLD": _holds,
    "RELEASE": _releases,
    "ENTRANCE": _entrances,
}
"""By what help calls the value: the things of that kind, as this caller can list them."""


LOGGED = frozenset(("HOLD", "RELEASE"))
"""To list these is an act with an entry of its own: only for a name of which the error says itself that there is none."""


def suggestion(service: Client, typed: Iterable[tuple[str, Any]], error: HoldshelfError) -> str:
    """For (what help calls the value, the value): a question about the first that nothing has; '' when there is none."""
    for kind, value in typed:
        given = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        names = [str(name) for name in given if name and (kind not in LOGGED or repr(name) in error.sentence)]
        listed = LISTS.get(kind)
        if listed is None or not names:
            continue
        try:
            known = list(listed(service))
        except HoldshelfError:
            continue
        there = {name for pair in known for name in pair}
        for name in names:
            if name not in there and (asked := did_you_mean(name, known)):
                return asked
    return ""
