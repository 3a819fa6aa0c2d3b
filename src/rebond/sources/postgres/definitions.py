"""The definitions of a saved database, in the order and the groups in which a server takes them."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rebond.findings import Finding, Severity
from rebond.sources.postgres.feeding import ScriptGuard
from rebond.sources.postgres.key_triggers import OF_DUMP
from rebond.sources.postgres.roles import name_roles, read_name
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.statements import QUALIFIED, Item, Script, find_owner
from rebond.sources.postgres.target import Server

_NEWER_SETTINGS = ((b"SET transaction_timeout", 17),)
_LARGE_OBJECT_OWNER = re.compile(rb"^ALTER LARGE OBJECT \d+ OWNER TO [^;]*;\n", re.MULTILINE)
_LARGE_OBJECT_RIGHTS = re.compile(rb"^(?:GRANT|REVOKE) [^;]* ON LARGE OBJECT \d+ (?:TO|FROM) [^;]*;\n", re.MULTILINE)
_RIGHTS = frozenset({b"ACL", b"DEFAULT ACL"})
_OF_STAGES = frozenset({b"CONSTRAINT", b"INDEX"})
_ROWS_OF_VIEW = b"MATERIALIZED VIEW DATA"
_MADE_VIEW = re.compile(rb"\s*CREATE MATERIALIZED VIEW (" + QUALIFIED + rb")")
_REFRESH = re.compile(rb"\s*REFRESH MATERIALIZED VIEW (" + QUALIFIED + rb");")
_GRANTOR = re.compile(rb"\s*(?:RE)?SET SESSION AUTHORIZATION\b")

Job = tuple[bytes, ...]  # statements that are run as one


@dataclass(kw_only=True)
class Definitions:
    """What is to be run before and after the rows. ``owners`` are the roles that things belong to.

    ``turned`` are tables whose triggers of constraints acted otherwise than usual, as SQL writes them.
    """

    before: Script
    after: Script
    major: int
    keeps_owner: bool
    known_roles: frozenset[str]
    known_tablespaces: frozenset[str]
    owners: set[str] = field(default_factory=set)
    turned: set[bytes] = field(default_factory=set)
    notes: list[Finding] = field(default_factory=list)

    @classmethod
    def read(cls, saved: SavedDatabase, server: Server, *, keeps_owner: bool) -> "Definitions":
        """Read both scripts. Raises ``VaultError``."""
        made = cls(
            before=saved.read_script("pre-data.sql"),
            after=saved.read_script("post-data.sql"),
            major=server.major,
            keeps_owner=keeps_owner,
            known_roles=frozenset(server.roles),
            known_tablespaces=frozenset(server.tablespaces),
        )
        owners = [find_owner(text) for item in made.items for text in item.statements] if keeps_owner else []
        made.owners = {read_name(each) for each in owners if each}
        lacking = {each.tablespace for each in made.items} - {b"''"}
        lacking = {each for each in lacking if read_name(each) not in made.known_tablespaces}
        if lacking:
            made.notes.append(_no_tablespace(saved.name, lacking))
        made.turned = {each.table.encode(errors="surrogateescape") for each in saved.manifest.turned} or {
            each[1] for item in made.after.items for text in item.statements if (each := OF_DUMP.match(text))
        }
        return made

    @property
    def items(self) -> list[Item]:
        """All objects."""
        return [*self.before.items, *self.after.items]

    def list_prelude(self, script: Script) -> Iterator[bytes]:
        """Yield what every session begins with; what an older server does not know is left out."""
        for each in script.prelude:
            if not any(each.startswith(start) and self.major < since for start, since in _NEWER_SETTINGS):
                yield each

    def list_statements(self, item: Item) -> Iterator[bytes]:
        """Yield the statements of an object, without owners and rights where those are not wanted."""
        place = item.tablespace if read_name(item.tablespace) in self.known_tablespaces else b"''"
        yield b"SET default_tablespace = " + place + b";"
        if item.access_method:
            yield b"SET default_table_access_method = " + item.access_method + b";"
        for each in item.statements:
            if not OF_DUMP.match(each) and (self.keeps_owner or not self._is_of_others(item, each)):
                yield each

    def list_before(self) -> Iterator[bytes]:
        """Yield what makes the tables."""
        yield from self.list_prelude(self.before)
        for item in self.before.items:
            yield from self.list_statements(item)

    def list_stages(self) -> Iterator[list[Job]]:
        """Yield groups of jobs that may run side by side, one group after the other: keys of tables, then indexes.

        The indexes of a materialized view that itself comes after the keys are not among them.
        """
        keys: dict[bytes, list[bytes]] = {}
        indexes: list[Job] = []
        for item in self.after.items:
            if not self._is_of_stages(item):
                continue
            if item.kind == b"CONSTRAINT":
                keys.setdefault(item.table, []).extend(self.list_statements(item))
            else:
                indexes.append((*self.list_prelude(self.after), *self.list_statements(item)))
        yield [(*self.list_prelude(self.after), *statements) for statements in keys.values()]
        yield indexes

    def list_after(self) -> Iterator[bytes]:
        """Yield all that comes last: what joins tables, what acts on changes, rights."""
        yield from self.list_prelude(self.after)
        for item in self.after.items:
            if not self._is_of_stages(item) and item.kind != _ROWS_OF_VIEW:
                yield from self.list_statements(item)

    def list_views(self) -> Iterator[tuple[str, Job]]:
        """Yield the materialized views that are to be filled when all else is there, in their order: names and jobs."""
        for item in self.after.items:
            if item.kind == _ROWS_OF_VIEW:
                found = _REFRESH.match(item.statements[0]) if item.statements else None
                name = (found[1] if found else item.name).decode(errors="surrogateescape")
                yield name, (*self.list_prelude(self.after), *self.list_statements(item))

    def list_large_objects(self, saved: SavedDatabase, guard: ScriptGuard) -> Iterator[bytes]:
        """Yield the script of the large objects in pieces of whole lines."""
        first, last = guard.make_key()
        yield first
        rest = bytearray()
        for piece in saved.files.pieces("large-objects.sql"):
            rest += piece
            end = rest.rfind(b"\n") + 1
            if end:
                yield self._strip_owners(bytes(rest[:end]))
                del rest[:end]
        yield self._strip_owners(bytes(rest))
        yield last

    def _is_of_stages(self, item: Item) -> bool:
        return item.kind in _OF_STAGES and bool(item.table) and item.table not in self._late_views

    @functools.cached_property
    def _late_views(self) -> frozenset[bytes]:
        """The materialized views that need a key, by their names as SQL writes them."""
        made = (_MADE_VIEW.match(text) for item in self.after.items for text in item.statements[:1])
        return frozenset(each[1] for each in made if each)

    def _strip_owners(self, lines: bytes) -> bytes:
        if self.major < _NEWER_SETTINGS[0][1]:
            lines = lines.replace(b"\nSET transaction_timeout = 0;\n", b"\n")
        if self.keeps_owner:
            return lines
        return _LARGE_OBJECT_RIGHTS.sub(b"", _LARGE_OBJECT_OWNER.sub(b"", lines))

    def _is_of_others(self, item: Item, statement: bytes) -> bool:
        if find_owner(statement) is not None or item.kind == b"DEFAULT ACL":
            return True
        if item.kind in _RIGHTS and _GRANTOR.match(statement):
            return True
        return item.kind in _RIGHTS and bool(
            {each for each in name_roles(statement) if each != "PUBLIC"} - self.known_roles
        )


def _no_tablespace(database: str, lacking: set[bytes]) -> Finding:
    return Finding(
        code="no-tablespace",
        severity=Severity.NOTE,
        subject=database,
        template="The tablespaces {tablespaces} are not there; what lay in them goes to the default one.",
        values={"tablespaces": ", ".join(sorted(each.decode(errors="replace") for each in lacking))},
    )
