"""What a person must check after restoring a backup, as only people know what happened since.

Pure. The service shows these sentences as a repair when it finds STATE/restored.json and has logged `backup.restored`; the
command line prints them at once.
"""

from __future__ import annotations

from holdshelf_core import times
from holdshelf_core.policy.governing import own_board
from holdshelf_storage.backup.restore import Restored

# Actions that revoke a right, a hold or a setting: listed first when the old log has them after the backup.
_CONCERNS = {
    "person": "people and keys: whoever was removed, or whose key was replaced, may get in again (`holdshelf person list`)",
    "seat": "seats: a term that was ended or begun since is unknown (`holdshelf seat list`)",
    "appointment": "letters of appointment that were revoked or given since (`holdshelf appointment list`)",
    "share": "shares that were ended or given since (`holdshelf share list`)",
    "hold": "holds: those placed since come back from the shelf automatically; a lift that was approved must be approved again "
    "(`holdshelf hold list`)",
    "release": "releases requested, approved, refused or withdrawn since (`holdshelf release list --all`)",
    "counsel": "counsel's determinations recorded or ended since (`holdshelf counsel list`)",
    "commission": "commissioning: masks that were drawn or changed since are not burned in (`holdshelf camera list`)",
    "entrance": "entrances attested or waived since (`holdshelf entrance list`)",
    "checklist": "checkmarks of the checklist entered since (`holdshelf checklist show --due`)",
    "board": "settings of the Board (`holdshelf board show`)",
    "policy": "the policy in force (`holdshelf policy show`)",
    "camera": "cameras added or removed since, and their passwords (`holdshelf camera list`)",
}


def sentence(restored: Restored) -> str:
    """Return the repair's sentence."""
    return (
        f"A backup of {times.local_words(restored.made_utc_ns)} was restored on {times.local_words(restored.at_utc_ns)}: "
        "changes made in between are lost, and rights that were taken away since then may be valid again."
    )


def next_step() -> str:
    """Return the repair's next step."""
    return "Compare people, seats, letters of appointment, shares, holds, cameras and settings with the signed papers on file."


def what_to_check(restored: Restored) -> list[str]:
    """Return the list of things to check; those the old log shows as changed come first."""
    newer = restored.newer or {}
    kinds = {action.partition(".")[0] for action in newer}
    first = [f"Changed since the backup: {own_board(words)}." for kind, words in _CONCERNS.items() if kind in kinds]
    others = [words for kind, words in _CONCERNS.items() if kind not in kinds]
    lines = [*first]
    if restored.newer is None:
        lines += [f"May have changed since the backup: {own_board(words)}." for words in others]
    elif restored.newer:
        total = sum(newer.values())
        told = ", ".join(f"{action} {count}" for action, count in sorted(newer.items())[:20])
        lines.append(f"The log that was replaced has {total} entries more: {told}.")
    if restored.entries:
        lines.append(
            f"The access log ends at entry {restored.entries} and goes on from there: heads on paper that count more "
            "entries belong to the log that was set aside and do not match this one."
        )
    if restored.set_aside:
        lines.append(f"What was there before is now in {restored.set_aside}. Keep it: it is part of the record.")
    lines += [f"Incomplete when it was restored: {problem}" for problem in restored.problems]
    return lines


def facts(restored: Restored) -> dict[str, object]:
    """Return the facts for the entry `backup.restored`. They are public: no names, no free text."""
    return {
        "made": times.rfc3339(restored.made_utc_ns),
        "restored": times.rfc3339(restored.at_utc_ns),
        "archive": restored.archive_sha256,
        "entries": restored.entries,
        "newer": sum(restored.newer.values()) if restored.newer is not None else -1,
        "problems": len(restored.problems),
    }
