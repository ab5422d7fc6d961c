"""How long a test waits for what must come before it says that it hangs."""

from __future__ import annotations

HANG_S = 60.0
"""One limit for all that is waited for. It is no promise: a slow machine that does other things as well gets there within it."""
