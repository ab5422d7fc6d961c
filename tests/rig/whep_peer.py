"""A WHEP peer as a process: aiortc sends a medium's access units as they are. Run by whep.py, spoken to over its pipes.

Peer connections, ICE, DTLS, SRTP, packetising and retransmission are aiortc's own; only what it would encode is taken
ready-made, and what is asked of it (a mount that refuses, a line that loses or shuffles) is done around it.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import struct
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiortc.codecs
import aiortc.rtcrtpsender
import av
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecParameters,
    RTCSessionDescription,
)
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtcrtpparameters import RTCRtcpFeedback

LOG_RECORD = struct.Struct("<QIIQQ")  # as rtsp.py reads it
# A key frame of 1 MB has 800 packets: what is asked for again must still be there.
aiortc.rtcrtpsender.RTP_HISTORY_SIZE = 4096


class SingleNals(H264Encoder):
    """Packetisation mode 0: a packet for each NAL unit (RFC 6184 § 6.2), which must fit into one."""

    @classmethod
    def _packetize(cls, packages: Any) -> list[bytes]:
        return list(packages)


_get_encoder = aiortc.rtcrtpsender.get_encoder


def get_encoder(codec: Any) -> Any:
    if codec.name == "H264" and str(codec.parameters.get("packetization-mode", "0")) == "0":
        return SingleNals()
    return _get_encoder(codec)


aiortc.rtcrtpsender.get_encoder = get_encoder
aiortc.codecs.CODECS["video"].append(
    RTCRtpCodecParameters(
        mimeType="video/H264",
        clockRate=90000,
        payloadType=126,
        rtcpFeedback=[RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli")],
        parameters={
            "level-asymmetry-allowed": "1",
            "packetization-mode": "0",
            "profile-level-id": "42e01f",
        },
    )
)


async def forget(_sequence_number: int) -> None:
    """What is asked for again no longer exists."""


class Units(MediaStreamTrack):
    """A medium's access units in real time, over and over; each is written down as it is handed over."""

    kind = "video"

    def __init__(self, mount: Mount) -> None:
        super().__init__()
        self._mount = mount
        self._began: float | None = None
        self._number = 0

    def to_key(self) -> None:
        """Go on with the next key frame (who asks for one cannot be given what is not encoded)."""
        mount = self._mount
        mount.plis += 1
        if not mount.config.get("deaf"):
            mount.unit += -mount.unit % mount.gop

    async def recv(self) -> av.Packet:
        mount = self._mount
        if self._began is None:
            self._began = time.monotonic()
            mount.generation += 1
            mount.unit += -mount.unit % mount.gop
        wait = self._began + self._number / mount.fps - time.monotonic()
        await asyncio.sleep(max(0.0, wait))
        while mount.stalled:
            await asyncio.sleep(0.05)
            self._began = time.monotonic() - self._number / mount.fps
        index = mount.unit % len(mount.units)
        offset, size = mount.units[index][:2]
        packet = av.Packet(mount.data[offset : offset + size])
        packet.pts = round((self._number + mount.ahead[index]) * 90000 / mount.fps)
        packet.time_base = mount.time_base
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        mount.log.write(LOG_RECORD.pack(mount.sequence, index, mount.generation, time.time_ns(), now))
        mount.sequence += 1
        mount.unit += 1
        self._number += 1
        return packet


class Mount:
    """One camera, and who watches it."""

    def __init__(self, config: dict[str, Any], medium: dict[str, Any], folder: Path, data: bytes) -> None:
        self.config = config
        self.fps, self.gop, self.units, self.data = medium["fps"], medium["gop"], medium["units"], data
        ahead = [place - number for number, place in enumerate(medium["shown"])]
        self.ahead = [
            by - min(ahead) for by in ahead
        ]  # with B-frames: how many units later than it is sent each is shown
        self.time_base = Fraction(1, 90000)
        self.log = (folder / f"{config['name']}.sent").open("ab")
        self.sequence = self.unit = self.generation = 0
        self.plis = self.offers = self.deletes = self.dropped = self.shuffled = 0
        self.last_offer, self.authorizations = "", []
        self.stalled = False
        self.sessions: dict[str, RTCPeerConnection] = {}

    def lossy(self, send: Any) -> Any:
        """What the line does to datagrams that hold media: lost by chance, or overtaken by some that come after."""
        loss, shuffle = self.config.get("loss", 0.0), self.config.get("shuffle", 0.0)
        chance = random.Random(7)
        late: list[list[Any]] = []

        async def over_the_line(datagram: bytes) -> None:
            if not 127 < datagram[0] < 192:
                await send(datagram)
                return
            if chance.random() < loss:
                self.dropped += 1
                return
            for one in late:
                one[0] -= 1
            if chance.random() < shuffle:
                self.shuffled += 1
                late.append([chance.randint(1, 8), datagram])
                return
            await send(datagram)
            for one in [one for one in late if one[0] <= 0]:
                late.remove(one)
                await send(one[1])

        return over_the_line


