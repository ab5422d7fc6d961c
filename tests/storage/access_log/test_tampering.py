"""Whatever is done to a log is found: by its own head where that can show it, else by a head that is kept outside."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdshelf_storage.access_log import checking
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import BadHead, PublicKey
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.errors import FormatNewer, LogBroken, LogError
from tests.storage.access_log.log_parts import NOVEMBER, NS, copied, entry, made, opened, problems

FILES = ("access/2026-11.jsonl", "access/2026-12.jsonl", "access/head", "access/frontier", "keys/log.key")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Four entries with and without private texts, in two months."""
    made(tmp_path / "state", range(4), 3 * 86_400 * NS)
    assert problems(tmp_path / "state") == []
    return tmp_path / "state"


def broken_at_opening(state: Path) -> bool:
    log = AccessLog.open(state)
    log.close()
    return log.problem is not None


def raise_problem(state: Path) -> None:
    with opened(state) as log:
        assert log.problem is not None
        raise log.problem


def rewritten(path: Path, contents: Iterator[bytes]) -> Iterator[bytes]:
    """Puts one content after the other in the file's place."""
    before = path.read_bytes()
    for content in contents:
        if content != before:
            path.write_bytes(content)
            yield content
    path.write_bytes(before)


def flipped(data: bytes) -> Iterator[bytes]:
    """Every byte of it changed by one bit: the one that tells letters' case, or (it is never noticed by luck) another."""
    for at, byte in enumerate(data):
        for bit in (0x20 if chr(byte).isalpha() else 1 << at % 7,):
            yield data[:at] + bytes([byte ^ bit]) + data[at + 1 :]


@pytest.mark.parametrize("name", FILES)
def test_every_byte_that_is_flipped_is_found(state: Path, name: str) -> None:
    path = state / name
    count = 0
    for content in rewritten(path, flipped(path.read_bytes())):
        assert problems(state) != [], content
        count += 1
    assert count == path.stat().st_size
    assert problems(state) == []


@pytest.mark.parametrize("public", [True, False])
def test_every_byte_that_is_flipped_in_an_extract_is_found(state: Path, tmp_path: Path, public: bool) -> None:
    path = tmp_path / "extract"
    with opened(state) as log, path.open("wb") as file:
        log.export(file.write, public=public, first=2, last=3)
    assert problems(path) == []
    for content in rewritten(path, flipped(path.read_bytes())):
        try:
            assert problems(path) != [], content
        except LogError:
            assert content.splitlines()[0] != path.read_bytes()  # its first line is not even a header
        except FormatNewer:
            assert b'"access_log_export":1' not in content


