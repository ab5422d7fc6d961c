"""zeep's transport: one POST per call, with limits, its answer checked before zeep parses it. Imports nothing of zeep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from .const import Limits
from .http import Answer, async_post
from .xml_guard import HostileXml, is_web_page, refuse_hostile_xml


class HttpRefused(Exception):
    """An HTTP status without a SOAP answer. ``digest``: it requires HTTP digest."""

    def __init__(self, status: int, *, web_page: bool = False, digest: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.web_page = web_page
        self.digest = digest


@dataclass(slots=True)
class Reply:
    """The parts of a ``requests.Response`` that zeep needs."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class Transport:
    """``to_bytes`` is lxml's ``tostring``. While ``digest`` is set, HTTP digest challenges are answered."""

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
        # We set the content type: zeep would unpack attachments of a multipart one.
        return Reply(answer.status, answer.body, {"Content-Type": "application/soap+xml"})

    def _check(self, answer: Answer, asked: str) -> None:
        # SOAP 1.2 over HTTP: a fault comes with 400 or 500 and an envelope; zeep must not see any other status.
        if answer.status not in (200, 400, 500) or not answer.body:
            raise HttpRefused(answer.status, digest="digest" in answer.challenge.lower())
        if is_web_page(answer.body):
            raise HttpRefused(answer.status, web_page=True)
        refuse_hostile_xml(answer.body, self._limits.answer_max_tags)
        # zeep would make an empty object from a wrong answer.
        if f"{asked}Response".encode() not in answer.body and b"Fault" not in answer.body:
            raise HostileXml("an answer to something else")

    async def aclose(self) -> None:
        """Do nothing: the session belongs to the client."""
