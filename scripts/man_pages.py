"""The manual's pages from the commands' own help: `man holdshelf`, and `man holdshelf-camera` for each command and group.

`python scripts/man_pages.py FOLDER` writes them there (section 1). Nothing is told here that `--help` does not tell.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from holdshelf_core.version import VERSION
from holdshelf_tui.cli.app import app
from holdshelf_tui.cli.command import help_rows

NAME = "holdshelf"
FILES = (
    (".I /var/lib/holdshelf", "the data folder: state, and the footage in its folder media"),
    (".I /usr/share/doc/holdshelf", "the guide (operate.md) and the other documents"),
)


def escaped(text: str) -> str:
    """As roff takes it: hyphens that can be searched for, no line that begins with a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in plain.split("\n"))


def paragraphs(text: str) -> str:
    """Paragraphs of a help text, each filled."""
    parts = [" ".join(part.replace("\b", "").split()) for part in text.split("\n\n")]
    return "\n.PP\n".join(escaped(part) for part in parts if part)


def options(command: Any, context: Any) -> Iterator[str]:
    """A command's arguments and options, as its help lists them."""
    for arguments in (True, False):
        for typed, told in help_rows(command, context, arguments=arguments):
            yield f".TP\n.B {escaped(typed)}\n{escaped(' '.join(told.split()))}"


def body(command: Any, context: Any) -> Iterator[str]:
    """What one command does, what it takes, and its example."""
    yield f".PP\n.B {escaped(usage(command, context))}"
    yield ".PP\n" + paragraphs(command.help or command.short_help or "")
    yield from options(command, context)
    if command.epilog:
        yield ".PP\n" + paragraphs(command.epilog)


def usage(command: Any, context: Any) -> str:
    """How it is typed, in one line."""
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def commands(group: Any, context: Any) -> list[tuple[Any, Any]]:
    """The commands of a group that its help lists, each with a context of its own."""
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            found.append((command, type(context)(command, info_name=name, parent=context)))
    return found


def leaves(group: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    """The commands below a group, those of the groups in it included."""
    for command, inner in commands(group, context):
        if hasattr(command, "list_commands"):
            yield from leaves(command, inner)
        else:
            yield command, inner


def title(page: str) -> str:
    """The first lines of a page."""
    return f'.TH {escaped(page.upper())} 1 "" "Holdshelf {VERSION}" "Holdshelf"'


def page(command: Any, context: Any) -> str:
    """One command, or a group with all of its commands."""
    name = context.command_path.replace(" ", "-")
    short = command.get_short_help_str(limit=200).rstrip(".")
    lines = [title(name), f".SH NAME\n{escaped(name)} \\- {escaped(short)}"]
    if not hasattr(command, "list_commands"):
        lines += [".SH DESCRIPTION", *body(command, context)]
    else:
        lines += [".SH DESCRIPTION", ".PP\n" + paragraphs(command.help or "")]
        for one, inner in leaves(command, context):
            lines += [f".SS {escaped(inner.command_path)}", *body(one, inner)]
    return "\n".join([*lines, f".SH SEE ALSO\n.BR {NAME} (1)", ""])


def first_page(root: Any, context: Any) -> str:
    """The page of the program itself."""
    lines = [
        title(NAME),
        f".SH NAME\n{NAME} \\- recording server for the cameras of a public library",
        f".SH SYNOPSIS\n.B {escaped(usage(root, context))}",
        ".SH DESCRIPTION\n" + paragraphs(root.help or ""),
        *options(root, context),
        ".SH COMMANDS",
    ]
    for one, inner in commands(root, context):
        short = escaped(one.get_short_help_str(limit=200))
        lines.append(f".TP\n.BR {escaped(inner.command_path.replace(' ', '-'))} (1)\n{short}")
    lines.append(".SH FILES")
    lines += [f".TP\n{place}\n{escaped(what)}" for place, what in FILES]
    return "\n".join([*lines, ""])


def write(folder: Path) -> list[Path]:
    """Write all pages into ``folder``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    root = typer.main.get_command(app)
    context = root.make_context(NAME, ["--help"], resilient_parsing=True)
    pages = {NAME: first_page(root, context)}
    pages |= {inner.command_path.replace(" ", "-"): page(one, inner) for one, inner in commands(root, context)}
    paths = []
    for name, text in pages.items():
        paths.append(folder / f"{name}.1")
        paths[-1].write_text(text, encoding="utf-8")
    return paths


if __name__ == "__main__":
    write(Path(sys.argv[1]))
