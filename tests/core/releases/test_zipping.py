"""The zip that lies nowhere: any unpacker takes it, each byte of it is the same each time, from any place on."""

from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.errors import Unavailable
from holdshelf_core.releases.writing import Part, Parts, Writing
from holdshelf_core.releases.zipping import ZipView
from holdshelf_storage.errors import BadMp4, StorageError

RELEASE = "R-2026-0001"
AT = 1_795_640_087 * 1_000_000_000
"""2026-11-25T20:54:47Z."""
FILES = {
    "README.txt": b"Read this\n",
    "videos/a.mp4": random.Random(1).randbytes(3_000_001),
    "SHA256SUMS": b"-",
    "empty": b"",
}


class Reader(io.RawIOBase):
    """A view as a file, as `zipfile` wants it."""

    def __init__(self, view: ZipView) -> None:
        self._view, self._at = view, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._view.size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        data = self._view.read(self._at, size if size >= 0 else self._view.size)
        self._at += len(data)
        return data


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Writing(fd, RELEASE, lambda: 1 << 40, threading.Event()) as writing:
            for path, data in FILES.items():
                with writing.file(path) as file:
                    for at in range(0, len(data), 700_000):
                        file.write(data[at : at + 700_000])
            writing.finish(AT)
        yield fd
    finally:
        os.close(fd)


def test_what_is_written_is_what_was_put_in_with_its_checksums(root: int, tmp_path: Path) -> None:
    for path, data in FILES.items():
        there = tmp_path / "bundles" / RELEASE / path
        assert (there.read_bytes() if data else not there.exists()) == (data or True), "of nothing there is no file"
    assert sorted(os.listdir(tmp_path / "bundles")) == [RELEASE, f"{RELEASE}.parts"]


def test_pieces_of_other_files_are_copied_and_hashed_and_a_file_that_is_too_short_is_told(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    data = FILES["videos/a.mp4"]
    (tmp_path / "source").write_bytes(data)
    source = os.open(tmp_path / "source", os.O_RDONLY)
    try:
        with Writing(fd, RELEASE, lambda: 1 << 40, threading.Event()) as writing:
            with writing.file("videos/a.mp4") as file:
                file.write(b"head")
                for at, size in ((5, 1_500_000), (2_000_000, 1_000_001), (0, 1)):
                    file.copy(source, at, size)
            whole = b"head" + data[5:1_500_005] + data[2_000_000:] + data[:1]
            assert (file.sha256, file.bytes) == (hashlib.sha256(whole).hexdigest(), len(whole))
            with pytest.raises(BadMp4, match="became shorter"), writing.file("videos/b.mp4") as file:
                file.copy(source, len(data) - 5, 6)
            assert list(writing.sums) == ["videos/a.mp4"]
    finally:
        os.close(source)
        os.close(fd)
    assert os.listdir(tmp_path / "bundles") == [], "what was not finished is gone"


def test_stock_unpackers_take_it_and_it_is_the_same_each_time(root: int, tmp_path: Path) -> None:
    with ZipView.open(root, RELEASE) as view:
        whole = view.read(0, view.size)
        assert len(whole) == view.size == len(b"".join(view.blocks()))
        assert view.read(view.size, 10) == view.read(view.size + 5, 10) == view.read(-1, 10) == b""
        assert (view.name, view.modified_utc_ns) == (f"{RELEASE}.zip", AT)
        for _ in range(200):
            at, size = random.randrange(view.size), random.choice((1, 30, 5000, 2_000_000))
            assert view.read(at, size) == whole[at : at + size]
    with ZipView.open(root, RELEASE) as again:
        assert again.read(0, again.size) == whole
    packed = tmp_path / "out.zip"
    packed.write_bytes(whole)
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert {one.filename.removeprefix(f"{RELEASE}/") for one in archive.infolist()} == {
            k for k, v in FILES.items() if v
        }
        assert archive.getinfo(f"{RELEASE}/README.txt").date_time == (2026, 11, 25, 20, 54, 46)
    subprocess.run(["unzip", "-q", packed, "-d", tmp_path / "there"], check=True)
    for path, data in FILES.items():
        assert not data or (tmp_path / "there" / RELEASE / path).read_bytes() == data
    assert (tmp_path / "there" / RELEASE / "README.txt").stat().st_mtime == AT // 1_000_000_000, (
        "in UTC, whatever the zone"
    )


def test_files_beyond_4_gb_are_in_it_too(root: int, tmp_path: Path) -> None:
    """As a day of a camera has them: sizes and places then take 64 bits. The file is all hole."""
    folder, size = tmp_path / "bundles" / RELEASE, 5 << 30
    with (folder / "long.mp4").open("wb") as file:
        file.truncate(size)
    parts = [Part("long.mp4", size, 0x12345678), Part("README.txt", 10, zipfile.crc32(FILES["README.txt"]))]
    view = ZipView(root, Parts(1, RELEASE, AT, parts))
    with zipfile.ZipFile(Reader(view)) as archive:  # type: ignore[arg-type]
        long, short = archive.infolist()
        assert (long.file_size, long.compress_size, long.CRC, long.header_offset) == (size, size, 0x12345678, 0)
        assert short.header_offset > size
        assert archive.read(short) == FILES["README.txt"]
        with archive.open(long) as file:
            assert file.read(1000) == bytes(1000)
    view.close()


def test_what_is_not_the_bundle_that_was_made_is_not_given_out(root: int, tmp_path: Path) -> None:
    folder = tmp_path / "bundles" / RELEASE
    sums = hashlib.sha256(FILES["SHA256SUMS"]).hexdigest()
    ZipView.open(root, RELEASE, sums).close()
    with pytest.raises(Unavailable, match="not the one that was made"):
        ZipView.open(root, RELEASE, "0" * 64)
    with ZipView.open(root, RELEASE, sums) as view:
        (folder / "videos" / "a.mp4").write_bytes(b"short")
        with pytest.raises(StorageError, match="not as long as when it was made"):
            view.read(0, view.size)
        (folder / "videos" / "a.mp4").unlink()
        (folder / "videos" / "a.mp4").symlink_to("/etc/passwd")
        with pytest.raises(StorageError):
            view.read(0, view.size)
    (tmp_path / "bundles" / f"{RELEASE}.parts").write_text("{}")
    with pytest.raises(Unavailable, match="cannot be read"):
        ZipView.open(root, RELEASE)
