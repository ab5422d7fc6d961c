"""Left and right in what fills a tab lead to what stands beside it: the next list, the next paper."""

from __future__ import annotations

from textual.message import Message


class Beside(Message):
    """``step``: -1 what stands before it, 1 what comes after."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step


def beside(all_of_them: list[str], now: str, step: int) -> str:
    """What is meant; at either end the same."""
    at = all_of_them.index(now) + step
    return all_of_them[at] if 0 <= at < len(all_of_them) else now
