"""person invite: the card for somebody's first log-in."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.operations.types import ReadDoor, ReadReached
from holdshelf_core.people import board_types as types_board
from holdshelf_core.people import types as types_people
from holdshelf_tui.cli.options import Data, Json, checked_host, client, write_new
from holdshelf_tui.cli.service import echo_json

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)


def invite(
    login: Annotated[
        str, typer.Argument(help="What the person types before the @; the person may already be enrolled or not.")
    ],
    data: Data = None,
    host: Annotated[
        str,
        typer.Option(help="Name or address of this machine on the library's network. [default: as `serve` was told]"),
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="Port of the SSH door. [default: the one that it has]", min=1, max=65535)
    ] = None,
    call: Annotated[str, typer.Option(help="Whom to call, with a phone number. [default: the Board's contact]")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Write it to this new file. [default: print it here]"),
    ] = None,
    json: Json = False,
) -> None:
    """Print the one-page card for a first log-in: making a key, where it goes, what to answer, how to come in."""
    from holdshelf_tui.papers.invitation import Invitation, invitation_card  # noqa: PLC0415

    name = login.strip().lower()
    if not _LOGIN.fullmatch(name):
        raise BadRequest(
            "A login starts with a letter and has at most 32 characters: a–z, 0–9, dot, hyphen and underscore."
        )
    checked_host(host, "--host")
    service = client(data)
    reached = service.read(ReadReached())
    door = service.read(ReadDoor())
    people = service.read(types_people.ReadPeople())
    known = next((row for row in people if row.login == name and row.left_utc_ns is None), None)
    library, contact = _board(service)
    seats = [row.name for row in people for role in row.roles if role.state == "active" and not role.rights]
    director = (
        f"the {service.read(types_board.ReadPolicyLists()).first}{f', {seats[0]}' if seats else ''}, or the admin"
    )
    card = Invitation(
        login=name,
        name=known.name if known is not None else "",
        host=host or reached.host,
        port=port or reached.port,
        host_fingerprint=door.fingerprint,
        library=library,
        call=call or contact or director,
        printed_on=datetime.now().astimezone().date().isoformat(),
    )
    text = invitation_card(card)
    if file is not None:
        write_new(file, text.encode())
    if json:
        echo_json(
            {"login": name, "card": text, "file": "" if file is None else str(file), "enrolled": known is not None}
        )
    elif file is not None:
        typer.echo(f"The card is in {file}.")
    else:
        typer.echo(text, nl=False)
    if known is None:
        step = f"holdshelf person add {name} --name NAME --key KEY.pub"
        typer.echo(f"holdshelf: nobody is enrolled as {name} yet; when the key has come: `{step}`.", err=True)


def _board(service: Client) -> tuple[str, str]:
    """(library, contact) as the Board set them."""
    rows = {row.key: row.value for row in service.read(types_board.ReadBoard())}
    return str(rows.get("library") or ""), str(rows.get("contact") or "")


def register(app: typer.Typer) -> None:
    """As a command of `holdshelf person`."""
    app.command(epilog="Example: holdshelf person invite sroe --host nvr.library.example --file card.txt")(invite)
