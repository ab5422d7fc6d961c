"""policy draft | lint | words | schema: a library's policy as a file, before it is adopted. No service is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.people.board_types import ReadPolicyFile
from holdshelf_core.policy.listing import listed
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.words import counted, inert

WORDS = {
    "roles": ("role",),
    "purposes": ("purpose",),
    "grounds": ("ground",),
    "bases": ("basis", "bases"),
    "cases": ("case",),
}
KINDS = {"looser": "Looser than {before}:", "stricter": "Stricter:", "other": "Also different:"}


def lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Check a policy file: every mistake with its place, else what it makes looser and what stricter.

    It is compared with the policy in force, or with the first library's where no service runs.
    """
    from holdshelf_core.policy_file import offline  # noqa: PLC0415 - it imports all rules
    from holdshelf_tui.papers import model_policy  # noqa: PLC0415 (few commands need them)

    now = in_force(data)
    found = offline.lint(file, offline.policy_in(now or ""), model_policy.sayable())
    before = "the first library's policy" if now is None else "the policy in force"
    if json:
        echo_json(found)
        raise typer.Exit(1 if found.mistakes else 0)
    shown = inert(str(file), 200)
    if found.mistakes:
        for mistake in found.mistakes:
            typer.echo(inert(str(mistake), 4000))
        count = len(found.mistakes)
        later = " Its cases are asked once there is none." if found.unasked else ""
        if found.unread:
            later = " Fix these first; the rest is checked after that."
        said = "1 mistake" if count == 1 else f"{count} mistakes"
        typer.echo(f"{shown} has {said}; it cannot be adopted.{later}", err=True)
        raise typer.Exit(1)
    counts = listed([counted(number, *WORDS[what]) for what, number in found.counts.items()])
    typer.echo(f"{shown} has no mistake: {inert(found.library, 80)}, {counts}.")
    if found.words_only:
        typer.echo(f"Not enforced by Holdshelf; people must follow it: {inert(listed(found.words_only), 300)}.")
    if found.unshown:
        said = inert(listed(found.unshown), 300)
        typer.echo(f"Enforced, but no cases show what is allowed and what is refused: {said}.")
    for kind, heading in KINDS.items():
        sentences = [one.sentence for one in found.differences if one.kind == kind]
        if sentences:
            typer.echo(
                "\n".join(
                    ["", heading.format(before=before), *(f"  {inert(sentence, 4000)}" for sentence in sentences)]
                )
            )


def draft(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="Template to start from; leave it out to list them.")
    ] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it here; never over a file.")] = None,
) -> None:
    """Begin a policy file from a template."""
    from holdshelf_core.policy_file import offline  # noqa: PLC0415 - it imports all rules

    if not template:
        width = max(map(len, offline.TEMPLATES)) + 2
        for name, what in offline.TEMPLATES.items():
            typer.echo(f"{name.ljust(width)}{what}")
        return
    data = offline.draft(template)
    if output is None:
        typer.echo(data.decode(), nl=False)
        return
    offline.write_new(output, data)
    typer.echo(
        f"{inert(str(output), 200)} is written. Say in it what your Board adopted, then `holdshelf policy lint`."
    )


def in_force(data: Path | None) -> str | None:
    """The policy file in force; '' for the first library's, None where no service says."""
    try:
        return client(data).read(ReadPolicyFile()).text
    except HoldshelfError:
        return None


def words(
    language: Annotated[
        str, typer.Argument(metavar="LANGUAGE", help="One of the library's languages, e.g., en, es or fr-CA.")
    ] = "en",
) -> None:
    """Every sentence of the papers for the public, as a table for a policy file: keep what your library says otherwise."""
    from holdshelf_tui.papers import catalogs, model_policy  # noqa: PLC0415 (few commands need them)

    said = catalogs.words(language)
    typer.echo(f"[words.{inert(language, 20)}]")
    for sentence in sorted(model_policy.sayable()):
        typer.echo(f"{_quoted(sentence)} = {_quoted(said(sentence))}")


def _quoted(text: str) -> str:
    """A basic string of TOML, which JSON's are."""
    return msgspec.json.encode(text).decode()


def schema() -> None:
    """The JSON schema of policy files, for an editor."""
    from holdshelf_core.policy_file import offline  # noqa: PLC0415 - it imports all rules

    typer.echo(offline.schema())
