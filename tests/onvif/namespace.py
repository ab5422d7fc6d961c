"""Runs in a network namespace of its own, started by ``test_discovery``: a small network, cameras on it, one search.

The network: ``lo``, and a pair of interfaces 10.77.0.1 – 10.77.0.2. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from ipycam.config import CameraConfig
from ipycam.discovery import WSDiscoveryServer
from ipycam.onvif import ONVIFService

from holdshelf_core.cameras.address_ranges import hosts_of, search_s
from holdshelf_core.integration.errors import HoldshelfError
from holdshelf_onvif.client import OnvifClient
from holdshelf_onvif.const import Limits
from holdshelf_onvif.discovery import PORT, async_discover
from tests.onvif.responder import Responder, answer, match
from tests.rig.hang import HANG_S

NETWORK = (
    "link set lo up multicast on",
    "route add 224.0.0.0/4 dev lo",
    "link add hs0 type veth peer name hs1",
    "addr add 10.77.0.1/24 dev hs0",
    "addr add 10.77.0.2/24 dev hs1",
    "link set hs0 up",
    "link set hs1 up",
    "link add hs2 type veth peer name hs3",
    "addr add 10.78.0.1/24 dev hs2",
    "link set hs2 up",
    "link set hs3 up",
    # Another VLAN: reached host by host, never by multicast.
    "addr add 10.79.0.44/32 dev lo",
    "route add 10.79.0.0/24 dev hs2",
)


CAMERAS = 4
"""That answer a search by multicast: ipycam, and those of `main` that are cameras, each counted once."""


def search(timeout_s: float) -> dict[str, Any]:
    """Search by multicast, and say what came of it. With more time where a busy machine let fewer than `CAMERAS` answer."""
    for given_s in (timeout_s, 4 * timeout_s, 20 * timeout_s):
        started = time.monotonic()
        found = asyncio.run(async_discover(None, given_s))
        took_s = time.monotonic() - started
        if len(found) >= CAMERAS:
            break
    return {"found": [asdict(camera) for camera in found], "took_s": took_s, "given_s": given_s}


async def ask_unknown_name() -> str:
    """What is said of a host that no name server knows (there is none here)."""
    async with OnvifClient(
        "http://camera.invalid/onvif/device_service", None, None, limits=Limits(HANG_S, HANG_S)
    ) as client:
        try:
            await client.async_clock()
        except HoldshelfError as error:
            return error.sentence
    return "it answered"


def main() -> None:
    """Build the network, start the cameras, search."""
    for words in NETWORK:
        subprocess.run(["ip", *words.split()], check=True)
    ipycam = ONVIFService(CameraConfig(name="Foyer", local_ip="127.0.0.1", onvif_port=8080))
    server = WSDiscoveryServer(ipycam)
    server.start()
    with ExitStack() as stack:

        def respond(uuid: str, join: str, **told: str) -> None:
            answerer = lambda message_id: [answer(message_id, match(uuid, **told))]  # noqa: E731
            stack.enter_context(Responder(answerer, host=join, port=PORT, join=join))

        respond("on-veth", "10.77.0.1", xaddrs="http://10.77.0.1/onvif/device_service")
        respond("ON-BOTH", "10.77.0.1", xaddrs="http://10.77.0.1:81/a http://127.0.0.1:81/a")
        respond("on-both", "127.0.0.1", xaddrs="http://10.77.0.1:81/a http://127.0.0.1:81/a")
        respond("second-veth", "10.78.0.1", xaddrs="http://10.78.0.1/onvif/device_service")
        respond("printer", "127.0.0.1", types="dn:Printer", scopes="http://example.com/print")
        result = search(float(sys.argv[1]))
        vlan = Responder(
            lambda m: [answer(m, match("in-vlan", xaddrs="http://10.79.0.44/o"))], host="10.79.0.44", port=PORT
        )
        stack.enter_context(vlan)
        hosts = hosts_of(["10.79.0.0/24"])
        found = asyncio.run(async_discover(hosts, search_s(len(hosts))))
        result["scan"] = {
            "found": [camera.unique_id for camera in found],
            "probes": len(vlan.probes),
            "hosts": len(hosts),
        }
    result["ipycam"] = ipycam.device_uuid
    result["unknown_name"] = asyncio.run(ask_unknown_name())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
