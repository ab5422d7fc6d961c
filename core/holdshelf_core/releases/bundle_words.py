"""The text of a bundle's certificate and custody form: the same for its files and for printing.

Modeled on Rules 902(11), (13) and (14) of the Federal Rules of Evidence, without claiming to meet them. It never overstates: root
can copy files and forge a log that nobody witnessed, so nothing here says "cannot".
"""

from __future__ import annotations

from collections.abc import Iterable

from holdshelf_core.releases.facts import OthersSaid, SigningCertificate, Video
from holdshelf_storage.media_signing.result import KINDS, Signed, summary

CERTIFICATE_TITLE = "Certificate of the custodian of records"
CERTIFICATE_END = (
    "This certificate is set out in the manner of Rules 902(11), (13) and (14) of the Federal Rules of Evidence. It "
    "does not claim to meet them or any other rule: whether it is what a court asks for is for counsel to say."
)
CUSTODY_TITLE = "Chain of custody"
CUSTODY = "Each time this copy changes hands, and each time another copy is made of it, one block is filled in."
CUSTODY_END = "The disclaimer and the confidentiality of the library's policy hold for whoever has this copy."
CUSTODY_FIELDS = ("Date, time", "Handed over by", "Received by", "Agency, badge", "Purpose", "Signature")
CUSTODY_BLOCKS = 4
_CERTIFICATES_TOLD = 2
SIGNATURES = ("Name and title", "Signature", "Date")


def others_sentence(others: OthersSaid | None) -> str:
    """Return what was said about other people in the videos, and by whom; '' for a bundle made before it was asked."""
    if others is None:
        return ""
    said = f"Other people: {others.words}"
    if others.seen is None:
        return f"{said}. It was released in imminent danger, before the question was answered."
    why = f", because: {others.why}" if others.why and not others.boxes else ""
    return f"{said}{why}. Decided by {others.decided_by} at {others.decided}."


def signed_sentences(videos: Iterable[Video]) -> list[str]:
    """Return what the cameras themselves signed, a sentence for each camera; none for masked copies and old bundles.

    'Front door (lobby): signed by the camera (…); 12 of 12 groups of pictures verified. Certificate: …'
    """
    by_camera: dict[str, list[Video]] = {}
    for video in videos:
        if video.camera_signature is not None:
            by_camera.setdefault(f"{video.camera_name} ({video.camera})", []).append(video)
    return [f"{camera}: {_signed_words(own)}" for camera, own in by_camera.items()]


def _signed_words(videos: list[Video]) -> str:
    found = [video.camera_signature for video in videos if video.camera_signature is not None]
    total = Signed()
    certificates: dict[str, SigningCertificate] = {}
    kinds: dict[str, None] = {}
    for one in found:
        total.add(Signed(form=one.form, groups=one.groups, verified=one.verified, edges=one.edges))
        certificates |= {certificate.sha256: certificate for certificate in one.certificates}
        kinds |= dict.fromkeys(difference.kind for difference in one.differences)
    words = f"{summary(total)}."
    unsigned = sum(not one.form for one in found)
    if total.form and unsigned:
        words += f" {unsigned} of its {len(found)} videos are not signed."
    for certificate in list(certificates.values())[:_CERTIFICATES_TOLD]:
        words += (
            f" Certificate: subject {certificate.subject}, issuer {certificate.issuer}, SHA-256 {certificate.sha256}."
        )
    if len(certificates) > 1:
        words += f" There are {len(certificates)} certificates; they are in camera-signing/."
    if kinds:
        words += f" With times in manifest.json: {'; '.join(KINDS.get(kind, kind) for kind in kinds)}."
    return words


def certificate_words(
    library: str, *, is_original: bool, others: OthersSaid | None, videos: Iterable[Video] = ()
) -> tuple[str, ...]:
    """Return the certificate's paragraphs. ``is_original``: the videos are the recordings as sent, not masked copies."""
    said = others_sentence(others)
    signed = signed_sentences(videos)
    more = [said] if said else []
    if signed:
        more.append(
            "The cameras' own signatures. A camera may sign its pictures with a key of its own, before any recorder has "
            "them. What was found of that when this copy was made:"
        )
    numbered = [f"{number}. {text}" for number, text in enumerate(more, 4)] + signed
    return (
        f"I am a custodian of the records of {library}, or another person who is qualified to say how they are made "
        "and kept.",
        "1. The record. The videos that are listed were made by an automated process that records the library's "
        "cameras, at or near the times stated, in the course of the library's regular activity and as its regular "
        "practice (compare Rule 902(11)).",
        "2. The process. The frames are kept as the camera sent them, without sound and without re-encoding them. "
        "A checksum is taken when each file of the record is closed, and the files are read back and compared with "
        "it on a schedule (compare Rule 902(13)).",
        (
            "3. The copy. Each video is a copy of the frames as the camera sent them, access unit by access unit, "
            "without re-encoding them. It is identified by its SHA-256, in SHA256SUMS, which is signed with the "
            "key named here (compare Rule 902(14))."
            if is_original
            else "3. The copy. Each masked copy was decoded from the record, what the library hides was covered, a "
            "legend was added below the picture, and the result was re-encoded. It is identified by its SHA-256, "
            "in SHA256SUMS, which is signed with the key named here (compare Rule 902(14)). The SHA-256 of each "
            "original is in manifest.json, and the library keeps the record that it can be made from again while it "
            "lasts."
        ),
        *numbered,
        f"{4 + len(more)}. What to know. Cameras' and server's clocks may differ from true time; times are the server's. "
        "What was asked for and is not here is listed in gaps.csv with its reason.",
    )
