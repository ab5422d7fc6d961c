"""The locations of the WSDL files: ONVIF's Media2 in this package, all others in onvif-zeep-async.

A WSDL file imports others by their web addresses. None is ever fetched: each is loaded from a local file, and an unknown one is
refused.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

MEDIA2 = Path(str(files(__package__) / "wsdl")) / "ver20" / "media" / "wsdl" / "media.wsdl"
_OWN = MEDIA2.parents[3]

# The two types that onvif.xsd uses from SOAP 1.2's schema, for an action engine that is not used here.
_SOAP_ENVELOPE = (
    b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/2003/05/soap-envelope">'
    b'<xs:complexType name="Envelope"/><xs:complexType name="Fault"/></xs:schema>'
)


class LocalFiles:
    """Loads the files of a WSDL for zeep; nothing else of a transport is used during that."""

    cache = None

    def __init__(self, shipped: Path) -> None:
        self._shipped = shipped

    def load(self, url: object) -> bytes:
        """Return the local file for an address. Raises FileNotFoundError for one outside the two folders."""
        text = str(url)
        if text.startswith(("http://", "https://")):
            name = text.rpartition("/")[2]
            return _SOAP_ENVELOPE if name == "soap-envelope" else (self._shipped / name).read_bytes()
        path = Path(text).resolve()
        if not path.is_relative_to(_OWN.resolve()):
            raise FileNotFoundError(text)
        return path.read_bytes()
