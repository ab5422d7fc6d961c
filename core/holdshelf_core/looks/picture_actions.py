"""Actions that request pictures: a still at a time, a strip over a span, the newest picture; and activity, without pictures.

Inside an open look no purpose is asked again, however much one zooms; outside it the request is refused, with how to widen. The
picture workers decode; ``looks.looks`` counts and makes the final check of the right.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from tzlocal import get_localzone

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.buffer.store import Opened, Store
from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound, Unavailable
from holdshelf_core.looks import finding, types
from holdshelf_core.looks.activity import MAX_BUCKETS, MAX_SPAN_NS, join, read_activity
from holdshelf_core.looks.camera_events import CameraEvents
from holdshelf_core.looks.finding import FoundPictures, Growing
from holdshelf_core.looks.grants import ARCHIVE, LIVE, SHARE, Grant
from holdshelf_core.looks.leases import LEASE_PICTURES, Lease
from holdshelf_core.looks.looks import Looks, viewer_of
from holdshelf_core.looks.maps_seen import local_days
from holdshelf_core.looks.pictures import Burn, Picture, Pictures, Wanted
from holdshelf_core.policy import model
from holdshelf_core.policy.redaction import boxes_problem
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.times import NS, local_words
from holdshelf_storage.errors import StorageError

MIN_WIDTH, MAX_WIDTH = 48, 3840
MAX_STRIP_WIDTH = 640

type PictureAsk = types.StillAsk | types.StripAsk | types.LiveAsk


# --- where and with what -----------------------------------------------------------------------------------------------


def _refuse_outside(call: Call[Any], grant: Grant, sentence: str, option: str) -> None:
    if grant.kind == SHARE:
        call.refuse("P14", sentence, "Ask the person who shared it for more.")
    call.refuse(
        "P12", sentence, f"If the incident needs it, widen the look: `holdshelf look widen {grant.id} {option}`."
    )


def _check_times(call: Call[Any], grant: Grant, camera: str, times_utc_ns: Sequence[int]) -> None:
    outside = [at for at in times_utc_ns if not grant.covers(camera, at)]
    if outside and grant.start_utc_ns is None:
        call.refuse("P12", f"The look {grant.id} is live only.", "Open a look at recordings.")
    if outside:
        at = outside[0]
        later = at >= (grant.end_utc_ns or 0)
        option = f"--to '{_typed(at + NS)}'" if later else f"--from '{_typed(at)}'"
        _refuse_outside(call, grant, f"{local_words(at)} is outside the look {grant.id}.", option)


def _typed(utc_ns: int) -> str:
    """Return a time to the second in the command line's format."""
    return datetime.fromtimestamp(utc_ns // NS, get_localzone()).isoformat(" ")


def with_ids(boxes: Sequence[model.MovingBox], state: State) -> tuple[model.MovingBox, ...]:
    """Return the boxes with their cameras' ids; they are not checked here."""
    return tuple(msgspec.structs.replace(box, camera=state.camera_id(box.camera)) for box in boxes)


def _boxes(call: Call[types.StillAsk] | Call[types.StripAsk], camera: str) -> tuple[model.MovingBox, ...]:
    """Return the boxes to burn into pictures of that camera. Raises BadRequest."""
    boxes = with_ids(call.request.boxes, call.state)
    if problem := boxes_problem(boxes):
        raise BadRequest(problem, "Correct it and ask again.")
    return tuple(box for box in boxes if box.camera == camera)


def _burn(call: Call[Any], camera: str, lease: Lease, boxes: tuple[model.MovingBox, ...] = ()) -> Burn:
    state, person = call.state, call.person
    row = state.commissions.get(camera) or model.Commission(camera)
    return Burn(
        library=state.board.library or "Library",
        camera_name=state.camera_words(camera),
        person=person.name if person is not None else "",
        log_seq=lease.seq,
        masks=row.masks,
        mask_version=row.mask_version,
        boxes=boxes,
        language=state.policy.language,
        camera=camera,
    )


def _width(asked: int, most: int) -> int:
    if not MIN_WIDTH <= asked <= most:
        raise BadRequest(
            f"A picture here is {MIN_WIDTH} to {most} pixels wide, not {asked}.", "Use a different --width."
        )
    return asked


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
        picture_height=picture.picture_height,
    )


