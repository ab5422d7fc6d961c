"""What a clerk gets wrong in a policy file: what was written, and the sentence that answers it.

`python -m tests.core.policy_file.mistakes` writes docs/policy-mistakes.md from it.
"""

from __future__ import annotations

from pathlib import Path

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.read import read_bytes

PAGE = Path(__file__).parents[3] / "docs" / "policy-mistakes.md"

HEAD = 'format = 1\n[library]\nname = "Example Library"\nclosing = "20:00"\n'
SOUND = (
    HEAD
    + """
[[clause]]
id = "7.4"
duty = "P13"
says.en = "Footage goes to the police through the Director."
[[role]]
key = "director"
words.en = "Library Director"
rights = ["live", "archive", "hold"]
decides = ["release.approve", "hold.lift", "seat.name", "commission.approve", "flag.review"]
[[role]]
key = "board"
words.en = "Library Board"
on_paper = true
speaks_for_board = true
[second]
"release.approve" = ["board"]
[[class]]
key = "outdoors"
places = ["parking"]
[[purpose]]
key = "crime"
words.en = "a crime"
clause = "7.4"
[keeping]
at_least = "7 days"
at_most = "30 days"
[[ground]]
key = "incident"
words.en = "an incident"
[[basis]]
key = "police"
words.en = "a request by the police"
needs = ["written", "agency"]
steps = ["consent:director"]
[[screen]]
key = "desk"
for = ["staff"]
classes = ["outdoors"]
ends = "closing"
[[check]]
key = "review"
words.en = "the Board looks at the policy again"
every = "3 years"
by = "board"
[setting]
live_minutes = { value = 10, least = 5, most = 20 }
[sign.en]
headline = ["Cameras are in use"]
lines = ["Ask {contact}."]
[[case]]
who = "director"
act = "release.approve"
basis = "police"
expect = "yes"
clause = "7.4"
"""
)
"""A file without a mistake; each mistake changes one place of it. ``typed`` has more of them."""

