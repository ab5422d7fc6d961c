"""What was found of a camera's signatures, as rows and sentences."""

from typing import Final

import msgspec

MAX_FINDINGS: Final = 100
"""Listed for one camera; the rest is counted."""
MAX_CERTIFICATES: Final = 8


class Certificate(msgspec.Struct, kw_only=True):
    """The certificate with whose key pictures were signed, and those above it that the camera sent."""

    subject: str
    issuer: str
    serial: str
    """Number that its issuer gave it, hex."""
    sha256: str
    """Of the certificate (DER), hex."""
    key: str
    """'EC secp256r1', 'RSA 2048'."""
    not_before_utc_ns: int
    not_after_utc_ns: int
    chain: str
    """PEM, this certificate first, as the camera sent it: without the root."""
    is_chained: bool
    """Each certificate in it was issued by the next one. Whether the last one's issuer is the camera's maker is not known."""
    groups: int = 0
    """Groups of pictures whose signature fits it."""
    firmware: str = ""
    device_serial: str = ""
    """By the signed word of the camera."""
    maker: str = ""


class SignedFinding(msgspec.Struct, frozen=True):
    """A stretch that is not as the camera signed it."""

    kind: str
    """`changed` (pictures are not those that were signed), `missing` (signed, and not there), `order` (a group does not follow
    the one before it), `signature` (it does not fit the certificate), `unsigned` (no signature came), `unreadable` (a signature
    that cannot be read), `certificate` (another certificate from here on), `key` (no certificate came, or one whose kind of key
    is not known here)."""
    start_utc_ns: int
    end_utc_ns: int
    pictures: int = 0
    detail: str = ""


class Signed(msgspec.Struct, kw_only=True):
    """The signatures in a stretch of one camera's pictures."""

    camera: str = ""
    form: str = ""
    """`onvif`, `axis` (recognized and kept, and not checked), or '' for not signed."""
    groups: int = 0
    """Groups of pictures that a signature is about, but for those at an edge."""
    verified: int = 0
    """Of these: signed, whole and unchanged."""
    edges: int = 0
    """Groups cut off where the footage begins, ends or has a gap: they cannot be verified, and say nothing of a change."""
    findings: list[SignedFinding] = []
    more_findings: int = 0
    certificates: list[Certificate] = []
    unsigned_s: int = 0
    """Seconds of the same camera without any signature, where others have some."""

    @property
    def is_intact(self) -> bool:
        """All that could be verified is as signed, with one certificate."""
        return self.form == "onvif" and self.verified == self.groups > 0 and not self.findings

    def find(self, finding: SignedFinding) -> None:
        """Keep a finding, or only count it where `MAX_FINDINGS` are kept already."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.more_findings += 1

    def add(self, other: "Signed") -> None:
        """Adds another stretch of the same camera."""
        self.form = "onvif" if "onvif" in (self.form, other.form) else self.form or other.form
        self.groups += other.groups
        self.verified += other.verified
        self.edges += other.edges
        self.unsigned_s += other.unsigned_s
        self.more_findings += other.more_findings
        for finding in other.findings:
            self.find(finding)
        for certificate in other.certificates:
            known = next((one for one in self.certificates if one.sha256 == certificate.sha256), None)
            if known is not None:
                known.groups += certificate.groups
            elif len(self.certificates) < MAX_CERTIFICATES:
                self.certificates.append(certificate)


SPECIFICATION: Final = "ONVIF Media Signing 26.06"
KINDS: Final = {
    "changed": "pictures are not those that the camera signed",
    "missing": "pictures that the camera signed are not there",
    "order": "a group of pictures does not follow the one that the camera signed before it",
    "signature": "a signature does not fit the certificate",
    "unsigned": "pictures have no signature, though others before them do",
    "unreadable": "a signature cannot be read",
    "certificate": "signed with another certificate from here on",
    "key": "no certificate came with the signatures, so they cannot be checked",
}


def kind_words(finding: SignedFinding) -> str:
    """What is wrong, as a clause: 'pictures are not those that the camera signed (3)'."""
    words = KINDS.get(finding.kind, finding.kind)
    if finding.pictures:
        words += f" ({finding.pictures})"
    return f"{words}: {finding.detail}" if finding.detail else words


def summary(signed: Signed) -> str:
    """One sentence, without the camera's name: 'signed by the camera; 12 of 12 groups of pictures verified'."""
    if not signed.form:
        return "not signed by the camera"
    if signed.form == "axis":
        return "signed by the camera (Axis Signed Video): the signatures are kept bit for bit, and not checked here"
    if not signed.groups:
        edge = f"; {signed.edges} cut off at an edge" if signed.edges else ""
        return f"signed by the camera ({SPECIFICATION}), and nothing of it could be verified{edge}"
    parts = [
        f"signed by the camera ({SPECIFICATION}); {signed.verified} of {signed.groups} groups of pictures verified"
    ]
    if signed.edges:
        parts.append(f"{signed.edges} more cut off at an edge and not verifiable")
    if len(signed.certificates) > 1:
        parts.append(f"{len(signed.certificates)} certificates")
    return ", ".join(parts)
