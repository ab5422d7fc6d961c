"""log show | verify | export | head | repair: who looked at what, and the proof of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdshelf_core.api import types_board as types
from holdshelf_core.api.client import TOKEN_VARIABLE
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, Unavailable
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client, data_folder, text_file, write_new
from holdshelf_tui.cli.service import echo_json

if TYPE_CHECKING:
    from holdshelf_core.api import log_local

STDOUT = "-"

app = typer.Typer(
    help="The access log: every look, change, share and refusal.", no_args_is_help=True, rich_markup_mode=None
)


@app.command(epilog="Example: holdshelf log show --person jroe --from '2026-11-01'")
def show(
    data: Data = None,
    who: Annotated[str, typer.Option("--person", help="Only this person's acts.")] = "",
    camera: Annotated[str, typer.Option(help="Only acts on this camera.")] = "",
    action: Annotated[str, typer.Option(help="Only acts whose name begins so, for example hold.")] = "",
    start: Annotated[str | None, typer.Option("--from", help="Since then.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until then.")] = None,
    most: Annotated[int, typer.Option(help="At most so many, the last ones.")] = 50,
    json: Json = False,
) -> None:
    """Entries, the last ones last."""
    asked = types.LogShow(
        person=who,
        camera=camera,
        action=action,
        since_utc_ns=render.parse_time(start) if start is not None else None,
        until_utc_ns=render.parse_time(end) if end is not None else None,
        most=most,
    )
    answer = client(data).act("log.show", asked, types.LogRows, timeout_s=120)
    if json:
        echo_json(answer)
        return
    cells = [
        (
            str(row.seq),
            render.local(types.at_utc_ns(row.entry)),
            row.texts.get("name") or str(row.entry.get("person", "")),
            str(row.entry.get("seat", "")),
            str(row.entry.get("action", "")),
            str(row.entry.get("outcome", "")),
            render.inert(row.words, 120),
        )
        for row in answer.entries
    ]
    typer.echo(
        render.table(("ENTRY", "WHEN", "WHO", "AS", "ACT", "OUTCOME", ""), cells) if cells else "No entry matches."
    )
    typer.echo(f"{answer.size} entries in all.")


@app.command(epilog="Example: holdshelf log verify --against head-of-october.txt")
def verify(
    copy: Annotated[
        Path | None,
        typer.Argument(
            metavar="[COPY]", help="An exported copy, or a log that was set aside. [default: the log itself]"
        ),
    ] = None,
    data: Data = None,
    against: Annotated[
        Path | None, typer.Option(help="A head that somebody outside kept: a file, or - for standard input.")
    ] = None,
    key: Annotated[
        str, typer.Option(metavar="KEY", help="The log's public key that somebody outside kept. [default: as found]")
    ] = "",
    json: Json = False,
) -> None:
    """Check every entry, their order and their number. Exit 1 when something is wrong. Needs no service."""
    from holdshelf_core.api import log_local  # noqa: PLC0415 - it imports all that verifies

    head = text_file(against, "The head", 16 << 10) if against is not None else ""
    report = _verify_here(data, head, key) if copy is None else log_local.verify(copy.absolute(), against=head, key=key)
    if json:
        echo_json(report)
    else:
        for problem in report.problems:
            typer.echo(render.inert(problem, 300))
        what = "the access log" if copy is None else render.inert(copy.name)
        typer.echo(f"{report.entries} entries in {what}: {render.counted(len(report.problems), 'problem')}.")
        if report.against:
            typer.echo(render.inert(report.against, 300))
    if report.problems:
        if json:
            raise typer.Exit(1)
        if copy is not None:
            raise HoldshelfError("This is not what was written.", "Keep it as it is; see docs/access-log.md.")
        raise HoldshelfError(
            "The access log is not what was written.",
            "Keep the folder STATE/access as it is, and see `When the log or the register is damaged` in docs/operate.md.",
        )


def _verify_here(data: Path | None, head: str, key: str) -> log_local.LogChecked:
    """By the service, which writes down that it was done; without one, from its files."""
    from holdshelf_core.api import log_local  # noqa: PLC0415 - it imports all that verifies

    service = client(data)
    try:
        found = service.act("log.verify", types.LogVerify(head, key), types.LogVerified, timeout_s=3600)
        return log_local.LogChecked(found.entries, found.head, found.problems, found.against, found.key)
    except Unavailable as error:
        folder = log_local.state_folder(data_folder(data))
        if not (folder / "access").is_dir():
            raise
        typer.echo(f"holdshelf: note: {render.one_line(error.sentence)} Verified from its files.", err=True)
        return log_local.verify(folder, against=head, key=key)


@app.command(epilog="Example: holdshelf log export --public access-log.txt")
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="New file; - is standard output.")],
    data: Data = None,
    public: Annotated[
        bool, typer.Option("--public", help="Without names, addresses and free text; it still verifies.")
    ] = False,
    first: Annotated[int, typer.Option(min=1, help="From this entry on.")] = 1,
    last: Annotated[int | None, typer.Option(min=1, help="To this entry. [default: the newest]")] = None,
    json: Json = False,
) -> None:
    """Write a copy of the log that a stranger can check, with `log verify` or with a script of their own."""
    if file == STDOUT and json:
        raise BadRequest("Standard output takes the copy or JSON, not both.", "Give a file.")
    # Over SSH the account is the door's own: its files are no place for a person's copy.
    if file != STDOUT and TOKEN_VARIABLE in os.environ:
        raise BadRequest("A session over SSH has no files here.", "Give - and redirect it at your end.")
    if file != STDOUT and Path(file).exists():
        raise Conflict(f"{file} exists; nothing is overwritten.", "Give another name.")
    asked = types.LogExport(public, first, last)
    done = client(data).act("log.export", asked, types.LogExported, timeout_s=600)
    if file == STDOUT:
        typer.echo(done.text, nl=False)
        return
    write_new(Path(file), done.text.encode(), 0o600)
    if json:
        echo_json({"file": file, "first": done.first, "last": done.last, "entries": done.size})
    else:
        typer.echo(f"Entries {done.first} to {done.last} of {done.size} written to {render.inert(file, 200)}.")


@app.command(epilog="Example: holdshelf log head > head-of-october.txt")
def head(data: Data = None, json: Json = False) -> None:
    """The signed head. Whoever keeps one can prove later that nothing before it was changed."""
    answer = client(data).get("/rules/head", types.LogHead)
    if json:
        echo_json(answer)
        return
    typer.echo(answer.head, nl=not answer.head.endswith("\n"))
    if answer.problem:
        raise HoldshelfError(answer.problem, "Run `holdshelf log verify`.")


@app.command(epilog="Example: holdshelf log repair --why 'disk failed on 24 November'")
def repair(
    why: Annotated[str, typer.Option(help="What happened; kept as the new log's first entry.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """After damage: set the broken log aside, unchanged, and go on with one that names it."""
    answer = client(data).act("log.repair", types.LogRepair(why), types.LogHead, timeout_s=120)
    if json:
        echo_json(answer)
    else:
        typer.echo("A new access log goes on from here; the old one lies beside it, as it was.")
