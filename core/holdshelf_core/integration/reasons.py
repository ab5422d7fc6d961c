"""Why nothing is being recorded: the reasons that gaps have, and the advice for each."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .models import StreamSource

UNREACHABLE = "camera unreachable"
AUTH_REFUSED = "auth refused"
CERTIFICATE_CHANGED = "certificate changed"
ANOTHER_CAMERA = "another camera"
STALE_SESSION = "stale session"
NO_FRAMES = "no frames"
MEDIA_UNREACHABLE = "media unreachable"
FRAMES_LOST = "frames lost"
NOT_FOUND = "stream not found"
STREAM_ENDED = "stream ended"
STREAM_MOVED = "stream moved"
STREAM_JUMPED = "stream jumped"
TRANSPORT_REFUSED = "transport refused"
NOT_RECORDABLE = "not recordable"
NO_PARAMETER_SETS = "no parameter sets"
RECORDER_FAULT = "recorder fault"
RECORDER_BUSY = "recorder busy"
UNKNOWN = "unknown"
SERVICE_STOPPED = "service stopped"
CONNECTING = "connecting"
RECORDER_RESTARTED = "recorder restarted"
CAMERA_REMOVED = "camera removed"
CLOCK_STEPPED = "clock stepped"
CAMERA_RECONNECTED = "reconnected"
DISK_FULL = "disk full"
DISK_ERROR = "disk error"
DISK_READ_ONLY = "disk read-only"
DISK_MISSING = "disk missing"
SOUND_FOUND = "sound found"
LOST_WITH_DISK = "footage lost with its disk"
ERASED_BEFORE_LOSS = "erased on schedule before its disk was lost"

ALL = frozenset(value for name, value in tuple(vars().items()) if name.isupper() and isinstance(value, str))
"""Of gaps, all of the above."""

OTHER_TIMES = "pictures of other times"
NOTHING_THERE = "nothing of that time"
NOT_AT_THE_CAMERA = frozenset(
    {
        CAMERA_REMOVED,
        ANOTHER_CAMERA,
        CERTIFICATE_CHANGED,
        CLOCK_STEPPED,
        SOUND_FOUND,
        LOST_WITH_DISK,
        ERASED_BEFORE_LOSS,
    }
)
"""Gaps that are not filled from the camera's own recording: it was not this camera, was not to record, or has no right time."""


# Details that have a sentence of their own: what reports them uses these words.
PORT_CLOSED = os.strerror(errno.ECONNREFUSED)
NAME_UNKNOWN = "its name is not known"
NAME_LATE = "its name was not looked up in time"
SILENT = "it takes the connection and does not answer"
WHEP_SILENT = "its WHEP server did not answer in time"
MULTICAST_ONLY = "it sends by multicast only"
BY_UDP, BY_MULTICAST = "udp", "multicast"
TOLD_BY_DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Advice:
    """``sentence`` names the camera; ``next_step`` is one thing to do, and ``adding`` the one for a camera that is not added yet.

    ``field``: of the form in which it is added, what to correct.
    """

    sentence: str
    next_step: str
    adding: str = ""
    field: str = "address"


