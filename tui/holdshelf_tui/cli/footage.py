"""footage list | gaps | verify."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.api import types
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="What is recorded, what is missing, and whether it is sound.", no_args_is_help=True, rich_markup_mode=None
)

Camera = Annotated[str | None, typer.Option(help="One camera's id. [default: all]")]
From = Annotated[
    str | None, typer.Option("--from", help="'2026-11-24 14:00', 'yesterday 15:15' or '2h ago'. [default: 24 h ago]")
]
To = Annotated[str | None, typer.Option("--to", help="As --from. [default: now]")]


def _span(start: str | None, end: str | None) -> dict[str, int | None]:
    return {
        "start_utc_ns": render.parse_time(start) if start is not None else None,
        "end_utc_ns": render.parse_time(end) if end is not None else None,
    }


@app.command("list", epilog="Example: holdshelf footage list --camera front-entrance --from '2h ago'")
def list_footage(
    data: Data = None, camera: Camera = None, start: From = None, end: To = None, json: Json = False
) -> None:
    """Stretches of footage, one per file."""
    rows = client(data).get("/footage", list[types.SegmentRow], camera=camera, **_span(start, end))
    if json:
        echo_json(rows)
        return
    if not rows:
        typer.echo("Nothing was recorded in that span.")
        return
    cells = [
        (
            r.camera,
            render.local(r.start_utc_ns),
            render.span((r.end_utc_ns - r.start_utc_ns) / 1e9),
            "erased on schedule" if r.erased else render.size(r.bytes),
            f"{r.codec} {r.width}x{r.height}",
            "being written" if r.open else "recovered" if r.recovered else "",
            r.file,
        )
        for r in rows
    ]
    typer.echo(render.table(("CAMERA", "START", "LENGTH", "SIZE", "VIDEO", "", "FILE"), cells))


@app.command(epilog="Example: holdshelf footage gaps --from '2026-11-24' --json")
def gaps(data: Data = None, camera: Camera = None, start: From = None, end: To = None, json: Json = False) -> None:
    """Stretches without footage, each with its reason."""
    rows = client(data).get("/gaps", list[types.GapRow], camera=camera, **_span(start, end))
    if json:
        echo_json(rows)
        return
    if not rows:
        typer.echo("There is no gap in that span.")
        return
    cells = [
        (
            r.camera,
            render.local(r.start_utc_ns),
            render.local(r.end_utc_ns) if r.end_utc_ns is not None else "still open",
            render.span(r.elapsed_s),
            r.reason,
            r.detail,
        )
        for r in rows
    ]
    typer.echo(render.table(("CAMERA", "FROM", "TO", "LENGTH", "REASON", "DETAIL"), cells))


@app.command(epilog="Example: holdshelf footage verify --deep")
def verify(
    data: Data = None,
    camera: Camera = None,
    start: Annotated[str | None, typer.Option("--from", help="As in `footage list`. [default: the first]")] = None,
    end: To = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte and compare checksums.")] = False,
    json: Json = False,
) -> None:
    """Compare what lies on disk with its journals and checksums. Exit 1 when something is wrong."""
    span = _span(start, end)
    asked = types.VerifyRequest(camera, span["start_utc_ns"], span["end_utc_ns"], deep)
    report = client(data).post("/verify", asked, types.VerifyReport, timeout_s=24 * 3600)
    if json:
        echo_json(report)
    else:
        for problem in report.problems:
            typer.echo(render.inert(problem, 300))
        problems = render.counted(len(report.problems), "problem")
        typer.echo(f"{render.counted(report.segments, 'file')}, {render.size(report.bytes)}: {problems}.")
    if report.problems and json:
        raise typer.Exit(1)
    if report.problems:
        raise HoldshelfError(
            f"{render.counted(len(report.problems), 'problem')} found.", "Check the disk's health (`smartctl -a`)."
        )
