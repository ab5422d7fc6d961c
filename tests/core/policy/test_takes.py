"""Which acts rest on a purpose, a ground or a basis: the rights say it, and this asks the rules and the service."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

from holdshelf_core import releases
from holdshelf_core.policy.rights import PERMISSIONS, TAKEN
from holdshelf_core.policy.schema import Case
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.cases import answer
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import read_bytes
from tests.core.policy_file.mistakes import SOUND


def acts_with(name: str) -> set[str]:
    return {act for act, rule in PERMISSIONS.items() if name in rule.takes}


@pytest.mark.parametrize("name", ["purpose", "ground"])
def test_a_purpose_or_a_ground_changes_the_answer_of_the_acts_that_take_one_and_of_no_other(name: str) -> None:
    """A role that may do each of them, with one that the policy lists and with one that it does not."""
    changed = set()
    for act in PERMISSIONS:
        said = {
            answer(first_policy(), Case("director", act, "yes", **{name: given})).allowed for given in ("", "no-such")
        }
        changed |= {act} if len(said) > 1 else set()
    assert changed == acts_with(name)


def test_the_acts_that_take_a_basis_are_those_before_which_the_service_asks_the_gates() -> None:
    asking = {spec for spec, source in handlers() if "hear(" in source or "_ask_gates(" in source}
    assert asking == acts_with("basis")


def handlers() -> Iterator[tuple[str, str]]:
    """Each act on releases, by its permission, with the source of its handler."""
    for module in pkgutil.iter_modules(releases.__path__):
        found = import_module(f"{releases.__name__}.{module.name}")
        for _, owner in inspect.getmembers(found, inspect.isclass):
            for _, handler in inspect.getmembers(owner, inspect.isfunction):
                for declared in getattr(handler, "declared_acts", ()):
                    yield getattr(declared.request.spec, "needs", ""), inspect.getsource(handler)


def test_every_act_takes_what_a_case_can_name() -> None:
    assert {name for rule in PERMISSIONS.values() for name in rule.takes} == set(TAKEN)
    assert set(TAKEN) <= set(Case.__struct_fields__)


@pytest.mark.parametrize(("given", "allowed"), [((), False), (("written",), False), (("written", "agency"), True)])
def test_a_case_of_a_request_is_yes_where_both_gates_pass(given: tuple[str, ...], allowed: bool) -> None:
    text = SOUND.replace('"hold"]', '"hold", "release"]')
    said = answer(
        Policy(read_bytes(text.encode(), "x")), Case("director", "release.request", "yes", basis="police", given=given)
    )
    assert said.allowed is allowed, said.sentence


def test_a_case_of_a_share_without_a_purpose_is_asked_for_the_first_one_to_share_for() -> None:
    text = SOUND.replace('"hold"]', '"hold", "share"]')
    text += '[[purpose]]\nkey = "witness"\nwords.en = "a witness"\nfor = ["share"]\n'
    said = answer(Policy(read_bytes(text.encode(), "x")), Case("director", "share.make", "yes"))
    assert said.allowed, said.sentence


@pytest.mark.parametrize("act", ["look.live", "look.archive", "purpose.widen", "purpose.open"])
def test_the_steps_of_a_purpose_are_asked_when_the_look_is_opened_and_not_for_each_picture(act: str) -> None:
    """As the service does: what is on record of the steps stands in the request that opens the look."""
    text = SOUND.replace('clause = "7.4"\n[keeping]', 'clause = "7.4"\nsteps = ["consult:board"]\n[keeping]')
    policy = Policy(read_bytes(text.encode(), "x"))
    assert answer(policy, Case("director", act, "yes", purpose="crime")).allowed is (act != "purpose.open")
    assert answer(policy, Case("director", act, "yes", purpose="crime", given=("consult:board",))).allowed
