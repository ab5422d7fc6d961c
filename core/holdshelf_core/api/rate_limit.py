"""Rate limits (``holdshelf_core.actions.rate_limit``)."""

from holdshelf_core.actions.rate_limit import RateLimit
from holdshelf_core.times import NS

__all__ = ["NS", "RateLimit"]
