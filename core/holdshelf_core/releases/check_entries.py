"""Checks the entries of the access log in a bundle: each export, and the proof in the form of other tools beside it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from holdshelf_core.releases.check_proofs import Entries
from holdshelf_core.releases.check_source import BundleSource
from holdshelf_core.releases.types import Report
from holdshelf_storage.access_log.checkpoint import BadHead, PublicKey, parse_note
from holdshelf_storage.access_log.export import Header
from holdshelf_storage.access_log.proof import BadProof, parse_proof
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import StorageError

ENTRY: Final = "access-log/entry-"
EXPORT, PROOF = ".jsonl", ".tlog-proof"
_MAX_BYTES: Final = 32 << 20
"""Of all together; an entry has a few hundred bytes, and appears twice."""


def check_entries(source: BundleSource, log_key: str, report: Report) -> Entries:
    """Return the entries that are those of a head signed by this key; problems go to ``report``."""
    size, entries, proven = 0, Entries(), dict[str, bytes]()
    for name in sorted(one for one in source.names if one.startswith(ENTRY)):  # an export comes before its proof
        raw = source.small(name) or b""
        size += len(raw)
        if size > _MAX_BYTES:
            report.problems.append("It has more of the access log in it than a release has entries.")
            return entries
        source.go_on()
        if name.endswith(PROOF):
            beside = name.removesuffix(PROOF) + EXPORT
            if beside in proven or beside not in source.names:  # otherwise the problem is told already
                _check_proof(name, raw, log_key, proven.get(beside, b""), report)
        elif problems := _problems_of(raw, log_key):
            report.problems += [f"{name}: {problem}" for problem in problems]
        else:
            entries.add(name, raw)
            proven[name] = raw
    return entries


def _problems_of(export: bytes, log_key: str) -> list[str]:
    with tempfile.NamedTemporaryFile(prefix="holdshelf-") as copy:
        copy.write(export)
        copy.flush()
        try:
            return verify_log(Path(copy.name), public_key=log_key).problems
        except (BadHead, StorageError) as error:
            return [str(error)]


def _check_proof(name: str, raw: bytes, log_key: str, export: bytes, report: Report) -> None:
    """Add a problem unless this proves the entry of the export beside it, by the same head."""
    first_line, _, line = export.partition(b"\n")
    try:
        if not export:
            raise BadProof("stands beside no export of its entry")
        proof = parse_proof(raw.decode("utf-8", "replace"))
        head, _ = proof.check(PublicKey.parse(log_key))
        if proof.line + b"\n" != line or parse_note(decode_json(first_line, Header).head).head != head:
            raise BadProof("proves another entry, or leads to another head, than the export beside it")
    except (BadProof, BadHead) as error:
        report.problems.append(f"{name} {error}.")
