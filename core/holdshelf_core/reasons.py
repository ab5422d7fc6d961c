"""Why nothing is being recorded: the reasons that gaps carry, and what a person is told to do about each."""

from __future__ import annotations

from dataclasses import dataclass

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
TRANSPORT_REFUSED = "transport refused"
NOT_RECORDABLE = "not recordable"
NO_PARAMETER_SETS = "no parameter sets"
RECORDER_FAULT = "recorder fault"
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


@dataclass(frozen=True, slots=True)
class Advice:
    """``sentence`` takes the camera's name; ``next_step`` is one thing to do."""

    sentence: str
    next_step: str


_ADVICE = {
    UNREACHABLE: Advice(
        "{name} cannot be reached.", "Check its power and network cable, then `holdshelf camera check {id}`."
    ),
    AUTH_REFUSED: Advice(
        "{name} refuses the user name or password.",
        "Give the right password with `holdshelf camera check {id} --ask-password`.",
    ),
    CERTIFICATE_CHANGED: Advice(
        "The certificate of {name} changed. Nothing is sent to it any more, for another device may stand in its place.",
        "Find out whether the camera was replaced, reset or updated; if so: "
        "`holdshelf camera check {id} --accept-certificate`.",
    ),
    ANOTHER_CAMERA: Advice(
        "Another device answers at the address of {name}, so nothing is recorded under that name.",
        "If the camera was replaced, remove it and add the new one; if not, find out which device has its address.",
    ),
    STALE_SESSION: Advice(
        "{name} answers but refuses a new viewing session.",
        "It is tried again by itself; if it lasts, restart the camera or close other viewers.",
    ),
    NO_FRAMES: Advice(
        "{name} is connected but sends no picture.", "Restart the camera; check its video settings if it lasts."
    ),
    MEDIA_UNREACHABLE: Advice(
        "{name} answers, but its video does not come through.",
        "Let UDP pass between this machine and the camera, or set up a relay (TURN) at its gateway.",
    ),
    FRAMES_LOST: Advice(
        "Video of {name} is lost on its way here.", "Check the network between the camera and this machine."
    ),
    NOT_FOUND: Advice(
        "{name} has no stream at the address it is dialled at.",
        "Look up the stream's address in the camera's settings, remove it and add it again.",
    ),
    STREAM_MOVED: Advice(
        "{name} sends its viewers on to another address, which is not followed.",
        "Look up the stream's address in the camera's settings, remove it and add it again.",
    ),
    TRANSPORT_REFUSED: Advice(
        "{name} does not send its video over the connection that was opened.",
        "Set its stream to unicast, with RTP over RTSP (TCP) allowed, or add it again with `--transport udp`.",
    ),
    STREAM_ENDED: Advice("{name} closed its stream.", "It is dialled again by itself; check the camera if it lasts."),
    NOT_RECORDABLE: Advice(
        "{name} offers nothing that may be recorded.",
        "Set the camera to H.264 or H.265 video, with its sound off or in a track of its own.",
    ),
    NO_PARAMETER_SETS: Advice(
        "{name} sends pictures without saying how to decode them.",
        "Restart the camera; update its firmware if it lasts.",
    ),
    DISK_FULL: Advice(
        "There is no room to record {name}.", "Make room on the media disk, or archive what is held to another disk."
    ),
    DISK_READ_ONLY: Advice(
        "The media disk is read-only, so {name} is not recorded.",
        "Check the disk (`dmesg`), then mount it for writing.",
    ),
    DISK_MISSING: Advice(
        "The media disk is missing, so {name} is not recorded.", "Mount the disk that belongs here; recording resumes."
    ),
    DISK_ERROR: Advice(
        "The disk failed while {name} was written.", "Check the disk's health (`smartctl -a`), replace it."
    ),
    SOUND_FOUND: Advice(
        "{name} sent sound with its video; none of it is kept.", "Turn the camera's microphone off in its settings."
    ),
}
_OTHER = Advice("{name} is not being recorded ({reason}).", "See `holdshelf camera check {id}`.")


def advise(reason: str, *, name: str, camera_id: str) -> tuple[str, str]:
    """(sentence, next step) for a person."""
    advice = _ADVICE.get(reason, _OTHER)
    words = {"name": name, "id": camera_id, "reason": reason}
    return advice.sentence.format(**words), advice.next_step.format(**words)


def inert(words: str) -> str:
    """A camera's words, which end on screens and in journals: no escapes, no bidi marks, no line ends."""
    return "".join(c if c.isprintable() else " " for c in words).strip()
