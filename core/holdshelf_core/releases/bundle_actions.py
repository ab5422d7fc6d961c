"""Actions that release footage: have the bundle made, cancel that, copy it to a stick, print the receipt.

Both gates are checked again for each copy. The bundle itself is made in the background (``bundle_builds``), under the action's
entry.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.holds.holds import Holds
from holdshelf_core.looks.legend_words import legend_words
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.instants import end_words
from holdshelf_core.policy.releases import EXPORTED, has_bundle, may_make_bundle, others_words
from holdshelf_core.policy.state import State
from holdshelf_core.releases import types
from holdshelf_core.releases.action_parts import find_release, form_of
from holdshelf_core.releases.actions import hear, say_no
from holdshelf_core.releases.bundle_builds import BundleBuilds
from holdshelf_core.releases.copying import copy_bundle
from holdshelf_core.releases.facts import MASKED, ORIGINAL, Facts, OthersSaid, PaperSaid, boxes_told
from holdshelf_core.releases.others_actions import check_answered
from holdshelf_core.releases.rows import approver
from holdshelf_core.version import VERSION


def _one(q: types.ReleaseAsk | types.ReleaseWrite) -> LogForm:
    return LogForm(subject=q.release[:20])


def _target(q: types.ReleaseAsk | types.ReleaseWrite, _s: State) -> Scope:
    return Scope(target=q.release)


def _facts(call: Call[Any], row: model.Release, kind: str) -> Facts:
    state, now = call.state, call.now
    library = state.board.library or "Library"
    cameras = {span.camera: state.camera_words(span.camera) for span in row.given}
    rows = {camera: state.commissions.get(camera) or model.Commission(camera) for camera in cameras}
    burns = {
        camera: Burn(
            library=library,
            camera_name=cameras[camera],
            person=legend_words(state.policy.language).release.format(id=row.id),
            log_seq=call.seq,
            masks=rows[camera].masks,
            mask_version=rows[camera].mask_version,
            boxes=tuple(box for box in (row.others.boxes if row.others else ()) if box.camera == camera),
            language=state.policy.language,
            camera=camera,
        )
        for camera in cameras
    }
    by = approver(state, row)
    when = times.local_words(row.approved_utc_ns or 0)
    adopted = state.adopted
    return Facts(
        release=row.id,
        library=library,
        contact=state.board.contact,
        basis_words=state.policy.basis_words(row.basis) or "another basis",
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
        gates=tuple((types.GATE_WORDS.get(said.gate, "A gate"), said.sentence) for said in row.gates),
        caution=row.caution,
        policy_version=adopted.version if adopted is not None else "",
        policy_sha256=adopted.sha256 if adopted is not None else "",
        policy_file_sha256=adopted.file_sha256 if adopted is not None else "",
        others=_others(call, row),
        cameras=cameras,
        burns=burns,
        log_entry=call.seq,
        version=f"Holdshelf {VERSION}",
    )


def _others(call: Call[Any], row: model.Release) -> OthersSaid:
    others = row.others
    if others is None:
        return OthersSaid(None, others_words(None), "", "", "")
    return OthersSaid(
        others.seen,
        others_words(others),
        others.why,
        call.state.name_of(others.by),
        times.rfc3339(others.at_utc_ns),
        boxes_told(others.boxes),
    )


def _paper(paper: model.Paper | None, call: Call[Any]) -> PaperSaid | None:
    if paper is None:
        return None
    until = paper.valid_until_utc_ns
    return PaperSaid(
        call.state.policy.basis_words(paper.kind) or paper.kind,
        paper.issuer,
        paper.docket,
        paper.agency,
        paper.officer,
        paper.signed_by_judge,
        paper.sha256,
        end_words(until, call.now.zone) if until is not None else "",
        paper.original,
    )


class BundleActs:
    """Handles the acts of a bundle: built, given up, handed over."""

    def __init__(self, builds: BundleBuilds, holds: Holds) -> None:
        self._builds, self._holds = builds, holds

    @handles(types.ReleaseExport, scope=_target, log=_one)
    async def export(self, call: Call[types.ReleaseAsk]) -> types.ExportRow:
        builds = self._builds
        row = find_release(call, call.request.release, "approved", EXPORTED)
        if not may_make_bundle(row):
            find_release(call, row.id, "approved")
        builds.check_free(row.id)
        builds.opened()
        heard, word, gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
        if not word.passed:
            # What passed at approval may have lapsed since.
            await say_no(call, self._holds, msgspec.structs.replace(heard, state="stopped"), word, gate)
        check_answered(call, row)
        unknown = sorted({span.camera for span in row.given} - set(call.state.commissions))
        if not row.original and unknown:
            call.refuse(
                "P6",
                f"Nobody has decided what to mask on {', '.join(unknown)}, so no masked copy can be made.",
                "Commission the camera, or have the original approved if the paper asks for it.",
            )
        kind = ORIGINAL if row.original else MASKED
        await call.record(form=form_of(row, call.state.policy), facts={"kind": kind, "gates_again": True})
        builds.begin(call.caller, call.decision.acting_as, _facts(call, heard, kind))
        return self._export_row(call, row.id)

    @handles(types.ReleaseExportCancel, scope=_target, log=_one)
    async def cancel(self, call: Call[types.ReleaseAsk]) -> types.ExportRow:
        row = find_release(call, call.request.release)
        await call.record(form=LogForm(subject=row.id))
        self._builds.cancel(row.id, call.state.name_of(call.caller.who))
        return self._export_row(call, row.id)

    @handles(types.ReleaseWrite, scope=_target, log=_one)
    async def write(self, call: Call[types.ReleaseWrite]) -> types.Written:
        row = find_release(call, call.request.release, EXPORTED)
        if row.bundle is None or not has_bundle(row):
            raise Conflict(
                f"The bundle of {row.id} expired and was deleted.",
                f"Make it again while its footage still exists: `holdshelf release export {row.id}`.",
            )
        folder = Path(call.request.folder)
        if not folder.is_absolute() or "\0" in call.request.folder:
            raise BadRequest(
                "Give the folder on the USB stick by its full path.", "Use --usb /media/…, where it is mounted."
            )
        opened = self._builds.opened()
        heard, word, gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
        if not word.passed:
            await say_no(call, self._holds, row, word, gate, told=heard)
        sums = {"sha256sums": row.bundle.sums_sha256}
        await call.record(
            form=form_of(row, call.state.policy), facts={"copy": "begun", **sums}, private={"folder": str(folder)}
        )
        stop = call.frame.stop_threads
        volume = opened.volume
        ours, zipped = (volume.state, volume.media), call.request.zipped
        copied = partial(copy_bundle, volume.root_fd, row.id, folder, row.bundle.sums_sha256, ours, stop, zipped=zipped)
        done = await asyncio.to_thread(copied)
        form = LogForm(
            subject=row.id, facts={"files": done.files, "bytes": done.bytes, **sums}, private={"folder": done.folder}
        )
        seq = await call.authorizer.async_append(
            "release.written", call.caller, "done", form, acting_as=call.decision.acting_as
        )
        return types.Written(row.id, done.folder, done.files, done.bytes, row.bundle.sums_sha256, seq)

    @handles(types.ReadExports)
    async def exports(self, asked: Reading[types.ReadExports]) -> list[types.ExportRow]:
        """Return the builds of releases that this caller may see."""
        return [
            row
            for row in self._builds.rows()
            if asked.authorizer.decide(asked.caller, "release.see", Scope(target=row.release)).allowed
        ]

    def _export_row(self, call: Call[Any], release: str) -> types.ExportRow:
        row = next(row for row in self._builds.rows() if row.release == release)
        return msgspec.structs.replace(row, seq=call.seq)
