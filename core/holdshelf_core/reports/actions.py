"""Printing papers on request (P3, P17, P19): their content; prints are counted, and nobody is asked who wants one."""

from __future__ import annotations

import asyncio

import msgspec

from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.errors import BadRequest, Conflict, Unavailable
from holdshelf_core.people.board_actions import policy_text
from holdshelf_core.policy.case import Decision, Scope
from holdshelf_core.reports import case_papers
from holdshelf_core.reports import types as papers
from holdshelf_core.reports.case_papers import CasePapers
from holdshelf_core.reports.checklist_facts import with_checklist
from holdshelf_core.reports.paper_facts import CameraSource, paper_facts, refusal_paper
from holdshelf_core.reports.quarter_actions import QuarterActs, quarter_fact
from holdshelf_core.reports.report_types import DestroyedPaper, ReportPaper, RequestsPaper
from holdshelf_core.witnesses.witnesses import PAPER_S, Witnesses


def _refusal(call: Call[papers.PrintRequest]) -> papers.RefusalPaper | None:
    """Return the sheet of one request, for people who may see it; None for the general sheet, which anyone may have."""
    asked = call.request
    if not asked.release or asked.paper != "refusal":
        return None
    seen = call.authorizer.decide(call.caller, "release.see", Scope(target=asked.release))
    if not seen.allowed:
        call.refuse(seen.clause, seen.sentence, seen.who_can_help)
    row = call.state.releases[asked.release]
    approved_utc_ns = row.approved_utc_ns
    if approved_utc_ns is not None and not any(no.at_utc_ns >= approved_utc_ns for no in row.refusals):
        raise Conflict(
            f"{row.id} is approved. Nothing more is needed.", f"Its form: `holdshelf print release {row.id}`."
        )
    return refusal_paper(call.state, row, call.now)


class PrintActs:
    """Printing papers."""

    def __init__(self, entries: Entries, cases: CasePapers, quarters: QuarterActs, witnesses: Witnesses) -> None:
        self._entries, self._cases, self._quarters, self._witnesses = entries, cases, quarters, witnesses

    @handles(
        papers.PrintRequest,
        log=lambda q: LogForm(
            subject=(q.release or q.hold or q.share)[:20],
            facts={
                "paper": q.paper[:20],
                "quarter": quarter_fact(q.quarter),
                "pictures": q.pictures or None,
                **({"read_on": "screen"} if q.on_screen else {}),
            },
        ),
    )
    async def facts(self, call: Call[papers.PrintRequest]) -> papers.PaperFacts:
        if call.request.paper not in papers.PAPERS:
            raise BadRequest(
                f"{call.request.paper[:30]!r} is not a paper.", "One of: " + ", ".join(papers.PAPERS) + "."
            )
        state = call.state
        refusal = _refusal(call)
        cameras = self._cameras(call)
        case_papers.check(call)
        caveats: list[str] = []
        quarter = await self._quarters.async_report(call)
        try:
            if quarter is None:
                await call.record(form=case_papers.form_of(call))
        except Unavailable:
            if case_papers.is_case(call.request) or refusal is not None:
                raise
            # A patron at the desk is not refused because a disk is full (P17): only the count of prints suffers.
            call.unrecorded("print while the log is unwritable")
            caveats.append("The access log could not be written when this was printed.")
        texts, adopted = {}, state.adopted
        if adopted is not None and call.request.paper in ("policy", "release"):
            folder, wanted = call.frame.paths.state, {adopted.sha256, *adopted.texts.values()}
            try:
                texts = await asyncio.to_thread(
                    lambda: {sha256: policy_text(folder, sha256).read_bytes().decode() for sha256 in wanted}
                )
            except (OSError, UnicodeDecodeError):
                caveats.append("The adopted text could not be read; see the library's website.")
        # Somebody who reads a paper on a screen does not wait for others' machines.
        head, signed = await self._witnesses.async_head(0 if call.request.on_screen else PAPER_S)
        facts = paper_facts(
            policy=state.policy,
            board=state.board,
            adopted=adopted,
            texts=texts,
            cameras=cameras,
            commissions=state.commissions,
            entrances=state.entrances.values() if call.request.paper == "checklist" else (),
            people=state.people,
            head=head,
            witnesses=tuple(one.name for one in signed),
            now=call.now,
            refusal=refusal,
            determinations=state.determinations.values(),
            caveats=tuple(caveats),
        )
        if call.request.paper == "checklist":
            facts = with_checklist(facts, call.state, call.now)
        match quarter:
            case ReportPaper():
                return msgspec.structs.replace(facts, report=quarter)
            case DestroyedPaper():
                return msgspec.structs.replace(facts, destroyed=quarter)
            case RequestsPaper():
                return msgspec.structs.replace(facts, requests=quarter)
        return await self._cases.async_add(call, facts)

    def _cameras(self, call: Call[papers.PrintRequest]) -> list[CameraSource]:
        """Return the checklist's cameras: it is for staff and says what is masked and why; no other paper is about cameras."""
        if call.request.paper != "checklist":
            return []

        def seen(*cameras: str) -> Decision:
            return call.authorizer.decide(call.caller, "camera.see", Scope(cameras=cameras))

        decision = seen()
        if not decision.allowed:
            call.refuse(decision.clause, decision.sentence, decision.who_can_help)
        # A segment with sound is refused when it is closed: no sound is on disk (P7).
        return [
            CameraSource(e.entry_id, e.title, e.area_kind, e.area_note, sound_found=False)
            for e in self._entries.async_all()
            if seen(e.entry_id).allowed
        ]
