"""hold place | extend | review | lift | approve | list | show | archive: what is kept beyond its time, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api import types_holds as types
from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="Keep footage beyond its time, for a ground of the policy.", no_args_is_help=True, rich_markup_mode=None
)

HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="For example H-2026-0001.")]
Cameras = Annotated[list[str], typer.Option("--camera", help="Camera id or name; may be repeated.")]
From = Annotated[
    str, typer.Option("--from", help="Start: '2026-11-24 14:00', 'yesterday 15:15', '14:00' (today) or '2h ago'.")
]
To = Annotated[str | None, typer.Option("--to", help="End, as --from.")]
UntilLifted = Annotated[bool, typer.Option("--until-lifted", help="Instead of --to: keep on until the hold is lifted.")]
_STATES = {"active": "in force", "lifting": "lift awaits approval", "grace": "lifted, in grace", "lifted": "lifted"}
_KINDS = {"recorded": "recorded", "gap": "gap", "erased": "erased on schedule before", "future": "yet to come"}


def _spans(cameras: list[str], start: str, end: str | None, until_lifted: bool) -> list[types.SpanAsk]:
    if (end is None) != until_lifted:
        raise BadRequest("A hold has an end or lasts until it is lifted.", "Give --to, or --until-lifted.")
    start_utc_ns, end_utc_ns = render.parse_time(start), render.parse_time(end) if end is not None else None
    return [types.SpanAsk(camera, start_utc_ns, end_utc_ns) for camera in cameras]


def _tell(row: types.HoldRow, *, json: bool) -> None:
    if json:
        echo_json(row)
        return
    typer.echo(render.inert(f"{row.id}: {row.ground}, no. {row.reference}; {_STATES.get(row.state, row.state)}", 200))
    if row.queued:
        typer.echo("! The access log cannot be written now. The footage is protected; the entry follows when it can.")
    for span in row.spans:
        end = f"to {render.local(span.end_utc_ns)}" if span.end_utc_ns is not None else "until lifted"
        typer.echo(render.inert(f"  {span.camera}  {render.local(span.start_utc_ns)} {end}", 200))
    if row.coverage:
        cells = [
            (c.camera, render.local(c.start_utc_ns), render.local(c.end_utc_ns), _KINDS.get(c.kind, c.kind), c.reason)
            for c in row.coverage
        ]
        typer.echo(render.table(("CAMERA", "FROM", "TO", "", "REASON"), cells))
    shelf = "on the shelf" if row.shelved else "protected; on its way to the shelf"
    typer.echo(
        f"  {render.size(row.held_bytes)} held, {shelf}; review {render.local(row.review_utc_ns)}"
        + (" (OVERDUE)" if row.overdue else "")
    )
    if row.grace_end_utc_ns is not None and row.state == "grace":
        typer.echo(
            f"  kept until {render.local(row.grace_end_utc_ns)}, then erased on schedule; `hold approve --refuse` takes it back"
        )
    if row.archived_to:
        typer.echo(render.inert(f"  archived to {row.archived_to}", 300))


@app.command(
    epilog="Example: holdshelf hold place --ground investigation --reference 26-1234 --camera lobby --from '14:00' --to '14:30'"
)
def place(
    ground: Annotated[str, typer.Option(help="investigation, litigation or violation.")],
    reference: Annotated[str, typer.Option(help="Case or incident number.")],
    camera: Cameras,
    start: From,
    end: To = None,
    until_lifted: UntilLifted = False,
    review_days: Annotated[int | None, typer.Option(help="Days until its first review.")] = None,
    note: Annotated[str, typer.Option(help="Anything else; no patron's name.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Place a hold. No look is needed; the footage is safe the moment this returns."""
    asked = types.HoldPlace(ground, reference, _spans(camera, start, end, until_lifted), review_days, note)
    row = client(data).act("hold.place", asked, types.HoldRow, timeout_s=120)
    _tell(row, json=json)
    if not json:
        typer.echo(f"  its notice, for the file and for who asked: `holdshelf print hold {row.id}`")


