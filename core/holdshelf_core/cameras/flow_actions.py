"""Actions of the config flow: test a camera to be added, change a camera's address or its device, reload one."""

from __future__ import annotations

from typing import Any

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.api import types
from holdshelf_core.cameras import flow_types as asking
from holdshelf_core.cameras.actions import (
    NewFacts,
    async_new_facts,
    async_play,
    async_prove,
    check_chosen,
    entry_change,
    record_in_order,
    undone,
)
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.cameras.entry_change import async_replace, check_replacement
from holdshelf_core.cameras.flows import check_transport
from holdshelf_core.cameras.types import CameraReload
from holdshelf_core.errors import BadRequest, HoldshelfError
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_core.policy import commissioning as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.tables import Policy
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_storage.errors import StorageError


def _log_address(asked: asking.CameraReconfigure) -> LogForm:
    return LogForm(private={"asked_for": asked.camera[:80], "new_address": shown_address(asked.address)})


def _log_camera(asked: CameraReload) -> LogForm:
    return LogForm(private={"asked_for": asked.camera[:80]})


def _log_replaced(asked: asking.CameraReplace) -> LogForm:
    return LogForm(private={"asked_for": asked.camera[:80], "new_address": shown_address(asked.address)})


def to_be_approved(policy: Policy, entry: ConfigEntry[Any], why: str) -> types.CheckStep:
    """Return the step that says that nobody may look for now; ``why`` leads to that."""
    who = policy.whoever_may("commission.approve")
    step = f"The {who} does this: `holdshelf camera commission {entry.entry_id}`."
    return types.CheckStep("use", "warning", f"{why} until the {who} approves it again.", step)


class FlowActs:
    """The config flow's actions, on existing cameras and ones to be added."""

    def __init__(self, entries: Entries, recorder: Recorder) -> None:
        self._entries, self._recorder = entries, recorder

    @handles(asking.FlowTry)
    async def try_camera(self, call: Call[asking.FlowTry]) -> asking.FlowStep:
        """Test a camera; logged before connecting, and again when it fails."""
        asked, flows = call.request, self._entries.flows
        flow = flows.async_get(asked.flow)
        form = LogForm(facts={"integration": flow.domain}, private={"address": shown_address(flow.address)})
        async with call.authorizer.order:
            await record_in_order(call, form=form)
        try:
            return await flows.async_try(
                flow, asked.username, asked.password, asked.transport, async_play, asked.profile
            )
        except HoldshelfError:
            await call.authorizer.async_append(
                call.action.name, call.caller, "failed", form, acting_as=call.decision.acting_as, changes=[]
            )
            raise

    @handles(asking.CameraReconfigure, log=_log_address)
    async def reconfigure(self, call: Call[asking.CameraReconfigure]) -> types.Checks:
        """Change the same camera's address, transport or stream; refused when another device answers there."""
        asked = call.request
        entry = self._entries.async_get(asked.camera)
        typed = asked.address.strip()
        if not (typed or asked.transport or asked.profile):
            raise BadRequest("The new address is missing.", "Give the camera's current address.")
        if asked.transport is not None:
            check_transport(asked.transport)
        self._entries.flows.async_check_address(asked.address)
        as_before = not typed or (typed == entry.data["address"] and bool(asked.transport or asked.profile))
        what = "address" if not as_before else "stream" if asked.profile else "transport"
        new = NewFacts(
            what,
            "address",
            asked.username,
            asked.password,
            asked.accept_certificate,
            None if as_before else typed,
            asked.transport,
            asked.profile,
        )
        step = await async_new_facts(call, self._entries, entry, new)
        if step.outcome == "failed":
            return types.Checks([step])
        steps = [step]
        if entry.domain == "stream" and not as_before:
            why = "A stream does not say which camera it comes from, so nobody may look"
            steps.append(to_be_approved(call.state.policy, entry, why))
        return types.Checks(steps + await async_prove(call, self._entries, self._recorder, entry))

    @handles(asking.CameraReplace, log=_log_replaced)
    async def replace(self, call: Call[asking.CameraReplace]) -> types.Checks:
        """Have a camera go on as another device, which must play; out of use until its picture has been approved."""
        asked, entries = call.request, self._entries
        entry = entries.async_get(asked.camera)
        why = common.words(asked.why, "Why it is replaced", needed=True)
        check_transport(asked.transport)
        target = asked.address.strip() or str(entry.data["address"])
        entries.flows.async_check_address(target)
        private = {
            "asked_for": asked.camera[:80],
            "new_address": shown_address(asked.address),
            "camera_name": entry.title,
            "why": why,
        }
        form = LogForm(cameras=(entry.entry_id,), facts={"integration_before": entry.domain}, private=private)
        try:
            draft = await entries.async_draft(target, asked.username, asked.password, profile=asked.profile)
            check_chosen(draft)
            check_replacement(entries, entry, draft)
            draft = await async_play(draft, asked.transport)
        except HoldshelfError:
            async with call.authorizer.order:
                await record_in_order(call, form=form, outcome="failed")
            raise
        before = entry_change(entries, entry)
        commission = call.state.commissions.get(entry.entry_id) or model.Commission(entry.entry_id)

        async def record(fresh: ConfigEntry[Any]) -> None:
            nonlocal form
            facts = {"integration_before": entry.domain, "integration": fresh.domain}
            form = LogForm(cameras=(entry.entry_id,), facts=facts, private=private)
            async with call.authorizer.order:
                row = call.state.commissions.get(entry.entry_id) or model.Commission(entry.entry_id)
                changes = [entry_change(entries, fresh), put("commissions", entry.entry_id, rules.moved(row))]
                await record_in_order(call, changes, form=form, subject=entry.entry_id)

        try:
            await async_replace(entries, entry, draft, record)
        except StorageError as error:
            undo = [before, put("commissions", entry.entry_id, commission)]
            raise await undone(call, form, undo, error) from None
        steps = [
            types.CheckStep("device", "ok", f"{entry.title} is now {draft.title}."),
            *(types.CheckStep("device", "warning", warning) for warning in draft.warnings),
            to_be_approved(
                call.state.policy,
                entry,
                "Its masks are kept, but they were drawn on another device's picture, so nobody may look"
                if commission.masks
                else "It may see something else than the one before, so nobody may look",
            ),
        ]
        return types.Checks(steps + await async_prove(call, entries, self._recorder, entry))

    @handles(CameraReload, log=_log_camera)
    async def reload(self, call: Call[CameraReload]) -> Done:
        """Unload one camera and set it up again, without affecting the others."""
        entry = self._entries.async_get(call.request.camera)
        form = LogForm(cameras=(entry.entry_id,), facts={"integration": entry.domain})
        async with call.authorizer.order:
            seq = await record_in_order(call, form=form)
        await self._entries.async_reload(entry)
        return Done(seq, entry.entry_id, f"{entry.title} was set up again.")
