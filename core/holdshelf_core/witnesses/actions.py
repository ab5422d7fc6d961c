"""Acts on the witnesses of the access log: add, remove, how many have to sign, ask them now; and the read of them."""

from __future__ import annotations

import msgspec

from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.witnesses import types
from holdshelf_core.witnesses.client import checked_address
from holdshelf_core.witnesses.reading import witness_key
from holdshelf_core.witnesses.witnesses import Settings, Witnesses

MOST = 16


class WitnessActs:
    """Handlers of these acts."""

    def __init__(self, witnesses: Witnesses) -> None:
        self._witnesses = witnesses

    @handles(types.WitnessAdd)
    async def add(self, call: Call[types.WitnessAdd]) -> types.WitnessDone:
        key, url = witness_key(call.request.key), checked_address(call.request.url).rstrip("/")
        known = self._witnesses.settings
        if any(
            one.name == key.name or key.raw == other.raw
            for one, other in zip(known.witnesses, self._witnesses.keys(), strict=True)
        ):
            raise Conflict(f"{key.name} is already a witness.", "Remove it first: `holdshelf witness remove NAME`.")
        if len(known.witnesses) >= MOST:
            raise Conflict(f"There are already {MOST} witnesses.", "Remove one: `holdshelf witness remove NAME`.")
        witness = types.Witness(key.name, url, str(key))
        facts = {"witness_key": witness.key, "url": url}
        seq = await call.record(subject=witness.name, facts=facts)
        # All have to sign until somebody says otherwise.
        needed = known.needed + 1 if known.needed == len(known.witnesses) else known.needed
        await self._witnesses.async_put(Settings((*known.witnesses, witness), needed))
        return types.WitnessDone(seq, witness.name, f"{witness.name} is asked to countersign, at {url}")

    @handles(types.WitnessRemove)
    async def remove(self, call: Call[types.WitnessRemove]) -> types.WitnessDone:
        name, known = call.request.name, self._witnesses.settings
        left = tuple(one for one in known.witnesses if one.name != name)
        if len(left) == len(known.witnesses):
            names = ", ".join(one.name for one in known.witnesses) or "none yet"
            raise NotFound(f"There is no witness {name[:80]!r}.", f"Known: {names}.")
        seq = await call.record(subject=name)
        await self._witnesses.async_put(Settings(left, min(known.needed, len(left))))
        return types.WitnessDone(seq, name, f"{name} is no longer asked")

    @handles(types.WitnessPolicy)
    async def policy(self, call: Call[types.WitnessPolicy]) -> types.WitnessDone:
        needed, known = call.request.needed, self._witnesses.settings
        if not known.witnesses:
            raise Conflict("There are no witnesses yet.", "Add one: `holdshelf witness add URL KEY`.")
        if not 1 <= needed <= len(known.witnesses):
            raise BadRequest(
                f"Give a number from 1 to {len(known.witnesses)}: that is how many witnesses there are.",
                "See `holdshelf witness list`.",
            )
        seq = await call.record(facts={"needed": needed, "witnesses": len(known.witnesses)})
        await self._witnesses.async_put(msgspec.structs.replace(known, needed=needed))
        return types.WitnessDone(seq, "", f"{needed} of {len(known.witnesses)} witnesses have to sign")

    @handles(types.WitnessAsk)
    async def ask(self, call: Call[types.WitnessAsk]) -> types.WitnessesView:
        await call.record()
        return await self._witnesses.async_ask_all()

    @handles(types.ReadWitnesses)
    async def read(self, _asked: Reading[types.ReadWitnesses]) -> types.WitnessesView:
        """Return the witnesses and what they have signed."""
        return self._witnesses.view()
