"""Each repair that core and the ONVIF integration can raise says one sentence and one next step, wherever it is raised."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from holdshelf_core.integration import reasons
from holdshelf_onvif import strings

ROOT = Path(__file__).parents[3]
PACKAGES = (ROOT / "core" / "holdshelf_core", ROOT / "onvif" / "holdshelf_onvif")
CREATES = "async_create"
"""The function that raises one."""

# Calls whose answer is (sentence, next step), and is proved whole below or in tests/onvif.
WHOLE_PAIRS = {"advise", "_advise", "advise_backfill"}
WHOLE_WORDS = {"issue"}
"""``strings.issue(…)``: ``.sentence`` and ``.next_step`` of what strings.json holds."""
WHOLE_ERRORS = {"NotAsAnchored"}
"""Errors that are caught by their class, and that are proved below to say both, wherever they are made."""


class Raised:
    """One place in which a repair is raised, within its function."""

    def __init__(self, file: Path, function: ast.AST, call: ast.Call) -> None:
        self.where = f"{file.name}:{call.lineno}"
        self._function, self._call = function, call
        self.said = {keyword.arg: keyword.value for keyword in call.keywords}
        self.issue = call.args[0] if call.args else None

    def certain(self, node: ast.expr) -> bool:
        """Whether this expression is words, whatever happens."""
        match node:
            case ast.Constant(value=str() as text):
                return bool(text.strip())
            case ast.JoinedStr():
                return any(self.certain(part) for part in node.values)
            case ast.FormattedValue(value=ast.Call(func=ast.Name(id="own_board"), args=[text])):
                return self.certain(text)  # the same sentence, in the library's word for its Board
            case ast.IfExp():
                return self.certain(node.body) and self.certain(node.orelse)
            case ast.BoolOp(op=ast.Or()):
                return self.certain(node.values[-1])
            case ast.BinOp(op=ast.Add()):
                return self.certain(node.left) or self.certain(node.right)
            case ast.Attribute(value=ast.Name(id=name), attr="sentence" | "next_step"):
                return (
                    self._is_whole_error(name)
                    or self._is_handed_words(name)
                    or (
                        all(self._is_call(value, WHOLE_WORDS) for value in self._values(name))
                        and bool(self._values(name))
                    )
                )
            case ast.Name(id=name):
                values = self._values(name)
                return bool(values) and all(
                    self._is_call(value, WHOLE_PAIRS) or self.certain(value) for value in values
                )
        return False

    def _is_call(self, node: ast.expr, names: set[str]) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = node.func
        return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in names

    def _is_whole_error(self, name: str) -> bool:
        """Whether the name is that of such an error, caught around this place."""
        return any(
            isinstance(node, ast.ExceptHandler)
            and node.name == name
            and isinstance(node.type, ast.Name)
            and node.type.id in WHOLE_ERRORS
            and any(inner is self._call for inner in ast.walk(node))
            for node in ast.walk(self._function)
        )

    def _is_handed_words(self, name: str) -> bool:
        """Whether the name is a parameter that takes nothing but what ``strings`` made."""
        assert isinstance(self._function, ast.FunctionDef | ast.AsyncFunctionDef)
        of = self._function.args
        return any(
            each.arg == name and each.annotation is not None and ast.unparse(each.annotation) == "strings.Words"
            for each in (*of.posonlyargs, *of.args, *of.kwonlyargs)
        )

    def _values(self, name: str) -> list[ast.expr]:
        """What is ever assigned to a name in the function; a pair that is taken apart stands for each of its parts."""
        found = []
        for node in ast.walk(self._function):
            if isinstance(node, ast.Assign) and any(
                isinstance(part, ast.Name) and part.id == name for target in node.targets for part in ast.walk(target)
            ):
                found.append(node.value)
        return found


def raised() -> list[Raised]:
    found = []
    for package in PACKAGES:
        for file in sorted(package.rglob("*.py")):
            source = file.read_text()
            if CREATES not in source:  # every worker reads all files before its first test
                continue
            for function in ast.walk(ast.parse(source)):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    found += [
                        Raised(file, function, call)
                        for call in ast.walk(function)
                        if isinstance(call, ast.Call)
                        and isinstance(call.func, ast.Attribute)
                        and call.func.attr == CREATES
                    ]
    return found


RAISED = raised()

# Sentences that another part made, each in words of its own: the error of a disk, a log or a register; the note of a flag.
TOLD_BY_OTHERS = {
    "app.py": {"self._register.problem"},
    "anchoring.py": {"step"},  # of two that are written out at its beginning
    "age.py": {"sentence"},  # of `_sentence`, which has one for each case
    "children.py": {"child.sentence()", "STEP"},  # of `_all`, which has one for each kind of process
    "store.py": {"problem"},
    "holds.py": {"sentence"},
    "locked_out.py": {"sentence", "step"},  # of tuples that are written out above it
    "witnesses.py": {
        "asked.sentence"
    },  # of a witness that did not sign: `_Refused` and `NotAnswered` are raised with words
    "losses.py": {"loss.cause.next_step"},
    "older_state.py": {"reviews[-1].note"},
    "register_care.py": {"sentence(house.differences, house.by_log or Rows())", "NEXT_STEP"},
    "commissioning.py": {"sentence", "step"},  # from tables whose rows are looked at below
    "checklist.py": {"sentence", "step"},
}


def test_all_places_are_looked_at() -> None:
    assert len(RAISED) >= 28, "if some went, say so here"
    assert {place.where.partition(":")[0] for place in RAISED} >= {
        "recorder.py",
        "entries.py",
        "repairs.py",
        "authorizer.py",
    }


@pytest.mark.parametrize("place", RAISED, ids=lambda place: place.where)
def test_a_repair_says_what_is_wrong_and_one_next_step(place: Raised) -> None:
    others = TOLD_BY_OTHERS.get(place.where.partition(":")[0], set())
    for part in ("sentence", "next_step"):
        value = place.said.get(part)
        assert value is not None, f"{place.where} says no {part}"
        shown = ast.unparse(value)
        passed_on = shown in others or shown in {f"str({other})" for other in others}
        assert place.certain(value) or passed_on, f"{place.where}: {part} may be empty: {shown}"


@pytest.mark.parametrize(
    ("file", "functions", "least"),
    [
        ("cameras/commissioning.py", ("async_raise_repairs", "_sign_repair"), 5),
        ("cameras/checklist.py", ("_defects", "_due"), 4),
    ],
)
def test_what_waits_for_a_seat_says_both(file: str, functions: tuple[str, ...], least: int) -> None:
    """Tables of repairs: every tuple that ends in words ends in a sentence and a step."""
    tree = ast.parse((PACKAGES[0] / file).read_text())
    rows = 0
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name in functions:
            place = Raised(Path(file), function, ast.Call(ast.Name("x"), [], [], lineno=0))
            for node in ast.walk(function):
                kept = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
                if not (kept or isinstance(node, ast.Return)) or not isinstance(node.value, ast.Tuple):
                    continue
                words = [part for part in node.value.elts[-2:] if not isinstance(part, ast.Starred)]
                if len(words) == 2:
                    rows += 1
                    assert all(place.certain(part) for part in words), ast.unparse(node)
    assert rows >= least


def test_every_reason_for_which_nothing_is_recorded_has_a_sentence_and_a_step() -> None:
    known = [value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)]
    assert len(known) > 20
    for reason in [*known, "something new"]:
        sentence, step = reasons.advise(reason, name="Door", camera_id="door")
        assert sentence.endswith(".") and step.endswith((".", ").")), reason
        assert "Door" in sentence and "{" not in sentence + step, reason


@pytest.mark.parametrize("reason", [*reasons._BACKFILL, "something new", ""])
def test_every_reason_for_which_a_gap_is_not_filled_has_a_sentence_and_a_step(reason: str) -> None:
    sentence, step = reasons.advise_backfill(reason, name="Door", camera_id="door")
    assert sentence.endswith(".") and step.endswith(".")
    assert "Door" in sentence and "{" not in sentence + step


def test_an_error_that_is_shown_as_a_repair_says_both_wherever_it_is_made() -> None:
    made: dict[str, int] = dict.fromkeys(WHOLE_ERRORS, 0)
    for package in PACKAGES:
        for file in sorted(package.rglob("*.py")):
            for function in ast.walk(ast.parse(file.read_text())):
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") in WHOLE_ERRORS:
                        made[ast.unparse(call.func)] += 1
                        place = Raised(file, function, call)
                        assert len(call.args) == 2 and all(map(place.certain, call.args)), place.where
    assert all(made.values()), made


def test_every_issue_of_the_onvif_integration_has_a_sentence_and_a_step() -> None:
    for key, words in strings.load()["issues"].items():
        assert words["sentence"].strip().endswith(".") and words["next_step"].strip().endswith("."), key
