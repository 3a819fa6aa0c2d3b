"""Names of PostgreSQL as SQL and as names of files."""

import hashlib
import string
from collections.abc import Sequence

_PLAIN = frozenset(string.ascii_letters + string.digits + "_-")
_LONGEST_BYTES = 200  # of a file's name; longer ones are cut and made different by a sum


def quote_name(name: str) -> str:
    """Return an identifier as SQL wants it, always on one line and without a tab."""
    if any(ord(each) < 32 or ord(each) == 127 for each in name):
        coded = "".join(_code(each) if ord(each) < 32 or each in '\\\x7f"' else each for each in name)
        return f'U&"{coded}"'
    return '"' + name.replace('"', '""') + '"'


def quote_whole(names: Sequence[str]) -> str:
    """Return a schema and a name as SQL wants them; nothing for none."""
    return ".".join(map(quote_name, names))


def quote_text(text: str) -> str:
    """Return text as a literal of SQL."""
    doubled = text.replace("'", "''")
    return " E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def name_file(*names: str) -> bytes:
    """Return a file's name for names that may hold anything: no two of them give the same."""
    whole = ".".join("".join(_keep(each) for each in name) for name in names).encode(errors="surrogateescape")
    if len(whole) <= _LONGEST_BYTES:
        return whole
    total = hashlib.sha256(whole).hexdigest()[:24]
    shortened = whole[: _LONGEST_BYTES - 30].decode(errors="ignore").rstrip("%")
    return f"{shortened}~{total}".encode()


def _code(letter: str) -> str:
    return f"\\{ord(letter):04X}"


def _keep(letter: str) -> str:
    if letter in _PLAIN or (ord(letter) > 160 and letter.isprintable()):
        return letter
    return "".join(f"%{each:02X}" for each in letter.encode(errors="surrogateescape"))
