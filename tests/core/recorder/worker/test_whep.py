"""WHEP from offer to disk: a real peer (aiortc) in a network of its own, the real service, its confined worker.

The peer sends access units that were encoded before, and writes down which: what lies on disk is compared with that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from holdshelf_core.api.errors import HoldshelfError
from tests.recorded import assert_holes_stand_in_gaps, assert_recorded_in_order
from tests.rig.hashes import recorded_hashes
from tests.rig.netns import NetNamespace
from tests.rig.whep import WhepMount, WhepPeer, gstreamer_peer
from tests.service import Service, wait_for
from tests.streams import furnish

NS = 1_000_000_000
ADDRESS = "10.77.0.1"
FPS = 15
GOP = 15
RECORDED_S = 5.0
TOKEN = "shelf-token-42"

MOUNTS = [
    WhepMount("plain"),
    WhepMount("single", media="h264_slices", mode=0, authorization=f"Bearer {TOKEN}"),
    WhepMount("large", media="h264_bigkey", authorization="Basic dmlld2VyOnNoZWxmLTQy"),
    WhepMount("lossy1", media="h264_720p", loss=0.01, shuffle=0.05),
    WhepMount("lossy5", media="h264_720p", loss=0.05, shuffle=0.1),
    WhepMount("forgetful", media="h264_720p", loss=0.01, shuffle=0.05, forgetful=True),
    WhepMount("moody"),
]
FURNITURE = ("plain", "lossy5", "forgetful", "moody")
DONE = ("large", "lossy1", "lossy5", "forgetful")


@dataclass(frozen=True)
class Rig:
    net: NetNamespace
    peer: WhepPeer
    service: Service
    cameras: dict[str, str]
    register: dict[str, Any]
    """Its tables, with all of them in it."""
    silenced: Future[None]
    """How long after ``plain`` fell silent the alarm came, in seconds: it is waited for while other tests run."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Every mount recorded for a few seconds; then the service is stopped, and started again for who asks it more."""
    folder = tmp_path_factory.mktemp("whep")
    with (
        NetNamespace(addresses=[f"{ADDRESS}/24"]) as net,
        WhepPeer(MOUNTS, address=ADDRESS, prefix=net.prefix) as peer,
    ):
        service = Service(folder / "data")
        furnish(service.data, {name: peer.url(name) for name in FURNITURE})
        with net.entered():
            service.start()
        try:
            logins = {"single": TOKEN, "large": "viewer:shelf-42"}
            names = [mount.name for mount in MOUNTS if mount.name not in FURNITURE]
            with ThreadPoolExecutor(4) as pool:
                ids = pool.map(
                    lambda name: service.add(peer.url(name, logins.get(name, ""), tls=name == "lossy1"), name), names
                )
            cameras = dict(zip(names, ids, strict=True)) | {name: name for name in FURNITURE}
            service.await_recording(*cameras.values())
            before = {name: len(peer.sent(name)) for name in cameras}
            wait_for("enough was sent", lambda: all(len(peer.sent(n)) - before[n] > RECORDED_S * FPS for n in cameras))
            assert service.stop() == 0
            with net.entered():
                service.start()
            service.await_recording(*cameras.values())
            register = json.loads((service.data / "state" / "register.json").read_text())["tables"]
            for name in DONE:
                service.remove(
                    cameras[name]
                )  # what it recorded is compared; to send it further takes most of a processor
            with ThreadPoolExecutor(1) as pool:
                silenced = pool.submit(_silence, service, peer, cameras["plain"])
                yield Rig(net, peer, service, cameras, register, silenced)
        finally:
            service.close()


def test_a_worker_without_such_a_camera_does_not_load_webrtc() -> None:
    """Nor an event loop: it has none, and each worker would have two megabytes of it."""
    own = "import sys, holdshelf_core.recorder.worker.main as w; w.warm('rtsp');"
    code = f"{own} print({{'aiortc', 'aiohttp', 'asyncio'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def recorded(rig: Rig, name: str) -> list[Path]:
    """The files of the first stretch: a later start of the service adds others."""
    return rig.service.files(rig.cameras[name])


def _silence(service: Service, peer: WhepPeer, camera: str) -> None:
    peer.stall("plain")
    wait_for("the alarm", lambda: service.camera(camera).state != "recording")


@pytest.mark.parametrize("name", ["plain", "single", "large"])
def test_access_units_on_disk_are_those_that_were_sent(rig: Rig, name: str) -> None:
    files = recorded(rig, name)
    assert len(files) >= 1
    sent = [unit.sha256 for unit in rig.peer.sent(name)]
    found = recorded_hashes(files)
    assert len(found) > (RECORDED_S - 2) * FPS
    assert_recorded_in_order(files, sent)
    if name == "large":
        sizes = {unit.sha256: unit.size for unit in rig.peer.media(name).units}
        assert sum(sizes[one] > 1_000_000 for one in found) >= RECORDED_S - 3


