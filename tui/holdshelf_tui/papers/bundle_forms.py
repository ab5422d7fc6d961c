"""`print receipt | custody | certificate`: what goes beside a bundle, from the register and the manifest that was signed.

The words of the certificate and of the custody form are those of the files in the bundle: the service gives them,
nothing is said twice.
"""

from __future__ import annotations

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.case_types import BundlePaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.document import Block, Document, Facts, Field, Fields, Heading, Item, Keep, Mono, Para
from holdshelf_tui.papers.hold_notice import spans_rows, stretches_table
from holdshelf_tui.papers.text import clean
from holdshelf_tui.text.words import size

NOT_HERE = "The bundle itself could not be read here as it was signed: this is made from the register alone, and lists no video."
_CUSTODY_BLOCKS = 4


def _made(facts: PaperFacts) -> BundlePaper:
    if facts.bundle is None:
        raise BadRequest("That paper belongs to one release.", "Give its number, e.g., R-2026-0001.")
    return facts.bundle


def _caveats(bundle: BundlePaper) -> tuple[str, ...]:
    return () if bundle.is_here else (NOT_HERE,)


def _keys(bundle: BundlePaper) -> list[Block]:
    sums = clean(bundle.sums_sha256, 64)
    return [
        Heading("Key that signed it, letter for letter", 2),
        Mono([clean(bundle.fingerprint, 80)]),
        Heading("SHA-256 of SHA256SUMS", 2),
        Mono([sums[:32], sums[32:]]),
    ]


def _kind(bundle: BundlePaper) -> str:
    return "original recordings" if bundle.kind == "original" else "masked copies"


def _rows(bundle: BundlePaper) -> list[tuple[str, str]]:
    missing = f"{bundle.missing} stretch{'' if bundle.missing == 1 else 'es'}, listed in gaps.csv"
    return [
        ("Basis", clean(bundle.basis)),
        ("Case or incident", f"no. {clean(bundle.reference, 60)}" if bundle.reference else ""),
        ("Videos", f"{bundle.videos}, {_kind(bundle)}"),
        ("Not in it", missing if bundle.missing else "nothing that was asked for"),
        ("Files", f"{bundle.files}, {size(bundle.bytes)}"),
        ("Made", f"{clean(bundle.made_at, 40)}, by {clean(bundle.made_by)}"),
    ]


def receipt_document(facts: PaperFacts) -> Document:
    """What the officer holds against the bundle: the key's fingerprint, on paper. One page."""
    bundle = _made(facts)
    return frame.document(
        facts,
        f"Receipt for release {clean(bundle.release, 20)}",
        [
            Facts(_rows(bundle)),
            *_keys(bundle),
            Para(
                "The bundle's README.txt says how to check it. The fingerprint that `ssh-keygen -Y verify` "
                "prints must be the one above: a key that is found only in the bundle proves that nothing was "
                "changed, and not where it comes from."
            ),
            Facts(spans_rows("Given", bundle.given)),
            Keep(
                [
                    Heading("Handed over", 2),
                    Fields([Field("Handed over by", 26), Field("signature", 22)]),
                    Fields([Field("Received by", 26), Field("signature", 22)]),
                    Fields([Field("Agency, badge", 26), Field("date, time", 22)]),
                ]
            ),
        ],
        one_page=True,
    )


def custody_document(facts: PaperFacts) -> Document:
    """Who had it in hand, to be filled in. One page."""
    bundle = _made(facts)
    blocks: list[Block] = [
        Facts(_rows(bundle)[1:]),
        Mono([clean(bundle.fingerprint, 80), f"SHA256SUMS {clean(bundle.sums_sha256, 64)}"]),
        Para(clean(bundle.custody, 600)),
    ]
    for number in range(1, _CUSTODY_BLOCKS + 1):
        blocks.append(
            Keep(
                [
                    Fields([Field(f"{number}. Date, time", 20), Field("purpose", 26)]),
                    Fields([Field("Handed over by", 22), Field("signature", 20)]),
                    Fields([Field("Received by, badge", 20), Field("signature", 20)]),
                ]
            )
        )
    return frame.document(
        facts,
        f"Chain of custody: release {clean(bundle.release, 20)}",
        [*blocks, Para(clean(bundle.custody_end, 600))],
        one_page=True,
    )


def certificate_document(facts: PaperFacts) -> Document:
    """The certificate of the custodian of records, to be signed; with each video and its checksum."""
    bundle = _made(facts)
    return frame.document(
        facts,
        f"Custodian's certificate: release {clean(bundle.release, 20)}",
        [
            *(Para(clean(words, 1200)) for words in bundle.certificate),
            Facts(_rows(bundle)),
            *_keys(bundle),
            *([Heading("The videos", 2)] if bundle.rows else []),
            *(
                Keep(
                    [
                        Para(clean(video.span, 250)),
                        Mono([clean(video.file), clean(video.sha256, 64)]),
                    ]
                )
                for video in bundle.rows
            ),
            *([Heading("What is not there", 2)] if bundle.gaps else []),
            *([stretches_table(bundle.gaps)] if bundle.gaps else []),
            Keep(
                [
                    Item(
                        "I declare under penalty of perjury that this is true and correct (where counsel asks for it).",
                        box=False,
                    ),
                    Fields([Field("Name and title", 50)]),
                    Fields([Field("Signature", 34), Field("date", 12)]),
                ]
            ),
            Para(clean(bundle.certificate_end, 600)),
        ],
        caveats=_caveats(bundle),
    )
