"""The offer that a WHEP client sends and the answer that it gets (RFC 8866, RFC 9429): one video section, never audio.

The offer is written here rather than by aiortc, which knows one packetization mode and no H.265: media never passes through
aiortc (``worker.whep_frames``), so what it can decode does not matter. Nothing here can create an audio section.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import secrets
from dataclasses import dataclass

from holdshelf_core.integration.reasons import NO_FRAMES, NOT_FOUND, NOT_RECORDABLE
from holdshelf_core.recorder.worker.nal import parameter_sets
from holdshelf_core.recorder.worker.source import SourceError

MAX_LINES = 2000
MAX_CANDIDATES = 16
# As browsers write them: constrained baseline, baseline, main, high; the level is a formality, asymmetry is allowed.
_H264_PROFILES = ("42e01f", "42001f", "4d001f", "64001f")
_CODEC_OF = {"H264": "h264", "H265": "hevc"}
_FEEDBACK = ("nack", "nack pli", "ccm fir")
_SPROPS = {"h264": ("sprop-parameter-sets",), "hevc": ("sprop-vps", "sprop-sps", "sprop-pps")}


@dataclass(frozen=True, slots=True)
class Transport:
    """One side of the connection: ICE credentials and candidates, DTLS fingerprints and role."""

    username: str
    password: str
    candidates: tuple[str, ...]
    fingerprints: tuple[tuple[str, str], ...]
    setup: str = "actpass"
    lite: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the peer agreed to: codecs by payload type, parameter sets by codec, its SSRCs if stated."""

    transport: Transport
    codecs: dict[int, str]
    sets: dict[str, frozenset[bytes]]
    ssrcs: tuple[int, ...]


def write_offer(transport: Transport) -> str:
    """Return one recvonly video section with H.264 in packetization modes 1 and 0, and H.265."""
    formats: list[tuple[str, str]] = [
        ("H264", f"level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}")
        for mode in (1, 0)
        for profile in _H264_PROFILES
    ]
    formats.append(("H265", ""))
    numbered = list(enumerate(formats, start=96))
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=msid-semantic: WMS",
        "m=video 9 UDP/TLS/RTP/SAVPF " + " ".join(str(number) for number, _ in numbered),
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=mid:0",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{transport.username}",
        f"a=ice-pwd:{transport.password}",
        *(f"a=fingerprint:{kind} {value}" for kind, value in transport.fingerprints),
        f"a=setup:{transport.setup}",
    ]
    for number, (name, parameters) in numbered:
        lines.append(f"a=rtpmap:{number} {name}/90000")
        lines += [f"a=rtcp-fb:{number} {feedback}" for feedback in _FEEDBACK]
        if parameters:
            lines.append(f"a=fmtp:{number} {parameters}")
    lines += [f"a=candidate:{candidate}" for candidate in transport.candidates]
    lines.append("a=end-of-candidates")
    return "\r\n".join([*lines, ""])


def read_answer(body: str, *, near: bool) -> Answer:
    """Parse an answer. ``near``: the peer was reached on loopback, so loopback candidates are its own.

    Raises SourceError: not recordable (another codec), no frames (nothing is sent), stream not found (no answer at all).
    """
    lines = body.replace("\r", "").split("\n")[:MAX_LINES]
    if not lines[0].startswith("v=0"):
        raise SourceError(NOT_FOUND, "it answers, but not with a session description: no WHEP at this address")
    session: list[str] = []
    sections: list[list[str]] = []
    for line in lines:
        if line.startswith("m="):
            sections.append([line])
        elif sections:
            sections[-1].append(line)
        else:
            session.append(line)
    section = next((lines for lines in sections if lines[0].startswith("m=video ")), None)
    if section is None:
        raise SourceError(NOT_RECORDABLE, "its answer has no video in it")
    codecs = _codecs(section)
    if "a=inactive" in section or "a=recvonly" in section:
        raise SourceError(NO_FRAMES, "it agrees to the connection but sends no video")
    sets = {codec: _parameter_sets(section, codecs, codec) for codec in _SPROPS}
    ssrcs = {line[7:].split(" ", 1)[0] for line in section if line.startswith("a=ssrc:")}
    return Answer(
        _transport(session, section, near),
        codecs,
        sets,
        tuple(int(text) for text in sorted(ssrcs) if text.isdigit() and int(text) < 1 << 32)[:4],
    )


