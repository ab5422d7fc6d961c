"""Acts on outboxes: open one's own, fetch from it, remove from it; a still in full size into it; a paper delivered to
it or to a printer.

Each fetch is written down, with the checksum of what is fetched, before its first byte leaves; both gates of a release
are asked again for each copy of its bundle. The bytes themselves are ``outbox.fetches``'.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import pictures
from holdshelf_core.acts.releases import hear
from holdshelf_core.api import paper_types as papers
from holdshelf_core.api import types_looks as looked
from holdshelf_core.api import types_outbox as types
from holdshelf_core.api.types_people import Done
from holdshelf_core.errors import BadRequest, NotFound, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.looking.grants import ARCHIVE, LIVE, SHARE
from holdshelf_core.looking.looks import Looks
from holdshelf_core.outbox import names, printing
from holdshelf_core.outbox.contents import About, Item
from holdshelf_core.outbox.fetches import form_of
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.outbox.sources import Source
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.state import State
from holdshelf_storage import outbox as disk

ALL = "*"
MAX_PATH_CHARS = 400


def _outboxes(call: Call[Any]) -> Outboxes:
    outboxes: Outboxes = call.holdshelf.outboxes
    return outboxes


def _owner(call: Call[Any]) -> str:
    if call.caller.person is None:
        call.refuse("P11", "The admin has no outbox.", "Print to a file or to a printer.")
    return call.caller.person


# --- fetching ---------------------------------------------------------------------------------------------------------------


async def _enter(call: Call[types.OutboxEnter]) -> types.OutboxTree:
    _owner(call)
    tree = await _outboxes(call).async_tree(call.caller)
    seq = await call.record(facts={"files": len(tree.rows)})
    return msgspec.structs.replace(tree, seq=seq)


async def _find(call: Call[Any], path: str) -> Item:
    _owner(call)
    outboxes = _outboxes(call)
    tree = await outboxes.contents.async_tree(call.caller, outboxes.opened())
    item = tree.items.get(path)
    if item is None:
        raise NotFound(f"There is no {path[:80]!r} in your outbox.", "`holdshelf outbox list` shows what is there.")
    return item


async def _fetch(call: Call[types.OutboxAsk]) -> types.OutboxFetch:
    outboxes = _outboxes(call)
    fetches = outboxes.fetches
    item = await _find(call, call.request.path)
    fetches.check_free(call.caller)
    fetches.take_turn(call.caller)
    if item.release:
        row = call.state.releases[item.release]
        _heard, word, _gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
        if not word.passed:
            # What passed when it was exported may have lapsed since; what the bundle's list says of it stays as it was.
            call.refuse(
                word.clause, f"{row.id} is not given out any more: {word.quoted}", "Bring its paper up to date."
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
        # Writing took a moment, in which this right may have ended although that to the outbox did not.
        decision = outboxes.contents.decide(call.caller, item)
        if not decision.allowed:
            call.refuse(decision.clause, decision.sentence, decision.who_can_help)
        fetches.check_free(call.caller)
    except BaseException:
        source.close()
        raise
    fetch = fetches.begin(call.caller, call.decision.acting_as, item, source, sha256, seq)
    return types.OutboxFetch(fetch.handle, item.path, source.size, item.modified_utc_ns, sha256, seq)


def _open(item: Item) -> tuple[Source, str]:
    """In a thread: the source, and the checksum of what it gives."""
    source = item.open()
    try:
        if source.size != item.size:
            raise Unavailable(
                f"{item.path} is not as long as it was.", "Fetch it again; have the admin look at the disk."
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


async def _remove(call: Call[types.OutboxAsk]) -> Done:
    owner, path = _owner(call), call.request.path
    outboxes = _outboxes(call)
    tree = await outboxes.contents.async_tree(call.caller, outboxes.opened())
    mine = [f"/{file.folder}/{file.name}" for file in tree.lying]
    wanted = mine if path == ALL else [one for one in mine if path in (one, one.rpartition("/")[2])]
    item = tree.items.get(path)
    if not wanted and item is not None:
        why = (
            "is always there" if item.kind == "readme" else "is the library's, and goes by itself when its time is over"
        )
        raise BadRequest(f"{path[:80]!r} {why}.", "Papers and stills can be removed.")
    if not wanted and path != ALL:
        raise NotFound(f"There is no {path[:80]!r} in your outbox.", "`holdshelf outbox list` shows what is there.")
    if len(wanted) > 1 and path != ALL:
        raise BadRequest(f"{path[:80]!r} is there twice.", "Give its whole path, as `holdshelf outbox list` shows it.")
    seq = await call.record(facts={"files": len(wanted)}, private={"files": "\n".join(wanted)[:8000]})
    gone = await outboxes.async_remove(owner, wanted)
    return Done(seq, str(gone))


# --- a still ----------------------------------------------------------------------------------------------------------------


async def _still(call: Call[looked.StillAsk]) -> types.Delivered:
    return await _keep(call, pictures.still)


async def _live(call: Call[looked.LiveAsk]) -> types.Delivered:
    return await _keep(call, pictures.live)


async def _keep[Q: (looked.StillAsk, looked.LiveAsk)](
    call: Call[Q], picture: Callable[[Call[Q]], Awaitable[looked.PictureRow]]
) -> types.Delivered:
    """The service has the picture made, counts it like any other, and puts it there itself: no client's bytes."""
    owner = _owner(call)
    grant = call.holdshelf.looks.peek(call.request.grant)
    if grant.kind == SHARE:
        call.refuse(
            "P14", "What was shared is looked at and not taken along.", "Ask who shared it for a printed still sheet."
        )
    _outboxes(call).opened()
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

    seq, where = await _outboxes(call).async_put(
        owner, disk.STILLS, stem, ".jpg", row.jpeg, record, lambda: msgspec.json.encode(about)
    )
    return types.Delivered(seq, where)


