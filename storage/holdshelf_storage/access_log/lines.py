"""The two kinds of line in an access log, and their canonical form. Pure, without I/O.

    {"private":{NAME:{"salt":"<32 hex>","text":"…"},…},"seq":n}     directly before its entry; left out of public copies
    {"action":…,"at":…,"commit":{NAME:"<64 hex>",…},…,"seq":n,"v":1}    the entry: a leaf of the tree, as it lies

Both are RFC 8785 canonical JSON. Entries hold no fractions, no integer beyond 2^53 and only ASCII names, for which
sorted keys and msgspec's strings are that form (tests hold it against the rfc8785 package; docs/adr/0008). A commitment is
SHA-256(salt ‖ UTF-8 text). Must never let two different byte strings count as the same line.
"""

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from holdshelf_storage.errors import BadEntry
from holdshelf_storage.layout import MAX_TIME_NS, NS
from holdshelf_storage.volume.journal import UNREADABLE

VERSION: Final = 1
MAX_ENTRY_BYTES: Final = 65_535
"""Of an entry that is written: what the length before an entry of a bundle of tiles can say (c2sp.org/tlog-tiles)."""
MAX_PUBLIC_BYTES: Final = 256 * 1024
"""Of an entry that is read: the bound of older versions."""
MAX_PRIVATE_BYTES: Final = 64 * 1024 * 1024
_MAX_INT: Final = 2**53 - 1
_MAX_DEPTH: Final = 8
SALT_BYTES: Final = 16
AT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{9})Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,64}", re.ASCII)
_HEX_SALT = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MAX_STRUCTURE_BYTES: Final = 4096
"""Of a private line without its texts: braces, colons, commas."""
_encoder = msgspec.json.Encoder(order="sorted")
_decode = msgspec.json.Decoder[Any]().decode
encode_sorted = _encoder.encode


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as read back. `private` is None where its texts were omitted (a public copy) and {} where it has none."""

    seq: int
    public: dict[str, Any]
    private: dict[str, str] | None


class BadLine(Exception):
    """An invalid line. `str()` continues "the line …"."""


def numbers_are(first: int, last: int) -> str:
    """What is to be said of these entries begins so."""
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def time_text(utc_ns: int) -> str:
    """RFC 3339 in UTC with nine decimals. Times outside the years 1 to 9999 are clamped."""
    seconds, ns = divmod(max(-MAX_TIME_NS, min(MAX_TIME_NS, utc_ns)), NS)
    return f"{dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"  # noqa: DTZ001


def time_ns(text: str) -> int:
    """The UTC nanoseconds of a time written by `time_text`. Raises BadEntry."""
    match = AT.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        year, month, day, hour, minute, second, ns = map(int, match.groups())
        seconds = int(dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC).timestamp())
    except ValueError as error:
        raise BadEntry(f"{text!r:.40} is not a time as the access log writes it; report this as a bug.") from error
    return seconds * NS + ns


def commitment(salt: bytes, text: str) -> str:
    """The entry's commitment to a private text: hex SHA-256(salt ‖ UTF-8 text)."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def encode_entry(seq: int, public: Mapping[str, Any], private: Mapping[str, str]) -> bytes:
    """The lines of one entry, newlines included: the private one, when there is one, and the entry.

    Raises BadEntry when it cannot be written canonically, has no `at`, or claims a field that is ours to fill.
    """
    entry = dict(public)
    at = entry.get("at")
    if type(at) is not str or AT.fullmatch(at) is None:
        raise BadEntry("An entry of the access log needs `at`, a UTC time with nine decimals; report this as a bug.")
    for ours in ("v", "seq", "commit", "private"):
        if ours in entry:
            raise BadEntry(f"An entry of the access log must not bring its own `{ours}`; report this as a bug.")
    check_plain(entry, 0)
    lines = b""
    if private:
        texts: dict[str, dict[str, str]] = {}
        commit: dict[str, str] = {}
        for name, text in private.items():
            if type(name) is not str or not _is_name(name) or type(text) is not str:
                raise BadEntry(f"{name!r:.40} cannot be a private text of an entry; report this as a bug.")
            salt = secrets.token_bytes(SALT_BYTES)
            texts[name] = {"salt": salt.hex(), "text": text}
            try:
                commit[name] = commitment(salt, text)
            except UnicodeEncodeError as error:
                raise _not_text(text) from error
        entry["commit"] = commit
        lines = encode_sorted({"private": texts, "seq": seq}) + b"\n"
        if len(lines) > MAX_PRIVATE_BYTES:
            raise BadEntry(
                f"Its private texts have {len(lines)} bytes, and the access log takes {MAX_PRIVATE_BYTES}; ask for less at once."
            )
    entry["v"] = VERSION
    entry["seq"] = seq
    line = encode_sorted(entry)
    if len(line) > MAX_ENTRY_BYTES:
        raise BadEntry(
            f"Its entry would have {len(line)} bytes, and the access log takes {MAX_ENTRY_BYTES}; ask for less at once."
        )
    return lines + line + b"\n"


