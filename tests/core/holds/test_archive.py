"""A hold is copied to another disk, proved there, and only then let go here; nothing is let go on a copy that is not proved."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.holds.archive import Receipt, check_disk, check_folder
from holdshelf_core.policy import holds as way
from holdshelf_core.policy.model import HoldSpan
from tests.core.holds.conftest import DAY_NS, HOLD, Keeping, hold
from tests.rig.faults import LoopImage, SizedTmpfs
from tests.storage.footage.footage_files import NOON, NS, decodes

SPAN = HoldSpan("front", NOON, NOON + 9 * NS)


@pytest.fixture
def held(keeping: Keeping) -> Keeping:
    """Three held files of three seconds, and one that nobody holds."""
    for number in range(4):
        keeping.record("front", NOON + number * 3 * NS)
    keeping.place(hold(SPAN))
    return keeping


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "other-disk"
    folder.mkdir()
    return folder


def archive(keeping: Keeping, folder: Path) -> Receipt:
    """What the act does: copy, prove, have it recorded, let go."""
    keeping.work.shelve(HOLD)
    receipt = keeping.work.archive(HOLD, folder)
    keeping.tell(way.archived(keeping.rows[HOLD], str(folder), receipt.sums_sha256))
    keeping.work.let_go_archived()
    return receipt


def shelf_names(keeping: Keeping) -> list[str]:
    return sorted(path.name for path in (keeping.root / "media/shelf").rglob("*Z.mp4"))


def check(folder: Path, sums: str = "SHA256SUMS") -> list[str]:
    """`sha256sum --check`: the names that it found right; fails when one is not."""
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", sums], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.removesuffix(": OK") for line in done.stdout.splitlines()]


# --- a copy, and what may go then ---------------------------------------------------------------------------------------


def test_a_copy_is_whole_and_the_stock_tool_proves_it(held: Keeping, other: Path) -> None:
    receipt = archive(held, other)
    assert receipt.files == 3
    copy = other / HOLD
    listed = check(copy)
    files = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    assert sorted(listed) == [name for name in files if name not in ("SHA256SUMS", "archived.json")]
    assert len(check(copy / "front/2026-11-24")) == 3
    assert hashlib.sha256((copy / "SHA256SUMS").read_bytes()).hexdigest() == receipt.sums_sha256
    for path in copy.rglob("*Z.mp4"):
        assert decodes(path) == 30
        assert path.stat().st_mode & 0o777 == 0o400
    facts = json.loads((copy / "hold.json").read_text())["hold"]
    assert (facts["id"], facts["reference"]) == (HOLD, "26-1")


def test_what_has_a_copy_leaves_the_shelf_and_then_by_the_rolling_buffer_alone(held: Keeping, other: Path) -> None:
    assert held.erase_all() == [4]
    archive(held, other)
    assert shelf_names(held) == []
    assert [ref.seq for ref in held.footage.oldest()] == [1, 2, 3], "nothing is erased by archiving"
    assert held.erase_all() == [1, 2, 3]
    kinds = [(row.kind, row.reason) for row in held.work.coverage((SPAN,), HOLD)]
    assert kinds == [("erased", "erased on schedule; kept in the archive")]
    held.restart()
    assert held.work.coverage((SPAN,), HOLD)[0].reason.endswith("kept in the archive")


def test_nothing_is_let_go_before_the_log_says_that_it_is_archived(held: Keeping, other: Path) -> None:
    held.work.archive(HOLD, other)
    assert held.work.let_go_archived() == []
    assert len(shelf_names(held)) == 3
    # A crash in between; and the row names another copy than the one that lies there.
    held.restart()
    held.tell(way.archived(held.rows[HOLD], str(other), "0" * 64))
    assert held.work.let_go_archived() == []
    assert held.erase_all() == [4]
    assert len(shelf_names(held)) == 3


def test_a_copy_that_the_log_knows_is_let_go_after_a_crash(held: Keeping, other: Path) -> None:
    receipt = held.work.archive(HOLD, other)
    held.rows[HOLD] = way.archived(held.rows[HOLD], str(other), receipt.sums_sha256)
    held.restart()
    assert held.erase_all() == [4], "not before its names have left the shelf"
    assert held.work.let_go_archived() == [HOLD]
    assert held.erase_all() == [1, 2, 3]


def test_until_lifted_goes_on_keeping_what_comes_after_the_copy(keeping: Keeping, other: Path) -> None:
    keeping.record("front", NOON)
    keeping.place(hold(HoldSpan("front", NOON, None)))
    archive(keeping, other)
    later = keeping.record("front", NOON + 3 * NS)
    keeping.work.shelve(HOLD)
    assert shelf_names(keeping) == [later.name]
    assert keeping.erase_all() == [1]


def test_what_is_asked_for_after_the_copy_is_kept_here(held: Keeping, other: Path) -> None:
    archive(held, other)
    longer = (*held.rows[HOLD].spans, HoldSpan("front", NOON + 4 * NS, NOON + 20 * NS))
    held.place(hold(*longer, version=9, archived_to=str(other), copies=held.rows[HOLD].copies))
    assert held.erase_all() == [1], "the second and third file are asked for anew"
    assert len(shelf_names(held)) == 3
    held.restart()
    held.work.let_go_archived()
    assert held.erase_all() == []


def test_a_second_copy_to_the_same_folder_leaves_one_list_that_proves_all(held: Keeping, other: Path) -> None:
    first = archive(held, other)
    held.erase_all()
    held.record("front", NOON + 12 * NS)
    held.place(
        hold(*held.rows[HOLD].spans, HoldSpan("front", NOON + 12 * NS, None), version=9, copies=(first.sums_sha256,))
    )
    second = archive(held, other)
    assert (first.files, second.files) == (3, 1)
    names = [name for name in check(other / HOLD) if name.endswith(".mp4")]
    assert len(names) == 4
    assert len(check(other / HOLD / "front/2026-11-24")) == 4
    assert shelf_names(held) == []
    # What was copied before and lies nowhere else by now is proved again, not trusted.
    old = next((other / HOLD).rglob("0000000001_*.mp4"))
    damage(old)
    held.record("front", NOON + 15 * NS)
    held.work.shelve(HOLD)
    with pytest.raises(Unavailable, match="copied there before, differs"):
        held.work.archive(HOLD, other)


# --- what cannot be proved ------------------------------------------------------------------------------------------------


def damage(path: Path) -> None:
    mode = path.stat().st_mode
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    path.chmod(mode & 0o777)


def nothing_let_go(keeping: Keeping) -> None:
    keeping.work.let_go_archived()
    assert len(shelf_names(keeping)) == 3
    assert keeping.erase_all() in ([4], [])


def test_a_damaged_file_is_not_archived_and_nothing_is_let_go(held: Keeping, other: Path) -> None:
    damage(next((held.root / "media/shelf").rglob("0000000002_*.mp4")))
    with pytest.raises(Unavailable, match=r"0000000002_.* differs from its checksum") as refused:
        held.work.archive(HOLD, other)
    assert "footage verify --deep" in refused.value.next_step
    nothing_let_go(held)
    assert not (other / HOLD / "SHA256SUMS").exists(), "an unfinished copy does not look like a finished one"


def test_a_copy_that_was_damaged_there_is_made_again(held: Keeping, other: Path) -> None:
    held.work.archive(HOLD, other)
    damage(next((other / HOLD).rglob("0000000002_*.mp4")))
    held.work.archive(HOLD, other)
    assert len([name for name in check(other / HOLD) if name.endswith(".mp4")]) == 3


def test_a_disk_that_gives_other_bytes_back_is_refused(
    held: Keeping, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename

    def rename(source: Any, target: Any, **more: Any) -> None:
        real(source, target, **more)
        if "0000000002_" in str(target):
            damage(other / target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(Unavailable, match="reads back differently"):
        held.work.archive(HOLD, other)
    monkeypatch.undo()
    nothing_let_go(held)


def test_a_file_without_a_line_is_named_and_nothing_is_archived(held: Keeping, other: Path) -> None:
    journal = held.root / "media/shelf" / HOLD / "front/2026-11-24/journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(Unavailable, match="no line in its journal"):
        held.work.archive(HOLD, other)
    nothing_let_go(held)


# --- interrupted ------------------------------------------------------------------------------------------------------------


def test_a_copy_may_be_interrupted_and_goes_on_where_it_was(
    held: Keeping, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename
    copied: list[str] = []

    def rename(source: Any, target: Any, **more: Any) -> None:
        real(source, target, **more)
        if str(target).endswith(".mp4"):
            copied.append(str(target))
            if len(copied) == 2:
                held.work.stop.set()

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(Unavailable, match="The service is stopping"):
        held.work.archive(HOLD, other)
    nothing_let_go(held)
    before = {path: path.stat().st_ino for path in other.rglob("*Z.mp4")}
    assert len(before) == 2
    held.work.stop.clear()
    archive(held, other)
    assert {path: path.stat().st_ino for path in before} == before, "what is proved is not copied again"
    assert shelf_names(held) == []
    check(other / HOLD)


def test_a_disk_that_goes_half_way_ends_it_and_nothing_is_let_go(
    held: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopImage(100) as disk:
        real = os.rename

        def rename(source: Any, target: Any, **more: Any) -> None:
            real(source, target, **more)
            if "0000000002_" in str(target):
                disk.force_read_only()

        monkeypatch.setattr(os, "rename", rename)
        with pytest.raises(Unavailable, match="could not be archived") as refused:
            held.work.archive(HOLD, disk.mount_point)
        assert "Nothing was deleted" in refused.value.next_step
        monkeypatch.undo()
        nothing_let_go(held)
        disk.mend()
        archive(held, disk.mount_point)
        check(disk.mount_point / HOLD)
        assert shelf_names(held) == []


def test_a_disk_that_is_pulled_out_half_way_ends_it(held: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopImage(100) as disk:
        real = os.rename

        def rename(source: Any, target: Any, **more: Any) -> None:
            real(source, target, **more)
            if "0000000001_" in str(target):
                Path(f"/sys/fs/ext4/{disk.device}/trigger_fs_error").write_text("pulled")
                disk.unmount(lazy=True)

        monkeypatch.setattr(os, "rename", rename)
        with pytest.raises(Unavailable):
            held.work.archive(HOLD, disk.mount_point)
        monkeypatch.undo()
        nothing_let_go(held)


# --- where to ------------------------------------------------------------------------------------------------------------------


def test_a_disk_without_room_is_refused_before_anything_is_copied(held: Keeping) -> None:
    with SizedTmpfs(50) as small:
        with pytest.raises(Unavailable, match=r"does not have enough room: this takes \d+ MB, and \d+ MB are free"):
            held.work.archive(HOLD, small.mount_point)
        assert list(small.mount_point.iterdir()) == []
    nothing_let_go(held)


def test_our_own_disks_are_no_place_for_an_archive(held: Keeping, other: Path) -> None:
    with pytest.raises(BadRequest, match="is on the media disk itself"):
        check_disk(other, held.volume)
    with SizedTmpfs(8) as elsewhere:
        check_disk(elsewhere.mount_point, held.volume)


@pytest.mark.parametrize("where", ["media", "media/shelf", "state/keys"])
def test_our_own_folders_are_no_place_for_an_archive(held: Keeping, where: str) -> None:
    with pytest.raises(BadRequest, match="is inside the"):
        check_folder(held.root / where, held.volume)


def test_a_link_into_our_folders_a_file_and_nothing_are_no_place_either(held: Keeping, other: Path) -> None:
    (other / "link").symlink_to(held.root / "media")
    (other / "file").write_text("x")
    for name in ("link", "file", "missing"):
        with pytest.raises(BadRequest):
            check_folder(other / name, held.volume)


@pytest.mark.parametrize("below", ["", "front", "front/2026-11-24"])
def test_a_link_on_the_other_disk_proves_nothing(held: Keeping, other: Path, below: str) -> None:
    """It may lead to the very files that are to be copied."""
    link = other / HOLD / below
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(held.root / "media/shelf" / HOLD / below)
    with pytest.raises(Unavailable, match="is a link, a file or another disk"):
        held.work.archive(HOLD, other)
    nothing_let_go(held)


def test_lines_of_days_that_had_gone_before_are_copied_too(keeping: Keeping, other: Path) -> None:
    keeping.record("front", NOON)
    keeping.record("front", NOON + DAY_NS)
    keeping.tell(hold(HoldSpan("front", NOON + DAY_NS, None), key="H-2026-0002"))
    assert keeping.erase_all() == [1]
    keeping.place(hold(HoldSpan("front", NOON, None)))
    keeping.work.archive(HOLD, other)
    (line,) = (other / HOLD / "front/gone.jsonl").read_text().splitlines()
    assert json.loads(line)["recorded"] == [[NOON, NOON + 3 * NS]]
    assert "front/gone.jsonl" in check(other / HOLD)


def test_p21_a_folder_that_another_account_has_made_ready_is_refused(held: Keeping, other: Path) -> None:
    ready = other / HOLD
    ready.mkdir()
    ready.chmod(0o777)
    with pytest.raises(Unavailable, match="open to other accounts"):
        archive(held, other)
    assert list(ready.iterdir()) == []
    nothing_let_go(held)
    ready.chmod(0o700)
    assert archive(held, other).files == 3
