"""What is in the access log was on disk before anybody heard of it, in order, and reads back as it was given."""

from __future__ import annotations

import json
import os
import re
import threading
from concurrent.futures import Future
from pathlib import Path

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import parse_note
from holdshelf_storage.access_log.lines import commitment, encode_entry, encode_sorted, time_ns, time_text
from holdshelf_storage.access_log.merkle import leaf_hash, verify_consistency, verify_inclusion
from holdshelf_storage.access_log.write import Writer
from holdshelf_storage.errors import BadEntry, DiskWriteError, LogBroken, LogError, VolumeLocked
from tests.rig.hang import HANG_S
from tests.service import wait_for
from tests.storage.access_log.log_parts import MONTH_NS, NOVEMBER, NS, entry, lines_of, made, opened, problems, publics


def test_entries_are_numbered_from_one_and_read_back_with_their_private_texts(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        assert [log.append(*entry(number)) for number in range(7)] == [1, 2, 3, 4, 5, 6, 7]
        assert publics(log) == [entry(number)[0] for number in range(7)]
        assert [found.private for found in log.read()] == [entry(number)[1] for number in range(7)]
        assert [found.seq for found in log.read(3, 5)] == [3, 4, 5]
        assert list(log.read(8)) == []
    with opened(tmp_path) as log:
        assert (log.problem, log.size) == (None, 7)
        assert log.append(*entry(7)) == 8
    assert problems(tmp_path) == []


def test_an_entry_lies_as_one_canonical_line_that_commits_to_the_private_line_before_it(tmp_path: Path) -> None:
    made(tmp_path, [1])
    private_line, line = lines_of(tmp_path)
    private, public = json.loads(private_line), json.loads(line)
    assert rfc8785.dumps(public) + b"\n" == line
    assert rfc8785.dumps(private) + b"\n" == private_line
    assert (public["v"], public["seq"], private["seq"]) == (1, 1, 1)
    assert set(private) == {"private", "seq"}
    for name, member in private["private"].items():
        assert re.fullmatch("[0-9a-f]{32}", member["salt"])
        assert public["commit"][name] == commitment(bytes.fromhex(member["salt"]), member["text"])
    assert b"192.0.2" not in line


def test_files_are_private_to_the_service(tmp_path: Path) -> None:
    made(tmp_path, [1])
    assert (tmp_path / "access").stat().st_mode & 0o777 == 0o700
    for path in [*(tmp_path / "access").iterdir(), tmp_path / "keys" / "log.key"]:
        assert path.stat().st_mode & 0o777 == 0o600, path


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAME = st.from_regex(r"[A-Za-z0-9_.:@-]{1,8}", fullmatch=True)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
@settings(max_examples=300, deadline=None)
def test_our_canonical_form_is_that_of_rfc_8785(value: object) -> None:
    assert encode_sorted(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_a_private_text_of_any_characters_reads_back(text: str) -> None:
    lines = encode_entry(1, {"at": time_text(NOVEMBER)}, {"note": text}).split(b"\n")
    assert len(lines) == 3
    assert msgspec.json.decode(lines[0])["private"]["note"]["text"] == text
    assert rfc8785.dumps(msgspec.json.decode(lines[0])) == lines[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"at": "2026-11-25T04:00:00Z"},
        {"at": 5},
        {"n": 0.5},
        {"n": 2**53},
        {"n": float("nan")},
        {"n": b"bytes"},
        {"n": "\ud800"},
        {"n": {1: 2}},
        {"ü": 1},
        {"seq": 7},
        {"v": 1},
        {"commit": {}},
        {"n": "x" * 300_000},
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused_and_takes_no_number(tmp_path: Path, wrong: dict[str, object]) -> None:
    public = wrong if not wrong or "at" in wrong else {**entry(1)[0], **wrong}
    with opened(tmp_path) as log:
        with pytest.raises(BadEntry):
            log.append(public)
        with pytest.raises(BadEntry):
            log.append(entry(1)[0], {"note": "\ud800"})
        assert log.append(*entry(1)) == 1
        assert log.unwritable is None
    assert problems(tmp_path) == []


def test_times_read_back_to_the_nanosecond() -> None:
    for ns in (0, -1, NOVEMBER + 123_456_789, 2**63 - 1, -(2**63) + 1, -62_135_596_800 * NS):
        clipped = max(-(2**63) + 1, min(2**63 - 1, ns))
        assert time_ns(time_text(ns)) == clipped
    assert time_text(NOVEMBER + 5) == "2026-11-25T04:00:00.000000005Z"
    with pytest.raises(BadEntry):
        time_ns("2026-13-25T04:00:00.000000005Z")


def test_the_head_on_disk_is_current_after_each_append(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        path = tmp_path / "access" / "head"
        for number in range(3):
            log.append(*entry(number))
            wait_for("the head of now", lambda: path.read_text() == log.head())
            assert parse_note(log.head()).head.size == number + 1
        assert log.public_key.check(log.head()).root == log.root


def test_proofs_are_those_of_the_head(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        roots = {0: log.root}
        for number in range(11):
            log.append(*entry(number))
            roots[number + 1] = log.root
        leaves = [leaf_hash(line[:-1]) for line in lines_of(tmp_path) if not line.startswith(b'{"private"')]
        for size in (1, 7, 11):
            for seq in range(1, size + 1):
                proof = log.inclusion_proof(seq, size)
                assert verify_inclusion(leaves[seq - 1], seq - 1, size, proof, roots[size])
            for first in range(1, size + 1):
                proof = log.consistency_proof(first, size)
                assert verify_consistency(first, roots[first], size, roots[size], proof)
        for wrong in (lambda: log.inclusion_proof(12), lambda: log.consistency_proof(3, 12)):
            with pytest.raises(ValueError, match="no"):
                wrong()


def test_months_rotate_and_the_tree_goes_on(tmp_path: Path) -> None:
    made(tmp_path, range(5), MONTH_NS)
    names = sorted(path.name for path in (tmp_path / "access").glob("*.jsonl"))
    assert names == ["2026-11.jsonl", "2026-12.jsonl", "2027-01.jsonl", "2027-02.jsonl", "2027-03.jsonl"]
    with opened(tmp_path) as log:
        assert [found.seq for found in log.read(2, 4)] == [2, 3, 4]
        assert log.append(*entry(5, NOVEMBER + 5 * MONTH_NS)) == 6
    assert problems(tmp_path) == []


def test_a_clock_that_was_a_century_ahead_for_a_while_loses_nothing(tmp_path: Path) -> None:
    century = 100 * 366 * 86_400 * NS
    steps = [0, 1, century, century + 1, 2, 3, MONTH_NS, MONTH_NS + 1, -MONTH_NS, 1, century]
    with opened(tmp_path) as log:
        for number, step in enumerate(steps):
            log.append(*entry(number, NOVEMBER + step))
    with opened(tmp_path) as log:
        assert log.problem is None
        assert [found.public["person"] for found in log.read()] == [f"p{number}" for number in range(len(steps))]
        assert [found.seq for found in log.read(4)] == list(range(4, len(steps) + 1))
    assert problems(tmp_path) == []
    assert len(list((tmp_path / "access").glob("*.jsonl"))) == 4


@pytest.mark.parametrize("cut", ["at once", "later"])
def test_a_month_whose_first_entry_failed_is_left_when_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """The clock was wrong, the disk full, and both are mended: entries go on in the file of their month."""

    def fails(*args: object) -> None:
        raise OSError(5, "Input/output error")

    with opened(tmp_path) as log:
        log.append(*entry(0))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fails)
            if cut == "later":
                patch.setattr(os, "ftruncate", fails)
            with pytest.raises(DiskWriteError, match="check the disk"):
                log.append(*entry(1, NOVEMBER + 12 * MONTH_NS))
        assert log.append(*entry(2)) == 2
        assert problems(tmp_path) == []
    with opened(tmp_path) as log:
        assert log.append(*entry(3, NOVEMBER + 12 * MONTH_NS)) == 3
        assert log.append(*entry(4)) == 4
        assert [found.public["person"] for found in log.read()] == ["p0", "p2", "p3", "p4"]
    assert problems(tmp_path) == []


def test_those_who_submit_at_once_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    real = os.fdatasync
    waits = threading.Event()

    def counted(fd: int) -> None:
        assert waits.wait(HANG_S)
        syncs.append(fd)
        real(fd)

    with opened(tmp_path) as log:
        monkeypatch.setattr(os, "fdatasync", counted)
        futures: list[Future[int]] = [log.submit(*entry(number)) for number in range(50)]
        waits.set()
        assert sorted(future.result() for future in futures) == list(range(1, 51))
        assert len(syncs) <= 3
        assert [found.public["person"] for found in log.read()] == [f"p{number}" for number in range(50)]
    assert problems(tmp_path) == []


@pytest.mark.parametrize("error", [DiskWriteError("no"), MemoryError(), ZeroDivisionError()])
def test_a_head_that_cannot_be_made_keeps_no_entry_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    tried = threading.Event()

    def fails(_self: Writer) -> None:
        tried.set()
        raise error

    with opened(tmp_path) as log:
        monkeypatch.setattr(Writer, "write_head", fails)
        assert log.append(*entry(1)) == 1
        assert tried.wait(HANG_S)
        assert log.submit(*entry(2)).result(HANG_S) == 2
        monkeypatch.undo()
        assert log.submit(*entry(3)).result(HANG_S) == 3
    assert problems(tmp_path) == []


def test_nothing_is_confirmed_before_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fdatasync
    reached, may_go = threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        reached.set()
        assert may_go.wait(HANG_S)
        real(fd)

    with opened(tmp_path) as log:
        log.append(*entry(0))
        monkeypatch.setattr(os, "fdatasync", slow)
        future = log.submit(*entry(1))
        assert reached.wait(HANG_S)
        assert not future.done()
        assert (log.size, len(list(log.read()))) == (1, 1)
        assert parse_note((tmp_path / "access" / "head").read_text()).head.size <= 1
        may_go.set()
        assert future.result() == 2


@pytest.mark.parametrize("fault", ["fdatasync", "write"])
def test_a_write_that_fails_leaves_nothing_and_takes_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with opened(tmp_path) as log:
        log.append(*entry(0))
        before = (tmp_path / "access" / "2026-11.jsonl").read_bytes()
        real = getattr(os, fault)

        def fails(fd: int, *args: bytes) -> int:
            if threading.current_thread().name == "access-log" and "jsonl" in os.readlink(f"/proc/self/fd/{fd}"):
                if args:
                    real(fd, bytes(args[0])[:40])
                raise OSError(5, "Input/output error")
            return int(real(fd, *args) or 0)

        with monkeypatch.context() as patch:
            patch.setattr(os, fault, fails)
            with pytest.raises(DiskWriteError, match="check the disk"):
                log.append(*entry(1))
            assert log.unwritable is not None
            assert log.problem is None
            assert (tmp_path / "access" / "2026-11.jsonl").read_bytes() == before
        assert log.append(*entry(2)) == 2
        assert log.unwritable is None
    assert problems(tmp_path) == []


def test_what_could_not_be_cut_off_is_cut_before_anything_else_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise OSError(5, "Input/output error")

    with opened(tmp_path) as log:
        log.append(*entry(0))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fails)
            patch.setattr(os, "ftruncate", fails)
            for _ in range(2):
                with pytest.raises(DiskWriteError, match="check the disk"):
                    log.append(*entry(1))
            assert b'"p1"' in (tmp_path / "access" / "2026-11.jsonl").read_bytes()
        assert log.append(*entry(2)) == 2
    assert problems(tmp_path) == []
    assert not any(b'"p1"' in line for line in lines_of(tmp_path))


def test_a_log_is_open_once(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(VolumeLocked, match="in use"):
        AccessLog.open(tmp_path)
    with opened(tmp_path) as log:
        assert log.problem is None


def test_a_closed_log_refuses_in_words_and_keeps_what_was_submitted(tmp_path: Path) -> None:
    log = AccessLog.open(tmp_path)
    futures = [log.submit(*entry(number)) for number in range(20)]
    log.close()
    log.close()
    assert [future.result() for future in futures] == list(range(1, 21))
    with pytest.raises(LogError, match="closed"):
        log.append(*entry(20))


def test_a_cancelled_entry_that_was_not_yet_written_never_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fdatasync
    reached, may_go = threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        reached.set()
        assert may_go.wait(HANG_S)
        real(fd)

    with opened(tmp_path) as log:
        monkeypatch.setattr(os, "fdatasync", slow)
        first = log.submit(*entry(0))
        assert reached.wait(HANG_S)
        second, third = log.submit(*entry(1)), log.submit(*entry(2))
        assert second.cancel()
        assert not first.cancel()
        may_go.set()
        assert (first.result(), third.result()) == (1, 2)
    assert not any(b'"p1"' in line for line in lines_of(tmp_path))


@pytest.mark.parametrize("act", ["append", "shorten", "remove", "replace", "folder", "month"])
def test_what_somebody_else_does_to_an_open_log_is_met_and_not_written_over(tmp_path: Path, act: str) -> None:
    with opened(tmp_path) as log:
        for number in range(3):
            log.append(*entry(number))
        head = log.head()
        folder = tmp_path / "access"
        path = folder / "2026-11.jsonl"
        data = path.read_bytes()
        match act:
            case "append":
                path.write_bytes(data + data.splitlines(keepends=True)[-1])
            case "shorten":
                os.truncate(path, len(data) - 5)
            case "remove":
                path.unlink()
            case "replace":
                path.rename(folder / "kept")
                path.write_bytes(data)
            case "folder":
                folder.rename(tmp_path / "elsewhere")
            case "month":
                (folder / "2027-02.jsonl").write_bytes(b"")
        for _ in range(2):
            with pytest.raises(LogBroken):
                log.append(*entry(3, NOVEMBER + (3 * MONTH_NS if act == "month" else 0)))
        assert log.problem is not None
        assert log.size == 3
        assert log.head() == head


def test_a_log_with_fewer_entries_than_the_register_knows_of_is_broken(tmp_path: Path) -> None:
    made(tmp_path, range(3))
    with opened(tmp_path, at_least=3) as log:
        assert log.problem is None
    with opened(tmp_path, at_least=4) as log:
        assert "4 are known" in str(log.problem)
        with pytest.raises(LogBroken):
            log.append(*entry(9))


def test_an_extract_stands_by_itself_and_a_public_one_tells_nothing_private(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as log:
        heads = []
        for number in range(20):
            log.append(*entry(number, NOVEMBER + number * 10 * 86_400 * NS))
            heads.append(log.head())
        for first, last in ((1, 20), (1, 7), (5, 5), (6, 13), (13, 20), (20, 20)):
            for public in (True, False):
                path = tmp_path / "extract.jsonl"
                with path.open("wb") as file:
                    log.export(file.write, public=public, first=first, last=last)
                assert problems(path) == [], (first, last)
                assert problems(path, heads[last - 1]) == []
                assert (b"192.0.2" in path.read_bytes()) == (not public and any(n % 3 for n in range(first - 1, last)))
                assert problems(path, public_key=str(log.public_key)) == []
        for first, last in ((0, 5), (5, 4), (1, 21)):
            with pytest.raises(ValueError, match="1 to 20"):
                log.export(lambda data: None, public=True, first=first, last=last)
    with opened(tmp_path / "empty") as log, path.open("wb") as file:
        log.export(file.write, public=True)
    assert problems(path) == []


def test_a_log_of_some_length_is_opened_by_its_end(tmp_path: Path) -> None:
    """That a million open as fast is measured by the bench; here, that the beginning is not read at all."""
    made(tmp_path, range(40))
    path = tmp_path / "access" / "2026-11.jsonl"
    data = path.read_bytes()
    middle = data.index(b'"p11"') + 2
    path.write_bytes(data[:middle] + b"9" + data[middle + 1 :])
    with opened(tmp_path) as log:
        assert log.problem is None
    assert len(problems(tmp_path)) == 1


def test_a_broken_log_is_set_aside_and_another_names_it(tmp_path: Path) -> None:
    head = made(tmp_path, range(5))
    path = tmp_path / "access" / "2026-11.jsonl"
    broken = b"".join(path.read_bytes().splitlines(keepends=True)[:-1])
    path.write_bytes(broken)
    with opened(tmp_path) as log:
        assert "5" in str(log.problem)
        assert log.head() == head
        with pytest.raises(LogBroken):
            log.append(*entry(9))
        assert log.continue_after("the disk was damaged", *entry(10, private=True)) == 1
        assert log.problem is None
        assert log.append(*entry(11)) == 2
        first = next(log.read())
        (aside,) = tmp_path.glob("access.broken-*")
        assert first.public["facts"] == {
            **entry(10)[0]["facts"],
            "before": {"entries": 5, "folder": aside.name, "head": head, "why": "the disk was damaged"},
        }
        assert first.private == entry(10, private=True)[1]
        assert parse_note(log.head()).head.origin != parse_note(head).head.origin
        with pytest.raises(LogError, match="is intact"):
            log.continue_after("again", *entry(12))
    assert problems(tmp_path) == []
    assert (aside / "2026-11.jsonl").read_bytes() == broken
    assert problems(aside) != []
    assert {item.name for item in tmp_path.iterdir()} == {"access", "keys", aside.name}
    with opened(tmp_path) as log:
        assert (log.problem, log.size) == (None, 2)


@pytest.mark.parametrize("lost", ["folder", "key", "head and frontier", "all but the set aside"])
def test_a_log_that_is_gone_is_not_begun_anew_by_itself(tmp_path: Path, lost: str) -> None:
    made(tmp_path, range(5))
    folder, key = tmp_path / "access", tmp_path / "keys" / "log.key"
    match lost:
        case "folder":
            folder.rename(tmp_path / "taken")
        case "key":
            key.unlink()
        case "head and frontier":
            (folder / "head").unlink()
            (folder / "frontier").unlink()
        case _:
            folder.rename(tmp_path / "access.broken-20261125T000000Z")
            key.unlink()
    with opened(tmp_path) as log:
        assert log.problem is not None
        with pytest.raises(LogBroken):
            log.append(*entry(9))
    with opened(tmp_path) as log:
        assert log.continue_after("it was gone", *entry(10)) == 1
    assert problems(tmp_path) == []
