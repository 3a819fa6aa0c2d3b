"""A saved database as one script of SQL, as ``pg_dump`` writes it: stock ``psql`` loads it."""

import re
import secrets
from collections.abc import Iterable, Iterator

from rebond.sources.postgres.key_triggers import list_turns, without_names_of_triggers
from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.raw_text import choose_encoding
from rebond.sources.postgres.saved import Piece, SavedDatabase, SavedTable

_HEAD = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version {version}\n-- Exported by Rebond\n\n"
# A psql that knows how runs no command of its own out of what stands between BEGIN and END: names and definitions that
# a hostile server once wrote cannot make it start programs. An older one would end at a command that it does not know,
# also where that is skipped, so what it is handed instead is a command that does nothing. The key stands in no
# variable: whoever wrote the names could use that.
_GUARD = """\
SELECT :VERSION_NUM >= 180000 OR :VERSION_NUM BETWEEN 170006 AND 179999 OR :VERSION_NUM BETWEEN 160010 AND 169999
 OR :VERSION_NUM BETWEEN 150014 AND 159999 OR :VERSION_NUM BETWEEN 140019 AND 149999
 OR :VERSION_NUM BETWEEN 130022 AND 139999 AS rebond_is_guarded \\gset
\\if :rebond_is_guarded
\\set rebond_begin '\\\\restrict'
\\set rebond_end '\\\\unrestrict'
\\else
\\set rebond_begin '\\\\set rebond_key'
\\set rebond_end '\\\\set rebond_key'
\\endif
:rebond_begin KEY

"""
_GUARD_END = """\
:rebond_end KEY
\\unset rebond_is_guarded
\\unset rebond_begin
\\unset rebond_end
\\unset rebond_key

"""
_UNSAFE = re.compile(r"[^\w .,()+~:-]")  # in a comment: whatever could end it
_END = b"--\n-- PostgreSQL database dump complete\n--\n"
_HELD_BYTES = 256


def write_plain(saved: SavedDatabase) -> Iterator[Piece]:
    """Yield the script. Raises ``VaultError``. Only its very end is the end mark of a dump."""
    manifest = saved.manifest
    is_other = manifest.encoding != "UTF8"
    key = f"rebond{secrets.token_hex(16)}"
    yield _HEAD.format(version=_UNSAFE.sub(" ", manifest.server_version)).encode()
    yield _GUARD.replace("KEY", key).encode()
    yield from _without_end(saved.files.pieces("pre-data.sql"))
    if is_other:  # what Rebond itself wrote is UTF-8; the rows say what they are
        yield f"SET client_encoding = '{choose_encoding(manifest.encoding)}';\n".encode()
    for table in saved.tables:
        yield write_head(table)
        yield _write_in(table, manifest.encoding, is_other=is_other)
        yield from saved.files.pieces(table.file)
        yield b"\\.\n\n\n"
    if saved.files.has("sequences.sql"):
        yield from saved.files.pieces("sequences.sql")
        yield b"\n\n"
    if saved.files.has("large-objects.sql"):
        yield from _without_end(saved.files.pieces("large-objects.sql"))
    yield from without_names_of_triggers(_without_end(saved.files.pieces("post-data.sql")))
    if manifest.turned:
        yield f"SET client_encoding = '{choose_encoding(manifest.encoding)}';\n".encode()
        yield from (each + b"\n\n" for each in list_turns(manifest.turned))
    yield _GUARD_END.replace("KEY", key).encode()
    yield _END + b"\n"


def write_head(table: SavedTable) -> bytes:
    """Return the comment before the rows of a table, on one line whatever its name holds."""
    name, schema = (" ".join(each.splitlines()) for each in (table.name, table.schema))
    return f"--\n-- Data for Name: {name}; Type: TABLE DATA; Schema: {schema}; Owner: -\n--\n\n".encode(
        errors="surrogateescape"
    )


def _write_in(table: SavedTable, encoding: str, *, is_other: bool) -> bytes:
    words = table.write_in(encoding)
    if not is_other:
        words = words.replace(f" WITH (ENCODING {quote_text(encoding)});", ";")
    return f"{words}\n".encode(errors="surrogateescape")


def _without_end(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Yield a script without the mark at its end: a file that is cut after it must not look whole."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > _HELD_BYTES:
            yield bytes(held[:-_HELD_BYTES])
            del held[:-_HELD_BYTES]
    place = held.rfind(_END)
    yield bytes(held[:place] if place >= 0 else held)
