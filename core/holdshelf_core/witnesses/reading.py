"""Who signed a head beside its log: what `log verify --against` says of its signatures."""

from __future__ import annotations

from collections.abc import Sequence

from holdshelf_core.errors import BadRequest
from holdshelf_core.times import NS
from holdshelf_core.witnesses.types import WitnessedRow
from holdshelf_storage.access_log.checkpoint import BadHead, parse_note, parse_outside
from holdshelf_storage.access_log.cosignature import WitnessKey, read_signatures

MOST_KEYS = 64


def witness_keys(texts: Sequence[str]) -> list[WitnessKey]:
    """Return the keys of witnesses that were given. Raises BadRequest."""
    if len(texts) > MOST_KEYS:
        raise BadRequest(f"More than {MOST_KEYS} keys of witnesses were given.")
    return [witness_key(text) for text in texts]


def witness_key(text: str) -> WitnessKey:
    """Return the key of a witness. Raises BadRequest."""
    try:
        return WitnessKey.parse(text)
    except BadHead as error:
        raise BadRequest(
            f"{text[:60]!r} {error}.", "Give the line that `holdshelf witness key` prints there: NAME+DIGITS+LETTERS."
        ) from None


def signed_by(against: str, keys: Sequence[WitnessKey]) -> tuple[list[WitnessedRow], list[str]]:
    """Return which of these witnesses signed a head from outside, and the names on signatures of other keys.

    Raises BadHead when it cannot be read, or bears a wrong signature of one of them.
    """
    outside = parse_outside(against) if against else None
    if outside is None or not outside.note:
        return [], []
    found = read_signatures(parse_note(outside.note), keys)
    return [WitnessedRow(name, utc_s * NS) for name, utc_s in found.witnesses], list(found.unknown)
