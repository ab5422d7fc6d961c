"""Change one thing in the product, run the tests of its area, and say which changes no test saw: `make mutants`.

    python scripts/mutants.py --python PYTHON [--sample N] [--seed N] [--area NAME …] [--tests REVISION]

cosmic-ray (docs/adr/0070) makes the changes and runs the tests, in a clone of HEAD: what is not committed does not count.
``--tests``: with the tests of another commit, to compare what they see of the same changes. Ends with 1 if a change survived.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmic_ray.work_db import WorkDB
    from cosmic_ray.work_item import WorkItem, WorkResult

BUILD = Path("build/mutants")
TIMEOUT_S, TEST_TIMEOUT_S = 900.0, 150
"""For all tests of an area, and for one of them, which a change may make wait without end."""
SAMPLE, SEED = 12, 20_261_130
NO_CHANGE = re.compile(r"core/(ReplaceBinaryOperator_BitOr_|RemoveDecorator)")
"""Types are written `A | B` and never run; what a decorator is for, its absence breaks at import."""


@dataclass(frozen=True)
class Area:
    """Folders or files of the product, and the tests that are to notice a change there."""

    name: str
    product: tuple[str, ...]
    tests: tuple[str, ...]


CORE, STORAGE = "core/holdshelf_core", "storage/holdshelf_storage"
AREAS = (
    Area("rules", (f"{CORE}/policy",), ("tests/core/policy",)),
    Area("log", (f"{STORAGE}/access_log",), ("tests/storage/access_log",)),
    Area(
        "holds",
        (f"{CORE}/holds", f"{CORE}/buffer/sweeper.py", f"{CORE}/buffer/retention.py", f"{STORAGE}/shelf"),
        ("tests/storage/shelf", "tests/core/holds", "tests/core/buffer"),
    ),
    Area(
        "segments",
        (f"{STORAGE}/footage", f"{STORAGE}/mp4", f"{STORAGE}/volume"),
        ("tests/storage/footage", "tests/storage/mp4", "tests/storage/volume"),
    ),
    Area("releases", (f"{CORE}/releases",), ("tests/core/releases",)),
    Area(
        "keys",
        (f"{CORE}/api/ssh", f"{CORE}/people/logins.py", f"{CORE}/people/login_rate.py"),
        ("tests/core/api", "tests/core/people"),
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, required=True, help="with the product's libraries and pytest")
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--area", choices=[area.name for area in AREAS], action="append")
    parser.add_argument("--tests", default="HEAD", help="a revision whose tests run")
    asked = parser.parse_args()
    areas = [area for area in AREAS if not asked.area or area.name in asked.area]
    tree = _clone(asked.tests)
    survived = made = 0
    for number, area in enumerate(areas):
        count = asked.sample // len(areas) + (number < asked.sample % len(areas))
        done = _run(area, tree, asked.python.absolute(), count, f"{asked.seed} {area.name}")
        lived = [(item, result) for item, result in done if result.test_outcome == "survived"]
        print(f"{area.name}: {len(done) - len(lived)} of {len(done)} noticed", flush=True)
        for item, result in lived:
            _tell(item, result)
        survived, made = survived + len(lived), made + len(done)
    print(f"{made - survived} of {made} changes were noticed")
    return 1 if survived or not made else 0


def _clone(tests: str) -> Path:
    """A clone of HEAD with the tests of that revision."""
    tree = (BUILD / "tree").absolute()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    subprocess.run(["git", "clone", "--quiet", "--shared", ".", str(tree)], check=True)
    subprocess.run(["git", "checkout", "--quiet", tests, "--", "tests"], cwd=tree, check=True)
    return tree


def _run(area: Area, tree: Path, python: Path, count: int, seed: str) -> list[tuple[WorkItem, WorkResult]]:
    from cosmic_ray.work_db import WorkDB, use_db  # noqa: PLC0415 - tests read AREAS where it is not installed

    config, session = (BUILD / f"{area.name}.{kind}" for kind in ("toml", "sqlite"))
    command = (
        f"{python} -m pytest -x -q -p no:cacheprovider --timeout {TEST_TIMEOUT_S} -m 'not soak' {' '.join(area.tests)}"
    )
    product = ", ".join(f'"{path}"' for path in area.product)
    config.write_text(
        f'[cosmic-ray]\nmodule-path = [{product}]\ntimeout = {TIMEOUT_S}\ntest-command = "{command}"\n'
        'excluded-modules = []\n\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    _cosmic_ray(tree, "init", config.absolute(), session.absolute())
    with use_db(session, WorkDB.Mode.open) as database:
        _leave(database, count, seed)
    print(f"{area.name}: its tests, with nothing changed", flush=True)
    _cosmic_ray(tree, "baseline", config.absolute())
    _cosmic_ray(tree, "exec", config.absolute(), session.absolute())
    with use_db(session, WorkDB.Mode.open) as database:
        items = {item.job_id: item for item in database.work_items}
        return [(items[job], result) for job, result in database.results if result.test_outcome is not None]


def _leave(database: WorkDB, count: int, seed: str) -> None:
    """Of all changes that could be made, so many, drawn by the seed; the same ones as long as the product is the same."""
    from cosmic_ray.work_item import WorkerOutcome, WorkResult  # noqa: PLC0415

    able = [item for item in database.work_items if not NO_CHANGE.match(item.mutations[0].operator_name)]
    able.sort(key=_place)
    drawing = random.Random(seed)  # noqa: S311 - the same ones again
    drawn = {item.job_id for item in drawing.sample(able, min(count, len(able)))}
    skipped = [item.job_id for item in database.work_items if item.job_id not in drawn]
    database.set_multiple_results(skipped, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def _place(item: WorkItem) -> tuple[object, ...]:
    change = item.mutations[0]
    return str(change.module_path), change.start_pos, change.operator_name, change.occurrence


def _cosmic_ray(tree: Path, *words: object) -> None:
    roots = os.pathsep.join(str(tree / root) for root in ("core", "onvif", "storage", "tui"))
    command = [Path(sys.executable).with_name("cosmic-ray"), *map(str, words)]
    if subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": roots}, check=False).returncode:
        sys.exit(f"mutants: `{' '.join(map(str, command))}` failed; see above.")


def _tell(item: WorkItem, result: WorkResult) -> None:
    change = item.mutations[0]
    print(f"  {change.module_path}:{change.start_pos[0]}: {change.operator_name}")
    for line in _changed(result.diff or ""):
        print(f"    {line}")
    sys.stdout.flush()


def _changed(diff: str) -> Iterable[str]:
    lines: Sequence[str] = diff.splitlines()
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


if __name__ == "__main__":
    sys.exit(main())
