"""Writes the tables of docs/policy-file.md that the rules know best, and docs/policy-mistakes.md from the tests."""

from __future__ import annotations

import re
from pathlib import Path

from holdshelf_core.policy.board import LIMITS
from holdshelf_core.policy.rights import PERMISSIONS, TAKEN, Permission
from holdshelf_core.policy.tables import DECIDED
from holdshelf_core.policy_file.check import NOT_ASKED

PAGE = Path(__file__).parents[1] / "docs" / "policy-file.md"


def tables() -> dict[str, str]:
    """Return each table by its mark."""
    acts = "\n".join(_act(PERMISSIONS[act]) for act in DECIDED)
    others = "\n".join(_act(rule) for rule in PERMISSIONS.values() if rule.id not in (*DECIDED, *NOT_ASKED))
    settings = "\n".join(f"| `{key}` | {least} | {most} |" for key, (least, most) in LIMITS.items())
    taken = "\n".join(
        f"| `{name}` | {', '.join(f'`{rule.id}`' for rule in PERMISSIONS.values() if name in rule.takes)} |"
        for name in TAKEN
    )
    return {
        "acts": f"| act | may | to who may not | else |\n|---|---|---|---|\n{acts}",
        "others": f"| act | may | to who may not | else |\n|---|---|---|---|\n{others}",
        "settings": f"| setting | least | most |\n|---|---|---|\n{settings}",
        "taken": f"| in a case | acts that take it |\n|---|---|\n{taken}",
    }


def _act(rule: Permission) -> str:
    return f"| `{rule.id}` | {rule.words} | {rule.who_clause} | {rule.clause} |"


def page(text: str) -> str:
    """Return the page with its tables as they are now."""
    for mark, table in tables().items():
        text = re.sub(rf"<!-- {mark} -->\n(\n(?:\|.*\n)+)?", f"<!-- {mark} -->\n\n{table}\n", text)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
