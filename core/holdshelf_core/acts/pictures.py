"""Acts that ask for pictures: a still at a time, a strip over a span, the newest picture; and activity, which shows none.

Inside an open look nothing is asked again, however often one zooms; outside it is refused, with how to widen. Decoding is
the picture workers', counting and the last word on the right are ``looking.looks``'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from tzlocal import get_localzone

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_looks as types
from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.looking import finding
from holdshelf_core.looking.activity import MAX_BUCKETS, MAX_SPAN_NS, join, read_activity
from holdshelf_core.looking.finding import Found, Growing
from holdshelf_core.looking.grants import ARCHIVE, LIVE, SHARE, Grant
from holdshelf_core.looking.leases import LEASE_PICTURES, Lease
from holdshelf_core.looking.looks import Looks, viewer_of
from holdshelf_core.looking.maps_seen import local_days
from holdshelf_core.looking.pictures import Burn, Picture, Wanted
from holdshelf_core.policy import model
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State
from holdshelf_core.store import Opened
from holdshelf_core.times import local_words
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage import Footage

NS = 1_000_000_000
MIN_WIDTH, MAX_WIDTH = 48, 3840
MAX_STRIP_WIDTH = 640
# A key frame stands at the start of each file, so one this far inside the look cannot lie before it.
KEY_FRAME_REACH_NS = 120 * NS
ANY_PURPOSE = "camera-check"

type PictureAsk = types.StillAsk | types.StripAsk | types.LiveAsk


# --- where and with what -----------------------------------------------------------------------------------------------


def _grant(call: Call[Any], typed_camera: str) -> tuple[Grant, str]:
    """The look and the camera's id; refused when the camera is outside of it."""
    looks: Looks = call.holdshelf.looks
    grant = looks.get(call.request.grant, call.caller)
    if (grant.kind == SHARE) != call.action.name.startswith("share."):
        raise BadRequest(
            f"{grant.id} is a look of another kind.", "Ask by share.still for a share, by look.still otherwise."
        )
    camera = call.state.camera_id(typed_camera)
    if camera not in grant.cameras:
        words = call.state.camera_words(camera)
        _refuse_outside(call, grant, f"{words} is not part of the look {grant.id}.", f"--camera {camera[:64]}")
    return grant, camera


def _refuse_outside(call: Call[Any], grant: Grant, sentence: str, option: str) -> None:
    if grant.kind == SHARE:
        call.refuse("P14", sentence, "Ask who shared it for more.")
    call.refuse(
        "P12", sentence, f"If the incident needs it, widen the look: `holdshelf look widen {grant.id} {option}`."
    )


def _check_times(call: Call[Any], grant: Grant, camera: str, times_utc_ns: Sequence[int]) -> None:
    outside = [at for at in times_utc_ns if not grant.covers(camera, at)]
    if outside and grant.start_utc_ns is None:
        call.refuse("P12", f"The look {grant.id} is live only.", "Open a purpose for recordings.")
    if outside:
        at = outside[0]
        later = at >= (grant.end_utc_ns or 0)
        option = f"--to '{_typed(at + NS)}'" if later else f"--from '{_typed(at)}'"
        _refuse_outside(call, grant, f"{local_words(at)} lies outside the look {grant.id}.", option)


