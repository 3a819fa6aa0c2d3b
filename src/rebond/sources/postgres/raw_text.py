"""Text of a server that may be no UTF-8: a database of the encoding SQL_ASCII holds any bytes, also in its names.

Such bytes stand in ``str`` as ``surrogateescape`` has them, and go back as they came.
"""

import json
from typing import TypeVar

import msgspec

RAW = "SQL_ASCII"  # the encoding of which the server itself knows nothing
Made = TypeVar("Made")

# A server does not hand such bytes to somebody who says that he reads UTF-8, nor take them from him.
CHOOSE_ENCODING = f"""\
SELECT pg_catalog.set_config('client_encoding',
 CASE pg_catalog.getdatabaseencoding() WHEN '{RAW}' THEN '{RAW}' ELSE 'UTF8' END, false)"""


def choose_encoding(encoding: str) -> str:
    """Return the encoding in which texts of a database are asked for: UTF-8, or its bytes as they are."""
    return RAW if encoding == RAW else "UTF8"


def read_json(content: bytes, kind: type[Made]) -> Made:
    """Return what a JSON text says. Raises ``msgspec.DecodeError`` and ``msgspec.ValidationError``."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            found = json.loads(content.decode(errors="surrogateescape"))
        except ValueError as error:
            raise msgspec.DecodeError(str(error)) from error
        return msgspec.convert(found, kind)


def write_json(document: object) -> bytes:
    """Return a document as JSON; what is no UTF-8 is written as an escape, which ``read_json`` reads."""
    try:
        return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(document), indent=1).encode() + b"\n"
