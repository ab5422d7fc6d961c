"""Acts that let a release leave the building: have its bundle made, call that off, copy it to a stick, give the receipt.

Both gates are asked again for each copy. The bundle itself is made in the background (``exports``), under the entry of the act.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.acts.release_parts import form_of
from holdshelf_core.acts.releases import STATE_WORDS, hear, say_no
from holdshelf_core.api import types_releases as types
from holdshelf_core.caller import Caller
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.gate import Call
from holdshelf_core.looking.picture_protocol import Burn
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.instants import end_words
from holdshelf_core.policy.releases import BASES, EXPORTED, has_bundle, may_make_bundle
from holdshelf_core.policy.state import State
from holdshelf_core.releasing.copying import copy_bundle
from holdshelf_core.releasing.facts import MASKED, ORIGINAL, Facts, PaperSaid
from holdshelf_core.version import VERSION

_GATES = {1: "The policy", 2: "The statute"}


def _release(call: Call[Any], key: str, *states: str) -> model.Release:
    row = common.find_row(dict(call.state.releases), key, "release")
    if row.state not in states:
        raise Conflict(
            f"{row.id} is {STATE_WORDS.get(row.state, row.state)}.", f"See `holdshelf release show {row.id}`."
        )
    return row


def _export_row(call: Call[Any], release: str) -> types.ExportRow:
    row = next(row for row in call.holdshelf.exports.rows() if row.release == release)
    return msgspec.structs.replace(row, seq=call.seq)


async def _export(call: Call[types.ReleaseAsk]) -> types.ExportRow:
    exports = call.holdshelf.exports
    row = _release(call, call.request.release, "approved", EXPORTED)
    if not may_make_bundle(row):
        _release(call, row.id, "approved")
    exports.check_free(row.id)
    exports.opened()
    heard, word, gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
    if not word.passed:
        # What passed when it was approved may have lapsed while it lay.
        await say_no(call, msgspec.structs.replace(heard, state="stopped"), word, gate)
    unknown = sorted({span.camera for span in row.given} - set(call.state.commissions))
    if not row.original and unknown:
        call.refuse(
            "P6",
            f"What is masked of {', '.join(unknown)} was never decided, so no masked copy can be made.",
            "Commission the camera, or have the original approved, where the paper asks for it.",
        )
    kind = ORIGINAL if row.original else MASKED
    await call.record(form=form_of(row), facts={"kind": kind, "gates_again": True})
    exports.begin(call.caller, call.decision.acting_as, _facts(call, heard, kind))
    return _export_row(call, row.id)


def _facts(call: Call[Any], row: model.Release, kind: str) -> Facts:
    state, now = call.state, call.now
    library = state.board.library or "Library"
    cameras = {span.camera: state.camera_words(span.camera) for span in row.given}
    rows = {camera: state.commissions.get(camera) or model.Commission(camera) for camera in cameras}
    burns = {
        camera: Burn(
            library=library,
            camera_name=cameras[camera],
            person=f"release {row.id}",
            log_seq=call.seq,
            masks=rows[camera].masks,
            mask_version=rows[camera].mask_version,
            camera=camera,
        )
        for camera in cameras
    }
    by = model.SEAT_WORDS.get(row.approved_by) or (state.name_of(row.approved_by) if row.approved_by else "")
    when = times.local_words(row.approved_utc_ns or 0)
    adopted = state.adopted
    return Facts(
        release=row.id,
        library=library,
        contact=state.board.contact,
        basis_words=BASES.get(row.basis, "another basis"),
        reference=row.reference,
        kind=kind,
        asked=row.asked,
        given=row.given,
        paper=_paper(row.paper, call),
        requested=f"{state.name_of(row.requested_by)}, {times.local_words(row.requested_utc_ns)}",
        approved=f"{by}, {when}" if by else f"in imminent danger, on one word, {when}",
        approval_paper_sha256=row.approval_paper_sha256,
        exported=f"{state.name_of(call.caller.who)}, {times.local_words(now.utc_ns)}",
        made_utc_ns=now.utc_ns,
        gates=tuple((_GATES.get(said.gate, "A gate"), said.sentence) for said in row.gates),
        caution=row.caution,
        policy_version=adopted.version if adopted is not None else "",
        policy_sha256=adopted.sha256 if adopted is not None else "",
        cameras=cameras,
        burns=burns,
        log_entry=call.seq,
        version=f"Holdshelf {VERSION}",
    )


def _paper(paper: model.Paper | None, call: Call[Any]) -> PaperSaid | None:
    if paper is None:
        return None
    until = paper.valid_until_utc_ns
    return PaperSaid(
        BASES.get(paper.kind, paper.kind),
        paper.issuer,
        paper.docket,
        paper.agency,
        paper.officer,
        paper.signed_by_judge,
        paper.sha256,
        end_words(until, call.now.zone) if until is not None else "",
        paper.original,
    )


async def _cancel(call: Call[types.ReleaseAsk]) -> types.ExportRow:
    row = common.find_row(dict(call.state.releases), call.request.release, "release")
    await call.record(form=LogForm(subject=row.id))
    call.holdshelf.exports.cancel(row.id, call.state.name_of(call.caller.who))
    return _export_row(call, row.id)


async def _write(call: Call[types.ReleaseWrite]) -> types.Written:
    row = _release(call, call.request.release, EXPORTED)
    if row.bundle is None or not has_bundle(row):
        raise Conflict(
            f"The bundle of {row.id} was removed when its time was over.",
            f"Make it again, while its footage is there: `holdshelf release export {row.id}`.",
        )
    folder = Path(call.request.folder)
    if not folder.is_absolute() or "\0" in call.request.folder:
        raise BadRequest("The stick's folder needs its whole path.", "Give --usb /media/…, where it is mounted.")
    opened = call.holdshelf.exports.opened()
    heard, word, gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
    if not word.passed:
        await say_no(call, row, word, gate, told=heard)
    sums = {"sha256sums": row.bundle.sums_sha256}
    await call.record(form=form_of(row), facts={"copy": "begun", **sums}, private={"folder": str(folder)})
    stop: threading.Event = call.holdshelf.stop_threads
    volume = opened.volume
    ours, zipped = (volume.state, volume.media), call.request.zipped
    copied = partial(copy_bundle, volume.root_fd, row.id, folder, row.bundle.sums_sha256, ours, stop, zipped=zipped)
    done = await asyncio.to_thread(copied)
    form = LogForm(
        subject=row.id, facts={"files": done.files, "bytes": done.bytes, **sums}, private={"folder": done.folder}
    )
    seq = await call.gate.async_append("release.written", call.caller, "done", form, acting_as=call.decision.acting_as)
    return types.Written(row.id, done.folder, done.files, done.bytes, row.bundle.sums_sha256, seq)


async def async_exports(holdshelf: Any, caller: Caller, _query: Mapping[str, str]) -> list[types.ExportRow]:
    """The view: bundles under way, of releases that this caller may see."""
    return [
        row
        for row in holdshelf.exports.rows()
        if holdshelf.gate.decide(caller, "release.see", Scope(target=row.release)).allowed
    ]


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""

    def one(q: types.ReleaseAsk | types.ReleaseWrite) -> LogForm:
        return LogForm(subject=q.release[:20])

    def target(q: types.ReleaseAsk | types.ReleaseWrite, _s: State) -> Scope:
        return Scope(target=q.release)

    ask, row = types.ReleaseAsk, types.ExportRow
    registry.register(Action("release.export", "release.export", ask, row, _export, target, one, changes=True))
    registry.register(Action("release.export_cancel", "release.export", ask, row, _cancel, target, one))
    registry.register(Action("release.write", "release.export", types.ReleaseWrite, types.Written, _write, target, one))
