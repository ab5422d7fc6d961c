"""What the certificate and the custody form of a bundle say: once, for the files in it and for what is printed.

In the manner of Rules 902(11), (13) and (14) of the Federal Rules of Evidence, without claiming to meet them. They
never say more than is so: root can copy files and forge a log that nobody witnessed, so nothing here says "cannot".
"""

from __future__ import annotations

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
SIGNATURES = ("Name and title", "Signature", "Date")


def certificate_words(library: str, *, is_original: bool) -> tuple[str, ...]:
    """The certificate's paragraphs. ``is_original``: the videos are the recordings as sent, not masked copies."""
    return (
        f"I am a custodian of the records of {library}, or another person who is qualified to say how they are made "
        "and kept.",
        "1. The record. The videos that are listed were made by an automated process that records the library's "
        "cameras, at or near the times stated, in the course of the library's regular activity and as its regular "
        "practice (compare Rule 902(11)).",
        "2. The process. The frames are kept as the camera sent them, without sound and without encoding them anew. "
        "A checksum is taken when each file of the record is closed, and the files are read back and compared with "
        "it on a schedule (compare Rule 902(13)).",
        (
            "3. The copy. Each video is a copy of the frames as the camera sent them, access unit by access unit, "
            "without encoding them anew. It is identified by its SHA-256, in SHA256SUMS, which is signed with the "
            "key named here (compare Rule 902(14))."
            if is_original
            else "3. The copy. Each masked copy was decoded from the record, what the library hides was covered, a "
            "legend was added below the picture, and the result was encoded anew. It is identified by its SHA-256, "
            "in SHA256SUMS, which is signed with the key named here (compare Rule 902(14)). The SHA-256 of each "
            "original is in manifest.json, and the library keeps the record that it can be made from again while it "
            "lasts."
        ),
        "4. What to know. Cameras' and server's clocks may differ from true time; times are the server's. What was "
        "asked for and is not here is listed in gaps.csv with its reason.",
    )
