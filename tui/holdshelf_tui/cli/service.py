"""init, serve, status, jobs, doctor, plan, demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.acts import Done
from holdshelf_core.api import types
from holdshelf_core.api.door_name import DEFAULT_DOOR_PORT
from holdshelf_core.api.errors import HoldshelfError, NotPermitted, Unavailable
from holdshelf_core.api.ownership import check_files
from holdshelf_core.operations import types as operation_types
from holdshelf_tui.cli.options import (
    Data,
    DoorOptions,
    Json,
    MetricsOptions,
    checked_host,
    client,
    data_folder,
    folder,
    metrics_file,
    writing_folder,
)
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.monitor_line import UNKNOWN, monitor_line
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import counted, inert, parse_size, size, span

root = typer.Typer()

CAMERA_HEADS = ("CAMERA", "NAME", "STATE", "RECORDED", "DAYS", "SIZE", "AVERAGE", "LAST GAP")
_MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED ", "skipped": "skipped"}


def echo_json(answer: object) -> None:
    """One JSON document on stdout."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


@root.command(epilog="Example: holdshelf init --data /srv/holdshelf --media /mnt/footage --budget 900GB")
def init(
    data: Data = None,
    media: Annotated[
        Path | None, typer.Option(help="Folder for footage on another disk; DATA/media becomes a link to it.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Disk space that footage may use, e.g., 900GB. [default: 90% of the disk]")
    ] = None,
    floor_days: Annotated[float | None, typer.Option(help="Warn when fewer than this many days are kept.")] = None,
    new_media: Annotated[
        bool,
        typer.Option("--new-media", help="The media disk is lost for good: start an empty one and keep the cameras."),
    ] = False,
    adopt_media: Annotated[
        str,
        typer.Option(
            "--adopt-media",
            metavar="VOLUME",
            help="After a restore: adopt the existing disk with this number, although the backup is older.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Set up a data folder, or connect it to another media disk. Change its space later with `holdshelf capacity set`."""
    from holdshelf_core.operations import offline as without_service  # noqa: PLC0415 - it imports what storage and doctor need

    budget_bytes = parse_size(budget) if budget is not None else None
    done = without_service.init(
        writing_folder(data),
        media=media,
        budget_bytes=budget_bytes,
        floor_days=floor_days,
        new_media=new_media,
        adopt_media=adopt_media,
    )
    # A disk's own words may stand among the problems that were found on it.
    print_said("\n".join(inert(line, 600) for line in done.splitlines()), json=json)


@root.command(short_help="Record: the service itself.", epilog="Example: holdshelf serve --data /srv/holdshelf")
def serve(
    data: Data = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log in more detail.")] = False,
    door: Annotated[bool, typer.Option("--door/--no-door", help="Let people log in over SSH.")] = True,
    door_port: Annotated[int, typer.Option(help="Port of the SSH door.", min=1, max=65535)] = DEFAULT_DOOR_PORT,
    door_address: Annotated[str, typer.Option(help="Address that the door listens on. [default: all]")] = "",
    door_user: Annotated[
        str,
        typer.Option(help="Account that the door runs as, if this account can choose. [default: the service's own]"),
    ] = "",
    door_name: Annotated[
        str,
        typer.Option(
            help="Name or address by which people reach the door, for the lines that are printed. [default: this machine's own]"
        ),
    ] = "",
    metrics_to: Annotated[
        Path | None,
        typer.Option(
            "--metrics-file",
            parser=metrics_file,
            metavar="FILE.prom",
            envvar="HOLDSHELF_METRICS_FILE",
            help="Write metrics for Prometheus into this file, for node_exporter's textfile collector. [default: none]",
        ),
    ] = None,
    metrics_port: Annotated[
        int,
        typer.Option(
            envvar="HOLDSHELF_METRICS_PORT",
            min=0,
            max=65535,
            show_default=False,
            help="Answer Prometheus on this port of this machine alone, at /metrics. [default: none]",
        ),
    ] = 0,
    ends_with_stdin: Annotated[bool, typer.Option("--ends-with-stdin", hidden=True)] = False,
    mint_fd: Annotated[int | None, typer.Option("--mint-fd", hidden=True, min=3)] = None,
    sessions_fd: Annotated[int | None, typer.Option("--sessions-fd", hidden=True, min=3)] = None,
    ready_fd: Annotated[int | None, typer.Option("--ready-fd", hidden=True, min=3)] = None,
) -> None:
    """Record, and let people in over SSH. Runs until SIGTERM or Ctrl+C, which finish open files first."""
    folder = writing_folder(data)
    check_files(folder)
    metrics = MetricsOptions(metrics_to, metrics_port)
    if door and mint_fd is None:
        from holdshelf_tui.cli.door import supervise  # noqa: PLC0415

        options = DoorOptions(door_port, door_address, door_user, checked_host(door_name))
        supervise(folder, options, metrics, verbose=verbose, ends_with_stdin=ends_with_stdin)
    from holdshelf_tui.cli.serve import run  # noqa: PLC0415 - only this command starts the service

    run(
        folder,
        verbose=verbose,
        metrics_file=metrics.file,
        metrics_port=metrics.port,
        ends_with_stdin=ends_with_stdin,
        mint_fd=mint_fd,
        sessions_fd=sessions_fd,
        ready_fd=ready_fd,
    )


@root.command(
    short_help="What is recorded and kept, and what needs attention.",
    epilog="Example: holdshelf status --check || mail -s 'Holdshelf' it@town.example",
)
def status(
    data: Data = None,
    json: Json = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Print one line for a monitor; exit 0 OK, 1 warnings, 2 errors, 3 no service."),
    ] = False,
) -> None:
    """What is being recorded, what is kept, and what a person must fix."""
    try:
        now = client(data).status()
    except HoldshelfError as error:
        if check:
            typer.echo(f"UNKNOWN: {error}", err=json)  # a script that asked for JSON gets no line of another kind
            raise typer.Exit(UNKNOWN) from None
        raise
    if json:
        echo_json(now)
    elif not check:
        _print_status(now)
    if check:
        code, line = monitor_line(now)
        if not json:
            typer.echo(line)
        raise typer.Exit(code)


def _print_status(now: types.Status) -> None:
    disk = now.disk
    # A person is not told what is the machine's own: process and folders.
    pid = f" (pid {now.pid})" if now.pid else ""
    typer.echo(f"Holdshelf {now.version}, running since {local(now.started_utc_ns)}{pid}")
    if disk.problem:
        typer.echo(f"Media disk: {disk.problem}")
    else:
        used = size(disk.used_bytes) + ("" if disk.counted else " (still counting)")
        keeps = f", room for about {disk.days_forecast:.1f} days" if disk.days_forecast is not None else ""
        typer.echo(
            f"Media disk: {used} of {size(disk.budget_bytes)} used{keeps}{f'; {disk.media}' if disk.media else ''}"
        )
    if now.backups:
        typer.echo(f"Backups: {inert(now.backups, 400)}")
    if now.elsewhere:
        typer.echo(f"Held elsewhere: {inert(now.elsewhere, 300)}")
    typer.echo()
    if now.cameras:
        _print_cameras(now.cameras)
    else:
        typer.echo("No cameras yet: `holdshelf camera discover`.")
    for repair in now.repairs:
        typer.echo()
        mark = "!" if repair.severity == "error" else "·"
        typer.echo(f"{mark} {inert(repair.sentence, 300)}")
        typer.echo(f"  {inert(repair.next_step, 300)}")


def _print_cameras(cameras: Sequence[types.CameraRow]) -> None:
    typer.echo(table(CAMERA_HEADS, [camera_cells(camera) for camera in cameras]))


def camera_cells(camera: types.CameraRow) -> tuple[str, ...]:
    """A camera as table cells, without its address."""
    state = camera.state if camera.state == "recording" else camera.reason or camera.state
    gap = "none"
    if camera.last_gap is not None:
        lasts = "now" if camera.last_gap.end_utc_ns is None else span(camera.last_gap.elapsed_s)
        gap = f"{local(camera.last_gap.start_utc_ns)[11:19]} {camera.last_gap.reason} ({lasts})"
    return (
        camera.id,
        inert(camera.name, 24),
        state,
        span(camera.recorded_s),
        f"{camera.days_kept:.1f}",
        size(camera.bytes),
        f"{camera.bytes_per_s * 8 / 1e6:.1f} Mbit/s" if camera.bytes_per_s else "-",
        gap,
    )


@root.command(epilog="Example: holdshelf jobs --json")
def jobs(data: Data = None, json: Json = False) -> None:
    """Scheduled work, with its last result."""
    rows = client(data).read(operation_types.ReadJobs())
    if json:
        echo_json(rows)
        return
    heads = ("JOB", "WHAT", "EVERY", "NEXT", "LAST", "RESULT")
    cells = [
        (
            j.name,
            j.what,
            span(j.every_s),
            local(j.next_utc_ns),
            local(j.last_utc_ns),
            j.last_result,
        )
        for j in rows
    ]
    typer.echo(table(heads, cells))


def print_said(sentence: str, *, json: bool, **facts: object) -> None:
    """What was done without an answer of the service; as JSON with its facts."""
    if json:
        echo_json({"sentence": sentence, **facts})
    else:
        typer.echo(sentence)


def print_done(done: Done, *, json: bool) -> None:
    """The sentence in which the service tells what it did, or its whole answer as JSON."""
    if json:
        echo_json(done)
    else:
        typer.echo(inert(done.sentence, 300))


def print_checks(checks: types.Checks, *, json: bool) -> None:
    """Steps as lines; exit 1 when one failed."""
    if json:
        echo_json(checks)
    else:
        for step in checks.steps:
            typer.echo(f"{_MARKS.get(step.outcome, step.outcome)}  {inert(step.sentence, 300)}")
            if step.next_step:
                typer.echo(f"         → {inert(step.next_step, 300)}")
    if any(step.outcome == "failed" for step in checks.steps):
        raise typer.Exit(1)


@root.command(
    short_help="Check everything that recording needs.", epilog="Example: holdshelf doctor --data /srv/holdshelf"
)
def doctor(data: Data = None, json: Json = False) -> None:
    """Look at clocks, disk, permissions and cameras, and say the next step for what is wrong."""
    try:
        checks = client(data).read(operation_types.ReadDoctor())
    except (Unavailable, NotPermitted) as error:
        from holdshelf_core.operations import offline as without_service  # noqa: PLC0415 - it imports what storage and doctor need

        found = without_service.doctor(data_folder(data)).steps
        checks = types.Checks([*found, types.CheckStep("service", "failed", error.sentence, error.next_step)])
    print_checks(checks, json=json)


@root.command(epilog="Example: holdshelf plan --cameras 8 --mbps 4 --days 30")
def plan(
    cameras: Annotated[int, typer.Option(help="How many cameras.")],
    mbps: Annotated[float, typer.Option(help="Bit rate of one camera, in Mbit/s.")] = 4.0,
    days: Annotated[float, typer.Option(help="How many days to keep.")] = 30.0,
    json: Json = False,
) -> None:
    """How much disk space cameras need."""
    from holdshelf_core.operations import offline as without_service  # noqa: PLC0415 - it imports what storage and doctor need

    need = without_service.plan(cameras, mbps, days)
    if json:
        echo_json(need)
        return
    typer.echo(f"{counted(cameras, 'camera')} at {mbps:g} Mbit/s: {size(need.bytes_per_s)} per second,")
    typer.echo(f"{size(need.bytes_per_day)} a day, {size(need.footage_bytes)} in {days:g} days.")
    typer.echo(f"Disk needed: {size(need.disk_bytes)} (footage takes at most 90% of it), {need.inodes:,} files.")


@root.command(
    short_help="Record virtual cameras on this machine.",
    epilog="Example: holdshelf demo --seconds 30 --data /tmp/demo --json",
)
def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop after this many seconds.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            parser=folder, metavar="DIR", help="Keep the demo's data here. [default: a folder that is removed]"
        ),
    ] = None,
    json: Json = False,
    cameras: Annotated[int, typer.Option(help="How many virtual cameras.", min=1, max=8)] = 2,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Without a screen, for scripts.")] = False,
    door_port: Annotated[
        int,
        typer.Option(
            help="Port of the SSH door, on this machine only. [default: a free one]",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = 0,
    past: Annotated[
        int | None,
        typer.Option(
            help="Minutes of generated footage in a new folder. [default: 60; with --json and without --no-ui none]",
            min=0,
            max=600,
        ),
    ] = None,
) -> None:
    """Record virtual cameras on this machine's loopback, and show the screens: nothing to install, nothing on the network."""
    if data is not None:
        writing_folder(data)
    try:
        from holdshelf_tui.demo.command import run  # noqa: PLC0415
    except ImportError as error:
        raise HoldshelfError(
            f"The demo's parts are not installed ({error.name}).", "Run `make demo`, or pip install 'holdshelf[demo]'."
        ) from None
    raise typer.Exit(
        run(
            seconds=seconds,
            data=data,
            json=json,
            count=cameras,
            show_cameras=_print_cameras,
            ui=not no_ui,
            door_port=door_port,
            past=past,
        )
    )
