"""Commissioning a camera (P3 to P6, P8): draw its masks, check what it sees, approve it by its reference still.

A camera records before that, but nobody may view it. The stills here are only the newest picture of a camera not in use, a few
per hour, each logged first; an approved still is identified by its hash and is not stored anywhere (P6).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.buffer.store import Store
from holdshelf_core.cameras import commission_types as types
from holdshelf_core.cameras.actions import entry_change, refuse_private, store
from holdshelf_core.cameras.commissioning import commission_row
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound, Unavailable
from holdshelf_core.looks.finding import Growing, find_newest
from holdshelf_core.looks.pictures import Burn, Picture, Pictures
from holdshelf_core.policy import commissioning as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.areas import questionable_name
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State
from holdshelf_core.policy.steps import consulted
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.times import HOUR_NS
from holdshelf_storage.errors import StorageError

MAX_MASKS = 16
MAX_CORNERS = 16
FULL = 10_000
"""Mask corners are in 1/10000 of the picture's width and height."""
CLOSE = "commission.still.close"
STILLS_PER_HOUR = 30
STILL_WAIT_S = 5.0
STILL_RETRY_S = 0.2
MIN_HASH_DIGITS = 8


def _row(call: Call[Any], camera: str) -> model.Commission:
    return call.state.commissions.get(camera) or model.Commission(camera)


# --- masks -----------------------------------------------------------------------------------------------------------


def masks_of(asked: Sequence[types.MaskAsk]) -> tuple[model.Mask, ...]:
    """Return polygons that hide everything they enclose. Raises BadRequest when one does not."""
    if len(asked) > MAX_MASKS:
        raise BadRequest(f"A camera has at most {MAX_MASKS} masks.", "Draw fewer, larger ones.")
    return tuple(_mask(number, mask) for number, mask in enumerate(asked, 1))


def _mask(number: int, asked: types.MaskAsk) -> model.Mask:
    points = tuple(asked.points)
    if not 3 <= len(points) <= MAX_CORNERS:
        raise BadRequest(
            f"Mask {number} has {len(points)} corners, not 3 to {MAX_CORNERS}.", "List its corners in order."
        )
    if any(not 0 <= value <= FULL for point in points for value in point):
        raise BadRequest(
            f"Mask {number} has a corner outside the picture.", "Corners lie between 0,0 and 100,100 percent."
        )
    edges = [(points[i - 1], points[i]) for i in range(len(points))]
    if any(a == b for a, b in edges):
        raise BadRequest(f"Mask {number} names the same corner twice in a row.", "Leave one out.")
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in edges)
    # Where edges cross, part of the apparently enclosed area would be shown.
    if any(_cross(*edges[i], *edges[j]) for i in range(len(edges)) for j in range(i) if not _adjoin(i, j, len(edges))):
        raise BadRequest(f"The edges of mask {number} cross each other.", "List its corners in order around its edge.")
    if abs(doubled) < 2 * FULL:
        raise BadRequest(f"Mask {number} is so thin that it hides nothing.", "Draw it larger.")
    return model.Mask(points, common.words(asked.why, f"What mask {number} is for", most=80))


def _adjoin(i: int, j: int, count: int) -> bool:
    return abs(i - j) in (1, count - 1)


def _side(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (turn > 0) - (turn < 0)


def _on(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Return whether ``c``, known to be on the line through a and b, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _cross(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int]) -> bool:
    """Return whether two edges have a point in common."""
    sides = _side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b)
    if sides[0] != sides[1] and sides[2] != sides[3]:
        return True
    touching = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(side == 0 and _on(*points) for side, points in zip(sides, touching, strict=True))


def _scope(q: types.CommissionEdit | types.CommissionStill, state: State) -> Scope:
    return Scope(cameras=common.camera_scope(state, [q.camera]))


def _approve_scope(q: types.CommissionApprove, state: State) -> Scope:
    return Scope(
        cameras=common.camera_scope(state, [q.camera]),
        paper_sha256=q.paper_sha256 or None,
        paper_seat=q.seat,
        done=consulted(q.consulted),
    )


def _form(q: types.CommissionEdit | types.CommissionStill | types.CommissionApprove) -> LogForm:
    return LogForm(private={"asked_for": q.camera[:80]})


def _still_form(q: types.CommissionStill) -> LogForm:
    return LogForm(cameras=(q.camera[:64],), private={"asked_for": q.camera[:80]})


def _edit_form(q: types.CommissionEdit) -> LogForm:
    return LogForm(private={"asked_for": q.camera[:80], "area_asked": q.area_kind[:80]})


async def _close(
    call: Call[types.CommissionStill], form: LogForm, facts: Mapping[str, Any], changes: Sequence[Change] = ()
) -> None:
    closing = replace(form, facts={**form.facts, "opened_by": call.seq, **facts})
    await call.authorizer.async_append(
        CLOSE, call.caller, "done", closing, acting_as=call.decision.acting_as, changes=changes
    )


