"""What all routes of the local API share: the caller and the body of a request, and answers."""

from __future__ import annotations

import msgspec
from aiohttp import web

from holdshelf_core.caller import Caller
from holdshelf_core.errors import NotPermitted

CALLER = web.RequestKey("caller", Caller)
BODY = web.RequestKey("body", bytes)


def answer(content: object, status: int = 200) -> web.Response:
    """JSON."""
    return json_bytes(msgspec.json.encode(content), status)


def json_bytes(content: bytes, status: int = 200) -> web.Response:
    """JSON that is encoded already."""
    return web.Response(
        body=content, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def caller_of(request: web.Request) -> Caller:
    """Who asks, as the server found out before any route was entered."""
    return request[CALLER]


def body[T](request: web.Request, kind: type[T]) -> T:
    """The decoded body. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(request[BODY], type=kind)


def only_admin(caller: Caller) -> None:
    """Raises NotPermitted for anyone but a local administrator."""
    if not caller.admin:
        raise NotPermitted("Only the admin of this machine may do this.", "Ask the admin.")
