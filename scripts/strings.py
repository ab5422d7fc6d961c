"""Prints every string that a person may read, each once, with where it stands, so that all can be read aloud in one go.

    python scripts/strings.py                     the whole list
    python scripts/strings.py --only errors       one group of it
    python scripts/strings.py --changed COMMIT    what that commit did not have yet

The groups are where a string is seen. A string counts when it is passed to what a person reads (an error, a repair, a command's
help, a label), or when it reads like words: it has a space or ends a sentence, and is no log line, pattern, query or style.
What a format string puts in is shown as written: ``{name}``.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "storage", "onvif", "tui")
ROOM_GROUPS = (
    ("tui/holdshelf_tui/screens/", "screens"),
    ("tui/holdshelf_tui/widgets/", "screens"),
    ("tui/holdshelf_tui/session/", "screens"),
    ("tui/holdshelf_tui/text/", "words"),
    ("tui/holdshelf_tui/papers/", "papers"),
    ("tui/holdshelf_tui/cli/", "command output"),
    ("tui/", "terminal"),
)
GROUPS = ("errors", "repairs", "command help", "command output", "screens", "terminal", "words", "papers", "core")
ERROR_BASES = {"HoldshelfError", "StorageError", "Refused", "Refusal"}
REPAIR_CALLS = {"Repair", "async_create"}
HELP_CALLS = {"Option", "Argument", "Typer"}
LABEL_CALLS = {
    "Binding",
    "Button",
    "Static",
    "Label",
    "Input",
    "Tab",
    "TabPane",
    "Checkbox",
    "Select",
    "notify",
    "tell",
}
LABEL_KEYWORDS = {
    "help",
    "epilog",
    "label",
    "tooltip",
    "title",
    "placeholder",
    "sentence",
    "next_step",
    "who",
    "metavar",
}
SILENT_CALLS = re.compile(r"^(_?log|_?logger|_?LOGGER|logging|re|struct|warnings)\.")
SILENT_NAMES = re.compile(r"(^|_)(CSS|SQL|PATTERN|REGEX|RE)(_|$)|^DEFAULT_CSS$|^__all__$")
SILENT_ERRORS = {
    "ValueError",
    "TypeError",
    "RuntimeError",
    "AssertionError",
    "KeyError",
    "NotImplementedError",
    "OSError",
}
NOT_WORDS = re.compile(
    r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ALTER|DROP|BEGIN)\b|^[-\w.,:;/\\|=<>%#$&*+^~@!?()\[\]{}\"' ]{0,3}$|^#|^\$"
)


@dataclass(frozen=True)
class Found:
    """One string: the group of where it is seen, its text, and where it is written."""

    group: str
    text: str
    where: str


def error_classes(trees: dict[str, ast.Module]) -> set[str]:
    """The names of all classes that derive, in one step or several, from the product's errors."""
    known = set(ERROR_BASES)
    while True:
        more = {
            node.name
            for tree in trees.values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and any(name_of(base).split(".")[-1] in known for base in node.bases)
        }
        if more <= known:
            return known
        known |= more


def name_of(node: ast.expr) -> str:
    """A dotted name as written, '' for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return name_of(node.func) if isinstance(node, ast.Call) else ""


def text_of(node: ast.expr) -> str | None:
    """The text of a string, with what it puts in as ``{source}``; None when it is no string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (
            "{" + ast.unparse(part.value) + "}"
            if isinstance(part, ast.FormattedValue)
            else str(getattr(part, "value", ""))
            for part in node.values
        )
        return "".join(parts)
    return None


