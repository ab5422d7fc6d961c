"""The process of one virtual camera: ipycam's ONVIF service and RTSP dialogue, our picture, on one loopback address.

Started by `virtual_camera.VirtualCameras`, which writes one line of JSON (`order.CameraOrder`) to its standard input,
reads one line of JSON (`order.CameraReady`) from its standard output, and holds the input open: when that pipe closes,
for whatever reason, the process ends at once. The password comes by that pipe and so stands in no process list.

It must never be heard on a real network: every socket is bound to the camera's own loopback address, no multicast group
is joined, no Hello is sent, and of ipycam's web pages only ONVIF and the snapshot are served. It writes no file.

Where ipycam 1.3 departs from the standards it is put right here, so that the demo shows cameras and not ipycam's
errors: its probe match lacks the `ProbeMatches` element and action (WS-Discovery 2005/04 § 5.3), it asks for a password
before it tells the time (ONVIF Core, access class PRE_AUTH), its endpoint address changes with each start, and a
camera's name with a space in it breaks the list of scopes.
"""

import errno
import logging
import os
import re
import socket
import socketserver
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from ipycam.config import CameraConfig
from ipycam.discovery import WSDiscoveryServer
from ipycam.http import IPCameraHTTPHandler
from ipycam.onvif import ONVIFService
from numpy.typing import NDArray

from holdshelf_tui.demo.order import CameraOrder, CameraReady
from holdshelf_tui.demo.picture import PicturePainter
from holdshelf_tui.demo.rtsp_stream import Draw, RtspServer

WS_DISCOVERY_PORT = 3702
_PORT_PATIENCE_S = 0.5  # how long a port that we would like may still belong to a camera that has just ended
_STRICT_PORT_PATIENCE_S = 6.0
_UNIQUE_ID_NAMESPACE = uuid.UUID("5d7c1b44-0f0c-5d3b-8f4e-6b1f2e7a9c10")
_SUB_STREAM_SCALE = 2
_CALL = re.compile(r"<(?:[\w.-]+:)?Body\b[^>]*>\s*<(?:[\w.-]+:)?(\w+)")
_PRE_AUTH_CALLS = ("GetSystemDateAndTime", "GetCapabilities", "GetServices", "GetServiceCapabilities")
_PROBE_MATCHES_ACTION = "http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches"


class _OnvifService(ONVIFService):  # type: ignore[misc]  # ipycam has no types
    """ipycam's answers, with an endpoint address that stays and a probe match as the standard has it."""

    def __init__(self, config: CameraConfig, unique_id: str) -> None:
        super().__init__(config, None)  # no pan, tilt, zoom: the picture is drawn whole
        self.device_uuid = f"urn:uuid:{unique_id}"
        match = self._templates["probe_match"]
        for old, new in (
            ("http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatch<", _PROBE_MATCHES_ACTION + "<"),
            ("<d:ProbeMatch>", "<d:ProbeMatches><d:ProbeMatch>"),
            ("</d:ProbeMatch>", "</d:ProbeMatch></d:ProbeMatches>"),
            ("{{camera_name}}", "{{camera_name}} onvif://www.onvif.org/hardware/" + quote(config.model)),
        ):
            match = match.replace(old, new)
        self._templates["probe_match"] = match

    def _render(self, template_name: str, **values: Any) -> str:
        if "camera_name" in values:  # stands in a scope, which is a URI
            values["camera_name"] = quote(self.config.name)
        return str(super()._render(template_name, **values))

    def verify_usernametoken(self, soap_body: str) -> bool:
        call = _CALL.search(soap_body)
        if call is not None and call[1] in _PRE_AUTH_CALLS:
            return True
        return bool(super().verify_usernametoken(soap_body))


class _Discovery(WSDiscoveryServer):  # type: ignore[misc]
    """ipycam's answer to a probe, for probes sent to this one address; joins nothing, announces nothing."""

    def __init__(self, onvif_service: ONVIFService, host: str) -> None:
        threading.Thread.__init__(self, name="discovery", daemon=True)  # ipycam's own __init__ joins the group
        self.onvif = onvif_service
        self.running = True
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Another program may listen on this port of all addresses: more exact addresses win.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.sock.bind((host, WS_DISCOVERY_PORT))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            holder = "another program, a WS-Discovery service, holds UDP port 3702 of all addresses for itself"
            raise OSError(errno.EADDRINUSE, holder) from error
        self.sock.settimeout(None)

    def _send_announcement(self, action: str) -> None:
        """Sends nothing: a Hello goes to a multicast group, and so to a real network."""


