"""A policy file that somebody who speaks for the Board signed with `ssh-keygen -Y sign`: whoever brings it may adopt it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, Refused
from holdshelf_core.people.board_types import AdoptedRow, PolicyAdopt, ReadPolicy
from holdshelf_core.people.types import PersonKey, ReadFlags
from holdshelf_core.policy.ssh_wire import Reader, string
from holdshelf_core.policy_file.first import FIRST
from tests.people import People
from tests.service import Service

NAMESPACE = "policy@holdshelf"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True) as running:
        yield running


@pytest.fixture
def people(service: Service) -> People:
    return People(service)


@pytest.fixture
def dora(people: People) -> Client:
    return people.name_director()


@pytest.fixture
def chair(people: People, dora: Client) -> Client:
    return people.name("chair", "carl", "Carl Hill", dora)


def new_key(folder: Path, kind: str = "ed25519") -> Path:
    path = folder / kind
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    return path


def sign(key: Path, data: bytes, namespace: str = NAMESPACE) -> str:
    command = ["ssh-keygen", "-Y", "sign", "-f", key, "-n", namespace]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


def adopt(by: Client, file: str, signature: str, version: str = "2") -> AdoptedRow:
    return by.act(PolicyAdopt("The text.", version, "2026-01-01", "enforce", "", file, {}, signature))


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_the_admin_adopts_what_the_chair_signed_and_nothing_is_flagged(
    service: Service, chair: Client, tmp_path: Path, kind: str
) -> None:
    key = new_key(tmp_path, kind)
    chair.act(PersonKey("carl", key.with_suffix(".pub").read_text()))
    flags = len(chair.read(ReadFlags()))
    file = FIRST.read_text() + "# as decided in March\n"
    signature = sign(key, file.encode())
    assert adopt(service.client, file, signature).signed_by == "Carl Hill"
    assert service.client.read(ReadPolicy()).signed_by == "Carl Hill"
    assert len(chair.read(ReadFlags())) == flags, "a signed file needs no review"
    sha256 = hashlib.sha256(file.encode()).hexdigest()
    kept = service.data / "state" / "policy" / f"{sha256}.toml.sig"
    (entry,) = service.client.act(LogShow(action="policy.adopt")).entries
    assert entry.entry["facts"]["signature"] == hashlib.sha256(kept.read_bytes()).hexdigest()
    # What docs/policy-file.md says, of the files that are kept:
    allowed = tmp_path / "allowed"
    allowed.write_text(f"carl {key.with_suffix('.pub').read_text()}")
    command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "carl", "-n", NAMESPACE, "-s", kept]
    subprocess.run(command, input=kept.with_suffix("").read_bytes(), check=True, capture_output=True)


def test_only_who_speaks_for_the_board_signs(
    service: Service, people: People, dora: Client, chair: Client, tmp_path: Path
) -> None:
    key, file = new_key(tmp_path), FIRST.read_text()
    signature = sign(key, file.encode())
    with pytest.raises(BadRequest, match="which belongs to nobody here"):
        adopt(service.client, file, signature)
    dora.act(PersonKey("dora", key.with_suffix(".pub").read_text()))
    with pytest.raises(Refused, match=r"signed by Dora Reed, and it is the .*Chair.* who speaks for the Board"):
        adopt(service.client, file, signature)
    with pytest.raises(Refused, match="signed by Dora Reed"):
        adopt(chair, file, signature)


@pytest.mark.parametrize(
    ("changed", "namespace", "said"),
    [
        ("# one more line\n", NAMESPACE, "changed after it was signed"),
        ("", "file", "is for 'file', not for 'policy@holdshelf'"),
        ("", "", "is no signature of `ssh-keygen -Y`"),
    ],
)
def test_what_is_not_a_signature_of_this_file_is_told(
    service: Service, chair: Client, tmp_path: Path, changed: str, namespace: str, said: str
) -> None:
    key, file = new_key(tmp_path), FIRST.read_text()
    chair.act(PersonKey("carl", key.with_suffix(".pub").read_text()))
    signature = sign(key, file.encode(), namespace) if namespace else "a name\n"
    with pytest.raises(BadRequest, match=said):
        adopt(service.client, file + changed, signature)
    assert not service.client.read(ReadPolicy()).sha256
    with pytest.raises(BadRequest, match="no policy file for it"):
        adopt(service.client, "", signature)


def _retold(signature: str, change: Callable[[bytes, list[bytes]], bytes]) -> str:
    """The signature with its head and its five strings (key, namespace, reserved, hash, signature) made anew."""
    begin, *body, end = signature.rstrip("\n").split("\n")
    blob = base64.b64decode("".join(body))
    text = base64.b64encode(change(blob[:10], list(Reader(blob[10:]).strings()))).decode()
    return "\n".join((begin, *textwrap.wrap(text, 70), end)) + "\n"


def _with(number: int, value: bytes) -> Callable[[bytes, list[bytes]], bytes]:
    return lambda head, parts: head + b"".join(string(value if at == number else part) for at, part in enumerate(parts))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_with(1, b"\xff"), "a letter in it was changed"),
        (_with(2, b"more"), "has something where nothing belongs"),
        (_with(3, b"sha1"), "is made with a digest that this program does not know"),
        (lambda head, parts: head[:-1] + b"\x02" + b"".join(map(string, parts)), "is of another form"),
        (lambda head, parts: head + b"".join(map(string, parts))[:-5], "is cut off"),
    ],
)
def test_a_signature_that_was_changed_itself_is_told(
    service: Service, chair: Client, tmp_path: Path, change: Callable[[bytes, list[bytes]], bytes], said: str
) -> None:
    key, file = new_key(tmp_path), FIRST.read_text()
    chair.act(PersonKey("carl", key.with_suffix(".pub").read_text()))
    with pytest.raises(BadRequest, match=said):
        adopt(service.client, file, _retold(sign(key, file.encode()), change))


def test_a_signature_with_a_letter_that_none_has_is_told(service: Service, chair: Client, tmp_path: Path) -> None:
    begin, body, rest = sign(new_key(tmp_path), b"").split("\n", 2)
    with pytest.raises(BadRequest, match="a letter in it was changed"):
        adopt(service.client, FIRST.read_text(), f"{begin}\n{body}!\n{rest}")


def test_a_signature_counts_once(service: Service, chair: Client, tmp_path: Path) -> None:
    key, first = new_key(tmp_path), FIRST.read_text()
    chair.act(PersonKey("carl", key.with_suffix(".pub").read_text()))
    adopt(service.client, first, sign(key, first.encode()))
    second = first + "# stricter\n"
    adopt(service.client, second, sign(key, second.encode()), "3")
    with pytest.raises(Conflict, match="was in force before"):
        adopt(service.client, first, sign(key, first.encode()), "4")
    adopt(chair, first, "", "4")
    with pytest.raises(Conflict, match="was in force before"):
        adopt(service.client, second, sign(key, second.encode()), "5")


def test_the_mark_that_some_editors_write_first_is_signed_too(service: Service, chair: Client, tmp_path: Path) -> None:
    key, file = new_key(tmp_path), FIRST.read_text()
    chair.act(PersonKey("carl", key.with_suffix(".pub").read_text()))
    assert adopt(service.client, file, sign(key, b"\xef\xbb\xbf" + file.encode())).signed_by == "Carl Hill"
