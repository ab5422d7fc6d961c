"""The access log's entries and tree as static files that anyone may be given: c2sp.org/tlog-tiles.

    checkpoint                       the signed head, written last
    tile/<L>/<N>[.p/<W>]             256 hashes of 32 bytes (W of them in a partial tile): level 0 leaves, level L tiles of L - 1
    tile/entries/<N>[.p/<W>]         the same 256 entries: each its length (2 bytes, big-endian) and its public line

A leaf is the hash of an entry's public line, so that the public form proves itself. A folder is continued from the bundle that
holds the last entry of its `checkpoint`: what lies before is read from its full tiles, which never change. Every file is written
whole or not at all. Until `checkpoint` is replaced, nothing new counts.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import batched
from pathlib import Path
from typing import Final, NamedTuple

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.checkpoint import MOST_NOTE_CHARS, BadHead, Head, PublicKey
from holdshelf_storage.access_log.export import Header, export_lines
from holdshelf_storage.access_log.lines import MAX_ENTRY_BYTES
from holdshelf_storage.atomic import make_dir, write_atomic
from holdshelf_storage.errors import LogBroken, LogError, translating

WIDTH: Final = 256
CHECKPOINT: Final = "checkpoint"
ENTRIES: Final = "entries"
"""In the place of a level."""
_FILE_MODE, _DIR_MODE = 0o644, 0o755
_PARTIAL = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """The path of a tile of `width` hashes: tile/0/x001/x234/067, tile/entries/000.p/17."""
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03}")
    whole = f"tile/{level}/{'/'.join(reversed(parts))}"
    return whole if width == WIDTH else f"{whole}.p/{width}"


class TilesWritten(NamedTuple):
    """What came of it. ``before``: entries in the folder until now."""

    before: int
    entries: int
    files: int


class TileFolder:
    """A folder of tiles of the log with this key. Raises LogError when it holds something else, StorageError."""

    def __init__(self, folder: Path, key: PublicKey) -> None:
        self._folder = folder
        self._rows: list[list[bytes]] = [[]]
        """By level: the hashes of the tile that is not full yet."""
        self._counts = [0]
        """By level: how many hashes there are in all."""
        self._files = 0
        self.known = self._read_checkpoint(key)

    def _read_checkpoint(self, key: PublicKey) -> Head | None:
        path = self._folder / CHECKPOINT
        with translating(f"{path} could not be read"):
            try:
                with path.open("rb") as file:
                    note = file.read(4 * MOST_NOTE_CHARS).decode("utf-8", "replace")
            except FileNotFoundError:
                return None
        try:
            return key.check(note)
        except BadHead as error:
            raise LogError(f"{path} {error}; give this log a folder of its own.") from error

    @property
    def first(self) -> int:
        """The entry from which on an export is needed: the first of the bundle that holds the last entry known here."""
        return (self.known.size - 1) // WIDTH * WIDTH + 1 if self.known is not None and self.known.size else 1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder if need be, and keeps other writers out. Raises LogError, StorageError."""
        make_dir(self._folder, mode=_DIR_MODE)
        with translating(f"{self._folder} could not be opened"):
            fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with translating(f"{self._folder} could not be locked"):
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise LogError(
                        f"Another command is writing into {self._folder}; wait until it has ended."
                    ) from None
            yield
        finally:
            os.close(fd)

    def write(self, export: Iterable[bytes], head: Head, note: str) -> TilesWritten:
        """Adds what is missing up to `head`, which `note` signs, from a public export of the entries `first` to `head.size`.

        Raises LogBroken when these entries do not continue those that the folder has, LogError when a file in it was changed, or
        the export is not what was asked for; StorageError, and what `export` raises. Then `checkpoint` is as it was.
        """
        before = self.known.size if self.known is not None else 0
        header, lines = export_lines(export)
        tree = _left_of(header, self.first - 1)
        self._resume(tree.size)
        root_before = tree.root()
        for number, batch in enumerate(batched(lines, WIDTH)):
            leaves = [merkle.leaf_hash(line) for line in batch]
            for leaf in leaves:
                tree.append(leaf)
                if self.known is not None and tree.size == before and tree.root() != self.known.root:
                    raise LogBroken(
                        f"{self._folder} holds another history of this access log: its first {before} entries are not those "
                        "that the log has now."
                    )
            if number == 0 and self._root() != root_before:
                raise LogError(f"Tiles in {self._folder} were changed; {self._anew}")
            self._add(batch, leaves)
        if (tree.size, tree.root()) != (head.size, head.root):
            raise LogError("What was sent is not the whole log that its head is over; try again.")
        self._put_partial()
        self._put(CHECKPOINT, note.encode())
        self._drop_partial(before)
        return TilesWritten(before, head.size, self._files)

    @property
    def _anew(self) -> str:
        return f"move {self._folder / CHECKPOINT} elsewhere, and the next run writes every file again."

    # -- reading what is there ------------------------------------------------------------------------------------------

    def _resume(self, size: int) -> None:
        """Takes the hashes right of all full tiles above level 0 from the tiles below them."""
        count, level = size // WIDTH, 1
        self._rows, self._counts = [[]], [size]
        while count:
            first = count // WIDTH * WIDTH
            self._rows.append([self._root_of_tile(level - 1, number) for number in range(first, count)])
            self._counts.append(count)
            count, level = count // WIDTH, level + 1

    def _root_of_tile(self, level: int, number: int) -> bytes:
        path = self._folder / tile_path(level, number)
        with translating(f"{path} could not be read"):
            try:
                with path.open("rb") as file:
                    data = file.read(WIDTH * merkle.HASH_BYTES + 1)
            except FileNotFoundError:
                data = b""
        if len(data) != WIDTH * merkle.HASH_BYTES:
            raise LogError(f"{path} is missing or was changed; {self._anew}")
        return _root_of([data[at : at + merkle.HASH_BYTES] for at in range(0, len(data), merkle.HASH_BYTES)])

    def _root(self) -> bytes:
        """The root over all that the tiles hold."""
        tree = merkle.Tree()
        for level in reversed(range(len(self._rows))):
            for node in self._rows[level]:
                tree.append_subtree(node, WIDTH**level)
        return tree.root()

    # -- writing --------------------------------------------------------------------------------------------------------

    def _add(self, batch: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        """Adds entries: a whole bundle, or the last ones."""
        number = self._counts[0] // WIDTH
        for at, line in enumerate(batch, self._counts[0] + 1):
            if len(line) > MAX_ENTRY_BYTES:
                raise LogError(
                    f"Entry {at} of the access log has {len(line)} bytes, and tiles take {MAX_ENTRY_BYTES}: an older Holdshelf "
                    "wrote it. `holdshelf log export --public FILE` writes a copy without that limit."
                )
        self._put(tile_path(ENTRIES, number, len(batch)), b"".join(len(line).to_bytes(2) + line for line in batch))
        for leaf in leaves:
            self._add_hash(0, leaf)

    def _add_hash(self, level: int, node: bytes) -> None:
        if level == len(self._rows):
            self._rows.append([])
            self._counts.append(0)
        row = self._rows[level]
        row.append(node)
        self._counts[level] += 1
        if len(row) == WIDTH:
            self._put(tile_path(level, self._counts[level] // WIDTH - 1), b"".join(row))
            self._add_hash(level + 1, _root_of(row))
            row.clear()

    def _put_partial(self) -> None:
        for level, row in enumerate(self._rows):
            if row:
                self._put(tile_path(level, self._counts[level] // WIDTH, len(row)), b"".join(row))

    def _put(self, name: str, data: bytes) -> None:
        """Writes a file, unless it is there."""
        path = self._folder / name
        with translating(f"{path} could not be read"):
            try:
                with path.open("rb") as file:
                    if file.read(len(data) + 1) == data:
                        return
            except FileNotFoundError:
                pass
        for parent in reversed(path.relative_to(self._folder).parents):
            make_dir(self._folder / parent, mode=_DIR_MODE)
        write_atomic(path, data, _FILE_MODE)
        self._files += 1

    def _drop_partial(self, size: int) -> None:
        """Takes away the partial tiles of the last `checkpoint` that are full now; others may be anywhere and may stay."""
        for level, count in enumerate(self._counts):
            old = size // WIDTH**level
            if old % WIDTH and count // WIDTH > old // WIDTH:
                for kind in (level, ENTRIES) if level == 0 else (level,):
                    self._drop(self._folder / f"{tile_path(kind, old // WIDTH)}.p")

    def _drop(self, folder: Path) -> None:
        with translating(f"{folder} could not be taken away"):
            if folder.is_dir() and all(
                _PARTIAL.fullmatch(one.name.strip(".").removesuffix(".tmp")) for one in folder.iterdir()
            ):
                shutil.rmtree(folder)


def _root_of(hashes: list[bytes]) -> bytes:
    tree = merkle.Tree()
    tree.extend(hashes)
    return tree.root()


def _left_of(header: Header, size: int) -> merkle.Tree:
    """The tree of the `size` entries before an export. Raises LogError when its header has another one."""
    tree = merkle.Tree()
    try:
        for node, (start, end) in zip(header.left, merkle.cover(0, size), strict=True):
            tree.append_subtree(bytes.fromhex(node), end - start)
    except ValueError as error:
        raise LogError("What was sent does not begin where the tiles end; try again.") from error
    if header.private:
        raise LogError("What was sent has private texts in it, so nothing was written.")
    return tree
