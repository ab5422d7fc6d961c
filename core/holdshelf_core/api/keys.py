"""Requirements for an SSH public key to log in: the same rule at enrollment and at login."""

from __future__ import annotations

from holdshelf_core.policy.keys import PublicKey, parse_public_key

__all__ = ["PublicKey", "parse_public_key"]
