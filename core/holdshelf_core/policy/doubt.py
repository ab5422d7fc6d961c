"""A state that is older than one seen before, came from a backup, or was proven by no log: only holds may be placed.

It may name former holders, or people whom nobody chose. Until it is accepted on the Board's paper nobody views, exports, lifts,
approves or appoints, and the admin gives nobody a key or a seat: the state does not show who left since or what was ended.
Actions that keep footage are open to whoever could place a hold then, as keeping too much does no permanent harm.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.model import Flag
from holdshelf_core.policy.second import flag_open

BACKUP_RESTORED, OLDER_LOG, UNPROVEN = "backup_restored", "older_log", "register_unproven"
KINDS = (BACKUP_RESTORED, OLDER_LOG, UNPROVEN)
HOLDS_ONLY = frozenset(
    {"door", "hold.place", "hold.extend", "hold.review", "hold.see", "camera.see", "print", "log.verify"}
)
"""What a person may do anyway, if the rules allow it."""
ADMIN_WAITS = frozenset({"seat.name", "person.add", "person.key", "policy.adopt", "flag.review"})
"""What the admin may not do meanwhile; running the machine continues."""
_ACCEPT = "The admin can accept it on the Board's signed paper: `holdshelf log accept --paper FILE --why …`."
SEE_STATUS = "The admin can see what to do: `holdshelf status`."


def accept() -> str:
    """Return who can accept the state, and how."""
    return own_board(_ACCEPT)


def waiting(flags: Mapping[str, Flag]) -> Flag | None:
    """Return the flag of a state that nobody has accepted yet."""
    return next((f for f in flags.values() if f.kind in KINDS and not f.paper_sha256 and flag_open(f)), None)


def who_can_help(flags: Mapping[str, Flag]) -> str:
    """Return who can accept the state and how, as the end of a refusal."""
    return accept() if waiting(flags) is not None else SEE_STATUS


def sentence(flags: Mapping[str, Flag]) -> str:
    """Return why only holds may be placed; '' when not limited."""
    flag = waiting(flags)
    return (flag.note or "The state may be older than decisions made since.") if flag is not None else ""


def waits(permission: str, *, admin: bool) -> bool:
    """Return whether that action waits until the state is accepted."""
    return permission in ADMIN_WAITS if admin else permission not in HOLDS_ONLY
