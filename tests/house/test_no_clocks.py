"""No test depends on how fast the machine is: what must come is waited for by one hang limit, and no duration is asserted.

How fast something is belongs in `bench/`. The limit is `HANG_S` of tests/rig/hang.py. Whoever measures pace or memory, and
needs the machine to itself for it, is marked `alone`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.rig.hang import HANG_S

TESTS = Path(__file__).parents[1]
SHORTEST_S = 5
"""Below this, a limit is the subject of its test, or a pause."""
WAITS = {"timeout", "wait_for", "wait", "join", "result", "until", "communicate"}
"""Calls whose last argument is a limit."""
LIMITS = {"timeout", "timeout_s", "seconds", "wait_s"}
"""Arguments by name that are one."""
CLOCKS = {f"{name}{unit}" for name in ("monotonic", "perf_counter", "process_time", "time") for unit in ("", "_ns")}
BY_ITSELF = {"alone", "soak"}

EXCEPTIONS = {
    "rig/ceph.py: urllib.request.urlopen(self.url, timeout=5)": "one try of many, until START_S",
}
"""What stands for good, each with its reason: `file below tests: line of code`."""


def limits(tree: ast.AST) -> Iterator[ast.expr]:
    """Limits that are written as a number from `SHORTEST_S` to below `HANG_S`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if _name(node.func) in WAITS and node.args:
                yield from _too_short(node.args[-1])
            yield from (short for word in node.keywords if word.arg in LIMITS for short in _too_short(word.value))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _is_clock(node.left):
            yield from _too_short(node.right)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named = node.args.posonlyargs + node.args.args
            given = [*zip(reversed(named), reversed(node.args.defaults), strict=False)]
            given += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            yield from (
                short for each, default in given if each.arg in LIMITS and default for short in _too_short(default)
            )


def durations(tree: ast.Module) -> Iterator[ast.Compare]:
    """Comparisons of measured time with a number, outside tests that have the machine to themselves."""
    if not _is_by_itself(_module_marks(tree)):
        yield from _durations(tree, set())


def _durations(node: ast.AST, measured: set[str]) -> Iterator[ast.Compare]:
    for child in ast.iter_child_nodes(node):
        inner = measured
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if _is_by_itself(child.decorator_list):
                continue
            inner = set()
        if isinstance(child, ast.Assign | ast.NamedExpr) and _is_difference(child.value):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            inner |= {ast.unparse(target) for target in targets}
        if isinstance(child, ast.Compare) and any(_is_bounded(child, inner)):
            yield child
        yield from _durations(child, inner)


def _is_bounded(compared: ast.Compare, measured: set[str]) -> Iterator[bool]:
    """For each of its operators, whether a duration is to be less than a number. To be more than that, no stall prevents."""
    sides = [compared.left, *compared.comparators]
    for left, operator, right in zip(sides, compared.ops, sides[1:], strict=False):
        less, more = (left, right) if isinstance(operator, ast.Lt | ast.LtE) else (right, left)
        if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            yield (_is_difference(less) or ast.unparse(less) in measured) and _is_fixed(more)


def _is_difference(node: ast.expr) -> bool:
    """Of two readings of a clock."""
    parts = [each for each in ast.walk(node) if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Sub)]
    return any(_is_clock(side) for each in parts for side in (each.left, each.right))


def _is_clock(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in CLOCKS and not node.args


def _too_short(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant) and type(node.value) in {int, float} and SHORTEST_S <= node.value < HANG_S:
        yield node


def _is_fixed(node: ast.expr) -> bool:
    """A number, or made of numbers and constants of a module. The hang limit is no promise."""
    parts = [each for each in ast.walk(node) if isinstance(each, ast.expr)]
    return all(
        isinstance(each, ast.Constant | ast.BinOp)
        or (isinstance(each, ast.Name) and each.id.isupper() and each.id != "HANG_S")
        for each in parts
    )


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _module_marks(tree: ast.Module) -> list[ast.expr]:
    return [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]


def _is_by_itself(marks: list[ast.expr]) -> bool:
    return any(_name(part) in BY_ITSELF for mark in marks for part in ast.walk(mark) if isinstance(part, ast.Attribute))


def found(find: Callable[[ast.Module], Iterable[ast.expr]], path: Path) -> list[str]:
    """`file:line` and the code of what is found, without `EXCEPTIONS`."""
    name, text = str(path.relative_to(TESTS)), path.read_text()
    lines = text.splitlines()
    return [
        f"{name}:{at.lineno}: {lines[at.lineno - 1].strip()}"
        for at in find(ast.parse(text))
        if not any(
            one.partition(": ")[0] == name and one.partition(": ")[2] in lines[at.lineno - 1] for one in EXCEPTIONS
        )
    ]


FILES = [path for path in sorted(TESTS.rglob("*.py")) if path.name != Path(__file__).name]


def test_what_must_come_is_waited_for_as_long_as_HANG_S_says() -> None:
    assert [line for path in FILES for line in found(limits, path)] == []


def test_no_test_says_how_long_something_takes_but_in_bench() -> None:
    files = [path for path in FILES if path.relative_to(TESTS).parts[0] != "rig"]
    assert [line for path in files for line in found(durations, path)] == []


def test_every_exception_is_still_there() -> None:
    for one in EXCEPTIONS:
        file, _, code = one.partition(": ")
        assert code in (TESTS / file).read_text(), one


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("async with asyncio.timeout(30): pass", 1),
        ("await asyncio.wait_for(task, 5.5)", 1),
        ("process.wait(20); thread.join(30); future.result(10)", 3),
        ("subprocess.run(words, timeout=30)", 1),
        ("def until(what, seconds=20.0, *, timeout_s=8): pass", 2),
        ("deadline = time.monotonic() + 20", 1),
        ("process.wait(HANG_S); thread.join(); asyncio.timeout(0.1); run(timeout=120)", 0),
        ("', '.join(words); sleep(30)", 0),
    ],
)
def test_short_limits_are_found(code: str, short: int) -> None:
    assert len(list(limits(ast.parse(code)))) == short


@pytest.mark.parametrize(
    ("code", "promises"),
    [
        ("assert time.monotonic() - began < 5", 1),
        ("def test_it():\n    took_s = time.perf_counter() - began\n    assert 0.1 < took_s <= LIMIT_S", 1),
        ("assert 2 * LIMIT_S > time.process_time() - began", 1),
        ("while (took_s := time.monotonic() - began) < 2: pass", 1),
        ("assert abs(seen_ns - time.time_ns()) < 10e9", 1),
        ("assert time.monotonic() - began > 5; assert count <= 4 * (time.monotonic() - began)", 0),
        ("@pytest.mark.alone\ndef test_it(): assert time.monotonic() - began < 5", 0),
        ("pytestmark = [pytest.mark.soak]\nassert time.monotonic() - began < 5", 0),
    ],
)
def test_promises_of_duration_are_found(code: str, promises: int) -> None:
    assert len(list(durations(ast.parse(code)))) == promises
