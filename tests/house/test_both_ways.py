"""Everything that can be done has a command and a screen. What has only one of the two stands here, with its reason."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from holdshelf_tui.cli.app import app
from tests.every_act import every_act

ROOT = Path(__file__).parents[2]
TERMINAL = ROOT / "tui" / "holdshelf_tui"
COMMAND_ROOMS = ("cli", "papers", "text")
SCREEN_ROOMS = ("screens", "widgets", "session", "papers", "text")

NO_SCREEN = {
    "backup.make": "the file belongs to the account that types the command; a session over SSH has no folder to put it in",
    "offsite.setup": "the store's secret is typed, and the recovery key shown, at the admin's own terminal",
    "offsite.stop": "as set up, at the admin's own terminal",
    "outbox.enter": "SFTP does it, when somebody fetches",
    "outbox.fetch": "SFTP does it, when somebody fetches",
    "paper.take": "the photo is on the person's own PC: SFTP or `paper send` brings it, and each form takes it from there",
}
NO_COMMAND = {
    "outbox.enter": "SFTP does it, when somebody fetches",
    "outbox.fetch": "SFTP does it, when somebody fetches",
}
ANOTHER_WAY = {
    "log.export": "`log export` asks at a route that streams; screens put the same copy into an outbox (outbox.log)",
}
"""Sent by neither as an act, and offered by both."""


class Mentioned(ast.NodeVisitor):
    """The names that code uses. What is only said of a type, in an annotation, is not used."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.names.add(node.attr)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        del node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args, *node.body):
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef


def uses(files: Iterable[Path]) -> dict[str, set[str]]:
    """By the name of each function, class and value of these modules: the names that it uses."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for node in ast.parse(file.read_text()).body:
            mentioned = Mentioned()
            mentioned.visit(node)
            for name in names_of(node):
                found[name] |= mentioned.names
    return found


def names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def reached(roots: Iterable[str], graph: dict[str, set[str]]) -> set[str]:
    """Every name that is used from these on. By names alone: it may reach too much, never too little."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen


def modules(*rooms: str) -> list[Path]:
    # `tui` is the command that opens the screens: through it, each screen would count as a command.
    found = [file for room in rooms for file in sorted((TERMINAL / room).rglob("*.py")) if file.name != "tui.py"]
    return (
        [*found, TERMINAL / "session" / "paper_upload.py"] if "session" not in rooms else found
    )  # the door's, and a command's


def commands() -> Iterator[str]:
    """The function behind each command, of the tree that is typed."""
    waiting = [app]
    while waiting:
        group = waiting.pop()
        yield from (command.callback.__name__ for command in group.registered_commands if command.callback is not None)
        waiting += [inner.typer_instance for inner in group.registered_groups if inner.typer_instance is not None]


def panes() -> set[str]:
    """Every tab that somebody has, and what stands around the tabs."""
    (tabs,) = (
        node
        for node in ast.parse((TERMINAL / "screens" / "tabs.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "panes_for"
    )
    mentioned = Mentioned()
    mentioned.visit(tabs)
    return {name for name in mentioned.names if name.endswith("Pane")} | {"HomeScreen", "HoldshelfApp"}


def unsent(sent: set[str]) -> set[str]:
    """Acts of the service whose request is not among these names."""
    return {act.name for act in every_act().all() if act.request.__name__ not in sent} - set(ANOTHER_WAY)


def test_each_act_is_sent_by_a_command() -> None:
    assert unsent(reached(commands(), uses(modules(*COMMAND_ROOMS)))) == set(NO_COMMAND)


def test_each_act_is_sent_by_a_screen() -> None:
    graph = uses([*modules(*SCREEN_ROOMS), TERMINAL / "app.py"])
    assert unsent(reached(panes(), graph)) == set(NO_SCREEN)


def test_what_is_left_out_exists_and_is_told_why() -> None:
    known = {act.name for act in every_act().all()}
    for listed in (NO_SCREEN, NO_COMMAND, ANOTHER_WAY):
        assert set(listed) <= known
        assert all(len(why.split()) > 5 for why in listed.values())
    sftp = "".join((TERMINAL / "ssh" / name).read_text() for name in ("children/sftp_server.py", "children/sftp.py"))
    assert "OutboxEnter" in sftp and "OutboxFetchAsk" in sftp


def test_a_dead_function_counts_for_nothing(tmp_path: Path) -> None:
    module = tmp_path / "some.py"
    module.write_text(
        "def used(row: Typed):\n    return helper()\ndef helper():\n    return Sent(1)\ndef dead():\n    Lost()\n"
    )
    names = reached(["used"], uses([module]))
    assert "Sent" in names and not {"Typed", "Lost"} & names
