"""The installed version."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("holdshelf")
except PackageNotFoundError:
    VERSION = "0+unknown"
