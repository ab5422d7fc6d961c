"""The rows by the log: the same from the first entry and from the last root, whatever lies in the file between the two."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.rows import ROOT_ACTION, Rows, encoded_rows
from holdshelf_storage.errors import LogBroken
from tests.storage.access_log.log_parts import entry, opened, problems


def changing(number: int, *rows: tuple[str, str, dict[str, Any] | None]) -> tuple[dict[str, Any], dict[str, str]]:
    public, private = entry(number, private=True)
    told = [{"table": table, "key": key, "row": row} for table, key, row in rows]
    return public, {**private, "changes": json.dumps(told, ensure_ascii=False)}


def root_entry(number: int, root: str) -> dict[str, Any]:
    public, _ = entry(number, private=False)
    return {**public, "action": ROOT_ACTION, "facts": {"rows": root}}


def state_root(log: AccessLog, number: int) -> int:
    """As the service does it."""
    rows = log.rows()
    seq = log.append(root_entry(number, rows.root()))
    log.write_rows(encoded_rows(rows), seq)
    return seq


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with opened(tmp_path) as log:
        log.append(*changing(1, ("people", "p1", {"name": "Ünï “x”\n", "keys": []}), ("seats", "s1", {"person": "p1"})))
        log.append(*entry(2))
        log.append(*changing(3, ("people", "p2", {"name": "Bo", "days": 14.0}), ("seats", "s1", None)))
        state_root(log, 4)
        log.append(*changing(5, ("people", "p1", {"name": "Ann", "keys": ["k"]})))
        log.append(*entry(6))
    return tmp_path


def rows_of(state: Path, mark: int | None = None) -> Rows:
    with opened(state) as log:
        return log.rows(mark)


def test_a_root_is_what_the_document_says_and_a_stranger_computes(state: Path) -> None:
    lines = (state / "access" / "2026-11.jsonl").read_bytes().splitlines()
    rows: dict[str, dict[str, Any]] = {}
    for line, following in pairwise(lines):
        told, public = json.loads(line), json.loads(following)
        if "private" in told and public.get("seq", 9) <= 3 and "changes" in told["private"]:
            for change in json.loads(told["private"]["changes"]["text"]):
                table = rows.setdefault(change["table"], {})
                table.pop(change["key"], None)
                if change["row"] is not None:
                    table[change["key"]] = {"row": change["row"], "seq": told["seq"]}
    rows = {table: kept for table, kept in rows.items() if kept}
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    stated = next(json.loads(line)["facts"]["rows"] for line in lines if ROOT_ACTION.encode() in line)
    assert stated == hashlib.sha256(text.encode()).hexdigest()


def test_a_replay_from_the_root_and_one_from_the_first_entry_are_the_same(state: Path) -> None:
    began_late = rows_of(state)
    (state / "access" / "rows").unlink()
    assert rows_of(state).tables == began_late.tables
    assert began_late.get("people", "p1") is not None and began_late.get("seats", "s1") is None


@pytest.mark.parametrize("spoil", ["rows", "seq", "nodes", "empty", "text", "old"])
def test_a_file_that_proves_nothing_changes_nothing(state: Path, spoil: str) -> None:
    truth = rows_of(state).tables
    path = state / "access" / "rows"
    file = json.loads(path.read_bytes())
    if spoil == "rows":
        file["rows"]["people"]["p2"]["row"]["name"] = "Eve"
    elif spoil == "seq":
        file["seq"] += 1
    elif spoil == "nodes":
        file["nodes"][0] = "00" * 32
    elif spoil == "old":
        file = {"nodes": [], "rows": {}, "seq": 1}
    path.write_bytes(b"" if spoil == "empty" else b"{x" if spoil == "text" else json.dumps(file).encode())
    assert rows_of(state).tables == truth


def test_what_became_of_rows_behind_a_mark_is_kept(state: Path) -> None:
    names = [one.row["name"] if one else None for one in rows_of(state, 4).later["people", "p1"]]
    assert names == ["Ünï “x”\n", "Ann"]
    assert rows_of(state, 6).later == {}


def test_a_root_over_other_rows_is_damage(state: Path) -> None:
    with opened(state) as log:
        log.append(root_entry(7, "00" * 32))
    assert any("states a root" in problem for problem in problems(state))
    (state / "access" / "rows").unlink()
    with opened(state) as log, pytest.raises(LogBroken, match="states a root"):
        log.rows()


def test_changes_whose_text_is_lost_are_not_guessed_at(state: Path) -> None:
    path = state / "access" / "2026-11.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if not (line.startswith(b'{"private"') and b'"seq":1}' in line)))
    (state / "access" / "rows").unlink()
    (state / "access" / "frontier").unlink()
    with opened(state) as log, pytest.raises(LogBroken, match=r"Entry 1 .* has lost the text"):
        log.rows()
