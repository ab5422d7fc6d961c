"""paper list | send | open: papers that were brought to the desk, by their photo or scan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.operations.types import ReadReached
from holdshelf_core.outbox import types
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.session.paper_upload import PaperUpload
from holdshelf_tui.text.desk import SENT, how_to_send, kept_words, sent_words, thrown_away
from holdshelf_tui.text.prints import how_to_fetch
from holdshelf_tui.text.time_format import local, local_day
from holdshelf_tui.text.words import inert, size

app = typer.Typer(
    help="Papers that are brought to the desk: their photo or scan gives the fingerprint that goes on record.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="paper")


@app.command("list", epilog="Example: holdshelf paper list")
def list_(data: Data = None, json: Json = False) -> None:
    """The paper that you sent last, and for the Director, the Chair and the Mayor those that are kept sealed."""
    service = client(data)
    found = service.read(types.ReadPapers())
    if json:
        echo_json(found)
        return
    if found.sent is None:
        typer.echo(f"You have no paper here. {how_to_send(service.read(ReadReached()))}")
    else:
        typer.echo(f"{sent_words(found.sent)}. `--paper {SENT}` names it for 12 hours.")
    if found.sealed:
        cells = [
            (one.sha256[:16], one.kind, size(one.size), local(one.kept_utc_ns), local_day(one.until_utc_ns))
            for one in found.sealed
        ]
        typer.echo(table(("SEALED", "KIND", "SIZE", "SENT", "KEPT UNTIL"), cells))
    elif not found.days:
        typer.echo(f"{thrown_away()}: `holdshelf board set paper_days 90 --why …`.")


@app.command(epilog="Example: holdshelf paper send warrant.jpg")
def send(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Its photo or scan: JPEG, PNG, PDF or HEIC; - for standard input.")
    ],
    data: Data = None,
    json: Json = False,
) -> None:
    """Send the photo or scan of a paper, as `sftp` into the drop does."""
    if str(file) == "-":
        paper = _send(client(data), sys.stdin.buffer, "paper")
    else:
        try:
            with file.open("rb") as scan:
                paper = _send(client(data), scan, file.name)
        except OSError as error:
            raise BadRequest(
                f"The paper {file} cannot be read: {error.strerror}.", "Give the file of its scan."
            ) from None
    if json:
        echo_json(paper)
    else:
        typer.echo(f"{inert(sent_words(paper), 300)}. {kept_words(paper)} Entry {paper.seq} of the access log.")
        typer.echo(f"`--paper {SENT}` names it for 12 hours.")


def _send(service: Client, scan: BinaryIO, name: str) -> types.SentPaper:
    upload = PaperUpload(service, name)
    while part := scan.read(types.MAX_PIECE_BYTES):
        upload.write(part)
    return upload.finish()


@app.command("open", epilog="Example: holdshelf paper open 3fa9c1d2 --why 'counsel asks for the warrant'")
def open_(
    sha256: Annotated[
        str, typer.Argument(metavar="SHA-256", help="At least the first eight digits of its fingerprint.")
    ],
    why: Annotated[str, typer.Option(help="Why it is opened; kept on record.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Put a sealed paper into your outbox. Only the Director, the Chair and the Mayor may."""
    service = client(data)
    done = service.act(types.OpenPaper(sha256, why))
    if json:
        echo_json(done)
    else:
        typer.echo(f"It is in your outbox: {inert(done.where, 200)}. Entry {done.seq} of the access log.")
        typer.echo(how_to_fetch(service.read(ReadReached())))
