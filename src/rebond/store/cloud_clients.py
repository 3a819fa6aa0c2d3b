"""Making the library's clients for an address, with every wait bounded."""

import configparser
import os
from collections.abc import Callable, Mapping, MutableMapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from rebond.errors import MissingExtra, UsageError
from rebond.store.cloud_address import CloudAddress

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_AWS_ELSEWHERE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
_AWS_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_AWS_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


class Patience(Struct, frozen=True, kw_only=True):
    """How long to wait: for a connection, for the next bytes of an answer, for a whole request."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    request_seconds: float = 900.0


class CloudClients:
    """Two clients of one bucket.

    ``quick`` gives up when no byte comes for a while. That count also runs during an upload, so
    large puts go through ``patient``, which is bounded by the time of the whole request only. It is
    made, with the same settings, when the first of them comes: whoever only reads needs none.
    """

    def __init__(self, quick: "ObjectStore", make_patient: Callable[[], "ObjectStore"]) -> None:
        self.quick = quick
        self._make_patient = make_patient

    @cached_property
    def patient(self) -> "ObjectStore":
        """The one for large puts; two threads may each make one, and either will do. Raises ``UsageError``."""
        return self._make_patient()


def make_clients(address: CloudAddress, patience: Patience) -> CloudClients:
    """Return clients for ``address``; raises ``MissingExtra`` without the library, ``UsageError`` for bad settings."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError:
        raise MissingExtra(
            "Cloud stores need a library that is not installed.", hint="Run: pip install 'rebond[cloud]'"
        ) from None
    kinds: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    kind = kinds[address.scheme]
    patient_waits = {
        "connect_timeout": timedelta(seconds=patience.connect_seconds),
        "timeout": timedelta(seconds=patience.request_seconds),
    }
    quick_waits = patient_waits | {"read_timeout": timedelta(seconds=patience.read_seconds)}
    # Retries are RetryingStore's: only there can a put that met its own bytes be told from a refused one.
    retries = {"max_retries": 0, "retry_timeout": timedelta(seconds=patience.request_seconds)}
    if address.scheme == "s3":
        _require_clean_keys(os.environ)
    options = _options_of(address, os.environ)
    plain = {"allow_http": True} if _is_plain(address, os.environ) else {}

    def make(waits: dict[str, timedelta]) -> "ObjectStore":
        try:
            client: ObjectStore = kind(address.bucket, retry_config=retries, client_options=waits | plain, **options)
        except (BaseError, ValueError) as error:
            raise UsageError(
                "The settings for {location} cannot be used: {reason}",
                hint="Look at the address and at the variables that start with AWS_, GOOGLE_ or AZURE_.",
                location=address.text,
                reason=type(error).__name__,
            ) from None
        return client

    return CloudClients(make(quick_waits), lambda: make(patient_waits))


def _require_clean_keys(environment: MutableMapping[str, str]) -> None:
    """Drop empty keys, which the library would send; raise ``UsageError`` for one with a space or a line end.

    Services only say of such a one that it is wrong, and the library breaks over it.
    """
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        value = environment.get(variable)
        if value == "":
            del environment[variable]
        elif value is not None and value.split() != [value]:
            raise UsageError(
                "{variable} has a space or a line end in it.",
                hint="Set it to the key alone, or unset it.",
                variable=variable,
            )


def _options_of(address: CloudAddress, environment: Mapping[str, str]) -> dict[str, object]:
    options: dict[str, object] = {}
    endpoint = address.endpoint
    if address.is_virtual_hosted:
        endpoint = _put_bucket_before(_find_endpoint(address, environment), address.bucket)
    if endpoint:
        options["base_url" if address.scheme == "gs" else "endpoint"] = endpoint
    if address.scheme == "s3":
        options["disable_bulk_delete"] = True  # single deletes work with every provider and say what failed
        options["virtual_hosted_style_request"] = address.is_virtual_hosted
        # Amazon takes no put into a bucket with a lock without it, and has always known it; others may not.
        if address.sends_checksum or (address.sends_checksum is None and not _find_endpoint(address, environment)):
            options["checksum_algorithm"] = "SHA256"
        if address.region or not any(environment.get(name) for name in _AWS_REGIONS):
            options["region"] = address.region or "us-east-1"
        options |= read_aws_profile(environment)
    elif address.scheme == "az" and address.account:
        options["account_name"] = address.account
    return options


def _is_plain(address: CloudAddress, environment: Mapping[str, str]) -> bool:
    return _find_endpoint(address, environment).startswith("http://")


def _find_endpoint(address: CloudAddress, environment: Mapping[str, str]) -> str:
    named = [environment.get(name, "") for name in _AWS_ENDPOINTS]
    return next(filter(None, [address.endpoint, *named]), "")


def _put_bucket_before(endpoint: str, bucket: str) -> str:
    """Return a server's address with the bucket in its host's name: the library puts it into no address but Amazon's.

    It would ask for the first folder of the prefix, as if that were the bucket.
    """
    scheme, slashes, host = endpoint.partition("://")
    return endpoint if not host or host.startswith(f"{bucket}.") else f"{scheme}{slashes}{bucket}.{host}"


def read_aws_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the keys in the AWS credentials file, unless the environment names others; empty without either.

    The file is ``AWS_SHARED_CREDENTIALS_FILE`` or ``~/.aws/credentials``, the profile ``AWS_PROFILE``
    or ``default``. Raises ``UsageError`` when the file or the named profile cannot be read.
    """
    if any(environment.get(name) for name in _AWS_ELSEWHERE):
        return {}
    path = environment.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.expanduser("~/.aws/credentials")
    profile = environment.get("AWS_PROFILE", "")
    parser = configparser.RawConfigParser()
    try:
        found = parser.read(path, encoding="utf-8")
        section = dict(parser[profile or "default"]) if parser.has_section(profile or "default") else {}
    except (configparser.Error, UnicodeDecodeError, OSError):
        raise UsageError(
            "The credentials file {path} cannot be read.", hint="Correct it, or set AWS_ACCESS_KEY_ID.", path=path
        ) from None
    if profile and not section:
        raise UsageError(
            "There is no profile {profile} in {path}." if found else "There is no credentials file {path}.",
            hint="Correct AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            profile=profile,
            path=path,
        )
    names = {
        "aws_access_key_id": "access_key_id",
        "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token",
    }
    return {ours: section[theirs] for theirs, ours in names.items() if section.get(theirs)}
