"""Tries one stream and says what it is: a short-lived process, since a camera's packets are parsed in it.

Reads one JSON object from standard input (url, username, password, transport; so no secret stands in argv) and
prints one: codec, width, height, or reason and detail. ``python -m holdshelf_core.recorder.worker_probe``.
"""

from __future__ import annotations

import json
import logging
import sys

import av.logging

from holdshelf_core.recorder.worker_segment import template_from_key_frame
from holdshelf_core.recorder.worker_source import RtspSource, SourceError

MAX_PACKETS = 900


def probe(url: str, username: str | None, password: str | None, transport: str) -> dict[str, object]:
    """Dial and wait for the first key frame. Raises SourceError."""
    source = RtspSource(url, username, password, transport)
    try:
        for number, packet in enumerate(source.packets()):
            if packet.is_keyframe:
                context = source.stream.codec_context
                width, height = context.width, context.height
                if not width:
                    template = template_from_key_frame(packet, source.codec)
                    size = template.streams.video[0].codec_context
                    width, height = size.width, size.height
                    template.close()
                return {"codec": source.codec, "width": width, "height": height}
            if number > MAX_PACKETS:
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
