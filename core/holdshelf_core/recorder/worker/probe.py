"""Tests one stream and reports what it is: a short-lived process, as it parses a camera's packets.

Reads one JSON object from standard input (url, username, password, transport; so no secret is in argv), confines itself
(``worker.preparation``), and prints one: codec, width, height, or reason and detail.
``python -m holdshelf_core.recorder.worker.probe``.
"""

from __future__ import annotations

import json
import logging
import os
import sys

import av.logging

from holdshelf_core.recorder.worker import names as worker_names
from holdshelf_core.recorder.worker.dial import dial
from holdshelf_core.recorder.worker.preparation import confine_recorder, warm
from holdshelf_core.recorder.worker.segment import template_from_key_frame
from holdshelf_core.recorder.worker.source import Hole, Source, SourceError

MAX_PICTURES = 900


def probe(
    url: str, username: str | None, password: str | None, transport: str, certificate_sha256: str | None = None
) -> dict[str, object]:
    """Connect and wait for the first key frame. Raises SourceError."""
    source = dial(url, username, password, transport, certificate_sha256)
    return {**_probe(source), "certificate_sha256": source.certificate_sha256}


def _probe(source: Source) -> dict[str, object]:
    try:
        for number, picture in enumerate(source.pictures()):
            if not isinstance(picture, Hole) and picture.is_key:
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
    """Read one order (JSON) from standard input, try the stream confined, and print the result as JSON."""
    av.logging.set_level(av.logging.ERROR)
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    order = json.load(sys.stdin)
    kind = worker_names.kind_of(order["url"])
    warm(kind)
    worker_names.install(worker_names.helper())
    confine_recorder(kind)
    try:
        answer = probe(
            order["url"], order["username"], order["password"], order["transport"], order.get("certificate_sha256")
        )
    except SourceError as error:
        answer = {"reason": error.reason, "detail": error.detail}
    json.dump(answer, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # taking libraries down costs a tenth of this process's time


if __name__ == "__main__":
    main()
