"""Requests and answers of the local API on cameras."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.acts import ADMIN, Act, ActSpec, Done, Read, ReadSpec
from holdshelf_core.api.types import Checks
from holdshelf_core.cameras.flow_types import FlowStep


class DiscoveredRow(msgspec.Struct, frozen=True):
    """A device that answered. ``added_as`` is its camera id if it is already configured, with each of its channels.

    ``partly``: the ids of its cameras while it has further channels.
    """

    id: str
    integration: str
    name: str
    address: str
    hardware: str
    location: str
    added_as: str | None
    partly: list[str] = []


class DiscoverRequest(Read[list[DiscoveredRow]], frozen=True):
    """Look for cameras: by multicast, or at ``addresses`` and the hosts of ``ranges`` (10.20.0.0/24) only."""

    spec = ReadSpec("/discover", ADMIN, method="POST")

    addresses: list[str] | None = None
    timeout_s: float = 4.0
    ranges: list[str] = []


class AddRequest(Act["AddedRow"], frozen=True):
    """Add one camera. ``target``: a discovered id, an ONVIF address or an rtsp(s) address.

    ``flow``: the camera was tested in its steps (`flow_types`) with those credentials, and is not contacted again.
    ``profile``: the stream to take, by the device's own name for it; needed where the device has several channels.
    """

    spec = ActSpec("camera.add", "camera.manage", timeout_s=90)

    target: str
    name: str
    area_kind: str
    area_note: str = ""
    username: str | None = None
    password: str | None = None
    transport: str = "tcp"
    questioned: bool = False
    flow: str = ""
    profile: str = ""


class AddedRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A camera that was added, and notes for the device's owner. ``next``: the step for its device's next channel."""

    id: str
    name: str
    warnings: list[str]
    next: FlowStep | None = None


class CameraSettings(msgspec.Struct, frozen=True):
    """A camera as it is added, without its login. ``id`` '': one that is to be added.

    ``questioned``: it sees no private area, whatever its name.
    """

    name: str
    address: str
    area_kind: str
    area_note: str = ""
    transport: str = "tcp"
    profile: str = ""
    questioned: bool = False
    id: str = ""


class ReadCameraSettings(Read[list[CameraSettings]], frozen=True):
    """Return the cameras as they could be added to another recorder, in the order in which they were added here."""

    spec = ReadSpec("/cameras/settings", ADMIN)


class CameraTrouble(msgspec.Struct, frozen=True):
    """Why a camera cannot be added as it is: ``field`` of its settings, and what to do."""

    field: str
    sentence: str
    next_step: str


class CameraToAdd(msgspec.Struct, frozen=True):
    """What would become of one: ``camera`` is the id under which it is here already; '' it is new.

    ``private``: its area is a private one. To ask for it is refused, and the attempt is logged (P5).
    """

    camera: str
    troubles: list[CameraTrouble]
    private: bool = False


class ReadCamerasToAdd(Read[list[CameraToAdd]], frozen=True):
    """Return what would become of these cameras, one answer for each, without contacting any."""

    spec = ReadSpec("/cameras/to-add", ADMIN, method="POST")

    cameras: list[CameraSettings]


class CameraRemove(Act[Done], frozen=True):
    """Stop recording a camera and remove it; its footage is erased on schedule. Also an official's `camera retire`."""

    spec = ActSpec("camera.remove", "camera.manage")

    camera: str
    why: str = ""


class CameraRetire(CameraRemove, Act[Done], frozen=True):
    """Take a camera out of service as an official; its footage is kept until it is erased on schedule."""

    spec = ActSpec("camera.retire", "commission.edit")


class CameraRename(Act[Done], frozen=True):
    """Rename a camera. ``questioned``: confirms that it sees no private area, despite its name."""

    spec = ActSpec("camera.rename", "camera.manage", changes=True)

    camera: str
    name: str
    questioned: bool = False


class CameraMove(Act[Done], frozen=True):
    """Record that a camera now looks at another place: it must be commissioned again."""

    spec = ActSpec("camera.move", "camera.manage", changes=True)

    camera: str
    area_kind: str
    why: str
    area_note: str = ""
    name: str = ""
    questioned: bool = False


class CameraCheck(Act[Checks], frozen=True):
    """Test a camera again, with new credentials if given."""

    spec = ActSpec("camera.check", "camera.manage", timeout_s=90)

    camera: str
    username: str | None = None
    password: str | None = None
    accept_certificate: bool = False
    """Accept the certificate that it shows now."""


class CameraAsk(msgspec.Struct, frozen=True):
    """One camera, by id or name."""

    camera: str


class CameraPutMasks(CameraAsk, Act[Done], frozen=True):
    """Have a camera apply the drawn masks itself."""

    spec = ActSpec("camera.put_masks", "camera.manage", timeout_s=90)


class CameraSetTime(CameraAsk, Act[Done], frozen=True):
    """Set a camera's clock."""

    spec = ActSpec("camera.set_time", "camera.manage", timeout_s=90)


class CameraSoundOff(CameraAsk, Act[Done], frozen=True):
    """Switch a camera's sound off."""

    spec = ActSpec("camera.sound_off", "camera.manage", timeout_s=90)


class CameraBackfill(CameraAsk, Act[Done], frozen=True):
    """Whether gaps of a camera are filled from what it has recorded itself."""

    spec = ActSpec("camera.backfill", "camera.manage", changes=True)

    on: bool


class CameraDetailsAsk(CameraAsk, Act["CameraDetails"], frozen=True):
    """Read a camera's details from the device."""

    spec = ActSpec("camera.details", "camera.manage", timeout_s=90)


class CameraReload(CameraAsk, Act[Done], frozen=True):
    """Unload one camera and set it up again."""

    spec = ActSpec("camera.reload", "camera.manage", timeout_s=90)


class CameraDetails(msgspec.Struct, frozen=True):
    """What a camera reports about itself, through its integration; without hosts and secrets."""

    camera: str
    told: dict[str, Any]
