"""What is sent to a witness, as c2sp.org/tlog-witness says (add-checkpoint).

old 20852014                        the size that the witness knows; 0: none
PlRNCrwHpqhGrupue0L7gxbjbMiKA9t…    the consistency proof from there to the head, a hash a line
…

holdshelf.local/4f1d0c6a9b2e7785    the signed head
…
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from holdshelf_storage.access_log.checkpoint import MOST_NOTE_CHARS
from holdshelf_storage.access_log.merkle import HASH_BYTES

PATH: Final = "add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
"""Media type of the answer 409, which is the size that the witness knows."""
MOST_HASHES: Final = 63
MOST_BODY_BYTES: Final = MOST_NOTE_CHARS
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,15})")


class BadSubmission(ValueError):
    """Not what add-checkpoint takes. `str()` is a sentence."""


class Submission(NamedTuple):
    """A request. ``note`` is not read yet."""

    old: int
    proof: tuple[bytes, ...]
    note: str


def encode(submission: Submission) -> bytes:
    """Return the body of a request."""
    hashes = "".join(f"{base64.b64encode(node).decode()}\n" for node in submission.proof)
    return f"old {submission.old}\n{hashes}\n{submission.note}".encode()


def decode(body: bytes) -> Submission:
    """Read the body of a request. Raises BadSubmission."""
    try:
        head, blank, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise BadSubmission("The request is not UTF-8.") from None
    first, *hashes = head.split("\n", MOST_HASHES + 1)
    old = _OLD.fullmatch(first)
    if old is None or not blank:
        raise BadSubmission("The request does not begin with the old size and end with a checkpoint.")
    if len(hashes) > MOST_HASHES:
        raise BadSubmission(f"The request has more than {MOST_HASHES} hashes.")
    return Submission(int(old[1]), tuple(_hash(line) for line in hashes), note)


def _hash(line: str) -> bytes:
    try:
        node = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        node = b""
    if len(node) != HASH_BYTES or base64.b64encode(node).decode() != line:
        raise BadSubmission("A line of the proof is not a hash.")
    return node
