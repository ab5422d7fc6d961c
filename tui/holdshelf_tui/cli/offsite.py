"""offsite setup | status | verify | list | fetch | stop: holds and heads of the log in an S3 store as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from holdshelf_core.api.basics import read_secret
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, NotFound
from holdshelf_core.offsite import types
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.cli.options import Data, Json, ask_password, client, given_password
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.offsite import NONE, asked_lines, bad_lines, branch_lines, result_lines, status_lines
from holdshelf_tui.text.words import counted, inert, parse_size, size

app = typer.Typer(
    help="Keep what is on hold, and heads of the access log, in an S3 store as well, sealed (docs/offsite.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="offsite")

MOST_SHOWN = 20
Url = Annotated[str, typer.Argument(help="The store, e.g., https://s3.county.example.", metavar="URL")]
BucketName = Annotated[str, typer.Argument(help="A bucket with object lock.", metavar="BUCKET")]
Prefix = Annotated[str, typer.Option(help="Prefix of this recorder's objects: a different one for each recorder.")]
AccessKey = Annotated[str, typer.Option(help="The access key; its secret is asked for.")]
SecretFile = Annotated[Path | None, typer.Option(help="Read the secret from this file.")]
SecretEnv = Annotated[str | None, typer.Option(help="Read it from this environment variable.")]
Region = Annotated[str, typer.Option(help="The region, if the store asks for one.")]
Ca = Annotated[
    Path | None,
    typer.Option(help="Who signed the store's certificate (PEM), if the system does not know."),
]


@app.command(
    epilog="Example: holdshelf offsite setup https://s3.county.example holds --prefix main-street --access-key AK1"
)
def setup(
    url: Url,
    bucket: BucketName,
    access_key: AccessKey,
    data: Data = None,
    prefix: Prefix = "",
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    region: Region = "",
    ca: Ca = None,
    recovery: Annotated[
        str,
        typer.Option(help="Public part (age1…) of a recovery key that the Board has. [default: make one, and show it]"),
    ] = "",
    limit: Annotated[str, typer.Option(help="At most this many bytes a second, e.g., 2MB. [default: no limit]")] = "",
    hours: Annotated[str, typer.Option(help="Send only in these hours, e.g., 22:00-06:00. [default: always]")] = "",
    heads_days: Annotated[int, typer.Option(help="How long nobody can delete a head of the log there.")] = 730,
    branch: Annotated[
        str, typer.Option(help="This branch's name: the county's other branches see what it has on hold, no picture.")
    ] = "",
    county_key: Annotated[
        Path | None,
        typer.Option(help="The county key, in a file. [default: make one, and show it]", show_default=False),
    ] = None,
    county: Annotated[
        str, typer.Option(help="Public part (age1…) of the county key: this branch is listed, and reads no list.")
    ] = "",
    json: Json = False,
) -> None:
    """Set up the bucket, or change how it is used. One without object lock, or with a default retention, is refused."""
    service = client(data)
    known = service.read(types.ReadOffsite())
    private, recipient = "", recovery.strip()
    if not recipient and known is not None:
        recipient = known.place.recipient
    if not recipient:
        from holdshelf_core.offsite.offline import new_key  # noqa: PLC0415 - it needs the extra

        private, recipient = new_key()
    shared = _county_key(branch, county.strip(), county_key, known)
    secret = given_password(secret_file, secret_env, "secret") or ""
    if not secret and not (known is not None and known.place.access_key == access_key and known.place.url == url):
        secret = ask_password(f"Access key {inert(access_key, 40)}", "secret")
    place = types.Place(
        url=url,
        bucket=bucket,
        prefix=prefix,
        access_key=access_key,
        recipient=recipient,
        region=region,
        ca_pem=_read_ca(ca),
        limit_bytes_per_s=parse_size(limit) if limit else 0,
        hours=hours,
        heads_days=heads_days,
        secret=secret.strip(),
        branch=branch,
        county=shared.public,
        county_key=shared.private,
    )
    done = service.act(types.OffsiteSetup(place, new_county=shared.is_new))
    made = shared.private if shared.is_new else ""
    if json:
        keys = {"recovery_key": private, "recipient": recipient, "county_key": made, "county": shared.public}
        echo_json({"seq": done.seq, "sentence": done.sentence, **keys})
        return
    typer.echo(f"{inert(done.sentence, 400)}. Entry {done.seq} of the access log.")
    if private:
        typer.echo()
        safe = own_board("write it on paper, for the Board's safe.")
        typer.echo(f"This is the recovery key. It is shown only once and is not saved anywhere: {safe}")
        typer.echo(f"  {private}")
        typer.echo("Without it, nobody can read what is in the store, not even this server.")
    typer.echo(f"Sealed for {recipient}")
    if made:
        typer.echo()
        typer.echo(
            "The county key. It is shown this once: give it to each other branch, as --county-key. Anyone who has it can see"
        )
        typer.echo("for which cases each branch has footage on hold, but cannot see the footage.")
        typer.echo(f"  {made}")


class _Shared(NamedTuple):
    """The county key of a set-up: what seals, what opens ('' where that is not known here), and whether it was made just now."""

    public: str = ""
    private: str = ""
    is_new: bool = False


def _county_key(branch: str, public: str, file: Path | None, known: types.OffsiteRow | None) -> _Shared:
    private = read_secret(file, "county key").strip() if file is not None else ""
    if not branch:
        return _Shared(public, private)  # which the service refuses, with its reason
    if file is None and (public or (known is not None and known.place.county)):
        return _Shared(public or (known.place.county if known is not None else ""))
    from holdshelf_core.offsite.offline import new_key, public_of  # noqa: PLC0415 - it needs the extra

    if file is None:
        made_private, made = new_key()
        return _Shared(made, made_private, is_new=True)
    return _Shared(public or public_of(private), private)


@app.command(epilog="Example: holdshelf offsite status")
def status(data: Data = None, json: Json = False) -> None:
    """Where copies of holds are kept off-site, and what is waiting to be sent. Exit code 1: the store fails."""
    row = client(data).read(types.ReadOffsite())
    if json:
        echo_json(row)
    elif row is None:
        typer.echo(NONE)
    else:
        for line in status_lines(row):
            typer.echo(line)
    if row is not None and row.health.ok is False:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf offsite verify --full")
def verify(
    data: Data = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read each object back whole, not only what the store says of it.")
    ] = False,
    json: Json = False,
) -> None:
    """Ask the store for each object: is it there, whole, and held? Exit code 1: one is not."""
    service = client(data)
    found = service.act(types.OffsiteVerify(full))
    rest = _rest_of(service, found)
    if json:
        bad = (*found.bad, *(one for page in rest for one in page))
        echo_json(msgspec.structs.replace(found, bad=bad, after=0))
    else:
        for line in (*asked_lines(found), *bad_lines(found.bad)):
            typer.echo(line)
        for page in rest:
            for line in bad_lines(page):
                typer.echo(line)
        for line in result_lines(found, full=full):
            typer.echo(line)
    if found.bad_count or found.fault:
        raise typer.Exit(1)


def _rest_of(service: Client, found: types.OffsiteVerified) -> Iterator[tuple[types.BadObject, ...]]:
    """Yield the bad objects that the answer had no room for, a page at a time."""
    after = found.after
    while after:
        page = service.read(types.ReadBad(found.seq, after))
        yield page.bad
        after = page.after


@app.command("list", epilog="Example: holdshelf offsite list --case 26-1234")
def list_branches(
    data: Data = None,
    case: Annotated[str, typer.Option(help="Only holds for this case or incident number.")] = "",
    json: Json = False,
) -> None:
    """Which branch holds what for which case, without pictures. Exit code 1: a branch's index is old or cannot be read."""
    found = client(data).act(types.OffsiteList(case))
    if json:
        echo_json(found)
    else:
        for line in branch_lines(found):
            typer.echo(line)
        typer.echo(f"Entry {found.seq} of the access log.")
    if found.fault or any(row.why for row in found.branches):
        raise typer.Exit(1)


