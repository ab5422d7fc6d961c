"""Actions on entrances and their signs (P3): register one, attest its sign, waive it for some days, remove it.

A sign that lapses later is a repair and never stops recording; it prevents further cameras from being approved.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.cameras import commission_types as types
from holdshelf_core.cameras.commissioning import entrance_row
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.policy import model
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State
from holdshelf_core.times import DAY_NS

MAX_NAME_CHARS = 80


def find_entrance(state: State, typed: str) -> model.Entrance:
    """Find an entrance by id or exact name; removed ones are ignored. Raises NotFound."""
    present = [row for row in state.entrances.values() if row.removed_utc_ns is None]
    for row in present:
        if typed == row.id or typed.strip().casefold() == row.name.casefold():
            return row
    known = ", ".join(f"{row.id} ({row.name})" for row in present[:20]) or "none yet"
    raise NotFound(f"There is no entrance {typed[:40]!r}.", f"Known: {known}.")


def _id(state: State, typed: str) -> str:
    try:
        return find_entrance(state, typed).id
    except NotFound:
        return typed


def _scope[Q: msgspec.Struct](typed: Callable[[Q], str], why: Callable[[Q], str | None]) -> Callable[[Q, State], Scope]:
    return lambda q, state: Scope(target=_id(state, typed(q)), why=why(q))


@handles(
    types.EntranceAdd,
    log=lambda q: LogForm(private={"asked_for": q.name[:MAX_NAME_CHARS]}),
)
async def _add(call: Call[types.EntranceAdd]) -> types.EntranceRow:
    name = common.words(call.request.name, "The entrance's name", needed=True, most=MAX_NAME_CHARS)
    if any(r.name.casefold() == name.casefold() and r.removed_utc_ns is None for r in call.state.entrances.values()):
        raise Conflict(f"There is already an entrance named {name!r}.", "See `holdshelf entrance list`.")
    key = call.authorizer.store.next_id("entrances", "e")
    row = model.Entrance(key, name, sign=common.words(call.request.sign, "What hangs there", most=200))
    await call.record([put("entrances", key, row)], subject=key, private={"entrance": name, "sign": row.sign})
    return entrance_row(call.state, row, call.now)


@handles(
    types.EntranceAttest,
    scope=_scope(lambda q: q.entrance, lambda _q: None),
    log=lambda q: LogForm(private={"asked_for": q.entrance[:MAX_NAME_CHARS]}),
)
async def _attest(call: Call[types.EntranceAttest]) -> types.EntranceRow:
    asked, now, board = call.request, call.now, call.state.board
    row = find_entrance(call.state, asked.entrance)
    defect = common.words(asked.defect, "The defect", most=200)
    if not defect and not (asked.legible and asked.lit):
        raise BadRequest(
            "Attest a sign only if it is up, legible and lit (P3).",
            "Confirm with --legible and --lit, or describe what is wrong with --defect.",
        )
    checked = common.day_start_utc_ns(asked.on, "--on") if asked.on else now.utc_ns
    if checked > now.utc_ns:
        raise BadRequest("That date is in the future: attest a sign after checking it.", "Give an earlier --on.")
    latest = checked + board.sign_check_days * DAY_NS
    due = common.day_end_utc_ns(asked.next_check, "--next-check") if asked.next_check else latest
    if due > latest + DAY_NS:
        raise BadRequest(
            own_board(f"The Board requires signs to be checked every {board.sign_check_days} days."),
            "Give an earlier --next-check.",
        )
    if now.ended(due) and not defect:
        raise BadRequest("That check is so old that the next one is already due.", "Check the sign again.")
    fresh = msgspec.structs.replace(
        row,
        sign=common.words(asked.sign, "What hangs there", most=200) or row.sign,
        language=common.words(asked.language, "The sign's language", most=60) or row.language,
        checker=common.words(asked.checker, "Who looked", most=80),
        defect=defect,
        attested_by="" if defect else call.caller.who,
        attested_utc_ns=None if defect else checked,
        next_check_utc_ns=None if defect else due,
        # A sign that is up needs no waiver; one with a defect keeps its waiver.
        **({} if defect else {"waived_by": "", "waived_until_utc_ns": None, "waived_why": ""}),
    )
    if not defect and not fresh.sign:
        raise BadRequest(
            "The sign here is not described yet (P3).",
            "Say which text it has and its size: --sign 'version 1, 12 x 18 in'.",
        )
    facts = {
        "found": "defect" if defect else "legible and lit",
        "checked": times.rfc3339(checked),
        "next_check": times.rfc3339(due) if not defect else "",
    }
    private = {"entrance": row.name, "sign": fresh.sign, "checker": fresh.checker, "defect": defect}
    await call.record([put("entrances", row.id, fresh)], subject=row.id, facts=facts, private=private)
    return entrance_row(call.state, fresh, call.now)


@handles(
    types.EntranceWaive,
    scope=_scope(lambda q: q.entrance, lambda q: q.why),
    log=lambda q: LogForm(private={"asked_for": q.entrance[:MAX_NAME_CHARS]}),
)
async def _waive(call: Call[types.EntranceWaive]) -> types.EntranceRow:
    asked, now, most = call.request, call.now, call.state.board.waiver_days
    row = find_entrance(call.state, asked.entrance)
    why = common.words(asked.why, "Why there is no sign", needed=True)
    days = most if asked.days is None else asked.days
    if days < 1:
        raise BadRequest("A waiver lasts at least one day.", "Use a different --days.")
    if days > most:
        call.refuse("P3", f"A sign is waived for at most {most} days.", own_board("The Board sets how long."))
    if now.doubtful:
        raise Conflict(
            "This machine's clocks disagree, so nothing can be granted for a limited time.",
            "Have the admin confirm the time: `holdshelf clock confirm`.",
        )
    until = now.earliest_utc_ns + days * DAY_NS
    fresh = msgspec.structs.replace(row, waived_by=call.caller.who, waived_until_utc_ns=until, waived_why=why)
    again = row.waived_until_utc_ns is not None
    facts = {"until": times.rfc3339(until), "days": days, "again": again}
    await call.record(
        [put("entrances", row.id, fresh)], subject=row.id, facts=facts, private={"entrance": row.name, "why": why}
    )
    return entrance_row(call.state, fresh, call.now)


@handles(
    types.EntranceRemove,
    scope=_scope(lambda q: q.entrance, lambda _q: None),
    log=lambda q: LogForm(private={"asked_for": q.entrance[:MAX_NAME_CHARS]}),
)
async def _remove(call: Call[types.EntranceRemove]) -> types.EntranceRow:
    row = find_entrance(call.state, call.request.entrance)
    why = common.words(call.request.why, "Why it is no longer an entrance", needed=True)
    gone = msgspec.structs.replace(row, removed_utc_ns=call.now.utc_ns)
    await call.record([put("entrances", row.id, gone)], subject=row.id, private={"entrance": row.name, "why": why})
    return entrance_row(call.state, gone, call.now)
