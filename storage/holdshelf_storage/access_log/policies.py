"""Whether the entries of an access log name the policy that was in force, as one entry after the other adopts them.

Each entry names the text (`policy`) and the file (`policy_file`, where a file was adopted). Another policy than that of the entry
before takes an entry `policy.adopt` that was done. An entry that was being written meanwhile may still name the one before. A
copy may begin anywhere, so its first entry is believed. Older logs name the text alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

ADOPT_ACTION: Final = "policy.adopt"
_UNTOLD: Final = "?"
"""A file of which nothing tells: from the middle of a log, or from an older one."""


class Named(NamedTuple):
    """What an entry names, and the policy that it adopts; a run of entries that name the same is its first one."""

    seq: int
    policy: str
    file: str
    adopts: tuple[str, str] | None = None
    """SHA-256 of the text and of the file, '' for no file."""


def named(entries: Iterable[Mapping[str, Any]]) -> list[Named]:
    """What these entries name, without what tells nothing new. Those that had to wait for the log name what was in force then."""
    found: list[Named] = []
    last: tuple[Any, Any] | None = None
    for entry in entries:
        pair = entry.get("policy"), entry.get("policy_file", "")
        adopts = entry.get("action") == ADOPT_ACTION and entry.get("outcome") == "done"
        if (pair == last and not adopts) or pair[0] is None or entry.get("outcome") == "queued":
            continue
        last = pair
        facts = entry.get("facts") if adopts else None
        sums = (str(facts.get("sha256", "")), str(facts.get("file", ""))) if isinstance(facts, Mapping) else None
        found.append(Named(entry["seq"], str(pair[0]), str(pair[1]), sums))
    return found


class Policies:
    """The policy in force while a log's entries are read in their order."""

    def __init__(self) -> None:
        self._known: list[tuple[str, str]] = []
        """Text and file of the one that was adopted and that no entry has named yet, if any, and of the one named last."""
        self._names_files = False

    def take(self, one: Named) -> str:
        """Process what an entry names. Returns what is wrong with it, in a sentence; '' for nothing."""
        fits = [at for at, policy in enumerate(self._known) if self._is(policy, one)]
        wrong = self._known and not fits
        self._names_files = self._names_files or bool(one.file)
        now = self._known[fits[0]] if fits else (one.policy, _UNTOLD)
        if self._names_files:
            now = (one.policy, one.file)
        self._known = [*self._known[: fits[0] if fits else 0], now]
        if one.adopts is not None:
            self._known = [one.adopts, now]
        if not wrong:
            return ""
        return (
            f"Entry {one.seq} names a policy that was not in force: no entry before it adopted that text and that file."
        )

    def _is(self, policy: tuple[str, str], one: Named) -> bool:
        text, file = policy
        return text == one.policy and (file in (one.file, _UNTOLD) or not (one.file or self._names_files))