def _typed(utc_ns: int) -> str:
    """A time to the second as the command line takes it."""
    return datetime.fromtimestamp(utc_ns // NS, get_localzone()).isoformat(" ")


def _opened(call: Call[Any]) -> Opened:
    opened = call.holdshelf.store.opened
    if opened is None:
        raise Unavailable(call.holdshelf.store.problem or "The footage is not there now.", "See `holdshelf status`.")
    return opened


def _footage(call: Call[Any]) -> Footage:
    return _opened(call).footage


def _growing(call: Call[Any], camera: str) -> Growing | None:
    recorder = call.holdshelf.recorder.cameras.get(camera)
    if recorder is None or not recorder.is_recording:
        return None
    return Growing(recorder.current_seq, recorder.current_start_utc_ns)


def _burn(call: Call[Any], camera: str, lease: Lease) -> Burn:
    state, person = call.state, call.person
    row = state.commissions.get(camera) or model.Commission(camera)
    return Burn(
        library=state.board.library or "Library",
        camera_name=state.camera_words(camera),
        person=person.name if person is not None else "",
        log_seq=lease.seq,
        masks=row.masks,
        mask_version=row.mask_version,
        camera=camera,
    )


def _width(asked: int, most: int) -> int:
    if not MIN_WIDTH <= asked <= most:
        raise BadRequest(f"A picture here is {MIN_WIDTH} to {most} pixels wide, not {asked}.", "Give another --width.")
    return asked


async def _find(call: Call[Any], find: Callable[..., Found], *args: Any) -> Found:
    footage = _footage(call)
    finder = asyncio.create_task(asyncio.to_thread(find, footage, *args))
    try:
        return await asyncio.shield(finder)
    except StorageError as error:
        raise Unavailable(f"The footage cannot be read: {error}", "See `holdshelf status`.") from None
    except asyncio.CancelledError:
        # Whoever asked is gone; what the thread opens all the same is closed.
        finder.add_done_callback(lambda done: None if done.cancelled() or done.exception() else done.result().close())
        raise


def _row(camera: str, at_utc_ns: int, lease: Lease, picture: Picture) -> types.PictureRow:
    return types.PictureRow(
        camera=camera,
        at_utc_ns=at_utc_ns,
        shown_utc_ns=picture.shown_utc_ns,
        jpeg=picture.jpeg,
        width=picture.width,
        height=picture.height,
        log_seq=lease.seq,
        mask_version=picture.mask_version,
        damaged=picture.damaged,
    )


def _shown(rows: Sequence[types.PictureRow]) -> list[tuple[int, int]]:
    return [(row.shown_utc_ns, row.mask_version) for row in rows if row.jpeg]


# --- acts ------------------------------------------------------------------------------------------------------------------


async def still(call: Call[types.StillAsk]) -> types.PictureRow:
    """One picture of an open look, under its lease."""
    asked = call.request
    grant, camera = _grant(call, asked.camera)
    _check_times(call, grant, camera, [asked.at_utc_ns])
    width = _width(asked.max_width, MAX_WIDTH)

    async def make(lease: Lease) -> list[types.PictureRow]:
        call.seq = lease.seq
        found = await _find(
            call, finding.find, camera, [asked.at_utc_ns], _growing(call, camera), call.holdshelf.clock.utc_ns()
        )
        try:
            (moment,) = found.moments
            if isinstance(moment, str):
                raise NotFound(moment)
            picture = await call.holdshelf.pictures.async_still(
                [moment.file], moment.at_utc_ns, _burn(call, camera, lease), max_width=width
            )
        finally:
            found.close()
        return [_row(camera, asked.at_utc_ns, lease, picture)]

    _lease, rows = await call.holdshelf.looks.async_deliver(grant, call.caller, camera, 1, False, make, _shown)
    return rows[0]


async def _strip(call: Call[types.StripAsk]) -> types.Strip:
    asked = call.request
    grant, camera = _grant(call, asked.camera)
    if not 1 <= asked.count <= LEASE_PICTURES:
        raise BadRequest(f"A strip has 1 to {LEASE_PICTURES} pictures, not {asked.count}.", "Give another --count.")
    width = _width(asked.max_width, MAX_STRIP_WIDTH)
    start = asked.start_utc_ns if asked.start_utc_ns is not None else grant.start_utc_ns
    end = asked.end_utc_ns if asked.end_utc_ns is not None else grant.end_utc_ns
    if start is None or end is None:
        call.refuse("P12", f"The look {grant.id} is live only.", "Open a purpose for recordings.")
    if grant.end_utc_ns is not None and asked.end_utc_ns is None:
        end = min(end, call.holdshelf.clock.utc_ns())
    if end <= start:
        raise BadRequest("The span ends before it starts.", "Swap --from and --to.")
    instants = [start + (end - start) * (2 * number + 1) // (2 * asked.count) for number in range(asked.count)]
    _check_times(call, grant, camera, [start, end - 1])
    opened_utc_ns = grant.start_utc_ns or start

    async def make(lease: Lease) -> list[types.PictureRow]:
        call.seq = lease.seq
        found = await _find(call, finding.find, camera, instants, _growing(call, camera), call.holdshelf.clock.utc_ns())
        try:
            burn = _burn(call, camera, lease)
            wanted = [
                # A thumbnail may show the key frame before its time, but never one from before the look's span.
                Wanted((m.file,), m.at_utc_ns, burn, width, exact=m.at_utc_ns < opened_utc_ns + KEY_FRAME_REACH_NS)
                for m in found.moments
                if not isinstance(m, str)
            ]
            made = iter(await call.holdshelf.pictures.async_strip(wanted) if wanted else [])
            rows = []
            for at, moment in zip(instants, found.moments, strict=True):
                got = moment if isinstance(moment, str) else next(made)
                if isinstance(got, Picture):
                    rows.append(_row(camera, at, lease, got))
                else:
                    rows.append(types.PictureRow(camera, at, missing=got if isinstance(got, str) else got.sentence))
            return rows
        finally:
            found.close()

    _lease, rows = await call.holdshelf.looks.async_deliver(
        grant, call.caller, camera, asked.count, False, make, _shown
    )
    return types.Strip(rows, grant.row().pictures_left)


async def live(call: Call[types.LiveAsk]) -> types.PictureRow:
    """The newest picture of an open live look, under its lease."""
    asked = call.request
    looks: Looks = call.holdshelf.looks
    grant, camera = _grant(call, asked.camera)
    if grant.mode != LIVE:
        call.refuse(
            "P12", f"The look {grant.id} is at recordings, not live.", "Open a live look: `holdshelf look open --live`."
        )
    if not grant.is_live_now(call.holdshelf.clock.boot_ns()):
        looks.refuse_live(grant)
    width = _width(asked.max_width, MAX_WIDTH)
    asked_utc_ns = call.holdshelf.clock.utc_ns()

    async def make(lease: Lease) -> list[types.PictureRow]:
        call.seq = lease.seq
        growing = _growing(call, camera)
        if growing is None:
            recorder = call.holdshelf.recorder.cameras.get(camera)
            why = f": {recorder.reason}" if recorder is not None and recorder.reason else ""
            raise NotFound(
                f"{call.state.camera_words(camera)} is not being recorded now{why}.", "See `holdshelf status`."
            )
        try:
            picture = await _newest(call, camera, lease, growing, width)
        except NotFound:
            # A file of this moment has no picture yet; the one before it has.
            picture = await _newest(call, camera, lease, growing, width, before=True)
        if picture is None:
            return [types.PictureRow(camera, asked_utc_ns, log_seq=lease.seq, missing="There is no newer picture yet.")]
        return [_row(camera, asked_utc_ns, lease, picture)]

    _lease, rows = await looks.async_deliver(grant, call.caller, camera, 1, True, make, _shown)
    return rows[0]


async def _newest(
    call: Call[types.LiveAsk], camera: str, lease: Lease, growing: Growing, width: int, *, before: bool = False
) -> Picture | None:
    asked = call.request
    grant = call.holdshelf.looks.peek(asked.grant)
    now_utc_ns = call.holdshelf.clock.utc_ns()
    if before:
        found = await _find(call, finding.find, camera, [growing.start_utc_ns - 1], None, now_utc_ns)
    else:
        found = await _find(call, finding.find_newest, camera, growing)
    try:
        (moment,) = found.moments
        if isinstance(moment, str):
            raise NotFound(moment, "Ask again.")
        picture: Picture | None = await call.holdshelf.pictures.async_live(
            [moment.file],
            _burn(call, camera, lease),
            viewer_of(grant, camera),
            max_width=width,
            after_utc_ns=asked.after_utc_ns,
        )
        return picture
    finally:
        found.close()


async def _note_map(call: Call[types.ActivityAsk], camera: str) -> None:
    """Writes down that they see when something moved: once in a session for each camera and day (see `maps_seen`)."""
    asked, maps, log = call.request, call.holdshelf.looks.maps, call.gate.log
    try:
        days, start_utc_ns, end_utc_ns = local_days(asked.start_utc_ns, asked.end_utc_ns)
    except (ValueError, OverflowError):
        raise BadRequest("There was no such day.", "Give a time of recordings.") from None
    async with maps.lock(call.caller, camera):
        known = maps.entry_of(call.caller, camera, days, call.holdshelf.clock.boot_ns())
        if known is not None and log.problem is None and log.unwritable is None:
            call.seq = known
            return
        # The entry names whole days: it covers what is asked of them later.
        form = LogForm(cameras=(camera,), start_utc_ns=start_utc_ns, end_utc_ns=end_utc_ns, mode=ARCHIVE)
        seq = await call.record(form=form)
        maps.add(call.caller, camera, days, seq, call.holdshelf.clock.boot_ns())


async def _activity(call: Call[types.ActivityAsk]) -> types.Activity:
    asked = call.request
    (camera,) = common.camera_ids(call.holdshelf, [asked.camera])
    if not asked.start_utc_ns < asked.end_utc_ns <= asked.start_utc_ns + MAX_SPAN_NS:
        raise BadRequest("The span ends before it starts, or is longer than 31 days.", "Give a shorter one.")
    if not 1 <= asked.buckets <= MAX_BUCKETS:
        raise BadRequest(f"A strip has 1 to {MAX_BUCKETS} parts, not {asked.buckets}.", "Give another --parts.")
    await _note_map(call, camera)
    holds = [
        types.HeldRow(hold.id, span.start_utc_ns, span.end_utc_ns)
        for hold in call.state.holds.values()
        if hold.state != "lifted"
        for span in hold.spans
        if span.camera == camera
        and span.start_utc_ns < asked.end_utc_ns
        and (span.end_utc_ns is None or span.end_utc_ns > asked.start_utc_ns)
    ]
    opened = _opened(call)
    growing, now_utc_ns = _growing(call, camera), call.holdshelf.clock.utc_ns()
    try:
        read = await asyncio.to_thread(
            read_activity,
            opened.footage,
            camera,
            asked.start_utc_ns,
            asked.end_utc_ns,
            asked.buckets,
            opened.ledger,
        )
    except StorageError as error:
        raise HoldshelfError(f"The footage cannot be read: {error}") from None
    told = await call.holdshelf.camera_events.async_read(
        camera, asked.start_utc_ns, asked.end_utc_ns, joined_ns=read.bucket_ns
    )
    recorded = read.recorded
    if growing is not None and growing.start_utc_ns < asked.end_utc_ns and asked.start_utc_ns < now_utc_ns:
        # What is being written is not in the journal yet.
        join(recorded, growing.start_utc_ns, max(now_utc_ns, growing.start_utc_ns))
    return types.Activity(
        camera=camera,
        start_utc_ns=asked.start_utc_ns,
        end_utc_ns=asked.end_utc_ns,
        bucket_ns=read.bucket_ns,
        activity=read.activity,
        recorded=[types.RecordedRow(*span) for span in recorded],
        missing=[types.MissingRow(*row) for row in read.missing],
        held=sorted(holds, key=lambda row: row.start_utc_ns),
        events=[types.EventMark(mark.kind, mark.start_utc_ns, mark.end_utc_ns) for mark in told],
    )


# --- registering --------------------------------------------------------------------------------------------------------


def scope_of(looks: Looks) -> Callable[[PictureAsk, State], Scope]:
    """What the policy is asked about for a picture of one of these looks."""

    def scope(q: PictureAsk, state: State) -> Scope:
        grant = looks.peek(q.grant)
        camera = state.camera_id(q.camera)
        # A camera outside is the handler's to refuse, with how to widen: the policy is asked about the look as it is.
        cameras = (camera,) if camera in grant.cameras else grant.cameras
        asked = looks.scope(grant, cameras, live=isinstance(q, types.LiveAsk))
        if asked.start_utc_ns is None and not isinstance(q, types.LiveAsk):
            # A live look shows no recordings; the handler says so.
            return msgspec.structs.replace(asked, start_utc_ns=0, end_utc_ns=0)
        return asked

    return scope


def register(registry: ActionRegistry, looks: Looks) -> None:
    """All acts of this module. ``looks``: whose scopes the policy is asked about."""

    scope = scope_of(looks)

    def form(q: PictureAsk) -> LogForm:
        start = (
            q.at_utc_ns if isinstance(q, types.StillAsk) else q.start_utc_ns if isinstance(q, types.StripAsk) else None
        )
        end = q.end_utc_ns if isinstance(q, types.StripAsk) else None
        mode = LIVE if isinstance(q, types.LiveAsk) else ARCHIVE
        return LogForm(cameras=(q.camera[:64],), start_utc_ns=start, end_utc_ns=end, mode=mode, subject=q.grant[:24])

    for name, permission in (("look", "look.archive"), ("share", "share.view")):
        registry.register(Action(f"{name}.still", permission, types.StillAsk, types.PictureRow, still, scope, form))
        registry.register(Action(f"{name}.strip", permission, types.StripAsk, types.Strip, _strip, scope, form))
    registry.register(Action("look.live", "look.live", types.LiveAsk, types.PictureRow, live, scope, form))
    registry.register(
        Action(
            "activity.see",
            "look.archive",
            types.ActivityAsk,
            types.Activity,
            _activity,
            # No picture, so no purpose is asked for: the question is whether this person might look at this camera at all.
            lambda q, s: Scope(
                cameras=(s.camera_id(q.camera),),
                start_utc_ns=q.start_utc_ns,
                end_utc_ns=q.start_utc_ns,
                purpose=ANY_PURPOSE,
            ),
            lambda q: LogForm(
                cameras=(q.camera[:64],), start_utc_ns=q.start_utc_ns, end_utc_ns=q.end_utc_ns, mode=ARCHIVE
            ),
        )
    )
