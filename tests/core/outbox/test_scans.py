"""What a paper's photo or scan is, by its content: real pictures pass, whatever else is sent does not, and nothing takes long."""

from __future__ import annotations

import random
import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from holdshelf_core.errors import BadRequest
from holdshelf_core.outbox.scans import HEIC, JPEG, PDF, PNG, kind_of
from holdshelf_core.outbox.types import MAX_SCAN_BYTES


def picture(form: str, **how: object) -> bytes:
    file = BytesIO()
    Image.effect_noise((320, 240), 90).save(file, form, **how)  # type: ignore[arg-type]
    return file.getvalue()


def photo() -> bytes:
    """As a phone makes it: a preview, which is a whole picture, within its head, and a film behind its end."""
    raw, preview = picture("JPEG"), picture("JPEG", quality=5)
    head = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    return raw[:2] + head + raw[2:] + random.Random(7).randbytes(5000)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


PHOTO = photo()
IN_HEAD = len(PHOTO) - len(picture("JPEG")) - 5000
HEIC_FILE = box(b"ftyp", b"heic" + bytes(8)) + box(b"meta", bytes(90)) + box(b"mdat", bytes(500))
WHOLE = {
    "JPEG": (picture("JPEG"), JPEG),
    "progressive JPEG": (picture("JPEG", progressive=True), JPEG),
    "a phone's": (PHOTO, JPEG),
    "JPEG with fill bytes": (PHOTO[:2] + b"\xff" * 3 + PHOTO[2:], JPEG),
    "PNG": (picture("PNG"), PNG),
    "PDF": (b"%PDF-1.4\n" + bytes(3000) + b"\n%%EOF\n", PDF),
    "HEIC": (HEIC_FILE, HEIC),
    "HEIC of large boxes": (HEIC_FILE + struct.pack(">I4sQ", 1, b"mdat", 24) + bytes(8), HEIC),
    "HEIC whose last box goes to its end": (HEIC_FILE + struct.pack(">I4s", 0, b"mdat") + bytes(40), HEIC),
}
ELSE = {
    "text": b"this is a warrant, believe me",
    "a program": b"\x7fELF" + bytes(2000),
    "a web page": b"<html><script>alert(1)</script></html>",
    "nothing": b"",
    "GIF": b"GIF89a" + bytes(100),
    "a film": box(b"ftyp", b"isom" + bytes(8)),
    "TIFF": b"II*\0" + bytes(100),
}
BROKEN = {
    "half a photo": PHOTO[: IN_HEAD + 2000],
    "the preview in its head alone": PHOTO[:IN_HEAD],
    "the beginning of a head": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "half a PNG": picture("PNG")[:-20],
    "half a PDF": b"%PDF-1.7\n" + bytes(3000),
    "half a HEIC": HEIC_FILE[:-3],
    "a box of no length": box(b"ftyp", b"heic" + bytes(8)) + struct.pack(">I4s", 3, b"meta") + bytes(8),
}


@pytest.mark.parametrize(("content", "kind"), WHOLE.values(), ids=WHOLE)
def test_a_paper_is_told_by_its_content(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind_of(bytearray(content)) == kind


@pytest.mark.parametrize("content", ELSE.values(), ids=ELSE)
def test_what_is_no_picture_of_a_paper_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest, match="not a photo or scan of a paper"):
        kind_of(content)


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_breaks_off_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest, match="is cut off"):
        kind_of(content)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-1.", HEIC_FILE[:16]])
)
def test_no_bytes_end_in_anything_but_a_kind_or_a_sentence(content: bytes, begin: bytes) -> None:
    try:
        assert kind_of(begin + content)
    except BadRequest as error:
        assert error.sentence


@pytest.mark.parametrize(
    "begin",
    [b"\xff\xd8\xff\xe1\x00\x02", b"\xff\xd8\xff\xff\xff\xff", HEIC_FILE[:20] + b"\x00\x00\x00\x08"],
    ids=["JPEG", "JPEG of fill bytes", "HEIC"],
)
def test_the_largest_hostile_one_is_refused(begin: bytes) -> None:
    content = begin + begin[-4:] * ((MAX_SCAN_BYTES - len(begin)) // 4)
    with pytest.raises(BadRequest):
        kind_of(content)