def removed(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(len(lines)):
        yield lines[:at] + lines[at + 1 :]


def doubled(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(len(lines)):
        yield lines[: at + 1] + lines[at:]


def swapped(lines: list[bytes]) -> Iterator[list[bytes]]:
    for first in range(len(lines)):
        for second in range(first):
            order = list(lines)
            order[first], order[second] = order[second], order[first]
            yield order


def cut_by_lines(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(len(lines)):
        yield lines[:at]


def cut_by_bytes(lines: list[bytes]) -> Iterator[list[bytes]]:
    data = b"".join(lines)
    for at in range(0, len(data), 7):
        yield [data[:at]]


def with_blank_lines(lines: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(len(lines) + 1):
        yield [*lines[:at], b"\n", *lines[at:]]


@pytest.mark.parametrize("change", [removed, doubled, swapped, cut_by_lines, cut_by_bytes, with_blank_lines])
@pytest.mark.parametrize("name", FILES[:2])
def test_lines_that_are_removed_doubled_swapped_or_cut_are_found(
    state: Path, name: str, change: Callable[[list[bytes]], Iterator[list[bytes]]]
) -> None:
    path = state / name
    lines = path.read_bytes().splitlines(keepends=True)
    for content in rewritten(path, (b"".join(order) for order in change(lines))):
        assert problems(state) != [], content
    assert problems(state) == []


@pytest.mark.parametrize("change", [removed, doubled, swapped, cut_by_lines, with_blank_lines])
def test_the_same_is_found_in_an_extract(
    state: Path, tmp_path: Path, change: Callable[[list[bytes]], Iterator[list[bytes]]]
) -> None:
    path = tmp_path / "extract"
    with opened(state) as log, path.open("wb") as file:
        log.export(file.write, public=False)
    header, *lines = path.read_bytes().splitlines(keepends=True)
    for _ in rewritten(path, (b"".join([header, *order]) for order in change(lines))):
        assert problems(path) != []


def test_what_is_cut_off_at_the_end_is_found_at_opening_too(state: Path, tmp_path: Path) -> None:
    path = state / "access" / "2026-12.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for change in (removed, cut_by_lines, swapped):
        for order in change(lines):
            copy = copied(state, tmp_path / "copy")
            (copy / "access" / "2026-12.jsonl").write_bytes(b"".join(order))
            if b"".join(order) != b"".join(lines) and lines[-1] not in order[-1:]:
                assert broken_at_opening(copy), order
                assert (copy / "access" / "2026-12.jsonl").read_bytes() == b"".join(order)  # and nothing was mended


def test_a_last_entry_that_was_edited_is_found_at_opening(tmp_path: Path) -> None:
    """A log that is begun where it ended compares the last entry alone, if their number is odd."""
    made(tmp_path, range(5))
    month = max((tmp_path / "access").glob("*.jsonl"))
    data = month.read_bytes()
    assert data.count(b'"person":"p4"') == 1
    for number in range(12):
        month.write_bytes(data.replace(b'"person":"p4"', b'"person":"%c4"' % (ord("a") + number)))
        assert broken_at_opening(tmp_path), number
    month.write_bytes(data)
    assert not broken_at_opening(tmp_path)


def test_a_changed_text_is_named_with_its_entry(state: Path) -> None:
    path = state / "access" / "2026-11.jsonl"
    path.write_bytes(path.read_bytes().replace(b"192.0.2.1:", b"192.0.2.9:"))
    assert problems(state) == [
        "2026-11.jsonl: entry 2 has a private text (source) that is not the one it committed to."
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":2}', b'"seq": 2}'),
        (b'"seq":2}', b'"seq":2.0}'),
        (b'"seq":2}', b'"seq":9,"seq":2}'),
        (b'"source"', b'"\\u0073ource"'),
        (b"192.0.2.1:", b"192\\u002e0.2.1:"),
        (b'{"private":', b' {"private":'),
    ],
)
def test_another_spelling_of_a_private_line_is_found(state: Path, old: bytes, new: bytes) -> None:
    path = state / "access" / "2026-11.jsonl"
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    assert any("canonical" in found or "bears no number" in found for found in problems(state))


def test_a_month_that_is_missing_or_bears_another_name_is_found(state: Path) -> None:
    folder = state / "access"
    first, second = folder / "2026-11.jsonl", folder / "2026-12.jsonl"
    for move in (
        lambda: first.rename(folder / "taken"),
        lambda: second.rename(folder / "taken"),
        lambda: first.rename(folder / "2026-10.jsonl"),
        lambda: (first.rename(folder / "kept"), second.rename(first), (folder / "kept").rename(second)),
        lambda: shutil.copy(first, folder / "2026-10.jsonl"),
    ):
        contents = {path.name: path.read_bytes() for path in folder.iterdir()}
        move()
        assert problems(state) != []
        shutil.rmtree(folder)
        folder.mkdir()
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        assert problems(state) == []


@pytest.mark.parametrize(("kept", "said"), [(1, "Entries 2 to 3 are"), (2, "Entry 3 is")])
def test_entries_that_are_missing_between_two_months_are_named(tmp_path: Path, kept: int, said: str) -> None:
    made(tmp_path, range(6), 2 * 86_400 * NS)
    # The tree is built from the first line on.
    (tmp_path / "access" / "frontier").unlink()
    path = tmp_path / "access" / "2026-11.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    public = [at for at, line in enumerate(lines) if b'"private"' not in line]
    assert len(public) == 3
    path.write_bytes(b"".join(lines[: public[kept - 1] + 1]))
    with pytest.raises(LogBroken, match=f"^{said} missing from the access log; run `holdshelf log verify`"):
        raise_problem(tmp_path)
    assert any(f"{said.lower()} missing before entry 4." in found for found in problems(tmp_path))


@pytest.mark.parametrize("month", ["11", "12"])
def test_half_a_line_may_only_end_the_newest_month(state: Path, month: str) -> None:
    (state / "access" / "frontier").unlink()
    with (state / "access" / f"2026-{month}.jsonl").open("ab") as file:
        file.write(b'{"at":"2026')
    if month == "12":
        assert not broken_at_opening(state)
        return
    with pytest.raises(LogBroken, match=r"^The access log's 2026-11.jsonl is damaged after entry 2; run"):
        raise_problem(state)


def test_the_last_fifty_entries_cut_with_their_head_show_only_against_a_head_kept_outside(tmp_path: Path) -> None:
    made(tmp_path / "state", range(100))
    early = copied(tmp_path / "state", tmp_path / "early")
    outside_100 = (early / "access" / "head").read_text()
    with opened(tmp_path / "state") as log:
        for number in range(100, 150):
            log.append(*entry(number))
        outside_150, short_150 = log.head(), log.public_key.check(log.head()).short
    shutil.rmtree(tmp_path / "state")
    early.rename(tmp_path / "state")  # as a person who may write the files would set the log back
    assert problems(tmp_path / "state") == []
    assert not broken_at_opening(tmp_path / "state")
    assert problems(tmp_path / "state", outside_100) == []
    for outside in (outside_150, short_150):
        (found,) = problems(tmp_path / "state", outside)
        assert "50 that were there" in found


def test_a_slip_of_the_pen_is_no_tampering_and_tampering_is_no_slip(tmp_path: Path) -> None:
    made(tmp_path / "state", range(120))
    with opened(tmp_path / "state") as log:
        short = log.public_key.check(log.head()).short
        with (tmp_path / "export").open("wb") as file:
            log.export(file.write, public=True)
    number, digits = short.split(":")
    assert number == "120"
    slip = digits[:7] + ("0" if digits[7] != "0" else "1") + digits[8:]
    swapped = " ".join([*digits.split(" ")[1::-1], *digits.split(" ")[2:]])
    for path in (tmp_path / "state", tmp_path / "export"):
        one = verify_log(path, f"{number}:{slip}")
        assert (one.problems, one.typing) == ([], "1 of its 32 letters and digits, in group 2 of four behind the colon")
        assert "groups 1 and 2" in verify_log(path, f"{number}:{swapped}").typing
        for wrong in ("12", "1200", "1120", "210", "121", "999"):
            again = verify_log(path, f"{wrong}:{digits}")
            assert again.problems == [] and "that of 120 entries" in again.typing, wrong
        for other in (f"{number}:{digits[::-1]}", f"999:{digits[::-1]}", f"{number}:" + "0123 4567 89ab cdef " * 2):
            alarm = verify_log(path, other.strip())
            assert len(alarm.problems) == 1 and not alarm.typing, other
    # A log in which an entry was changed has another root altogether, and a signed head is never typed.
    month = next((tmp_path / "state" / "access").glob("*.jsonl"))
    month.write_bytes(month.read_bytes().replace(b'"p1"', b'"p2"', 1))
    assert not verify_log(tmp_path / "state", f"{number}:{slip}").typing
    assert problems(tmp_path / "state", f"{number}:{slip}")


def test_a_log_written_anew_by_who_has_its_key_shows_only_against_a_head_kept_outside(tmp_path: Path) -> None:
    outside = made(tmp_path / "state", range(20))
    forged = tmp_path / "forged"
    (forged / "keys").mkdir(parents=True)
    (forged / "access").mkdir()
    shutil.copy(tmp_path / "state" / "keys" / "log.key", forged / "keys")
    with opened(forged) as log:
        assert log.problem is None
        for number in range(25):
            public, private = entry(number)
            log.append({**public, "person": "p99"} if number == 7 else public, private)
    assert problems(forged) == []
    (found,) = problems(forged, outside)
    assert "changed, removed or added" in found


def test_a_frontier_of_another_history_of_the_same_log_is_found(tmp_path: Path) -> None:
    made(tmp_path / "state", range(20))
    shutil.copytree(tmp_path / "state" / "keys", tmp_path / "other" / "keys")
    (tmp_path / "other" / "access").mkdir()
    made(tmp_path / "other", range(1, 12))
    shutil.copy(tmp_path / "other" / "access" / "frontier", tmp_path / "state" / "access" / "frontier")
    (tmp_path / "other" / "access" / "frontier").unlink()
    assert any("`frontier`" in found for found in problems(tmp_path / "state"))
    assert broken_at_opening(tmp_path / "state")


def test_a_head_of_another_log_is_told_apart(tmp_path: Path) -> None:
    made(tmp_path / "one", range(3))
    other = made(tmp_path / "other", range(3))
    (found,) = problems(tmp_path / "one", other)
    assert "not made by the log that lies here" in found
    shutil.copy(tmp_path / "other" / "access" / "head", tmp_path / "one" / "access" / "head")
    assert problems(tmp_path / "one") != []
    assert broken_at_opening(tmp_path / "one")


def test_a_head_that_cannot_be_read_is_refused_in_words(state: Path) -> None:
    with pytest.raises(BadHead, match="no line of an access log"):
        verify_log(state, "12 entries I think")
    with pytest.raises(BadHead, match="public key"):
        verify_log(state, public_key="holdshelf.local/1234")


def test_another_key_than_the_one_given_is_found(state: Path, tmp_path: Path) -> None:
    made(tmp_path / "other", range(1))
    with opened(tmp_path / "other") as log:
        key = str(log.public_key)
    assert problems(state, public_key=key) != []
    path = tmp_path / "extract"
    with opened(state) as log, path.open("wb") as file:
        log.export(file.write, public=True)
        own = log.public_key
    assert problems(path, public_key=str(own)) == []
    assert problems(path, public_key=key) != []
    assert PublicKey.parse(verify_log(path).key) == own


def test_entries_put_in_behind_the_head_are_counted_as_not_signed(state: Path, tmp_path: Path) -> None:
    copy = copied(state, tmp_path / "copy")
    with opened(copy) as log:
        log.append(*entry(4, NOVEMBER + 20 * 86_400 * NS))
    shutil.copy(copy / "access" / "2026-12.jsonl", state / "access" / "2026-12.jsonl")
    report = verify_log(state)
    assert (report.problems, report.entries, report.after_head) == ([], 5, 1)


def test_an_extract_that_does_not_reach_a_head_from_outside_says_so(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as log:
        heads = []
        for number in range(20):
            log.append(*entry(number))
            heads.append(log.head())
        path = tmp_path / "extract"
        with path.open("wb") as file:
            log.export(file.write, public=True, first=8, last=12)
    assert problems(path, heads[9]) == []
    (found,) = problems(path, heads[4])
    assert "cannot be held against" in found
    assert "10 entries" in verify_log(path, heads[9]).against


def test_a_public_copy_with_a_private_line_is_found(state: Path, tmp_path: Path) -> None:
    path, whole = tmp_path / "public", tmp_path / "whole"
    with opened(state) as log, path.open("wb") as file, whole.open("wb") as other:
        log.export(file.write, public=True)
        log.export(other.write, public=False)
    header = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(header + b"".join(whole.read_bytes().splitlines(keepends=True)[1:]))
    assert any("public copy" in found for found in problems(path))


def test_reading_stops_at_what_was_changed(state: Path) -> None:
    path = state / "access" / "2026-11.jsonl"
    path.write_bytes(path.read_bytes().replace(b"192.0.2.1:", b"192.0.2.9:"))
    with opened(state) as log:
        found = log.read()
        assert next(found).seq == 1
        with pytest.raises(LogBroken, match="not the one it committed to"):
            next(found)


def test_a_key_or_a_head_that_is_lost_is_named(state: Path) -> None:
    for name, word in (("access/head", ""), ("access/frontier", "frontier"), ("keys/log.key", "key")):
        data = (state / name).read_bytes()
        os.unlink(state / name)
        found = problems(state)
        assert any(word in sentence for sentence in found) if word else found == []
        (state / name).write_bytes(data)
    (state / "access/head").write_bytes(b"\0" * 200)  # as a power cut leaves what was never synced
    assert problems(state) == []
    (state / "access/head").write_bytes(b"nonsense")
    assert any("head" in sentence for sentence in problems(state))


def test_a_verification_can_be_stopped_and_tells_how_far_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for future in [log.submit(*entry(number % 200)) for number in range(20_001)]:
            future.result()
    stop = threading.Event()
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        stop.set()

    report = verify_log(tmp_path, stop=stop, progress=progress)
    assert not report.finished and told == [(report.entries, 20_001)]
    assert 10_000 <= report.entries < 10_500  # at the end of the lines that were read together
    assert report.problems == []
    assert verify_log(tmp_path).problems == []


def test_a_log_can_be_verified_while_it_is_written(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append(*entry(0))
        futures = []
        for number in range(1, 400):
            futures.append(log.submit(*entry(number % 200)))
            if number % 8 == 0:
                assert problems(tmp_path) == []
        for future in futures:
            future.result()
    assert problems(tmp_path, None) == []


@pytest.mark.parametrize("written", [0.0, 0.3, 0.5, 0.95])
def test_what_is_written_while_the_last_lines_are_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: float
) -> None:
    access = tmp_path / "access"
    with opened(tmp_path) as log:
        log.append(*entry(1))
        signed = {name: (access / name).read_bytes() for name in ("frontier", "head") if (access / name).exists()}
        before = (access / "2026-11.jsonl").read_bytes()
        log.append(*entry(2))
    path = access / "2026-11.jsonl"
    whole = path.read_bytes()
    for name, data in signed.items():
        (access / name).write_bytes(data)
    read = checking.blocks

    def blocks(fd: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        yield from read(fd, start, end)
        path.write_bytes(whole)  # the service ends its write only now

    monkeypatch.setattr(checking, "blocks", blocks)
    path.write_bytes(whole[: len(before) + int(written * (len(whole) - len(before)))])
    assert problems(tmp_path) == []
