"""Which commands somebody may give over SSH, and by which shorter names. What each one does is decided by the gate, as ever.

Left out is what only the machine's administrator does, and what reads or writes files of this machine.
"""

from __future__ import annotations

import io
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

from typer.models import OptionInfo

from holdshelf_core.api.errors import BadRequest, HoldshelfError, NotFound, NotPermitted
from holdshelf_tui.text.desk import SENT
from holdshelf_tui.text.words import quoted

PROGRAM = "ssh …"
"""Where this server cannot be asked how it is reached."""
ALL = frozenset({"*"})
ALLOWED: dict[str, frozenset[str]] = {
    "alert": frozenset({"list", "show", "test", "history"}),
    "appointment": ALL,
    "backup": frozenset({"status", "now"}),
    "board": ALL,
    "camera": frozenset(
        {"list", "events", "commission", "retire", "rename", "move"}
        | {"discover", "check", "reload", "details", "backfill", "set-time", "audio-off", "remove"}
    ),
    "capacity": ALL,
    "checklist": ALL,
    "clock": ALL,
    "counsel": ALL,
    "coverage": ALL,
    "doctor": ALL,
    "entrance": ALL,
    "first-day": ALL,
    "flag": ALL,
    "footage": frozenset({"list", "gaps", "verify"}),
    "hold": frozenset({"place", "extend", "review", "lift", "approve", "list", "show"}),
    "jobs": ALL,
    "log": frozenset({"show", "who", "verify", "head", "export"}),
    "look": frozenset({"open", "widen", "renew", "close", "list", "purposes", "still", "live", "activity"}),
    "offsite": frozenset({"list", "status", "verify"}),
    "outbox": ALL,
    "paper": ALL,
    "person": ALL,
    "policy": frozenset({"explain", "may", "lists", "adopt", "show", "check"}),
    "print": ALL,
    "register": ALL,
    "release": ALL,
    "seat": ALL,
    "screen": ALL,
    "share": ALL,
    "status": ALL,
    "timestamp": frozenset({"show", "now"}),
    "today": ALL,
    "verify": ALL,
    "whoami": ALL,
    "witness": frozenset({"list", "add", "remove", "policy", "ask"}),
}
SHORT = {
    "cameras": ("camera", "list"),
    "holds": ("hold", "list"),
    "gaps": ("footage", "gaps"),
    "looks": ("look", "list"),
    "outbox": ("outbox", "list"),
    "log": ("log", "show"),
    "people": ("person", "list"),
    "shares": ("share", "list"),
}
"""`log` alone, or with options, is `log show`; `outbox` alone is `outbox list`."""
STRANGE = {
    "scp": "Files are not copied to or from this machine; `sftp` fetches from your outbox.",
    "rsync": "Files are not copied to or from this machine; `sftp` fetches from your outbox.",
    "sftp-server": "Files are not copied to or from this machine; `sftp` fetches from your outbox.",
    "sh": "There is no shell here.",
    "bash": "There is no shell here.",
}
_QUOTED = re.compile(r"""(?<!["'\w])'[^'"$`\\]*'(?!["'\w])""")
_COMMAND = re.compile("`" + "holdshelf" + r" ([^`]*)`")
HELP = """\
Holdshelf over SSH: SSH_LINE            the screens
                    SSH_LINE COMMAND    one command; most take --json, all take --help

  today, status, cameras, coverage, gaps, holds, looks, log, people, shares, whoami, first-day
  hold place | extend | review | lift | approve | show     offsite list
  release request --sheet - | paper | trim | again | hold | approve | refuse | withdraw
  release others | export | receipt | list | show     counsel record | end | list
  look open | still -o - | still --outbox | live -o - | widen | renew | close | purposes | activity
  outbox list | remove NAME              fetch from it:  SFTP
  paper list | open SHA-256              a photo or scan:  SFTP, put warrant.jpg drop   then --paper sent
  print [policy | sign | refusal | checklist | hold | release | …] --outbox     `print` alone lists them
  print policy --as pdf > policy.pdf     policy show | check
  checklist show --due | enter CODE …    enter the ticks from `print checklist`
  release key show | renew               verify R-2026-0001      the bundle on the server
  log who --camera NAME --day 11/27      who looked; --as pdf, --as csv, --public
  log show | verify | head | export --public > log.jsonl      clock show | confirm
  person | seat | appointment | share | flag | board | policy | entrance …
For the machine and its cameras, and no picture:
  doctor, jobs, capacity set, footage verify, register check | settle      backup status | now
  camera discover | check | reload | details | backfill | set-time | audio-off | remove
  alert list | show | test | history      offsite status | verify
  witness list | add | remove | policy | ask      timestamp show | now
"""