def check_entry(public: Mapping[str, Any], private: Mapping[str, str]) -> None:
    """Raises BadEntry when the log would never take this entry, whatever its number."""
    encode_entry(_MAX_INT, public, private)


@lru_cache(maxsize=512)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def check_plain(value: Any, depth: int) -> None:
    """Raises BadEntry for what has no canonical form here."""
    kind = type(value)
    if kind is str:
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise _not_text(value) from error
    elif kind is int:
        if not -_MAX_INT <= value <= _MAX_INT:
            raise BadEntry(f"{value} is too large a number for the access log; report this as a bug.")
    elif kind is dict and depth < _MAX_DEPTH:
        for name, member in value.items():
            if type(name) is not str or not _is_name(name):
                raise BadEntry(f"{name!r:.40} cannot be a name in the access log; report this as a bug.")
            if type(member) is not str or not member.isascii():  # most members are: the caller waits for this entry
                check_plain(member, depth + 1)
    elif kind in (list, tuple) and depth < _MAX_DEPTH:
        for member in value:
            check_plain(member, depth + 1)
    elif kind is not bool and value is not None:
        raise BadEntry(f"{value!r:.40} cannot stand in the access log; report this as a bug.")


def _not_text(text: str) -> BadEntry:
    return BadEntry(f"{text!r:.40} is not valid text; leave the broken characters out.")


def parse_line(raw: bytes) -> dict[str, Any]:
    """A line of either kind (a private one has "private"), proven canonical. Raises BadLine."""
    if len(raw) > MAX_PUBLIC_BYTES and not _may_be_private(raw):
        raise BadLine("is longer than any entry")
    try:
        line = _decode(raw)
        is_canonical = encode_sorted(line) == raw
    except UNREADABLE as error:
        raise BadLine("is not readable") from error
    if type(line) is not dict or not is_canonical:
        raise BadLine("is not in its canonical form")
    if type(line.get("seq")) is not int:
        raise BadLine("bears no number")
    if "private" in line:
        if len(line) != 2 or type(line["private"]) is not dict or not line["private"]:
            raise BadLine("is no private line as the log writes it")
    elif line.get("v") != VERSION or type(line.get("at")) is not str or AT.fullmatch(line["at"]) is None:
        if type(line.get("v")) is int and line["v"] > VERSION:
            raise BadLine("was written by a newer Holdshelf")
        raise BadLine("is no entry")
    return line


def _may_be_private(raw: bytes) -> bool:
    """Whether a long line consists of a few long texts, like a private line: anything else takes many times its size to parse."""
    if not raw.startswith(b'{"private"'):
        return False
    at = between = 0
    for text in _TEXT.finditer(raw):
        between += text.start() - at + 1
        at = text.end()
        if between > _MAX_STRUCTURE_BYTES:
            return False
    return between + len(raw) - at <= _MAX_STRUCTURE_BYTES


def private_texts(private: Mapping[str, Any], commit: Any) -> dict[str, str]:
    """The texts of a private line, checked against the entry's commitments. Raises BadLine."""
    if type(commit) is not dict or commit.keys() != private.keys():
        raise BadLine("has other private texts than it committed to")
    texts: dict[str, str] = {}
    for name, member in private.items():
        if type(member) is not dict or member.keys() != {"salt", "text"}:
            raise BadLine(f"has an unreadable private text ({name})")
        salt, text = member["salt"], member["text"]
        if type(salt) is not str or type(text) is not str or _HEX_SALT.fullmatch(salt) is None:
            raise BadLine(f"has an unreadable private text ({name})")
        if hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest() != commit[name]:
            raise BadLine(f"has a private text ({name}) that is not the one it committed to")
        texts[name] = text
    return texts
