"""A time in plain words, as a person at a desk says it: 'yesterday 3:15 pm', 'last Tuesday at noon', '11/24 3pm', '2 hours ago'.

The common forms are read here, strictly and in a moment; what else there is (month names in any order, spelled numbers) goes
to dateparser, which is loaded when it is needed first. A time of recordings lies in the past. In the night when the clocks go
back an hour comes twice: then both are returned and the person is asked. Everything takes ``now``, so nothing here reads
a clock of its own.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from tzlocal import get_localzone

from holdshelf_core.api.errors import BadRequest

NS = 1_000_000_000
EXAMPLES = "Try for example: yesterday 3:15 pm · today 14:00 · last Tuesday at noon · 11/24 3pm · 2 hours ago"
OLDEST = timedelta(days=3660)
MAX_CHARS = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_WORD = (
    r"(?P<word>today|tonight|last night|(?:the )?day before yesterday|this(?= (?:morning|afternoon|evening))|yesterday"
    r"|tomorrow)"
)
_WEEKDAY = r"(?:(?P<last>last|this|on)\s+)?(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?"
_WEEKDAY_BEFORE = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,\s+"
_NUMBERS = r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?"
_ISO = r"(?P<iso_year>\d{4})-(?P<iso_month>\d{1,2})-(?P<iso_day>\d{1,2})"
_NAMED = (
    r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<name_day>\d{1,2})(?:st|nd|rd|th)?"
    r"(?:,?\s+(?P<name_year>\d{4}))?"
)
_DAY = re.compile(rf"(?:(?:{_WEEKDAY_BEFORE})?{_NAMED}|{_DAY_WORD}|{_NUMBERS}|{_ISO}|{_WEEKDAY})")
_TIME = re.compile(
    r"(?:(?P<word>noon|midday|midnight)"
    r"|(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:\.(?P<part>\d{1,6}))?)?)?"
    r"\s*(?P<half>[ap]\.?m?\.?|o'?clock)?)"
)
_AGO = re.compile(
    r"(?:about\s+)?(?P<count>\d{1,4}(?:\.\d{1,2})?|an?|half an|one|two|three|four|five|six|seven|eight|nine|ten|twelve)\s*"
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|d|weeks?|w)"
    r"(?:\s+(?:and\s+)?(?P<count2>\d{1,2})\s*(?P<unit2>minutes?|mins?|min|m))?\s+ago"
)
_COUNTS = {
    "a": 1, "an": 1, "half an": 0.5, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12,
}  # fmt: skip
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_HOURS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_HOUR = rf"(?P<named>{'|'.join(_HOURS)}|\d{{1,2}})"
_PAST = re.compile(
    r"\b(?P<share>(?:a )?quarter|half|five|ten|twenty|twenty[ -]five|\d{1,2}(?: min(?:ute)?s?)?) "
    rf"(?P<way>past|after|to|before|till) {_HOUR}\b(?!:)"
)
_SHARES = {"quarter": 15, "half": 30, "five": 5, "ten": 10, "twenty": 20, "twenty five": 25}
# Words alone: figures may be the minutes of '2:00 pm', which stay as they are.
_OCLOCK = re.compile(rf"\b(?P<named>{'|'.join(_HOURS)})(?=\s*(?:o'?clock|[ap]\.?m\b))")
_BEFORE_TODAY = re.compile(rf"\b(?P<count>\d{{1,4}}|an?|{'|'.join(_HOURS)}) (?P<unit>day|week)s? ago\b")
_OFFSET = re.compile(r"(?P<rest>.*\d)\s*(?P<zone>z|[+-]\d{2}:?\d{2})")
# What a part of the day is taken for when no time is said with it.
_PARTS = {"morning": 9, "afternoon": 15, "evening": 19, "night": 22}
_PART = re.compile(r"[,\s]*(?:in the |at )?(?P<part>morning|afternoon|evening|night)\b")
# The only words that dateparser is trusted with: it guesses at the others.
_PLAIN_WORDS = frozenset(
    (
        "at",
        "on",
        "of",
        "the",
        "am",
        "pm",
        "a",
        "p",
        "m",
        "noon",
        "midnight",
        "st",
        "nd",
        "rd",
        "th",
        "around",
        "about",
        "t",
        "z",
    )
)


@dataclass(frozen=True, slots=True)
class Moments:
    """What the words mean: one instant, or two where a local time comes twice. ``words``: of each, to tell them apart."""

    utc_ns: tuple[int, ...]
    words: tuple[str, ...]

    @property
    def one(self) -> int | None:
        """The instant when there is only one."""
        return self.utc_ns[0] if len(self.utc_ns) == 1 else None


def warm() -> None:
    """Load what is slow to load; for a process that is forked later, or a thread."""
    import dateparser  # noqa: PLC0415 - loads for a second
    import dateparser.search  # noqa: PLC0415

    dateparser.parse("2 hours ago", languages=["en"])


async def async_parse(text: str, now_utc_ns: int, *, future: bool = False, zone: tzinfo | None = None) -> Moments:
    """See `parse`; off the loop."""
    return await asyncio.to_thread(parse, text, now_utc_ns, future=future, zone=zone)


def parse(text: str, now_utc_ns: int, *, future: bool = False, zone: tzinfo | None = None) -> Moments:
    """What somebody means by ``text``, at ``now_utc_ns``. ``future``: times to come count too. Raises BadRequest. May block."""
    zone = zone or get_localzone()
    typed = " ".join(text.lower().replace("\u202f", " ").split())
    if not typed:
        raise BadRequest("Say which time.", EXAMPLES)
    if len(typed) > MAX_CHARS:
        raise BadRequest("That is too long for a time.", EXAMPLES)
    now = (_EPOCH + timedelta(microseconds=now_utc_ns // 1000)).astimezone(zone)
    spoken = _in_digits(typed, now.date())
    instants = _exact(typed, now) or _wall(spoken, now, zone, future=future) or _other(spoken, now, zone)
    if not instants:
        raise BadRequest(f"“{text.strip()[:40]}” is not understood as a time.", EXAMPLES)
    past = instants if future else [at for at in instants if _passed(at, now)]
    if not past:
        raise BadRequest(f"{_words(instants[0], zone)} has not come yet.", "Give a time in the past.")
    if past[0].astimezone(UTC) < now.astimezone(UTC) - OLDEST:
        raise BadRequest(f"{_words(past[0], zone)} is too long ago.", EXAMPLES)
    return Moments(tuple(_ns(at) for at in past), tuple(_words(at, zone) for at in past))


# --- forms ---------------------------------------------------------------------------------------------------------


def _in_digits(typed: str, today: date) -> str:
    """'quarter past five', 'five o'clock', '2 days ago 3:15 pm', with the figures that they mean."""
    typed = typed.replace("\u2019", "'")

    def clock(match: re.Match[str]) -> str:
        share = match["share"].removeprefix("a ").replace("-", " ")
        minutes = _SHARES.get(share) or int((re.match(r"\d+", share) or [0])[0])
        hour = _hour(match["named"])
        if match["way"] in ("to", "before", "till"):
            hour, minutes = hour - 1, 60 - minutes
        if not 0 <= minutes < 60 or not 0 <= hour <= 23:
            return match.group()
        return f"{hour or 12}:{minutes:02}"

    def day(match: re.Match[str]) -> str:
        named = match["count"]
        count = 1 if named in ("a", "an") else _hour(named)
        try:
            return (today - timedelta(days=count * (7 if match["unit"] == "week" else 1))).isoformat()
        except OverflowError:
            return match.group()

    typed = _PAST.sub(clock, typed)
    typed = _OCLOCK.sub(lambda match: str(_hour(match["named"])), typed)
    return _BEFORE_TODAY.sub(day, typed)


