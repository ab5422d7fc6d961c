"""Why a stream cannot be had, as a person reads it: each cause against a real server, with one step that leads on."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdshelf_core.integration import FlowError, StreamSource
from holdshelf_core.integration.models import Transport
from holdshelf_core.integration.reasons import advise
from holdshelf_core.recorder.probe import async_probe_stream
from tests.rig.scripted_rtsp import ScriptedRtsp, sdp
from tests.service import free_port

MULTICAST = sdp().replace("t=0 0\r\n", "c=IN IP4 239.1.2.3/32\r\nt=0 0\r\n")
REFUSES = {"SETUP": "461 Unsupported Transport"}


@dataclass
class Case:
    """A stream, and what is said of it to somebody who adds it."""

    sentence: str
    step: str
    url: str = ""
    transport: Transport = "tcp"
    camera_id: str = ""
    told_by_device: bool = False
    server: dict[str, Any] = field(default_factory=dict)


CASES = {
    "closed port": Case("127.0.0.1 is there, but its stream's port (1) is closed.", "Switch the stream on", "rtsp://127.0.0.1:1/a"),
    "closed port, by ONVIF": Case(
        "its stream's port (1) is closed.",
        "Switch RTSP on",
        "rtsp://127.0.0.1:1/a",
        camera_id="door",
        told_by_device=True,
    ),
    "closed WHEP port": Case("its stream's port (1) is closed.", "Switch the stream on", "whep+http://127.0.0.1:1/a"),
    "unknown name": Case("does not know the name camera.invalid", "how the name is spelled", "rtsp://camera.invalid/a"),
    "unknown name, UDP": Case("does not know the name", "how the name is spelled", "rtsp://camera.invalid/a", "udp"),
    "461 to TCP": Case("does not send its video over the connection", "`--transport udp`", server={"answers": REFUSES}),
    "461 to UDP": Case("refuses to send its video by UDP", "`--transport tcp`", "", "udp", server={"answers": REFUSES}),
    "461 to multicast": Case(
        "by multicast", "`--transport tcp`", "", "multicast", server={"answers": REFUSES, "description": MULTICAST}
    ),
    "multicast": Case("by multicast only", "`--transport multicast`", server={"answers": REFUSES, "description": MULTICAST}),
    "404": Case("no stream at this address.", "Look it up", server={"answers": {"DESCRIBE": "404 Not Found"}}),
    "404, here already": Case(
        "no stream at this address.",
        "`holdshelf camera reconfigure door --address ADDRESS`",
        camera_id="door",
        server={"answers": {"DESCRIBE": "404 Not Found"}},
    ),
    "404, by ONVIF": Case(
        "names an address for its stream and has no stream there.",
        "Holdshelf asks it for the address every few seconds",
        camera_id="door",
        told_by_device=True,
        server={"answers": {"DESCRIBE": "404 Not Found"}},
    ),
}  # fmt: skip


async def said(case: Case) -> str:
    with ScriptedRtsp(**case.server) as server:
        source = StreamSource(case.url or server.url, transport=case.transport)
        with pytest.raises(FlowError) as refused:
            await async_probe_stream(source, camera_id=case.camera_id, told_by_device=case.told_by_device)
    return f"{refused.value.sentence}|{refused.value.next_step}"


async def test_each_cause_has_a_sentence_and_a_step_of_its_own() -> None:
    found = dict(zip(CASES, await asyncio.gather(*map(said, CASES.values())), strict=True))
    for name, case in CASES.items():
        sentence, _, step = found[name].partition("|")
        assert case.sentence in sentence and case.step in step, (name, found[name])
        assert "power" not in step, name


def test_a_running_camera_whose_port_alone_refuses_is_not_told_to_have_no_power() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError) as refused:
        socket.create_connection(("127.0.0.1", port))
    source = StreamSource(f"rtsp://127.0.0.1:{port}/a")
    detail = refused.value.strerror or ""
    sentence, step = advise("camera unreachable", name="Door", camera_id="door", detail=detail, source=source)
    assert sentence == f"Door is there, but its stream's port ({port}) is closed."
    assert "power" not in step