_UDP_BLOCKED = Advice(
    "{name} answers, but its video does not come through.",
    "Let UDP pass between this machine and the camera, or use TCP instead: "
    "`holdshelf camera reconfigure {id} --transport tcp`.",
    "Let UDP pass between this machine and the camera, or add it with `--transport tcp`.",
)
_ADVICE: dict[str | tuple[str, ...], Advice] = {
    UNREACHABLE: Advice(
        "{name} cannot be reached.",
        "Check its power and network cable, then `holdshelf camera check {id}`.",
        "Check the address, the power and the network cable.",
    ),
    (UNREACHABLE, PORT_CLOSED): Advice(
        "{name} is there, but its stream's port ({port}) is closed.",
        "Switch its stream on, or give its port: `holdshelf camera reconfigure {id} --address ADDRESS`.",
        "Switch the stream on in the camera's settings, and compare its port with the address.",
    ),
    (UNREACHABLE, PORT_CLOSED, TOLD_BY_DEVICE): Advice(
        "{name} is there, but its stream's port ({port}) is closed.",
        "Switch RTSP on in the camera's settings. Holdshelf asks it for the port every few seconds.",
        "Switch RTSP on in the camera's settings.",
    ),
    (UNREACHABLE, NAME_UNKNOWN): Advice(
        "The network does not know the name {host}, so {name} cannot be reached.",
        "Have the name entered in DNS, or give the camera's IP address: "
        "`holdshelf camera reconfigure {id} --address ADDRESS`.",
        "Check how the name is spelled, or give the camera's IP address in its place.",
    ),
    (UNREACHABLE, NAME_LATE): Advice(
        "The name {host} was not looked up in time, so {name} cannot be reached.",
        "Check that this machine reaches its DNS server (`resolvectl status`), or give the camera's IP address: "
        "`holdshelf camera reconfigure {id} --address ADDRESS`.",
        "Check that this machine reaches its DNS server (`resolvectl status`), or give the camera's IP address.",
    ),
    (UNREACHABLE, SILENT): Advice(
        "{name} takes the connection and does not answer.",
        "Restart the camera, then `holdshelf camera check {id}`.",
        "Check that the port is that of its stream. If it is, restart the camera.",
    ),
    (UNREACHABLE, WHEP_SILENT): Advice(
        "{name} takes the connection, but its WHEP server gave no answer in time.",
        "It may be waiting for STUN servers that it cannot reach: let it reach them, or remove them from its own settings "
        "(ICE servers).",
    ),
    AUTH_REFUSED: Advice(
        "{name} refuses this user name or password.",
        "Give the right password with `holdshelf camera check {id} --ask-password`.",
        "Give the camera's own account.",
        field="password",
    ),
    CERTIFICATE_CHANGED: Advice(
        "The certificate of {name} changed. Nothing more is sent to it, because another device may have taken its place.",
        "Find out whether the camera was replaced, reset or updated; if so: "
        "`holdshelf camera check {id} --accept-certificate`.",
        "Find out whether the device was replaced, reset or updated meanwhile, then begin again.",
    ),
    ANOTHER_CAMERA: Advice(
        "Another device answers at the address of {name}, so nothing is recorded under that name.",
        "If the camera was replaced: `holdshelf camera replace {id}`. If not, find out which device has its address.",
    ),
    STALE_SESSION: Advice(
        "{name} answers but refuses a new viewing session{told}.",
        "Holdshelf tries again automatically. If this persists, restart the camera or close other viewers.",
        "Close other viewers or restart the camera.",
    ),
    NO_FRAMES: Advice(
        "{name} is connected but sends no picture.",
        "Restart the camera. If this persists, check its video settings.",
    ),
    MEDIA_UNREACHABLE: Advice(
        "{name} answers, but its video does not come through.",
        "Let UDP pass between this machine and the camera, or set up a relay (TURN) at its gateway.",
    ),
    (MEDIA_UNREACHABLE, BY_UDP): _UDP_BLOCKED,
    (MEDIA_UNREACHABLE, BY_MULTICAST): _UDP_BLOCKED,
    FRAMES_LOST: Advice(
        "Video from {name} is getting lost on the network.", "Check the network between the camera and this machine."
    ),
    NOT_FOUND: Advice(
        "{name} has no stream at this address{told}.",
        "Find the stream's address in the camera's settings, and give it: "
        "`holdshelf camera reconfigure {id} --address ADDRESS`.",
        "Look it up in the camera's settings.",
    ),
    (NOT_FOUND, TOLD_BY_DEVICE): Advice(
        "{name} names an address for its stream and has no stream there{told}.",
        "Restart the camera, or save its video settings again. Holdshelf asks it for the address every few seconds.",
        "Restart the camera, or save its video settings again.",
    ),
    STREAM_MOVED: Advice(
        "{name} redirects to another address, which Holdshelf does not follow{told}.",
        "Find the stream's address in the camera's settings, and give it: "
        "`holdshelf camera reconfigure {id} --address ADDRESS`.",
        "Use the address that it redirects to, if you know that it is the camera's.",
    ),
    (STREAM_MOVED, TOLD_BY_DEVICE): Advice(
        "{name} redirects to another address, which Holdshelf does not follow{told}.",
        "Switch the redirection off in the camera's settings. Holdshelf asks it for the address every few seconds.",
        "Switch the redirection off in the camera's settings.",
    ),
    TRANSPORT_REFUSED: Advice(
        "{name} does not send its video over the connection that was opened.",
        "Allow RTP over RTSP (TCP) in its settings, or take its video by UDP: "
        "`holdshelf camera reconfigure {id} --transport udp`.",
        "Allow RTP over RTSP (TCP) in its settings, or add it with `--transport udp`.",
    ),
    (TRANSPORT_REFUSED, BY_UDP): Advice(
        "{name} refuses to send its video by UDP.",
        "Use TCP instead: `holdshelf camera reconfigure {id} --transport tcp`.",
        "Add it without UDP (`--transport tcp`).",
    ),
    (TRANSPORT_REFUSED, BY_MULTICAST): Advice(
        "{name} refuses to send its video by multicast.",
        "Use TCP instead: `holdshelf camera reconfigure {id} --transport tcp`.",
        "Add it without multicast (`--transport tcp`).",
    ),
    (TRANSPORT_REFUSED, MULTICAST_ONLY): Advice(
        "{name} sends its video by multicast only.",
        "Use that: `holdshelf camera reconfigure {id} --transport multicast`. Or set its stream to unicast in its settings.",
        "Add it with `--transport multicast`, or set its stream to unicast in its settings.",
    ),
    STREAM_ENDED: Advice(
        "{name} closed its stream.",
        "Holdshelf reconnects automatically. If this persists, check the camera.",
        "Try again. If this persists, restart the camera.",
    ),
    NOT_RECORDABLE: Advice(
        "{name} offers no video that may be recorded{told}.",
        "Set the camera to H.264 or H.265 video, with its sound off or in a separate track.",
    ),
    NO_PARAMETER_SETS: Advice(
        "{name} sends pictures without saying how to decode them.",
        "Restart the camera. If this persists, update its firmware.",
    ),
    DISK_FULL: Advice(
        "There is no disk space to record {name}.", "Free space on the media disk, or archive holds to another disk."
    ),
    DISK_READ_ONLY: Advice(
        "The media disk is read-only, so {name} is not recorded.",
        "Check the disk (`dmesg`), then mount it for writing.",
    ),
    DISK_MISSING: Advice(
        "The media disk is missing, so {name} is not recorded.", "Mount the disk that belongs here; recording resumes."
    ),
    DISK_ERROR: Advice(
        "The disk failed while {name} was being recorded.", "Check the disk's health (`smartctl -a`), replace it."
    ),
    RECORDER_BUSY: Advice(
        "This machine or its disk is too slow to record {name}.",
        "Find out what keeps it busy (`uptime`, `iostat -x 5`), and check the disk's health (`smartctl -a`).",
    ),
    SOUND_FOUND: Advice(
        "{name} sent sound with its video; none of it is kept.", "Turn the camera's microphone off in its settings."
    ),
}
_OTHER = Advice(
    "{name} is not being recorded ({reason}).",
    "See `holdshelf camera check {id}`.",
    "Try again, or restart the camera.",
)
_STATUS = re.compile(r"(\d{3}[\w -]*)?")
"""A bare status, which tells a person nothing."""
_USUAL_PORT = {"rtsp": 554, "rtsps": 322, "whep+http": 80, "whep+https": 443}


