"""Says what the time stamps in a bundle prove: of the head of the access log that it leads to, and of an earlier one that covers
the entries of its footage (docs/witness.md)."""

from __future__ import annotations

import binascii
from typing import Final, NamedTuple

from holdshelf_core import times
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.releases.check_proofs import HEAD
from holdshelf_core.releases.check_source import BundleSource, cut
from holdshelf_core.releases.types import Report
from holdshelf_core.times import NS
from holdshelf_core.timestamps.authority import checked_authority
from holdshelf_core.timestamps.reading import BadStamp, read_stamp
from holdshelf_storage.access_log.checkpoint import BadHead, PublicKey
from holdshelf_storage.access_log.merkle import verify_consistency


class StampNames(NamedTuple):
    """The files of one stamp in a bundle. ``proof``: a hex hash a line, from that head to the bundle's own; '' for that one."""

    head: str
    stamp: str
    authority: str
    proof: str = ""


NOW: Final = StampNames(HEAD, "access-log/head.tsr", "access-log/timestamp-ca.pem")
EARLIER: Final = StampNames(
    "access-log/earlier-head.txt",
    "access-log/earlier-head.tsr",
    "access-log/earlier-ca.pem",
    "access-log/earlier-head.proof",
)


def check_stamps(source: BundleSource, log_key: str, last_anchor: int, authority: str, report: Report) -> None:
    """Add to ``report`` which heads were stamped, and by whose word; a problem when a stamp does not hold.

    ``last_anchor``: the last entry that anchored its footage.
    ``authority``: certificates from outside; with '' those in the bundle are taken, whose origin nothing in it proves.
    """
    found = [names for names in (NOW, EARLIER) if names.stamp in source.names]
    if not found and authority:
        report.notes.append("The head of the access log that it leads to has no time stamp.")
    for names in found:
        try:
            report.notes.append(_said(source, names, log_key, last_anchor, authority))
        except BadRequest as error:
            report.problems.append(f"{names.authority} cannot be read: {error.sentence}")
        except BadStamp as error:
            report.problems.append(f"The time stamp {names.stamp} {error}.")
        except BadHead as error:
            report.problems.append(f"{names.head} {error}.")
        except Unavailable as error:
            report.notes.append(error.sentence)


def _said(source: BundleSource, names: StampNames, log_key: str, last_anchor: int, authority: str) -> str:
    head, stamp, own = (source.small(name) or b"" for name in (names.head, names.stamp, names.authority))
    entries = _entries(source, names, head, log_key)
    if entries < last_anchor:
        raise BadHead("does not cover the entries that anchored its footage")
    roots = authority or checked_authority(own.decode("ascii", "replace"))
    read = read_stamp(stamp, head, roots)
    what = (
        f"the access log's first {entries} entries, those that anchored its footage among them,"
        if names.proof
        else "the head of the access log that it leads to"
    )
    at = times.local_words(read.utc_ns // NS * NS)
    said = f"{cut(read.signer)} stamped {what} {at}: by this server's word, they existed then."
    if authority:
        return said
    return (
        f"{said} Its authority is known from the bundle alone, SHA-256 {read.root}: compare that with what the "
        "authority publishes, or give its certificate with `--ca`."
    )


def _entries(source: BundleSource, names: StampNames, note: bytes, log_key: str) -> int:
    """Return how many entries a head covers that the bundle's own continues. Raises BadHead."""
    key = PublicKey.parse(log_key)
    head = key.check(note.decode("utf-8", "replace"))
    if names.proof:
        last = key.check((source.small(HEAD) or b"").decode("utf-8", "replace"))
        try:
            proof = [binascii.unhexlify(line) for line in (source.small(names.proof) or b"").splitlines()]
        except binascii.Error:
            raise BadHead("comes with a proof that cannot be read") from None
        if not verify_consistency(head.size, head.root, last.size, last.root, proof):
            raise BadHead(f"is not one that {HEAD} continues")
    return head.size
