"""Acts on entrances and their signs (P3): register one, attest its sign, go without for some days, take it off.

A sign that lapses later is a repair and never stops a recording; it keeps further cameras from being approved.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_commission as types
from holdshelf_core.commissioning import entrance_row
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State

MAX_NAME_CHARS = 80


def find_entrance(state: State, typed: str) -> model.Entrance:
    """By id or exact name, removed ones left out. Raises NotFound."""
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


async def _add(call: Call[types.EntranceAdd]) -> types.EntranceRow:
    name = common.words(call.request.name, "The entrance's name", needed=True, most=MAX_NAME_CHARS)
    if any(r.name.casefold() == name.casefold() and r.removed_utc_ns is None for r in call.state.entrances.values()):
        raise Conflict(f"There is an entrance {name!r} already.", "See `holdshelf entrance list`.")
    key = call.gate.house.next_id("entrances", "e")
    row = model.Entrance(key, name, sign=common.words(call.request.sign, "What hangs there", most=200))
    await call.record([put("entrances", key, row)], subject=key, private={"entrance": name, "sign": row.sign})
    return entrance_row(call.state, row, call.now)


async def _attest(call: Call[types.EntranceAttest]) -> types.EntranceRow:
    asked, now, board = call.request, call.now, call.state.board
    row = find_entrance(call.state, asked.entrance)
    defect = common.words(asked.defect, "The defect", most=200)
    if not defect and not (asked.legible and asked.lit):
        raise BadRequest(
            "A sign is attested only when it is up, legible and lit (P3).",
            "Say so with --legible and --lit, or say what is wrong with --defect.",
        )
    checked = common.day_start_utc_ns(asked.on, "--on") if asked.on else now.utc_ns
    if checked > now.utc_ns:
        raise BadRequest("A sign is attested after it was looked at, not before.", "Give an earlier --on.")
    latest = checked + board.sign_check_days * common.DAY_NS
    due = common.day_end_utc_ns(asked.next_check, "--next-check") if asked.next_check else latest
    if due > latest + common.DAY_NS:
        raise BadRequest(
            f"The Board has signs checked every {board.sign_check_days} days.", "Give an earlier --next-check."
        )
    if now.ended(due) and not defect:
        raise BadRequest("That check is so old that the next one is due already.", "Look at the sign again.")
    fresh = msgspec.structs.replace(
        row,
        sign=common.words(asked.sign, "What hangs there", most=200) or row.sign,
        language=common.words(asked.language, "The sign's language", most=60) or row.language,
        checker=common.words(asked.checker, "Who looked", most=80),
        defect=defect,
        attested_by="" if defect else call.caller.who,
        attested_utc_ns=None if defect else checked,
        next_check_utc_ns=None if defect else due,
        # A sign that is up needs no waiver; one with a defect keeps the one that it has.
        **({} if defect else {"waived_by": "", "waived_until_utc_ns": None, "waived_why": ""}),
    )
    if not defect and not fresh.sign:
        raise BadRequest("What hangs there is not known yet (P3).", "Say it with --sign: text version and size.")
    facts = {
        "found": "defect" if defect else "legible and lit",
        "checked": times.rfc3339(checked),
        "next_check": times.rfc3339(due) if not defect else "",
    }
    private = {"entrance": row.name, "sign": fresh.sign, "checker": fresh.checker, "defect": defect}
    await call.record([put("entrances", row.id, fresh)], subject=row.id, facts=facts, private=private)
    return entrance_row(call.state, fresh, call.now)


async def _waive(call: Call[types.EntranceWaive]) -> types.EntranceRow:
    asked, now, most = call.request, call.now, call.state.board.waiver_days
    row = find_entrance(call.state, asked.entrance)
    why = common.words(asked.why, "Why there is no sign", needed=True)
    days = most if asked.days is None else asked.days
    if days < 1:
        raise BadRequest("A waiver lasts at least a day.", "Give another --days.")
    if days > most:
        call.refuse("P3", f"A sign is waived for at most {most} days.", "The Board sets how long.")
    if now.doubtful:
        raise Conflict(
            "The clocks of this machine disagree, so nothing is granted for a time.",
            "Have the time confirmed: `holdshelf clock confirm`.",
        )
    until = now.earliest_utc_ns + days * common.DAY_NS
    fresh = msgspec.structs.replace(row, waived_by=call.caller.who, waived_until_utc_ns=until, waived_why=why)
    again = row.waived_until_utc_ns is not None
    facts = {"until": times.rfc3339(until), "days": days, "again": again}
    await call.record(
        [put("entrances", row.id, fresh)], subject=row.id, facts=facts, private={"entrance": row.name, "why": why}
    )
    return entrance_row(call.state, fresh, call.now)


async def _remove(call: Call[types.EntranceRemove]) -> types.EntranceRow:
    row = find_entrance(call.state, call.request.entrance)
    why = common.words(call.request.why, "Why it is no entrance any more", needed=True)
    gone = msgspec.structs.replace(row, removed_utc_ns=call.now.utc_ns)
    await call.record([put("entrances", row.id, gone)], subject=row.id, private={"entrance": row.name, "why": why})
    return entrance_row(call.state, gone, call.now)


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""

    def scope[Q: msgspec.Struct](
        typed: Callable[[Q], str], why: Callable[[Q], str | None]
    ) -> Callable[[Q, State], Scope]:
        return lambda q, state: Scope(target=_id(state, typed(q)), why=why(q))

    registry.register(
        Action(
            "entrance.add",
            "entrance.edit",
            types.EntranceAdd,
            types.EntranceRow,
            _add,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"asked_for": q.name[:MAX_NAME_CHARS]}),
            changes=True,
        )
    )
    registry.register(
        Action(
            "entrance.attest",
            "entrance.attest",
            types.EntranceAttest,
            types.EntranceRow,
            _attest,
            scope(lambda q: q.entrance, lambda _q: None),
            lambda q: LogForm(private={"asked_for": q.entrance[:MAX_NAME_CHARS]}),
            changes=True,
        )
    )
    registry.register(
        Action(
            "entrance.waive",
            "entrance.waive",
            types.EntranceWaive,
            types.EntranceRow,
            _waive,
            scope(lambda q: q.entrance, lambda q: q.why),
            lambda q: LogForm(private={"asked_for": q.entrance[:MAX_NAME_CHARS]}),
            changes=True,
        )
    )
    registry.register(
        Action(
            "entrance.remove",
            "entrance.edit",
            types.EntranceRemove,
            types.EntranceRow,
            _remove,
            scope(lambda q: q.entrance, lambda _q: None),
            lambda q: LogForm(private={"asked_for": q.entrance[:MAX_NAME_CHARS]}),
            changes=True,
        )
    )
