"""Cameras as configured: stored in the register, set up through their integrations, tried again, removed.

One entry per camera; its id is the camera's id everywhere. Passwords lie encrypted in the register and leave this
module only towards an integration.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import unicodedata
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdshelf_core.areas import check_area, questionable_name
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound
from holdshelf_core.flows import DEVICE, Flows
from holdshelf_core.integration.entry import ConfigEntry, EntryState
from holdshelf_core.integration.errors import EntryAuthFailed, EntryError, EntryNotReady
from holdshelf_core.integration.flow import error_words
from holdshelf_core.integration.loader import Integration, integrations
from holdshelf_core.integration.models import DiscoveredCamera, EntryDraft
from holdshelf_core.integration.stream_url import shown_address, take_password
from holdshelf_storage.errors import SecretLost, StorageError
from holdshelf_storage.register import Register

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_LOGGER = logging.getLogger(__name__)

TABLE = "entries"
MAX_NAME_CHARS = 64
MAX_NOTE_CHARS = 200
# What a search found stays known for `camera add`; a network that answers endlessly must not fill the memory.
MAX_DISCOVERED = 1024
RETRY_FIRST_S = 5.0
RETRY_CAP_S = 300.0


def camera_id(name: str, taken: Iterable[str]) -> str:
    """A short, safe folder name made from a camera's name: 'Café entrance' → 'cafe-entrance'."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "camera"
    known = set(taken)
    if base not in known:
        return base
    return next(f"{base}-{number}" for number in range(2, 10_000) if f"{base}-{number}" not in known)


def _same_name(name: str) -> str:
    """What two names have in common when a person would call them the same."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_name(name: str) -> str:
    """A camera's name as given: printable, 1 to 64 characters. Raises BadRequest."""
    clean = " ".join(name.split())
    if not clean or len(clean) > MAX_NAME_CHARS or not clean.isprintable():
        raise BadRequest(
            f"A camera's name has 1 to {MAX_NAME_CHARS} printable characters.", "Give another with --name."
        )
    return clean


