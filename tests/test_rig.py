"""The rig itself is tried here: what other tests build their proofs on must be able to fail and must not lie."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import av.error
import pytest

from tests.rig import hashes, media
from tests.rig.faults import FakeClock, LoopImage, SizedTmpfs, fill, free_bytes
from tests.rig.hang import HANG_S
from tests.rig.netns import NetNamespace
from tests.rig.parts import RigError
from tests.rig.processes import kill9_member, members, processes_with_files_in, tree, wait_dead
from tests.rig.rtsp import Mount, RtspServer

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


def python(script: str, *words: str, **more: Any) -> subprocess.Popen[str]:
    """A Python process that is talked to by lines."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script, *words], stdin=pipe, stdout=pipe, text=True, **more)


def said(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until(condition: Callable[[], bool], wait_s: float = HANG_S) -> None:
    """Polls another process's state, which nothing here can wait on."""
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


# -- media ----------------------------------------------------------------------------------------------------------


def test_two_processes_that_make_a_medium_at_once_get_the_same_and_leave_nothing_half_made(tmp_path: Path) -> None:
    script = "from tests.rig.media import media; print(media('h264_100k').units[-1])"
    environment = {**os.environ, "HOLDSHELF_RIG_CACHE": str(tmp_path)}
    both = [python(script, env=environment) for _ in range(2)]
    assert {process.communicate()[0].strip() for process in both} == {
        str(media.media("h264_100k").units[-1])
    }  # and the same as on any other day: it is deterministic
    assert len([entry for entry in tmp_path.iterdir() if entry.is_dir()]) == 1


@pytest.mark.parametrize("name", list(media.RECIPES))
def test_every_access_unit_of_a_medium_is_like_no_other(name: str) -> None:
    medium = media.media(name)
    assert medium.seconds >= 60
    assert len({unit.sha256 for unit in medium.units}) == len(medium.units)


def test_the_media_are_as_heavy_as_they_are_meant_to_be() -> None:
    assert media.media("h264_720p").bits_per_second == pytest.approx(2e6, rel=0.1)
    assert media.media("h264_100k").bits_per_second == pytest.approx(1e5, rel=0.2)
    keys = [unit.size for unit in media.media("h264_bigkey").units if unit.is_key]
    assert min(keys) >= 1_000_000


# -- cameras --------------------------------------------------------------------------------------------------------


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


# -- faults ---------------------------------------------------------------------------------------------------------


def test_a_disk_image_fills_to_the_last_byte_and_has_room_again() -> None:
    with LoopImage(16) as disk:
        filler = fill(disk.mount_point, leave_bytes=0)
        with pytest.raises(OSError, match="No space left"):
            (disk.mount_point / "more").write_bytes(b"x" * 8192)
        filler.unlink()
        fill(disk.mount_point, leave_bytes=4 << 20)
        assert free_bytes(disk.mount_point) == pytest.approx(4 << 20, abs=65536)


def test_a_power_cut_keeps_what_was_synced_and_loses_what_was_not() -> None:
    writer = (
        "import os, sys\n"
        "with open('kept', 'wb') as f: f.write(b'k' * 100_000); f.flush(); os.fsync(f.fileno())\n"
        "os.fsync(os.open('.', os.O_RDONLY))\n"
        "f = open('lost', 'wb'); f.write(b'l' * 100_000); f.flush()\n"
        "print('written', flush=True)\n"
        "while True: f.write(b'l' * 1000); f.flush()\n"
    )
    with LoopImage(64) as disk:
        with python(writer, cwd=disk.mount_point) as process:
            try:
                assert said(process) == "written"
                before_ns = time.time_ns()
                copy = disk.copy_as_power_cut([process.pid])
                assert before_ns <= copy.cut_utc_ns <= time.time_ns()
                size = (disk.mount_point / "lost").stat().st_size
                until(lambda: (disk.mount_point / "lost").stat().st_size > size)  # the writer goes on
            finally:
                process.kill()
        with copy:
            assert (copy.mount_point / "kept").read_bytes() == b"k" * 100_000
            lost = copy.mount_point / "lost"
            assert not lost.exists() or lost.stat().st_size == 0
            copy.unmount()
            assert copy.problems() == ""


def test_an_ext4_error_makes_the_disk_read_only_under_open_files_and_mending_brings_it_back() -> None:
    with LoopImage(16) as disk:
        with open(disk.mount_point / "file", "wb") as file:
            with pytest.raises(RigError, match="busy"):
                disk.remount(read_only=True)
            disk.force_read_only()
            with pytest.raises(OSError, match="Read-only") as refused:
                os.write(file.fileno(), b"x")
            assert refused.value.errno == errno.EROFS
            with pytest.raises(RigError, match=f"open in processes \\[{os.getpid()}\\]"):
                disk.mend(wait_s=0)
        disk.mend()
        (disk.mount_point / "file").write_bytes(b"again")


def test_another_disk_appears_at_the_same_path_and_goes_again(tmp_path: Path) -> None:
    with LoopImage(16, mount_point=tmp_path) as first:
        (tmp_path / "which").write_text("first")
        with LoopImage(16, mount_point=tmp_path):
            assert not (tmp_path / "which").exists()
        assert (tmp_path / "which").read_text() == "first"
        first.remount(read_only=True)
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "which").write_text("second")
    assert not (tmp_path / "which").exists()


