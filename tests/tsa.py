"""A time stamp authority as stock `openssl ts` makes one: a root, one between, a signer, and a small server on loopback.

`with Tsa(folder).serving() as url`. What it answers can be changed by `answer`, which gets the request and the real answer.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.rig.faults import environment_with_clock_off_by

POLICY = "1.2.3.4.77"
OTHER_POLICY = "1.2.3.4.78"
YESTERDAY = "-1d"
"""When its certificates were issued: stamps of an hour ago are within their time."""
PURPOSE = "critical,timeStamping"
CONFIG = f"""
[ tsa ]
default_tsa = here
[ here ]
serial = {{folder}}/serial
signer_digest = sha256
default_policy = {POLICY}
other_policies = {OTHER_POLICY}
digests = sha256, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
"""


def openssl(*words: object, code: int | None = 0, clock: str = "") -> subprocess.CompletedProcess[bytes]:
    """Stock openssl; it must end with this code."""
    program = shutil.which("openssl")
    assert program, "openssl is needed: scripts/test-packages.txt"
    # Without the command `faketime`: it fails where a process of the same number left its shared memory behind.
    environment = {**os.environ, **(environment_with_clock_off_by(clock) if clock else {})}
    done = subprocess.run([program, *map(str, words)], capture_output=True, check=False, env=environment)
    assert code is None or done.returncode == code, done
    return done


class Tsa:
    """Its files: root.pem, between.pem, tsa.pem, and brought.pem: what its stamps bring along."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "Elm County",
        brings: str = "all",
        days: int = 30,
    ) -> None:
        """``brings``: `all` certificates up to the root, only the one `between`, or `none` beside the signer's own. ``days``: how
        long the signer's own is good."""
        self.folder, self._days = folder, days
        folder.mkdir()
        self._lock = threading.Lock()
        self.asked = 0
        self.answer: Callable[[bytes, bytes], bytes] = lambda _request, answer: answer
        self.status = 200
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._issue("root", f"/O={name}/CN={name} root", "critical,CA:TRUE", issuer="")
        self._issue("between", f"/O={name}/CN={name} between", "critical,CA:TRUE", issuer="root")
        self._issue("tsa", f"/O={name}/CN={name} time stamps", "critical,CA:FALSE", issuer="between", purpose=PURPOSE)
        root, between = (self.pem(one) for one in ("root", "between"))
        (folder / "brought.pem").write_text({"all": between + root, "between": between, "none": ""}[brings])

    def pem(self, name: str) -> str:
        """One of its certificates."""
        return (self.folder / f"{name}.pem").read_text()

    def der(self, name: str) -> bytes:
        """The same, in DER."""
        return openssl("x509", "-in", self.folder / f"{name}.pem", "-outform", "DER").stdout

    def reissued(self, purpose: str) -> bytes:
        """The signer's certificate once more, of the same name, number and key, for another purpose. DER."""
        folder = self.folder
        number = openssl("x509", "-in", folder / "tsa.pem", "-noout", "-serial").stdout.decode().strip()
        words = f"basicConstraints=critical,CA:FALSE\nextendedKeyUsage=critical,{purpose}\n"
        words += "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        (folder / "reissued.cnf").write_text(words)
        return openssl(
            *(
                "x509",
                "-in",
                folder / "tsa.pem",
                "-CA",
                folder / "between.pem",
                "-CAkey",
                folder / "between.key",
                "-clrext",
            ),
            *(
                "-set_serial",
                f"0x{number.partition('=')[2]}",
                "-extfile",
                folder / "reissued.cnf",
                "-days",
                30,
                "-outform",
                "DER",
            ),
            clock=YESTERDAY,
        ).stdout

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def _issue(self, name: str, subject: str, constraints: str, *, issuer: str, purpose: str = "") -> None:
        folder = self.folder
        extensions = ["-addext", f"basicConstraints={constraints}"]
        if purpose:
            extensions += ["-addext", f"extendedKeyUsage={purpose}"]
        by = ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key"] if issuer else []
        days = self._days if name == "tsa" else 3650
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key"]
        config = ["-config", "/dev/null"]
        openssl(
            *("req", "-x509", *key, *config, "-subj", subject, "-days", days, *extensions, *by),
            *("-out", folder / f"{name}.pem"),
            clock=YESTERDAY,
        )

    def reply(self, request: bytes, clock: str = "") -> bytes:
        """What `openssl ts -reply` answers; with another ``clock``, in faketime's words."""
        folder = self.folder
        with self._lock:
            (folder / "request.tsq").write_bytes(request)
            openssl(
                *(
                    "ts",
                    "-reply",
                    "-queryfile",
                    folder / "request.tsq",
                    "-config",
                    folder / "tsa.cnf",
                    "-section",
                    "here",
                ),
                *("-inkey", folder / "tsa.key", "-signer", folder / "tsa.pem", "-out", folder / "reply.tsr"),
                *(("-chain", folder / "brought.pem") if (folder / "brought.pem").stat().st_size else ()),
                clock=clock,
            )
            return (folder / "reply.tsr").read_bytes()

    @contextmanager
    def serving(self, tls: ssl.SSLContext | None = None) -> Iterator[str]:
        """Its address, on loopback."""
        tsa = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                tsa.asked += 1
                body = tsa.answer(request, tsa.reply(request))
                self.send_response(tsa.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                if tsa.status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http{'s' if tls is not None else ''}://127.0.0.1:{server.server_address[1]}/tsr"
        finally:
            self.answer, self.status = lambda _request, answer: answer, 200
            server.shutdown()
            server.server_close()
            thread.join()


def stock_verify(head: Path, stamp: Path, ca: Path, *more: object, code: int = 0) -> str:
    """What stock `openssl ts -verify` says."""
    done = openssl("ts", "-verify", "-data", head, "-in", stamp, "-CAfile", ca, *more, code=code)
    return (done.stdout + done.stderr).decode()
