"""hold place | extend | review | lift | approve | list | show | archive: what is kept beyond its time, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.holds import types
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash
from holdshelf_tui.cli.paging import next_page
from holdshelf_tui.cli.release_gates import at_a_terminal
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table, terminal_width
from holdshelf_tui.papers.text import fold
from holdshelf_tui.text.holds import KIND_WORDS, also_words, found, state_words
from holdshelf_tui.text.time_format import local, local_day
from holdshelf_tui.text.words import counted, inert, size

app = typer.Typer(
    help="Keep footage past its normal time, on one of the policy's grounds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="hold")

PAGE = 50
"""Holds in a list, unless more are asked for."""

HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="E.g., H-2026-0001.")]
Cameras = Annotated[list[str], typer.Option("--camera", help="Camera id or name; can be repeated.")]
From = Annotated[
    str, typer.Option("--from", help="Start: '11/24 2 pm', 'yesterday 15:15', '14:00' (today), '2h ago' or a day.")
]
To = Annotated[str | None, typer.Option("--to", help="End, as --from.")]
UntilLifted = Annotated[
    bool, typer.Option("--until-lifted", help="Instead of --to: keep footage until the hold is lifted.")
]


def _spans(cameras: list[str], start: str, end: str | None, until_lifted: bool) -> list[types.SpanAsk]:
    if (end is None) != until_lifted:
        raise BadRequest("A hold has an end or lasts until it is lifted.", "Use --to, or --until-lifted.")
    starts, ends = typed_times.span(start, end, future=True)
    assert starts is not None
    return [types.SpanAsk(camera, starts, ends) for camera in cameras]


def _say(words: str, *, first: str) -> None:
    """Sentences, folded for a terminal."""
    width = terminal_width()
    text = inert(words, 900)
    for line in fold(text, width=width, first=first, rest="  ") if width else [first + text]:
        typer.echo(line)


def _tell(row: types.HoldRow, *, json: bool) -> None:
    if json:
        echo_json(row)
        return
    typer.echo(inert(f"{row.id}: {row.ground}, no. {row.reference}; {state_words(row)}", 200))
    if row.queued:
        typer.echo("! The access log cannot be written now. The footage is protected; the entry follows when it can.")
    for span in row.spans:
        end = f"to {local(span.end_utc_ns)}" if span.end_utc_ns is not None else "until lifted"
        typer.echo(inert(f"  {span.camera}  {local(span.start_utc_ns)} {end}", 200))
    if row.coverage:
        cells = [
            (c.camera, local(c.start_utc_ns), local(c.end_utc_ns), KIND_WORDS.get(c.kind, c.kind), c.reason)
            for c in row.coverage
        ]
        typer.echo(table(("CAMERA", "FROM", "TO", "", "REASON"), cells))
        _say(" ".join(found(row)), first="  ")
    if row.also:
        _say(also_words(row.also), first="! ")
    shelf = "on the shelf" if row.shelved else "protected; on its way to the shelf"
    typer.echo(
        f"  {size(row.held_bytes)} held, {shelf}; review {local(row.review_utc_ns)}"
        + (" (OVERDUE)" if row.overdue else "")
    )
    if row.grace_end_utc_ns is not None and row.state == "grace":
        typer.echo(
            f"  kept until {local(row.grace_end_utc_ns)}, then erased on schedule; `hold approve --refuse` undoes the lift"
        )
    if row.archived_to:
        typer.echo(inert(f"  archived to {row.archived_to}", 300))


def _beside_others(service: Client, spans: list[types.SpanAsk]) -> bool:
    """Whether to place it, also where another hold keeps all of it already. What cannot be asked keeps nobody from a hold."""
    try:
        also = [one for one in service.read(types.ReadAlsoHeld(spans)) if one.whole]
    except HoldshelfError:
        return True
    if not also:
        return True
    _say(also_words(also), first="! ")
    return typer.confirm("Place yours beside it?", default=True)


@app.command(
    epilog="Example: holdshelf hold place --ground investigation --incident 26-1234 --camera lobby --from '14:00' --to '14:30'"
)
def place(
    ground: Annotated[str, typer.Option(help="investigation, litigation or violation.")],
    reference: Annotated[str, typer.Option("--incident", help="Case or incident number; never a name.")],
    camera: Cameras,
    start: From,
    end: To = None,
    until_lifted: UntilLifted = False,
    review_days: Annotated[int | None, typer.Option(help="Days until its first review.")] = None,
    note: Annotated[str, typer.Option(help="Anything else; no patron names.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Place a hold. You do not need to look; the footage is safe as soon as this command returns."""
    service, spans = client(data), _spans(camera, start, end, until_lifted)
    if at_a_terminal() and not _beside_others(service, spans):
        return
    row = service.act(types.HoldPlace(ground, reference, spans, review_days, note))
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
    """Add footage to a hold."""
    asked = types.HoldExtend(hold, _spans(camera, start, end, until_lifted), why)
    _tell(client(data).act(asked), json=json)


