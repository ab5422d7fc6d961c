"""Refuses XML from a camera that could cost more than its size, before any parser sees it.

It only counts bytes, so it is cheap and hard to attack. It requires encodings in which ``<`` is always the byte 0x3C; others are
refused. What passes has no document type, so no entities, internal or external.
"""

from __future__ import annotations

import re

_ASCII_SUPERSETS = frozenset(
    {"utf-8", "utf8", "ascii", "us-ascii", "iso-8859-1", "iso-8859-15", "latin1", "windows-1252"}
    | {"gb2312", "gbk", "gb18030"}  # Chinese makers declare these
)
_DECLARATION = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{1,40})["']""")
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)


class HostileXml(ValueError):
    """Refused; ``str()`` says why in a few words."""


def refuse_hostile_xml(body: bytes, max_tags: int) -> None:
    """Raise HostileXml unless ``body`` is plain XML without a document type and with at most ``max_tags`` tags."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    declared = _DECLARATION.match(body)
    if b"\0" in body or (declared and declared[1].decode("ascii", "replace").lower() not in _ASCII_SUPERSETS):
        raise HostileXml("an unusual character encoding")
    if _DOCTYPE.search(body):
        raise HostileXml("XML with a document type, which can hide a bomb")
    if not body.lstrip().startswith(b"<"):
        raise HostileXml("no XML")
    if body.count(b"<") > max_tags:
        raise HostileXml("too many XML elements")


def is_web_page(body: bytes) -> bool:
    """Return whether this is an HTML page, as from a camera's own web server or a router."""
    return _WEB_PAGE.match(body[:500]) is not None
