"""A witness: countersigns a head that continues what it countersigned before, and no other (c2sp.org/tlog-witness).

Blocks, and must be called by one thread at a time: between reading the last head and writing the next one nothing else may come.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from holdshelf_core.errors import Unavailable
from holdshelf_core.witnesses import protocol
from holdshelf_core.witnesses.book import WitnessBook, hash_of
from holdshelf_core.witnesses.protocol import BadSubmission
from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey, parse_note
from holdshelf_storage.access_log.cosignature import WitnessSigner
from holdshelf_storage.access_log.merkle import EMPTY_ROOT, verify_consistency
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

TEXT: Final = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    text: str
    kind: str = TEXT


class Witness:
    """The witness of one folder. ``utc_s``: the wall clock, in Unix seconds."""

    def __init__(self, book: WitnessBook, signer: WitnessSigner, utc_s: Callable[[], int]) -> None:
        self._book, self._signer, self._utc_s = book, signer, utc_s

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a request to countersign. The head is on disk before its signature is returned."""
        try:
            submission = protocol.decode(body)
            head = parse_note(submission.note).head
        except BadSubmission as error:
            return Answer(400, f"{error}\n")
        except BadHead as error:
            return Answer(400, f"The checkpoint {error}.\n")
        try:
            key = self._book.key_of(head.origin)
            if key is None:
                return Answer(404, "This witness does not countersign that log.\n")
            try:
                key.check(submission.note)
            except BadHead as error:
                return Answer(403, f"The checkpoint {error}.\n")
            last = self._book.last(head.origin, key)
            return _refusal(submission, head, last) or self._sign(submission, head, last, key)
        except (Unavailable, StorageError) as error:
            # Without what it knew, a witness must not sign.
            _LOGGER.error("nothing was countersigned: %s", error)
            return Answer(503, "The witness cannot use its disk now.\n")

    def checkpoint(self, origin_hash: str) -> Answer:
        """Answer who asks which head of a log this witness has seen."""
        try:
            for row in self._book.trusted():
                note = self._book.last_note(row.name) if origin_hash == hash_of(row.name) else None
                if note is not None:
                    return Answer(200, note)
        except Unavailable as error:
            _LOGGER.error("%s", error)
            return Answer(503, "The witness cannot use its disk now.\n")
        return Answer(404, "This witness has countersigned no such log.\n")

    def _sign(self, submission: protocol.Submission, head: Head, last: Head | None, key: PublicKey) -> Answer:
        signature = self._signer.sign(head, self._utc_s()).line()
        if last != head:
            own = next(
                one
                for one in parse_note(submission.note).signatures
                if (one.name, one.key_hash) == (key.origin, key.key_hash)
            )
            self._book.write(head.origin, f"{head.text()}\n{own.line()}{signature}")
            _LOGGER.info("%s: countersigned %d entries", head.origin, head.size)
        return Answer(200, signature)


def _refusal(submission: protocol.Submission, head: Head, last: Head | None) -> Answer | None:
    known = last.size if last is not None else 0
    if submission.old > head.size:
        return Answer(400, "The old size is greater than the checkpoint's.\n")
    if submission.old != known:
        return Answer(409, f"{known}\n", protocol.SIZE_TYPE)
    if head.size == 0 and head.root != EMPTY_ROOT:
        return Answer(422, "The checkpoint of no entries has the root of some.\n")
    if not verify_consistency(
        known, last.root if last is not None else EMPTY_ROOT, head.size, head.root, submission.proof
    ):
        _LOGGER.warning("%s: %d entries do not continue the %d that were countersigned", head.origin, head.size, known)
        return Answer(422, "The checkpoint does not continue the one that was countersigned before.\n")
    return None
