"""The tree of commands. A module with commands is imported when one of them is named, a command is looked into when it runs.

To import all of them, and to have Typer look into each, takes longer than most commands do. Help of the whole, completion of
a first word and the manual load all; suggestions need names alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.main import get_command_from_info, get_command_name, get_group_from_info
from typer.models import CommandInfo, DefaultPlaceholder, TyperInfo

from holdshelf_tui.cli.command import Command, Group

MODULES = {
    "init": "service",
    "setup": "setup",
    "serve": "service",
    "status": "service",
    "jobs": "service",
    "doctor": "service",
    "plan": "service",
    "first-day": "first_day",
    "demo": "service",
    "tui": "tui",
    "whoami": "people",
    "today": "today",
    "coverage": "coverage",
    "metrics": "metrics",
    "verify": "release_proof",
    "restore": "backup",
    "camera": "camera",
    "footage": "footage",
    "entrance": "entrance",
    "checklist": "checklist",
    "capacity": "capacity",
    "alert": "alert",
    "clock": "clock",
    "person": "people",
    "seat": "people",
    "appointment": "people",
    "screen": "screen",
    "share": "people",
    "flag": "people",
    "look": "look",
    "hold": "hold",
    "offsite": "offsite",
    "release": "release",
    "counsel": "release",
    "outbox": "outbox",
    "paper": "desk",
    "log": "log",
    "timestamp": "timestamp",
    "witness": "witness",
    "register": "register",
    "policy": "policy",
    "board": "policy",
    "print": "papers",
    "door": "door",
    "backup": "backup",
}
"""Where each command and group is, in the order of the help: the module registers it in its ``root``, with its words."""
OTHER_NAMES = {"reference": "incident"}
"""What an option was called before: still taken, and not shown."""
type Info = CommandInfo | TyperInfo


class Lazy(Mapping[str, Any]):
    """Commands by name, each made when it is asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Root(Group):
    """`holdshelf` itself: below it is what ``MODULES`` names, unless it is given commands (those of ``app``)."""

    def __init__(self, **said: Any) -> None:
        super().__init__(**said)
        if not self.commands:
            self.commands = cast("Any", Lazy({name: partial(_loaded, name) for name in MODULES}))


def name_of(info: Info) -> str:
    """What a person types for a command or group."""
    return info.name or get_command_name(getattr(info.callback, "__name__", ""))


def registered(group: typer.Typer) -> dict[str, Info]:
    """What is directly in a group, by its name, in the order of its help."""
    infos: list[Info] = [*group.registered_commands, *group.registered_groups]
    return {name_of(info): info for info in infos}


def load(name: str) -> Info:
    """What the module of that command or group registers under its name."""
    module = import_module(f"holdshelf_tui.cli.{MODULES[name]}")
    info = registered(module.root)[name]
    _as_people_read_it(info)
    return info


def _as_people_read_it(info: Info) -> None:
    """Each command of the tree is a ``Command``: one place says what its values are called."""
    if isinstance(info, CommandInfo):
        info.cls = Command
    elif info.typer_instance is not None:
        for inner in registered(info.typer_instance).values():
            _as_people_read_it(inner)


def _loaded(name: str) -> Any:
    return _command_of(load(name))


def _command_of(info: Info) -> Any:
    """A command, or a group whose commands are made when they are asked for."""
    if isinstance(info, CommandInfo):
        return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=None)
    whole = info.typer_instance
    assert whole is not None
    bare = copy.copy(info)
    if isinstance(whole.info.cls, DefaultPlaceholder):
        bare.cls = Group
    bare.typer_instance = copy.copy(whole)
    bare.typer_instance.registered_commands, bare.typer_instance.registered_groups = [], []
    group = get_group_from_info(bare, pretty_exceptions_short=True, suggest_commands=True, rich_markup_mode=None)
    inner = {name: partial(_command_of, one) for name, one in registered(whole).items()}
    group.commands = cast("Any", Lazy(inner))
    return group


def _by_name(name: str) -> str:
    return OTHER_NAMES.get(name, name)


holdshelf = typer.Typer(
    name="holdshelf",
    cls=Root,
    help="Records a library's cameras into a rolling buffer: video, never sound; the oldest is erased first.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "token_normalize_func": _by_name,
    },
)


def _version(wanted: bool) -> None:
    if wanted:
        from holdshelf_core.api.basics import VERSION  # noqa: PLC0415

        typer.echo(f"holdshelf {VERSION}")
        raise typer.Exit


@holdshelf.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Records a library's cameras into a rolling buffer: video, never sound; the oldest is erased first."""
