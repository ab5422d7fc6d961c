"""entrance add | list | attest | waive | remove: the signs that say that cameras are in use (P3)."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.cameras import commission_types as types
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.time_format import local, local_day
from holdshelf_tui.text.words import inert

app = typer.Typer(
    help="Entrances, and their signs that cameras are in use.", no_args_is_help=True, rich_markup_mode=None
)
root = typer.Typer()
root.add_typer(app, name="entrance")
Entrance = Annotated[str, typer.Argument(help="The entrance's id (e1) or name.")]


def _last_day(utc_ns: int | None) -> str:
    """The last day before that instant."""
    return local_day(utc_ns - 1 if utc_ns is not None else None)


def _say(row: types.EntranceRow, *, json: bool, sentence: str) -> None:
    if json:
        echo_json(row)
    else:
        typer.echo(sentence)


@app.command(epilog="Example: holdshelf entrance add 'Main entrance' --sign 'version 2, 12 x 18 in'")
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    data: Data = None,
    sign: Annotated[str, typer.Option(help="The sign there: text version and size.")] = "",
    json: Json = False,
) -> None:
    """Register an entrance. Each needs its sign attested before a camera is approved for use."""
    row = client(data).act(types.EntranceAdd(name, sign))
    described = "" if row.sign else " --sign 'version 1, 12 x 18 in'"
    sentence = f"{inert(row.name)} is {row.id}. Next: `holdshelf entrance attest {row.id}{described} --legible --lit`."
    _say(row, json=json, sentence=sentence)


@app.command("list", epilog="Example: holdshelf entrance list --json")
def list_entrances(data: Data = None, json: Json = False) -> None:
    """List all entrances and the state of their signs."""
    rows = client(data).read(types.ReadEntrances())
    if json:
        echo_json(rows)
    elif not rows:
        typer.echo("No entrance is registered yet: `holdshelf entrance add NAME`.")
    else:
        heads = ("ID", "NAME", "SIGN", "STATE", "ATTESTED", "BY", "NEXT CHECK", "NOTE")
        typer.echo(table(heads, [_cells(row) for row in rows]))


def _cells(row: types.EntranceRow) -> tuple[str, ...]:
    waived = f"waived until {_last_day(row.waived_until_utc_ns)}: {row.waived_why}" if row.waived_until_utc_ns else ""
    return (
        row.id,
        row.name,
        " ".join(part for part in (row.sign, row.language) if part) or "-",
        row.state,
        local_day(row.attested_utc_ns),
        row.checker or row.attested_by or "-",
        _last_day(row.next_check_utc_ns),
        row.defect or waived or "-",
    )


@app.command(
    epilog="Example: holdshelf entrance attest e1 --sign 'version 2, 12 x 18 in' --language en --legible --lit"
)
def attest(
    entrance: Entrance,
    data: Data = None,
    sign: Annotated[str, typer.Option(help="The sign there: text version and size. [default: as before]")] = "",
    language: Annotated[str, typer.Option(help="Language of the sign. [default: as before]")] = "",
    legible: Annotated[bool, typer.Option("--legible", help="It can be read where people come in.")] = False,
    lit: Annotated[bool, typer.Option("--lit", help="Also after dark.")] = False,
    defect: Annotated[str, typer.Option(help="What is wrong with it; it is then not attested.")] = "",
    checker: Annotated[str, typer.Option(help="Who checked, if it was not you.")] = "",
    on: Annotated[str, typer.Option(help="Day of the check. [default: today]")] = "",
    next_check: Annotated[str, typer.Option(help="Day of the next check. [default: as the Board set it]")] = "",
    json: Json = False,
) -> None:
    """Record that someone checked the sign: it is up, legible and lit, or what is wrong with it."""
    asked = types.EntranceAttest(
        entrance,
        sign,
        language,
        legible,
        lit,
        defect,
        checker,
        typed_times.day(on, "--on"),
        typed_times.day(next_check, "--next-check"),
    )
    row = client(data).act(asked)
    if row.defect:
        sentence = f"The defect at {inert(row.name)} is written down; its sign is not attested."
    else:
        sentence = f"The sign at {inert(row.name)} is attested; next check by {_last_day(row.next_check_utc_ns)}."
    _say(row, json=json, sentence=sentence)


@app.command(epilog="Example: holdshelf entrance waive e2 --why 'the door is being replaced' --days 3")
def waive(
    entrance: Entrance,
    why: Annotated[str, typer.Option(help="Why there is no sign now.")],
    data: Data = None,
    days: Annotated[int | None, typer.Option(help="For how long. [default: as the Board allows]")] = None,
    json: Json = False,
) -> None:
    """Go without a sign for some days. Only the Director, Chair or Mayor may do this."""
    row = client(data).act(types.EntranceWaive(entrance, why, days))
    until = local(row.waived_until_utc_ns)[:16]
    _say(row, json=json, sentence=f"The sign at {inert(row.name)} is waived until {until}.")


@app.command(epilog="Example: holdshelf entrance remove e3 --why 'walled up'")
def remove(
    entrance: Entrance,
    why: Annotated[str, typer.Option(help="Why it is no longer an entrance.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Remove an entrance. What was recorded about it stays in the access log."""
    row = client(data).act(types.EntranceRemove(entrance, why))
    _say(row, json=json, sentence=f"{inert(row.name)} is no longer an entrance.")
