"""Flows: the steps in which a camera is added, or gets a new password or address. The same for every user interface.

A user flow keeps what was tested until the camera is added, for a while and only in memory. A reauth flow is open as long as a
camera rejects its password, at its device or at its stream, and closes when somebody enters the right one.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdshelf_core.cameras.flow_types import FlowFieldRow, FlowStep
from holdshelf_core.cameras.identity import HereAlready
from holdshelf_core.clock import boottime_ns
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.integration import reasons
from holdshelf_core.integration.bus import Event
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.flow import CORE, MULTICAST, UDP, FlowField, StepWords, error_words, step_words
from holdshelf_core.integration.loader import Integration, integrations
from holdshelf_core.integration.models import TRANSPORTS, EntryDraft, StreamChoice
from holdshelf_core.integration.stream_url import PASSWORD_MARK, as_whep, password_in, shown_address
from holdshelf_core.times import MINUTE_NS

if TYPE_CHECKING:
    from holdshelf_core.cameras.entries import Entries

MAX_OPEN = 32
LIFE_NS = 15 * MINUTE_NS
DEVICE, STREAM = "device", "stream"
"""Which side rejects a password: the device's API or its stream."""

_PICK = (FlowField("address", needed=True),)
_CHANNEL = (FlowField("profile", "choice", needed=True),)
_REPLACE = (
    FlowField("address", needed=True),
    FlowField("username"),
    FlowField("password", "secret"),
    UDP,
    MULTICAST,
    FlowField("profile"),
    FlowField("why", needed=True),
)
_PLACE = (
    FlowField("name", needed=True),
    FlowField("questioned", "tick"),
    FlowField("area", "choice", needed=True),
    FlowField("note"),
)

type Play = Callable[[EntryDraft, str], Awaitable[EntryDraft]]


@dataclass(slots=True)
class UserFlow:
    """A camera that somebody is adding. ``address`` may contain a login: it is never shown unredacted."""

    flow: str
    domain: str
    address: str = field(repr=False)
    begun_boot_ns: int
    draft: EntryDraft | None = field(default=None, repr=False)
    login: tuple[str | None, str | None, str] | None = field(default=None, repr=False)
    """User name, password and transport with which its device answered, for its further channels."""
    choices: tuple[StreamChoice, ...] = ()


