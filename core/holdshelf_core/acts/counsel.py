"""Acts on counsel's determinations (P13): which requests may go on under the statute, on counsel's paper, until when."""

from __future__ import annotations

from datetime import datetime

import msgspec
from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_releases as types
from holdshelf_core.api.types_people import Done
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.releases import BASES, EMERGENCY, PERMISSION

DETERMINED = tuple(basis for basis in BASES if basis not in (EMERGENCY, PERMISSION))
"""What counsel can speak of: written permission passes by itself, and an emergency does not wait."""
MAX_AGENCIES = 32


async def _record(call: Call[types.CounselRecord]) -> Done:
    asked = call.request
    unknown = sorted(set(asked.bases) - set(DETERMINED))
    if unknown or not asked.bases:
        raise BadRequest(
            f"{', '.join(unknown)[:60] or 'Nothing'} is no basis that counsel determines.",
            "Some of: " + ", ".join(DETERMINED) + ".",
        )
    end = common.day_end_utc_ns(asked.last_day, "--until")
    if call.now.ended(end):
        raise BadRequest("The determination's last day has passed.", "Give a later --until.")
    if len(asked.agencies) > MAX_AGENCIES:
        raise BadRequest(f"A determination names at most {MAX_AGENCIES} agencies.", "Record another for the rest.")
    key = call.gate.house.next_id("determinations", "D", datetime.now(get_localzone()).year)
    row = model.Determination(
        id=key,
        paper_sha256=common.paper(asked.paper_sha256, "A determination by counsel"),
        bases=tuple(sorted(set(asked.bases))),
        end_utc_ns=end,
        cameras=common.camera_ids(call.holdshelf, asked.cameras) if asked.cameras is not None else None,
        agencies=tuple(common.words(name, "The agency", needed=True, most=120) for name in asked.agencies),
        by=call.caller.who,
        recorded_utc_ns=call.now.utc_ns,
    )
    facts = {
        "bases": list(row.bases),
        "cameras": list(row.cameras) if row.cameras is not None else ["*"],
        "until": times.rfc3339(end),
        "paper": row.paper_sha256,
    }
    seq = await call.record(
        [put("determinations", key, row)], subject=key, facts=facts, private={"agencies": "; ".join(row.agencies)}
    )
    return Done(seq, key)


async def _end(call: Call[types.CounselEnd]) -> Done:
    row = common.find_row(dict(call.state.determinations), call.request.id, "determination")
    if row.ended_utc_ns is not None:
        raise Conflict(f"The determination {row.id} has ended already.")
    why = common.words(call.request.why, "Why the determination ends", needed=True)
    ended = msgspec.structs.replace(row, ended_utc_ns=call.now.utc_ns, ended_why=why)
    seq = await call.record([put("determinations", row.id, ended)], subject=row.id, private={"why": why})
    return Done(seq, row.id)


async def _list(call: Call[types.CounselListAsk]) -> types.CounselList:
    await call.record()
    now = call.now
    return types.CounselList(
        [
            types.CounselRow(
                d.id,
                "ended" if d.ended_utc_ns is not None or now.ended(d.end_utc_ns) else "active",
                list(d.bases),
                list(d.cameras) if d.cameras is not None else None,
                list(d.agencies),
                d.end_utc_ns,
                d.ended_utc_ns,
                d.paper_sha256,
                d.by,
                d.recorded_utc_ns,
            )
            for d in sorted(call.state.determinations.values(), key=lambda d: d.id)
        ]
    )


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""
    registry.register(
        Action(
            "counsel.record",
            "counsel.record",
            types.CounselRecord,
            Done,
            _record,
            lambda q, _s: Scope(paper_sha256=q.paper_sha256),
            lambda q: LogForm(facts={"bases": [basis for basis in q.bases if basis in BASES]}),
            changes=True,
        )
    )
    registry.register(
        Action(
            "counsel.end",
            "counsel.end",
            types.CounselEnd,
            Done,
            _end,
            lambda q, _s: Scope(target=q.id),
            lambda q: LogForm(subject=q.id[:20]),
            changes=True,
        )
    )
    registry.register(
        Action(
            "counsel.list",
            "release.see",
            types.CounselListAsk,
            types.CounselList,
            _list,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
        )
    )
