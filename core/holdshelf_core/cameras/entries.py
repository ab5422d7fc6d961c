"""Configured cameras: stored in the register, set up through their integrations, retried, removed.

One entry per camera; its id is the camera's id everywhere. Passwords are encrypted in the register and leave this module only to
an integration.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.buffer.store import Store
from holdshelf_core.cameras import identity
from holdshelf_core.cameras.entry_rows import entry_of, row_of
from holdshelf_core.cameras.flows import DEVICE, Flows, check_transport
from holdshelf_core.cameras.names import MAX_NAME_CHARS, camera_id, check_name, check_questioned, same_name
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound
from holdshelf_core.integration.entry import ConfigEntry, EntryState
from holdshelf_core.integration.errors import EntryAuthFailed, EntryError, EntryNotReady
from holdshelf_core.integration.loader import Integration, integrations
from holdshelf_core.integration.models import DiscoveredCamera, EntryDraft
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.integration.stream_url import take_password
from holdshelf_core.policy.places import check_place
from holdshelf_core.policy.tables import Policy
from holdshelf_core.recorder.recorder import Recorder, Target
from holdshelf_storage.errors import SecretLost, StorageError
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

TABLE = "entries"
MAX_NOTE_CHARS = 200
# Search results are kept for `camera add`; a network that answers endlessly must not fill the memory.
MAX_DISCOVERED = 1024
RETRY_FIRST_S = 5.0
RETRY_CAP_S = 300.0


def target_of(entry: ConfigEntry[Any]) -> Target:
    """Return the entry as the recorder knows it."""
    return Target(entry.entry_id, entry.title, told_by_device=entry.domain != "stream")


def check_area_note(policy: Policy, area_kind: str, area_note: str) -> None:
    """Check an area with its note. Raises BadRequest."""
    check_place(policy, area_kind, area_note)
    if len(area_note) > MAX_NOTE_CHARS or not area_note.isprintable():
        raise BadRequest(
            f"A note on an area has at most {MAX_NOTE_CHARS} printable characters.",
            "Give another with --area-note.",
        )


class Entries:
    """All config entries. Methods run on the loop; the register is written in a thread."""

    def __init__(
        self, holdshelf: Holdshelf, register: Register, state_store: StateStore, recorder: Recorder, store: Store
    ) -> None:
        """``holdshelf``: what integrations get; ``store`` knows the ids of recorded footage."""
        self._holdshelf = holdshelf
        self._register, self._state_store = register, state_store
        self._recorder, self._store = recorder, store
        self._entries: dict[str, ConfigEntry[Any]] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._adding = asyncio.Lock()
        self._leaving: set[str] = set()
        """Cameras that are being removed: whatever else goes on with them, they do not come back."""
        self._discovered: dict[str, DiscoveredCamera] = {}
        self._changed: list[Callable[[], None]] = []
        self._locked_out: set[str] = set()
        """Cameras whose password is lost: not contacted without it, as some lock an account after a few failed logins."""
        self.flows = Flows(self)

    def async_listen(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` after cameras were added, removed, renamed or moved."""
        self._changed.append(changed)

    def _tell(self) -> None:
        for changed in self._changed:
            changed()

    # --- the register -----------------------------------------------------------------------------------------

    def async_all(self) -> list[ConfigEntry[Any]]:
        """Return every entry, in the order in which they were added."""
        return sorted(self._entries.values(), key=lambda entry: entry.added_utc_ns)

    def async_get(self, entry_id: str) -> ConfigEntry[Any]:
        """Return an entry by its id or exact name. Raises NotFound, or Conflict when several have that name."""
        entry = self._entries.get(entry_id)
        if entry is not None:
            return entry
        named = [e for e in self._entries.values() if e.title == entry_id]
        if len(named) > 1:
            ids = ", ".join(sorted(e.entry_id for e in named))
            raise Conflict(f"Several cameras are named {entry_id!r}.", f"Give the id of one: {ids}.")
        if not named:
            known = ", ".join(sorted(self._entries)) or "none yet"
            shown = entry_id if len(entry_id) <= MAX_NAME_CHARS else entry_id[: MAX_NAME_CHARS - 1] + "…"
            raise NotFound(f"There is no camera {shown!r}.", f"Known: {known}.")
        return named[0]

    def known_footage_cameras(self) -> list[str]:
        """Return the cameras with footage on the volume, those no longer in use included. Blocks: it reads the disk."""
        return self._store.known_cameras()

    async def async_load(self) -> None:
        """Read entries from the register. For a password that cannot be decrypted, a new one is requested."""
        for row in self._state_store.camera_rows(self._register.table(TABLE).all()):
            data = dict(row["data"])
            # A row rebuilt from the access log says that there was a password, but does not contain it.
            sealed, lost = data.pop("password_sealed", None), bool(data.pop("password_needed", False))
            if sealed is not None:
                try:
                    data["password"] = self._register.decrypt(sealed)
                    lost = False
                except SecretLost:
                    lost = True
            if (url_sealed := data.pop("url_sealed", None)) is not None:
                with contextlib.suppress(SecretLost):  # the integration queries the camera again
                    data["stream"] = {**data["stream"], "url": self._register.decrypt(url_sealed)}
            entry = entry_of(row, data)
            self._entries[entry.entry_id] = entry
            if lost:
                self._locked_out.add(entry.entry_id)
                self._set(entry, EntryState.REAUTH, "its password is no longer known")
        self._tell()

    def _stays(self, entry: ConfigEntry[Any]) -> bool:
        return entry.entry_id in self._entries and entry.entry_id not in self._leaving

    def async_check_stays(self, entry: ConfigEntry[Any]) -> None:
        """Raise NotFound when the camera was removed while it was being asked or changed."""
        if not self._stays(entry):
            raise NotFound(f"{entry.title} was removed meanwhile, so nothing of it was changed.")

    def async_leaves(self, entry: ConfigEntry[Any]) -> None:
        """From now on it is being removed, which `async_remove` ends."""
        self._leaving.add(entry.entry_id)

    async def async_save(self, entry: ConfigEntry[Any]) -> None:
        """Write one entry; returns when it is on disk. Raises NotFound when it was removed meanwhile."""
        self.async_check_stays(entry)
        row = row_of(entry)
        row["data"].pop("password_needed", None)
        if password := entry.data.get("password"):
            row["data"]["password_sealed"] = self._register.encrypt(password)
        url = (entry.data.get("stream") or {}).get("url", "")
        if take_password(url)[1] is not None:
            # The camera itself reported an address that contains another secret.
            row["data"]["url_sealed"] = self._register.encrypt(url)
        await asyncio.to_thread(self._register.put, TABLE, entry.entry_id, row)
        self._state_store.camera_stored(entry.entry_id)
        self._tell()

    # --- set-up -----------------------------------------------------------------------------------------------

    async def async_setup_all(self) -> None:
        """Set up all entries at once: each announces its cached stream first, so recording can start now."""
        known = [entry for entry in self._entries.values() if entry.entry_id not in self._locked_out]
        await asyncio.gather(*(self._setup(entry) for entry in known))

    async def _setup(self, entry: ConfigEntry[Any], wait_s: float = RETRY_FIRST_S) -> None:
        try:
            integration = self._integration(entry.domain)
            await integration.async_setup_entry(self._holdshelf, entry)
        except EntryNotReady as error:
            self._set(entry, EntryState.RETRYING, str(error))
            self._spawn(entry.entry_id, self._retry(entry, wait_s), "retry")
        except EntryAuthFailed as error:
            self._set(entry, EntryState.REAUTH, str(error))
        except HoldshelfError as error:
            self._set(entry, EntryState.FAILED, str(error))
        except Exception as error:  # an integration's fault affects its camera, not the service
            _LOGGER.exception("setting up %s failed", entry.entry_id)
            self._set(entry, EntryState.FAILED, f"the integration failed ({type(error).__name__})")
        else:
            self._set(entry, EntryState.LOADED, "")
        if not self._stays(entry):
            await self._unload(entry)

    async def _retry(self, entry: ConfigEntry[Any], wait_s: float) -> None:
        await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311
        await self._setup(entry, min(RETRY_CAP_S, wait_s * 2))

    async def _unload(self, entry: ConfigEntry[Any]) -> None:
        for task in list(self._tasks.get(entry.entry_id, ())):
            if task is not asyncio.current_task():
                task.cancel()
        if entry.entry_id not in self._locked_out:
            try:
                await self._integration(entry.domain).async_unload_entry(self._holdshelf, entry)
            except Exception:
                _LOGGER.exception("unloading %s failed", entry.entry_id)
        self._locked_out.discard(entry.entry_id)
        entry.async_run_unload()
        self._set(entry, EntryState.UNLOADED, "")

    async def async_unload_all(self) -> None:
        """Unload all entries at shutdown."""
        await asyncio.gather(*(self._unload(entry) for entry in self._entries.values()))

    async def async_reload(self, entry: ConfigEntry[Any]) -> None:
        """Unload and set up one entry again, without affecting other cameras."""
        async with self.unloaded(entry):
            pass

    @contextlib.asynccontextmanager
    async def unloaded(self, entry: ConfigEntry[Any]) -> AsyncIterator[None]:
        """Unload one entry, and set it up again when left: what it stands for may be changed meanwhile."""
        await self._unload(entry)
        try:
            yield
        finally:
            if self._stays(entry):
                await self._recorder.async_add(target_of(entry))
                await self._setup(entry)

    def async_forget_troubles(self, entry: ConfigEntry[Any]) -> None:
        """Close what waits for a person because of the device that this entry stood for."""
        self.flows.async_settled(entry.entry_id)
        self._holdshelf.repairs.async_delete_for_camera(entry.entry_id)

    def _integration(self, domain: str) -> Integration:
        found = integrations().get(domain)
        if found is None:
            raise EntryError(f"The integration {domain!r} is not installed.")
        return found

    def _set(self, entry: ConfigEntry[Any], state: EntryState, reason: str) -> None:
        issue = f"entry:{entry.entry_id}"
        if (entry.state, entry.reason) != (state, reason):
            entry.state, entry.reason = state, reason
            self._holdshelf.bus.async_fire("entry_state", {"camera": entry.entry_id, "state": str(state)})
        if state in (EntryState.REAUTH, EntryState.LOADED):
            self.flows.async_refused(entry.entry_id, DEVICE, refused=state is EntryState.REAUTH)
        if state in (EntryState.REAUTH, EntryState.FAILED):
            step = (
                f"Give the right one: `holdshelf camera check {entry.entry_id} --ask-password`."
                if state is EntryState.REAUTH
                else f"See `holdshelf camera check {entry.entry_id}`."
            )
            self._holdshelf.repairs.async_create(
                issue, camera_id=entry.entry_id, severity="error", sentence=f"{entry.title}: {reason}", next_step=step
            )
        elif state is not EntryState.RETRYING:
            self._holdshelf.repairs.async_delete(issue)

    def async_set_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        """See ``integration.root.Holdshelf.async_set_entry_state``."""
        if error is None:
            self._set(entry, EntryState.LOADED, "")
        elif isinstance(error, EntryAuthFailed):
            self._set(entry, EntryState.REAUTH, str(error))
        elif isinstance(error, EntryNotReady):
            self._set(entry, EntryState.RETRYING, str(error))
        else:
            self._set(entry, EntryState.FAILED, str(error))

    def async_spawn(self, entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """See ``integration.root.Holdshelf.async_create_task``."""

        async def guarded() -> None:
            try:
                await coro
            except HoldshelfError as error:
                self.async_set_state(entry, error)

        return self._spawn(entry.entry_id, guarded(), name)

    def _spawn(self, entry_id: str, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(coro, name=f"{entry_id}-{name}")
        tasks = self._tasks.setdefault(entry_id, set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    # --- the flow: discover → pick → test → name → area ----------------------------------------------------------

    async def async_discover(self, addresses: list[str] | None, timeout_s: float) -> list[DiscoveredCamera]:
        """Ask every integration; return one answer per ``unique_id``. Results are kept for ``async_add``."""
        found: dict[str, DiscoveredCamera] = {}
        for integration in integrations().values():
            for camera in await integration.config_flow.async_discover(
                self._holdshelf, probe_addresses=addresses, timeout_s=timeout_s
            ):
                found.setdefault(camera.unique_id, camera)
        for unique_id, camera in found.items():
            self._discovered.pop(unique_id, None)
            self._discovered[unique_id] = camera
        while len(self._discovered) > MAX_DISCOVERED:  # the oldest results
            del self._discovered[next(iter(self._discovered))]
        return sorted(found.values(), key=lambda camera: (camera.name, camera.address))

    def async_added_as(self, draft: EntryDraft) -> str | None:
        """Return the id of the camera that this one is already configured as; None if none."""
        return identity.added_as(self._entries.values(), draft)

    def async_added_of(self, device: str) -> tuple[list[str], int]:
        """Return the ids of the cameras of a device (a discovered ``unique_id``), and how many channels it has."""
        return identity.added_of(self.async_all(), device)

    def async_found_at(self, entry: ConfigEntry[Any]) -> str | None:
        """Return the address at which the last search found this same camera, if it differs from the stored one; else None."""
        found = self._discovered.get(identity.device_id(entry))
        if found is None or found.domain != entry.domain or found.address == entry.data["address"]:
            return None
        return found.address

    async def async_draft(
        self,
        target: str,
        username: str | None,
        password: str | None,
        known: Mapping[str, Any] | None = None,
        profile: str = "",
    ) -> EntryDraft:
        """Test a discovered id or an address. Raises FlowError, NotFound, BadRequest.

        ``known`` and ``profile``: see ``ConfigFlow.async_probe``.
        """
        address, domain = self.async_resolve(target)
        probe = self._integration(domain).config_flow.async_probe
        return await probe(self._holdshelf, address, username, password, known=known, profile=profile)

    def async_resolve(self, target: str) -> tuple[str, str]:
        """Return (address, integration that handles it) of a discovered id or a typed address. Raises NotFound, BadRequest."""
        target = target.strip()
        try:
            if not target:
                raise ValueError(target)
            urlsplit(target)
        except ValueError:
            raise BadRequest(
                f"{target[:MAX_NAME_CHARS]!r} is not an address.",
                "Addresses look like http://192.0.2.7/onvif/device_service or rtsp://192.0.2.7/stream1.",
            ) from None
        found = self._found(target)
        address = found[0].address if found else target
        takers = [domain for domain, i in integrations().items() if i.config_flow.matches(address)]
        if not takers or ("://" not in address and not found and "." not in address and ":" not in address):
            raise NotFound(
                f"{target[:MAX_NAME_CHARS]!r} is neither a discovered camera nor an address.",
                "Run `holdshelf camera discover`, or give http://HOST/onvif/device_service, rtsp://HOST/PATH or "
                "whep+https://HOST/PATH.",
            )
        return address, takers[0]

    def _found(self, target: str) -> list[DiscoveredCamera]:
        """Return the discovered cameras that match an id, its beginning, an address, or a host on any port."""
        found = [c for uid, c in self._discovered.items() if target in (uid, c.address) or uid.startswith(target)]
        if len(found) > 1 and target not in self._discovered:
            raise BadRequest(f"{target!r} is the beginning of several discovered ids.", "Give more of it.")
        there = [c for c in self._discovered.values() if urlsplit(c.address).hostname == target]
        return found or (there if len(there) == 1 else [])

    def async_added_from(self, target: str) -> str | None:
        """Return the id of a camera of the discovered ``target``, if each of its channels is configured; else None."""
        found = self._found(target.strip())
        ids, channels = self.async_added_of(found[0].unique_id) if found else ([], 1)
        return ids[0] if ids and len(ids) >= channels else None

    @property
    def places(self) -> list[tuple[str, str]]:
        """Kinds of place where a camera may stand by the policy in force, with their words."""
        return list(self._state_store.state.policy.places.items())

    def async_check(
        self, policy: Policy, name: str, area_kind: str, area_note: str, transport: str, questioned: bool
    ) -> None:
        """Check what can be checked before connecting to a camera. Raises BadRequest (name, area, transport)."""
        check_area_note(policy, area_kind, area_note)
        check_questioned(check_name(name), questioned=questioned)
        check_transport(transport)

    def async_check_new_name(self, name: str, but: str = "") -> str:
        """Return the name as stored, checked to be unused by other cameras. Raises BadRequest, Conflict."""
        title = check_name(name)
        for other in self._entries.values():
            if other.entry_id != but and same_name(other.title) == same_name(title):
                raise Conflict(
                    f"Another camera is already named {other.title!r} ({other.entry_id}).", "Choose another name."
                )
        return title

    def async_check_new(self, draft: EntryDraft, name: str) -> str:
        """Return the name as stored, checked for a camera that is not configured yet. Raises BadRequest, Conflict."""
        present = self.async_added_as(draft)
        if present is not None:
            raise identity.HereAlready(present)
        return self.async_check_new_name(name)

    async def async_add(
        self,
        draft: EntryDraft,
        *,
        name: str,
        area_kind: str,
        area_note: str,
        taken: Iterable[str] = (),
        record: Callable[[ConfigEntry[Any]], Awaitable[None]] | None = None,
    ) -> ConfigEntry[Any]:
        """Store and set up a camera that was checked and tested. Raises Conflict when it, or its name, already exists.

        ``taken``: more ids that are not reused. ``record`` writes it to the access log before it is stored.
        """
        async with self._adding:
            title = self.async_check_new(draft, name)
            data = dict(draft.data)
            taken = {*self._entries, *taken, *await asyncio.to_thread(self.known_footage_cameras)}
            entry: ConfigEntry[Any] = ConfigEntry(
                entry_id=camera_id(title, taken),
                domain=draft.domain,
                unique_id=draft.unique_id,
                title=title,
                area_kind=area_kind,
                area_note=area_note.strip(),
                data=data,
                added_utc_ns=self._holdshelf.clock.utc_ns(),
            )
            if record is not None:
                await record(entry)
            self._entries[entry.entry_id] = entry
            try:
                await self.async_save(entry)
            except StorageError:
                del self._entries[entry.entry_id]
                self._tell()
                raise
        self.async_answered(draft)
        await self._recorder.async_add(target_of(entry))
        await self._setup(entry)
        return entry

    async def async_remove(self, entry: ConfigEntry[Any]) -> None:
        """Stop recording a camera and remove its entry. Its footage is erased on schedule like any other."""
        self._leaving.add(entry.entry_id)
        try:
            await self._unload(entry)
            try:
                await asyncio.to_thread(self._register.remove, TABLE, entry.entry_id)
            except StorageError:
                self._leaving.discard(entry.entry_id)
                await self._setup(entry)  # it would be back after a restart, so it stays
                raise
            self._state_store.camera_stored(entry.entry_id)
            await self._recorder.async_remove(entry.entry_id)
            self._entries.pop(entry.entry_id, None)
        finally:
            self._leaving.discard(entry.entry_id)
        self.flows.async_settled(entry.entry_id)
        self._holdshelf.repairs.async_delete_for_camera(entry.entry_id)
        self._tell()

    async def async_change(
        self,
        entry: ConfigEntry[Any],
        *,
        title: str | None = None,
        area_kind: str | None = None,
        area_note: str = "",
        backfill: bool | None = None,
    ) -> None:
        """Rename a camera, record a new place or a setting. Nothing changes if it cannot be stored."""
        before = entry.title, entry.area_kind, entry.area_note, entry.backfill
        entry.backfill = entry.backfill if backfill is None else backfill
        if title is not None:
            entry.title = title
        if area_kind is not None:
            entry.area_kind, entry.area_note = area_kind, area_note.strip()
        try:
            await self.async_save(entry)
        except StorageError:
            entry.title, entry.area_kind, entry.area_note, entry.backfill = before
            raise
        if self._stays(entry):
            await self._recorder.async_add(target_of(entry))

    def async_answered(self, draft: EntryDraft) -> None:
        """A camera just answered at this address: an older search result for it is obsolete."""
        device = identity.device_id(draft)
        found = self._discovered.get(device)
        if found is not None:
            self._discovered[device] = replace(found, address=draft.data["address"])
