"""Actions on the access log itself: reading it, verifying it, and continuing after damage. ``copy_actions`` makes copies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.access_log import types
from holdshelf_core.access_log.check import async_check
from holdshelf_core.access_log.endings import Endings, is_opening
from holdshelf_core.access_log.looked import DELIVER, LookedSearch, Question, Rows, showing, shown_by
from holdshelf_core.access_log.offline import mistyped
from holdshelf_core.access_log.register_care import RegisterCare
from holdshelf_core.access_log.repair import async_continue_log
from holdshelf_core.access_log.skim import between, may_have
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.register_check import row_words
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.errors import BadRequest, NotFound, Unavailable
from holdshelf_core.looks.looks import Looks
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.purposes import incident_problem
from holdshelf_core.policy.state import State
from holdshelf_core.timestamps.timestamps import Timestamps
from holdshelf_core.witnesses.reading import signed_by, witness_keys
from holdshelf_core.witnesses.witnesses import Witnesses
from holdshelf_storage.access_log.checkpoint import BadHead
from holdshelf_storage.access_log.lines import Entry
from holdshelf_storage.errors import StorageError

READS_AT_ONCE = 2
"""Recording comes first for threads: a search for someone's old actions reads the whole log."""
HIDDEN_TEXTS = ("changes",)
_PEOPLE = ("approved_by", "designee", "holder", "requested_by", "with")
"""Facts that hold a person's id."""


def _row(entry: Entry, private: bool) -> types.LogEntryRow:
    known = (entry.private or {}) if private else {}
    return types.LogEntryRow(
        entry.seq, entry.public, {key: text for key, text in known.items() if key not in HIDDEN_TEXTS}
    )


def _actors(state: State, typed: str) -> frozenset[str]:
    """Return the ids of everyone who has or had that name; an empty set for '' (everyone). Raises NotFound."""
    if not typed or typed in ("admin", "service"):
        return frozenset([typed]) if typed else frozenset()
    known = {p.id for p in state.people.values() if typed == p.id or typed.strip().lower() == p.login}
    return frozenset(known or [common.find_person(state, typed).id])


def _matches(entry: Mapping[str, Any], asked: types.LogShow, actors: frozenset[str], camera: str) -> bool:
    return (
        (not actors or entry.get("person") in actors)
        and (not camera or camera in entry.get("cameras", ()))
        and (not asked.incident or asked.incident.casefold() == str(entry.get("incident", "")).casefold())
        and (not asked.action or str(entry.get("action", "")).startswith(asked.action))
        and within(entry, asked.since_utc_ns, asked.until_utc_ns)
    )


def within(entry: Mapping[str, Any], since_utc_ns: int | None, until_utc_ns: int | None) -> bool:
    """Return whether the entry's wall clock time is in this span; None leaves that side open."""
    if since_utc_ns is None and until_utc_ns is None:
        return True
    at = times.parse_rfc3339(entry["at"])
    return (since_utc_ns is None or at >= since_utc_ns) and (until_utc_ns is None or at < until_utc_ns)


def _asked_form(q: types.LogShow) -> LogForm:
    """Return the form of a reading: of which entries; who looked also says at what."""
    of = "looks" if q.looks else q.action[:40]
    facts = {"first": min(q.first, 2**50) if q.first > 1 else "", "of": of, "public": q.public or None}
    if not q.looks:
        return LogForm(facts=facts)
    numbered = incident_problem(q.incident.strip()) is None
    return LogForm(
        start_utc_ns=q.since_utc_ns,
        end_utc_ns=q.until_utc_ns,
        incident=q.incident.strip() if numbered else "",
        facts=facts,
        private={"asked_for": ", ".join(one[:80] for one in (q.person, q.camera) if one)},
    )


def _names(state: State, rows: Sequence[types.LogEntryRow], *, people: bool) -> dict[str, str]:
    """Return the names by id of the cameras and people in these entries."""
    cameras = {str(camera) for row in rows for camera in (*row.entry.get("cameras", ()), *row.cameras)}
    names = {role: state.policy.role_words(role) for role in state.policy.roles}
    names |= {camera: state.camera_words(camera) for camera in cameras}
    if people:
        ids = {str(one) for row in rows for one in (row.entry.get("person", ""), row.entry.get("subject", ""))}
        ids |= {str(row.entry.get("facts", {}).get(fact, "")) for row in rows for fact in _PEOPLE}
        names |= {one: state.people[one].name for one in ids if one in state.people}
    return names


def _asked_names(state: State, asked: types.LogShow, camera: str, actors: frozenset[str]) -> dict[str, str]:
    """Return what was asked for by name, as it was typed."""
    names = {asked.camera: state.camera_words(camera)} if asked.camera else {}
    if asked.person and not asked.public:
        names[asked.person] = state.name_of(next(iter(sorted(actors))))
    return names


