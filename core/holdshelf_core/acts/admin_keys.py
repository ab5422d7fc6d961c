"""The admin's keys to the SSH door: made and taken away by an admin on the machine itself, never through the door (ADR 0012)."""

from __future__ import annotations

import asyncio
from typing import Any

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.admin_keys import AdminKey, key_of
from holdshelf_core.api import types_people as types
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.gate import Call
from holdshelf_core.policy.case import Scope


def _only_here(call: Call[Any]) -> None:
    """A key must not make another one: whoever found an admin's laptop would stay for good."""
    if call.caller.via != "local":
        call.refuse(
            "P11", "An admin's key is made and taken away on the machine itself.", "Log in to the machine: its own SSH."
        )


async def _add(call: Call[types.AdminKeyAdd]) -> types.Done:
    _only_here(call)
    keys, key = call.gate.admin_keys, key_of(call.request.key)
    owner = next((p for p in call.state.people.values() if any(k.fingerprint == key.fingerprint for k in p.keys)), None)
    if owner is not None:
        raise BadRequest(
            f"The key {key.fingerprint} is {owner.name}'s; the admin is shown no picture and needs a key apart (P11).",
            "Have a new key made.",
        )
    keys.check_new(key)
    seq = await call.record(subject="admin", facts={"added": key.fingerprint})
    wanted = [*keys.all(), key]
    await asyncio.to_thread(keys.write, wanted)
    keys.put(wanted)
    return types.Done(seq, "admin", key.fingerprint)


async def _remove(call: Call[types.AdminKeyRemove]) -> types.Done:
    _only_here(call)
    keys, fingerprint = call.gate.admin_keys, call.request.fingerprint.strip()
    keys.check_writable()
    if not keys.knows(fingerprint):
        raise NotFound(f"No admin has the key {fingerprint[:60]!r}.", "See `holdshelf door admin-key list`.")
    wanted = [key for key in keys.all() if key.fingerprint != fingerprint]
    seq = await call.record(subject="admin", facts={"removed": fingerprint})
    # First of all: whatever becomes of the disk, its sessions end now.
    keys.put(wanted)
    call.holdshelf.async_house_changed({"admin_keys"})
    await asyncio.to_thread(keys.write, wanted)
    return types.Done(seq, "admin", fingerprint)


async def _list(call: Call[types.AdminKeyList]) -> types.AdminKeyRows:
    keys: list[AdminKey] = call.gate.admin_keys.all()
    seq = await call.record(facts={"keys": len(keys)})
    return types.AdminKeyRows(seq, [types.AdminKeyRow(key.fingerprint, key.kind) for key in keys])


def register(registry: ActionRegistry) -> None:
    """The acts of this module."""
    for action in (
        Action(
            "door.admin_key.add",
            "door.admin_key",
            types.AdminKeyAdd,
            types.Done,
            _add,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
            changes=True,
        ),
        Action(
            "door.admin_key.remove",
            "door.admin_key",
            types.AdminKeyRemove,
            types.Done,
            _remove,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
            changes=True,
        ),
        Action(
            "door.admin_key.list",
            "door.admin_key",
            types.AdminKeyList,
            types.AdminKeyRows,
            _list,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
        ),
    ):
        registry.register(action)
