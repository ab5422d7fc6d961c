"""What one decision of the rules costs: every act of everybody in the example house, under the first library's policy and others;
and how long a clerk waits for `policy lint`.

The peer is the first library's policy in the same turn: a file with more roles, classes or steps costs no more than its rows.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.parts.rows import Row, median_row, say
from holdshelf_core.policy import example
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.rights import NEVER, PERMISSIONS
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import MAX_BYTES, read_file

POLICIES = Path(__file__).parents[2] / "tests" / "policies"
ROUNDS = 5
BAR, BAR_SHA256, LINT_BAR_S = 1.5, 0.5, 1.0
PICTURE_BYTES = 172_000
ROW_OF_EACH = """
[[role]]
key = "r{n}"
words.en = "Role {n}"
rights = ["archive"]
[[class]]
key = "c{n}"
places = ["seating"]
[[clause]]
id = "c{n}"
says.en = "Sentence {n}."
[[purpose]]
key = "p{n}"
words.en = "matter {n}"
roles = ["r{n}"]
[[ground]]
key = "g{n}"
words.en = "ground {n}"
[[basis]]
key = "b{n}"
words.en = "basis {n}"
needs = ["written"]
[[case]]
who = "r{n}"
act = "purpose.open"
purpose = "p{n}"
expect = "yes"
"""
"""A still of 1080p with its legend."""

type Asked = tuple[State, Subject, str, Scope, Now]


def _questions(policy: Policy) -> list[Asked]:
    house, subjects, every = example.house(policy), example.subjects(policy), example.cases(policy)
    return [
        (house, subject, permission, scope, now)
        for permission in (*PERMISSIONS, *NEVER)
        for scope in every.get(permission, {"": Scope()}).values()
        for subject in subjects.values()
        for now in example.TIMES.values()
    ]


def _each_us(asked: Sequence[Asked]) -> float:
    """Microseconds of processor time for one decision."""
    began = time.thread_time()
    for _ in range(ROUNDS):
        for house, subject, permission, scope, now in asked:
            decide(house, subject, permission, scope, now)
    return (time.thread_time() - began) / (ROUNDS * len(asked)) * 1e6


def _sha256_us(size: int) -> float:
    data, began = bytes(size), time.thread_time()
    for _ in range(ROUNDS):
        hashlib.sha256(data).digest()
    return (time.thread_time() - began) / ROUNDS * 1e6


def _lint_s(file: Path, folder: str) -> float:
    """Seconds from typing `policy lint FILE`, where no service runs, to its last line."""
    command = [sys.executable, "-m", "holdshelf_tui.cli", "policy", "lint", str(file), "--data", folder]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def lint_rows(repeat: int) -> list[Row]:
    """The policy file of the tests for which it takes longest, and one that is as large as a file may be."""
    with tempfile.TemporaryDirectory() as folder:
        turns = {
            path: [(_lint_s(path, folder), None) for _ in range(repeat)] for path in sorted(POLICIES.glob("*.toml"))
        }
        rows = _largest(Path(folder) / "largest.toml")
        largest = [(_lint_s(Path(folder) / "largest.toml", folder), None) for _ in range(repeat)]
    slowest = max(turns, key=lambda path: sorted(turns[path])[repeat // 2])
    return [
        median_row(f"policy lint, policy {slowest.stem}", "s", turns[slowest], bar=LINT_BAR_S, of="ours"),
        median_row(
            f"policy lint, {MAX_BYTES >> 10} KB: {rows:,} rows of each table", "s", largest, bar=LINT_BAR_S, of="ours"
        ),
    ]


def _largest(file: Path) -> int:
    """Write the largest valid file; how many rows more each of its tables has."""
    text = (POLICIES / "a.toml").read_text()
    rows = (MAX_BYTES - len(text.encode())) // len(ROW_OF_EACH.format(n="0000"))
    file.write_text(text + "".join(ROW_OF_EACH.format(n=number) for number in range(rows)))
    return rows


def measure(repeat: int) -> list[Row]:
    """A row for each policy file of the tests, and one beside a SHA-256 of the picture that it is asked about."""
    first = _questions(first_policy())
    _each_us(first)
    turns = [(_each_us(first), _sha256_us(PICTURE_BYTES)) for _ in range(repeat)]
    rows = [
        median_row(
            "a decision, of every act by everybody, beside a SHA-256 of one picture", "µs", turns, bar=BAR_SHA256
        )
    ]
    for path in sorted(POLICIES.glob("*.toml")):
        asked = _questions(Policy(read_file(path)[0]))
        _each_us(asked)
        pairs = [(_each_us(asked), _each_us(first)) for _ in range(repeat)]
        rows.append(
            median_row(f"a decision under policy {path.stem}, beside the first library's", "µs", pairs, bar=BAR)
        )
    say(f"{len(first):,} questions of the first library's")
    return rows + lint_rows(repeat)
