"""After the media volume was replaced: records the lost disk's footage as gaps, and logs the change.

What was on a lost disk is known from STATE alone: the access log has when each camera was added and removed, the ledger what was
erased on schedule before, and ``clock.json`` when the service last ran. The rest of a camera's time was on that disk. It is
written as gaps to the journals of the new volume, so that the list of gaps, a hold's coverage, bundles and the report all show
it. Runs once, at the first start after the change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.buffer.store import Opened
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.clock import Heartbeat
from holdshelf_core.errors import Unavailable
from holdshelf_core.integration import reasons
from holdshelf_core.policy import model
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.reports.camera_rows import Coming, active
from holdshelf_core.reports.uptime import without
from holdshelf_core.times import NS
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_ns
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.media_change import ADOPTED, REPLACED, MediaChange, settle_change, waiting_change
from holdshelf_storage.footage.recovery import CameraRecovery
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import DayGone, Done, Intent, IntentDay, merged
from holdshelf_storage.volume.journal import Gap, GapEnd, GapSpan

_LOGGER = logging.getLogger(__name__)

FLAGS = {REPLACED: "media_replaced", ADOPTED: "media_adopted"}
RETRY_S = 5.0
type Spans = list[tuple[int, int]]
type Told = list[tuple[int, int, str]]


async def async_tell_media(
    authorizer: Authorizer, entries: Entries, recorder: Recorder, opened: Opened, alive: Heartbeat | None
) -> None:
    """Before cameras are recorded on ``opened``: write the gaps, then the log entry. A failure does not prevent recording: the
    entry is tried again until it is written, gaps at the next start. ``alive``: when the service last ran."""
    state = authorizer.frame.paths.state
    try:
        change = await asyncio.to_thread(waiting_change, state, opened.volume.identity.volume)
        if change is None:
            return  # none, or one that was not completed
        told: dict[str, Told] = {}
        if change.kind == REPLACED:
            added = {entry.entry_id: entry.added_utc_ns for entry in entries.async_all()}
            told = await asyncio.to_thread(_write_gaps, authorizer, added, opened, change, alive)
            _go_on_from(recorder.cameras, opened, alive)
    except (StorageError, Unavailable) as error:
        _LOGGER.warning("a change of the media volume was not written down yet: %s", error)
        return
    unwritten = await _settle(authorizer, change, told)
    if unwritten is not None:
        _LOGGER.warning("a change of the media volume was not written down yet: %s", unwritten)
        authorizer.frame.async_spawn(_settle_later(authorizer, opened, change, told), "media change")


async def _settle(authorizer: Authorizer, change: MediaChange, told: Mapping[str, Told]) -> Exception | None:
    """Write the log entry. Returns why it cannot be written now."""
    try:
        await _log(authorizer, change, told)
    except (StorageError, Unavailable) as error:
        return error
    try:
        await asyncio.to_thread(settle_change, authorizer.frame.paths.state)
    except StorageError as error:
        _LOGGER.warning("%s", error)  # it is written down, and once more at the next start
    return None


async def _settle_later(authorizer: Authorizer, opened: Opened, change: MediaChange, told: Mapping[str, Told]) -> None:
    """Nothing on the volume is anchored before the log leads to it."""
    while True:
        await asyncio.sleep(RETRY_S)  # the log's disk does not signal when it recovers
        # A volume that went and came back is told of by whoever attached it again.
        if opened.volume.root_fd < 0 or await _settle(authorizer, change, told) is None:
            return


def _go_on_from(cameras: Iterable[str], opened: Opened, alive: Heartbeat | None) -> None:
    """Between the end of the lost disk's time and the next recording, the service counts as stopped."""
    if alive is None:
        return
    for camera in cameras:
        known = opened.recovery.cameras.setdefault(camera, CameraRecovery(camera=camera))
        if known.last_end_utc_ns is None:
            known.last_end_utc_ns, known.last_boot, known.last_end_boot_ns = alive.utc_ns, alive.boot, alive.boot_ns


async def _log(authorizer: Authorizer, change: MediaChange, told: Mapping[str, Told]) -> None:
    lost = sorted(camera for camera, spans in told.items() if spans)
    starts = [start for spans in told.values() for start, _, _ in spans]
    ends = [end for spans in told.values() for _, end, _ in spans]
    form = LogForm(
        cameras=tuple(lost if change.kind == REPLACED else change.cameras),
        start_utc_ns=min(starts, default=None),
        end_utc_ns=max(ends, default=None),
        facts={
            "before": change.before,
            "volume": change.volume,
            "changed": times.rfc3339(change.at_utc_ns),
            "segments": change.segments,
            "problems": len(change.problems),
        },
        private={"found": "\n".join(change.problems)},
    )
    note = (
        f"The media disk was replaced. Footage of {len(lost)} {'camera' if len(lost) == 1 else 'cameras'} was lost with it, "
        "on hold or not: see `holdshelf footage gaps`."
        if change.kind == REPLACED
        else f"A media volume with newer footage was adopted: {change.segments} segments of {len(change.cameras)} "
        f"{'camera' if len(change.cameras) == 1 else 'cameras'} were checked, {len(change.problems)} problems found. What was "
        "erased from it is unknown here."
    )
    async with authorizer.order:
        key = authorizer.store.next_id("flags", "f")
        flag = model.Flag(key, FLAGS[change.kind], 0, "admin", authorizer.now().utc_ns, 1, note=note)
        await authorizer.async_service_entry(f"media.{change.kind}", form, [put("flags", key, flag)], ordered=True)


