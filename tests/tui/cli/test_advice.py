"""Each command that Holdshelf itself advises, in an error, a repair, a paper, a help text or on a screen, is one that it takes.

They are found in the source: every string that is not a docstring, with what is put in as it runs replaced by a word. What
they do as root in another account's data is tried in test_accounts.py, where whatever writes is refused.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.alerts.allowed import KINDS
from holdshelf_tui.cli.app import app
from tests.tui.cli.test_driver import commands_of

ROOT = Path(__file__).parents[3]
PACKAGES = ("core", "storage", "onvif", "tui")
PUT_IN = "PUTIN"
"""Stands for what a format string or a template fills in."""
VALUES = {"--from": "14:00", "--to": "15:00", "--camera": "lobby"}


@dataclass(frozen=True)
class Advice:
    """One command as it is advised. ``is_example``: of a help text, to be typed as it stands."""

    line: str
    where: str
    is_example: bool


def strings(file: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each string that is no docstring; of a format string the whole, and never its parts by themselves.
    None of a file that nowhere names the program."""
    source = file.read_text()
    if "holdshelf " not in source:
        return
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    skipped = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    skipped |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, re.sub(r"\{\w+\}", PUT_IN, node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else PUT_IN for part in node.values)
            yield node.lineno, "".join(parts)


def advised() -> list[Advice]:
    found: dict[str, Advice] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for number, text in strings(file):
                where = f"{file.relative_to(ROOT)}:{number}"
                for line in re.findall(r"`(?:runuser -u \w+ -- )?(holdshelf [^`]*)`", text):
                    found.setdefault(line, Advice(line, where, False))
                for line in re.findall(r"^Example: (holdshelf .*)$", text):
                    found.setdefault(line, Advice(line, where, PUT_IN not in line))
    return list(found.values())


@pytest.fixture(scope="module")
def all_advice() -> list[Advice]:
    """No list to parametrize by: each worker would read the whole product before its first test."""
    return advised()


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and the words after it."""
    command: Any = commands_of(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    if words[:1] != ["--help"] and (default := getattr(command, "default_command", "")):
        command = command.commands[default]
    return command, words


def problem_of(advice: Advice) -> str:
    """Why it would not be taken as it stands; '' when it would."""
    line = re.split(r"\s(?:[>|]|\|\|)\s", advice.line)[0]
    words = shlex.split(line)[1:]
    goes_on = "…" in words
    if words[0] == PUT_IN:
        return ""  # the command itself is put in: its own place is looked at
    command, rest = command_of(words)
    if hasattr(command, "commands"):
        if rest and rest[0].startswith(PUT_IN):
            return ""
        return "" if rest and rest[0] == "--help" else f"{line} names no command"
    pairs = zip(["", *rest], rest, strict=False)
    given = [VALUES.get(before, word) if PUT_IN in word else word for before, word in pairs]
    said = refusal_of(command, given)
    if goes_on and said:  # it stood for more words, and not for one
        said = refusal_of(command, [word for word in given if word != "…"])
    # What is put in may stand for an option with its value, or for a word of a choice. And a command alone, or one that goes
    # on (…), is the name of what to use: `--help` tells the rest.
    names_it = not advice.is_example and (goes_on or not rest or PUT_IN in rest)
    if said.startswith("MissingParameter") and names_it:
        return ""
    if PUT_IN in "".join(rest) and (said.startswith("BadParameter") or "unexpected extra argument" in said):
        return ""
    return said and f"{line}: {said}"


def refusal_of(command: Any, words: list[str]) -> str:
    """What the parser says against these words, '' nothing. Nothing is run."""
    try:
        command.make_context("holdshelf", list(words), resilient_parsing="--help" in words)
    except Exception as error:  # of whichever class the parser's library has
        told = getattr(error, "format_message", None)
        return f"{type(error).__name__}: {told() if told is not None else error}"
    return ""


def test_they_are_all_looked_at(all_advice: list[Advice]) -> None:
    assert len(all_advice) > 170
    assert {advice.where.split("/")[0] for advice in all_advice} >= {"core", "storage", "tui"}


def test_what_is_advised_is_taken(all_advice: list[Advice]) -> None:
    assert [(problem, advice.where) for advice in all_advice if (problem := problem_of(advice))] == []


def test_advice_that_is_not_taken_is_found() -> None:
    """This test would tell: a command that is gone, an option that never was, a value that is missing."""
    for line, words in (
        ("holdshelf footage erase --all", "names no command"),
        ("holdshelf log show --everything", "No such option"),
        ("holdshelf clock confirm --yes", "--why"),
        ("holdshelf hold show H-1 H-2", "unexpected"),
    ):
        assert words in problem_of(Advice(line, "here", False)), line


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_command_that_an_alert_ends_with_is_one(kind: str) -> None:
    command: Any = commands_of(app)
    words = shlex.split(KINDS[kind].next_step)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), KINDS[kind].next_step
