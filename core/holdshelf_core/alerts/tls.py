"""The context that checks certificates against this machine's authorities: one for all ways, while any of them needs it.

One takes most of a megabyte, and each of sixteen ways whose servers hang would have its own.
"""

from __future__ import annotations

import ssl
import threading
from weakref import WeakValueDictionary

_lock = threading.Lock()
_in_use: WeakValueDictionary[str, ssl.SSLContext] = WeakValueDictionary()


def trusting() -> ssl.SSLContext:
    """Return it, from any thread. It is never changed."""
    with _lock:
        context = _in_use.get("")
        if context is None:
            context = _in_use[""] = ssl.create_default_context()
        return context
