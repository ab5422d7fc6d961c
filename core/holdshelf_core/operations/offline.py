"""Commands that need no service: set up a data folder, plan, check the machine."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from holdshelf_core.api.basics import VERSION, default_data, questionable_name, read_secret
from holdshelf_core.api.ownership import check_writer
from holdshelf_core.api.types import Checks, CheckStep
from holdshelf_core.buffer.plan import MIN_BUDGET_BYTES
from holdshelf_core.buffer.plan import plan as make_plan
from holdshelf_core.buffer.retention import DEFAULT_BUDGET_PERCENT
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.buffer.types import Plan
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound
from holdshelf_core.operations.doctor import examine_disk, examine_kernel, examine_machine
from holdshelf_core.paths import DataPaths
from holdshelf_core.policy import explain as policy_table
from holdshelf_core.policy.near import did_you_mean
from holdshelf_core.policy.tables import Policy
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.media_change import adopt_volume, replace_volume
from holdshelf_storage.register import Register
from holdshelf_storage.volume.volume import Volume, init_volume

__all__ = [
    "VERSION",
    "default_data",
    "doctor",
    "explain",
    "init",
    "plan",
    "questionable_name",
    "read_secret",
]


def init(
    data: Path,
    *,
    media: Path | None,
    budget_bytes: int | None,
    floor_days: float | None,
    new_media: bool = False,
    adopt_media: str = "",
) -> str:
    """Set up a data folder, or change its settings. Returns what was done. Raises HoldshelfError; nothing was changed then.

    ``new_media``: the media volume is lost for good; begin an empty one and keep register, ledger and settings. ``adopt_media``:
    number of an existing volume that a restored state does not know; it is checked and adopted.
    """
    check_writer(data, ["init"])
    paths = DataPaths(data)
    if budget_bytes is not None:
        _check_budget(budget_bytes, paths.media if media is None else media.absolute())
    if floor_days is not None and not 0 < floor_days < 36_500:
        raise BadRequest(f"A floor of {floor_days:g} days makes no sense.", "Give a number of days, e.g., 14.")
    if (budget_bytes is not None or floor_days is not None) and any((paths.state / "access").glob("*.jsonl")):
        # The log's capacity settings apply: a register that differs was changed outside the service.
        raise Conflict(
            "Changing the space for footage must be recorded in the access log, which already exists.",
            "Set it while the service runs: `holdshelf capacity set --help`.",
        )
    if new_media and adopt_media:
        raise BadRequest("A disk is either new or adopted, not both.", "Use --new-media or --adopt-media, not both.")
    folder_made = not paths.data.exists()
    link_made = _point_media(paths, media)
    try:
        adopted = adopt_volume(paths.state, paths.media, adopt_media, time.time_ns()) if adopt_media else None
        if new_media:
            replace_volume(paths.state, paths.media, time.time_ns())
        identity = init_volume(paths.state, paths.media, time.time_ns())
        if budget_bytes is not None or floor_days is not None:
            _set(paths, budget_bytes, floor_days)
    except StorageError as error:
        if link_made:
            paths.media.unlink()
        if folder_made:
            with contextlib.suppress(OSError):  # not empty: something was made, and the next init continues from there
                paths.data.rmdir()
        raise HoldshelfError(str(error)) from None
    done = f"{data} is ready: volume {identity.volume}, media at {paths.media.resolve()}."
    if adopted is not None:
        cameras, problems = len(adopted.cameras), len(adopted.problems)
        done += f" Adopted: segments checked: {adopted.segments}, of {'1 camera' if cameras == 1 else f'{cameras} cameras'};"
        done += f" problems found: {problems}." if problems else " all of them are intact."
        done += "".join(f"\n  - {problem}" for problem in adopted.problems)
        done += "\nThe service writes this into the access log when it starts; then it is reviewed on the first screen."
    if budget_bytes is not None:
        figures = os.statvfs(paths.media)
        most_bytes = figures.f_blocks * figures.f_frsize * DEFAULT_BUDGET_PERCENT // 100
        capped = f" ({DEFAULT_BUDGET_PERCENT}% of the disk, the most there is)" if budget_bytes > most_bytes else ""
        done += f" Footage may take {_size(min(budget_bytes, most_bytes))}{capped}."
    if floor_days is not None:
        done += f" A warning comes when fewer than {floor_days:g} days are kept."
    return done


def _check_budget(budget_bytes: int, media: Path) -> None:
    """Check the budget before anything is made: enough for one camera, and no more than the disk below ``media``."""
    if budget_bytes < MIN_BUDGET_BYTES:
        raise BadRequest(
            f"A budget of {_size(budget_bytes)} is too small to record one camera.",
            f"Give at least {MIN_BUDGET_BYTES >> 20}MiB.",
        )
    folder = media
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        figures = os.statvfs(folder)
    except OSError as error:
        raise BadRequest(f"{folder} did not report its size: {error.strerror}.") from None
    size_bytes = figures.f_blocks * figures.f_frsize
    if budget_bytes > size_bytes:
        raise BadRequest(
            f"A budget of {_size(budget_bytes)} is more than the whole disk of {media} has ({_size(size_bytes)}).",
            f"Give at most {DEFAULT_BUDGET_PERCENT}% of it, or leave --budget out.",
        )


def _size(count: int) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.4g} {unit}"
    return f"{count} bytes"


def _point_media(paths: DataPaths, media: Path | None) -> bool:
    """Make DATA/media a symbolic link to ``--media``, so that one path is always valid."""
    if media is None:
        return False
    target = media.absolute()
    if paths.media.is_symlink() and paths.media.readlink() == target:
        return False
    if paths.media.exists() or paths.media.is_symlink():
        raise Conflict(
            f"{paths.media} exists already and is not {target}.", "Use another --data, or move it away first."
        )
    if not target.is_dir():
        raise BadRequest(f"{target} is not a folder.", "Mount the media disk first, then run init again.")
    try:
        paths.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.media.symlink_to(target)
    except OSError as error:
        raise HoldshelfError(f"{paths.data} cannot be prepared: {error.strerror}.") from None
    return True


def _set(paths: DataPaths, budget_bytes: int | None, floor_days: float | None) -> None:
    # The volume's lock keeps a running service and this command from writing the register at the same time.
    volume = Volume.attach(paths.state, paths.media)
    try:
        settings = Settings(Register.open(paths.state))
        if budget_bytes is not None:
            settings.set_budget_bytes(budget_bytes)
        if floor_days is not None:
            settings.set_floor_days(floor_days)
    finally:
        volume.detach()


def plan(cameras: int, mbps: float, days: float) -> Plan:
    """Return the disk size needed. Raises BadRequest."""
    return make_plan(cameras, mbps, days)


def doctor(data: Path) -> Checks:
    """Return the checks that need no service, and whether one could start here."""
    paths = DataPaths(data)
    steps = [*examine_machine(), examine_kernel(), *examine_disk(paths)]
    if not any(step.name in ("data", "mount") and step.outcome == "failed" for step in steps):
        try:
            Volume.attach(paths.state, paths.media).detach()
        except StorageError as error:
            steps.append(CheckStep("volume", "failed", str(error)))
    return Checks(steps)


def explain(policy: Policy, action: str = "", *, width: int = 100) -> tuple[str, list[policy_table.Row]]:
    """Return the policy table as text and as rows: of all actions, one, a group ('hold'), or a clause. Raises NotFound."""
    rows, asked = policy_table.table(policy), action.casefold()
    if not action:
        return policy_table.text(policy, rows, width), rows
    for clause in policy.file.clause:
        if clause.id.casefold() == asked:
            mine = [row for row in rows if row.clause == clause.id]
            return policy_table.clause_detail(policy, clause, rows, width), mine
    found = [row for row in rows if row.permission == asked or row.permission.startswith(asked + ".")]
    if not found:
        acts, clauses = dict.fromkeys(row.permission for row in rows), [clause.id for clause in policy.file.clause]
        meant = did_you_mean(asked, (*acts, *(act.partition(".")[0] for act in acts), *clauses))
        step = "Ask for an act, the beginning of several (hold), or a clause, by its number."
        known = [f"Acts: {', '.join(acts)}.", *([f"Clauses: {', '.join(clauses)}."] if clauses else [])]
        sentence = f"The policy has no action or clause named {action[:40]!r}."
        raise NotFound(sentence, " ".join((*([meant] if meant else []), step, *known)))
    return policy_table.detail(found, width), found
