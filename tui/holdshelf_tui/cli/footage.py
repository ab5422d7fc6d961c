"""footage list | gaps | verify."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import TOKEN_VARIABLE
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.buffer import types
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import counted, inert, span

app = typer.Typer(
    help="What is recorded, what is missing, and whether it is intact.", no_args_is_help=True, rich_markup_mode=None
)
root = typer.Typer()
root.add_typer(app, name="footage")

Camera = Annotated[str | None, typer.Option(help="One camera's id. [default: all]")]
From = Annotated[
    str | None, typer.Option("--from", help="'11/24 2 pm', 'yesterday 15:15', '2h ago' or a day. [default: 24 h ago]")
]
To = Annotated[str | None, typer.Option("--to", help="As --from. [default: now]")]


@app.command("list", epilog="Example: holdshelf footage list --camera front-entrance --from '2h ago'")
def list_footage(
    data: Data = None, camera: Camera = None, start: From = None, end: To = None, json: Json = False
) -> None:
    """Stretches of footage, one per file."""
    starts, ends = typed_times.span(start, end)
    rows = client(data).read(types.ReadFootage(camera=camera, start_utc_ns=starts, end_utc_ns=ends))
    if json:
        echo_json(rows)
        return
    typed_times.tell(starts, ends)
    if not rows:
        typer.echo("Nothing was recorded in that span.")
        return
    cells = [
        (
            r.camera,
            local(r.start_utc_ns),
            span((r.end_utc_ns - r.start_utc_ns) / 1e9),
            "MISSING" if r.missing else "erased on schedule" if r.erased else "",
            f"{r.codec} {r.width}x{r.height}",
            "being written" if r.open else "from the camera" if r.from_camera else "recovered" if r.recovered else "",
            r.file,
        )
        for r in rows
    ]
    typer.echo(table(("CAMERA", "START", "LENGTH", "", "VIDEO", "", "FILE"), cells))


@app.command(epilog="Example: holdshelf footage gaps --from '2026-11-24' --json")
def gaps(data: Data = None, camera: Camera = None, start: From = None, end: To = None, json: Json = False) -> None:
    """Gaps without footage, each with its reason."""
    starts, ends = typed_times.span(start, end)
    rows = client(data).read(types.ReadGaps(camera=camera, start_utc_ns=starts, end_utc_ns=ends))
    if json:
        echo_json(rows)
        return
    typed_times.tell(starts, ends)
    if not rows:
        typer.echo("There are no gaps in that span.")
        return
    cells = [
        (
            r.camera,
            local(r.start_utc_ns),
            local(r.end_utc_ns) if r.end_utc_ns is not None else "still open",
            span(r.elapsed_s),
            r.reason,
            r.detail,
        )
        for r in rows
    ]
    typer.echo(table(("CAMERA", "FROM", "TO", "LENGTH", "REASON", "DETAIL"), cells))


@app.command(epilog="Example: holdshelf footage verify --media /mnt/old-disk --deep")
def verify(
    data: Data = None,
    camera: Camera = None,
    start: Annotated[str | None, typer.Option("--from", help="As in `footage list`. [default: the first]")] = None,
    end: To = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Read every byte: compare checksums, and check what cameras signed themselves."),
    ] = False,
    media: Annotated[
        Path | None,
        typer.Option(help="Check this media folder without the service: stopped, mounted read-only, or a copy."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="With --media: its state folder, to know what the access log anchored and erased."),
    ] = None,
    json: Json = False,
) -> None:
    """Compare journals, files and missing files with each other and with the access log. Exit 1 if something is wrong."""
    starts, ends = typed_times.span(start, end)
    asked = types.VerifyRequest(camera, starts, ends, deep)
    report = _report(data, media, state, asked)
    if json:
        echo_json(report)
    else:
        _tell(report)
    if report.problems and json:
        raise typer.Exit(1)
    if report.problems:
        raise HoldshelfError(
            f"{counted(len(report.problems), 'problem')} found.",
            "See `What a problem in footage means` in docs/operate.md.",
        )


def _report(
    data: Path | None, media: Path | None, state: Path | None, asked: types.VerifyRequest
) -> types.VerifyReport:
    if media is None and state is not None:
        raise BadRequest("--state goes with --media.", "Give both, or neither to ask the running service.")
    if media is None:
        return client(data).read(asked)
    # Over SSH the account is the door's own: the server's folders are not a person's to read.
    if TOKEN_VARIABLE in os.environ:
        raise BadRequest(
            "Over SSH you cannot use folders on the server.", "Leave --media out to ask the running service."
        )
    from holdshelf_core.buffer import offline as footage_offline  # noqa: PLC0415 - it imports all that verifies

    return footage_offline.verify_folder(media.absolute(), state.absolute() if state is not None else None, asked)


def _tell(report: types.VerifyReport) -> None:
    for problem in report.problems:
        typer.echo(inert(problem, 400))
    problems = counted(len(report.problems), "problem")
    missing = f", {counted(len(report.missing), 'file')} missing" if report.missing else ""
    typer.echo(f"{counted(report.segments, 'file')}{missing}: {problems}.")
    # Of erased files the journal keeps its line, so that these may be more than there are files.
    typer.echo(
        f"{counted(report.proven, 'line')} of journals proven by the access log, those of erased files included."
    )
    for note in report.notes:
        typer.echo(f"Note: {inert(note, 400)}")
    for signed in report.signed:
        _tell_signed(signed)


def _tell_signed(signed: types.CameraSigned) -> None:
    """What a camera signed, with the certificate, and what is not as it was signed."""
    typer.echo(f"{inert(signed.camera, 80)}: {signed.words}.")
    if signed.unsigned_s:
        typer.echo(f"  {span(signed.unsigned_s)} of it without a signature")
    for one in signed.certificates:
        typer.echo(f"  certificate of {inert(one.subject, 200)}, issued by {inert(one.issuer, 200)}")
        typer.echo(f"    SHA-256 {one.sha256}, {inert(one.key, 40)}, {counted(one.groups, 'group')} of pictures")
        if not one.is_chained:
            typer.echo("    the certificates that the camera sent with it did not issue it")
    for found in signed.differences:
        until = "" if found.end_utc_ns == found.start_utc_ns else f" to {local(found.end_utc_ns)}"
        typer.echo(f"  {local(found.start_utc_ns)}{until}: {inert(found.words, 300)}")
    if signed.more_differences:
        typer.echo(f"  and {counted(signed.more_differences, 'more difference')}")
