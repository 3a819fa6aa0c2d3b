"""What an export is asked for: a component, and the form of the file."""

import enum
from typing import ClassVar

from rebond.secret import Reserved, Secret
from rebond.vault.snapshots import SnapshotRecord

USUAL_LEVEL = 6


class Format(enum.StrEnum):
    """In what form."""

    SQL_GZ = "sql.gz"
    DUMP = "dump"
    ZIP = "zip"
    TAR_GZ = "tar.gz"
    TAR_ZST = "tar.zst"
    SEVEN_ZIP = "7z"


class Encryption(enum.StrEnum):
    """By what program it is decrypted."""

    GPG = "gpg"
    SEVEN_ZIP = "7z"
    OPENSSL = "openssl"


OF_DATABASES = (Format.SQL_GZ, Format.DUMP)


_ENDINGS = {Encryption.GPG: ".gpg", Encryption.OPENSSL: ".enc"}


class ExportRequest(Reserved, frozen=True, kw_only=True):
    """What is wanted. ``database`` is one of several; ``level`` is 1, the fastest, to 9, the smallest.

    With ``since`` only what changed after that snapshot is wanted; with ``has_checksum`` the SHA-256 of each file too.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("component", "format", "database")

    component: str
    format: Format
    level: int = USUAL_LEVEL
    threads: int = 2
    database: str = ""
    encryption: Encryption | None = None
    password: Secret | None = None
    since: SnapshotRecord | None = None
    has_checksum: bool = False

    @property
    def ending(self) -> str:
        """What the name of a file ends with, after a dot."""
        return self.format + (_ENDINGS.get(self.encryption, "") if self.encryption else "")
