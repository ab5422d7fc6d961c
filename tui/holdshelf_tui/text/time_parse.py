"""One grammar for times as people type them, on screens and in commands alike: 'yesterday 3:15 pm', '11/24 3pm', '2 hours ago'.

Local time unless an offset or a zone says otherwise. The common forms are read here; other word orders go to dateparser, which
loads when it is first needed. A time that the clocks showed twice gives two instants, a time that they skipped is refused.
A day alone is a whole day: `Moments.day_ns` has its start and end, `Moments.utc_ns` its noon. Nothing here reads a clock.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.date_forms import date_form
from holdshelf_tui.text.time_format import NS

OLDEST = timedelta(days=3660)
MAX_CHARS = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_WORD = (
    r"(?P<word>today|tonight|last night|(?:the )?day before yesterday|this(?= (?:morning|afternoon|evening))|yesterday"
    r"|tomorrow)"
)
_WEEKDAY_NAME = "mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?"
_MONTH_NAME = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_WEEKDAY = rf"(?:(?P<last>last|this|on)\s+)?(?P<weekday>{_WEEKDAY_NAME})\b\.?"
_WEEKDAY_BEFORE = rf"(?:{_WEEKDAY_NAME})\b\.?,\s+"
_NUMBERS = r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?"
_ISO = r"(?P<iso_year>\d{4})-(?P<iso_month>\d{1,2})-(?P<iso_day>\d{1,2})"
_NAMED = (
    rf"(?P<name>{_MONTH_NAME})\b\.?\s+(?P<name_day>\d{{1,2}})(?:st|nd|rd|th)?(?![:.\d])(?:,?\s+(?P<name_year>\d{{4}})\b)?"
    rf"|(?P<day_of>\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<of_name>{_MONTH_NAME})\b\.?(?:,?\s+(?P<of_year>\d{{4}})\b)?"
)
_DAY = re.compile(rf"(?:(?:{_WEEKDAY_BEFORE})?(?:{_NAMED})|{_DAY_WORD}|{_NUMBERS}|{_ISO}|{_WEEKDAY})")
_TIME = re.compile(
    r"(?:(?P<word>noon|midday|midnight)"
    r"|(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:\.(?P<part>\d{1,6}))?)?)?"
    r"\s*(?P<half>[ap]\.?m?\.?|o'?clock)?)"
)
_AGO = re.compile(
    r"(?:about\s+)?-?(?P<count>\d{1,4}(?:\.\d{1,2})?|an?|half an|one|two|three|four|five|six|seven|eight|nine|ten|twelve)\s*"
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|d|weeks?|w)"
    r"(?:\s+(?:and\s+)?(?P<count2>\d{1,2})\s*(?P<unit2>minutes?|mins?|min|m))?(?:\s+ago)?"
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
_ZONE = re.compile(r"(?P<rest>.*(?:\d|\b[ap]\.?m\.?|noon|midnight))\s+(?P<zone>[a-z]{2,5}|[+-]\d{2,4})")
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


def examples() -> str:
    """What may be typed."""
    day = "24/11" if date_form().order == "dmy" else "11/24"
    return f"Try, for example: yesterday 3:15 pm · today 14:00 · last Tuesday at noon · {day} 3pm · 2 hours ago"


class NotATime(BadRequest):
    """What was typed cannot be read as a time; other refusals are of times that are not there, or not meant."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What was typed means: one instant, or two where local time came twice. ``words`` tells each of them."""

    utc_ns: tuple[int, ...]
    words: tuple[str, ...]
    day_ns: tuple[int, int] | None = None
    """Start and end of the local day, when a day was typed without a time."""

    @property
    def one(self) -> int | None:
        """The instant when there is only one."""
        return self.utc_ns[0] if len(self.utc_ns) == 1 else None

    def only(self) -> int:
        """The instant. Raises BadRequest, with both written out, when local time came twice."""
        if len(self.utc_ns) == 1:
            return self.utc_ns[0]
        first, second = (_EPOCH + timedelta(microseconds=ns // 1000) for ns in self.utc_ns)
        zone = get_localzone()
        clock, day = self.words[0].rpartition(", ")[2].rpartition(" ")[0], self.words[0].rpartition(", ")[0]
        raise times.shown_twice(clock, day, first.astimezone(zone), second.astimezone(zone))


@dataclass(frozen=True, slots=True)
class _Read:
    """Instants that fit, none when the words are not understood; ``day`` when only a day was said."""

    at: list[datetime]
    day: date | None = None


_NOT_READ = _Read([])


def warm() -> None:
    """Load what is slow to load; for a process that is forked later, or a thread."""
    import dateparser  # noqa: PLC0415 - loads for a second
    import dateparser.search  # noqa: PLC0415

    dateparser.parse("2 hours ago", languages=["en"])


def parse(
    text: str, now_utc_ns: int, *, future: bool = False, since_utc_ns: int | None = None, zone: tzinfo | None = None
) -> Moments:
    """What ``text`` means at ``now_utc_ns``. Raises BadRequest. May block while dateparser loads.

    ``future``: times to come count, too. ``since_utc_ns``: the start of a span whose end this is; a time of day alone is then
    the next one after it, and a date without a year the next one on or after its day. Without it, a time of day alone is
    today's, and a date without a year the last one.
    """
    zone = zone or get_localzone()
    typed = " ".join(text.lower().replace("\u202f", " ").split())
    if not typed:
        raise NotATime("No time was given.", examples())
    if len(typed) > MAX_CHARS:
        raise NotATime("That is too long to be a time.", examples())
    now = _at(now_utc_ns, zone)
    asked = _Asked(now, zone, future=future, since=_at(since_utc_ns, zone) if since_utc_ns is not None else None)
    try:
        found = _exact(typed, now)
        found = found if found.at else _wall(_in_digits(typed, now.date()), asked)
        found = found if found.at else _other(_in_digits(typed, now.date()), asked)
        past = found.at if future else [at for at in found.at if _passed(at, now)]
        if not past and found.day is not None and found.day <= now.date():
            past = [now]  # today, before noon
        day_ns = _day_ns(found.day, zone) if found.day is not None else None
        if past and past[0].astimezone(UTC) < now.astimezone(UTC) - OLDEST:
            raise BadRequest(f"{_words(past[0], zone)} is too long ago.", examples())
    except (ValueError, OverflowError):
        found, past, day_ns = _NOT_READ, [], None
    if not found.at:
        shown = "".join(c for c in text.strip()[:40] if unicodedata.category(c)[0] != "C")
        raise NotATime(f"“{shown}” is not a time.", examples())
    if not past:
        raise BadRequest(f"{_words(found.at[0], zone)} has not come yet.", "Give a time in the past.")
    return Moments(tuple(_ns(at) for at in past), tuple(_words(at, zone) for at in past), day_ns)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the reading depends on besides the words."""

    now: datetime
    zone: tzinfo
    future: bool
    since: datetime | None


def _at(utc_ns: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(zone)


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


def _exact(typed: str, now: datetime) -> _Read:
    """'now', '2 hours ago', '90 min', '1 hour 20 min ago'."""
    if typed in ("now", "just now", "right now"):
        return _Read([now])
    match = _AGO.fullmatch(typed)
    if match is None:
        return _NOT_READ
    count = _COUNTS.get(match["count"])
    seconds = (float(match["count"]) if count is None else count) * _UNIT_S[match["unit"][0]]
    if match["count2"]:
        seconds += 60 * int(match["count2"])
    # Hours are counted on the clock that never jumps.
    return _Read([(now.astimezone(UTC) - timedelta(seconds=seconds)).astimezone(now.tzinfo)])


def _wall(typed: str, asked: _Asked) -> _Read:
    """A day and a time of day, in either order, or one of them alone."""
    typed = typed.removesuffix(" local time").replace(",  ", ", ")
    iso = re.match(r"\d{4}-\d{1,2}-\d{1,2}t\d", typed) is not None
    if (offset := _OFFSET.fullmatch(typed.replace("t", " ", 1) if iso else typed)) is not None:
        return _with_offset(offset["rest"], offset["zone"])
    if (zoned := _ZONE.fullmatch(typed)) is not None and zoned["zone"] in _zone_names(asked):
        read = _wall(zoned["rest"], asked)
        return _Read([at for at in read.at if (at.astimezone(asked.zone).tzname() or "").lower() == zoned["zone"]])
    if iso:
        typed = typed.replace("t", " ", 1)
    typed = re.sub(r"^at\s+", "", typed)
    if (alone := _TIME.fullmatch(typed)) is not None:
        return _Read(_today(alone, asked))
    day = _DAY.match(typed)
    if day is not None and (day.end() == len(typed) or typed[day.end()] in " ,"):
        rest = re.sub(r"^[,\s]*(?:at\s+)?", "", typed[day.end() :])
        return _both(day, rest, asked)
    # The time first: '3:15 pm yesterday', '14:00 on 11/24'.
    clock = _TIME.match(typed)
    if clock is not None and clock.end() < len(typed):
        rest = re.sub(r"^[,\s]*(?:on\s+)?", "", typed[clock.end() :])
        day = _DAY.fullmatch(rest)
        if day is not None:
            return _both(day, clock.group(), asked)
    return _NOT_READ


def _zone_names(asked: _Asked) -> set[str]:
    """'est' and 'edt': what the library's clocks are called in winter and in summer."""
    return {(asked.now.replace(month=month, day=1).tzname() or "").lower() for month in (1, 7)}


def _with_offset(rest: str, offset: str) -> _Read:
    try:
        at = datetime.fromisoformat(rest.replace(" ", "T") + ("+00:00" if offset == "z" else offset))
    except ValueError:
        return _NOT_READ
    return _Read([at] if at.tzinfo is not None else [])


def _both(day: re.Match[str], rest: str, asked: _Asked) -> _Read:
    on = _date(day, asked)
    if on is None:
        return _NOT_READ
    word = day["word"] or ""
    part = "night" if word in ("last night", "tonight") else ""
    if (said := _PART.search(rest)) is not None and (not said.start() or said.end() == len(rest)):
        part = part or said["part"]
        rest = re.sub(r"^[,\s]*(?:at\s+)?", "", rest[: said.start()] + rest[said.end() :]).strip()
    if not rest:
        return _Read(times.local_instants(on, time(_PARTS.get(part, 12)), asked.zone), None if part else on)
    clock = _TIME.fullmatch(rest)
    at = _time(clock, bare=bool(part)) if clock is not None else None
    if clock is None or at is None:
        return _NOT_READ
    if not _says_half(clock) and 1 <= at.hour < 12:
        late = part in ("afternoon", "evening") or (part == "night" and at.hour >= 6)
        at = at.replace(hour=at.hour + 12) if late else at
    if part == "night" and at.hour < 6:
        on += timedelta(days=1)
    return _Read(times.local_instants(on, at, asked.zone))


def _date(match: re.Match[str], asked: _Asked) -> date | None:
    weekday, last = match["weekday"], match["last"]
    today = asked.now.date()
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
            month, day = date_form().in_figures(int(match["month"]), int(match["day"]))
            return _on(month, day, match["year"], asked)
        if match["name"]:
            return _on(_MONTHS.index(match["name"][:3]) + 1, int(match["name_day"]), match["name_year"], asked)
        if match["of_name"]:
            return _on(_MONTHS.index(match["of_name"][:3]) + 1, int(match["day_of"]), match["of_year"], asked)
    except ValueError:
        return None
    if weekday is None:
        return None
    back = (today.weekday() - [name[:3] for name in _WEEKDAYS].index(weekday[:3])) % 7
    # 'Tuesday' may be today; 'last Tuesday' is not.
    return today - timedelta(days=back or (7 if last == "last" else 0))


def _on(month: int, day: int, year: str | None, asked: _Asked) -> date:
    """Without a year: the last one, or for the end of a span the next one on or after its start. Raises ValueError."""
    if year:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    since, today = asked.since.date() if asked.since is not None else None, asked.now.date()
    years = range(since.year, since.year + 9) if since is not None else range(today.year, today.year - 9, -1)
    for guess in years:
        try:
            found = date(guess, month, day)
        except ValueError:  # February 29
            continue
        if (found >= since) if since is not None else (found <= today):
            return found
    raise ValueError(f"{month}/{day}")


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


def _today(match: re.Match[str], asked: _Asked) -> list[datetime]:
    """A time of day alone. '3:15' without am or pm may be either, '03:15' and '15:15' are not in doubt.

    Today's: of both readings the later one that has passed. As the end of a span: the first one after the start.
    Raises BadRequest when it has not come yet today: whoever types it a minute early does not mean yesterday's.
    """
    at = _time(match)
    if at is None:
        return []
    readings = [at]
    if not _says_half(match) and 1 <= at.hour < 12 and not match["hour"].startswith("0"):
        readings.append(at.replace(hour=at.hour + 12))
    if asked.since is not None:
        after = asked.since
        days = (after.date(), after.date() + timedelta(days=1))
        to_come = [both for on in days for one in readings if (both := _later(on, one, after, asked.zone))]
        return min(to_come, key=lambda both: both[0].astimezone(UTC), default=[])
    today = [times.local_instants(asked.now.date(), reading, asked.zone) for reading in readings]
    passed = [gone for both in today if (gone := [one for one in both if _passed(one, asked.now)])]
    if not passed:
        clock = _clock_words(today[0][0].astimezone(asked.zone))
        or_today = f" or 'today {clock}'" if asked.future else ""
        raise BadRequest(f"{clock} has not come yet today.", f"Type 'yesterday {clock}'{or_today}.")
    return max(passed, key=lambda both: both[0].astimezone(UTC))


def _later(on: date, at: time, after: datetime, zone: tzinfo) -> list[datetime]:
    return [one for one in times.local_instants(on, at, zone) if one.astimezone(UTC) > after.astimezone(UTC)]


def _other(typed: str, asked: _Asked) -> _Read:
    """Whatever else a person may write, as dateparser reads it: only with a digit or a name of a day or month in it."""
    said = re.findall(r"[a-z]+", typed)
    months_and_days = [
        word for word in said if word.startswith(_MONTHS) or word.startswith(tuple(d[:3] for d in _WEEKDAYS))
    ]
    if not months_and_days or not re.search(r"\d", typed):
        return _NOT_READ
    if any(word not in _PLAIN_WORDS and word not in months_and_days for word in said):
        return _NOT_READ
    import dateparser  # noqa: PLC0415 - loads for a second, and is seldom needed

    settings = {
        "DATE_ORDER": date_form().order.upper(),
        "PREFER_DATES_FROM": "past",
        "RELATIVE_BASE": asked.now.replace(tzinfo=None),
        "REQUIRE_PARTS": ["day", "month"],
        "PARSERS": ["relative-time", "absolute-time"],
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    words = re.sub(r"\bnoon\b", "12:00 pm", re.sub(r"\bmidnight\b", "12:00 am", typed))
    try:
        found = dateparser.parse(words, languages=["en"], settings=settings)
    except (ValueError, OverflowError, TypeError, AttributeError):
        return _NOT_READ
    if found is None or found.tzinfo is not None:
        return _NOT_READ
    if not re.search(r"\d[:.]\d\d|\d\s*[ap]\.?m", words):
        return _Read(times.local_instants(found.date(), time(12), asked.zone), found.date())
    return _Read(times.local_instants(found.date(), found.time(), asked.zone))


# --- local time ----------------------------------------------------------------------------------------------------


def _day_ns(on: date, zone: tzinfo) -> tuple[int, int]:
    """Start and end of a local day. Midnight is skipped or shown twice in some zones: the day begins with its first instant."""
    start, end = (datetime.combine(day, time(), zone).replace(fold=0) for day in (on, on + timedelta(days=1)))
    return _ns(start), _ns(end)


def _passed(at: datetime, now: datetime) -> bool:
    """Not by what two clocks in one zone show: that would mix the two hours of the night."""
    return at.astimezone(UTC) <= now.astimezone(UTC)


def _words(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{date_form().day(local, weekday=True)}, {_clock_words(local)} {local.strftime('%Z')}".rstrip()


def _clock_words(local: datetime) -> str:
    return date_form().time(local, seconds=bool(local.second))


def _ns(at: datetime) -> int:
    since = at.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000
