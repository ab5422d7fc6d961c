"""Which volume a log leads to: the first that it names, until an entry says that the disk was replaced or adopted.

Anchors count for one volume alone, by its id in `volume.json`. Whoever wrote another id into both copies of that file would leave
all earlier anchors behind. So an id is believed only if the log's own entries lead to it. Only reads.
"""

from typing import Final

from holdshelf_storage.access_log.lines import Entry
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.anchors import Batch
from holdshelf_storage.errors import BadEntry

MEDIA_CHANGES: Final = ("media.replaced", "media.adopted")
"""Entries from which on the log is about another volume: `facts.volume`."""
ACTIONS: Final = (anchors.ACTION, *MEDIA_CHANGES)
"""All entries that `Lineage.take` looks at."""


class Lineage:
    """The volume that the entries taken so far lead to. Take them in the log's order."""

    def __init__(self) -> None:
        self.volume = ""
        """'' before any entry names one: then any volume is believed."""
        self.seq = 0
        """The entry that named it."""

    def take(self, entry: Entry) -> Batch | None:
        """Take the next entry; return its batch, None for an entry without one. Raises BadEntry when it cannot be read."""
        batch = anchors.batch_of(entry)
        if batch is not None:
            if not self.volume:
                self.volume, self.seq = batch.papers.volume, entry.seq
        elif entry.public.get("action") in MEDIA_CHANGES and entry.public.get("outcome") == "done":
            facts = entry.public.get("facts")
            volume = facts.get("volume") if isinstance(facts, dict) else None
            if not isinstance(volume, str) or not volume:
                raise BadEntry(f"Entry {entry.seq} of the access log, a change of the media disk, cannot be read.")
            self.volume, self.seq = volume, entry.seq
        return batch

    def problem(self, volume: str) -> str:
        """Return why `volume` is not believed, as the end of a sentence; '' when it is."""
        if not self.volume or volume == self.volume:
            return ""
        return (
            f"`volume.json` names volume {volume}, while entry {self.seq} of the log names {self.volume}, and no later entry "
            "says that the disk was replaced or adopted."
        )