def _codecs(section: list[str]) -> dict[int, str]:
    """Return codecs by payload type. Raises SourceError when it accepts none of ours."""
    _media, port, _profile, *formats = [*section[0].split(" "), "", "", ""]
    maps = dict(line[9:].split(" ", 1) for line in section if line.startswith("a=rtpmap:") and " " in line)
    interleaved = {line[7:].split(" ", 1)[0] for line in section if _has_parameter(line, "packetization-mode", "2")}
    named = {text: maps.get(text, "").partition("/")[0].strip().upper() for text in formats if text.isdigit()}
    taken = {
        int(text): _CODEC_OF[name] for text, name in named.items() if name in _CODEC_OF and text not in interleaved
    }
    if port != "0" and taken:
        return taken
    others = sorted({name[:20] for name in named.values() if name.isprintable()} - {"RTX", "RED", "ULPFEC", ""})
    if not (others and port != "0"):
        offered = "it has none of these"
    else:
        offered = f"it would send {', '.join(others[:4])}" + (" interleaved" if taken or interleaved else "")
    raise SourceError(NOT_RECORDABLE, f"H.264 or H.265 was asked for, {offered}")


def _has_parameter(line: str, name: str, value: str) -> bool:
    if not line.startswith("a=fmtp:"):
        return False
    return any(
        parameter.strip().replace(" ", "") == f"{name}={value}" for parameter in line.partition(" ")[2].split(";")
    )


def _parameter_sets(section: list[str], codecs: dict[int, str], codec: str) -> frozenset[bytes]:
    """Return sprop-… of a=fmtp; invalid base64 is skipped (key frames take precedence)."""
    sets: list[bytes] = []
    for line in section:
        number, _, parameters = line.removeprefix("a=fmtp:").partition(" ")
        if not (line.startswith("a=fmtp:") and number.isdigit() and codecs.get(int(number)) == codec):
            continue
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name.lower() in _SPROPS[codec]:
                for item in value.split(","):
                    with contextlib.suppress(binascii.Error, ValueError):
                        sets.append(base64.b64decode(item))
    return parameter_sets(sets, codec)


def _transport(session: list[str], section: list[str], near: bool) -> Transport:
    def find(name: str) -> str:
        # Lines in the section take precedence over those for the whole session.
        return next((line[len(name) :].strip() for line in [*section, *session] if line.startswith(name)), "")

    prints = [
        (words[0].lower(), words[1])
        for line in [*session, *section]
        if line.startswith("a=fingerprint:") and len(words := line[14:].split()) == 2
    ]
    username, password = find("a=ice-ufrag:"), find("a=ice-pwd:")
    if not (username and password and prints):
        raise SourceError(NOT_FOUND, "its answer lacks what a connection needs (ICE name, password or fingerprint)")
    candidates = [line[12:].strip() for line in section if line.startswith("a=candidate:")]
    return Transport(
        username[:256],
        password[:256],
        tuple(candidate for candidate in candidates if usable_candidate(candidate, near=near))[:MAX_CANDIDATES],
        tuple(prints[:8]),
        find("a=setup:") or "active",
        "a=ice-lite" in session,
    )


def usable_candidate(candidate: str, *, near: bool) -> bool:
    """Return whether it is UDP, with a literal address that may be a camera's: a peer must not make us probe this machine's
    own ports."""
    words = candidate.split()
    if len(words) < 8 or words[1] != "1" or words[2].lower() != "udp" or words[7] not in ("host", "srflx", "relay"):
        return False
    if not (words[3].isdigit() and words[5].isdigit() and 0 < int(words[5]) < 65536):
        return False
    return usable_address(words[4], near=near)


def usable_address(text: str, *, near: bool) -> bool:
    """Return whether it is neither multicast nor unspecified, and loopback only when the peer itself was reached there."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or (address.is_loopback and not near))
