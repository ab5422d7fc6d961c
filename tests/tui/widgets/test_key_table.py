"""One key means one thing on all screens: every binding is in one table, by its meaning. And what all screens look like."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import holdshelf_tui
from holdshelf_tui.screens.list_pane import ListPane
from holdshelf_tui.text.people import last_day
from holdshelf_tui.text.time_format import NS, clock, day, when
from holdshelf_tui.widgets import key_table

ROOT = Path(holdshelf_tui.__file__).parent
SCREENS = [path for room in ("screens", "widgets") for path in (ROOT / room).rglob("*.py")] + [ROOT / "app.py"]
KNOWN = {*key_table.MEANINGS, *key_table.SAME, *key_table.TABS, *key_table.MOVING}
LATE_UTC_NS = 1_798_736_400 * NS + 59 * 60 * NS
"""Late in a December: each part of a time is as long as it gets."""


def classes() -> Iterator[type[DOMNode]]:
    """Everything of the program that can have keys."""
    for found in pkgutil.walk_packages(holdshelf_tui.__path__, "holdshelf_tui."):
        if found.name.startswith(("holdshelf_tui.screens", "holdshelf_tui.widgets", "holdshelf_tui.app")):
            module = importlib.import_module(found.name)
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if issubclass(kind, DOMNode) and kind.__module__ == module.__name__:
                    yield kind


def bindings() -> list[tuple[str, Binding]]:
    """(class, key by key)."""
    return [
        (kind.__name__, one) for kind in classes() for one in Binding.make_bindings(kind.__dict__.get("BINDINGS", []))
    ]


def test_every_key_of_the_program_is_in_the_table() -> None:
    found = bindings()
    assert len(found) > 100
    assert [(where, one.key) for where, one in found if one.key not in KNOWN] == []


def test_a_key_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="already means: Approve"):
        key_table._key("a", "Appoint")
    used = {one.key for _, one in bindings()}
    named = {key for key in key_table.MEANINGS if key not in used}
    assert named == {"ctrl+p"}, "what nobody binds has no place in the table; Ctrl+P is Textual's own"


def test_keys_are_named_by_their_meaning_and_not_by_their_letter() -> None:
    """Else a letter that the table has could be given a second meaning."""
    bad = []
    for path in SCREENS:
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            given = [word.value for word in call.keywords if word.arg == "key"]
            given += call.args[:1] if name in ("Binding", "_shown", "_extra") else []
            bad += [
                f"{path.name}:{one.lineno}: {one.value}"
                for one in given
                if isinstance(one, ast.Constant)
                and set(str(one.value).split(",")) - {*key_table.MOVING, *key_table.SAME}
            ]
    assert bad == []


def test_the_document_prints_the_table() -> None:
    text = (ROOT.parents[1] / "docs" / "terminal.md").read_text()
    signs = {key: key_table.sign(key).replace("|", r"\|") for key in key_table.MEANINGS}
    lines = [f"| {signs[key]} | {means} |" for key, means in key_table.MEANINGS.items()]
    assert "\n".join(lines) in text, "\n".join(lines)


def test_all_dialogs_have_one_look_of_buttons() -> None:
    for path in (ROOT / "screens").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "Button":
                words = {word.arg: word.value for word in call.keywords}
                compact = words.get("compact")
                assert isinstance(compact, ast.Constant) and compact.value is True, f"{path.name}:{call.lineno}"


def test_no_column_cuts_a_time_at_80_columns() -> None:
    longest = {
        "When": [when(LATE_UTC_NS)],
        "Last day": [last_day(LATE_UTC_NS), last_day(None)],
        "From": [day(LATE_UTC_NS) + ", " + clock(LATE_UTC_NS, seconds=False)],
        "To": [clock(LATE_UTC_NS, seconds=False)],
        "Until": [last_day(LATE_UTC_NS)],
        "Expires": [last_day(LATE_UTC_NS)],
        "Oldest": [when(LATE_UTC_NS)],
        "Next": [clock(LATE_UTC_NS, seconds=False)],
        "Review": ["! due Dec 31", "Dec 31, 2026"],
        "Asked": ["Dec 31"],
    }
    seen = set()
    for kind in classes():
        if not issubclass(kind, ListPane) or "COLUMNS" not in kind.__dict__:
            continue
        for part, columns in kind.COLUMNS.items():
            fitted = columns.fitted(78)
            assert sum(fitted.values()) + len(fitted) <= 78, f"{kind.__name__} {part}: wider than 80 columns"
            for title, texts in longest.items():
                if title in fitted and (kind.__name__, part, title) not in EXCUSED:
                    seen.add(title)
                    if title in columns.whole:  # it grows with what it shows: test_listing
                        continue
                    assert fitted[title] >= max(map(len, texts)), f"{kind.__name__} {part}: {title}"
    assert seen == set(longest)


EXCUSED = {
    ("LogPane", "entries", "When"),  # 'Dec 31, 12:59:59 pm': of this year, to the second
    ("PeoplePane", "seats", "From"),  # a day alone
}