def _hour(named: str) -> int:
    return _HOURS.index(named) + 1 if named in _HOURS else int(named)


def _exact(typed: str, now: datetime) -> list[datetime]:
    """'now', '2 hours ago', '1 hour 20 min ago'."""
    if typed in ("now", "just now", "right now"):
        return [now]
    match = _AGO.fullmatch(typed)
    if match is None:
        return []
    count = _COUNTS.get(match["count"])
    seconds = (float(match["count"]) if count is None else count) * _UNIT_S[match["unit"][0]]
    if match["count2"]:
        seconds += 60 * int(match["count2"])
    # Hours are counted on the clock that never jumps.
    return [(now.astimezone(UTC) - timedelta(seconds=seconds)).astimezone(now.tzinfo)]


def _wall(typed: str, now: datetime, zone: tzinfo, *, future: bool) -> list[datetime]:
    """A day and a time of day, in either order, or one of them alone."""
    typed = typed.removesuffix(" local time").replace(",  ", ", ")
    if (
        offset := _OFFSET.fullmatch(typed.replace("t", " ", 1) if re.match(r"\d{4}-\d\d?-\d\d?t", typed) else typed)
    ) is not None:
        return _with_offset(offset["rest"], offset["zone"])
    if re.match(r"\d{4}-\d{1,2}-\d{1,2}t\d", typed):
        typed = typed.replace("t", " ", 1)
    typed = re.sub(r"^at\s+", "", typed)
    if (alone := _TIME.fullmatch(typed)) is not None:
        return _nearest(alone, now, zone, future=future)
    day = _DAY.match(typed)
    if day is not None and (day.end() == len(typed) or typed[day.end()] in " ,"):
        rest = re.sub(r"^[,\s]*(?:at\s+)?", "", typed[day.end() :])
        return _both(day, rest, now, zone)
    # The time first: '3:15 pm yesterday', '14:00 on 11/24'.
    clock = _TIME.match(typed)
    if clock is not None and clock.end() < len(typed):
        rest = re.sub(r"^[,\s]*(?:on\s+)?", "", typed[clock.end() :])
        day = _DAY.fullmatch(rest)
        if day is not None:
            return _both(day, clock.group(), now, zone)
    return []


