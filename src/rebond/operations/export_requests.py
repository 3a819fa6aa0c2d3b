"""What an export is asked for: a component, and the form of the file."""

import enum

from msgspec import Struct

USUAL_LEVEL = 6


class Format(enum.StrEnum):
    """In what form."""

    SQL_GZ = "sql.gz"
    DUMP = "dump"
    ZIP = "zip"
    TAR_GZ = "tar.gz"
    TAR_ZST = "tar.zst"


OF_DATABASES = (Format.SQL_GZ, Format.DUMP)


class ExportRequest(Struct, frozen=True, kw_only=True):
    """What is wanted. ``database`` is one of several; ``level`` is 1, the fastest, to 9, the smallest."""

    component: str
    format: Format
    level: int = USUAL_LEVEL
    threads: int = 2
    database: str = ""