class Entries:
    """All config entries. Methods run on the loop; the register is written off it."""

    def __init__(self, holdshelf: Holdshelf, register: Register) -> None:
        self._holdshelf = holdshelf
        self._register = register
        self._entries: dict[str, ConfigEntry[Any]] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._adding = asyncio.Lock()
        self._discovered: dict[str, DiscoveredCamera] = {}
        self._changed: list[Callable[[], None]] = []
        self._locked_out: set[str] = set()
        """Cameras whose password is lost: not dialled without it, for some lock an account after a few wrong ones."""
        self.flows = Flows(self)

    def async_listen(self, changed: Callable[[], None]) -> None:
        """Be called after cameras came, went, or were called or placed otherwise."""
        self._changed.append(changed)

    def _tell(self) -> None:
        for changed in self._changed:
            changed()

    # --- the register -----------------------------------------------------------------------------------------

    def async_all(self) -> list[ConfigEntry[Any]]:
        """Every entry, in the order in which they were added."""
        return sorted(self._entries.values(), key=lambda entry: entry.added_utc_ns)

    def async_get(self, entry_id: str) -> ConfigEntry[Any]:
        """One entry by its id or exact name. Raises NotFound, or Conflict when several have that name."""
        entry = self._entries.get(entry_id)
        if entry is not None:
            return entry
        named = [e for e in self._entries.values() if e.title == entry_id]
        if len(named) > 1:
            ids = ", ".join(sorted(e.entry_id for e in named))
            raise Conflict(f"Several cameras are called {entry_id!r}.", f"Give the id of one: {ids}.")
        if not named:
            known = ", ".join(sorted(self._entries)) or "none yet"
            shown = entry_id if len(entry_id) <= MAX_NAME_CHARS else entry_id[: MAX_NAME_CHARS - 1] + "…"
            raise NotFound(f"There is no camera {shown!r}.", f"Known: {known}.")
        return named[0]

    async def async_load(self) -> None:
        """Read entries from the register. A password that cannot be decrypted asks for a new one."""
        for row in self._register.table(TABLE).all():
            data = dict(row["data"])
            # A row that was rebuilt from the access log says that there was a password, and has none.
            sealed, lost = data.pop("password_sealed", None), bool(data.pop("password_needed", False))
            if sealed is not None:
                try:
                    data["password"] = self._register.decrypt(sealed)
                    lost = False
                except SecretLost:
                    lost = True
            if (url_sealed := data.pop("url_sealed", None)) is not None:
                with contextlib.suppress(SecretLost):  # the integration asks the camera anew
                    data["stream"] = {**data["stream"], "url": self._register.decrypt(url_sealed)}
            entry: ConfigEntry[Any] = ConfigEntry(
                entry_id=row["entry_id"],
                domain=row["domain"],
                unique_id=row["unique_id"],
                title=row["title"],
                area_kind=row["area_kind"],
                area_note=row.get("area_note", ""),
                data=data,
                added_utc_ns=row.get("added_utc_ns", 0),
            )
            self._entries[entry.entry_id] = entry
            if lost:
                self._locked_out.add(entry.entry_id)
                self._set(entry, EntryState.REAUTH, "its password is not known any more")
        self._tell()

    def row_of(self, entry: ConfigEntry[Any]) -> dict[str, Any]:
        """An entry as the access log carries it: without any secret, saying whether there was one."""
        data = dict(entry.data)
        if data.pop("password", None):
            data["password_needed"] = True
        stream = data.get("stream")
        if isinstance(stream, dict) and isinstance(stream.get("url"), str):
            data["stream"] = {**stream, "url": shown_address(stream["url"])}
        return {
            "entry_id": entry.entry_id,
            "domain": entry.domain,
            "unique_id": entry.unique_id,
            "title": entry.title,
            "area_kind": entry.area_kind,
            "area_note": entry.area_note,
            "data": data,
            "added_utc_ns": entry.added_utc_ns,
        }

    async def async_save(self, entry: ConfigEntry[Any]) -> None:
        """Write one entry; returns when it is on disk."""
        row = self.row_of(entry)
        row["data"].pop("password_needed", None)
        if password := entry.data.get("password"):
            row["data"]["password_sealed"] = self._register.encrypt(password)
        url = (entry.data.get("stream") or {}).get("url", "")
        if take_password(url)[1] is not None:
            # The camera itself told an address with another secret inside.
            row["data"]["url_sealed"] = self._register.encrypt(url)
        await asyncio.to_thread(self._register.put, TABLE, entry.entry_id, row)
        self._tell()

    # --- set-up -----------------------------------------------------------------------------------------------

    async def async_setup_all(self) -> None:
        """Set up every entry at once: each announces its cached stream first, so cameras are dialled now."""
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
        except Exception as error:  # an integration's fault costs its camera, not the service
            _LOGGER.exception("setting up %s failed", entry.entry_id)
            self._set(entry, EntryState.FAILED, f"the integration failed ({type(error).__name__})")
        else:
            self._set(entry, EntryState.LOADED, "")

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
        """On the way out."""
        await asyncio.gather(*(self._unload(entry) for entry in self._entries.values()))

    async def async_reload(self, entry: ConfigEntry[Any]) -> None:
        """Unload and set up again; other cameras do not notice."""
        await self._unload(entry)
        await self._setup(entry)

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
        """Ask every integration; one answer per ``unique_id``. What is found stays known for ``async_add``."""
        found: dict[str, DiscoveredCamera] = {}
        for integration in integrations().values():
            for camera in await integration.config_flow.async_discover(
                self._holdshelf, probe_addresses=addresses, timeout_s=timeout_s
            ):
                found.setdefault(camera.unique_id, camera)
        for unique_id, camera in found.items():
            self._discovered.pop(unique_id, None)
            self._discovered[unique_id] = camera
        while len(self._discovered) > MAX_DISCOVERED:  # the ones that were found longest ago
            del self._discovered[next(iter(self._discovered))]
        return sorted(found.values(), key=lambda camera: (camera.name, camera.address))

    def async_added_as(self, unique_id: str) -> str | None:
        """The id of the camera that a device already is here."""
        return next((e.entry_id for e in self._entries.values() if e.unique_id == unique_id), None)

    def async_found_at(self, entry: ConfigEntry[Any]) -> str | None:
        """Another address than the stored one, at which the last search found this very camera; None: no such."""
        found = self._discovered.get(entry.unique_id)
        if found is None or found.domain != entry.domain or found.address == entry.data["address"]:
            return None
        return found.address

    async def async_draft(
        self, target: str, username: str | None, password: str | None, known: Mapping[str, Any] | None = None
    ) -> EntryDraft:
        """Try a discovered id or an address. Raises FlowError, NotFound, BadRequest.

        ``known``: the data of the entry when the camera is here already; it is held to the certificate in it.
        """
        address, domain = self.async_resolve(target)
        probe = self._integration(domain).config_flow.async_probe
        return await probe(self._holdshelf, address, username, password, known=known)

    def async_resolve(self, target: str) -> tuple[str, str]:
        """(address, integration that takes it) of a discovered id or a typed address. Raises NotFound, BadRequest."""
        target = target.strip()
        try:
            if not target:
                raise ValueError(target)
            urlsplit(target)
        except ValueError:
            raise BadRequest(
                f"{target[:MAX_NAME_CHARS]!r} is not an address.",
                "It looks like http://192.0.2.7/onvif/device_service or rtsp://192.0.2.7/stream1.",
            ) from None
        found = self._found(target)
        address = found[0].address if found else target
        takers = [domain for domain, i in integrations().items() if i.config_flow.matches(address)]
        if not takers or ("://" not in address and not found and "." not in address and ":" not in address):
            raise NotFound(
                f"{target[:MAX_NAME_CHARS]!r} is neither a discovered camera nor an address.",
                "Run `holdshelf camera discover`, or give http://HOST/onvif/device_service or rtsp://HOST/PATH.",
            )
        return address, takers[0]

    def _found(self, target: str) -> list[DiscoveredCamera]:
        """What a search found by that id, its beginning, its address, or its host on whatever port it said."""
        found = [c for uid, c in self._discovered.items() if target in (uid, c.address) or uid.startswith(target)]
        if len(found) > 1 and target not in self._discovered:
            raise BadRequest(f"{target!r} is the beginning of several discovered ids.", "Give more of it.")
        there = [c for c in self._discovered.values() if urlsplit(c.address).hostname == target]
        return found or (there if len(there) == 1 else [])

    def async_added_from(self, target: str) -> str | None:
        """The id of the camera that a discovered one, named by ``target``, already is here."""
        found = self._found(target.strip())
        return self.async_added_as(found[0].unique_id) if found else None

    def async_check(self, name: str, area_kind: str, area_note: str, transport: str, questioned: bool) -> None:
        """What can be said before a camera is dialled. Raises BadRequest (name, area, transport)."""
        check_area(area_kind, area_note)
        if len(area_note) > MAX_NOTE_CHARS or not area_note.isprintable():
            raise BadRequest(
                f"A note on an area has at most {MAX_NOTE_CHARS} printable characters.",
                "Give another with --area-note.",
            )
        title = check_name(name)
        word = questionable_name(title)
        if word and not questioned:
            raise BadRequest(
                f"The name {title!r} sounds like a private area ({word!r}), where no camera may be (P5).",
                "If the camera does not see one, add --not-private to say so.",
            )
        if transport not in ("tcp", "udp"):
            raise BadRequest(f"{transport!r} is not a transport.", "Use tcp or udp.")

    def async_check_new_name(self, name: str, but: str = "") -> str:
        """A name that no other camera has, as it is kept. Raises BadRequest, Conflict."""
        title = check_name(name)
        for other in self._entries.values():
            if other.entry_id != but and _same_name(other.title) == _same_name(title):
                raise Conflict(
                    f"Another camera is called {other.title!r} already ({other.entry_id}).", "Give another name."
                )
        return title

    def async_check_new(self, draft: EntryDraft, name: str) -> str:
        """The name of a camera that is not here yet, as it is kept. Raises BadRequest, Conflict."""
        present = self.async_added_as(draft.unique_id)
        if present is not None:
            raise Conflict(*error_words("here_already", camera=present))
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
        """Store and set up a camera that was checked and tried. Raises Conflict when it, or its name, is here already.

        ``taken``: further ids that are not given again. ``record`` writes it into the access log before it is stored.
        """
        async with self._adding:
            title = self.async_check_new(draft, name)
            data = dict(draft.data)
            taken = {*self._entries, *taken, *await asyncio.to_thread(self._holdshelf.known_footage_cameras)}
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
        await self._holdshelf.async_camera_added(entry)
        await self._setup(entry)
        return entry

    async def async_remove(self, entry: ConfigEntry[Any]) -> None:
        """Stop recording it and forget it. Its footage is erased on schedule like all other."""
        await self._unload(entry)
        try:
            await asyncio.to_thread(self._register.remove, TABLE, entry.entry_id)
        except StorageError:
            await self._setup(entry)  # it would be back after a restart, so it stays
            raise
        await self._holdshelf.async_camera_removed(entry)
        self._entries.pop(entry.entry_id, None)
        self.flows.async_settled(entry.entry_id)
        self._holdshelf.repairs.async_delete_for_camera(entry.entry_id)
        self._tell()

    async def async_change(
        self, entry: ConfigEntry[Any], *, title: str | None = None, area_kind: str | None = None, area_note: str = ""
    ) -> None:
        """Call it otherwise, or say that it looks at another place. What cannot be written down is not done."""
        before = entry.title, entry.area_kind, entry.area_note
        if title is not None:
            entry.title = title
        if area_kind is not None:
            entry.area_kind, entry.area_note = area_kind, area_note.strip()
        try:
            await self.async_save(entry)
        except StorageError:
            entry.title, entry.area_kind, entry.area_note = before
            raise

    def async_answered(self, draft: EntryDraft) -> None:
        """A camera was just spoken to at this address: what an older search says of it is no news."""
        found = self._discovered.get(draft.unique_id)
        if found is not None:
            self._discovered[draft.unique_id] = replace(found, address=draft.data["address"])
