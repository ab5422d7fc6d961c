"""Where the interface descriptions lie: ONVIF's Media2 in this package, everything else in onvif-zeep-async's.

A description imports others by their addresses on the web. None is ever fetched: each is taken from a file here, and one
that is not known is refused.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

MEDIA2 = Path(str(files(__package__) / "wsdl")) / "ver20" / "media" / "wsdl" / "media.wsdl"
_OWN = MEDIA2.parents[3]

# The two types that onvif.xsd takes from SOAP 1.2's schema, for an action engine that nothing here asks.
_SOAP_ENVELOPE = (
    b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/2003/05/soap-envelope">'
    b'<xs:complexType name="Envelope"/><xs:complexType name="Fault"/></xs:schema>'
)


class LocalFiles:
    """What zeep asks for the files of a description; nothing else of a transport is used while one is read."""

    cache = None

    def __init__(self, shipped: Path) -> None:
        self._shipped = shipped

    def load(self, url: object) -> bytes:
        """The file that stands for an address. Raises FileNotFoundError for one outside the two folders."""
        text = str(url)
        if text.startswith(("http://", "https://")):
            name = text.rpartition("/")[2]
            return _SOAP_ENVELOPE if name == "soap-envelope" else (self._shipped / name).read_bytes()
        path = Path(text).resolve()
        if not path.is_relative_to(_OWN.resolve()):
            raise FileNotFoundError(text)
        return path.read_bytes()
