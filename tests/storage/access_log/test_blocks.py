"""Lines read by the block, and by helpers, find what reading line by line finds: the same words for the same damage."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdshelf_storage.access_log import blocks, checking, merkle, stretches
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.lines import MAX_PUBLIC_BYTES, encode_sorted
from holdshelf_storage.access_log.verify import verify_log
from tests.storage.access_log.log_parts import entry, opened
from tests.storage.access_log.test_access_rows import changing, root_entry

ENTRIES = 120
MONTH = "access/2026-11.jsonl"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with private texts, changes and roots, and of each kind some beside each other."""
    state = tmp_path_factory.mktemp("whole")
    with opened(state) as log:
        for number in range(1, ENTRIES + 1):
            if number % 40 == 0:
                log.append(root_entry(number, log.rows().root()))
            elif number % 13 == 0:
                log.append(*changing(number, ("people", f"p{number % 3}", {"n": number})))
            else:
                log.append(*entry(number))
    return state


def told(report: LogReport) -> dict[str, Any]:
    """All that a report says, rows included."""
    rows = report.rows
    return {**vars(report), "rows": rows and (rows.tables, rows.seq, rows.root_seq, rows.later)}


def put(state: Path, data: bytes, to: Path) -> Path:
    """A copy of the log whose month has these bytes."""
    for name in (MONTH, "access/head", "access/frontier", "keys/log.key"):
        (to / name).parent.mkdir(exist_ok=True)
        (to / name).write_bytes(data if name == MONTH else (state / name).read_bytes())
    return to


def replaced(pattern: bytes, by: bytes) -> Callable[[bytes, random.Random], bytes]:
    """One of the places that match, changed."""

    def change(data: bytes, pick: random.Random) -> bytes:
        at = pick.choice(list(re.finditer(pattern, data)))
        return data[: at.start()] + at.expand(by) + data[at.end() :]

    return change


def of_lines(change: Callable[[list[bytes], int], list[bytes]]) -> Callable[[bytes, random.Random], bytes]:
    """The lines, changed at a random one."""

    def changed(data: bytes, pick: random.Random) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join(change(lines, pick.randrange(2, len(lines) - 2)))

    return changed


def another_byte(data: bytes, pick: random.Random) -> bytes:
    at = pick.randrange(len(data))
    return data[:at] + bytes([pick.randrange(256)]) + data[at + 1 :]


