"""The rig's cameras must not lie: what they say that they sent is what came, and they fail when they are told to."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import av.error
import pytest

from tests.rig import hashes
from tests.rig.hang import HANG_S
from tests.rig.parts import RigError
from tests.rig.processes import wait_dead
from tests.rig.rtsp import Mount, RtspServer
from tests.rig_lines import python, said, until

MOUNTS = [
    Mount("h264"),
    Mount("over_udp"),
    Mount("h265", media="h265_360p"),
    Mount("large", media="h264_bigkey"),
    Mount("changing", media="h264_change"),
    Mount("slow", media="h264_100k"),
    Mount("aac", audio="aac"),
    Mount("pcmu", audio="pcmu"),
    Mount("digest", auth="digest"),
    Mount("basic", auth="basic"),
    Mount("either", auth="both"),
    Mount("tls", tls=True, auth="digest"),
]


@pytest.fixture(scope="module")
def cameras() -> Iterator[RtspServer]:
    with RtspServer(MOUNTS) as server:
        yield server


def options(**more: str) -> dict[str, str]:
    quick = {"analyzeduration": "0", "fpsprobesize": "0"}
    return {"rtsp_transport": "tcp", "allowed_media_types": "video", "tls_verify": "0", **quick, **more}


def record(url: str, path: Path, frames: int, **more: str) -> None:
    """An independent recorder in its smallest form: stream copy of the first frames into one MP4."""
    with (
        av.open(url, options=options(**more), timeout=HANG_S) as source,
        av.open(str(path), "w", format="mp4", options={"movflags": "empty_moov+default_base_moof+frag_keyframe"}) as to,
    ):
        stream = source.streams.video[0]
        target = to.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if number == frames:
                break
            if packet.dts is None:  # libavformat knows no time for the first one
                packet.pts = packet.dts = 0
            packet.stream = target
            to.mux(packet)


def read(url: str, packets: int, *, timeout: float = HANG_S, **more: str) -> int:
    """Reads packets and throws them away; returns how many came. Raises what PyAV raises."""
    with av.open(url, options=options(**more), timeout=timeout) as source:
        return sum(1 for _ in zip(range(packets), source.demux(), strict=False))


@contextlib.contextmanager
def watcher(url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "quiet",
        "-rtsp_transport",
        "tcp",
        "-i",
        url,
        "-c",
        "copy",
        "-f",
        "null",
        "-",
    ]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


FRAMES = {"h264": 40, "over_udp": 40, "h265": 40, "large": 35, "changing": 80, "slow": 25}


@pytest.fixture(scope="module")
def recordings(cameras: RtspServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A short recording of each camera in FRAMES, all made at the same time."""
    folder = tmp_path_factory.mktemp("recordings")

    def one(name: str) -> Path:
        path = folder / f"{name}.mp4"
        record(cameras.url(name), path, FRAMES[name], rtsp_transport="udp" if name == "over_udp" else "tcp")
        return path

    with ThreadPoolExecutor(len(FRAMES)) as pool:
        return dict(zip(FRAMES, pool.map(one, FRAMES), strict=True))


@pytest.mark.parametrize("name", list(FRAMES))
def test_frames_that_were_recorded_are_those_that_were_sent(
    cameras: RtspServer, recordings: dict[str, Path], name: str
) -> None:
    recorded = hashes.recorded_hashes(recordings[name])
    sent = cameras.sent_hashes(name)
    start = sent.index(recorded[0])
    assert len(recorded) == FRAMES[name]
    assert recorded == sent[start : start + FRAMES[name]]
    assert cameras.sent(name)[start].is_key
    assert hashes.parameter_sets(recordings[name]) == parameter_sets_of(cameras, name)


def parameter_sets_of(cameras: RtspServer, name: str) -> set[bytes]:
    medium = cameras.media(name)
    data = medium.data.read_bytes()
    units = [hashes.nal_units(data[unit.offset : unit.offset + unit.size]) for unit in medium.units if unit.is_key]
    codec: hashes.Codec = "hevc" if medium.codec == "hevc" else "h264"
    return {nal for nals in units for nal in nals if hashes.is_parameter_set(nal, codec)}