def _with_offset(rest: str, offset: str) -> list[datetime]:
    try:
        at = datetime.fromisoformat(rest.replace(" ", "T") + ("+00:00" if offset == "z" else offset))
    except ValueError:
        return []
    return [at] if at.tzinfo is not None else []


def _both(day: re.Match[str], rest: str, now: datetime, zone: tzinfo) -> list[datetime]:
    on = _date(day, now.date())
    if on is None:
        return []
    word = day["word"] or ""
    part = "night" if word in ("last night", "tonight") else ""
    if (said := _PART.search(rest)) is not None and (not said.start() or said.end() == len(rest)):
        part = part or said["part"]
        rest = re.sub(r"^[,\s]*(?:at\s+)?", "", rest[: said.start()] + rest[said.end() :]).strip()
    if not rest:
        # A day alone is its noon: the whole day lies around it.
        return _local(on, time(_PARTS.get(part, 12)), zone)
    clock = _TIME.fullmatch(rest)
    at = _time(clock, bare=bool(part)) if clock is not None else None
    if clock is None or at is None:
        return []
    if not _says_half(clock) and 1 <= at.hour < 12:
        late = part in ("afternoon", "evening") or (part == "night" and at.hour >= 6)
        at = at.replace(hour=at.hour + 12) if late else at
    if part == "night" and at.hour < 6:
        on += timedelta(days=1)
    return _local(on, at, zone)


def _date(match: re.Match[str], today: date) -> date | None:
    weekday, last = match["weekday"], match["last"]
    try:
        if match["word"]:
            word = match["word"].removeprefix("the ")
            if word == "tomorrow":
                return today + timedelta(days=1)
            back = 2 if word == "day before yesterday" else 1 if word.startswith(("yesterday", "last")) else 0
            return today - timedelta(days=back)
        if match["iso_year"]:
            return date(int(match["iso_year"]), int(match["iso_month"]), int(match["iso_day"]))
        if match["month"]:
            return _past_date(int(match["month"]), int(match["day"]), match["year"], today)
        if match["name"]:
            return _past_date(_MONTHS.index(match["name"]) + 1, int(match["name_day"]), match["name_year"], today)
    except ValueError:
        return None
    if weekday is None:
        return None
    back = (today.weekday() - [name[:3] for name in _WEEKDAYS].index(weekday)) % 7
    # 'Tuesday' may be today; 'last Tuesday' is not.
    return today - timedelta(days=back or (7 if last == "last" else 0))


def _past_date(month: int, day: int, year: str | None, today: date) -> date:
    if year:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    for guess in (today.year, today.year - 1):
        try:
            found = date(guess, month, day)
        except ValueError:  # February 29
            continue
        if found <= today:
            return found
    return date(today.year - 1, month, day)


