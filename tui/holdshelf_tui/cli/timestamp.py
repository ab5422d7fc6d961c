"""timestamp set | show | now | fetch | verify | remove: a server that puts its time on the access log's head (RFC 3161)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import TOKEN_VARIABLE
from holdshelf_core.api.errors import BadRequest, Conflict
from holdshelf_core.timestamps import types
from holdshelf_tui.cli.options import MOST_CA_BYTES, Data, Json, client, text_file, write_new
from holdshelf_tui.cli.service import echo_json, print_said
from holdshelf_tui.text.timestamps import fingerprint_words, stamp_words, stamped_words
from holdshelf_tui.text.words import counted, inert

app = typer.Typer(
    help="A server that puts its time on the access log's head (RFC 3161).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="timestamp")

MOST_HEAD_BYTES = 128 << 10
Ca = Annotated[
    Path,
    typer.Option("--ca", metavar="FILE", help="The root certificate of the server's authority, and any between (PEM)."),
]


@app.command("set", epilog="Example: holdshelf timestamp set https://tsa.example/tsr --ca tsa-root.pem")
def set_server(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address that takes requests for time stamps.")],
    ca: Ca,
    policy: Annotated[
        str, typer.Option(metavar="NUMBER", help="By which of its policies, e.g., 1.2.3.4. [default: its own choice]")
    ] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Have a server stamp the access log's head. It is asked each hour with entries, and for each bundle."""
    done = client(data).act(types.TimestampSet(url, text_file(ca, "The authority", MOST_CA_BYTES), policy))
    _tell(done, json=json)
    if not json:
        typer.echo("Compare this with what the authority publishes. `holdshelf timestamp now` asks for the first one.")


@app.command(epilog="Example: holdshelf timestamp show")
def show(data: Data = None, json: Json = False) -> None:
    """Show who stamps, by which authority, and what is stamped."""
    _show(client(data).read(types.ReadTimestamp()), json=json)


@app.command(epilog="Example: holdshelf timestamp now")
def now(data: Data = None, json: Json = False) -> None:
    """Have the current head stamped. Exit code 1: it was not."""
    view = client(data).act(types.TimestampNow())
    _show(view, json=json)
    if view.asked.ok is not True:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf timestamp remove")
def remove(data: Data = None, json: Json = False) -> None:
    """Stop asking the server. What it stamped stays, and stays valid."""
    _tell(client(data).act(types.TimestampRemove()), json=json)


@app.command(epilog="Example: holdshelf timestamp fetch stamped-in-october")
def fetch(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="New folder: head.txt, head.tsr and ca.pem, for `openssl ts -verify`."),
    ],
    entry: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="The first stamped head that covers this entry. [default: the newest]"),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write a stamped head and its stamp, to keep elsewhere."""
    if TOKEN_VARIABLE in os.environ:
        raise BadRequest(
            "Over SSH you cannot use folders on the server.",
            "`log head --json` says up to which entry the log is stamped.",
        )
    files = client(data).read(types.ReadStamp(entry or 0))
    try:
        folder.mkdir()
    except FileExistsError:
        raise Conflict(f"{folder} already exists; nothing was overwritten.", "Choose another name.") from None
    except OSError as error:
        raise BadRequest(f"{folder} cannot be made: {error.strerror}.", "Give another place.") from None
    for name, raw in (("head.txt", files.head.encode()), ("head.tsr", files.stamp), ("ca.pem", files.ca.encode())):
        write_new(folder / name, raw)
    many = counted(files.entries, "entry", "entries")
    print_said(
        f"{inert(str(folder), 200)} has the head of {many} with its stamp. To check it: "
        f"openssl ts -verify -data head.txt -in head.tsr -CAfile ca.pem -attime {files.utc_ns // 10**9}",
        json=json,
        folder=str(folder),
        entries=files.entries,
        utc_ns=files.utc_ns,
    )


@app.command(epilog="Example: holdshelf timestamp verify head.txt head.tsr --ca tsa-root.pem")
def verify(
    head: Annotated[Path, typer.Argument(metavar="HEAD", help="The head as it was stamped.")],
    stamp: Annotated[Path, typer.Argument(metavar="STAMP", help="Its time stamp (.tsr).")],
    ca: Ca,
    json: Json = False,
) -> None:
    """Check a stamp on a head, without a service. A stamp stays valid after the server's certificate has expired."""
    found = checked_stamp(text_file(head, "The head", MOST_HEAD_BYTES).encode(), stamp, ca)
    if json:
        echo_json(found)
    else:
        typer.echo(stamp_words(found))


def checked_stamp(head: bytes, stamp: Path, ca: Path) -> types.Stamp:
    """What a stamp on a head says. Raises BadRequest when it does not hold."""
    from holdshelf_core.timestamps import offline  # noqa: PLC0415 - it imports cryptography

    try:
        raw = stamp.read_bytes() if stamp.stat().st_size <= types.MAX_STAMP_BYTES else b""
    except OSError as error:
        raise BadRequest(f"The stamp {stamp} cannot be read: {error.strerror}.") from None
    return offline.verify(head, raw, text_file(ca, "The authority", MOST_CA_BYTES))


def _tell(done: types.TimestampDone, *, json: bool) -> None:
    if json:
        echo_json(done)
        return
    typer.echo(f"{inert(done.sentence, 400)}. Entry {done.seq} of the access log.")
    for line in fingerprint_words(done.certificates):
        typer.echo(line)


def _show(view: types.TimestampView, *, json: bool) -> None:
    if json:
        echo_json(view)
        return
    if view.server is None:
        typer.echo("Nobody stamps the access log's head. docs/witness.md says how to have it done.")
    else:
        policy = f", by policy {inert(view.server.policy, 100)}" if view.server.policy else ""
        typer.echo(f"{inert(view.server.url, 300)} stamps the access log's head each hour{policy}.")
        for line in fingerprint_words(view.server.certificates):
            typer.echo(line)
    if view.asked.sentence:
        typer.echo(f"! {inert(view.asked.sentence, 300)}")
    if view.newest is not None:
        typer.echo(stamped_words(view.newest))
    if view.kept:
        typer.echo(
            f"{counted(view.kept, 'stamped head is', 'stamped heads are')} kept. `holdshelf timestamp fetch` writes one."
        )