@app.command(
    epilog="Example: holdshelf offsite fetch H-2026-0001 /mnt/restored --key-file recovery.txt --url https://s3.county.example "
    "--bucket holds --prefix main-street --access-key AK1"
)
def fetch(
    hold: Annotated[str, typer.Argument(help="The hold, e.g., H-2026-0001; 'list' names those that the key opens.")],
    folder: Annotated[Path, typer.Argument(help="Where to put it: FOLDER/HOLD must not be there.")],
    url: Annotated[str, typer.Option(help="The store.")],
    bucket: Annotated[str, typer.Option(help="The bucket.")],
    access_key: AccessKey,
    key_file: Annotated[Path, typer.Option(help="The recovery key, in a file; several, a line each.")],
    prefix: Prefix = "",
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    region: Region = "",
    ca: Ca = None,
    json: Json = False,
) -> None:
    """Bring a hold back with the recovery key, on any machine: it needs no service. Exit code 1: a file is wrong."""
    from holdshelf_core.offsite import offline  # noqa: PLC0415 - it needs the extra

    read_secret(key_file, "recovery key")  # one clear sentence where it cannot be read
    keys = [line.strip() for line in key_file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    secret = given_password(secret_file, secret_env, "secret") or ask_password(
        f"Access key {inert(access_key, 40)}", "secret"
    )
    prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    place = types.Place(url, bucket, prefix, access_key, "", region, _read_ca(ca), secret=secret.strip())
    if hold == "list":
        names = offline.holds_there(place, keys)
        if json:
            echo_json(names)
        else:
            typer.echo("\n".join(inert(name, 40) for name in names) or "This key opens no hold there.")
        return
    done = offline.fetch(place, keys, hold, folder)
    if json:
        echo_json(done._asdict())
    else:
        typer.echo(f"{counted(done.files, 'file')}, {size(done.bytes)}, in {inert(done.folder, 300)}.")
        if done.unlisted:
            typer.echo(f"{counted(done.unlisted, 'file')} more, which no manifest names yet, in unlisted/.")
        for path in done.wrong[:MOST_SHOWN]:
            typer.echo(f"! {inert(path, 200)} is not there, or is not what was put there")
    if done.wrong:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf offsite stop")
def stop(data: Data = None, json: Json = False) -> None:
    """Stop sending to the store. What is already there stays, and stays protected from deletion."""
    service = client(data)
    if service.read(types.ReadOffsite()) is None:
        raise NotFound("No store is set up.")
    done = service.act(types.OffsiteStop())
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.sentence, 400)}. Entry {done.seq} of the access log.")


def _read_ca(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise BadRequest(f"{inert(str(file), 80)} cannot be read.", "Give the PEM file of a certificate.") from None
