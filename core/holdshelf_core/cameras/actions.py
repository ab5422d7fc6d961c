"""Actions on configured cameras (P4: placement, move, retirement): add, check, rename, move, remove, retire.

Slow steps (connecting to a camera) run outside ``order``; the action itself is its entry, after which the camera is stored. A
private place is refused for everyone, and the attempt is logged (P5). Names and addresses appear in the log only as commitments,
and passwords never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.register_check import CAMERA_TABLE
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.api import types
from holdshelf_core.cameras import types as asking
from holdshelf_core.cameras import types as camera_types
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.cameras.entry_change import async_try_anew
from holdshelf_core.cameras.entry_rows import row_of
from holdshelf_core.cameras.names import check_questioned
from holdshelf_core.errors import HoldshelfError, Refused, Unavailable
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.flow import error_words
from holdshelf_core.integration.models import EntryDraft, StreamSource
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_core.policy import commissioning as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.areas import questionable_name
from holdshelf_core.policy.places import is_private, private_words
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State
from holdshelf_core.recorder.probe import async_probe_stream
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_storage.errors import StorageError

# A camera whose stream works is recorded within the time to connect plus one group of pictures.
RECORDING_WAIT_S = 10.0


def refuse_private(call: Call[Any], kind: str) -> None:
    """Refuse a private kind of area, whoever asks, and log the attempt (P5)."""
    policy = call.state.policy
    if is_private(policy, kind):
        words = private_words(policy, kind)
        call.refuse(
            "P5",
            f"No camera is allowed in a private area such as a {words} ({policy.quoted('P5')})",
            "Nobody can override this. Choose another place.",
        )


async def record_in_order(call: Call[Any], changes: Sequence[Change] = (), *, form: LogForm, **said: Any) -> int:
    """Call ``call.record`` under ``order`` for an action with a slow step before it, checking the decision again.

    Once the entry is on disk it stands, whatever the rules say a moment later. The caller must not hold the authorizer's lock.
    """
    again = call.authorizer.decide(call.caller, call.action.permission, call.action.scope(call.request, call.state))
    if not again.allowed:
        call.refuse(again.clause, again.sentence, again.who_can_help)
    try:
        return await call.record(changes, form=form, **said)
    except Refused:
        if not call.seq:
            raise
        return call.seq


def _named(entry: ConfigEntry[Any]) -> dict[str, str]:
    """Return the private part of an entry about a camera."""
    return {"camera_name": entry.title, "address": shown_address(str(entry.data.get("address", "")))}


def _placed(entry: ConfigEntry[Any], **facts: Any) -> LogForm:
    return LogForm(
        cameras=(entry.entry_id,),
        facts={"area_kind": entry.area_kind, "integration": entry.domain, **facts},
        private={**_named(entry), "area_note": entry.area_note},
    )


def entry_change(entries: Entries, entry: ConfigEntry[Any], **changed: str) -> Change:
    """Return the change that an action makes to a camera's row. Raises NotFound when it was removed meanwhile."""
    entries.async_check_stays(entry)
    return Change(CAMERA_TABLE, entry.entry_id, {**row_of(entry), **changed})


def _commission(call: Call[Any], camera: str) -> model.Commission:
    return call.state.commissions.get(camera) or model.Commission(camera)


async def undone(call: Call[Any], form: LogForm, changes: Sequence[Change], error: StorageError) -> HoldshelfError:
    """Log that what an earlier entry says was done could not be stored. Returns the error to raise."""
    try:
        await call.authorizer.async_append(
            call.action.name, call.caller, "failed", form, acting_as=call.decision.acting_as, changes=changes
        )
    except HoldshelfError as second:
        return Unavailable(f"This could not be saved: {error}", f"The access log still says it was done: {second}")
    for change in changes:
        call.authorizer.store.camera_stored(change.key)
    return Unavailable(f"This was not done because it could not be stored: {error}")


# --- placement -------------------------------------------------------------------------------------------------------


async def async_play(draft: EntryDraft, transport: str) -> EntryDraft:
    """Test the stream up to its first key frame: a camera that does not play is not added. Raises FlowError."""
    stream = {**draft.data["stream"], "transport": transport}
    source = StreamSource.from_dict(stream, draft.data.get("password"))
    probed = await async_probe_stream(source, told_by_device=draft.domain != "stream")
    stream.update(codec=probed.codec, width=probed.width, height=probed.height)
    if probed.certificate_sha256:
        stream["certificate_sha256"] = probed.certificate_sha256
    return replace(draft, data={**draft.data, "stream": stream})


def check_chosen(draft: EntryDraft) -> None:
    """Raise FlowError for a device with several channels of which none was chosen."""
    if not draft.is_chosen:
        offered = "; ".join(f"{choice.profile} ({choice.words})" for choice in draft.choices)
        raise FlowError("profile", *error_words("several_channels", count=str(len(draft.choices)), offered=offered))


