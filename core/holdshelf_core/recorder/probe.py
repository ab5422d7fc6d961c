"""Has a stream tried by a process of its own, and turns its answer into words."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass

from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.models import StreamSource

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What a stream turned out to be."""

    codec: str
    width: int
    height: int


_REFUSALS = {
    "auth refused": ("password", "{host} refuses this user name or password.", "Give the camera's own account."),
    "camera unreachable": ("address", "{host} does not answer.", "Check the address, the power and the network cable."),
    "stream not found": ("address", "{host} has no stream at this address.", "Look it up in the camera's settings."),
    "not recordable": (
        "address",
        "The stream of {host} cannot be recorded: {detail}.",
        "Change it in the camera's settings.",
    ),
    "no frames": ("address", "{host} answers but sends no picture.", "Restart the camera and try again."),
    "stale session": (
        "address",
        "{host} refuses a new session ({detail}).",
        "Close other viewers or restart the camera.",
    ),
}


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
    }
    try:
        out, _err = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), TIMEOUT_S)
        answer = json.loads(out[:65_536])
    except TimeoutError:
        answer = {"reason": "no frames", "detail": ""}
    except ValueError:
        answer = {"reason": "not recordable", "detail": "its data could not be read"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if "codec" in answer:
        return Probed(str(answer["codec"]), int(answer["width"]), int(answer["height"]))
    reason, detail = str(answer.get("reason", "")), str(answer.get("detail", ""))[:200]
    field, sentence, step = _REFUSALS.get(reason, ("address", "The stream of {host} cannot be played ({reason}).", ""))
    raise FlowError(field, sentence.format(host=host, detail=detail, reason=reason), step)
