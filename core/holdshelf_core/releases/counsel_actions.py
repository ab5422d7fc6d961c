"""Actions on counsel's determinations (P13): which requests may proceed under the statute, on counsel's paper, until when."""

from __future__ import annotations

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.statute import determinable
from holdshelf_core.releases import types

MAX_AGENCIES = 32


class CounselActs:
    """Actions on counsel's determinations."""

    def __init__(self, cameras: common.KnownCameras) -> None:
        self._cameras = cameras

    @handles(
        types.CounselRecord,
        scope=lambda q, _s: Scope(paper_sha256=q.paper_sha256),
        log_in=lambda q, s: LogForm(facts={"bases": [basis for basis in q.bases if basis in s.policy.bases]}),
    )
    async def record(self, call: Call[types.CounselRecord]) -> Done:
        asked = call.request
        determined = determinable(call.state.policy)
        unknown = sorted(set(asked.bases) - set(determined))
        if unknown or not asked.bases:
            raise BadRequest(
                f"Not a basis that counsel can determine: {', '.join(unknown)[:60] or 'none given'}.",
                "Some of: " + ", ".join(determined) + ".",
            )
        end = common.day_end_utc_ns(asked.last_day, "--until")
        if call.now.ended(end):
            raise BadRequest("The determination's last day has passed.", "Give a later --until.")
        if len(asked.agencies) > MAX_AGENCIES:
            raise BadRequest(
                f"A determination names at most {MAX_AGENCIES} agencies.", "Record another one for the rest."
            )
        key = call.authorizer.store.next_id("determinations", "D", call.now.year)
        row = model.Determination(
            id=key,
            paper_sha256=common.paper(asked.paper_sha256, "A determination by counsel"),
            bases=tuple(sorted(set(asked.bases))),
            end_utc_ns=end,
            cameras=common.camera_ids(self._cameras, asked.cameras) if asked.cameras is not None else None,
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

    @handles(types.CounselEnd, scope=lambda q, _s: Scope(target=q.id), log=lambda q: LogForm(subject=q.id[:20]))
    async def end(self, call: Call[types.CounselEnd]) -> Done:
        row = common.find_row(dict(call.state.determinations), call.request.id, "determination")
        if row.ended_utc_ns is not None:
            raise Conflict(f"The determination {row.id} has already ended.")
        why = common.words(call.request.why, "Why the determination ends", needed=True)
        ended = msgspec.structs.replace(row, ended_utc_ns=call.now.utc_ns, ended_why=why)
        seq = await call.record([put("determinations", row.id, ended)], subject=row.id, private={"why": why})
        return Done(seq, row.id)

    @handles(types.CounselListAsk)
    async def list_determinations(self, call: Call[types.CounselListAsk]) -> types.CounselList:
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
