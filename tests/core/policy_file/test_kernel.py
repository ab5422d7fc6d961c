"""Whatever a file says, the kernel stands: no valid file gives the admin a picture, opens a private room, lets go of a hold, or
lets anybody do what nobody may."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.policy import example
from holdshelf_core.policy.areas import PRIVATE
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.explain import table
from holdshelf_core.policy.gates import STATED
from holdshelf_core.policy.holds import ended_holds
from holdshelf_core.policy.model import RIGHTS
from holdshelf_core.policy.rights import NEVER, PERMISSIONS, second_does
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.schema import CameraClass, Keeping, PolicyFile, Range, Role, Screen, StandsIn, Steps
from holdshelf_core.policy.state import State
from holdshelf_core.policy.statute import JUDGE
from holdshelf_core.policy.tables import ALL, DECIDED, Policy
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.check_roles import NEEDED, SECOND
from holdshelf_core.policy_file.first import first_policy

FIRST = first_policy().file
KEYS = ("director", "deputy", "clerk", "board", "attorney")
DECIDES = st.lists(st.sampled_from([*DECIDED, "hold", "release", "seat", "camera", ALL]), max_size=6, unique=True)


def asked(keys: list[str]) -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    """What a basis asks for, and its steps."""
    needs = st.lists(st.sampled_from([*STATED, "danger", "scope"]), min_size=1, unique=True).map(tuple)
    steps = st.sampled_from([f"{kind}:{key}" for kind in ("consent", "consult", "tell") for key in keys] + [JUDGE])
    return st.fixed_dictionaries({"needs": needs, "steps": st.lists(steps, max_size=2, unique=True).map(tuple)})


@st.composite
def roles(draw: st.DrawFn) -> tuple[Role, ...]:
    """At least two: the first one does all that somebody must do; another can be the second person, on paper or not."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=2, max_size=5, unique=True))
    speaker, other = draw(st.sampled_from(keys)), draw(st.sampled_from(keys[1:]))
    found: list[Role] = []
    for number, key in enumerate(keys):
        on_paper = number > 0 and draw(st.booleans())
        decides = (*draw(DECIDES), *(NEEDED if not number else SECOND if key == other else ()))
        before = [role.key for role in found if not role.on_paper]
        stands_in = (
            StandsIn(role=draw(st.sampled_from(before)), after="72 hours")
            if before and not on_paper and draw(st.booleans())
            else None
        )
        found.append(
            Role(
                key=key,
                words={"en": key.capitalize()},
                rights=() if on_paper else tuple(draw(st.lists(st.sampled_from(RIGHTS), unique=True))),
                decides=tuple(dict.fromkeys(decides)),
                receives=("release.request",) if draw(st.booleans()) else (),
                stands_in=stands_in,
                on_paper=on_paper,
                speaks_for_board=key == speaker,
            )
        )
    return tuple(found)


@st.composite
def second_persons(draw: st.DrawFn, policy: Policy) -> dict[str, tuple[str, ...]]:
    """By act, who may be its second person. One role alone is drawn where somebody else asks, and to review only on paper."""
    found: dict[str, tuple[str, ...]] = {}
    for act in SECOND:
        can = [key for key, role in policy.roles.items() if role.on_paper or may(policy, key, second_does(act))]
        asking, reviews = askers(policy, act), act == "flag.review"
        one = [(key,) for key in can if (policy.roles[key].on_paper if reviews else asking != [key])]
        none = [] if reviews else [()]
        several = st.lists(st.sampled_from(can), min_size=2, unique=True).map(tuple)
        named = several | st.sampled_from([*one, *none]) if one or none else several
        left_out = policy.second(act)
        if (len(left_out) == 1 and left_out not in one) or draw(st.booleans()):
            found[act] = draw(named)
    return found


def may(policy: Policy, key: str, act: str) -> bool:
    """Whether its holder may do this, as such or for somebody who is away."""
    principal = (policy.stands_in(key) or ("",))[0]
    return policy.may(key, act) or policy.may(principal, act)


def askers(policy: Policy, act: str) -> list[str]:
    """Which roles ask for what a second person agrees to. Whoever has a letter of appointment asks for a release in no role."""
    asks = "release.request" if act == "release.approve" else act
    with_letters = any("release" in role.rights for role in policy.roles.values())
    return [key for key in policy.seats if may(policy, key, asks)] if asks == act or not with_letters else []