# --- papers -----------------------------------------------------------------------------------------------------------------


def allowed_printers(state: State) -> tuple[str, ...]:
    """The Board's list; () any."""
    return tuple(name.strip() for name in state.board.printers.split(",") if name.strip())


async def _deliver(call: Call[types.DeliverAsk]) -> types.Delivered:
    asked = call.request
    if asked.paper not in papers.PAPERS:
        raise BadRequest(f"{asked.paper[:30]!r} is no paper.", "One of: " + ", ".join(papers.PAPERS) + ".")
    if asked.to not in (types.OUTBOX, types.PRINTER):
        raise BadRequest(f"A paper goes to no {asked.to[:20]!r}.", "Deliver it to the outbox or to a printer.")
    if not 0 < len(asked.content) <= types.MAX_CONTENT_BYTES:
        raise BadRequest(f"A paper has 1 to {types.MAX_CONTENT_BYTES >> 20} MB.", "Print it to a file instead.")
    end = await asyncio.to_thread(names.kind_of, asked.content)
    stem = names.stem_of(asked.file_name, asked.paper.capitalize())
    if asked.to == types.PRINTER:
        return await _print(call, stem, end)
    facts = {"format": end[1:], "size": len(asked.content)}

    async def record(sha256: str, name: str) -> int:
        return await call.record(facts={**facts, "sha256": sha256}, private={"file": f"/{disk.PRINTS}/{name}"})

    seq, where = await _outboxes(call).async_put(_owner(call), disk.PRINTS, stem, end, asked.content, record)
    return types.Delivered(seq, where)


async def _print(call: Call[types.DeliverAsk], stem: str, end: str) -> types.Delivered:
    asked = call.request
    if end == names.HTML:
        raise BadRequest("A printer takes no web page.", "Print it as PDF: `--as pdf`.")
    printer = await printing.async_choose(asked.printer, allowed_printers(call.state))
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(asked.content).hexdigest())
    facts = {"format": end[1:], "size": len(asked.content), "sha256": sha256}
    # What it says it is, is the client's word: without an entry none is printed here, the policy neither (text is to be had).
    await call.record(facts=facts, private={"printer": printer, "file": stem})
    try:
        job = await printing.async_print(printer, stem, asked.content)
    except Unavailable as error:
        form = LogForm(
            subject=call.form.subject, facts={"paper": asked.paper, "sha256": sha256}, private={"why": str(error)}
        )
        with contextlib.suppress(Unavailable):  # the paper's own entry says that it was to be printed
            await call.gate.async_append("print.failed", call.caller, "failed", form, acting_as=call.decision.acting_as)
        raise
    return types.Delivered(call.seq, f"{printer}, job {job}" if job else printer)


# --- registering ------------------------------------------------------------------------------------------------------------


def register(registry: ActionRegistry) -> None:
    """All acts of this module but those of stills."""

    def anything(_q: msgspec.Struct, _s: State) -> Scope:
        return Scope()

    def file(q: types.OutboxAsk) -> LogForm:
        return LogForm(private={"file": q.path[:MAX_PATH_CHARS]})

    enter, ask, fetch = types.OutboxEnter, types.OutboxAsk, types.OutboxFetch
    registry.register(Action("outbox.enter", "outbox", enter, types.OutboxTree, _enter, anything, lambda _q: LogForm()))
    registry.register(Action("outbox.fetch", "outbox", ask, fetch, _fetch, anything, file))
    registry.register(Action("outbox.remove", "outbox", ask, Done, _remove, anything, file))
    registry.register(
        Action(
            "print.deliver",
            "print",
            types.DeliverAsk,
            types.Delivered,
            _deliver,
            anything,
            lambda q: LogForm(subject=q.subject[:20], facts={"paper": q.paper[:20], "to": q.to[:10]}),
        )
    )


def register_stills(registry: ActionRegistry, looks: Looks) -> None:
    """Those of stills, about which the policy is asked as about any picture of that look."""

    def form(q: looked.StillAsk | looked.LiveAsk) -> LogForm:
        start = q.at_utc_ns if isinstance(q, looked.StillAsk) else None
        mode = ARCHIVE if isinstance(q, looked.StillAsk) else LIVE
        return LogForm(cameras=(q.camera[:64],), start_utc_ns=start, mode=mode, subject=q.grant[:24])

    asked = pictures.scope_of(looks)

    def scope(q: looked.StillAsk | looked.LiveAsk, state: State) -> Scope:
        found = asked(q, state)
        # A share has purposes of its own; that it is not taken along is the handler's to say.
        is_share = looks.peek(q.grant).kind == SHARE
        return msgspec.structs.replace(found, purpose=pictures.ANY_PURPOSE) if is_share else found

    still, live = looked.StillAsk, looked.LiveAsk
    registry.register(Action("outbox.still", "look.archive", still, types.Delivered, _still, scope, form))
    registry.register(Action("outbox.live", "look.live", live, types.Delivered, _live, scope, form))
