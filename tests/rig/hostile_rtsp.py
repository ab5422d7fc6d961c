"""A camera that means harm: an RTSP server that answers its first dial honestly, and each later one in another bad way.

`with HostileCamera(["garbage", "fragment without end"]) as camera: camera.url`. Runs as a process of its own, since it pours as
fast as it can. After `HOLD_S` it hangs up, so that it is dialed again. Needs nothing but Python's standard library.

Must never reach beyond loopback.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Self

HOLD_S = 1.5
PAYLOAD_TYPE = 96


# --- a video that needs no encoder ------------------------------------------------------------------------------------


class Bits:
    """Exp-Golomb codes (H.264 § 9.1), and emulation prevention (§ 7.4.1)."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, width: int, value: int) -> Self:
        self._bits.append(format(value, f"0{width}b"))
        return self

    def ue(self, value: int) -> Self:
        code = format(value + 1, "b")
        self._bits.append("0" * (len(code) - 1) + code)
        return self

    def nal(self, header: int) -> bytes:
        bits = "".join(self._bits) + "1"
        bits += "0" * (-len(bits) % 8)
        out, zeros = bytearray([header]), 0
        for byte in int(bits, 2).to_bytes(len(bits) // 8):
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = 0 if byte else zeros + 1
        return bytes(out)


def sps(width: int, height: int, identity: int = 0) -> bytes:
    """A sequence parameter set of the baseline profile that claims this size."""
    bits = Bits().u(8, 66).u(8, 0xC0).u(8, 62).ue(identity).ue(0).ue(2).ue(1).u(1, 0)
    return bits.ue(width // 16 - 1).ue(height // 16 - 1).u(1, 1).u(1, 1).u(1, 0).u(1, 0).nal(0x67)


PPS = Bits().ue(0).ue(0).u(1, 0).u(1, 0).ue(0).ue(0).ue(0).u(1, 0).u(2, 0).ue(0).ue(0).ue(0).u(3, 0).nal(0x68)


def key_slice(number: int, macroblocks: int, first: int = 0) -> bytes:
    """A gray IDR slice: intra 16 × 16, DC prediction, no residual."""
    bits = Bits().ue(first).ue(7).ue(0).u(4, 0).ue(number % 2).u(1, 0).u(1, 0).ue(0).ue(0)
    for _ in range(macroblocks):
        bits.ue(3).ue(0).ue(0).u(1, 1)
    return bits.nal(0x65)


SPS = sps(320, 240)
SLICES = [key_slice(number, 300) for number in range(2)]


# --- packets ----------------------------------------------------------------------------------------------------------


def framed(packet: bytes, channel: int = 0) -> bytes:
    return b"$" + bytes([channel]) + len(packet).to_bytes(2) + packet


class Rtp:
    """One sender's packets."""

    def __init__(self) -> None:
        self.seq, self.stamp = 0, 0

    def packet(self, payload: bytes, *, marker: bool = False, flags: int = 0x80) -> bytes:
        self.seq = (self.seq + 1) & 0xFFFF
        head = struct.pack(">BBHII", flags, PAYLOAD_TYPE | (0x80 if marker else 0), self.seq, self.stamp, 0x1234)
        return framed(head + payload)

    def fragments(self, nal: bytes, *, marker: bool = False, size: int = 1400) -> Iterator[bytes]:
        pieces = [nal[at : at + size] for at in range(1, len(nal), size)]
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            flags = (0x80 if number == 0 else 0) | (0x40 if last else 0)
            head = bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 0x1F])
            yield self.packet(head + piece, marker=marker and last)

    def frame(self, number: int, ticks: int = 9000, start: bytes = SPS) -> bytes:
        """One whole picture, a key frame."""
        self.stamp = (self.stamp + ticks) & 0xFFFFFFFF
        return self.packet(start) + self.packet(PPS) + self.packet(SLICES[number % 2], marker=True)


SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=control:track1\r\n"
)
NOISE = random.Random(5).randbytes(1 << 20)


class Dialogue:
    """One connection, as an honest camera leads it."""

    def __init__(self, client: socket.socket, until_s: float) -> None:
        self.client, self.until_s = client, until_s
        self._pending = b""
        self.rtp = Rtp()

    def request(self) -> tuple[str, str]:
        """(method, CSeq) of the next request."""
        while b"\r\n\r\n" not in self._pending:
            more = self.client.recv(65_536)
            if not more:
                raise ConnectionResetError
            self._pending += more
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        number = next((line.split(":")[1].strip() for line in lines if line.lower().startswith("cseq")), "0")
        return lines[0].split(" ")[0], number

    def answer(self, number: str, body: bytes = b"", more: str = "", status: str = "200 OK") -> None:
        head = f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        self.client.sendall(head.encode("utf-8", "surrogateescape") + body)

    def lead(self, body: bytes = SDP.encode()) -> None:
        """Up to and with the answer to PLAY."""
        method = ""
        while method != "PLAY":
            method, number = self.request()
            if method == "SETUP":
                self.answer(number, more="Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n")
            else:
                self.answer(number, body if method == "DESCRIBE" else b"")

    def until_describe(self) -> str:
        """CSeq of the DESCRIBE; what comes before it is answered."""
        while True:
            method, number = self.request()
            if method == "DESCRIBE":
                return number
            self.answer(number)

    def pour(self, chunks: Callable[[], bytes]) -> None:
        while time.monotonic() < self.until_s:
            self.client.sendall(chunks())

    def numbers(self) -> Iterator[int]:
        """0, 1, 2 … for as long as it lasts."""
        number = 0
        while time.monotonic() < self.until_s:
            yield number
            number += 1

    def say(self, data: bytes, every_s: float) -> None:
        """The same, slowly, for as long as it lasts."""
        while time.monotonic() < self.until_s:
            self.client.sendall(data)
            time.sleep(every_s)


