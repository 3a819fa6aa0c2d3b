"""What the address of a cloud store says: ``s3://bucket/prefix?endpoint=…&region=…&storage_class=…``."""

import difflib
import urllib.parse

from msgspec import Struct

from rebond.errors import UsageError
from rebond.store.names import is_valid_name

_CREDENTIAL_WORDS = ("key", "secret", "password", "passwd", "token", "credential", "sig", "sas")
_STORAGE_CLASS = "storage_class"
_OPTIONS = {
    "s3": ("endpoint", "region", _STORAGE_CLASS, "addressing", "conditional_create", "checksum"),
    "gs": ("storage_class", "endpoint"),
    "az": ("account", "storage_class", "endpoint"),
}
_SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azure": "az"}
CLOUD_SCHEMES = tuple(_SCHEMES)


class CloudAddress(Struct, frozen=True, kw_only=True):
    """Where a vault lies in a cloud store. It never holds a credential.

    ``storage_class`` is for packs only. ``is_virtual_hosted`` puts the bucket into the host name.
    ``creates_conditionally`` is false for a server that is known to ignore ``If-None-Match``. ``sends_checksum`` says
    whether a put names the sum of what it sends, which a bucket with a lock wants; ``None`` leaves it to the service.
    """

    scheme: str
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    storage_class: str = ""
    account: str = ""
    is_virtual_hosted: bool = False
    creates_conditionally: bool = True
    sends_checksum: bool | None = None

    @property
    def text(self) -> str:
        """The address, safe to print."""
        path = f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")
        return f"{path}?endpoint={self.endpoint}" if self.endpoint else path


def parse_cloud_address(url: str) -> CloudAddress:
    """Read an address; raises ``UsageError`` for what it cannot mean and for a credential inside it."""
    parts = _split(url)
    scheme = _SCHEMES[parts.scheme.lower()]
    options = _read_options(scheme, parts.query)
    prefix = urllib.parse.unquote(parts.path).strip("/")
    if not parts.netloc or (prefix and not is_valid_name(prefix)):
        raise UsageError(
            "This address names no usable bucket and prefix: {address}",
            hint="Write {scheme}://BUCKET/PREFIX with letters, digits, '.', '_' and '-'.",
            address=f"{scheme}://{parts.netloc}/{prefix}",
            scheme=scheme,
        )
    return CloudAddress(
        scheme=scheme,
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=_check_endpoint(options.get("endpoint", "")),
        region=options.get("region", ""),
        storage_class=options.get("storage_class", ""),
        account=options.get("account", ""),
        is_virtual_hosted=_choose(options, "addressing", {"path": False, "virtual": True}, otherwise=False),
        creates_conditionally=_choose(options, "conditional_create", {"yes": True, "no": False}, otherwise=True),
        sends_checksum=_choose(options, "checksum", {"sha256": True, "no": False}, otherwise=True)
        if "checksum" in options
        else None,
    )


def with_storage_class(address: str, storage_class: str) -> str:
    """Return the address with a storage class for packs. What it names itself stays, and what is no cloud store too."""
    place, _, query = address.partition("?")
    options = _list_options(query)
    if not storage_class or not is_cloud_address(address) or any(map(_is_storage_class, options)):
        return address
    return f"{place}?{'&'.join([*options, urllib.parse.urlencode({_STORAGE_CLASS: storage_class})])}"


def with_options_of(address: str, known: str) -> str:
    """Return the address of a cloud store with what ``known``, another address of the same place, says besides."""
    place, _, query = address.partition("?")
    own = _list_options(query)
    named = {each.partition("=")[0] for each in own}
    more = [each for each in _list_options(known.partition("?")[2]) if each.partition("=")[0] not in named]
    return f"{place}?{'&'.join([*own, *more])}" if own or more else place


def is_same_cloud_place(one: str, other: str) -> bool:
    """Say whether two addresses lead to one folder of one bucket, however they are written and whatever else they say.

    An account that only one of them names contradicts nothing. Addresses that mean nothing are compared as text.
    """
    try:
        first, second = parse_cloud_address(one), parse_cloud_address(other)
    except (UsageError, KeyError):
        return one == other
    return first.text == second.text and ("" in {first.account, second.account} or first.account == second.account)


def is_cloud_address(address: str) -> bool:
    """Say whether an address is that of a cloud store, whatever else it says."""
    scheme, colon, _ = address.partition("://")
    return bool(colon) and scheme.lower() in _SCHEMES


def _list_options(query: str) -> list[str]:
    return [each for each in query.split("&") if each]


def _is_storage_class(option: str) -> bool:
    return option.partition("=")[0] == _STORAGE_CLASS


def credential_inside(address: str) -> UsageError:
    """Return the error for an address with a password in it; ``address`` must not show it."""
    return UsageError(
        "There is a password or key inside the address {address}, where logs and process lists would show it.",
        hint="Take it out, and give it in the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3,"
        " GOOGLE_APPLICATION_CREDENTIALS for Google, AZURE_STORAGE_ACCOUNT_KEY for Azure.",
        address=address,
    )


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        raise UsageError(
            "This is not an address that can be read.", hint="Write it as s3://BUCKET/PREFIX or as a path."
        ) from None
    if "@" in parts.netloc:
        masked = f"{parts.scheme}://***@{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise credential_inside(masked)
    if parts.fragment:
        raise UsageError("An address has no part after '#'.", hint="Write '#' as %23, or leave it out.")
    return parts


def _read_options(scheme: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        if name in _OPTIONS[scheme]:
            options[name] = value
            continue
        if any(word in name.lower() for word in _CREDENTIAL_WORDS):
            masked = f"{scheme}://…?{name}=***"
            raise credential_inside(masked)
        near = difflib.get_close_matches(name, _OPTIONS[scheme], 1, 0.5)
        raise UsageError(
            "An address that starts with {scheme}:// has no option {option}.",
            hint="Did you mean {near}?" if near else "It may have: {known}.",
            scheme=scheme,
            option=name,
            near="".join(near),
            known=", ".join(_OPTIONS[scheme]),
        )
    return options


def _check_endpoint(endpoint: str) -> str:
    if not endpoint:
        return ""
    if "@" in endpoint:
        masked = f"***@{endpoint.rpartition('@')[2]}"
        raise credential_inside(masked)
    parts = _split(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
        raise UsageError(
            "{endpoint} is not the address of a server.",
            hint="Write it as https://HOST or http://HOST:PORT.",
            endpoint=endpoint.partition("?")[0],
        )
    return endpoint.rstrip("/")


def _choose(options: dict[str, str], name: str, meanings: dict[str, bool], *, otherwise: bool) -> bool:
    value = options.get(name)
    if value is None:
        return otherwise
    if value not in meanings:
        raise UsageError(
            "The option {option} cannot be {value}.",
            hint="It is one of: {known}.",
            option=name,
            value=value,
            known=", ".join(meanings),
        )
    return meanings[value]
