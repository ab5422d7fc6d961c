"""init, serve, status, jobs, doctor, plan, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.api import types
from holdshelf_core.api.errors import HoldshelfError, NotPermitted, Unavailable
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import DEFAULT_DOOR_PORT, Data, DoorOptions, Json, client, data_folder, folder

CAMERA_HEADS = ("CAMERA", "NAME", "STATE", "RECORDED", "DAYS", "SIZE", "LAST 15 S", "LAST GAP")
_MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED ", "skipped": "skipped"}


def echo_json(answer: object) -> None:
    """One JSON document on stdout."""
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def init(
    data: Data = None,
    media: Annotated[
        Path | None, typer.Option(help="Folder for footage on another disk; DATA/media becomes a link to it.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Room that footage may take, for example 900GB. [default: 90 % of the disk]")
    ] = None,
    floor_days: Annotated[float | None, typer.Option(help="Warn when fewer days than this are kept.")] = None,
    new_media: Annotated[
        bool, typer.Option("--new-media", help="The media disk is lost for good: begin an empty one, keep the cameras.")
    ] = False,
) -> None:
    """Set up a data folder, or change its budget."""
    from holdshelf_core.api import local  # noqa: PLC0415 - it imports what storage and doctor need

    size = render.parse_size(budget) if budget is not None else None
    typer.echo(
        local.init(data_folder(data), media=media, budget_bytes=size, floor_days=floor_days, new_media=new_media)
    )


def serve(
    data: Data = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    door: Annotated[bool, typer.Option("--door/--no-door", help="Let people log in over SSH.")] = True,
    door_port: Annotated[int, typer.Option(help="Port of the SSH door.", min=1, max=65535)] = DEFAULT_DOOR_PORT,
    door_address: Annotated[str, typer.Option(help="Address that the door listens at. [default: all]")] = "",
    door_user: Annotated[
        str, typer.Option(help="Account that the door runs as, when this one may choose. [default: the service's own]")
    ] = "",
    ends_with_stdin: Annotated[bool, typer.Option("--ends-with-stdin", hidden=True)] = False,
    mint_fd: Annotated[int | None, typer.Option("--mint-fd", hidden=True, min=3)] = None,
    ready_fd: Annotated[int | None, typer.Option("--ready-fd", hidden=True, min=3)] = None,
) -> None:
    """Record, and let people in over SSH. Runs until SIGTERM or Ctrl+C, which finish open files first."""
    folder = data_folder(data)
    if door and mint_fd is None:
        from holdshelf_tui.cli.door import supervise  # noqa: PLC0415

        options = DoorOptions(door_port, door_address, door_user)
        supervise(folder, options, verbose=verbose, ends_with_stdin=ends_with_stdin)
    from holdshelf_tui.cli.serve import run  # noqa: PLC0415 - only this command starts the service

    run(folder, verbose=verbose, ends_with_stdin=ends_with_stdin, mint_fd=mint_fd, ready_fd=ready_fd)


def status(
    data: Data = None,
    json: Json = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Print one line for a monitor; exit 0 well, 1 warnings, 2 errors, 3 no service."),
    ] = False,
) -> None:
    """What is being recorded, what is kept, and what a person must mend."""
    try:
        now = client(data).status()
    except HoldshelfError as error:
        if check:
            typer.echo(f"UNKNOWN: {error}", err=json)  # a script that asked for JSON gets no line of another kind
            raise typer.Exit(3) from None
        raise
    if json:
        echo_json(now)
    elif not check:
        _print_status(now)
    if check:
        errors = [r for r in now.repairs if r.severity == "error"]
        to_mend = [r for r in now.repairs if r.severity != "notice"]
        recording = sum(camera.state == "recording" for camera in now.cameras)
        if not json:
            word = "CRITICAL" if errors else "WARNING" if to_mend else "OK"
            first = f"; {to_mend[0].sentence}" if to_mend else ""
            typer.echo(render.inert(f"{word}: {recording} of {len(now.cameras)} cameras recording{first}", 300))
        raise typer.Exit(2 if errors else 1 if to_mend else 0)


def _print_status(now: types.Status) -> None:
    disk = now.disk
    # A person is not told what is the machine's own: process and folders.
    pid = f" (pid {now.pid})" if now.pid else ""
    typer.echo(f"Holdshelf {now.version}, running since {render.local(now.started_utc_ns)}{pid}")
    if disk.problem:
        typer.echo(f"Media disk: {disk.problem}")
    else:
        used = render.size(disk.used_bytes) + ("" if disk.counted else " (still counting)")
        keeps = f", room for about {disk.days_forecast:.1f} days" if disk.days_forecast is not None else ""
        typer.echo(
            f"Media disk: {used} of {render.size(disk.budget_bytes)} used{keeps}{f'; {disk.media}' if disk.media else ''}"
        )
    typer.echo()
    if now.cameras:
        typer.echo(render.table(CAMERA_HEADS, [camera_cells(camera) for camera in now.cameras]))
    else:
        typer.echo("No cameras yet: `holdshelf camera discover`.")
    for repair in now.repairs:
        typer.echo()
        mark = "!" if repair.severity == "error" else "·"
        typer.echo(f"{mark} {render.inert(repair.sentence, 300)}")
        typer.echo(f"  {render.inert(repair.next_step, 300)}")


def camera_cells(camera: types.CameraRow) -> tuple[str, ...]:
    """A camera as table cells, without its address."""
    state = camera.state if camera.state == "recording" else camera.reason or camera.state
    gap = "none"
    if camera.last_gap is not None:
        lasts = "now" if camera.last_gap.end_utc_ns is None else render.span(camera.last_gap.elapsed_s)
        gap = f"{render.local(camera.last_gap.start_utc_ns)[11:19]} {camera.last_gap.reason} ({lasts})"
    return (
        camera.id,
        render.inert(camera.name, 24),
        state,
        render.span(camera.recorded_s),
        f"{camera.days_kept:.1f}",
        render.size(camera.bytes),
        render.sparkline(camera.activity, 15),
        gap,
    )


def jobs(data: Data = None, json: Json = False) -> None:
    """Scheduled work, with its last result."""
    rows = client(data).get("/jobs", list[types.JobRow])
    if json:
        echo_json(rows)
        return
    heads = ("JOB", "WHAT", "EVERY", "NEXT", "LAST", "RESULT")
    cells = [
        (
            j.name,
            j.what,
            render.span(j.every_s),
            render.local(j.next_utc_ns),
            render.local(j.last_utc_ns),
            j.last_result,
        )
        for j in rows
    ]
    typer.echo(render.table(heads, cells))


def print_checks(checks: types.Checks, *, json: bool) -> None:
    """Steps as lines; exit 1 when one failed."""
    if json:
        echo_json(checks)
    else:
        for step in checks.steps:
            typer.echo(f"{_MARKS.get(step.outcome, step.outcome)}  {render.inert(step.sentence, 300)}")
            if step.next_step:
                typer.echo(f"         → {render.inert(step.next_step, 300)}")
    if any(step.outcome == "failed" for step in checks.steps):
        raise typer.Exit(1)


def doctor(data: Data = None, json: Json = False) -> None:
    """Look at clocks, disk, permissions and cameras, and say the next step for what is wrong."""
    try:
        checks = client(data).get("/doctor", types.Checks)
    except (Unavailable, NotPermitted) as error:
        from holdshelf_core.api import local  # noqa: PLC0415 - it imports what storage and doctor need

        found = local.doctor(data_folder(data)).steps
        checks = types.Checks([*found, types.CheckStep("service", "failed", error.sentence, error.next_step)])
    print_checks(checks, json=json)


def plan(
    cameras: Annotated[int, typer.Option(help="How many cameras.")],
    mbps: Annotated[float, typer.Option(help="Bit rate of one camera, in Mbit/s.")] = 4.0,
    days: Annotated[float, typer.Option(help="How many days to keep.")] = 30.0,
    json: Json = False,
) -> None:
    """What disk that needs."""
    from holdshelf_core.api import local  # noqa: PLC0415 - it imports what storage and doctor need

    need = local.plan(cameras, mbps, days)
    if json:
        echo_json(need)
        return
    typer.echo(f"{render.counted(cameras, 'camera')} at {mbps:g} Mbit/s: {render.size(need.bytes_per_s)} per second,")
    typer.echo(f"{render.size(need.bytes_per_day)} a day, {render.size(need.footage_bytes)} in {days:g} days.")
    typer.echo(
        f"Disk needed: {render.size(need.disk_bytes)} (footage takes at most 90 % of it), {need.inodes:,} files."
    )


def demo(
    seconds: Annotated[float | None, typer.Option(help="End by itself after this long.")] = None,
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
            help="Minutes of made footage in a new folder. [default: 60; with --json and without --no-ui none]",
            min=0,
            max=600,
        ),
    ] = None,
) -> None:
    """Record virtual cameras on this machine's loopback, and show the screens: nothing to install, nothing on the network."""
    try:
        from holdshelf_tui.demo.command import run  # noqa: PLC0415
    except ImportError as error:
        raise HoldshelfError(
            f"The demo's parts are not installed ({error.name}).", "Run `make demo`, or pip install 'holdshelf[demo]'."
        ) from None
    raise typer.Exit(
        run(seconds=seconds, data=data, json=json, count=cameras, ui=not no_ui, door_port=door_port, past=past)
    )
