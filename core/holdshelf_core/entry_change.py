"""A camera that is here, under new credentials or a new address: tried first, kept only when it is the same camera."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.flow import error_words
from holdshelf_core.integration.models import EntryDraft
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.entries import Entries

CERTIFICATE = "certificate_sha256"


def without_certificates(data: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's data without the certificates that it is held to: an integration's own, and its stream's."""
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
) -> None:
    """Try what is new and, when it is right, keep it; what is not given stays. Raises FlowError, BadRequest, Conflict.

    Without an ``address``, a camera that was found at another one since (DHCP gives new ones) is tried and kept there.
    ``play`` tries the stream as well: a bare stream has nobody else who could say that a password is wrong.
    ``record`` writes the change into the access log before it is kept; the entry is as it will be then.
    It is held to its certificate, unless the one that it shows now is to be accepted.
    """
    pinned = without_certificates(entry.data) if accept_certificate else entry.data
    known = entry.data.get("username") or entry.data["stream"].get("username")
    target = address or entries.async_found_at(entry) or entry.data["address"]
    if address is not None and entries.async_resolve(address)[1] != entry.domain:
        shown = repr(shown_address(address.strip()))
        raise BadRequest(*error_words("other_kind", address=shown, name=entry.title))
    draft = await entries.async_draft(
        target, username or known, entry.data.get("password") if password is None else password, pinned
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


def _checked_identity(entries: Entries, entry: ConfigEntry[Any], draft: EntryDraft, *, moved: bool) -> str:
    """The unique id that the entry has from now on. Raises Conflict when another device, or another entry, is there."""
    if moved:
        there = entries.async_added_as(draft.unique_id)
        if there not in (None, entry.entry_id):
            raise Conflict(*error_words("taken", camera=str(there)))
        if entry.domain == "stream":  # an address is all that a stream is known by
            return draft.unique_id
    serial = entry.data.get("serial_number")
    if draft.unique_id != entry.unique_id and not (serial and serial == draft.data.get("serial_number")):
        raise Conflict(*error_words("other_device", name=entry.title))
    return entry.unique_id
