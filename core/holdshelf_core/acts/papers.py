"""Prints on request (P3, P17, P19): what stands on them, counted and nothing more; nobody is asked who wants one. And backups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts.board import policy_file
from holdshelf_core.api import paper_types as papers
from holdshelf_core.api import types_board as types
from holdshelf_core.areas import PERMITTED
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_storage.backup import backup
from holdshelf_storage.checkpoint import BadHead, parse_note
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_AREA_WORDS = {area.kind: area.words for area in PERMITTED}


def _day(utc_ns: int | None) -> str:
    return times.local_day(utc_ns) if utc_ns is not None else ""


def log_head(note: str) -> papers.LogHead | None:
    """A signed checkpoint as a paper shows it: the whole note, and a short form that can be typed from paper."""
    try:
        head, _origin, _signature = parse_note(note)
    except BadHead:
        return None
    return papers.LogHead(note.partition("\n")[0], head.size, head.short, note)


def _camera(holdshelf: Holdshelf, camera: str, name_of: Callable[[str], str]) -> papers.CameraPaper:
    entry = holdshelf.entries.async_get(camera)
    row = holdshelf.house.state.commissions.get(camera) or model.Commission(camera)
    return papers.CameraPaper(
        id=camera,
        name=entry.title,
        area_kind=entry.area_kind,
        area_words=_AREA_WORDS.get(entry.area_kind, entry.area_kind),
        area_note=entry.area_note,
        state=row.state,
        approved_by=name_of(row.approved_by),
        approved_on=_day(row.approved_utc_ns),
        still_on=_day(row.still_utc_ns),
        masks=len(row.masks),
        mask_version=row.mask_version,
        mask_reasons=tuple(mask.why for mask in row.masks if mask.why),
        exterior=row.exterior,
        # A segment that held sound would have been refused and never kept: what is on disk has none.
        sound_found=False,
    )


def _entrance(row: model.Entrance, now_utc_ns: int, name_of: Callable[[str], str]) -> papers.EntrancePaper:
    waived = row.waived_until_utc_ns is not None and row.waived_until_utc_ns > now_utc_ns
    return papers.EntrancePaper(
        id=row.id,
        name=row.name,
        sign=row.sign,
        attested_by=name_of(row.attested_by),
        attested_on=_day(row.attested_utc_ns),
        next_check_on=_day(row.next_check_utc_ns),
        check_is_due=row.next_check_utc_ns is not None and row.next_check_utc_ns <= now_utc_ns,
        waived_by=name_of(row.waived_by) if waived else "",
        waived_until=_day(row.waived_until_utc_ns) if waived else "",
        waived_why=row.waived_why if waived else "",
    )


async def _facts(call: Call[papers.PrintRequest]) -> papers.PaperFacts:
    if call.request.paper not in papers.PAPERS:
        raise BadRequest(f"{call.request.paper[:30]!r} is no paper.", "One of: " + ", ".join(papers.PAPERS) + ".")
    holdshelf, state = call.holdshelf, call.state
    caveats: list[str] = []
    try:
        await call.record()
    except Unavailable:
        # A patron at the desk is not refused because a disk is full (P17): the count of prints is what suffers.
        call.seq = -1
        caveats.append("The access log could not be written when this was printed.")
    text, adopted = None, state.adopted
    if adopted is not None:
        path = policy_file(holdshelf.paths.state, adopted.sha256)
        try:
            body = (await asyncio.to_thread(path.read_bytes)).decode() if call.request.paper == "policy" else ""
        except (OSError, UnicodeDecodeError):
            body = ""
            caveats.append("The adopted text could not be read; see the library's website.")
        text = papers.PolicyText(adopted.version, adopted.adopted_on, adopted.sha256, body)

    def name_of(person: str) -> str:
        found = state.people.get(person)
        return found.name if found else person

    now = call.now.utc_ns
    return papers.PaperFacts(
        library=state.board.library,
        contact=state.board.contact,
        policy_address=state.board.policy_address,
        policy=text,
        log=log_head(call.gate.log.head()),
        cameras=tuple(_camera(holdshelf, entry.entry_id, name_of) for entry in holdshelf.entries.async_all()),
        entrances=tuple(_entrance(row, now, name_of) for row in state.entrances.values() if row.removed_utc_ns is None),
        printed_at=times.local_words(now),
        caveats=tuple(caveats),
    )


async def _backup(call: Call[types.BackupMake]) -> types.BackupMade:
    path = Path(call.request.file)
    if not path.is_absolute():
        raise BadRequest("The backup's file needs its whole path.", "Give /path/to/file.tar.")
    await call.record()
    holdshelf = call.holdshelf
    await asyncio.to_thread(holdshelf.house.flush)
    try:
        made = await asyncio.to_thread(
            partial(backup, holdshelf.paths.state, path, call.now.utc_ns, holdshelf.stop_threads)
        )
    except StorageError as error:
        raise Unavailable("The backup was not made.", str(error)) from None
    return types.BackupMade(str(path), made.bytes, made.entries, made.sha256)


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
            lambda q: LogForm(facts={"paper": q.paper[:20]}),
        )
    )
    registry.register(
        Action(
            "backup.make",
            "backup",
            types.BackupMake,
            types.BackupMade,
            _backup,
            lambda _q, _s: Scope(),
            lambda q: LogForm(private={"file": q.file[:400]}),
        )
    )