@pytest.mark.parametrize("name", ["lossy1", "lossy5", "forgetful"])
def test_what_the_line_loses_is_asked_for_again_or_stands_in_a_gap(rig: Rig, name: str) -> None:
    stats = rig.peer.stats(name)
    assert stats["dropped"] > 5
    assert stats["shuffled"] > 20
    sent = rig.peer.sent(name)
    files, camera = recorded(rig, name), rig.cameras[name]
    holes = assert_holes_stand_in_gaps(files, sent, rig.service.segments(camera), rig.service.gaps(camera), FPS)
    stretch = [unit for unit in sent if unit.generation == sent[-1].generation - 1] or sent
    kept = sum(len(recorded_hashes(path)) for path in files)
    if name == "forgetful":
        assert holes >= 2
        assert stats["plis"] >= 1
    else:
        # Retransmission brought nearly all: without it hardly a picture of so many packets would be whole.
        assert kept >= 0.6 * len(stretch)


def test_the_offer_has_one_video_section_and_no_sound(rig: Rig) -> None:
    offer = rig.peer.stats("plain")["last_offer"]
    assert [line.split()[0] for line in offer.split("\r\n") if line.startswith("m=")] == ["m=video"]
    assert "a=recvonly" in offer.split("\r\n")
    assert "audio" not in offer


def test_leaving_is_told_by_delete_also_when_the_service_stops(rig: Rig) -> None:
    stats = rig.peer.stats("single")
    assert stats["deletes"] >= 2  # the probe of `camera add`, and the service that was stopped
    rig.service.await_recording(rig.cameras["single"])
    assert rig.peer.stats("single")["sessions"] == 1
    rig.service.remove(rig.cameras["single"])
    wait_for("the session to be deleted", lambda: rig.peer.stats("single")["sessions"] == 0)


def test_a_token_is_kept_sealed_and_sent_as_bearer(rig: Rig) -> None:
    assert set(rig.peer.stats("single")["authorizations"]) == {f"Bearer {TOKEN}"}
    assert rig.service.data.is_dir()
    for path in rig.service.data.rglob("*"):
        if path.is_file() and path.suffix != ".mp4":
            assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in rig.service.log()


def test_a_peer_s_certificate_is_held_to(rig: Rig) -> None:
    entries = rig.register["entries"].values()
    pins = {entry["title"]: entry["data"]["stream"].get("certificate_sha256") for entry in entries}
    assert len(pins["lossy1"]) == 64
    assert pins["plain"] is None


def test_a_peer_that_goes_is_dialed_again_and_the_gap_says_why(rig: Rig) -> None:
    camera = rig.cameras["moody"]
    rig.service.await_recording(camera)
    before = rig.peer.stats("moody")["offers"]
    rig.peer.kick("moody")
    wait_for("another dial", lambda: rig.peer.stats("moody")["offers"] > before)
    rig.service.await_recording(camera)
    assert "stream ended" in [gap.reason for gap in rig.service.gaps(camera)]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"authorization": "Bearer other"}, "refuses this user name or password"),
        ({"codec": "VP8"}, "VP8"),
        ({"codec": "VP8", "stubborn": True}, "it would send VP8"),
        ({"redirect": "http://192.0.2.9/whep"}, "redirects to another host, 192.0.2.9"),
    ],
)
def test_why_a_peer_cannot_be_added_is_said_in_words(rig: Rig, config: dict[str, object], sentence: str) -> None:
    plain = {"authorization": None, "codec": "H264", "stubborn": False, "redirect": None}
    rig.peer.set("moody", **{**plain, **config})
    try:
        with pytest.raises(HoldshelfError) as refused:
            rig.service.add(rig.peer.url("moody") + "?again", "again")
    finally:
        rig.peer.set("moody", **plain)
    assert sentence in refused.value.sentence
    assert refused.value.next_step


def test_a_peer_of_another_make_is_recorded_in_h264_and_h265(rig: Rig) -> None:
    with gstreamer_peer(ADDRESS, rig.net.prefix) as port, ThreadPoolExecutor(2) as pool:
        codecs = ["h264", "h265"]
        cameras = list(pool.map(lambda c: rig.service.add(f"whep+http://{ADDRESS}:{port}/{c}", f"gst {c}"), codecs))
        rig.service.await_recording(*cameras)
        wait_for("some seconds of both", lambda: all(rig.service.camera(one).recorded_s > 2 for one in cameras))
        for camera in cameras:
            rig.service.remove(camera)
    for camera, codec in zip(cameras, ["h264", "hevc"], strict=True):
        files = rig.service.files(camera)
        assert files
        pictures = 0
        for path in files:
            with av.open(str(path)) as container:
                assert container.streams.video[0].codec_context.name == codec
                pictures += sum(1 for _ in container.decode(video=0))
        assert pictures > 5  # it encodes while it sends, as the machine has time


def test_a_peer_that_falls_silent_is_noticed_and_dialed_again(rig: Rig) -> None:
    rig.silenced.result()
    assert "no frames" in [gap.reason for gap in rig.service.gaps(rig.cameras["plain"])]
    rig.peer.resume("plain")
    rig.service.await_recording(rig.cameras["plain"])
