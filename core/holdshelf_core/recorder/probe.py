"""Has a stream tried by a process of its own, and turns its answer into words."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.reasons import inert

TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Probed:
    """What a stream turned out to be."""

    codec: str
    width: int
    height: int
    certificate_sha256: str = ""
    """Of the camera's certificate, where the stream is encrypted."""


_REFUSALS = {
    "auth refused": ("password", "{host} refuses this user name or password.", "Give the camera's own account."),
    "certificate changed": (
        "address",
        "{host} shows another certificate than the one that is known, so nothing was sent to it.",
        "If the camera was replaced, reset or updated, accept it: `holdshelf camera check CAMERA --accept-certificate`.",
    ),
    "camera unreachable": ("address", "{host} does not answer.", "Check the address, the power and the network cable."),
    "media unreachable": (
        "address",
        "{host} answers, but its video does not come through.",
        "Let UDP pass between this machine and the camera, or set up a relay (TURN) at its gateway.",
    ),
    "stream not found": (
        "address",
        "{host} has no stream at this address{told}.",
        "Look it up in the camera's settings.",
    ),
    "not recordable": (
        "address",
        "The stream of {host} cannot be recorded: {detail}.",
        "Change it in the camera's settings.",
    ),
    "stream moved": (
        "address",
        "{host} sends its viewers on: {detail}.",
        "Give the address that it names, if you know it for the camera's.",
    ),
    "transport refused": (
        "address",
        "{host} does not send over the connection itself: {detail}.",
        "Set its stream to unicast with RTP over RTSP (TCP), or add it with `--transport udp`.",
    ),
    "no parameter sets": (
        "address",
        "{host} sends pictures without saying how to decode them.",
        "Restart the camera; update its firmware if it lasts.",
    ),
    "no frames": ("address", "{host} answers but sends no picture.", "Restart the camera and try again."),
    "stale session": (
        "address",
        "{host} refuses a new session ({detail}).",
        "Close other viewers or restart the camera.",
    ),
}


class _Answer(msgspec.Struct):
    """What the process may say: it has met a camera, so it is held to that."""

    codec: Literal["", "h264", "hevc"] = ""
    width: Annotated[int, Meta(ge=0, le=65_536)] = 0
    height: Annotated[int, Meta(ge=0, le=65_536)] = 0
    certificate_sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] | None = None
    reason: str = ""
    detail: str = ""


async def _ask(process: asyncio.subprocess.Process, order: bytes) -> _Answer:
    """Raises MsgspecError for an answer that is none, or endless."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order)
    process.stdin.close()
    answer = b""
    while len(answer) <= MAX_ANSWER_BYTES and (more := await process.stdout.read(MAX_ANSWER_BYTES)):
        answer += more
    return msgspec.json.decode(answer[: MAX_ANSWER_BYTES + 1], type=_Answer)


async def async_probe_stream(source: StreamSource, host: str) -> Probed:
    """Dial it until the first key frame. Raises FlowError with the field to correct."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "holdshelf_core.recorder.worker_probe",
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
        answer = await asyncio.wait_for(_ask(process, json.dumps(order).encode()), TIMEOUT_S)
    except TimeoutError:
        answer = _Answer(reason="no frames")
    except (OSError, msgspec.MsgspecError):
        answer = _Answer(reason="not recordable", detail="its data could not be read")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if answer.codec:
        return Probed(answer.codec, answer.width, answer.height, answer.certificate_sha256 or "")
    reason, detail = inert(answer.reason)[:60], inert(answer.detail)[:200]
    field, sentence, step = _REFUSALS.get(reason, ("address", "The stream of {host} cannot be played ({reason}).", ""))
    told = f": {detail}" if detail and not detail[:3].isdigit() else ""  # a bare status number says no more
    raise FlowError(field, sentence.format(host=host, detail=detail, reason=reason, told=told), step)