def advise(
    reason: str,
    *,
    name: str,
    camera_id: str = "",
    detail: str = "",
    source: StreamSource | None = None,
    told_by_device: bool = False,
) -> tuple[str, str]:
    """Return (sentence, next step) for a person; without ``camera_id`` for one who is adding it.

    ``detail`` as reported with the reason; ``told_by_device``: its integration asks the camera for the stream's address.
    """
    told_by = (TOLD_BY_DEVICE,) if told_by_device else ()
    transport = source.transport if source is not None else ""
    variants = [(detail, *told_by), (detail,), (transport,), told_by]
    known = (_ADVICE.get((reason, *variant)) for variant in variants)
    advice = next((one for one in known if one is not None), None) or _ADVICE.get(reason, _OTHER)
    parts = urlsplit(source.url if source is not None else "")
    words = {
        "name": name,
        "id": camera_id,
        "reason": reason,
        "host": parts.hostname or name,
        "port": parts.port or _USUAL_PORT.get(parts.scheme, 554),
        "told": "" if _STATUS.fullmatch(detail) else f": {detail}",
    }
    step = advice.next_step if camera_id else advice.adding or advice.next_step
    return advice.sentence.format(**words), step.format(**words)


def field_of(reason: str) -> str:
    """Return the field of the form to correct when a camera that is being added fails for this reason."""
    return _ADVICE.get(reason, _OTHER).field


_BACKFILL = {
    OTHER_TIMES: Advice(
        "{name} has a recording of its own for a gap, but sent pictures of other times. Those were not kept.",
        "Check the camera's clock (`holdshelf camera set-time {id}`) and its card; or turn this off: "
        "`holdshelf camera backfill {id} --off`.",
    ),
    AUTH_REFUSED: Advice(
        "{name} refuses to replay its own recording to this user.",
        "Allow playback for the user in the camera's settings; or turn this off: `holdshelf camera backfill {id} --off`.",
    ),
    SOUND_FOUND: _ADVICE[SOUND_FOUND],
}
_BACKFILL_OTHER = Advice(
    "{name} says that it has recorded a gap itself, but what it sends of it cannot be used ({reason}).",
    "Check the camera's card; or turn this off: `holdshelf camera backfill {id} --off`.",
)


def advise_backfill(reason: str, *, name: str, camera_id: str) -> tuple[str, str]:
    """Return (sentence, next step) for a camera whose own recording is not what it says."""
    advice = _BACKFILL.get(reason, _BACKFILL_OTHER)
    words = {"name": name, "id": camera_id, "reason": reason or "nothing came"}
    return advice.sentence.format(**words), advice.next_step.format(**words)