# --- bad ways ---------------------------------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Dialogue], None]] = {}


def way(name: str) -> Callable[[Callable[[Dialogue], None]], Callable[[Dialogue], None]]:
    def register(act: Callable[[Dialogue], None]) -> Callable[[Dialogue], None]:
        WAYS[name] = act
        return act

    return register


def honest(d: Dialogue, frames_per_s: float = 10) -> None:
    d.lead()
    for number in range(10_000):
        d.client.sendall(d.rtp.frame(number))
        time.sleep(1 / frames_per_s)


@way("silence")
def _(d: Dialogue) -> None:
    time.sleep(max(0.0, d.until_s - time.monotonic()))


@way("one byte a second")
def _(d: Dialogue) -> None:
    d.request()
    d.say(b"R", 0.2)


@way("headers without end")
def _(d: Dialogue) -> None:
    d.request()
    d.client.sendall(b"RTSP/1.0 200 OK\r\n")
    d.pour(lambda: b"X-Again: yes\r\n" * 4000)


@way("a body of 10 GB")
def _(d: Dialogue) -> None:
    d.client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {d.until_describe()}\r\nContent-Length: 10000000000\r\n\r\n".encode())
    d.pour(lambda: NOISE)


@way("garbage for an answer")
def _(d: Dialogue) -> None:
    d.request()
    d.pour(lambda: NOISE)


@way("media for an answer")
def _(d: Dialogue) -> None:
    d.request()
    empty = framed(b"") * 20_000
    d.pour(lambda: empty)


@way("media for the last answer")
def _(d: Dialogue) -> None:
    method = ""
    while method != "SETUP":
        method, number = d.request()
        more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n" if method == "SETUP" else ""
        d.answer(number, SDP.encode() if method == "DESCRIBE" else b"", more)
    empty = framed(b"") * 20_000
    d.pour(lambda: empty)


@way("redirects in a circle")
def _(d: Dialogue) -> None:
    host, port = d.client.getsockname()[:2]
    while True:
        _method, number = d.request()
        d.answer(number, more=f"Location: rtsp://{host}:{port}/again\r\n", status="302 Moved Temporarily")


@way("a redirect to another host")
def _(d: Dialogue) -> None:
    while True:
        _method, number = d.request()
        d.answer(number, more="Location: rtsp://127.0.0.2:22/internal\r\n", status="301 Moved Permanently")


@way("a new nonce each time")
def _(d: Dialogue) -> None:
    for turn in range(100_000):
        _method, number = d.request()
        d.answer(number, more=f'WWW-Authenticate: Digest realm="r", nonce="{turn}", stale=true\r\n', status="401 No")


@way("words with escapes")
def _(d: Dialogue) -> None:
    while True:
        _method, number = d.request()
        d.answer(number, status="503 \x1b]0;owned\x07\x1b[2J\u202ereversed\u2066" + "x" * 10_000)


@way("an SDP of megabytes")
def _(d: Dialogue) -> None:
    d.answer(d.until_describe(), SDP.encode() + b"a=x:" + b"y" * 5_000_000)


@way("an SDP of garbage")
def _(d: Dialogue) -> None:
    body = b"".join(b"m=video 0 RTP/AVP %d\r\na=rtpmap:%d %s/9\r\n" % (n, n, NOISE[n : n + 9]) for n in range(4000))
    d.answer(d.until_describe(), body[:250_000])


@way("an SDP with huge numbers")
def _(d: Dialogue) -> None:
    d.answer(d.until_describe(), SDP.replace("90000", "9" * 5000).replace("96", "9" * 4500).encode())


@way("broken RTP headers")
def _(d: Dialogue) -> None:
    d.lead()
    pick = random.Random(3)
    chunks = []
    for _turn in range(3000):
        kind = pick.randrange(6)
        body = SLICES[0][: pick.randrange(40)]
        if kind == 0:
            chunks.append(framed(NOISE[: pick.randrange(12)]))
        elif kind == 1:
            chunks.append(d.rtp.packet(body, flags=0x8F))  # fifteen contributors that are not there
        elif kind == 2:
            chunks.append(d.rtp.packet(b"\xbe\xde\xff\xff" + body, flags=0x90))  # an extension of 256 KB
        elif kind == 3:
            chunks.append(d.rtp.packet(body + b"\xff", flags=0xA0))  # more padding than packet
        elif kind == 4:
            chunks.append(d.rtp.packet(b"", marker=True))
        else:
            chunks.append(framed(NOISE[pick.randrange(9999) :][: pick.randrange(400)]))
    d.pour(lambda: b"".join(chunks))


