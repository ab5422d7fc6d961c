"""Places where a camera may look, for forms: the policy's list (P4), and the names that need a confirmation (P5)."""

from holdshelf_core.policy.areas import PERMITTED, Area, questionable_name

__all__ = ["PERMITTED", "Area", "questionable_name"]