# --- what the lost disk held --------------------------------------------------------------------------------------------


def _write_gaps(
    authorizer: Authorizer, added: Mapping[str, int], opened: Opened, change: MediaChange, alive: Heartbeat | None
) -> dict[str, Told]:
    end = alive.utc_ns if alive is not None else change.at_utc_ns
    told = lost_spans(authorizer.log, opened.ledger, authorizer.store.state.holds.values(), added, end)
    for camera, spans in told.items():
        for start, until, reason in spans:
            if _is_written(opened, camera, start, until, reason):
                continue  # a crash came before it was logged
            gap = Gap(start_utc_ns=start, start_boot_ns=0, boot="", reason=reason)
            written = opened.footage.start_gap(camera, gap)
            opened.footage.end_gap(camera, written, GapEnd(end_utc_ns=until, elapsed_ns=until - start, reason=reason))
    return told


def _is_written(opened: Opened, camera: str, start: int, until: int, reason: str) -> bool:
    return any(
        isinstance(one, GapSpan) and (one.start_utc_ns, one.end_utc_ns, one.reason) == (start, until, reason)
        for one in opened.footage.query(camera, start, until)
    )


def lost_spans(
    log: AccessLog, ledger: Ledger, holds: Iterable[model.Hold], added: Mapping[str, int], end_utc_ns: int
) -> dict[str, Told]:
    """Return, by camera, what STATE shows to have been on a lost disk: (start, end, reason). Blocks. Raises StorageError.

    ``added``: cameras of the register and when they were added. Time that the ledger reports itself (a deleted day) is left out;
    time erased from a day not yet deleted has its own reason.
    """
    comings, began_utc_ns = _comings(log)
    erased, gone = _erased(ledger, list(holds))
    told: dict[str, Told] = {}
    for camera in sorted({*added, *comings}):
        spans = active(comings.get(camera, ()), added.get(camera), 0, end_utc_ns)
        spans = [(start or began_utc_ns, end) for start, end in spans]  # 0: existed before the log began
        left = without(spans, merged(gone.get(camera, ()), 0))
        before = merged(erased.get(camera, ()))
        lost = [(start, end, reasons.LOST_WITH_DISK) for start, end in without(left, before)]
        kept = without(left, [(start, end) for start, end, _ in lost])
        pieces = [*lost, *((start, end, reasons.ERASED_BEFORE_LOSS) for start, end in kept)]
        told[camera] = sorted(piece for piece in pieces if piece[1] - piece[0] >= NS)
    return told


def _comings(log: AccessLog) -> tuple[dict[str, Coming], int]:
    """Return (when cameras were added and removed, from the log; when the log began)."""
    found: dict[str, list[tuple[str, int, int]]] = {}
    began_utc_ns = 0
    for entry in log.read():
        public = entry.public
        began_utc_ns = began_utc_ns or time_ns(public["at"])
        if public["action"] in ("camera.add", "camera.remove", "camera.retire") and public["outcome"] == "done":
            for camera in public.get("cameras", ()):
                found.setdefault(camera, []).append((public["action"], time_ns(public["at"]), entry.seq))
    return dict(found), began_utc_ns


def _erased(ledger: Ledger, holds: list[model.Hold]) -> tuple[dict[str, Spans], dict[str, Spans]]:
    """Return (erased by an intent, reported by a day's summary), by camera."""
    intents: dict[str, Intent] = {}
    erased: dict[str, Spans] = {}
    gone: dict[str, Spans] = {}

    def take(intent: Intent, kept: Iterable[int]) -> None:
        for part in intent.days:
            if set(part.seqs) - set(kept):
                erased.setdefault(part.camera, []).extend(_unheld(part, intent.at_utc_ns, holds))

    for entry in ledger.entries():
        match entry:
            case Intent():
                intents[entry.id] = entry
            case Done() if entry.id in intents:
                take(intents.pop(entry.id), entry.kept)
            case DayGone():
                gone.setdefault(entry.camera, []).extend(entry.recorded)
                gone[entry.camera] += [(start, end) for start, end, _ in entry.gap_spans if end > start]
    return erased, gone


def _unheld(part: IntentDay, at_utc_ns: int, holds: list[model.Hold]) -> Spans:
    """Return what an intent can have erased: nothing that was on hold by then."""
    held = [
        (span.start_utc_ns, span.end_utc_ns if span.end_utc_ns is not None else part.end_utc_ns)
        for hold in holds
        if hold.placed_utc_ns <= at_utc_ns and not (hold.lifted_utc_ns and hold.lifted_utc_ns <= at_utc_ns)
        for span in hold.spans
        if span.camera == part.camera
    ]
    return without([(part.start_utc_ns, part.end_utc_ns)], merged((s, e) for s, e in held if e > s))
