"""Actions and reads on papers that are brought to a desk: send one, see what was sent and what is sealed, open a sealed one.

Whoever handles releases brings papers (P13). The holder of a seat opens a sealed one, with a reason, into their own outbox.
"""

from __future__ import annotations

import contextlib
from typing import Any

from aiohttp import web

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.api.exchange import BODY, answer, caller_of, whole_number
from holdshelf_core.errors import BadRequest, Refused, Unavailable
from holdshelf_core.outbox import scans, types
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.outbox.papers import Papers
from holdshelf_core.policy.standing import ask_seats, standing
from holdshelf_storage.outbox import outbox as disk

MAX_NAME_CHARS = 120


def _seated(asked: Call[Any] | Reading[Any]) -> bool:
    return bool(standing(asked.state, asked.caller.person, asked.now).seats)


class PaperActs:
    """The actions and reads, and the route that takes a paper's pieces."""

    def __init__(self, papers: Papers, outboxes: Outboxes) -> None:
        self._papers, self._outboxes = papers, outboxes

    @handles(types.BeginPaper)
    async def begin(self, asked: Reading[types.BeginPaper]) -> types.PaperBegun:
        if asked.caller.person is None:
            raise Refused("P11", "The admin cannot send papers here.", "Give the file of its scan.")
        log = asked.authorizer.log
        if log.problem is not None or log.unwritable is not None:
            raise Unavailable("The access log cannot be written, so no paper is taken.", "Recording continues.")
        name = common.words(asked.request.name, "The paper's name")[:MAX_NAME_CHARS]
        return types.PaperBegun(self._papers.begin(asked.caller, name))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [web.post(types.PIECE_PATH, self._piece)]

    async def _piece(self, request: web.Request) -> web.Response:
        data = request[BODY]
        if not 0 < len(data) <= types.MAX_PIECE_BYTES:
            raise BadRequest(f"A piece of a paper has 1 to {types.MAX_PIECE_BYTES} bytes.")
        offset = whole_number(request.query.get("offset", ""), "Where a piece begins is a whole number.")
        handle = request.query.get("handle", "")[:64]
        return answer(types.PieceTaken(self._papers.piece(caller_of(request), handle, offset, data)))

    @handles(types.TakePaper)
    async def take(self, call: Call[types.TakePaper]) -> types.SentPaper:
        if call.caller.person is None:
            call.refuse("P11", "The admin cannot send papers here.", "Give the file of its scan.")
        kept = call.state.board.paper_days

        async def record(sha256: str, kind: str, size: int, name: str) -> int:
            facts = {"sha256": sha256, "format": kind, "size": size, "kept_days": kept}
            return await call.record(facts=facts, private={"file": name})

        return await self._papers.async_take(call.caller, call.request.handle, record, kept)

    @handles(types.ReadPapers)
    async def read(self, asked: Reading[types.ReadPapers]) -> types.Papers:
        person, days = asked.caller.person, asked.state.board.paper_days
        if person is None:
            return types.Papers(days=days)
        kept: list[types.SealedPaper] = []
        if _seated(asked):
            # Without the media disk the one that was sent can be named all the same.
            with contextlib.suppress(Unavailable):
                kept = await self._papers.async_sealed()
        return types.Papers(self._papers.sent(person), kept, days)

    @handles(types.OpenPaper, log=lambda q: LogForm(facts={"begins": q.sha256[:8]}))
    async def open(self, call: Call[types.OpenPaper]) -> types.Delivered:
        person = call.caller.person
        if person is None or not _seated(call):
            who = ask_seats(call.state, call.now)
            call.refuse("P21", f"A sealed paper is opened by the {call.state.policy.titles()}.", who)
        why = common.words(call.request.why, "Why the paper is opened", needed=True)
        found = await self._papers.async_find(call.request.sha256)
        content = await self._papers.async_content(found)

        async def record(sha256: str, name: str) -> int:
            facts = {"sha256": sha256, "format": scans.WORDS.get(found.end, ""), "size": len(content)}
            return await call.record(facts=facts, private={"why": why, "file": f"/{disk.PRINTS}/{name}"})

        stem = f"Paper {found.sha256[:8]}"
        seq, where = await self._outboxes.async_put(person, disk.PRINTS, stem, found.end, content, record)
        return types.Delivered(seq, where)
