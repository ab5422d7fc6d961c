"""look open | widen | renew | close | list | purposes | still | strip | live | activity: looking, with a purpose, written down.

A picture is written only where -o says, as the account that runs this command; over SSH there is only standard output.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api import types_looks as types
from holdshelf_core.api.client import TOKEN_VARIABLE, Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError, NotFound
from holdshelf_core.api.types_outbox import FULL_WIDTH, Delivered
from holdshelf_core.api.types_people import Done
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client, shown_on_terminal
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="Look at recordings or live, with a purpose from the list.", no_args_is_help=True, rich_markup_mode=None
)

LookId = Annotated[str, typer.Argument(metavar="LOOK", help="As `look open` printed it, for example L-2026-000123.")]
Cameras = Annotated[list[str] | None, typer.Option("--camera", help="Camera id or name; may be repeated.")]
Camera = Annotated[str, typer.Option("--camera", help="Camera id or name.")]
At = Annotated[
    str | None, typer.Option("--at", help="A time: '2026-11-24 14:00', 'yesterday 15:15', '14:00' (today) or '2h ago'.")
]
From = Annotated[str | None, typer.Option("--from", help="Start, as --at.")]
To = Annotated[str | None, typer.Option("--to", help="End, as --at.")]
Purpose = Annotated[str, typer.Option(help="One of `look purposes`.")]
Incident = Annotated[str, typer.Option(help="Incident or case number; never a name.")]
Out = Annotated[Path, typer.Option("-o", "--output", help="A new file; - for standard output.")]
Width = Annotated[int, typer.Option(help="Width in pixels, at most.")]


def _time(text: str | None) -> int | None:
    return render.parse_time(text) if text is not None else None


def _over_ssh() -> bool:
    return TOKEN_VARIABLE in os.environ


def _tell(row: types.GrantRow, *, json: bool) -> None:
    if json:
        echo_json(row)
        return
    cameras = ", ".join(render.inert(camera) for camera in row.cameras)
    if row.start_utc_ns is not None and row.end_utc_ns is not None:
        span = f"{render.local(row.start_utc_ns)} to {render.local(row.end_utc_ns)}"
    else:
        span = "live"
    typer.echo(f"{row.id}: {cameras}, {span}")
    if row.live_until_utc_ns is not None:
        typer.echo(f"  live until {render.local(row.live_until_utc_ns)}, then by one confirm: `look renew {row.id}`")
    typer.echo(f"  ends {render.local(row.ends_utc_ns)}; written down as entry {row.seq} of the access log")
    if row.kind == "break_glass":
        typer.echo("  ! two seats will be asked to review this look")
    elif row.flag:
        typer.echo(f"  ! flagged for the spot check ({row.flag}): many cameras under one purpose")
    if row.warning:
        typer.echo(f"  ! {render.inert(row.warning, 200)}")


# --- looks --------------------------------------------------------------------------------------------------------------


@app.command(
    "open", epilog="Example: holdshelf look open --purpose violation --incident 26-114 --camera lobby --at '14:00'"
)
def open_look(
    camera: Cameras = None,
    purpose: Purpose = "",
    incident: Incident = "",
    at: At = None,
    start: From = None,
    end: To = None,
    live: Annotated[bool, typer.Option("--live", help="Live pictures; they end by themselves.")] = False,
    share: Annotated[str | None, typer.Option(help="View what was shared with you, by its number.")] = None,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Imminent danger: look at once, for minutes; reviewed by two seats.")
    ] = False,
    note: Annotated[
        str, typer.Option(help="Anything else; with --break-glass what the danger is. No patron's name.")
    ] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Say why, then look. A time alone opens 15 minutes on either side of it."""
    service = client(data)
    if share is not None:
        row = service.act("share.open", types.ShareOpen(share), types.GrantRow)
    elif break_glass:
        row = service.act("break_glass", types.BreakGlass(camera or [], note, incident), types.GrantRow)
    else:
        row = _open(service, camera or [], purpose, incident, note, live, at, start, end)
    _tell(row, json=json)


def _open(
    service: Client,
    cameras: list[str],
    purpose: str,
    incident: str,
    note: str,
    live: bool,
    at: str | None,
    start: str | None,
    end: str | None,
) -> types.GrantRow:
    if at is not None and (start is not None or end is not None):
        raise BadRequest("Give --at, or --from and --to.")
    mode = "live" if live else "archive"
    asked = types.PurposeOpen(cameras, purpose, incident, note, mode, _time(at), _time(start), _time(end))
    return service.act("purpose.open", asked, types.GrantRow)


