"""person invite: the card for somebody's first log-in."""

from __future__ import annotations

import re
import socket
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api import types_board, types_people
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types_session import DoorRow
from holdshelf_tui.cli.options import DEFAULT_DOOR_PORT, Data, client, write_new

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}", re.ASCII)


def invite(
    login: Annotated[str, typer.Argument(help="What the person types before the @; enrolled already or not.")],
    data: Data = None,
    host: Annotated[
        str, typer.Option(help="Name or address of this machine in the library's network. [default: its own name]")
    ] = "",
    port: Annotated[int, typer.Option(help="Port of the SSH door.", min=1, max=65535)] = DEFAULT_DOOR_PORT,
    call: Annotated[str, typer.Option(help="Whom to call, with number. [default: the Board's contact]")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Write it into this new file. [default: print it here]"),
    ] = None,
) -> None:
    """Print the one-page card for a first log-in: making a key, where it goes, what to answer, how to come in."""
    from holdshelf_tui.papers.invitation import Invitation, invitation_card  # noqa: PLC0415

    name = login.strip().lower()
    if not _LOGIN.fullmatch(name):
        raise BadRequest("A login begins with a letter and has at most 32 of a–z, 0–9, dot, hyphen and underscore.")
    reached = host or socket.gethostname()
    if not _HOST.fullmatch(reached):
        raise BadRequest(f"{reached[:60]!r} is no name or address of a machine.", "Give it with --host.")
    service = client(data)
    door = service.get("/rules/door", DoorRow)
    people = service.get("/rules/people", list[types_people.PersonRow])
    known = next((row for row in people if row.login == name and row.left_utc_ns is None), None)
    library, contact = _board(service)
    seats = [row.name for row in people for role in row.roles if role.state == "active" and not role.rights]
    director = f"the Library Director{f', {seats[0]}' if seats else ''}, or the admin"
    card = Invitation(
        login=name,
        name=known.name if known is not None else "",
        host=reached,
        port=port,
        host_fingerprint=door.fingerprint,
        library=library,
        call=call or contact or director,
        printed_on=datetime.now().astimezone().date().isoformat(),
    )
    text = invitation_card(card)
    if file is not None:
        write_new(file, text.encode())
        typer.echo(f"The card is in {file}.")
    else:
        typer.echo(text, nl=False)
    if known is None:
        step = f"holdshelf person add {name} --name NAME --key KEY.pub"
        typer.echo(f"holdshelf: nobody is enrolled as {name} yet; when the key has come: `{step}`.", err=True)


def _board(service: Client) -> tuple[str, str]:
    """(library, contact) as the Board set them."""
    rows = {row.key: row.value for row in service.get("/rules/board", list[types_board.BoardSetting])}
    return str(rows.get("library") or ""), str(rows.get("contact") or "")


def register(app: typer.Typer) -> None:
    """As a command of `holdshelf person`."""
    app.command(epilog="Example: holdshelf person invite sroe --host nvr.library.example --file card.txt")(invite)
