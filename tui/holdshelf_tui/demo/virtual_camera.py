"""Virtual ONVIF cameras for the demo and the tests: each a process of its own on a loopback address of its own.

    specs = [CameraSpec("Front entrance", 1), CameraSpec("Reading room", 2)]
    async with VirtualCameras(specs, password="…") as cameras:
        cameras[0].probe_address    # "127.0.0.2": ask here, by a unicast WS-Discovery probe
        cameras[0].onvif_address    # "http://127.0.0.2:8080/onvif/device_service"
        cameras.kill(0)             # gone, as by a power cut
        cameras.restart(0)          # back at the same address and ports

WS-Discovery has one port (UDP 3702) per address: so every camera has its own address in 127.0.0.0/8, which on Linux is
all there without asking. Addresses, ports and unique ids are the same in every run where they are free, so a demo that
is started again on the same data finds its cameras where they were.

The cameras end when the process that started them ends, however it ends: each watches a pipe that closes with it. No
file is written and nothing is sent to another address than 127.x.y.z. This module is light: it imports neither ipycam
nor av.
"""

import asyncio
import importlib.util
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self, cast, overload

import msgspec

from holdshelf_tui.demo.order import CameraOrder, CameraReady

_START_TIMEOUT_S = 30.0  # usual: one second; a busy machine with several cameras takes longer
_STOP_TIMEOUT_S = 3.0
_WS_DISCOVERY_PORT = 3702
_PREFERRED_HTTP_PORT = 8080
_PREFERRED_RTSP_PORT = 8554
_NEEDED_PACKAGES = ("ipycam", "cv2", "numpy", "PIL", "av")


class VirtualCameraError(Exception):
    """A virtual camera could not be started; the text says which and why."""