@way("a fragment without end")
def _(d: Dialogue) -> None:
    d.lead()
    first = d.rtp.packet(b"\x7c\x85" + bytes(1000))
    d.client.sendall(first)
    d.pour(lambda: b"".join(d.rtp.packet(b"\x7c\x05" + NOISE[:1400]) for _ in range(500)))


@way("tiny fragments without end")
def _(d: Dialogue) -> None:
    d.lead()
    d.client.sendall(d.rtp.packet(b"\x7c\x85\x80"))
    d.pour(lambda: b"".join(d.rtp.packet(b"\x7c\x05\x11\x22\x33\x44") for _ in range(2000)))


@way("absurd aggregates")
def _(d: Dialogue) -> None:
    d.lead()
    lies = d.rtp.packet(b"\x78\xff\xff" + NOISE[:900])
    tiny = b"\x78" + b"\x00\x01\x41" * 20_000
    d.pour(lambda: lies + b"".join(d.rtp.packet(tiny) for _ in range(8)))


@way("parameter sets of 100 kB")
def _(d: Dialogue) -> None:
    d.lead()

    def frame() -> bytes:
        d.rtp.stamp += 9000
        parts = [*d.rtp.fragments(b"\x67" + NOISE[:100_000]), *d.rtp.fragments(b"\x68" + NOISE[:100_000])]
        return b"".join([*parts, d.rtp.packet(SLICES[0], marker=True)])

    d.pour(frame)


@way("frames without end")
def _(d: Dialogue) -> None:
    d.lead()
    d.pour(lambda: b"".join(d.rtp.packet(SLICES[0]) for _ in range(200)))


@way("channels that were never set up")
def _(d: Dialogue) -> None:
    d.lead()
    chunk = b"".join(framed(NOISE[:n], channel) for channel in (1, 2, 77, 255) for n in (0, 3, 1400, 65_535))
    d.pour(lambda: chunk)


@way("requests without end")
def _(d: Dialogue) -> None:
    d.lead()
    chunk = (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" + b"x\r\n\r\n") * 4000
    d.pour(lambda: chunk)


@way("a clock that jumps")
def _(d: Dialogue) -> None:
    d.lead()
    pick = random.Random(9)
    for number in d.numbers():
        d.client.sendall(d.rtp.frame(number, ticks=pick.choice((9000, 1 << 31, 900_000, 0xF0000000))))
        time.sleep(0.01)


@way("a format that changes all the time")
def _(d: Dialogue) -> None:
    d.lead()
    for number in d.numbers():
        d.client.sendall(d.rtp.frame(number, start=sps(320, 240) + bytes([number % 250 + 1])))
        time.sleep(0.01)


@way("a picture of 16384 × 8192")
def _(d: Dialogue) -> None:
    d.lead()
    huge = sps(16384, 8192)
    slices = [key_slice(0, 1, first) for first in range(2000)]
    while time.monotonic() < d.until_s:
        d.rtp.stamp = (d.rtp.stamp + 9000) & 0xFFFFFFFF
        packets = [d.rtp.packet(huge), d.rtp.packet(PPS), *(d.rtp.packet(one) for one in slices[:-1])]
        d.client.sendall(b"".join([*packets, d.rtp.packet(slices[-1], marker=True)]))
        time.sleep(0.1)


@way("pictures as fast as they go")
def _(d: Dialogue) -> None:
    d.lead()
    d.pour(lambda: b"".join(d.rtp.frame(number, ticks=1) for number in range(100)))


@way("one byte of media a second")
def _(d: Dialogue) -> None:
    d.lead()
    d.client.sendall(b"$\0\xff\xff")
    d.say(b"x", 0.2)


# --- the process ------------------------------------------------------------------------------------------------------


class HostileCamera:
    """A process that serves one camera; `told` counts how often each way was gone so far."""

    def __init__(self, ways: Sequence[str], *, hold_s: float = HOLD_S, honest_dials: int = 1) -> None:
        self._config = {"ways": list(ways), "hold_s": hold_s, "honest_dials": honest_dials}
        self.told: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(self._config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name = line.strip()
            self.told[name] = self.told.get(name, 0) + 1

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam"


def serve(ways: list[str], hold_s: float, honest_dials: int) -> None:
    """Until it is killed. Says the port, then the name of each way as it is gone."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    dials = 0

    def meet(client: socket.socket, number: int) -> None:
        name = ways[(number - honest_dials) % len(ways)] if number >= honest_dials else "honest"
        print(name, flush=True)
        client.settimeout(hold_s + 1 if name != "honest" else 30)
        with client, contextlib.suppress(OSError):
            (WAYS[name] if name != "honest" else honest)(Dialogue(client, time.monotonic() + hold_s))

    while True:
        client, _ = listener.accept()
        threading.Thread(target=meet, args=(client, dials), daemon=True).start()
        dials += 1


if __name__ == "__main__":
    serve(**json.loads(sys.argv[1]))
