"""The event bus: delivers events to listeners, on the loop, in the order in which they were fired."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_LOGGER = logging.getLogger(__name__)

type Listener = Callable[["Event"], None]
ANY = "*"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type (e.g. ``segment_closed``), its data and its time (UTC, ns)."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    at_utc_ns: int = 0


class EventBus:
    """Calls listeners synchronously on the loop. A listener must not block; its error does not affect the others."""

    def __init__(self, utc_ns: Callable[[], int]) -> None:
        self._utc_ns = utc_ns
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def async_listen(self, event_type: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for each event of that type (or ``ANY``). Returns the function that unsubscribes it."""
        self._listeners[event_type].append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners[event_type]:
                self._listeners[event_type].remove(listener)

        return unsubscribe

    def async_fire(self, event_type: str, data: dict[str, Any] | None = None) -> None:
        """Call every listener now."""
        event = Event(event_type, data or {}, self._utc_ns())
        for listener in (*self._listeners[event_type], *self._listeners[ANY]):
            try:
                listener(event)
            except Exception:  # a faulty listener must not stop recording
                _LOGGER.exception("a listener of %s failed", event_type)
