"""The admin's reads: discovering cameras, the first step to add one, and diagnostics.

What is then done with cameras is an action (``cameras.actions``, ``cameras.flow_actions``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.cameras import flow_types as asking
from holdshelf_core.cameras import types
from holdshelf_core.cameras.address_ranges import hosts_of, search_s
from holdshelf_core.cameras.diagnostics import async_diagnostics
from holdshelf_core.cameras.entries import Entries, check_area_note
from holdshelf_core.cameras.flows import check_transport
from holdshelf_core.cameras.identity import added_at
from holdshelf_core.cameras.names import check_questioned
from holdshelf_core.errors import BadRequest, HoldshelfError
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.models import DiscoveredCamera
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.integration.stream_url import PASSWORD_MARK, password_in, shown_address
from holdshelf_core.policy.areas import questionable_name
from holdshelf_core.policy.places import is_private
from holdshelf_core.policy.tables import Policy
from holdshelf_core.recorder.recorder import Recorder


class CameraReads:
    """Searches, steps and diagnostics. ``holdshelf``: what an integration may ask of the service."""

    def __init__(self, holdshelf: Holdshelf, entries: Entries, recorder: Recorder) -> None:
        self._holdshelf, self._entries, self._recorder = holdshelf, entries, recorder

    @handles(asking.FlowStart)
    async def flow(self, asked: Reading[asking.FlowStart]) -> asking.FlowStep:
        """Return the first step of a flow, without contacting the camera."""
        entries, q = self._entries, asked.request
        if q.kind == "user":
            return entries.flows.async_begin(q.target)
        if q.kind == "replace":
            return entries.flows.async_replace(entries.async_get(q.camera))
        if q.kind not in ("reauth", "reconfigure"):
            raise BadRequest(f"There are no steps named {q.kind[:40]!r}.", "Known: user, reauth, reconfigure, replace.")
        return entries.flows.async_change(q.kind, entries.async_get(q.camera))

    @handles(asking.ReadFlows)
    async def flows(self, asked: Reading[asking.ReadFlows]) -> list[asking.FlowStep]:
        return self._entries.flows.async_open()

    @handles(asking.ReadDiagnostics)
    async def diagnostics(self, asked: Reading[asking.ReadDiagnostics]) -> asking.Diagnostics:
        entry = self._entries.async_get(asked.request.camera)
        told = await async_diagnostics(self._holdshelf, self._entries, self._recorder, entry)
        return asking.Diagnostics(entry.entry_id, told)

    @handles(types.DiscoverRequest)
    async def discover(self, asking_for: Reading[types.DiscoverRequest]) -> list[types.DiscoveredRow]:
        asked, entries = asking_for.request, self._entries
        if not 0.1 <= asked.timeout_s <= 30:
            raise BadRequest("Discovery waits between 0.1 and 30 seconds.", "Use a different --timeout.")
        for address in asked.addresses or []:
            entries.flows.async_check_address(address)
        addresses, timeout_s = asked.addresses, asked.timeout_s
        if asked.ranges:
            hosts = hosts_of(asked.ranges)
            addresses, timeout_s = [*(addresses or []), *hosts], max(timeout_s, search_s(len(hosts)))
        found = await entries.async_discover(addresses, timeout_s)
        return [self._row(camera) for camera in found]

    @handles(types.ReadCameraSettings)
    async def settings(self, asked: Reading[types.ReadCameraSettings]) -> list[types.CameraSettings]:
        return [_settings(entry) for entry in self._entries.async_all()]

    @handles(types.ReadCamerasToAdd)
    async def to_add(self, asked: Reading[types.ReadCamerasToAdd]) -> list[types.CameraToAdd]:
        """By the checks that adding makes itself before it contacts a camera."""
        return [self._to_add(camera, asked.state.policy) for camera in asked.request.cameras]

    def _to_add(self, camera: types.CameraSettings, policy: Policy) -> types.CameraToAdd:
        entries = self._entries
        here = entries.async_added_from(camera.address) or added_at(entries.async_all(), camera.address, camera.profile)
        if here is not None:
            return types.CameraToAdd(here, [])
        checks: dict[str, Callable[[], object]] = {
            "name": lambda: entries.async_check_new_name(camera.name),
            "not_private": lambda: check_questioned(camera.name, questioned=camera.questioned),
            "address": lambda: self._check_address(camera.address),
            "area_note" if camera.area_kind in policy.places else "area": lambda: check_area_note(
                policy, camera.area_kind, camera.area_note
            ),
            "transport": lambda: check_transport(camera.transport),
        }
        troubles = []
        for field, check in checks.items():
            try:
                check()
            except HoldshelfError as error:
                troubles.append(types.CameraTrouble(field, error.sentence, error.next_step))
        return types.CameraToAdd("", troubles, is_private(policy, camera.area_kind))

    def _check_address(self, address: str) -> None:
        if where := password_in(address):
            mark = f" Write {PASSWORD_MARK} in its place." if where == "stream" else " Leave it out."
            raise BadRequest(
                "A password does not belong in an address.", f"Put it into the secrets file (--secrets).{mark}"
            )
        self._entries.flows.async_check_address(address)
        self._entries.async_resolve(address)

    def _row(self, found: DiscoveredCamera) -> types.DiscoveredRow:
        ids, channels = self._entries.async_added_of(found.unique_id)
        whole = len(ids) >= channels
        return types.DiscoveredRow(
            found.unique_id,
            found.domain,
            found.name,
            found.address,
            found.hardware,
            found.location,
            ", ".join(ids) if ids and whole else None,
            [] if whole else ids,
        )


def _settings(entry: ConfigEntry[Any]) -> types.CameraSettings:
    return types.CameraSettings(
        name=entry.title,
        address=shown_address(str(entry.data["address"])),
        area_kind=entry.area_kind,
        area_note=entry.area_note,
        transport=str((entry.data.get("stream") or {}).get("transport", "tcp")),
        profile=str(entry.data.get("profile") or ""),
        questioned=questionable_name(entry.title) is not None,
        id=entry.entry_id,
    )
