"""Signatures that were made to hurt: whatever a camera sends, a check ends, within bounds, and says what it found."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest

from holdshelf_storage.media_signing.check import MAX_UNITS
from holdshelf_storage.media_signing.result import MAX_CERTIFICATES, MAX_FINDINGS, summary
from holdshelf_storage.media_signing.sei import Unreadable, form_of, read
from tests.rig.hashes import Codec
from tests.rig.media_signing import CERTIFICATES, CRYPTO, GENERAL, HASH_LIST, SIGNATURE, escaped, identity, sei, tag
from tests.storage.media_signing.streams import GOP, checked, pictures, signed_stream

GENERAL_VALUE = bytes((2, 26, 6, 0, 0)) + bytes(16) + b"\0\0\0\1" + b"\0\1" + bytes(64)


def message(tags: bytes, flags: int = 0) -> bytes:
    return escaped(sei("h264", bytes((flags,)) + tags) + b"\x80")


BAD: dict[str, bytes] = {
    "nothing behind the UUID": message(b"")[:-1],
    "a length beyond its end": message(b"\x01\xff\xff" + bytes(10)),
    "a length that is cut off": message(b"\x01\xff"),
    "an unknown version": message(tag(GENERAL, b"\x09" + GENERAL_VALUE[1:])),
    "general information of a byte": message(tag(GENERAL, b"\x02")),
    "an empty value": message(tag(GENERAL, b"")),
    "hashes of no group": message(tag(HASH_LIST, b"\x01" + bytes(320))),
    "a list that is cut off": message(tag(GENERAL, GENERAL_VALUE) + tag(HASH_LIST, b"\x01" + bytes(33))),
    "a signature longer than its tag": message(
        tag(GENERAL, GENERAL_VALUE) + tag(SIGNATURE, b"\x01\xff\xff" + bytes(9))
    ),
    "an unknown hash function": message(tag(CRYPTO, b"\x01\x03abc\0\0\0")),
    "a hash function that is cut off": message(tag(CRYPTO, b"\x01\xff" + bytes(4))),
    "no certificates": message(tag(CERTIFICATES, b"\x01\x00"), 0x80),
    "a thousand tags": message(tag(9, b"") * 1000),
    "ten megabytes": message(tag(CERTIFICATES, b"\x01\x00" + b"A" * 65000) * 154, 0x80),
}


@pytest.mark.parametrize("name", BAD)
def test_a_message_that_is_put_together_wrongly_is_named_and_nothing_more(name: str) -> None:
    stream = signed_stream("h264")
    stream[20] = [BAD[name], *stream[20]]
    signed = checked("h264", stream)
    assert [one.kind for one in signed.findings] in (["unreadable"], []), signed.findings
    assert signed.verified == signed.groups == 5


def test_a_document_that_nobody_signed_is_no_ground_for_anything() -> None:
    """Somebody in between puts one in, about two thousand pictures that there are not."""
    stream = signed_stream("h264", 9 * GOP)
    stream[20] = [message(tag(GENERAL, GENERAL_VALUE) + tag(HASH_LIST, b"\x01" + bytes(65504))), *stream[20]]
    signed = checked("h264", stream)
    assert not signed.is_intact
    assert signed.verified >= signed.groups - 3


@pytest.mark.parametrize(
    "chain",
    [
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 4096 + b"\n-----END CERTIFICATE-----\n",
        b"\xff" * 5000,
        b"-----BEGIN CERTIFICATE-----" * 2000,
    ],
)
def test_certificates_that_are_none_verify_nothing(chain: bytes) -> None:
    camera = identity("front door")
    signed = checked("h264", signed_stream("h264", camera=type(camera)(camera.key, chain, b"")))
    assert signed.verified == 0
    assert not signed.certificates
    assert {one.kind for one in signed.findings} == {"unreadable", "key"}


def test_a_certificate_whose_bytes_are_changed_at_random_never_raises() -> None:
    camera, chance = identity("front door"), random.Random(3)
    for _ in range(200):
        chain = bytearray(camera.chain)
        for _ in range(chance.randrange(1, 4)):
            chain[chance.randrange(30, 600)] = chance.randrange(33, 127)
        signed = checked("h264", signed_stream("h264", 2 * GOP + 2, type(camera)(camera.key, bytes(chain), b"")))
        assert summary(signed)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_messages_changed_at_random_never_raise(codec: Codec) -> None:
    stream = signed_stream(codec, 3 * GOP)
    whole = next(nal for nals in stream for nal in nals if form_of(nal, codec))
    chance = random.Random(4)
    for _ in range(3000):
        nal = bytearray(whole[: chance.choice((len(whole), chance.randrange(1, len(whole))))])
        for _ in range(chance.randrange(4)):
            nal[chance.randrange(len(nal))] = chance.randrange(256)
        if form_of(bytes(nal), codec) != "onvif":
            continue
        try:
            read(bytes(nal), codec)
        except Unreadable as error:
            assert str(error)


def _thousands() -> list[list[bytes]]:
    """Twenty signatures before each picture, each about two thousand pictures that there are not."""
    lists = [tag(HASH_LIST, b"\x01" + random.Random(n).randbytes(32 * 2000)) for n in range(20)]
    value = bytearray(GENERAL_VALUE)
    stream = []
    for number, nals in enumerate(pictures("h264", 20)):
        more = []
        for at, listed in enumerate(lists):
            value[21:25] = (number * 20 + at).to_bytes(4)
            more.append(message(tag(GENERAL, bytes(value)) + listed))
        stream.append([*more, *nals])
    return stream


def _many_certificates() -> list[list[bytes]]:
    cameras = [identity(f"camera {number}") for number in range(20)]
    return [nals for camera in cameras for nals in signed_stream("h264", GOP + 2, camera)]


def _unsigned_after_one() -> list[list[bytes]]:
    return signed_stream("h264", 3 * GOP) + pictures("h264", 15 * 40) * 30


@pytest.mark.parametrize("make", [_thousands, _many_certificates, _unsigned_after_one])
def test_memory_is_bounded(make: Callable[[], list[list[bytes]]]) -> None:
    stream = make()
    tracemalloc.start()
    signed = checked("h264", stream)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 24 << 20
    assert len(signed.findings) <= MAX_FINDINGS
    assert len(signed.certificates) <= MAX_CERTIFICATES
    assert not signed.is_intact
    if make is _thousands:
        assert "more signatures than pictures" in {one.detail for one in signed.findings}
    assert MAX_UNITS >= 8 * GOP
