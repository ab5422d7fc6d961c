"""look open | widen | renew | close | list | purposes | still | strip | live | activity: looking, with a purpose, written down.

A picture is written only where -o says, as the account that runs this command; over SSH there is only standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import TOKEN_VARIABLE, Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError, NotFound
from holdshelf_core.looks import types
from holdshelf_core.outbox.types import FULL_WIDTH, Delivered, OutboxLive, OutboxStill
from holdshelf_core.releases.types import ReleaseShow
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, client, shown_on_terminal
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import sparkline, table
from holdshelf_tui.text.time_format import NS, local
from holdshelf_tui.text.words import counted, inert

app = typer.Typer(
    help="Look at recordings or live, with a purpose from the list.", no_args_is_help=True, rich_markup_mode=None
)
root = typer.Typer()
root.add_typer(app, name="look")

LookId = Annotated[str, typer.Argument(metavar="LOOK", help="As `look open` printed it, e.g., L-2026-000123.")]
Cameras = Annotated[list[str] | None, typer.Option("--camera", help="Camera id or name; can be repeated.")]
Camera = Annotated[str, typer.Option("--camera", help="Camera id or name.")]
At = Annotated[
    str | None, typer.Option("--at", help="A time: '11/24 2 pm', 'yesterday 15:15', '14:00' (today) or '2h ago'.")
]
From = Annotated[str | None, typer.Option("--from", help="Start, as --at.")]
To = Annotated[str | None, typer.Option("--to", help="End, as --at.")]
Purpose = Annotated[str, typer.Option(help="One of `look purposes`.")]
Incident = Annotated[str, typer.Option(help="Incident or case number; never a name.")]
ToOutbox = Annotated[bool, typer.Option("--outbox", help="In full size to your outbox, to fetch it with SFTP.")]
Width = Annotated[int, typer.Option(help="Width in pixels, at most.")]


def _over_ssh() -> bool:
    return TOKEN_VARIABLE in os.environ


def _tell(row: types.GrantRow, *, json: bool) -> None:
    if json:
        echo_json(row)
        return
    cameras = ", ".join(inert(camera) for camera in row.cameras)
    if row.start_utc_ns is not None and row.end_utc_ns is not None:
        span = f"{local(row.start_utc_ns)} to {local(row.end_utc_ns)}"
    else:
        span = "live"
    typer.echo(f"{row.id}: {cameras}, {span}")
    if row.live_until_utc_ns is not None:
        goes_on = row.live_until_utc_ns >= row.ends_utc_ns
        renew = "" if goes_on else f", then confirm to continue: `look renew {row.id}`"
        typer.echo(f"  live until {local(row.live_until_utc_ns)}{renew}")
    typer.echo(f"  ends {local(row.ends_utc_ns)}; recorded as entry {row.seq} of the access log")
    if row.kind == "break_glass":
        typer.echo("  ! others who hold a seat must review this look")
    elif row.flag:
        typer.echo(f"  ! flagged for a spot check ({row.flag}): many cameras in one look")
    if row.warning:
        typer.echo(f"  ! {inert(row.warning, 200)}")


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
    live: Annotated[bool, typer.Option("--live", help="Live pictures; they end automatically.")] = False,
    share: Annotated[str | None, typer.Option(help="View a share, by its number.")] = None,
    break_glass: Annotated[
        bool,
        typer.Option(
            "--break-glass",
            help=("Imminent danger: look at once, for a few minutes; others who hold a seat review it."),
        ),
    ] = False,
    note: Annotated[
        str, typer.Option(help="Anything else; with --break-glass, what the danger is. No patron names.")
    ] = "",
    consulted: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="This role was consulted before, as the policy asks; can be repeated."),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say why, then look. A single time opens 15 minutes on either side of it."""
    service = client(data)
    if share is not None:
        row = service.act(types.ShareOpen(share))
    elif break_glass:
        row = service.act(types.BreakGlass(camera or [], note, incident))
    else:
        row = _open(service, camera or [], purpose, incident, note, live, at, start, end, consulted or [])
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
    consulted: Sequence[str] = (),
) -> types.GrantRow:
    if at is not None and (start is not None or end is not None):
        raise BadRequest("Use --at, or --from and --to.")
    mode = "live" if live else "archive"
    asked = types.PurposeOpen(
        cameras,
        purpose,
        incident,
        note,
        mode,
        typed_times.maybe_instant(at),
        *typed_times.span(start, end),
        consulted=list(consulted),
    )
    return service.act(asked)


@app.command(epilog="Example: holdshelf look widen L-2026-000123 --camera desk --to '14:45'")
def widen(
    look: LookId, camera: Cameras = None, start: From = None, end: To = None, data: Data = None, json: Json = False
) -> None:
    """Add cameras or time to a look when the incident needs it. Many widenings are flagged for a spot check."""
    asked = types.PurposeWiden(look, camera or [], *typed_times.span(start, end))
    _tell(client(data).act(asked), json=json)


@app.command(epilog="Example: holdshelf look renew L-2026-000123")
def renew(look: LookId, data: Data = None, json: Json = False) -> None:
    """Keep looking live."""
    _tell(client(data).act(types.LiveRenew(look)), json=json)


