"""Pictures held against what their camera signed: intact, changed, missing, cut off, and signed by somebody else."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from holdshelf_storage.media_signing.frames import nal_units
from holdshelf_storage.media_signing.result import Signed, summary
from holdshelf_storage.media_signing.sei import form_of, is_certificate
from holdshelf_storage.mp4.fragments import Sample
from tests.rig.hashes import Codec, is_slice
from tests.rig.media_signing import AXIS_UUID, CRYPTO, Signer, escaped, identity, sei, tag
from tests.storage.media_signing.streams import GOP, at_ns, changed, checked, pictures, signed_stream

CODECS: tuple[Codec, ...] = ("h264", "hevc")
WAYS: dict[str, dict[str, Any]] = {
    "each group": {},
    "delayed": {"delay": 5},
    "certificates once": {"certificate_every": 1000},
    "each third group": {"every": 3, "delay": 4},
    "parts of groups": {"partial": 6, "delay": 2},
    "no list of hashes": {"low_bitrate": True},
    "escaped before signing": {"escaped_first": True},
    "SHA-512": {"hash_name": "sha512"},
    "little endian": {"little": True},
    "version 1 of the tag": {"version": 1},
}


def kinds(signed: Signed) -> list[str]:
    return [finding.kind for finding in signed.findings]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", WAYS)
def test_what_a_camera_signed_is_verified_whatever_way_it_signs(codec: Codec, way: str) -> None:
    camera = identity("front door")
    stream = signed_stream(codec, camera=camera, **WAYS[way])
    hash_name = WAYS[way].get("hash_name", "sha256")
    signed = checked(codec, stream, hash_name=hash_name)
    assert signed.is_intact, (summary(signed), signed.findings)
    assert signed.groups >= 3 if way == "each third group" else signed.groups >= 5
    assert signed.edges >= 1, "the last group's signature did not come"
    (certificate,) = signed.certificates
    leaf = x509.load_pem_x509_certificates(camera.chain)[0]
    assert certificate.sha256 == leaf.fingerprint(hashes.SHA256()).hex()
    assert certificate.chain.encode() == camera.chain
    assert (certificate.is_chained, certificate.groups) == (True, signed.verified)
    assert "CN=front door" in certificate.subject
    assert "CN=Example Cameras Inc. signing" in certificate.issuer
    assert (certificate.device_serial, certificate.firmware) == ("SN-0042", "1.2.3")


@pytest.mark.parametrize("codec", CODECS)
def test_rsa_keys_are_verified_too(codec: Codec) -> None:
    camera = identity("front door", rsa.generate_private_key(65537, 2048))
    signed = checked(codec, signed_stream(codec, camera=camera))
    assert signed.is_intact, signed.findings
    assert signed.certificates[0].key == "RSA 2048"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [0, 2 * GOP, 2 * GOP + 1, 2 * GOP + 9, 3 * GOP - 1])
def test_a_changed_byte_is_named_with_its_time(codec: Codec, way: str, number: int) -> None:
    stream = signed_stream(codec, 9 * GOP, **WAYS[way])
    signed = checked(codec, changed(stream, number, codec), hash_name=WAYS[way].get("hash_name", "sha256"))
    assert "changed" in kinds(signed), (summary(signed), signed.findings)
    if not WAYS[way].get("low_bitrate"):
        told = [(one.start_utc_ns, one.end_utc_ns, one.pictures) for one in signed.findings if one.kind == "changed"]
        assert told == [(at_ns(number), at_ns(number), 1)]
    else:
        (found,) = (one for one in signed.findings if one.kind == "changed")
        assert found.start_utc_ns <= at_ns(number) <= found.end_utc_ns
        assert found.end_utc_ns - found.start_utc_ns <= at_ns(GOP) - at_ns(0)
    assert signed.verified == signed.groups - 1
    assert set(kinds(signed)) == {"changed"}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", ["each group", "delayed", "each third group", "parts of groups"])
@pytest.mark.parametrize("number", [2 * GOP + 1, 2 * GOP + 9, 3 * GOP - 1])
def test_a_removed_picture_is_named_with_the_time_before_it(codec: Codec, way: str, number: int) -> None:
    stream = signed_stream(codec, 9 * GOP, **WAYS[way])
    messages = [nal for nal in stream[number] if form_of(nal, codec)]
    stream[number + 1] = [*messages, *stream[number + 1]]  # the picture alone is removed
    left = [at for at in range(len(stream)) if at != number]
    signed = checked(codec, [stream[at] for at in left], left)
    (found,) = signed.findings
    assert (found.kind, found.pictures, found.start_utc_ns) == ("missing", 1, at_ns(number - 1))
    assert signed.verified == signed.groups - 1


def test_without_a_list_a_removed_picture_is_missing_somewhere_in_its_group() -> None:
    stream = signed_stream("h264", low_bitrate=True)
    left = [at for at in range(len(stream)) if at != 2 * GOP + 9]
    (found,) = checked("h264", [stream[at] for at in left], left).findings
    assert (found.kind, found.pictures) == ("missing", 1)
    assert (found.start_utc_ns, found.end_utc_ns) == (at_ns(2 * GOP), at_ns(3 * GOP - 1))


@pytest.mark.parametrize("codec", CODECS)
def test_an_added_picture_and_two_exchanged_ones_are_named(codec: Codec) -> None:
    stream = signed_stream(codec)
    twice = [*range(31), 33, *range(31, len(stream))]
    added = checked(codec, [stream[at] for at in twice])
    assert "changed" in kinds(added)
    order = [*range(32), 34, 33, 32, *range(35, len(stream))]
    exchanged = checked(codec, [stream[at] for at in order])
    assert exchanged.verified == exchanged.groups - 1
    assert "changed" in kinds(exchanged)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", ["each group", "delayed", "certificates once", "each third group", "no list of hashes"])
@pytest.mark.parametrize(
    ("first", "last"), [(GOP, 5 * GOP), (2 * GOP, 5 * GOP + 7), (4 * GOP, 8 * GOP - 1), (2 * GOP, 9 * GOP)]
)
def test_a_clips_edges_are_told_as_edges_and_not_as_changes(codec: Codec, way: str, first: int, last: int) -> None:
    """A clip begins at a key picture, and ends anywhere."""
    camera = identity("front door")
    stream = signed_stream(codec, 9 * GOP, camera=camera, **WAYS[way])
    kept = b""
    if WAYS[way].get("certificate_every"):
        kept = next(nal for nal in stream[0] if is_certificate(nal, codec))
    signed = checked(codec, stream[first:last], range(first, last), kept=kept)
    assert not signed.findings, signed.findings
    assert signed.is_intact
    assert signed.edges >= 1
    assert signed.groups + signed.edges <= -(-(last - first) // GOP), "a group without a picture here was counted"
    assert signed.certificates[0].groups == signed.verified


def test_a_stretch_that_begins_within_a_group_is_cut_there() -> None:
    stream = signed_stream("h264")
    signed = checked("h264", stream[20:], range(20, len(stream)))
    assert not signed.findings, signed.findings
    assert (signed.verified, signed.groups, signed.edges) == (3, 3, 2)


def test_without_the_cameras_certificate_nothing_is_called_verified() -> None:
    stream = signed_stream("h264", certificate_every=1000)
    signed = checked("h264", stream[GOP:], range(GOP, len(stream)))
    assert (signed.verified, set(kinds(signed))) == (0, {"key"})
    assert not signed.is_intact


def test_a_foreign_certificate_does_not_fit_and_one_that_is_new_is_told() -> None:
    ours, other = identity("front door"), identity("somebody else")
    # The pictures are signed by one key, and another camera's certificates are sent.
    lying = signed_stream("h264", camera=type(ours)(ours.key, other.chain, other.root))
    signed = checked("h264", lying)
    assert (signed.verified, set(kinds(signed))) == (0, {"signature"})
    # From the third group on, somebody signs with a key of his own.
    stream = signed_stream("h264", 3 * GOP, camera=ours) + signed_stream("h264", 3 * GOP, camera=other)
    signed = checked("h264", stream)
    assert "certificate" in kinds(signed)
    assert not signed.is_intact
    assert [one.subject.split(",")[0] for one in signed.certificates] != []
    assert len(signed.certificates) == 2


@pytest.mark.parametrize("codec", CODECS)
def test_another_cameras_signatures_fit_none_of_the_pictures(codec: Codec) -> None:
    """The signatures of one stream, put into the pictures of another."""
    theirs = signed_stream(codec, 8 * GOP)
    own = pictures(codec, 8 * GOP, first=20 * GOP)
    mixed = [[*(nal for nal in there if form_of(nal, codec)), *here] for here, there in zip(own, theirs, strict=True)]
    signed = checked(codec, mixed)
    assert signed.verified == 0
    assert signed.groups > 0
    assert "changed" in kinds(signed)
    assert not signed.is_intact


def test_signatures_that_are_taken_out_are_missed() -> None:
    stream = signed_stream("h264")
    without = [
        [nal for nal in nals if not (form_of(nal, "h264") and 2 * GOP < number < 4 * GOP)]
        for number, nals in enumerate(stream)
    ]
    signed = checked("h264", without)
    assert "unsigned" in kinds(signed)
    assert not signed.is_intact
    found = next(one for one in signed.findings if one.kind == "unsigned")
    assert at_ns(GOP) <= found.start_utc_ns <= found.end_utc_ns < at_ns(3 * GOP)


def test_a_whole_group_that_is_taken_out_with_its_signature_is_missed() -> None:
    stream = signed_stream("h264")
    left = [at for at in range(len(stream)) if not 2 * GOP + 1 < at <= 3 * GOP + 1]
    kept = [[nal for nal in stream[at] if not (at == 2 * GOP + 1 and not is_slice(nal, "h264"))] for at in left]
    signed = checked("h264", kept, left)
    assert not signed.is_intact
    assert signed.findings


def test_two_recordings_of_one_camera_that_are_joined_are_out_of_order() -> None:
    """Each group is as the camera signed it, and the counter goes on; but the second half does not follow the first."""
    camera, seam = identity("front door"), 3 * GOP
    one = signed_stream("h264", camera=camera)
    other = Signer("h264", camera).sign(pictures("h264", 6 * GOP, first=20 * GOP))
    joined = [*one[:seam], *other[seam:]]
    messages = [nal for nal in one[seam + 1] if form_of(nal, "h264")]
    joined[seam + 1] = [*messages, *(nal for nal in other[seam + 1] if not form_of(nal, "h264"))]
    signed = checked("h264", joined)
    assert kinds(signed) == ["order"]
    assert signed.verified == signed.groups - 1


def test_a_list_that_was_written_anew_is_vouched_for_by_no_signature() -> None:
    """Of three groups one is signed. Somebody changes a picture of another, and the list in its unsigned message with it."""
    camera, plain = identity("front door"), pictures("h264", 9 * GOP)
    own = Signer("h264", camera, every=3).sign(plain)
    forged = Signer("h264", camera, every=3).sign(changed(plain, 20, "h264"))
    own[20], own[2 * GOP + 1] = forged[20], forged[2 * GOP + 1]
    signed = checked("h264", own)
    assert {"changed", "signature"} <= set(kinds(signed))
    assert signed.verified <= signed.groups - 2
    assert any(one.kind == "signature" and one.start_utc_ns == at_ns(2 * GOP + 1) for one in signed.findings)


@pytest.mark.parametrize("places", [[3 * GOP], list(range(0, 9 * GOP, GOP))], ids=["once", "in each group"])
def test_a_message_that_names_another_hash_function_hides_no_change(places: list[int]) -> None:
    """Nobody signed it: put behind pictures that were changed, it is to have them left out."""
    sha512 = tag(CRYPTO, b"\x01\x09" + bytes.fromhex("608648016503040203") + b"\0")
    other = escaped(sei("h264", b"\0" + sha512) + b"\x80")
    stream = signed_stream("h264", 9 * GOP)
    for number in range(2 * GOP, 3 * GOP):
        stream = changed(stream, number, "h264")
    for number in places:
        stream[number] = [other, *stream[number]]
    signed = checked("h264", stream)
    assert not signed.is_intact and signed.findings, summary(signed)


def test_a_file_whose_header_does_not_tell_units_apart_has_none() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(range(1, 40)))
        file.flush()
        assert nal_units(file.fileno(), Sample(0, 0, 1, 39, 0, True), 0) == []


def test_what_is_signed_in_both_forms_is_checked() -> None:
    signed = Signed(form="axis")
    signed.add(Signed(form="onvif", groups=5, verified=4))
    assert signed.form == "onvif" and "4 of 5" in summary(signed)


def test_not_signed_and_axis_are_told_apart() -> None:
    plain = checked("h264", pictures("h264", 30))
    assert (plain.form, summary(plain)) == ("", "not signed by the camera")
    axis = escaped(sei("h264", b"\0" * 40, AXIS_UUID) + b"\x80")
    signed = checked("h264", [[axis, *nals] for nals in pictures("h264", 30)])
    assert signed.form == "axis"
    assert "not checked here" in summary(signed)
    assert not signed.is_intact


def test_a_signature_sent_twice_is_one() -> None:
    stream = signed_stream("h264")
    twice = [[nal for one in nals for nal in ([one, one] if form_of(one, "h264") else [one])] for nals in stream]
    signed = checked("h264", twice)
    assert signed.is_intact, signed.findings
    assert signed.groups == checked("h264", stream).groups


def test_other_curves_are_known() -> None:
    camera = identity("front door", ec.generate_private_key(ec.SECP384R1()))
    signed = Signer("h264", camera).sign(pictures("h264", 4 * GOP))
    assert checked("h264", signed).certificates[0].key == "EC secp384r1"
