"""Checks a bundle, folder or zip, and says in words what is wrong with it: for the library. Needs no service, only reads.

It distinguishes what other tools just show as FAILED: signed for another purpose, by another key, by an expired one; the list
changed, reordered, or its line ends converted; files changed, converted, renamed, missing, or added. A key found only inside
proves no origin: that takes a fingerprint or a list of the library's keys from outside.
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.releases.check_entries import check_entries
from holdshelf_core.releases.check_proofs import (
    MASKED,
    NO_PROOFS,
    TOO_LARGE,
    UNFRAMED,
    Entries,
    NotProven,
    check_proofs,
)
from holdshelf_core.releases.check_reading import READ_BYTES, HashingSource
from holdshelf_core.releases.check_source import DAMAGED, MAX_FILES, BundleSource, TooLarge, cut, opened
from holdshelf_core.releases.check_stamp import check_stamps
from holdshelf_core.releases.check_witnesses import check_witnesses
from holdshelf_core.releases.proofs import NAME as PROOFS
from holdshelf_core.releases.sshsig import (
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
from holdshelf_core.releases.types import Report
from holdshelf_core.releases.writing import SIGNATURE, SIGNATURE_SUM, SUMS, UNLISTED
from holdshelf_core.times import parse_rfc3339
from holdshelf_storage.access_log.cosignature import WitnessKey
from holdshelf_storage.decoding import decode_json

MAX_SUMS_BYTES = 8 << 20
_MAX_KEYS_BYTES = 64 << 10
_MOST_PROBLEMS = 200
_MOST_NAMED = 5
ALLOWED, MANIFEST = "allowed_signers", "manifest.json"
_PUT_THERE = ("Thumbs.db", "desktop.ini", ".DS_Store")
_CONVERTED = "its line ends were converted to those of Windows, by a mail program or a copy in text mode"


def check(
    path: Path,
    key: str = "",
    now: datetime | None = None,
    signers: Sequence[Signer] | None = None,
    stop: threading.Event | None = None,
    witnesses: Sequence[WitnessKey] = (),
    authority: str = "",
) -> Report:
    """Check everything. ``key``: a fingerprint from outside, `SHA256:…`; ``signers``: the library's keys, from outside;
    ``witnesses``: keys of those who may have countersigned its head of the access log; ``authority``: certificates (PEM) that the
    time stamp on it has to come from.

    Raises BadRequest when it cannot be read at all, Unavailable when ``stop`` was set meanwhile.
    """
    wanted = key.strip().rstrip("=")
    if wanted and not wanted.startswith("SHA256:"):
        raise BadRequest("--key takes a fingerprint: SHA256: and 43 characters.", "It is printed on the paper receipt.")
    with opened(path) as source:
        source.stop = stop
        report = Report(bundle=str(path), problems=[], notes=[])
        sums = source.small(SUMS, MAX_SUMS_BYTES)
        if sums is None:
            report.problems.append(f"{SUMS} is missing: nothing can be checked.")
            return report
        if sums.count(b"\n") > MAX_FILES:
            raise BadRequest(
                f"{SUMS} has more lines than a bundle can have files.", "Check that it is a Holdshelf bundle."
            )
        report.sums_sha256 = hashlib.sha256(sums).hexdigest()
        sums = _signature(source, sums, _Origin(wanted, signers, now or datetime.now(UTC)), report)
        there = _there(source, sums, report)
        # A video is hashed while its frames are read, once everything else is known to be as it was signed.
        videos = {} if report.problems else {name: one for name, one in there.items() if name.endswith(".mp4")}
        hashing = HashingSource(source, [one.here for one in videos.values()])
        _compare(hashing, {name: one for name, one in there.items() if name not in videos}, report)
        inside = Report(bundle=report.bundle, problems=[], notes=[])
        if not report.problems:
            _inside(hashing, inside, witnesses, authority)
        _compare(hashing, videos, report)
        if not report.problems:
            report.problems, report.notes = inside.problems, report.notes + inside.notes
            report.release, report.anchored = inside.release, inside.anchored
    if len(report.problems) > _MOST_PROBLEMS:
        more = len(report.problems) - _MOST_PROBLEMS
        report.problems[_MOST_PROBLEMS:] = [f"And {more} more of this kind: this is not the bundle that was made."]
    return report


# --- signature ------------------------------------------------------------------------------------------------------


class _Manifest(msgspec.Struct):
    """The parts of manifest.json read here; everything else is skipped and uses no memory."""

    release: str
    log_key: str = ""
    made: str = ""
    policy_sha256: str = ""
    policy_file_sha256: str | None = None
    """None: made before this was written down."""


class _Origin:
    """Keys known from outside."""

    def __init__(self, wanted: str, signers: Sequence[Signer] | None, now: datetime) -> None:
        self.wanted = wanted
        self.signers = signers
        self.now = now


def _signature(source: BundleSource, sums: bytes, origin: _Origin, report: Report) -> bytes:
    """Return the list as it was signed, as far as known."""
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
    """Check SHA256SUMS.sig.sha256, which exists because OpenSSH ignores a changed version in a signature."""

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


def _made(source: BundleSource, sums: bytes) -> datetime | None:
    """Return when the bundle says it was made, if that is what was signed."""
    try:
        raw = source.small(MANIFEST, MAX_SUMS_BYTES)
        if raw is None or f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}".encode() not in sums.splitlines():
            return None
        return datetime.fromtimestamp(parse_rfc3339(decode_json(raw, _Manifest).made) / 1e9, UTC)
    except (BadRequest, msgspec.MsgspecError, ValueError, OverflowError):
        return None


def _whose(source: BundleSource, signature: Signature, at: datetime, origin: _Origin, report: Report) -> bool:
    """Return whether its key is known from outside. ``at``: when the bundle was made."""
    wanted, is_known = origin.wanted, False
    if wanted and wanted != signature.fingerprint:
        report.problems.append(
            f"It was signed with another key: {signature.fingerprint}, not {wanted} as on the receipt. It is not the library's."
        )
    elif wanted:
        is_known = True
    listed = read_signers((source.small(ALLOWED, _MAX_KEYS_BYTES) or b"").decode("utf-8", "replace"))
    for signers, where in ((listed, ALLOWED), (origin.signers, "the list of the library's keys")):
        if signers is None:
            continue
        named = [one for one in signers if one.principal == PRINCIPAL and one.is_for_releases]
        own = [one for one in named if one.public == signature.public]
        if not own:
            others = ", ".join(fingerprint(one.public) for one in named[:_MOST_NAMED]) or "none of the library's"
            report.problems.append(
                f"It was signed with another key than {where} names: {signature.fingerprint}, and there it is {others}."
            )
        elif signers is origin.signers:
            is_known = True
        for signer in own:
            _in_time(signer, at, origin.now, report)
    return is_known


def _in_time(signer: Signer, at: datetime, now: datetime, report: Report) -> None:
    """Check that a key was valid when the bundle was made, even if it has expired since."""
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
    """Parse ssh-keygen's YYYYMMDD[HHMM[SS]][Z]; without Z it is local."""
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


