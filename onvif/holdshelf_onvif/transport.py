"""zeep's transport: one bounded POST a call, its answer checked before zeep parses it. Imports nothing of zeep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from .const import Limits
from .http import Answer, async_post
from .xml_guard import HostileXml, is_web_page, refuse_hostile_xml


class HttpRefused(Exception):
    """An HTTP status that is no SOAP answer. ``digest``: it asks for HTTP digest."""

    def __init__(self, status: int, *, web_page: bool = False, digest: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.web_page = web_page
        self.digest = digest


@dataclass(slots=True)
class Reply:
    """What zeep needs of a ``requests.Response``."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class Transport:
    """``to_bytes`` is lxml's ``tostring``. While ``digest`` is set, challenges for HTTP digest are answered."""

    cache = None

    def __init__(self, session: aiohttp.ClientSession, limits: Limits, to_bytes: Any) -> None:
        self._session = session
        self._limits = limits
        self._to_bytes = to_bytes
        self.digest: aiohttp.DigestAuthMiddleware | None = None

    async def post_xml(self, address: str, envelope: Any, headers: dict[str, str]) -> Reply:
        """Send a SOAP envelope; raises what ``async_post`` raises, HostileXml and HttpRefused."""
        message = self._to_bytes(envelope, xml_declaration=True, encoding="utf-8")
        answer = await async_post(self._session, address, message, headers, self._limits, self.digest)
        self._check(answer, asked=envelope.find("{*}Body")[0].tag.rpartition("}")[2])
        # The content type is ours: a multipart one would have zeep unpack attachments.
        return Reply(answer.status, answer.body, {"Content-Type": "application/soap+xml"})

    def _check(self, answer: Answer, asked: str) -> None:
        # SOAP 1.2 over HTTP: a fault comes with 400 or 500 and an envelope; every other status is not for zeep.
        if answer.status not in (200, 400, 500) or not answer.body:
            raise HttpRefused(answer.status, digest="digest" in answer.challenge.lower())
        if is_web_page(answer.body):
            raise HttpRefused(answer.status, web_page=True)
        refuse_hostile_xml(answer.body, self._limits.answer_max_tags)
        # zeep makes an empty object of an answer to something else.
        if f"{asked}Response".encode() not in answer.body and b"Fault" not in answer.body:
            raise HostileXml("an answer to something else")

    async def aclose(self) -> None:
        """The session belongs to the client."""
