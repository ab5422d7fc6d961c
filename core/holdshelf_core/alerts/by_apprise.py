"""One message to a service that Apprise knows, from the extra `holdshelf[apprise]`, in a process of its own that then ends.

Its memory and its time are bounded by the kernel, whatever a service of Apprise does with what it is answered. It is confined
as the sender is, and writes no file at all. Nothing of Apprise's logs leaves it: they hold URLs.
``python -m holdshelf_core.alerts.by_apprise``; it is told a `link.Task`, and says `Ready` once it is confined, then a
`link.Delivered`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import ssl
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

from holdshelf_core.alerts import link
from holdshelf_core.alerts.allowed import APPRISE, only
from holdshelf_core.alerts.types import AppriseWay
from holdshelf_core.alerts.ways import DELIVER_S, Undelivered
from holdshelf_core.processes import online
from holdshelf_core.processes.confinement import confine_sender
from holdshelf_core.processes.online_link import Ready, line_of

_LOGGER = logging.getLogger(__name__)

MORE_MEMORY_BYTES: Final = 32 << 20
"""Address space beyond what Apprise takes with its service loaded: a message is short, and so is an answer that is one."""
OPEN_FILES: Final = 64
ENDS_S: Final = DELIVER_S + 5
"""The kernel ends the process then: the service, which does so before, may have ended itself."""
MOST_ANSWER_BYTES: Final = 64 << 10
_NICENESS: Final = 5  # recording comes first
_INSTALL: Final = (
    "Apprise is not installed: install `requirements/apprise.lock` as docs/alerts.md says, and restart the service."
)


class Apprise:
    """One Apprise way, loaded."""

    def __init__(self, settings: AppriseWay) -> None:
        """Load what its URL needs. What is missing or wrong is told when a message is to be delivered."""
        self._target: Any = None
        self._problem = ""
        self._why = ""
        """Why the last request failed, in our words."""
        try:
            _leave_out()
            import apprise  # noqa: PLC0415 - an extra, and large
        except ImportError:
            self._problem = _INSTALL
            return
        logging.getLogger("apprise").disabled = True
        self._bound_answers()
        self._apprise = apprise
        target = apprise.Apprise()
        services = _load_service(settings.service)
        understood = target.add(settings.secret)
        if not understood:
            services.load_modules()
            understood = target.add(settings.secret)
        if understood:
            self._target = target
            for service in target:
                self._note_memory(service)
        else:
            self._problem = f"Apprise does not understand the URL of {settings.name}: see its own documents for {settings.service}://."

    def deliver(self, message: link.Message) -> None:
        """Deliver it. Raises Undelivered."""
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
            why = self._why or "does not take the message, or is not reached"
            raise Undelivered(f"The service behind the Apprise URL {why}.")

    def _note_memory(self, service: Any) -> None:
        """Apprise takes each exception of a service for a failure, and tells no kind."""
        notify = service.notify

        def noting(*given: Any, **more: Any) -> Any:
            try:
                return notify(*given, **more)
            except MemoryError:
                self._why = "answers without end"
                raise

        service.notify = noting

    def _bound_answers(self) -> None:
        """Have `requests` read no more than the beginning of an answer: Apprise's services look at its code."""
        import requests  # noqa: PLC0415 - comes with Apprise

        send = requests.Session.send

        def bounded(session: Any, request: Any, **more: Any) -> Any:
            try:
                response = send(session, request, **{**more, "stream": True, "allow_redirects": False})
            except requests.exceptions.SSLError:
                self._why = "has no certificate that is valid for it and trusted here, or speaks no TLS"
                raise
            except requests.exceptions.Timeout:
                self._why = "does not answer"
                raise
            except requests.exceptions.RequestException:
                self._why = "is not reached, or answers no HTTP"
                raise
            if response.status_code >= 300:
                self._why = f"does not take the message ({response.status_code})"
            response._content = response.raw.read(MOST_ANSWER_BYTES, decode_content=False)
            response._content_consumed = True
            response.close()
            return response

        requests.Session.send = bounded  # type: ignore[method-assign,assignment]


def main() -> None:
    """Entry point. The service writes to standard input and reads standard output; standard error is its own."""
    begun = online.begin(link.Task, link.to_delivery.decode, _NICENESS)
    if begun is None:
        return
    task, _ = begun
    signal.setitimer(signal.ITIMER_REAL, ENDS_S)
    sys.stdout = None  # of a service that prints, nothing is an answer
    _trust_this_machines_authorities()
    way = Apprise(task.way)
    confined = confine_sender(online.readable(), more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
    os.write(1, line_of(Ready(confined.landlock_abi, confined.seccomp)))
    delivered = link.Delivered(task.number)
    try:
        way.deliver(task.message)
    except Undelivered as error:
        delivered = link.Delivered(task.number, error.sentence, error.refused)
    except Exception as error:
        # Its words may hold the URL.
        _LOGGER.error("a delivery by Apprise failed: %s", type(error).__name__)
        delivered = link.Delivered(task.number, "The delivery by Apprise failed in this program; please report this.")
    os.write(1, line_of(delivered))
    os._exit(0)  # a thread may still wait for a server that does not answer


def _trust_this_machines_authorities() -> None:
    """Have `requests` check certificates as mail does, whatever list of its own or of the environment there is."""
    paths = ssl.get_default_verify_paths()
    if trusted := paths.cafile or paths.capath:
        os.environ["REQUESTS_CA_BUNDLE"] = trusted


def _leave_out() -> None:
    """Have `requests` do without what guesses how an answer is encoded, which takes 2 MB: nobody here reads one."""
    warnings.simplefilter("ignore")  # it would say so in the journal, for each message
    for name in ("chardet", "charset_normalizer"):
        sys.modules[name] = None  # type: ignore[assignment]  # whoever imports it gets an ImportError


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


if __name__ == "__main__":
    main()
