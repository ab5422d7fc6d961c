"""Styles parsed once for all apps of a process and of those forked from it.

Textual parses every sheet anew for each app, and keeps 64 of them: with more, each widget of a new kind has all parsed again.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

type _Key = tuple[int, str, CSSLocation, bool, int, str]

_parsed: dict[_Key, list[RuleSet]] = {}
# Texts are the program's own, so there is an end to them; themes' variables could be a person's choice one day.
_MOST = 4096


class _Rule(RuleSet):
    """A rule that sets find quickly: a hash in Python is asked for each rule and each widget whenever styles are applied."""

    __hash__ = object.__hash__


class ParsedOnce(Stylesheet):
    """As its base; rules are read only there, so that apps may share them."""

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._variables_key = _key(variables)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take another theme's variables: what was parsed with the old ones is forgotten."""
        super().set_variables(variables)
        self._variables_key = _key(variables)

    def copy(self) -> Stylesheet:
        """Another one of the same sources."""
        copied = ParsedOnce(variables=self._variables.copy())
        copied.source = self.source.copy()
        return copied

    def reparse(self) -> None:
        """With the variables that hold now. A fault leaves what was there, as in the base class."""
        self.parse()

    def _parse_rules(
        self,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        key = (self._variables_key, css, read_from, is_default_rules, tie_breaker, scope)
        if (rules := _parsed.get(key)) is None:
            found = super()._parse_rules(css, read_from, is_default_rules, tie_breaker, scope)
            rules = [_Rule(**vars(rule)) for rule in found]
            if len(_parsed) >= _MOST:
                _parsed.clear()
            _parsed[key] = rules
        return rules


def _key(variables: Mapping[str, str]) -> int:
    return hash(frozenset(variables.items()))
