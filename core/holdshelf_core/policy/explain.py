"""The rules as a table, computed by asking ``decide``: seat × action × scope × time → allowed, or the refusing clause.

Nothing in the table is written by hand, so it always matches what the authorizer does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdshelf_core.policy import example
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.listing import listed, wrapped
from holdshelf_core.policy.particulars import particulars, step_words
from holdshelf_core.policy.rights import NEVER, PERMISSIONS
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.schema import Clause
from holdshelf_core.policy.state import State
from holdshelf_core.policy.statute import determinable
from holdshelf_core.policy.steps import STEPPED
from holdshelf_core.policy.tables import Policy

_NARROWEST, _WORDS_WIDTH = 60, 27
_MOST = 8
"""A clause's number has so much room in a column; a longer one is cut, or numbered where two would look alike."""


class Row(msgspec.Struct, frozen=True):
    """One cell of the table, ready for JSON. ``permission`` is the action's id, ``who`` a column of ``example.subjects``,
    ``clause`` in the policy's own numbering: '' where its text states no such rule."""

    permission: str
    words: str
    who: str
    about: str
    when: str
    allowed: bool
    clause: str
    sentence: str
    who_can_help: str
    acting_as: str = ""
    flag: str = ""


def table(policy: Policy) -> list[Row]:
    """Every act, asked by everybody about everything in the example.

    Before the first day and after the last one, only the simplest case of each action is included.
    """
    house, subjects, every = example.house(policy), example.subjects(policy), example.cases(policy)
    rows: list[Row] = []
    for permission in (*PERMISSIONS, *NEVER):
        cases = every.get(permission, {"": Scope()})
        for number, (about, scope) in enumerate(cases.items()):
            for when, now in example.TIMES.items():
                if number and when != example.WITHIN:
                    continue
                rows += [
                    _row(house, permission, who, subject, about, when, scope, now) for who, subject in subjects.items()
                ]
    return rows


def _row(
    house: State, permission: str, who: str, subject: Subject, about: str, when: str, scope: Scope, now: Now
) -> Row:
    words = house.policy.act_words(permission) if permission in PERMISSIONS else NEVER[permission].words
    said = decide(house, subject, permission, scope, now)
    purposes = [*(house.policy.share_purposes if permission == "share.make" else house.policy.look_purposes)]
    if not said.allowed and scope.purpose in purposes[:1]:
        # Each purpose may be another role's: whoever may do it for one of them may do it.
        others = (msgspec.structs.replace(scope, purpose=key) for key in purposes[1:])
        tried = (decide(house, subject, permission, other, now) for other in others)
        said = next((other for other in tried if other.allowed), said)
    return Row(
        permission,
        words,
        who,
        about,
        when,
        said.allowed,
        house.policy.clause_id(said.clause, said.cites),
        said.sentence,
        said.who_can_help,
        said.acting_as,
        said.flag,
    )


def text(policy: Policy, rows: Iterable[Row], width: int = 100) -> str:
    """Return the table for a terminal: a line per action, a column for each of ``example.subjects``, cells "yes", "yes*" or
    the clause.

    More lines under an action give its scope, where that makes a difference.
    """
    rows = list(rows)
    columns = list(example.subjects(policy))
    marks = _marks(policy)
    longest = max((len(_cell(row, marks)) + 1 for row in rows if row.when == example.WITHIN), default=0)
    cell = 9 if width >= _WORDS_WIDTH + 9 * len(columns) else longest
    first = max(18, width - sum(_cell_width(name, cell) for name in columns))
    lines = [(" " * first + "".join(name.rjust(_cell_width(name, cell)) for name in columns)).rstrip()]
    shown: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if row.when == example.WITHIN:
            shown.setdefault((row.permission, row.about), {})[row.who] = row
    previous: tuple[str, dict[str, str]] | None = None
    for (permission, about), by_who in shown.items():
        cells = {name: _cell(by_who[name], marks) if name in by_who else "" for name in columns}
        again = previous is not None and previous[0] == permission
        if again and previous is not None and previous[1] == cells:
            continue
        if again:
            label = f"  {about}"
        else:
            label = permission
            previous = (permission, cells)
            if about:
                lines += _line(label, first, {}, columns, cell)
                label = f"  {about}"
        lines += _line(label, first, cells, columns, cell)
    lines += ["", *_legend(policy, rows, width)]
    return "\n".join(lines) + "\n"


