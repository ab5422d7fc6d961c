"""Adding an ONVIF camera: discover → pick → test. Core asks for name and area.

Nothing is stored here, and an address never contains credentials.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from holdshelf_core.integration import (
    CHANNEL_MARK,
    DiscoveredCamera,
    EntryAuthFailed,
    EntryDraft,
    FlowError,
    Holdshelf,
    StreamChoice,
)
from holdshelf_core.integration.errors import HoldshelfError
from holdshelf_core.integration.flow import ADDRESS, MULTICAST, PASSWORD, UDP, USERNAME, FlowField, Steps

from . import discovery, repairs, strings
from .address import bare_host, device_address, host_of, looks_like_address, same_endpoint, usable_stream_url
from .client import OnvifClient
from .const import (
    CONF_ADDRESS,
    CONF_AUTH,
    CONF_CERTIFICATE,
    CONF_CHANNEL,
    CONF_CHANNELS,
    CONF_PASSWORD,
    CONF_PROFILE,
    CONF_SERIAL,
    CONF_STREAM,
    CONF_USERNAME,
    DEFAULT_LIMITS,
    DOMAIN,
    PLAIN_TOKEN,
    Limits,
)
from .coordinator import async_clock_or_none, channel_of, known_of, stream_source
from .device import DeviceClock, DeviceInformation, VideoProfile, channels, choose_profile, offered, within
from .errors import NoUsableProfile
from .text import clean_text

STEPS: Steps = {
    "device": (FlowField("username", value="admin"), PASSWORD, UDP, MULTICAST),
    "reauth": (USERNAME, PASSWORD),
    "reconfigure": (ADDRESS, USERNAME, PASSWORD, UDP, MULTICAST),
}
_WHO_TIMEOUT_S = 1.0  # devices spread their answers over half a second (SOAP-over-UDP)
_REMEMBERED_MAX = 512
_NAMED_MAX = 32

# Who answered at which address in recent searches: testing a discovered camera then needs no second search, and the draft gets
# the same unique_id that discovery showed.
_remembered: OrderedDict[str, DiscoveredCamera] = OrderedDict()


def matches(address: str) -> bool:
    """Return whether it is ``http(s)://…``, or a bare IP address, ``host:port`` or dotted name."""
    return looks_like_address(address)


async def async_discover(
    _holdshelf: Holdshelf, *, probe_addresses: Sequence[str] | None, timeout_s: float
) -> list[DiscoveredCamera]:
    """Return the cameras on the network (multicast), or those at ``host[:port]`` that answer a unicast Probe."""
    found = await discovery.async_discover(probe_addresses, timeout_s)
    for camera in found:
        _remembered[camera.address] = camera
        _remembered.move_to_end(camera.address)
    while len(_remembered) > _REMEMBERED_MAX:
        _remembered.popitem(last=False)
    return found