def capital_salt(data: bytes, pick: random.Random) -> bytes:
    """The same salt, written in another way."""
    at = pick.choice(list(re.finditer(rb'(?<="salt":")[0-9a-f]{32}', data)))
    return data[: at.start()] + at[0].upper() + data[at.end() :]


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "nothing": lambda data, pick: data,
    "a byte": another_byte,
    "a line gone": of_lines(lambda lines, at: lines[:at] + lines[at + 1 :]),
    "a line twice": of_lines(lambda lines, at: lines[:at] + lines[at - 1 :]),
    "two lines changed about": of_lines(lambda lines, at: [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]),
    "an empty line": of_lines(lambda lines, at: [*lines[:at], b"\n", *lines[at:]]),
    "two lines in one": of_lines(lambda lines, at: [*lines[:at], lines[at][:-1], *lines[at + 1 :]]),
    "private lines only": of_lines(lambda lines, at: [line for line in lines if b'"private"' in line]),
    "no private lines": of_lines(lambda lines, at: [line for line in lines if b'"private"' not in line]),
    "cut": lambda data, pick: data[: pick.randrange(len(data))],
    "zeros at the end": lambda data, pick: data[: -pick.randrange(1, 99)] + b"\0" * 50,
    "a space": replaced(rb',"seq"', b', "seq"'),
    "a name escaped": replaced(rb'"seq"', rb'"s\\u0065q"'),
    "a number that is a fraction": replaced(rb'"seq":(\d+)', rb'"seq":\1.0'),
    "a number that is a word": replaced(rb'"seq":(\d+)', rb'"seq":"\1"'),
    "a number that is true": replaced(rb'"seq":1\b', b'"seq":true'),
    "another number": replaced(rb'"seq":(\d)', rb'"seq":\g<1>7'),
    "another version": replaced(rb'"v":1', b'"v":2'),
    "another month": replaced(rb'"at":"2026-11', b'"at":"2026-12'),
    "a time that is none": replaced(rb'"at":"2026-11-25T', b'"at":"2026-11-25 '),
    "a time cut short": replaced(rb'(\d)Z"', b'Z"'),
    "a salt in capitals": capital_salt,
    "a salt with spaces": replaced(rb'"salt":"([0-9a-f]{30})..', rb'"salt":"\1  '),
    "another text": replaced(rb"192\.0\.2", b"192.0.3"),
    "a commitment gone": replaced(rb'"commit":\{[^}]*\},', b""),
    "another commitment": replaced(rb'"source":"[0-9a-f]{3}', b'"source":"abc'),
    "a text more": replaced(rb'("text":"[^"]*"\}\})', rb',"z":{"salt":"","text":""}\1'),
    "a text with more": replaced(rb'("text":"192[^"]*")', rb'\1,"v":1'),
    "a private text that is a number": replaced(rb'\{"private":\{.*\},"seq"', b'{"private":7,"seq"'),
    "a private line with more": replaced(rb'(\{"private":.*)\}\n', rb'\1,"v":1}\n'),
    "changes changed": replaced(rb'"n\\":', rb'"n\\":9'),
    "an entry that is a list": replaced(rb'\{"action".*\}\n', b'["private","seq"]\n'),
    "a very long line": replaced(rb'"person":"', b'"person":"' + b"x" * MAX_PUBLIC_BYTES),
    "a deep line": replaced(rb'"person":"[^"]*"', b'"person":' + b"[" * 3000 + b"]" * 3000),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_block_is_told_of_as_its_lines_are(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    data = (whole / MONTH).read_bytes()
    pick = random.Random(damage)
    for _ in range(3):
        state = put(whole, DAMAGE[damage](data, pick), tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(checking, "as_written", lambda block, private: None)
            singly = told(verify_log(state, mark=60))
        assert damage not in ("another text", "a salt in capitals", "a name escaped") or singly["problems"]
        for size in (700, blocks.BLOCK_BYTES):
            monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
            assert told(verify_log(state, mark=60)) == singly


def test_a_line_that_is_longer_than_any_entry_is_never_confirmed() -> None:
    public = {**entry(1)[0], "seq": 1, "v": 1}
    line = encode_sorted(public) + b"\n"
    assert blocks.as_written(line, private=True) is not None
    line = encode_sorted({**public, "person": "x" * MAX_PUBLIC_BYTES}) + b"\n"
    assert blocks.as_written(line, private=True) is None


def test_only_the_lines_around_damage_are_read_singly(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1500)
    parse, read = checking.parse_line, list[bytes]()
    monkeypatch.setattr(checking, "parse_line", lambda raw: (read.append(raw), parse(raw))[1])
    assert verify_log(whole).problems == []
    assert 0 < len(read) < 12  # the block in which the head's root is wanted
    read.clear()
    data = (whole / MONTH).read_bytes()
    damaged = put(whole, data.replace(b'"person":"p50"', b'"person":"p05"'), tmp_path)
    assert "was changed" in verify_log(damaged).problems[0]
    assert len(read) < 12  # only the root can tell of that
    damaged = put(whole, data.replace(b'"person":"p50"', b'"person": "p50"'), tmp_path)
    assert any("canonical" in found for found in verify_log(damaged).problems)
    assert len(read) < 30


@pytest.mark.parametrize("damage", ["nothing", "a line gone", "another text", "zeros at the end"])
def test_helpers_find_what_is_found_without_them(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    state = put(whole, DAMAGE[damage]((whole / MONTH).read_bytes(), random.Random(damage)), tmp_path)
    alone = told(verify_log(state, mark=60))
    with_helpers(monkeypatch)
    read = list[bytes]()
    monkeypatch.setattr(checking, "as_written", lambda block, private: read.append(block))
    assert told(verify_log(state, mark=60)) == alone
    if damage == "nothing":
        assert 0 < len(b"".join(read)) < 6000  # the stretch in which the head's root is wanted


def with_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even for a short log, and on one core."""
    monkeypatch.setattr(stretches, "WORTH_BYTES", 1)
    monkeypatch.setattr(stretches, "STRETCH_BYTES", 4000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})


def test_helpers_that_end_leave_the_work_to_whoever_asked(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_helpers(monkeypatch)
    start = stretches.Helpers._start
    dead: list[int] = []

    def start_dead(helpers: stretches.Helpers) -> None:
        start(helpers)
        helpers._processes[-1].kill()
        dead.append(helpers._processes[-1].wait())

    monkeypatch.setattr(stretches.Helpers, "_start", start_dead)
    report = verify_log(whole)
    assert (report.problems, report.entries, len(dead)) == ([], ENTRIES, 2)


def test_helpers_that_cannot_be_started_are_done_without(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_helpers(monkeypatch)
    monkeypatch.setattr(stretches.sys, "executable", "/nowhere/python")
    assert verify_log(whole).problems == []


def test_what_was_asked_and_given_up_is_not_taken_for_the_answer_to_something_else(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_helpers(monkeypatch)
    fd = os.open(whole / MONTH, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        with stretches.Helpers(size) as helpers:
            for _ in helpers.stretches(fd, 0, size, private=True):
                break
            firsts = [found and found.first for _, _, found in helpers.stretches(fd, 0, size, private=True)]
        assert firsts[0] == 1 and None not in firsts and firsts == sorted(set(firsts))
    finally:
        os.close(fd)


@pytest.mark.parametrize("before", [*range(9), 63, 64, 100])
def test_a_tree_that_is_extended_is_the_one_that_grew_leaf_by_leaf(before: int) -> None:
    leaves = [merkle.leaf_hash(encode_sorted(number)) for number in range(before + 70)]
    for count in (*range(10), 70):
        grown, extended = merkle.Tree(), merkle.Tree()
        for leaf in leaves[: before + count]:
            grown.append(leaf)
        extended.extend(leaves[:before])
        extended.extend(leaves[before : before + count])
        assert (extended.size, extended.nodes) == (grown.size, grown.nodes)
