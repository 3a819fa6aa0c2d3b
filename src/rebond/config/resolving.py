"""Looking up what the configuration only refers to, when it is needed and not before."""

import importlib
import json
import os
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from rebond.config.references import (
    FromCommand,
    FromEnvironment,
    FromFile,
    FromHashicorp,
    FromKeyring,
    Reference,
    Text,
)
from rebond.errors import ConfigError, MissingExtra, SourceUnreachable
from rebond.logs.masking import remember_secret
from rebond.secret import Secret
from rebond.subprocesses import run_for_secret

FILE_LIMIT_BYTES = 1_000_000
ANSWER_LIMIT_BYTES = 4_000_000
HTTP_SECONDS = 20.0
USUAL_HASHICORP = "https://127.0.0.1:8200"


class Resolver:
    """Looks references up. ``variables`` are the environment's and the stack's; relative paths start at ``root``.

    Nothing is remembered: what is asked for twice is looked up twice, so that a changed secret is the new one.
    """

    def __init__(self, *, root: Path, variables: Mapping[str, str]) -> None:
        self._root = root
        self._variables = variables

    def resolve(self, text: Text) -> Secret:
        """Return what ``text`` is or refers to, and mask it in all that is written. Of a file it is the first line.

        Raises ``ConfigError`` when it is not there, ``CommandFailed`` for a command, ``MissingExtra`` without
        the library for keyrings, ``SourceUnreachable`` when HashiCorp Vault does not answer.
        """
        return remember_secret(self._find(text))

    def resolve_whole(self, text: Text) -> Secret:
        """Return the same, but of a file all of it: for keys."""
        if isinstance(text, FromFile):
            return remember_secret(Secret(_require(self._read_file(text), text)))
        return self.resolve(text)

    def resolve_words(self, text: Text) -> str:
        """Return the same as text, for what is no secret: names, addresses."""
        return self._find(text).reveal().decode("utf-8", "surrogateescape")

    def _find(self, text: Text) -> Secret:
        if isinstance(text, str):
            return Secret(text)
        if isinstance(text, FromFile):
            line = self._read_file(text).split(b"\n", 1)[0].removesuffix(b"\r")
            return Secret(_require(line, text))
        return self._look_up(text)

    def _look_up(self, reference: Reference) -> Secret:
        match reference:
            case FromEnvironment():
                return self._find_variable(reference)
            case FromCommand():
                return run_for_secret(
                    reference.command, environment=self._variables, timeout_seconds=float(reference.timeout)
                )
            case FromKeyring():
                return _ask_keyring(reference)
            case FromHashicorp():
                return self._ask_hashicorp(reference)
            case FromFile():
                return self._find(reference)

    def _find_variable(self, reference: FromEnvironment) -> Secret:
        found = self._variables.get(reference.env) or reference.default
        if not found:
            raise ConfigError(
                "The variable {name} is not set.",
                hint="Set it in the environment, or in a file that 'env' of [stack] names.",
                name=reference.env,
            )
        return Secret(found.encode("utf-8", "surrogateescape"))

    def _read_file(self, reference: FromFile) -> bytes:
        path = self._root / os.path.expanduser(reference.file)
        try:
            with path.open("rb") as file:
                return file.read(FILE_LIMIT_BYTES)
        except (OSError, ValueError) as error:  # a name may hold what no file's can
            raise ConfigError(
                "The file {path}, which the configuration refers to, cannot be read: {reason}.",
                hint="Check its name and its permissions.",
                path=str(path),
                reason=getattr(error, "strerror", None) or str(error),
            ) from None

    def _ask_hashicorp(self, reference: FromHashicorp) -> Secret:
        place, _, field = reference.hashicorp.partition("#")
        mount, _, path = place.strip("/").partition("/")
        if not (mount and path and field):
            raise ConfigError(
                "'{text}' names no secret of HashiCorp Vault.",
                hint="Write MOUNT/PATH#FIELD, such as secret/shop/database#password.",
                text=reference.hashicorp,
            )
        address = self._words_or_variable(reference.address, "VAULT_ADDR") or USUAL_HASHICORP
        headers = {"X-Vault-Token": self._find_token(reference), "X-Vault-Request": "true"}
        if namespace := self._words_or_variable(reference.namespace, "VAULT_NAMESPACE"):
            headers["X-Vault-Namespace"] = namespace
        place = urllib.parse.quote(path)
        denials = 0
        for version in (f"{mount}/data/{place}", f"{mount}/{place}"):  # KV 2, then KV 1
            try:
                answer = _get_json(f"{address.rstrip('/')}/v1/{version}", headers)
            except PermissionError:
                denials += 1
                continue
            found = _pick_field(answer, field)
            if found is not None:
                return Secret(found)
        if denials == 2:
            raise ConfigError(
                "HashiCorp Vault at {address} does not let this token read {text}.",
                hint="It may have expired, or may not read there: ask 'vault token lookup', then 'vault kv get'.",
                address=address,
                text=reference.hashicorp,
            )
        raise ConfigError(
            "HashiCorp Vault at {address} has no {text}.",
            hint="Check mount, path and field, and what the token may read.",
            address=address,
            text=reference.hashicorp,
        )

    def _words_or_variable(self, text: Text | None, name: str) -> str:
        return self.resolve_words(text) if text is not None else self._variables.get(name, "")

    def _find_token(self, reference: FromHashicorp) -> str:
        token = self._words_or_variable(reference.token, "VAULT_TOKEN")
        if not token:
            token = self.resolve_words(FromFile(file=os.path.join(self._variables.get("HOME", ""), ".vault-token")))
        token = token.strip()  # a variable that was filled from a file often ends its line
        remember_secret(Secret(token.encode("utf-8", "surrogateescape")))
        return token


