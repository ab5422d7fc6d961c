"""Local times in the nights when the clocks change: they show some twice, and some never."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo

from holdshelf_core.errors import BadRequest


def instants(on: date, at: time, zone: tzinfo) -> list[datetime]:
    """Return when the clocks of that zone show this time, in the zone: once, or twice when they go back.

    Raises BadRequest for a time that they skip, with the times around it.
    """
    found = []
    for fold in (0, 1):
        one = datetime.combine(on, at, zone).replace(fold=fold)
        back = one.astimezone(UTC).astimezone(zone)
        if back.replace(tzinfo=None, fold=0) == one.replace(tzinfo=None, fold=0) and back.astimezone(UTC) not in found:
            found.append(one.astimezone(UTC))
    if not found:
        # By the offset before the change it reads later than by the one after it.
        after, before = (
            datetime.combine(on, at, zone).replace(fold=f).astimezone(UTC).astimezone(zone) for f in (0, 1)
        )
        raise BadRequest(
            f"It is never {at:%H:%M} on {on:%Y-%m-%d}: the clocks go forward over it.",
            f"Give a time up to '{before.isoformat(' ', 'minutes')}', or from '{after.isoformat(' ', 'minutes')}' on.",
        )
    return [one.astimezone(zone) for one in found]


def shown_twice(clock: str, day: str, first: datetime, second: datetime) -> BadRequest:
    """Return the refusal of a time that the clocks show twice, with both written out.

    ``clock`` and ``day``: as a person says them.
    """
    typed = [at.isoformat(" ", "minutes" if not at.second else "seconds") for at in (first, second)]
    return BadRequest(
        f"It is {clock} twice on {day}, when the clocks go back.",
        f"Say which one: '{typed[0]}' comes first, then '{typed[1]}'.",
    )