def test_a_sized_tmpfs_is_full_when_it_is_full() -> None:
    with SizedTmpfs(2) as disk:
        with pytest.raises(OSError, match="No space left"):
            (disk.mount_point / "file").write_bytes(bytes(3 << 20))
        assert free_bytes(disk.mount_point) == 0
    assert not disk.mount_point.exists()


def test_the_wall_clock_steps_under_a_running_process_and_no_other_clock_does() -> None:
    script = (
        "import sys, time\n"
        "for _ in sys.stdin:\n"
        " print(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)\n"
    )
    with FakeClock() as clock, python(script, env=clock.environment(), bufsize=1) as process:
        assert process.stdin is not None
        for step_s in (0, 3600, -7200, 365 * 86400):
            clock.step(step_s)
            before = time.time() + clock.offset_s, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
            process.stdin.write("\n")
            told = tuple(float(word) for word in said(process).split())
            after = clock.utc_ns() / 1e9, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
            for earliest, at, latest in zip(before, told, after, strict=True):
                assert earliest - 0.01 <= at <= latest + 0.01
        process.stdin.close()


def test_waits_last_as_long_under_a_stepped_clock() -> None:
    script = (
        "import asyncio, select, threading, time, multiprocessing, sys\n"
        "lock = threading.Lock(); lock.acquire()\n"
        "shared = multiprocessing.Lock(); shared.acquire()\n"
        "def boot(): return time.clock_gettime(time.CLOCK_BOOTTIME)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for wait in (lambda: threading.Event().wait(.2), lambda: lock.acquire(timeout=.2), lambda: time.sleep(.2),\n"
        "             lambda: asyncio.run(asyncio.sleep(.2)), lambda: select.select([], [], [], .2),\n"
        "             lambda: shared.acquire(timeout=.2)):\n"
        "    begin = boot(); wait(); print(boot() - begin)\n"
    )
    with FakeClock() as clock:
        process = python(script, env=clock.environment())
        assert said(process) == "ready"
        clock.step(-86400)
        waited, _ = process.communicate("\n", timeout=2 * HANG_S)
    assert len(lasted := [float(line) for line in waited.split()]) == 6
    assert all(one > 0.19 for one in lasted), lasted


def test_a_network_namespace_carries_multicast_and_is_cut_off_from_this_machine() -> None:
    group = ("239.255.255.250", 3702)
    with NetNamespace(addresses=["10.77.0.1/24"]) as inside:
        with inside.entered():
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with listener, sender:
            listener.bind(("", group[1]))
            membership = socket.inet_aton(group[0]) + socket.inet_aton("127.0.0.1")
            listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            listener.settimeout(HANG_S)
            sender.sendto(b"probe", group)
            assert listener.recv(100) == b"probe"
        addresses = inside.run(["ip", "-o", "-4", "addr"]).stdout
        assert "10.77.0.1" in addresses
        assert len(addresses.splitlines()) == 2
        with RtspServer([Mount("door")], prefix=inside.prefix) as server:
            probe = ["ffprobe", "-v", "error", "-show_entries", "stream=width", "-of", "csv=p=0", server.url("door")]
            assert inside.run(probe).stdout.strip() == "320"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port("door")), timeout=HANG_S)


def test_a_member_of_a_process_tree_is_killed_by_its_role_and_the_others_live(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "each = [subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()', role],\n"
        "        stdin=subprocess.PIPE, stdout=open(role, 'w')) for role in ('worker-1', 'worker-2')]\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    with python(script, "service", cwd=tmp_path) as process:
        assert said(process) == "ready"
        workers = members(process.pid, r"worker-\d$")
        assert len(workers) == 2
        assert processes_with_files_in(tmp_path) == sorted([process.pid, *workers])
        assert kill9_member(process.pid, r"worker-2$") == workers[1]
        assert [member.pid for member in tree(process.pid)] == [process.pid, workers[0]]
        with pytest.raises(RigError, match="matches 'worker-2"):
            kill9_member(process.pid, r"worker-2$")
        kill9_member(process.pid, "service$")
        assert wait_dead(workers[0])  # its pipe ended
    assert processes_with_files_in(tmp_path) == []