@app.command(epilog="Example: holdshelf look widen L-2026-000123 --camera desk --to '14:45'")
def widen(
    look: LookId, camera: Cameras = None, start: From = None, end: To = None, data: Data = None, json: Json = False
) -> None:
    """Add cameras or time to a look, when the incident needs it. Many widenings are flagged for the spot check."""
    asked = types.PurposeWiden(look, camera or [], _time(start), _time(end))
    _tell(client(data).act("purpose.widen", asked, types.GrantRow), json=json)


@app.command(epilog="Example: holdshelf look renew L-2026-000123")
def renew(look: LookId, data: Data = None, json: Json = False) -> None:
    """Go on looking live."""
    _tell(client(data).act("live.renew", types.GrantAsk(look), types.GrantRow), json=json)


@app.command(epilog="Example: holdshelf look close L-2026-000123")
def close(look: LookId, data: Data = None, json: Json = False) -> None:
    """End a look."""
    done = client(data).act("purpose.close", types.GrantAsk(look), Done)
    if json:
        echo_json(done)
    else:
        typer.echo(f"{done.id} is closed.")


@app.command("list", epilog="Example: holdshelf look list --json")
def list_looks(data: Data = None, json: Json = False) -> None:
    """Your open looks."""
    rows = client(data).get("/rules/looks", list[types.GrantRow])
    if json:
        echo_json(rows)
    elif not rows:
        typer.echo("You have no look open.")
    for row in () if json else rows:
        _tell(row, json=False)


@app.command(epilog="Example: holdshelf look purposes")
def purposes(data: Data = None, json: Json = False) -> None:
    """The purposes of the policy."""
    rows = client(data).get("/rules/purposes", list[types.PurposeRow])
    if json:
        echo_json(rows)
    else:
        typer.echo(render.table(("PURPOSE", ""), [(row.id, row.words) for row in rows]))


# --- pictures -------------------------------------------------------------------------------------------------------------


def _check_out(out: Path) -> None:
    """Before anything is asked for: where the picture could not go, none is made."""
    if str(out) == "-":
        if shown_on_terminal():
            raise BadRequest("A picture on a terminal is noise.", "Give -o FILE, or send standard output to a file.")
    elif _over_ssh():
        raise BadRequest("Over SSH nothing is written on the server.", "Give -o - and keep what comes on your side.")
    elif out.exists():
        raise BadRequest(f"{render.inert(str(out), 200)} is there already.", "Give another name.")


def _write(out: Path, jpeg: bytes) -> None:
    if str(out) == "-":
        sys.stdout.buffer.write(jpeg)
        sys.stdout.buffer.flush()
        return
    try:
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(jpeg)
    except OSError as error:
        raise BadRequest(f"{render.inert(str(out), 200)} cannot be written: {error.strerror}.") from None


def _kind(service: Client, look: str) -> str:
    """The actions that a look's pictures are asked for by."""
    rows = service.get("/rules/looks", list[types.GrantRow])
    return "share" if any(row.id == look and row.kind == "share" for row in rows) else "look"


def _told(row: types.PictureRow, out: Path, *, json: bool) -> None:
    facts = {
        "camera": row.camera,
        "shown_utc_ns": row.shown_utc_ns,
        "width": row.width,
        "height": row.height,
        "bytes": len(row.jpeg),
        "log_seq": row.log_seq,
        "mask_version": row.mask_version,
        "damaged": row.damaged,
        "file": str(out),
    }
    if json and str(out) != "-":
        echo_json(facts)
    elif str(out) != "-":
        note = "; parts of it are damaged" if row.damaged else ""
        typer.echo(f"{render.local(row.shown_utc_ns)}, {row.width}x{row.height}, log entry {row.log_seq}{note}: {out}")


