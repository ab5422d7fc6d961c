"""Which stretches of the access log a question can pass over unread: told by their bytes, so that a search reads little of it.

An entry is one canonical line (RFC 8785), so that what it says of a person, a camera or a number stands there in one form only.
This module must never return False for lines among which an entry of the answer may be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from holdshelf_core import times
from holdshelf_core.access_log import types
from holdshelf_storage.access_log.files import MayHave


def may_have(asked: types.LogShow, actors: Collection[str], camera: str, go_on: Callable[[], None]) -> MayHave | None:
    """Return the test for lines of the log; None: any entry of that time belongs to the answer. ``go_on`` is called for each
    stretch.

    ``actors``: ids, one of which it is by; ``camera``: an id.
    """
    tests: list[MayHave] = []
    if actors:
        tests.append(_any_of([b'"person":' + _text(one) for one in actors]))
    if camera:
        tests.append(_any_of([_text(camera)]))
    if asked.action:
        tests.append(_any_of([b'{"action":' + _text(asked.action)[:-1]]))
    if asked.incident:
        tests.append(_incident(asked.incident))
    if not tests and between(asked) is None:
        return None

    def test(lines: bytes) -> bool:
        go_on()
        return all(one(lines) for one in tests)

    return test


def between(asked: types.LogShow) -> tuple[bytes, bytes] | None:
    """Return the times that are asked for as the log has them, half open: they have one form and length, and compare as text."""
    if asked.since_utc_ns is None and asked.until_utc_ns is None:
        return None
    first = times.rfc3339(asked.since_utc_ns).encode() if asked.since_utc_ns is not None else b""
    return first, times.rfc3339(asked.until_utc_ns).encode() if asked.until_utc_ns is not None else b"~"


def _text(value: str) -> bytes:
    return msgspec.json.encode(value)


def _any_of(words: list[bytes]) -> MayHave:
    return lambda lines: any(word in lines for word in words)


def _incident(typed: str) -> MayHave:
    """A number is the same in capitals and small letters."""
    if not typed.isascii():
        return _any_of([b'"incident":'])
    word = b'"incident":' + _text(typed)
    if typed.lower() == typed.upper():
        return _any_of([word])
    small = word.lower()
    return lambda lines: small in lines.lower()
