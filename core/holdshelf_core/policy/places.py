"""Where a camera may stand by the policy in force (P4), and where nobody may have one (P5)."""

from __future__ import annotations

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.areas import questionable_name
from holdshelf_core.policy.tables import Policy


def is_private(policy: Policy, kind: str) -> bool:
    """Return whether this is a private place, by the kernel's list, by the policy's, or by its name."""
    if kind in policy.private_places:
        return True
    return kind not in policy.places and questionable_name(kind) is not None


def private_words(policy: Policy, kind: str) -> str:
    """Return e.g. 'changing room'."""
    return policy.private_places.get(kind) or kind[:40].replace("-", " ")


def check_place(policy: Policy, kind: str, note: str = "") -> None:
    """Refuse what the policy does not allow. Raises BadRequest with the clause's id."""
    if is_private(policy, kind):
        raise BadRequest(
            f"No camera is allowed in a private area such as a {private_words(policy, kind)} (P5).",
            "Nobody can override this. Choose another place.",
        )
    if kind not in policy.places:
        raise BadRequest(
            f"{kind[:40]!r} is not a kind of area on the policy's list (P4).",
            "One of: " + ", ".join(sorted(policy.places)) + ".",
        )
    if policy.needs_note(kind) and not note.strip():
        raise BadRequest(
            f"An area of kind {kind!r} needs a note that explains which area and why (P4).", "Add --area-note."
        )
