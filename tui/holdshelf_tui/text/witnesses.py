"""What a head's signatures prove, in words."""

from __future__ import annotations

from holdshelf_core.access_log.types import LogHead, LogVerified
from holdshelf_core.witnesses.types import WitnessedRow
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.timestamps import stamped_words
from holdshelf_tui.text.words import counted, inert


def witnessed_words(answer: LogVerified) -> list[str]:
    """A sentence for each witness that signed the head from outside, and one for keys that nobody here knows."""
    told = [
        f"{signed_words(one)}: up to then, it had seen no conflicting version of this log." for one in answer.witnesses
    ]
    if answer.unknown:
        names = ", ".join(inert(name, 60) for name in answer.unknown[:4])
        more = ", …" if len(answer.unknown) > 4 else ""
        many = len(answer.unknown)
        told.append(
            f"{counted(many, 'signature')} on it {'is' if many == 1 else 'are'} of unknown keys and "
            f"{'proves' if many == 1 else 'prove'} nothing here ({names}{more}). "
            "`--witness-key` takes the key of a witness."
        )
    return told


def newest_words(head: LogHead) -> str:
    """What witnesses have signed of the log, and what is stamped: '' when nobody has and nothing is."""
    return " ".join(filter(None, (_countersigned_words(head), stamped_words(head.stamped))))


def _countersigned_words(head: LogHead) -> str:
    if not head.witnesses:
        return ""
    entries = head.countersigned.split("\n", 2)[1]
    names = ", ".join(inert(row.name, 60) for row in head.witnesses)
    at = when(max(row.utc_ns for row in head.witnesses))
    return f"Countersigned up to entry {entries} by {names} at {at}."


def signed_words(row: WitnessedRow) -> str:
    """Who countersigned, and when."""
    return f"{inert(row.name, 120)} countersigned it at {when(row.utc_ns, seconds=True)}"
