"""Actions on outboxes: open, fetch from or remove from one's own; put a full-size still in it; deliver a paper to it or to a
printer.

Each fetch is logged, with the checksum of the file, before its first byte is sent; both release checks are repeated for each copy
of a bundle. ``outbox.fetches`` sends the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest, NotFound, Unavailable
from holdshelf_core.looks import types as looked
from holdshelf_core.looks.grants import SHARE
from holdshelf_core.looks.looks import Looks
from holdshelf_core.looks.picture_actions import PictureActs, form
from holdshelf_core.outbox import names, printing, types
from holdshelf_core.outbox.contents import About, Item
from holdshelf_core.outbox.fetches import form_of
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.outbox.sources import ByteSource
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.state import State
from holdshelf_core.releases.actions import hear
from holdshelf_core.reports import types as papers
from holdshelf_storage.outbox import outbox as disk

ALL = "*"
MAX_PATH_CHARS = 400


def _owner(call: Call[Any]) -> str:
    if call.caller.person is None:
        call.refuse("P11", "The admin has no outbox.", "Print to a file or to a printer.")
    return call.caller.person


# --- fetching ---------------------------------------------------------------------------------------------------------------


def _file(q: types.OutboxAsk) -> LogForm:
    return LogForm(private={"file": q.path[:MAX_PATH_CHARS]})


def _open(item: Item) -> tuple[ByteSource, str]:
    """Return the opened source and the checksum of its content. Runs in a thread."""
    source = item.open()
    try:
        if source.size != item.size:
            raise Unavailable(
                f"{item.path} has changed in size.", "Fetch it again, and ask the admin to check the disk."
            )
        if item.sha256:
            return source, item.sha256
        digest, at = hashlib.sha256(), 0
        while part := source.read(at, types.MAX_READ_BYTES):
            digest.update(part)
            at += len(part)
        return source, digest.hexdigest()
    except BaseException:
        source.close()
        raise


# --- papers -----------------------------------------------------------------------------------------------------------------


def allowed_printers(state: State) -> tuple[str, ...]:
    """Return the Board's list of printers; () means any."""
    return tuple(name.strip() for name in state.board.printers.split(",") if name.strip())


async def _print(call: Call[types.DeliverAsk], stem: str, end: str) -> types.Delivered:
    asked = call.request
    if end in (names.HTML, names.CSV):
        what = "a web page" if end == names.HTML else "a table for a spreadsheet"
        raise BadRequest(f"A printer cannot print {what}.", "Print it as PDF: `--as pdf`.")
    printer = await printing.async_choose(asked.printer, allowed_printers(call.state))
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(asked.content).hexdigest())
    facts = {"format": end[1:], "size": len(asked.content), "sha256": sha256}
    # The client claims what the paper is: without an entry, nothing is printed here, not even the policy (its text is available).
    await call.record(facts=facts, private={"printer": printer, "file": stem})
    try:
        job = await printing.async_print(printer, stem, asked.content)
    except Unavailable as error:
        form = LogForm(
            subject=call.form.subject, facts={"paper": asked.paper, "sha256": sha256}, private={"why": str(error)}
        )
        with contextlib.suppress(Unavailable):  # the paper's own entry says that it was to be printed
            await call.authorizer.async_append(
                "print.failed", call.caller, "failed", form, acting_as=call.decision.acting_as
            )
        raise
    return types.Delivered(call.seq, f"{printer}, job {job}" if job else printer)


