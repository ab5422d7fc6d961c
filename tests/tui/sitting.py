"""Who sits at a terminal, as the service tells it: with the acts that their role or letter gives."""

from __future__ import annotations

from holdshelf_core.people.types import PersonRow, RoleRow
from holdshelf_core.policy.rights import PERMISSIONS
from holdshelf_tui.session.link import Who


def seat(person: str = "p1", *acts: str) -> Who:
    """Whoever holds a role: with these acts, or with all that a role may have."""
    known = [*acts] or [rule.id for rule in PERMISSIONS.values() if rule.seat]
    role = RoleRow("s1", "Library Director", "active", 0, None)
    return Who(PersonRow(person, "x", "Dora Reed", [], "", "", [role], "", acts=known))


def designee(*rights: str, person: str = "p9") -> Who:
    """Whoever has a letter with these rights; without any, somebody enrolled."""
    acts = [rule.id for rule in PERMISSIONS.values() if rights and (rule.designee or set(rights) & set(rule.rights))]
    role = RoleRow("a1", "designee of the Library Director", "active", 0, None, list(rights))
    return Who(PersonRow(person, "x", "Vera Lund", [], "", "", [role] if rights else [], "", acts=acts))
