"""Checks a bundle, folder or zip, and says in words what is wrong with it: for the library's side. Needs no service, reads only.

What an officer's tools show as FAILED is told apart: signed for another purpose, by another key, by one that had expired; the
list changed, in another order, or its line ends; files changed, converted, renamed, gone, or added. A key found only inside
proves no origin: that is for a fingerprint or a list of the library's keys from outside.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.releasing.check_source import DAMAGED, Source, cut, opened
from holdshelf_core.releasing.sshsig import (
    NAMESPACE,
    PRINCIPAL,
    BadSignature,
    Signature,
    Signer,
    digests_of,
    fingerprint,
    read_signature,
    read_signers,
)
from holdshelf_core.releasing.writing import SIGNATURE, SIGNATURE_SUM, SUMS, UNLISTED
from holdshelf_core.times import parse_rfc3339
from holdshelf_storage.checkpoint import BadHead
from holdshelf_storage.errors import StorageError
from holdshelf_storage.log_verify import verify_log

MAX_SUMS_BYTES = 8 << 20
_READ_BYTES = 256 << 10
_DROP_EVERY_BYTES = 16 << 20
ALLOWED, MANIFEST = "allowed_signers", "manifest.json"
_PUT_THERE = ("Thumbs.db", "desktop.ini", ".DS_Store")
_CONVERTED = "its line ends were converted to those of Windows, by a mail program or a copy in text mode"


class Report(msgspec.Struct, kw_only=True):
    """What was found. ``problems`` empty: it is as it was signed."""

    bundle: str
    release: str = ""
    fingerprint: str = ""
    """Of the key that signed it, '' when there is no signature that can be read."""
    proven_origin: bool = False
    """It was compared with a fingerprint, or a list of keys, from outside."""
    files: int = 0
    bytes: int = 0
    problems: list[str] = []
    notes: list[str] = []
    """What is to be known, and is no fault."""
    sums_sha256: str = ""
    """Of the list of checksums."""
    seq: int = 0
    """Of the access log's entry, where a service was asked."""


