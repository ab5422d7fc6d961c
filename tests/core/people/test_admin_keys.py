"""The file of the admin's keys: believed whole or not at all; and acts on it that are done on the machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.acts import Act
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.errors import Unavailable
from holdshelf_core.people import types
from holdshelf_core.people.admin_keys import AdminKeys, key_of
from tests.keys import new_key
from tests.people import People
from tests.service import Service


def loaded(path: Path) -> AdminKeys:
    keys = AdminKeys(path)
    keys.load()
    return keys


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "admin_keys"
    assert loaded(path).all() == []
    made = [key_of(new_key()[0] + " comment"), key_of(new_key()[0])]
    loaded(path).write(made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert loaded(path).all() == made
    assert loaded(path).knows(made[1].fingerprint)


@pytest.mark.parametrize("damage", ["open", "cut", "binary", "long", "folder"])
def test_a_file_that_cannot_be_believed_lets_nobody_in_and_is_left_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "admin_keys"
    key = key_of(new_key()[0])
    loaded(path).write([key])
    if damage == "open":
        path.chmod(0o640)
    elif damage == "cut":
        path.write_text(path.read_text()[:-20])
    elif damage == "binary":
        path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    elif damage == "long":
        path.write_text(path.read_text() + "#" * (64 << 10))
    else:
        path.unlink()
        path.mkdir()
    keys = loaded(path)
    assert not keys.knows(key.fingerprint)
    assert keys.problem
    with pytest.raises(Unavailable, match="cannot be used"):
        keys.check_new(key_of(new_key()[0]))


def test_p11_only_an_admin_on_the_machine_makes_takes_and_lists_the_admins_keys(tmp_path: Path) -> None:
    with Service(tmp_path / "data", mint=True) as service:
        director = People(service).name_director()
        line, fingerprint = new_key()
        service.act(types.AdminKeyAdd(line))
        acts: list[Act[Any]] = [
            types.AdminKeyAdd(new_key()[0]),
            types.AdminKeyRemove(fingerprint),
            types.AdminKeyList(),
        ]
        for asked in acts:
            with pytest.raises(HoldshelfError, match="P11"):
                director.act(asked)
        through_the_door = service.as_person("admin", fingerprint)
        assert through_the_door.act(types.AdminKeyList()).keys
        for asked in acts[:2]:
            with pytest.raises(HoldshelfError, match="on the machine itself"):
                through_the_door.act(asked)
        session = service.open_session("admin", fingerprint)["session"]
        service.act(types.AdminKeyRemove(fingerprint))
        assert "not an admin's any more" in service.await_gone(session)
        with pytest.raises(HoldshelfError, match=r"not known|ended"):
            through_the_door.status()
        with pytest.raises(HoldshelfError, match="not enrolled here"):
            service.open_session("admin", fingerprint)
