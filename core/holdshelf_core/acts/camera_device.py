"""Acts at a camera itself, where its integration can: its details, its sound off, its clock, its own masks.

Written down before anything is sent, and once more when the camera refuses. Masks that go to a camera are those that a seat
drew (P6): nobody covers anything else by this way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts.cameras import record_in_order
from holdshelf_core.api import types_commission as types
from holdshelf_core.api.types_people import Done
from holdshelf_core.errors import BadRequest, HoldshelfError
from holdshelf_core.gate import Call
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.loader import CameraControl, control
from holdshelf_core.policy.rules import Scope

FULL = 10_000
"""Corners of masks are in so many parts of width and height."""

type Work[T] = Callable[[CameraControl, ConfigEntry[Any]], Awaitable[T]]


async def _at_camera[T](call: Call[types.CameraAsk], work: Work[T]) -> tuple[ConfigEntry[Any], T]:
    """Write it down, then do it; a refusal is written down too. Raises HoldshelfError."""
    entry = call.holdshelf.entries.async_get(call.request.camera)
    found = control(entry.domain)
    if found is None:
        raise BadRequest(
            f"{entry.title} is known by its stream's address alone, so it cannot be asked for this.",
            "Do it at the camera's own page, or add the camera by its ONVIF address.",
        )
    form = LogForm(cameras=(entry.entry_id,), private={"camera_name": entry.title})
    async with call.gate.order:
        await record_in_order(call, form=form)
    try:
        return entry, await work(found, entry)
    except HoldshelfError:
        await call.gate.async_append(
            call.action.name, call.caller, "failed", form, acting_as=call.decision.acting_as, changes=[]
        )
        raise


async def _details(call: Call[types.CameraAsk]) -> types.CameraDetails:
    entry, told = await _at_camera(call, lambda found, entry: found.async_details(call.holdshelf, entry))
    return types.CameraDetails(entry.entry_id, told)


async def _sound_off(call: Call[types.CameraAsk]) -> Done:
    entry, (had, left) = await _at_camera(call, lambda found, entry: found.async_sound_off(call.holdshelf, entry))
    if not had:
        sentence = f"{entry.title} offers no sound."
    elif left:
        sentence = (
            f"{left} of {had} streams of {entry.title} still offer sound: switch it off at the camera's own page."
        )
    else:
        sentence = f"The sound of {entry.title} is off in all {had} streams that had it."
    return Done(call.seq, entry.entry_id, sentence)


async def _set_time(call: Call[types.CameraAsk]) -> Done:
    entry, (before, after) = await _at_camera(call, lambda found, entry: found.async_set_time(call.holdshelf, entry))
    if after is None:
        sentence = f"{entry.title} took the time and does not tell it."
    elif abs(after) > 2.0:
        sentence = (
            f"{entry.title} took the time and is still off by {after:+.0f} s: look at its time server's settings."
        )
    else:
        was = f"; it was off by {before:+.0f} s" if before is not None else ""
        sentence = f"The clock of {entry.title} is set{was}. It keeps its own time now, without a time server."
    return Done(call.seq, entry.entry_id, sentence)


async def _put_masks(call: Call[types.CameraAsk]) -> Done:
    camera = call.holdshelf.entries.async_get(call.request.camera).entry_id
    commission = call.state.commissions.get(camera)
    if commission is None or not commission.masks:
        raise BadRequest(
            "No masks are drawn for this camera.", f"A seat draws them: `holdshelf camera commission {camera}`."
        )
    masks = [[(x / FULL, y / FULL) for x, y in mask.points] for mask in commission.masks]
    entry, count = await _at_camera(call, lambda found, entry: found.async_put_masks(call.holdshelf, entry, masks))
    words = "1 mask" if count == 1 else f"{count} masks"
    return Done(
        call.seq, entry.entry_id, f"{entry.title} covers {words} by itself now: what is under them is not recorded."
    )


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""
    registry.register(
        Action(
            "camera.details",
            "camera.manage",
            types.CameraAsk,
            types.CameraDetails,
            _details,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"asked_for": q.camera[:80]}),
        )
    )
    for name, handler in (("sound_off", _sound_off), ("set_time", _set_time), ("put_masks", _put_masks)):
        registry.register(
            Action(
                f"camera.{name}",
                "camera.manage",
                types.CameraAsk,
                Done,
                handler,
                lambda _q, _s: Scope(),
                lambda q: LogForm(private={"asked_for": q.camera[:80]}),
            )
        )
