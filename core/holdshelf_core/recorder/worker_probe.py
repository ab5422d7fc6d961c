"""Tries one stream and says what it is: a short-lived process, since a camera's packets are parsed in it.

Reads one JSON object from standard input (url, username, password, transport; so no secret stands in argv),
confines itself (``worker``), and prints one: codec, width, height, or reason and detail.
``python -m holdshelf_core.recorder.worker_probe``.
"""

from __future__ import annotations

import json
import logging
import sys

import av.logging

from holdshelf_core.recorder import worker_names
from holdshelf_core.recorder.worker import confine_recorder, warm
from holdshelf_core.recorder.worker_libav import LibavSource
from holdshelf_core.recorder.worker_rtsp import RtspSource
from holdshelf_core.recorder.worker_segment import template_from_key_frame
from holdshelf_core.recorder.worker_source import Hole, NotUnderstoodError, Source, SourceError

MAX_PICTURES = 900


def probe(
    url: str, username: str | None, password: str | None, transport: str, certificate_sha256: str | None = None
) -> dict[str, object]:
    """Dial and wait for the first key frame. Raises SourceError."""
    if worker_names.kind_of(url) == "whep":
        from holdshelf_core.recorder.worker_whep import WhepSource  # noqa: PLC0415 - 25 MB, for who has such a camera

        peer = WhepSource(url, username, password, certificate_sha256)
        return {**_probe(peer), "certificate_sha256": peer.certificate_sha256}
    try:
        if transport == "tcp" or certificate_sha256:
            source = RtspSource(url, username, password, certificate_sha256)
            return {**_probe(source), "certificate_sha256": source.certificate_sha256}
        return _probe(LibavSource(url, username, password, transport))
    except NotUnderstoodError:
        if certificate_sha256:
            raise  # libavformat cannot hold a camera to its certificate
        return _probe(LibavSource(url, username, password, transport))


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
    """Entry."""
    av.logging.set_level(av.logging.ERROR)
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    order = json.load(sys.stdin)
    kind = worker_names.kind_of(order["url"], order["transport"])
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


if __name__ == "__main__":
    main()
