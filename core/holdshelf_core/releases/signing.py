"""What the camera itself signed of a clip: checked, and its certificates written into the bundle (docs/bundle.md). Blocks."""

from __future__ import annotations

import hashlib
import os

from holdshelf_core.releases.clips import Clip, frames
from holdshelf_core.releases.facts import CameraSignature, SignedDifference, SigningCertificate
from holdshelf_core.releases.writing import Writing
from holdshelf_core.times import rfc3339
from holdshelf_storage.footage.recovery import read_origin
from holdshelf_storage.media_signing.check import StretchCheck
from holdshelf_storage.media_signing.frames import kept, nal_units, recognize
from holdshelf_storage.media_signing.result import Signed, kind_words, summary
from holdshelf_storage.mp4 import fragments as fmp4

FOLDER = "camera-signing"


def signature(clip: Clip, root_fd: int, writing: Writing) -> CameraSignature:
    """Check a clip of an original against its camera's signatures. Raises StorageError, Cancelled."""
    sei, form, hash_name = _before(clip, root_fd)
    if form != "onvif":
        return CameraSignature(form, summary(Signed(form=form)))
    check = StretchCheck(clip.sources[0].track.codec, sei, hash_name or "sha256")
    opened, fd = -1, -1
    try:
        for frame in frames(clip, root_fd):
            if frame.source != opened:
                writing.go_on()
                if fd >= 0:
                    os.close(fd)
                opened, fd = frame.source, clip.sources[frame.source].open(root_fd)
            check.add(nal_units(fd, frame.sample, clip.sources[frame.source].track.nal_length_bytes), frame.utc_ns)
    finally:
        if fd >= 0:
            os.close(fd)
    return _written(clip.camera, check.end(), sei, writing)


def _before(clip: Clip, root_fd: int) -> tuple[bytes, str, str]:
    """Return the kept message with the certificates, the form of the clip's signatures, and how the first document hashes."""
    sei, total = b"", Signed()
    for number, source in enumerate(clip.sources):
        fd = source.open(root_fd)
        try:
            found = recognize(fd)
            if not number:
                # It came before the file, or in it: perhaps before the clip's first picture.
                origin = read_origin(fmp4.read_header(fd).comment)
                sei = (kept(origin.signing) if origin is not None else b"") or found.certificate
        finally:
            os.close(fd)
        total.add(Signed(form=found.form))
        if found.hash_name:
            return sei, total.form, found.hash_name
    return sei, total.form, ""


def _written(camera: str, signed: Signed, sei: bytes, writing: Writing) -> CameraSignature:
    certificates = []
    for one in signed.certificates:
        name = f"{FOLDER}/{camera}_{one.sha256[:16]}.pem"
        if name not in writing.sums:
            writing.text(name, one.chain)
        certificates.append(
            SigningCertificate(one.subject, one.issuer, one.serial, one.sha256, one.groups, one.is_chained, name)
        )
    message = ""
    if sei and signed.form == "onvif":
        message = f"{FOLDER}/{camera}_{hashlib.sha256(sei).hexdigest()[:16]}.sei"
        if message not in writing.sums:
            with writing.file(message) as file:
                file.write(b"\0\0\0\1" + sei)
    return CameraSignature(
        signed.form,
        summary(signed),
        signed.groups,
        signed.verified,
        signed.edges,
        [
            SignedDifference(f.kind, kind_words(f), rfc3339(f.start_utc_ns), rfc3339(f.end_utc_ns))
            for f in signed.findings
        ],
        certificates,
        message,
        signed.more_findings,
    )
