"""The policy file read once more, as docs/policy-file.md says it: which role may do what. It calls nothing of ``policy``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Self

FIRST = Path(__file__).parents[1] / "core" / "holdshelf_core" / "policy_file" / "templates" / "first.toml"
RIGHT_OF = {
    "look.live": "live",
    "break_glass": "live",
    "look.archive": "archive",
    "hold.place": "hold",
    "hold.extend": "hold",
    "hold.review": "hold",
    "share.make": "share",
    "commission.edit": "commission",
    "commission.still": "commission",
    "commission.approve": "commission",
    "entrance.edit": "commission",
    "entrance.attest": "commission",
}
PICTURES = ("look.live", "break_glass", "look.archive", "commission.still")
"""A right alone lets somebody see pictures: no act that a role decides shows any."""


class PolicyRead:
    """One file. It does not change, so copies of a model share it."""

    def __init__(self, text: str) -> None:
        tables = tomllib.loads(text)
        self._roles: dict[str, dict[str, Any]] = {row["key"]: row for row in tables["role"]}
        self._second: dict[str, list[str]] = tables.get("second", {})

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    @property
    def seats(self) -> tuple[str, ...]:
        """Roles with holders, in the file's order."""
        return tuple(key for key, row in self._roles.items() if not row.get("on_paper"))

    @property
    def board(self) -> str:
        """Who speaks for the Board."""
        return next(key for key, row in self._roles.items() if row.get("speaks_for_board"))

    def rights(self, role: str) -> frozenset[str]:
        """What a role's holder may do about pictures and footage, and what a letter from them may give."""
        return frozenset(self._roles.get(role, {}).get("rights", ()))

    def may(self, role: str, act: str) -> bool:
        """Whether a role's holder may do this: by a right, or because the role decides it."""
        if RIGHT_OF.get(act) in self.rights(role):
            return True
        decides = self._roles.get(role, {}).get("decides", ())
        if act in PICTURES:
            return False
        if any(named in ("all", act) or act.startswith(f"{named}.") for named in decides):
            return True
        if not act.endswith(".see"):
            return False
        # Who decides or has a right to something also sees it.
        subject = act.removesuffix(".see")
        return (
            any(named.partition(".")[0] == subject for named in decides)
            or any(one.startswith(f"{subject}.") and right in self.rights(role) for one, right in RIGHT_OF.items())
            or (act in ("log.see", "person.see") and self.may(role, "flag.review"))
        )

    def second(self, act: str, does: str) -> set[str]:
        """Roles that count as the second person of an act, which they agree to by ``does``."""
        return set(self._second.get(act, [key for key in self.seats if self.may(key, does)]))