@app.command(
    epilog="Example: holdshelf hold extend H-2026-0001 --camera desk --from '13:45' --to '14:30' --why 'seen there too'"
)
def extend(
    hold: HoldId,
    camera: Cameras,
    start: From,
    why: Annotated[str, typer.Option(help="Why more is kept.")],
    end: To = None,
    until_lifted: UntilLifted = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Keep more under the same hold."""
    asked = types.HoldExtend(hold, _spans(camera, start, end, until_lifted), why)
    _tell(client(data).act("hold.extend", asked, types.HoldRow, timeout_s=120), json=json)


@app.command(epilog="Example: holdshelf hold review H-2026-0001 --note trial --next-days 90")
def review(
    hold: HoldId,
    note: Annotated[str, typer.Option(help="What the review found.")],
    next_days: Annotated[int | None, typer.Option(help="Days until the next review.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say that a hold is still needed."""
    asked = types.HoldReview(hold, note, next_days)
    _tell(client(data).act("hold.review", asked, types.HoldRow, timeout_s=120), json=json)


@app.command(epilog="Example: holdshelf hold lift H-2026-0001 --why 'case closed'")
def lift(
    hold: HoldId,
    why: Annotated[str, typer.Option(help="Why it is needed no longer.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Ask for a hold to be lifted. A second person approves; then come the days of grace."""
    _tell(client(data).act("hold.lift", types.HoldLift(hold, why), types.HoldRow, timeout_s=120), json=json)


@app.command(epilog="Example: holdshelf hold approve H-2026-0001 --paper letter.pdf --seat chair")
def approve(
    hold: HoldId,
    paper: Paper = None,
    seat: Annotated[str, typer.Option(help="Which seat signed the paper.")] = "",
    refuse: Annotated[
        bool, typer.Option("--refuse", help="The hold stays, also one that is in its days of grace.")
    ] = False,
    note: Annotated[str, typer.Option(help="Anything to say.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """The second person's word on a lift: your own, or another seat's signed paper."""
    asked = types.HoldApprove(hold, paper_hash(paper), seat, refuse, note)
    _tell(client(data).act("hold.approve", asked, types.HoldRow, timeout_s=120), json=json)


@app.command("list", epilog="Example: holdshelf hold list --all --json")
def list_holds(
    data: Data = None,
    everything: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    json: Json = False,
) -> None:
    """Holds, the room they take, and when recording would stop for want of room."""
    answer = client(data).act("hold.list", types.HoldListAsk(everything), types.HoldList, timeout_s=60)
    if json:
        echo_json(answer)
        return
    if not answer.holds:
        typer.echo("Nothing is on hold.")
        return
    cells = [
        (
            r.id,
            r.ground,
            r.reference,
            ", ".join(sorted({s.camera for s in r.spans})),
            _STATES.get(r.state, r.state),
            render.size(r.held_bytes),
            render.local(r.review_utc_ns)[:10] + (" OVERDUE" if r.overdue else ""),
        )
        for r in answer.holds
    ]
    typer.echo(render.table(("HOLD", "GROUND", "NUMBER", "CAMERAS", "STATE", "SIZE", "REVIEW"), cells))
    typer.echo(f"{render.size(answer.held_bytes)} held.")
    if answer.recording_stops_days is not None:
        typer.echo(
            f"! Recording stops in about {answer.recording_stops_days:.1f} days: what is held will fill the disk by then."
        )


@app.command(epilog="Example: holdshelf hold show H-2026-0001")
def show(hold: HoldId, data: Data = None, json: Json = False) -> None:
    """One hold, with what it covers to the second: recorded, gaps with their cause, and what was gone before."""
    _tell(client(data).act("hold.show", types.HoldAsk(hold), types.HoldRow, timeout_s=120), json=json)


@app.command(epilog="Example: holdshelf hold archive H-2026-0001 --to /mnt/archive")
def archive(
    hold: HoldId,
    to: Annotated[Path, typer.Option("--to", help="Folder on another disk.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy a hold to another disk, verified, so that its room here can be given free."""
    asked = types.HoldArchive(hold, str(to.absolute()))
    _tell(client(data).act("hold.archive", asked, types.HoldRow, timeout_s=24 * 3600), json=json)
