"""A stand-in camera house: many RTSP cameras from one process, on GStreamer's RTSP server.

Run by Debian's own python3 (it has gi); `rtsp.py` starts it and is what tests use. It speaks JSON lines: the first
line of stdin is the configuration, each further line a command `{"id", "do", ...}`; stdout answers `{"id", "ok", ...}`.
The end of stdin is the end of the server.

Access units are read once into shared buffers and pushed by one loop, with time stamps of the schedule; nothing is
encoded here. What is pushed to a camera's stream is written down in its log file: one LOG_RECORD per access unit.
A camera that nobody watches pushes nothing (its pictures do not count as sent); the next watcher starts with the key
frame that follows the last picture pushed.
"""

import base64
import ctypes
import heapq
import json
import os
import struct
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402, F401

LOG_RECORD = struct.Struct("<QIIQQ")  # sequence, unit, generation, wall clock ns, CLOCK_BOOTTIME ns
PACKETS = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
COPIED = Gst.BufferCopyFlags.FLAGS | Gst.BufferCopyFlags.META | Gst.BufferCopyFlags.MEMORY
LATE_LIMIT_NS = 1_000_000_000
VIDEO = {"h264": ("video/x-h264", "rtph264pay"), "hevc": ("video/x-h265", "rtph265pay")}
AUDIO = {
    "pcmu": ("audio/x-mulaw,rate=8000,channels=1", "rtppcmupay name=pay1 pt=0"),
    # AudioSpecificConfig 0x1408: AAC-LC, 16 kHz, one channel (ISO 14496-3, 1.6.2.1)
    "aac": (
        "audio/mpeg,mpegversion=4,stream-format=raw,rate=16000,channels=1,codec_data=(buffer)1408",
        "rtpmp4gpay name=pay1 pt=97",
    ),
}


def load(index_path):
    """The medium's index with its units as shared read-only buffers."""
    with open(index_path) as file:
        index = json.load(file)
    with open(os.path.join(os.path.dirname(index_path), "units"), "rb") as file:
        data = file.read()
    index["buffers"] = []
    for offset, size, is_key, _sha in index["units"]:
        buffer = Gst.Buffer.new_wrapped_bytes(GLib.Bytes.new(data[offset : offset + size]))
        if not is_key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        index["buffers"].append(buffer)
    index["keys"] = [unit[2] for unit in index["units"]]
    return index


class Track:
    """A medium as one camera plays it: where it stands."""

    def __init__(self, medium, position=0):
        self.buffers = medium["buffers"]
        self.keys = medium["keys"]
        # With B-frames: how many units later than it is sent each is shown, and the most that one is shown earlier.
        self.ahead = [shown - number for number, shown in enumerate(medium["shown"])]
        self.lag = -min(self.ahead)
        self.period_ns = 1e9 / medium["fps"]
        self.position = position % len(self.buffers)

    def advance(self):
        self.position = (self.position + 1) % len(self.buffers)


class Outlet:
    """One appsrc of one watcher's stream."""

    def __init__(self, source):
        self.source = source
        self.started_ns = None  # monotonic time of its first unit: zero of its time stamps

    def push(self, track, due_ns):
        if self.started_ns is None:
            self.started_ns = due_ns
        # `copy()` is another reference only: its time stamps would be those of all watchers.
        buffer = track.buffers[track.position]
        buffer = buffer.copy_region(COPIED, 0, buffer.get_size())
        buffer.dts = int(due_ns - self.started_ns)
        buffer.pts = buffer.dts + int((track.ahead[track.position] + track.lag) * track.period_ns)
        buffer.duration = int(track.period_ns)
        return self.source.push_buffer(buffer) == Gst.FlowReturn.OK


class Watch:
    """One watcher's stream. `joined` once it has had its first key frame; `audio_wanted` once it set the sound up."""

    def __init__(self, media):
        element = media.get_element()
        self.video = Outlet(element.get_by_name("video"))
        source = element.get_by_name("audio")
        self.audio = Outlet(source) if source else None
        self.joined = False
        self.audio_wanted = False


