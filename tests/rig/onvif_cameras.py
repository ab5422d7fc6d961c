"""Virtual ONVIF cameras for tests, and witnesses that know nothing of Holdshelf's own discovery and recorder.

The cameras are the demo's (ipycam on loopback addresses): `holdshelf_tui.demo.virtual_camera`. Everything here stays on
127.0.0.0/8.
"""

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import av

from holdshelf_tui.demo.picture import Reading, read_picture
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCamera, VirtualCameras
from tests.rig.faults import environment_with_clock_off_by
from tests.rig.hang import HANG_S

__all__ = [
    "PASSWORD",
    "Reading",
    "VirtualCamera",
    "VirtualCameras",
    "decoded_frames",
    "onvif_cameras",
    "probe",
    "read_picture",
]

PASSWORD = "correct horse 1"

_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
    xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
    xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"
    xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>
<a:MessageID>urn:uuid:{message_id}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>
<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"""


def onvif_cameras(*names: str, password: str = PASSWORD, clocks_off_by: str = "") -> VirtualCameras:
    """Cameras with these names, numbered from 1, to be entered by `with` or `async with`.

    `clocks_off_by` is libfaketime's notation ("-1y", "+3h"): the cameras' clocks are wrong, also in their pictures.
    """
    environment = environment_with_clock_off_by(clocks_off_by) if clocks_off_by else {}
    specs = [CameraSpec(name, number, environment=environment) for number, name in enumerate(names, start=1)]
    return VirtualCameras(specs, password=password)


def probe(address: str, timeout_s: float = 1.0) -> list[str]:
    """All answers to one unicast WS-Discovery probe sent to `address`, as XML; waits the whole `timeout_s` for more."""
    answers = []
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.sendto(_PROBE.format(message_id=uuid.uuid4()).encode(), (address, 3702))
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            sock.settimeout(left_s)
            try:
                answers.append(sock.recv(65_536).decode())
            except TimeoutError:
                break
    return answers


def decoded_frames(rtsp_url: str, transport: str = "tcp") -> Iterator[av.VideoFrame]:
    """Frames as they come, decoded; the first second or two are behind, because opening a stream looks at some."""
    options = {"rtsp_transport": transport, "allowed_media_types": "video", "analyzeduration": "0"}
    with av.open(rtsp_url, options=options, timeout=HANG_S) as container:
        yield from container.decode(video=0)
