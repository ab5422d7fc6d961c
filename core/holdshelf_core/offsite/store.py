# ruff: noqa: E402 - what must not be imported is said before the imports
"""An S3 bucket with object lock, as this room uses it: by botocore. Several threads may put at a time. Blocks.

What is relied on: a put is refused when its bytes do not have the MD5 that was said; each put makes a version; a legal hold and a
date in compliance mode are set on that version afterwards, and read back. Not relied on: lock headers of a put (Ceph loses those
of a multipart one), If-None-Match (ignored in locked buckets), the store's word about anything that was not read back.

What fails raises Fault with a sentence of ours; of the store's own words only a code is told.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple
from urllib.parse import urlsplit

# Botocore would bring pyOpenSSL's way of TLS, for which nothing here asks: 9 MB in a process that runs for years.
sys.modules.setdefault("urllib3.contrib.pyopenssl", None)  # type: ignore[arg-type]
import botocore.auth
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.exceptions import SSLError as StoreSSLError

from holdshelf_core.offsite.sealing import Sealed
from holdshelf_core.offsite.types import Place
from holdshelf_core.times import NS, far_words

CONNECT_S: Final = 15
ANSWER_S: Final = 60
MOST_CONNECTIONS: Final = 4
CHUNK_BYTES: Final = 1 << 16
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,60}", re.ASCII)
_KEYS: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed")
_FULL: Final = ("QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "InsufficientCapacity", "StorageFull")
_NO_LOCK: Final = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidRequest")
_MARK: Final = "holdshelf-sha256"
_METHOD: Final = "COMPLIANCE"
_SLACK: Final = dt.timedelta(seconds=2)
"""Stores keep dates to the second or better."""


class Fault(Exception):
    """The store does not do what it must. ``sentence`` is ours. ``away``: nothing else that it is asked would go either."""

    def __init__(self, sentence: str, *, missing: bool = False, away: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.missing, self.away = sentence, missing, away


class Version(NamedTuple):
    """One version of an object, as a listing has it. ``marker``: a delete marker, which hides what lies under it."""

    key: str
    version: str
    bytes: int
    latest: bool
    marker: bool


class Facts(NamedTuple):
    """What a store says of one version."""

    bytes: int
    sha256: str
    """Of the sealed bytes, as it was noted when they were put."""
    legal_hold: bool
    dated: bool
    """Whether it has a date until which it may not be deleted."""


class _Signed(botocore.auth.S3SigV4Auth):  # type: ignore[misc]
    """Signs a body whose SHA-256 is known as that, instead of reading it through once more: a fifth of the work of a put."""

    def payload(self, request: Any) -> str:
        return getattr(request.body, "sha256", "") or str(super().payload(request))


_SIGNER: Final = "holdshelf-s3v4"
botocore.auth.AUTH_TYPE_MAPS[_SIGNER] = _Signed


class _Paced:
    """A file that is sent no faster than ``limit`` bytes a second, once ``sending`` is set. 0: as fast as it goes."""

    def __init__(self, file: IO[bytes], limit: int, sha256: str) -> None:
        self._file, self._limit, self.sha256 = file, limit, sha256
        self.sending = False
        self._begun_s, self._sent = 0.0, 0

    def begin(self) -> None:
        self.sending, self._begun_s, self._sent = True, time.monotonic(), 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, CHUNK_BYTES) if size and size > 0 else size)
        if self.sending and self._limit and data:
            self._sent += len(data)
            time.sleep(max(0.0, self._sent / self._limit - (time.monotonic() - self._begun_s)))
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class Bucket:
    """One bucket. Keys are whole: the caller puts the prefix before them."""

    def __init__(self, place: Place, ca_file: Path | None = None) -> None:
        """``ca_file``: has ``place.ca_pem``, if that is given."""
        self._bucket, self._url = place.bucket, place.url
        self._limit = place.limit_bytes_per_s
        # What the account that started the service has set up for itself is not meant.
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            os.environ[name] = os.devnull
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        self._client: Any = botocore.session.Session().create_client(
            "s3",
            region_name=place.region or "us-east-1",
            endpoint_url=place.url,
            aws_access_key_id=place.access_key,
            aws_secret_access_key=place.secret,
            verify=str(ca_file) if ca_file is not None else True,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path", "payload_signing_enabled": True},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1},
                connect_timeout=CONNECT_S,
                read_timeout=ANSWER_S,
                max_pool_connections=MOST_CONNECTIONS,
            ),
        )
        self._client.meta.events.register("before-send.s3.PutObject", self._sends)
        self._client.meta.events.register("choose-signer.s3.PutObject", lambda **_about: _SIGNER)
        self._sent = threading.local()
        self.answered_at_s = 0.0
        """When it last did what it was asked, by `time.monotonic`."""
        self.dates_what_is_put = False
        """Whether an object of a hold came back with a date since that was last set to False."""

    def look(self) -> None:
        """Raise Fault unless the bucket is there, keeps versions, has object lock, and sets no date by itself."""
        with self._asked():
            versions = self._client.get_bucket_versioning(Bucket=self._bucket).get("Status")
        lock = self._lock()
        if lock is None or versions != "Enabled":
            lacks = "object lock" if lock is None else "versioning"
            raise Fault(
                f"The bucket {self._bucket} has no {lacks}, so what is put there could be deleted: "
                "make a bucket with object lock, which must be said when it is made."
            )
        if words := self._dates(lock):
            raise Fault(words)

    def dates(self) -> str:
        """Return what to do about a bucket that sets a date on what is put there; '' it does not. Raises Fault.

        In compliance mode nobody could delete that before its date, and in governance mode this key could not: it would outlive
        its hold's lift."""
        lock = self._lock()
        return self._dates(lock) if lock is not None else ""

    def _dates(self, lock: dict[str, Any]) -> str:
        default = lock.get("Rule", {}).get("DefaultRetention", {})
        if not default:
            return ""
        days, years = int(default.get("Days") or 0), int(default.get("Years") or 0)
        period = f"{days} days" if days else f"{years} years"
        mode = {"COMPLIANCE": "compliance", "GOVERNANCE": "governance"}.get(str(default.get("Mode")), "another")
        return (
            f"The bucket {self._bucket} locks by itself for {period} what is put there (default retention in {mode} mode), so "
            "nothing could be erased when its hold is lifted: have the default retention taken off, and object lock left on."
        )

    def _lock(self) -> dict[str, Any] | None:
        """Return the bucket's lock configuration; None: it has no object lock."""
        lock: dict[str, Any] | None = None
        try:
            lock = self._client.get_object_lock_configuration(Bucket=self._bucket)
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code")) not in _NO_LOCK:
                raise self._fault(error) from None
        except BotoCoreError as error:
            raise self._fault(error) from None
        said: dict[str, Any] = (lock or {}).get("ObjectLockConfiguration", {})
        return said if said.get("ObjectLockEnabled") == "Enabled" else None

    def put_held(self, key: str, file: IO[bytes], sealed: Sealed) -> str:
        """Put a sealed file, set its legal hold, read both back; return its version."""
        version = self._put(key, file, sealed.sha256, sealed.md5)
        self.hold(key, version)
        found = self._facts_as_put(key, version, sealed)
        if not found.legal_hold:
            raise Fault("The store took an object and does not hold it: its legal hold is off.")
        self.dates_what_is_put |= found.dated
        return version

    def hold(self, key: str, version: str) -> None:
        """Set a version's legal hold."""
        with self._asked():
            self._client.put_object_legal_hold(
                Bucket=self._bucket, Key=key, VersionId=version, LegalHold={"Status": "ON"}
            )

    def put_plain(self, key: str, file: IO[bytes], sealed: Sealed) -> str:
        """Put a sealed file that nothing protects, read back what the store noted; return its version."""
        version = self._put(key, file, sealed.sha256, sealed.md5)
        self._facts_as_put(key, version, sealed)
        return version

    def _facts_as_put(self, key: str, version: str, sealed: Sealed) -> Facts:
        found = self.facts(key, version)
        if found.bytes != sealed.bytes or found.sha256 != sealed.sha256:
            raise Fault("The store took an object and does not give it back as it was put.")
        return found

    def put_until(self, key: str, data: bytes, until: dt.datetime) -> str:
        """Put a small object that nobody may delete or shorten until then; read that back; return its version."""
        version = self.latest(key, data)
        if version is None:
            digest = hashlib.sha256(data).hexdigest()
            version = self._put(key, data, digest, hashlib.md5(data, usedforsecurity=False).digest())
        with self._asked():
            self._client.put_object_retention(
                Bucket=self._bucket,
                Key=key,
                VersionId=version,
                Retention={"Mode": _METHOD, "RetainUntilDate": until},
            )
        kept = self.retained_until(key, version)
        if kept is None or kept < until - _SLACK:
            raise Fault("The store took a head of the log and does not keep it for the days that were asked.")
        return version

    def latest(self, key: str, data: bytes) -> str | None:
        """The newest version of a key if it has these bytes; None otherwise."""
        try:
            with self._asked():
                got = self._client.get_object(Bucket=self._bucket, Key=key)
                same = got["Body"].read(len(data) + 1) == data
                got["Body"].close()
        except Fault as fault:
            if fault.missing:
                return None
            raise
        return str(got["VersionId"]) if same else None

    def retained_until(self, key: str, version: str) -> dt.datetime | None:
        """Until when a version may not be deleted by anybody; None: it may. Raises Fault."""
        try:
            with self._asked():
                said = self._client.get_object_retention(Bucket=self._bucket, Key=key, VersionId=version)
        except Fault as fault:
            if fault.missing:
                return None
            raise
        kept = said.get("Retention", {})
        until = kept.get("RetainUntilDate")
        return until if kept.get("Mode") == _METHOD and isinstance(until, dt.datetime) else None

    def facts(self, key: str, version: str) -> Facts:
        """What the store says of a version. Raises Fault, ``missing`` where it has none."""
        with self._asked():
            said = self._client.head_object(Bucket=self._bucket, Key=key, VersionId=version)
        return Facts(
            int(said.get("ContentLength", -1)),
            str(said.get("Metadata", {}).get(_MARK, "")),
            said.get("ObjectLockLegalHoldStatus") == "ON",
            "ObjectLockMode" in said,
        )

    def read(self, key: str, version: str = "") -> Iterator[bytes]:
        """Yield an object's bytes. Raises Fault, ``missing`` where there is none."""
        which = {"VersionId": version} if version else {}
        with self._asked():
            body = self._client.get_object(Bucket=self._bucket, Key=key, **which)["Body"]
        try:
            while True:
                with self._asked():
                    data = body.read(1 << 20)
                if not data:
                    return
                yield data
        finally:
            body.close()

    def versions(self, prefix: str) -> Iterator[Version]:
        """Yield every version below a prefix, delete markers too."""
        page: dict[str, Any] = {}
        while True:
            with self._asked():
                said = self._client.list_object_versions(Bucket=self._bucket, Prefix=prefix, **page)
            for one in said.get("Versions", ()):
                yield Version(
                    one["Key"], str(one["VersionId"]), int(one.get("Size", 0)), bool(one.get("IsLatest")), False
                )
            for one in said.get("DeleteMarkers", ()):
                yield Version(one["Key"], str(one["VersionId"]), 0, bool(one.get("IsLatest")), True)
            if not said.get("IsTruncated"):
                return
            page = {"KeyMarker": said.get("NextKeyMarker", ""), "VersionIdMarker": said.get("NextVersionIdMarker", "")}

    def folders(self, prefix: str) -> set[str]:
        """The names directly below a prefix that have anything below them."""
        found: set[str] = set()
        page: dict[str, Any] = {}
        while True:
            with self._asked():
                said = self._client.list_object_versions(Bucket=self._bucket, Prefix=prefix, Delimiter="/", **page)
            found.update(one["Prefix"].removeprefix(prefix).rstrip("/") for one in said.get("CommonPrefixes", ()))
            if not said.get("IsTruncated"):
                return found
            page = {"KeyMarker": said.get("NextKeyMarker", ""), "VersionIdMarker": said.get("NextVersionIdMarker", "")}

    def delete(self, one: Version, *, held: bool = True) -> None:
        """Take the legal hold off a version, where it has one (``held``), and delete that version. One that is gone is gone."""
        with contextlib.suppress(_Missing):
            if held and not one.marker:
                with self._asked():
                    self._client.put_object_legal_hold(
                        Bucket=self._bucket, Key=one.key, VersionId=one.version, LegalHold={"Status": "OFF"}
                    )
            with self._asked():
                self._client.delete_object(Bucket=self._bucket, Key=one.key, VersionId=one.version)

    def _put(self, key: str, data: IO[bytes] | bytes, sha256: str, md5: bytes) -> str:
        body: Any = data
        if not isinstance(data, bytes):
            self._sent.body = body = _Paced(data, self._limit, sha256)
        try:
            with self._asked():
                said = self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentMD5=base64.b64encode(md5).decode(),
                    ContentType="application/octet-stream",
                    Metadata={_MARK: sha256},
                )
        finally:
            self._sent.body = None
        version = str(said.get("VersionId", ""))
        if version in ("", "null"):
            raise Fault("The store took an object and made no version of it: versioning of the bucket is off.")
        return version

    def _sends(self, **_about: object) -> None:
        body: _Paced | None = getattr(self._sent, "body", None)
        if body is not None:
            body.begin()

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
            self.answered_at_s = time.monotonic()
        except (ClientError, BotoCoreError, OSError) as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> Fault:
        host = urlsplit(self._url).hostname or "the store"
        if not isinstance(error, ClientError):
            if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
                return Fault(f"{host} does not answer in time.", away=True)
            if isinstance(error, StoreSSLError):
                return Fault(f"{host} shows a certificate that is not trusted here.", away=True)
            return Fault(f"{host} cannot be reached, or broke off.", away=True)
        said = str(error.response.get("Error", {}).get("Code", ""))
        code = said if _CODE.fullmatch(said) else "an answer of its own"
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _KEYS:
            return Fault(f"{host} refuses the access key ({code}).", away=True)
        if code == "RequestTimeTooSkewed":
            return Fault(_skew_words(host, error), away=True)
        if code == "NoSuchBucket":
            return Fault(f"{host} has no bucket {self._bucket}.", away=True)
        if code in _FULL or status == 507:
            return Fault(f"{host} is full, or the quota of this key is used up ({code}).")
        if status == 404 or code in ("NoSuchKey", "NoSuchVersion", "NoSuchObjectLockConfiguration"):
            return _Missing(f"{host} does not have it ({code}).")
        if status == 403:
            return Fault(f"{host} does not let this key do that, or is read-only ({code}).")
        return Fault(f"{host} failed ({code}, {status}).", away=status == 503)


def _skew_words(host: str, error: ClientError) -> str:
    """Say by how much the clocks differ, by the date of the answer; stores refuse more than 15 minutes."""
    said = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    ahead_s = 0.0
    with contextlib.suppress(ValueError, TypeError):
        ahead_s = (parsedate_to_datetime(said) - dt.datetime.now(dt.UTC)).total_seconds()
    if abs(ahead_s) < 60:
        return f"{host} has another time than this machine, so it refuses everything: one of the two clocks is wrong."
    which = "ahead of" if ahead_s > 0 else "behind"
    much = far_words(abs(int(ahead_s * NS)))
    return f"{host} has a clock {much} {which} this machine's, so it refuses everything: one of the two is wrong."


class _Missing(Fault):
    """The store does not have it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, missing=True)
