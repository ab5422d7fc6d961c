"""Whatever is declared can be asked for, and answers what it declares."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest

import holdshelf_core
from holdshelf_core.acts import Act, Read, answer_of
from tests.every_act import every_act

for found in pkgutil.walk_packages(holdshelf_core.__path__, "holdshelf_core."):
    if found.name.rsplit(".", 1)[-1].endswith("types"):
        importlib.import_module(found.name)


def declared(kind: type[Any]) -> set[type[Any]]:
    """All requests of that kind, without those that only carry fields for others."""
    every = set(kind.__subclasses__())
    for one in list(every):
        every |= declared(one)
    return {one for one in every if "spec" in vars(one)}


REGISTRY = every_act()


@pytest.mark.parametrize(
    "request_type", sorted(declared(Act), key=lambda one: one.spec.name), ids=lambda one: one.spec.name
)
def test_an_act_that_is_declared_is_handled_and_says_its_answer(request_type: type[Any]) -> None:
    action = REGISTRY.get(request_type.spec.name)
    assert action is not None
    assert action.request is request_type
    assert answer_of(request_type) is not None
    assert request_type.__doc__


@pytest.mark.parametrize(
    "request_type", sorted(declared(Read), key=lambda one: one.spec.path), ids=lambda one: one.spec.path
)
def test_a_read_that_is_declared_is_answered(request_type: type[Any]) -> None:
    assert request_type in REGISTRY.reads
    assert answer_of(request_type) is not None


def test_no_name_and_no_path_is_taken_twice() -> None:
    names = [one.spec.name for one in declared(Act)]
    paths = [(one.spec.method, one.spec.path) for one in declared(Read)]
    assert len(set(names)) == len(names)
    assert len(set(paths)) == len(paths)
