"""Names of cameras that need a confirmation (P5), for forms."""

from holdshelf_core.policy.areas import questionable_name

__all__ = ["questionable_name"]
