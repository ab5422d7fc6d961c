"""All commands in one tree. Each lives in its own module; heavy imports happen inside the command that needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_tui.cli import (
    backup,
    camera,
    capacity,
    checklist,
    clock,
    door,
    entrance,
    footage,
    hold,
    log,
    look,
    outbox,
    papers,
    people,
    policy,
    policy_posted,
    release,
    release_proof,
    service,
    still_sheet,
    tui,
)

app = typer.Typer(
    name="holdshelf",
    help="Records a library's cameras into a rolling buffer: video, never sound; the oldest erased first.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        from holdshelf_core.api.basics import VERSION  # noqa: PLC0415

        typer.echo(f"holdshelf {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and end.")
    ] = False,
) -> None:
    """Records a library's cameras into a rolling buffer: video, never sound; the oldest erased first."""


app.command(epilog="Example: holdshelf init --data /srv/holdshelf --media /mnt/footage --budget 900GB")(service.init)
app.command(short_help="Record: the service itself.", epilog="Example: holdshelf serve --data /srv/holdshelf")(
    service.serve
)
app.command(
    short_help="What is recorded, kept, and to be mended.",
    epilog="Example: holdshelf status --check || mail -s 'Holdshelf' it@town.example",
)(service.status)
app.command(epilog="Example: holdshelf jobs --json")(service.jobs)
app.command(short_help="Look at all that recording needs.", epilog="Example: holdshelf doctor --data /srv/holdshelf")(
    service.doctor
)
app.command(epilog="Example: holdshelf plan --cameras 8 --mbps 4 --days 30")(service.plan)
app.command(
    short_help="Record virtual cameras on this machine.",
    epilog="Example: holdshelf demo --seconds 30 --data /tmp/demo --json",
)(service.demo)
app.command(
    short_help="The screens, on this terminal.",
    epilog="Example: holdshelf tui --theme light",
)(tui.tui)
app.command(short_help="Who you are here.", epilog="Example: holdshelf whoami")(people.whoami)
app.add_typer(camera.app, name="camera")
app.add_typer(footage.app, name="footage")
app.add_typer(entrance.app, name="entrance")
app.add_typer(checklist.app, name="checklist")
app.add_typer(capacity.app, name="capacity")
app.add_typer(clock.app, name="clock")
app.add_typer(people.person, name="person")
app.add_typer(people.seat, name="seat")
app.add_typer(people.appointment, name="appointment")
app.add_typer(people.share, name="share")
app.add_typer(people.flag, name="flag")
app.add_typer(look.app, name="look")
app.add_typer(hold.app, name="hold")
app.add_typer(release.app, name="release")
papers.app.command(
    short_help="Still picture.",
    epilog="Example: holdshelf print still L-2026-000123 --camera lobby --at '14:03:20' --to 'reference desk' "
    "--purpose violation --file still.pdf",
)(still_sheet.still)
app.add_typer(release.counsel, name="counsel")
app.command(
    short_help="Check a bundle that was released.",
    epilog="Example: holdshelf verify R-2026-0001.zip --key SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDOGUGdQGhI9sSSVD0",
)(release_proof.verify)
app.add_typer(outbox.app, name="outbox")
papers.app.command("printers", epilog="Example: holdshelf print printers")(outbox.printers)
app.add_typer(log.app, name="log")
policy.app.command(epilog="Example: holdshelf policy show --text")(policy_posted.show)
policy.app.command(epilog="Example: holdshelf policy check https://library.example/cameras")(policy_posted.check)
app.add_typer(policy.app, name="policy")
app.add_typer(policy.board, name="board")
app.add_typer(papers.app, name="print")
app.add_typer(door.app, name="door")
app.command(
    short_help="Copy everything but the footage into one file.",
    epilog="Example: holdshelf backup /mnt/usb/holdshelf-2026-11-25.tar",
)(backup.backup)
app.command(
    short_help="Put a backup in place, with the service stopped.",
    epilog="Example: holdshelf restore /mnt/usb/holdshelf-2026-11-25.tar --replace",
)(backup.restore)
