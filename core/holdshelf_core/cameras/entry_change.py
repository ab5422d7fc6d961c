"""Changes an existing camera: its credentials or address, tested first and kept only if it is the same camera; or its device."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from holdshelf_core.cameras import identity
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.flow import error_words
from holdshelf_core.integration.models import EntryDraft
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.cameras.entries import Entries

CERTIFICATE = "certificate_sha256"


def without_certificates(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's data without pinned certificates: the integration's own, and the stream's."""
    kept = {key: value for key, value in data.items() if key != CERTIFICATE}
    return {**kept, "stream": {key: value for key, value in kept.get("stream", {}).items() if key != CERTIFICATE}}


async def async_try_anew(
    entries: Entries,
    entry: ConfigEntry[Any],
    username: str | None,
    password: str | None,
    play: Callable[[EntryDraft], Awaitable[EntryDraft]] | None = None,
    record: Callable[[], Awaitable[None]] | None = None,
    *,
    accept_certificate: bool = False,
    address: str | None = None,
    profile: str = "",
) -> None:
    """Test the new values and store them if they work; what is not given stays. Raises FlowError, BadRequest, Conflict.

    Without an ``address``, a camera found at a new one since (by DHCP) is tested and stored there. ``play`` also tests the
    stream: for a bare stream, nothing else can tell that a password is wrong. ``record`` writes the change, already made in the
    entry, to the access log before it is stored. The certificate must match, unless the one shown now is to be accepted.
    ``profile``: another stream of the same channel.
    """
    pinned = without_certificates(entry.data) if accept_certificate else entry.data
    known = entry.data.get("username") or entry.data["stream"].get("username")
    target = address or entries.async_found_at(entry) or entry.data["address"]
    if address is not None and entries.async_resolve(address)[1] != entry.domain:
        shown = repr(shown_address(address.strip()))
        raise BadRequest(*error_words("other_kind", address=shown, name=entry.title))
    draft = await entries.async_draft(
        target, username or known, entry.data.get("password") if password is None else password, pinned, profile
    )
    unique_id = _checked_identity(entries, entry, draft, moved=address is not None)
    if play is not None:
        draft = await play(draft)
    before = entry.data, entry.unique_id
    entry.data, entry.unique_id = {**pinned, **draft.data}, unique_id
    try:
        if record is not None:
            await record()
        await entries.async_save(entry)
    except (StorageError, HoldshelfError):
        entry.data, entry.unique_id = before
        raise
    entries.async_answered(draft)
    entries.flows.async_settled(entry.entry_id)
    await entries.async_reload(entry)


async def async_replace(
    entries: Entries, entry: ConfigEntry[Any], draft: EntryDraft, record: Callable[[ConfigEntry[Any]], Awaitable[None]]
) -> None:
    """Have an entry stand for another device from now on: nothing of the old one's data is kept. Raises StorageError.

    ``record`` writes the entry, as it will be, to the access log before anything is changed.
    """
    await record(replace(entry, domain=draft.domain, unique_id=draft.unique_id, data=dict(draft.data)))
    before = entry.domain, entry.unique_id, entry.data
    async with entries.unloaded(entry):
        entries.async_forget_troubles(entry)
        entry.domain, entry.unique_id, entry.data = draft.domain, draft.unique_id, dict(draft.data)
        try:
            await entries.async_save(entry)
        except StorageError:
            entry.domain, entry.unique_id, entry.data = before
            raise
        entries.async_answered(draft)


def check_replacement(entries: Entries, entry: ConfigEntry[Any], draft: EntryDraft) -> None:
    """Raise Conflict when the device is configured as another camera, or is the camera itself.

    What tells no serial number (a bare stream, some devices) does not say which camera it is: it may be another by now.
    """
    there = entries.async_added_as(draft)
    if there not in (None, entry.entry_id):
        raise Conflict(*error_words("taken", camera=str(there)))
    serial = entry.data.get("serial_number")
    if there is not None and serial and serial == draft.data.get("serial_number"):
        raise Conflict(*error_words("not_replaced", name=entry.title, camera=entry.entry_id))


def _checked_identity(entries: Entries, entry: ConfigEntry[Any], draft: EntryDraft, *, moved: bool) -> str:
    """Return the entry's unique id from now on. Raises Conflict when another device answers, or another entry has that id."""
    if moved:
        there = entries.async_added_as(draft)
        if there not in (None, entry.entry_id):
            raise Conflict(*error_words("taken", camera=str(there)))
        if entry.domain == "stream":  # a stream is identified by its address only
            return draft.unique_id
    if not identity.same_device(entry, draft):
        raise Conflict(*error_words("other_device", name=entry.title, camera=entry.entry_id))
    return entry.unique_id
