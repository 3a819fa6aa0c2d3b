"""From what the cloud library raises to what a store says. Whatever is not recognised is a ``StoreError``."""

import html
import os
import re

from rebond.errors import AccessDenied, StoreError, StoreFull, StoreUnfit, StoreUnreachable

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>|\"code\":\s*\"(\w+)\"")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>|\"message\":\s*\"([^\"]*)\"")
_LIBRARY_WORDS = re.compile(r".*Error performing ([A-Z]+) \S+ in \S+ - Server returned non-2xx status code: ")
_WANTS_CHECKSUM = re.compile(r"Content-MD5|x-amz-checksum", re.IGNORECASE)  # a bucket with a lock
_WANTS_TLS = re.compile(r"HTTP request .{0,20}to (an )?HTTPS (server|port)")  # Go's servers and nginx
_DOCUMENT = re.compile(r":?\s*[<{]")
_KIND = re.compile(r"kind: (Connect|Timeout|Interrupted|Request|Body|Decode)\b")
_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
_SECRET_VARIABLE = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|SAS|CREDENTIAL)", re.IGNORECASE)
_LONGEST_REASON = 400

_CONFLICT_CODES = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_PASSING_CODES = frozenset(  # said with 400, and gone with the next try: the line was slow, or changed what it carried
    {"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "InternalError", "SlowDown"}
)
_EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"})
_FULL_CODES = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_NO_BUCKET_CODES = frozenset({"NoSuchBucket", "ContainerNotFound"})
_CERTIFICATE_WORDS = ("InvalidCertificate", "invalid peer certificate", "UnknownIssuer")
_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_NO_ANSWER_OF_A_STORE = (  # in the library's words: a proxy's page, an error behind a 200, an answer cut short
    "Got invalid list response",
    "missing from response",
    "Invalid last modified",
    "Content-Range header",
    "Requested ",
)
_WORDLESS = ("performing HEAD", "performing DELETE", "Bulk delete")
_SPEAKS_NO_TLS = ("InvalidContentType", "InvalidMessage")  # an answer came, and stays what it is
_UNKNOWN_HOST = "there is no host of that name"
_NOTHING_LISTENS = "connection refused"
_CUT = "connection reset"
_CAUSES = (  # in what the library shows of the ways down to the system
    ("ConnectionRefused", _NOTHING_LISTENS),
    ("ConnectionReset", _CUT),
    ("dns error", _UNKNOWN_HOST),
    ("tls handshake eof", "no TLS there; is it http://?"),
    ("UnexpectedMessage", "what answers there speaks no HTTP"),
    ("tunnel", "the proxy makes no way there"),
    ("TimedOut", "no answer in time"),
)
_ODD_NAME = "invalid path"
_DENIALS = frozenset({"PermissionDeniedError", "UnauthenticatedError"})
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
        self.reason = mask_credentials(_say_in_one_line(text, self.code))[:_LONGEST_REASON] or self.type_name
        self.cause = (
            next((cause for word, cause in _CAUSES if word in text), "") if self.kind and not self.status else ""
        )
        self.reason += f" ({self.cause})" if self.cause else ""

    @property
    def names_a_missing_object(self) -> bool:
        """Whether the object is missing, and not the bucket.

        A proxy says 404 too, of everything, while what is behind it starts anew; so it takes the service's own
        words, or a request whose answer has none: then it is for the caller to ask once more.
        """
        is_told = self.type_name in {"FileNotFoundError", "NotFoundError"} and not self.names_a_missing_bucket
        return is_told and (bool(self.code) or self.has_no_words)

    @property
    def has_no_words(self) -> bool:
        """Whether it answers a request whose answer may be a status alone."""
        return any(words in self.text for words in _WORDLESS)

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


def _say_in_one_line(text: str, code: str) -> str:
    """Return what happened, with the service's own words: they stand behind the line of an XML declaration.

    Of an answer the library's own words are left out, which name the object and its address over again.
    """
    line = _LIBRARY_WORDS.sub(r"\1: ", text.partition("\n")[0])
    if not code:
        return line
    said = _MESSAGE.search(text)
    words = " ".join(html.unescape(next(filter(None, said.groups()), "")).split()) if said else ""
    return ": ".join(filter(None, (_DOCUMENT.split(line)[0], code, words if words != code else "")))


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
    if any(word in fault.text.partition("\n")[0] for word in _MACHINE_CREDENTIALS) and fault.status < 500:
        return AccessDenied(
            "No credential was found for {location}.",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your provider uses instead.",
            **values,
        )
    if fault.code in _FULL_CODES or fault.status == 507 or "storage_cap_exceeded" in fault.text:
        return StoreFull(
            "No room left in {location}: {reason}", hint="Raise the quota or free some space, then try again.", **values
        )
    if fault.names_a_missing_bucket or (fault.status == 404 and fault.code):
        return StoreError(
            "There is no bucket at {location}.", hint="Create the bucket first, or correct its name.", **values
        )
    if fault.status in {401, 403} or fault.code in _EXPIRED_CODES or fault.type_name in _DENIALS:
        return _explain_denial(fault, values)
    told = _explain_settings(fault, values) or _explain_answer(fault, values)
    if told is not None:
        return told
    if fault.status == 501 or fault.type_name == "NotSupportedError":
        return StoreUnfit(
            "{location} cannot do what a vault needs: {reason}",
            hint="If it only lacks conditional puts, add ?conditional_create=no; slower, careful rules apply then.",
            **values,
        )
    if fault.status >= 500 or fault.status in {408, 409, 425, 429} or fault.code in _PASSING_CODES or fault.kind:
        return _explain_silence(fault, values)
    if fault.status == 400 and fault.has_no_words and not fault.code:
        return StoreError(
            "{location} refuses what it was asked of {name}, and does not say why: {reason}",
            hint="Mostly the region is missing or wrong: write it into the address, in quotes, since a shell ends it "
            "at '&': 's3://BUCKET/PREFIX?region=…'. Else look at the key in the environment.",
            **values,
        )
    return StoreError(
        "{location} could not handle {name}: {reason}",
        hint="Look up this message in your provider's manual.",
        **values,
    )


def _explain_silence(fault: CloudFault, values: dict[str, str]) -> StoreError:
    """Return the error for what may pass, with where to look when it does not."""
    if fault.cause == _UNKNOWN_HOST:
        return StoreUnreachable(
            "{location} does not answer as it should: {reason}",
            hint="Correct the host in ?endpoint=… (or AWS_ENDPOINT_URL). Else look at this machine's network.",
            **values,
        )
    if fault.cause == _NOTHING_LISTENS:
        return StoreUnreachable(
            "{location} does not answer as it should: {reason}",
            hint="Look whether the server runs, and at host and port in ?endpoint=… (or AWS_ENDPOINT_URL).",
            **values,
        )
    if fault.cause == _CUT and "http://" in fault.text:
        return StoreUnreachable(
            "{location} does not answer as it should: {reason}",
            hint="Where it wants TLS, write https:// into ?endpoint=…. Else look at the network, then run it again.",
            **values,
        )
    return StoreUnreachable(
        "{location} does not answer as it should: {reason}",
        hint="Look at the network and at the provider's status page, then run the same command again.",
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
    if fault.code in _EXPIRED_CODES:
        return AccessDenied(
            "The token for {location} has expired, or belongs to another key.",
            hint="Get a new one and give all three anew: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN."
            " For a key that does not expire unset AWS_SESSION_TOKEN.",
            **values,
        )
    if fault.code == "InvalidAccessKeyId":
        return AccessDenied(
            "{location} knows no such access key.",
            hint="Look at AWS_ACCESS_KEY_ID, and whether the key belongs to this provider and is still active.",
            **values,
        )
    if fault.code == "SignatureDoesNotMatch":
        return AccessDenied(
            "The secret key does not fit the access key, says {location}.",
            hint="Look at AWS_SECRET_ACCESS_KEY: all of it, nothing else. Else a proxy on the way changes requests.",
            **values,
        )
    return AccessDenied(
        "{location} does not let this credential handle {name}: {reason}",
        hint="Look at the key in the environment and at the rights that the provider gives it.",
        **values,
    )


def _explain_settings(fault: CloudFault, values: dict[str, str]) -> StoreError | None:
    """Return the error for what stays as it is until somebody changes a setting, here or there."""
    if fault.code == "AuthorizationHeaderMalformed" or "without LOCATION" in fault.text:
        return StoreError(
            "{location} lies in another region: {reason}",
            hint="Write the right one into the address: ?region=….",
            **values,
        )
    if _WANTS_TLS.search(fault.text):
        return StoreError(
            "{location} wants to be asked with TLS: {reason}",
            hint="Write https:// into ?endpoint=… in the address.",
            **values,
        )
    if fault.kind == "Connect" and any(word in fault.text for word in _SPEAKS_NO_TLS):
        return StoreError(
            "{location} is asked with TLS, and what answers there speaks none: {reason}",
            hint="Write http:// into ?endpoint=… (or AWS_ENDPOINT_URL), or the port that speaks TLS.",
            **values,
        )
    if fault.code == "InvalidBucketName":
        return StoreError(
            "{location} knows no bucket of such a name: {reason}",
            hint="Correct the name. With ?addressing=virtual look whether the server takes it from its host's name.",
            **values,
        )
    if fault.status in _REDIRECTED:
        return StoreError(
            "{location} sends requests elsewhere: {reason}",
            hint="Correct ?endpoint=… (https:// instead of http://?) or ?region=… in the address.",
            **values,
        )
    if fault.code == "InvalidRequest" and _WANTS_CHECKSUM.search(fault.text):
        return StoreError(
            "{location} takes nothing without its checksum: {reason}",
            hint="Write checksum=sha256 into the address, behind '?' or '&'.",
            **values,
        )
    if fault.code == "InvalidStorageClass":
        return StoreError(
            "{location} has no such storage class as the address names.",
            hint="Correct ?storage_class=… in the address, or leave it out.",
            **values,
        )
    if fault.status == 413 or fault.code == "EntityTooLarge":
        return StoreUnfit(
            "{location} takes no object as large as {name}: {reason}",
            hint="A vault needs 32 MiB and more. Raise the limit of the server or of the proxy before it.",
            **values,
        )
    if fault.status == 407:
        return StoreError(
            "The proxy on the way to {location} wants a password.",
            hint="Write it into HTTP_PROXY or HTTPS_PROXY, or name the host in NO_PROXY.",
            **values,
        )
    if any(word in fault.text for word in _CERTIFICATE_WORDS) and fault.kind == "Connect":
        return _explain_certificate(fault, values)
    return None


def _explain_certificate(fault: CloudFault, values: dict[str, str]) -> StoreError:
    if "Expired" in fault.text or "NotValidYet" in fault.text:
        return StoreError(
            "The certificate of {location} is out of date, by this machine's clock.",
            hint="Renew the certificate there; look whether the clock is right here.",
            **values,
        )
    if "NotValidForName" in fault.text:
        return StoreError(
            "The certificate of {location} is for another host.",
            hint="Write the host into ?endpoint=… as the certificate names it.",
            **values,
        )
    return StoreError(
        "The certificate of {location} is not trusted.",
        hint="Install the certificate of its authority on this machine, or name its file in SSL_CERT_FILE.",
        **values,
    )


def is_of_an_odd_name(error: StoreError) -> bool:
    """Say whether a listing failed over a name in it that the library cannot read."""
    return _ODD_NAME in str(error.values.get("reason"))


def _explain_answer(fault: CloudFault, values: dict[str, str]) -> StoreError | None:
    """Return the error for an answer that came, and is not what such a store answers."""
    if _ODD_NAME in fault.text:
        return StoreError(
            "Nothing can be listed in {location}, because of an object with a name that no vault has: {reason}",
            hint="Rebond makes no such thing. Find out who did, and move it out of the vault.",
            **values,
        )
    if "non-partial response" in fault.text:
        return StoreUnfit(
            "{location} gives whole objects where a part is asked for.",
            hint="Look what stands before the server, such as a proxy with a cache, or choose another server.",
            **values,
        )
    if fault.status == 404 or any(words in fault.text for words in _NO_ANSWER_OF_A_STORE):
        return StoreUnreachable(
            "{location} answers what is no answer of such a store: {reason}",
            hint="Look whether something else answers in its place, such as a proxy or a page that asks for a login,"
            " then run the same command again.",
            **values,
        )
    return None
