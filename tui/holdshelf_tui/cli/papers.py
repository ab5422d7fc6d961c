"""print policy | checklist | sign | refusal, and backup, restore.

A print never fails because the service is down: what lies on disk is printed instead, and the paper says so. Nobody is asked
who a paper is for (P17).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.api.paper_types import PaperFacts, PrintRequest
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client, data_folder, write_new
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="Print the policy, the checklist, a sign, a refusal sheet.", no_args_is_help=True, rich_markup_mode=None
)

BACKUP_TIMEOUT_S = 3600.0
FilePath = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Write it into this new file. [default: print it here]")
]
ModelOnly = Annotated[
    bool, typer.Option("--model", help="The model policy that comes with the program, whatever is adopted.")
]


class Printed(msgspec.Struct, frozen=True):
    """A paper, as text and as the facts that it was made from."""

    paper: str
    text: str
    facts: PaperFacts


@app.command(epilog="Example: holdshelf print policy --file policy.txt")
def policy(data: Data = None, file: FilePath = None, model: ModelOnly = False, json: Json = False) -> None:
    """The library's camera policy as it was adopted, for anyone who asks."""
    from holdshelf_tui.papers.policy import policy_paper  # noqa: PLC0415

    facts = _facts(data, "policy")
    if model:
        facts = msgspec.structs.replace(facts, policy=None)
    _hand_out("policy", policy_paper(facts), facts, file, json=json)


@app.command(epilog="Example: holdshelf print checklist --file checklist.txt")
def checklist(data: Data = None, file: FilePath = None, json: Json = False) -> None:
    """What to look at at each entrance and camera; what is known is filled in, the rest is left to tick."""
    from holdshelf_tui.papers.checklist import checklist_paper  # noqa: PLC0415

    facts = _facts(data, "checklist")
    _hand_out("checklist", checklist_paper(facts), facts, file, json=json)


@app.command(epilog="Example: holdshelf print sign --file sign.txt")
def sign(data: Data = None, file: FilePath = None, json: Json = False) -> None:
    """The sign for an entrance, as text."""
    from holdshelf_tui.papers.sign import sign_paper  # noqa: PLC0415

    facts = _facts(data, "sign")
    _hand_out("sign", sign_paper(facts), facts, file, json=json)


@app.command(epilog="Example: holdshelf print refusal R-2026-0001")
def refusal(
    release: Annotated[
        str,
        typer.Argument(metavar="[ID]", help="Of this request; without it, the sheet for anyone who asks for footage."),
    ] = "",
    data: Data = None,
    file: FilePath = None,
    json: Json = False,
) -> None:
    """What we need from you: the sheet that an asker takes along instead of footage."""
    from holdshelf_tui.papers.refusal import refusal_paper  # noqa: PLC0415

    # What was asked is known to the service alone; the sheet for anyone is to be had without it.
    asked = PrintRequest("refusal", release)
    facts = client(data).act("print.facts", asked, PaperFacts) if release else _facts(data, "refusal")
    _hand_out("refusal", refusal_paper(facts), facts, file, json=json)


def _facts(data: Path | None, paper: str) -> PaperFacts:
    """From the service; without one, or for the policy in any case, from what can be read here."""
    from holdshelf_core.api.papers_local import read_offline  # noqa: PLC0415

    try:
        return client(data).act("print.facts", PrintRequest(paper), PaperFacts)
    except HoldshelfError as error:
        if paper != "policy" and not isinstance(error, Unavailable):
            raise
        typer.echo(f"holdshelf: note: {error.sentence} Printed from what can be read here.", err=True)
        return read_offline(data_folder(data))


def _hand_out(paper: str, text: str, facts: PaperFacts, file: Path | None, *, json: bool) -> None:
    printed = Printed(paper, text, facts)
    if file is None and json:
        echo_json(printed)
    elif file is None:
        typer.echo(text, nl=False)
    else:
        raw = msgspec.json.format(msgspec.json.encode(printed), indent=2) + b"\n" if json else text.encode()
        write_new(file, raw)
        typer.echo(f"{render.inert(str(file), 200)} is written.")


def backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The new file. [default: by date, in DATA/backups]")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy register, access log, ledger, keys and policy into one file. Never footage. The service may run."""
    from holdshelf_core.api import backup_local, types_board  # noqa: PLC0415

    folder = data_folder(data)
    wanted = (file or backup_local.default_name(folder)).absolute()
    backup_local.check_target(wanted)
    service = client(data)
    if _runs(service):
        asked = backup_local.staging_file(folder, wanted)
        done = service.act(
            "backup.make", types_board.BackupMake(str(asked)), backup_local.BackupDone, timeout_s=BACKUP_TIMEOUT_S
        )
        if asked != wanted:
            # The name that was asked for, not the one in the answer: root would fetch and remove whatever that names.
            backup_local.fetch(asked, done.sha256, wanted)
        done = msgspec.structs.replace(done, file=str(wanted))
    else:
        done = backup_local.make(folder, wanted, logged=False)
    if json:
        echo_json(done)
    else:
        typer.echo(
            f"{render.inert(done.file, 300)}: {render.size(done.bytes)}, {done.entries} entries of the access log."
        )
        typer.echo(f"SHA-256 {done.sha256}")
        typer.echo("Keep it off this machine, as carefully as a key; write the SHA-256 down elsewhere.")
        if not done.logged:
            typer.echo("No service runs, so the access log does not know of it.")
    if done.problems:
        raise HoldshelfError(
            f"The backup is made, but what it holds is not whole: {render.inert(' '.join(done.problems), 500)}"
        )


def _runs(service: Client) -> bool:
    try:
        service.status()
    except Unavailable:
        return False
    return True


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `holdshelf backup` wrote.")],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in place of what is there, which is set aside and not deleted.")
    ] = False,
    sha256: Annotated[str, typer.Option(metavar="HEX", help="What the backup's SHA-256 was when it was made.")] = "",
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Also when its register or its access log is not whole.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup in place, with the service stopped. What was changed since it was made is forgotten."""
    from holdshelf_core.api import backup_local  # noqa: PLC0415

    folder = data_folder(data)
    if _runs(client(data)):
        raise Conflict("The service is running.", "Stop it first: `systemctl stop holdshelf`.")
    done = backup_local.put_back(folder, file, replace=replace, sha256=sha256, accept_problems=as_it_is)
    if json:
        echo_json(done)
        return
    typer.echo(f"The backup of {render.local(done.made_utc_ns)} is in place at {render.inert(done.data, 300)}.")
    for line in done.check:
        typer.echo(f"  - {render.inert(line, 600)}")
    typer.echo(
        "Start the service: it writes into the access log that a backup was restored, and keeps this list as a repair."
    )
    typer.echo("If the media disk is gone too, run `holdshelf init --new-media` first.")
