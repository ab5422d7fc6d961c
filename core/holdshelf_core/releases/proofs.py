"""Checks a bundle's source footage against the access log before anything is signed, and writes the proof.

Each footage file must be the one whose checksum the log anchored, and its journal line the anchored one. proofs.json leads from
there to the log's signed head, and for an original also from each of its frames (docs/bundle.md). Blocks. Only reads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from holdshelf_core.errors import HoldshelfError
from holdshelf_core.releases.clips import Clip, frames
from holdshelf_storage.access_log import merkle
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook, AnchoredLine, FoundSegment, segments_of
from holdshelf_storage.errors import BadMp4
from holdshelf_storage.footage.hashing import frame_hashes, sha256_of
from holdshelf_storage.volume import journal

FORM = 1
NAME = "proofs.json"


class NotAsAnchored(HoldshelfError):
    """A bundle's source is not what the access log anchored: nothing is signed."""


class Proofs:
    """The proof of one bundle's sources."""

    def __init__(self, book: AnchorBook, root_fd: int) -> None:
        self._book = book
        self._root_fd = root_fd
        self._found: dict[tuple[str, int], FoundSegment] = {}
        self._days: dict[tuple[str, str], dict[int, FoundSegment]] = {}
        self._leaves: dict[int, list[bytes]] = {}
        self._videos: list[dict[str, Any]] = []

    def check(self, clips: Sequence[Clip], go_on: Callable[[], None]) -> None:
        """Read every source entirely. Raises NotAsAnchored, StorageError, and what ``go_on`` does."""
        for clip in clips:
            for source in clip.sources:
                segment = source.segment
                if (clip.camera, segment.seq) in self._found:
                    continue
                go_on()
                found = self._anchored(clip.camera, segment)
                fd = source.open(self._root_fd)
                try:
                    if sha256_of(fd) != found.sha256:
                        raise _refused(segment, "its bytes are not those whose checksum the access log anchored")
                finally:
                    os.close(fd)
                self._found[clip.camera, segment.seq] = found

    def _anchored(self, camera: str, segment: journal.StoredSegment) -> FoundSegment:
        key = camera, segment.day
        if key not in self._days:
            lines, problems = self._book.lines(anchors.journal_path(*key))
            if problems:
                raise _refused(segment, f"it cannot be proven: {problems[0].rstrip('.')}")
            self._days[key] = segments_of(lines)
        found = self._days[key].get(segment.seq)
        if found is None:
            raise _refused(segment, "the access log has not anchored it")
        if any(getattr(segment, name) != getattr(found.segment, name) for name in journal.Segment.__struct_fields__):
            raise _refused(
                segment, f"its journal line is not the one that entry {found.line.batch.seq} of the log anchored"
            )
        if found.sha256 is None:
            raise _refused(segment, "its checksum is not anchored yet; try again in a few minutes")
        return found

    def video(self, name: str, clip: Clip) -> None:
        """Record an original's frames: which frames of which segment, and their proofs to its root. Raises StorageError."""
        parts: dict[int, list[int]] = {}
        for frame in frames(clip, self._root_fd):
            first_and_count = parts.setdefault(frame.source, [frame.number, 0])
            first_and_count[1] += 1
        rows = []
        for number, (first, count) in parts.items():
            source = clip.sources[number]
            found = self._found[clip.camera, source.segment.seq]
            row: dict[str, Any] = {
                "seq": source.segment.seq,
                "first": first,
                "frames": count,
                "of": source.segment.frames,
            }
            if found.segment.frames_root and count == source.segment.frames:
                row["left"], row["right"] = [], []
            elif found.segment.frames_root:
                fd = source.open(self._root_fd)
                try:
                    hashes = list(frame_hashes(fd))
                finally:
                    os.close(fd)
                tree = merkle.Tree()
                for leaf in hashes:
                    tree.append(leaf)
                if tree.root().hex() != found.segment.frames_root:
                    raise BadMp4(f"{source.segment.name} does not have the frames that its journal line names.")
                last = first + count
                row["left"] = _hex(merkle.hashes_of_ranges(hashes, merkle.cover(0, first)))
                row["right"] = _hex(merkle.hashes_of_ranges(hashes, merkle.cover(last, len(hashes))))
            rows.append(row)
        self._videos.append({"file": name, "parts": rows})

    def entries(self) -> set[int]:
        """Return the log entries that anchored the sources."""
        return {line.batch.seq for found in self._found.values() for line in _lines(found)}

    def encode(self) -> str:
        """Return the text of a bundle's proofs.json."""
        segments = [
            {
                "camera": camera,
                "seq": seq,
                "sha256": found.sha256,
                "line": self._leaf(found.line, camera),
                **({"hash": self._leaf(found.hash_line, camera)} if found.hash_line is not None else {}),
            }
            for (camera, seq), found in sorted(self._found.items())
        ]
        told = {"holdshelf_proofs": FORM, "segments": segments, "videos": self._videos}
        return msgspec.json.format(msgspec.json.encode(told), indent=1).decode() + "\n"

    def _leaf(self, line: AnchoredLine, camera: str) -> dict[str, Any]:
        batch = line.batch
        if batch.seq not in self._leaves:
            self._leaves[batch.seq] = self._book.leaves(batch)
        leaves = self._leaves[batch.seq]
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
        return {
            "entry": batch.seq,
            "leaf": leaves[line.index].decode(),
            "index": line.index,
            "of": len(leaves),
            "proof": _hex(merkle.hashes_of_ranges(hashes, merkle.inclusion_ranges(line.index, len(leaves)))),
        }


def _lines(found: FoundSegment) -> Iterable[AnchoredLine]:
    return (found.line,) if found.hash_line is None else (found.line, found.hash_line)


def _hex(hashes: Iterable[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def _refused(segment: journal.StoredSegment, why: str) -> NotAsAnchored:
    return NotAsAnchored(
        f"No bundle is signed with {segment.camera}/{segment.day}/{segment.name:.60}: {why}.",
        "Run `holdshelf footage verify --deep`, and find out what happened to the file. Recording continues.",
    )