class _HttpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Camera:
    """What ipycam's HTTP handler asks a camera for."""

    def __init__(self, config: CameraConfig, onvif: ONVIFService, draw: Draw) -> None:
        self.config = config
        self.onvif = onvif
        self._draw = draw
        self._draw_lock = threading.Lock()

    def get_snapshot_frame(self) -> NDArray[np.uint8]:
        with self._draw_lock:
            return np.ascontiguousarray(self._draw(time.time_ns())[:, :, ::-1])  # OpenCV counts blue first


class _HttpHandler(IPCameraHTTPHandler):  # type: ignore[misc]
    """ONVIF and the snapshot; none of ipycam's web pages, which could write files."""

    timeout = 30

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        if self.path.split("?")[0] != f"/{self.camera.config.snapshot_url}":
            self.send_error(404)
        elif self._check_basic_auth():
            self.serve_snapshot()

    def do_POST(self) -> None:  # noqa: N802
        if self.path.startswith("/onvif/"):
            self.handle_onvif()
        else:
            self.send_error(404)


def unique_id_of(number: int) -> str:
    """The endpoint's UUID: the same for the same camera in every run of the demo."""
    return str(uuid.uuid5(_UNIQUE_ID_NAMESPACE, f"camera {number}"))


def _listen[T](start: Callable[[int], T], port: int, strict: bool) -> T:
    """Starts a server on `port`, or after a while on any free one where `strict` does not forbid it."""
    deadline = time.monotonic() + (_STRICT_PORT_PATIENCE_S if strict else _PORT_PATIENCE_S)
    while True:
        try:
            return start(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            if time.monotonic() > deadline:
                if strict:
                    raise
                return start(0)
        time.sleep(0.05)


def start_camera(order: CameraOrder) -> CameraReady:
    """Starts all services of one camera in this process, in threads that end with it."""

    def new_draw(width: int, height: int) -> Draw:
        return PicturePainter(order.number, order.name, width, height).frame

    def listen_http(port: int) -> _HttpServer:
        return _HttpServer((order.host, port), _HttpHandler)

    def listen_rtsp(port: int) -> RtspServer:
        with socket.socket() as trial:  # ipycam only logs why it could not start
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((order.host, port))
        server = RtspServer(order.host, port)
        if not server.start():
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return server

    http = _listen(listen_http, order.http_port, order.strict_ports)
    rtsp = _listen(listen_rtsp, order.rtsp_port, order.strict_ports)
    http_port = int(http.server_address[1])
    rtsp_port = int(rtsp._server_socket.getsockname()[1])
    sub_width, sub_height = order.width // _SUB_STREAM_SCALE, order.height // _SUB_STREAM_SCALE
    config = CameraConfig(
        name=order.name,
        manufacturer="Holdshelf",
        model="Demo camera",
        serial_number=f"HS-{order.number:06d}",
        local_ip=order.host,  # given, or ipycam asks the kernel which real address it has
        onvif_port=http_port,
        rtsp_port=rtsp_port,
        username=order.username,
        password=order.password,
        main_width=order.width,
        main_height=order.height,
        main_fps=order.fps,
        main_bitrate="1M",
        sub_width=sub_width,
        sub_height=sub_height,
        sub_fps=order.fps,
        sub_bitrate="256K",
    )
    phase_s = (order.number * 0.382 % 1) / order.fps
    for stream, width, height in (
        (config.main_stream_name, order.width, order.height),
        (config.sub_stream_name, sub_width, sub_height),
    ):
        rtsp.add_picture(stream, new_draw(width, height), (width, height), order.fps, phase_s)
    unique_id = unique_id_of(order.number)
    onvif = _OnvifService(config, unique_id)
    _HttpHandler.camera = _Camera(config, onvif, new_draw(order.width, order.height))
    threading.Thread(target=http.serve_forever, name="http", daemon=True).start()
    _Discovery(onvif, order.host).start()
    return CameraReady(http_port, rtsp_port, config.onvif_url, config.main_stream_rtsp, unique_id)


def main() -> int:
    """Reads the order, starts the camera, says that it is ready, and stays until standard input closes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    os.chdir("/")
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=CameraOrder)
    try:
        ready = start_camera(order)
    except OSError as error:
        sys.stderr.write(f"Camera {order.number} cannot answer on {order.host}: {error.strerror or error}.\n")
        return 1
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)  # at once: the threads have nothing to finish