@app.command(epilog="Example: holdshelf look close L-2026-000123")
def close(look: LookId, data: Data = None, json: Json = False) -> None:
    """End a look."""
    done = client(data).act(types.PurposeClose(look))
    if json:
        echo_json(done)
    else:
        typer.echo(f"{done.id} is closed.")


@app.command("list", epilog="Example: holdshelf look list --json")
def list_looks(data: Data = None, json: Json = False) -> None:
    """Your open looks."""
    rows = client(data).read(types.ReadLooks())
    if json:
        echo_json(rows)
    elif not rows:
        typer.echo("You have no open look.")
    for row in () if json else rows:
        _tell(row, json=False)


@app.command(epilog="Example: holdshelf look purposes")
def purposes(data: Data = None, json: Json = False) -> None:
    """The purposes of the policy."""
    rows = client(data).read(types.ReadPurposes())
    if json:
        echo_json(rows)
    else:
        typer.echo(table(("PURPOSE", ""), [(row.id, row.words) for row in rows]))


# --- pictures -------------------------------------------------------------------------------------------------------------


def _check_out(out: Path) -> None:
    """Before anything is asked for: where the picture could not go, none is made."""
    if str(out) == "-":
        if shown_on_terminal():
            raise BadRequest(
                "A picture cannot be shown on a terminal this way.", "Give -o FILE, or send standard output to a file."
            )
    elif _over_ssh():
        raise BadRequest(
            "Over SSH nothing can be written on the server.",
            ("Give -o - and redirect the output to a file on your computer."),
        )
    elif out.exists():
        raise BadRequest(f"{inert(str(out), 200)} already exists.", "Choose another name.")


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
        raise BadRequest(f"{inert(str(out), 200)} cannot be written: {error.strerror}.") from None


def _is_share(service: Client, look: str) -> bool:
    """Whether that look is at something shared."""
    rows = service.read(types.ReadLooks())
    return any(row.id == look and row.kind == "share" for row in rows)


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
        typer.echo(f"{local(row.shown_utc_ns)}, {row.width}x{row.height}, log entry {row.log_seq}{note}: {out}")


@app.command(
    epilog="Example: holdshelf look still --purpose violation --incident 26-114 --camera lobby --at '14:03:20' -o lobby.jpg"
)
def still(
    camera: Annotated[list[str], typer.Option("--camera", help="Camera id or name; up to four of one look.")],
    at: Annotated[str, typer.Option("--at", help="The time of the picture.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="A new file; for several cameras a new folder; - for standard output. Or --outbox."
        ),
    ] = None,
    look: Annotated[
        str | None, typer.Argument(metavar="LOOK", help="An open look; without one, --purpose opens and closes it.")
    ] = None,
    purpose: Purpose = "",
    incident: Incident = "",
    width: Width = 1920,
    outbox: ToOutbox = False,
    release: Annotated[
        str, typer.Option("--release", help="Show it as that release will contain it, with boxes over other people.")
    ] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """The picture of that time, with masks and legend burned in; of several cameras, one each."""
    if outbox == (output is not None):
        raise BadRequest("A still can go to only one place.", "Give -o FILE, -o - or --outbox.")
    if len(camera) > types.MOST_SIDE_BY_SIDE:
        raise BadRequest(f"At most {types.MOST_SIDE_BY_SIDE} cameras can be seen at once, not {len(camera)}.")
    if output is not None:
        if str(output) == "-" and len(camera) > 1:
            raise BadRequest("Several pictures cannot go to standard output.", "Ask for one, or give --outbox.")
        _check_out(output)
    service = client(data)
    others = service.act(ReleaseShow(release)).others if release else None
    boxes = tuple(others.boxes) if others is not None else ()
    opened = None
    if look is None:
        opened = _open(service, camera, purpose, incident, "", False, at, None, None)
        look = opened.id
    try:
        at_utc_ns = typed_times.instant(at)
        if output is None:
            for done in [service.act(OutboxStill(look, one, at_utc_ns, FULL_WIDTH, boxes)) for one in camera]:
                _tell_outbox(done, json=json)
            return
        still = types.ShareStill if opened is None and _is_share(service, look) else types.LookStill
        if len(camera) > 1:
            _stills(service, [still(look, one, at_utc_ns, width, boxes) for one in camera], output, json=json)
            return
        row = service.act(still(look, camera[0], at_utc_ns, width, boxes))
    finally:
        if opened is not None:
            service.act(types.PurposeClose(opened.id))
    _write(output, row.jpeg)
    _told(row, output, json=json)


def _stills(service: Client, asks: Sequence[types.LookStill | types.ShareStill], folder: Path, *, json: bool) -> None:
    """One file a camera into a new folder; where one has no picture of that time, why."""
    got: list[tuple[str, types.PictureRow | None, str]] = []
    for ask in asks:
        try:
            got.append((ask.camera, service.act(ask), ""))
        except NotFound as error:
            got.append((ask.camera, None, error.sentence))
    _new_folder(folder)
    told = []
    for camera, row, missing in got:
        file = folder / f"{row.camera}.jpg" if row is not None else None
        if row is not None and file is not None:
            _write(file, row.jpeg)
        told.append(
            {
                "camera": camera if row is None else row.camera,
                "shown_utc_ns": row.shown_utc_ns if row is not None else None,
                "file": str(file or ""),
                "log_seq": row.log_seq if row is not None else None,
                "missing": missing,
            }
        )
    if json:
        echo_json(told)
        return
    cells = [
        (
            inert(camera),
            local(row.shown_utc_ns) if row is not None else "",
            f"{row.camera}.jpg" if row is not None else missing,
        )
        for camera, row, missing in got
    ]
    typer.echo(table(("CAMERA", "TIME", ""), cells))


def _new_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BadRequest(f"{inert(str(folder), 200)} cannot be made: {error.strerror}.") from None


def _tell_outbox(done: Delivered, *, json: bool) -> None:
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.where, 200)} is in your outbox. Entry {done.seq} of the access log.")


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
        raise BadRequest("A strip has several pictures.", "Give a new folder with -o, or ask for a still.")
    _check_out(output)
    service = client(data)
    strip = types.ShareStrip if _is_share(service, look) else types.LookStrip
    answer = service.act(strip(look, camera, count, *typed_times.span(start, end), width))
    _new_folder(output)
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
        (local(row.shown_utc_ns if row.jpeg else row.at_utc_ns), row.missing or f"{number:02d}.jpg")
        for number, row in enumerate(answer.pictures, start=1)
    ]
    typer.echo(table(("TIME", ""), cells))


