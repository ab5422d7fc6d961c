"""Signatures of witnesses on a head: made and read as c2sp.org/tlog-cosignature says, and bounded."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_storage.access_log.checkpoint import (
    MOST_NOTE_CHARS,
    MOST_SIGNATURES,
    BadHead,
    SigningKey,
    parse_note,
    parse_outside,
)
from holdshelf_storage.access_log.cosignature import Countersigned, WitnessKey, WitnessSigner, read_signatures

LOG = SigningKey.generate()
NOTE = LOG.sign(1234, hashlib.sha256(b"root").digest())
HEAD = LOG.public.check(NOTE)
OAK = WitnessSigner("oak.example/w1", Ed25519PrivateKey.generate())
ELM = WitnessSigner("elm.example/w1", Ed25519PrivateKey.generate())
SIGNED = NOTE + OAK.sign(HEAD, 1_800_000_000).line()


def test_the_example_of_the_specification_reads_as_it_says() -> None:
    # c2sp.org/tlog-cosignature; its keys are not given there.
    note = parse_note(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeM"
        "cTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mb"
        "IUBkBIfZ+qnA==\n"
    )
    assert [one.name for one in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(note.signatures[1].raw[:8]) == 1679315147


def test_a_known_witness_is_named_with_its_time_and_an_unknown_one_is_passed_over() -> None:
    both = SIGNED + ELM.sign(HEAD, 1_800_000_060).line()
    assert LOG.public.check(both) == HEAD
    found = read_signatures(parse_note(both), [OAK.public])
    assert found == ((Countersigned("oak.example/w1", 1_800_000_000),), ("elm.example/w1",))
    assert parse_outside(both.replace("\n", "\r\n")).note == both


def test_a_wrong_signature_of_a_known_witness_makes_the_head_worth_nothing() -> None:
    other = LOG.public.check(LOG.sign(1235, HEAD.root))
    for forged in (OAK.sign(other, 1_800_000_000), OAK.sign(HEAD, 10_000_000_000)):
        with pytest.raises(BadHead, match=r"wrong signature of oak\.example/w1"):
            read_signatures(parse_note(NOTE + forged.line()), [ELM.public, OAK.public])


def test_the_logs_own_signature_has_to_be_there_once() -> None:
    with pytest.raises(BadHead, match="no signature of this log"):
        LOG.public.check(NOTE.partition("\n\n")[0] + "\n\n" + OAK.sign(HEAD, 1).line())
    with pytest.raises(BadHead, match="twice"):
        LOG.public.check(SIGNED + NOTE.partition("\n\n")[2])


def test_lines_that_are_no_signatures_and_too_many_are_refused_in_a_sentence() -> None:
    with pytest.raises(BadHead, match="no signature in line 3"):
        parse_outside(SIGNED + "— oak.example/w1\n")
    with pytest.raises(BadHead, match=f"more than {MOST_SIGNATURES} signatures"):
        parse_outside(NOTE + OAK.sign(HEAD, 1).line() * MOST_SIGNATURES)
    with pytest.raises(BadHead, match="longer than"):
        parse_outside(NOTE + f"— oak {'A' * MOST_NOTE_CHARS}\n")


def test_a_witness_key_reads_back_and_a_changed_one_does_not() -> None:
    text = str(OAK.public)
    assert WitnessKey.parse(f" {text}\n") == OAK.public
    for at in range(len(text)):
        with pytest.raises(BadHead):
            WitnessKey.parse(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])
    with pytest.raises(BadHead):
        WitnessKey.parse(str(LOG.public))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SIGNED)), st.sampled_from(["", " ", "\n", "— ", "=", "\x00", "é", "+", "A"])))
)
def test_whatever_is_put_in_between_is_read_or_refused_and_proves_no_other_head(edits: list[tuple[int, str]]) -> None:
    text = SIGNED
    for at, put in edits:
        text = text[:at] + put + text[at + (not put) :]
    try:
        found = read_signatures(parse_note(text), [OAK.public])
        head = LOG.public.check(text)
    except BadHead:
        return
    assert head == HEAD
    assert set(found.witnesses) <= {Countersigned("oak.example/w1", 1_800_000_000)}
