"""GET /pictures/still and /pictures/live: one picture of an open look as a JPEG, by way of the same acts as everything else.

Query: ``grant``, ``camera``, ``max_width``; ``at_utc_ns`` for a still, ``after_utc_ns`` for live. The server mounts it and asks
once more whether the caller may go on; nothing is decided here. Strips are answered by the action look.strip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from holdshelf_core.api import types_looks as types
from holdshelf_core.api.ports import PictureAnswer
from holdshelf_core.caller import Caller
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.looking.grants import SHARE

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_KINDS: dict[str, type[msgspec.Struct]] = {"still": types.StillAsk, "live": types.LiveAsk}


class LookPictures:
    """The picture source of the API's server."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf

    async def async_picture(self, what: str, caller: Caller, query: Mapping[str, str]) -> PictureAnswer:
        """One picture. Raises HoldshelfError; NotFound too when there is no picture at that time, or no newer one."""
        kind = _KINDS.get(what)
        if kind is None:
            raise NotFound(f"There are no pictures of the kind {what[:20]!r}.", "Ask for still or live.")
        try:
            asked: Any = msgspec.convert(dict(query), kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadRequest(f"The request is not understood: {error}.") from None
        shared = self._holdshelf.looks.peek(asked.grant).kind == SHARE
        gate = self._holdshelf.gate
        action = gate.registry.get(f"{'share' if shared else 'look'}.{what}")
        if action is None:
            raise NotFound("What was shared is not shown live.", "Ask for a still.")
        row: types.PictureRow = await gate.async_do(action, caller, asked)
        if row.missing:
            raise NotFound(row.missing, "Ask again in a moment.")
        facts = {
            "Camera": row.camera,
            "Shown-Utc-Ns": row.shown_utc_ns,
            "Log-Seq": row.log_seq,
            "Mask-Version": row.mask_version,
            "Width": row.width,
            "Height": row.height,
            "Damaged": int(row.damaged),
        }
        return PictureAnswer(row.jpeg, {f"Holdshelf-{name}": str(value) for name, value in facts.items()})