def _is_known(kind: str, state: State) -> bool:
    """Whether the log may name it in public: it is on the policy's list, not somebody's own words."""
    return kind in state.policy.places or kind in state.policy.private_places


def _log_add(q: camera_types.AddRequest, state: State) -> LogForm:
    private = {"camera_name": q.name[:80], "address": shown_address(q.target)}
    if _is_known(q.area_kind, state):
        return LogForm(facts={"area_kind": q.area_kind}, private=private)
    return LogForm(private={**private, "area_asked": q.area_kind[:80]})


def _log_move(q: asking.CameraMove, state: State) -> LogForm:
    private = {"asked_for": q.camera[:80]}
    if _is_known(q.area_kind, state):
        return LogForm(facts={"area_kind": q.area_kind}, private=private)
    return LogForm(private={**private, "area_asked": q.area_kind[:80]})


async def store(call: Call[Any], entries: Entries, entry: ConfigEntry[Any], form: LogForm, **changed: Any) -> None:
    """Store what was recorded about a camera; log a failure to do so. Raises Unavailable."""
    try:
        await entries.async_change(entry, **changed)
    except StorageError as error:
        raise await undone(call, form, [entry_change(entries, entry)], error) from None


# --- trying ----------------------------------------------------------------------------------------------------------


async def async_prove(
    call: Call[Any], entries: Entries, recorder: Recorder, entry: ConfigEntry[Any]
) -> list[types.CheckStep]:
    """Check that its stream plays and that it is being recorded."""
    steps = []
    try:
        source = StreamSource.from_dict(entry.data["stream"], entry.data.get("password"))
        by_device = entry.domain != "stream"
        probed = await async_probe_stream(source, camera_id=entry.entry_id, told_by_device=by_device)
        words = f"Its stream plays: {probed.codec}, {probed.width}x{probed.height}."
        steps.append(types.CheckStep("stream", "ok", words))
        if probed.certificate_sha256 and not source.certificate_sha256:
            # Added before certificates were stored, or encrypted since: this is the first one seen.
            stream = {**entry.data["stream"], "certificate_sha256": probed.certificate_sha256}
            entry.data = {**entry.data, "stream": stream}
            call.frame.async_spawn(entries.async_save(entry), f"save-{entry.entry_id}")
    except HoldshelfError as error:
        steps.append(types.CheckStep("stream", "failed", error.sentence, error.next_step))
    steps.append(await _recording(call.frame.bus, recorder, entry.entry_id, wait=steps[-1].outcome == "ok"))
    return steps


async def _device(entries: Entries, entry: ConfigEntry[Any]) -> list[types.CheckStep]:
    data = entry.data
    try:
        draft = await entries.async_draft(data["address"], data.get("username"), data.get("password"), data)
    except HoldshelfError as error:
        return [types.CheckStep("device", "failed", error.sentence, error.next_step)]
    steps = [types.CheckStep("device", "ok", f"{entry.title} answers and accepts its password.")]
    return steps + [types.CheckStep("device", "warning", warning) for warning in draft.warnings]


@dataclass(frozen=True, slots=True)
class NewFacts:
    """Changed details of an existing camera. ``what`` in words, ``step`` the name of its check; None stays unchanged."""

    what: str
    step: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    accept_certificate: bool = False
    address: str | None = None
    transport: str | None = None
    profile: str = ""


async def async_new_facts(call: Call[Any], entries: Entries, entry: ConfigEntry[Any], new: NewFacts) -> types.CheckStep:
    """Store the new details only if they work; log the result either way."""
    transport = new.transport or str(entry.data["stream"].get("transport", "tcp"))
    said: Mapping[str, str] = {"what": f"new {new.what}"}
    moved = {"new_address": shown_address(new.address)} if new.address is not None else {}
    form = LogForm(cameras=(entry.entry_id,), facts=said, private={**_named(entry), **moved})
    before = _commission(call, entry.entry_id)
    # A stream does not identify its camera: the picture may no longer be the one that was approved.
    anew = new.address is not None and entry.domain == "stream"

    async def play(draft: EntryDraft) -> EntryDraft:
        return await async_play(draft, transport)

    async def record() -> None:
        async with call.authorizer.order:
            changes = [entry_change(entries, entry)]
            if anew:
                changes.append(put("commissions", entry.entry_id, rules.moved(_commission(call, entry.entry_id))))
            await record_in_order(call, changes, form=form)

    try:
        await async_try_anew(
            entries,
            entry,
            new.username,
            new.password,
            play,
            record,
            accept_certificate=new.accept_certificate,
            address=new.address,
            profile=new.profile,
        )
    except Refused:
        raise
    except StorageError as error:
        undo = [entry_change(entries, entry), *([put("commissions", entry.entry_id, before)] if anew else [])]
        raise await undone(call, form, undo, error) from None
    except HoldshelfError as error:
        if not call.seq:
            async with call.authorizer.order:
                await record_in_order(call, form=form, outcome="failed")
        step = f"{error.next_step} The old settings were kept.".strip()
        return types.CheckStep(new.step, "failed", error.sentence, step)
    if new.step == "certificate":
        return types.CheckStep("certificate", "ok", "Its current certificate is now trusted.")
    return types.CheckStep(new.step, "ok", f"The new {new.what} is correct and was saved.")