class Peer:
    """The HTTP side."""

    def __init__(self, mounts: dict[str, Mount], address: str) -> None:
        self._mounts = mounts
        self._address = address
        self.app = web.Application()
        self.app.router.add_route("*", "/{name}/whep", self._endpoint)
        self.app.router.add_delete("/{name}/session/{id}", self._delete)

    async def _endpoint(self, request: web.Request) -> web.StreamResponse:
        mount = self._mounts.get(request.match_info["name"])
        if mount is None:
            return web.Response(status=404, text="no such stream")
        config = mount.config
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Link": config["link"]} if config.get("link") else {})
        mount.authorizations.append(request.headers.get("Authorization", ""))
        if config.get("authorization") and request.headers.get("Authorization") != config["authorization"]:
            return web.Response(status=401, text="who are you?")
        if config.get("redirect"):
            return web.Response(status=307, headers={"Location": config["redirect"]})
        if config.get("hang"):
            await asyncio.sleep(60)
        offer = await request.text()
        mount.offers, mount.last_offer = mount.offers + 1, offer
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        track = Units(mount)
        sender = connection.addTrack(track)
        transceiver = connection.getTransceivers()[0]
        try:
            answer = await self._answer(connection, transceiver, offer, config)
        except ValueError as error:
            await connection.close()
            return web.Response(status=406, text=str(error))
        sender._send_keyframe = track.to_key
        if config.get("forgetful"):
            sender._retransmit = forget
        if config.get("loss") or config.get("shuffle"):
            ice = sender.transport.transport
            ice._send = mount.lossy(ice._send)
        identity = f"{random.getrandbits(64):x}"
        mount.sessions[identity] = connection
        return web.Response(
            status=201,
            text=answer,
            content_type="application/sdp",
            headers={
                "Location": f"/{config['name']}/session/{identity}",
                **({"Link": config["late_link"]} if config.get("late_link") else {}),
            },
        )

    async def _answer(self, connection: Any, transceiver: Any, offer: str, config: dict[str, Any]) -> str:
        wanted = config.get("codec", "H264")
        mode = str(config.get("mode", 1))
        preferred = [
            codec
            for codec in aiortc.codecs.get_capabilities("video").codecs
            if codec.mimeType == f"video/{wanted}"
            and (wanted != "H264" or str(codec.parameters.get("packetization-mode", "0")) == mode)
        ]
        transceiver.setCodecPreferences(preferred)
        if f"{wanted}/90000" not in offer:
            if config.get("stubborn"):  # answers with what was not asked for
                offer = offer.replace(" H264/90000", f" {wanted}/90000")
            else:
                raise ValueError(f"this stream is {wanted}, which was not offered")
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    async def _delete(self, request: web.Request) -> web.Response:
        mount = self._mounts[request.match_info["name"]]
        connection = mount.sessions.pop(request.match_info["id"], None)
        if connection is None:
            return web.Response(status=404)
        mount.deletes += 1
        await connection.close()
        return web.Response(status=200)


async def obey(message: dict[str, Any], mounts: dict[str, Mount]) -> dict[str, Any]:
    mount = mounts.get(message.get("mount", ""))
    match message["do"]:
        case "stats":
            return {
                name: {
                    key: getattr(each, key)
                    for key in ("plis", "offers", "deletes", "dropped", "shuffled", "last_offer", "authorizations")
                }
                | {"sessions": len(each.sessions), "sent": each.sequence}
                for name, each in mounts.items()
            }
        case "flush":
            for each in mounts.values():
                each.log.flush()
        case "stall" | "resume":
            assert mount is not None
            mount.stalled = message["do"] == "stall"
        case "kick":
            assert mount is not None
            closing = list(mount.sessions.values())
            mount.sessions.clear()
            for connection in closing:
                await connection.close()
        case "set":
            assert mount is not None
            mount.config.update(message["config"])
    return {}


async def main() -> None:
    loop = asyncio.get_running_loop()
    config = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    folder = Path(config["logs"])
    mounts: dict[str, Mount] = {}
    for each in config["mounts"]:
        index = Path(config["media"][each["media"]])
        mounts[each["name"]] = Mount(each, json.loads(index.read_text()), folder, index.with_name("units").read_bytes())
    runner = web.AppRunner(Peer(mounts, config["address"]).app)
    await runner.setup()
    site = web.TCPSite(runner, config["address"], config["port"])
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config["certificate"])
    secure = web.TCPSite(runner, config["address"], config["tls_port"], ssl_context=context)
    await secure.start()
    print(json.dumps({"port": port, "tls_port": secure._server.sockets[0].getsockname()[1]}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        if message["do"] == "quit":
            break
        print(json.dumps(await obey(message, mounts)), flush=True)
    for mount in mounts.values():
        mount.log.flush()
        for connection in list(mount.sessions.values()):
            await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
