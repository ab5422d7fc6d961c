"""Checks a bundle, folder or zip, and says in words what is wrong with it: for the library's side. Needs no service, reads only.

What an officer's tools show as FAILED is told apart: signed for another purpose, by another key, by one that had expired; the
list changed, or only in another order; files changed, gone, or added. A key found only inside proves no origin.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.releasing.outbox import SIGNATURE, SIGNATURE_SUM, SUMS, UNLISTED
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
from holdshelf_storage.checkpoint import BadHead
from holdshelf_storage.errors import StorageError
from holdshelf_storage.log_verify import verify_log

MAX_SUMS_BYTES = 8 << 20
MAX_SMALL_BYTES = 1 << 20
MAX_FILES = 50_000
_READ_BYTES = 1 << 20
ALLOWED = "allowed_signers"


class Report(msgspec.Struct, kw_only=True):
    """What was found. ``problems`` empty: it is as it was signed."""

    bundle: str
    release: str = ""
    fingerprint: str = ""
    """Of the key that signed it, '' when there is no signature that can be read."""
    proven_origin: bool = False
    """It was compared with a fingerprint from outside."""
    files: int = 0
    bytes: int = 0
    problems: list[str] = []


class _Bundle:
    """A bundle's files, wherever they lie."""

    def names(self) -> list[str]:
        raise NotImplementedError

    def open(self, name: str) -> IO[bytes]:
        raise NotImplementedError

    def strangers(self) -> list[str]:
        """What is neither file nor folder."""
        return []

    def small(self, name: str, limit: int = MAX_SMALL_BYTES) -> bytes | None:
        """A small file; None when there is none. Raises BadRequest when it is too large to be one."""
        if name not in self.names():
            return None
        with self.open(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BadRequest(f"{name} in the bundle is larger than it can be.", "Is it a bundle of Holdshelf?")
        return data


class _Folder(_Bundle):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        self._strangers: list[str] = []
        for folder, folders, files in os.walk(path, followlinks=False):
            below = Path(folder).relative_to(path)
            for name in [*files, *folders]:
                shown = str(below / name)
                mode = (path / shown).lstat().st_mode
                if stat.S_ISREG(mode):
                    self._names.append(shown)
                elif not stat.S_ISDIR(mode):
                    self._strangers.append(shown)
            if len(self._names) > MAX_FILES:
                raise BadRequest(f"{path} has more files than a bundle can have.", "Give the bundle's own folder.")

    def names(self) -> list[str]:
        return self._names

    def strangers(self) -> list[str]:
        return self._strangers

    def open(self, name: str) -> IO[bytes]:
        fd = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        return os.fdopen(fd, "rb", buffering=0)


class _Zip(_Bundle):
    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            raise BadRequest(
                f"{path} is no zip of a bundle, or is damaged.", "Give the bundle's folder or its zip."
            ) from None
        infos = [one for one in self._zip.infolist() if not one.is_dir()]
        if len(infos) > MAX_FILES:
            raise BadRequest(f"{path} has more files than a bundle can have.", "Is it a bundle of Holdshelf?")
        tops = {one.filename.split("/", 1)[0] for one in infos}
        cut = len(next(iter(tops))) + 1 if len(tops) == 1 and all("/" in one.filename for one in infos) else 0
        self._by_name = {one.filename[cut:]: one for one in infos}
        self._twice = len(infos) != len(self._by_name)

    def names(self) -> list[str]:
        return list(self._by_name)

    def strangers(self) -> list[str]:
        return ["a name that stands in the zip twice"] if self._twice else []

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._by_name[name])


@contextmanager
def _opened(path: Path) -> Iterator[_Bundle]:
    try:
        if path.is_dir():
            yield _Folder(path)
        elif path.is_file():
            yield _Zip(path)
        else:
            raise BadRequest(f"There is no bundle at {path}.", "Give the bundle's folder or its zip.")
    except OSError as error:
        raise BadRequest(f"The bundle at {path} cannot be read: {error.strerror or error}.") from None


def check(path: Path, key: str = "", now: datetime | None = None) -> Report:
    """Everything. ``key``: a fingerprint from outside, `SHA256:…`. Raises BadRequest when it cannot be read at all."""
    wanted = key.strip()
    if wanted and not wanted.startswith("SHA256:"):
        raise BadRequest("--key takes a fingerprint: SHA256: and 43 letters.", "It stands on the paper receipt.")
    with _opened(path) as bundle:
        report = Report(bundle=str(path), problems=[])
        sums = bundle.small(SUMS, MAX_SUMS_BYTES)
        if sums is None:
            report.problems.append(f"{SUMS} is missing: nothing can be checked.")
            return report
        _signature(bundle, sums, wanted.rstrip("="), now or datetime.now(UTC), report)
        _files(bundle, sums, report)
        if not report.problems:
            _inside(bundle, report)
    return report


# --- signature ------------------------------------------------------------------------------------------------------


