"""verify, and release key show | renew: whether a bundle is as it left, and whose signature it bears."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdshelf_core.api import types_releases as types
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

if TYPE_CHECKING:
    from holdshelf_core.api.bundle_local import Report

_TIMEOUT_S = 6 * 3600.0
IS_RELEASE = re.compile(r"R-\d{4}-\d{4,9}", re.ASCII)

key_app = typer.Typer(help="The key that signs what leaves the building.", no_args_is_help=True, rich_markup_mode=None)


def verify(
    bundle: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE", help="A bundle's folder or its zip; or a release's number: the one that lies here."
        ),
    ],
    key: Annotated[
        str, typer.Option("--key", metavar="FINGERPRINT", help="SHA256:… as it stands on the paper receipt.")
    ] = "",
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers", metavar="FILE", help="The library's keys, as `release key show --signers` prints them."
        ),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check a bundle that was released: its signature, every file, what was taken away or added. A file needs no service."""
    from holdshelf_core.api import bundle_local  # noqa: PLC0415

    here = bool(IS_RELEASE.fullmatch(bundle)) and not Path(bundle).exists()
    if here:
        if key or signers is not None:
            raise BadRequest(
                "--key and --signers are for a bundle that was handed over; of the one here the register knows the key.",
                "Leave them out, or name the bundle's folder or zip.",
            )
        report = client(data).act("release.verify", types.ReleaseAsk(bundle), bundle_local.Report, timeout_s=_TIMEOUT_S)
    else:
        report = bundle_local.verify(Path(bundle), key, signers)
    if json:
        echo_json(report)
    else:
        _tell(report, here=here)
    if report.problems:
        count = len(report.problems)
        raise HoldshelfError(
            f"This is not what was released: {count} {'thing is' if count == 1 else 'things are'} wrong."
        )


_BESIDE = 3
"""Files that SHA256SUMS cannot name: itself, its signature, and that one's checksum. A bundle without one is not sound."""


def _tell(report: Report, *, here: bool) -> None:
    for problem in report.problems:
        typer.echo(f"✗ {render.inert(problem, 400)}")
    if not report.problems:
        typer.echo(
            f"{render.inert(report.release)}: {report.files} files ({render.size(report.bytes)}) are as they were signed; "
            f"with their list and its signature {report.files + _BESIDE}, as on the receipt."
        )
        typer.echo(f"Signed with {render.inert(report.fingerprint)}")
        if here:
            typer.echo("which is the library's key, as the register has it.")
        elif report.proven_origin:
            typer.echo("which is the key that you gave.")
        else:
            typer.echo("Compare that with the paper receipt: a key found only in the bundle proves no origin.")
    for note in report.notes:
        typer.echo(f"Note: {render.inert(note, 400)}")
    if report.seq:
        typer.echo(f"Entry {report.seq} of the access log.")


@key_app.command(epilog="Example: holdshelf release key show")
def show(
    signers: Annotated[
        bool,
        typer.Option("--signers", help="As a file for `ssh-keygen -Y verify -f`, retired keys with their last moment."),
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show the fingerprint that stands on receipts, and those of keys that signed before."""
    found = client(data).get("/rules/release_keys", types.ReleaseKeys)
    if json:
        echo_json(found)
    elif signers:
        typer.echo(found.allowed_signers, nl=False)
    elif not found.keys:
        typer.echo("No key signs releases yet: it is made with the first bundle.")
    else:
        _show(found)


@key_app.command(epilog="Example: holdshelf release key renew --why 'the server was replaced'")
def renew(
    why: Annotated[str, typer.Option("--why", help="The reason, in a few words; kept with the act.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Have a new key sign from now on. What was signed so far stays good; the old key can sign nothing more."""
    done = client(data).act("release.key.renew", types.ReleaseKeyRenew(why), types.ReleaseKeys, timeout_s=60)
    if json:
        echo_json(done)
        return
    _show(done)
    typer.echo(f"Entry {done.seq} of the access log. Receipts given out so far name the key before, and stay good.")


def _show(found: types.ReleaseKeys) -> None:
    for row in found.keys:
        typer.echo(row.fingerprint)
        since = render.local(row.since_utc_ns)
        if row.until_utc_ns is None:
            typer.echo(f"  signs since {since}")
        else:
            typer.echo(f"  signed from {since} to {render.local(row.until_utc_ns)}; retired")
