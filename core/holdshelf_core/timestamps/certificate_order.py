"""Puts the certificates that a time stamp brings along into the order that DER asks for.

They are a SET OF (RFC 5652 § 5.1), which nothing signs; stock openssl, and servers made with it, write them in the order of the
chain. rfc3161-client reads no other order than DER's, so that every such stamp would be none.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_SEQUENCE: Final = 0x30
_ZERO: Final = 0xA0
"""[0]: in the token its content; in that, the certificates."""


class _Part(NamedTuple):
    """One value: where it begins, where its content does, where both end."""

    tag: int
    at: int
    begin: int
    end: int


def in_der_order(stamp: bytes) -> bytes:
    """Return the same TimeStampResp with its certificates sorted. Raises ValueError when it is not built like one."""
    (answer,) = _parts(stamp, 0, len(stamp))
    _status, token = _parts(stamp, answer.begin, answer.end)
    _kind, content = _parts(stamp, token.begin, token.end)
    (signed,) = _parts(stamp, content.begin, content.end)
    if (answer.tag, token.tag, content.tag, signed.tag) != (_SEQUENCE, _SEQUENCE, _ZERO, _SEQUENCE):
        raise ValueError("not the form of a time stamp")
    for part in _parts(stamp, signed.begin, signed.end):
        if part.tag == _ZERO:
            found = sorted(stamp[one.at : one.end] for one in _parts(stamp, part.begin, part.end))
            return stamp[: part.begin] + b"".join(found) + stamp[part.end :]
    return stamp


def _parts(data: bytes, at: int, end: int) -> list[_Part]:
    """Return the values that lie one behind the other there. Raises ValueError."""
    found = []
    while at < end:
        if at + 2 > end or data[at] & 0x1F == 0x1F:
            raise ValueError("a value is cut off, or of an unknown form")
        length, begin = data[at + 1], at + 2
        if length & 0x80:
            many = length & 0x7F
            if not 1 <= many <= 4 or begin + many > end:
                raise ValueError("a length is not one of DER")
            length, begin = int.from_bytes(data[begin : begin + many]), begin + many
        if begin + length > end:
            raise ValueError("a value is cut off")
        found.append(_Part(data[at], at, begin, begin + length))
        at = begin + length
    return found
