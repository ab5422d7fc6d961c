"""Boxes over other people in a release, for forms: the register's own, and where one is at a time."""

from holdshelf_core.policy.model import KeyPoint, MovingBox
from holdshelf_core.policy.redaction import FULL, Place, place

__all__ = ["FULL", "KeyPoint", "MovingBox", "Place", "place"]
