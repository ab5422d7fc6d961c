"""Acts on cameras as configured (P4: placement, move, retirement): add, check, rename, move, remove, retire.

What takes seconds (dialling a camera) happens outside the order of acts; the act itself is its entry, after which the camera
is stored. A private place is refused to everybody, and the attempt is written down (P5). Names and addresses stand in the
log as commitments only, and never a password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from holdshelf_core.actions import Action, ActionRegistry, Change, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types
from holdshelf_core.api import types_commission as asking
from holdshelf_core.api.types_people import Done
from holdshelf_core.areas import PERMITTED, PRIVATE, questionable_name
from holdshelf_core.entry_change import async_try_anew
from holdshelf_core.errors import BadRequest, HoldshelfError, Refused, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.house import CAMERA_TABLE, put
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.models import EntryDraft, StreamSource
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_core.policy import commissioning as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.clauses import quoted
from holdshelf_core.policy.rules import Scope
from holdshelf_core.recorder.probe import async_probe_stream
from holdshelf_storage.errors import StorageError

# A camera whose stream plays is recorded within a dial and a group of pictures.
RECORDING_WAIT_S = 10.0
_KINDS = frozenset(area.kind for area in (*PERMITTED, *PRIVATE))


def refuse_private(call: Call[Any], kind: str) -> None:
    """A private kind of area is refused, whoever asks, and the attempt is logged (P5)."""
    permitted = any(kind == area.kind for area in PERMITTED)
    if not permitted and (any(kind == area.kind for area in PRIVATE) or questionable_name(kind)):
        words = kind[:40].replace("-", " ")
        call.refuse(
            "P5",
            f"A camera is never placed in a private area such as a {words} ({quoted('P5')})",
            "Nobody can override this; choose another place.",
        )


async def record_in_order(call: Call[Any], changes: Sequence[Change] = (), *, form: LogForm, **said: Any) -> int:
    """``call.record`` for an act that tried something slow before: in the order of acts, and asked about once more.

    An entry that is on disk stands, whatever the rules say the moment after. The gate's lock must be free.
    """
    again = call.gate.decide(call.caller, call.action.permission, call.action.scope(call.request, call.state))
    if not again.allowed:
        call.refuse(again.clause, again.sentence, again.who_can_help)
    try:
        return await call.record(changes, form=form, **said)
    except Refused:
        if not call.seq:
            raise
        return call.seq


def _named(entry: ConfigEntry[Any]) -> dict[str, str]:
    """The private part of an entry about a camera."""
    return {"camera_name": entry.title, "address": shown_address(str(entry.data.get("address", "")))}


def _placed(entry: ConfigEntry[Any], **facts: Any) -> LogForm:
    return LogForm(
        cameras=(entry.entry_id,),
        facts={"area_kind": entry.area_kind, "integration": entry.domain, **facts},
        private={**_named(entry), "area_note": entry.area_note},
    )


def entry_change(call: Call[Any], entry: ConfigEntry[Any], **changed: str) -> Change:
    row = {**call.holdshelf.entries.row_of(entry), **changed}
    return Change(CAMERA_TABLE, entry.entry_id, row)


def _commission(call: Call[Any], camera: str) -> model.Commission:
    return call.state.commissions.get(camera) or model.Commission(camera)


async def _undone(call: Call[Any], form: LogForm, changes: Sequence[Change], error: StorageError) -> HoldshelfError:
    """What the log says was done could not be stored: say so there too. Returns the error for the caller."""
    try:
        await call.gate.async_append(
            call.action.name, call.caller, "failed", form, acting_as=call.decision.acting_as, changes=changes
        )
    except HoldshelfError as second:
        return Unavailable(f"This could not be stored: {error}", f"The access log still says it was done: {second}")
    return Unavailable(f"This was not done, for it could not be stored: {error}")


# --- placement -------------------------------------------------------------------------------------------------------


async def async_play(draft: EntryDraft, transport: str) -> EntryDraft:
    """Nothing is added that does not play: the stream is tried up to its first key frame. Raises FlowError."""
    stream = {**draft.data["stream"], "transport": transport}
    source = StreamSource.from_dict(stream, draft.data.get("password"))
    probed = await async_probe_stream(source, urlsplit(source.url).hostname or "the camera")
    stream.update(codec=probed.codec, width=probed.width, height=probed.height)
    if probed.certificate_sha256:
        stream["certificate_sha256"] = probed.certificate_sha256
    return EntryDraft(draft.domain, draft.unique_id, draft.title, {**draft.data, "stream": stream}, draft.warnings)


async def _add(call: Call[types.AddRequest]) -> types.AddedRow:
    asked, entries = call.request, call.holdshelf.entries
    refuse_private(call, asked.area_kind)
    entries.async_check(asked.name, asked.area_kind, asked.area_note, asked.transport, asked.questioned)
    if asked.flow:
        draft = entries.flows.async_tried(asked.flow)
        entries.async_check_new(draft, asked.name)
    else:
        draft = await entries.async_draft(asked.target, asked.username, asked.password)
        entries.async_check_new(draft, asked.name)
        draft = await async_play(draft, asked.transport)
    form = LogForm()
    undo: list[Change] = []

    async def record(entry: ConfigEntry[Any]) -> None:
        nonlocal form
        private = questionable_name(entry.title) is not None
        form = _placed(entry, confirmed_not_private=True) if private else _placed(entry)
        async with call.gate.order:
            entries.async_check_new_name(entry.title)  # dialling took a while, and another may be called so by now
            changes = [
                entry_change(call, entry),
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
            # A camera's id stands for it in the log and on holds, so none is ever given to another.
            taken=call.state.commissions,
            record=record,
        )
    except StorageError as error:
        raise await _undone(call, form, undo, error) from None
    entries.flows.async_end(asked.flow)
    return types.AddedRow(entry.entry_id, entry.title, list(draft.warnings))


async def _rename(call: Call[asking.CameraRename]) -> Done:
    asked, entries = call.request, call.holdshelf.entries
    entry = entries.async_get(asked.camera)
    title = _checked_name(call, asked.name, entry.entry_id, confirmed=asked.questioned)
    form = LogForm(cameras=(entry.entry_id,), private={"camera_name": entry.title, "new_name": title})
    seq = await call.record([entry_change(call, entry, title=title)], form=form)
    await store(call, entry, form, title=title)
    return Done(seq, entry.entry_id, f"It is called {title} now.")


def _checked_name(call: Call[Any], name: str, camera: str, *, confirmed: bool) -> str:
    title = call.holdshelf.entries.async_check_new_name(name, but=camera)
    word = questionable_name(title)
    if word and not confirmed:
        raise BadRequest(
            f"The name {title!r} sounds like a private area ({word!r}), where no camera may be (P5).",
            "If the camera does not see one, add --not-private to say so.",
        )
    return title


async def _move(call: Call[asking.CameraMove]) -> Done:
    """Another place is another picture: its masks stay burned in, and a seat commissions it anew."""
    asked, entries = call.request, call.holdshelf.entries
    entry = entries.async_get(asked.camera)
    refuse_private(call, asked.area_kind)
    entries.async_check(entry.title, asked.area_kind, asked.area_note, "tcp", questioned=True)
    why = common.words(asked.why, "Why it is moved", needed=True)
    title = entry.title
    if asked.name:
        title = _checked_name(call, asked.name, entry.entry_id, confirmed=asked.questioned)
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
        entry_change(call, entry, title=title, area_kind=asked.area_kind, area_note=note),
        put("commissions", entry.entry_id, rules.moved(_commission(call, entry.entry_id))),
    ]
    seq = await call.record(changes, form=form)
    await store(call, entry, form, title=title, area_kind=asked.area_kind, area_note=note)
    step = f"`holdshelf camera commission {entry.entry_id}`"
    return Done(seq, entry.entry_id, f"{title} is placed; nobody looks before a seat has commissioned it anew: {step}.")


async def store(call: Call[Any], entry: ConfigEntry[Any], form: LogForm, **changed: str) -> None:
    try:
        await call.holdshelf.entries.async_change(entry, **changed)
    except StorageError as error:
        raise await _undone(call, form, [entry_change(call, entry)], error) from None


# --- retirement ------------------------------------------------------------------------------------------------------


async def _remove(call: Call[asking.CameraRemove]) -> Done:
    entries = call.holdshelf.entries
    entry = entries.async_get(call.request.camera)
    by_seat = call.action.name == "camera.retire"
    why = common.words(call.request.why, "Why the camera is retired", needed=by_seat)
    form = LogForm(
        cameras=(entry.entry_id,),
        facts={"area_kind": entry.area_kind, "integration": entry.domain},
        private={**_named(entry), "why": why},
    )
    async with call.gate.order:
        before = _commission(call, entry.entry_id)
        # Its masks stay: they belong to what was recorded, which is kept until it is erased on schedule or a hold is lifted.
        retired = msgspec.structs.replace(before, state="retired", area_kind=before.area_kind or entry.area_kind)
        undo = [entry_change(call, entry), put("commissions", entry.entry_id, before)]
        seq = await record_in_order(
            call,
            [Change(CAMERA_TABLE, entry.entry_id, None), put("commissions", entry.entry_id, retired)],
            form=form,
            subject=entry.entry_id,
        )
    try:
        await entries.async_remove(entry)
    except StorageError as error:
        raise await _undone(call, form, undo, error) from None
    return Done(seq, entry.entry_id, f"{entry.title} is no longer recorded.")


# --- trying ----------------------------------------------------------------------------------------------------------


async def _check(call: Call[asking.CameraCheck]) -> types.Checks:
    asked, entries = call.request, call.holdshelf.entries
    entry = entries.async_get(asked.camera)
    given = asked.password is not None or asked.username is not None or asked.accept_certificate
    steps: list[types.CheckStep] = []
    if given:
        what = (
            "password" if asked.password is not None else "user name" if asked.username is not None else "certificate"
        )
        known = "certificate" if what == "certificate" else "password"
        facts = NewFacts(what, known, asked.username, asked.password, asked.accept_certificate)
        steps.append(await async_new_facts(call, entry, facts))
    else:
        form = LogForm(cameras=(entry.entry_id,), facts={"what": "tried"}, private=_named(entry))
        async with call.gate.order:
            await record_in_order(call, form=form)
        if entry.domain != "stream":
            steps.extend(await _device(call, entry))
    moved = entries.async_found_at(entry)
    if moved is not None:
        step = f"If it was moved there, run `holdshelf camera check {entry.entry_id} --ask-password`."
        steps.append(types.CheckStep("address", "warning", f"{entry.title} answers at {moved} now.", step))
    return types.Checks(steps + await async_prove(call, entry))


async def async_prove(call: Call[Any], entry: ConfigEntry[Any]) -> list[types.CheckStep]:
    """Does its stream play, and is it recorded."""
    steps = []
    try:
        source = StreamSource.from_dict(entry.data["stream"], entry.data.get("password"))
        probed = await async_probe_stream(source, urlsplit(source.url).hostname or "the camera")
        words = f"Its stream plays: {probed.codec}, {probed.width}x{probed.height}."
        steps.append(types.CheckStep("stream", "ok", words))
        if probed.certificate_sha256 and not source.certificate_sha256:
            # Added before certificates were kept, or encrypted since: this is the first one that was seen.
            stream = {**entry.data["stream"], "certificate_sha256": probed.certificate_sha256}
            call.holdshelf.async_update_entry(entry, data={**entry.data, "stream": stream})
    except HoldshelfError as error:
        steps.append(types.CheckStep("stream", "failed", error.sentence, error.next_step))
    steps.append(await _recording(call, entry.entry_id, wait=steps[-1].outcome == "ok"))
    return steps


async def _device(call: Call[Any], entry: ConfigEntry[Any]) -> list[types.CheckStep]:
    data = entry.data
    try:
        draft = await call.holdshelf.entries.async_draft(
            data["address"], data.get("username"), data.get("password"), data
        )
    except HoldshelfError as error:
        return [types.CheckStep("device", "failed", error.sentence, error.next_step)]
    steps = [types.CheckStep("device", "ok", f"{entry.title} answers and accepts its password.")]
    return steps + [types.CheckStep("device", "warning", warning) for warning in draft.warnings]


@dataclass(frozen=True, slots=True)
class NewFacts:
    """What is new at a camera that is here. ``what`` in words, ``step`` the name of its check; None stays as it was."""

    what: str
    step: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    accept_certificate: bool = False
    address: str | None = None


async def async_new_facts(call: Call[Any], entry: ConfigEntry[Any], new: NewFacts) -> types.CheckStep:
    """Kept only when they are right; written down either way."""
    transport = str(entry.data["stream"].get("transport", "tcp"))
    said: Mapping[str, str] = {"what": f"new {new.what}"}
    moved = {"new_address": shown_address(new.address)} if new.address is not None else {}
    form = LogForm(cameras=(entry.entry_id,), facts=said, private={**_named(entry), **moved})
    before = _commission(call, entry.entry_id)
    # A stream does not say which camera it comes from: what a seat approved may be another picture now.
    anew = new.address is not None and entry.domain == "stream"

    async def play(draft: EntryDraft) -> EntryDraft:
        return await async_play(draft, transport)

    async def record() -> None:
        async with call.gate.order:
            changes = [entry_change(call, entry)]
            if anew:
                changes.append(put("commissions", entry.entry_id, rules.moved(_commission(call, entry.entry_id))))
            await record_in_order(call, changes, form=form)

    try:
        await async_try_anew(
            call.holdshelf.entries,
            entry,
            new.username,
            new.password,
            play,
            record,
            accept_certificate=new.accept_certificate,
            address=new.address,
        )
    except Refused:
        raise
    except StorageError as error:
        undo = [entry_change(call, entry), *([put("commissions", entry.entry_id, before)] if anew else [])]
        raise await _undone(call, form, undo, error) from None
    except HoldshelfError as error:
        if not call.seq:
            async with call.gate.order:
                await record_in_order(call, form=form, outcome="failed")
        step = f"{error.next_step} What was known before is kept.".strip()
        return types.CheckStep(new.step, "failed", error.sentence, step)
    if new.step == "certificate":
        return types.CheckStep("certificate", "ok", "The certificate that it shows now is kept as its own.")
    return types.CheckStep(new.step, "ok", f"The new {new.what} is right and is kept.")


async def _recording(call: Call[Any], camera_id: str, *, wait: bool) -> types.CheckStep:
    """Whether it is recorded; a stream that plays is given a moment, for the recorder may just be dialling it."""
    camera = call.holdshelf.recorder.cameras.get(camera_id)
    changed = asyncio.Event()
    unsubscribe = call.holdshelf.bus.async_listen("camera_state", lambda _event: changed.set())
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


# --- the registry ----------------------------------------------------------------------------------------------------


def _asked_kind(kind: str) -> dict[str, str]:
    return {"area_kind": kind} if kind in _KINDS else {}


def _log_add(q: types.AddRequest) -> LogForm:
    private = {"camera_name": q.name[:80], "address": shown_address(q.target)}
    if q.area_kind not in _KINDS:
        private["area_asked"] = q.area_kind[:80]
    return LogForm(facts=_asked_kind(q.area_kind), private=private)


def _log_move(q: asking.CameraMove) -> LogForm:
    private = {"asked_for": q.camera[:80]}
    if q.area_kind not in _KINDS:
        private["area_asked"] = q.area_kind[:80]
    return LogForm(facts=_asked_kind(q.area_kind), private=private)


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""
    registry.register(
        Action("camera.add", "camera.manage", types.AddRequest, types.AddedRow, _add, lambda _q, _s: Scope(), _log_add)
    )
    registry.register(
        Action(
            "camera.check",
            "camera.manage",
            asking.CameraCheck,
            types.Checks,
            _check,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"asked_for": q.camera[:80]}),
        )
    )
    registry.register(
        Action(
            "camera.rename",
            "camera.manage",
            asking.CameraRename,
            Done,
            _rename,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"asked_for": q.camera[:80], "new_name": q.name[:80]}),
            changes=True,
        )
    )
    registry.register(
        Action(
            "camera.move",
            "camera.manage",
            asking.CameraMove,
            Done,
            _move,
            lambda _q, _s: Scope(),
            _log_move,
            changes=True,
        )
    )
    registry.register(
        Action(
            "camera.remove",
            "camera.manage",
            asking.CameraRemove,
            Done,
            _remove,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"asked_for": q.camera[:80]}),
        )
    )
    registry.register(
        Action(
            "camera.retire",
            # Taking a camera out of use for good is decided by whoever may bring one into use.
            "commission.edit",
            asking.CameraRemove,
            Done,
            _remove,
            lambda q, state: Scope(cameras=common.camera_scope(state, [q.camera])),
            lambda q: LogForm(private={"asked_for": q.camera[:80]}),
        )
    )
