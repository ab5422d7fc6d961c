"""A furnished house for tests that reach the rules as people do: by acts, log-ins and reads, never by calling a rule."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules_furnished import House, furnish
from tests.rules_house import Rig
from tests.rules_machine import Template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return furnish(tmp_path_factory.mktemp("furnished"))


@pytest.fixture
def house(template: Template, tmp_path: Path) -> Iterator[House]:
    rig = Rig(tmp_path / "house", template.folder, copy.copy(template.time))
    rig.start()
    yield House(rig)
    rig.close()
