"""register check | settle: what the service knows, held against the access log, and made what that says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.access_log import types
from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_tui.cli.options import Data, Json, client, data_folder
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.words import counted, inert, one_line

app = typer.Typer(
    help="People, holds and settings as stored on disk, compared with the access log.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="register")


@app.command(epilog="Example: holdshelf register check --json")
def check(data: Data = None, json: Json = False) -> None:
    """Show where the register differs from the access log, field by field. Exit 1 if it does. Works without the service."""
    found = _checked(data)
    if json:
        echo_json(found)
    else:
        for problem in found.problems:
            typer.echo(inert(problem, 300))
        for row in found.rows:
            typer.echo(inert(f"{row.words}:", 200))
            cells = [(field.field, inert(field.by_log), inert(field.by_register)) for field in row.fields]
            typer.echo(table(("", "THE ACCESS LOG SAYS", "THE REGISTER SAYS"), cells))
        rows = counted(len(found.rows), "row")
        typer.echo(f"{found.entries} entries read: {rows} of the register did not match.")
    if json and (found.problems or found.rows):
        raise typer.Exit(1)
    if found.problems:
        raise HoldshelfError("The access log was changed or damaged.", "See `holdshelf log verify`.")
    if found.rows:
        raise HoldshelfError(
            "The register does not match the access log.",
            "Find out who changed it, then restore what the log says: `holdshelf register settle --why …`.",
        )


def _checked(data: Path | None) -> types.RegisterChecked:
    """By the service, which writes down that it was done; without one, from its files."""
    service = client(data)
    try:
        return service.act(types.RegisterCheck())
    except Unavailable as error:
        from holdshelf_core.access_log import offline as log_offline  # noqa: PLC0415 - it imports all that verifies

        folder = log_offline.state_folder(data_folder(data))
        if not (folder / "access").is_dir():
            raise
        typer.echo(f"holdshelf: note: {one_line(error.sentence)} Checked from its files.", err=True)
        found = log_offline.check_register(folder)
        return types.RegisterChecked(found.report.entries, found.rows, [], found.report.problems)


@app.command(epilog="Example: holdshelf register settle --why 'someone edited register.json, see the note of March 3'")
def settle(
    why: Annotated[str, typer.Option(help="What happened, as far as you know; kept on record.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Change every row that differs back to what the access log says. A second person reviews this."""
    done = client(data).act(types.RegisterSettle(why))
    if json:
        echo_json(done)
        return
    for words in done.rows:
        typer.echo(inert(words, 200))
    typer.echo(f"{counted(len(done.rows), 'row')} of the register set to what the access log says.")
