"""Flows: the steps in which a camera is added, asked for a new password, or given a new address. One truth for every front.

A user's flow holds what was tried until it is added, for a while and in memory only. A reauth flow is open for as long as a
camera refuses its password, at its device or at its stream, and is closed by whoever gives the right one.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdshelf_core import reasons
from holdshelf_core.api.types_flow import FlowFieldRow, FlowStep
from holdshelf_core.areas import PERMITTED
from holdshelf_core.bus import Event
from holdshelf_core.clock import boottime_ns
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.flow import CORE, FlowField, StepWords, error_words, step_words
from holdshelf_core.integration.loader import Integration, integrations
from holdshelf_core.integration.models import EntryDraft
from holdshelf_core.integration.stream_url import shown_address

if TYPE_CHECKING:
    from holdshelf_core.entries import Entries

MAX_OPEN = 32
LIFE_NS = 15 * 60 * 1_000_000_000
DEVICE, STREAM = "device", "stream"
"""Who refuses a password: the camera when it is asked, or its stream when it is dialled."""

_PICK = (FlowField("address", needed=True),)
_PLACE = (
    FlowField("name", needed=True),
    FlowField("questioned", "tick"),
    FlowField("area", "choice", needed=True),
    FlowField("note"),
)

type Play = Callable[[EntryDraft, str], Awaitable[EntryDraft]]


@dataclass(slots=True)
class UserFlow:
    """A camera that somebody is adding. ``address`` may hold a login: it is never shown as it is."""

    flow: str
    domain: str
    address: str = field(repr=False)
    begun_boot_ns: int
    draft: EntryDraft | None = field(default=None, repr=False)


class Flows:
    """All open flows. Methods run on the loop."""

    def __init__(self, entries: Entries, boot_ns: Callable[[], int] = boottime_ns) -> None:
        self._entries = entries
        self._boot_ns = boot_ns
        self._adding: dict[str, UserFlow] = {}
        self._refused: dict[str, set[str]] = {}

    # --- adding: pick → device → place ------------------------------------------------------------------------------

    def async_begin(self, target: str) -> FlowStep:
        """The step that asks for an address, or for what its integration wants to know. Raises NotFound, BadRequest, Conflict."""
        if not target.strip():
            return _step("", "user", "pick", step_words(CORE, "pick", _PICK), _PICK)
        address, domain = self._entries.async_resolve(target)
        present = self._entries.async_added_from(target)
        if present is not None:
            raise Conflict(*error_words("here_already", camera=present))
        now_ns = self._boot_ns()
        self._adding = {key: flow for key, flow in self._adding.items() if now_ns - flow.begun_boot_ns < LIFE_NS}
        while len(self._adding) >= MAX_OPEN:
            del self._adding[next(iter(self._adding))]
        flow = UserFlow(secrets.token_hex(8), domain, address, now_ns)
        self._adding[flow.flow] = flow
        return self._integration_step(flow.flow, "user", "device", domain, address=shown_address(address))

    def async_get(self, flow: str) -> UserFlow:
        """A flow that is open. Raises NotFound."""
        found = self._adding.get(flow)
        if found is None or self._boot_ns() - found.begun_boot_ns >= LIFE_NS:
            raise NotFound(*error_words("flow_gone"))
        return found

    async def async_try(
        self, flow: UserFlow, username: str | None, password: str | None, transport: str, play: Play
    ) -> FlowStep:
        """Try the camera, and go on to its name and place. Raises FlowError (the field to correct), Conflict."""
        if transport not in ("tcp", "udp"):
            raise BadRequest(f"{transport[:20]!r} is not a transport.", "Use tcp or udp.")
        draft = await self._entries.async_draft(flow.address, username, password)
        present = self._entries.async_added_as(draft.unique_id)
        if present is not None:
            raise Conflict(*error_words("here_already", camera=present))
        flow.draft = await play(draft, transport)
        shown = shown_address(str(draft.data.get("address", "")))
        words = step_words(CORE, "place", _PLACE, address=shown)
        values = {"name": draft.title}
        return _step(flow.flow, "user", "place", words, _PLACE, values, warnings=draft.warnings)

    def async_tried(self, flow: str) -> EntryDraft:
        """What was tried in a flow, to be added. Raises NotFound, BadRequest."""
        draft = self.async_get(flow).draft
        if draft is None:
            raise BadRequest(*error_words("not_tried"))
        return draft

    def async_end(self, flow: str) -> None:
        """Its camera was added: what was tried, its password with it, is forgotten."""
        self._adding.pop(flow, None)

    # --- cameras that are here --------------------------------------------------------------------------------------

    def async_change(self, kind: str, entry: ConfigEntry[Any]) -> FlowStep:
        """The step that asks for a new password (``reauth``) or a new address (``reconfigure``)."""
        values = {"address": shown_address(str(entry.data["address"]))}
        return self._integration_step(
            f"{kind}:{entry.entry_id}", kind, kind, entry.domain, values, camera=entry.entry_id, name=entry.title
        )

    def async_open(self) -> list[FlowStep]:
        """Flows that wait for a person: one for each camera that refuses its password."""
        waiting = [entry for entry in self._entries.async_all() if entry.entry_id in self._refused]
        return [self.async_change("reauth", entry) for entry in waiting]

    def async_asks(self, camera: str) -> str:
        """``reauth`` when this camera waits for a password, else ''."""
        return "reauth" if camera in self._refused else ""

    def async_refused(self, camera: str, who: str, *, refused: bool) -> None:
        """A camera's password was refused by its device or its stream, or is taken there (again)."""
        if refused:
            self._refused.setdefault(camera, set()).add(who)
            return
        waiting = self._refused.get(camera, set())
        waiting.discard(who)
        if not waiting:
            self._refused.pop(camera, None)

    def async_settled(self, camera: str) -> None:
        """New credentials were tried and are kept, or the camera is gone."""
        self._refused.pop(camera, None)

    def async_camera_state(self, event: Event) -> None:
        """What the recorder tells of a camera's stream."""
        camera, state, reason = (str(event.data.get(key, "")) for key in ("camera", "state", "reason"))
        if state == "recording":
            self.async_refused(camera, STREAM, refused=False)
        elif reason == reasons.AUTH_REFUSED:
            self.async_refused(camera, STREAM, refused=True)

    # --- words ------------------------------------------------------------------------------------------------------

    def _integration_step(
        self,
        flow: str,
        kind: str,
        step: str,
        domain: str,
        values: dict[str, str] | None = None,
        camera: str | None = None,
        **placeholders: str,
    ) -> FlowStep:
        integration = integrations().get(domain)
        if integration is None:
            raise NotFound(f"The integration {domain!r} is not installed.")
        fields = integration.config_flow.STEPS[step]
        words = step_words(package_of(integration), step, fields, **placeholders)
        return _step(flow, kind, step, words, fields, values, camera=camera)


def package_of(integration: Integration) -> str:
    """The name of its package, where its strings.json lies."""
    return str(integration.__name__)


def _step(
    flow: str,
    kind: str,
    step: str,
    words: StepWords,
    fields: Sequence[FlowField],
    values: dict[str, str] | None = None,
    *,
    camera: str | None = None,
    warnings: Sequence[str] = (),
) -> FlowStep:
    rows = []
    for asked in fields:
        said = words.fields[asked.key]
        options = [(area.kind, area.words) for area in PERMITTED] if asked.kind == "choice" else []
        value = (values or {}).get(asked.key, asked.value)
        rows.append(FlowFieldRow(asked.key, asked.kind, said.label, said.hint, said.ask, asked.needed, value, options))
    return FlowStep(flow, kind, step, words.title, words.lead, words.does, words.doing, rows, camera, list(warnings))
