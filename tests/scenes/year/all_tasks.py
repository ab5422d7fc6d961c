"""All tasks of the year, in the order in which they are played and told."""

from __future__ import annotations

from tests.scenes.year import asking, duties, finding, giving, holding, machine, paper, people
from tests.scenes.year.tasks import TASKS

_ORDER = [module.__name__ for module in (people, finding, holding, asking, giving, duties, paper, machine)]
ALL = sorted(TASKS, key=lambda one: _ORDER.index(one.play.__module__))