SYNTAX: dict[str, tuple[str, str]] = {
    "no format": ('[library]\nname = "x"\n', "does not say its format. Write `format = 1`"),
    "a newer format": (
        SOUND.replace("format = 1", "format = 9"),
        "has format 9; this version of Holdshelf knows formats up to 1",
    ),
    "a format in words": (SOUND.replace("format = 1", 'format = "one"'), "the format is a number"),
    "no equals sign": (
        SOUND + "\nretention 30 days\n",
        "line 62: 'retention 30 days' is no field, no heading and no comment. Write name = value, or begin the line with #.",
    ),
    "a quote that is open": (
        SOUND.replace('"Library Director"', '"Library Director'),
        'line 12: The text has no quote at its end. Write words.en = "Library Director".',
    ),
    "a table twice": (
        SOUND + '\n[library]\nname = "y"\n',
        "line 62: The table [library] appears twice, in lines 2 and 62. Put its fields together below the first one",
    ),
    "a field misspelled": (
        SOUND.replace("rights =", "rigths ="),
        "role 1 ('director'): There is no field 'rigths'. Did you mean 'rights'?",
    ),
    "a table misspelled": (
        SOUND.replace("[[ground]]", "[[grounds]]"),
        "There is no table 'grounds'. Did you mean 'ground'?",
    ),
    "a field missing": (
        SOUND.replace('words.en = "a crime"\n', ""),
        "purpose 1 ('crime'): The field 'words' is missing. Add words.en =",
    ),
    "words without a language": (
        SOUND.replace('words.en = "a crime"', 'words = "a crime"'),
        "purpose 1 ('crime'), words: A table belongs here, not text in quotes. Write it by language: words.en = \"a crime\"",
    ),
    "a number for text": (
        SOUND.replace('every = "3 years"', "every = 3"),
        "check 1 ('review'), every: Text in quotes belongs here, not a whole number. Write its unit: every = \"3 days\" or",
    ),
    "a choice that is none": (
        SOUND.replace('expect = "yes"', 'expect = "maybe"'),
        "'maybe' is not one of those that belong here. One of: no, yes",
    ),
    "a row without its heading": (
        SOUND.replace('[[role]]\nkey = "board"', 'key = "board"'),
        "line 15: 'key' appears twice below one heading. Where another row begins, write its heading above it, such as",
    ),
    "one bracket for a row": (
        SOUND.replace("[[check]]", "[check]"),
        "The heading of a row has two brackets, not one: [check] in line 45. Write [[check]] in its place",
    ),
    "two brackets for a table": (
        SOUND.replace("[keeping]", "[[keeping]]"),
        "keeping: A table belongs here, not a list of tables. There is one of it: write [keeping], with one bracket",
    ),
    "a name with a dot, without quotes": (
        SOUND.replace('"release.approve" = ["board"]', 'release.approve = ["board"]'),
        'second, release: A list belongs here, not a table. Put the name in quotes, as there is a dot in it: "release.approve" =',
    ),
    "an act with a dot, without quotes": (
        SOUND.replace("[second]", '[steps]\ncommission.approve = ["consult:board"]\n[second]'),
        "steps, commission: 'commission' is no act. Put the name in quotes, as there is a dot in it: \"commission.approve\" = …",
    ),
    "a table of an act with a dot, without quotes": (
        SOUND.replace("[second]", '[steps.commission.approve]\nsteps = ["consult:board"]\n[second]'),
        'Put the name in quotes, as there is a dot in it: [steps."commission.approve"]',
    ),
    "a clause without its steps": (
        SOUND.replace("[second]", '[steps]\n"commission.approve" = { clause = "7.4" }\n[second]'),
        "steps, commission.approve: The field 'steps' is missing. Add steps = [",
    ),
    "text for steps": (
        SOUND.replace("[second]", '[steps]\n"commission.approve" = "consult:board"\n[second]'),
        "steps, commission.approve: A list or a table belongs here, not text in quotes. Put it in brackets: ",
    ),
    "a number for what governs the library": (
        SOUND.replace('name = "Example Library"', 'name = "Example Library"\nboard = 7'),
        "library, board: A table belongs here, not a whole number. Write board.en =",
    ),
    "what governs the library without a language": (
        SOUND.replace('name = "Example Library"', 'name = "Example Library"\nboard = "the Council"'),
        'library, board: A table belongs here, not text in quotes. Write it by language: board.en = "the Council"',
    ),
    "a list for what governs the library": (
        SOUND.replace('name = "Example Library"', 'name = "Example Library"\nboard.en = ["the Council"]'),
        "library, board, en: Text in quotes belongs here, not a list",
    ),
    "text for a list": (
        SOUND.replace('classes = ["outdoors"]', 'classes = "outdoors"'),
        "screen 1 ('desk'), classes: A list belongs here, not text in quotes. Put it in brackets: classes = [\"outdoors\"]",
    ),
    "words by language where there is one text": (
        SOUND.replace('name = "Example Library"', 'name.en = "Example Library"'),
        "library, name: Text in quotes belongs here, not a table. It is one text, the same in each language: write name = ",
    ),
    "a setting without its value": (
        SOUND.replace("value = 10, ", ""),
        "setting, live_minutes: The field 'value' is missing. Add value = 10",
    ),
    "a sign without a headline": (
        SOUND.replace('headline = ["Cameras are in use"]\n', ""),
        "sign, en: The field 'headline' is missing. Add headline = [",
    ),
    "a clock of hands": (
        SOUND.replace('closing = "20:00"', 'closing = "20:00"\nclock = "24"'),
        "library, clock: A whole number belongs here, not text in quotes. Write clock = 24",
    ),
    "a date without quotes": (
        SOUND.replace('closing = "20:00"', "closed = [2026-12-25]"),
        'library, closed 1: Text in quotes belongs here, not a date. Write "2026-12-25"',
    ),
    "no library": ("format = 1\n", "The table 'library' is missing. Add a table [library]"),
}

