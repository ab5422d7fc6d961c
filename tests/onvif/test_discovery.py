"""WS-Discovery against ipycam and against answers that no honest camera sends."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.cameras.address_ranges import hosts_of
from holdshelf_core.errors import BadRequest
from holdshelf_core.integration import DiscoveredCamera, FlowError
from holdshelf_onvif.discovery import async_discover
from holdshelf_tui.demo.virtual_camera import VirtualCameras
from tests.onvif.responder import Answerer, Responder, answer, match
from tests.rig.hang import HANG_S

ROOT = Path(__file__).parents[2]
SO_TIMESTAMPNS = 35  # <asm-generic/socket.h>


@pytest.fixture(scope="module")
def network() -> dict[str, Any]:
    """One search by multicast in a network namespace of its own (see ``namespace.py``)."""
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--net", sys.executable, "-m", "tests.onvif.namespace", "1.5"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def by_id(network: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {camera["unique_id"]: camera for camera in network["found"]}


def test_multicast_finds_ipycam(network: dict[str, Any]) -> None:
    camera = by_id(network)[network["ipycam"].removeprefix("urn:uuid:")]
    assert camera["address"] == "http://127.0.0.1:8080/onvif/device_service"
    assert camera["name"] == "Foyer"


def test_multicast_goes_out_on_every_interface(network: dict[str, Any]) -> None:
    camera = by_id(network)["on-veth"]
    assert (camera["address"], camera["hardware"], camera["location"]) == (
        "http://10.77.0.1/onvif/device_service",
        "Eye3",
        "hall",
    )


def test_a_camera_that_answers_on_two_interfaces_is_found_once(network: dict[str, Any]) -> None:
    ids = [camera["unique_id"] for camera in network["found"]]
    assert ids.count("on-both") == 1
    assert len(ids) == 4
    assert "second-veth" in ids, "every interface is asked"
    assert "in-vlan" not in ids, "no multicast reaches it"


async def test_many_probes_are_paced() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as everywhere:
        everywhere.bind(("0.0.0.0", 0))
        port = everywhere.getsockname()[1]
        # When the kernel took them in: whoever reads them may be late, and then reads many at once.
        everywhere.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        arrived: list[float] = []

        def listen() -> None:
            while len(arrived) < 64:
                _, ((_, _, at), *_), _, _ = everywhere.recvmsg(4096, 64)
                seconds, rest_ns = struct.unpack("qq", at)
                arrived.append(seconds + rest_ns / 1e9)

        listening = asyncio.create_task(asyncio.to_thread(listen))
        searching = asyncio.create_task(async_discover([f"127.1.0.{n}:{port}" for n in range(1, 65)], HANG_S))
        await listening
        searching.cancel()
        await asyncio.wait([searching])
    assert arrived[-1] - arrived[0] > 0.2, "16 at once, then a pause"


def test_a_camera_in_another_vlan_is_found_by_its_range(network: dict[str, Any]) -> None:
    scan = network["scan"]
    assert scan["hosts"] == 254
    assert "in-vlan" in scan["found"]
    assert scan["probes"] == 1, "who has answered is not asked again"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("8.8.8.0/24", "not a private network"),
        ("10.0.0.0/8", "too large to search"),
        ("fe80::/120", "IPv6"),
        ("10.20.0.x/24", "not a range"),
        ("239.255.255.0/24", "not a private network"),
        ("0.0.0.0/0", "private network|more than"),
    ],
)
def test_ranges_are_private_and_bounded(given: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        hosts_of([given])


def test_ranges_together_are_bounded_too() -> None:
    assert len(hosts_of(["10.1.0.0/24", "10.1.0.0/25", "10.2.0.7/32"])) == 255
    with pytest.raises(BadRequest, match="too large"):
        hosts_of([f"10.1.{n}.0/24" for n in range(5)])


def test_a_printer_is_no_camera(network: dict[str, Any]) -> None:
    assert "printer" not in by_id(network)


def test_multicast_takes_the_time_given(network: dict[str, Any]) -> None:
    assert network["took_s"] > network["given_s"] - 0.1


def test_a_host_that_no_name_server_knows_is_told_as_such(network: dict[str, Any]) -> None:
    assert network["unknown_name"] == "No camera answers at camera.invalid: its name is not known."


async def test_a_unicast_probe_finds_those_that_were_asked_and_no_others(cameras: VirtualCameras) -> None:
    found = await async_discover([cameras[0].probe_address], HANG_S)
    assert [(c.unique_id, c.name, c.address) for c in found] == [
        (cameras[0].unique_id, cameras[0].name, cameras[0].onvif_address)
    ]


async def test_a_unicast_probe_ends_when_all_have_answered(cameras: VirtualCameras) -> None:
    async with asyncio.timeout(HANG_S):
        found = await async_discover([camera.probe_address for camera in cameras], 10 * HANG_S)
    assert {camera.unique_id for camera in found} == {camera.unique_id for camera in cameras}


async def test_an_address_where_nobody_answers_does_not_hide_the_others(cameras: VirtualCameras) -> None:
    for timeout_s in (1, HANG_S / 2):  # with one that is silent a search takes all the time that is given
        if found := await async_discover(["127.0.0.250", cameras[0].probe_address], timeout_s):
            break
    assert [camera.unique_id for camera in found] == [cameras[0].unique_id]


async def ask(answerer: Answerer, timeout_s: float = HANG_S, **where: Any) -> list[DiscoveredCamera]:
    with Responder(answerer, **where) as responder:
        return await async_discover([responder.address], timeout_s)


async def test_a_port_may_be_given() -> None:
    (camera,) = await ask(lambda message_id: [answer(message_id, match("AAAA-1"))])
    assert camera.unique_id == "aaaa-1"


async def test_a_lost_probe_is_sent_again() -> None:
    with Responder(lambda message_id: [answer(message_id, match())] if len(responder.probes) == 2 else []) as responder:
        assert len(await async_discover([responder.address], HANG_S)) == 1
    assert len(set(responder.probes)) == 1


@pytest.mark.parametrize("timeout_s", [0, 0.5])
async def test_silence_ends_at_the_time_limit(timeout_s: float) -> None:
    started = time.monotonic()
    async with asyncio.timeout(HANG_S):
        assert await ask(lambda _: [], timeout_s) == []
    assert timeout_s - 0.05 < time.monotonic() - started


async def test_an_answer_to_somebody_elses_probe_is_not_taken() -> None:
    assert await ask(lambda _: [answer("urn:uuid:other", match()), answer(None, match())], 0.5) == []


def with_entities(message_id: str) -> bytes:
    """An answer that would be taken if its entities were expanded."""
    whole = answer(message_id, match("bomb", scopes="onvif://www.onvif.org/name/&a;"))
    head, _, rest = whole.partition(b"?>")
    return head + b'?><!DOCTYPE s [<!ENTITY a "aaaaaaaaaa">]>' + rest


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x00\xff" * 500,
        answer("urn:uuid:x", match()).decode().encode("utf-16"),
        b"<a>" * 700,
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
        answer("urn:uuid:x", match(scopes="x" * 40_000)),
        b"<a/>",
    ],
    ids=["bytes", "UTF-16", "deep", "encoding", "40 kB", "other XML"],
)
async def test_nonsense_beside_an_answer_is_dropped_alone(datagram: bytes) -> None:
    (camera,) = await ask(lambda message_id: [datagram, answer(message_id, match())])
    assert camera.name == "Foyer"


async def test_an_answer_with_entities_is_not_read() -> None:
    assert await ask(lambda message_id: [with_entities(message_id)], 0.3) == []


async def test_names_are_made_harmless_and_short() -> None:
    name = "%1B%5B31mFoyer%E2%80%AE" + "n" * 400
    (camera,) = await ask(lambda m: [answer(m, match(scopes=f"onvif://www.onvif.org/name/{name}"))])
    assert camera.name == ("[31mFoyer" + "n" * 400)[:63] + "…"
    assert all(scope.isprintable() and len(scope) <= 128 for scope in camera.scopes)


@pytest.mark.parametrize("xaddrs", ["", "file:///etc/passwd", "http://", "http://[::1", "javascript:1", "x" * 5000])
async def test_a_device_without_a_web_address_is_left_out(xaddrs: str) -> None:
    assert await ask(lambda m: [answer(m, match(xaddrs=xaddrs))], 0.3) == []


async def test_credentials_in_an_address_are_cut_off() -> None:
    (camera,) = await ask(lambda m: [answer(m, match(xaddrs="http://admin:mellon@127.0.0.1:80/onvif"))])
    assert camera.address == "http://127.0.0.1:80/onvif"


async def test_of_several_addresses_the_one_that_answered_is_taken() -> None:
    xaddrs = "http://[fe80::1]/o http://169.254.1.1/o http://10.0.0.7/o http://127.0.0.1/o"
    (camera,) = await ask(lambda m: [answer(m, match(xaddrs=xaddrs))])
    assert camera.address == "http://127.0.0.1/o"


async def test_a_flood_of_answers_is_cut_off() -> None:
    over = threading.Event()

    def flood(message_id: str) -> Iterator[bytes]:
        for i in range(5_000):
            if over.wait(0.001):  # slowly enough that the kernel drops few
                return
            yield answer(message_id, *(match(f"{i}-{k}", scopes="onvif://www.onvif.org/") for k in range(8)))

    with Responder(flood) as responder:
        for timeout_s in (2.5, 10, HANG_S):
            found = await async_discover([responder.address, "127.0.0.1:9"], timeout_s)  # one is silent: so it lasts
            if len(found) >= 512:
                break
        over.set()
    assert len(found) == 512


@pytest.mark.parametrize(
    "address", ["", "http://127.0.0.2", "127.0.0.2:0", "127.0.0.2:x", "a b", "127.0.0.2/x", "[::1"]
)
async def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(FlowError) as caught:
        await async_discover([address], 1)
    assert caught.value.field == "address"


async def test_ipv6_addresses_can_be_asked() -> None:
    assert await async_discover(["::1", "[::1]:3799"], 0.2) == []


async def test_two_searches_at_once_do_not_mix() -> None:
    with (
        Responder(lambda m: [answer(m, match("one"))]) as one,
        Responder(lambda m: [answer(m, match("two"))]) as two,
    ):
        found = await asyncio.gather(async_discover([one.address], HANG_S), async_discover([two.address], HANG_S))
    assert [[camera.unique_id for camera in cameras] for cameras in found] == [["one"], ["two"]]
