"""Stamped heads are kept for stock openssl, and are bounded: hours lately, days before."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdshelf_core.timestamps import kept
from holdshelf_storage.access_log.checkpoint import Head
from holdshelf_storage.errors import StorageError

HOUR_NS = 3600 * 10**9
BEGIN_NS = 1_764_460_800 * 10**9  # 2025-11-30T00:00:00Z


def put(state: Path, number: int, log: str = "0123456789abcdef") -> kept.Kept:
    head = Head(f"holdshelf.local/{log}", 10 * (number + 1), bytes(32))
    return kept.write(state, "CA\n", f"note {number}\n", head, b"stamp %d" % number, BEGIN_NS + number * HOUR_NS)


def test_what_is_kept_is_found_again_in_order(tmp_path: Path) -> None:
    made = [put(tmp_path, number) for number in (2, 0, 1)]
    assert kept.names(tmp_path) == sorted(made)
    files = kept.read(tmp_path, made[0])
    assert (files.head, files.stamp, files.ca, files.entries) == ("note 2\n", b"stamp 2", "CA\n", 30)
    assert files.utc_ns == BEGIN_NS + 2 * HOUR_NS
    (folder,) = (tmp_path / "stamps").iterdir()
    assert (folder / "0123456789abcdef-000000000030-20251130T020000Z.tsr").read_bytes() == b"stamp 2"


def test_of_old_ones_the_first_of_each_day_stays_and_no_more_than_so_many(tmp_path: Path) -> None:
    for number in range(60):
        put(tmp_path, number)
    assert len(kept.thin(tmp_path, most_hours=10, most=12)) == 12
    hours = [(one.utc_s * 10**9 - BEGIN_NS) // HOUR_NS for one in kept.names(tmp_path)]
    assert hours == [24, 48, *range(50, 60)]
    (folder,) = (tmp_path / "stamps").iterdir()
    assert len(list(folder.iterdir())) == 2 * 12 + 1


def test_what_somebody_put_there_or_took_away_is_told_or_passed_over(tmp_path: Path) -> None:
    one = put(tmp_path, 0)
    (folder,) = (tmp_path / "stamps").iterdir()
    for name in ("x.tsr", "0123456789abcdef-000000000030-20259930T020000Z.tsr", "note.txt"):
        (folder / name).touch()
    (tmp_path / "stamps" / "file").touch()
    assert kept.names(tmp_path) == [one]
    (folder / f"{one.stem}.txt").unlink()
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        kept.read(tmp_path, one)
    assert kept.names(tmp_path / "nowhere") == []
