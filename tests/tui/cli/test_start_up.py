"""What a command loads before it does anything: its own module, and none of those that only others need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from holdshelf_tui import cli
from holdshelf_tui.cli import tree
from holdshelf_tui.cli.app import app
from tests.tui.cli.test_driver import commands_of, here

ANSWERS = """
import sys
from holdshelf_tui.cli import main
sys.argv = ["holdshelf", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
SERVES = "import sys, holdshelf_tui.cli.serve, holdshelf_core.app; print(*sys.modules, file=sys.stderr)"
HEAVY = {"PIL", "aiohttp", "apscheduler", "asyncio", "av", "cryptography", "numpy", "rich", "textual", "typst"}
COMMAND_LINE = {"click", "pydantic", "typer"}
WHOLE: Any = commands_of(app)


def loaded(script: str, *words: str | Path) -> set[str]:
    """All modules that a new process has at its end."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(done.stderr.splitlines()[-1].split())


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("words", "own"),
    [
        ("--version", set()),
        ("nosuch", set()),
        ("status", {"service"}),
        ("status --help", {"service"}),
        ("footage list", {"footage", "service"}),
        ("hold list", {"hold", "service"}),
    ],
)
def test_a_command_loads_its_own_module(words: str, own: set[str], tmp_path: Path) -> None:
    modules = loaded(ANSWERS, *words.split(), *(["--data", tmp_path] if words[0] != "-" and own else []))
    with_commands = {f"holdshelf_tui.cli.{module}" for module in tree.MODULES.values()}
    assert "holdshelf_tui.cli.tree" in modules
    assert modules & with_commands == {f"holdshelf_tui.cli.{module}" for module in own}
    assert packages(modules) & HEAVY == set()
    assert "holdshelf_tui.papers.catalogue" not in modules


def test_help_of_the_whole_loads_every_command() -> None:
    modules = loaded(ANSWERS, "--help")
    assert {f"holdshelf_tui.cli.{module}" for module in tree.MODULES.values()} <= modules


def test_the_service_is_started_without_the_command_line() -> None:
    modules = loaded(SERVES)
    assert "holdshelf_core.app" in modules
    assert packages(modules) & (COMMAND_LINE | {"PIL", "av", "numpy", "rich", "textual"}) == set()


def test_a_service_that_cannot_start_says_so_in_one_sentence(tmp_path: Path) -> None:
    words = [
        "--no-door",
        "--mint-fd",
        "30",
        "--ready-fd",
        "31",
        "--sessions-fd",
        "32",
        "--data",
        str(tmp_path / "none"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "holdshelf_tui.cli.serve", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("holdshelf: ") and "holdshelf init" in done.stderr
    assert done.stderr.count("\n") == 1


# --- the table ---------------------------------------------------------------------------------------------------


def with_roots() -> Iterator[tuple[str, typer.Typer]]:
    """Each module that adds something to `holdshelf` itself, and what it adds it to."""
    for file in sorted(Path(cli.__path__[0]).glob("*.py")):
        if not file.name.startswith("__"):
            module = import_module(f"holdshelf_tui.cli.{file.stem}")
            if isinstance(root := getattr(module, "root", None), typer.Typer):
                yield file.stem, root


def test_the_table_has_every_command_by_the_name_that_its_module_gives_it() -> None:
    by_module = {(name, module) for module, root in with_roots() for name in tree.registered(root)}
    assert by_module == set(tree.MODULES.items())


def test_the_tree_that_is_typed_is_the_whole_one() -> None:
    def names(command: Any) -> Any:
        inner = getattr(command, "commands", None)
        return (command.name, command.help) if inner is None else [(name, names(one)) for name, one in inner.items()]

    assert names(typer.main.get_command(tree.holdshelf)) == names(WHOLE)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("status --nosuch", {"status"}),
        ("camera add --nosuch", {"add"}),
        ("camera --help", set(WHOLE.commands["camera"].commands)),
        ("camera nosuch", set()),
        ("", {name for name, one in WHOLE.commands.items() if not hasattr(one, "commands")}),
        ("nosuch", set()),
        ("--version status", set()),
    ],
)
def test_a_command_does_not_wait_for_the_others_to_be_looked_into(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, found: set[str]
) -> None:
    made: list[str] = []
    look_into = tree.get_command_from_info

    def noted(info: typer.models.CommandInfo, **more: Any) -> Any:
        made.append(tree.name_of(info))
        return look_into(info, **more)

    monkeypatch.setattr(tree, "get_command_from_info", noted)
    here(capsys, monkeypatch, *words.split())
    assert set(made) == found


def test_a_name_typed_wrong_is_answered_with_names_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Did you mean 'status'" in here(capsys, monkeypatch, "statsu").err
    assert "Did you mean 'list'" in here(capsys, monkeypatch, "camera", "lits").err