def expand(words: Sequence[str]) -> list[str]:
    """The command in full. Raises NotFound, NotPermitted with the sentence to show."""
    first = words[0] if words else "help"
    name = first.rsplit("/", 1)[-1].removeprefix("-")
    if name in STRANGE:
        raise NotPermitted(STRANGE[name], "`help` lists the commands.")
    full = list(words)
    if first in SHORT and not (first in ALLOWED and len(words) > 1 and not words[1].startswith("-")):
        full = [*SHORT[first], *words[1:]]
    allowed = ALLOWED.get(full[0])
    if allowed is None or not allowed:
        raise NotFound(f"There is no command {quoted(first, 40)} here.", "`help` lists the commands.")
    asked = full[1] if len(full) > 1 else ""
    if allowed is not ALL and asked and not asked.startswith("-") and asked not in allowed:
        if asked not in _commands_of(full[0]):
            raise NotFound(
                f"There is no command {quoted(f'{full[0]} {asked}', 40)}.", f"`{full[0]} --help` lists them."
            )
        raise NotPermitted(
            f"`{full[0]} {asked}` cannot be used over SSH.",
            "`help` lists what can; the rest is for the admin on the machine itself.",
        )
    return full


def _commands_of(group: str) -> set[str]:
    from holdshelf_tui.cli.app import app  # noqa: PLC0415

    found = next((g.typer_instance for g in app.registered_groups if g.name == group), None)
    return {_name(command) for command in found.registered_commands} if found is not None else set()


def program(token: str) -> str:
    """What a person types over SSH before a command, as this server says that they reach it. ``token``: of their session."""
    from holdshelf_core.api.client import Client  # noqa: PLC0415
    from holdshelf_core.operations.types import ReadReached  # noqa: PLC0415
    from holdshelf_tui.text.prints import ssh_line  # noqa: PLC0415

    try:
        return ssh_line(Client(Path(os.environ["HOLDSHELF_DATA"]), token=token).read(ReadReached()))
    except HoldshelfError:
        return PROGRAM


def quoted_twice(command: str, quote: str = '"') -> str:
    """A command as it is typed behind `ssh …`: that strips one pair of quotes, so what stands in 'quotes' needs another."""
    return _QUOTED.sub(lambda found: f"{quote}{found[0]}{quote}", command)


def in_ssh_words(text: str, program: str, quote: str = '"') -> str:
    """A text in which each `holdshelf COMMAND` that can be given over SSH is what one types there. ``quote``: as the text's own
    form has it, which in JSON is not a quote alone."""

    def typed(found: re.Match[str]) -> str:
        words = found[1].split()
        try:
            expand(words)
        except HoldshelfError:
            return found[0]
        return f"`{program} {quoted_twice(found[1], quote)}`"

    return _COMMAND.sub(typed, text)


class SpokenForSsh(io.TextIOWrapper):
    """Standard output or error of a command over SSH. Bytes that go through its buffer stay as they are, and papers do, too."""

    program = ""
    quote = '"'

    def write(self, text: str, /) -> int:
        """Write it, in words for SSH."""
        return super().write(
            in_ssh_words(text, self.program, self.quote) if self.program and "`holdshelf " in text else text
        )


def speak_for_ssh(program: str, words: Sequence[str]) -> None:
    """Help, answers and errors name what a person over SSH types, and leave out where the data lies."""
    from holdshelf_tui.cli.app import app  # noqa: PLC0415
    from holdshelf_tui.cli.options import DATA_OPTION  # noqa: PLC0415

    DATA_OPTION.hidden = True
    groups = [app, *(group.typer_instance for group in app.registered_groups if group.typer_instance is not None)]
    for group in groups:
        for command in group.registered_commands:
            example = (command.epilog or "").replace("holdshelf ", f"{program} ")
            command.epilog = quoted_twice(example) or None
    for stream in (sys.stdout, sys.stderr):
        is_paper = stream is sys.stdout and words[:1] == ["print"] and not {"--help", "-h"} & set(words)
        if isinstance(stream, SpokenForSsh) and not is_paper:
            stream.program = program
            stream.quote = '\\"' if stream is sys.stdout and "--json" in words else '"'


