"""Says who countersigned the head of the access log that a bundle leads to (docs/witness.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdshelf_core import times
from holdshelf_core.releases.check_proofs import HEAD
from holdshelf_core.releases.check_source import BundleSource, cut
from holdshelf_core.releases.types import Report
from holdshelf_core.times import NS
from holdshelf_storage.access_log.checkpoint import BadHead, PublicKey, parse_note
from holdshelf_storage.access_log.cosignature import WitnessKey, read_signatures

COUNTERSIGNED: Final = "access-log/countersigned.txt"
_MOST_NAMES: Final = 4


def check_witnesses(source: BundleSource, log_key: str, keys: Sequence[WitnessKey], report: Report) -> None:
    """Add to ``report`` who signed, by these keys; a problem when that head is not the bundle's, or a signature is wrong."""
    if COUNTERSIGNED not in source.names:
        if keys:
            report.notes.append("No witness countersigned the head of the access log that it leads to.")
        return
    note, own = ((source.small(name) or b"").decode("utf-8", "replace") for name in (COUNTERSIGNED, HEAD))
    try:
        if PublicKey.parse(log_key).check(note) != parse_note(own).head:
            raise BadHead(f"is of another head than {HEAD}")
        found = read_signatures(parse_note(note), keys)
    except BadHead as error:
        report.problems.append(f"{COUNTERSIGNED} {error}.")
        return
    report.notes += [
        f"{name} countersigned the head of the access log that it leads to, {times.local_words(utc_s * NS)}: until then this "
        "witness had seen no other history of that log."
        for name, utc_s in found.witnesses
    ]
    if found.unknown:
        names = ", ".join(cut(name) for name in found.unknown[:_MOST_NAMES])
        report.notes.append(
            f"Witnesses countersigned the head of the access log that it leads to, and their keys were not given ({names}): "
            "`--witness-key` takes one."
        )
