"""Secrets of HashiCorp Vault or OpenBao: everything below some paths of a KV engine, by its HTTP interface."""

import fnmatch
import http.client
import json
import re
import secrets
import shlex
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rebond.errors import SourceUnfit, SourceUnreachable
from rebond.findings import Finding, Severity
from rebond.secret import Secret
from rebond.sources.documents.tree import Document
from rebond.sources.secrets.files import Report

_SECONDS = 20.0
_MOST_BYTES = 4_000_000
_MOST_SECRETS = 100_000
_ABSENT = (404, 405)
_MARK = secrets.token_hex(16)  # no secret begins with it
_MARKED = re.compile(f'"{_MARK}([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValueStore:
    """Where the engine is, and what opens it. ``patterns`` are paths with ``*``, which also stands for slashes."""

    address: str
    mount: str
    token: Secret
    patterns: tuple[str, ...] = ()
    namespace: str = ""
    authority: str = ""  # a file with the certificates to trust, as VAULT_CACERT


class KeyValueReader:
    """Reads one engine. Nothing of an answer is ever in a message."""

    def __init__(self, store: KeyValueStore, *, now_ns: int, report: Report) -> None:
        """Raises ``SourceUnfit`` for an address without http or https."""
        if not store.address.startswith(("http://", "https://")):
            raise SourceUnfit(
                "'{address}' is no address of HashiCorp Vault.",
                hint="Write https://HOST:8200, in 'address' or VAULT_ADDR.",
                address=store.address,
            )
        self._store = store
        self._now_ns = now_ns
        self._report = report
        try:
            trust = ssl.create_default_context(cafile=store.authority or None)
        except OSError as error:
            raise SourceUnfit(
                "The certificates in {path}, which VAULT_CACERT names, cannot be read: {reason}.",
                hint="Check its name and its permissions.",
                path=store.authority,
                reason=error.strerror or str(error),
            ) from None
        self._opener = urllib.request.build_opener(_NoRedirection(), urllib.request.HTTPSHandler(context=trust))
        self._is_second = False

    def read(self) -> dict[bytes, Document]:
        """Return the secrets, each as the JSON that ``vault kv put PATH @FILE`` takes, under ``data/``.

        What somebody noted beside them (``custom_metadata``) lies under ``metadata/``. A secret that may not be read
        is reported. Raises ``SourceUnreachable`` and ``SourceUnfit``, also when nothing fits.
        """
        self._is_second = self._find_version() == 2
        found: dict[bytes, Document] = {}
        patterns = self._store.patterns or ("*",)
        named = {each.strip("/") for each in patterns if "*" not in each}
        for path in sorted({path for each in patterns for path in self._list_fitting(each.strip("/"))}):
            self._read_one(path, found, is_named=path in named)
        if not found:
            raise SourceUnfit(
                "HashiCorp Vault at {address} has no secret in {mount} that fits {paths}.",
                hint="Check mount and paths, and what the token may list and read.",
                address=self._store.address,
                mount=self._store.mount,
                paths=", ".join(patterns),
            )
        return found

    def _find_version(self) -> int:
        answer = self._ask(f"sys/internal/ui/mounts/{self._store.mount}")
        if answer is None:  # some tokens may not ask that; only the second version has such a list
            return 2 if self._ask(f"{self._store.mount}/metadata/?list=true") else 1
        data = answer.get("data")
        options = data.get("options") if isinstance(data, dict) else None
        return 2 if isinstance(options, dict) and options.get("version") == "2" else 1

    def _list_fitting(self, pattern: str) -> Iterator[str]:
        if "*" not in pattern:
            yield pattern
            return
        folder = pattern[: pattern.index("*")].rpartition("/")[0]
        for count, path in enumerate(self._walk(folder + "/" if folder else "")):
            if count >= _MOST_SECRETS:
                raise SourceUnfit(
                    "HashiCorp Vault has more than {count} secrets below {path}.",
                    hint="Name fewer paths.",
                    count=_MOST_SECRETS,
                    path=folder,
                )
            if fnmatch.fnmatchcase(path, pattern):
                yield path

    def _walk(self, folder: str) -> Iterator[str]:
        kind = "metadata/" if self._is_second else ""
        answer = self._ask(f"{self._store.mount}/{kind}{urllib.parse.quote(folder)}?list=true")
        data = answer.get("data") if answer else None
        keys = data.get("keys") if isinstance(data, dict) else None
        for key in keys if isinstance(keys, list) else ():
            if str(key).endswith("/"):
                yield from self._walk(folder + str(key))
            else:
                yield folder + str(key)

    def _read_one(self, path: str, found: dict[bytes, Document], *, is_named: bool) -> None:
        kind = "data/" if self._is_second else ""
        answer = self._ask(f"{self._store.mount}/{kind}{urllib.parse.quote(path)}")
        data = answer.get("data") if answer else None
        notes: object = None
        if self._is_second and isinstance(data, dict):
            about = data.get("metadata")
            notes = about.get("custom_metadata") if isinstance(about, dict) else None
            data = data.get("data")
        if not isinstance(data, dict):
            self._report(self._not_there(path) if is_named else self._without_content(path))
            return
        found[b"data/" + _name_file(path)] = Document(content=_write(data), modified_ns=self._now_ns)
        if notes:
            found[b"metadata/" + _name_file(path)] = Document(content=_write(notes), modified_ns=self._now_ns)

    def _ask(self, what: str) -> dict[str, Any] | None:
        """Ask for a document; ``None`` where there is none. Redirections could carry the token away."""
        headers = {"X-Vault-Token": self._store.token.reveal().decode().strip(), "X-Vault-Request": "true"}
        if self._store.namespace:
            headers["X-Vault-Namespace"] = self._store.namespace
        address = f"{self._store.address.rstrip('/')}/v1/{what}"
        asked = urllib.parse.unquote(what.partition("?")[0])
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 - the scheme was checked
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                document = json.loads(answer.read(_MOST_BYTES), parse_float=_mark_number)
                return document if isinstance(document, dict) else None
        except urllib.error.HTTPError as error:
            error.close()  # an answer, with a connection of its own
            if error.code in _ABSENT or (error.code in {400, 403} and what.startswith("sys/")):
                return None
            if error.code == 403:
                raise SourceUnfit(
                    "The token may not read {what} of HashiCorp Vault at {address}.",
                    hint="Give its policy 'read' and 'list' there, or renew the token.",
                    what=asked,
                    address=self._store.address,
                ) from None
            if error.code == 500:  # of this one alone, as a rule
                raise SourceUnreachable(
                    "HashiCorp Vault at {address} does not answer, asked for {what}: {reason}.",
                    hint="Its log says why. To ask for that alone: {command}",
                    command=shlex.join(["vault", "read", asked]),
                    address=self._store.address,
                    what=asked,
                    reason="HTTP 500",
                ) from None
            reason = f"HTTP {error.code}"
        except (ValueError, http.client.HTTPException):
            reason = "its answer was cut"  # the error might quote it
        except OSError as error:
            reason = str(getattr(error, "reason", error))
        raise SourceUnreachable(
            "HashiCorp Vault at {address} does not answer, asked for {what}: {reason}.",
            hint="Check its address, and that it is unsealed.",
            address=self._store.address,
            what=asked,
            reason=reason,
        )

    def _not_there(self, path: str) -> Finding:
        return Finding(
            code="unreadable",
            severity=Severity.WARNING,
            subject=path,
            template="HashiCorp Vault has no content at {path} of {mount}, and it is not in this snapshot.",
            hint_template="If it was deleted there, take it out of 'paths'.",
            values={"path": path, "mount": self._store.mount},
        )

    def _without_content(self, path: str) -> Finding:
        """Lists name a secret of the second version for as long as somebody does not delete its notes too."""
        return Finding(
            code="empty",
            severity=Severity.NOTE,
            subject=path,
            template="{path} of {mount} is listed by HashiCorp Vault and has no content: it is not in this snapshot.",
            hint_template="Mostly its newest version was deleted there. Earlier snapshots keep what they have of it.",
            values={"path": path, "mount": self._store.mount},
        )


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def _name_file(path: str) -> bytes:
    """Return a file's path for a secret's, from which no other secret has the same, and none leads elsewhere."""
    parts = [urllib.parse.quote(each, safe=" @+=,:~") for each in path.split("/")]
    safe = [each if each.strip(".") else each.replace(".", "%2E") for each in parts]
    folders = [each.removesuffix(".json") + "%2Ejson" if each.endswith(".json") else each for each in safe[:-1]]
    return "/".join([*folders, safe[-1] + ".json"]).encode()


def _mark_number(digits: str) -> str:
    """Keep a number as it is written: what a float has no room for would come back as another one."""
    return _MARK + digits


def _write(data: Mapping[str, Any] | object) -> bytes:
    text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False)
    return _MARKED.sub(r"\1", text).encode() + b"\n"
