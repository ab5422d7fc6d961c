"""Acts on the access log itself: reading it, verifying it, taking copies of it out, and going on after damage."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_board as types
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.log_check import async_check
from holdshelf_core.outbox.fetches import CLOSE, FETCH, fetched_words
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.state import State
from holdshelf_storage.access_lines import Entry
from holdshelf_storage.checkpoint import BadHead
from holdshelf_storage.errors import StorageError

MOST_ROWS = 5_000
MOST_EXPORT_BYTES = 64 << 20
HIDDEN_TEXTS = ("changes",)


def words_of(entry: dict[str, Any], texts: dict[str, str]) -> str:
    """One line for a person: what was done to what, and what came of it."""
    parts: list[str] = []
    if entry.get("subject"):
        parts.append(str(entry["subject"]))
    if entry.get("cameras"):
        parts.append(", ".join(map(str, entry["cameras"])))
    if entry.get("start") and entry.get("end"):
        start, end = times.parse_rfc3339(entry["start"]), times.parse_rfc3339(entry["end"])
        parts.append(f"{times.local_words(start)} to {times.local_words(end)}")
    if entry.get("purpose"):
        parts.append(str(entry["purpose"]))
    if entry.get("incident"):
        parts.append(f"no. {entry['incident']}")
    if entry.get("clause"):
        parts.append(f"refused under {entry['clause']}")
    parts += [f"{key} {value}" for key, value in entry.get("facts", {}).items() if not isinstance(value, (dict, list))]
    parts += [f"{key}: {text}" for key, text in texts.items() if key not in ("name", "source")]
    return "; ".join(parts)


def _row(entry: Entry, private: bool) -> types.LogEntryRow:
    known = (entry.private or {}) if private else {}
    texts = {key: text for key, text in known.items() if key not in HIDDEN_TEXTS}
    return types.LogEntryRow(entry.seq, entry.public, texts, words_of(entry.public, texts))


def _actors(state: State, typed: str) -> frozenset[str]:
    """Ids of whoever is, or was, called that; '' is everybody (an empty set). Raises NotFound."""
    if not typed or typed in ("admin", "service"):
        return frozenset([typed]) if typed else frozenset()
    known = {p.id for p in state.people.values() if typed == p.id or typed.strip().lower() == p.login}
    return frozenset(known or [common.find_person(state, typed).id])


def _matches(entry: dict[str, Any], asked: types.LogShow, actors: frozenset[str]) -> bool:
    at = times.parse_rfc3339(entry["at"])
    return (
        (not actors or entry.get("person") in actors)
        and (not asked.camera or asked.camera in entry.get("cameras", ()))
        and (not asked.action or str(entry.get("action", "")).startswith(asked.action))
        and (asked.since_utc_ns is None or at >= asked.since_utc_ns)
        and (asked.until_utc_ns is None or at < asked.until_utc_ns)
    )


def _with_end(
    row: types.LogEntryRow, closed: Mapping[int, Mapping[str, Any]] | None, under_way: frozenset[int], size: int
) -> types.LogEntryRow:
    """A fetch with how much of the file left. ``closed`` None: its end may lie beyond what was read; ``size``: of the log when
    it was asked what is ``under_way``."""
    if row.entry.get("action") != FETCH or row.entry.get("outcome") != "done" or closed is None:
        return row
    seq = row.seq
    fetching = seq not in closed and (seq in under_way or seq > size)
    end = "being fetched" if fetching else fetched_words(row.entry, closed.get(seq))
    return msgspec.structs.replace(row, words=f"{row.words}; {end}" if row.words else end)


async def _show(call: Call[types.LogShow]) -> types.LogRows:
    asked = call.request
    if not 1 <= asked.most <= MOST_ROWS:
        raise BadRequest(f"Between 1 and {MOST_ROWS} entries are shown at a time.", "Give another --most.")
    actors = _actors(call.state, asked.person)
    log = call.gate.log
    # Names and notes are for the seats; the admin is shown the public form (P21).
    private = call.gate.decide(call.caller, "log.see", Scope(private=True)).allowed
    await call.record()

    under_way, size = call.holdshelf.outboxes.fetches.under_way(), log.size

    def read() -> types.LogRows:
        found: deque[types.LogEntryRow] = deque(maxlen=asked.most)
        closed: dict[int, Mapping[str, Any]] = {}
        for entry in log.read(asked.first, asked.last):
            if entry.public.get("action") == CLOSE:
                closed[int(entry.public.get("facts", {}).get("fetch", 0))] = entry.public
            if _matches(entry.public, asked, actors):
                found.append(_row(entry, private))
        ends = closed if asked.last is None else None
        return types.LogRows([_with_end(row, ends, under_way, size) for row in found], log.size, log.head())

    return await asyncio.to_thread(read)


async def _verify(call: Call[types.LogVerify]) -> types.LogVerified:
    holdshelf = call.holdshelf
    # A damaged log takes no entry, and is just what must be examined: this act alone does not insist on its own.
    if call.gate.log.problem is None:
        await call.record()
    else:
        call.unrecorded("verification of a damaged log")
    try:
        report = await async_check(holdshelf, call.request.against, call.request.key)
    except BadHead as error:
        raise BadRequest(
            f"What was given to compare with {error}.", "Give a head as `holdshelf log head` prints it."
        ) from None
    except StorageError as error:
        raise Unavailable("The access log cannot be read.", str(error)) from None
    return types.LogVerified(report.entries, report.head, report.problems, report.against, report.key)


async def _export(call: Call[types.LogExport]) -> types.LogExported:
    asked, log = call.request, call.gate.log
    await call.record(facts={"public": asked.public, "first": min(asked.first, 2**50)})
    parts: list[bytes] = []
    size = 0

    def take(part: bytes) -> None:
        nonlocal size
        size += len(part)
        if size > MOST_EXPORT_BYTES:
            raise BadRequest(
                f"The copy would be larger than {MOST_EXPORT_BYTES >> 20} MB.",
                "Take it in parts, with --first and --last; each of them verifies by itself.",
            )
        parts.append(part)

    def copy() -> types.LogExported:
        last = log.size if asked.last is None else asked.last
        log.export(take, public=asked.public, first=asked.first, last=last)
        return types.LogExported(b"".join(parts).decode(), asked.first, last, log.size)

    try:
        return await asyncio.to_thread(copy)
    except ValueError:
        raise BadRequest(
            f"There are no such entries: the access log has {log.size}.", "Give another --first or --last."
        ) from None
    except StorageError as error:
        raise Unavailable("The access log cannot be copied.", str(error)) from None


async def _repair(call: Call[types.LogRepair]) -> types.LogHead:
    why = common.words(call.request.why, "Why the log goes on anew", needed=True)
    await call.gate.async_continue_log(call, why)
    return types.LogHead(call.gate.log.head(), call.gate.log.size, str(call.gate.log.public_key))


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""

    def everywhere(_q: object, _s: object) -> Scope:
        return Scope()

    registry.register(
        Action(
            "log.show",
            "log.see",
            types.LogShow,
            types.LogRows,
            _show,
            everywhere,
            lambda q: LogForm(facts={"first": min(q.first, 2**50) if q.first > 1 else "", "of": q.action[:40]}),
        )
    )
    registry.register(
        Action(
            "log.verify", "log.verify", types.LogVerify, types.LogVerified, _verify, everywhere, lambda _q: LogForm()
        )
    )
    registry.register(
        Action(
            "log.export",
            "log.export",
            types.LogExport,
            types.LogExported,
            _export,
            lambda q, _s: Scope(private=not q.public),
            lambda _q: LogForm(),
        )
    )
    registry.register(
        Action(
            "log.repair",
            "log.repair",
            types.LogRepair,
            types.LogHead,
            _repair,
            everywhere,
            lambda _q: LogForm(),
            changes=True,
        )
    )
