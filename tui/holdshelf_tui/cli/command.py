"""A command as a person reads it: its help names values as people do (HOST, TIME, CAMERA), not as Python does.

What a command does not name itself (``metavar``) is named here, by its option or, failing that, by its type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from typer._coercion import RuntimeParam, build_runtime_param
from typer._param_types import coerce_cli_path
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from holdshelf_core.api.errors import HoldshelfError

_NAMED = {
    "CAMERA": "--camera",
    "PERSON": "--person who --sheet-for",
    "SEAT": "--seat",
    "HOLD": "hold",
    "RELEASE": "--release release",
    "LOOK": "look",
    "SHARE": "--share",
    "TIME": "--from --to --at",
    "DATE": "--until --on --day --next-check --lapses --adopted-on",
    "HOURS": "--quiet --hours",
    "HOST": "--host --door-address --door-name",
    "ADDRESS": "--address target",
    "URL": "--url",
    "RANGE": "--range",
    "SIZE": "--budget --limit",
    "FOLDER": "--media --state folder",
    "NAME": "--name --account --door-user --checker --id --title --password-env --secret-env --url-env",
    "LOGIN": "login",
    "USER": "--user",
    "KIND": "--kind --basis --ground --purpose --area --transport --for --security --statute --least --only",
    "RIGHT": "--right",
    "ACTION": "--action",
    "NUMBER": "--incident --docket",
    "WORDS": "--note --why --call --area-note --defect --no-masks --scope --sign --about",
    "HASH": "--seen",
    "VALUE": "value",
}
NAMES = {option: name for name, options in _NAMED.items() for option in options.split()}
"""What a value is called, by the option (or argument) that takes it."""
TEXT, FILE, COUNT = "TEXT", "FILE", "N"
_RANGE = re.compile(r"(-?[\d.]+)<=x<=(-?[\d.]+)")
_LEAST = re.compile(r"x>=(-?[\d.]+)")
_MOST = re.compile(r"x<=(-?[\d.]+)")

type _Parameter = TyperArgument | TyperOption


def metavar_of(param: _Parameter) -> str:
    """What the value of an argument or option is called."""
    described = param.type_descriptor
    if described.is_choice:
        return "|".join(str(choice.value) for choice in described.choices or ())
    for option in (*param.opts, param.name):
        if option in NAMES:
            return NAMES[option]
    if described.is_path:
        return FILE
    if "int" in param.bare_type() or "float" in param.bare_type():
        return COUNT
    return param.name.upper() if isinstance(param, TyperArgument) else TEXT


class AsTyped(RuntimeParam):
    """What was typed, as the command takes it: text, a path, or what the parser of the parameter makes of it.

    For anything else, and for the words of a refusal, Typer asks Pydantic: half of the time of a short command goes into loading
    that.
    """

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        is_list = param.type_descriptor.is_list
        wanted = get_args(self.annotation)[0] if is_list else self.annotation
        try:
            values = [self._one(one, wanted, param, ctx) for one in (value if is_list else [value])]
        except ValueError:
            return build_runtime_param(param.type_descriptor).coerce(value, param=param, ctx=ctx)
        return values if is_list else values[0]

    def _one(self, value: Any, wanted: Any, param: Any, ctx: Any) -> Any:
        """Raises ValueError where it is Typer's to say."""
        if self.parameter_info.parser is not None:
            return self.parameter_info.parser(value)
        if wanted is Path:
            return coerce_cli_path(Path(value), self.parameter_info, path_type=Path, param=param, ctx=ctx)
        if type(value) is wanted:
            return value
        raise ValueError


class _Helped:
    """Also its `--help` is taken as it was typed."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            _as_typed(option)
        return option


def _as_typed(param: _Parameter) -> None:
    described = param.type_descriptor
    param._runtime_param = AsTyped(described.parameter_info, described.annotation)


class Group(_Helped, TyperGroup):
    """Any group of the tree."""


class Command(_Helped, TyperCommand):
    """Any command of the tree."""

    def __init__(self, *args: Any, **said: Any) -> None:
        super().__init__(*args, **said)
        for param in self.params:
            if isinstance(param, TyperArgument | TyperOption):
                _as_typed(param)
                if param.metavar is None:
                    param.metavar = metavar_of(param)

    def invoke(self, ctx: Any) -> Any:
        """Run it. An error that a wrong name may have led to also asks what was meant."""
        try:
            return super().invoke(ctx)
        except HoldshelfError as error:
            from holdshelf_core.policy.numbering import renumbered  # noqa: PLC0415
            from holdshelf_tui.cli.options import client  # noqa: PLC0415 - a command that succeeds needs none of these
            from holdshelf_tui.cli.suggest import NAMES_SOMETHING, suggestion  # noqa: PLC0415

            error.sentence, error.next_step = renumbered(error.sentence), renumbered(error.next_step)
            typed = [(str(param.metavar), ctx.params.get(param.name)) for param in self.params]
            if (
                isinstance(error, NAMES_SOMETHING)
                and "data" in ctx.params
                and (asked := suggestion(client(ctx.params["data"]), typed, error))
            ):
                error.next_step = f"{asked} {error.next_step}".strip()
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] SEAT [FILE]`: what can be left out is in brackets."""
        arguments = [param for param in self.params if isinstance(param, TyperArgument)]
        return [self.options_metavar or "", *(_in_usage(param) for param in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments by their name alone, options with the name of their value."""
        for title, arguments in (("Arguments", True), ("Options", False)):
            if section := list(help_rows(self, ctx, arguments=arguments)):
                with formatter.section(title):
                    formatter.write_dl(section)


def help_rows(command: Any, ctx: Any, *, arguments: bool) -> Iterator[tuple[str, str]]:
    """(what is typed, what it does) of a command's or group's arguments, or of its options."""
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and isinstance(param, TyperArgument) == arguments:
            yield str(param.metavar) if arguments else record[0], _in_words(record[1])


def _in_usage(argument: TyperArgument) -> str:
    name = str(argument.metavar)
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs != 1 else "")


def _in_words(help_text: str) -> str:
    """`1<=x<=8` as a person says it."""
    for pattern, words in ((_RANGE, r"\1 to \2"), (_LEAST, r"at least \1"), (_MOST, r"at most \1")):
        help_text = pattern.sub(words, help_text)
    return help_text