def _time(match: re.Match[str], *, bare: bool = False) -> time | None:
    """``bare``: an hour alone counts, because the part of the day was said."""
    if match["word"]:
        return time(0 if match["word"] == "midnight" else 12)
    hour, half = int(match["hour"]), (match["half"] or "").replace(".", "")
    if not half and match["minute"] is None and not bare:
        return None  # '7' alone may be anything
    if half[:1] in ("a", "p"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    try:
        part = int((match["part"] or "0").ljust(6, "0"))
        return time(hour, int(match["minute"] or 0), int(match["second"] or 0), part)
    except ValueError:
        return None


def _says_half(match: re.Match[str]) -> bool:
    """Whether it is said which half of the day: 'o'clock' does not."""
    return bool(match["word"]) or (match["half"] or "")[:1] in ("a", "p")


def _nearest(match: re.Match[str], now: datetime, zone: tzinfo, *, future: bool) -> list[datetime]:
    """A time of day alone: the last one that has passed; without am or pm, of both readings the later one."""
    at = _time(match)
    if at is None:
        return []
    readings = [at]
    if not _says_half(match) and 1 <= at.hour < 12:
        readings.append(at.replace(hour=at.hour + 12))
    found: list[list[datetime]] = []
    for reading in readings:
        for back in (0, 1):
            both = [one for one in _local(now.date() - timedelta(days=back), reading, zone) if _passed(one, now)]
            if both:
                found.append(both)
                break
    if future:
        return _local(now.date(), at, zone)
    return max(found, key=lambda both: both[0].astimezone(UTC), default=[])


def _other(typed: str, now: datetime, zone: tzinfo) -> list[datetime]:
    """Whatever else a person may write, as dateparser reads it: only with a digit or a name of a day or month in it."""
    said = re.findall(r"[a-z]+", typed)
    months_and_days = [
        word for word in said if word.startswith(_MONTHS) or word.startswith(tuple(d[:3] for d in _WEEKDAYS))
    ]
    if not months_and_days or not re.search(r"\d", typed):
        return []
    if any(word not in _PLAIN_WORDS and word not in months_and_days for word in said):
        return []
    import dateparser  # noqa: PLC0415 - loads for a second, and is seldom needed

    settings = {
        "DATE_ORDER": "MDY",
        "PREFER_DATES_FROM": "past",
        "RELATIVE_BASE": now.replace(tzinfo=None),
        "REQUIRE_PARTS": ["day", "month"],
        "PARSERS": ["relative-time", "absolute-time"],
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    words = re.sub(r"\bnoon\b", "12:00 pm", re.sub(r"\bmidnight\b", "12:00 am", typed))
    try:
        found = dateparser.parse(words, languages=["en"], settings=settings)
    except (ValueError, OverflowError, TypeError, AttributeError):
        return []
    if found is None or found.tzinfo is not None:
        return []
    if not re.search(r"\d[:.]\d\d|\d\s*[ap]\.?m", words):
        found = datetime.combine(found.date(), time(12))
    return _local(found.date(), found.time(), zone)


# --- local time ----------------------------------------------------------------------------------------------------


def _local(on: date, at: time, zone: tzinfo) -> list[datetime]:
    """The instants at which the library's clocks show this: one, two in the night when they go back, none when they skip it."""
    found = []
    for fold in (0, 1):
        one = datetime.combine(on, at, zone).replace(fold=fold)
        back = one.astimezone(UTC).astimezone(zone)
        if back.replace(tzinfo=None, fold=0) == one.replace(tzinfo=None, fold=0) and back.astimezone(UTC) not in found:
            found.append(one.astimezone(UTC))
    if not found:
        # The clocks skipped it: what they showed right after.
        found = [datetime.combine(on, at, zone).replace(fold=0).astimezone(UTC)]
    return [one.astimezone(zone) for one in found]


def _passed(at: datetime, now: datetime) -> bool:
    """Not by what two clocks in one zone show: that would mix the two hours of the night."""
    return at.astimezone(UTC) <= now.astimezone(UTC)


def _words(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    clock = local.strftime("%I:%M:%S" if local.second else "%I:%M").lstrip("0")
    half = "am" if local.hour < 12 else "pm"
    return f"{local.strftime('%a, %b %-d, %Y')}, {clock} {half} {local.strftime('%Z')}".rstrip()


def _ns(at: datetime) -> int:
    since = at.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000
