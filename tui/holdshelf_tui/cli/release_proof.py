"""verify, and release key show | renew: whether a bundle is as it left, and whose signature it bears."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.releases import types
from holdshelf_tui.cli.options import MOST_CA_BYTES, Data, Json, client, text_file
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.proof import report_lines
from holdshelf_tui.text.time_format import local

root = typer.Typer()

if TYPE_CHECKING:
    from holdshelf_core.releases.offline import Report

IS_RELEASE = re.compile(r"R-\d{4}-\d{4,9}", re.ASCII)

key_app = typer.Typer(help="The signing key for releases.", no_args_is_help=True, rich_markup_mode=None)


@root.command(
    short_help="Check a bundle that was released.",
    epilog="Example: holdshelf verify R-2026-0001.zip --key SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDOGUGdQGhI9sSSVD0",
)
def verify(
    bundle: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE",
            help="A bundle's folder or zip, or the number of a release whose bundle is on this server.",
        ),
    ],
    key: Annotated[
        str, typer.Option("--key", metavar="FINGERPRINT", help="SHA256:… as printed on the paper receipt.")
    ] = "",
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers", metavar="FILE", help="The library's keys, as `release key show --signers` prints them."
        ),
    ] = None,
    witness_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--witness-key", metavar="KEY", help="The key of a witness of the library's access log; may be repeated."
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="Certificates (PEM) that the time stamp in it has to come from."),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check a bundle that was released: its signature, every file, what was removed or added. A file needs no service."""
    from holdshelf_core.releases import offline as bundle_offline  # noqa: PLC0415

    here = bool(IS_RELEASE.fullmatch(bundle)) and not Path(bundle).exists()
    if here:
        if key or signers is not None or witness_keys or ca is not None:
            raise BadRequest(
                "--key, --signers, --witness-key and --ca are for a bundle that was handed over. For a "
                "bundle on this server, the register knows the key.",
                "Leave them out, or name the bundle's folder or zip.",
            )
        report = client(data).act(types.ReleaseVerify(bundle))
    else:
        authority = text_file(ca, "The authority", MOST_CA_BYTES) if ca is not None else ""
        report = bundle_offline.verify(Path(bundle), key, signers, witness_keys or (), authority)
    if json:
        echo_json(report)
    else:
        _tell(report, here=here)
    if report.problems:
        count = len(report.problems)
        raise HoldshelfError(
            f"This is not what was released: {count} {'thing is' if count == 1 else 'things are'} wrong."
        )


def _tell(report: Report, *, here: bool) -> None:
    for line in report_lines(report, here=here):
        typer.echo(line)


@key_app.command(epilog="Example: holdshelf release key show")
def show(
    signers: Annotated[
        bool,
        typer.Option(
            "--signers", help="As a file for `ssh-keygen -Y verify -f`; retired keys with the time they ended."
        ),
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show the fingerprint that is printed on receipts, and those of earlier keys."""
    found = client(data).read(types.ReadReleaseKeys())
    if json:
        echo_json(found)
    elif signers:
        typer.echo(found.allowed_signers, nl=False)
    elif not found.keys:
        typer.echo("There is no signing key yet: it is made with the first bundle.")
    else:
        _show(found)


@key_app.command(epilog="Example: holdshelf release key renew --why 'the server was replaced'")
def renew(
    why: Annotated[str, typer.Option("--why", help="The reason, in a few words; kept on record.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Start using a new key. Everything signed so far stays valid; the old key can no longer sign."""
    done = client(data).act(types.ReleaseKeyRenew(why))
    if json:
        echo_json(done)
        return
    _show(done)
    typer.echo(f"Entry {done.seq} of the access log. Receipts given out so far name the old key and stay valid.")


def _show(found: types.ReleaseKeys) -> None:
    for row in found.keys:
        typer.echo(row.fingerprint)
        since = local(row.since_utc_ns)
        if row.until_utc_ns is None:
            typer.echo(f"  signs since {since}")
        else:
            typer.echo(f"  signed from {since} to {local(row.until_utc_ns)}; retired")
