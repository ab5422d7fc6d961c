"""Decodes JSON and MessagePack from outside; unreadable input always raises the same kind of error.

``msgspec`` raises UnicodeDecodeError for text that is not UTF-8, and RecursionError for endless nesting: callers that expect only
MsgspecError would fail on either.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, overload

import msgspec

_LONG_NUMBER = re.compile(rb"[0-9]{18}")
_learning = threading.Lock()
_learned: set[Any] = set()


def within(number: int) -> bool:
    """Return whether it is in the range of timestamps and sizes."""
    return -(2**63) < number < 2**63


def _learn(kind: Any) -> None:
    """Have msgspec find out about a kind, one thread at a time.

    It does so when the kind is first decoded, running Python meanwhile, and already shares what it has. A second thread that
    decodes the same kind then reads fields that are not there yet: the process dies (msgspec 0.22, a segmentation fault).
    """
    if kind not in _learned:
        with _learning:
            msgspec.json.Decoder(kind)
            _learned.add(kind)


@contextlib.contextmanager
def _one_kind_of_error() -> Iterator[None]:
    try:
        yield
    except UnicodeError:
        raise msgspec.DecodeError("it is not UTF-8 text") from None
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None


@overload
def decode_json[T](raw: bytes | str, kind: type[T]) -> T: ...
@overload
def decode_json(raw: bytes | str, kind: Any) -> Any: ...
def decode_json(raw: bytes | str, kind: Any) -> Any:
    """Decode a document as ``kind``. Raises msgspec.MsgspecError and nothing else."""
    _learn(kind)
    with _one_kind_of_error():
        return msgspec.json.decode(raw, type=kind)


def decode_request[T](raw: bytes, kind: type[T]) -> T:
    """Decode a request. Raises msgspec.MsgspecError, also for a number out of range."""
    asked = decode_json(raw, kind)
    return bounded(asked) if _LONG_NUMBER.search(raw) else asked


def bounded[T](asked: T) -> T:
    """Return the request itself. Raises msgspec.MsgspecError for a number beyond 64 bits: no calendar, file or log entry holds
    it."""
    if not _all_within(msgspec.to_builtins(asked)):
        raise msgspec.ValidationError("a number is too large")
    return asked


def _all_within(value: object) -> bool:
    if isinstance(value, int):
        return within(value)
    if isinstance(value, dict):
        return all(_all_within(one) for one in (*value.keys(), *value.values()))
    return all(_all_within(one) for one in value) if isinstance(value, list | tuple) else True


class JsonDecoder[T]:
    """``decode_json`` for a kind that is decoded often."""

    def __init__(self, kind: Any) -> None:
        _learn(kind)
        self._decode: Callable[[bytes | str], T] = msgspec.json.Decoder(kind).decode

    def decode(self, raw: bytes | str) -> T:
        """Decode a document. Raises msgspec.MsgspecError and nothing else."""
        with _one_kind_of_error():
            return self._decode(raw)


class MsgpackDecoder[T]:
    """The same for packets between the service and its workers."""

    def __init__(self, kind: Any) -> None:
        _learn(kind)
        self._decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(kind).decode

    def decode(self, raw: bytes) -> T:
        """Decode a message. Raises msgspec.MsgspecError and nothing else."""
        with _one_kind_of_error():
            return self._decode(raw)
