"""camera commission | retire: bringing a camera into use, and taking it out for good. A seat's acts, or its designee's.

A still is written where the caller says, to a new file that only they can read, or to standard output; in a session over
SSH only to standard output, for the files of this machine are not theirs.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import TOKEN_VARIABLE, Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError, NotFound
from holdshelf_core.cameras import commission_types as types
from holdshelf_core.cameras import types as camera_types
from holdshelf_tui.cli.options import Camera, Data, Json, Paper, client, paper_hash
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.cameras import USE_WORDS
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import counted, inert

CORNER = re.compile(r"(\d{1,3}(?:\.\d{1,2})?),(\d{1,3}(?:\.\d{1,2})?)", re.ASCII)
STDOUT = "-"


def parse_mask(text: str) -> types.MaskAsk:
    """'0,0 30,0 30,40.5:public screens' → a mask; corners in percent of the picture. Raises BadRequest."""
    corners, _, why = text.partition(":")
    points = []
    for typed in corners.split():
        match = CORNER.fullmatch(typed)
        if match is None or float(match[1]) > 100 or float(match[2]) > 100:
            raise BadRequest(
                f"{inert(typed, 40)!r} is not a corner of a mask.",
                "Give at least three, in percent of the picture: --mask '0,0 30,0 30,40:public screens'.",
            )
        points.append((round(float(match[1]) * 100), round(float(match[2]) * 100)))
    if len(points) < 3:
        raise BadRequest("A mask has at least three corners.", "For example, --mask '0,0 30,0 30,40:public screens'.")
    return types.MaskAsk(points, why.strip())


def save_still(still: types.StillRow, target: str) -> None:
    """To a new file, readable by its owner alone, or to standard output. Raises BadRequest, HoldshelfError."""
    if target == STDOUT:
        sys.stdout.buffer.write(still.jpeg)
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadRequest(f"{path} already exists.", "Give a new file.") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {error.strerror}.", "Give another file.") from None
    try:
        with open(fd, "wb") as file:
            file.write(still.jpeg)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise HoldshelfError(f"{path} could not be written: {error.strerror}.") from None


def _check_target(still: str | None, *, json: bool) -> None:
    """Before anything is asked: a still that could not be put anywhere would be one more look for nothing."""
    if still is None or still == STDOUT:
        if still is not None and json:
            raise BadRequest("Standard output takes the picture or JSON, not both.", "Use --still FILE.")
        return
    # Over SSH the account is the service's own: its files are no place for a person's pictures.
    if TOKEN_VARIABLE in os.environ:
        raise BadRequest(
            "Over SSH you cannot use files on the server.", "Use --still - and redirect it on your computer."
        )
    if Path(still).exists():
        raise BadRequest(f"{still} already exists.", "Give a new file.")


def commission(
    camera: Camera,
    data: Data = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(help="'x,y x,y x,y:why' in percent of the picture; can be repeated; replaces all earlier masks."),
    ] = None,
    no_masks: Annotated[str | None, typer.Option(help="Why there is nothing to mask.")] = None,
    exterior: Annotated[
        bool | None, typer.Option("--exterior/--interior", help="It may see beyond library property.")
    ] = None,
    area: Annotated[str | None, typer.Option(help="Kind of area: see `holdshelf policy lists`.")] = None,
    area_note: Annotated[str, typer.Option(help="For --area other: which area, and why.")] = "",
    why: Annotated[str, typer.Option(help="Why it changes: needed once the camera is in use.")] = "",
    still: Annotated[
        str | None, typer.Option(help="Write the camera's current picture to this new file ('-': standard output).")
    ] = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Without masks, to see where to draw them.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Approve it for use by its masked still.")] = False,
    seen: Annotated[str, typer.Option(help="Hash of the masked still that you looked at, or the start of it.")] = "",
    not_private: Annotated[
        bool, typer.Option("--not-private", help="Confirm that it sees no private area, whatever its name.")
    ] = False,
    paper: Paper = None,
    seat: Annotated[str, typer.Option(help="With --paper: who signed the consent, if the policy requires one.")] = "",
    consulted: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="This role was consulted before, as the policy asks; can be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you looked at the still.")] = False,
    json: Json = False,
) -> None:
    """Bring a camera into use: draw masks, look at its still, approve it. Without options: how it stands."""
    _check_target(still, json=json)
    if approve and unmasked:
        raise BadRequest("You must approve a camera by its masked still.", "Leave --unmasked out.")
    if approve and still is None and not seen:
        raise BadRequest(
            "You must approve a camera by a still that you looked at.",
            "Get it with --still FILE, look at it, then give its hash: --approve --seen HASH.",
        )
    masks = [parse_mask(text) for text in mask] if mask else None
    service = client(data)
    said: list[str] = []
    if masks is not None or no_masks is not None or exterior is not None or area:
        row = _edit(service, camera, masks, no_masks, exterior, area, area_note, why)
        said.append(_edited_words(row))
    if still is not None:
        shown = service.act(types.CommissionStill(camera, not unmasked))
        save_still(shown, still)
        seen = shown.sha256 if approve else seen
        if still == STDOUT:
            typer.echo(f"holdshelf: hash {shown.sha256}, log entry {shown.seq}", err=True)
            return
        kind = "without masks" if unmasked else f"masks version {shown.mask_version}"
        said.append(f"{still}: {kind}, log entry {shown.seq}, hash {shown.sha256[:16]}.")
        if approve and not yes:
            _ask_looked(still)
    if approve:
        row = service.act(
            types.CommissionApprove(camera, seen, not_private, paper_hash(paper, data), seat, consulted or [])
        )
        said.append(f"{inert(row.name)} is now in use.")
    rows = service.read(types.ReadCommissions())
    found = next((row for row in rows if camera in (row.camera, row.name)), None)
    if found is None:
        known = ", ".join(row.camera for row in rows) or "none yet"
        raise NotFound(f"There is no camera {inert(camera, 64)!r}.", f"Known: {known}.")
    if json:
        echo_json(found)
        return
    for line in said:
        typer.echo(line)
    if not approve:
        _print(found)


def _edit(
    service: Client,
    camera: str,
    masks: list[types.MaskAsk] | None,
    no_masks: str | None,
    exterior: bool | None,
    area: str | None,
    area_note: str,
    why: str,
) -> types.CommissionRow:
    if no_masks is not None and not no_masks.strip():
        raise BadRequest("--no-masks is empty.", "Say why there is nothing to mask.")
    asked = types.CommissionEdit(
        camera,
        masks,
        no_masks or "",
        exterior,
        "-".join((area or "").lower().replace("_", " ").replace("-", " ").split()),
        area_note,
        why,
    )
    return service.act(asked)


def _edited_words(row: types.CommissionRow) -> str:
    masks = counted(len(row.masks), "mask") if row.masks else "no masks"
    where = "may see beyond library property" if row.exterior else "sees only library property"
    return f"{inert(row.name)}: {masks}, version {row.mask_version}; {where}."


def _ask_looked(file: str) -> None:
    if not sys.stdin.isatty():
        raise BadRequest(
            f"Nobody has looked at {file} yet.",
            "Look at it, then use --approve --seen HASH; or add --yes if a script did.",
        )
    if not typer.confirm(f"Look at {file}. Does the camera show what it should and nothing else?"):
        raise HoldshelfError("The camera was not approved.")


def _print(row: types.CommissionRow) -> None:
    typer.echo(f"{inert(row.name)} ({row.camera}): {USE_WORDS.get(row.state, row.state)}")
    note = f" ({inert(row.area_note, 200)})" if row.area_note else ""
    typer.echo(f"  area: {row.area_words or 'not known'}{note}")
    if row.masks:
        typer.echo(f"  masks, version {row.mask_version}:")
        for mask in row.masks:
            corners = " ".join(f"{x / 100:g},{y / 100:g}" for x, y in mask.points)
            typer.echo(f"    {corners}" + (f": {inert(mask.why)}" if mask.why else ""))
    else:
        typer.echo(f"  masks: {'none, ' + inert(row.no_masks_why, 200) if row.no_masks_why else 'not decided'}")
    typer.echo(f"  may see beyond library property: {'yes' if row.exterior else 'no'}")
    if row.still_utc_ns is not None:
        typer.echo(f"  reference still: {local(row.still_utc_ns)}, hash {row.still_sha256[:16]}")
    if row.approved_utc_ns is not None:
        typer.echo(f"  approved: {local(row.approved_utc_ns)} by {inert(row.approved_by)}")
    for sentence in row.lacking:
        typer.echo(f"  missing: {inert(sentence, 300)}")
    if row.state != "retired":
        for sentence in row.cautions:
            typer.echo(f"  note: {inert(sentence, 300)}")


def retire(
    camera: Camera,
    why: Annotated[str, typer.Option(help="Why it is taken out of use.")],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json: Json = False,
) -> None:
    """Take a camera out of use for good: it is no longer recorded. Its footage stays until it is erased on schedule."""
    service = client(data)
    if not yes:
        if not sys.stdin.isatty():
            raise BadRequest("Retiring a camera asks for confirmation.", "Add --yes.")
        if not typer.confirm(f"Stop recording {inert(camera)} for good?"):
            raise HoldshelfError("Nothing was changed.")
    done = service.act(camera_types.CameraRetire(camera, why))
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.sentence, 200)} Its footage stays until it is erased on schedule.")


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    app.command(
        short_help="Bring a camera into use: masks, still, approval.",
        epilog="Example: holdshelf camera commission service-desk --mask '0,40 35,40 35,100 0,100:public screens' "
        "--still desk.jpg",
    )(commission)
    app.command(
        short_help="Take a camera out of use for good.",
        epilog="Example: holdshelf camera retire service-desk --why 'the desk was moved' --yes",
    )(retire)
