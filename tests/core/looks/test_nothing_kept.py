"""Pictures are made on demand and forgotten: through the real service, nothing of them lies on disk afterwards (issue, 5)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.looks import types
from tests.looking import NS, commissioned, record, seed
from tests.people import People
from tests.service import Service

STATE_FILES = ("data/media/anchors/", "data/state/access/", "data/state/register", "data/state/clock.json")
JPEG_START, JPEG_MARKS = b"\xff\xd8\xff", (b"JFIF", b"Exif")


def files_below(*folders: Path) -> dict[Path, int]:
    """Path and inode of every file."""
    return {path: path.stat().st_ino for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place for the socket that does not depend on TMPDIR, with a path short enough for one."""
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield


def test_nothing_derived_lies_on_disk(tmp_path: Path, runtime: None) -> None:
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    temporary.mkdir()
    service = Service(data, mint=True, environment={"TMPDIR": str(temporary), "HOME": str(temporary)})
    seed(data, commissioned("lobby"))
    made = record(data, ["lobby"])
    with service:
        director = People(service).name_director()
        before = files_below(data, temporary)
        asked = types.PurposeOpen(
            ["lobby"], "violation", "26-1", start_utc_ns=made.start_utc_ns, end_utc_ns=made.end_utc_ns
        )
        look = director.act(asked)
        jpegs = [director.act(types.LookStill(look.id, "lobby", made.start_utc_ns + n * 3 * NS)).jpeg for n in range(5)]
        strip = director.act(types.LookStrip(look.id, "lobby", 24))
        jpegs += [row.jpeg for row in strip.pictures if row.jpeg]
        jpegs.append(director.picture("still", grant=look.id, camera="lobby", at_utc_ns=made.start_utc_ns)[0])
        director.act(types.PurposeClose(look.id))
        during = files_below(data, temporary)
    after = files_below(data, temporary)
    assert len(jpegs) > 20
    for found in (during, after):
        new = {path.relative_to(tmp_path).as_posix() for path in found.keys() - before.keys()}
        assert all(name.startswith(STATE_FILES) for name in new), new
    for path in {*during, *after}:
        content = path.read_bytes() if path.exists() else b""
        assert not (JPEG_START in content and any(mark in content for mark in JPEG_MARKS)), f"a picture lies in {path}"
        assert not any(jpeg[len(jpeg) // 2 :][:64] in content for jpeg in jpegs), f"part of a picture lies in {path}"
    assert not any(temporary.iterdir())
