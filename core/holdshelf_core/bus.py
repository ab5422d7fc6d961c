"""The event bus: what happened, told to whoever listens, on the loop, in the order in which it was fired."""

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
    """One thing that happened: its type (``segment_closed``), its data, and when (UTC, ns)."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    at_utc_ns: int = 0


class EventBus:
    """Synchronous fan-out on the loop. A listener must not block and its error stops nobody else."""

    def __init__(self, utc_ns: Callable[[], int]) -> None:
        self._utc_ns = utc_ns
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def async_listen(self, event_type: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for each event of that type (or ``ANY``); returns its unsubscribe."""
        self._listeners[event_type].append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners[event_type]:
                self._listeners[event_type].remove(listener)

        return unsubscribe

    def async_fire(self, event_type: str, data: dict[str, Any] | None = None) -> None:
        """Tell every listener now."""
        event = Event(event_type, data or {}, self._utc_ns())
        for listener in (*self._listeners[event_type], *self._listeners[ANY]):
            try:
                listener(event)
            except Exception:  # a listener's fault must not stop recording
                _LOGGER.exception("a listener of %s failed", event_type)
