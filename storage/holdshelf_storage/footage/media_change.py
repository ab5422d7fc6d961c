"""Replaces STATE's volume: by a new one after a loss, or by one that STATE no longer knows.

A STATE restored from a backup older than a change of disks names a volume that is gone, while the one with the newer footage is
at MEDIA. `adopt_volume` checks that volume and assigns STATE to it. Either change leaves `STATE/media-change.json`, from which
the service logs the change, with what the lost disk held.

A sequence number in the ledger belongs to the volume it was written for. So unfinished ledger intents for another volume are
closed, never carried out on this one, and a new volume starts numbering beyond any earlier one of this STATE.
"""

import contextlib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.anchors.lineage import Lineage
from holdshelf_storage.anchors.log import read_batches
from holdshelf_storage.atomic import fsync_dir, whole_lines, write_atomic
from holdshelf_storage.errors import BadCameraId, StorageError, VolumeMismatch, VolumeMissing, translating
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger import lines as ledger_lines
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import Intent
from holdshelf_storage.volume.journal import UNREADABLE
from holdshelf_storage.volume.sequence import SEQUENCE, sequence_bytes
from holdshelf_storage.volume.volume import (
    Identity,
    Volume,
    check_given_up,
    give_up_volume,
    init_volume,
    keep_lost_identity,
    lost_identities,
    read_media_identity,
    read_state_identity,
    state_belongs_to,
)

MARKER = "media-change.json"
MARKER_DONE = "media-change.done.json"
REPLACED: Final = "replaced"
ADOPTED: Final = "adopted"
NUMBERS_PER_VOLUME = 10**12
"""Distance between the numbers of two volumes of one STATE: no volume uses that many."""
_MAX_PROBLEMS = 50
type _VolumeId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f-]{0,64}\\Z")]


