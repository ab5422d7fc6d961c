"""Mail as one way delivers it: nothing twice, no reply that comes drop by drop, and text that any relay takes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from holdshelf_core.alerts import mail as module
from holdshelf_core.alerts.link import Message
from holdshelf_core.alerts.mail import Mail
from holdshelf_core.alerts.types import MailWay
from holdshelf_core.alerts.ways import Undelivered
from tests.rig.hang import HANG_S
from tests.rig.mail import HOST, MailServer

MESSAGE = Message("1.ab", 1_795_615_200_000_000_000, "error", False, "Holdshelf: Tür is not being recorded", "Tür\n")


def sent_to(port: int, *to: str, security: str = "none") -> str:
    addresses = to or ("it@library.example",)
    return Mail(MailWay("way", HOST, addresses, "recorder@library.example", port, security)).deliver(MESSAGE)


@contextmanager
def talking(talk: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that does this with its one connection; its port."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(HANG_S)
                try:
                    talk(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_mail_says_what_it_is_in_letters_that_any_relay_takes() -> None:
    with MailServer() as server:
        assert sent_to(server.port) == ""
        (mail,) = server.mails
    assert mail["subject"] == MESSAGE.subject and mail.get_content().splitlines() == ["Tür"]
    assert mail["message-id"] == "<1.ab@library.example>" and mail["x-priority"] == "1"
    assert mail["date"] == "Wed, 25 Nov 2026 14:00:00 +0000"
    assert mail.as_bytes().isascii()
    assert socket.gethostname() not in mail.as_string()


def test_an_address_that_is_refused_beside_others_is_told_and_nobody_gets_it_twice() -> None:
    with MailServer(refused="gone@library.example") as server:
        told = sent_to(server.port, "gone@library.example", "it@library.example")
        assert "takes nothing for gone@library.example; the others have it" in told
        assert len(server.mails) == 1


def test_a_server_that_hangs_after_it_took_the_mail_does_not_get_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_S", 3)

    def talk(connection: socket.socket) -> None:
        file = connection.makefile("rb")
        connection.sendall(b"220 here\r\n")
        for line in file:
            if line.upper().startswith(b"QUIT"):
                connection.recv(1)  # says nothing until it is left
                return
            connection.sendall(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 yes\r\n")
            if line.upper().startswith(b"DATA"):
                while file.readline() != b".\r\n":
                    pass
                connection.sendall(b"250 taken\r\n")

    with talking(talk) as port:
        assert sent_to(port) == ""


def test_a_reply_that_comes_drop_by_drop_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_S", 0.5)
    left = threading.Event()

    def talk(connection: socket.socket) -> None:
        while not left.wait(0.1):
            connection.sendall(b"2")

    with talking(talk) as port:
        with pytest.raises(Undelivered, match="does not answer within"):
            sent_to(port)
        left.set()  # 4096 drops would take seven minutes


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "does not answer as a mail server"),
        (b"2" * 10_000, "does not answer as a mail server"),
        (b"554 5.3.2 go away, Dora\r\n", r"refuses the message \(554 5.3.2\)"),
        (b"", "broke the conversation off"),
    ],
)
def test_what_a_server_says_leaves_a_sentence_of_ours(says: bytes, words: str) -> None:
    with talking(lambda connection: connection.sendall(says)) as port, pytest.raises(Undelivered, match=words) as told:
        sent_to(port)
    assert "Dora" not in told.value.sentence


def test_no_mail_goes_in_the_clear_where_tls_was_asked_for() -> None:
    with MailServer() as server:
        with pytest.raises(Undelivered, match="has no STARTTLS"):
            sent_to(server.port, security="starttls")
        assert server.mails == []
