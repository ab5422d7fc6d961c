"""Keeps the data about one camera up to date: about every five minutes, when its stream cannot be had, and on demand.

It affects recording only through ``async_set_stream``: a camera whose ONVIF is down but whose stream works is still recorded from
the last known stream.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from holdshelf_core.integration import (
    ANOTHER_CAMERA,
    ConfigEntry,
    EntryAuthFailed,
    EntryNotReady,
    Event,
    Holdshelf,
    StreamSource,
)
from holdshelf_core.integration.errors import HoldshelfError

from . import repairs
from .address import bare_host, usable_stream_url
from .client import OnvifClient
from .const import (
    CONF_ADDRESS,
    CONF_AUTH,
    CONF_CERTIFICATE,
    CONF_CHANNEL,
    CONF_CHANNELS,
    CONF_OTHER_SERIAL,
    CONF_PASSWORD,
    CONF_PROFILE,
    CONF_SERIAL,
    CONF_STREAM,
    CONF_USERNAME,
    DEFAULT_LIMITS,
    REFRESH_INTERVAL_S,
    REFRESH_JITTER,
    Limits,
)
from .device import (
    DeviceClock,
    DeviceDescription,
    Known,
    VideoProfile,
    channels,
    choose_profile,
    offered,
    within,
)
from .errors import (
    AnotherCamera,
    CameraUnreachable,
    CertificateChanged,
    ChannelGone,
    NonsenseAnswer,
    NotOnvif,
    NoUsableProfile,
    RequestRefused,
)
from .event import EventListener
from .stream_trouble import StreamTrouble
from .text import clean_text

_LOGGER = logging.getLogger(__name__)

KEY_FRAME_EVERY_S = 30.0
"""A stream that comes and goes is asked for a key frame no more often."""

type OnvifEntry = ConfigEntry[OnvifCoordinator]


class OnvifCoordinator:
    """One camera. ``data`` is the last description (None before the first), ``error`` why there is no newer one."""

    def __init__(self, holdshelf: Holdshelf, entry: OnvifEntry, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self._holdshelf = holdshelf
        self._entry = entry
        self._client = OnvifClient(
            entry.data[CONF_ADDRESS],
            entry.data.get(CONF_USERNAME),
            entry.data.get(CONF_PASSWORD),
            limits=limits,
            known=known_of(entry.data),
        )
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._seen = asyncio.Event()
        self._trouble = StreamTrouble(entry.entry_id)
        self._unsubscribe: Callable[[], None] = lambda: None
        self.events = EventListener(holdshelf, entry, lambda: self._client.known, self._seen, is_own=self._is_own_video)
        self._closed = False
        self._wants_key_frame = False
        self._asked_key_frame_s = -math.inf
        self._clock: DeviceClock | None = None
        self.data: DeviceDescription | None = None
        self.error: HoldshelfError | None = None

    @property
    def clock_skew_s(self) -> float | None:
        """Return how far the camera's clock was ahead of ours at the last read; None when it never reported one."""
        return self._clock.skew_s if self._clock else None

    @property
    def notes(self) -> list[str]:
        """Return sentences about the camera's wrong data, and how it is handled."""
        return list(self._client.notes)

    @property
    def available(self) -> bool:
        """Return whether the camera answered the last query."""
        return self.data is not None and self.error is None

    def async_start(self) -> None:
        """Refresh and listen in the background until ``async_shutdown``."""
        name = f"ONVIF {self._entry.entry_id}"
        self._unsubscribe = self._holdshelf.bus.async_listen("camera_state", self._async_note_stream)
        self._task = self._holdshelf.async_create_task(self._entry, self._async_run(), name)
        # After the first successful check of its identity: its other problems have been reported by then.
        self._listening = self._holdshelf.async_create_task(self._entry, self.events.async_run(), f"{name} events")

    async def _async_run(self) -> None:
        """Refresh periodically, and soon when the stream cannot be had, until canceled. After a rejected password nothing is
        tried until requested: cameras lock accounts after failed logins."""
        while True:
            if not isinstance(self.error, EntryAuthFailed):
                await self.async_request_refresh()
            jitter = random.uniform(-REFRESH_JITTER, REFRESH_JITTER)  # noqa: S311
            await self._trouble.async_wait(REFRESH_INTERVAL_S * (1 + jitter))

    async def async_request_refresh(self) -> bool:
        """Refresh now; return whether the camera answered. The result is in ``data``, ``error`` and the entry's state."""
        try:
            await self.async_refresh()
        except HoldshelfError as error:
            if not self._closed:
                self._holdshelf.async_set_entry_state(self._entry, _as_state(error))
            return False
        self._holdshelf.async_set_entry_state(self._entry, None)
        return True

    async def async_refresh(self) -> None:
        """Query the camera for everything and apply it; raises what it failed with.

        Raises EntryNotReady, EntryAuthFailed and EntryError (no video that can be recorded).
        """
        async with self._lock:
            if self._closed:
                raise CameraUnreachable(bare_host(self._client.address), "the camera was let go")
            try:
                description = await self._describe()
            except HoldshelfError as error:
                self._client.forget()
                if not self._closed:
                    self._async_note_failure(error)
                    if isinstance(error, CertificateChanged):
                        repairs.async_certificate_changed(self._holdshelf, self._entry)
                    if isinstance(error, AnotherCamera):
                        self._async_withdraw(error.serial_number)
                raise
            self._async_note_success()
            repairs.async_certificate_known(self._holdshelf, self._entry)
            repairs.async_right_camera(self._holdshelf, self._entry)
            self.data = description
            self._async_apply(description)
            self._seen.set()
            await self._ask_key_frame()

    def _async_note_stream(self, event: Event) -> None:
        """Take in what the recorder tells of the stream."""
        self._trouble.async_note(event)
        if event.data.get("camera") != self._entry.entry_id or event.data.get("state") != "recording":
            return
        if time.monotonic() - self._asked_key_frame_s >= KEY_FRAME_EVERY_S:
            self._asked_key_frame_s, self._wants_key_frame = time.monotonic(), True
            name = f"ONVIF {self._entry.entry_id} key frame"
            self._holdshelf.async_create_task(self._entry, self._async_ask_key_frame(), name)

    async def _async_ask_key_frame(self) -> None:
        async with self._lock:
            await self._ask_key_frame()

    async def _ask_key_frame(self) -> None:
        """Ask once after each connection, with the lock held: with a key frame a camera that signs its pictures sends the
        certificates, which otherwise come only when its stream begins. A camera that refuses is not asked again."""
        if self._closed or not self._wants_key_frame or self.data is None or self.error is not None:
            return
        self._wants_key_frame = False
        profile = self.data.profile
        try:
            await self._client.async_run("a key frame", _set_synchronization_point(self._client, profile))
        except HoldshelfError as error:
            _LOGGER.debug("%s: %s", self._entry.title, error.sentence)

    async def async_shutdown(self) -> None:
        """Release the camera; a refresh in progress ends with an error that is not reported."""
        self._closed = True
        self._unsubscribe()
        tasks = [task for task in (self._task, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._client.async_close()

    async def _describe(self) -> DeviceDescription:
        client = self._client
        client.open()
        clock = self._clock = await async_clock_or_none(client)
        # Reported before anything that needs the password: a wrong clock may be why it is rejected.
        repairs.async_check_clock(self._holdshelf, self._entry, clock)
        information = await client.async_device_information()
        known = self._entry.data.get(CONF_SERIAL)
        # A device without a number may have lost it in an update; a different number is a different device.
        if known and information.serial_number and not _same_number(known, information.serial_number):
            raise AnotherCamera(bare_host(client.address), information.serial_number, known)
        profiles = await client.async_profiles()
        profile = self._pick(profiles)
        if profile is None and channels(profiles):
            channel = clean_text(str(self._entry.data.get(CONF_CHANNEL)))
            repairs.async_channel_gone(self._holdshelf, self._entry, channel)
            raise ChannelGone(bare_host(client.address), channel)
        if profile is None:
            repairs.async_no_usable_profile(self._holdshelf, self._entry, offered(profiles))
            raise NoUsableProfile(bare_host(client.address), offered(profiles))
        url = usable_stream_url(await client.async_stream_uri(profile), client.address)
        return DeviceDescription(information, clock, profiles, profile, url)

    def _pick(self, profiles: tuple[VideoProfile, ...]) -> VideoProfile | None:
        """Return the profile chosen when the camera was added, otherwise the best one left of its channel."""
        return choose_profile(profiles, str(self._entry.data.get(CONF_PROFILE) or ""), *channel_of(self._entry.data))

    def _is_own_video(self, token: str) -> bool:
        """Return whether a video source, or its configuration, is this camera's: another channel is another camera."""
        if self.data is None or len(channels(self.data.profiles)) < 2:
            return True
        own = within(self.data.profiles, *channel_of(self._entry.data))
        return any(token in (profile.channel, profile.source_token) for profile in own)

    def _async_withdraw(self, serial_number: str) -> None:
        """Stop recording under this camera's name, also after a restart: another device answers."""
        self._seen.clear()
        repairs.async_another_camera(self._holdshelf, self._entry, serial_number)
        if self._entry.data.get(CONF_OTHER_SERIAL) != serial_number:
            data = {**self._entry.data, CONF_OTHER_SERIAL: serial_number}
            self._holdshelf.async_update_entry(self._entry, data=data)
        self._holdshelf.async_set_stream(self._entry, None, reason=ANOTHER_CAMERA)

    def _async_apply(self, description: DeviceDescription) -> None:
        repairs.async_check_profile(
            self._holdshelf, self._entry, self._entry.data.get(CONF_PROFILE), description.profile
        )
        source = stream_source(self._entry.data, description.profile, description.stream_url)
        learned: dict[str, Any] = {}
        if source.to_dict() != self._entry.data.get(CONF_STREAM):
            _LOGGER.info("%s: its stream is now %s", self._entry.title, description.profile.description)
            learned[CONF_STREAM] = source.to_dict()
        now, before = self._client.known, known_of(self._entry.data)
        if now.auth != before.auth:
            learned[CONF_AUTH] = now.auth
        if now.certificate != before.certificate:
            learned[CONF_CERTIFICATE] = now.certificate
        # One that is off for a while is a channel all the same: no other may be recorded in its place.
        there = max(channel_of(self._entry.data)[1], len(channels(description.profiles)))
        if (description.profile.channel, there) != channel_of(self._entry.data):
            learned |= {CONF_CHANNEL: description.profile.channel, CONF_CHANNELS: there}
        if learned or CONF_OTHER_SERIAL in self._entry.data:
            data = {key: value for key, value in self._entry.data.items() if key != CONF_OTHER_SERIAL}
            self._holdshelf.async_update_entry(self._entry, data={**data, **learned})
        self._holdshelf.async_set_stream(self._entry, source)

    def _async_note_failure(self, error: HoldshelfError) -> None:
        if self.error is None:
            _LOGGER.warning("%s: %s", self._entry.title, error.sentence)
        self.error = error

    def _async_note_success(self) -> None:
        if self.error is not None:
            _LOGGER.info("%s: the camera answers again", self._entry.title)
        self.error = None


async def _set_synchronization_point(client: OnvifClient, profile: VideoProfile) -> None:
    media = await client.told_service(profile.service)
    if media is not None:
        await client.call(media, "SetSynchronizationPoint", {"ProfileToken": profile.token})


def loaded_coordinator(entry: OnvifEntry) -> OnvifCoordinator | None:
    """The entry's coordinator; None when it is not loaded."""
    try:
        return entry.runtime_data
    except RuntimeError:
        return None


def _same_number(one: str, other: str) -> bool:
    """Compare serial numbers across firmware formats: AA:BB:CC and aabbcc are the same."""
    plain = ["".join(c for c in number.casefold() if c.isalnum()) for number in (one, other)]
    return plain[0] == plain[1]


def channel_of(data: Mapping[str, Any]) -> tuple[str, int]:
    """Return an entry's channel, and how many its device has; '' and 1 for an entry of an earlier version."""
    return str(data.get(CONF_CHANNEL) or ""), int(data.get(CONF_CHANNELS) or 1)


def known_of(data: Mapping[str, Any]) -> Known:
    """Return what an entry's data has from earlier connections."""
    return Known(str(data.get(CONF_AUTH) or ""), str(data.get(CONF_CERTIFICATE) or ""))


async def async_clock_or_none(client: OnvifClient) -> DeviceClock | None:
    """Return the clock, or None when the camera answers without one."""
    try:
        return await client.async_clock()
    except (NonsenseAnswer, RequestRefused, NotOnvif):
        return None


def stream_source(data: dict[str, Any], profile: VideoProfile, url: str) -> StreamSource:
    """Return what the recorder connects to; ``data`` is an entry's, whose transport (tcp, udp, multicast) is kept.

    Codec and size come from the camera only if nothing better is known: those stored with the same URL may come from the stream
    itself, and a difference would make the recorder reconnect for nothing.
    """
    known = data.get(CONF_STREAM) or {}
    told: dict[str, Any] = {"codec": profile.codec, "width": profile.width, "height": profile.height}
    if known.get("url") == url:
        told |= {key: known[key] for key in told if known.get(key)}
    return StreamSource(
        url=url,
        username=data.get(CONF_USERNAME) or None,
        password=data.get(CONF_PASSWORD) or None,
        transport=known.get("transport", "tcp"),
        certificate_sha256=known.get(CONF_CERTIFICATE) if url.startswith("rtsps:") else None,
        **told,
    )


def _as_state(error: HoldshelfError) -> Exception:
    """Map an error to an entry state: works, unreachable or needs a password. A camera without usable video counts as
    unreachable."""
    if isinstance(error, EntryAuthFailed | EntryNotReady):
        return error
    return EntryNotReady(error.sentence, error.next_step)
