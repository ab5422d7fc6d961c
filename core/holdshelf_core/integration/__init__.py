"""All that an integration meets: entries, models, repairs, errors and the root object."""

from holdshelf_core.reasons import ANOTHER_CAMERA

from .entry import ConfigEntry, EntryState
from .errors import EntryAuthFailed, EntryError, EntryNotReady, FlowError
from .models import DiscoveredCamera, EntryDraft, StreamSource
from .repairs import Repair, RepairRegistry
from .root import Holdshelf

__all__ = [
    "ANOTHER_CAMERA",
    "ConfigEntry",
    "DiscoveredCamera",
    "EntryAuthFailed",
    "EntryDraft",
    "EntryError",
    "EntryNotReady",
    "EntryState",
    "FlowError",
    "Holdshelf",
    "Repair",
    "RepairRegistry",
    "StreamSource",
]
