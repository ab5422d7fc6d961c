"""Each mistake of docs/mistakes.md, typed at a real service: the answer is that sentence, and nothing has changed."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.alerts.types import ReadAlerts
from holdshelf_core.api.types import ReadStatus
from holdshelf_core.people.board_types import ReadPolicy
from holdshelf_core.people.types import ReadPeople, ReadSeats
from tests.service import Service
from tests.tui.cli.mistakes import MISTAKES, PAGE, Mistake, page
from tests.tui.cli.test_driver import run
from tests.tui.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("mistakes")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the admin stands."""
    made = tmp_path_factory.mktemp("admin")
    (made / "password.txt").write_text("a-long-password\n")
    (made / "password.txt").chmod(0o600)
    (made / "policy.txt").write_text("P1. Cameras are there for safety.\n")
    (made / "there.tar").write_text("something else\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made / "pat"], check=True)
    return made


def state(service: Service) -> object:
    """People, cameras, the policy and the ways that tell: what a mistake could have changed."""
    read = service.client.read
    cameras = [(row.id, row.name) for row in read(ReadStatus()).cameras]
    return cameras, read(ReadPeople()), read(ReadSeats()), read(ReadPolicy()), read(ReadAlerts())


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.typed[:60])
def test_a_mistake_gets_its_sentence_and_changes_nothing(stage: Stage, folder: Path, mistake: Mistake) -> None:
    before, files = state(stage.service), sorted(file.name for file in folder.iterdir())
    done = run(*shlex.split(mistake.typed), env={"HOLDSHELF_DATA": str(stage.service.data)}, cwd=folder)
    assert done.refusal().replace(f"{folder}/", "") == mistake.answer
    assert state(stage.service) == before
    assert sorted(file.name for file in folder.iterdir()) == files


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.tui.cli.mistakes"
    assert len(MISTAKES) >= 30
