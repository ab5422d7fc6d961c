"""A web server that answers as it is told, hostile answers among them: redirects, endless bodies, wrong charsets, bombs."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

type Answers = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Page:
    """What is answered at a path. ``hold_s``: so long before the body's end; ``endless``: bytes that never stop."""

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hold_s: float = 0.0
    endless: bytes = b""

    @classmethod
    def to(cls, location: str, status: int = 302) -> Self:
        """A redirect."""
        return cls(status=status, headers={"Location": location})

    @classmethod
    def bomb(cls, size: int) -> Self:
        """So many bytes of nothing, packed."""
        return cls(gzip.compress(bytes(size)), headers={"Content-Encoding": "gzip"})


class WebServer:
    """`with WebServer({"/policy": Page(b"…")}) as web: web.url("/policy")`. ``asked``: paths, in the order of asking.

    ``pem``: a certificate with its key; with it, it speaks TLS.
    """

    def __init__(
        self, pages: dict[str, Page], address: str = "127.0.0.1", port: int = 0, pem: Path | None = None
    ) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        """What was posted, in that order."""
        self._server = ThreadingHTTPServer((address, port), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        if pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.ended = threading.Event()

    def url(self, path: str, host: str = "") -> str:
        """The address of a page."""
        address, port = self._server.server_address[:2]
        return f"http://{host or address!s}:{port}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                web.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                self.do_GET()

            def do_GET(self) -> None:
                web.asked.append(self.path)
                page = web.pages.get(self.path, Page(b"nothing", status=404))
                self.send_response(page.status)
                self.send_header("Content-Type", page.kind)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                if not page.endless:
                    self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                ends = time.monotonic() + page.hold_s
                try:
                    self.wfile.write(page.body[:-1] if page.hold_s else page.body)
                    while page.endless and not web.ended.is_set():
                        self.wfile.write(page.endless)
                    web.ended.wait(max(0.0, ends - time.monotonic()))
                except OSError:
                    pass  # who asked has gone

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        return Handler