class Camera:
    """One mount. Its fields are written by the pushing loop and, under `lock`, by the server's threads."""

    def __init__(self, spec, media, log_path):
        self.spec = spec
        self.name = spec["name"]
        self.path = "/" + self.name
        self.sequence, unit, self.generation = spec["begin"]  # where the log ends: a restart goes on from there
        self.codec = media[spec["media"]]["codec"]
        self.video = Track(media[spec["media"]], unit)
        self.audio = Track(media[spec["audio"]]) if spec["audio"] else None
        self.lock = threading.Lock()
        self.watches = {}  # media -> Watch
        self.stalled = False
        self.setups = Counter()
        self.plays = 0
        self.dials = 0
        self.describes = 0
        self.audio_packets = 0
        self.log = open(log_path, "ab")  # noqa: SIM115 (lives as long as the camera)
        self.pending = bytearray()

    def launch(self):
        caps, payloader = VIDEO[self.codec]
        text = (
            f"( appsrc name=video is-live=true format=time max-bytes=0 min-latency=0"
            f" caps={caps},stream-format=byte-stream,alignment=au"
            f" ! {payloader} name=pay0 pt=96 config-interval=0 mtu={self.spec['mtu']}"
        )
        if self.audio:
            caps, payloader = AUDIO[self.spec["audio"]]
            text += f' appsrc name=audio is-live=true format=time max-bytes=0 caps="{caps}" ! {payloader}'
        return text + " )"

    def configure(self, media):
        """A stream is being prepared for a watcher: from the next key frame on it gets units."""
        with self.lock:
            self.generation += not self.watches
            self.watches[media] = Watch(media)
        media.connect("prepared", self.prepared)
        media.connect("unprepared", self.unprepared)

    def prepared(self, media):
        """A silent camera is described from a unit that must not reach the watcher: stop it behind the session."""
        if self.stalled:
            bins = media.get_element().get_parent().children
            session = next(each for each in bins if each.get_name().startswith("rtpbin"))
            session.get_static_pad("send_rtp_src_0").add_probe(PACKETS, self.held_back)

    def held_back(self, _pad, _info):
        return Gst.PadProbeReturn.DROP if self.stalled else Gst.PadProbeReturn.REMOVE

    def unprepared(self, media):
        with self.lock:
            self.watches.pop(media, None)

    def tick(self, due_ns):
        """Pushes the video unit that is due; one that reaches no watcher does not count and comes again."""
        track = self.video
        with self.lock:
            if not self.watches:
                return
            if not any(watch.joined for watch in self.watches.values()):
                while not track.keys[track.position]:  # all are new: none need wait for a key frame
                    track.advance()
            reached = False
            wall_ns = time.time_ns()
            for watch in self.watches.values():
                if self.stalled:
                    # A stream cannot be described before one unit is there; `held_back` keeps it from the watcher.
                    if watch.video.started_ns is None and track.keys[track.position]:
                        watch.video.push(track, due_ns)
                elif watch.joined or track.keys[track.position]:
                    watch.joined = True
                    reached |= watch.video.push(track, due_ns)
            if reached:
                boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                self.pending += LOG_RECORD.pack(self.sequence, track.position, self.generation, wall_ns, boot_ns)
                self.sequence += 1
                track.advance()

    def tick_audio(self, due_ns):
        """Pushes the audio unit that is due: one to have something to describe, the rest only for who set it up."""
        with self.lock:
            if not self.stalled:
                for watch in self.watches.values():
                    if watch.audio_wanted or watch.audio.started_ns is None:
                        watch.audio.push(self.audio, due_ns)
                self.audio.advance()

    def count_audio(self, media, stream):
        """Someone set the sound up: it is sent from now on, and its packets are counted."""
        with self.lock:
            watch = self.watches.get(media)
            if watch and not watch.audio_wanted:
                watch.audio_wanted = True
                stream.get_srcpad().get_peer().add_probe(PACKETS, self.audio_passed)

    def audio_passed(self, _pad, info):
        group = info.get_buffer_list()
        self.audio_packets += group.length() if group else 1
        return Gst.PadProbeReturn.OK

    def flush(self):
        with self.lock:
            pending, self.pending = self.pending, bytearray()
        if pending:
            self.log.write(pending)
            self.log.flush()

    def stats(self):
        return {
            "dials": self.dials,
            "describes": self.describes,
            "setups": {"video": self.setups["video"], "audio": self.setups["audio"]},
            "plays": self.plays,
            "generations": self.generation,
            "sent": self.sequence,
            "audio_packets": self.audio_packets,
            "watched": len(self.watches),
            "stalled": self.stalled,
        }


