"""Secrets that were looked up are masked in whatever is written for people: logs, messages, the ledger.

What is known is known to the whole process, on purpose: whoever writes a line need not know which secrets somebody
else looked up.
"""

import base64
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator, Mapping

from rebond.secret import Secret

MASK = "***"
_LINE_BYTES = 8  # a shorter line of a longer secret says too little to be searched for
_WORD_LENGTH = 4  # what is shorter is masked only where it stands alone: it would be found everywhere
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|_PWD$|SECRET|TOKEN|API_?KEY|(ACCESS|PRIVATE)_KEY", re.IGNORECASE)
_NO_SECRET = re.compile(r"_(FILE|PATH|COMMAND|DIR|URL)$", re.IGNORECASE)


class Masks:
    """Values that must not be written, in each form in which they may turn up."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def remember(self, secret: Secret) -> Secret:
        """Mask this value from now on, and return it."""
        forms = set(_forms_of(secret.reveal()))
        with self._lock:
            if not forms <= self._forms:
                self._forms |= forms
                self._pattern = _compile(self._forms)
        return secret

    def mask(self, text: str) -> str:
        """Return the text with every known value replaced."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)


_masks = Masks()


def remember_secret(secret: Secret) -> Secret:
    """Mask a secret in everything that this process writes from now on, and return it."""
    return _masks.remember(secret)


def remember_variables(variables: Mapping[str, str]) -> None:
    """Mask the variables of an environment whose names say that they hold a secret, and passwords in addresses."""
    for name, value in variables.items():
        if _SECRET_NAME.search(name) and not _NO_SECRET.search(name) and len(value) >= _WORD_LENGTH:
            remember_secret(Secret(value.encode("utf-8", "surrogateescape")))
        elif "://" in value and (password := _find_password(value.encode("utf-8", "surrogateescape"))):
            remember_secret(Secret(password))


def looks_secret(name: str) -> bool:
    """Say whether the name of a variable says that it holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET.search(name)


def mask(text: str) -> str:
    """Return the text without any secret that this process has looked up."""
    return _masks.mask(text)


def _forms_of(value: bytes) -> Iterator[str]:
    """Yield the value, its lines, the password of an address in it, and each of them as other places write it."""
    pieces = [value.strip()]
    if b"\n" in pieces[0]:
        pieces += [line.strip() for line in pieces[0].splitlines() if len(line.strip()) >= _LINE_BYTES]
    if password := _find_password(value):
        pieces.append(password)
    for piece in pieces:
        if not piece:
            continue
        for errors in ("surrogateescape", "backslashreplace", "replace"):
            text = piece.decode("utf-8", errors)
            yield text
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]
            yield repr(text)[1:-1]
        yield urllib.parse.quote(piece, safe="")
        yield urllib.parse.quote_plus(piece)
        if len(piece) >= _WORD_LENGTH:
            yield base64.b64encode(piece).decode().rstrip("=")
            yield base64.urlsafe_b64encode(piece).decode().rstrip("=")


def _find_password(value: bytes) -> bytes:
    """Return the password in an address such as ``postgresql://user:password@host/name``."""
    if b"://" not in value:
        return b""
    try:
        password = urllib.parse.urlsplit(value.decode("utf-8", "surrogateescape").strip()).password or ""
    except ValueError:
        return b""
    return urllib.parse.unquote_to_bytes(password.encode("utf-8", "surrogateescape"))


def _compile(forms: set[str]) -> re.Pattern[str]:
    """Longest first, so that no part of a longer value is left standing."""
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(_escape(form) for form in ordered))


def _escape(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _WORD_LENGTH else rf"(?<!\w){escaped}(?!\w)"