@st.composite
def files(draw: st.DrawFn) -> PolicyFile:
    """A policy file without a mistake: other roles with other rights, other second persons, purposes, steps and settings."""
    all_roles = draw(roles())
    keys = [role.key for role in all_roles]
    file = msgspec.structs.replace(FIRST, role=all_roles, second={})
    lengths = st.sampled_from(["", "1 minute", "3 days", "5 business days", "1 month", "1 year"])
    purposes = tuple(
        msgspec.structs.replace(purpose, roles=draw(st.sampled_from([(), (keys[0],)])))
        for purpose in FIRST.purpose
        if draw(st.booleans()) or purpose.key in ("crime", "other")
    )
    consent = (f"consent:{draw(st.sampled_from(keys))}",)
    before = draw(st.sampled_from([consent, Steps(steps=consent, clause=FIRST.clause[0].id)]))
    return msgspec.structs.replace(
        file,
        second=draw(second_persons(Policy(file))),
        steps={"commission.approve": before} if draw(st.booleans()) else {},
        purpose=purposes,
        setting={"live_minutes": Range(value=draw(st.integers(1, 60)), least=1, most=60)},
        basis=tuple(msgspec.structs.replace(basis, **draw(asked(keys))) for basis in FIRST.basis),
        ground=tuple(msgspec.structs.replace(ground, at_most=draw(lengths)) for ground in FIRST.ground),
        keeping=Keeping(at_most=draw(lengths)),
        camera_class=(CameraClass(key="all", places=tuple(place.key for place in FIRST.place if not place.private)),),
        screen=(Screen(key="desk", audience=("staff",), classes=("all",), ends="20:00"),),
        case=(),
    )


def in_private_rooms(policy: Policy, kind: str) -> State:
    house = example.house(policy)
    return replace(
        house,
        cameras={key: replace(facts, area_kind=kind) for key, facts in house.cameras.items()},
    )


@given(files())
def test_each_file_that_is_drawn_is_without_a_mistake(file: PolicyFile) -> None:
    """So that none is thrown away."""
    assert not mistakes(file)


@given(files())
def test_no_file_gives_what_the_kernel_keeps(file: PolicyFile) -> None:
    policy = Policy(file)
    roles = {policy.short(key): key for key in policy.seats}
    for row in table(policy):
        if not row.allowed:
            continue
        rule = PERMISSIONS.get(row.permission)
        assert rule is not None and row.permission not in NEVER, row
        assert not (rule.pictures and row.who == "admin"), row
        if row.who in roles and row.acting_as == roles[row.who]:
            assert policy.may(row.acting_as, row.permission) or rule.own or rule.anyone, row
            assert row.when == example.WITHIN or rule.own or rule.anyone, row
        if row.who == "no right":
            assert rule.own or rule.anyone, row


@given(files(), st.sampled_from([area.kind for area in PRIVATE]))
def test_no_file_shows_a_private_room(file: PolicyFile, kind: str) -> None:
    policy = Policy(file)
    house, every = in_private_rooms(policy, kind), example.cases(policy)
    for permission, rule in PERMISSIONS.items():
        if rule.pictures:
            for scope in every[permission].values():
                for subject in example.subjects(policy).values():
                    said = decide(house, subject, permission, scope, example.TIMES[example.WITHIN])
                    assert not said.allowed or not scope.cameras, (permission, said)


@given(files())
def test_no_file_lets_go_of_what_is_on_hold_but_by_who_holds_a_role_or_by_its_last_day(file: PolicyFile) -> None:
    policy = Policy(file)
    house = example.house(policy)
    assert house.holds and not any(hold.last_utc_ns for hold in house.holds.values())
    assert ended_holds(house.holds.values(), policy.ground_words) == []
    for act in ("hold.lift", "hold.lift.approve"):
        for hold in house.holds:
            for who in example.subjects(policy).values():
                said = decide(house, who, act, Scope(target=hold, why="closed"), example.TIMES[example.WITHIN])
                assert not said.allowed or said.acting_as in policy.seats, said


@given(files())
def test_a_role_on_paper_holds_nothing_here(file: PolicyFile) -> None:
    policy = Policy(file)
    for role in file.role:
        assert (role.key in policy.seats) is not role.on_paper
        if role.on_paper:
            assert policy.acts(role.key) == frozenset()
