"""A heartbeat: an address that is asked for every few minutes. Whoever stands behind it calls when that ends.

It tells what no alert can tell: that the machine, its power or its network is gone. It goes out only behind a report that the
service has just made, so that a service that is stuck falls silent, too. Nothing is told but that the recorder lives.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from holdshelf_core.alerts.allowed import HEARTBEAT_HEADERS, only
from holdshelf_core.alerts.messages import in_thread
from holdshelf_core.alerts.tls import trusting
from holdshelf_core.alerts.types import Health, HeartbeatWay
from holdshelf_core.alerts.ways import Reports, Undelivered
from holdshelf_core.times import NS

_LOGGER = logging.getLogger(__name__)

ASK_S: Final = 10.0
GIVE_UP_S: Final = 30.0
"""With the name's look-up, which has no time limit of its own."""
AGAIN_S: Final = 30.0
"""After a failure, where the usual time is longer."""
FRESH_S: Final = 30.0
"""How old the report behind a heartbeat may be: one is made every ten seconds."""
MOST_ANSWER_BYTES: Final = 4096
_HEADERS: Final = {"User-Agent": "Holdshelf"}


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the address is a secret."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class Heartbeat:
    """The `Way` of one address."""

    def __init__(self, settings: HeartbeatWay) -> None:
        self._settings = settings
        self._busy: asyncio.Future[str] | None = None
        self._health = Health()

    async def run(self, reports: Reports, tell: Callable[[Health], None]) -> None:
        """See `Way`."""
        while True:
            report = await anext(reports)
            if time.time_ns() - report.at_utc_ns > FRESH_S * NS:
                continue
            every_s = 60.0 * self._settings.every_minutes
            try:
                await self.test()
            except Undelivered as error:
                self._say(tell, ok=False, sentence=error.sentence)
                every_s = min(every_s, AGAIN_S)
            else:
                self._say(tell, ok=True)
            await asyncio.sleep(every_s)

    async def test(self) -> None:
        """See `Way`: one heartbeat."""
        if self._busy is not None and not self._busy.done():
            raise Undelivered("The last heartbeat is still on its way, and is not answered.")
        self._busy = in_thread(self._settings.name, self._ask)
        done, _ = await asyncio.wait({self._busy}, timeout=GIVE_UP_S)
        if not done:
            raise Undelivered(f"The heartbeat was not answered within {GIVE_UP_S:.0f} s.")
        self._busy.result()

    def _say(self, tell: Callable[[Health], None], *, ok: bool, sentence: str = "") -> None:
        if self._health.ok is not ok:
            name = self._settings.name
            if ok:
                _LOGGER.info("%s: heartbeats arrive", name)
            else:
                _LOGGER.warning("%s: heartbeats do not arrive: %s", name, sentence)
            self._health = Health(ok, time.time_ns())
        self._health = Health(ok, self._health.since_utc_ns, sentence)
        tell(self._health)

    def _ask(self) -> str:
        where = self._settings.service
        # The opener knows http and https alone.
        request = urllib.request.Request(self._settings.secret, headers=_HEADERS)  # noqa: S310
        only((name.title() for name, _ in request.header_items()), HEARTBEAT_HEADERS, "a header")
        try:
            with _opener().open(request, timeout=ASK_S) as answer:
                answer.read(MOST_ANSWER_BYTES)
        except urllib.error.HTTPError as error:
            error.close()
            raise Undelivered(f"{where} does not take the heartbeat ({error.code}).", refused=True) from None
        except urllib.error.URLError as error:
            raise Undelivered(f"{where} is not reached: {_why(error.reason)}.") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Undelivered(f"{where} is not reached: {_why(error)}.") from None
        return ""


def _opener() -> urllib.request.OpenerDirector:
    """What asks: made for each heartbeat, since what TLS takes is not needed in between."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        # No file:// and no proxy of the environment, which would see the address.
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=trusting()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Straight(),
    ):
        opener.add_handler(handler)
    return opener


def _why(reason: object) -> str:
    """Return a reason in our words: what the other side said stays there."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate is not valid for this name, or nobody here trusts it"
    if isinstance(reason, ssl.SSLError):
        return "it speaks no TLS that we know"
    if isinstance(reason, TimeoutError):
        return f"it does not answer within {ASK_S:.0f} s"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return "its answer is no HTTP"
