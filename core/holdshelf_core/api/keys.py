"""What an SSH public key must be to log in: the same rule where it is enrolled and where it is shown at the door."""

from __future__ import annotations

from holdshelf_core.policy.keys import PublicKey, parse_public_key

__all__ = ["PublicKey", "parse_public_key"]