def answered_here(words: Sequence[str], program: str = PROGRAM) -> bool:
    """Whether it was a question for the list of commands. Replaces ``sys.argv`` by the command in full. Raises SystemExit."""
    if words and words[0] == "holdshelf":  # as guides and the sentences of the machine itself have it
        words = words[1:]
    if not words or words[0] in ("help", "--help", "-h", "?"):
        ssh = program if program != PROGRAM else "ssh -p PORT NAME@HOST"
        sys.stdout.write(HELP.replace("SFTP", ssh.replace("ssh -p", "sftp -P", 1)).replace("SSH_LINE", ssh))
        return True
    try:
        if any(
            unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in "\n\t" for word in words for char in word
        ):
            raise BadRequest("The command contains characters that cannot be printed.")
        full = expand(words)
        check_files(full)
    except (NotFound, NotPermitted, BadRequest) as error:
        print(f"holdshelf: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    sys.argv = ["holdshelf", *full]
    return False


def check_files(words: Sequence[str]) -> None:
    """No option and no word may name a file of this machine; `-` is the person's own end. Raises BadRequest."""
    _check_bundle(words)
    options, words_are_files = _files_of(words)
    given = list(words)
    by_input = 0
    for place, word in enumerate(given):
        option, attached, value = word.partition("=")
        if option in options and not attached:
            value = given[place + 1] if place + 1 < len(given) else "-"
        elif word[:2] in options and not word.startswith("--") and len(word) > 2:
            option, value = word[:2], word[2:]
        elif option not in options:
            continue
        if option == "--paper" and value == SENT:
            continue
        if option == "--data" or value != "-":
            raise BadRequest(
                f"{option} names a file on the server, which is not possible over SSH.",
                "Give - and redirect it on your computer.",
            )
        by_input += option in ("--key", "--paper")
    if by_input > 1:
        raise BadRequest(
            "Standard input can carry only one file.", "Give the key first, and the paper with another command."
        )
    if words_are_files and "-" not in given and not {"--help", "-h"} & set(given) and not _names_none(given):
        raise BadRequest(
            "Over SSH, send a file on standard input.", "Give - in its place, and `< FILE` on your computer."
        )


def _check_bundle(words: Sequence[str]) -> None:
    """A bundle that somebody has is on their own machine: `verify` over SSH is for the one that lies here. Raises BadRequest."""
    from holdshelf_tui.cli.release_proof import IS_RELEASE  # noqa: PLC0415

    if words[:1] == ["verify"] and not all(
        word in ("--json", "--help", "-h") or IS_RELEASE.fullmatch(word) for word in words[1:]
    ):
        raise BadRequest(
            "Over SSH, `verify` takes a release's number, for the bundle on the server.",
            "To check a bundle that was handed over, follow its README.txt.",
        )


def _names_none(words: Sequence[str]) -> bool:
    """Whether the command, as it will be read, leaves out a file that may be left out (`log verify`: the log itself)."""
    from typer.main import get_command  # noqa: PLC0415

    from holdshelf_tui.cli.tree import holdshelf  # noqa: PLC0415

    command: Any = get_command(holdshelf)
    rest = list(words)
    while rest and (inner := getattr(command, "commands", {}).get(rest[0])) is not None:
        command = inner
        rest.pop(0)
    try:
        context = command.make_context("holdshelf", rest)
    except Exception:  # whatever cannot be read is refused, by whichever class of click's
        return False
    files = [one for one in command.params if one.param_type_name == "argument"]
    return bool(files) and all(not one.required and context.params.get(one.name) is None for one in files)


def _files_of(words: Sequence[str]) -> tuple[set[str], bool]:
    """Options of that command which take a file, and whether its words are one."""
    from holdshelf_tui.cli.app import app  # noqa: PLC0415

    group, rest = app, list(words)
    while rest and (inner := next((g for g in group.registered_groups if g.name == rest[0]), None)) is not None:
        assert inner.typer_instance is not None
        group = inner.typer_instance
        rest.pop(0)
    named = rest[0] if rest else ""
    does = next((c.callback for c in group.registered_commands if named and _name(c) == named), None)
    options, words_are_files = {"--data"}, False
    for name, hint in get_type_hints(does, include_extras=True).items() if does is not None else ():
        if "Path" not in str(hint):
            continue
        for info in getattr(hint, "__metadata__", ()):
            if isinstance(info, OptionInfo):
                # Typer takes the first declaration for a default until it looks closer.
                declared = [
                    d for d in (info.default, *(info.param_decls or ())) if isinstance(d, str) and d.startswith("-")
                ]
                options.update(declared or ["--" + name.replace("_", "-")])
            else:
                words_are_files = True
    return options, words_are_files


def _name(command: Any) -> str:
    return str(command.name or command.callback.__name__.replace("_", "-"))