class Reader:
    """Goes through one file and yields its strings. What stands around a string says who sees it."""

    def __init__(self, path: str, errors: set[str]) -> None:
        self._path = path
        self._errors = errors
        self._room = next((group for prefix, group in ROOM_GROUPS if path.startswith(prefix)), "core")

    def read(self, tree: ast.Module) -> Iterator[Found]:
        yield from self._children(tree, self._room, False)

    def _children(self, node: ast.AST, group: str, shown: bool) -> Iterator[Found]:
        for child in ast.iter_child_nodes(node):
            yield from self._visit(child, group, shown)

    def _visit(self, node: ast.AST, group: str, shown: bool) -> Iterator[Found]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from self._function(node, group)
        elif isinstance(node, ast.Call):
            yield from self._call(node, group, shown)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and not any(SILENT_NAMES.search(name_of(target)) for target in targets):
                is_label = any(name_of(target).split(".")[-1].lower() in LABEL_KEYWORDS for target in targets)
                yield from self._visit(node.value, group, shown or is_label)
            if isinstance(node, ast.AnnAssign):
                yield from self._annotation(node.annotation, group)
        elif isinstance(node, ast.expr) and (text := text_of(node)) is not None:
            if self._is_read(text, shown):
                yield Found(group, " ".join(text.split()), f"{self._path}:{node.lineno}")
            for part in getattr(node, "values", ()):
                if isinstance(part, ast.FormattedValue):
                    yield from self._visit(part.value, group, shown)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring, or the words after a constant
        elif isinstance(node, ast.Subscript | ast.Compare):
            yield from self._children(node, group, False)
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            yield from self._children(node, group, shown and not isinstance(node, ast.stmt))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, group: str) -> Iterator[Found]:
        is_command = any(
            name_of(decorator).split(".")[-1] in {"command", "callback"} for decorator in node.decorator_list
        )
        if is_command and (text := ast.get_docstring(node)):
            yield Found("command help", " ".join(text.split()), f"{self._path}:{node.lineno}")
        for decorator in node.decorator_list:
            yield from self._visit(decorator, group, False)
        yield from self._children(node.args, group, False)
        for statement in node.body:
            yield from self._visit(statement, group, False)

    def _annotation(self, node: ast.expr, group: str) -> Iterator[Found]:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                yield from self._call(inner, group, False)

    def _call(self, node: ast.Call, group: str, shown: bool) -> Iterator[Found]:
        name = name_of(node.func)
        last = name.split(".")[-1]
        if SILENT_CALLS.match(name) or last in SILENT_ERRORS:
            return
        if last in self._errors:
            group, shown = "errors", True
        elif last in REPAIR_CALLS:
            group, shown = "repairs", True
        elif last in HELP_CALLS or last in {"command", "callback"}:
            group = "command help"
        shown = shown or last in LABEL_CALLS
        yield from self._visit(node.func, group, False)
        for argument in node.args:
            yield from self._visit(argument, group, shown)
        for keyword in node.keywords:
            seen = keyword.arg in LABEL_KEYWORDS
            yield from self._visit(
                keyword.value, group, seen or (shown and keyword.arg not in {"id", "key", "classes"})
            )

    def _is_read(self, text: str, shown: bool) -> bool:
        words = text.strip()
        if NOT_WORDS.search(words) or not re.search(r"[A-Za-z]{2}", re.sub(r"\{[^}]*\}", "", words)):
            return False
        if shown and re.search(r"[A-Z ]", words):
            return True
        return (" " in words and bool(re.search(r"[a-z]{2}", words))) or bool(re.match(r"^[A-Z][a-z]+\.$", words))


def sources(commit: str = "") -> dict[str, str]:
    """Each product file's text by its path, in the work tree or as that commit had it."""
    if not commit:
        files = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
        return {str(file.relative_to(ROOT)): file.read_text() for file in files}
    paths = git("ls-tree", "-r", "--name-only", commit, "--", *PACKAGES).splitlines()
    return {path: git("show", f"{commit}:{path}") for path in paths if path.endswith(".py")}


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def strings(texts: dict[str, str]) -> list[Found]:
    """Every user-visible string of these files, each text once in its group, in the order of the groups."""
    trees = {path: ast.parse(text) for path, text in texts.items()}
    errors = error_classes(trees)
    once: dict[tuple[str, str], Found] = {}
    for path, tree in trees.items():
        for found in Reader(path, errors).read(tree):
            once.setdefault((found.group, found.text), found)
    return sorted(once.values(), key=lambda found: GROUPS.index(found.group))


def main() -> None:
    parser = argparse.ArgumentParser(description="Print every string that a person may read.")
    parser.add_argument("--only", choices=GROUPS, help="only this group")
    parser.add_argument("--changed", metavar="COMMIT", help="only strings that this commit does not have")
    asked = parser.parse_args()
    found = [one for one in strings(sources()) if asked.only in (None, one.group)]
    if asked.changed:
        before = {(one.group, one.text) for one in strings(sources(asked.changed))}
        found = [one for one in found if (one.group, one.text) not in before]
    group = ""
    for one in found:
        if one.group != group:
            group = one.group
            print(f"\n== {group} ({sum(other.group == group for other in found)})")
        print(f"{one.where}: {one.text}")
    print(f"\n{len(found)} strings")


if __name__ == "__main__":
    main()
