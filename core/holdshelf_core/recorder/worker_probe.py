"""Tries one stream and says what it is: a short-lived process, since a camera's packets are parsed in it.

Reads one JSON object from standard input (url, username, password, transport; so no secret stands in argv) and
prints one: codec, width, height, or reason and detail. ``python -m holdshelf_core.recorder.worker_probe``.
"""

from __future__ import annotations

import json
import logging
import sys

import av.logging

from holdshelf_core.recorder.worker_libav import LibavSource
from holdshelf_core.recorder.worker_rtsp import RtspSource
from holdshelf_core.recorder.worker_segment import template_from_key_frame
from holdshelf_core.recorder.worker_source import NotUnderstoodError, Source, SourceError

MAX_PICTURES = 900


def probe(url: str, username: str | None, password: str | None, transport: str) -> dict[str, object]:
    """Dial and wait for the first key frame. Raises SourceError."""
    try:
        return _probe(_dial(url, username, password, transport))
    except NotUnderstoodError:
        return _probe(LibavSource(url, username, password, transport))


def _dial(url: str, username: str | None, password: str | None, transport: str) -> Source:
    if transport == "tcp":
        return RtspSource(url, username, password)
    return LibavSource(url, username, password, transport)


def _probe(source: Source) -> dict[str, object]:
    try:
        for number, picture in enumerate(source.pictures()):
            if picture.is_key:
                template = template_from_key_frame(picture, source.codec, source.parameter_sets)
                size = template.streams.video[0].codec_context
                answer = {"codec": source.codec, "width": size.width, "height": size.height}
                template.close()
                return answer
            if number > MAX_PICTURES:
                break
    except ValueError as error:
        raise SourceError("no parameter sets", str(error)) from None
    finally:
        source.close()
    raise SourceError("no key frame", "no key frame came")


def main() -> None:
    """Entry."""
    av.logging.set_level(av.logging.ERROR)
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    order = json.load(sys.stdin)
    try:
        answer = probe(order["url"], order["username"], order["password"], order["transport"])
    except SourceError as error:
        answer = {"reason": error.reason, "detail": error.detail}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