def _shown(rows: Sequence[types.PictureRow]) -> list[tuple[int, int]]:
    return [(row.shown_utc_ns, row.mask_version) for row in rows if row.jpeg]


# --- actions ---------------------------------------------------------------------------------------------------------------


def form(q: PictureAsk) -> LogForm:
    """Return the log form for a requested picture."""
    start = q.at_utc_ns if isinstance(q, types.StillAsk) else q.start_utc_ns if isinstance(q, types.StripAsk) else None
    end = q.end_utc_ns if isinstance(q, types.StripAsk) else None
    mode = LIVE if isinstance(q, types.LiveAsk) else ARCHIVE
    return LogForm(cameras=(q.camera[:64],), start_utc_ns=start, end_utc_ns=end, mode=mode, subject=q.grant[:24])


class PictureActs:
    """The actions that request pictures. ``looks``: the open ones; ``recorder`` and ``store`` know where pictures are."""

    def __init__(
        self,
        looks: Looks,
        cameras: common.KnownCameras,
        recorder: Recorder,
        store: Store,
        pictures: Pictures,
        events: CameraEvents,
    ) -> None:
        self._looks, self._cameras = looks, cameras
        self._recorder, self._store, self._pictures, self._events = recorder, store, pictures, events

    def scope(self, q: PictureAsk, state: State) -> Scope:
        """Return the policy scope for a picture of one of these looks."""
        grant = self._looks.peek(q.grant)
        camera = state.camera_id(q.camera)
        # The handler refuses a camera outside, and says how to widen: the policy is asked about the look as it is.
        cameras = (camera,) if camera in grant.cameras else grant.cameras
        asked = self._looks.scope(grant, cameras, live=isinstance(q, types.LiveAsk))
        if asked.start_utc_ns is None and not isinstance(q, types.LiveAsk):
            # A live look shows no recordings; the handler says so.
            return msgspec.structs.replace(asked, start_utc_ns=0, end_utc_ns=0)
        return asked

    def _grant(self, call: Call[Any], typed_camera: str) -> tuple[Grant, str]:
        """Return the look and the camera's id; refuses a camera outside the look."""
        grant = self._looks.get(call.request.grant, call.caller)
        if (grant.kind == SHARE) != call.action.name.startswith("share."):
            raise BadRequest(
                f"{grant.id} is a look of another kind.", "Ask by share.still for a share, by look.still otherwise."
            )
        camera = call.state.camera_id(typed_camera)
        if camera not in grant.cameras:
            words = call.state.camera_words(camera)
            _refuse_outside(
                call, grant, f"{words} is not part of the look {grant.id}.", f"--camera {shlex.quote(camera[:64])}"
            )
        return grant, camera

    def _opened(self) -> Opened:
        opened = self._store.opened
        if opened is None:
            raise Unavailable(self._store.problem or "The footage is not available now.", "See `holdshelf status`.")
        return opened

    def _growing(self, camera: str) -> Growing | None:
        recorder = self._recorder.cameras.get(camera)
        if recorder is None or not recorder.is_recording:
            return None
        return Growing(recorder.current_seq, recorder.current_start_utc_ns)

    async def _find(self, find: Callable[..., FoundPictures], *args: Any) -> FoundPictures:
        footage = self._opened().footage
        finder = asyncio.create_task(asyncio.to_thread(find, footage, *args))
        try:
            return await asyncio.shield(finder)
        except StorageError as error:
            raise Unavailable(f"The footage cannot be read: {error}", "See `holdshelf status`.") from None
        except asyncio.CancelledError:
            # The caller is gone; what the thread still opens is closed.
            finder.add_done_callback(
                lambda done: None if done.cancelled() or done.exception() else done.result().close()
            )
            raise

    async def _newest(
        self,
        call: Call[types.LiveAsk],
        camera: str,
        lease: Lease,
        growing: Growing,
        width: int,
        *,
        before: bool = False,
    ) -> Picture | None:
        asked = call.request
        grant = self._looks.peek(asked.grant)
        now_utc_ns = call.frame.clock.utc_ns()
        if before:
            found = await self._find(finding.find, camera, [growing.start_utc_ns - 1], None, now_utc_ns)
        else:
            found = await self._find(finding.find_newest, camera, growing)
        try:
            (moment,) = found.moments
            if isinstance(moment, str):
                raise NotFound(moment, "Ask again.")
            return await self._pictures.async_live(
                [moment.file],
                _burn(call, camera, lease),
                viewer_of(grant, camera),
                max_width=width,
                after_utc_ns=asked.after_utc_ns,
            )
        finally:
            found.close()

    async def _note_map(self, call: Call[types.ActivityAsk], camera: str) -> None:
        """Log that the caller sees when something moved: once per session for each camera and day (see `maps_seen`)."""
        asked, maps, log = call.request, self._looks.maps, call.authorizer.log
        try:
            days, start_utc_ns, end_utc_ns = local_days(asked.start_utc_ns, asked.end_utc_ns)
        except (ValueError, OverflowError):
            raise BadRequest("That day does not exist.", "Give a time that was recorded.") from None
        async with maps.lock(call.caller, camera):
            known = maps.entry_of(call.caller, camera, days, call.frame.clock.boot_ns())
            if known is not None and log.problem is None and log.unwritable is None:
                call.seq = known
                return
            # The entry names whole days: it covers later requests for them.
            form = LogForm(cameras=(camera,), start_utc_ns=start_utc_ns, end_utc_ns=end_utc_ns, mode=ARCHIVE)
            seq = await call.record(form=form)
            maps.add(call.caller, camera, days, seq, call.frame.clock.boot_ns())

    @handles(types.LookStill, scope=scope, log=form)
    @handles(types.ShareStill, scope=scope, log=form)
    async def still(self, call: Call[types.StillAsk]) -> types.PictureRow:
        """Return one picture of an open look, under its lease."""
        asked = call.request
        grant, camera = self._grant(call, asked.camera)
        _check_times(call, grant, camera, [asked.at_utc_ns])
        width, boxes = _width(asked.max_width, MAX_WIDTH), _boxes(call, camera)

        async def make(lease: Lease) -> list[types.PictureRow]:
            call.seq = lease.seq
            found = await self._find(
                finding.find, camera, [asked.at_utc_ns], self._growing(camera), call.frame.clock.utc_ns()
            )
            try:
                (moment,) = found.moments
                if isinstance(moment, str):
                    raise NotFound(moment)
                picture = await self._pictures.async_still(
                    [moment.file], moment.at_utc_ns, _burn(call, camera, lease, boxes), max_width=width
                )
            finally:
                found.close()
            return [_row(camera, asked.at_utc_ns, lease, picture)]

        _lease, rows = await self._looks.async_deliver(grant, call.caller, camera, 1, False, make, _shown)
        return rows[0]

    @handles(types.LookStrip, scope=scope, log=form)
    @handles(types.ShareStrip, scope=scope, log=form)
    async def strip(self, call: Call[types.StripAsk]) -> types.Strip:
        asked = call.request
        grant, camera = self._grant(call, asked.camera)
        if not 1 <= asked.count <= LEASE_PICTURES:
            raise BadRequest(
                f"A strip has 1 to {LEASE_PICTURES} pictures, not {asked.count}.", "Use a different --count."
            )
        width, boxes = _width(asked.max_width, MAX_STRIP_WIDTH), _boxes(call, camera)
        start = asked.start_utc_ns if asked.start_utc_ns is not None else grant.start_utc_ns
        end = asked.end_utc_ns if asked.end_utc_ns is not None else grant.end_utc_ns
        if start is None or end is None:
            call.refuse("P12", f"The look {grant.id} is live only.", "Open a look at recordings.")
        if grant.end_utc_ns is not None and asked.end_utc_ns is None:
            end = min(end, call.frame.clock.utc_ns())
        common.check_span(start, end)
        instants = [start + (end - start) * (2 * number + 1) // (2 * asked.count) for number in range(asked.count)]
        _check_times(call, grant, camera, [start, end - 1])
        opened_utc_ns = grant.start_utc_ns or start

        async def make(lease: Lease) -> list[types.PictureRow]:
            call.seq = lease.seq
            found = await self._find(finding.find, camera, instants, self._growing(camera), call.frame.clock.utc_ns())
            try:
                burn = _burn(call, camera, lease, boxes)
                wanted = [
                    # A thumbnail may show an earlier key frame, but never one from before the look's span.
                    Wanted((m.file,), m.at_utc_ns, burn, width, key_from_utc_ns=opened_utc_ns)
                    for m in found.moments
                    if not isinstance(m, str)
                ]
                made = iter(await self._pictures.async_strip(wanted) if wanted else [])
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

        _lease, rows = await self._looks.async_deliver(grant, call.caller, camera, asked.count, False, make, _shown)
        return types.Strip(rows, grant.row().pictures_left)

    @handles(types.LookLive, scope=scope, log=form)
    @handles(types.ShareLive, scope=scope, log=form)
    async def live(self, call: Call[types.LiveAsk]) -> types.PictureRow:
        """Return the newest picture of an open live look, under its lease."""
        asked = call.request
        looks = self._looks
        grant, camera = self._grant(call, asked.camera)
        if grant.mode != LIVE:
            call.refuse(
                "P12",
                f"The look {grant.id} is at recordings, not live.",
                "Open a live look: `holdshelf look open --live`.",
            )
        if not grant.is_live_now(call.frame.clock.boot_ns()):
            looks.refuse_live(grant)
        width = _width(asked.max_width, MAX_WIDTH)
        asked_utc_ns = call.frame.clock.utc_ns()

        async def make(lease: Lease) -> list[types.PictureRow]:
            call.seq = lease.seq
            growing = self._growing(camera)
            if growing is None:
                recorder = self._recorder.cameras.get(camera)
                why = f": {recorder.reason}" if recorder is not None and recorder.reason else ""
                raise NotFound(
                    f"{call.state.camera_words(camera)} is not being recorded now{why}.", "See `holdshelf status`."
                )
            try:
                picture = await self._newest(call, camera, lease, growing, width)
            except NotFound as nothing_yet:
                # A file begun just now has no picture yet; the previous one has, unless recording has only just begun.
                try:
                    picture = await self._newest(call, camera, lease, growing, width, before=True)
                except NotFound:
                    raise nothing_yet from None
            if picture is None:
                return [
                    types.PictureRow(camera, asked_utc_ns, log_seq=lease.seq, missing="There is no newer picture yet.")
                ]
            return [_row(camera, asked_utc_ns, lease, picture)]

        _lease, rows = await looks.async_deliver(grant, call.caller, camera, 1, True, make, _shown)
        return rows[0]

    @handles(
        types.ActivityAsk,
        # No picture, so no purpose: the question is only whether this person might view this camera at all.
        scope=lambda q, s: Scope(
            cameras=(s.camera_id(q.camera),),
            start_utc_ns=q.start_utc_ns,
            end_utc_ns=q.start_utc_ns,
            purpose=s.policy.any_purpose,
        ),
        log=lambda q: LogForm(
            cameras=(q.camera[:64],), start_utc_ns=q.start_utc_ns, end_utc_ns=q.end_utc_ns, mode=ARCHIVE
        ),
    )
    async def activity(self, call: Call[types.ActivityAsk]) -> types.Activity:
        asked = call.request
        (camera,) = common.camera_ids(self._cameras, [asked.camera])
        common.check_span(asked.start_utc_ns, asked.end_utc_ns)
        if asked.end_utc_ns - asked.start_utc_ns > MAX_SPAN_NS:
            raise BadRequest("The span is longer than 31 days.", "Give a shorter one.")
        if not 1 <= asked.buckets <= MAX_BUCKETS:
            raise BadRequest(f"A strip has 1 to {MAX_BUCKETS} parts, not {asked.buckets}.", "Use a different --parts.")
        await self._note_map(call, camera)
        holds = [
            types.HeldRow(hold.id, span.start_utc_ns, span.end_utc_ns)
            for hold in call.state.holds.values()
            if hold.state != "lifted"
            for span in hold.spans
            if span.camera == camera
            and span.start_utc_ns < asked.end_utc_ns
            and (span.end_utc_ns is None or span.end_utc_ns > asked.start_utc_ns)
        ]
        opened = self._opened()
        growing, now_utc_ns = self._growing(camera), call.frame.clock.utc_ns()
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
        told = await self._events.async_read(camera, asked.start_utc_ns, asked.end_utc_ns, joined_ns=read.bucket_ns)
        recorded = read.recorded
        if growing is not None and growing.start_utc_ns < asked.end_utc_ns and asked.start_utc_ns < now_utc_ns:
            # The segment being written is not in the journal yet.
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
            recovered=[types.RecordedRow(*span) for span in read.recovered],
        )
