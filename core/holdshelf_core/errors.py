"""Every error that core lets a person or another part see.

``str(error)`` is one sentence: what, where, what to do. Nothing here is ever a traceback on a screen::

    HoldshelfError
    ├── BadRequest            the caller asked for something that cannot be (HTTP 400)
    ├── NotFound              no such camera, entry, day (HTTP 404)
    ├── Conflict              already there, or busy (HTTP 409)
    ├── NotPermitted          this caller may not (HTTP 403)
    │   └── Refused           the policy says no: clause, sentence, who can help
    │       └── UnknownKey    a log-in with a key that is nobody's
    ├── Unavailable           the service, the disk or a device is not there now (HTTP 503)
    │   └── Unreachable       no service answers: it is restarting, or is none (never sent; the client's own)
    └── integration errors    EntryNotReady, EntryAuthFailed, EntryError, FlowError (holdshelf_core.integration.errors)
"""

from __future__ import annotations


class HoldshelfError(Exception):
    """Base of the family. ``next_step`` says what the person can do, where that is not in the sentence."""

    status = 500
    field = ""
    """Which field of a form is to be corrected, where it is one."""

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}".strip()


class BadRequest(HoldshelfError):
    """The request itself is wrong; nothing was changed."""

    status = 400


class NotPermitted(HoldshelfError):
    """The caller is known and may not do this."""

    status = 403


class Refused(NotPermitted):
    """The policy says no. ``clause`` is its id (RULES P1–P21), ``who`` names who can help."""

    def __init__(self, clause: str, sentence: str, who: str = "") -> None:
        quoted = sentence if not clause or f"({clause}" in sentence else f"{sentence.rstrip('.')} ({clause})."
        super().__init__(quoted, who)
        self.clause = clause
        self.who = who


class UnknownKey(Refused):
    """A log-in with a key that is nobody's, or not that person's: whose it is was not proved."""


class NotFound(HoldshelfError):
    """What was named does not exist."""

    status = 404


class Conflict(HoldshelfError):
    """It exists already, or another act is under way."""

    status = 409


class Unavailable(HoldshelfError):
    """It may work later: the service, the disk or a device is not there now."""

    status = 503


class Unreachable(Unavailable):
    """No service answers at its socket, or it broke off: it may be back in a moment."""
