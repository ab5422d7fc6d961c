"""What passes between the demo and the process of one virtual camera: one line of JSON each way."""

import msgspec


class CameraOrder(msgspec.Struct, frozen=True):
    """What a camera is to be. A port that is taken is replaced by any free one, unless `strict_ports` forbids it."""

    name: str
    number: int
    host: str
    http_port: int
    rtsp_port: int
    username: str
    password: str
    width: int
    height: int
    fps: int
    strict_ports: bool = False


class CameraReady(msgspec.Struct, frozen=True):
    """Where the camera answers."""

    http_port: int
    rtsp_port: int
    onvif_address: str
    rtsp_url: str
    unique_id: str