@app.command(epilog="Example: holdshelf hold review H-2026-0001 --note trial --next-days 90")
def review(
    hold: HoldId,
    note: Annotated[str, typer.Option(help="What the review found.")],
    next_days: Annotated[int | None, typer.Option(help="Days until the next review.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Confirm that a hold is still needed."""
    asked = types.HoldReview(hold, note, next_days)
    _tell(client(data).act(asked), json=json)


@app.command(epilog="Example: holdshelf hold lift H-2026-0001 --why 'case closed'")
def lift(
    hold: HoldId,
    why: Annotated[str, typer.Option(help="Why it is no longer needed.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Ask for a hold to be lifted. A second person must approve; then the grace period begins."""
    _tell(client(data).act(types.HoldLift(hold, why)), json=json)


@app.command(epilog="Example: holdshelf hold approve H-2026-0001 --paper letter.pdf --seat chair")
def approve(
    hold: HoldId,
    paper: Paper = None,
    seat: Annotated[str, typer.Option(help="Which seat signed the paper.")] = "",
    refuse: Annotated[
        bool, typer.Option("--refuse", help="Refuse: the hold stays, even during its grace period.")
    ] = False,
    note: Annotated[str, typer.Option(help="A note.")] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Approve or refuse a lift as the second person, or with a paper signed by the Director, Chair or Mayor."""
    asked = types.HoldApprove(hold, paper_hash(paper, data), seat, refuse, note)
    _tell(client(data).act(asked), json=json)


@app.command("list", epilog="Example: holdshelf hold list --all --most 100")
def list_holds(
    data: Data = None,
    everything: Annotated[bool, typer.Option("--all", help="Include lifted holds.")] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Only those that wait for somebody: for a decision on a lift, or a review.")
    ] = False,
    most: Annotated[int, typer.Option(help="At most this many, the newest; those that wait come on top.")] = PAGE,
    before: Annotated[str, typer.Option(metavar="HOLD", help="Only holds that are older than this one.")] = "",
    json: Json = False,
) -> None:
    """Holds, the newest last; the disk space they use, and when recording would stop because the disk is full."""
    if due and before:
        raise BadRequest("Holds that wait are shown on one page.", "Leave --before out.")
    answer = client(data).act(types.HoldListAsk(everything, most=0 if due else most, before=before))
    if json:
        echo_json(answer)
        return
    if not answer.holds:
        typer.echo(
            "Nothing is on hold." if not answer.total else "No hold waits for anybody." if due else "No older holds."
        )
        return
    cells = [
        (
            r.id,
            r.ground,
            r.reference,
            ", ".join(sorted({s.camera for s in r.spans})),
            state_words(r),
            size(r.held_bytes),
            local_day(r.review_utc_ns) + (" OVERDUE" if r.overdue else ""),
        )
        for r in answer.holds
    ]
    typer.echo(table(("HOLD", "GROUND", "NUMBER", "CAMERAS", "STATE", "SIZE", "REVIEW"), cells))
    shown = (
        f"{len(answer.holds)} of {answer.total} holds"
        if len(answer.holds) < answer.total
        else counted(answer.total, "hold")
    )
    typer.echo(f"{shown}; {size(answer.held_bytes)} held.")
    if answer.next:
        more = {"--all": everything, "--most": most if most != PAGE else None, "--before": answer.next}
        typer.echo(f"Older ones: {next_page('holdshelf hold list', more)}")
    if answer.recording_stops_days is not None:
        typer.echo(
            f"! Recording stops in about {answer.recording_stops_days:.1f} days: what is held will fill the disk by then."
        )


@app.command(epilog="Example: holdshelf hold show H-2026-0001")
def show(hold: HoldId, data: Data = None, json: Json = False) -> None:
    """One hold, with what it covers to the second: recordings, gaps with their cause, and what was already gone."""
    _tell(client(data).act(types.HoldAsk(hold)), json=json)


@app.command(epilog="Example: holdshelf hold archive H-2026-0001 --to /mnt/archive")
def archive(
    hold: HoldId,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Folder on another disk.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy a hold to another disk and verify it, so that its space here can be freed."""
    asked = types.HoldArchive(hold, str(to.absolute()))
    _tell(client(data).act(asked), json=json)
