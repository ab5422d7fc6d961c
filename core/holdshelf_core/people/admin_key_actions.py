"""The admin's SSH keys: added and removed by an admin on the machine itself, never over SSH (ADR 0012)."""

from __future__ import annotations

import asyncio
from typing import Any

from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import handles
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.people import types
from holdshelf_core.people.admin_keys import AdminKeys, key_of


def _only_here(call: Call[Any]) -> None:
    """Refuse over SSH: a key must not create another one, or whoever found an admin's laptop would keep access."""
    if call.caller.via != "local":
        call.refuse(
            "P11",
            "Admin keys can be added and removed only on the machine itself.",
            "Log in to the machine through its own SSH.",
        )


class AdminKeyActs:
    """Actions on the admin's keys."""

    def __init__(self, keys: AdminKeys) -> None:
        self._keys = keys

    @handles(types.AdminKeyAdd)
    async def add(self, call: Call[types.AdminKeyAdd]) -> Done:
        _only_here(call)
        keys, key = self._keys, key_of(call.request.key)
        owner = next(
            (p for p in call.state.people.values() if any(k.fingerprint == key.fingerprint for k in p.keys)), None
        )
        if owner is not None:
            raise BadRequest(
                f"The key {key.fingerprint} is {owner.name}'s; the admin may not see pictures and needs a separate key (P11).",
                "Make a new key.",
            )
        keys.check_new(key)
        seq = await call.record(subject="admin", facts={"added": key.fingerprint})
        wanted = [*keys.all(), key]
        await asyncio.to_thread(keys.write, wanted)
        keys.put(wanted)
        return Done(seq, "admin", key.fingerprint)

    @handles(types.AdminKeyRemove)
    async def remove(self, call: Call[types.AdminKeyRemove]) -> Done:
        _only_here(call)
        keys, fingerprint = self._keys, call.request.fingerprint.strip()
        keys.check_writable()
        if not keys.knows(fingerprint):
            raise NotFound(f"No admin has the key {fingerprint[:60]!r}.", "See `holdshelf door admin-key list`.")
        wanted = [key for key in keys.all() if key.fingerprint != fingerprint]
        seq = await call.record(subject="admin", facts={"removed": fingerprint})
        # First of all: its sessions end now, whatever happens to the disk.
        keys.put(wanted)
        call.authorizer.async_tell_changed({"admin_keys"})
        await asyncio.to_thread(keys.write, wanted)
        return Done(seq, "admin", fingerprint)

    @handles(types.AdminKeyList)
    async def list_keys(self, call: Call[types.AdminKeyList]) -> types.AdminKeyRows:
        keys = self._keys.all()
        seq = await call.record(facts={"keys": len(keys)})
        return types.AdminKeyRows(seq, [types.AdminKeyRow(key.fingerprint, key.kind) for key in keys])
