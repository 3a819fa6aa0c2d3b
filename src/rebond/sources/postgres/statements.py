"""What pg_dump wrote as text, taken apart again: statements, and the objects that they belong to.

Only whole statements are told apart, as ``psql`` does it; what they mean is left to the server.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Whatever can hide the end of a statement is one token; anything else is passed over.
_TOKEN = re.compile(
    rb"""--[^\n]*\n?
    |/\*
    |[eE]'(?:[^'\\]|\\.|'')*'
    |'(?:[^']|'')*'
    |"(?:[^"]|"")*"
    |\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$
    |[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*
    |\d+
    |[;()]""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_ENDS = re.compile(rb"/\*|\*/")
_HEADER = re.compile(
    rb"^-- (?:Data for )?Name: (?P<name>.*); Type: (?P<kind>[A-Z ]+); Schema: (?P<schema>.*?); Owner: ?(?P<owner>.*?)"
    rb"(?:; Tablespace: (?P<tablespace>.*))?$",
    re.MULTILINE,
)
_ROUTINE = re.compile(rb"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.IGNORECASE)
NAME = rb'(?:"(?:[^"]|"")*"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)'
QUALIFIED = NAME + rb"\." + NAME
_OWNER = re.compile(rb"\s*ALTER [A-Z ]+ .* OWNER TO (" + NAME + rb");\s*\Z", re.DOTALL)
_TABLESPACE = re.compile(rb"SET default_tablespace = (.*);\Z", re.DOTALL)
_ACCESS_METHOD = re.compile(rb"SET default_table_access_method = (.*);\Z", re.DOTALL)
_OF_TABLE = re.compile(
    rb"\s*(?:ALTER TABLE (?:ONLY )?(?P<altered>" + QUALIFIED + rb")"
    rb"|CREATE (?:UNIQUE )?INDEX (?:" + NAME + rb" )?ON (?:ONLY )?(?P<indexed>" + QUALIFIED + rb")"
    rb"|CREATE (?:TABLE|UNLOGGED TABLE|FOREIGN TABLE) (?P<created>" + QUALIFIED + rb")"
    rb"|CREATE (?:OR REPLACE )?(?:CONSTRAINT )?(?:TRIGGER|RULE) "
    + NAME
    + rb"\b.*? (?:ON|TO) (?P<triggered>"
    + QUALIFIED
    + rb")"
    rb"|CREATE POLICY " + NAME + rb" ON (?P<ruled>" + QUALIFIED + rb")"
    rb"|(?:COMMENT|SECURITY LABEL(?: FOR " + NAME + rb")?) ON (?:TABLE|COLUMN) (?P<told>" + QUALIFIED + rb")"
    rb"|COMMENT ON (?:CONSTRAINT|TRIGGER|RULE|POLICY) " + NAME + rb" ON (?P<explained>" + QUALIFIED + rb")"
    rb"|CREATE STATISTICS " + QUALIFIED + rb" .*? FROM (?P<counted>" + QUALIFIED + rb")"
    rb"|ALTER PUBLICATION " + NAME + rb" ADD TABLE (?:ONLY )?(?P<published>" + QUALIFIED + rb")"
    rb"|(?:GRANT|REVOKE) .*? ON TABLE (?P<granted>" + QUALIFIED + rb"))",
    re.DOTALL,
)


@dataclass(slots=True, kw_only=True)
class Item:
    """One object of a dump: its header, and the statements below. ``owner`` is empty where it has none."""

    name: bytes
    kind: bytes
    schema: bytes
    owner: bytes
    tablespace: bytes = b"''"
    access_method: bytes = b""
    statements: list[bytes] = field(default_factory=list)

    @property
    def table(self) -> bytes:
        """The table that it belongs to, as SQL writes it; empty for none."""
        found = _OF_TABLE.match(self.statements[0]) if self.statements else None
        return next((each for each in found.groups() if each), b"") if found else b""


@dataclass(slots=True, kw_only=True)
class Script:
    """A dump: what every session begins with, and its objects in order."""

    prelude: list[bytes]
    items: list[Item]


def parse_script(content: bytes) -> Script:
    """Take a dump apart. Every statement is in the result once, but for those that only set a place."""
    script = Script(prelude=[], items=[])
    tablespace, access_method = b"''", b""
    for comment, statement in split_statements(content):
        headers = list(_HEADER.finditer(comment))
        if headers:
            found = headers[-1]
            owner = b"" if found["owner"] == b"-" else found["owner"]
            script.items.append(
                Item(
                    name=found["name"],
                    kind=found["kind"],
                    schema=b"" if found["schema"] == b"-" else found["schema"],
                    owner=owner,
                    tablespace=tablespace,
                    access_method=access_method,
                )
            )
        if place := _TABLESPACE.match(statement):
            tablespace = place[1]
        elif method := _ACCESS_METHOD.match(statement):
            access_method = method[1]
        elif script.items:
            script.items[-1].statements.append(statement)
        else:
            script.prelude.append(statement)
    return script


def find_owner(statement: bytes) -> bytes | None:
    """Return whom a statement makes an owner, as SQL writes it; ``None`` for every other statement."""
    found = _OWNER.match(statement)
    return found[1] if found else None


def split_statements(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each statement with the comments before it."""
    scanner = _Scanner(content)
    while (found := scanner.take()) is not None:
        yield found


class _Scanner:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self) -> tuple[bytes, bytes] | None:
        """Return the next comments and statement; ``None`` at the end."""
        content, begun = self._content, self._position
        start: int | None = None
        depth, blocks, is_routine = 0, 0, False
        position = begun
        while found := _TOKEN.search(content, position):
            token, position = found[0], found.end()
            if token.startswith(b"--"):
                continue
            if token == b"/*":
                position = self._skip_comment(position)
                continue
            if start is None:
                start = found.start()
                is_routine = _ROUTINE.match(content, start) is not None
            if token[:1] == b"$":
                end = content.find(token, position)
                position = len(content) if end < 0 else end + len(token)
            elif token in (b"(", b")"):
                depth += 1 if token == b"(" else -1
            elif token == b";" and depth <= 0 and not blocks:
                self._position = position
                return content[begun:start], content[start:position]
            elif is_routine and depth <= 0 and content[found.start() - 1 : found.start()] != b".":
                blocks = _count_blocks(blocks, token.lower())  # else the name of a parameter, or of a column
        self._position = len(content)
        return (content[begun:start], content[start:]) if start is not None else None

    def _skip_comment(self, position: int) -> int:
        depth = 1
        while depth and (found := _COMMENT_ENDS.search(self._content, position)):
            depth += 1 if found[0] == b"/*" else -1
            position = found.end()
        return position if not depth else len(self._content)


def _count_blocks(blocks: int, word: bytes) -> int:
    """Count the blocks of a routine whose body is SQL itself: ``BEGIN ATOMIC … END``, with ``CASE … END`` inside."""
    if word == b"begin" or (word == b"case" and blocks):
        return blocks + 1
    return blocks - 1 if word == b"end" and blocks else blocks
