"""GET /pictures/still and /pictures/live: one picture of an open look as a JPEG, through the same actions as everything else.

Query: ``grant``, ``camera``, ``max_width``; ``at_utc_ns`` for a still, ``after_utc_ns`` for live. The server mounts it and checks
again whether the caller may go on; nothing is decided here. Strips are answered by the action look.strip.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.acts import Act
from holdshelf_core.api.ports import PictureAnswer
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.looks import types
from holdshelf_core.looks.grants import SHARE
from holdshelf_core.looks.looks import Looks
from holdshelf_storage.decoding import bounded

_KINDS: dict[str, dict[bool, type[Act[types.PictureRow]]]] = {
    "still": {False: types.LookStill, True: types.ShareStill},
    "live": {False: types.LookLive, True: types.ShareLive},
}
"""The request by whether the look views a share."""


class LookPictures:
    """The picture source of the API server."""

    def __init__(self, authorizer: Authorizer, looks: Looks) -> None:
        self._authorizer, self._looks = authorizer, looks

    async def async_picture(self, what: str, caller: Caller, query: Mapping[str, str]) -> PictureAnswer:
        """Return one picture. Raises HoldshelfError; also NotFound when there is no picture at that time, or no newer one."""
        of = _KINDS.get(what)
        if of is None:
            raise NotFound(f"There are no pictures of the kind {what[:20]!r}.", "Ask for still or live.")
        grant = self._looks.own(str(query.get("grant", "")), caller)
        kind = of[grant.kind == SHARE if grant is not None else False]
        try:
            asked = bounded(msgspec.convert(dict(query), kind, strict=False))
        except msgspec.MsgspecError as error:
            raise BadRequest(f"The request is not understood: {error}.") from None
        row = await self._authorizer.async_do(asked, caller)
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