class _Listed(NamedTuple):
    """A file that is there: the checksum that the list has for it, and the name that it has here."""

    digest: str
    here: str


def _there(source: BundleSource, sums: bytes, report: Report) -> dict[str, _Listed]:
    """Return what is to be compared, by its name in the list; what is missing or too much is reported."""
    listed: dict[str, str] = {}
    # Lines as sha256sum splits them: Python's other line ends may be part of a name.
    for line in sums.decode("utf-8", "replace").removesuffix("\n").split("\n"):
        digest, name = line[:64], line[66:]
        if len(line) < 67 or line[64:66] != "  " or any(letter not in "0123456789abcdef" for letter in digest):
            report.problems.append(f"{SUMS} has a line that is not a valid entry: {line[:60]!r}.")
        elif name in listed:
            report.problems.append(f"{SUMS} names {cut(name)} twice.")
        else:
            listed[name] = digest
    extra = source.names - set(listed) - UNLISTED
    elsewhere = _Renamed(extra)
    there = {name: name for name in set(listed) & source.names}
    for name in sorted(set(listed) - source.names):
        other, how = elsewhere.find(name, extra)
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
    return {name: _Listed(listed[name], there[name]) for name in sorted(there)}


def _compare(source: HashingSource, there: Mapping[str, _Listed], report: Report) -> None:
    """Compare each file with its checksum."""
    for name, one in there.items():
        digest, size = source.hash_of(one.here)
        report.files += 1
        report.bytes += size
        if digest == one.digest:
            continue
        if not name.endswith(".mp4") and _hash_with_lf(source, one.here) == one.digest:
            report.problems.append(f"The file {cut(name)} is not byte for byte what was signed: {_CONVERTED}.")
        else:
            report.problems.append(f"The file {cut(name)} was changed after it was signed.")


