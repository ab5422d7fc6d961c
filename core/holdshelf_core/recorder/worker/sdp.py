"""A camera's description of its streams (SDP, RFC 8866), parsed as leniently as cameras require, to find the one video track."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from holdshelf_core.integration.reasons import NOT_RECORDABLE
from holdshelf_core.recorder.worker.nal import parameter_sets, split_annexb
from holdshelf_core.recorder.worker.source import SourceError

_CODEC_OF = {"H264": "h264", "H265": "hevc", "HEVC": "hevc"}
_SPROPS = {"h264": ("sprop-parameter-sets",), "hevc": ("sprop-vps", "sprop-sps", "sprop-pps")}
_STATIC = {"26": "mjpeg", "33": "MPEG-TS"}
_RTPMAP = re.compile(r"a=rtpmap:\s*([0-9]{1,3})\s+([^\s/]+)(?:\s*/\s*([0-9]{1,8}))?", re.IGNORECASE)
_FMTP = re.compile(r"a=fmtp:\s*([0-9]{1,3})\s+(.*)", re.IGNORECASE)
_CONTROL = re.compile(r"a=control:\s*(\S+)", re.IGNORECASE)
_MULTICAST = re.compile(r"c=IN\s+IP[46]\s+((?:2(?:2[4-9]|3\d)\.|ff[0-9a-f]{2}:)[0-9a-f.:]{1,40})", re.IGNORECASE)
_ONLY_FROM = re.compile(r"a=source-filter:\s*incl\s+IN\s+(?:IP[46]|\*)\s+\S+\s+(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Track:
    """The video track to record. ``note`` lists what else was offered, ``aggregate`` is the session's own URL."""

    codec: str
    payload_type: int
    ticks_per_s: int
    control: str
    parameter_sets: frozenset[bytes]
    aggregate: str = ""
    note: str = ""
    group: str = ""
    """The multicast group that it is sent to, where the description says so."""
    port: int = 0
    sources: frozenset[str] = frozenset()
    """Who alone sends to the group (RFC 4570); empty: whoever."""


def parse_sdp(body: bytes) -> Track:
    """Return the first H.264 or H.265 track. Raises SourceError(NOT_RECORDABLE) when no track can be recorded."""
    sections: list[list[str]] = [[]]
    for line in re.split(r"[\r\n]+", body.decode("utf-8", "replace").replace("\0", "")):
        stripped = line.strip()
        if stripped.startswith("m="):
            sections.append([])
        sections[-1].append(stripped)
    session, *media = sections
    found: Track | None = None
    offered: list[str] = []
    videos: list[str] = []
    for section in media:
        kind, _port, _profile, *formats = [*section[0][2:].split(), "", "", ""][:20]
        encodings = {m[1]: (m[2], m[3]) for line in section if (m := _RTPMAP.match(line))}
        for payload in filter(None, formats):
            encoding, clock = encodings.get(payload, (_STATIC.get(payload, f"format {payload}"), ""))
            offered.append(encoding[:20])
            if kind != "video":
                continue
            videos.append(encoding[:20])
            codec = _CODEC_OF.get(encoding.upper())
            if found is None and codec and payload in encodings:
                found = _track(codec, int(payload), clock, section, sections)
    if found is None:
        names = ", ".join(offered[:6]) or "nothing"
        raise SourceError(NOT_RECORDABLE, f"it offers no H.264 or H.265 video (offered: {names})")
    aggregate = _control(session)
    note = ""
    if len(videos) > 1:
        note = (
            f"it offers {len(videos)} video tracks ({', '.join(videos[:6])}); the first H.264 or H.265 one is recorded"
        )
    return Track(
        found.codec,
        found.payload_type,
        found.ticks_per_s,
        found.control,
        found.parameter_sets,
        aggregate if "://" in aggregate else "",
        note,
        found.group or _group(session),
        found.port,
        found.sources or _sources(session),
    )


def _track(codec: str, payload: int, clock: str, section: list[str], sections: list[list[str]]) -> Track:
    # Some cameras describe the format in another track's lines.
    lines = [*section, *(line for other in sections for line in other)]
    described = next((m[2] for line in lines if (m := _FMTP.match(line)) and m[1] == str(payload)), "")
    parameters = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (item.partition("=") for item in described.split(";"))
    }
    if parameters.get("packetization-mode") == "2" or any(
        parameters.get(name, "0").strip("0") for name in ("sprop-max-don-diff", "sprop-depack-buf-nalus")
    ):
        how = "packetization-mode 2" if codec == "h264" else "DONL"
        raise SourceError(
            NOT_RECORDABLE, f"it sends its video out of order ({how}); turn interleaving off at the camera"
        )
    sets = [
        nal for name in _SPROPS[codec] for item in parameters.get(name, "").split(",") for nal in _nals_of(item.strip())
    ]
    ticks_per_s = int(clock) if clock and 1_000 <= int(clock) <= 10_000_000 else 90_000
    port = [*section[0].split(), ""][1].partition("/")[0]
    return Track(
        codec,
        payload,
        ticks_per_s,
        _control(section),
        parameter_sets(sets, codec),
        group=_group(section),
        port=int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0,
        sources=_sources(section),
    )


def _control(section: list[str]) -> str:
    return next((m[1] for line in section if (m := _CONTROL.match(line))), "")


def _group(section: list[str]) -> str:
    return next((m[1] for line in section if (m := _MULTICAST.match(line))), "")


def _sources(section: list[str]) -> frozenset[str]:
    return frozenset(source for line in section if (m := _ONLY_FROM.match(line)) for source in m[1].split()[:16])


def _nals_of(item: str) -> list[bytes]:
    """Decode base64, possibly without padding, possibly with start codes inside; invalid items are dropped."""
    with contextlib.suppress(binascii.Error, ValueError):
        data = base64.b64decode(item + "=" * (-len(item) % 4))
        return split_annexb(data) if b"\0\0\1" in data else [data] if data else []
    return []


def base_url(said: str, asked: str) -> str:
    """Return Content-Base (or Content-Location), corrected; ``asked`` is the URL that was described."""
    said = said.strip()
    if said.lower().startswith(("rtsp://rtsp://", "rtsp://rtsps://")):
        said = said[7:]
    parts = urlsplit(asked)
    if said.startswith("/"):
        said = f"{parts.scheme}://{parts.netloc}{said}"
    elif said and "://" not in said:
        said = f"{parts.scheme}://{said}"
    usable = said.lower().startswith(("rtsp://", "rtsps://")) and said.isprintable() and " " not in said
    return said if usable else asked


def track_url(base: str, control: str) -> str:
    """Return a track's setup URL (RFC 2326 § C.1.1, as cameras interpret it: the base with the control appended)."""
    if control in ("", "*"):
        return base
    if "://" in control:
        return control
    return f"{base.rstrip('/')}/{control.lstrip('/')}"
