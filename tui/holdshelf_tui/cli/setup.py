"""setup: a machine with the package on it becomes a recorder: the disk, the networks, the service, the first Director."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.operations import machine_setup as machine
from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_core.people.types import SeatName
from holdshelf_tui.cli.options import client, data_folder, text_file
from holdshelf_tui.text.words import inert, size

root = typer.Typer()

NO_DISK = "none"
PROGRAM = (sys.executable, "-m", "holdshelf_tui.cli")


@root.command(
    short_help="Make this machine a recorder: disk, networks, service, first Director.",
    epilog="Example: holdshelf setup --disk /dev/sdb --erase --network 10.20.0.0/24 --director dora --name 'Dora Reed' "
    "--key dora.pub",
)
def setup(
    disk: Annotated[
        str,
        typer.Option(
            metavar="DEVICE|none",
            help="Disk for the footage; mounted now and at each start. none: the footage stays on the system's disk.",
        ),
    ] = "",
    erase: Annotated[
        bool, typer.Option("--erase", help="The disk may be erased. Not needed if it already holds Holdshelf footage.")
    ] = False,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Network of cameras, or of people who log in. Given once or more: the service talks to no other.",
        ),
    ] = None,
    director: Annotated[str, typer.Option(metavar="LOGIN", help="Login of the first Library Director.")] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="The Director's full name.")] = "",
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The Director's public key file (OpenSSH or RFC 4716).")
    ] = None,
) -> None:
    """Make this machine a recorder: disk, networks, service, first Director.

    Asks for what is not given. Run it again at any time: what was done is left as it is."""
    machine.check_machine()
    asks = sys.stdin.isatty()
    data = data_folder(None)
    media = machine.media_of(data)
    networks = machine.networks_in(network or (_ask_networks() if asks else []))
    if director and not (name and key):
        raise BadRequest("A Director needs a name and a public key.", "Give --name and --key with --director.")
    key_text = text_file(key, "The key file", 64 << 10) if key is not None else ""
    steps: list[Callable[[], str]] = []
    if not media.is_mount():
        chosen = _chosen_disk(disk, erase=erase, asks=asks)
        if chosen is not None:
            steps.append(lambda: machine.use_disk(chosen, media))
    steps.append(lambda: _init(data))
    if networks:
        steps.append(lambda: machine.limit_networks(networks))
    steps.append(lambda: machine.start(anew=bool(networks)))
    if director:
        steps.append(lambda: _name_director(data, director, name, key_text))
    for number, step in enumerate(steps, 1):
        typer.echo(f"[{number}/{len(steps)}] {inert(step(), 600)}")
    typer.echo("To see what is left, in order: holdshelf first-day")


def _init(data: Path) -> str:
    """Set up the data folder as the account that owns it."""
    words = machine.as_account([*PROGRAM, "init", "--data", str(data)])
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HoldshelfError(done.stderr.strip().removeprefix("holdshelf: ") or "The data folder could not be set up.")
    return done.stdout.strip()


def _name_director(data: Path, login: str, name: str, key: str) -> str:
    service = client(data)
    seat, words = service.read(ReadPolicyLists()).seats[0]
    service.act(SeatName(seat, login, name, key))
    return f"{name} is the {words}, and logs in as {login}."


def _chosen_disk(asked: str, *, erase: bool, asks: bool) -> machine.Disk | None:
    """The disk that is to be used; None: the footage stays on the system's disk. Raises BadRequest."""
    if not asked and not asks:
        raise BadRequest("No disk for the footage was given.", "Give --disk DEVICE, or --disk none.")
    asked = asked or _ask_disk()
    if asked == NO_DISK:
        return None
    disk = machine.disk_at(asked)
    if disk.is_ours or erase:
        return disk
    what = (
        f"It holds {disk.holds}"
        if disk.holds
        else f"It has {disk.parts} partitions"
        if disk.parts
        else "It seems empty"
    )
    if not asks:
        raise BadRequest(f"{disk.path} would be erased. {what}.", "Add --erase if it may be.")
    typer.echo(f"{disk.path} ({size(disk.size_bytes)}) will be erased. {what}.")
    if typer.prompt("Type its name to erase it", default="", show_default=False).strip() != disk.path:
        raise BadRequest(f"{disk.path} was not erased, and nothing was changed.")
    return disk


def _ask_disk() -> str:
    disks = machine.free_disks()
    if not disks:
        typer.echo("No disk is free: the footage stays on the system's disk.")
        return NO_DISK
    typer.echo("Disks that nothing uses:")
    for disk in disks:
        holds = "footage of Holdshelf" if disk.is_ours else disk.holds or "nothing known"
        typer.echo(f"  {disk.path}  {size(disk.size_bytes)}  {inert(disk.model, 40)}  (holds {inert(holds, 40)})")
    return str(typer.prompt("Disk for the footage, or none", default=NO_DISK)).strip()


def _ask_networks() -> list[str]:
    asked = typer.prompt(
        "Networks of the cameras and of the people who log in, e.g. 10.20.0.0/24 10.1.0.0/16 (Enter: no limit)",
        default="",
        show_default=False,
    )
    return str(asked).split()
