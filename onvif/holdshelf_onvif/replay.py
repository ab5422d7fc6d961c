"""What a camera has recorded itself (Profile G): Recording Search tells which, Replay where it is played from.

The device's word is not taken for more than an address and a span to ask for: whether pictures of that time come is seen when
they are fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from holdshelf_core.integration import CameraRecording, ConfigEntry, Holdshelf, StreamSource
from holdshelf_core.integration.errors import HoldshelfError

from . import parsers
from .address import told_stream_url, usable_stream_url
from .client import OnvifClient
from .const import CONF_CERTIFICATE, CONF_PASSWORD, CONF_PROFILE, CONF_STREAM, CONF_USERNAME, DEFAULT_LIMITS, Limits
from .control import client_of
from .coordinator import async_clock_or_none
from .device import CameraTrack, VideoProfile

_WHAT = "its recordings"
_HALF_SECOND_NS = 500_000_000
_READINGS, _READING_S = 6, 0.17
_RESULTS_MAX, _ROUNDS_MAX = 64, 4
_LEAST_NS = 1_000_000_000
_SEVERAL = 2


async def async_recorded(
    _holdshelf: Holdshelf,
    entry: ConfigEntry[Any],
    start_utc_ns: int,
    end_utc_ns: int,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> CameraRecording | None:
    """Return what the camera has of that time (by our clock), in one stretch, and its replay's address.

    None: it has nothing of it, does not record, or tells no time. Raises HoldshelfError.
    """
    async with client_of(entry, limits) as client:
        if not await client.async_run(_WHAT, _offers(client)):
            return None
        offset_ns = await _offset_ns(client)
        if offset_ns is None:
            return None
        start_ns, end_ns = start_utc_ns + offset_ns, end_utc_ns + offset_ns
        profile = str(entry.data.get(CONF_PROFILE) or "")
        tracks = await _own(client, await client.async_run(_WHAT, _tracks(client)), profile)
        known = entry.data.get(CONF_STREAM) or {}
        track = _best(tracks, start_ns, end_ns, profile)
        if track is None:
            return None
        url = usable_stream_url(await client.async_run(_WHAT, _address(client, track)), client.address)
        source = StreamSource(
            url=url,
            username=entry.data.get(CONF_USERNAME) or None,
            password=entry.data.get(CONF_PASSWORD) or None,
            certificate_sha256=known.get(CONF_CERTIFICATE) if url.startswith("rtsps:") else None,
        )
        first_ns, last_ns = _within(track, start_ns, end_ns)
        return CameraRecording(source, first_ns - offset_ns, last_ns - offset_ns, offset_ns)


async def _offers(client: OnvifClient) -> bool:
    return await client.told_service("search") is not None and await client.told_service("replay") is not None


async def _offset_ns(client: OnvifClient) -> int | None:
    """Return how far its clock is ahead of ours. It tells whole seconds: several readings narrow that down to a fraction."""
    low, high = -(1 << 62), 1 << 62
    for number in range(_READINGS):
        if number:
            await asyncio.sleep(_READING_S)
        clock = await async_clock_or_none(client)
        if clock is None:
            return None
        told = clock.skew_ns - _HALF_SECOND_NS, clock.skew_ns + _HALF_SECOND_NS
        if max(low, told[0]) > min(high, told[1]):  # it, or ours, was set meanwhile
            low, high = told
        else:
            low, high = max(low, told[0]), min(high, told[1])
    return (low + high) // 2


async def _tracks(client: OnvifClient) -> Sequence[CameraTrack]:
    search = await client.told_service("search")
    asked = {"Scope": {}, "MaxMatches": _RESULTS_MAX, "KeepAliveTime": timedelta(seconds=10)}
    token = await client.call(search, "FindRecordings", asked)
    found: list[CameraTrack] = []
    for _ in range(_ROUNDS_MAX):
        more = {"SearchToken": token, "MaxResults": _RESULTS_MAX, "WaitTime": timedelta(seconds=1)}
        tracks, is_over = parsers.recordings(await client.call(search, "GetRecordingSearchResults", more))
        found += tracks
        if is_over or len(found) >= _RESULTS_MAX:
            break
    with contextlib.suppress(Exception):  # a search that has ended is none any more
        await client.call(search, "EndSearch", {"SearchToken": token})
    return found


async def _own(client: OnvifClient, tracks: Sequence[CameraTrack], token: str) -> Sequence[CameraTrack]:
    """The tracks of our own video source. A device with several may have recorded each: another's is never taken for ours.

    Which recording is whose is told by the recording jobs, or by the recording's own source.
    """
    profiles = await client.async_profiles()
    if len({_lens(profile) for profile in profiles}) < _SEVERAL:
        return tracks
    lens = next((_lens(profile) for profile in profiles if profile.token == token), "")
    own = [profile for profile in profiles if lens and _lens(profile) == lens]
    names = {name for one in own for name in (one.token, one.source_token, one.channel) if name}
    jobs: dict[str, set[str]] = {}
    with contextlib.suppress(HoldshelfError):  # the service is optional
        jobs = await client.async_run(_WHAT, _jobs(client))
    return [track for track in tracks if names & ({track.source} | jobs.get(track.recording, set()))]


def _lens(profile: VideoProfile) -> str:
    return profile.channel or profile.source_token


async def _jobs(client: OnvifClient) -> dict[str, set[str]]:
    service = await client.told_service("recording")
    return {} if service is None else parsers.recording_jobs(await client.call(service, "GetRecordingJobs"))


def _best(tracks: Sequence[CameraTrack], start_ns: int, end_ns: int, profile: str) -> CameraTrack | None:
    """The track with the most of it; among equals the one of the profile that we record."""

    def has_ns(track: CameraTrack) -> int:
        first, last = _within(track, start_ns, end_ns)
        return last - first

    best = max(tracks, key=lambda track: (has_ns(track) // _LEAST_NS, track.source == profile), default=None)
    return best if best is not None and has_ns(best) >= _LEAST_NS else None


def _within(track: CameraTrack, start_ns: int, end_ns: int) -> tuple[int, int]:
    return max(start_ns, track.start_ns), end_ns if track.goes_on else min(end_ns, track.end_ns)


async def _address(client: OnvifClient, track: CameraTrack) -> str:
    asked = {
        "StreamSetup": {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}},
        "RecordingToken": track.recording,
    }
    replay = await client.told_service("replay")
    return told_stream_url(parsers.uri(await client.call(replay, "GetReplayUri", asked)))