class Flows:
    """All open flows. Methods run on the loop."""

    def __init__(self, entries: Entries, boot_ns: Callable[[], int] = boottime_ns) -> None:
        self._entries = entries
        self._boot_ns = boot_ns
        self._adding: dict[str, UserFlow] = {}
        self._refused: dict[str, set[str]] = {}

    # --- adding: pick → device → place ------------------------------------------------------------------------------

    @staticmethod
    def async_check_address(typed: str) -> None:
        """Raise FlowError for an address that contains a password (command line arguments are visible to others), and for one
        of a WHEP stream that does not say so."""
        where = password_in(typed)
        if where == "stream":
            raise FlowError("address", *error_words("password_in_stream", mark=PASSWORD_MARK))
        if where:
            raise FlowError("address", *error_words("password_in_login"))
        if whep := as_whep(typed):
            address, meant = shown_address(typed), shown_address(whep)
            if typed.strip().lower().startswith("whep:"):
                raise FlowError("address", *error_words("whep_unsaid", address=address, whep=meant))
            raise FlowError("address", *error_words("whep", address=address, whep=meant))

    def async_begin(self, target: str) -> FlowStep:
        """Return the step that asks for an address, or for what the integration needs. Raises NotFound, BadRequest, Conflict."""
        if not target.strip():
            return _step("", "user", "pick", step_words(CORE, "pick", _PICK), _PICK)
        self.async_check_address(target)
        address, domain = self._entries.async_resolve(target)
        present = self._entries.async_added_from(target)
        if present is not None:
            raise HereAlready(present)
        now_ns = self._boot_ns()
        self._adding = {key: flow for key, flow in self._adding.items() if now_ns - flow.begun_boot_ns < LIFE_NS}
        while len(self._adding) >= MAX_OPEN:
            del self._adding[next(iter(self._adding))]
        flow = UserFlow(secrets.token_hex(8), domain, address, now_ns)
        self._adding[flow.flow] = flow
        return self._integration_step(flow.flow, "user", "device", domain, address=shown_address(address))

    def async_get(self, flow: str) -> UserFlow:
        """Return an open flow. Raises NotFound."""
        found = self._adding.get(flow)
        if found is None or self._boot_ns() - found.begun_boot_ns >= LIFE_NS:
            raise NotFound(*error_words("flow_gone"))
        return found

    async def async_try(
        self,
        flow: UserFlow,
        username: str | None,
        password: str | None,
        transport: str,
        play: Play,
        profile: str = "",
    ) -> FlowStep:
        """Test the camera, and return the step for its name and place, or for one of its channels if it has several.

        Raises FlowError (the field to correct), Conflict.
        """
        if profile and flow.login is not None and username is None and password is None:
            username, password, transport = flow.login
        check_transport(transport)
        draft = await self._entries.async_draft(flow.address, username, password, profile=profile)
        flow.login, flow.choices, flow.draft = (username, password, transport), draft.choices, None
        if not draft.is_chosen:
            step = self._channel_step(flow)
            if step is None:
                (camera, *_), _ = self._entries.async_added_of(draft.unique_id)
                raise HereAlready(camera)
            return step
        present = self._entries.async_added_as(draft)
        if present is not None:
            raise HereAlready(present)
        flow.draft = await play(draft, transport)
        shown = shown_address(str(draft.data.get("address", "")))
        words = step_words(CORE, "place", _PLACE, address=shown)
        number = [choice.channel for choice in draft.choices].index(draft.data["channel"]) + 1 if draft.choices else 0
        values = {"name": f"{draft.title} {number}" if number else draft.title}
        places = {"area": self._entries.places}
        return _step(flow.flow, "user", "place", words, _PLACE, values, warnings=draft.warnings, options=places)

    def _channel_step(self, flow: UserFlow) -> FlowStep | None:
        """Return the step that asks for one of a device's channels; None when each is added."""
        here = {choice: self._entries.async_added_as(_as_draft(flow.domain, choice)) for choice in flow.choices}
        options = [(choice.profile, choice.words) for choice, camera in here.items() if camera is None]
        if not options:
            return None
        shown, count = shown_address(flow.address), str(len(flow.choices))
        words = step_words(CORE, "channel", _CHANNEL, address=shown, count=count, left=str(len(options)))
        return _step(flow.flow, "user", "channel", words, _CHANNEL, options={"profile": options})

    def async_tried(self, flow: str) -> EntryDraft:
        """Return what was tested in a flow, to be added. Raises NotFound, BadRequest."""
        draft = self.async_get(flow).draft
        if draft is None:
            raise BadRequest(*error_words("not_tried"))
        return draft

    def async_added(self, flow: str) -> FlowStep | None:
        """Go on with a flow whose camera was added: return the step for its device's next channel, or end it.

        A flow that ends forgets what was tested, including its password.
        """
        known = self._adding.get(flow)
        step = self._channel_step(known) if known is not None and known.choices else None
        if known is not None and step is not None:
            known.draft, known.begun_boot_ns = None, self._boot_ns()
        else:
            self._adding.pop(flow, None)
        return step

    # --- cameras that are here --------------------------------------------------------------------------------------

    def async_change(self, kind: str, entry: ConfigEntry[Any]) -> FlowStep:
        """Return the step that asks for a new password (``reauth``) or a new address (``reconfigure``)."""
        transport = str((entry.data.get("stream") or {}).get("transport", "tcp"))
        values = {"address": shown_address(str(entry.data["address"])), transport: "yes"}
        return self._integration_step(
            f"{kind}:{entry.entry_id}", kind, kind, entry.domain, values, camera=entry.entry_id, name=entry.title
        )

    def async_replace(self, entry: ConfigEntry[Any]) -> FlowStep:
        """Return the step that asks which device has taken a camera's place: of any integration, so it is core's."""
        values = {"address": shown_address(str(entry.data["address"]))}
        words = step_words(CORE, "replace", _REPLACE, name=entry.title)
        flow = f"replace:{entry.entry_id}"
        return _step(flow, "replace", "replace", words, _REPLACE, values, camera=entry.entry_id)

    def async_open(self) -> list[FlowStep]:
        """Return the flows that need a person: one for each camera that rejects its password."""
        waiting = [entry for entry in self._entries.async_all() if entry.entry_id in self._refused]
        return [self.async_change("reauth", entry) for entry in waiting]

    def async_asks(self, camera: str) -> str:
        """Return ``reauth`` when this camera needs a new password, else ''."""
        return "reauth" if camera in self._refused else ""

    def async_refused(self, camera: str, who: str, *, refused: bool) -> None:
        """Note that a camera's device or stream rejected its password, or accepts it (again)."""
        if refused:
            self._refused.setdefault(camera, set()).add(who)
            return
        waiting = self._refused.get(camera, set())
        waiting.discard(who)
        if not waiting:
            self._refused.pop(camera, None)

    def async_settled(self, camera: str) -> None:
        """Close the flow: new credentials were tested and stored, or the camera was removed."""
        self._refused.pop(camera, None)

    def async_camera_state(self, event: Event) -> None:
        """Handle the state of a camera's stream as reported by the recorder."""
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


def check_transport(transport: str) -> None:
    """Raise BadRequest for what is no transport."""
    if transport not in TRANSPORTS:
        raise BadRequest(f"{transport[:20]!r} is not a transport.", "Use tcp, udp or multicast.")


def _as_draft(domain: str, choice: StreamChoice) -> EntryDraft:
    return EntryDraft(domain, choice.unique_id, "", {"channel": choice.channel, "profile": choice.profile})


def package_of(integration: Integration) -> str:
    """Return the name of its package, which contains its strings.json."""
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
    options: Mapping[str, list[tuple[str, str]]] | None = None,
) -> FlowStep:
    offered = options or {}
    rows = []
    for asked in fields:
        said = words.fields[asked.key]
        value = (values or {}).get(asked.key, asked.value)
        rows.append(
            FlowFieldRow(
                asked.key, asked.kind, said.label, said.hint, said.ask, asked.needed, value, offered.get(asked.key, [])
            )
        )
    return FlowStep(flow, kind, step, words.title, words.lead, words.does, words.doing, rows, camera, list(warnings))
