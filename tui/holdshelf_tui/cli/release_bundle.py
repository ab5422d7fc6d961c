"""release export | receipt | write: what leaves the building. Whether it is as it left: ``release_proof``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError
from holdshelf_core.releases import types
from holdshelf_tui.cli.options import Data, Json, client, write_new
from holdshelf_tui.cli.release_gates import Sheet, ask
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.words import counted, inert, size

_POLL_S = 0.5
_SAY_EVERY_S = 5.0
ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="E.g., R-2026-0001.")]


def export(
    release: ReleaseId,
    background: Annotated[bool, typer.Option("--background", help="Do not wait until it is finished.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the one being made.")] = False,
    sheet: Sheet = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Make the bundle of an approved release. Ctrl+C cancels it."""
    service = client(data)
    call_off = types.ReleaseExportCancel(release)
    if cancel:
        row = service.act(call_off)
    else:
        row = ask(data, types.ReleaseExport(release), sheet, json=json)
        if not background:
            try:
                row = _follow(service, row)
            except KeyboardInterrupt:
                service.act(call_off)
                raise
    if row.state in ("failed", "cancelled") and not cancel:
        raise HoldshelfError(f"No bundle was made of {inert(row.release)}. {inert(row.step, 500)}")
    if json:
        echo_json(row)
    elif cancel:
        typer.echo(f"The bundle of {row.release} was canceled. Entry {row.seq} of the access log.")
    elif row.state == "done":
        typer.echo(f"The bundle of {row.release} is ready: {inert(row.step)}.")
        typer.echo(f"The receipt: `holdshelf release receipt {row.release}`.")
    else:
        typer.echo(f"The bundle of {row.release} is being made. Entry {row.seq} of the access log.")


def _follow(service: Client, row: types.ExportRow) -> types.ExportRow:
    """Waits until it is over; says how far it is: in one line of a terminal, else with a line now and then."""
    shows, seq = sys.stderr.isatty(), row.seq
    said_s = time.monotonic()
    while row.state in ("queued", "making"):
        part = f"{100 * row.done_bytes // max(1, row.total_bytes)}%" if row.total_bytes else ""
        words = f"{row.release}: {part} {inert(row.step, 60)}"
        if shows:
            print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - said_s >= _SAY_EVERY_S:
            said_s = time.monotonic()
            print(words, file=sys.stderr, flush=True)
        time.sleep(_POLL_S)
        rows = service.read(types.ReadExports())
        found = next((one for one in rows if one.release == row.release), None)
        if found is None:
            raise HoldshelfError(
                f"The service restarted before the bundle of {row.release} was finished.",
                "It was discarded; make it again.",
            )
        row = found
    if shows:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return types.ExportRow(row.release, row.state, row.done_bytes, row.total_bytes, row.step, row.by, row.by_name, seq)


def receipt(
    release: ReleaseId,
    data: Data = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Write it to this new file. [default: print it here]"),
    ] = None,
    json: Json = False,
) -> None:
    """What the officer compares with the bundle: the key's fingerprint, on paper. The same as `print receipt`."""
    from holdshelf_tui.papers.catalogue import PAPERS  # noqa: PLC0415

    service = client(data)
    if json:
        row = service.act(types.ReleaseShow(release))
        if row.bundle is None:
            raise Conflict(f"No bundle of {row.id} was made.", f"Make it: `holdshelf release export {row.id}`.")
        echo_json(row.bundle)
        return
    paper = PAPERS["receipt"]
    text = paper.as_text(service.act(paper.request(release)))
    if file is None:
        typer.echo(text, nl=False)
    else:
        write_new(file, text.encode())
        typer.echo(f"{inert(str(file), 200)} is written.")


def write(
    release: ReleaseId,
    usb: Annotated[str, typer.Option("--usb", metavar="FOLDER", help="Where the USB stick is mounted on the server.")],
    zipped: Annotated[bool, typer.Option("--zip", help="As one zip, not as a folder.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy a bundle to a USB stick at the server, and check every byte of the copy."""
    asked = types.ReleaseWrite(release, usb, zipped)
    done = client(data).act(asked)
    if json:
        echo_json(done)
        return
    room = size(done.bytes)
    what = (
        f"The zip ({room}) is"
        if zipped
        else f"{counted(done.files, 'file')} ({room}) {'is' if done.files == 1 else 'are'} in"
    )
    typer.echo(f"{what} {inert(done.folder, 200)}. The copy is checked: it is what was signed.")
    typer.echo(f"Entry {done.seq} of the access log. Unmount the stick before you take it out.")
