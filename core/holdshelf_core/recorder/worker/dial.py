"""Connects to a camera, whatever it speaks."""

from __future__ import annotations

from holdshelf_core.recorder.worker.names import kind_of
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.source import Source
from holdshelf_core.recorder.worker.udp import UdpSource


def dial(
    url: str, username: str | None, password: str | None, transport: str, certificate_sha256: str | None = None
) -> Source:
    """Connect, up to the first picture's being sent. ``transport``: tcp, udp or multicast, for RTSP without encryption.

    Raises SourceError.
    """
    if kind_of(url) == "whep":
        from holdshelf_core.recorder.worker.whep import WhepSource  # noqa: PLC0415 - 25 MB, only for cameras that need it

        return WhepSource(url, username, password, certificate_sha256)
    # Encrypted pictures come over the connection itself; by UDP they would not be.
    if transport in ("udp", "multicast") and not (certificate_sha256 or url.lower().startswith("rtsps:")):
        return UdpSource(url, username, password, by_group=transport == "multicast")
    return RtspSource(url, username, password, certificate_sha256)