def _cell_width(name: str, cell: int) -> int:
    return max(cell, max(len(name), 4) + 1)


def _line(label: str, first: int, cells: dict[str, str], columns: Sequence[str], cell: int) -> list[str]:
    indent = " " * (len(label) - len(label.lstrip()))
    parts = wrapped(label.strip(), max(10, first - 1 - len(indent))) or [""]
    filled = "".join(cells.get(name, "").rjust(_cell_width(name, cell)) for name in columns)
    return [*(indent + part for part in parts[:-1]), ((indent + parts[-1]).ljust(first) + filled).rstrip()]


def _marks(policy: Policy) -> dict[str, str]:
    """Return how each clause stands in a column: its number, a part of it, or that part with its place among the clauses."""
    ids = [clause.id for clause in policy.file.clause]
    cut = {one: one if len(one) <= _MOST else f"{one[: _MOST - 1]}…" for one in ids}
    alike = Counter(cut.values())
    return {
        one: mark if alike[mark] == 1 else f"{one[: _MOST - 1 - len(str(number))]}…{number}"
        for number, (one, mark) in enumerate(cut.items(), 1)
    }


def _cell(row: Row, marks: Mapping[str, str]) -> str:
    if not row.allowed:
        return marks.get(row.clause, row.clause) or "no"
    return "yes*" if row.flag else "yes"


def _legend(policy: Policy, rows: Sequence[Row], width: int) -> list[str]:
    used, marks = {row.clause for row in rows if not row.allowed}, _marks(policy)
    paragraphs = [
        "yes: allowed. yes*: allowed, and flagged for other seats to look at afterwards. Otherwise the clause that refuses:",
        *(
            f"  {marks[clause.id]}{f' ({clause.id})' if marks[clause.id] != clause.id else ''}: {policy.said(clause.says)}"
            for clause in policy.file.clause
            if clause.id in used
        ),
    ]
    if "" in used:
        paragraphs.append("  no: a rule of Holdshelf's own, which the text does not state.")
    # A share has no first day.
    for when, what, nobody in (
        (example.BEFORE, "a term or a letter", ("admin", "no right", "shared")),
        (example.AFTER, "a term, a letter or a share", ("admin", "no right")),
    ):
        outside = [row for row in rows if row.when == when and row.who not in nobody]
        still = list(dict.fromkeys(row.permission for row in outside if row.allowed))
        paragraphs.append(f"{when.capitalize()} of {what} all of it is refused, {listed(still)} excepted.")
    if policy.seats:
        first, second = map(policy.short, example.appointing(policy))
        letters = (
            f'"designee" has a letter of the {first}\'s with every right on one camera',
            f'"to look" has one of the {second}\'s for recordings of it',
        )
        said = [
            "Every name of a person is invented: it is an example, with one holder for each role",
            *(
                [f"the last one, the {policy.short(policy.seats[-1])}, has no key in it"]
                if len(policy.seats) > 1
                else []
            ),
            *(letters if policy.who_may("appointment.make") else ()),
            *(['"shared" was given half an hour of it to view'] if policy.who_may("share.make") else []),
        ]
        paragraphs.append(f"{'; '.join(said)}.")
    paragraphs += [
        *particulars(policy),
        "",
        "What keeps each clause:",
        *(f"  {clause.id}: {_kept(policy, clause)}" for clause in policy.file.clause),
    ]
    return [
        line for paragraph in paragraphs for line in wrapped(paragraph, max(width, _NARROWEST), rest="    ") or [""]
    ]


def _kept(policy: Policy, clause: Clause) -> str:
    """Return what keeps a clause: its duties, or the rows that cite it; else people do."""
    kept = [
        text for duty in clause.duties for text in (*_of_this_file(policy, duty), policy.own_board(CLAUSES[duty].kept))
    ]
    file = policy.file
    for what, usual, rows in (
        ("purpose", {"P12", "P14"}, file.purpose),
        ("ground of holds", {"P16"}, file.ground),
        ("basis", {"P13"}, file.basis),
    ):
        said = listed(f"“{policy.said(row.words)}”" for row in rows if row.clause == clause.id)
        # Of the clause that such rows state anyhow its duty has told.
        kept += [f"The {what} {said} cites it."] if said and not usual.intersection(clause.duties) else []
    kept += [
        f"The screen {row.key} shows {listed(map(policy.class_words, row.classes))}."
        for row in file.screen
        if row.clause == clause.id
    ]
    kept += [
        f"Before {words}, {listed(step_words(policy, step) for step in policy.steps(act).steps)}."
        for act, words in STEPPED.items()
        if policy.steps(act).clause == clause.id
    ]
    asked = listed(f"“{policy.said(row.words)}”" for row in file.check if row.clause == clause.id)
    if asked and not clause.duties:
        kept.append(f"The checklist asks for it: {asked}.")
    return " ".join(kept) or "words only; the machine leaves it to people."


