"""Fetches a web page in the calling process, on this machine. Over SSH the service fetches, and only a single page."""

from __future__ import annotations

import asyncio

from holdshelf_core.reports.website import MAX_BYTES, Fetched, async_fetch, is_boards_page, page_of

__all__ = ["MAX_BYTES", "Fetched", "fetch", "is_boards_page", "page_of"]


def fetch(address: str) -> Fetched:
    """Return the page at that address; blocks, at most 20 s. Raises HoldshelfError."""
    return asyncio.run(async_fetch(address, public_only=False))
