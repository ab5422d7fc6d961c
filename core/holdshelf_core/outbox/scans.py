"""What the photo or scan of a paper is, by its content, and whether all of it is there. Pure.

Nothing here decodes a picture: what a phone or a client sends may be hostile, and only its fingerprint counts. Looked at are the
first bytes and the outermost structure.
"""

from __future__ import annotations

from holdshelf_core.errors import BadRequest

JPEG, PNG, PDF, HEIC = ".jpg", ".png", ".pdf", ".heic"
ENDS = (JPEG, PNG, PDF, HEIC)
WORDS = {JPEG: "JPEG", PNG: "PNG", PDF: "PDF", HEIC: "HEIC"}
_PNG_BEGINS, _PNG_ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_MOST_PARTS = 4096
"""Of a file's outermost parts, with the bytes that fill the room between them: no camera writes so many."""
_TAIL_BYTES = 1024


def kind_of(content: bytes | bytearray) -> str:
    """Return JPEG, PNG, PDF or HEIC. Raises BadRequest for anything else, and for one that breaks off."""
    if content.startswith(b"\xff\xd8\xff"):
        kind, whole = JPEG, _whole_jpeg(content)
    elif content.startswith(_PNG_BEGINS):
        kind, whole = PNG, content.rfind(_PNG_ENDS) > 0
    elif content.startswith((b"%PDF-1.", b"%PDF-2.")):
        kind, whole = PDF, b"%%EOF" in content[-_TAIL_BYTES:]
    elif content[4:8] == b"ftyp" and bytes(content[8:12]) in _HEIC_BRANDS:
        kind, whole = HEIC, _whole_boxes(content)
    else:
        raise BadRequest(
            "This is not a photo or scan of a paper: it is not JPEG, PNG, PDF or HEIC.",
            "Send the picture that the phone or the scanner made.",
        )
    if not whole:
        raise BadRequest(f"The {WORDS[kind]} is cut off: not all of it arrived.", "Send it again.")
    return kind


def _whole_jpeg(content: bytes | bytearray) -> bool:
    """Whether the picture ends behind its first scan. A preview within its head has an end of its own, and is passed over."""
    at = 2
    for _ in range(_MOST_PARTS):
        if len(content) < at + 4 or content[at] != 0xFF:
            return False
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xDA:
            return content.find(b"\xff\xd9", at) > 0
        at += 2 if marker == 0x01 or 0xD0 <= marker <= 0xD7 else 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return False


def _whole_boxes(content: bytes | bytearray) -> bool:
    """Whether its boxes (ISO 14496-12) end where it ends."""
    at = 0
    for _ in range(_MOST_PARTS):
        size, head = int.from_bytes(content[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        if size == 0:
            return at > 0  # to the end, as the last one may
        at += size
        if size < head or at >= len(content):
            return size >= head and at == len(content)
    return False
