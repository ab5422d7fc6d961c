"""policy explain | may | lists | adopt, and board show | set. What is posted is `policy_posted`'s: show | check; files are
`policy_files`': draft | lint | words | schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdshelf_core.people import board_types as types
from holdshelf_tui.cli import policy_files, policy_posted, typed_times
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash, text_file
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table, terminal_width
from holdshelf_tui.text.board import adopted_words, setting_words
from holdshelf_tui.text.words import inert

app = typer.Typer(help="The policy: its text, and what it allows.", no_args_is_help=True, rich_markup_mode=None)
board = typer.Typer(help="Settings of the Board.", no_args_is_help=True, rich_markup_mode=None)
root = typer.Typer()
root.add_typer(app, name="policy")
root.add_typer(board, name="board")


@app.command(epilog="Example: holdshelf policy explain hold.lift")
def explain(
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="Only this action, a group (hold) or a clause, by its number.")
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Ask this policy file, not adopted yet, instead of the one in force."),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Who may do what, when, and under which clause: a table made from the rules themselves."""
    from holdshelf_core.operations import offline  # noqa: PLC0415 - it imports all rules
    from holdshelf_core.policy_file import offline as files  # noqa: PLC0415
    from holdshelf_tui.papers import model_policy  # noqa: PLC0415

    rules = (
        files.policy_of(policy, model_policy.sayable())
        if policy is not None
        else files.policy_in(policy_files.in_force(data) or "")
    )
    text, rows = offline.explain(rules, action, width=min(max(terminal_width() or 100, 60), 120))
    if json:
        echo_json(rows)
    else:
        typer.echo(text)


