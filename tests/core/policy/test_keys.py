"""Public keys as people paste them, made and read by the real ssh-keygen where one can."""

from __future__ import annotations

import base64
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.keys import parse_public_key


def keygen(folder: Path, *options: str) -> tuple[str, str]:
    """Public line and private key as ssh-keygen writes them."""
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "Dana's laptop", "-f", path, *options], check=True)
    return path.with_suffix(".pub").read_text(), path.read_text()


def fingerprint(folder: Path, line: str) -> str:
    path = folder / "check.pub"
    path.write_text(line + "\n")
    said = subprocess.run(["ssh-keygen", "-l", "-E", "sha256", "-f", path], check=True, capture_output=True, text=True)
    return said.stdout.split()[1]


def wire(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def line_of(*fields: bytes) -> str:
    return f"{fields[0].decode()} {base64.b64encode(wire(*fields)).decode()}"


ED25519 = line_of(b"ssh-ed25519", bytes(range(7, 39)))
SK_ED25519 = line_of(b"sk-ssh-ed25519@openssh.com", bytes(range(7, 39)), b"ssh:")
SK_ECDSA = line_of(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\x04" + bytes(64), b"ssh:")


def rsa_line(bits: int, exponent: int = 65537) -> str:
    modulus = (1 << (bits - 1)) | 1

    def mpint(number: int) -> bytes:
        return number.to_bytes(number.bit_length() // 8 + 1, "big")

    return line_of(b"ssh-rsa", mpint(exponent), mpint(modulus))


@pytest.mark.parametrize("options", [("-t", "ed25519"), ("-t", "rsa", "-b", "3072")], ids=["ed25519", "rsa"])
def test_what_ssh_keygen_makes_is_taken_and_its_fingerprint_is_the_same(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    public, _ = keygen(tmp_path, *options)
    kind, printed, line = parse_public_key(public)
    assert kind == public.split()[0]
    assert line == " ".join(public.split()[:2]), "the comment is left out"
    assert printed == fingerprint(tmp_path, public)


def test_an_rfc_4716_file_as_puttygen_writes_it_is_the_same_key(tmp_path: Path) -> None:
    public, _ = keygen(tmp_path, "-t", "ed25519")
    said = subprocess.run(
        ["ssh-keygen", "-e", "-m", "RFC4716", "-f", tmp_path / "key.pub"], check=True, capture_output=True, text=True
    )
    assert parse_public_key(said.stdout) == parse_public_key(public)
    windows = said.stdout.replace("\n", "\r\n")
    assert parse_public_key("\ufeff" + windows) == parse_public_key(public)
    headers = said.stdout.replace(
        "Comment:", "Subject: dana\nx-made-with: a very \\\nlong line: that goes \\\non\nComment:"
    )
    assert parse_public_key(headers) == parse_public_key(public)


@pytest.mark.parametrize("line", [SK_ED25519, SK_ECDSA], ids=["ed25519", "ecdsa"])
def test_a_key_that_lives_on_a_security_key_is_taken(line: str) -> None:
    assert parse_public_key(line + " yubikey").line == line


def test_a_line_that_a_narrow_window_broke_is_put_together() -> None:
    key = parse_public_key(ED25519)
    kind, body = ED25519.split()
    for broken in (
        f"{kind} {body[:30]}\n{body[30:60]}\n{body[60:]}",
        f"{kind}\n{body[:40]}\n{body[40:]}",
        f"\n# mine\n{ED25519} a b\n\n",
    ):
        assert parse_public_key(broken) == key


@pytest.mark.parametrize(
    "form", ["openssh", "pem", "pkcs8", "encrypted", "ppk2", "ppk3", "one line", "beside the public one"]
)
def test_a_private_key_is_refused_in_words_and_never_quoted_back(form: str, tmp_path: Path) -> None:
    public, private = keygen(tmp_path, "-t", "ed25519")
    key = ec.generate_private_key(ec.SECP256R1())
    text = {
        "openssh": private,
        "pem": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
        "pkcs8": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "encrypted": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(),
        "ppk2": "PuTTY-User-Key-File-2: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\nAAAA\n",
        "ppk3": "PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: aes256-cbc\r\nComment: x\r\n",
        "one line": " ".join(private.split("\n")[1:-2]),
        "beside the public one": public + private,
    }[form]
    with pytest.raises(BadRequest, match=r"This is a private key.*file that ends in \.pub") as refused:
        parse_public_key(text)
    assert "AAAA" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No key"),
        ("   \n\t", "No key"),
        ("# only a remark", "No key"),
        ("hello", "not an SSH public key"),
        ("ssh-ed25519", "cut off"),
        (ED25519[:-8], "cut off"),
        (ED25519[:40] + "!" + ED25519[41:], "cut off or has a wrong character"),
        (ED25519 + "\n" + SK_ED25519, "more than one key"),
        ("restrict " + ED25519, "options"),
        ('command="/bin/sh" ' + ED25519, "options"),
        ('from="10.0.0.1",no-pty ' + ED25519, "options"),
        ("cert-authority " + ED25519, "options"),
        ("ssh-rsa " + ED25519.split()[1], "another kind"),
        (line_of(b"ssh-ed25519-cert-v01@openssh.com", b"x"), "certificate"),
        (line_of(b"ecdsa-sha2-nistp256", b"nistp256", b"\x04" + bytes(64)), "not accepted"),
        (line_of(b"ssh-dss", b"\x01", b"\x01", b"\x01", b"\x01"), "not accepted"),
        (line_of(b"ssh-ed25519", bytes(31)), "malformed"),
        (line_of(b"ssh-ed25519", bytes(range(32)), b"more"), "malformed"),
        (line_of(b"sk-ssh-ed25519@openssh.com", bytes(range(7, 39)), b""), "malformed"),
        (rsa_line(2048), "2048 bits"),
        (rsa_line(3071), "3071 bits"),
        (rsa_line(16385), "16385 bits"),
        (rsa_line(3072, exponent=1), "is unsafe"),
        (rsa_line(3072, exponent=65536), "is unsafe"),
        (line_of(b"ssh-rsa", b"\x01\x00\x01", b"\x00" * 400), "malformed"),
        ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----", "PEM"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "cut off"),
        ("\x00s\x00s\x00h", "plain text"),
        (ED25519 + "\x1b[2J", "plain text"),
        ("x" * 20_000, "too long"),
    ],
)
def test_anything_else_is_refused_in_one_sentence_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as refused:
        parse_public_key(text)
    assert refused.value.next_step
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 20).to_bytes(32, "little"),
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
        b"\xff" * 32,
    ],
    ids=["0", "1", "-1", "order 8", "order 8 too", "with its sign", "no point"],
)
def test_a_point_for_which_anybody_can_sign_is_no_key(point: bytes) -> None:
    with pytest.raises(BadRequest, match="is unsafe"):
        parse_public_key(line_of(b"ssh-ed25519", point))


def test_keys_of_kinds_that_other_tools_make_are_refused_by_name() -> None:
    for key in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ):
        line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        with pytest.raises(BadRequest, match=r"not accepted|2048 bits"):
            parse_public_key(line)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: "ssh-ed25519 " + base64.b64encode(raw).decode()))
def test_whatever_is_pasted_is_a_key_or_a_sentence(text: str) -> None:
    try:
        key = parse_public_key(text)
    except BadRequest as refused:
        assert str(refused).isprintable()
        assert len(str(refused)) < 400
    else:
        assert key.fingerprint.startswith("SHA256:")
        assert parse_public_key(key.line) == key