def test_one_altered_byte_in_a_picture_changes_its_hash(recordings: dict[str, Path], tmp_path: Path) -> None:
    whole = hashes.recorded_hashes(recordings["h264"])
    data = bytearray(recordings["h264"].read_bytes())
    data[data.rindex(b"mdat") + 200] ^= 1
    path = tmp_path / "altered.mp4"
    path.write_bytes(data)
    altered = hashes.recorded_hashes(path)
    assert [a == b for a, b in zip(whole, altered, strict=True)].count(False) == 1


@pytest.mark.parametrize(
    ("name", "transport"), [("digest", "tcp"), ("digest", "udp"), ("basic", "tcp"), ("tls", "tcp")]
)
def test_a_camera_with_a_password_answers_to_it_and_to_no_other(cameras: RtspServer, name: str, transport: str) -> None:
    right = cameras.url(name, credentials=True)
    assert read(right, 5, rtsp_transport=transport) == 5
    for wrong in (cameras.url(name), right.replace(cameras.mounts[name].password, "guess")):
        with pytest.raises(av.error.HTTPUnauthorizedError):
            read(wrong, 5, rtsp_transport=transport)


def ask(cameras: RtspServer, name: str, method: str) -> str:
    """One RTSP request by hand; the answer's text."""
    with socket.create_connection(("127.0.0.1", cameras.port(name)), timeout=HANG_S) as connection:
        request = f"{method} {cameras.url(name)} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
        connection.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer or (b"200 OK" in answer and b"m=video" not in answer):
            received = connection.recv(65536)
            assert received
            answer += received
    return answer.decode()


@pytest.mark.parametrize(
    ("name", "offered"), [("digest", {"Digest"}), ("basic", {"Basic"}), ("either", {"Digest", "Basic"})]
)
def test_a_camera_offers_the_way_of_logging_in_that_it_was_given(
    cameras: RtspServer, name: str, offered: set[str]
) -> None:
    lines = [line for line in ask(cameras, name, "DESCRIBE").splitlines() if line.startswith("WWW-Authenticate")]
    assert {line.split()[1] for line in lines} == offered


def test_an_rtsps_camera_proves_itself_by_its_certificate(cameras: RtspServer) -> None:
    url = cameras.url("tls", credentials=True)
    assert read(url, 5, tls_verify="1", ca_file=str(cameras.certificate_path)) == 5
    with pytest.raises(OSError, match="Input/output error"):
        read(url, 5, tls_verify="1")


@pytest.mark.parametrize(("name", "encoding"), [("aac", "mpeg4-generic"), ("pcmu", "m=audio 0 RTP/AVP 0")])
def test_sound_is_offered_and_sent_to_those_alone_who_set_it_up(cameras: RtspServer, name: str, encoding: str) -> None:
    assert encoding.lower() in ask(cameras, name, "DESCRIBE").lower()
    read(cameras.url(name), 10)
    stats = cameras.stats()["mounts"][name]
    assert (stats["setups"]["video"], stats["setups"]["audio"], stats["audio_packets"]) == (1, 0, 0)
    read(cameras.url(name), 40, allowed_media_types="video+audio")
    stats = cameras.stats()["mounts"][name]
    assert stats["setups"]["audio"] == 1
    assert stats["audio_packets"] > 5


