"""Each command that a page of the documentation prints exists, with the options that it prints, and each link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from holdshelf_tui.cli.app import OTHER_NAMES, app
from holdshelf_tui.remote import expand
from tests.tui.cli.test_driver import commands_of

ROOT = Path(__file__).parents[3]
TYPED_WRONG = "mistakes.md"
"""What that page types is wrong, and tried in test_mistakes.py."""
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def printed(page: Path) -> list[str]:
    """Commands in blocks and between backticks, without remarks; lines that end in a backslash go on."""
    text = page.read_text().replace("\\\n", " ")
    found = re.findall(r"^(?: {4}| {6})?(?:runuser -u holdshelf -- )?(holdshelf .*)$", text, re.MULTILINE)
    found += re.findall(r"`(holdshelf [^`]*)`", text)
    return [re.split(r"\s+#|\s[>|]\s", line)[0].strip() for line in found]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and the words after it."""
    command: Any = commands_of(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != TYPED_WRONG], ids=lambda page: page.name)
def test_what_the_documentation_tells_to_type_exists(page: Path) -> None:
    for line in printed(page):
        if "|" in line:  # `holdshelf log show | verify`: several at once
            line = line.split("|")[0]  # noqa: PLW2901
        words = shlex.split(line)[1:]
        command, rest = command_of(words)
        assert not (rest and hasattr(command, "commands") and re.fullmatch(r"[a-z][a-z-]*", rest[0])), line
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        asked = {word.split("=")[0] for word in rest if re.fullmatch(r"--[a-z0-9-]+(=.*)?", word)}
        # README.md may speak of an option by the name that it had before.
        assert {f"--{OTHER_NAMES.get(one[2:], one[2:])}" for one in asked} <= known | {"--help", "--version"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_it_tells_to_type_over_ssh_can_be_given_there(page: Path) -> None:
    for line in re.findall(r"^ *ssh -p 8022 \w+@SERVER (\w.*)$", page.read_text(), re.MULTILINE):
        words = shlex.split(re.split(r"\s[>|]\s", line)[0])
        if words[0] != "help":
            command_of(expand(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page.read_text()):
        target = page if not file else page.parent / file
        assert target.exists(), f"{page.name}: {file}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{page.name}: #{anchor}"