@dataclass(frozen=True)
class CameraSpec:
    """What a virtual camera is to be. `number` (1 … 63, each once) is what its picture's colors tell, and its scene.

    `environment` is added to the process's own: a test sets a wrong clock there.
    """

    name: str
    number: int
    width: int = 640
    height: int = 360
    fps: int = 15
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class VirtualCamera:
    """A camera that has been started. Address, ports and unique id stay over `kill` and `restart`."""

    spec: CameraSpec
    probe_address: str
    username: str
    password: str = field(repr=False)
    onvif_address: str = ""
    rtsp_url: str = ""
    unique_id: str = ""
    http_port: int = 0
    rtsp_port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    _errors: IO[bytes] = field(default_factory=tempfile.TemporaryFile, repr=False)  # has no name: leaves nothing behind

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def number(self) -> int:
        return self.spec.number

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def log(self) -> str:
        """What the process wrote to its standard error, over all its starts."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


class VirtualCameras(Sequence[VirtualCamera]):
    """Several virtual cameras, started in parallel. `with` blocks; `async with` works in a thread beside the loop."""

    def __init__(self, specs: Sequence[CameraSpec], *, password: str, username: str = "admin") -> None:
        numbers = [spec.number for spec in specs]
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"Each virtual camera needs a number of its own, not {numbers}.")
        self._specs = list(specs)
        self._username = username
        self._password = password
        self._cameras: list[VirtualCamera] = []
        self._claims: list[socket.socket] = []

    @overload
    def __getitem__(self, index: int) -> VirtualCamera: ...

    @overload
    def __getitem__(self, index: slice) -> list[VirtualCamera]: ...

    def __getitem__(self, index: int | slice) -> VirtualCamera | list[VirtualCamera]:
        return self._cameras[index]

    def __len__(self) -> int:
        return len(self._cameras)

    def start(self) -> None:
        """Starts all cameras and returns when each answers. Raises VirtualCameraError; nothing is left running then."""
        missing = [package for package in _NEEDED_PACKAGES if importlib.util.find_spec(package) is None]
        if missing:
            raise VirtualCameraError(
                f"The virtual cameras need the Python packages {', '.join(missing)}, which are not installed: "
                "run `make setup`."
            )
        try:
            self._claims, addresses = _claim_addresses([spec.number for spec in self._specs])
            self._cameras = [
                VirtualCamera(spec, address, self._username, self._password)
                for spec, address in zip(self._specs, addresses, strict=True)
            ]
            for camera in self._cameras:
                _spawn(camera)
            _await_ready(self._cameras)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends all cameras; returns when they are gone. Does nothing the second time."""
        for camera in self._cameras:
            if camera.process is not None and camera.process.stdin is not None:
                camera.process.send_signal(signal.SIGCONT)  # a frozen one could not hear the pipe close
                with suppress(BrokenPipeError):
                    camera.process.stdin.close()
        for index, camera in enumerate(self._cameras):
            if camera.process is not None:
                try:
                    camera.process.wait(_STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:  # stopped by a test, or stuck
                    self.kill(index)
            camera._errors.close()
        for claim in self._claims:
            claim.close()
        self._cameras, self._claims = [], []

    def kill(self, index: int) -> None:
        """Ends a camera at once (SIGKILL), as a power cut would; returns when its sockets are closed."""
        process = self._cameras[index].process
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def restart(self, index: int) -> None:
        """Starts a camera again at the same address and ports, ending it first if it runs; returns when it answers."""
        self.kill(index)
        camera = self._cameras[index]
        _spawn(camera)
        _await_ready([camera])

    def freeze(self, index: int) -> None:
        """Stops a camera's process without ending it: connections stay open and nothing comes any more.

        Returns when it has stopped: one that stops only after the death of its parent is woken by nobody.
        """
        self._signal(index, signal.SIGSTOP)
        process = self._cameras[index].process
        if process is not None and process.returncode is None:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _signal(self, index: int, number: signal.Signals) -> None:
        process = self._cameras[index].process
        if process is not None:
            process.send_signal(number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def _claim_addresses(numbers: Sequence[int]) -> tuple[list[socket.socket], list[str]]:
    """One loopback address a camera: 127.0.0.2 for number 1 and so on, or in 127.0.1.x … where a demo runs already.

    Two UDP sockets may share an address and port, so WS-Discovery's own socket cannot tell that an address is taken. A
    TCP socket on the port of the same number can: it is bound, never listened on, and held until the cameras end.
    """
    for network in range(256):
        claims: list[socket.socket] = []
        addresses = [f"127.0.{network}.{number + 1}" for number in numbers]
        try:
            for address in addresses:
                claim = socket.socket()
                claims.append(claim)
                claim.bind((address, _WS_DISCOVERY_PORT))
        except OSError:
            for claim in claims:
                claim.close()
        else:
            return claims, addresses
    raise VirtualCameraError(
        "No loopback address could be had for the virtual cameras: they need Linux, where all of 127.0.0.0/8 is local."
    )


def _spawn(camera: VirtualCamera) -> None:
    """Starts a camera's process and sends it its order; `_await_ready` hears when it answers."""
    started_before = camera.http_port != 0
    order = CameraOrder(
        name=camera.spec.name,
        number=camera.spec.number,
        host=camera.probe_address,
        http_port=camera.http_port or _PREFERRED_HTTP_PORT,
        rtsp_port=camera.rtsp_port or _PREFERRED_RTSP_PORT,
        username=camera.username,
        password=camera.password,
        width=camera.spec.width,
        height=camera.spec.height,
        fps=camera.spec.fps,
        strict_ports=started_before,
    )
    camera.process = subprocess.Popen(
        [sys.executable, "-P", "-m", "holdshelf_tui.demo.virtual_camera"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=camera._errors,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **camera.spec.environment},
        process_group=0,  # Ctrl+C is for the demo, which then ends its cameras
    )
    orders = cast(IO[bytes], camera.process.stdin)
    with suppress(BrokenPipeError):  # ended already: `_await_ready` says why
        orders.write(msgspec.json.encode(order) + b"\n")
        orders.flush()


def _await_ready(cameras: Sequence[VirtualCamera]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        for camera in cameras:
            process = cast("subprocess.Popen[bytes]", camera.process)
            selector.register(cast(IO[bytes], process.stdout), selectors.EVENT_READ, camera)
        while selector.get_map():
            events = selector.select(deadline - time.monotonic())
            if not events and time.monotonic() >= deadline:
                waiting = ", ".join(key.data.name for key in selector.get_map().values())
                raise VirtualCameraError(f"Not ready after {_START_TIMEOUT_S:.0f} s: {waiting}.")
            for key, _ in events:
                camera = key.data
                line = camera.process.stdout.readline()  # short, and written in one piece
                if not line:
                    reason = camera.log().strip().splitlines()
                    raise VirtualCameraError(
                        f"Virtual camera {camera.number} ({camera.name}) did not start: "
                        f"{reason[-1] if reason else 'it gave no reason'}"
                    )
                ready = msgspec.json.decode(line, type=CameraReady)
                camera.http_port, camera.rtsp_port = ready.http_port, ready.rtsp_port
                camera.onvif_address, camera.rtsp_url = ready.onvif_address, ready.rtsp_url
                camera.unique_id = ready.unique_id
                selector.unregister(key.fileobj)


if __name__ == "__main__":
    # An absent aiortc switches ipycam's WebRTC off: start-up time and 37 MB a camera for what nobody here watches.
    sys.modules["aiortc"] = None  # type: ignore[assignment]
    from holdshelf_tui.demo.camera_process import main

    raise SystemExit(main())
