"""What clerks really typed in policy files: the one sentence that answers it, and the file once its advice was followed."""

from __future__ import annotations

from typing import NamedTuple


class Typed(NamedTuple):
    """What is replaced everywhere in the sound file, by what, what is told, and what the advice makes of it."""

    before: str
    after: str
    told: str
    followed: str


_PAPER, _NEEDS, _DEPUTY = (
    "on_paper = true",
    'needs = ["written", "agency"]',
    '[[role]]\nkey = "deputy"\nwords.en = "Deputy"\n',
)
_AS_TRUE = "role 2 ('board'), on_paper: True or false belongs here, not text in quotes. Write on_paper = true."
_EXPECT, _AWAY = 'expect = "yes"', 'expect = "yes"\naway'
_SCREEN, _WORDS = "[[screen]]", 'words.en = "an incident"'
_NBSP = "Here is a no-break space (U+00A0), which cannot be told from what belongs here. Type an ordinary space in its place."

TYPED: dict[str, Typed] = {
    "true as text": Typed(_PAPER, 'on_paper = "true"', _AS_TRUE, _PAPER),
    "true as text, with a capital": Typed(_PAPER, 'on_paper = "True"', _AS_TRUE, _PAPER),
    "yes for true": Typed(_PAPER, 'on_paper = "yes"', _AS_TRUE, _PAPER),
    "yes for true, without quotes": Typed(
        _PAPER, "on_paper = yes", "line 18: 'yes' is not true or false. Write on_paper = true.", _PAPER
    ),
    "true with a capital": Typed(
        _PAPER, "on_paper = True", "line 18: 'True' is not written so. Write on_paper = true.", _PAPER
    ),
    "false with a capital": Typed(
        "[[screen]]",
        "[[screen]]\nplain_sight = False",
        "line 41: 'False' is not written so. Write plain_sight = false.",
        "[[screen]]\nplain_sight = false",
    ),
    "true for yes": Typed(
        _EXPECT,
        "expect = true",
        'expect: Text in quotes belongs here, not true or false. Write expect = "yes".',
        _EXPECT,
    ),
    "true with a capital for yes": Typed(
        _EXPECT, "expect = True", "line 59: 'True' is not written so. Write expect = \"yes\".", _EXPECT
    ),
    "yes with a capital": Typed(
        _EXPECT,
        'expect = "Yes"',
        "expect: 'Yes' is not one of those that belong here. Write expect = \"yes\".",
        _EXPECT,
    ),
    "a word processor's quotes": Typed(
        _WORDS,
        "words.en = “an incident”",
        'line 34: “ is a word processor\'s quote, and a text in the file has straight ones. Write words.en = "an incident".',
        _WORDS,
    ),
    "a word processor's quote at the end": Typed(
        _WORDS,
        'words.en = "an incident”',
        'line 34: ” is a word processor\'s quote, and a text in the file has straight ones. Write words.en = "an incident".',
        _WORDS,
    ),
    "a word processor's quotes in a list": Typed(
        _NEEDS,
        "needs = [“written”, “agency”]",
        f"line 38: “ is a word processor's quote, and a text in the file has straight ones. Write {_NEEDS}.",
        _NEEDS,
    ),
    "an open quote in a text with curly ones": Typed(
        _WORDS,
        'words.en = "a “minor” incident',
        'line 34: The text has no quote at its end. Write words.en = "a “minor” incident".',
        'words.en = "a “minor” incident"',
    ),
    "a no-break space before the equals sign": Typed(
        _WORDS, 'words.en\u00a0= "an incident"', f"line 34: {_NBSP}", _WORDS
    ),
    "a no-break space in a text": Typed(_WORDS, 'words.en = "an\u00a0incident"', f"line 34: {_NBSP}", _WORDS),
    "a no-break space in a key": Typed('"agency"]', '"agency\u00a0"]', f"line 38: {_NBSP}", '"agency"]'),
    "several no-break spaces": Typed(
        "rights = [",
        "rights\u00a0= [\u00a0",
        f"line 13: {_NBSP}",
        "rights = [ ",
    ),
    "a character of no width": Typed(
        _WORDS,
        'words.en = "an\u200b incident"',
        "line 34: Here is a zero width space (U+200B), which cannot be told from what belongs here. Take it out.",
        _WORDS,
    ),
    "a list without its end": Typed(
        _NEEDS,
        'needs = ["written", "agency"',
        "line 38: The list that begins here has no ]. Write ] after its last entry, in line 38.",
        _NEEDS,
    ),
    "a list of several lines without its end": Typed(
        f'{_NEEDS}\nsteps = ["consent:director"]\n',
        'needs = [\n  "written",\n  "agency",  # of the officer\n\n',
        "line 38: The list that begins here has no ]. Write ] after its last entry, in line 40.",
        'needs = [\n  "written",\n  "agency",]  # of the officer\n\n',
    ),
    "a list without a comma": Typed(
        _NEEDS,
        'needs = ["written" "agency"]',
        'line 38: A comma is missing between two entries. Write a comma before "agency"].',
        'needs = ["written" ,"agency"]',
    ),
    "a heading without its end": Typed(
        _SCREEN, "[[screen]", "line 40: The brackets of the heading are not in pairs. Write [[screen]].", _SCREEN
    ),
    "a heading of a table without its end": Typed(
        "[keeping]", "[keeping", "line 29: The brackets of the heading are not in pairs. Write [keeping].", "[keeping]"
    ),
    "a heading with a bracket too many": Typed(
        "[[role]]", "[role]]", "line 10: The brackets of the heading are not in pairs. Write [[role]].", "[[role]]"
    ),
    "a heading without its beginning": Typed(
        "[keeping]", "keeping]", "line 29: The brackets of the heading are not in pairs. Write [keeping].", "[keeping]"
    ),
    "a field in the line of its heading": Typed(
        "[keeping]\n",
        "[keeping] ",
        "line 29: Something follows the heading [keeping]. Write it in a line of its own.",
        "[keeping]\n",
    ),
    "a list without brackets": Typed(
        _NEEDS, 'needs = "written", "agency"', f"line 38: A list stands in brackets. Write {_NEEDS}.", _NEEDS
    ),
    "a list without a quote": Typed(
        _NEEDS,
        'needs = ["written, "agency"]',
        'line 38: A quote is missing in a list. Write " at the beginning and at the end of each entry.',
        _NEEDS,
    ),
    "a text without its first quote": Typed(
        'closing = "20:00"',
        'closing = 20:00"',
        'line 4: The text has no quote at its beginning. Write closing = "20:00".',
        'closing = "20:00"',
    ),
    "a field without its equals sign": Typed(
        _PAPER, "on_paper true", "line 18: A field has = between its name and its value. Write on_paper = true.", _PAPER
    ),
    "a name with one quote": Typed(
        '"release.approve" = ["board"]',
        'release.approve" = ["board"]',
        'line 21: The name has a quote on one side alone. Write "release.approve" = ["board"].',
        '"release.approve" = ["board"]',
    ),
    "a table in braces without its end": Typed(
        "most = 20 }",
        "most = 20",
        "line 51: The table in braces that begins here has no }. Write } after its last field, in line 51.",
        "most = 20 }",
    ),
    "a role for a table": Typed(
        "[second]",
        f'{_DEPUTY}stands_in = "director"\n[second]',
        "role 3 ('deputy'), stands_in: A table belongs here, not text in quotes. Write stands_in = { for = \"director\" }, "
        'or with a time stands_in = { for = "director", after = "72 hours" }.',
        f'{_DEPUTY}stands_in = {{ for = "director", after = "72 hours" }}\n[second]',
    ),
    "a role and a time for a table": Typed(
        "[second]",
        f'{_DEPUTY}stands_in = "director after 72 hours"\n[second]',
        'Write stands_in = { for = "director", after = "72 hours" }.',
        f'{_DEPUTY}stands_in = {{ for = "director", after = "72 hours" }}\n[second]',
    ),
    "a time for a clock": Typed(
        _NEEDS,
        f'{_NEEDS}\nclock = "5 business days"',
        "basis 1 ('police'), clock: A table belongs here, not text in quotes. Write clock = { answer = \"5 business days\" }.",
        f'{_NEEDS}\nclock = {{ answer = "5 business days" }}',
    ),
    "an absence in one text": Typed(
        _EXPECT,
        f'{_AWAY} = "director 73 hours"',
        "case 1 ('release.approve'), away: A table belongs here, not text in quotes. Write away.director = \"73 hours\".",
        f'{_AWAY}.director = "73 hours"',
    ),
    "an absence without a unit": Typed(
        _EXPECT,
        f"{_AWAY}.director = 73",
        "away, director: Text in quotes belongs here, not a whole number. "
        'Write its unit: away.director = "73 days" or away.director = "73 hours", whichever the policy says.',
        f'{_AWAY}.director = "73 hours"',
    ),
    "a number for a setting": Typed(
        "live_minutes = { value = 10, least = 5, most = 20 }",
        "live_minutes = 10",
        "setting, live_minutes: A table belongs here, not a whole number. Write live_minutes = { value = 10 }.",
        "live_minutes = { value = 10 }",
    ),
    "true with a capital in braces": Typed(
        "value = 10,", "value = True,", "line 51: 'True' is not written so. Write true.", "value = 10,"
    ),
    "a bound in quotes": Typed(
        "least = 5",
        'least = "5"',
        "setting, live_minutes, least: A whole number belongs here, not text in quotes. Write least = 5.",
        "least = 5",
    ),
    "a contact in one text": Typed(
        'name = "Example Library"',
        'name = "Example Library"\ncontact = "Privacy Officer"',
        'Write contact = { title.en = "Privacy Officer", address = "…", telephone = "…" }.',
        'name = "Example Library"\ncontact = { title.en = "Privacy Officer", address = "…", telephone = "…" }',
    ),
    "text for a list whose name has a dot": Typed(
        '"release.approve" = ["board"]',
        '"release.approve" = "board"',
        'second, release.approve: A list belongs here, not text in quotes. Put it in brackets: "release.approve" = ["board"].',
        '"release.approve" = ["board"]',
    ),
    "a clause's number without quotes": Typed(
        "[keeping]",
        '[[clause]]\nid = 3.10\nsays.en = "Cameras record."\n[keeping]',
        'clause 2, id: Text in quotes belongs here, not a number with a point. Write id = "3.10".',
        '[[clause]]\nid = "3.10"\nsays.en = "Cameras record."\n[keeping]',
    ),
    "a clause's number of three parts without quotes": Typed(
        'id = "7.4"', "id = 7.4.0", "line 7: '7.4.0' is not in quotes. Write id = \"7.4.0\".", 'id = "7.4"'
    ),
    "a key without quotes": Typed(
        'key = "incident"',
        "key = incident",
        "line 33: 'incident' is not in quotes. Write key = \"incident\".",
        'key = "incident"',
    ),
    "a list without quotes": Typed(
        'key = "director"\nwords.en = "Library Director"\nrights = ["live", "archive", "hold"]',
        'key = "director"\nwords.en = "Library Director"\nrights = ["live", archive, "hold"]',
        "line 13: 'archive' is not in quotes. Write \"archive\".",
        'key = "director"\nwords.en = "Library Director"\nrights = ["live", "archive", "hold"]',
    ),
    "a list of several lines without quotes": Typed(
        _NEEDS,
        "needs = [\n  written,\n  agency]",
        "line 39: 'written' is not in quotes. Write \"written\".",
        _NEEDS,
    ),
    "the last of several lines without quotes": Typed(
        _NEEDS,
        'needs = [\n  "written",\n  agency]',
        "line 40: 'agency' is not in quotes. Write \"agency\".",
        _NEEDS,
    ),
    "a colon for the equals sign": Typed(
        'key = "incident"',
        'key: "incident"',
        'line 33: A field has = between its name and its value. Write key = "incident".',
        'key = "incident"',
    ),
    "a number for a time": Typed(
        'at_most = "30 days"',
        "at_most = 30",
        "keeping, at_most: Text in quotes belongs here, not a whole number. "
        'Write its unit: at_most = "30 days" or at_most = "30 hours", whichever the policy says.',
        'at_most = "30 days"',
    ),
    "a number in quotes for a time": Typed(
        'at_most = "30 days"',
        'at_most = "30"',
        'keeping, at_most: \'30\' is not a length of time: it has no unit. Write its unit: "30 days" or "30 hours"',
        'at_most = "30 days"',
    ),
    "a length of time without quotes": Typed(
        'at_most = "30 days"',
        "at_most = 30 days  # the board's",
        "line 31: '30 days' is not in quotes. Write at_most = \"30 days\".",
        'at_most = "30 days"',
    ),
    "a time of day without quotes": Typed(
        'closing = "20:00"',
        "closing = 20:00:00",
        'library, closing: Text in quotes belongs here, not a time of day. Write closing = "20:00".',
        'closing = "20:00"',
    ),
    "hours and minutes without quotes": Typed(
        'closing = "20:00"',
        "closing = 20:00",
        "line 4: '20:00' is not in quotes. Write closing = \"20:00\".",
        'closing = "20:00"',
    ),
    "several names in one text": Typed(
        _NEEDS,
        'needs = "written, agency"',
        f"basis 1 ('police'), needs: A list belongs here, not text in quotes. Put it in brackets: {_NEEDS}.",
        _NEEDS,
    ),
    "several names in one text of a list": Typed(
        _NEEDS,
        'needs = ["written, agency"]',
        "basis 1 ('police'): 'written, agency' is one text, and a list has each name in quotes. Write \"written\", \"agency\".",
        _NEEDS,
    ),
    "a pattern of acts": Typed(
        '["release.approve", "hold',
        '["release.*", "hold',
        "role 1 ('director'): 'release.*' is a pattern, and the beginning alone names these acts: release.request, "
        'release.approve, release.export, release.key.renew and release.see. Write "release".',
        '["release", "hold',
    ),
    "a star for all acts": Typed(
        'decides = ["release.approve", "hold.lift", "seat.name", "commission.approve", "flag.review"]',
        'decides = ["*"]',
        "role 1 ('director'): '*' is a pattern. Write \"all\".",
        'decides = ["all"]',
    ),
    "one bracket for a case": Typed(
        "[[case]]",
        "[case]",
        "The heading of a row has two brackets, not one: [case] in line 55. Write [[case]] in its place.",
        "[[case]]",
    ),
    "one bracket for each of several rows": Typed(
        "[[role]]",
        "[role]",
        "The heading of a row has two brackets, not one: [role] in lines 10 and 15. Write [[role]] in its place.",
        "[[role]]",
    ),
    "a sign without a language": Typed(
        "[sign.en]",
        "[sign]",
        "sign: The heading names no language. Write [sign.en] in its place, with the language.",
        "[sign.en]",
    ),
    "a language in capitals": Typed(
        'name = "Example Library"',
        'name = "Example Library"\nlanguages = ["EN"]',
        "library: 'EN' is not a language. Write languages = [\"en\"].",
        'name = "Example Library"\nlanguages = ["en"]',
    ),
    "a language by its name": Typed(
        'name = "Example Library"',
        'name = "Example Library"\nlanguages = ["English"]',
        "library: 'English' is not a language. Write languages = [\"en\"].",
        'name = "Example Library"\nlanguages = ["en"]',
    ),
    "a basis of an act that has none": Typed(
        'act = "release.approve"\nbasis',
        'act = "look.live"\nbasis',
        "case 1: The basis 'police' decides nothing about look.live. Take basis out of the case, or ask about one of these acts: "
        "release.request, release.approve, release.export.",
        'act = "release.request"\nbasis',
    ),
    "a purpose of an act that has none": Typed(
        _EXPECT,
        f'{_EXPECT}\npurpose = "crime"',
        "case 1: The purpose 'crime' decides nothing about release.approve. Take purpose out of the case",
        _EXPECT,
    ),
    "a clause below all steps": Typed(
        "[second]",
        '[steps]\n"commission.approve" = ["consult:board"]\nclause = "7.4"\n[second]',
        "steps, clause: A clause stands beside the steps of its act. "
        'Write "commission.approve" = { steps = ["…"], clause = "7.4" }.',
        '[steps]\n"commission.approve" = { steps = ["consult:board"], clause = "7.4" }\n[second]',
    ),
    "a ground of an act that has none": Typed(
        _EXPECT,
        f'{_EXPECT}\nground = "incident"',
        "case 1: The ground 'incident' decides nothing about release.approve. Take ground out of the case",
        _EXPECT,
    ),
}
"""By name."""