class MediaChange(msgspec.Struct, frozen=True, kw_only=True):
    """STATE/media-change.json."""

    kind: Literal["replaced", "adopted"]
    """`replaced`: the volume is lost, an empty one was begun. `adopted`: one with footage was taken over."""
    at_utc_ns: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    before: _VolumeId
    """Id of the volume that STATE belonged to before; '' for none."""
    volume: _VolumeId
    """Its new volume; '' until that is known, while the change is in progress."""
    cameras: list[str] = msgspec.field(default_factory=list)
    """Cameras with footage on an adopted volume."""
    segments: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Segments checked before it was adopted."""
    problems: list[str] = msgspec.field(default_factory=list)
    """Problems found in them."""


def replace_volume(state: Path, media: Path, now_utc_ns: int) -> Identity:
    """Gives up STATE's lost volume and begins an empty one at MEDIA. An interrupted call is finished by the next.

    Raises as `give_up_volume` and `init_volume`; then nothing was changed, or the same call continues.
    """
    known = read_state_identity(state)
    if known is None and lost_identities(state):  # an earlier call got this far
        before = lost_identities(state)[-1].volume
    else:
        check_given_up(state, media)
        before = known.volume if known is not None else ""
    change = MediaChange(kind=REPLACED, at_utc_ns=now_utc_ns, before=before, volume="")
    _note(state, change)  # first: whatever a crash leaves, the lost disk's footage is reported
    if known is not None:
        give_up_volume(state, media, now_utc_ns)
    if read_media_identity(media) is None and not (media / SEQUENCE).exists():
        first = NUMBERS_PER_VOLUME * max(len(lost_identities(state)), _highest(state) // NUMBERS_PER_VOLUME + 1)
        write_atomic(media / SEQUENCE, sequence_bytes(first))
    identity = init_volume(state, media, now_utc_ns)
    _note(state, msgspec.structs.replace(change, volume=identity.volume))
    _end_begun(state, media)
    return identity


def adopt_volume(state: Path, media: Path, volume_id: str, now_utc_ns: int) -> MediaChange:
    """Assigns STATE to the volume at MEDIA; returns what was found on it. Idempotent.

    Also for a volume that STATE names already while its log does not lead there: then the log's word for it is what is missing.
    Refused without a change: a volume other than `volume_id` (VolumeMismatch), one in use (VolumeLocked), one without an identity
    or footage (VolumeMissing), a newer format (FormatNewer), a read-only disk (VolumeReadOnly). Damaged footage is named in
    `problems` and does not prevent it: it is then on record.
    """
    known, found = read_state_identity(state), read_media_identity(media)
    if known is None:
        raise VolumeMissing(f"{state} is not set up; restore its backup first, then adopt the volume.")
    if found is None or not (media / layout.FOOTAGE).is_dir():
        raise VolumeMissing(f"{media} holds no volume with footage; mount the disk that is to be adopted.")
    if found.volume != volume_id.strip().lower():
        raise VolumeMismatch(f"{media} holds volume {found.volume}, not the one that was named; nothing was changed.")
    pending = read_change(state)
    if known.volume == found.volume:
        if pending is not None and pending.kind == ADOPTED and pending.volume == found.volume:
            return pending
        # A change that waits is told of by the next start, as what it was.
        before = "" if waiting_change(state, found.volume) is not None else _led_elsewhere(state, found.volume)
        if not before:
            raise VolumeMismatch(f"{media} is the volume that {state} belongs to already; there is nothing to adopt.")
    else:
        before = known.volume
    volume = Volume.attach(state, media, adopting=True)
    try:
        ledger = Ledger(volume)
        footage = Footage(volume, ledger)
        report = verify(footage)
        change = MediaChange(
            kind=ADOPTED,
            at_utc_ns=now_utc_ns,
            before=before,
            volume=found.volume,
            cameras=footage.cameras(),
            segments=report.segments,
            problems=[str(problem)[:500] for problem in report.problems[:_MAX_PROBLEMS]],
        )
        ledger.end_unfinished()
        _note(state, change)
        if known.volume != found.volume:
            keep_lost_identity(state, known, now_utc_ns)
            state_belongs_to(state, found)
    finally:
        volume.detach()
    return change


def _led_elsewhere(state: Path, volume: str) -> str:
    """The volume that an intact log leads to, if it is another one; else ''. Raises StorageError."""
    lineage = Lineage()
    read_batches(state, lineage=lineage)
    return lineage.volume if lineage.problem(volume) else ""


def read_change(state: Path) -> MediaChange | None:
    """Return a change that is not in the access log yet; None when there is none, or it was not completed."""
    with translating(f"{state / MARKER} could not be read"):
        try:
            data = (state / MARKER).read_bytes()
        except FileNotFoundError:
            return None
    try:
        change = msgspec.json.decode(data, type=MediaChange)
        for camera in change.cameras:
            layout.check_camera(camera)
    except (*UNREADABLE, BadCameraId) as error:
        raise StorageError(
            f"{state / MARKER} is not what Holdshelf writes ({error}); move it elsewhere, then adopt the volume: that puts the "
            "change on record anew."
        ) from error
    return change


def waiting_change(state: Path, volume: str) -> MediaChange | None:
    """Return the change by which STATE came to this volume, while it is not in the access log yet. Raises StorageError."""
    change = read_change(state)
    is_its = change is not None and change.volume in ("", volume) and change.before != volume
    return msgspec.structs.replace(change, volume=volume) if change is not None and is_its else None


def settle_change(state: Path) -> None:
    """The change is in the access log: rename the marker."""
    with translating(f"{state / MARKER} could not be renamed"), contextlib.suppress(FileNotFoundError):
        (state / MARKER).rename(state / MARKER_DONE)
    fsync_dir(state)


def _note(state: Path, change: MediaChange) -> None:
    """A change not reported yet started from the volume before that: nothing was recorded in between."""
    with contextlib.suppress(StorageError):
        pending = read_change(state)
        if pending is not None and pending.kind == REPLACED and change.kind == REPLACED and pending.before:
            change = msgspec.structs.replace(change, before=pending.before)
    write_atomic(state / MARKER, msgspec.json.encode(change) + b"\n")


def _highest(state: Path) -> int:
    """The highest sequence number in the ledger; 0 when there is none."""
    highest = 0
    with translating(f"{state / 'ledger'} could not be read"):
        for path in sorted((state / "ledger").glob("*.jsonl")):
            for entry in map(ledger_lines.decode, whole_lines(path.read_bytes())):
                if isinstance(entry, Intent):
                    highest = max([highest, *(seq for part in entry.days for seq in part.seqs)])
    return highest


def _end_begun(state: Path, media: Path) -> None:
    volume = Volume.attach(state, media)
    try:
        Ledger(volume).end_unfinished()
    finally:
        volume.detach()