def _of_this_file(policy: Policy, duty: str) -> list[str]:
    """Return what keeps a duty under this file alone."""
    if duty == "P15" and (most := policy.file.keeping.at_most):
        return [f"What is older than {most} is erased, but for holds."]
    return [_gates(policy)] if duty == "P13" else []


def _gates(policy: Policy) -> str:
    """Return what decides on a release: the statute's gate stands only before bases that have its step."""
    if not policy.bases:
        return "Nothing is released, as the policy names no basis."
    asked = determinable(policy)
    if not asked:
        return "One gate, the policy's own: no basis of it has the confidentiality statute's step."
    if len(asked) == len(policy.bases):
        return "Two gates, the policy's own and the confidentiality statute's."
    words = listed(map(policy.basis_words, asked))
    return f"Two gates, the policy's own and the confidentiality statute's; the second is asked on {words}."


def clause_detail(policy: Policy, clause: Clause, rows: Iterable[Row], width: int = 100) -> str:
    """Return one clause: its sentence, what keeps it, and the actions that it refuses to somebody."""
    acts = list(dict.fromkeys(row.permission for row in rows if not row.allowed and row.clause == clause.id))
    title = f", {policy.said(clause.title)}" if clause.title else ""
    lines = [f"{clause.id}{title}: {policy.said(clause.says)}", _kept(policy, clause)]
    lines += [f"It refuses {listed(acts)} to some or all: `holdshelf policy explain ACT` says to whom."] if acts else []
    return "\n".join(line for one in lines for line in wrapped(one, width)) + "\n"


def detail(rows: Iterable[Row], width: int = 100) -> str:
    """Return one or a few actions in full sentences: who, about what, and the decision; other times in one line each.

    Those who hear the same are in one line, and who hears the same whatever it is about, only once.
    """
    rows = list(rows)
    lines: list[str] = []
    for act in dict.fromkeys(row.permission for row in rows):
        mine = [row for row in rows if row.permission == act]
        within: dict[str, dict[str, str]] = {}
        for row in mine:
            if row.when == example.WITHIN:
                within.setdefault(row.about, {})[row.who] = _answer(row)
        always = _always(within)
        lines += [*([""] if lines else []), f"{act}: may {mine[0].words}"]
        for about, by_who in within.items():
            said = {who: answer for who, answer in by_who.items() if who not in always}
            lines += _told(about, said, width) if said else []
        lines += _told("whatever it is about", always, width) if always else []
        for when in (example.BEFORE, example.AFTER):
            answers: dict[str, list[str]] = {}
            for row in (row for row in mine if row.when == when):
                no = f"no ({row.clause})" if row.clause else "no"
                answers.setdefault("yes" if row.allowed else no, []).append(row.who)
            words = "; ".join(f"{answer}: {', '.join(who)}" for answer, who in answers.items())
            lines += wrapped(f"{when}: {words}", width, "  ", "      ")
    return "\n".join(lines) + "\n"


def _answer(row: Row) -> str:
    return f"yes. {row.sentence}" if row.allowed else f"no. {row.sentence} {row.who_can_help}".rstrip()


def _always(within: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return who hears the same whatever it is about, and what."""
    heard: dict[str, list[str]] = {}
    for by_who in within.values():
        for who, answer in by_who.items():
            heard.setdefault(who, []).append(answer)
    return {who: said[0] for who, said in heard.items() if len(said) > 1 and len(set(said)) == 1}


def _told(about: str, said: Mapping[str, str], width: int) -> list[str]:
    lines = [f"  {about}"] if about else []
    for answer in dict.fromkeys(said.values()):
        who = ", ".join(name for name, one in said.items() if one == answer)
        lines += wrapped(f"{who}: {answer}", width, "    ", "        ")
    return lines
