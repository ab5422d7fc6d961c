"""MEDIA/outbox: nothing is replaced, no link is followed, nothing half delivered is left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox import outbox


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield tmp_path, fd
    os.close(fd)


def put(fd: int, name: str, data: bytes = b"paper", *, person: str = "p1", about: bytes = b"") -> None:
    outbox.place(fd, outbox.begin(fd, data), person, outbox.PRINTS, name, about)


def test_what_is_put_is_listed_read_and_removed_with_what_is_beside_it(root: tuple[Path, int]) -> None:
    folder, fd = root
    put(fd, "a.txt", about=b"{}")
    put(fd, "b.txt", b"other")
    assert [(one.name, one.size) for one in outbox.files(fd, "p1")] == [("a.txt", 5), ("b.txt", 5)]
    assert outbox.about(fd, "p1", outbox.PRINTS, "a.txt") == b"{}"
    got = outbox.open_file(fd, "p1", outbox.PRINTS, "b.txt")
    assert os.read(got, 100) == b"other"
    os.close(got)
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.txt")} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o700}
    assert outbox.remove(fd, "p1", outbox.PRINTS, "a.txt")
    assert not outbox.remove(fd, "p1", outbox.PRINTS, "a.txt")
    assert sorted(os.listdir(folder / "outbox/p1/prints")) == ["b.txt"]


def test_what_is_there_is_never_replaced(root: tuple[Path, int]) -> None:
    folder, fd = root
    put(fd, "a.txt")
    made = outbox.begin(fd, b"newer")
    with pytest.raises(StorageError):
        outbox.place(fd, made, "p1", outbox.PRINTS, "a.txt")
    outbox.give_up(fd, made)
    assert (folder / "outbox/p1/prints/a.txt").read_bytes() == b"paper"
    assert os.listdir(folder / "outbox/.making") == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", ".hidden", "a\0b", "x" * 201, "ü" * 101], ids=repr)
def test_names_that_could_lead_elsewhere_are_no_names(root: tuple[Path, int], name: str) -> None:
    _, fd = root
    for act in (outbox.open_file, outbox.remove, outbox.about):
        with pytest.raises(ValueError, match="no place"):
            act(fd, "p1", outbox.PRINTS, name)
    for person in ("", "p", "..", "p1/..", "q1"):
        with pytest.raises(ValueError, match="no place"):
            outbox.open_file(fd, person, outbox.PRINTS, "a.txt")


def test_links_and_pipes_are_not_there(root: tuple[Path, int]) -> None:
    folder, fd = root
    put(fd, "a.txt")
    place = folder / "outbox/p1/prints"
    (folder / "secret").write_text("secret")
    (place / "link.txt").symlink_to(folder / "secret")
    os.mkfifo(place / "pipe.txt")
    assert [one.name for one in outbox.files(fd, "p1")] == ["a.txt"]
    for name in ("link.txt", "pipe.txt"):
        with pytest.raises((StorageError, FileNotFoundError)):
            outbox.open_file(fd, "p1", outbox.PRINTS, name)
    (folder / "outbox/p2").symlink_to(folder / "outbox/p1")
    with pytest.raises(StorageError):
        outbox.files(fd, "p2")


def test_what_was_half_delivered_goes_at_the_next_start(root: tuple[Path, int]) -> None:
    folder, fd = root
    put(fd, "a.txt", about=b"{}")
    outbox.begin(fd, b"half")
    (folder / "outbox/p1/prints/.gone.txt.json").write_text("{}")
    assert outbox.clear(fd) == 2
    assert sorted(os.listdir(folder / "outbox/p1/prints")) == [".a.txt.json", "a.txt"]
    assert outbox.clear(fd) == 0


def test_a_disk_that_is_full_leaves_nothing(root: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, fd = root

    def full(_fd: int, _data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(outbox, "write_all", full)
    with pytest.raises(StorageError, match="could not be written"):
        outbox.begin(fd, b"x")
    assert os.listdir(folder / "outbox/.making") == []
