"""The policy file that a Board adopted, in STATE/policy: read by its SHA-256, which the register and the log name."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.frame import Frame
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.tables import NO_POLICY, Policy
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import read_bytes, read_file

REPAIR = "policy_file"


class InForce(msgspec.Struct, frozen=True):
    """The policy in force. ``problem``: why the adopted file is not; then nobody has rights. '' for none."""

    policy: Policy
    problem: str = ""


def path_of(state_folder: Path, sha256: str) -> Path:
    """Return the path of an adopted file."""
    return state_folder / "policy" / f"{sha256}.toml"


def in_force(state_folder: Path, sha256: str) -> InForce:
    """Return the adopted file of that SHA-256 as the rules read it; the first library's policy for ''. Never raises."""
    if not sha256:
        return InForce(first_policy())
    path = path_of(state_folder, sha256)
    try:
        _, data = read_file(path)
        if hashlib.sha256(data).hexdigest() != sha256:
            return InForce(
                NO_POLICY, f"{path} is not the policy file {own_board('that the Board adopted')}: it was changed."
            )
        return InForce(Policy(read_bytes(data, str(path))))
    except BadRequest as error:
        return InForce(NO_POLICY, error.sentence)


def async_in_force(frame: Frame, sha256: str) -> InForce:
    """Return the same, and keep the repair that names the problem, on the loop."""
    found = in_force(frame.paths.state, sha256)
    if found.problem:
        frame.repairs.async_create(
            REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"{found.problem} "
            f"{own_board('Nobody has any rights until the policy that the Board adopted can be read (P20).')}",
            next_step="Copy the adopted file there, from a backup if need be, and restart: `systemctl restart holdshelf`.",
        )
    else:
        frame.repairs.async_delete(REPAIR)
    return found


async def async_look(frame: Frame, sha256: str, now: InForce) -> str:
    """Compare the adopted file on the disk with what was adopted, and keep the repair for it: a file that is gone or changed is
    read at the next start alone, and nobody would have rights then. Returns what was found."""
    found = await asyncio.to_thread(in_force, frame.paths.state, sha256)
    if now.problem:
        return now.problem
    if not found.problem:
        frame.repairs.async_delete(REPAIR)
        return "as it was adopted" if sha256 else "the one that comes with Holdshelf"
    frame.repairs.async_create(
        REPAIR,
        camera_id=None,
        severity="error",
        sentence=f"{found.problem} It holds as it was read until Holdshelf starts again; then nobody has any rights (P20).",
        next_step="Copy the adopted file there, from a backup if need be.",
    )
    return found.problem