class _Renamed:
    """Finds files renamed by other programs. Each is read once, however many are missing."""

    def __init__(self, extra: set[str]) -> None:
        self._by: dict[tuple[str, str], list[str]] = {}
        for other in sorted(extra):
            for way, form in self._forms(other):
                self._by.setdefault((way, form), []).append(other)

    @staticmethod
    def _forms(name: str) -> list[tuple[str, str]]:
        composed = unicodedata.normalize("NFC", name)
        return [
            ("its letters are composed in another way, as a Mac does it", composed),
            ("capital and small letters in its name were changed", composed.casefold()),
            ("it was moved to another folder", name.rsplit("/", 1)[-1]),
            ("it was unpacked without its folder", name.replace("\\", "/")),
        ]

    def find(self, name: str, extra: set[str]) -> tuple[str, str]:
        """Return (its name here, how it was renamed); '' when it is not among ``extra`` under any other name."""
        for way, form in self._forms(name):
            found = self._by.get((way, form), [])
            while found:
                if found[0] in extra:
                    return found[0], way
                found.pop(0)
        return "", ""


def _hash_with_lf(source: BundleSource, name: str) -> str:
    """Return the hash as if no line end had been converted."""
    digest, held = hashlib.sha256(), b""
    try:
        with source.open(name) as file:
            while part := file.read(READ_BYTES):
                source.go_on()
                part, held = held + part, b""
                if part.endswith(b"\r"):
                    part, held = part[:-1], b"\r"
                digest.update(part.replace(b"\r\n", b"\n"))
    except DAMAGED:
        return ""
    digest.update(held)
    return digest.hexdigest()


def _inside(source: BundleSource, report: Report, witnesses: Sequence[WitnessKey], authority: str) -> None:
    """Check what the signed files say about themselves: they were correct when signed, so a problem is our bug."""
    raw = source.small(MANIFEST, MAX_SUMS_BYTES) or b""
    try:
        manifest = decode_json(raw, _Manifest)
        report.release = manifest.release
    except msgspec.MsgspecError:
        report.problems.append("manifest.json cannot be read.")
        return
    entries = check_entries(source, manifest.log_key, report)
    if not report.problems:
        _policy(manifest, entries, report)
        _footage(source, raw, entries, report)
        check_witnesses(source, manifest.log_key, witnesses, report)
        check_stamps(source, manifest.log_key, max(entries.batches, default=0), authority, report)


def _policy(manifest: _Manifest, entries: Entries, report: Report) -> None:
    """Check that it names the policy that was in force when it was made, as the access log has it."""
    if not entries.exported:
        return
    seq = max(entries.exported)
    text, file = entries.exported[seq]
    told = manifest.policy_sha256, file if manifest.policy_file_sha256 is None else manifest.policy_file_sha256
    if told != (text, file):
        report.problems.append(f"manifest.json names another policy than entry {seq}, under which the bundle was made.")


def _footage(source: BundleSource, manifest: bytes, entries: Entries, report: Report) -> None:
    """Check whether it was made from what the access log anchored, if it contains proofs."""
    if PROOFS not in source.names:
        report.notes.append(NO_PROOFS)
        return
    try:
        report.anchored = found = check_proofs(source, manifest, entries)
    except TooLarge:
        report.notes.append(TOO_LARGE)
    except NotProven as error:
        report.problems.append(f"What it was made from is not proven: {error}.")
    else:
        if found.files and not found.original:
            report.notes.append(MASKED)
        elif found.framed < found.files:
            report.notes.append(UNFRAMED.format(count=found.files - found.framed))