async def _recording(bus: EventBus, recorder: Recorder, camera_id: str, *, wait: bool) -> types.CheckStep:
    """Check whether it is being recorded; with ``wait``, allow a moment, as the recorder may just be connecting."""
    camera = recorder.cameras.get(camera_id)
    changed = asyncio.Event()
    unsubscribe = bus.async_listen("camera_state", lambda _event: changed.set())
    try:
        async with asyncio.timeout(RECORDING_WAIT_S if wait else 0):
            while camera is not None and camera.state != "recording":
                changed.clear()
                await changed.wait()
    except TimeoutError:
        pass
    finally:
        unsubscribe()
    if camera is not None and camera.state == "recording":
        return types.CheckStep("recording", "ok", "It is being recorded.")
    reason = camera.reason if camera else "not known to the recorder"
    return types.CheckStep("recording", "failed", f"It is not being recorded: {reason}.")


# --- the actions -----------------------------------------------------------------------------------------------------


class CameraActs:
    """The actions on cameras. ``entries``: the configured ones; ``recorder``: whether they are recorded."""

    def __init__(self, entries: Entries, recorder: Recorder) -> None:
        self._entries, self._recorder = entries, recorder

    @handles(camera_types.AddRequest, log_in=_log_add)
    async def add(self, call: Call[camera_types.AddRequest]) -> camera_types.AddedRow:
        asked, entries = call.request, self._entries
        refuse_private(call, asked.area_kind)
        entries.flows.async_check_address(asked.target)
        entries.async_check(
            call.state.policy, asked.name, asked.area_kind, asked.area_note, asked.transport, asked.questioned
        )
        if asked.flow:
            draft = entries.flows.async_tried(asked.flow)
            entries.async_check_new(draft, asked.name)
        else:
            draft = await entries.async_draft(asked.target, asked.username, asked.password, profile=asked.profile)
            check_chosen(draft)
            entries.async_check_new(draft, asked.name)
            draft = await async_play(draft, asked.transport)
        form = LogForm()
        undo: list[Change] = []

        async def record(entry: ConfigEntry[Any]) -> None:
            nonlocal form
            private = questionable_name(entry.title) is not None
            form = _placed(entry, confirmed_not_private=True) if private else _placed(entry)
            async with call.authorizer.order:
                entries.async_check_new_name(
                    entry.title
                )  # connecting took a while: another camera may have that name by now
                changes = [
                    Change(CAMERA_TABLE, entry.entry_id, row_of(entry)),
                    put("commissions", entry.entry_id, model.Commission(entry.entry_id)),
                ]
                await record_in_order(call, changes, form=form, subject=entry.entry_id)
            undo.extend(
                (
                    Change(CAMERA_TABLE, entry.entry_id, None),
                    put("commissions", entry.entry_id, model.Commission(entry.entry_id, state="retired")),
                )
            )

        try:
            entry = await entries.async_add(
                draft,
                name=asked.name,
                area_kind=asked.area_kind,
                area_note=asked.area_note,
                # A camera's id represents it in the log and in holds, so it is never given to another.
                taken=call.state.commissions,
                record=record,
            )
        except StorageError as error:
            raise await undone(call, form, undo, error) from None
        step = entries.flows.async_added(asked.flow)
        return camera_types.AddedRow(entry.entry_id, entry.title, list(draft.warnings), step)

    @handles(
        asking.CameraRename,
        log=lambda q: LogForm(private={"asked_for": q.camera[:80], "new_name": q.name[:80]}),
    )
    async def rename(self, call: Call[asking.CameraRename]) -> Done:
        asked, entries = call.request, self._entries
        entry = entries.async_get(asked.camera)
        title = self._checked_name(asked.name, entry.entry_id, confirmed=asked.questioned)
        form = LogForm(cameras=(entry.entry_id,), private={"camera_name": entry.title, "new_name": title})
        seq = await call.record([entry_change(entries, entry, title=title)], form=form)
        await store(call, entries, entry, form, title=title)
        return Done(seq, entry.entry_id, f"It is called {title} now.")

    @handles(asking.CameraMove, log_in=_log_move)
    async def move(self, call: Call[asking.CameraMove]) -> Done:
        """Record a new place: the picture changes, so its masks stay burned in and an official must commission it again."""
        asked, entries = call.request, self._entries
        entry = entries.async_get(asked.camera)
        refuse_private(call, asked.area_kind)
        policy = call.state.policy
        entries.async_check(policy, entry.title, asked.area_kind, asked.area_note, "tcp", questioned=True)
        why = common.words(asked.why, "Why it is moved", needed=True)
        title = entry.title
        if asked.name:
            title = self._checked_name(asked.name, entry.entry_id, confirmed=asked.questioned)
        note = asked.area_note.strip()
        form = LogForm(
            cameras=(entry.entry_id,),
            facts={"area_kind": asked.area_kind, "area_before": entry.area_kind},
            private={
                "camera_name": entry.title,
                "new_name": title if title != entry.title else "",
                "area_note": note,
                "why": why,
            },
        )
        changes = [
            entry_change(entries, entry, title=title, area_kind=asked.area_kind, area_note=note),
            put("commissions", entry.entry_id, rules.moved(_commission(call, entry.entry_id))),
        ]
        seq = await call.record(changes, form=form)
        await store(call, entries, entry, form, title=title, area_kind=asked.area_kind, area_note=note)
        step = f"`holdshelf camera commission {entry.entry_id}`"
        return Done(
            seq,
            entry.entry_id,
            f"{title} has been moved. Nobody may look until the {call.state.policy.whoever_may('commission.approve')} approves "
            f"it again: {step}.",
        )

    @handles(asking.CameraRemove, log=lambda q: LogForm(private={"asked_for": q.camera[:80]}))
    @handles(
        asking.CameraRetire,
        scope=lambda q, state: Scope(cameras=common.camera_scope(state, [q.camera])),
        log=lambda q: LogForm(private={"asked_for": q.camera[:80]}),
    )
    async def remove(self, call: Call[asking.CameraRemove]) -> Done:
        entries = self._entries
        entry = entries.async_get(call.request.camera)
        by_seat = call.action.name == "camera.retire"
        why = common.words(call.request.why, "Why the camera is retired", needed=by_seat)
        form = LogForm(
            cameras=(entry.entry_id,),
            facts={"area_kind": entry.area_kind, "integration": entry.domain},
            private={**_named(entry), "why": why},
        )
        async with call.authorizer.order:
            before = _commission(call, entry.entry_id)
            # Its masks stay: they apply to its recordings, which are kept until erased on schedule or until a hold is lifted.
            retired = msgspec.structs.replace(before, state="retired", area_kind=before.area_kind or entry.area_kind)
            undo = [entry_change(entries, entry), put("commissions", entry.entry_id, before)]
            seq = await record_in_order(
                call,
                [Change(CAMERA_TABLE, entry.entry_id, None), put("commissions", entry.entry_id, retired)],
                form=form,
                subject=entry.entry_id,
            )
            entries.async_leaves(entry)
        try:
            await entries.async_remove(entry)
        except StorageError as error:
            raise await undone(call, form, undo, error) from None
        return Done(seq, entry.entry_id, f"{entry.title} is no longer recorded.")

    @handles(asking.CameraCheck, log=lambda q: LogForm(private={"asked_for": q.camera[:80]}))
    async def check(self, call: Call[asking.CameraCheck]) -> types.Checks:
        asked, entries = call.request, self._entries
        entry = entries.async_get(asked.camera)
        given = asked.password is not None or asked.username is not None or asked.accept_certificate
        steps: list[types.CheckStep] = []
        if given:
            what = (
                "password"
                if asked.password is not None
                else "user name"
                if asked.username is not None
                else "certificate"
            )
            known = "certificate" if what == "certificate" else "password"
            facts = NewFacts(what, known, asked.username, asked.password, asked.accept_certificate)
            steps.append(await async_new_facts(call, entries, entry, facts))
        else:
            form = LogForm(cameras=(entry.entry_id,), facts={"what": "tried"}, private=_named(entry))
            async with call.authorizer.order:
                await record_in_order(call, form=form)
            if entry.domain != "stream":
                steps.extend(await _device(entries, entry))
        moved = entries.async_found_at(entry)
        if moved is not None:
            step = f"If it was moved there, run `holdshelf camera check {entry.entry_id} --ask-password`."
            steps.append(types.CheckStep("address", "warning", f"{entry.title} now answers at {moved}.", step))
        return types.Checks(steps + await async_prove(call, entries, self._recorder, entry))

    def _checked_name(self, name: str, camera: str, *, confirmed: bool) -> str:
        title = self._entries.async_check_new_name(name, but=camera)
        check_questioned(title, questioned=confirmed)
        return title