@app.command(epilog="Example: holdshelf look live L-2026-000123 --camera lobby -o now.jpg")
def live(
    look: LookId,
    camera: Camera,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A new file; - for standard output. Or --outbox.")
    ] = None,
    width: Width = 1280,
    outbox: ToOutbox = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """The newest picture of a live look."""
    if outbox == (output is not None):
        raise BadRequest("A picture can go to only one place.", "Give -o FILE, -o - or --outbox.")
    if output is None:
        _tell_outbox(client(data).act(OutboxLive(look, camera, FULL_WIDTH)), json=json)
        return
    _check_out(output)
    service = client(data)
    ask = types.ShareLive if _is_share(service, look) else types.LookLive
    row = service.act(ask(look, camera, width))
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
    parts: Annotated[int, typer.Option(help="How many parts to divide the span into.")] = 72,
    moves: Annotated[bool, typer.Option("--moves", help="When something began to move, a line each.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """When something moved, what is missing and what is on hold. It shows no picture, so it needs no purpose."""
    from_utc_ns, to_utc_ns = typed_times.whole_span(start or "24h ago", end or "now")
    if moves:
        _tell_moves(client(data), camera, from_utc_ns, to_utc_ns, json=json)
        return
    asked = types.ActivityAsk(camera, from_utc_ns, to_utc_ns, parts)
    row = client(data).act(asked)
    if json:
        echo_json(row)
        return
    if not row.recorded and not row.missing:
        raise HoldshelfError("Nothing is known about that span.", "Check whether the camera was there then.")
    typer.echo(f"{local(from_utc_ns)}  |{sparkline(row.activity, parts)}|  {local(to_utc_ns)}")
    cells = [
        (
            {"erased": "erased on schedule", "missing": "missing"}.get(m.kind, "not recorded"),
            local(m.start_utc_ns),
            local(m.end_utc_ns) if m.end_utc_ns is not None else "until now",
            "" if m.kind == "erased" else m.reason,
        )
        for m in row.missing
    ]
    cells += [("recovered from the camera", local(r.start_utc_ns), local(r.end_utc_ns), "") for r in row.recovered]
    cells += [
        (
            f"held by {h.hold}",
            local(h.start_utc_ns),
            local(h.end_utc_ns) if h.end_utc_ns is not None else "until lifted",
            "",
        )
        for h in row.held
    ]
    if cells:
        typer.echo(table(("", "FROM", "TO", "REASON"), cells))


def _tell_moves(service: Client, camera: str, start_utc_ns: int, end_utc_ns: int, *, json: bool) -> None:
    """What `n` and `N` go to on the screens, all of the span: as text for who cannot see a strip."""
    from holdshelf_tui.session.activity import MOST_PARTS, onsets, recorded_from  # noqa: PLC0415 - loads asyncio

    parts = max(1, min(MOST_PARTS, (end_utc_ns - start_utc_ns) // NS))
    row = service.act(types.ActivityAsk(camera, start_utc_ns, end_utc_ns, parts))
    found = [recorded_from(row, at) for at in onsets(row)]
    each_s = row.bucket_ns / NS
    if json:
        echo_json({"within_s": each_s, "moves_utc_ns": found})
        return
    within = f" (to within {each_s:.0f} s; a shorter span tells it to the second)" if each_s >= 2 else ""
    typer.echo(f"{counted(len(found), 'movement')} from {local(start_utc_ns)} to {local(end_utc_ns)}{within}")
    for at in found:
        typer.echo(f"  {local(at)}")
