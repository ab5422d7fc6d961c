"""witness add | list | remove | policy | ask: who countersigns our access log. key | trust | untrust | trusted | serve: a witness
for others' logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.witnesses import types
from holdshelf_tui.cli.options import Data, Json, checked_host, client, folder
from holdshelf_tui.cli.service import echo_json, print_said
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import counted, inert

app = typer.Typer(
    help="Others who countersign the access log's head, and a witness for others' logs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="witness")

DEFAULT_LISTEN = "127.0.0.1:8041"

Folder = Annotated[
    Path,
    typer.Option(
        "--data", parser=folder, metavar="DIR", help="The witness's own folder: its key, and what it remembers."
    ),
]


@app.command(epilog='Example: holdshelf witness add http://192.0.2.7:8041 "$(cat oak.key)"')
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address that takes heads.")],
    witness_key: Annotated[str, typer.Argument(metavar="KEY", help="Its public key: `witness key` over there.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Have somebody countersign the access log: each hour with entries, and before what is printed."""
    _tell(client(data).act(types.WitnessAdd(url, witness_key.strip())), json=json)


@app.command(epilog="Example: holdshelf witness remove oak-library.example/witness")
def remove(
    name: Annotated[str, typer.Argument(help="Its name, as `witness list` shows it.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Stop asking a witness. What it signed stays valid."""
    _tell(client(data).act(types.WitnessRemove(name)), json=json)


@app.command(epilog="Example: holdshelf witness policy 2")
def policy(
    needed: Annotated[int, typer.Argument(metavar="N", help="How many. [at first: all of them]")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Say how many of the witnesses have to sign. `status` warns if fewer sign; no work is held up."""
    _tell(client(data).act(types.WitnessPolicy(needed)), json=json)


@app.command("list", epilog="Example: holdshelf witness list")
def list_witnesses(data: Data = None, json: Json = False) -> None:
    """List the witnesses, what each has signed, and how it answered last."""
    _show(client(data).read(types.ReadWitnesses()), json=json)


@app.command(epilog="Example: holdshelf witness ask")
def ask(data: Data = None, json: Json = False) -> None:
    """Ask all witnesses now. Exit code 1: fewer signed than have to."""
    view = client(data).act(types.WitnessAsk())
    _show(view, json=json)
    if sum(row.asked.ok is True for row in view.rows) < view.needed:
        raise typer.Exit(1)


def _tell(done: types.WitnessDone, *, json: bool) -> None:
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.sentence, 400)}. Entry {done.seq} of the access log.")


def _show(view: types.WitnessesView, *, json: bool) -> None:
    if json:
        echo_json(view)
        return
    if not view.rows:
        typer.echo("Nobody countersigns the access log. docs/witness.md says how two libraries do it for one another.")
        return
    cells = [
        (row.witness.name, row.witness.url, f"{row.entries} entries" if row.entries else "-", when(row.signed_utc_ns))
        for row in view.rows
    ]
    typer.echo(table(("WITNESS", "ADDRESS", "SIGNED", "WHEN"), cells))
    for row in view.rows:
        if row.asked.sentence:
            typer.echo(f"! {inert(row.asked.sentence, 300)}")
    many = counted(view.entries, "entry", "entries")
    typer.echo(f"A head counts when {view.needed} of {len(view.rows)} have signed it: up to now, {many}.")


@app.command(epilog="Example: holdshelf witness key oak-library.example/witness --data /srv/witness")
def key(
    data: Folder,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Make a witness of this name; without a name, print the existing key.")
    ] = "",
    json: Json = False,
) -> None:
    """Make the key of a witness here, or print its public key, for whoever asks for its signatures."""
    from holdshelf_core.witnesses import offline  # noqa: PLC0415 - it imports cryptography

    made = offline.witness_key(data.absolute(), name)
    if json:
        echo_json({"key": made})
    else:
        typer.echo(made)


@app.command(epilog='Example: holdshelf witness trust "$(cat elm.key)" --data /srv/witness')
def trust(
    log_key: Annotated[str, typer.Argument(metavar="KEY", help="The log's public key: `log head --json` over there.")],
    data: Folder,
    json: Json = False,
) -> None:
    """Countersign this log's heads from now on. A running witness does not need a restart."""
    from holdshelf_core.witnesses import offline  # noqa: PLC0415

    name = inert(offline.trust(data.absolute(), log_key), 120)
    print_said(f"{name} is countersigned from now on.", json=json, log=name)


@app.command(epilog="Example: holdshelf witness untrust holdshelf.local/4f1d0c6a9b2e7785 --data /srv/witness")
def untrust(
    name: Annotated[str, typer.Argument(help="The log's name, the first line of its head.")],
    data: Folder,
    json: Json = False,
) -> None:
    """Stop countersigning this log. The witness remembers what it has seen of it."""
    from holdshelf_core.witnesses import offline  # noqa: PLC0415

    offline.untrust(data.absolute(), name)
    print_said(f"{inert(name, 120)} is no longer countersigned.", json=json, log=inert(name, 120))


@app.command(epilog="Example: holdshelf witness trusted --data /srv/witness")
def trusted(data: Folder, json: Json = False) -> None:
    """List the logs that are countersigned here, and the highest head of each."""
    from holdshelf_core.witnesses import offline  # noqa: PLC0415

    rows = offline.trusted(data.absolute())
    if json:
        echo_json(rows)
    elif rows:
        cells = [(row.name, row.short or "none yet", when(row.at_utc_ns, seconds=True)) for row in rows]
        typer.echo(table(("LOG", "HIGHEST HEAD", "SINCE"), cells))
    else:
        typer.echo("No log is countersigned here. To add one: `holdshelf witness trust …`")


@app.command(epilog="Example: holdshelf witness serve --data /srv/witness --listen 0.0.0.0:8041")
def serve(
    data: Folder,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address and port to listen on.")] = DEFAULT_LISTEN,
) -> None:
    """Countersign the heads of the logs that are trusted, until it is ended. A small process of its own."""
    from holdshelf_core.witnesses import offline  # noqa: PLC0415

    host, port = _address(listen)
    offline.serve(data.absolute(), host, port)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = checked_host(host.strip("[]"), "--listen")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise BadRequest(f"{text[:60]!r} is not an address to listen on.", "Give it as HOST:PORT, e.g., 0.0.0.0:8041.")
    return host, int(port)
