"""camera stills | approve: many cameras brought into use in one go, each by its own still.

Nothing here decides for a person: every still is taken, and every camera approved, by the act that does it for one, with an entry
of its own. A line of the list is approved only where somebody wrote that they looked at its still, and by that still's hash.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError, NotFound
from holdshelf_core.cameras import commission_types as types
from holdshelf_tui.cli.camera_file import YES, Row, Table, rows_of
from holdshelf_tui.cli.options import Data, Json, client, shown_on_terminal, text_file, write_new
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.words import counted, inert

STDIO = "-"
LIST_NAME = "cameras.csv"
LIST = Table(
    "The list of stills", "still", ("looked", "camera", "name", "still", "hash", "not_private"), ("camera", "hash")
)
IN_USE, LEFT, FAILED = "in use", "left: nobody wrote yes in the column looked", "not approved"


type Put = Callable[[str, bytes], None]
"""Puts a new file, by its name, where the stills go."""


@dataclass(frozen=True, slots=True)
class Still:
    """A camera's still: its file and hash; where none could be had, why not."""

    camera: str
    name: str
    file: str = ""
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """What became of a line of the list."""

    camera: str
    outcome: str
    problem: str = ""


def stills(
    folder: Annotated[Path, typer.Argument(help="New folder for the stills; - writes a tar file to standard output.")],
    camera: Annotated[
        list[str] | None, typer.Option(help="Only this camera; can be repeated. [default: all that are not in use yet]")
    ] = None,
    no_masks: Annotated[
        str | None, typer.Option(help="Why there is nothing to mask, for those without a decision.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write a masked still of each camera that waits to be brought into use, and a list to fill in: `camera approve` takes it."""
    service = client(data)
    tarred = str(folder) == STDIO
    if tarred and (json or shown_on_terminal()):
        raise BadRequest("Standard output takes the tar file alone.", "Redirect it: `camera stills - > stills.tar`.")
    if service.in_session and not tarred:
        raise BadRequest(
            "Over SSH you cannot use files on the server.",
            "Redirect them on your computer: `camera stills - > stills.tar`.",
        )
    waiting = _waiting(service, camera or [])
    done: list[Still] = []
    with _tar() if tarred else _folder(folder) as put:
        for row in waiting:
            done.append(_still(service, row, no_masks, put))
            if not json:
                found = done[-1]
                typer.echo(f"{inert(found.name, 64)}: {found.file or inert(found.problem, 400)}", err=tarred)
        put(LIST_NAME, _list(done).encode())
    if json:
        echo_json(done)
    elif any(line.sha256 for line in done):
        typer.echo(
            f"Look at each still. Where the camera shows what it should and nothing else, write {YES} in the column looked of "
            f"{LIST_NAME}. Then `holdshelf camera approve {LIST_NAME}`.",
            err=tarred,
        )
    failed = sum(not line.sha256 for line in done)
    if failed:
        raise HoldshelfError(f"No still was made of {counted(failed, 'camera')}.", "See the reasons above.")


def _waiting(service: Client, asked: list[str]) -> list[types.CommissionRow]:
    """The cameras to take stills of. Raises NotFound, BadRequest."""
    rows = service.read(types.ReadCommissions())
    if not asked:
        found = [row for row in rows if row.state == "new"]
        if not found:
            raise BadRequest("No camera is waiting to be brought into use.", "`holdshelf camera list` shows all.")
        return found
    found = [row for row in rows if row.camera in asked or row.name in asked]
    unknown = next((one for one in asked if all(one not in (row.camera, row.name) for row in found)), None)
    if unknown is not None:
        raise NotFound(f"There is no camera {inert(unknown, 64)!r}.", "`holdshelf camera list` shows them.")
    return found


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[Put]:
    """New files in a new folder that only this account can read."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise BadRequest(f"{folder} already exists.", "Give a new folder.") from None
    except OSError as error:
        raise BadRequest(f"{folder} cannot be made: {error.strerror}.", "Give another folder.") from None
    yield lambda name, raw: write_new(folder / name, raw, 0o600)


@contextlib.contextmanager
def _tar() -> Iterator[Put]:
    """Files of a tar archive on standard output."""
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:

        def put(name: str, raw: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(raw), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(raw))

        yield put


def _still(service: Client, row: types.CommissionRow, no_masks: str | None, put: Put) -> Still:
    try:
        if no_masks is not None and not row.masks and not row.no_masks_why:
            service.act(types.CommissionEdit(row.camera, no_masks_why=no_masks))
        taken = service.act(types.CommissionStill(row.camera))
    except HoldshelfError as error:
        return Still(row.camera, row.name, problem=str(error))
    file = f"{row.camera}.jpg"
    put(file, taken.jpeg)
    return Still(row.camera, row.name, file, taken.sha256)


def _list(done: list[Still]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, LIST.columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        {"camera": still.camera, "name": still.name, "still": still.file, "hash": still.sha256}
        for still in done
        if still.sha256
    )
    return out.getvalue()


def approve(
    file: Annotated[Path, typer.Argument(help="The list that `camera stills` wrote, filled in; - is standard input.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Approve the cameras of a list whose still somebody looked at: those with yes in the column looked, each by its hash."""
    service = client(data)
    if service.in_session and str(file) != STDIO:
        raise BadRequest("Over SSH you cannot use files on the server.", f"Use `camera approve - < {LIST_NAME}`.")
    done = []
    for row in rows_of(text_file(file, LIST.what), LIST):
        done.append(_approved(service, row))
        if not json:
            problem = f": {inert(done[-1].problem, 400)}" if done[-1].problem else ""
            typer.echo(f"line {row.line}: {inert(done[-1].camera, 64)}: {done[-1].outcome}{problem}")
    if json:
        echo_json(done)
    failed = sum(one.outcome == FAILED for one in done)
    if failed:
        raise HoldshelfError(f"{counted(failed, 'camera')} of the list cannot be approved.", "See the reasons above.")


def _approved(service: Client, row: Row) -> Approval:
    camera = row.values.get("camera", "")
    if row.problems:
        return Approval(camera, FAILED, f"{row.problems[0].column}: {row.problems[0].sentence}")
    if row.values.get("looked", "").lower() != YES:
        return Approval(camera, LEFT)
    not_private = row.values.get("not_private", "").lower() == YES
    try:
        service.act(types.CommissionApprove(camera, row.values["hash"], not_private))
    except HoldshelfError as error:
        return Approval(camera, FAILED, str(error).replace("add --not-private", "write yes in the column not_private"))
    return Approval(camera, IN_USE)


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    app.command(
        short_help="Write a still of each camera that waits to be brought into use.",
        epilog="Example: holdshelf camera stills new-cameras --no-masks 'nothing to read in sight'",
    )(stills)
    app.command(
        short_help="Approve the cameras of a list, each by the still that was looked at.",
        epilog="Example: holdshelf camera approve new-cameras/cameras.csv",
    )(approve)
