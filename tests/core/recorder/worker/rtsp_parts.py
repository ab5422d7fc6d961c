"""Footage for the scripted RTSP server, and what a source gives of it."""

from __future__ import annotations

from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.source import Hole, SourceError
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp

SPS, PPS = b"\x67\x64\x00\x1f" + b"s" * 8, b"\x68\xee" + b"p" * 4
IDR, P = b"\x65\x88" + b"i" * 3000, b"\x41\x9a" + b"q" * 900
KEY = [SPS, PPS, IDR]


def some_footage(sender: RtpSender, count: int = 8, gop: int = 4) -> list[bytes]:
    packets = []
    for number in range(count):
        packets.append(b"".join(sender.picture(KEY if number % gop == 0 else [P])))
        sender.next()
    return packets


def expected_footage(count: int = 8, gop: int = 4) -> list[list[bytes]]:
    return [KEY if number % gop == 0 else [P] for number in range(count)]


def recorded(source: RtspSource) -> tuple[list[list[bytes] | Hole], SourceError]:
    """What the source gives until it ends, and why it ended."""
    got: list[list[bytes] | Hole] = []
    try:
        for picture in source.pictures():
            got.append(picture if isinstance(picture, Hole) else split_sample(picture.data))
    except SourceError as error:
        return got, error
    finally:
        source.close()
    raise AssertionError("a source ends by an error only")


def dial(server: ScriptedRtsp, user: str | None = None, password: str | None = None) -> RtspSource:
    return RtspSource(server.url, user, password)