def test_a_stalled_camera_keeps_its_sessions_and_sends_no_frame_until_it_is_resumed(cameras: RtspServer) -> None:
    with watcher(cameras.url("h264")) as process:
        begin = len(cameras.sent("h264"))
        until(lambda: len(cameras.sent("h264")) > begin + 10)
        cameras.stall("h264")
        at = len(cameras.sent("h264"))
        time.sleep(0.5)  # seven frames' time: nothing is what is awaited
        assert len(cameras.sent("h264")) == at
        assert process.poll() is None
        cameras.resume("h264")
        until(lambda: len(cameras.sent("h264")) > at + 5)
        after = cameras.sent("h264")[at - 1 : at + 2]
        assert [unit.sequence for unit in after] == [at - 1, at, at + 1]
        assert after[1].unit == (after[0].unit + 1) % len(cameras.media("h264").units)
        assert after[1].boot_ns - after[0].boot_ns > 500_000_000


def test_a_camera_stalled_from_the_start_answers_everything_and_shows_nothing(cameras: RtspServer) -> None:
    cameras.stall("slow")
    plays, sent = cameras.stats()["mounts"]["slow"]["plays"], len(cameras.sent("slow"))
    try:
        with watcher(cameras.url("slow")) as process:
            until(lambda: cameras.stats()["mounts"]["slow"]["plays"] == plays + 1)
            time.sleep(0.5)  # nothing is what is awaited
            assert len(cameras.sent("slow")) == sent
            assert process.poll() is None
    finally:
        cameras.resume("slow")


def test_a_kicked_watcher_loses_its_connection_and_others_keep_theirs(cameras: RtspServer) -> None:
    with watcher(cameras.url("h264")) as kicked, watcher(cameras.url("h265")) as kept:
        begin = {name: len(cameras.sent(name)) for name in ("h264", "h265")}
        until(lambda: all(len(cameras.sent(name)) > begin[name] for name in begin))
        assert cameras.kick("h264") == 1
        kicked.wait(HANG_S)
        at = len(cameras.sent("h265"))
        until(lambda: len(cameras.sent("h265")) > at + 3)
        assert kept.poll() is None


def test_a_restarted_camera_has_its_old_address_and_its_pictures_go_on(tmp_path: Path) -> None:
    with RtspServer([Mount("door", auth="digest")]) as camera:
        url = camera.url("door", credentials=True)
        assert read(url, 10) == 10
        camera.stop()
        with pytest.raises(OSError, match="refused"):
            read(url, 1)
        earlier = len(camera.sent("door"))
        camera.start()
        record(url, tmp_path / "out.mp4", 10)
        assert camera.url("door", credentials=True) == url
        sent = camera.sent("door")
        assert [unit.sequence for unit in sent] == list(range(len(sent)))
        assert hashes.recorded_hashes(tmp_path / "out.mp4") == [unit.sha256 for unit in sent[earlier : earlier + 10]]
        assert sent[earlier].unit >= earlier


@pytest.mark.parametrize("burst", [True, False])
def test_cameras_send_at_the_same_instant_in_bursts_and_else_each_in_its_own_phase(burst: bool) -> None:
    with (
        RtspServer([Mount("one"), Mount("two")], burst=burst) as server,
        watcher(server.url("one")),
        watcher(server.url("two")),
    ):
        until(lambda: min(len(server.sent("one")), len(server.sent("two"))) > 20)
        sent = [[unit.boot_ns for unit in server.sent(name)] for name in ("one", "two")]
    period_ns = 1e9 / 15
    # The median: a machine that stalls for a moment sends some late.
    apart = statistics.median(abs((one - two) % period_ns / period_ns - 0.5) for one, two in zip(*sent, strict=False))
    assert apart == pytest.approx(0.5 if burst else 0, abs=0.15)


def test_a_killed_server_says_so_in_words() -> None:
    with RtspServer([Mount("door")]) as server:
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(RigError, match="The stand-in cameras ended"):
            server.stats()


def test_the_cameras_end_with_the_process_that_started_them_even_when_it_is_killed() -> None:
    script = (
        "import sys; from tests.rig.rtsp import Mount, RtspServer\n"
        "server = RtspServer([Mount('door')]); server.start(); print(server.pid, flush=True); sys.stdin.read()\n"
    )
    with python(script) as starter:
        server_pid = int(said(starter))
        starter.kill()
        assert wait_dead(server_pid)
