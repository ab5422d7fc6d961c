"""Actions on the camera device itself, where its integration supports them: details, sound off, clock, its own masks.

Logged before anything is sent, and again when the camera refuses. Only masks that an official drew are sent to a camera (P6):
nobody can hide anything else this way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.acts import Done
from holdshelf_core.cameras import types
from holdshelf_core.cameras.actions import record_in_order
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.errors import BadRequest, HoldshelfError
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.loader import CameraControl, control
from holdshelf_core.integration.root import Holdshelf

FULL = 10_000
"""Mask corners are in 1/10000 of width and height."""

type Work[T] = Callable[[CameraControl, ConfigEntry[Any]], Awaitable[T]]


def _asked_for(q: types.CameraAsk) -> LogForm:
    return LogForm(private={"asked_for": q.camera[:80]})


class DeviceActs:
    """The actions on the device. ``holdshelf``: what its integration may ask of the service."""

    def __init__(self, holdshelf: Holdshelf, entries: Entries) -> None:
        self._holdshelf, self._entries = holdshelf, entries

    @handles(types.CameraDetailsAsk, log=_asked_for)
    async def details(self, call: Call[types.CameraDetailsAsk]) -> types.CameraDetails:
        entry, told = await self._at_camera(call, lambda found, entry: found.async_details(self._holdshelf, entry))
        return types.CameraDetails(entry.entry_id, told)

    @handles(types.CameraSoundOff, log=_asked_for)
    async def sound_off(self, call: Call[types.CameraSoundOff]) -> Done:
        entry, (had, left) = await self._at_camera(
            call, lambda found, entry: found.async_sound_off(self._holdshelf, entry)
        )
        if not had:
            sentence = f"{entry.title} offers no sound."
        elif left:
            sentence = (
                f"{left} of {had} streams of {entry.title} still offer sound. Turn it off on the camera's own web page."
            )
        else:
            sentence = f"The sound of {entry.title} is off in all {had} streams that had it."
        return Done(call.seq, entry.entry_id, sentence)

    @handles(types.CameraSetTime, log=_asked_for)
    async def set_time(self, call: Call[types.CameraSetTime]) -> Done:
        entry, (before, after) = await self._at_camera(
            call, lambda found, entry: found.async_set_time(self._holdshelf, entry)
        )
        if after is None:
            sentence = f"{entry.title} accepted the time but does not report its clock."
        elif abs(after) > 2.0:
            sentence = (
                f"{entry.title} accepted the time but is still off by {after:+.0f} s. Check its time server settings."
            )
        else:
            was = f"; it was off by {before:+.0f} s" if before is not None else ""
            sentence = f"The clock of {entry.title} is set{was}. It now keeps its own time, without a time server."
        return Done(call.seq, entry.entry_id, sentence)

    @handles(types.CameraPutMasks, log=_asked_for)
    async def put_masks(self, call: Call[types.CameraPutMasks]) -> Done:
        camera = self._entries.async_get(call.request.camera).entry_id
        commission = call.state.commissions.get(camera)
        if commission is None or not commission.masks:
            raise BadRequest(
                "No masks are drawn for this camera.",
                f"The {call.state.policy.whoever_may('commission.edit')} draws them: `holdshelf camera commission {camera}`.",
            )
        masks = [[(x / FULL, y / FULL) for x, y in mask.points] for mask in commission.masks]
        entry, count = await self._at_camera(
            call, lambda found, entry: found.async_put_masks(self._holdshelf, entry, masks)
        )
        words, them = ("1 mask", "it") if count == 1 else (f"{count} masks", "them")
        sentence = f"{entry.title} now applies {words} itself: what is behind {them} is not recorded."
        return Done(call.seq, entry.entry_id, sentence)

    async def _at_camera[T](self, call: Call[Any], work: Work[T]) -> tuple[ConfigEntry[Any], T]:
        """Log the action, then perform it; a refusal is logged too. Raises HoldshelfError."""
        entry = self._entries.async_get(call.request.camera)
        found = control(entry.domain)
        if found is None:
            raise BadRequest(
                f"{entry.title} was added by its stream address only, so it cannot do this.",
                "Use the camera's own web page, or add the camera by its ONVIF address.",
            )
        form = LogForm(cameras=(entry.entry_id,), private={"camera_name": entry.title})
        async with call.authorizer.order:
            await record_in_order(call, form=form)
        try:
            return entry, await work(found, entry)
        except HoldshelfError:
            await call.authorizer.async_append(
                call.action.name, call.caller, "failed", form, acting_as=call.decision.acting_as, changes=[]
            )
            raise
