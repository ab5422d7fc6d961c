"""Random sequences of acts on an installation whose disk fails: each step, and each fault in it, is followed by a check."""

from __future__ import annotations

import random
from pathlib import Path

from holdshelf_core.errors import HoldshelfError
from holdshelf_storage.errors import StorageError
from tests.core.holds.installation import Installation, OnLoopDisk
from tests.rig.faults import LoopImage
from tests.storage.faulty import Dead

ACTS = (
    ("record", 14), ("place", 3), ("extend", 1), ("shelve", 3), ("lift", 2), ("pass_time", 2), ("end_grace", 2),
    ("sweep", 5), ("archive", 1), ("drain", 1), ("unite", 1),
)  # fmt: skip
FAULTS = ("EIO", "ENOSPC", "before", "after")


def run_sequence(root: Path, seed: int, length: int = 30, *, disk: LoopImage | None = None) -> Installation:
    """One random sequence; raises AssertionError, naming the seed and the steps, when something untrue is found.

    ``disk``: a mounted image that `root` lies on; with it every crash is a real power cut.
    """
    rng = random.Random(seed)
    budget = rng.choice([3, 6, 12])
    if disk is None:
        house = Installation(root, rng, budget_segments=budget)
    else:
        house = OnLoopDisk(root, rng, budget_segments=budget, image=disk)
    house.start()
    names = [name for name, weight in ACTS for _ in range(weight)]
    try:
        for _ in range(length):
            act = rng.choice(names)
            fault = rng.choice(FAULTS) if rng.random() < 0.35 else ""
            house.steps.append(f"{act} {fault}")
            if rng.random() < 0.1:
                house.older = dict(house.rows)
            _one(house, act, fault)
            house.check_held()
            roll = rng.random()
            if roll < 0.02:
                house.steps.append("lose footage")
                house.lose_footage()
            elif roll < 0.04:
                house.steps.append("lose state")
                house.lose_state()
            elif roll < 0.06:
                house.steps.append("roll back")
                house.roll_back()
            elif roll < 0.10:
                house.steps.append("restart")
                house.restart(power_cut=disk is not None or rng.random() < 0.5)
            house.check_held()
        house.steps.append("end")
        house.restart()
        house.unite()
        house.end_grace()
        house.shelve()
        house.sweep()
        house.check_held()
        house.check_whole()
    except BaseException as error:
        error.add_note(f"seed {seed}: " + ", ".join(house.steps))
        raise
    finally:
        house.stop()
        if isinstance(house, OnLoopDisk) and house.image is not disk:
            house.image.__exit__()
    return house


def _one(house: Installation, act: str, fault: str) -> None:
    if fault:
        house.disk.arm(fault, house.rng.choice([1, 2, 3, 5, 8, 13, 21, 34]))
    try:
        getattr(house, act)()
    except (StorageError, HoldshelfError) as error:
        assert house.disk.fired, f"{act} failed without a fault: {error}"
        house.steps[-1] += f" ({house.disk.fired}: {error})"
    except Dead:
        house.steps[-1] += f" ({house.disk.fired})"
        for attempt in range(3):
            try:
                cut = house.rng.random() < 0.5 or isinstance(house, OnLoopDisk)
                house.steps.append("power cut" if cut else "kill")
                house.restart(power_cut=cut)
                break
            except Dead:  # pragma: no cover - armed only in start
                assert attempt < 2
    if house.disk.fired and house.disk.fired not in " ".join(house.steps[-3:]):
        house.steps[-1] += f" (survived: {house.disk.fired})"
    house.disk.disarm()
