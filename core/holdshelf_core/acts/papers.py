"""Prints on request (P3, P17, P19): what stands on them, counted and nothing more; nobody is asked who wants one. And backups."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts.board import policy_file
from holdshelf_core.api import backup_local
from holdshelf_core.api import paper_types as papers
from holdshelf_core.api import types_board as types
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.paper_facts import CameraSource, paper_facts, refusal_paper
from holdshelf_core.policy.case import Scope
from holdshelf_storage.errors import StorageError


async def _facts(call: Call[papers.PrintRequest]) -> papers.PaperFacts:
    if call.request.paper not in papers.PAPERS:
        raise BadRequest(f"{call.request.paper[:30]!r} is no paper.", "One of: " + ", ".join(papers.PAPERS) + ".")
    holdshelf, state = call.holdshelf, call.state
    refusal = _refusal(call)
    caveats: list[str] = []
    try:
        await call.record()
    except Unavailable:
        # A patron at the desk is not refused because a disk is full (P17): the count of prints is what suffers.
        call.unrecorded("print while the log is unwritable")
        caveats.append("The access log could not be written when this was printed.")
    text, adopted = "", state.adopted
    if adopted is not None and call.request.paper == "policy":
        try:
            text = (await asyncio.to_thread(policy_file(holdshelf.paths.state, adopted.sha256).read_bytes)).decode()
        except (OSError, UnicodeDecodeError):
            caveats.append("The adopted text could not be read; see the library's website.")
    return paper_facts(
        board=state.board,
        adopted=adopted,
        policy_text=text,
        # A segment with sound is refused when it is closed: what is on disk has none (P7).
        cameras=[
            CameraSource(e.entry_id, e.title, e.area_kind, e.area_note, sound_found=False)
            for e in holdshelf.entries.async_all()
        ],
        commissions=state.commissions,
        entrances=state.entrances.values(),
        people=state.people,
        head=call.gate.log.head(),
        now_utc_ns=call.now.utc_ns,
        refusal=refusal,
        caveats=tuple(caveats),
    )


def _refusal(call: Call[papers.PrintRequest]) -> papers.RefusalPaper | None:
    """The sheet of one request, for who may see it; None for the sheet that names none, which is anybody's."""
    asked = call.request
    if not asked.release or asked.paper != "refusal":
        return None
    seen = call.gate.decide(call.caller, "release.see", Scope(target=asked.release))
    if not seen.allowed:
        call.refuse(seen.clause, seen.sentence, seen.who_can_help)
    return refusal_paper(call.state, call.state.releases[asked.release], call.now.zone)


async def _backup(call: Call[types.BackupMake]) -> backup_local.BackupDone:
    path = Path(call.request.file)
    if not path.is_absolute() or "\0" in call.request.file:
        raise BadRequest("The backup's file needs its whole path.", "Give /path/to/file.tar.")
    holdshelf = call.holdshelf
    logged = True
    if call.gate.log.problem is None:
        await call.record()
    else:
        # Before a damaged log is repaired, it is copied as it is.
        call.unrecorded("backup of a damaged log")
        logged = False
    try:
        await asyncio.to_thread(holdshelf.house.flush)
    except StorageError as error:
        raise Unavailable("The register cannot be written, so no backup was made.", str(error)) from None
    make = partial(
        backup_local.make, holdshelf.paths.data, path, logged=logged, promised=call.seq, stop=holdshelf.stop_threads
    )
    return await asyncio.to_thread(make)


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""
    registry.register(
        Action(
            "print.facts",
            "print",
            papers.PrintRequest,
            papers.PaperFacts,
            _facts,
            lambda _q, _s: Scope(),
            lambda q: LogForm(
                subject=q.release[:20],
                facts={"paper": q.paper[:20], **({"read_on": "screen"} if q.on_screen else {})},
            ),
        )
    )
    registry.register(
        Action(
            "backup.make",
            "backup",
            types.BackupMake,
            backup_local.BackupDone,
            _backup,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"file": q.file[:400]}),
        )
    )
