"""Sharing (P14): view only, to a named person, expiring; or a registered printed sheet. Also second reviews of flagged
actions."""

from __future__ import annotations

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.people import types
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.second import by_paper, reviewed
from holdshelf_core.policy.standing import share_counts
from holdshelf_core.times import DAY_NS

SCREEN_DAYS = 366
"""The longest that a screen has its pictures before somebody gives them again."""


class ShareActs:
    """The actions of sharing, and of second reviews."""

    def __init__(self, cameras: common.KnownCameras) -> None:
        self._cameras = cameras

    @handles(
        types.ShareMake,
        scope=lambda q, s: Scope(
            cameras=common.camera_scope(s, [q.camera]),
            start_utc_ns=q.start_utc_ns,
            end_utc_ns=q.end_utc_ns,
            # As it will be logged: an invisible character must not hide a word from the policy.
            purpose=common.words(q.purpose, "The purpose"),
            target=q.person,
        ),
        log=lambda q: LogForm(cameras=(q.camera[:64],), start_utc_ns=q.start_utc_ns, end_utc_ns=q.end_utc_ns),
    )
    async def make(self, call: Call[types.ShareMake]) -> Done:
        asked = call.request
        (camera,) = common.camera_ids(self._cameras, [asked.camera])
        common.check_span(asked.start_utc_ns, asked.end_utc_ns)
        if asked.kind not in ("view", "sheet"):
            raise BadRequest(f"{asked.kind[:20]!r} is not a way to share.", "Use view or sheet.")
        days = asked.days if asked.days is not None else call.state.board.share_days
        if not 1 <= days <= call.state.board.share_days:
            call.refuse(
                "P14",
                f"A share lasts 1 to {call.state.board.share_days} days.",
                "If it is still needed then, share it again.",
            )
        if asked.kind == "view":
            if not asked.person:
                raise BadRequest("A share must name a person.", "Enroll them first: `holdshelf person add`.")
            if not asked.confidentiality:
                call.refuse(
                    "P14",
                    "The person has not signed the confidentiality statement.",
                    "Have it signed, then add --confidentiality-signed.",
                )
            person = common.find_person(call.state, asked.person).id
            given_to = ""
        else:
            person, given_to = "", common.words(asked.given_to, "To whom the sheet is given", needed=True, most=80)
        now = call.now.utc_ns
        key = call.authorizer.store.next_id("shares", "V", call.now.year)
        row = model.Share(
            id=key,
            kind=asked.kind,
            person=person,
            camera=camera,
            start_utc_ns=asked.start_utc_ns,
            end_utc_ns=asked.end_utc_ns,
            expires_utc_ns=now + days * DAY_NS,
            purpose=common.words(asked.purpose, "The purpose", needed=True),
            by=call.caller.who,
            given_to=given_to,
            copy=sum(s.kind == "sheet" for s in call.state.shares.values()) + 1 if asked.kind == "sheet" else 0,
            confidentiality=asked.confidentiality,
        )
        form = LogForm(
            cameras=(camera,),
            start_utc_ns=row.start_utc_ns,
            end_utc_ns=row.end_utc_ns,
            mode="archive",
            subject=key,
            facts={"kind": row.kind, "with": person, "expires": times.rfc3339(row.expires_utc_ns), "copy": row.copy},
            private={"share_purpose": row.purpose, "given_to": given_to},
        )
        seq = await call.record([put("shares", key, row)], form=form)
        return Done(seq, key)

    @handles(
        types.ScreenGive,
        scope=lambda q, _s: Scope(target=q.person),
        log_in=lambda q, s: LogForm(facts={"screen": q.screen if q.screen in s.policy.screens else ""}),
    )
    async def give_screen(self, call: Call[types.ScreenGive]) -> Done:
        asked, screens = call.request, call.state.policy.screens
        if asked.screen not in screens:
            known = f"Known: {', '.join(screens)}." if screens else "The policy in force has no screens."
            raise BadRequest(f"The policy has no screen {asked.screen[:40]!r}.", known)
        days = SCREEN_DAYS if asked.days is None else asked.days
        if not 1 <= days <= SCREEN_DAYS:
            raise BadRequest(
                f"A screen is given its pictures for 1 to {SCREEN_DAYS} days at a time.",
                "Give fewer days, and give them again later.",
            )
        person = common.find_person(call.state, asked.person)
        if any(share_counts(call.state, row, call.now) for row in call.state.shares_of(person.id)):
            raise Conflict(f"Something is shared with {person.name} already.", "End that first, or enroll another.")
        now = call.now.utc_ns
        key = call.authorizer.store.next_id("shares", "V", call.now.year)
        row = model.Share(
            id=key,
            kind="live",
            person=person.id,
            camera="",
            start_utc_ns=now,
            end_utc_ns=now,
            expires_utc_ns=now + days * DAY_NS,
            purpose="",
            by=call.caller.who,
            screen=asked.screen,
        )
        facts = {"screen": asked.screen, "with": person.id, "expires": times.rfc3339(row.expires_utc_ns)}
        seq = await call.record([put("shares", key, row)], subject=key, facts=facts)
        return Done(seq, key)

    @handles(types.ShareEnd, scope=lambda q, _s: Scope(target=q.id), log=lambda q: LogForm(subject=q.id[:20]))
    async def end(self, call: Call[types.Ending]) -> Done:
        row = common.find_row(dict(call.state.shares), call.request.id, "share")
        if row.ended_utc_ns is not None:
            raise Conflict(f"The share {row.id} has already ended.")
        why = common.words(call.request.why, "Why the share ends", needed=True)
        ended = msgspec.structs.replace(row, ended_utc_ns=call.now.utc_ns)
        seq = await call.record([put("shares", row.id, ended)], subject=row.id, private={"why": why})
        return Done(seq, row.id)

    @handles(
        types.FlagReview,
        scope=lambda q, _s: Scope(target=q.flag, paper_sha256=q.paper_sha256 or None, paper_seat=q.seat),
        log=lambda q: LogForm(subject=q.flag[:20]),
    )
    async def review(self, call: Call[types.FlagReview]) -> Done:
        flag = common.find_row(dict(call.state.flags), call.request.flag, "flag")
        asked = call.request
        sha256 = common.paper(asked.paper_sha256, "A review on paper", needed=False)
        who = by_paper(asked.seat) if sha256 else call.caller.who
        note = common.words(asked.note, "What the review found", needed=True)
        after = msgspec.structs.replace(reviewed(call.state, flag, who, call.now), note=note or flag.note)
        seq = await call.record(
            [put("flags", flag.id, after)],
            subject=flag.id,
            facts={
                "kind": flag.kind,
                "of": flag.log_seq,
                **({"reviewed_by": asked.seat, "paper": sha256} if sha256 else {}),
            },
            private={"note": note},
        )
        left = max(0, after.needs - len(after.reviewed_by))
        return Done(seq, flag.id, "Reviewed." if not left else f"Reviewed; {left} more by another seat.")
