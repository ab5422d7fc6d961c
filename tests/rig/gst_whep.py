"""A second WHEP peer, of another make: GStreamer's webrtcbin over libnice. Run under Debian's python3: ADDRESS, prints its port.

`/h264` and `/h265` are live test pictures. ICE, DTLS, SRTP and packetising are GStreamer's own; only HTTP is done here.
"""

from __future__ import annotations

import http.server
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

_RTP = "application/x-rtp,media=video,payload={payload},encoding-name="
_ENCODERS = {
    "/h264": "x264enc tune=zerolatency key-int-max=30 bitrate=800 ! h264parse config-interval=-1 "
    f"! rtph264pay aggregate-mode=zero-latency ! {_RTP}H264",
    "/h265": "x265enc tune=zerolatency key-int-max=30 bitrate=800 ! h265parse config-interval=-1 "
    f"! rtph265pay aggregate-mode=zero-latency ! {_RTP}H265",
}
_sessions: dict[str, Any] = {}


def payload_type(offer: str, name: str) -> str:
    """Under which number the offer has a codec: the first, which is packetisation mode 1."""
    return next(line[9:].split(" ")[0] for line in offer.splitlines() if line.endswith(f" {name}/90000"))


def emit(element: Any, signal: str, *arguments: Any) -> Any:
    """A call that promises; the promise, kept."""
    promise = Gst.Promise.new()
    element.emit(signal, *arguments, promise)
    promise.wait()
    return promise


def answer(path: str, offer: str) -> str:
    """Start sending; the session description to send back."""
    encoder = _ENCODERS[path].format(payload=payload_type(offer, path[1:].upper()))
    source = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=15/1"
    pipeline = Gst.parse_launch(f"{source} ! {encoder} ! webrtcbin name=peer bundle-policy=max-bundle")
    peer = pipeline.get_by_name("peer")
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_state(2 * Gst.SECOND)
    described = GstWebRTC.WebRTCSessionDescription
    theirs = GstSdp.SDPMessage.new_from_text(offer)[1]
    emit(peer, "set-remote-description", described.new(GstWebRTC.WebRTCSDPType.OFFER, theirs))
    promise = emit(peer, "create-answer", None)
    reply = promise.get_reply()
    text = reply.get_value("answer").sdp.as_text()  # the description itself dies with its promise
    gathered = threading.Event()

    def look(*_: Any) -> None:
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            gathered.set()

    peer.connect("notify::ice-gathering-state", look)
    mine = described.new(GstWebRTC.WebRTCSDPType.ANSWER, GstSdp.SDPMessage.new_from_text(text)[1])
    emit(peer, "set-local-description", mine)
    look()
    gathered.wait(4)
    _sessions[path] = pipeline
    return str(peer.get_property("local-description").sdp.as_text())


class Handler(http.server.BaseHTTPRequestHandler):
    """POST, DELETE."""

    def do_POST(self) -> None:
        body = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/sdp")
        self.send_header("Location", self.path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self) -> None:
        pipeline = _sessions.pop(self.path, None)
        if pipeline is not None:
            pipeline.set_state(Gst.State.NULL)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silence."""


def main() -> None:
    Gst.init(None)
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()
    server = http.server.ThreadingHTTPServer((sys.argv[1], 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
