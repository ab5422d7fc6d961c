"""Listens to one camera's events by PullPoint, and fires ``camera_event`` on the bus for each change.

A subscription is renewed before half of its time has passed, and created again after the camera restarted or was unreachable.
Events above the rate limit are dropped and counted; pulling is paced, so that a camera that answers at once with more costs no
more. Times are this server's, as a camera's clock cannot be trusted.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from holdshelf_core.integration import ConfigEntry, EntryAuthFailed, Holdshelf
from holdshelf_core.integration.errors import HoldshelfError

from .client import OnvifClient
from .const import CONF_ADDRESS, CONF_PASSWORD, CONF_USERNAME, Limits
from .device import Known
from .errors import CameraTimeout, CameraUnreachable, RequestRefused
from .messages import Message
from .pullpoint import PullPoint, Subscription

_LOGGER = logging.getLogger(__name__)

EVENT = "camera_event"
PULL_S = 20.0
PULL_MESSAGES = 64
PACE_S = 0.5
RETRY_FIRST_S = 5.0
RETRY_CAP_S = 300.0
NOT_OFFERED_S = 3600.0
UNSUBSCRIBE_S = 1.0
BURST = 60
REFILL_S = 5.0
"""One more change every this many seconds, after a burst: 17,000 a day at most."""
STATES_MAX = 64
LIMITS = Limits(answer_s=PULL_S + 10.0, answer_max_bytes=512 * 1024, answer_max_tags=12_000)


class States:
    """The current states of one camera: turns messages into changes, within a rate limit."""

    def __init__(self, fire: Callable[[Message], None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._fire = fire
        self._now_s = now_s
        self._on: set[tuple[str, str]] = set()
        self._tokens = float(BURST)
        self._at_s = now_s()
        self.dropped = 0

    def take(self, message: Message) -> None:
        """Fire an event if the state changed. The end of a state that was reported is never dropped."""
        key = (message.kind, message.source)
        if message.on is False:
            if key in self._on:
                self._on.discard(key)
                self._fire(message)
            return
        if message.on and key in self._on:
            return
        now_s = self._now_s()
        self._tokens = min(BURST, self._tokens + (now_s - self._at_s) / REFILL_S)
        self._at_s = now_s
        if self._tokens < 1 or (message.on and len(self._on) >= STATES_MAX):
            self.dropped += 1
            return
        self._tokens -= 1
        if message.on:
            self._on.add(key)
        self._fire(message)

    def lose_sight(self) -> None:
        """End all ongoing states: the camera no longer reports."""
        for kind, source in sorted(self._on):
            self._fire(Message(kind, source, False))
        self._on.clear()


class EventListener:
    """Runs as a task of its entry until canceled. ``listening``: a subscription is active.

    ``allowed`` is set while the device at the address is known to be this camera. ``is_own``: whether a video source is, of a
    device that has several: the others' events are theirs.
    """

    def __init__(
        self,
        holdshelf: Holdshelf,
        entry: ConfigEntry[Any],
        known: Callable[[], Known],
        allowed: asyncio.Event,
        *,
        is_own: Callable[[str], bool] = lambda _video: True,
        limits: Limits = LIMITS,
        pull_s: float = PULL_S,
        retry_first_s: float = RETRY_FIRST_S,
    ) -> None:
        self._holdshelf = holdshelf
        self._entry = entry
        self._known = known
        self._allowed = allowed
        self._is_own = is_own
        self._limits = limits
        self._pull_s = pull_s
        self._retry_first_s = retry_first_s
        self._states = States(self._async_fire)
        self.listening = False
        self.broken = 0
        self.told: HoldshelfError | None = None

    @property
    def dropped(self) -> int:
        """Return the number of changes above the rate limit."""
        return self._states.dropped

    def _async_fire(self, message: Message) -> None:
        camera = self._entry.entry_id
        said = {"camera": camera, "kind": message.kind, "source": message.source, "on": message.on}
        self._holdshelf.bus.async_fire(EVENT, said)

    async def async_run(self) -> None:
        """Subscribe, pull, renew; retry after a failure, with increasing waits. Does nothing while not allowed."""
        wait_s = self._retry_first_s
        while True:
            await self._allowed.wait()
            began_s = time.monotonic()
            pause_s = wait_s
            try:
                if not await self._async_listen():
                    pause_s = NOT_OFFERED_S
            except EntryAuthFailed as error:
                # Cameras lock accounts after failed logins: the coordinator's next success, with a new password, reloads the
                # entry.
                self._note(error)
                pause_s = NOT_OFFERED_S
            except HoldshelfError as error:
                self._note(error)
            finally:
                self.listening = False
                self._states.lose_sight()
            wait_s = self._retry_first_s if time.monotonic() - began_s > 60 else min(RETRY_CAP_S, wait_s * 2)
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311

    def _note(self, error: HoldshelfError) -> None:
        if self.told is None:
            _LOGGER.debug("%s: its events are not heard: %s", self._entry.title, error.sentence)
        self.told = error

    async def _async_listen(self) -> bool:
        """Listen until the subscription fails; False when the camera offers none. Raises the client's errors."""
        data = self._entry.data
        async with OnvifClient(
            data[CONF_ADDRESS],
            data.get(CONF_USERNAME),
            data.get(CONF_PASSWORD),
            limits=self._limits,
            known=self._known(),
        ) as client:
            await client.async_clock()
            point = PullPoint(client)
            subscription = await point.async_subscribe()
            if subscription is None:
                return False
            self.listening, self.told = True, None
            try:
                await self._async_pull(point, subscription)
            except (CameraUnreachable, CameraTimeout):
                raise  # nobody is left to report to
            except BaseException:
                await _async_unsubscribe(point, subscription)
                raise
            await _async_unsubscribe(point, subscription)
        return True

    async def _async_pull(self, point: PullPoint, subscription: Subscription) -> None:
        renew_at_s = time.monotonic() + subscription.lease_s / 2
        while self._allowed.is_set():
            began_s = time.monotonic()
            if began_s >= renew_at_s:
                renew_at_s = began_s + await self._async_renewed_s(point, subscription) / 2
            pull_s = max(1.0, min(self._pull_s, renew_at_s - began_s))
            messages, broken = await point.async_pull(subscription, pull_s, PULL_MESSAGES)
            self.broken += broken
            for message in messages:
                if not message.video or self._is_own(message.video):
                    self._states.take(message)
            await asyncio.sleep(max(0.0, PACE_S - (time.monotonic() - began_s)))

    async def _async_renewed_s(self, point: PullPoint, subscription: Subscription) -> float:
        """Return how long it lasts now. One that the camera does not renew is used until it ends: pulling may keep it alive."""
        try:
            return await point.async_renew(subscription)
        except RequestRefused as error:
            _LOGGER.debug("%s: a subscription is not renewed: %s", self._entry.title, error.sentence)
            return subscription.lease_s


async def _async_unsubscribe(point: PullPoint, subscription: Subscription) -> None:
    """Cancel the subscription without waiting long, as cameras allow only a few."""
    try:
        async with asyncio.timeout(UNSUBSCRIBE_S):
            await point.async_unsubscribe(subscription)
    except (HoldshelfError, TimeoutError):
        _LOGGER.debug("a subscription was not given back")