def check(
    path: Path,
    key: str = "",
    now: datetime | None = None,
    signers: Sequence[Signer] | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Everything. ``key``: a fingerprint from outside, `SHA256:…`; ``signers``: the library's keys, from outside.

    Raises BadRequest when it cannot be read at all, Unavailable when ``stop`` was set meanwhile.
    """
    wanted = key.strip().rstrip("=")
    if wanted and not wanted.startswith("SHA256:"):
        raise BadRequest("--key takes a fingerprint: SHA256: and 43 letters.", "It stands on the paper receipt.")
    with opened(path) as source:
        source.stop = stop
        report = Report(bundle=str(path), problems=[], notes=[])
        sums = source.small(SUMS, MAX_SUMS_BYTES)
        if sums is None:
            report.problems.append(f"{SUMS} is missing: nothing can be checked.")
            return report
        report.sums_sha256 = hashlib.sha256(sums).hexdigest()
        sums = _signature(source, sums, _Origin(wanted, signers, now or datetime.now(UTC)), report)
        _files(source, sums, report)
        if not report.problems:
            _inside(source, report)
    return report


# --- signature ------------------------------------------------------------------------------------------------------


class _Origin:
    """What is known from outside."""

    def __init__(self, wanted: str, signers: Sequence[Signer] | None, now: datetime) -> None:
        self.wanted = wanted
        self.signers = signers
        self.now = now


def _signature(source: Source, sums: bytes, origin: _Origin, report: Report) -> bytes:
    """Returns the list as it was signed, where that can be said."""
    raw = source.small(SIGNATURE)
    if raw is None:
        report.problems.append(f"{SIGNATURE} is missing: who signed the list of checksums is not known.")
        return sums
    try:
        signature = read_signature(raw.decode("ascii", "replace"))
    except BadSignature as error:
        report.problems.append(f"The signature {error}.")
        return sums
    report.fingerprint = signature.fingerprint
    _own_sum(raw, source.small(SIGNATURE_SUM), report)
    if signature.namespace != NAMESPACE:
        report.problems.append(
            f"The signature was made for another purpose: its namespace is {signature.namespace[:60]!r}, not {NAMESPACE!r}."
        )
    is_known = _whose(source, signature, _made(source, sums) or origin.now, origin, report)
    if signature.holds(digests_of(BytesIO(sums))):
        report.proven_origin = is_known
        return sums
    with_lf = sums.replace(b"\r\n", b"\n")
    ordered = b"".join(
        sorted((line + b"\n" for line in with_lf.split(b"\n") if line), key=lambda line: bytes(line)[66:])
    )
    if with_lf != sums and signature.holds(digests_of(BytesIO(with_lf))):
        report.problems.append(
            f"{SUMS} is not byte for byte what was signed: {_CONVERTED}. Nothing else of it was changed."
        )
        return with_lf
    if ordered != sums and signature.holds(digests_of(BytesIO(ordered))):
        report.problems.append(f"The lines of {SUMS} stand in another order than when it was signed; none was changed.")
        return ordered
    report.problems.append(f"{SUMS} is not what was signed: it was changed, or the signature was.")
    return sums


def _own_sum(raw: bytes, noted: bytes | None, report: Report) -> None:
    """SHA256SUMS.sig.sha256, which is there because OpenSSH passes over a changed version in a signature."""

    def line(of: bytes) -> bytes:
        return f"{hashlib.sha256(of).hexdigest()}  {SIGNATURE}\n".encode()

    with_lf = raw.replace(b"\r\n", b"\n")
    if noted is None:
        report.problems.append(f"{SIGNATURE_SUM} is missing.")
    elif noted == line(raw):
        return
    elif noted.replace(b"\r\n", b"\n") == line(with_lf):
        which = SIGNATURE if with_lf != raw else SIGNATURE_SUM
        report.problems.append(f"{which} is not byte for byte what was made: {_CONVERTED}.")
    else:
        report.problems.append(f"{SIGNATURE_SUM} is not the checksum of {SIGNATURE}: one of the two was changed.")


def _made(source: Source, sums: bytes) -> datetime | None:
    """When the bundle says that it was made, if that is what was signed."""
    try:
        raw = source.small(MANIFEST, MAX_SUMS_BYTES)
        if raw is None or f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}".encode() not in sums.splitlines():
            return None
        return datetime.fromtimestamp(parse_rfc3339(str(msgspec.json.decode(raw)["made"])) / 1e9, UTC)
    except (BadRequest, msgspec.MsgspecError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _whose(source: Source, signature: Signature, at: datetime, origin: _Origin, report: Report) -> bool:
    """Whether its key is known from outside. ``at``: when it was made."""
    wanted, is_known = origin.wanted, False
    if wanted and wanted != signature.fingerprint:
        report.problems.append(
            f"It was signed with another key: {signature.fingerprint}, not {wanted} as on the receipt. It is not the library's."
        )
    elif wanted:
        is_known = True
    listed = read_signers((source.small(ALLOWED) or b"").decode("utf-8", "replace"))
    for signers, where in ((listed, ALLOWED), (origin.signers, "the list of the library's keys")):
        if signers is None:
            continue
        named = [one for one in signers if one.principal == PRINCIPAL and one.is_for_releases]
        own = [one for one in named if one.public == signature.public]
        if not own:
            others = ", ".join(fingerprint(one.public) for one in named) or "none of the library's"
            report.problems.append(
                f"It was signed with another key than {where} names: {signature.fingerprint}, and there it is {others}."
            )
        elif signers is origin.signers:
            is_known = True
        for signer in own:
            _in_time(signer, at, origin.now, report)
    return is_known


def _in_time(signer: Signer, at: datetime, now: datetime, report: Report) -> None:
    """A key counts for what was made while it was good, also when it is not any more."""
    key = f"The key that signed it, {fingerprint(signer.public)},"
    for option, words in (
        ("valid-before", "is expired: it was good until"),
        ("valid-after", "was not good yet: it is from"),
    ):
        text = signer.options.get(option, "")
        if not text:
            continue
        limit = _time(text)
        day = _day(limit) if limit is not None else repr(text[:20])
        if limit is None or (at >= limit) == (option == "valid-before"):
            made = "" if at == now else f", and the bundle was made on {_day(at)}"
            report.problems.append(f"{key} {words} {day}{made}.")
        elif option == "valid-before" and now >= limit:
            report.notes.append(
                f"{key} is retired since {day}. It was good on {_day(at)}, when the bundle says that it was made; "
                "the library's access log says when that was."
            )


def _day(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return utc.strftime("%Y-%m-%d" if (utc.hour, utc.minute, utc.second) == (0, 0, 0) else "%Y-%m-%d %H:%M:%S UTC")


def _time(text: str) -> datetime | None:
    """ssh-keygen's YYYYMMDD[HHMM[SS]][Z]; without Z it is local."""
    zone = UTC if text.endswith(("Z", "z")) else None
    digits = text.rstrip("Zz")
    for form, size in (("%Y%m%d", 8), ("%Y%m%d%H%M", 12), ("%Y%m%d%H%M%S", 14)):
        if len(digits) == size:
            try:
                at = datetime.strptime(digits, form)  # noqa: DTZ007 - made aware below
            except ValueError:
                return None
            return at.replace(tzinfo=UTC) if zone is not None else at.astimezone()
    return None


# --- files ----------------------------------------------------------------------------------------------------------


def _files(source: Source, sums: bytes, report: Report) -> None:
    listed: dict[str, str] = {}
    # As sha256sum takes lines: what else Python calls a line's end is a letter of a name.
    for line in sums.decode("utf-8", "replace").removesuffix("\n").split("\n"):
        digest, name = line[:64], line[66:]
        if len(line) < 67 or line[64:66] != "  " or any(letter not in "0123456789abcdef" for letter in digest):
            report.problems.append(f"{SUMS} has a line that is none: {line[:60]!r}.")
        elif name in listed:
            report.problems.append(f"{SUMS} names {cut(name)} twice.")
        else:
            listed[name] = digest
    extra = source.names - set(listed) - UNLISTED
    there = {name: name for name in set(listed) & source.names}
    for name in sorted(set(listed) - source.names):
        other, how = _renamed(name, extra)
        if other:
            report.problems.append(f"The file {cut(name)} is here as {cut(other)}: {how}. Rename it.")
            there[name] = other
            extra.discard(other)
        else:
            report.problems.append(f"The file {cut(name)} is missing.")
    for name in sorted(extra):
        last = name.rsplit("/", 1)[-1]
        is_by_itself = last in _PUT_THERE or last.startswith("._")
        more = ": Windows or a Mac puts such a file there by itself. Remove it" if is_by_itself else ""
        report.problems.append(f"{cut(name)} is here and was not released{more}.")
    report.problems += source.strangers
    for name in sorted(there):
        digest, size = _hash(source, there[name])
        report.files += 1
        report.bytes += size
        if digest == listed[name]:
            continue
        if not name.endswith(".mp4") and _hash_with_lf(source, there[name]) == listed[name]:
            report.problems.append(f"The file {cut(name)} is not byte for byte what was signed: {_CONVERTED}.")
        else:
            report.problems.append(f"The file {cut(name)} was changed after it was signed.")


def _renamed(name: str, extra: set[str]) -> tuple[str, str]:
    """What it is called here, and what was done to it; '' when it is not here by any other name that programs make of one."""

    def one_form(text: str) -> str:
        return unicodedata.normalize("NFC", text)

    last = name.rsplit("/", 1)[-1]
    for other in sorted(extra):
        if one_form(other) == one_form(name):
            return other, "its letters are composed in another way, as a Mac does it"
        if one_form(other).casefold() == one_form(name).casefold():
            return other, "capital and small letters in its name were changed"
        if other.rsplit("/", 1)[-1] == last:
            return other, "it was moved to another folder"
        if other.replace("\\", "/") == name:
            return other, "it was unpacked without its folder"
    return "", ""


def _hash(source: Source, name: str) -> tuple[str, int]:
    digest, size, behind = hashlib.sha256(), 0, 0
    block = memoryview(bytearray(_READ_BYTES))
    try:
        with source.open(name) as file:
            while got := file.readinto(block):  # type: ignore[attr-defined]
                source.go_on()
                digest.update(block[:got])
                size += got
                if size - behind >= _DROP_EVERY_BYTES:
                    source.drop(file, behind, size)
                    behind = size
    except DAMAGED:
        return "", size
    return digest.hexdigest(), size


def _hash_with_lf(source: Source, name: str) -> str:
    """As if no line end had been converted."""
    digest, held = hashlib.sha256(), b""
    try:
        with source.open(name) as file:
            while part := file.read(_READ_BYTES):
                source.go_on()
                part, held = held + part, b""
                if part.endswith(b"\r"):
                    part, held = part[:-1], b"\r"
                digest.update(part.replace(b"\r\n", b"\n"))
    except DAMAGED:
        return ""
    digest.update(held)
    return digest.hexdigest()


def _inside(source: Source, report: Report) -> None:
    """What the signed files say of themselves: it was right when it was signed, and shows a fault of ours."""
    try:
        manifest: dict[str, Any] = msgspec.json.decode(source.small("manifest.json", MAX_SUMS_BYTES) or b"")
        report.release = str(manifest["release"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        report.problems.append("manifest.json says nothing that can be read.")
        return
    for name in sorted(source.names):
        if name.startswith("access-log/entry-"):
            with tempfile.NamedTemporaryFile(prefix="holdshelf-") as copy:
                copy.write(source.small(name) or b"")
                copy.flush()
                try:
                    found = verify_log(Path(copy.name), public_key=str(manifest.get("log_key", "")))
                except (BadHead, StorageError) as error:
                    report.problems.append(f"{name}: {error}")
                    continue
            report.problems += [f"{name}: {problem}" for problem in found.problems]