async def async_probe(
    _holdshelf: Holdshelf,
    address: str,
    username: str | None,
    password: str | None,
    *,
    known: Mapping[str, Any] | None = None,
    profile: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> EntryDraft:
    """Connect, verify the credentials, choose the stream. Raises FlowError for ``address``, ``password`` or ``profile``.

    ``known``: the entry's data for an existing camera: its certificate must match, and its channel is kept.
    ``profile``: the token of the stream to take.
    """
    address = device_address(address)
    who = asyncio.create_task(_async_who(address))
    try:
        given_now = known is None or password != known.get(CONF_PASSWORD)
        async with OnvifClient(
            address, username, password, limits=limits, known=known_of(known or {}), may_send_plain=given_now
        ) as client:
            return await _async_draft(client, username, password, who, known or {}, profile)
    except FlowError:
        raise
    except EntryAuthFailed as error:
        raise FlowError("password", error.sentence, error.next_step) from None
    except HoldshelfError as error:
        raise FlowError("address", error.sentence, error.next_step) from None
    finally:
        who.cancel()


async def _async_draft(
    client: OnvifClient,
    username: str | None,
    password: str | None,
    who: asyncio.Task[DiscoveredCamera | None],
    known: Mapping[str, Any],
    asked: str,
) -> EntryDraft:
    clock = await async_clock_or_none(client)
    information = await client.async_device_information()
    profiles = await client.async_profiles()
    profile = _chosen(profiles, known, asked)
    if profile is None:
        raise NoUsableProfile(host_of(client.address), offered(profiles))
    url = usable_stream_url(await client.async_stream_uri(profile), client.address)
    discovered = await who
    identity = discovered.unique_id if discovered else await _async_identity(client, information)
    unique_id = identity or f"{DOMAIN}-{host_of(client.address)}"
    there = channels(profiles)
    choices = _choices(profiles, unique_id) if len(there) > 1 else ()
    # Of several, none is taken without being chosen.
    channel = profile.channel if not choices or asked or known.get(CONF_PROFILE) else ""
    credentials = {CONF_USERNAME: username or None, CONF_PASSWORD: password or None}
    learned = client.known
    pinned = {CONF_STREAM: {CONF_CERTIFICATE: (known.get(CONF_STREAM) or {}).get(CONF_CERTIFICATE)}}
    return EntryDraft(
        domain=DOMAIN,
        unique_id=f"{unique_id}{CHANNEL_MARK}{channel}" if choices and channel else unique_id,
        title=(discovered.name if discovered else "") or information.name or bare_host(client.address),
        data={
            CONF_ADDRESS: client.address,
            **credentials,
            CONF_PROFILE: profile.token,
            CONF_CHANNEL: channel,
            CONF_CHANNELS: max(1, len(there)),
            CONF_STREAM: stream_source({**credentials, **pinned}, profile, url).to_dict(),
            CONF_SERIAL: information.serial_number,
            CONF_AUTH: learned.auth,
            **({CONF_CERTIFICATE: learned.certificate} if learned.certificate else {}),
        },
        warnings=_warnings(clock, profile, identity, plain=learned.auth == PLAIN_TOKEN),
        choices=choices,
    )


def _chosen(profiles: Sequence[VideoProfile], known: Mapping[str, Any], asked: str) -> VideoProfile | None:
    """Return the profile that was asked for, else the known one or the best of its channel. Raises FlowError for ``profile``."""
    channel, count = channel_of(known)
    if not asked:
        return choose_profile(profiles, str(known.get(CONF_PROFILE) or ""), channel, count)
    offers = [profile for profile in within(profiles, channel, count) if profile.recordable]
    found = next((profile for profile in offers if profile.token == asked), None)
    if found is None:
        told = "; ".join(f"{profile.token} ({profile.description})" for profile in offers[:_NAMED_MAX])
        raise FlowError("profile", *strings.error("no_such_profile", profile=repr(clean_text(asked)), offered=told))
    return found


def _choices(profiles: Sequence[VideoProfile], device: str) -> tuple[StreamChoice, ...]:
    """Return a device's channels, each with its best stream."""
    found = []
    for number, channel in enumerate(channels(profiles), 1):
        best = choose_profile(profiles, channel=channel)
        if best is not None:
            words = f"channel {number}: {best.description}"
            found.append(StreamChoice(best.token, channel, words, f"{device}{CHANNEL_MARK}{channel}"))
    return tuple(found)


async def _async_who(address: str) -> DiscoveredCamera | None:
    """Return what WS-Discovery reports about the device at this address; None when it does not answer there."""
    if known := _remembered.get(address):
        return known
    host = bare_host(address)
    target = f"[{host}]" if ":" in host else host
    try:
        found = await discovery.async_discover([target], _WHO_TIMEOUT_S)
    except FlowError:
        return None  # the device's own answer says what is wrong with the address
    # A host may hold several devices, and one of them may answer for another.
    return next((camera for camera in found if same_endpoint(camera.address, address)), None)


async def _async_identity(client: OnvifClient, information: DeviceInformation) -> str:
    """Return the identity of a device that WS-Discovery does not reach: its own endpoint, otherwise maker and serial number."""
    with suppress(HoldshelfError):
        if identity := discovery.endpoint_id(await client.async_endpoint_reference()):
            return identity
    if information.serial_number:
        return f"{information.manufacturer}-{information.serial_number}".lower().replace(" ", "-")
    return ""


def _warnings(clock: DeviceClock | None, profile: VideoProfile, identity: str, *, plain: bool) -> tuple[str, ...]:
    found = []
    if plain:
        found.append(strings.warning("plain_password"))
    if clock is None:
        found.append(strings.warning("clock_unknown"))
    elif repairs.is_off(clock):
        found.append(strings.warning("clock_skew", amount=clock.amount, direction=clock.direction))
    if profile.offers_sound:
        found.append(strings.warning("sound_offered"))
    if not identity:
        found.append(strings.warning("no_identity"))
    return tuple(found)
