"""Which cameras are offered to whom: what is in use, and what a letter of appointment names. The service has the last word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdshelf_core.api.types import CameraRow
from holdshelf_tui.session.link import Who
from holdshelf_tui.text.words import inert


def offered(who: Who, cameras: Iterable[CameraRow], right: str) -> list[CameraRow]:
    """Cameras that this person may look at with that right (archive, live), in their order."""
    return [camera for camera in cameras if _may(who, camera, right)]


def _may(who: Who, camera: CameraRow, right: str) -> bool:
    if camera.commission not in (("approved", "retired") if right == "archive" else ("approved",)):
        return False
    if who.seat:
        return right in who.rights
    roles = who.person.roles if who.person is not None else []
    return any(
        role.state == "active" and right in role.rights and (role.cameras is None or camera.id in role.cameras)
        for role in roles
    )


def names(cameras: Iterable[CameraRow]) -> dict[str, str]:
    """Names by id, inert."""
    return {camera.id: inert(camera.name, 40) for camera in cameras}


def told(cameras: Iterable[str], known: Mapping[str, str]) -> str:
    """'Front entrance, Service desk'."""
    return ", ".join(known.get(camera, inert(camera, 40)) for camera in cameras)
