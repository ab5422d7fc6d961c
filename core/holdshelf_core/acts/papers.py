"""Prints on request (P3, P17, P19): what stands on them, counted and nothing more; nobody is asked who wants one. And backups."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import msgspec

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import paper_cases, report
from holdshelf_core.acts.board import policy_file
from holdshelf_core.api import backup_local
from holdshelf_core.api import paper_types as papers
from holdshelf_core.api import types_board as types
from holdshelf_core.checklist_facts import with_checklist
from holdshelf_core.errors import BadRequest, Conflict, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.paper_facts import CameraSource, paper_facts, refusal_paper
from holdshelf_core.policy.case import Decision, Scope
from holdshelf_storage.errors import StorageError


async def _facts(call: Call[papers.PrintRequest]) -> papers.PaperFacts:
    if call.request.paper not in papers.PAPERS:
        raise BadRequest(f"{call.request.paper[:30]!r} is no paper.", "One of: " + ", ".join(papers.PAPERS) + ".")
    holdshelf, state = call.holdshelf, call.state
    refusal = _refusal(call)
    cameras = _cameras(call)
    paper_cases.check(call)
    caveats: list[str] = []
    quarter = await report.async_report(call)
    try:
        if quarter is None:
            await call.record()
    except Unavailable:
        if paper_cases.is_case(call.request) or refusal is not None:
            raise
        # A patron at the desk is not refused because a disk is full (P17): the count of prints is what suffers.
        call.unrecorded("print while the log is unwritable")
        caveats.append("The access log could not be written when this was printed.")
    text, adopted = "", state.adopted
    if adopted is not None and call.request.paper in ("policy", "release"):
        try:
            text = (await asyncio.to_thread(policy_file(holdshelf.paths.state, adopted.sha256).read_bytes)).decode()
        except (OSError, UnicodeDecodeError):
            caveats.append("The adopted text could not be read; see the library's website.")
    facts = paper_facts(
        board=state.board,
        adopted=adopted,
        policy_text=text,
        cameras=cameras,
        commissions=state.commissions,
        entrances=state.entrances.values() if call.request.paper == "checklist" else (),
        people=state.people,
        head=call.gate.log.head(),
        now_utc_ns=call.now.utc_ns,
        refusal=refusal,
        caveats=tuple(caveats),
    )
    if call.request.paper == "checklist":
        facts = with_checklist(facts, call.state, call.now)
    if quarter is not None:
        return msgspec.structs.replace(facts, report=quarter)
    return await paper_cases.async_add(call, facts)


def _cameras(call: Call[papers.PrintRequest]) -> list[CameraSource]:
    """Those of the checklist, which is the staff's and tells what is masked and why; no other paper is about cameras."""
    if call.request.paper != "checklist":
        return []

    def seen(*cameras: str) -> Decision:
        return call.gate.decide(call.caller, "camera.see", Scope(cameras=cameras))

    decision = seen()
    if not decision.allowed:
        call.refuse(decision.clause, decision.sentence, decision.who_can_help)
    # A segment with sound is refused when it is closed: what is on disk has none (P7).
    return [
        CameraSource(e.entry_id, e.title, e.area_kind, e.area_note, sound_found=False)
        for e in call.holdshelf.entries.async_all()
        if seen(e.entry_id).allowed
    ]


def _refusal(call: Call[papers.PrintRequest]) -> papers.RefusalPaper | None:
    """The sheet of one request, for who may see it; None for the sheet that names none, which is anybody's."""
    asked = call.request
    if not asked.release or asked.paper != "refusal":
        return None
    seen = call.gate.decide(call.caller, "release.see", Scope(target=asked.release))
    if not seen.allowed:
        call.refuse(seen.clause, seen.sentence, seen.who_can_help)
    row = call.state.releases[asked.release]
    approved_utc_ns = row.approved_utc_ns
    if approved_utc_ns is not None and not any(no.at_utc_ns >= approved_utc_ns for no in row.refusals):
        raise Conflict(
            f"{row.id} is approved: nothing more is needed.", f"Its form: `holdshelf print release {row.id}`."
        )
    return refusal_paper(call.state, row, call.now.zone)


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
                subject=(q.release or q.hold or q.share)[:20],
                facts={
                    "paper": q.paper[:20],
                    "quarter": report.quarter_fact(q.quarter),
                    **({"read_on": "screen"} if q.on_screen else {}),
                },
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
