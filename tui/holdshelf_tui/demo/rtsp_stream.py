"""Serves the drawn pictures over RTSP: ipycam's RTSP server, with the encoder inside this process.

ipycam starts one ffmpeg program for each viewer. A bare machine has none, and two viewers would pay twice. Here PyAV
encodes each stream once (H.264, a key frame a second) and libavformat cuts it into RTP packets; ipycam keeps the RTSP
dialogue. Nothing is drawn or encoded while nobody watches.

Everything is bound to and sent from the camera's own loopback address: nothing here may open a socket on another one.
"""

import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from ipycam.rtsp import NativeRTSPServer, RTSPSession, RTSPState, RTSPStreamInfo
from numpy.typing import NDArray

from holdshelf_tui.text.time_format import NS

_CLOCK_HZ = 90_000  # RTP's clock for video (RFC 6184 § 8.2.1)
_RTP_PACKET_BYTES = 1400
_RTCP_TYPES = range(200, 205)  # RFC 5761 § 4: how RTCP is told from RTP in one stream of packets
_VIEWER_BUFFER_S = 3  # a viewer further behind than this loses frames up to the next key frame
_REQUEST_TIMEOUT_S = 65  # just above the session timeout of 60 s that ipycam announces
_MAX_REQUEST_BYTES = 16_384

Draw = Callable[[int], NDArray[np.uint8]]  # utc_ns → the picture, (height, width, 3) RGB


@dataclass(frozen=True)
class AccessUnit:
    """One encoded frame as (is RTCP, packet) pairs in sending order."""

    packets: list[tuple[bool, bytes]]
    is_key: bool


class _PacketList:
    """What libavformat's RTP muxer writes into: one call of `write` is one packet."""

    def __init__(self) -> None:
        self._packets: list[tuple[bool, bytes]] = []

    def write(self, packet: bytes) -> int:
        self._packets.append((packet[1] in _RTCP_TYPES, bytes(packet)))
        return len(packet)

    def take(self) -> list[tuple[bool, bytes]]:
        packets, self._packets = self._packets, []
        return packets


