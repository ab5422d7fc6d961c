"""The steps in which a camera is added or changed, as sent by the service: ask for these fields, send back their values."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import ADMIN, Act, ActSpec, Read, ReadSpec
from holdshelf_core.api.types import Checks


class FlowFieldRow(msgspec.Struct, frozen=True):
    """One field of a step. ``kind``: text | secret | tick | choice (of ``options``: value, words).

    ``hint`` is shown in the empty field, or beside a tick; ``ask`` is the question, also shown when the value is missing.
    """

    key: str
    kind: str
    label: str
    hint: str
    ask: str
    needed: bool
    value: str = ""
    options: list[tuple[str, str]] = []


class FlowStep(msgspec.Struct, frozen=True):
    """A step. ``kind``: user | reauth | reconfigure | replace. ``step``: pick | device | channel | place | the kind.

    Answered with: pick by `FlowStart`, device and channel by the action ``camera.try``, place by ``camera.add``, reauth by
    ``camera.check``, reconfigure by ``camera.reconfigure``, replace by ``camera.replace``.
    """

    flow: str
    kind: str
    step: str
    title: str
    lead: str
    does: str
    doing: str
    fields: list[FlowFieldRow]
    camera: str | None = None
    warnings: list[str] = []


class FlowStart(Read["FlowStep"], frozen=True):
    """Begin a flow: ``user`` with a discovered id or an address ('' asks for it), or with a camera ``reauth``, ``reconfigure``
    or ``replace``."""

    spec = ReadSpec("/flow", ADMIN, method="POST")

    kind: str = "user"
    target: str = ""
    camera: str = ""


class FlowTry(Act[FlowStep], frozen=True):
    """Test the camera of a flow with these credentials. Nothing is stored yet.

    ``profile``: the stream to take. Of a device with several channels, the answer without it is the step ``channel``, which is
    answered with a profile and no credentials: the flow has kept them.
    """

    spec = ActSpec("camera.try", "camera.manage", timeout_s=90)

    flow: str
    username: str | None = None
    password: str | None = None
    transport: str = "tcp"
    profile: str = ""


class CameraReconfigure(Act[Checks], frozen=True):
    """Change the same camera's address, its transport (tcp, udp, multicast), or which of its streams is recorded (``profile``).

    What is None or '' stays unchanged.
    """

    spec = ActSpec("camera.reconfigure", "camera.manage", timeout_s=90)

    camera: str
    address: str = ""
    username: str | None = None
    password: str | None = None
    accept_certificate: bool = False
    transport: str | None = None
    profile: str = ""


class CameraReplace(Act[Checks], frozen=True):
    """Another device has taken a camera's place: it goes on under its id and name, with its place, masks and recordings.

    ``address``: a discovered id or an address; '' is the camera's own. Nobody looks until its still has been approved again.
    ``profile``: the stream to take; needed where the device has several channels.
    """

    spec = ActSpec("camera.replace", "camera.manage", timeout_s=90)

    camera: str
    why: str
    address: str = ""
    username: str | None = None
    password: str | None = None
    transport: str = "tcp"
    profile: str = ""


class Diagnostics(msgspec.Struct, frozen=True):
    """What may be passed on to get help: contains no secrets and no hosts."""

    camera: str
    told: dict[str, object]


class ReadFlows(Read[list[FlowStep]], frozen=True):
    """Return the open steps."""

    spec = ReadSpec("/flows", ADMIN)


class ReadDiagnostics(Read[Diagnostics], frozen=True):
    """Return what may be attached to a bug report."""

    spec = ReadSpec("/diagnostics", ADMIN)

    camera: str = ""
