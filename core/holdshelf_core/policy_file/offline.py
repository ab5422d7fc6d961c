"""What a clerk does with a policy file before it is adopted, without a service: begin one, check it, have an editor know it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

import msgspec

from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.inert import inert
from holdshelf_core.policy.schema import PolicyFile, json_schema
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.cases import failures, unshown
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.compare import Difference, differences
from holdshelf_core.policy_file.first import FIRST, first_policy
from holdshelf_core.policy_file.mistake import Mistake, shown
from holdshelf_core.policy_file.read import Misshapen, read_bytes, read_data, read_file, text_of
from holdshelf_core.policy_file.spelling import odd_characters

TEMPLATES = {
    "first": "three officials decide, two of them together; a court's paper for a release; kept as room allows",
    "records-law": "one director and a deputy; the public asks by a records law, in five business days; 30 days at most",
    "statute": "police without a court where it happened at the library; the street is open to all; 30 days at least",
    "own-data": "data protection: own images in one month, with others hidden; an insurer; 30 days at most; A4, 24 hours",
}
"""Templates of ``draft``, with what each shows."""


class Linted(msgspec.Struct, frozen=True):
    """What was found in a policy file. With a mistake, nothing else is said of it."""

    file: str
    sha256: str
    library: str = ""
    mistakes: list[Mistake] = []
    counts: dict[str, int] = {}
    unasked: int = 0
    """Cases that were not asked, as other mistakes come first."""
    unread: bool = False
    """Fields are unknown, missing or of the wrong kind, so what the rows mean was not checked."""
    words_only: list[str] = []
    """Clauses that the machine leaves to people."""
    unshown: list[str] = []
    """Clauses with a duty of which no cases show what they allow and what they refuse."""
    differences: list[Difference] = []
    """From the policy in force, or the first library's where no service says which one that is."""


def lint(path: Path, before: Policy | None = None, sentences: Collection[str] = ()) -> Linted:
    """Check a policy file, and compare it with the one ``before``: the first library's where none is given.

    ``sentences``: those of the papers, which a file may say otherwise. Raises BadRequest for a file that cannot be read.
    """
    data = read_data(path)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        file = read_bytes(data, str(path))
    except Misshapen as refused:
        return Linted(str(path), sha256, mistakes=refused.mistakes, unread=True)
    found = _mistakes(file, data, sentences)
    if found:
        return Linted(str(path), sha256, file.library.name, found, unasked=len(file.case))
    if found := failures(file):
        return Linted(str(path), sha256, file.library.name, found)
    policy = Policy(file)
    counts = {
        "roles": len(file.role),
        "purposes": len(file.purpose),
        "grounds": len(file.ground),
        "bases": len(file.basis),
        "cases": len(file.case),
    }
    found_differences = differences(before or first_policy(), policy)
    return Linted(
        str(path),
        sha256,
        file.library.name,
        counts=counts,
        words_only=list(policy.words_only),
        unshown=unshown(file),
        differences=found_differences,
    )


def _mistakes(file: PolicyFile, data: bytes, sentences: Collection[str]) -> list[Mistake]:
    text = text_of(data)
    # A sentence with such a character in it is not one that no paper says.
    return odd_characters(text) or [*mistakes(file, text), *_unknown_words(file, sentences)]


def _unknown_words(file: PolicyFile, sentences: Collection[str]) -> list[Mistake]:
    return [
        Mistake(
            f"words, {inert(language)[:20]}",
            f"No paper says {shown(sentence)}.",
            "`holdshelf policy words` lists what can be said otherwise, as it is written in the file.",
        )
        for language, said in file.words.items()
        for sentence in said
        if sentence not in sentences
    ]


def policy_of(path: Path, sentences: Collection[str]) -> Policy:
    """Return a policy file without a mistake as the rules read it; ``sentences`` as for ``lint``. Raises BadRequest."""
    file, data = read_file(path)
    found = _mistakes(file, data, sentences)
    if found:
        raise BadRequest(f"{path} has a mistake: {found[0]}", f"`holdshelf policy lint {path}` lists all of them.")
    return Policy(file)


def policy_in(text: str) -> Policy:
    """Return the policy of a file's text, as the service gave it; of '' the first library's. Raises BadRequest."""
    return Policy(read_bytes(text.encode(), "The policy file in force")) if text else first_policy()


def draft(template: str) -> bytes:
    """Return a policy file to begin from. Raises NotFound."""
    if template not in TEMPLATES:
        raise NotFound(f"There is no template {template[:40]!r}.", f"One of: {', '.join(TEMPLATES)}.")
    return (FIRST.parent / f"{template}.toml").read_bytes()


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises BadRequest."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise BadRequest(f"{path} already exists.", "Give another name.") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {error.strerror}.", "Give a path in a folder of yours.") from None


def schema() -> str:
    """Return the JSON schema of policy files, for an editor that completes fields and shows mistakes."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False)