def _signature(bundle: _Bundle, sums: bytes, wanted: str, now: datetime, report: Report) -> None:
    raw = bundle.small(SIGNATURE)
    if raw is None:
        report.problems.append(f"{SIGNATURE} is missing: who signed the list of checksums is not known.")
        return
    try:
        signature = read_signature(raw.decode("ascii", "replace"))
    except BadSignature as error:
        report.problems.append(f"The signature {error}.")
        return
    report.fingerprint = signature.fingerprint
    noted = bundle.small(SIGNATURE_SUM)
    if noted is None or noted.split()[:1] != [hashlib.sha256(raw).hexdigest().encode()]:
        report.problems.append(f"{SIGNATURE_SUM} is not the checksum of {SIGNATURE}: one of the two was changed.")
    if signature.namespace != NAMESPACE:
        report.problems.append(
            f"The signature was made for another purpose: its namespace is {signature.namespace[:60]!r}, not {NAMESPACE!r}."
        )
    _whose(bundle, signature, wanted, now, report)
    if not signature.holds(digests_of(BytesIO(sums))):
        lines = [line + b"\n" for line in sums.split(b"\n") if line]
        ordered = b"".join(sorted(lines, key=lambda line: bytes(line)[66:]))
        if ordered != sums and signature.holds(digests_of(BytesIO(ordered))):
            report.problems.append(
                f"The lines of {SUMS} stand in another order than when it was signed; none was changed."
            )
        else:
            report.problems.append(f"{SUMS} is not what was signed: it was changed, or the signature was.")
    elif wanted == signature.fingerprint:
        report.proven_origin = True


def _whose(bundle: _Bundle, signature: Signature, wanted: str, now: datetime, report: Report) -> None:
    if wanted and wanted != signature.fingerprint:
        report.problems.append(
            f"It was signed with another key: {signature.fingerprint}, not {wanted} as on the receipt. It is not the library's."
        )
    listed = bundle.small(ALLOWED)
    signers = [one for one in read_signers((listed or b"").decode("utf-8", "replace")) if one.principal == PRINCIPAL]
    own = [one for one in signers if one.public == signature.public]
    if not own:
        others = ", ".join(fingerprint(one.public) for one in signers) or "none of the library's"
        report.problems.append(
            f"It was signed with another key than {ALLOWED} names: {signature.fingerprint}, and there it is {others}."
        )
        return
    for signer in own:
        if problem := _out_of_time(signer, now):
            report.problems.append(problem)


def _out_of_time(signer: Signer, now: datetime) -> str:
    for option, words in (("valid-before", "expired: it was good until"), ("valid-after", "not good yet: it is from")):
        text = signer.options.get(option, "")
        at = _time(text)
        if text and (at is None or (now >= at) == (option == "valid-before")):
            day = at.strftime("%Y-%m-%d") if at is not None else repr(text[:20])
            return f"The key that signed it, {fingerprint(signer.public)}, is {words} {day}."
    return ""


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


def _files(bundle: _Bundle, sums: bytes, report: Report) -> None:
    listed: dict[str, str] = {}
    for line in sums.decode("utf-8", "replace").splitlines():
        digest, name = line[:64], line[66:]
        if len(line) < 67 or line[64:66] != "  " or any(letter not in "0123456789abcdef" for letter in digest):
            report.problems.append(f"{SUMS} has a line that is none: {line[:60]!r}.")
        elif name in listed:
            report.problems.append(f"{SUMS} names {name!r:.100} twice.")
        else:
            listed[name] = digest
    there = set(bundle.names())
    report.problems += [f"The file {name!r:.120} is missing." for name in sorted(set(listed) - there)]
    extra = [*sorted(there - set(listed) - UNLISTED), *bundle.strangers()]
    report.problems += [f"{name!r:.120} is here and was not released." for name in extra]
    for name in sorted(set(listed) & there):
        digest, size = _hash(bundle, name)
        report.files += 1
        report.bytes += size
        if digest != listed[name]:
            report.problems.append(f"The file {name!r:.120} was changed after it was signed.")


def _hash(bundle: _Bundle, name: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    try:
        with bundle.open(name) as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
                size += len(part)
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        return "", size
    return digest.hexdigest(), size


def _inside(bundle: _Bundle, report: Report) -> None:
    """What the signed files say of themselves: it was right when it was signed, and shows a fault of ours."""
    try:
        manifest: dict[str, Any] = msgspec.json.decode(bundle.small("manifest.json", MAX_SUMS_BYTES) or b"")
        report.release = str(manifest["release"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        report.problems.append("manifest.json says nothing that can be read.")
        return
    for name in sorted(bundle.names()):
        if name.startswith("access-log/entry-"):
            with tempfile.NamedTemporaryFile(prefix="holdshelf-") as copy:
                copy.write(bundle.small(name) or b"")
                copy.flush()
                try:
                    found = verify_log(Path(copy.name), public_key=str(manifest.get("log_key", "")))
                except (BadHead, StorageError) as error:
                    report.problems.append(f"{name}: {error}")
                    continue
            report.problems += [f"{name}: {problem}" for problem in found.problems]
