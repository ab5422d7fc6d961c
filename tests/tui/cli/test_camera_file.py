"""Camera files and secrets files, as spreadsheets and editors write them: read line by line, and written to be read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.cameras.types import CameraSettings
from holdshelf_tui.cli.camera_file import CAMERAS, SECRETS, as_csv, as_toml, rows_of, secret_text

HEAD = "name,address,area"
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc", "Zs"]), max_size=20)
FILLED = PRINTABLE.filter(bool)


def test_a_row_keeps_the_line_on_which_it_begins() -> None:
    rows = rows_of(f'{HEAD},area_note\nDoor,192.0.2.7,other,"two\nlines"\n\nHall,192.0.2.8,seating,\n', CAMERAS)
    assert [(row.line, row.values["name"]) for row in rows] == [(2, "Door"), (5, "Hall")]
    toml = '# ours\n[[camera]]\nname = "Door"\naddress = "a"\narea = "seating"\n\n [[ camera ]]\nname = "Hall"\n'
    assert [(row.line, row.values["name"]) for row in rows_of(toml, CAMERAS)] == [(2, "Door"), (7, "Hall")]


def test_heads_are_taken_as_people_write_them() -> None:
    (row,) = rows_of("Name, Address ,AREA,Area note,Not-private\r\nDoor,192.0.2.7,Service Desk,,YES\r\n", CAMERAS)
    camera = row.settings()
    assert camera == CameraSettings("Door", "192.0.2.7", "service-desk", questioned=True)
    assert not row.problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no camera"),
        (HEAD, "holds no camera"),
        ("name,adress,area\na,b,c\n", "line 1: 'adress' is not the name of a column. Did you mean 'address'?"),
        ("name,address\na,b\n", "line 1: the column 'area' is missing"),
        ("name,name,address,area\na,b,c,d\n", "'name' appears twice"),
        (f"{HEAD},password\na,b,c,d\n", "the column 'password' does not belong here. User names and passwords go into"),
        (f"{HEAD},User\na,b,c,d\n", "--secrets FILE"),
        (f'{HEAD}\n"Door,b,c\n', "line 2, is not CSV"),
        ("[[camera]]\nname = \n", "is not TOML: Invalid value (at line 2, column 8)"),
        ('[[camera]]\nname="x"\n[[cameras]]\n', "'cameras' where only [[camera]] belongs"),
        ("[camera]\n", "has no [[camera]]"),
        ('[[camera]]\npasswort = "x"\n', "line 1: 'passwort' is not the name of a column"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_is_refused_with_the_place(text: str, told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        rows_of(text, CAMERAS)
    assert told in str(refused.value)


def test_what_is_wrong_with_one_line_is_told_by_its_column_and_the_others_are_read() -> None:
    lines = [
        "Door,,seating,",
        "Hall,192.0.2.8,seating,maybe",
        "Shop,192.0.2.9,seating,yes,too",
        "Good,192.0.2.1,seating,",
    ]
    text = "\n".join([f"{HEAD},not_private", *lines])
    told = [[(problem.column, problem.instead) for problem in row.problems] for row in rows_of(text, CAMERAS)]
    assert told == [
        [("address", "Fill it in.")],
        [("not_private", "Write yes or no.")],
        [("", 'Put a value that contains a comma in quotes: "a, b".')],
        [],
    ]
    (row,) = rows_of('[[camera]]\nname = 7\naddress = "a"\narea = "seating"\n', CAMERAS)
    assert [(problem.column, problem.instead) for problem in row.problems] == [("name", "Put it in quotes.")]


def test_a_password_keeps_its_spaces_and_its_commas() -> None:
    rows = rows_of('camera,user,password\n*,viewer," a, b "\n', SECRETS)
    assert rows[0].values == {"camera": "*", "user": "viewer", "password": " a, b "}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_secrets_that_others_may_read_are_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "cameras.secret"
    file.write_text("camera,user,password\n*,viewer,hidden-word\n")
    file.chmod(mode)
    with pytest.raises(BadRequest, match=f"`chmod 600 {file}`") as refused:
        secret_text(file)
    assert "hidden-word" not in str(refused.value)
    os.chmod(file, 0o600)
    assert "hidden-word" in secret_text(file)


@given(
    st.lists(
        st.builds(
            CameraSettings,
            FILLED,
            FILLED,
            st.sampled_from(["seating", "other"]),
            PRINTABLE,
            st.sampled_from(["tcp", "udp", "multicast"]),
            PRINTABLE,
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([as_csv, as_toml]),
)
def test_what_is_written_is_read_again(cameras: list[CameraSettings], write: object) -> None:
    rows = rows_of(write(cameras), CAMERAS)  # type: ignore[operator]
    assert [row.settings() for row in rows] == cameras
    assert not any(row.problems for row in rows)
