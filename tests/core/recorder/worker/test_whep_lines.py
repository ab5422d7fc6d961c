"""WHEP over bad lines, at length: packets that the kernel drops (nftables), and a network that only a relay (TURN) crosses."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recorded import assert_holes_stand_in_gaps
from tests.rig.hashes import recorded_hashes
from tests.rig.netns import NetNamespace
from tests.rig.parts import program
from tests.rig.whep import WhepMount, WhepPeer
from tests.service import Service, wait_for

ADDRESS = "10.79.0.1"
RELAY = f'<turn:{ADDRESS}:3478?transport=udp>; rel="ice-server"; username="u"; credential="p"'


def filter_input(net: NetNamespace, rule: str) -> None:
    """One nftables rule over what comes in."""
    nft = program("nft", "nftables")
    hook = "add chain inet rig in { type filter hook input priority 0 ; }"
    for command in ("add table inet rig", hook, f"add rule inet rig in {rule}"):
        done = net.run([nft, command])
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def relay(net: NetNamespace, folder: Path) -> Iterator[None]:
    """coturn, on port 3478, relaying from 50000 on."""
    options = f"-n --no-cli --no-tls --no-dtls -L {ADDRESS} -E {ADDRESS} --min-port 50000 --max-port 50100".split()
    login = ["-u", "u:p", "-r", "rig", "--lt-cred-mech", "--allow-loopback-peers"]
    files = ["-l", "stdout", "--pidfile", str(folder / "turn.pid")]
    with net.popen(
        [program("turnserver", "coturn"), *options, *login, *files],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.mark.soak  # a minute for each line
@pytest.mark.parametrize("percent", [1, 5])
def test_a_line_that_drops_packets_costs_no_picture_unseen(tmp_path: Path, percent: int) -> None:
    mounts = [
        WhepMount("asks", media="h264_720p", shuffle=0.05),
        WhepMount("forgets", media="h264_720p", forgetful=True),
    ]
    with (
        NetNamespace(addresses=[f"{ADDRESS}/24"]) as net,
        WhepPeer(mounts, address=ADDRESS, prefix=net.prefix) as peer,
    ):
        filter_input(net, f"meta l4proto udp numgen random mod 100 < {percent} drop")
        service = Service(tmp_path / "data")
        with net.entered():
            service.start()
        try:
            cameras = {mount.name: service.add(peer.url(mount.name), mount.name) for mount in mounts}
            service.await_recording(cameras["asks"])
            # Recorded for a second or two at a time: each loss ends a file.
            wait_for("what comes of the other is recorded", lambda: service.files(cameras["forgets"]))
            time.sleep(60)
            for name, camera in cameras.items():
                service.remove(camera)
                files, sent = service.files(camera), peer.sent(name)
                holes = assert_holes_stand_in_gaps(files, sent, service.segments(camera), service.gaps(camera), 15)
                kept = sum(len(recorded_hashes(path)) for path in files)
                print(f"{percent} %, {name}: {holes} holes, {kept} of {len(sent)} access units kept")
                assert holes > 10 if name == "forgets" else kept > 0.95 * (len(sent) - 60)
        finally:
            service.close()


@pytest.mark.soak  # a relay and a network of its own for each
@pytest.mark.parametrize("when", ["link", "late_link"])
def test_where_only_a_relay_leads_through_it_is_taken_from_the_link_header(tmp_path: Path, when: str) -> None:
    with (
        NetNamespace(addresses=[f"{ADDRESS}/24"]) as net,
        WhepPeer([WhepMount("far", media="h264_720p", **{when: RELAY})], address=ADDRESS, prefix=net.prefix) as peer,
        relay(net, tmp_path),
    ):
        filter_input(net, "udp sport != { 3478, 50000-50100 } udp dport != { 3478, 50000-50100 } drop")
        service = Service(tmp_path / "data")
        with net.entered():
            service.start()
        try:
            camera = service.add(peer.url("far"), "far")
            service.await_recording(camera)
            wait_for("some seconds of it", lambda: service.camera(camera).recorded_s > 4)
            service.remove(camera)
            wait_for("its file", lambda: service.files(camera))
            assert_holes_stand_in_gaps(
                service.files(camera), peer.sent("far"), service.segments(camera), service.gaps(camera), 15
            )
        finally:
            service.close()
