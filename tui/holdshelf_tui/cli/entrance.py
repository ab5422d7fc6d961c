"""entrance add | list | attest | waive | remove: the signs that say that cameras are in use (P3)."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.api import types_commission as types
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="Entrances, and the signs that say that cameras are in use.", no_args_is_help=True, rich_markup_mode=None
)
Entrance = Annotated[str, typer.Argument(help="The entrance's id (e1) or name.")]


def _day(utc_ns: int | None) -> str:
    return render.local(utc_ns)[:10]


def _last_day(utc_ns: int | None) -> str:
    """The last day before that instant."""
    return render.local(utc_ns - 1 if utc_ns is not None else None)[:10]


def _say(row: types.EntranceRow, *, json: bool, sentence: str) -> None:
    if json:
        echo_json(row)
    else:
        typer.echo(sentence)


@app.command(epilog="Example: holdshelf entrance add 'Main entrance' --sign 'version 2, 12 x 18 in'")
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    data: Data = None,
    sign: Annotated[str, typer.Option(help="What hangs there: text version and size.")] = "",
    json: Json = False,
) -> None:
    """Register an entrance. Each needs its sign attested before a camera is approved for use."""
    row = client(data).act("entrance.add", types.EntranceAdd(name, sign), types.EntranceRow)
    sentence = f"{render.inert(row.name)} is {row.id}. Next: `holdshelf entrance attest {row.id} --legible --lit`."
    _say(row, json=json, sentence=sentence)


@app.command("list", epilog="Example: holdshelf entrance list --json")
def list_entrances(data: Data = None, json: Json = False) -> None:
    """All entrances, and how it stands with their signs."""
    rows = client(data).get("/rules/entrances", list[types.EntranceRow])
    if json:
        echo_json(rows)
    elif not rows:
        typer.echo("No entrance is registered yet: `holdshelf entrance add NAME`.")
    else:
        heads = ("ID", "NAME", "SIGN", "STATE", "ATTESTED", "BY", "NEXT CHECK", "NOTE")
        typer.echo(render.table(heads, [_cells(row) for row in rows]))


def _cells(row: types.EntranceRow) -> tuple[str, ...]:
    waived = f"waived until {_last_day(row.waived_until_utc_ns)}: {row.waived_why}" if row.waived_until_utc_ns else ""
    return (
        row.id,
        row.name,
        " ".join(part for part in (row.sign, row.language) if part) or "-",
        row.state,
        _day(row.attested_utc_ns),
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
    sign: Annotated[str, typer.Option(help="What hangs there: text version and size. [default: as before]")] = "",
    language: Annotated[str, typer.Option(help="Language of the sign. [default: as before]")] = "",
    legible: Annotated[bool, typer.Option("--legible", help="It can be read from where people come in.")] = False,
    lit: Annotated[bool, typer.Option("--lit", help="Also after dark.")] = False,
    defect: Annotated[str, typer.Option(help="What is wrong with it: then it is not attested.")] = "",
    checker: Annotated[str, typer.Option(help="Who looked, if it was not you.")] = "",
    on: Annotated[str, typer.Option(help="Day of the check, YYYY-MM-DD. [default: today]")] = "",
    next_check: Annotated[str, typer.Option(help="Day of the next one. [default: as the Board set it]")] = "",
    json: Json = False,
) -> None:
    """Say that somebody looked at the sign: it is up, legible and lit, or what is wrong with it."""
    asked = types.EntranceAttest(entrance, sign, language, legible, lit, defect, checker, on, next_check)
    row = client(data).act("entrance.attest", asked, types.EntranceRow)
    if row.defect:
        sentence = f"The defect at {render.inert(row.name)} is written down; its sign is not attested."
    else:
        sentence = (
            f"The sign at {render.inert(row.name)} is attested; next check by {_last_day(row.next_check_utc_ns)}."
        )
    _say(row, json=json, sentence=sentence)


@app.command(epilog="Example: holdshelf entrance waive e2 --why 'the door is being replaced' --days 3")
def waive(
    entrance: Entrance,
    why: Annotated[str, typer.Option(help="Why there is no sign now.")],
    data: Data = None,
    days: Annotated[int | None, typer.Option(help="For how long. [default: as the Board allows]")] = None,
    json: Json = False,
) -> None:
    """Go without a sign for some days. Only the holder of a seat may."""
    row = client(data).act("entrance.waive", types.EntranceWaive(entrance, why, days), types.EntranceRow)
    until = render.local(row.waived_until_utc_ns)[:16]
    _say(row, json=json, sentence=f"The sign at {render.inert(row.name)} is waived until {until}.")


@app.command(epilog="Example: holdshelf entrance remove e3 --why 'walled up'")
def remove(
    entrance: Entrance,
    why: Annotated[str, typer.Option(help="Why it is no entrance any more.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Take an entrance off the register. What was said of it stays in the access log."""
    row = client(data).act("entrance.remove", types.EntranceRemove(entrance, why), types.EntranceRow)
    _say(row, json=json, sentence=f"{render.inert(row.name)} is no entrance any more.")