MEANING: dict[str, tuple[str, str, str]] = {
    "two roles of one name": ('key = "board"', 'key = "director"', "There are two of the role 'director'"),
    "a role that does not exist": (
        "consent:director",
        "consent:manager",
        "There is no role 'manager' for the step 'consent:manager'",
    ),
    "a step that is none": ("consent:director", "ask:director", "'ask:director' is not a step"),
    "a right that does not exist": ('"hold"]', '"download"]', "There is no right 'download'"),
    "an act that no role decides": (
        'decides = ["release.approve"',
        'decides = ["footage.erase"',
        "There is no act that a role decides 'footage.erase'",
    ),
    "the admin as a role": ('key = "director"', 'key = "admin"', "'admin' is a name that Holdshelf uses itself"),
    "a key with a space": ('key = "incident"', 'key = "an incident"', "'an incident' is no key"),
    "nobody decides releases": (
        '"release.approve", "hold.lift"',
        '"hold.lift"',
        "No role with holders may approve a release",
    ),
    "nobody lifts holds": (
        '"release.approve", "hold.lift"',
        '"release.approve"',
        "No role with holders may ask for a hold to be lifted",
    ),
    "nobody names holders": ('"seat.name", ', "", "No role with holders may name the holder of a seat"),
    "nobody brings a camera into use": (
        ', "commission.approve"',
        "",
        "No role with holders may approve a camera for use",
    ),
    "a clause by the name of yes": (
        'id = "7.4"',
        'id = "yes"',
        "'yes' would be read as an answer in the table",
    ),
    "nobody speaks for the Board": ("speaks_for_board = true\n", "", "No role speaks for the Board"),
    "two speak for the Board": (
        'key = "director"',
        'speaks_for_board = true\nkey = "director"',
        "director and board all speak for the Board",
    ),
    "rights on paper": ("on_paper = true", 'on_paper = true\nrights = ["live"]', "A role on paper has no key"),
    "a deputy of nobody": (
        'key = "director"',
        'key = "director"\nstands_in = { for = "mayor" }',
        "There is no role 'mayor' to stand in for",
    ),
    "a deputy of itself": (
        'key = "director"',
        'key = "director"\nstands_in = { for = "director" }',
        "director stands in for itself",
    ),
    "an absence that is none": (
        'key = "director"',
        'key = "director"\nstands_in = { for = "director", after = "soon" }',
        "'soon' is not a length of time",
    ),
    "a deputy on paper": (
        "on_paper = true",
        'on_paper = true\nstands_in = { for = "director" }',
        "A role on paper is never away, and stands in for nobody",
    ),
    "a deputy of a role on paper": (
        'key = "director"',
        'key = "director"\nstands_in = { for = "board" }',
        "A role on paper is never away, and stands in for nobody",
    ),
    "a shift of days": (
        'key = "director"',
        'key = "director"\nshift = "2 days"',
        "'2 days' is not the length of a shift",
    ),
    "a shift with nothing to watch": (
        'rights = ["live", "archive", "hold"]',
        'rights = ["archive", "hold"]\nshift = "8 hours"',
        "A shift is spent watching live",
    ),
    "a week without a business day": (
        'name = "Example Library"',
        'name = "Example Library"\nclosed = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]',
        "Every day of the week is closed",
    ),
    "steps before no act": (
        "[second]",
        '[steps]\n"look.sell" = ["consent:board"]\n[second]',
        "Steps do not stand before 'look.sell'",
    ),
    "steps before a hold": (
        "[second]",
        '[steps]\n"hold.place" = ["consent:board"]\n[second]',
        "Steps do not stand before 'hold.place', only before commission.approve",
    ),
    "a judge before an act": (
        "[second]",
        '[steps]\n"commission.approve" = ["judge"]\n[second]',
        "'judge' is asked of a request, not before an act",
    ),
    "a judge before an act, in a table": (
        "[second]",
        '[steps]\n"commission.approve" = { steps = ["judge"], clause = "7.4" }\n[second]',
        "'judge' is asked of a request, not before an act",
    ),
    "steps by a clause that does not exist": (
        "[second]",
        '[steps]\n"commission.approve" = { steps = ["consult:board"], clause = "9" }\n[second]',
        "There is no clause '9' in this file",
    ),
    "a clause that asks for no step": (
        "[second]",
        '[steps]\n"commission.approve" = { steps = [], clause = "7.4" }\n[second]',
        "The clause asks for no step",
    ),
    "a step twice, in a table": (
        "[second]",
        '[steps]\n"commission.approve" = { steps = ["consult:board", "consult:board"] }\n[second]',
        "'consult:board' appears twice",
    ),
    "the consent of nobody": (
        "[second]",
        '[steps]\n"commission.approve" = ["consent:mayor"]\n[second]',
        "There is no role 'mayor' for the step 'consent:mayor'",
    ),
    "a ground of a basis that does not exist": (
        'needs = ["written", "agency"]',
        'needs = ["written", "agency"]\nground = "whim"',
        "There is no ground 'whim'",
    ),
    "a second person of nothing": (
        '"release.approve" = ["board"]',
        '"look.live" = ["board"]',
        "Nothing of that name takes a second person",
    ),
    "a second person who does not exist": ('= ["board"]', '= ["mayor"]', "There is no role 'mayor'"),
    "a place that does not exist": ('places = ["parking"]', 'places = ["roof"]', "There is no kind of place 'roof'"),
    "a class without places": ('places = ["parking"]', "places = []", "The class has no place"),
    "a private place opened": (
        "[[class]]",
        '[[place]]\nkey = "restroom"\nwords.en = "restroom"\n[[place]]\nkey = "parking"\nwords.en = "parking"\n[[class]]',
        "no file opens such a place",
    ),
    "a private place by its words": (
        "[[class]]",
        '[[place]]\nkey = "quiet"\nwords.en = "staff lounge"\n[[place]]\nkey = "parking"\nwords.en = "parking"\n[[class]]',
        "no file opens such a place",
    ),
    "only private places": (
        "[[class]]",
        '[[place]]\nkey = "parking"\nwords.en = "parking"\nprivate = true\n[[class]]',
        "No place is permitted",
    ),
    "watching as a purpose": (
        '"a crime"',
        '"general monitoring of the hall"',
        "Watching people in general is not a purpose",
    ),
    "reading as a purpose": (
        '"a crime"',
        '"what somebody was reading"',
        "Finding out what someone reads, views or listens to is not a purpose",
    ),
    "no purpose to look for": (
        'clause = "7.4"\n[keeping]',
        'for = ["share"]\n[keeping]',
        "There is no purpose to look for",
    ),
    "a purpose for nothing": (
        'clause = "7.4"\n[keeping]',
        'clause = "7.4"\n[[purpose]]\nkey = "idle"\nwords.en = "idle"\nfor = []\n[keeping]',
        "The purpose is for nothing",
    ),
    "a purpose of a role on paper": (
        'clause = "7.4"\n[keeping]',
        'clause = "7.4"\nroles = ["director", "board"]\n[keeping]',
        "board is on paper and looks at nothing",
    ),
    "steps before sharing": (
        'clause = "7.4"\n[keeping]',
        'clause = "7.4"\n[[purpose]]\nkey = "who"\nwords.en = "who"\nfor = ["share"]\nsteps = ["consult:board"]\n[keeping]',
        "Steps stand before a look, and this purpose is for sharing alone",
    ),
    "a paper before a look": (
        'clause = "7.4"\n[keeping]',
        'clause = "7.4"\nsteps = ["paper"]\n[keeping]',
        "'paper' is asked of a request, not before an act",
    ),
    "a private place by its words in Spanish": (
        "[[class]]",
        '[[place]]\nkey = "common"\nwords.en = "baños"\n[[place]]\nkey = "parking"\nwords.en = "parking"\n[[class]]',
        "no file opens such a place",
    ),
    "watching as a purpose in French": (
        '"a crime"',
        '"surveillance générale"',
        "Watching people in general is not a purpose",
    ),
    "a step for a paper that is not asked for": (
        'needs = ["written", "agency"]\nsteps = [',
        'needs = ["agency"]\nsteps = ["paper", ',
        "The step “paper” has no paper to ask for",
    ),
    "a paper that follows without danger": (
        '"consent:director"]',
        '"consent:director", "within:2 days"]',
        "only in danger does footage leave before",
    ),
    "two times for one paper": (
        'needs = ["written", "agency"]\nsteps = ["consent:director"]',
        'needs = ["danger"]\nsteps = ["within:2 hours", "within:2 days"]',
        "are two times for one paper",
    ),
    "an answer within minutes": (
        'needs = ["written", "agency"]',
        'clock = { answer = "30 minutes" }\nneeds = ["written", "agency"]',
        "an answer is due by the end of a day",
    ),
    "a day that no year has": (
        'name = "Example Library"',
        'name = "Example Library"\nclosed = ["sunday", "02-30"]',
        "'02-30' is not a day",
    ),
    "a case of a guest": ('who = "director"', 'who = "share"', "There is no role 'share'"),
    "a case of what was given before": (
        'act = "release.approve"',
        'act = "share.end"',
        "share.end is about something that was given before",
    ),
    "a clause that is not there": (
        'clause = "7.4"\n[keeping]',
        'clause = "9"\n[keeping]',
        "There is no clause '9' in this file",
    ),
    "a duty that does not exist": ('duty = "P13"', 'duty = "P99"', "There is no duty 'P99'"),
    "at most below at least": (
        'at_most = "30 days"',
        'at_most = "3 days"',
        "At most 3 days may be as short as 3 days, and that is shorter than at least 7 days",
    ),
    "a month that may be too short": (
        'at_least = "7 days"\nat_most = "30 days"',
        'at_least = "30 days"\nat_most = "1 month"',
        "At most 1 month may be as short as 28 days, and that is shorter than at least 30 days",
    ),
    "a time without a unit": ('at_least = "7 days"', 'at_least = "7"', "'7' is not a length of time"),
    "no time at all": ('at_least = "7 days"', 'at_least = "0 days"', "'0 days' is not a length of time"),
    "no ground for a hold": (
        '[[ground]]\nkey = "incident"\nwords.en = "an incident"\n',
        "",
        "There is no ground for a hold",
    ),
    "a basis that asks for nothing": (
        'needs = ["written", "agency"]\nsteps = ["consent:director"]\n',
        "",
        "The basis asks for nothing",
    ),
    "something that no paper has": ('"agency"]', '"shoe size"]', "There is no thing that a basis needs 'shoe size'"),
    "an asker who is none": (
        'needs = ["written"',
        'from = "martians"\nneeds = ["written"',
        "There is no asker 'martians'",
    ),
    "the public at a staff screen": (
        'for = ["staff"]',
        'for = ["anyone"]',
        "The public may see only what is in plain sight",
    ),
    "a screen that never ends": ('ends = "closing"', 'ends = "never"', "'never' is not a time of day"),
    "a screen of nothing": (
        'classes = ["outdoors"]\nends',
        "classes = []\nends",
        "The screen names no class of camera",
    ),
    "a check by nobody": ('by = "board"', 'by = "friends"', "There is no role 'friends'"),
    "a range upside down": ("least = 5, most = 20", "least = 20, most = 5", "The range is upside down: from 20 to 5"),
    "a range beyond Holdshelf's": ("most = 20", "most = 600", "Holdshelf allows 1 to 60"),
    "a value outside its range": ("value = 10", "value = 30", "30 is not a number from 5 to 20"),
    "a setting that does not exist": ("live_minutes", "coffee_minutes", "There is no setting of that name"),
    "a language without words": (
        'name = "Example Library"',
        'name = "Example Library"\nlanguages = ["en", "es"]',
        "languages names 'es', and none of the 7 texts is in it.",
    ),
    "texts in another language": (
        'name = "Example Library"',
        'name = "Example Library"\nlanguages = ["es"]',
        "languages names 'es', and the 7 texts are in 'en'.",
    ),
    "a text without one of the languages": (
        'name = "Example Library"',
        'name = "Example Library"\nlanguages = ["en", "es"]\nauthority = { en = "An act", es = "Una ley" }',
        "words has nothing in 'es'",
    ),
    "a language that is none": (
        'name = "Example Library"',
        'name = "Example Library"\nlanguages = ["en", "English"]',
        "'English' is not a language",
    ),
    "words of another language": (
        'words.en = "a crime"',
        'words = { en = "a crime", fr = "un délit" }',
        "'fr' is not one of the library's languages",
    ),
    "a sign that asks for what is not there": ("{contact}", "{phone}", "The sign knows nothing for {phone}"),
    "a sign without the authority it names": ("Ask {contact}.", "{authority}", "the library has no authority in 'en'"),
    "a sign in one more language that names the authority": (
        "[sign.en]",
        '[sign.ga]\nheadline = ["CCTV"]\nlines = ["{authority}"]\n[sign.en]',
        "the library has no authority in 'ga'",
    ),
    "a brace that is open": ("Ask {contact}.", "Ask {contact.", "A brace is left open"),
    "a sign that nobody reads in passing": (
        'headline = ["Cameras are in use"]',
        'headline = ["C", "a", "m", "e", "r"]',
        "has room for 4",
    ),
    "a contact without a telephone": (
        'name = "Example Library"',
        'name = "Example Library"\ncontact = { title.en = "Officer", address = "1 Road", telephone = " " }',
        "contact.telephone is empty",
    ),
    "a sentence that puts in what it has not": (
        "[sign.en]",
        '[words.en]\n"Request {release}" = "No. {number}"\n[sign.en]',
        "What it puts in is not number",
    ),
    "a sentence that says nothing": ("[sign.en]", '[words.en]\n"Questions?" = " "\n[sign.en]', "It says nothing"),
    "a check by the name of all": ('key = "review"', 'key = "all"', "all is what checks every box"),
    "a text that moves the cursor": (
        '"an incident"',
        '"an\\u001b[2Jincident"',
        "has a character that cannot be printed",
    ),
    "a text without end": ('"an incident"', '"' + "long " * 100 + '"', "The text has 500 characters"),
    "a day that is none": (
        'name = "Example Library"',
        'name = "Example Library"\nclosed = ["someday"]',
        "'someday' is not a day",
    ),
    "no name": ('name = "Example Library"', 'name = " "', "The library has no name"),
    "a case of an unknown basis": ('basis = "police"', 'basis = "sheriff"', "There is no basis 'sheriff'"),
    "a case of an unknown act": ('act = "release.approve"', 'act = "release.sell"', "There is no act 'release.sell'"),
    "a case that gives what is nothing": (
        'who = "director"',
        'given = ["banana"]\nwho = "director"',
        "'banana' is not something that a case can give",
    ),
    "danger that waits for a paper": (
        'needs = ["written", "agency"]',
        'needs = ["danger", "agency"]',
        "the footage may leave before a paper is there, so agency cannot be asked for",
    ),
    "a second person who may not": (
        '"release.approve" = ["board"]',
        '"flag.review" = ["holder"]\n[[role]]\nkey = "holder"\nwords.en = "Holder"',
        "holder may not review a flagged act, so it cannot be the second person",
    ),
    "words for one person of a clause that takes no two": (
        'duty = "P13"',
        'duty = "P12"\nalone.en = "One decides."',
        "What it says where one person does it is about P13 and P16, which it does not state",
    ),
    "nobody who reviews": (
        ', "flag.review"]',
        "]",
        "No role with holders may review a flagged act",
    ),
    "no second person who reviews": (
        "[second]",
        '[second]\n"flag.review" = []',
        "Nobody may review what is flagged, so no flag could be closed",
    ),
    "a reviewer of nobody else": (
        "[second]",
        '[second]\n"flag.review" = ["director"]',
        "Only director may review what is flagged, and nobody reviews their own act, so a flag of director could not be closed",
    ),
    "a reviewer who does not look": (
        "[second]",
        '[[role]]\nkey = "chair"\nwords.en = "Chair"\ndecides = ["flag.review"]\n[second]\n"flag.review" = ["chair"]',
        "Only chair may review what is flagged, and nobody reviews their own act, so a flag of chair could not be closed",
    ),
    "a second person who is always the first": (
        "[second]",
        '[second]\n"hold.lift" = ["director"]',
        "Only director may ask to lift a hold, and only director counts as its second person, so no hold could be lifted",
    ),
    "an approver who is always the requester": (
        'decides = ["release.approve", "hold.lift", "seat.name", "commission.approve", "flag.review"]\n[[role]]\nkey = "board"\n'
        'words.en = "Library Board"\non_paper = true\nspeaks_for_board = true\n[second]\n"release.approve" = ["board"]',
        'decides = ["release.approve", "release.request", "hold.lift", "seat.name", "commission.approve", "flag.review"]\n'
        '[[role]]\nkey = "board"\nwords.en = "Library Board"\non_paper = true\nspeaks_for_board = true\n[second]\n'
        '"release.approve" = ["director"]',
        "Only director may request a release, and only director counts as its second person, so nothing could be released",
    ),
    "a purpose of watching": (
        'words.en = "a crime"',
        'words.en = "keeping an eye on the teens"',
        "Watching people in general is not a purpose: 'keeping an eye'",
    ),
    "a duty that there is not": ('duty = "P13"', 'duty = ["P13", "P22"]', "There is no duty 'P22'"),
    "an act misspelled": (
        '"hold.lift", "seat.name"',
        '"hold.lift", "hold.lfit", "seat.name"',
        "There is no act that a role decides 'hold.lfit'",
    ),
    "a clause misspelled": ('clause = "7.4"\n[keeping]', 'clause = "7.4."\n[keeping]', "There is no clause '7.4.'"),
    "a name twice in a list": (
        'needs = ["written", "agency"]',
        'needs = ["written", "agency", "written"]',
        "'written' appears twice",
    ),
    "a time with a space behind it": (
        'at_most = "30 days"',
        'at_most = "30  days "',
        "'30  days ' has too many spaces",
    ),
    "a text with a line break": ('"an incident"', '"an\\nincident"', "The text has a line break"),
    "a text with a tab": ('"an incident"', '"an\\tincident"', "The text has a tab"),
    "a text that ends with a space": ('"an incident"', '"an incident "', "The text begins or ends with a space"),
    "a clause's number with a space": ('id = "7.4"', 'id = "7.4 "', "The clause's number has too many spaces"),
    "a place beside a private one": (
        "[[class]]",
        '[[place]]\nkey = "h"\nwords.en = "a hall by restrooms"\n[[place]]\nkey = "parking"\nwords.en = "parking"\n[[class]]',
        "no file opens such a place",
    ),
    "two roles of the same words": (
        'words.en = "Library Board"',
        'words.en = "library  director"',
        "'library  director' is what role 'director' is called too",
    ),
    "two roles of the same name in lists": (
        'words.en = "Library Board"',
        'words.en = "Library Board"\nshort.en = "Library Director"',
        "'Library Director' is what role 'director' is called too",
    ),
    "two purposes of the same words": (
        "[keeping]",
        '[[purpose]]\nkey = "other-crime"\nwords.en = "A crime"\n[keeping]',
        "'A crime' is what purpose 'crime' is called too",
    ),
    "two grounds of the same words": (
        "[[basis]]",
        '[[ground]]\nkey = "other"\nwords.en = "an incident"\n[[basis]]',
        "'an incident' is what ground 'incident' is called too",
    ),
    "two bases of the same words": (
        "[[screen]]",
        '[[basis]]\nkey = "other"\nwords.en = "a request by the police"\nneeds = ["name"]\n[[screen]]',
        "'a request by the police' is what basis 'police' is called too",
    ),
    "somebody on paper who is away": (
        'who = "director"',
        'away.board = "2 days"\nwho = "director"',
        "board is on paper, so it has no holder who could be away",
    ),
    "a search for faces as a purpose": (
        '"a crime"',
        '"find a face by recognition"',
        "Searching for faces or license plates is not a purpose: 'find a face'",
    ),
    "a place to nurse that is open": (
        "[[class]]",
        '[[place]]\nkey = "n"\nwords.en = "breastfeeding nook"\n[[place]]\nkey = "parking"\nwords.en = "parking"\n[[class]]',
        "no file opens such a place",
    ),
    "an empty word for the Board": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = " "',
        "board has nothing in 'en'",
    ),
    "a word for the Board that is an article": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "the"',
        "'the' is an article, and the name is missing",
    ),
    "a word for the Board with a line break": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "the\\nCouncil"',
        "The text has a line break",
    ),
    "a word for the Board with a control character": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "the \\u001b[2JCouncil"',
        "has a character that cannot be printed",
    ),
    "a word for the Board with markup": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "the [b]Council[/b]"',
        "is no name of a Board: [ is no letter of one",
    ),
    "a word for the Board that puts something in": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "the {library}"',
        "is no name of a Board: { is no letter of one",
    ),
    "a word for the Board without a letter": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "7"',
        "'7' is no name of a Board: it has no letter",
    ),
    "a word for the Board in one more language": (
        'name = "Example Library"',
        'name = "Example Library"\nboard = { en = "the Council", es = "el Consejo" }',
        "'es' is not one of the library's languages",
    ),
    "a word for the Board in another language": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.es = "el Consejo"',
        "board is in 'es', and not in the library's language, 'en'",
    ),
    "a word for the Board in a language by its name": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.english = "the Council"',
        "board is in 'english', and not in the library's language, 'en'",
    ),
    "a word for the Board without end": (
        'name = "Example Library"',
        'name = "Example Library"\nboard.en = "the ' + "very " * 20 + 'old Council"',
        "is no name of a Board: it has 115 characters; 60 are the most",
    ),
    "too long for a bar": (
        'words.en = "a crime"',
        'words.en = "a crime"\nshort.en = "a crime that somebody saw or heard or told of"',
        "has 45 characters, and beside a bar is room for 40",
    ),
    "watching as a short purpose": (
        'words.en = "a crime"',
        'words.en = "a crime"\nshort.en = "general monitoring"',
        "Watching people in general is not a purpose",
    ),
    "two purposes of the same short words": (
        "[keeping]",
        '[[purpose]]\nkey = "other-crime"\nwords.en = "another one"\nshort.en = "A crime"\n[keeping]',
        "'A crime' is what purpose 'crime' is called too",
    ),
    "a case of nobody": ('who = "director"', 'who = "clerk"', "There is no role 'clerk'"),
}
"""By name: what of the sound file is replaced, by what, and the sentence."""


