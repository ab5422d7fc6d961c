"""The steps' acts: try a camera that is to be added, give one another address, set one up anew."""

from __future__ import annotations

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts.cameras import NewFacts, async_new_facts, async_play, async_prove, record_in_order
from holdshelf_core.api import types
from holdshelf_core.api import types_flow as asking
from holdshelf_core.api.types_commission import CameraAsk
from holdshelf_core.api.types_people import Done
from holdshelf_core.errors import BadRequest, HoldshelfError
from holdshelf_core.gate import Call
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_core.policy.rules import Scope


async def _try(call: Call[asking.FlowTry]) -> asking.FlowStep:
    """Written down before the camera is dialled, and once more when it does not work."""
    asked, flows = call.request, call.holdshelf.entries.flows
    flow = flows.async_get(asked.flow)
    form = LogForm(facts={"integration": flow.domain}, private={"address": shown_address(flow.address)})
    async with call.gate.order:
        await record_in_order(call, form=form)
    try:
        return await flows.async_try(flow, asked.username, asked.password, asked.transport, async_play)
    except HoldshelfError:
        await call.gate.async_append(
            call.action.name, call.caller, "failed", form, acting_as=call.decision.acting_as, changes=[]
        )
        raise


async def _reconfigure(call: Call[asking.CameraReconfigure]) -> types.Checks:
    """Another address for the same camera: refused when another device answers there."""
    asked = call.request
    entry = call.holdshelf.entries.async_get(asked.camera)
    if not asked.address.strip():
        raise BadRequest("The new address is missing.", "Give the address that the camera has now.")
    new = NewFacts(
        "address", "address", asked.username, asked.password, asked.accept_certificate, asked.address.strip()
    )
    step = await async_new_facts(call, entry, new)
    if step.outcome == "failed":
        return types.Checks([step])
    steps = [step]
    if entry.domain == "stream":
        words = (
            "A stream does not say which camera it comes from, so nobody looks before a seat has commissioned it anew."
        )
        steps.append(
            types.CheckStep("use", "warning", words, f"`holdshelf camera commission {entry.entry_id}`, by a seat.")
        )
    return types.Checks(steps + await async_prove(call, entry))


async def _reload(call: Call[CameraAsk]) -> Done:
    """Let go of one camera and set it up again; the others do not notice."""
    entry = call.holdshelf.entries.async_get(call.request.camera)
    form = LogForm(cameras=(entry.entry_id,), facts={"integration": entry.domain})
    async with call.gate.order:
        seq = await record_in_order(call, form=form)
    await call.holdshelf.entries.async_reload(entry)
    return Done(seq, entry.entry_id, f"{entry.title} is set up anew.")


def _log_camera(asked: CameraAsk) -> LogForm:
    return LogForm(private={"asked_for": asked.camera[:80]})


def _log_address(asked: asking.CameraReconfigure) -> LogForm:
    return LogForm(private={"asked_for": asked.camera[:80], "new_address": shown_address(asked.address)})


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""
    registry.register(
        Action(
            "camera.try",
            "camera.manage",
            asking.FlowTry,
            asking.FlowStep,
            _try,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
        )
    )
    registry.register(
        Action(
            "camera.reconfigure",
            "camera.manage",
            asking.CameraReconfigure,
            types.Checks,
            _reconfigure,
            lambda _q, _s: Scope(),
            _log_address,
        )
    )
    registry.register(
        Action("camera.reload", "camera.manage", CameraAsk, Done, _reload, lambda _q, _s: Scope(), _log_camera)
    )
