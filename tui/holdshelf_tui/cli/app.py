"""All commands in one tree. Each lives in its own module; heavy imports happen inside the command that needs them."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command_name

from holdshelf_tui.cli import (
    alert,
    backup,
    camera,
    capacity,
    checklist,
    clock,
    contact_sheet,
    coverage,
    desk,
    door,
    entrance,
    first_day,
    footage,
    hold,
    log,
    look,
    metrics,
    offsite,
    outbox,
    papers,
    people,
    policy,
    policy_posted,
    register,
    release,
    release_proof,
    service,
    setup,
    still_sheet,
    timestamp,
    today,
    tui,
    who,
    witness,
)
from holdshelf_tui.cli.command import Command

OTHER_NAMES = {"reference": "incident"}
"""What an option was called before: still taken, and not shown."""


def _by_name(name: str) -> str:
    return OTHER_NAMES.get(name, name)


app = typer.Typer(
    name="holdshelf",
    help="Records a library's cameras into a rolling buffer: video, never sound; the oldest is erased first.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "token_normalize_func": _by_name,
    },
)


def _version(wanted: bool) -> None:
    if wanted:
        from holdshelf_core.api.basics import VERSION  # noqa: PLC0415

        typer.echo(f"holdshelf {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Records a library's cameras into a rolling buffer: video, never sound; the oldest is erased first."""


app.command(epilog="Example: holdshelf init --data /srv/holdshelf --media /mnt/footage --budget 900GB")(service.init)
app.command(
    short_help="Make this machine a recorder: disk, networks, service, first Director.",
    epilog="Example: holdshelf setup --disk /dev/sdb --erase --network 10.20.0.0/24 --director dora --name 'Dora Reed' "
    "--key dora.pub",
)(setup.setup)
app.command(short_help="Record: the service itself.", epilog="Example: holdshelf serve --data /srv/holdshelf")(
    service.serve
)
app.command(
    short_help="What is recorded and kept, and what needs attention.",
    epilog="Example: holdshelf status --check || mail -s 'Holdshelf' it@town.example",
)(service.status)
app.command(epilog="Example: holdshelf jobs --json")(service.jobs)
app.command(
    short_help="Check everything that recording needs.", epilog="Example: holdshelf doctor --data /srv/holdshelf"
)(service.doctor)
app.command(epilog="Example: holdshelf plan --cameras 8 --mbps 4 --days 30")(service.plan)
app.command(
    "first-day",
    short_help="What is still to be done until this server is in use.",
    epilog="Example: holdshelf first-day",
)(first_day.tell_first_day)
app.command(
    short_help="Record virtual cameras on this machine.",
    epilog="Example: holdshelf demo --seconds 30 --data /tmp/demo --json",
)(service.demo)
app.command(
    short_help="The screens, on this terminal.",
    epilog="Example: holdshelf tui --theme light",
)(tui.tui)
app.command(short_help="Who you are here.", epilog="Example: holdshelf whoami")(people.whoami)
app.command(short_help="What waits for you, and the access log's head.", epilog="Example: holdshelf today")(today.today)
app.add_typer(camera.app, name="camera")
app.add_typer(footage.app, name="footage")
app.command(
    short_help="How much of each day is recorded, of each camera.",
    epilog="Example: holdshelf coverage --camera front-entrance --days 14",
)(coverage.coverage)
app.command(
    short_help="Figures for Prometheus.",
    epilog="Example: holdshelf metrics | promtool check metrics",
)(metrics.metrics)
app.add_typer(entrance.app, name="entrance")
app.add_typer(checklist.app, name="checklist")
app.add_typer(capacity.app, name="capacity")
app.add_typer(alert.app, name="alert")
app.add_typer(clock.app, name="clock")
app.add_typer(people.person, name="person")
app.add_typer(people.seat, name="seat")
app.add_typer(people.appointment, name="appointment")
app.add_typer(people.share, name="share")
app.add_typer(people.flag, name="flag")
app.add_typer(look.app, name="look")
app.add_typer(hold.app, name="hold")
app.add_typer(offsite.app, name="offsite")
app.add_typer(release.app, name="release")
papers.app.command(
    short_help="Still picture.",
    epilog="Example: holdshelf print still L-2026-000123 --camera lobby --at '14:03:20' --to 'reference desk' "
    "--purpose violation --file still.pdf",
)(still_sheet.still)
papers.app.command(
    "who",
    short_help="Who looked.",
    epilog="Example: holdshelf print who --camera 'Front entrance' --day 11/27 --file who.pdf",
)(who.who)
papers.app.command(
    short_help="Contact sheet of a hold or a release.",
    epilog="Example: holdshelf print sheet H-2026-0001 --count 24 --file sheet.pdf",
)(contact_sheet.sheet)
app.add_typer(release.counsel, name="counsel")
app.command(
    short_help="Check a bundle that was released.",
    epilog="Example: holdshelf verify R-2026-0001.zip --key SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDOGUGdQGhI9sSSVD0",
)(release_proof.verify)
app.add_typer(outbox.app, name="outbox")
app.add_typer(desk.app, name="paper")
papers.app.command("printers", epilog="Example: holdshelf print printers")(outbox.printers)
log.app.command("who", epilog="Example: holdshelf log who --camera 'Front entrance' --day 11/27")(who.who)
app.add_typer(log.app, name="log")
app.add_typer(timestamp.app, name="timestamp")
app.add_typer(witness.app, name="witness")
app.add_typer(register.app, name="register")
policy.app.command(epilog="Example: holdshelf policy show --text")(policy_posted.show)
policy.app.command(epilog="Example: holdshelf policy check https://library.example/cameras")(policy_posted.check)
app.add_typer(policy.app, name="policy")
app.add_typer(policy.board, name="board")
app.add_typer(papers.app, name="print")
app.add_typer(door.app, name="door")
app.add_typer(backup.app, name="backup")
app.command(
    short_help="Put a backup in place, with the service stopped.",
    epilog="Example: holdshelf restore /mnt/usb/holdshelf-2026-11-25.tar --replace",
)(backup.restore)


def _as_people_read_it(group: typer.Typer) -> None:
    """Each command of the tree is a ``Command``: one place says what its values are called."""
    for command in group.registered_commands:
        command.cls = Command
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _as_people_read_it(inner.typer_instance)


_as_people_read_it(app)


def complete() -> list[str]:
    """Have a shell's question answered in place of a command; returns the words that it has so far."""
    from typer.completion import completion_init  # type: ignore[attr-defined]  # noqa: PLC0415 - a shell alone asks for it

    completion_init()
    return os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]


def name_of(command: typer.models.CommandInfo) -> str:
    """What a person types for a command of a group."""
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def app_for(words: Sequence[str], whole: typer.Typer = app) -> typer.Typer:
    """All commands that these words may mean: the one that they name, or the whole of the group in which they name none.

    Typer looks into the code of each command of a tree before it reads a word, which takes longer than most commands do.
    """
    named = words[0] if words else ""
    part = copy.copy(whole)
    part.registered_commands = [one for one in whole.registered_commands if name_of(one) == named]
    part.registered_groups = [copy.copy(one) for one in whole.registered_groups if one.name == named]
    for group in part.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance = app_for(words[1:], group.typer_instance)
    return part if part.registered_commands or part.registered_groups else whole