@app.command(
    epilog="Example: holdshelf policy may jroe look.archive --camera lobby --purpose crime --from '2h ago' --to '1h ago'"
)
def may(
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Login, id, a seat's name, or admin.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="As in `policy explain`.")],
    data: Data = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="On this camera; can be repeated.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Start of the span.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the span.")] = None,
    purpose: Annotated[str, typer.Option(help="For this purpose (`policy lists`), or a hold's ground.")] = "",
    incident: Annotated[str, typer.Option(help="Incident or case number.")] = "",
    about: Annotated[
        str, typer.Option(help="The person, hold, letter of appointment, share or flag it concerns.")
    ] = "",
    right: Annotated[
        list[str] | None, typer.Option("--right", help="Right that a letter of appointment gives; can be repeated.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="At this time instead of now.")] = None,
    json: Json = False,
) -> None:
    """Check whether a person may do something, without doing it. Exit 1 if not."""
    starts, ends = typed_times.span(start, end, future=True)
    query: dict[str, Any] = {
        "person": who,
        "action": action,
        "cameras": ",".join(camera or []),
        "start_utc_ns": starts,
        "end_utc_ns": ends,
        "purpose": purpose,
        "incident": incident,
        "target": about,
        "rights": ",".join(right or []),
        "at_utc_ns": (moment := typed_times.maybe_instant(at, future=True)),
    }
    answer = client(data).read(types.ReadMay(**query))
    typed_times.tell(starts, ends)
    typed_times.tell_instant(moment)
    if json:
        echo_json(answer)
    else:
        typer.echo(("Yes. " if answer.allowed else "No. ") + answer.sentence)
        if answer.who_can_help:
            typer.echo(answer.who_can_help)
    if not answer.allowed:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf policy lists")
def lists(data: Data = None, json: Json = False) -> None:
    """What the policy lists: roles, purposes, grounds of holds, what a release may rest on, and where cameras may stand."""
    told = client(data).read(types.ReadPolicyLists())
    if json:
        echo_json(told)
        return
    roles = [(role.key, f"{role.words}, on paper" if role.on_paper else role.words) for role in told.roles]
    kinds = {
        "Roles": roles,
        "To look": told.purposes,
        "To share": told.share_purposes,
        "To hold": told.grounds,
        "To release": told.bases,
        "Where cameras stand": told.places,
    }
    width = max((len(key) for rows in kinds.values() for key, _ in rows), default=0) + 2
    blocks = (
        "\n".join([f"{kind}:", *(f"  {key.ljust(width)}{inert(words, 200)}" for key, words in rows)])
        for kind, rows in kinds.items()
    )
    typer.echo("\n\n".join(blocks))


def _in_language(typed: str) -> tuple[str, str]:
    language, _, file = typed.partition(":")
    if not language or not file:
        raise typer.BadParameter("give a language and a file: es:politica.txt", param_hint="--text")
    return language, text_file(Path(file), f"The text in {language[:20]!r}")


def _check(file: Path) -> None:
    from holdshelf_core.policy_file import offline  # noqa: PLC0415 - it imports all rules
    from holdshelf_tui.papers import model_policy  # noqa: PLC0415 (few commands need them)

    offline.policy_of(file, model_policy.sayable())


@app.command(epilog="Example: holdshelf policy adopt policy.txt --version 2026-1 --adopted-on 2026-03-10")
def adopt(
    file: Annotated[Path, typer.Argument(help="The adopted text, UTF-8; - is standard input.")],
    version: Annotated[str, typer.Option(help="The library's name for this version.")],
    adopted_on: Annotated[str, typer.Option(help="Day of adoption: 2026-03-10 or 3/10/2026.")],
    statute: Annotated[
        str,
        typer.Option(
            help="How the confidentiality statute treats a release that only the policy allows: enforce (refuse) or advise."
        ),
    ] = "enforce",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="The policy file too (`policy lint`): what the text means from now on."),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text", metavar="LANGUAGE:FILE", help="The text in another of the policy's languages; can be repeated."
        ),
    ] = None,
    signature: Annotated[
        Path | None,
        typer.Option(
            "--signature",
            metavar="FILE",
            help="The policy file's signature (`ssh-keygen -Y sign -n policy@holdshelf`), by whoever speaks for the Board.",
        ),
    ] = None,
    paper: Paper = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Install the library's own text: it is printed verbatim from now on, with version and SHA-256. With --policy, its meaning,
    too: by whoever speaks for the Board, or with their signature of the file or the Board's signed paper."""
    if policy is not None:
        _check(policy)
    texts = dict(_in_language(one) for one in text or ())
    asked = types.PolicyAdopt(
        text_file(file, "The policy"),
        version,
        typed_times.day(adopted_on, "--adopted-on"),
        statute,
        paper_hash(paper, data),
        text_file(policy, "The policy file") if policy is not None else "",
        texts,
        text_file(signature, "The signature") if signature is not None else "",
    )
    row = client(data).act(asked)
    if json:
        echo_json(row)
    else:
        typer.echo("\n".join(adopted_words(row)))
        if row.warning:
            typer.echo(f"! {inert(row.warning, 300)}")


@board.command("show", epilog="Example: holdshelf board show")
def board_show(data: Data = None, json: Json = False) -> None:
    """Show the Board's settings."""
    rows = client(data).read(types.ReadBoard())
    if json:
        echo_json(rows)
        return
    cells = [(r.key, setting_words(r.key, r.value), setting_words(r.key, r.default), r.what) for r in rows]
    typer.echo(table(("SETTING", "IS", "DEFAULT", ""), cells))


@board.command(
    "set", epilog="Example: holdshelf board set live_minutes 5 --why 'Board meeting of 10 November' --paper minutes.pdf"
)
def board_set(
    key: Annotated[str, typer.Argument(metavar="SETTING", help="One of `board show`.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
    why: Annotated[str, typer.Option(help="Why; kept on record.")],
    data: Data = None,
    paper: Paper = None,
    json: Json = False,
) -> None:
    """Change a setting of the Board."""
    done = client(data).act(types.BoardSet(key, value, why, paper_hash(paper, data)))
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(f'{key} is {value} now.', 200)} Entry {done.seq} of the access log.")


app.command(epilog="Example: holdshelf policy show --text")(policy_posted.show)
app.command(epilog="Example: holdshelf policy draft first -o policy.toml")(policy_files.draft)
app.command(epilog="Example: holdshelf policy lint policy.toml")(policy_files.lint)
app.command(epilog="Example: holdshelf policy words es")(policy_files.words)
app.command(epilog="Example: holdshelf policy schema > policy.schema.json")(policy_files.schema)
app.command(epilog="Example: holdshelf policy check https://library.example/cameras")(policy_posted.check)
