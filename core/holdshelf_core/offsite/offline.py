"""What needs no service: a new key for paper, and bringing a hold back from the store with that key alone, on any machine."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from holdshelf_core.errors import BadRequest, Conflict, NotFound, Unavailable
from holdshelf_core.offsite.process import check_installed
from holdshelf_core.offsite.types import Place

if TYPE_CHECKING:
    from holdshelf_core.offsite.sealing import Opener
    from holdshelf_core.offsite.store import Bucket

SUMS: Final = "SHA256SUMS"
UNLISTED: Final = "unlisted"
_MANIFEST: Final = "# holdshelf offsite 1"


class Fetched(NamedTuple):
    """What was brought back. ``wrong``: paths whose bytes are not those of the manifest, or that are not there."""

    hold: str
    folder: str
    files: int
    bytes: int
    wrong: tuple[str, ...]
    unlisted: int
    """Files put since the newest manifest, in ``unlisted/``: segments there say in themselves what they are."""


class _Found(NamedTuple):
    hold: str
    opener: Opener
    files: dict[str, tuple[str, str]]
    """By path: SHA-256 and key of the object."""
    versions: dict[str, list[str]]
    """By key, the newest first: another may have been put over ours, or a delete marker."""


def new_key() -> tuple[str, str]:
    """Return (a recovery key or county key, which only paper keeps; its public part). Raises Unavailable where the extra is not
    installed."""
    check_installed()
    from holdshelf_core.offsite import sealing  # noqa: PLC0415 - an extra

    return sealing.new_key()


def public_of(private: str) -> str:
    """Return a key's public part. Raises BadRequest when it is no key, Unavailable where the extra is not installed."""
    check_installed()
    from holdshelf_core.offsite import sealing  # noqa: PLC0415 - an extra

    try:
        return sealing.public_of(private)
    except sealing.BadKey as error:
        raise BadRequest(str(error)) from None


def holds_there(place: Place, keys: list[str]) -> list[str]:
    """Return the holds in the store that these keys open. Raises HoldshelfError."""
    with _reaching(place) as bucket:
        return sorted({one.hold for one in _holds(bucket, place, keys)})


def fetch(place: Place, keys: list[str], hold: str, folder: Path) -> Fetched:
    """Bring a hold back into FOLDER/HOLD, which must not be there, and check each file. Raises HoldshelfError."""
    target = folder / hold
    if target.exists():
        raise Conflict(f"{target} already exists.", "Give another folder.")
    with _reaching(place) as bucket:
        found = list(_holds(bucket, place, keys))
        wanted = [one for one in found if one.hold == hold]
        if not wanted:
            names = ", ".join(sorted({one.hold for one in found})) or "none"
            raise NotFound(f"This key opens no hold {hold[:40]!r} there.", f"It opens: {names}.")
        umask = os.umask(0o077)
        try:
            return _fetch(bucket, wanted, hold, target)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written: {error.strerror}.") from None
        finally:
            os.umask(umask)


def _fetch(bucket: Bucket, wanted: list[_Found], hold: str, target: Path) -> Fetched:
    from holdshelf_core.offsite.sealing import BadKey  # noqa: PLC0415 - an extra

    files, size, unlisted, wrong, sums = 0, 0, 0, [], []
    target.mkdir(parents=True)
    for one in wanted:
        for path, (sha256, key) in sorted(one.files.items()):
            out = target / path
            out.parent.mkdir(parents=True, exist_ok=True)
            got = ""
            for version in one.versions.get(key, ()):
                with contextlib.suppress(BadKey), tempfile.NamedTemporaryFile(dir=target, prefix=".sealed-") as sealed:
                    for data in bucket.read(key, version):
                        sealed.write(data)
                    sealed.flush()
                    with out.open("wb") as file:
                        got = one.opener.open_file(Path(sealed.name), file)
                if got == sha256:
                    break
            else:
                out.unlink(missing_ok=True)
            sums.append(f"{sha256}  {path}\n")
            if got == sha256:
                files, size = files + 1, size + out.stat().st_size
            else:
                wrong.append(path)
        named = {key for _, key in one.files.values()}
        for key in sorted(key for key in one.versions if key.rpartition("/")[2].startswith("d-") and key not in named):
            for version in one.versions[key]:
                with contextlib.suppress(BadKey):
                    data = one.opener.open(b"".join(bucket.read(key, version)))
                    (target / UNLISTED).mkdir(exist_ok=True)
                    (target / UNLISTED / key.rpartition("/")[2].removesuffix(".age")).write_bytes(data)
                    unlisted += 1
                    break
    (target / SUMS).write_text("".join(sorted(set(sums), key=lambda line: line[66:])))
    return Fetched(hold, str(target), files, size, tuple(sorted(set(wrong))), unlisted)


def _holds(bucket: Bucket, place: Place, keys: list[str]) -> Iterator[_Found]:
    from holdshelf_core.offsite.sealing import BadKey, Opener  # noqa: PLC0415 - an extra

    try:
        recovery = Opener(keys)
    except BadKey as error:
        raise BadRequest(str(error)) from None
    root = f"{place.prefix}holds/"
    for token in sorted(bucket.folders(root)):
        versions: dict[str, list[str]] = {}
        for one in bucket.versions(f"{root}{token}/"):
            if not one.marker:
                versions.setdefault(one.key, []).append(one.version)
        own = [found.decode().strip() for found in _opened(bucket, recovery, versions, "key-")]
        if not own:
            continue
        opener, hold = Opener(own), ""
        files: dict[str, tuple[str, str]] = {}
        for manifest in _opened(bucket, opener, versions, "m-"):
            hold = _read(manifest.decode(), f"{root}{token}/", files) or hold
        if hold:
            yield _Found(hold, opener, files, versions)


def _opened(bucket: Bucket, opener: Opener, versions: dict[str, list[str]], kind: str) -> Iterator[bytes]:
    """Yield what is in the objects of this kind that can be opened, by name."""
    from holdshelf_core.offsite.sealing import BadKey  # noqa: PLC0415 - an extra

    for key in sorted(key for key in versions if key.rpartition("/")[2].startswith(kind)):
        for version in versions[key]:
            with contextlib.suppress(BadKey):
                yield opener.open(b"".join(bucket.read(key, version)))
                break


def _read(manifest: str, root: str, files: dict[str, tuple[str, str]]) -> str:
    """Take what a manifest lists; later ones come later. Returns the hold's number; '' when it is none."""
    lines = manifest.splitlines()
    if not lines or lines[0] != _MANIFEST:
        return ""
    hold = ""
    for line in lines[1:]:
        if line.startswith("# hold "):
            hold = line.removeprefix("# hold ")
        elif not line.startswith("#"):
            sha256, name, path = line.split("  ", 2)
            parts = PurePosixPath(path).parts
            if path.startswith("/") or ".." in parts or "/" in name:
                raise Unavailable(f"A manifest of {hold[:40]} names a path outside the hold.", "It is not ours.")
            files[path] = (sha256, root + name)
    return hold


@contextlib.contextmanager
def _reaching(place: Place) -> Iterator[Bucket]:
    check_installed()
    from holdshelf_core.offsite.store import Bucket, Fault  # noqa: PLC0415 - an extra

    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem" if place.ca_pem else None
        if ca_file is not None:
            ca_file.write_text(place.ca_pem)
        try:
            yield Bucket(place, ca_file)
        except Fault as fault:
            raise Unavailable(fault.sentence) from None
