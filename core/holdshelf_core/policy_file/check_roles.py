"""What a policy file says of its roles: their acts and rights, who stands in for whom, who counts as the second person."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from holdshelf_core.inert import inert
from holdshelf_core.policy.governing import english, own_board
from holdshelf_core.policy.lengths import HOURS, MINUTES, parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import RIGHTS
from holdshelf_core.policy.rights import ADMIN_NO, PERMISSIONS, second_does
from holdshelf_core.policy.schema import PolicyFile, Role
from holdshelf_core.policy.tables import ALL, DECIDED, Policy, acts_of, decided
from holdshelf_core.policy_file.check_words import said_mistakes
from holdshelf_core.policy_file.mistake import Mistake, a_key, a_length, among, one_of, row, shown, twice
from holdshelf_storage.units import DAY_NS

RESERVED = ("admin", "share", "nobody", "anyone", "library")
"""Names that the kernel gives to hands of its own: no role has them."""
RECEIVED = ("release.request",)
LONGEST_SHIFT_NS = DAY_NS
NEEDED = ("release.approve", "hold.place", "hold.lift", "seat.name", "commission.approve", "flag.review")
"""What somebody must be able to do under any policy: answer a request, keep and give up footage, name a holder, use a camera,
review a flag."""
SECOND = ("release.approve", "hold.lift", "flag.review")


def role_mistakes(file: PolicyFile) -> Iterator[Mistake]:
    """Return every mistake of the roles, then of the second persons."""
    check = _Roles(file)
    yield from check.of_roles()
    yield from check.of_second()


def _without_pattern(named: str) -> str:
    """Return what is meant by 'release.*' ('release') or '*' (ALL)."""
    return named.rstrip(".*") or ALL if named.endswith(("*", ".")) else named


class _Roles:
    def __init__(self, file: PolicyFile) -> None:
        self._file = file
        # A pattern is one mistake, and what it means is known: it is not told again as acts that nobody may do.
        self._as_meant = [
            structs.replace(role, decides=tuple(_without_pattern(named) for named in role.decides))
            for role in file.role
        ]
        self._roles = {role.key: role for role in self._as_meant}
        self._classes = {one.key: None for one in file.camera_class}

    def of_roles(self) -> Iterator[Mistake]:
        file = self._file
        yield from twice("role", (role.key for role in file.role), "role")
        for number, role in enumerate(file.role, 1):
            yield from self._role(row("role", number, role.key), role)
        yield from self._circles()
        speakers = [role.key for role in file.role if role.speaks_for_board]
        if len(speakers) != 1:
            said = "No role speaks" if not speakers else f"{listed(speakers)} all speak"
            whom = own_board("for the Board", english(file.library.board))
            yield Mistake("role", f"{said} {whom}.", "Set speaks_for_board = true on one role.")
        # On paper alone nobody would do it: somebody with a key brings that paper.
        done = {act for role in self._as_meant if not role.on_paper for act in acts_of(role)}
        for act in NEEDED:
            if act not in done:
                yield Mistake(
                    "role",
                    f"No role with holders may {PERMISSIONS[act].words}.",
                    f'Add "{act}" to the decides of one, or the right that brings it.',
                )

    def _role(self, where: str, role: Role) -> Iterator[Mistake]:
        yield from a_key(where, role.key)
        if role.key in RESERVED:
            yield Mistake(where, f"{shown(role.key)} is a name that Holdshelf uses itself.", "Choose another key.")
        yield from said_mistakes(self._file, where, "words", role.words)
        if role.short:
            yield from said_mistakes(self._file, where, "short", role.short)
        yield from among(where, role.rights, RIGHTS, "right")
        for named in role.decides:
            rule = PERMISSIONS.get(named)
            if rule is not None and not rule.seat and rule.admin != ADMIN_NO:
                yield Mistake(where, f"{named} is the admin's alone.", "Take it out.")
            elif decided(meant := _without_pattern(named)) and meant != named:
                sentence = (
                    f"{shown(named)} is a pattern, and the beginning alone names these acts: {listed(decided(meant))}."
                )
                yield Mistake(where, sentence if meant != ALL else f"{shown(named)} is a pattern.", f'Write "{meant}".')
            elif not decided(named):
                yield Mistake(
                    where, f"There is no act that a role decides {shown(named)}.", one_of((ALL, *DECIDED), named)
                )
        yield from among(where, role.receives, RECEIVED, "thing that a role receives")
        yield from among(where, role.classes, self._classes, "class of camera")
        if role.on_paper and role.rights:
            yield Mistake(
                where, "A role on paper has no key, so it can have no rights.", "Take the rights out, or on_paper."
            )
        if role.shift:
            yield from self._shift(where, role)
        if role.stands_in is not None:
            if role.stands_in.role not in self._roles:
                yield Mistake(
                    where,
                    f"There is no role {shown(role.stands_in.role)} to stand in for.",
                    one_of(self._roles, role.stands_in.role),
                )
            elif self._roles[role.stands_in.role].on_paper or role.on_paper:
                yield Mistake(
                    where,
                    "A role on paper is never away, and stands in for nobody.",
                    "Take stands_in out, or on_paper.",
                )
            if role.stands_in.after:
                yield from a_length(where, role.stands_in.after)

    @staticmethod
    def _shift(where: str, role: Role) -> Iterator[Mistake]:
        length = parse_length(role.shift)
        if length is None or length.unit not in (MINUTES, HOURS) or length.longest_ns > LONGEST_SHIFT_NS:
            sentence = f"{shown(role.shift)} is not the length of a shift: minutes or hours, at most a day."
            yield Mistake(where, sentence, 'Write e.g. shift = "8 hours".')
        if "live" not in role.rights:
            yield Mistake(
                where, "A shift is spent watching live, and this role has no right to.", 'Add "live" to its rights.'
            )

    def _circles(self) -> Iterator[Mistake]:
        told: set[frozenset[str]] = set()
        for role in self._file.role:
            seen: list[str] = []
            at: Role | None = role
            while at is not None and at.stands_in is not None and at.key not in seen:
                seen.append(at.key)
                at = self._roles.get(at.stands_in.role)
            if at is not None and at.key in seen:
                circle = seen[seen.index(at.key) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    sentence = (
                        f"{circle[0]} stands in for itself."
                        if len(circle) == 1
                        else f"{listed(circle)} stand in for each other in a circle."
                    )
                    yield Mistake("role", sentence, "Let one of them stand in for nobody.")

    def of_second(self) -> Iterator[Mistake]:
        for act, roles in self._file.second.items():
            where = f"second, {inert(act)[:40]}"
            if act not in SECOND:
                yield Mistake(where, "Nothing of that name takes a second person.", one_of(SECOND, act))
            yield from among(where, roles, self._roles, "role")
            does = second_does(act)
            for role in (self._roles[key] for key in roles if key in self._roles and act in SECOND):
                if not role.on_paper and not self._may(role, does):
                    yield Mistake(
                        where,
                        f"{role.key} may not {PERMISSIONS[does].words}, so it cannot be the second person.",
                        f'Add "{does}" to what it decides, or take it out here.',
                    )
        yield from self._nobody_else()

    def _nobody_else(self) -> Iterator[Mistake]:
        """What would wait for a second person who can never be: everybody who counts as one has the role that asked."""
        asks = {
            "hold.lift": [role for role in self._as_meant if not role.on_paper and self._may(role, "hold.lift")],
            "release.approve": [role for role in self._as_meant if not role.on_paper and self._requests(role)],
        }
        # Whoever has a letter of appointment requests in no role: any second person is another.
        if any(not role.on_paper and "release" in role.rights for role in self._file.role):
            del asks["release.approve"]
        policy = Policy(structs.replace(self._file, role=tuple(self._as_meant)))
        for act, askers in asks.items():
            seconds = policy.second(act)
            if seconds and askers and all(set(seconds) <= {role.key} for role in askers):
                what, end = (
                    ("ask to lift a hold", "no hold could be lifted")
                    if act == "hold.lift"
                    else ("request a release", "nothing could be released")
                )
                yield Mistake(
                    f"second, {act}",
                    f"Only {seconds[0]} may {what}, and only {seconds[0]} counts as its second person, so {end}.",
                    self._another(act, seconds[0]),
                )
        seconds = policy.second("flag.review")
        if self._file.second.get("flag.review") == ():
            yield Mistake(
                "second, flag.review",
                "Nobody may review what is flagged, so no flag could be closed.",
                "Name at least two roles here, one of them on paper if need be, or leave the line out.",
            )
        # Whoever holds a role does what is flagged, if only by entering that somebody is away.
        alone = next(iter(seconds)) if len(set(seconds)) == 1 else ""
        if policy.has_holders(alone):
            yield Mistake(
                "second, flag.review",
                f"Only {alone} may review what is flagged, and nobody reviews their own act, so a flag of {alone} could not be "
                "closed.",
                self._another("flag.review", alone),
            )

    def _requests(self, role: Role) -> bool:
        return self._may(role, "release.request") or "release.request" in role.receives

    def _another(self, act: str, key: str) -> str:
        does = second_does(act)
        can = [role for role in self._as_meant if role.key != key and (role.on_paper or self._may(role, does))]
        can.sort(key=lambda role: not role.speaks_for_board)
        if not can:
            return f'Name another role here, as the Board on paper: on_paper = true, then "{act}" = ["{key}", "board"].'
        none = "" if act == "flag.review" else f' With "{act}" = [] it takes no second person.'
        return f'Write "{act}" = ["{key}", "{can[0].key}"].{none}'

    def _may(self, role: Role, act: str) -> bool:
        """Return whether its holder may do this, as such or for somebody who is away."""
        principal = self._roles.get(role.stands_in.role) if role.stands_in is not None else None
        return act in acts_of(role) or (principal is not None and act in acts_of(principal))
