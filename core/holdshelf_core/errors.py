"""Every error that core shows to a person or raises to another package.

``str(error)`` is one sentence: what happened, where, what to do. A traceback is never shown on a screen::

    HoldshelfError
    ├── BadRequest            the request is invalid (HTTP 400)
    ├── NotFound              no such camera, entry, day (HTTP 404)
    ├── Conflict              already exists, or busy (HTTP 409)
    ├── NotPermitted          this caller may not (HTTP 403)
    │   └── Refused           the policy refuses: clause, sentence, who can help
    │       └── UnknownKey    a login with a key that belongs to nobody
    ├── Unavailable           the service, the disk or a device is not available now (HTTP 503)
    │   └── Unreachable       no service answers: restarting or not running (raised by the client, never sent)
    └── integration errors    EntryNotReady, EntryAuthFailed, EntryError, FlowError (holdshelf_core.integration.errors)
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r"\([^()]{1,60}: .+\)\.?$", re.DOTALL)
"""A clause in the words of the policy in force, as a decision quotes it: '… (7.4: Footage is kept for 30 days.)'."""


class HoldshelfError(Exception):
    """Base class. ``next_step`` says what the person can do, if the sentence does not."""

    status = 500
    field = ""
    """The form field to correct, if any."""

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}".strip()


class BadRequest(HoldshelfError):
    """The request is invalid; nothing was changed."""

    status = 400


class NotPermitted(HoldshelfError):
    """The caller is known and not allowed to do this."""

    status = 403


class Refused(NotPermitted):
    """The policy refuses. ``clause`` is its id (RULES P1–P21), ``who`` names who can help."""

    def __init__(self, clause: str, sentence: str, who: str = "") -> None:
        is_cited = not clause or f"({clause}" in sentence or _QUOTED.search(sentence)
        quoted = sentence if is_cited else f"{sentence.rstrip('.')} ({clause})."
        super().__init__(quoted, who)
        self.clause = clause
        self.who = who


class UnknownKey(Refused):
    """A login with a key that belongs to nobody or to someone else, so the identity is not proven."""


class NotFound(HoldshelfError):
    """The named object does not exist."""

    status = 404


class Conflict(HoldshelfError):
    """It already exists, or another action is in progress."""

    status = 409


class Unavailable(HoldshelfError):
    """The service, the disk or a device is not available now; a retry may work."""

    status = 503


class Unreachable(Unavailable):
    """No service answers on its socket, or the connection broke; a retry may work in a moment."""
