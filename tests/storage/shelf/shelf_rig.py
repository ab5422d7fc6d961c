"""A hold whose footage is put on the shelf, and the same folder taken up once more."""

from __future__ import annotations

from pathlib import Path

from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.shelf.shelf import Shelf
from tests.storage.conftest import House
from tests.storage.footage.footage_files import NS

DAY_NS = 86_400 * NS
HOLD = "H-2026-0001"
FACTS = b'{"holdshelf":1,"hold":{"id":"H-2026-0001"}}\n'


def again(house: House, root: Path | None = None) -> tuple[Shelf, Footage, Ledger]:
    house.detach()
    volume, ledger, footage = house.attach(root)
    footage.recover()
    return Shelf(volume, ledger, footage), footage, ledger


def put(shelf: Shelf, *spans: HoldSpan, hold: str = HOLD) -> None:
    shelf.write_hold(hold, FACTS)
    shelf.shelve(hold, spans)
