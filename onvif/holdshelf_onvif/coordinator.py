"""Keeps what is known of one camera up to date: every five minutes, give or take, and on demand.

It never touches the recording but through ``async_set_stream``: a camera whose ONVIF is down and whose stream plays
goes on being recorded from the stream that was known last.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any

from holdshelf_core.integration import (
    ANOTHER_CAMERA,
    ConfigEntry,
    EntryAuthFailed,
    EntryNotReady,
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
from .device import DeviceClock, DeviceDescription, Known, VideoProfile, choose_profile, offered
from .errors import (
    AnotherCamera,
    CameraUnreachable,
    CertificateChanged,
    NonsenseAnswer,
    NotOnvif,
    NoUsableProfile,
    RequestRefused,
)
from .event import EventListener

_LOGGER = logging.getLogger(__name__)

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
        self.events = EventListener(holdshelf, entry, lambda: self._client.known, self._seen)
        self._closed = False
        self._clock: DeviceClock | None = None
        self.data: DeviceDescription | None = None
        self.error: HoldshelfError | None = None

    @property
    def clock_skew_s(self) -> float | None:
        """How far the camera's clock is ahead of ours, when it was read last; None when it never told it."""
        return self._clock.skew_s if self._clock else None

    @property
    def notes(self) -> list[str]:
        """What the camera tells wrongly, and what is made of it."""
        return list(self._client.notes)

    @property
    def available(self) -> bool:
        """Did the camera answer when it was asked last?"""
        return self.data is not None and self.error is None

    def async_start(self) -> None:
        """Refresh and listen in the background, now and from now on, until ``async_shutdown``."""
        name = f"ONVIF {self._entry.entry_id}"
        self._task = self._holdshelf.async_create_task(self._entry, self._async_run(), name)
        # Once the camera was seen to be well, and to be this one: what is wrong with it is told by then.
        self._listening = self._holdshelf.async_create_task(self._entry, self.events.async_run(), f"{name} events")

    async def _async_run(self) -> None:
        """Refresh now and then, until cancelled. After a refused password nothing is tried until somebody asks:
        cameras lock out whoever guesses."""
        while True:
            if not isinstance(self.error, EntryAuthFailed):
                await self.async_request_refresh()
            jitter = random.uniform(-REFRESH_JITTER, REFRESH_JITTER)  # noqa: S311
            await asyncio.sleep(REFRESH_INTERVAL_S * (1 + jitter))

    async def async_request_refresh(self) -> bool:
        """Refresh now; True when the camera answered. How it went is in ``data``, ``error`` and the entry's state."""
        try:
            await self.async_refresh()
        except HoldshelfError as error:
            if not self._closed:
                self._holdshelf.async_set_entry_state(self._entry, _as_state(error))
            return False
        self._holdshelf.async_set_entry_state(self._entry, None)
        return True

    async def async_refresh(self) -> None:
        """Ask the camera for everything and act on it; raises what it failed with.

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

    async def async_shutdown(self) -> None:
        """Let go of the camera; a refresh under way ends with an error and is not told as one."""
        self._closed = True
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
        # Told before anything that needs the password: a clock that is off may be why it is refused.
        repairs.async_check_clock(self._holdshelf, self._entry, clock)
        information = await client.async_device_information()
        known = self._entry.data.get(CONF_SERIAL)
        # A device that tells no number now may have lost it in an update; another number is another device.
        if known and information.serial_number and not _same_number(known, information.serial_number):
            raise AnotherCamera(bare_host(client.address), information.serial_number, known)
        profiles = await client.async_profiles()
        profile = self._pick(profiles)
        if profile is None:
            repairs.async_no_usable_profile(self._holdshelf, self._entry, offered(profiles))
            raise NoUsableProfile(bare_host(client.address), offered(profiles))
        url = usable_stream_url(await client.async_stream_uri(profile), client.address)
        return DeviceDescription(information, clock, profiles, profile, url)

    def _pick(self, profiles: tuple[VideoProfile, ...]) -> VideoProfile | None:
        """The profile that was chosen when the camera was added, else the best that is left."""
        token = self._entry.data.get(CONF_PROFILE)
        chosen = next((p for p in profiles if p.token == token and p.recordable), None)
        return chosen or choose_profile(profiles)

    def _async_withdraw(self, serial_number: str) -> None:
        """Another device answers: from now on, and after a restart too, nothing is recorded under this camera's name."""
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


def loaded_coordinator(entry: OnvifEntry) -> OnvifCoordinator | None:
    """The entry's coordinator; None when it is not loaded."""
    try:
        return entry.runtime_data
    except RuntimeError:
        return None


def _same_number(one: str, other: str) -> bool:
    """Serial numbers, as different firmware writes them: AA:BB:CC and aabbcc are the same."""
    plain = ["".join(c for c in number.casefold() if c.isalnum()) for number in (one, other)]
    return plain[0] == plain[1]


def known_of(data: Mapping[str, Any]) -> Known:
    """What an entry's data keep of earlier talks."""
    return Known(str(data.get(CONF_AUTH) or ""), str(data.get(CONF_CERTIFICATE) or ""))


async def async_clock_or_none(client: OnvifClient) -> DeviceClock | None:
    """The clock, or None when the camera answers and does not tell it."""
    try:
        return await client.async_clock()
    except (NonsenseAnswer, RequestRefused, NotOnvif):
        return None


def stream_source(data: dict[str, Any], profile: VideoProfile, url: str) -> StreamSource:
    """What the recorder dials; ``data`` is an entry's, whose transport (tcp, udp) is kept.

    Codec and size are what the camera tells only as long as nobody knows better: those stored with the same URL may come
    from the stream itself, and a difference would make the recorder dial anew for nothing.
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
    """A loaded entry is well, away or waiting for a password: a camera without usable video is away."""
    if isinstance(error, EntryAuthFailed | EntryNotReady):
        return error
    return EntryNotReady(error.sentence, error.next_step)
