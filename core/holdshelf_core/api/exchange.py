"""What all routes of the local API share: caller and body of a request, and answers."""

from __future__ import annotations

import msgspec
from aiohttp import web

from holdshelf_core.actions.caller import Caller
from holdshelf_core.errors import BadRequest
from holdshelf_storage.decoding import bounded, decode_request, within

CALLER = web.RequestKey("caller", Caller)
BODY = web.RequestKey("body", bytes)


def answer(content: object, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return json_bytes(msgspec.json.encode(content), status)


def json_bytes(content: bytes, status: int = 200) -> web.Response:
    """Return a response with already encoded JSON."""
    return web.Response(
        body=content, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def caller_of(request: web.Request) -> Caller:
    """Return the caller that the server identified before it entered any route."""
    return request[CALLER]


def body[T](request: web.Request, kind: type[T]) -> T:
    """Return the decoded body. Raises msgspec.MsgspecError."""
    return decode_request(request[BODY], kind)


def from_query[T](request: web.Request, kind: type[T]) -> T:
    """Return the decoded query parameters. Raises msgspec.MsgspecError."""
    return bounded(msgspec.convert(dict(request.query), kind, strict=False))


def whole_number(text: str, sentence: str) -> int:
    """Parse a number from a query. Raises BadRequest with ``sentence`` when it is invalid or exceeds 64 bits."""
    try:
        number = int(text[:40])
    except ValueError:
        raise BadRequest(sentence) from None
    if not within(number):
        raise BadRequest(sentence)
    return number
