"""The receipt of a release: what the officer holds against the bundle, on paper."""

from __future__ import annotations

from holdshelf_core.api.types_releases import BundleRow, ReleaseRow
from holdshelf_tui.cli.render import inert, local, size

_LINE = "_" * 30


def receipt_paper(row: ReleaseRow, bundle: BundleRow, library: str, head: str) -> str:
    """Plain text, at most 80 columns. ``head``: the access log's, in its short form."""
    kind = "original recordings" if bundle.kind == "original" else "masked copies"
    lines = [
        inert(library or "Library", 78),
        f"Receipt for release {row.id}",
        "=" * 78,
        "",
        f"Basis:           {inert(row.basis_words, 60)}",
        f"Reference:       {inert(row.reference, 60) or '-'}",
        f"Videos:          {bundle.videos}, {kind}",
        f"Not in it:       {bundle.missing or 'nothing that was asked for'}"
        + (" stretches, listed in gaps.csv" if bundle.missing else ""),
        f"Files:           {bundle.files}, {size(bundle.bytes)}",
        f"Made:            {local(bundle.made_utc_ns)} by {inert(bundle.made_by_name, 40)}",
        "",
        "KEY THAT SIGNED IT, letter for letter",
        f"    {bundle.fingerprint}",
        "",
        "SHA-256 OF SHA256SUMS",
        f"    {bundle.sums_sha256[:32]}",
        f"    {bundle.sums_sha256[32:]}",
        "",
        "How to check the bundle stands in its README.txt. The fingerprint that",
        "`ssh-keygen -Y verify` prints must be the one above: a key that is found only",
        "in the bundle proves that nothing was changed, and not where it comes from.",
        "",
        "GIVEN",
    ]
    for span in row.given:
        lines += [f"    {inert(span.camera, 70)}", f"        {local(span.start_utc_ns)} to {local(span.end_utc_ns)}"]
    lines += [
        "",
        f"Handed over by:  {_LINE}",
        "",
        f"Received by:     {_LINE}",
        "",
        f"Agency, badge:   {_LINE}",
        "",
        f"Date, time:      {_LINE}",
        "",
        f"Access log:      {head}",
        "",
    ]
    return "\n".join(lines)
