"""The log as static files: an auditor who knows nothing of Holdshelf reads them, and a log written again is found."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log import tiles as tiles_module
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import SigningKey
from holdshelf_storage.access_log.export import FORMAT, Header
from holdshelf_storage.access_log.lines import MAX_ENTRY_BYTES
from holdshelf_storage.access_log.tiles import TileFolder, TilesWritten, tile_path
from holdshelf_storage.errors import DiskFull, LogBroken, LogError
from tests.storage.access_log.log_parts import entry, opened

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tiles.md"


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., str]:
    """Runs the auditor of the documents, where none of our packages can be imported; its words, or a failure's."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert "holdshelf_" not in text
    script = tmp_path / "audit_tiles.py"
    script.write_text(text)

    def ask(folder: Path, *words: object, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-I", str(script), folder.as_uri(), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return ask


class Made:
    """A log of numbered lines, as its exports tell of it: long ones take no time."""

    def __init__(self, mark: str = "", key: SigningKey | None = None) -> None:
        self.mark, self.key = mark, key or SigningKey.generate()
        self._leaves: list[bytes] = []
        self._heads: dict[int, str] = {}

    def line(self, seq: int) -> bytes:
        return b'{"a":"%s","seq":%d}' % (self.mark.encode(), seq)

    def tree(self, size: int) -> merkle.Tree:
        tree = merkle.Tree()
        tree.extend(self.leaves(size))
        return tree

    def leaves(self, size: int) -> list[bytes]:
        self._leaves += [merkle.leaf_hash(self.line(seq)) for seq in range(len(self._leaves) + 1, size + 1)]
        return self._leaves[:size]

    def head(self, size: int) -> str:
        if size not in self._heads:
            self._heads[size] = self.key.sign(size, self.tree(size).root())
        return self._heads[size]

    def export(self, first: int, last: int) -> Iterator[bytes]:
        left = merkle.hashes_of_ranges(iter(self.leaves(first - 1)), merkle.cover(0, first - 1))
        head = self.head(last)
        yield Header(FORMAT, first, last, head, str(self.key.public), [n.hex() for n in left], [], False).encode()
        for seq in range(first, last + 1):
            yield self.line(seq) + b"\n"

    def publish(self, folder: Path, size: int) -> TilesWritten:
        tiles = TileFolder(folder, self.key.public)
        with tiles.locked():
            note = self.head(size)
            return tiles.write(self.export(tiles.first, size), self.key.public.check(note), note)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_paths_are_those_of_the_specification() -> None:
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(2, 0, 17) == "tile/2/000.p/17"
    assert tile_path("entries", 273, 112) == "tile/entries/273.p/112"
    assert tile_path(0, 1000) == "tile/0/x001/000"


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 700])
def test_a_stranger_audits_a_folder_of_any_size(tmp_path: Path, audit: Callable[..., str], size: int) -> None:
    log = Made()
    log.publish(tmp_path / "pub", size)
    said = audit(tmp_path / "pub", log.key.public, log.key.public.check(log.head(max(1, size // 2))).short)
    assert said.startswith(f"{size} entries are those of the signed head {size}:")
    assert f"The first {max(1, size // 2)} are those" in said
    assert (tmp_path / "entries.jsonl").read_bytes().splitlines() == [log.line(seq) for seq in range(1, size + 1)]


def test_seventy_thousand_entries_are_the_tiles_that_the_specification_names(
    tmp_path: Path, audit: Callable[..., str]
) -> None:
    log, folder = Made(), tmp_path / "pub"
    log.publish(folder, 70_000)
    names = set(files_in(folder))
    level_0 = {name for name in names if name.startswith("tile/0/")}
    assert level_0 == {f"tile/0/{number:03}" for number in range(273)} | {"tile/0/273.p/112"}
    assert names - level_0 - {f"tile/entries/{number:03}" for number in range(273)} == {
        "checkpoint",
        "tile/entries/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    }
    assert audit(folder, log.key.public).startswith("70000 entries are those")


def test_more_than_a_thousand_tiles_are_continued_over_a_full_tile_of_level_1(
    tmp_path: Path, audit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles_module, "write_atomic", lambda path, data, _mode: path.write_bytes(data))  # 2,000 syncs
    log, folder = Made(), tmp_path / "pub"
    sizes = (65_536, 65_537, 131_000, 256_300)
    for size in sizes:
        log.publish(folder, size)
    assert (folder / "tile/0/x001/000").stat().st_size == 8192
    assert (folder / "tile/0/x001/001.p/44").stat().st_size == 44 * 32
    assert not (folder / "tile/0/256.p").exists(), "what is full needs no partial tile"
    assert audit(folder, log.key.public, log.key.public.check(log.head(65_537)).short).count("are those") == 2


def test_a_second_run_asks_from_the_last_bundle_on_and_writes_only_what_is_new(
    tmp_path: Path, audit: Callable[..., str]
) -> None:
    folder = tmp_path / "pub"
    with opened(tmp_path / "state") as log:
        kept, sizes, asked = "", (1, 200, 255, 256, 300, 512, 513, 800), []
        for size in sizes:
            for number in range(log.size, size):
                log.append(*entry(number))
            before = files_in(folder) if folder.exists() else {}
            tiles = TileFolder(folder, log.public_key)
            asked.append(tiles.first)
            note = log.head()
            export = log.export_blocks(public=True, first=tiles.first, last=size)
            with tiles.locked():
                done = tiles.write(export, log.public_key.check(note), note)
            after = files_in(folder)
            assert done.entries == size and (folder / "checkpoint").read_text() == note
            same = {name for name in before if name in after and name != "checkpoint"}
            assert all(before[name] == after[name] for name in same)
            assert done.files == len(after) - len(same), "the checkpoint, and files that were not there"
            assert all(re.search(r"\.p/", name) for name in set(before) - set(after))
            audit(folder, log.public_key, *([kept] if kept else []))
            kept = log.public_key.check(note).short
        assert asked == [1, 1, 1, 1, 1, 257, 257, 513]
        assert b"192.0.2" not in b"".join(files_in(folder).values()), "private texts stay here"
        with tiles.locked():
            again = TileFolder(folder, log.public_key)
            export = log.export_blocks(public=True, first=again.first, last=800)
            assert again.write(export, log.public_key.check(note), note) == TilesWritten(800, 800, 0)
    assert (folder / "checkpoint").stat().st_mode & 0o777 == 0o644


def test_a_log_that_was_written_again_with_its_key_is_found_by_what_is_published(tmp_path: Path) -> None:
    log, folder = Made(), tmp_path / "pub"
    log.publish(folder, 300)
    there = files_in(folder)
    forged = Made("x", log.key)
    with pytest.raises(LogBroken, match="holds another history of this access log: its first 300 entries"):
        forged.publish(folder, 400)
    with pytest.raises(LogBroken, match="another history"):
        forged.publish(folder, 300)
    assert files_in(folder) == there
    with pytest.raises(LogError, match=r"checkpoint belongs to another log .* give this log a folder of its own"):
        Made().publish(folder, 400)
    assert files_in(folder) == there


@pytest.mark.parametrize("name", ["tile/0/001", "tile/0/000"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_published_tiles_that_somebody_changed_are_told_and_written_again_as_the_words_say(
    tmp_path: Path, audit: Callable[..., str], name: str, how: str
) -> None:
    log, folder = Made(), tmp_path / "pub"
    log.publish(folder, 600)
    tile = folder / name
    data = tile.read_bytes()
    match how:
        case "changed":
            tile.write_bytes(b"\0" + data[1:])
        case "cut":
            tile.write_bytes(data[:-1])
        case "gone":
            tile.unlink()
    audit(folder, log.key.public, code=1)
    kept = (folder / "checkpoint").read_bytes()
    with pytest.raises(LogError, match=r"changed; move \S+/checkpoint elsewhere, and the next run writes every file"):
        log.publish(folder, 700)
    assert (folder / "checkpoint").read_bytes() == kept
    (folder / "checkpoint").rename(tmp_path / "kept")
    assert log.publish(folder, 700).before == 0
    audit(folder, log.key.public, tmp_path / "kept")


def test_a_run_that_is_broken_off_leaves_what_was_published_and_the_next_one_ends_it(
    tmp_path: Path, audit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, folder, left = Made(), tmp_path / "pub", 1 << 30
    log.publish(folder, 300)
    real = tiles_module.write_atomic

    def full_disk(path: Path, data: bytes, mode: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise DiskFull("the disk is full")
        real(path, data, mode)

    monkeypatch.setattr(tiles_module, "write_atomic", full_disk)
    there = files_in(folder)
    for _ in range(7):
        left = 1  # one file more each time, `checkpoint` last
        with pytest.raises(DiskFull):
            log.publish(folder, 800)
        assert there.items() <= files_in(folder).items()
    assert audit(folder, log.key.public).startswith("300 entries are those")

    def torn(pieces: Iterable[bytes]) -> Iterator[bytes]:
        for number, piece in enumerate(pieces):
            yield piece if number < 250 else piece[:5]
            if number == 250:
                return

    left = 1 << 30
    tiles, note = TileFolder(folder, log.key.public), log.head(800)
    with tiles.locked(), pytest.raises(LogError, match="half a line; try again"):
        tiles.write(torn(log.export(tiles.first, 800)), log.key.public.check(note), note)
    tiles = TileFolder(folder, log.key.public)
    with tiles.locked(), pytest.raises(LogError, match="not the whole log that its head is over"):
        tiles.write(log.export(tiles.first, 700), log.key.public.check(note), note)
    assert audit(folder, log.key.public).startswith("300 entries are those")
    assert log.publish(folder, 800).before == 300
    assert audit(folder, log.key.public).startswith("800 entries are those")


def test_two_do_not_write_into_one_folder(tmp_path: Path) -> None:
    log, folder = Made(), tmp_path / "pub"
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(LogError, match="Another command is writing into"):
            log.publish(folder, 3)
    finally:
        os.close(fd)
    assert log.publish(folder, 3).entries == 3


def test_a_copy_with_private_texts_is_not_published(tmp_path: Path) -> None:
    folder = tmp_path / "pub"
    with opened(tmp_path / "state") as log:
        log.append(*entry(1))
        tiles, note = TileFolder(folder, log.public_key), log.head()
        with tiles.locked(), pytest.raises(LogError, match="has private texts in it, so nothing was written"):
            tiles.write(log.export_blocks(public=False), log.public_key.check(note), note)
    assert files_in(folder) == {}


def append_long(log: AccessLog, size: int) -> None:
    """An entry whose line has this many bytes, after another one. Raises as `AccessLog.append`."""
    public, _ = entry(1, private=False)
    seq = log.append({**public, "facts": {"note": ""}})
    line = next(log.read(seq)).public
    less = len(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode())
    log.append({**public, "facts": {"note": "x" * (size - less)}})


def test_an_entry_of_the_longest_length_is_written_and_published_and_a_longer_one_is_refused(
    tmp_path: Path, audit: Callable[..., str]
) -> None:
    folder = tmp_path / "pub"
    with opened(tmp_path / "state") as log:
        append_long(log, MAX_ENTRY_BYTES)
        assert log.size == 2
        with pytest.raises(LogError, match="Its entry would have 65536 bytes, and the access log takes 65535"):
            append_long(log, MAX_ENTRY_BYTES + 1)
        assert log.size == 3 and log.problem is None and log.unwritable is None
        tiles, note = TileFolder(folder, log.public_key), log.head()
        with tiles.locked():
            tiles.write(log.export_blocks(public=True), log.public_key.check(note), note)
        assert audit(folder, log.public_key).startswith("3 entries")
    bundle = (folder / "tile/entries/000.p/3").read_bytes()
    assert b"\xff\xff{" in bundle


def test_an_entry_that_an_older_version_wrote_longer_is_named(tmp_path: Path) -> None:
    log = Made()
    log.mark = "x" * MAX_ENTRY_BYTES
    with pytest.raises(LogError, match=r"Entry 1 of the access log has 65\d\d\d bytes.*`holdshelf log export --public"):
        log.publish(tmp_path / "pub", 2)
    assert not (tmp_path / "pub" / "checkpoint").exists()
