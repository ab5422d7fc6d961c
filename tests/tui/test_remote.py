"""What a person types over SSH: two shells read it, the one on their PC and the server's reading of what `ssh` joined."""

from __future__ import annotations

import json
import shlex

import pytest

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_tui.cli.app import app
from holdshelf_tui.remote import expand, in_ssh_words, quoted_twice

PROGRAM = "ssh -p 8022 dora@library-cameras"


def examples() -> list[str]:
    groups = [app, *(group.typer_instance for group in app.registered_groups if group.typer_instance is not None)]
    told = [
        (command.epilog or "").partition("holdshelf ")[2] for group in groups for command in group.registered_commands
    ]
    return [example for example in told if example and not set("$<>|") & set(example) and may(example)]


def may(example: str) -> bool:
    try:
        expand(shlex.split(example))
    except HoldshelfError:
        return False
    return True


def arrived(typed: str) -> list[str]:
    """As the server reads what the shell on the PC has made of it."""
    return shlex.split(" ".join(shlex.split(typed)))


def test_there_are_examples_with_quotes() -> None:
    assert len(examples()) > 50
    assert sum("'" in example for example in examples()) > 10


@pytest.mark.parametrize("example", examples())
def test_an_example_arrives_as_it_is_meant(example: str) -> None:
    assert arrived(quoted_twice(example)) == shlex.split(example)


def test_in_json_it_stays_json() -> None:
    text = json.dumps({"next_step": "`holdshelf hold place --from '2026-11-24 14:00'`"})
    told = json.loads(in_ssh_words(text, PROGRAM, '\\"'))["next_step"]
    assert told == f"`{PROGRAM} hold place --from \"'2026-11-24 14:00'\"`"


def test_a_command_in_an_answer_can_be_typed_as_it_stands() -> None:
    command = "hold place --ground investigation --incident 'A 200-117' --from '2026-11-24 14:00:00-05:00'"
    told = in_ssh_words(f"A hold needs no paper: `holdshelf {command}`. See `holdshelf serve --data 'a b'`.", PROGRAM)
    typed = told.partition("`")[2].partition("`")[0].removeprefix(f"{PROGRAM} ")
    assert arrived(typed) == shlex.split(command)
    assert told.endswith("See `holdshelf serve --data 'a b'`."), "what is for the machine itself stays"
    assert quoted_twice("""--why "'two kinds'" it's""") == """--why "'two kinds'" it's"""