def answers(text: str) -> list[str]:
    """What `policy lint` answers to a file of that text."""
    try:
        return [str(mistake) for mistake in mistakes(read_bytes(text.encode(), "policy.toml"), text)]
    except BadRequest as refused:
        return [str(refused)]


def page() -> str:
    """The page: each mistake, and the first sentence that names it."""
    from tests.core.policy_file.typed import TYPED  # noqa: PLC0415 (it changes the sound file, which is here)

    rows = {name: text for name, (text, _) in SYNTAX.items()}
    rows |= {name: SOUND.replace(before, after, 1) for name, (before, after, _) in MEANING.items()}
    wanted = {name: sentence for name, (_, sentence) in SYNTAX.items()}
    wanted |= {name: sentence for name, (_, _, sentence) in MEANING.items()}
    rows |= {name: SOUND.replace(one.before, one.after) for name, one in TYPED.items()}
    wanted |= {name: one.told for name, one in TYPED.items()}
    lines = (f"| {name} | {next(one for one in answers(text) if wanted[name] in one)} |" for name, text in rows.items())
    return (
        "# Mistakes in a policy file, and what is answered\n\n"
        "What `holdshelf policy lint` says of each; a file with one of them cannot be adopted. The page is written from the\n"
        "tests, which check every line of it (`python -m tests.core.policy_file.mistakes`).\n\n"
        "| mistake | answered |\n|---|---|\n" + "\n".join(line.replace("\n", " ") for line in lines) + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
