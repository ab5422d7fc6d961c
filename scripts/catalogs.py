"""The message catalogs of the papers that the public is given: collects the messages, updates each language, compiles.

    python scripts/catalogs.py             `make catalogs`: papers.pot anew, each papers.po brought up to it, each papers.mo made
    python scripts/catalogs.py --add fr    the same, and begins a language
    python scripts/catalogs.py --check     exit 1 when a message is not collected, or a translation is missing or not faithful

A message is what ``say("…")`` and ``noted("…")`` are given in tui/holdshelf_tui/papers, each clause of the model policy, and what
the service says on those papers (`_of_the_service`). docs/papers.md tells who works with it. Needs Babel.
"""

from __future__ import annotations

import argparse
import ast
import re
import string
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
PAPERS = ROOT / "tui" / "holdshelf_tui" / "papers"
LOCALE = PAPERS / "locale"
TEMPLATE = LOCALE / "papers.pot"
TEMPLATES = ROOT / "core" / "holdshelf_core" / "policy_file" / "templates"
NAME = "papers"
WIDTH = 100
# A date of the day would make each run a change.
DATE = datetime(2026, 11, 1, tzinfo=UTC)
_CLAUSE = re.compile(r"P\d+\. ", re.ASCII)
_PLACE = re.compile(r"\[\[[A-Z]+\]\]", re.ASCII)


def po_files() -> list[Path]:
    """The catalog of each language."""
    return sorted(LOCALE.glob(f"*/LC_MESSAGES/{NAME}.po"))


def read(path: Path, language: str | None = None) -> Catalog:
    """One catalog. Raises SystemExit with a sentence for a file that is none."""
    try:
        with path.open("rb") as file:
            return read_po(file, locale=language, abort_invalid=True)
    except (PoFileError, UnicodeError, ValueError) as error:
        raise SystemExit(f"{path.relative_to(ROOT)} is no catalog: {error}.") from None


def language_of(path: Path) -> str:
    """Return the language's code: 'es' of locale/es/LC_MESSAGES/papers.po."""
    return path.parts[-3]


# --- collecting -------------------------------------------------------------------------------------------------------


def collected() -> Catalog:
    """Every message, in the order of reading: the papers' own, the service's, the model policy's."""
    found = _new()
    keywords: dict[str, None] = {"say": None, "noted": None}
    for path in sorted(PAPERS.glob("*.py")):
        with path.open("rb") as file:
            for _line, message, comments, _context in extract("python", file, keywords, ["Translators:"]):
                if message and isinstance(message, str):
                    found.add(message, locations=[(path.name, 1)], auto_comments=comments)
    for message in _of_the_service():
        found.add(message, locations=[("the service", 1)])
    for clause in (PAPERS / "model_policy.txt").read_text("utf-8").removesuffix("\n").split("\n\n"):
        found.add(clause, locations=[("model_policy.txt", 1)])
    return found


def _of_the_service() -> Iterator[str]:
    """What the service says on a sheet for an asker, and of a print that lacks something."""
    from holdshelf_core.policy import gates  # noqa: PLC0415 (compiling needs none of it)
    from holdshelf_core.policy.instants import Now  # noqa: PLC0415
    from holdshelf_core.policy.model import Adopted  # noqa: PLC0415
    from holdshelf_core.policy.tables import Policy  # noqa: PLC0415
    from holdshelf_core.policy_file.first import first_policy  # noqa: PLC0415
    from holdshelf_core.policy_file.read import read_file  # noqa: PLC0415
    from holdshelf_core.reports import offline  # noqa: PLC0415

    policy = first_policy()
    yield from map(policy.basis_words, policy.bases)
    for basis in policy.bases:
        yield from gates.what_we_need(policy, basis)
    for statute in ("advise", "enforce"):
        yield from gates.what_would_pass(policy, Adopted("", "", "", statute), (), Now(0, 0))
    yield from gates.FIELDS.values()
    yield from gates.NEEDS.values()
    for file in sorted(TEMPLATES.glob("*.toml")):
        drafted = Policy(read_file(file)[0])
        yield from map(drafted.basis_words, drafted.bases)
        yield drafted.role_words(drafted.first_seat)
        yield from (drafted.short(key) for key in drafted.who_may("counsel.record")[:1])
    for call in _calls(ROOT / "core" / "holdshelf_core" / "policy" / "gates.py", "ReleaseCheck"):
        given = [*call.args[2:3], *(key.value for key in call.keywords if key.arg == "needs")]
        for one in given:
            if isinstance(one, ast.Tuple):
                yield from (e.value for e in one.elts if isinstance(e, ast.Constant) and isinstance(e.value, str))
    yield from (offline.NO_SERVICE, offline.NO_REGISTER, offline.NO_TEXT, offline.NO_FILE)
    for call in _calls(ROOT / "core" / "holdshelf_core" / "reports" / "actions.py", "append"):
        yield from (e.value for e in call.args if isinstance(e, ast.Constant) and isinstance(e.value, str))


