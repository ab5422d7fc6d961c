"""The demo's virtual cameras: found where they are and nowhere else, readable pictures, gone with their parent."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from onvif import ONVIFCamera
from PIL import Image
from wsdiscovery.message import parseSOAPMessage

from holdshelf_tui.demo.picture import PicturePainter, Reading, decode_cells, encode_cells, read_picture
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCameraError, VirtualCameras
from tests.rig.hang import HANG_S
from tests.rig.onvif_cameras import PASSWORD, decoded_frames, onvif_cameras, probe
from tests.rig.processes import living
from tests.service import wait_for

A_SECOND = 1_795_567_442


@pytest.fixture(scope="module")
def cameras():
    with onvif_cameras("Front entrance", "Reading room") as running:
        yield running


def answers_of(camera):
    """What comes to one probe; a longer look where nothing has come in time, as on a busy machine."""
    return wait_for("an answer", lambda: probe(camera.probe_address, timeout_s=0.5))


# -- the picture -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("camera", [1, 2, 3, 4, 9, 63])
@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (160, 90), (80, 45), (64, 36)])
def test_camera_and_second_are_read_from_a_picture_of_any_size(camera, size):
    picture = PicturePainter(camera, "Front entrance", 640, 360)
    for second in range(A_SECOND + camera, A_SECOND + camera + 40, 19):
        still = Image.fromarray(picture.frame(second * 10**9 + 999_999_999)).resize(size)
        assert read_picture(still) == Reading(camera, second)
        assert read_picture(np.asarray(still)) == Reading(camera, second)


def test_a_damaged_row_of_colors_is_unreadable_rather_than_wrong():
    wrong = []
    for damaged, color in itertools.product(range(20), range(8)):
        cells = encode_cells(3, A_SECOND)
        if cells[damaged] != color:
            cells[damaged] = color
            wrong.append(decode_cells(cells))
    assert wrong == [None] * 140
    assert read_picture(np.zeros((360, 640, 3), np.uint8)) is None
    assert read_picture(np.random.default_rng(7).integers(0, 256, (360, 640, 3)).astype(np.uint8)) is None


def test_something_moves_between_two_frames_of_one_second():
    picture = PicturePainter(2, "Reading room", 640, 360)
    first = picture.frame(A_SECOND * 10**9).copy()
    second = picture.frame(A_SECOND * 10**9 + 500_000_000)
    assert (first != second).any()


# -- found, and nothing else -------------------------------------------------------------------------------------------


def test_a_unicast_probe_finds_each_camera_and_nothing_else(cameras):
    assert len({camera.probe_address for camera in cameras}) == 2
    for camera in cameras:
        answers = answers_of(camera)
        assert len(answers) == 1
        # Read by the library that the integration reads with.
        (match,) = parseSOAPMessage(answers[0], camera.probe_address).getProbeResolveMatches()
        assert match.getEPR() == f"urn:uuid:{camera.unique_id}"
        assert match.getXAddrs() == [camera.onvif_address]
        scopes = [scope.getValue() for scope in match.getScopes()]
        assert f"onvif://www.onvif.org/name/{camera.name}" in scopes  # sent quoted, unquoted by the library
    assert cameras[0].unique_id != cameras[1].unique_id


def test_all_sockets_are_bound_to_the_cameras_own_loopback_address(cameras):
    for camera in cameras:
        sockets = subprocess.run(["ss", "-HtulnpO"], capture_output=True, text=True, check=True).stdout.splitlines()
        bound = {line.split()[4].rsplit(":", 1)[0] for line in sockets if f"pid={camera.pid}," in line}
        assert bound == {camera.probe_address}


def test_a_second_set_of_cameras_takes_other_addresses(cameras):
    with onvif_cameras("Parking lot") as others:
        assert others[0].probe_address not in {camera.probe_address for camera in cameras}
        assert len(answers_of(others[0])) == 1
        assert len(answers_of(cameras[0])) == 1


# -- ONVIF -------------------------------------------------------------------------------------------------------------


async def test_the_time_is_told_without_a_password_and_the_profiles_only_with_it(cameras):
    camera = cameras[0]

    async def answers(user, password, service, call):
        device = ONVIFCamera(camera.probe_address, camera.http_port, user, password)
        try:
            await device.update_xaddrs()
            return await getattr(await getattr(device, f"create_{service}_service")(), call)()
        finally:
            await device.close()

    told = await answers("", "", "devicemgmt", "GetSystemDateAndTime")
    assert abs(told.UTCDateTime.Date.Year - time.gmtime().tm_year) <= 1
    profiles = await answers(camera.username, PASSWORD, "media", "GetProfiles")
    sizes = [profile.VideoEncoderConfiguration.Resolution.Width for profile in profiles]
    assert sizes == [640, 320]
    with pytest.raises(Exception, match=r"(?i)unauth|authori"):
        await answers(camera.username, "wrong", "media", "GetProfiles")


# -- RTSP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_frames_tell_camera_and_the_time_when_they_were_made_also_from_a_thumbnail(cameras, transport):
    began_s = time.time()

    def live_frames(camera):
        seen = []
        for number, frame in enumerate(decoded_frames(camera.rtsp_url, transport)):
            if number > 35:  # past those that opening the stream looked at
                still = read_picture(frame.to_ndarray(format="rgb24"))
                thumbnail = read_picture(frame.reformat(80, 45, "rgb24").to_ndarray())
                seen.append((still, thumbnail, time.time()))
            if number > 55:
                return seen
        return seen

    for camera, seen in zip(
        cameras, await asyncio.gather(*(asyncio.to_thread(live_frames, camera) for camera in cameras)), strict=True
    ):
        assert len(seen) == 21
        for still, thumbnail, _ in seen:
            assert still == thumbnail
            assert still.camera == camera.number
        # Made since somebody watches, and before they are looked at here, which may be late.
        assert all(began_s - 2 <= still.utc_second <= now_s for still, _, now_s in seen)
        assert len({still.utc_second for still, _, _ in seen}) >= 2


# -- ends and beginnings -----------------------------------------------------------------------------------------------


def test_a_camera_that_is_killed_comes_back_at_the_same_address_and_ports():
    with onvif_cameras("Front entrance") as cameras:
        before = (cameras[0].onvif_address, cameras[0].rtsp_url, cameras[0].unique_id)
        old_pid = cameras[0].pid
        watching = decoded_frames(cameras[0].rtsp_url)
        next(watching)
        cameras.kill(0)
        assert probe(cameras[0].probe_address, timeout_s=0.3) == []
        cameras.restart(0)
        watching.close()
        assert (cameras[0].onvif_address, cameras[0].rtsp_url, cameras[0].unique_id) == before
        assert cameras[0].pid != old_pid
        assert read_picture(next(decoded_frames(cameras[0].rtsp_url)).to_ndarray(format="rgb24")).camera == 1


def test_a_camera_ends_when_its_control_pipe_closes():
    with onvif_cameras("Front entrance") as cameras:
        cameras[0].process.stdin.close()
        assert cameras[0].process.wait(HANG_S) == 0


@pytest.mark.parametrize("frozen", [False, True])
def test_no_camera_outlives_a_parent_that_was_killed(frozen):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from tests.rig.onvif_cameras import onvif_cameras\n"
            "with onvif_cameras('Front entrance', 'Reading room') as cameras:\n"
            f"    {'cameras.freeze(0)' if frozen else 'pass'}\n"
            "    print(*[camera.pid for camera in cameras], flush=True)\n"
            "    time.sleep(60)\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for("the cameras are gone", lambda: not living(pids))
    parent.stdout.close()


def test_a_camera_that_cannot_start_says_which_and_why():
    with pytest.raises(VirtualCameraError, match=r"Virtual camera 64 \(Attic\) did not start: .*between 1 and 63"):
        VirtualCameras([CameraSpec("Attic", 64)], password=PASSWORD).start()
