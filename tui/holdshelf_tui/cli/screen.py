"""screen list | give: live audiences of the policy, and who shows their pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_core.people.types import ReadShares, ScreenGive
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.time_format import local_day
from holdshelf_tui.text.words import inert

app = typer.Typer(
    help="Screens of the policy: live pictures for an audience.", no_args_is_help=True, rich_markup_mode=None
)

root = typer.Typer()
root.add_typer(app, name="screen")


@app.command("list", epilog="Example: holdshelf screen list")
def list_screens(data: Data = None, json: Json = False) -> None:
    """Each screen of the policy, and who shows its pictures."""
    service = client(data)
    screens, shares = service.read(ReadPolicyLists()).screens, service.read(ReadShares())
    rows = [row for row in shares if row.kind == "live" and row.state == "active"]
    if json:
        echo_json({"screens": screens, "given": rows})
        return
    cells = []
    for key, words in screens:
        mine = [(row.name, row.id, local_day(row.expires_utc_ns - 1)) for row in rows if row.screen == key]
        cells += [(key, words, *given) for given in mine or [("-", "-", "-")]]
    heads = ("SCREEN", "SHOWS", "GIVEN TO", "ID", "UNTIL")
    typer.echo(table(heads, cells) if cells else "The policy in force has no screens.")


@app.command(epilog="Example: holdshelf screen give desk-1 circdesk")
def give(
    screen: Annotated[str, typer.Argument(metavar="SCREEN", help="As in `screen list`.")],
    person: Annotated[
        str,
        typer.Argument(metavar="PERSON", help="Who logs in there: enrolled for the screen alone, with its own key."),
    ],
    days: Annotated[int | None, typer.Option(help="For how many days. [default: 366, the most]")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show live pictures on a screen that logs in as PERSON, each day until its closing time. To stop: `share end`."""
    done = client(data).act(ScreenGive(screen, person, days))
    if json:
        echo_json(done)
    else:
        typer.echo(
            f"{inert(f'The screen {screen} has its pictures: {done.id}.', 200)} Entry {done.seq} of the access log."
        )
