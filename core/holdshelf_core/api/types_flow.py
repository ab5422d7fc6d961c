"""The steps in which a camera is added or changed, as the service says them: ask these fields, send back their values."""

from __future__ import annotations

import msgspec


class FlowFieldRow(msgspec.Struct, frozen=True):
    """One thing that is asked. ``kind``: text | secret | tick | choice (of ``options``: value, words).

    ``hint`` stands in the empty field, for a tick beside it; ``ask`` is a question, and what is said when it is missing.
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
    """A step. ``kind``: user | reauth | reconfigure. ``step``: pick | device | place | reauth | reconfigure.

    Answered with: pick by `FlowStart`, device by the act ``camera.try``, place by ``camera.add``, reauth by ``camera.check``,
    reconfigure by ``camera.reconfigure``.
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


class FlowStart(msgspec.Struct, frozen=True):
    """Begin: ``user`` with a discovered id or an address ('' asks for it), ``reauth`` or ``reconfigure`` with a camera."""

    kind: str = "user"
    target: str = ""
    camera: str = ""


class FlowTry(msgspec.Struct, frozen=True):
    """Try the camera of a flow with these credentials. Nothing is kept yet."""

    flow: str
    username: str | None = None
    password: str | None = None
    transport: str = "tcp"


class CameraReconfigure(msgspec.Struct, frozen=True):
    """Another address for the same camera. What is None stays as it was."""

    camera: str
    address: str
    username: str | None = None
    password: str | None = None
    accept_certificate: bool = False


class Diagnostics(msgspec.Struct, frozen=True):
    """What may be handed on to get help: no secret and no host in it."""

    camera: str
    told: dict[str, object]
