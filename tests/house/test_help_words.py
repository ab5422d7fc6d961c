"""What every command says of itself: values have names that people use, and what is printed is there as JSON, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_tui.cli.app import app
from holdshelf_tui.cli.command import NAMES, Command
from tests.tui.cli.test_driver import commands_of, run

WITHOUT_JSON = {
    "log proof": "prints the proof itself, as other tools take it",
    "policy draft": "prints the template itself, or writes it to a file",
    "policy words": "prints a table for the policy file itself",
    "policy schema": "prints the schema itself, as editors take it",
    "serve": "runs until it is stopped, and prints nothing that a script waits for",
    "setup": "asks at a terminal, and tells each step as it is done",
    "tui": "draws screens, and prints nothing",
    "witness serve": "runs until it is stopped, and prints nothing that a script waits for",
}
"""Commands without --json, with the reason."""
PYTHON = re.compile(
    r"<|\[\[|[{}]|\b(?:list|tuple|dict)\[|\bNone\b|\b(?:str|int|float|bool|path)\b(?= {2,}|$)", re.MULTILINE
)
VALUE = re.compile(r"[A-Z0-9][A-Z0-9:-]*|[\w./…-]+(?:\|[\w./…-]+)+|FILE\.prom")
"""HOST:PORT, or what may be typed: text|pdf|html."""


def tree(name: str = "holdshelf", command: Any = None, parent: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """(what is typed, the command, its context), of groups too."""
    command = command or commands_of(app)
    context = command.make_context(name.rsplit(maxsplit=1)[-1], [], parent=parent, resilient_parsing=True)
    yield name, command, context
    for word, inner in getattr(command, "commands", {}).items():
        yield from tree(f"{name} {word}", inner, context)


ALL = {name: (command, context) for name, command, context in tree()}
COMMANDS = {name: command for name, (command, _) in ALL.items() if not hasattr(command, "commands")}


def test_the_whole_tree_is_walked() -> None:
    assert len(COMMANDS) > 150
    assert {"holdshelf camera import", "holdshelf alert add mqtt", "holdshelf print hold"} <= set(COMMANDS)


@pytest.mark.parametrize("name", ALL)
def test_help_shows_no_word_of_python(name: str) -> None:
    command, context = ALL[name]
    shown = command.get_help(context).partition("\n  Example:")[0]
    assert not PYTHON.search(shown), f"{PYTHON.findall(shown)} in\n{shown}"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_value_has_a_name(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, Command)
    for param in command.params:
        if not getattr(param, "is_flag", False) and not param.hidden:
            assert VALUE.fullmatch(str(param.metavar)), f"{param.opts}: {param.metavar}"


def test_each_name_is_of_an_option_that_there_is() -> None:
    there = {
        option for command in COMMANDS.values() for param in command.params for option in (*param.opts, param.name)
    }
    assert set(NAMES) - there == set()


def test_what_is_printed_is_there_as_json() -> None:
    lacking = {
        name.removeprefix("holdshelf ")
        for name, command in COMMANDS.items()
        if not any("--json" in param.opts for param in command.params)
    }
    assert lacking == set(WITHOUT_JSON)
    assert all(len(why.split()) > 4 for why in WITHOUT_JSON.values())


def test_help_is_as_a_person_reads_it() -> None:
    told = run("backup", "make", "--help").out
    assert told.startswith("Usage: holdshelf backup make [OPTIONS] [FILE]\n")
    assert "\n  FILE  The new file." in told
    assert "Usage: holdshelf seat end [OPTIONS] SEAT\n" in run("seat", "end", "--help").out
    opening = run("look", "open", "--help").out
    assert "--camera CAMERA " in opening and "--from TIME " in opening
    assert "--at HOST " in run("camera", "discover", "--help").out
    assert "1 to 8" in run("demo", "--help").out


def test_plan_needs_no_data_folder(tmp_path: Path) -> None:
    nowhere = tmp_path / "nothing"
    need = run("plan", "--cameras", "8", "--json", env={"HOLDSHELF_DATA": str(nowhere)})
    assert need.code == 0 and need.json()["disk_bytes"] > 0
    assert not nowhere.exists()