def _require(content: bytes, reference: FromFile) -> bytes:
    if not content:
        raise ConfigError(
            "The file {path}, which the configuration refers to, is empty.",
            hint="Write the secret on its first line.",
            path=reference.file,
        )
    return content


def _ask_keyring(reference: FromKeyring) -> Secret:
    service, slash, user = reference.keyring.rpartition("/")
    if not slash:
        raise ConfigError("'{text}' names nothing in a keyring.", hint="Write SERVICE/USER.", text=reference.keyring)
    try:
        library = importlib.import_module("keyring")
    except ImportError:
        raise MissingExtra(
            "The configuration refers to a keyring, and the library for keyrings is not installed.",
            hint="Run: pip install keyring",
        ) from None
    try:
        found = library.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - each system's keyring has errors of its own
        raise ConfigError(
            "The keyring cannot be asked: {reason}.",
            hint="Unlock it, or keep the secret in a file.",
            reason=str(error) or type(error).__name__,
        ) from None
    if not found:
        raise ConfigError(
            "The keyring has nothing for {text}.",
            hint="Store it with: keyring set {service} {user}",
            text=reference.keyring,
            service=service,
            user=user,
        )
    return Secret(str(found))


def _get_json(address: str, headers: Mapping[str, str]) -> object:
    """Ask over HTTP; ``None`` where there is nothing. Redirections could carry the token away.

    Raises ``PermissionError`` where it may not be read, ``SourceUnreachable`` where nothing sensible answers.
    """
    if not address.startswith(("http://", "https://")):
        raise ConfigError(
            "'{address}' is no address of HashiCorp Vault.",
            hint="Write https://HOST:8200, in 'address' or VAULT_ADDR.",
            address=address.partition("/v1/")[0],
        )
    import http.client  # noqa: PLC0415 - a tenth of what starting costs, and few configurations ask over HTTP
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    class NoRedirection(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(NoRedirection())
    request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - the scheme was checked
    try:
        with opener.open(request, timeout=HTTP_SECONDS) as answer:
            return json.loads(answer.read(ANSWER_LIMIT_BYTES))
    except urllib.error.HTTPError as error:
        error.close()  # an answer, with a connection of its own
        if error.code == 403:
            raise PermissionError from None
        if error.code in {400, 404, 405}:
            return None
        reason = f"HTTP {error.code}"
    except (OSError, ValueError, http.client.HTTPException, RecursionError) as error:  # also of what is no HTTP at all
        reason = str(getattr(error, "reason", error)).strip() or type(error).__name__
    place, _, what = address.partition("/v1/")
    raise SourceUnreachable(
        "HashiCorp Vault at {address} does not answer, asked for {what}: {reason}.",
        hint="Check its address, and that it is unsealed.",
        address=place,
        what=urllib.parse.unquote(what),
        reason=reason,
    )


def _pick_field(answer: object, field: str) -> str | None:
    """Return a field of a KV answer of version 2 or 1."""
    data = answer.get("data") if isinstance(answer, dict) else None
    inner = data.get("data") if isinstance(data, dict) else None
    for each in (inner, data):
        if isinstance(each, dict) and isinstance(each.get(field), str):
            return str(each[field])
    return None