class LogActs:
    """Actions on the access log."""

    def __init__(
        self, outboxes: Outboxes, looks: Looks, care: RegisterCare, witnesses: Witnesses, timestamps: Timestamps
    ) -> None:
        self._outboxes, self._looks, self._care = outboxes, looks, care
        self._witnesses, self._timestamps = witnesses, timestamps
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    @handles(types.LogShow, log=_asked_form)
    async def show(self, call: Call[types.LogShow]) -> types.LogRows:
        asked = call.request
        if not 1 <= asked.most <= types.MOST_ROWS:
            raise BadRequest(
                f"This command shows between 1 and {types.MOST_ROWS} entries at a time.", "Use a different --most."
            )
        state, log = call.state, call.authorizer.log
        actors, camera = _actors(state, asked.person), state.camera_id(asked.camera)
        # Names and notes are for officials only; the admin sees the public form (P21).
        private = not asked.public and call.authorizer.decide(call.caller, "log.see", Scope(private=True)).allowed
        await call.record(form=replace(call.form, cameras=(camera,) if camera in state.cameras else ()))

        endings = Endings(self._outboxes.fetches.under_way() | self._looks.under_way(), log.size)
        shows = showing(call.authorizer.registry.all()) if asked.looks else {}
        rows = Rows(dict(state.shares), dict(state.releases), dict(state.holds))
        go_on = call.frame.go_on

        def read() -> types.LogRows:
            # From the end: the newest entries are wanted, and reading stops once there are enough.
            found: list[types.LogEntryRow] = []

            def wanted(entry: Mapping[str, Any]) -> bool:
                go_on()
                return _matches(entry, asked, actors, camera)

            test = may_have(asked, actors, camera, go_on)
            for entry in log.read_back(asked.first, asked.last, wanted, test, between(asked)):
                found.append(_row(entry, private))
                if len(found) >= asked.most:
                    break
            endings.find(log, [row.seq for row in found if is_opening(row)], go_on)
            return types.LogRows([endings.told(row) for row in reversed(found)], log.size, log.head())

        def told(entry: Entry) -> types.LogEntryRow:
            row = _row(entry, private)
            # Read up to an earlier entry, its end may be beyond what was read.
            return endings.told(row) if asked.last is None else row

        def look_for() -> types.LogRows:
            def wanted(entry: Mapping[str, Any]) -> bool:
                go_on()
                endings.note(entry)
                # A sheet that was delivered is read whoever did it: somebody else may have fetched it.
                return bool(shown_by(entry, shows)) and (is_theirs(entry) or entry["action"] == DELIVER)

            def is_theirs(entry: Mapping[str, Any]) -> bool:
                return not actors or entry.get("person") in actors

            def opening(seq: int) -> Mapping[str, Any] | None:
                return next((entry.public for entry in log.read_back(seq, seq)), None)

            question = Question(actors, camera, asked.incident.strip(), asked.since_utc_ns, asked.until_utc_ns)
            search = LookedSearch(question, rows, opening, asked.most)
            for entry in log.read_back(asked.first, asked.last, wanted):
                search.take(told(entry), shown_by(entry.public, shows))
            return types.LogRows(search.rows(), log.size, log.head(), left_out=search.left_out)

        async with self._turns:
            answer = await asyncio.to_thread(look_for if asked.looks else read)
        if (
            asked.looks
            and camera
            and not answer.entries
            and not (camera in state.cameras or camera in state.commissions)
        ):
            # A mistyped name must not read as "nobody looked".
            raise NotFound(f"There is no camera {asked.camera[:40]!r}.", "`holdshelf camera list` shows them.")
        purposes = {str(row.entry["purpose"]) for row in answer.entries if row.entry.get("purpose")}
        return msgspec.structs.replace(
            answer,
            names=_names(state, answer.entries, people=private) | _asked_names(state, asked, camera, actors),
            purposes={one: state.policy.purpose_words(one) for one in purposes},
        )

    @handles(types.ReadHead)
    async def head(self, asked: Reading[types.ReadHead]) -> types.LogHead:
        """Return the signed head, the highest one that a witness has signed, and which is stamped."""
        log, (note, signed) = asked.authorizer.log, self._witnesses.newest()
        stamped = self._timestamps.newest()
        return types.LogHead(log.head(), log.size, str(log.public_key), str(log.problem or ""), note, signed, stamped)

    @handles(types.LogVerify)
    async def verify(self, call: Call[types.LogVerify]) -> types.LogVerified:
        keys = [*self._witnesses.keys(), *witness_keys(call.request.witness_keys)]
        # A damaged log accepts no entry but is exactly what must be examined, so only this action runs without one.
        if call.authorizer.log.problem is None:
            await call.record()
        else:
            call.unrecorded("verification of a damaged log")
        try:
            signed, unknown = signed_by(call.request.against, keys)
            report = await async_check(self._care, call.request.against, call.request.key)
        except BadHead as error:
            raise BadRequest(
                f"What was given to compare with {error}.", "Give a head as `holdshelf log head` prints it."
            ) from None
        except StorageError as error:
            raise Unavailable("The access log cannot be read.", str(error)) from None
        if report.typing and not report.problems:
            raise mistyped(report.typing)
        house = call.authorizer.store
        rows = house.by_log
        differ = [row_words(one, rows) for one in house.differences] if rows is not None else []
        register = [f"The register's {words} is not what the access log says." for words in differ]
        known = (report.against, report.key, register, signed, unknown, "", report.policies)
        return types.LogVerified(report.entries, report.head, report.problems, *known)

    @handles(types.LogRepair)
    async def repair(self, call: Call[types.LogRepair]) -> types.LogHead:
        why = common.words(call.request.why, "Why a new log is started", needed=True)
        await async_continue_log(call, self._care.entries, why)
        self._care.seen.async_note()
        return types.LogHead(call.authorizer.log.head(), call.authorizer.log.size, str(call.authorizer.log.public_key))