class House:
    """All cameras, the pushing loop, and one RTSP server for each way of logging in."""

    def __init__(self, config):
        media = {name: load(path) for name, path in config["media"].items()}
        self.cameras = {}
        for spec in config["mounts"]:
            log_path = os.path.join(config["logs"], f"{spec['name']}.sent")
            self.cameras[spec["name"]] = Camera(spec, media, log_path)
        self.config = config
        self.servers = []
        self.by_client = {}  # client -> names of the cameras it dialed
        self.late_ns = 0
        self.ports = {}
        self.pool_threads = config["threads"]

    def open(self):
        """Listens; returns the port of each camera."""
        groups = {}
        for camera in self.cameras.values():
            groups.setdefault(camera.spec["group"], []).append(camera)
        for group, cameras in groups.items():
            wanted = self.config["ports"].get(group, 0)
            self.ports[group] = self.serve(cameras, wanted)
        return self.ports

    def serve(self, cameras, port):
        server = GstRtspServer.RTSPServer()
        server.set_address(self.config["address"])
        server.set_service(str(port))
        server.set_backlog(256)
        # The default pool has one thread: a camera that opens slowly would hold up all others.
        server.get_thread_pool().set_max_threads(self.pool_threads)
        spec = cameras[0].spec
        if spec["auth"] or spec["tls"]:
            server.set_auth(self.auth(spec))
        points = server.get_mount_points()
        for camera in cameras:
            points.add_factory(camera.path, self.factory(camera))
        server.connect("client-connected", self.connected)
        if server.attach(None) == 0:
            raise OSError(f"RTSP port {port} on {self.config['address']} cannot be opened (in use?)")
        self.servers.append(server)
        return server.get_bound_port()

    def auth(self, spec):
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "watcher")
        methods = 0
        if spec["auth"] in ("basic", "both"):
            pair = base64.b64encode(f"{spec['username']}:{spec['password']}".encode()).decode()
            auth.add_basic(pair, token)
            methods |= int(GstRtsp.RTSPAuthMethod.BASIC)
        if spec["auth"] in ("digest", "both"):
            auth.add_digest(spec["username"], spec["password"], token)
            methods |= int(GstRtsp.RTSPAuthMethod.DIGEST)
        if spec["auth"]:
            # The bindings take one member of this enumeration, the C function any union of them.
            library = ctypes.CDLL("libgstrtspserver-1.0.so.0")
            library.gst_rtsp_auth_set_supported_methods(ctypes.c_void_p(hash(auth)), ctypes.c_int(methods))
            auth.set_realm("holdshelf rig")
        else:
            auth.set_default_token(token)
        if spec["tls"]:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(self.config["certificate"]))
        return auth

    def factory(self, camera):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(camera.launch())
        # Not shared: a shared stream that is just being taken down answers 503 to a watcher who comes back at once.
        factory.set_shared(False)
        factory.set_latency(0)
        lower = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
        allowed = GstRtsp.RTSPLowerTrans(0)
        for transport in camera.spec["transports"]:
            allowed |= lower[transport]
        factory.set_protocols(allowed)
        permissions = GstRtspServer.RTSPPermissions()
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("watcher", right, True)
        factory.set_permissions(permissions)
        factory.connect("media-configure", lambda _factory, media: camera.configure(media))
        return factory

    # -- clients ----------------------------------------------------------------------------------------------

    def connected(self, _server, client):
        client.set_property("drop-backlog", False)  # a slow reader waits for its frames; none is left out
        self.by_client[client] = set()
        client.connect("options-request", self.dialed)
        client.connect("describe-request", self.described)
        client.connect("setup-request", self.set_up)
        client.connect("play-request", self.played)
        client.connect("closed", lambda client: self.by_client.pop(client, None))

    def camera_of(self, context):
        path = context.uri.abspath if hasattr(context.uri, "abspath") else urlsplit(context.uri.get_request_uri()).path
        return self.cameras.get(path.strip("/").split("/")[0])

    def dialed(self, client, context):
        if camera := self.camera_of(context):
            camera.dials += 1
            self.by_client.setdefault(client, set()).add(camera.name)

    def described(self, _client, context):
        if camera := self.camera_of(context):
            camera.describes += 1

    def set_up(self, _client, context):
        camera = self.camera_of(context)
        if camera is None or context.stream is None:
            return
        kind = "audio" if context.stream.get_index() == 1 else "video"
        camera.setups[kind] += 1
        if kind == "audio":
            camera.count_audio(context.media, context.stream)

    def played(self, _client, context):
        if camera := self.camera_of(context):
            camera.plays += 1

    # -- the pushing loop -------------------------------------------------------------------------------------

    def push_forever(self):
        start_ns = time.monotonic_ns() + 50_000_000
        queue = []
        order = 0
        count = len(self.cameras)
        for number, camera in enumerate(self.cameras.values()):
            period = camera.video.period_ns
            phase = 0 if self.config["burst"] else period * number / count
            for track, push in ((camera.video, camera.tick), (camera.audio, camera.tick_audio)):
                if track:
                    heapq.heappush(queue, (start_ns + phase, order, 0, start_ns + phase, track.period_ns, push))
                    order += 1
        flushed_ns = start_ns
        while True:
            due_ns, order, done, first_ns, period, push = queue[0]
            now_ns = time.monotonic_ns()
            if due_ns > now_ns:
                time.sleep((due_ns - now_ns) / 1e9)
            else:
                self.late_ns = max(self.late_ns, now_ns - int(due_ns))
                if now_ns - due_ns > LATE_LIMIT_NS:  # stopped as a whole (SIGSTOP): do not pour out what was missed
                    done = int((now_ns - first_ns) // period)
            push(int(due_ns))
            heapq.heapreplace(queue, (first_ns + (done + 1) * period, order, done + 1, first_ns, period, push))
            if now_ns - flushed_ns > 500_000_000:
                flushed_ns = now_ns
                self.flush()

    def flush(self):
        for camera in self.cameras.values():
            camera.flush()

    # -- commands ---------------------------------------------------------------------------------------------

    def obey(self, command):
        do = command["do"]
        if do in ("stall", "resume"):
            camera = self.cameras[command["mount"]]
            with camera.lock:
                camera.stalled = do == "stall"
            return {}
        if do == "kick":
            return {"closed": self.kick(command["mount"])}
        if do == "flush":
            self.flush()
            return {}
        if do == "stats":
            return {
                "mounts": {name: camera.stats() for name, camera in self.cameras.items()},
                "clients": len(self.by_client),
                "late_ms": self.late_ns / 1e6,
                "cpu_s": time.process_time(),
            }
        raise ValueError(f"unknown command {do!r}")

    def kick(self, name):
        closing = [client for client, names in list(self.by_client.items()) if name in names]
        for client in closing:
            client.close()
        return len(closing)


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def read_commands(house, loop):
    """Obeys stdin until it ends. Commands run in the main context, where clients are accepted too."""
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "quit":
            break

        def run(command=command):
            try:
                say({"id": command["id"], "ok": True, **house.obey(command)})
            except Exception as error:  # the asker must hear of it, whatever it is
                say({"id": command["id"], "ok": False, "error": f"{type(error).__name__}: {error}"})
            return GLib.SOURCE_REMOVE

        GLib.idle_add(run)
    GLib.idle_add(loop.quit)


def main():
    Gst.init(None)
    config = json.loads(sys.stdin.readline())
    house = House(config)
    try:
        ports = house.open()
    except (OSError, GLib.Error) as error:
        say({"ok": False, "error": str(error)})
        return 1
    loop = GLib.MainLoop()
    threading.Thread(target=house.push_forever, daemon=True).start()
    threading.Thread(target=read_commands, args=(house, loop), daemon=True).start()
    say({"ok": True, "ports": ports})
    loop.run()
    house.flush()
    say({"ok": True, "bye": True})
    # No tidying up: the kernel closes the clients at once, as when a camera loses its power.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