def _calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


# --- checking and compiling -------------------------------------------------------------------------------------------


def faults(catalog: Catalog) -> list[str]:
    """What in a catalog would put a wrong fact, or none, on a paper: one line each."""
    found = []
    for message in catalog:
        said = str(message.string or "")
        if not message.id or not said or message.fuzzy:
            continue  # said in English
        original, begin = str(message.id), f"{str(message.id)[:60]!r}"
        if facts_in(said) != facts_in(original):
            found.append(f"{begin} holds {facts_in(original)}, and its translation {facts_in(said)}")
        if "\x00" in said or any(not char.isprintable() and char != "\n" for char in said):
            found.append(f"the translation of {begin} has a character that cannot be printed")
    return found


def facts_in(message: str) -> list[str]:
    """What a message has put into it, and which clause it is: the same in each language."""
    try:
        fields = [f"{{{name}}}" for _, name, spec, how in string.Formatter().parse(message) if name is not None]
    except ValueError:
        fields = ["a single brace"]
    clause = _CLAUSE.match(message)
    return sorted([*fields, *_PLACE.findall(message), *([clause[0].strip()] if clause else [])])


def missing(catalog: Catalog, template: Catalog) -> list[str]:
    """Messages of the template that the catalog does not say."""
    said = {message.id for message in catalog if message.string and not message.fuzzy}
    return [str(message.id) for message in template if message.id and message.id not in said]


def compile_all() -> list[Path]:
    """Makes papers.mo beside each papers.po. Raises SystemExit with a sentence for one whose facts are not the original's."""
    made = []
    for path in po_files():
        catalog = read(path, language_of(path))
        if wrong := faults(catalog):
            raise SystemExit(f"{path.relative_to(ROOT)}: {'; '.join(wrong)}.")
        target = path.with_suffix(".mo")
        with target.open("wb") as file:
            write_mo(file, catalog)
        made.append(target)
    return made


# --- commands ---------------------------------------------------------------------------------------------------------


def _new(locale: Locale | None = None) -> Catalog:
    """An empty one, which says where its own manual is."""
    named = f"{locale.english_name}: what" if locale is not None else "What"
    return Catalog(
        locale=locale,
        header_comment=f"# {named} papers for the public say. docs/papers.md tells how a language is added.",
        project="Holdshelf",
        version="papers",
        creation_date=DATE,
        revision_date=DATE,
        charset="utf-8",
        fuzzy=False,
    )


def _write(path: Path, catalog: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=WIDTH, include_lineno=False, ignore_obsolete=True)


def update(add: str = "") -> None:
    """papers.pot anew, each language brought up to it, one more begun, all compiled."""
    template = collected()
    _write(TEMPLATE, template)
    files = {path: read(path, language_of(path)) for path in po_files()}
    if add:
        try:
            if not re.fullmatch(r"[a-z]{2,3}", add):
                raise UnknownLocaleError(add)
            locale = Locale(add)
        except UnknownLocaleError:
            raise SystemExit(f"{add!r} is no language: give its code of two or three letters, e.g. pt.") from None
        files.setdefault(LOCALE / add / "LC_MESSAGES" / f"{NAME}.po", _new(locale))
    for path, catalog in files.items():
        catalog.update(template, no_fuzzy_matching=True)
        catalog.creation_date = catalog.revision_date = DATE
        _write(path, catalog)
        left = missing(catalog, template)
        print(f"{path.relative_to(ROOT)}: {len(template)} messages, {len(left)} of them not translated yet")
    for made in compile_all():
        print(f"{made.relative_to(ROOT)} is made")


def check() -> list[str]:
    """What is not as it should be: one line each."""
    template = collected()
    wrong = []
    if {m.id for m in read(TEMPLATE)} != {m.id for m in template}:
        wrong.append(f"{TEMPLATE.relative_to(ROOT)} does not hold the messages that papers say: run `make catalogs`")
    for path in po_files():
        catalog, name = read(path, language_of(path)), path.relative_to(ROOT)
        wrong += [f"{name}: {fault}" for fault in faults(catalog)]
        wrong += [f"{name}: not translated: {message[:70]!r}" for message in missing(catalog, template)]
    return wrong


def main() -> None:
    """As the module says."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--add", default="", metavar="LANGUAGE")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if not asked.check:
        update(asked.add)
    elif wrong := check():
        print("\n".join(wrong), file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