# --- the actions -----------------------------------------------------------------------------------------------------


class CommissionActs:
    """The commissioning actions. ``recorder`` and ``store`` provide a camera's newest picture, ``pictures`` decodes it."""

    def __init__(self, entries: Entries, recorder: Recorder, store: Store, pictures: Pictures) -> None:
        self._entries, self._recorder, self._store, self._pictures = entries, recorder, store, pictures
        self._shown: dict[str, deque[int]] = {}
        """When each camera's stills were shown recently."""

    def _camera(self, call: Call[Any], typed: str) -> str:
        """Find a camera, including removed ones still known: their recordings stay masked as long as they are kept. Raises
        NotFound."""
        try:
            return self._entries.async_get(typed).entry_id
        except NotFound:
            if typed in call.state.commissions:
                return typed
            raise

    @handles(types.CommissionEdit, scope=_scope, log=_edit_form)
    async def edit(self, call: Call[types.CommissionEdit]) -> types.CommissionRow:
        asked = call.request
        camera = self._camera(call, asked.camera)
        before = _row(call, camera)
        masks = masks_of(asked.masks) if asked.masks is not None else None
        no_masks_why = common.words(asked.no_masks_why, "Why there is nothing to mask", most=200)
        if masks == () and not no_masks_why:
            raise BadRequest(
                "A camera without masks needs a reason (P6).", "Explain with --no-masks why there is nothing to mask."
            )
        if masks and no_masks_why:
            raise BadRequest("A camera has masks or nothing to mask, not both.", "Use --mask or --no-masks.")
        if no_masks_why:
            masks = ()
        why = common.words(asked.why, "Why this changes", needed=before.state == "approved")
        exterior = before.exterior if asked.exterior is None else asked.exterior
        if masks is None:
            row = msgspec.structs.replace(before, exterior=exterior)
        else:
            # The picture that was approved, or viewed for approval, is no longer what the camera shows.
            row = msgspec.structs.replace(
                rules.edited(before, masks=masks, exterior=exterior),
                no_masks_why=no_masks_why,
                mask_version=before.mask_version + 1,
                still_utc_ns=None,
                still_sha256="",
            )
        changes: list[Change] = []
        facts: dict[str, Any] = {"exterior": row.exterior, "mask_version": row.mask_version, "masks": len(row.masks)}
        private = {
            "why": why,
            "no_masks_why": no_masks_why,
            "masks": "; ".join(mask.why for mask in row.masks if mask.why),
        }
        entry = None
        if asked.area_kind:
            entry = self._entries.async_get(camera)
            refuse_private(call, asked.area_kind)
            policy = call.state.policy
            self._entries.async_check(policy, entry.title, asked.area_kind, asked.area_note, "tcp", questioned=True)
            place = {"area_kind": asked.area_kind, "area_note": asked.area_note.strip()}
            changes.append(entry_change(self._entries, entry, **place))
            facts |= {"area_kind": asked.area_kind, "area_before": entry.area_kind}
            private["area_note"] = asked.area_note
            row = rules.moved(row) if asked.area_kind != entry.area_kind else row
        form = LogForm(cameras=(camera,), facts=facts, private=private)
        await call.record([put("commissions", camera, row), *changes], form=form)
        if entry is not None:
            await store(call, self._entries, entry, form, area_kind=asked.area_kind, area_note=asked.area_note.strip())
        return commission_row(call.state, camera, call.now)

    @handles(types.CommissionApprove, scope=_approve_scope, log=_form)
    async def approve(self, call: Call[types.CommissionApprove]) -> types.CommissionRow:
        """Approve a camera. The policy was asked before; only what depends on the request is checked here."""
        asked = call.request
        entry = self._entries.async_get(asked.camera)
        row = _row(call, entry.entry_id)
        if row.state == "approved":
            raise Conflict(
                f"{entry.title} is already in use.",
                "To approve it again, first change its masks or record that it was moved.",
            )
        word = questionable_name(entry.title)
        if word and not asked.not_private:
            raise BadRequest(
                f"{entry.title!r} sounds like a private area ({word!r}), where cameras are not allowed (P5).",
                "Look at its still. If it shows no private area, add --not-private.",
            )
        typed = asked.still_sha256.strip().lower()
        if len(typed) < MIN_HASH_DIGITS or not row.still_sha256.startswith(typed):
            call.refuse(
                "P4",
                f"That is not the newest masked still of {entry.title} (P4).",
                f"Look at it: `holdshelf camera commission {entry.entry_id} --still FILE`, and give the hash that it prints.",
            )
        sha256 = common.paper(asked.paper_sha256, "A consent on paper", needed=False)
        now = call.now.utc_ns
        approved = msgspec.structs.replace(
            row, state="approved", approved_by=call.caller.who, approved_utc_ns=now, area_kind=entry.area_kind
        )
        facts = {
            "area_kind": entry.area_kind,
            "exterior": row.exterior,
            "mask_version": row.mask_version,
            "masks": len(row.masks),
            "still": row.still_sha256,
            "still_at": times.rfc3339(row.still_utc_ns) if row.still_utc_ns is not None else "",
            **({"confirmed_not_private": True} if word else {}),
            **({"paper": sha256, "approved_by": asked.seat} if sha256 else {}),
            **({"consulted": roles} if (roles := [r for r in asked.consulted if r in call.state.policy.roles]) else {}),
        }
        form = LogForm(cameras=(entry.entry_id,), facts=facts, private={"camera_name": entry.title})
        await call.record([put("commissions", entry.entry_id, approved)], form=form)
        return commission_row(call.state, entry.entry_id, call.now)

    def _few_enough(self, call: Call[types.CommissionStill], camera: str) -> None:
        """Limit the number of stills: they are for aiming and drawing masks, not for watching (P9)."""
        now = call.frame.clock.boot_ns()
        recent = self._shown.setdefault(camera, deque(maxlen=STILLS_PER_HOUR))
        if len(recent) == STILLS_PER_HOUR and now - recent[0] < HOUR_NS:
            call.refuse(
                "P9",
                f"Commissioning allows at most {STILLS_PER_HOUR} stills per camera per hour ({call.state.policy.quoted('P9')})",
                "Continue later, or approve the camera and open a purpose.",
            )
        recent.append(now)

    async def _newest(self, camera: str, burn: Burn) -> Picture:
        """Return the newest frame of the segment being written. Raises Unavailable, NotFound."""
        opened = self._store.opened
        recorder = self._recorder.cameras.get(camera)
        if opened is None or recorder is None:
            raise Unavailable(self._store.problem or "The media volume is not attached.")
        try:
            async with asyncio.timeout(STILL_WAIT_S):
                while True:
                    if recorder.is_recording:
                        growing = Growing(recorder.current_seq, recorder.current_start_utc_ns)
                        found = await asyncio.to_thread(find_newest, opened.footage, camera, growing)
                        try:
                            # Not found: it was closed just now, or its first key frame has not arrived yet.
                            with contextlib.suppress(NotFound):
                                if picture := await self._pictures.async_live(found.files, burn, camera):
                                    return picture
                        finally:
                            found.close()
                            self._pictures.forget_viewer(camera)
                    await asyncio.sleep(STILL_RETRY_S)
        except TimeoutError:
            raise Unavailable(
                f"{burn.camera_name} has no picture now: {recorder.reason or recorder.state}.",
                f"See `holdshelf camera check {camera}`.",
            ) from None
        except StorageError as error:
            raise Unavailable(str(error)) from None

    @handles(types.CommissionStill, scope=_scope, log=_still_form)
    async def still(self, call: Call[types.CommissionStill]) -> types.StillRow:
        """Log, decode, and log again with the hash: the masked still is the camera's reference from then on."""
        camera = self._entries.async_get(call.request.camera).entry_id
        self._few_enough(call, camera)
        row = _row(call, camera)
        masked = call.request.masked
        form = LogForm(
            cameras=(camera,),
            mode="live",
            facts={"masked": masked, "mask_version": row.mask_version, "most_pictures": 1},
        )
        await call.record(form=form)
        person = call.person
        burn = Burn(
            library=call.state.board.library,
            camera_name=call.state.camera_words(camera),
            person=person.name if person is not None else call.caller.who,
            log_seq=call.seq,
            masks=row.masks if masked else (),
            mask_version=row.mask_version if masked else 0,
            language=call.state.policy.language,
        )
        try:
            picture = await self._newest(camera, burn)
        except HoldshelfError:
            await _close(call, form, {"pictures": 0})
            raise
        sha256 = hashlib.sha256(picture.jpeg).hexdigest()
        async with call.authorizer.order:
            # The right, and masks drawn meanwhile, are checked again before the picture is sent.
            again = call.authorizer.decide(
                call.caller, call.action.permission, call.action.scope(call.request, call.state)
            )
            if not again.allowed:
                call.refuse(again.clause, again.sentence, again.who_can_help)
            now_row = _row(call, camera)
            if now_row.mask_version != row.mask_version:
                raise Conflict("The masks changed while the still was being made.", "Request another one.")
            changes = []
            if masked:
                taken = msgspec.structs.replace(now_row, still_utc_ns=picture.shown_utc_ns, still_sha256=sha256)
                changes.append(put("commissions", camera, taken))
            facts = {"pictures": 1, "sha256": sha256, "shown": times.rfc3339(picture.shown_utc_ns)}
            await _close(call, form, facts, changes)
        return types.StillRow(
            call.seq,
            camera,
            picture.jpeg,
            sha256,
            picture.shown_utc_ns,
            picture.width,
            picture.height,
            masked,
            row.mask_version,
            picture.picture_height,
        )