class Encoder:
    """Encodes one stream, once, for however many viewers; idle without any. Its thread ends with the process."""

    def __init__(self, draw: Draw, size: tuple[int, int], fps: int, phase_s: float) -> None:
        self._draw = draw
        self._fps = fps
        self._phase_s = phase_s
        self._packets = _PacketList()
        self._container = av.open(self._packets, "w", format="rtp", options={"packetsize": str(_RTP_PACKET_BYTES)})
        self._stream = self._container.add_stream("libx264", rate=fps)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _CLOCK_HZ)
        self._stream.codec_context.thread_count = 1
        # Constant quality, no bit-rate control: the bytes a second then tell whether something moves.
        self._stream.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": "27",
            "forced-idr": "1",
            "x264-params": f"keyint={fps}:min-keyint={fps}:scenecut=0",
        }
        self._viewers: set[Viewer] = set()
        self._changed = threading.Condition()
        self._last_pts = -1
        self._parameter_sets = self._encode_first()
        threading.Thread(target=self._run, name="encoder", daemon=True).start()

    @property
    def parameter_sets(self) -> bytes:
        """The first key frame's bytes (Annex B): begins with SPS and PPS."""
        return self._parameter_sets

    @contextmanager
    def viewer(self) -> Iterator["Viewer"]:
        """A place to take access units from, beginning with a key frame that is encoded for it at once."""
        viewer = Viewer(self._fps * _VIEWER_BUFFER_S)
        with self._changed:
            self._viewers.add(viewer)
            self._changed.notify()
        try:
            yield viewer
        finally:
            with self._changed:
                self._viewers.discard(viewer)

    def _encode_first(self) -> bytes:
        frame = self._next_frame(time.time_ns())
        return b"".join(bytes(packet) for packet in self._stream.encode(frame))

    def _next_frame(self, utc_ns: int) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(self._draw(utc_ns), format="rgb24")
        # Time stamps follow the monotonic clock: the wall clock may step while the stream runs on.
        self._last_pts = max(self._last_pts + 1, time.monotonic_ns() * _CLOCK_HZ // NS)
        frame.pts = self._last_pts
        frame.time_base = Fraction(1, _CLOCK_HZ)
        return frame

    def _run(self) -> None:
        frame_number = 0
        while True:
            with self._changed:
                while not self._viewers:
                    self._changed.wait()
                key_wanted = any(viewer.is_new for viewer in self._viewers)
            frame = self._next_frame(time.time_ns())
            if key_wanted:
                frame.pict_type = PictureType.I
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
                unit = AccessUnit(self._packets.take(), bool(packet.is_keyframe))
                with self._changed:
                    for viewer in self._viewers:
                        viewer.offer(unit)
            # Frames fall on whole fractions of the monotonic second, each camera's a little beside the others', as
            # real cameras' do. A late frame is not made up for.
            now_s = time.monotonic() - self._phase_s
            frame_number = max(frame_number + 1, int(now_s * self._fps) + 1)
            time.sleep(max(0.0, frame_number / self._fps - now_s))


class Viewer:
    """One session's place at an encoder. Filled by the encoder's thread, emptied by the session's."""

    def __init__(self, capacity: int) -> None:
        self._units: queue.Queue[AccessUnit] = queue.Queue(capacity)
        self._waits_for_key = True
        self.is_new = True  # asks the encoder for a key frame now

    def offer(self, unit: AccessUnit) -> None:
        if self._waits_for_key and not unit.is_key:
            return
        self.is_new = False
        self._waits_for_key = False
        try:
            self._units.put_nowait(unit)
        except queue.Full:
            self._waits_for_key = True

    def take(self, timeout_s: float) -> AccessUnit | None:
        """The next access unit, or None after `timeout_s`."""
        try:
            return self._units.get(timeout=timeout_s)
        except queue.Empty:
            return None


class RtspServer(NativeRTSPServer):  # type: ignore[misc]  # ipycam has no types
    """ipycam's RTSP server with the encoder above; RTP over the RTSP connection or UDP, video only, no password."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(port=port, host=host)
        self._draw_by_stream: dict[str, tuple[Draw, float]] = {}
        self._encoders: dict[str, Encoder] = {}
        self._encoders_lock = threading.Lock()
        self._waiting_for_answer: dict[str, tuple[RTSPSession, str]] = {}

    def add_picture(self, name: str, draw: Draw, size: tuple[int, int], fps: int, phase_s: float) -> None:
        """Adds a stream of `size` (width, height). `draw` is called by one thread at a time."""
        self._draw_by_stream[name] = (draw, phase_s)
        self.add_stream(name, *size, fps)

    def _encoder(self, info: RTSPStreamInfo) -> Encoder:
        with self._encoders_lock:
            encoder = self._encoders.get(info.name)
            if encoder is None:
                draw, phase_s = self._draw_by_stream[info.name]
                encoder = Encoder(draw, (info.width, info.height), info.fps, phase_s)
                self._encoders[info.name] = encoder
            return encoder

    # -- what is put in ipycam's place: the rest of the dialogue is its own -------------------------------------------

    def _get_sprop_parameter_sets(self, stream_info: RTSPStreamInfo) -> str:
        return ",".join(self._extract_sps_pps(self._encoder(stream_info).parameter_sets))

    def _receive_rtsp_request(self, client_socket: socket.socket) -> bytes | None:
        """The next request, whole; the viewer's RTCP packets in between (RFC 2326 § 10.12) are read past.

        ipycam's own takes such a packet and the request behind it for one: keep-alives then answer 501.
        """
        client_socket.settimeout(_REQUEST_TIMEOUT_S)
        request = b""
        try:
            while not request.endswith(b"\r\n\r\n"):
                byte = client_socket.recv(1)
                if byte == b"" or len(request) > _MAX_REQUEST_BYTES:
                    return None
                if byte == b"$" and not request:
                    header = _receive_exactly(client_socket, 3)
                    _receive_exactly(client_socket, int.from_bytes(header[1:], "big"))
                else:
                    request += byte
            body = re.search(rb"(?i)\r\ncontent-length: *(\d{1,5})\r\n", request)
            if body:
                request += _receive_exactly(client_socket, int(body[1]))
        except (EOFError, TimeoutError):
            return None
        return request

    def _handle_setup(self, uri: str, stream_name: str, headers: dict[str, str], *rest: Any) -> Any:
        answer, session_id = super()._handle_setup(uri, stream_name, headers, *rest)
        session = self._sessions.get(session_id)
        if session is not None and session.rtp_socket is not None:
            # ipycam has just bound this one to all addresses; nothing has been sent from it. Same port, own address:
            # both sockets allow the reuse.
            own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind((self.host, session.rtp_socket.getsockname()[1]))
            session.rtp_socket.close()
            session.rtp_socket = own
        return answer, session_id

    def _start_rtp_streaming(self, session: RTSPSession, stream_name: str) -> None:
        # The answer to PLAY must leave first: a viewer throws away what arrives before it, the key frame included.
        self._waiting_for_answer[session.session_id] = (session, stream_name)

    def _send_client_response(self, client_socket: socket.socket, session_id: str | None, response: str) -> None:
        super()._send_client_response(client_socket, session_id, response)
        waiting = self._waiting_for_answer.pop(session_id or "", None)
        if waiting is not None:
            super()._start_rtp_streaming(*waiting)

    def _rtp_encoder_loop(self, session: RTSPSession, stream_name: str, stream_info: RTSPStreamInfo | None) -> None:
        """One session's sending thread: from PLAY to PAUSE, TEARDOWN or a broken connection."""
        if stream_info is None:
            return
        try:
            with self._encoder(stream_info).viewer() as viewer:
                while self._is_running and session.state == RTSPState.PLAYING:
                    unit = viewer.take(timeout_s=1.0)
                    if unit is not None:
                        self._send(session, unit)
        except OSError:
            session.state = RTSPState.TEARDOWN
            with suppress(OSError):
                session.client_socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads requests

    @staticmethod
    def _send(session: RTSPSession, unit: AccessUnit) -> None:
        if session.interleaved:
            framed = b"".join(
                b"$"
                + bytes([session.interleaved_channel_rtcp if is_rtcp else session.interleaved_channel])
                + len(packet).to_bytes(2, "big")
                + packet
                for is_rtcp, packet in unit.packets
            )
            with session.send_lock:
                session.client_socket.sendall(framed)
            return
        viewer_host = session.client_address[0]
        for is_rtcp, packet in unit.packets:
            port = session.rtcp_port if is_rtcp else session.rtp_port
            if session.rtp_socket is not None:
                session.rtp_socket.sendto(packet, (viewer_host, port))


def _receive_exactly(client_socket: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = client_socket.recv(length - len(received))
        if not part:
            raise EOFError
        received += part
    return received
