"""Roles that a database needs, and those of them that a server lacks."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.statements import NAME, Item, find_owner, split_statements

_CREATE = re.compile(rb"\s*CREATE ROLE (" + NAME + rb")\s*;\s*\Z")
_ALTER = re.compile(rb"\s*ALTER ROLE (" + NAME + rb") (?:WITH|SET) .*;\s*\Z", re.DOTALL)
_GRANT = re.compile(rb"\s*GRANT (" + NAME + rb") TO (" + NAME + rb")(?=[\s;]).*;\s*\Z", re.DOTALL)
_COMMENT = re.compile(rb"\s*COMMENT ON ROLE (" + NAME + rb") IS .*;\s*\Z", re.DOTALL)
_OF_PARAMETER = re.compile(rb"\s*GRANT [A-Z, ]+ ON PARAMETER \S+ TO (" + NAME + rb")(?=[\s;]).*;\s*\Z", re.DOTALL)
_GRANTED_BY = re.compile(rb" GRANTED BY " + NAME)
_NAMED = re.compile(
    rb"\b(?:FOR ROLE|FOR USER|OWNER TO|TO|FROM|(?<!OPTION )FOR|SET SESSION AUTHORIZATION) "
    rb"(" + NAME + rb"(?:, ?" + NAME + rb")*)"
)
_SPLIT = re.compile(NAME)
_OF_RIGHTS = frozenset({b"ACL", b"DEFAULT ACL", b"POLICY", b"USER MAPPING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What is known of the roles of the server that was saved: by name, the statements that make each.

    ``rights`` are those of a role on settings of the server.
    """

    made_by: dict[str, list[bytes]]
    memberships: list[tuple[str, str, bytes]]
    rights: list[tuple[str, bytes]]

    def make(self, wanted: Collection[str], known: Collection[str] = ()) -> list[bytes]:
        """Return the statements that make these roles, and join them to one another and to groups that are there."""
        made = [statement for name in sorted(wanted) for statement in self.made_by.get(name, ())]
        groups = {*wanted, *known}
        joined = [text for group, member, text in self.memberships if group in groups and member in wanted]
        return [*made, *joined]

    def list_rights(self, wanted: Collection[str]) -> list[bytes]:
        """Return the statements that give these roles what they may do to settings: a server may not allow each."""
        return [statement for name, statement in self.rights if name in wanted]

    def list_joined(self, wanted: Collection[str], there: Collection[str]) -> list[tuple[str, str]]:
        """Return which of these roles join which that a server has already: the group, and who joins it.

        Groups of PostgreSQL itself, which mean the same on each server, are left out.
        """
        return sorted(
            (group, member)
            for group, member, _ in self.memberships
            if member in wanted and group in there and not group.startswith("pg_")
        )


def read_roles(script: bytes) -> Roles:
    """Read what ``pg_dumpall --globals-only`` wrote. What is no role is passed over."""
    roles = Roles(made_by={}, memberships=[], rights=[])
    for _, statement in split_statements(script):
        if found := _CREATE.match(statement) or _ALTER.match(statement) or _COMMENT.match(statement):
            roles.made_by.setdefault(read_name(found[1]), []).append(statement)
        elif found := _OF_PARAMETER.match(statement):
            roles.rights.append((read_name(found[1]), statement))
        elif found := _GRANT.match(statement):
            text = _GRANTED_BY.sub(b"", statement)  # who once gave it may not be there
            roles.memberships.append((read_name(found[1]), read_name(found[2]), text))
    return roles


def list_needed(items: Iterable[Item], others: Sequence[str], *, with_owners: bool) -> set[str]:
    """Return the roles that the statements of a dump name: owners, and who was given rights."""
    needed = {each for each in others if each}
    for item in items:
        for statement in item.statements:
            owner = find_owner(statement)
            if owner is not None and with_owners:
                needed.add(read_name(owner))
            elif owner is None and item.kind in _OF_RIGHTS:
                needed |= name_roles(statement)
    return needed - {"PUBLIC", "public"}


def name_roles(statement: bytes) -> set[str]:
    """Return the roles that a statement about rights names."""
    found = (_SPLIT.findall(each) for each in _NAMED.findall(statement))
    return {read_name(name) for names in found for name in names}


def read_name(written: bytes) -> str:
    """Return a name as it is, from how SQL writes it."""
    text = written.decode(errors="surrogateescape")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def drop_roles(names: Iterable[str]) -> list[str]:
    """Return the statements that take roles away again, which own nothing."""
    return [f"DROP ROLE IF EXISTS {quote_name(name)};" for name in names]