class OutboxActs:
    """The actions on one's own outbox, and on delivering papers."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes

    @handles(types.OutboxEnter)
    async def enter(self, call: Call[types.OutboxEnter]) -> types.OutboxTree:
        _owner(call)
        tree = await self._outboxes.async_tree(call.caller)
        seq = await call.record(facts={"files": len(tree.rows)})
        return msgspec.structs.replace(tree, seq=seq)

    async def _find(self, call: Call[Any], path: str) -> Item:
        _owner(call)
        outboxes = self._outboxes
        tree = await outboxes.contents.async_tree(call.caller, outboxes.opened())
        item = tree.items.get(path)
        if item is None:
            raise NotFound(f"{path[:80]!r} is not in your outbox.", "`holdshelf outbox list` shows what is there.")
        return item

    @handles(types.OutboxFetchAsk, log=_file)
    async def fetch(self, call: Call[types.OutboxAsk]) -> types.OutboxFetch:
        outboxes = self._outboxes
        fetches = outboxes.fetches
        item = await self._find(call, call.request.path)
        call.form = form_of(item, item.sha256)  # a refusal, too, says what was wanted
        fetches.check_free(call.caller)
        fetches.take_turn(call.caller)
        if item.release:
            row = call.state.releases[item.release]
            _heard, word, _gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
            if not word.passed:
                # What passed at export may have lapsed since; what the bundle's list says stays unchanged.
                call.refuse(
                    word.clause,
                    f"{row.id} may no longer be given out: {word.quoted(call.state.policy)}",
                    "Bring its paper up to date.",
                )
        opening = asyncio.ensure_future(asyncio.to_thread(_open, item))
        try:
            source, sha256 = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(
                lambda done: None if done.cancelled() or done.exception() else done.result()[0].close()
            )
            raise
        try:
            seq = await call.record(form=form_of(item, sha256))
            # Writing took a moment, in which this right may have ended although the right to the outbox did not.
            decision = outboxes.contents.decide(call.caller, item)
            if not decision.allowed:
                call.refuse(decision.clause, decision.sentence, decision.who_can_help)
            fetches.check_free(call.caller)
        except BaseException:
            source.close()
            raise
        fetch = fetches.begin(call.caller, call.decision.acting_as, item, source, sha256, seq)
        return types.OutboxFetch(fetch.handle, item.path, source.size, item.modified_utc_ns, sha256, seq)

    @handles(types.OutboxRemove, log=_file)
    async def remove(self, call: Call[types.OutboxAsk]) -> Done:
        owner, path = _owner(call), call.request.path
        outboxes = self._outboxes
        tree = await outboxes.contents.async_tree(call.caller, outboxes.opened())
        mine = [f"/{file.folder}/{file.name}" for file in tree.files]
        wanted = mine if path == ALL else [one for one in mine if path in (one, one.rpartition("/")[2])]
        item = tree.items.get(path)
        if not wanted and item is not None:
            why = (
                "is always there"
                if item.kind == "readme"
                else "is the library's, and goes by itself when its time is over"
            )
            raise BadRequest(f"{path[:80]!r} {why}.", "Papers and stills can be removed.")
        if not wanted and path != ALL:
            raise NotFound(f"{path[:80]!r} is not in your outbox.", "`holdshelf outbox list` shows what is there.")
        if len(wanted) > 1 and path != ALL:
            raise BadRequest(
                f"{path[:80]!r} matches more than one file.", "Give its full path, as `holdshelf outbox list` shows it."
            )
        seq = await call.record(facts={"files": len(wanted)}, private={"files": "\n".join(wanted)[:8000]})
        gone = await outboxes.async_remove(owner, wanted)
        return Done(seq, str(gone))

    @handles(
        types.DeliverAsk,
        log=lambda q: LogForm(subject=q.subject[:20], facts={"paper": q.paper[:20], "to": q.to[:10]}),
    )
    async def deliver(self, call: Call[types.DeliverAsk]) -> types.Delivered:
        asked = call.request
        if asked.paper not in papers.PAPERS:
            raise BadRequest(f"{asked.paper[:30]!r} is not a paper.", "One of: " + ", ".join(papers.PAPERS) + ".")
        if asked.to not in (types.OUTBOX, types.PRINTER):
            raise BadRequest(
                f"A paper cannot be sent to {asked.to[:20]!r}.", "Deliver it to the outbox or to a printer."
            )
        if not 0 < len(asked.content) <= types.MAX_CONTENT_BYTES:
            raise BadRequest(
                f"A paper has 1 byte to {types.MAX_CONTENT_BYTES >> 20} MB.", "Print it to a file instead."
            )
        end = await asyncio.to_thread(names.kind_of, asked.content)
        stem = names.stem_of(asked.file_name, asked.paper.capitalize())
        if asked.to == types.PRINTER:
            return await _print(call, stem, end)
        facts = {"format": end[1:], "size": len(asked.content)}

        async def record(sha256: str, name: str) -> int:
            return await call.record(facts={**facts, "sha256": sha256}, private={"file": f"/{disk.PRINTS}/{name}"})

        seq, where = await self._outboxes.async_put(_owner(call), disk.PRINTS, stem, end, asked.content, record)
        return types.Delivered(seq, where)


class StillActs:
    """Full-size stills into an outbox; the policy is asked as for any picture of that look."""

    def __init__(self, outboxes: Outboxes, looks: Looks, pictures: PictureActs) -> None:
        self._outboxes, self._looks, self._pictures = outboxes, looks, pictures

    def _scope(self, q: looked.StillAsk | looked.LiveAsk, state: State) -> Scope:
        found = self._pictures.scope(q, state)
        # A share has its own purposes; the handler says that it cannot be exported.
        is_share = self._looks.peek(q.grant).kind == SHARE
        return msgspec.structs.replace(found, purpose=state.policy.any_purpose) if is_share else found

    @handles(types.OutboxStill, scope=_scope, log=form)
    async def still(self, call: Call[types.OutboxStill]) -> types.Delivered:
        return await self._keep(call, self._pictures.still)

    @handles(types.OutboxLive, scope=_scope, log=form)
    async def live(self, call: Call[types.OutboxLive]) -> types.Delivered:
        return await self._keep(call, self._pictures.live)

    async def _keep[Q: (types.OutboxStill, types.OutboxLive)](
        self, call: Call[Q], picture: Callable[[Call[Q]], Awaitable[looked.PictureRow]]
    ) -> types.Delivered:
        """Make the picture, count it like any other, and put it in the outbox: the bytes never come from a client."""
        owner = _owner(call)
        grant = self._looks.peek(call.request.grant)
        if grant.kind == SHARE:
            call.refuse(
                "P14",
                "A share is for viewing only; you cannot take a copy.",
                "Ask the person who shared it for a printed still.",
            )
        self._outboxes.opened()
        row = await picture(call)
        if row.missing:
            raise NotFound(row.missing, "Ask again in a moment.")
        about = About(row.camera, row.shown_utc_ns, grant.purpose, grant.incident, grant.kind, grant.mode, row.log_seq)
        form = LogForm(
            cameras=(row.camera,),
            start_utc_ns=row.shown_utc_ns,
            purpose=grant.purpose,
            incident=grant.incident,
            subject=grant.id,
            facts={"kind": "still", "size": len(row.jpeg), "lease": row.log_seq, "masks": row.mask_version},
        )
        words = times.local_words(row.shown_utc_ns)
        stem = names.stem_of(
            f"{words[:10]} {words[11:16].replace(':', '.')} {call.state.camera_words(row.camera)}", row.camera
        )

        async def record(sha256: str, name: str) -> int:
            facts = {**form.facts, "sha256": sha256}
            return await call.record(form=form, facts=facts, private={"file": f"/{disk.STILLS}/{name}"})

        seq, where = await self._outboxes.async_put(
            owner, disk.STILLS, stem, ".jpg", row.jpeg, record, lambda: msgspec.json.encode(about)
        )
        return types.Delivered(seq, where)
