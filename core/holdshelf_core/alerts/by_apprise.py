"""Any service that Apprise knows, from the extra `holdshelf[apprise]`. Nothing of its logs leaves it: they hold URLs."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from holdshelf_core.alerts.allowed import APPRISE, only
from holdshelf_core.alerts.types import AppriseWay
from holdshelf_core.alerts.ways import Undelivered
from holdshelf_core.alerts.words import Message

MOST_ANSWER_BYTES: Final = 64 << 10
_INSTALL: Final = (
    "Apprise is not installed: install `requirements/apprise.lock` as docs/alerts.md says, and restart the service."
)


class Apprise:
    """The `Transport` of one Apprise way."""

    def __init__(self, settings: AppriseWay) -> None:
        """Load what its URL needs. What is missing or wrong is told with each message: the way stays."""
        self._target: Any = None
        self._problem = ""
        try:
            import apprise  # noqa: PLC0415 - an extra, and large
        except ImportError:
            self._problem = _INSTALL
            return
        logging.getLogger("apprise").disabled = True
        _bound_answers()
        self._apprise = apprise
        target = apprise.Apprise()
        services = _load_service(settings.service)
        understood = target.add(settings.secret)
        if not understood:
            services.load_modules()
            understood = target.add(settings.secret)
        if understood:
            self._target = target
        else:
            self._problem = f"Apprise does not understand the URL of {settings.name}: see its own documents for {settings.service}://."

    def deliver(self, message: Message) -> str:
        """See `Transport`."""
        if self._target is None:
            raise Undelivered(self._problem, refused=True)
        kinds = self._apprise.NotifyType
        kind = (
            kinds.SUCCESS
            if message.is_over
            else {"error": kinds.FAILURE, "warning": kinds.WARNING}.get(message.severity)
        )
        given = {"title": message.subject, "body": message.text, "notify_type": kind or kinds.INFO}
        only(given, APPRISE, "what Apprise is given")
        if not self._target.notify(**given):
            raise Undelivered("The service behind the Apprise URL does not take the message, or is not reached.")
        return ""

    def give_up(self) -> None:
        """See `Transport`: its thread ends by the library's own time limits."""


def _load_service(scheme: str) -> Any:
    """Have Apprise load the services of this scheme alone: all 140 take 20 MB more. Returns its manager of services.

    The manager takes the names of its modules from a folder. Before the first that it is given, it loads all by itself.
    """
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415 - an extra, and large

    services: Any = NotificationManager()  # type: ignore[no-untyped-call]
    if services and scheme in services:
        return services
    names = re.compile(rf"""protocol\b[^=]*=[^=)]*["']{re.escape(scheme)}["']""")
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as folder:
        for module in Path(services.module_path).iterdir():
            files = module.rglob("*.py") if module.is_dir() else [module] if module.suffix == ".py" else []
            if any(names.search(file.read_text(encoding="utf-8")) for file in files):
                Path(folder, module.name).touch()
        services.load_modules(path=folder, name=services.module_name_prefix)
    return services


def _bound_answers() -> None:
    """Have `requests` read no more than the beginning of an answer: Apprise's services look at its code."""
    import requests  # noqa: PLC0415 - comes with Apprise

    send = requests.Session.send

    def bounded(self: Any, request: Any, **more: Any) -> Any:
        response = send(self, request, **{**more, "stream": True, "allow_redirects": False})
        response._content = response.raw.read(MOST_ANSWER_BYTES, decode_content=False)
        response._content_consumed = True
        response.close()
        return response

    requests.Session.send = bounded  # type: ignore[method-assign]
