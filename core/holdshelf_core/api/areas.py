"""Where a camera may look, for forms: the policy's own list of places (P4), and which names are asked back (P5)."""

from holdshelf_core.areas import PERMITTED, Area, questionable_name

__all__ = ["PERMITTED", "Area", "questionable_name"]
