"""What a file is: by how it begins, and by what its name promises."""

import codecs
import enum
import os
import re

from rebond.sources.postgres.custom_reading import MAGIC as CUSTOM_DUMP
from rebond.vault.headers import MAGIC as VAULT_OBJECT

HEAD_BYTES = 4096
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
_TAR_MARK = slice(257, 262)
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\f\r\x1b"))
_SQL_WORDS = re.compile(rb"^\s*(?:--|/\*|SET |CREATE |DROP |INSERT |BEGIN|SELECT |\\connect|\\restrict)", re.IGNORECASE)


class Form(enum.StrEnum):
    """What is inside a file, once it is decrypted and unpacked."""

    ZIP = "zip"
    SEVEN_ZIP = "7z"
    TAR = "tar"
    SQL = "sql"
    DUMP = "dump"
    JSON = "json"
    VAULT_OBJECT = "object of a vault"
    SUMS = "sha256"
    SIGNATURE = "signature"
    BYTES = "bytes"


_PROMISES = {
    "zip": Form.ZIP,
    "7z": Form.SEVEN_ZIP,
    "tar": Form.TAR,
    "tgz": Form.TAR,
    "tbz2": Form.TAR,
    "txz": Form.TAR,
    "tzst": Form.TAR,
    "sql": Form.SQL,
    "dump": Form.DUMP,
    "pgdump": Form.DUMP,
    "json": Form.JSON,
    "sha256": Form.SUMS,
}
COMPRESSED = {"gz": "gz", "tgz": "gz", "bz2": "bz2", "tbz2": "bz2", "xz": "xz", "txz": "xz", "zst": "zst"} | {
    "tzst": "zst"
}
_BACKUP = "backup"  # of PostgreSQL, of SQLite, of anything: it promises no form
ENCRYPTED = {"gpg": "gpg", "pgp": "gpg", "asc": "gpg", "enc": "openssl"}


class Promise:
    """What the name of a file says that it is: ``shop.tar.gz.gpg`` is a tar file, compressed and then encrypted."""

    def __init__(self, path: str) -> None:
        endings = os.path.basename(path).lower().split(".")[1:]
        self.encryption = ENCRYPTED.get(endings[-1]) if endings else None
        if self.encryption:
            endings.pop()
        self.compression = COMPRESSED.get(endings[-1]) if endings else None
        if self.compression and endings[-1] not in _PROMISES:
            endings.pop()
        self.form = _PROMISES.get(endings[-1]) if endings else None
        self.is_of_a_backup = bool(endings) and endings[-1] == _BACKUP

    @property
    def says_something(self) -> bool:
        """Whether the name ends as one of a form that is known."""
        return bool(self.encryption or self.compression or self.form)


def recognise_form(head: bytes, promised: Form | None = None) -> Form | None:
    """Return what begins so; ``None`` for what is not known. Zeros are an empty tar file where that was promised."""
    if head.startswith(_ZIP):
        return Form.ZIP
    if head.startswith(_SEVEN_ZIP):
        return Form.SEVEN_ZIP
    if head.startswith(CUSTOM_DUMP):
        return Form.DUMP
    if head.startswith(VAULT_OBJECT):
        return Form.VAULT_OBJECT
    if head[_TAR_MARK] == b"ustar" or _is_old_tar(head):
        return Form.TAR
    if promised is Form.TAR and len(head) >= 512 and not any(head[:512]):
        return Form.TAR
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in {b"[", b"{"}:
        return Form.JSON
    if _SQL_WORDS.match(head):
        return Form.SQL
    return None


def is_text(head: bytes) -> bool:
    """Say whether a file that begins so is text: UTF-8, of which the last letter may be cut, without controls."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return head.translate(None, _CONTROLS) == head


def _is_old_tar(head: bytes) -> bool:
    """Whether this is the header of a tar file from before the mark: by its sum."""
    block = head[:512]
    if len(block) < 512:
        return False
    claimed = block[148:156].strip(b" \0")
    return bool(re.fullmatch(rb"[0-7]{1,7}", claimed)) and int(claimed, 8) == sum(block) - sum(block[148:156]) + 256