@app.command(
    epilog="Example: holdshelf look still --purpose violation --incident 26-114 --camera lobby --at '14:03:20' -o lobby.jpg"
)
def still(
    camera: Camera,
    at: Annotated[str, typer.Option("--at", help="The time of the picture.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A new file; - for standard output. Or --outbox.")
    ] = None,
    look: Annotated[
        str | None, typer.Argument(metavar="[LOOK]", help="An open look; without one, --purpose opens and closes it.")
    ] = None,
    purpose: Purpose = "",
    incident: Incident = "",
    width: Width = 1920,
    outbox: Annotated[
        bool, typer.Option("--outbox", help="In full size to your outbox, to be fetched by SFTP.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """One picture, with masks and legend burned in."""
    if outbox == (output is not None):
        raise BadRequest("A still goes to one place.", "Give -o FILE, -o - or --outbox.")
    if output is not None:
        _check_out(output)
    service = client(data)
    opened = None
    if look is None:
        opened = _open(service, [camera], purpose, incident, "", False, at, None, None)
        look = opened.id
    try:
        kind = "look" if opened is not None else _kind(service, look)
        asked = types.StillAsk(look, camera, render.parse_time(at), FULL_WIDTH if outbox else width)
        if output is None:
            done = service.act("outbox.still", asked, Delivered, timeout_s=60)
        else:
            row = service.act(f"{kind}.still", asked, types.PictureRow)
    finally:
        if opened is not None:
            service.act("purpose.close", types.GrantAsk(opened.id), Done)
    if output is not None:
        _write(output, row.jpeg)
        _told(row, output, json=json)
    elif json:
        echo_json(done)
    else:
        typer.echo(f"{render.inert(done.where, 200)} is in your outbox. Entry {done.seq} of the access log.")


@app.command(epilog="Example: holdshelf look strip L-2026-000123 --camera lobby --count 12 -o lobby")
def strip(
    look: LookId,
    camera: Camera,
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder for the pictures.")],
    count: Annotated[int, typer.Option(help="How many, at most 64.")] = 12,
    start: From = None,
    end: To = None,
    width: Width = 320,
    data: Data = None,
    json: Json = False,
) -> None:
    """Pictures spread evenly over the look, or over a part of it."""
    if str(output) == "-":
        raise BadRequest("A strip is several pictures.", "Give a new folder with -o, or ask for a still.")
    _check_out(output)
    service = client(data)
    asked = types.StripAsk(look, camera, count, _time(start), _time(end), width)
    answer = service.act(f"{_kind(service, look)}.strip", asked, types.Strip, timeout_s=120)
    try:
        output.mkdir(mode=0o700)
    except OSError as error:
        raise BadRequest(f"{render.inert(str(output), 200)} cannot be made: {error.strerror}.") from None
    told = []
    for number, row in enumerate(answer.pictures, start=1):
        file = output / f"{number:02d}.jpg"
        if row.jpeg:
            _write(file, row.jpeg)
        told.append(
            {
                "at_utc_ns": row.at_utc_ns,
                "shown_utc_ns": row.shown_utc_ns,
                "file": str(file) if row.jpeg else "",
                "log_seq": row.log_seq,
                "missing": row.missing,
            }
        )
    if json:
        echo_json(told)
        return
    cells = [
        (render.local(row.shown_utc_ns if row.jpeg else row.at_utc_ns), row.missing or f"{number:02d}.jpg")
        for number, row in enumerate(answer.pictures, start=1)
    ]
    typer.echo(render.table(("TIME", ""), cells))


@app.command(epilog="Example: holdshelf look live L-2026-000123 --camera lobby -o now.jpg")
def live(
    look: LookId,
    camera: Camera,
    output: Out,
    width: Width = 1280,
    data: Data = None,
    json: Json = False,
) -> None:
    """The newest picture of a live look."""
    _check_out(output)
    row = client(data).act("look.live", types.LiveAsk(look, camera, width), types.PictureRow)
    if row.missing:
        raise NotFound(row.missing)
    _write(output, row.jpeg)
    _told(row, output, json=json)


# --- activity -----------------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: holdshelf look activity --camera lobby --from '8h ago'")
def activity(
    camera: Camera,
    start: From = None,
    end: To = None,
    parts: Annotated[int, typer.Option(help="Into how many parts the span is cut.")] = 72,
    data: Data = None,
    json: Json = False,
) -> None:
    """When something moved, what is missing and what is held: without a picture, so without a purpose."""
    now = render.parse_time("0s ago")
    from_utc_ns = _time(start) or now - 86_400 * 1_000_000_000
    to_utc_ns = _time(end) or now
    asked = types.ActivityAsk(camera, from_utc_ns, to_utc_ns, parts)
    row = client(data).act("activity.see", asked, types.Activity)
    if json:
        echo_json(row)
        return
    if not row.recorded and not row.missing:
        raise HoldshelfError("Nothing is known of that span.", "Was the camera there then?")
    typer.echo(f"{render.local(from_utc_ns)}  |{render.sparkline(row.activity, parts)}|  {render.local(to_utc_ns)}")
    cells = [
        (
            "erased on schedule" if m.kind == "erased" else "not recorded",
            render.local(m.start_utc_ns),
            render.local(m.end_utc_ns) if m.end_utc_ns is not None else "until now",
            "" if m.kind == "erased" else m.reason,
        )
        for m in row.missing
    ]
    cells += [
        (
            f"held by {h.hold}",
            render.local(h.start_utc_ns),
            render.local(h.end_utc_ns) if h.end_utc_ns is not None else "until lifted",
            "",
        )
        for h in row.held
    ]
    if cells:
        typer.echo(render.table(("", "FROM", "TO", "REASON"), cells))
