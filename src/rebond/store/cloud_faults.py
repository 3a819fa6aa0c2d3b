"""From what the cloud library raises to what a store says. Whatever is not recognised is a ``StoreError``."""

import os
import re

from rebond.errors import AccessDenied, StoreError, StoreFull, StoreUnfit, StoreUnreachable

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>|\"code\":\s*\"(\w+)\"")
_KIND = re.compile(r"kind: (Connect|Timeout|Interrupted|Request|Body|Decode)\b")
_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
_SECRET_VARIABLE = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|SAS|CREDENTIAL)", re.IGNORECASE)
_LONGEST_REASON = 300

_CONFLICT_CODES = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_FULL_CODES = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_NO_BUCKET_CODES = frozenset({"NoSuchBucket", "ContainerNotFound"})
_CERTIFICATE_WORDS = ("certificate", "UnknownIssuer")
_MACHINE_CREDENTIALS = ("http://169.254.", "http://metadata.google")


class CloudFault:
    """One exception of the library, taken apart. ``reason`` is one line without credentials."""

    def __init__(self, error: BaseException) -> None:
        text = str(error)
        status = _STATUS.search(text)
        code = _CODE.search(text)
        kind = _KIND.search(text)
        self.type_name = type(error).__name__
        self.text = text
        self.status = int(status.group(1)) if status else 0
        self.code = next(filter(None, code.groups()), "") if code else ""
        self.kind = kind.group(1) if kind else ""
        self.reason = mask_credentials(text.partition("\n")[0])[:_LONGEST_REASON] or self.type_name

    @property
    def names_a_missing_object(self) -> bool:
        """Whether the object is missing, and not the bucket."""
        return self.type_name in {"FileNotFoundError", "NotFoundError"} and not self.names_a_missing_bucket

    @property
    def names_a_missing_bucket(self) -> bool:
        """Whether there is no such bucket."""
        return self.code in _NO_BUCKET_CODES

    @property
    def says_exists(self) -> bool:
        """Whether there is an object of that name already."""
        is_refused = self.type_name in {"AlreadyExistsError", "PreconditionError", "NotModifiedError"}
        # S3 answers 409 to a put that met another in mid-air: then nothing may exist yet, and a retry will tell.
        return is_refused and self.code not in _CONFLICT_CODES

    @property
    def says_out_of_range(self) -> bool:
        """Whether a read began beyond the end of the object."""
        return self.status == 416


def mask_credentials(text: str) -> str:
    """Return ``text`` without the queries of addresses and without any secret of the environment."""
    text = _QUERY.sub(r"\1?…", text)
    for name, value in os.environ.items():
        if len(value) >= 6 and _SECRET_VARIABLE.search(name):
            text = text.replace(value, "***")
    return text


def translate_cloud_fault(fault: CloudFault, name: str, location: str) -> StoreError:
    """Return the error of ours that says what happened to ``name`` in ``location``."""
    values = {"location": location, "name": name or location, "reason": fault.reason}
    # Without any credential the library asks the machine it runs on, which only answers inside a provider.
    if any(word in fault.reason for word in _MACHINE_CREDENTIALS) and fault.status < 500:
        return AccessDenied(
            "No credential was found for {location}.",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your provider uses instead.",
            **values,
        )
    if fault.code in _FULL_CODES or fault.status == 507 or "storage_cap_exceeded" in fault.text:
        return StoreFull(
            "No room left in {location}: {reason}", hint="Raise the quota or free some space, then try again.", **values
        )
    if fault.names_a_missing_bucket or fault.type_name == "FileNotFoundError" or fault.status == 404:
        return StoreError(
            "There is no bucket at {location}.", hint="Create the bucket first, or correct its name.", **values
        )
    if fault.status in {401, 403} or fault.type_name in {"PermissionDeniedError", "UnauthenticatedError"}:
        return _explain_denial(fault, values)
    if fault.status in {301, 307, 308} or fault.code == "AuthorizationHeaderMalformed":
        return StoreError("{location} lies in another region: {reason}", hint="Add ?region=… to the address.", **values)
    if fault.status == 501 or fault.type_name == "NotSupportedError":
        return StoreUnfit(
            "{location} cannot do what a vault needs: {reason}",
            hint="If it only lacks conditional puts, add ?conditional_create=no; slower, careful rules apply then.",
            **values,
        )
    if any(word in fault.text for word in _CERTIFICATE_WORDS) and fault.kind == "Connect":
        return StoreError(
            "The certificate of {location} is not trusted: {reason}",
            hint="Install the certificate of its authority on this machine.",
            **values,
        )
    if fault.status >= 500 or fault.status in {408, 409, 425, 429} or fault.kind:
        return StoreUnreachable(
            "{location} does not answer as it should: {reason}",
            hint="Look at the network and at the provider's status page, then run the same command again.",
            **values,
        )
    return StoreError(
        "{location} could not handle {name}: {reason}",
        hint="Look up this message in your provider's manual.",
        **values,
    )


def _explain_denial(fault: CloudFault, values: dict[str, str]) -> StoreError:
    if fault.code == "InvalidObjectState":
        return StoreError(
            "{name} lies in cold storage in {location} and cannot be read now.",
            hint="Ask the provider to restore it first, and choose a storage class that can be read at once.",
            **values,
        )
    if fault.code == "RequestTimeTooSkewed":
        return AccessDenied(
            "{location} refuses because this machine's clock is wrong.", hint="Set the clock of this machine.", **values
        )
    return AccessDenied(
        "{location} does not let this credential handle {name}: {reason}",
        hint="Look at the key in the environment and at the rights that the provider gives it.",
        **values,
    )
