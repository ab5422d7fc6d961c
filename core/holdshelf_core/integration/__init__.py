"""Everything that an integration uses: entries, models, repairs, errors and the root object."""

from holdshelf_core.integration.bus import Event
from holdshelf_core.integration.reasons import ANOTHER_CAMERA

from .entry import ConfigEntry, EntryState
from .errors import EntryAuthFailed, EntryError, EntryNotReady, FlowError
from .models import CHANNEL_MARK, CameraRecording, DiscoveredCamera, EntryDraft, StreamChoice, StreamSource
from .repairs import CameraCondition, Repair, RepairRegistry, Severity
from .root import Holdshelf

__all__ = [
    "ANOTHER_CAMERA",
    "CHANNEL_MARK",
    "CameraCondition",
    "CameraRecording",
    "ConfigEntry",
    "DiscoveredCamera",
    "EntryAuthFailed",
    "EntryDraft",
    "EntryError",
    "EntryNotReady",
    "EntryState",
    "Event",
    "FlowError",
    "Holdshelf",
    "Repair",
    "RepairRegistry",
    "Severity",
    "StreamChoice",
    "StreamSource",
]
