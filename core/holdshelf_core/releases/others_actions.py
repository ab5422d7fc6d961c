"""The question that a paper does not answer (P6, P13): are other people seen in what leaves, and are they masked?

It is answered before a second person approves, so that they approve what leaves; after that the answer stays. In imminent danger
the video may leave first. Boxes are checked here and burned in with the camera's masks when the bundle is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.holds.holds import Holds
from holdshelf_core.looks.looks import Looks
from holdshelf_core.looks.picture_actions import with_ids
from holdshelf_core.policy import model
from holdshelf_core.policy import releases as rules
from holdshelf_core.policy.asked import hides_others
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.redaction import boxes_problem
from holdshelf_core.releases import types
from holdshelf_core.releases.action_parts import find_release, form_of
from holdshelf_core.releases.bundle_builds import BundleBuilds
from holdshelf_core.releases.rows import async_unheld, release_row

ASK = (
    "See the pictures, then answer: “Others” on the Releases tab. As a command: `holdshelf release others {0} --none`, "
    "or with `--boxes FILE`, or `--unmasked --why TEXT`."
)


def check_answered(call: Call[Any], row: model.Release) -> None:
    """Refuse until somebody said whether others are seen."""
    if rules.answer_needed(row):
        call.refuse("P13", f"Nobody has said yet whether other people are seen in {row.id}.", ASK.format(row.id))
    if row.others is not None and row.others.seen and not row.others.boxes:
        _check_hidden(call, row)


def _check_hidden(call: Call[Any], row: model.Release) -> None:
    """Refuse to leave others in the picture where the basis has them hidden."""
    policy = call.state.policy
    if hides_others(policy, row):
        basis = policy.bases.get(row.basis)
        cites = policy.quoted("P13", basis.clause if basis is not None else "")
        call.refuse(
            "P13",
            f"On {policy.basis_words(row.basis)} nobody else is shown ({cites})",
            f"Draw boxes over the others: `holdshelf release others {row.id} --boxes FILE`, or “Others” on the Releases tab.",
        )


def narrowed(others: model.Others | None, given: Sequence[model.Span]) -> model.Others | None:
    """Return what an answer still says once no more than ``given`` leaves: with its boxes over that. None where none of them is
    left, so that it is asked again."""
    if others is None or not others.boxes:
        return others
    left = tuple(box for box in others.boxes if not boxes_problem([box], given))
    return msgspec.structs.replace(others, boxes=left) if left else None


def drawing_sha256(boxes: tuple[model.MovingBox, ...]) -> str:
    """Return the SHA-256 of the boxes as they are in the register; '' for none."""
    return hashlib.sha256(msgspec.json.encode(boxes)).hexdigest() if boxes else ""


class OthersActs:
    """The act that answers whether other people are seen in a release, and what is done about it."""

    def __init__(self, builds: BundleBuilds, holds: Holds, looks: Looks) -> None:
        self._builds, self._holds, self._looks = builds, holds, looks

    @handles(
        types.ReleaseOthers,
        scope=lambda q, _s: Scope(target=q.release),
        log=lambda q: LogForm(subject=q.release[:20]),
    )
    async def others(self, call: Call[types.ReleaseOthers]) -> types.ReleaseRow:
        asked = call.request
        row = find_release(call, asked.release, *rules.AWAITED, rules.EXPORTED)
        if rules.has_bundle(row):
            raise Conflict(
                f"{row.id} is exported: its bundle says what was answered.", "Request it again to change that."
            )
        if self._builds.is_under_way(row.id):
            raise Conflict(
                f"The bundle of {row.id} is being made, with what is answered so far.",
                f"Cancel it first: `holdshelf release export {row.id} --cancel`.",
            )
        is_approved = row.state == rules.EXPORTED or (row.state == "approved" and row.approved_by)
        if is_approved and row.others is not None:
            raise Conflict(
                f"{row.id} is approved as it is: {rules.others_words(row.others)}.",
                f"To change that, refuse it (`holdshelf release refuse {row.id}`) and request it again.",
            )
        boxes = with_ids(asked.boxes, call.state)
        why = common.words(asked.why, "The reason")
        if boxes and not asked.seen:
            raise BadRequest("Nobody else is seen, so there is nothing to draw over.", "Leave out the boxes.")
        if problem := boxes_problem(boxes, row.given):
            raise BadRequest(problem, "Correct it and send the boxes again.")
        if asked.seen and not boxes and not why:
            raise BadRequest("Others are seen and nothing is drawn over them.", "Draw boxes, or say why not.")
        if asked.seen and not boxes:
            _check_hidden(call, row)
        if boxes and row.original:
            raise Conflict(
                f"{row.id} is released as the original recording, with nothing masked.",
                "Say instead why the others are not masked.",
            )
        looked = self._looks.seen(call.caller.who, row.given)
        others = model.Others(asked.seen, call.caller.who, call.now.utc_ns, boxes, why, looked)
        answered = msgspec.structs.replace(row, others=others, version=row.version + 1)
        await call.record(
            [put("releases", row.id, answered)],
            form=form_of(answered, call.state.policy),
            facts={"drawing": drawing_sha256(boxes), "looked": looked},
            private={"others_why": why},
        )
        free = await async_unheld(self._holds, call.state, answered)
        return release_row(call.state, answered, call.caller, call.now, free=free, seq=call.seq)
