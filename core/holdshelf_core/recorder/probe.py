"""Has a separate process test a stream, and turns its answer into sentences."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from holdshelf_core.inert import inert
from holdshelf_core.integration import reasons
from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.models import StreamSource
from holdshelf_storage.decoding import decode_json

TIMEOUT_S = 20.0
WHEP_TIMEOUT_S = 55.0
MAX_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Probed:
    """What the test found out about a stream."""

    codec: str
    width: int
    height: int
    certificate_sha256: str = ""
    """SHA-256 of the camera's certificate, where the stream is encrypted."""


class _Answer(msgspec.Struct):
    """The process's answer, validated strictly, as it has parsed a camera's data."""

    codec: Literal["", "h264", "hevc"] = ""
    width: Annotated[int, Meta(ge=0, le=65_536)] = 0
    height: Annotated[int, Meta(ge=0, le=65_536)] = 0
    certificate_sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?\\Z")] | None = None
    reason: str = ""
    detail: str = ""


async def _ask(process: asyncio.subprocess.Process, order: bytes) -> _Answer:
    """Return the process's answer. Raises MsgspecError for an invalid or endless one."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order)
    process.stdin.close()
    answer = b""
    while len(answer) <= MAX_ANSWER_BYTES and (more := await process.stdout.read(MAX_ANSWER_BYTES)):
        answer += more
    return decode_json(answer[: MAX_ANSWER_BYTES + 1], _Answer)


async def async_probe_stream(source: StreamSource, *, camera_id: str = "", told_by_device: bool = False) -> Probed:
    """Connect and read up to the first key frame. Raises FlowError with the field to correct.

    ``camera_id``: of a camera that was added; ``told_by_device``: see ``reasons.advise``.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "holdshelf_core.recorder.worker.probe",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    order = {
        "url": source.url,
        "username": source.username,
        "password": source.password,
        "transport": source.transport,
        "certificate_sha256": source.certificate_sha256,
    }
    try:
        limit_s = WHEP_TIMEOUT_S if source.url.startswith("whep") else TIMEOUT_S
        answer = await asyncio.wait_for(_ask(process, json.dumps(order).encode()), limit_s)
    except TimeoutError:
        answer = _Answer(reason=reasons.NO_FRAMES)
    except (OSError, msgspec.MsgspecError):
        answer = _Answer(reason=reasons.NOT_RECORDABLE, detail="its data could not be read")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if answer.codec:
        return Probed(answer.codec, answer.width, answer.height, answer.certificate_sha256 or "")
    reason, detail = inert(answer.reason).strip()[:60], inert(answer.detail).strip()[:200]
    host = urlsplit(source.url).hostname or "the camera"
    said = reasons.advise(
        reason, name=host, camera_id=camera_id, detail=detail, source=source, told_by_device=told_by_device
    )
    raise FlowError(reasons.field_of(reason), *said)
